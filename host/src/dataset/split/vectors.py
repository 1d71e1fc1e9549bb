# /// script
# requires-python = ">=3.11"
# dependencies = ["scikit-learn==1.9.1"]
# ///
"""Makes vectors.json beside this file: the folds that scikit-learn's splitters
give without shuffling, and the sizes of its stratified hold-out.

    uv run vectors.py

or, in a virtual environment with the package named above,

    python vectors.py
"""

import json
from pathlib import Path

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

random = np.random.default_rng(20)


def folds(splitter, y):
    """The fold in which each row is tested."""
    of_rows = np.full(len(y), -1)
    for fold, (_, test) in enumerate(splitter.split(np.zeros((len(y), 1)), y)):
        of_rows[test] = fold
    assert (of_rows >= 0).all()
    return of_rows.tolist()


def by_appearance(y):
    """Classes numbered by first appearance."""
    _, first, inverse = np.unique(y, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


targets = [
    np.array([0, 1] * 6),
    np.array([0] * 7 + [1] * 4),
    np.array([1, 1, 1, 0, 0, 2, 2, 2, 2, 0, 1, 2, 2]),
    np.array([0] * 9 + [1] * 2),
]
for rows, classes in [(30, 2), (57, 3), (101, 5), (200, 10), (64, 7)]:
    targets.append(random.integers(0, classes, rows))
# One class rare, and the classes in runs.
targets.append((random.random(150) < 0.06).astype(int))
targets.append(np.sort(random.integers(0, 4, 90)))
targets = [by_appearance(y) for y in targets]

vectors = {"k_fold": [], "stratified_k_fold": [], "holdout": []}
for rows in [2, 3, 10, 11, 12, 100, 101]:
    for n_splits in [2, 3, 5, 10]:
        if n_splits <= rows:
            expected = folds(KFold(n_splits), np.zeros(rows))
            vectors["k_fold"].append({"rows": rows, "n_splits": n_splits, "folds": expected})
for y in targets:
    for n_splits in [2, 3, 5, 10]:
        if n_splits <= np.bincount(y).max():
            expected = folds(StratifiedKFold(n_splits), y)
            vectors["stratified_k_fold"].append(
                {"classes": y.tolist(), "n_splits": n_splits, "folds": expected}
            )
for y in targets:
    for fraction in [0.1, 0.2, 0.25, 0.3, 0.5, 0.77]:
        least, rows = np.bincount(y).min(), len(y)
        test = int(np.ceil(fraction * rows))
        classes = int(y.max()) + 1
        if least < 2 or min(test, rows - test) < classes:
            continue
        # Where remainders tie, scikit-learn draws lots: keep what all agree on.
        sizes = {
            tuple(np.bincount(held, minlength=classes).tolist())
            for seed in range(20)
            for held in [
                train_test_split(y, test_size=fraction, stratify=y, random_state=seed)[1]
            ]
        }
        if len(sizes) == 1:
            vectors["holdout"].append(
                {"classes": y.tolist(), "fraction": fraction, "held": list(sizes.pop())}
            )

path = Path(__file__).parent / "vectors.json"
lines = []
for name, cases in vectors.items():
    rows = ",\n".join("    " + json.dumps(case, separators=(",", ":")) for case in cases)
    lines.append(f'  "{name}": [\n{rows}\n  ]')
path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
print({name: len(cases) for name, cases in vectors.items()}, path.stat().st_size)
