"""Makes the benchmark's tables in data/: each with a column `fold`, so that
scikit-learn and fanout test on the very same rows.

    python data.py

- flights.parquet: plans/data/flights.parquet, 3 stratified folds, shuffled.
- digits.parquet: plans/data/digits.parquet, 5 stratified folds, shuffled.
- small.parquet: 1,599 rows, 11 features, 6 unbalanced classes: the shape of
  the red wine table that such searches are often shown on, but made by
  scikit-learn's make_classification, since no package here ships that table.
- neighbors.parquet: 20,000 rows, 20 numbers, 2 classes, 3 stratified folds.
- mixed.parquet: 20,000 rows, 15 numbers of which 3 in 100 are missing, 5
  categories of 4 to 20 labels, 2 classes, 3 stratified folds.

The same versions make the same tables. What is there is not made again.
"""

import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import make_classification
from sklearn.model_selection import StratifiedKFold

HERE = pathlib.Path(__file__).resolve().parent
PLANS = HERE.parent / "plans" / "data"
MADE = HERE / "data"


def with_folds(table, target, n_splits, random_state):
    classes = table[target].to_numpy()
    fold = np.empty(len(classes), dtype=np.int32)
    splitter = StratifiedKFold(n_splits, shuffle=True, random_state=random_state)
    for number, (_, test) in enumerate(splitter.split(classes, classes)):
        fold[test] = number
    return table.append_column("fold", pa.array(fold))


def small():
    x, y = make_classification(
        n_samples=1599,
        n_features=11,
        n_informative=8,
        n_redundant=1,
        n_classes=6,
        n_clusters_per_class=1,
        weights=[0.01, 0.03, 0.43, 0.40, 0.11, 0.02],
        class_sep=1.0,
        flip_y=0.05,
        random_state=20130101,
    )
    # As few digits as a measurement has.
    columns = {f"x{index}": pa.array(np.round(x[:, index], 3)) for index in range(11)}
    columns["quality"] = pa.array((y + 3).astype(np.int32))
    return pa.table(columns)


def neighbors():
    x, y = make_classification(20_000, 20, n_informative=10, random_state=3)
    columns = {f"x{index}": pa.array(x[:, index]) for index in range(20)}
    return pa.table({**columns, "y": pa.array(y.astype(np.int32))})


def mixed():
    x, y = make_classification(20_000, 20, n_informative=10, flip_y=0.05, random_state=5)
    draws = np.random.default_rng(5)
    columns = {}
    for index in range(15):
        missing = draws.random(len(y)) < 0.03
        columns[f"x{index}"] = pa.array(x[:, index], mask=missing)
    # Bins of equal counts, by labels that say nothing of their order.
    for index, labels in enumerate([4, 6, 8, 12, 20], start=15):
        edges = np.quantile(x[:, index], np.arange(1, labels) / labels)
        names = np.array([f"c{label}" for label in draws.permutation(labels)])
        columns[f"x{index}"] = pa.array(names[np.searchsorted(edges, x[:, index])])
    return pa.table({**columns, "y": pa.array(y.astype(np.int32))})


def main():
    MADE.mkdir(exist_ok=True)
    tables = {
        "flights": lambda: with_folds(pq.read_table(PLANS / "flights.parquet"), "cancelled", 3, 7),
        "digits": lambda: with_folds(pq.read_table(PLANS / "digits.parquet"), "digit", 5, 0),
        "small": lambda: with_folds(small(), "quality", 3, 7),
        "neighbors": lambda: with_folds(neighbors(), "y", 3, 7),
        "mixed": lambda: with_folds(mixed(), "y", 3, 7),
    }
    for name, make in tables.items():
        path = MADE / f"{name}.parquet"
        if not path.exists():
            table = make()
            whole = path.with_suffix(".tmp")
            pq.write_table(table, whole, compression="snappy")
            whole.rename(path)
            print(f"{path.relative_to(HERE.parent)}: {table.num_rows} rows", flush=True)


if __name__ == "__main__":
    main()
