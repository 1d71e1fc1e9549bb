# /// script
# requires-python = ">=3.11"
# dependencies = ["pyarrow==26.0.1", "scikit-learn==1.9.1"]
# ///
"""Makes digits.parquet beside this file: scikit-learn's digits, 1,797 images
of 8 x 8 pixels with values from 0 to 16, and the digit that each shows.

    uv run make_digits.py

or, in a virtual environment with the packages named above,

    python make_digits.py

The same versions write the same bytes.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_digits

digits = load_digits()
columns = {
    # pixel_0_0, pixel_0_1, ..., pixel_7_7: row, then column.
    name: pa.array(values.astype("int32"), pa.int32())
    for name, values in zip(digits.feature_names, digits.data.T)
}
columns["digit"] = pa.array(digits.target.astype("int32"), pa.int32())
table = pa.table(columns)
assert table.shape == (1797, 65)

path = Path(__file__).parent / "digits.parquet"
pq.write_table(table, path, compression="snappy")
print(f"{path.name}: {table.num_rows} rows, {path.stat().st_size} bytes")
