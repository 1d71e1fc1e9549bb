# /// script
# requires-python = ">=3.11"
# dependencies = ["pyarrow==26.0.1", "pandas", "polars"]
# ///
"""Writes one small table as other programs write theirs, beside this file: in
every format, with every codec, and as pandas and polars do when nothing is
said.

    uv run make.py

or, in a virtual environment with the packages named above,

    python make.py
"""

import datetime
import gzip
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather as feather
import pyarrow.parquet as pq

here = Path(__file__).parent
rows = range(300)
table = pa.table(
    {
        "whole": pa.array([None if row % 7 == 3 else row * row - 40 for row in rows], pa.int64()),
        "real": pa.array([None if row % 11 == 5 else row / 8 for row in rows], pa.float64()),
        "text": pa.array([None if row % 13 == 6 else f"t{row % 17}, ü" for row in rows]),
        "truth": pa.array([None if row % 5 == 1 else row % 3 == 0 for row in rows]),
        "day": [datetime.date(2024, 1, 1) + datetime.timedelta(days=row % 90) for row in rows],
        "class": [["low", "mid", "high"][row * row % 3 + row % 2] for row in rows],
    }
)

for codec in ["snappy", "zstd", "lz4", "gzip", "brotli"]:
    pq.write_table(table, here / f"{codec}.parquet", compression=codec, row_group_size=128)
pq.write_table(table, here / "plain.parquet", compression="none", row_group_size=128)
feather.write_feather(table, here / "zstd.feather", compression="zstd")
feather.write_feather(table, here / "plain.feather", compression="uncompressed")
with pa.ipc.new_stream(
    here / "lz4.arrows", table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")
) as stream:
    stream.write_table(table, max_chunksize=100)

frame = table.to_pandas(types_mapper=lambda kind: None)
frame["whole"] = frame["whole"].astype("Int64")
frame.to_parquet(here / "pandas.parquet")
frame.to_feather(here / "pandas.feather")
polars = pl.from_arrow(table)
polars.write_parquet(here / "polars.parquet")
polars.write_ipc(here / "polars.arrow", compression="zstd")

text = polars.write_csv()
(here / "table.csv").write_text(text)
with open(here / "table.csv.gz", "wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
    file.write(text.encode())
tabs = polars.write_csv(separator="\t").encode()
# In two members, as `cat a.gz b.gz` and parallel compressors make them.
(here / "table.tsv.gz").write_bytes(
    gzip.compress(tabs[:1000], mtime=0) + gzip.compress(tabs[1000:], mtime=0)
)
with pa.output_stream(here / "table.csv.zst", compression="zstd") as file:
    file.write(text.encode())
