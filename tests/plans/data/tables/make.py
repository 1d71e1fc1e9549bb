"""Writes the Parquet files of this folder, as pandas and Spark write such tables."""

import datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

late = [datetime.datetime(2587 + year, 1, 1) for year in range(8)]
late += [datetime.datetime(9999, 12, 31)] * 2
times = [datetime.datetime(2000 + year, 1, 1) for year in range(10)] + late
table = pa.table({"time": pa.array(times, pa.timestamp("us")), "y": ["no"] * 10 + ["yes"] * 10})
pq.write_table(table, "int96.parquet", use_deprecated_int96_timestamps=True, store_schema=False)

smoker = pd.Categorical([True, False, None, True] * 5)
frame = pd.DataFrame({"smoker": smoker, "x": range(20), "y": ["yes", "no"] * 10})
frame.to_parquet("boolean_category.parquet")

frame = pd.DataFrame({"id": [f"u{row}" for row in range(20)], "x": range(20), "y": ["yes", "no"] * 10})
frame.set_index("id").to_parquet("named_index.parquet")
frame = frame[["x", "y"]]
frame.index = pd.Index(list(frame.index))
frame.to_parquet("index.parquet")
