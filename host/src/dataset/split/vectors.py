# /// script
# requires-python = ">=3.11"
# dependencies = ["scikit-learn==1.9.1"]
# ///
"""Makes vectors.json beside this file: the splits that scikit-learn's splitters
give without shuffling, the sizes of its shuffled ones, and those of its
stratified hold-out.

    uv run vectors.py

or, in a virtual environment with the package named above,

    python vectors.py
"""

import json
import warnings
from pathlib import Path

import numpy as np
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    LeavePGroupsOut,
    LeavePOut,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
    train_test_split,
)

# Rare classes and ignored groups are meant.
warnings.filterwarnings("ignore", category=UserWarning)

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

# A generator of its own: the cases above stay when there are more below.
random = np.random.default_rng(21)


def marks(splitter, rows, y=None, groups=None):
    """Each split as a text with a character a row: 0 is trained on, 1 tested, -
    neither."""
    splits = []
    for train, test in splitter.split(np.zeros((rows, 1)), y, groups):
        of_rows = np.full(rows, "-")
        of_rows[train] = "0"
        of_rows[test] = "1"
        assert len(train) + len(test) == (of_rows != "-").sum()
        splits.append("".join(of_rows))
    return splits


def case(kind, cv, splitter, rows, y=None, groups=None):
    found = {"cv": cv, "rows": rows}
    for name, values in [("classes", y), ("groups", groups)]:
        if values is not None:
            found[name] = values.tolist()
    vectors[kind].append(found | {"splits": marks(splitter, rows, y, groups)})


vectors["splits"] = []
for rows in [2, 3, 7, 12]:
    case("splits", {"method": "leave_one_out"}, LeaveOneOut(), rows)
for rows, p in [(3, 1), (4, 2), (6, 3), (9, 2), (5, 4)]:
    case("splits", {"method": "leave_p_out", "p": p}, LeavePOut(p), rows)
for rows in [3, 7, 10, 23]:
    for n_splits in [2, 3, 5]:
        for test_size in [None, 1, 2, 4]:
            for gap in [0, 1, 3]:
                for most in [None, 1, 8]:
                    splitter = TimeSeriesSplit(
                        n_splits, max_train_size=most, test_size=test_size, gap=gap
                    )
                    size = test_size or rows // (n_splits + 1)
                    if n_splits + 1 > rows or rows - gap - size * n_splits <= 0:
                        continue
                    cv = {
                        "method": "time_series_split",
                        "n_splits": n_splits,
                        "max_train_size": most,
                        "test_size": test_size,
                        "gap": gap,
                    }
                    case("splits", cv, splitter, rows)

# Groups of many sizes and of equal ones; as numbers and as texts, which have
# another order.
grouped = [
    np.array([1, 1, 2, 2, 3, 3, 4, 4]),
    np.array([4, 4, 3, 3, 2, 2, 1, 1]),
    np.array([10, 9, 8, 10, 9, 8, 7, 7, 7, 100, 100, -1, -1]),
    np.array([0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 5, 5]),
    random.integers(0, 12, 40),
    random.integers(0, 25, 60),
    np.repeat(np.arange(20), 3)[random.permutation(60)],
    random.integers(0, 5, 90) ** 2,
    np.sort(random.integers(0, 9, 50)),
    random.normal(0, 1, 8).round(2)[random.integers(0, 8, 30)],
]
grouped += [np.array([f"g{group}" for group in groups]) for groups in grouped[2:6]]
grouped += [groups.astype(str) for groups in grouped[2:6]]
for groups in grouped:
    rows, count = len(groups), len(np.unique(groups))
    for n_splits in [2, 3, 4, 7]:
        if n_splits <= count:
            cv = {
                "method": "group_k_fold",
                "n_splits": n_splits,
                "shuffle": False,
                "random_state": 0,
            }
            case("splits", cv, GroupKFold(n_splits), rows, groups=groups)
    if count <= 12:
        case(
            "splits",
            {"method": "leave_one_group_out"},
            LeaveOneGroupOut(),
            rows,
            groups=groups,
        )
    for n_groups in [1, 2, 3]:
        if n_groups < count <= 6:
            case(
                "splits",
                {"method": "leave_p_groups_out", "n_groups": n_groups},
                LeavePGroupsOut(n_groups),
                rows,
                groups=groups,
            )

