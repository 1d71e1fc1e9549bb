# /// script
# requires-python = ">=3.11"
# dependencies = ["scikit-learn==1.9.1"]
# ///
"""Makes breast_cancer.csv beside this file: scikit-learn's copy of the
Wisconsin diagnostic data, 569 tumours with 30 measurements each, and whether
the tumour was malignant or benign.

    uv run make_breast_cancer.py

or, in a virtual environment with the package named above,

    python make_breast_cancer.py

The same versions write the same bytes.
"""

import csv
from pathlib import Path

from sklearn.datasets import load_breast_cancer

data = load_breast_cancer()
path = Path(__file__).parent / "breast_cancer.csv"
with path.open("w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([name.replace(" ", "_") for name in data.feature_names] + ["diagnosis"])
    for row, target in zip(data.data, data.target):
        writer.writerow([f"{value:.10g}" for value in row] + [data.target_names[target]])
print(f"{path.name}: {len(data.data)} rows, {path.stat().st_size} bytes")
