"""Fits the constants of `effort` in the descriptions of trainers: the seconds of a
fit, its predictions and scores on one core in the sandbox, as a power of the rows
and of the columns of the table.

    python bench/effort.py PATH/TO/fanout [TRAINER ...]

Each point is one candidate with the defaults on one split of two thirds to one
third, of a table made by `make_classification` or `make_regression`. Its time is
the processor's of the whole process less that of `dummy` on the same table, so that
other load on the machine counts little. Points below 0.05 s are left out. Prints
the constants, rounded, and the greatest factor between them and a point.
"""

import json
import math
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification, make_regression

# By trainer: the tables, as rows by columns, and its hyper-parameters.
LARGE = [(20_000, 5), (20_000, 20), (20_000, 80), (80_000, 5), (80_000, 20), (200_000, 20)]
MIDDLE = [(5_000, 5), (5_000, 80), (20_000, 5), (20_000, 20), (40_000, 5), (40_000, 20), (80_000, 10)]
SMALL = [(4_000, 20), (4_000, 80), (16_000, 5), (16_000, 20), (32_000, 10), (64_000, 10)]
CLASSES = {
    "random_forest": LARGE,
    "extra_trees": LARGE,
    "decision_tree": LARGE,
    "logistic_regression": LARGE,
    "ridge_classifier": LARGE,
    "linear_svc": LARGE,
    "gaussian_nb": LARGE,
    "k_neighbors": MIDDLE,
    "svc": SMALL,
}
NUMBERS = {
    "random_forest": LARGE,
    "extra_trees": LARGE,
    "decision_tree": LARGE,
    "linear_regression": LARGE,
    "ridge": LARGE,
    "lasso": LARGE,
    "elastic_net": LARGE,
    "pls_regression": LARGE,
    "k_neighbors": MIDDLE,
    "svr": SMALL,
}


def table(folder, rows, columns, numbers):
    path = folder / f"{'numbers' if numbers else 'classes'}-{rows}-{columns}.parquet"
    if not path.exists():
        if numbers:
            x, y = make_regression(rows, columns, noise=10.0, random_state=3)
            y = (y - y.mean()) / y.std()
        else:
            informative = min(columns, 10)
            x, y = make_classification(
                rows, columns, n_informative=informative, n_redundant=0, flip_y=0.1, random_state=3
            )
        frame = pd.DataFrame({f"x{at}": x[:, at] for at in range(columns)})
        frame.assign(y=y).to_parquet(path)
    return path


def seconds(fanout, folder, trainer, rows, columns, numbers):
    """The processor's seconds of a run."""
    plan = folder / "plan.yaml"
    plan.write_text(
        f"dataset: {{source: {table(folder, rows, columns, numbers)}, target: y}}\n"
        f"trainer: {{name: {trainer}}}\n"
        "cv: {method: shuffle_split, n_splits: 1, test_size: 0.3333, random_state: 1}\n"
        f"scoring: [{'r2' if numbers else 'accuracy'}]\n"
        "pool: {kind: local, workers: 1}\nstore: memory://\nrefit: false\n"
        "limits: {timeout: 1h, memory: 3GiB}\n"
    )
    run = subprocess.run([fanout, "run", plan, "-q", "--json"], capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(run.stderr)
    took = json.loads(run.stdout)["took"]
    return took["user"] + took["system"]


def main():
    fanout, *wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for numbers, trainers in [(False, CLASSES), (True, NUMBERS)]:
            for trainer, tables in trainers.items():
                if not wanted or trainer in wanted:
                    fit(fanout, folder, trainer, tables, numbers)


def fit(fanout, folder, trainer, tables, numbers):
    points = []
    for rows, columns in tables:
        took = seconds(fanout, folder, trainer, rows, columns, numbers)
        took -= seconds(fanout, folder, "dummy", rows, columns, numbers)
        if took >= 0.05:
            points.append((rows, columns, took))
    name = f"{trainer} ({'numbers' if numbers else 'classes'})"
    if len(points) < 3:
        print(f"{name}: too fast to measure: {points}", flush=True)
        return
    # For 10,000 rows and 10 columns.
    rows, columns, took = np.array(points).T
    terms = np.column_stack([np.ones(len(rows)), np.log(rows / 1e4), np.log(columns / 10)])
    (at, by_rows, by_columns), *_ = np.linalg.lstsq(terms, np.log(took), rcond=None)
    factor = math.exp(np.abs(terms @ [at, by_rows, by_columns] - np.log(took)).max())
    print(
        f"{name}: {math.exp(at):.3g} s, rows ^ {by_rows:.2f}, columns ^ {by_columns:.2f}; "
        f"points within {factor:.2f}: "
        + ", ".join(f"{row:.0f}x{column:.0f} {time:.2f}" for row, column, time in points),
        flush=True,
    )


if __name__ == "__main__":
    main()
