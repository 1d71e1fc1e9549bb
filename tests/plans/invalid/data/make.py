# /// script
# requires-python = ">=3.11"
# dependencies = ["pyarrow==26.0.1"]
# ///
"""Makes the bad data files beside this file, each bad in one way.

    uv run make.py

or, in a virtual environment with the package named above,

    python make.py
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

here = Path(__file__).parent
header = "month,carrier,delay,cancelled\n"
good = [
    f"{month},{carrier},{delay},{cancelled}"
    for month, carrier, delay, cancelled in [
        (1, "AA", 2.5, 0),
        (1, "B6", -1.0, 0),
        (2, "UA", 0.0, 1),
        (3, "AA", 11.5, 0),
        (4, "DL", 4.0, 1),
        (4, "UA", -3.5, 0),
        (5, "B6", 8.0, 1),
        (6, "AA", 0.5, 0),
    ]
]


def write(name, text):
    path = here / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def lines(rows, first=header):
    return first + "".join(row + "\n" for row in rows)


def without(row, field):
    return ",".join(value for at, value in enumerate(row.split(",")) if at != field)


def target(row, value):
    return row.rsplit(",", 1)[0] + "," + value


write("ragged.csv", lines(good[:3] + [without(good[3], 1)] + good[4:]))
write("too_many_fields.csv", lines(good[:5] + [good[5] + ",,,"] + good[6:]))
# The record that is too short is on line 5: one before it takes two lines.
quoted = [good[0], '1,"B6,\nBlue",-1.0,0', without(good[2], 0)]
write("ragged_after_quotes.csv", lines(quoted))
write("open_quote.csv", lines(good[:2] + [good[2].replace("UA", '"UA')] + good[3:]))
write("one_class.csv", lines([target(row, "0") for row in good]))
write("few_rows.csv", lines(good[:4]))
write("nan_in_target.csv", lines(good[:2] + [target(good[2], "NaN"), *good[3:6], target(good[6], "")]))
write("infinite_target.csv", lines([target(row, f"{at}.5") for at, row in enumerate(good)] + [target(good[0], "inf")]))
write("empty.csv", "")
write("blank.csv", "\n\n\n")
write("header_only.csv", header)
write("duplicate_names.csv", lines(good, header.replace("delay", "month")))
write("latin1.csv", lines(good[:4] + [good[4].replace("DL", "Mün")]).encode("latin-1"))
write("latin1_header.csv", lines(good, header.replace("month", "mês")).encode("latin-1"))
write("utf16.csv", lines(good).encode("utf-16"))
write("good.csv", lines(good))
write("good.txt", lines(good))
write("semicolons.csv", lines(good).replace(",", ";"))
write("single_in_class.csv", lines([target(row, str(at == 2)) for at, row in enumerate(good)]))
write("one_fold.csv", lines([row + ",a" for row in good], header.strip() + ",fold\n"))

write("other_names/a.csv", lines(good))
write("other_names/b.csv", lines(good, header.replace("carrier", "airline")))
write("other_formats/a.csv", lines(good))
write("no_data/README.txt", "Nothing to read here.\n")

table = pa.table(
    {
        "month": pa.array([1, 1, 2, 3, 4, 4, 5, 6], pa.int32()),
        "carrier": pa.array(["AA", "B6", "UA", "AA", "DL", "UA", "B6", "AA"]),
        "cancelled": pa.array([0, 0, 1, 0, 1, 0, 1, 0], pa.int32()),
    }
)
text = table.set_column(0, "month", table["month"].cast(pa.string()))
lists = table.append_column("stops", pa.array([[1], [], [2, 3], [], [1], [4], [], [5]]))
huge = table.append_column("ticket", pa.array([2**63 + 1] * 8, pa.uint64()))
(here / "other_types").mkdir(exist_ok=True)
pq.write_table(table, here / "other_types/a.parquet")
pq.write_table(text, here / "other_types/b.parquet")
pq.write_table(table, here / "other_formats/b.parquet")
pq.write_table(table, here / "good.parquet")
pq.write_table(lists, here / "list.parquet")
pq.write_table(huge, here / "huge.parquet")
pq.write_table(table.slice(0, 0), here / "no_rows.parquet")
whole = (here / "good.parquet").read_bytes()
write("truncated.parquet", whole[: len(whole) * 2 // 3])
# The footer is whole, the pages before it are not.
write("damaged.parquet", whole[:4] + bytes(200) + whole[204:])
write("not.parquet", lines(good))
feather.write_feather(table, here / "good.arrow", compression="uncompressed")
whole = (here / "good.arrow").read_bytes()
write("truncated.arrow", whole[: len(whole) // 2])
for name in ["good.parquet", "good.arrow"]:
    (here / name).unlink()