# Classes of equal sizes and groups of equal deviations, whose order is decided by
# the last bits of sums; more than eight classes, which numpy sums pairwise.
for groups in grouped:
    rows, count = len(groups), len(np.unique(groups))
    for classes in [2, 3, 5, 11, 20]:
        for y in [
            random.integers(0, classes, rows) * 3 - 4,
            (np.arange(rows) % classes)[::-1],
            (random.random((rows, classes)) < 0.3).argmax(axis=1),
        ]:
            for n_splits in [2, 3, 5, 9]:
                if n_splits > count or n_splits > np.unique(y, return_counts=True)[1].max():
                    continue
                splitter = StratifiedGroupKFold(n_splits)
                cv = {
                    "method": "stratified_group_k_fold",
                    "n_splits": n_splits,
                    "shuffle": False,
                    "random_state": 0,
                }
                splits = marks(splitter, rows, y, groups)
                # Where a fold stays empty, scikit-learn gives it all the same.
                if all("1" in split for split in splits) and random.random() < 0.4:
                    case("splits", cv, splitter, rows, y, groups)

# How many rows, or groups, are trained on and tested.
vectors["sizes"] = []
for rows in [5, 10, 29, 100, 101]:
    for train, test in [
        (None, None),
        (None, 0.2),
        (None, 3),
        (0.5, None),
        (0.29, 0.29),
        (2, 0.5),
        (0.7, 1),
        (4, None),
        (0.55, 0.45),
    ]:
        sizes = {
            name: {"count": size} if isinstance(size, int) else {"fraction": size}
            for name, size in [("train_size", train), ("test_size", test)]
            if size is not None
        }
        for method, splitter in [
            ("shuffle_split", ShuffleSplit),
            ("group_shuffle_split", GroupShuffleSplit),
        ]:
            cv = {"method": method, "n_splits": 1, "random_state": 0} | {
                "train_size": None,
                "test_size": None,
            } | sizes
            splitter = splitter(1, train_size=train, test_size=test, random_state=0)
            # Each row is a group.
            split = next(splitter.split(np.zeros(rows), groups=np.arange(rows)))
            sizes_of = [len(part) for part in split]
            vectors["sizes"].append({"cv": cv, "rows": rows, "sizes": sizes_of})



def ties(counts, total):
    """Whether two classes have the same claim to the last row. scikit-learn draws
    lots there, or lets the rounding of reals decide."""
    claims = sorted((int(count) * total % int(sum(counts)) for count in counts), reverse=True)
    last = total - sum(int(count) * total // int(sum(counts)) for count in counts)
    return 0 < last < len(claims) and claims[last - 1] == claims[last]


vectors["stratified_sizes"] = []
for y in targets:
    for train, test in [(None, None), (None, 0.3), (0.5, 0.25), (0.4, None), (0.33, 0.5)]:
        splitter = StratifiedShuffleSplit(20, train_size=train, test_size=test, random_state=0)
        try:
            splits = list(splitter.split(y, y))
        except ValueError:
            continue
        classes = int(y.max()) + 1
        found = {
            tuple(tuple(np.bincount(y[part], minlength=classes).tolist()) for part in split)
            for split in splits
        }
        train_sizes, test_sizes = min(found)
        left = np.bincount(y) - train_sizes
        if not ties(np.bincount(y), sum(train_sizes)) and not ties(left, sum(test_sizes)):
            assert len(found) == 1
            fraction = lambda size: None if size is None else {"fraction": size}
            cv = {
                "method": "stratified_shuffle_split",
                "n_splits": 1,
                "random_state": 0,
                "train_size": fraction(train),
                "test_size": fraction(test),
            }
            vectors["stratified_sizes"].append(
                {"cv": cv, "classes": y.tolist(), "train": train_sizes, "test": test_sizes}
            )

path = Path(__file__).parent / "vectors.json"
lines = []
for name, cases in vectors.items():
    rows = ",\n".join("    " + json.dumps(case, separators=(",", ":")) for case in cases)
    lines.append(f'  "{name}": [\n{rows}\n  ]')
path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
print({name: len(cases) for name, cases in vectors.items()}, path.stat().st_size)
