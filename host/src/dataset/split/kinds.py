# /// script
# requires-python = ">=3.11"
# dependencies = ["scikit-learn==1.9.1"]
# ///
"""Makes kinds.json beside this file: the rows on which scikit-learn's `learning_curve`
fits and scores, and a `GridSearchCV` inside `cross_val_score`, told by an estimator
that records them.

    python kinds.py      # scikit-learn 1.9
"""

import json
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_score,
    learning_curve,
)

warnings.filterwarnings("ignore")
random = np.random.default_rng(3)
records = []


class Recorder(ClassifierMixin, BaseEstimator):
    """Records the rows of each fit, and those of the score that follows."""

    def __init__(self, candidate=0):
        self.candidate = candidate

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        records.append([x[:, 0].astype(int).tolist(), None])
        return self

    def score(self, x, y):
        if records[-1][1] is None:
            records[-1][1] = x[:, 0].astype(int).tolist()
        return 1.0


def mark(rows, fit):
    """A character a row: 0 is trained on, 1 tested, - neither."""
    train, test = fit
    text = np.full(rows, "-")
    text[train] = "0"
    text[test] = "1"
    return "".join(text)


def recorded(rows, run):
    records.clear()
    run(np.arange(rows, dtype=float).reshape(-1, 1))
    return [mark(rows, fit) for fit in records]


def named(cv):
    """A splitter as a plan has it."""
    of = {
        KFold: "k_fold",
        StratifiedKFold: "stratified_k_fold",
        GroupKFold: "group_k_fold",
        LeaveOneOut: "leave_one_out",
        TimeSeriesSplit: "time_series_split",
    }
    method = {"method": of[type(cv)]}
    if isinstance(cv, LeaveOneOut):
        return method
    method["n_splits"] = cv.n_splits
    if isinstance(cv, TimeSeriesSplit):
        return method | {"max_train_size": None, "test_size": None, "gap": 0}
    return method | {"shuffle": False, "random_state": 0}


def curve(cv, y, sizes, groups=None):
    rows = len(y)
    absolute = None

    def run(x):
        nonlocal absolute
        absolute, *_ = learning_curve(
            Recorder(), x, y, groups=groups, cv=cv, train_sizes=sizes, scoring=None
        )

    found = recorded(rows, run)
    # Recorded by split, each with its sizes in order; here by size.
    splits = len(found) // len(absolute)
    by_size = [found[split * len(absolute) + size] for size in range(len(absolute)) for split in range(splits)]
    return {
        "cv": named(cv),
        "classes": y.tolist(),
        "groups": None if groups is None else groups.tolist(),
        "sizes": [{"fraction": s} if isinstance(s, float) else {"count": s} for s in sizes],
        "train_sizes": absolute.tolist(),
        "splits": by_size,
    }


def nested(outer, inner, y):
    rows = len(y)
    search = GridSearchCV(Recorder(), {"candidate": [0]}, cv=inner)
    found = recorded(rows, lambda x: cross_val_score(search, x, y, cv=outer))
    # Of each outer split: the inner fits, and the refit, which is scored on the test rows.
    train = [mark(rows, (train, test)) for train, test in outer.split(np.zeros((rows, 1)), y)]
    splits, parts = [], []
    for of_outer in train:
        end = found.index(of_outer)
        splits += found[:end]
        parts.append(end)
        found = found[end + 1 :]
    assert not found
    return {
        "cv": named(outer),
        "inner_cv": named(inner),
        "classes": y.tolist(),
        "parts": parts,
        "outer": train,
        "splits": splits,
    }


targets = [
    np.array([0, 1] * 12),
    random.integers(0, 3, 30),
    np.sort(random.integers(0, 2, 26)),
]
groups = random.integers(0, 6, 30)
curves = []
for y in targets:
    for cv in [KFold(2), KFold(5), StratifiedKFold(3), TimeSeriesSplit(3)]:
        for sizes in [[0.1, 0.325, 0.55, 0.775, 1.0], [1, 4, 4, 6], [1.0], [0.01, 0.5, 0.51]]:
            if isinstance(sizes[0], float) or not isinstance(cv, TimeSeriesSplit):
                curves.append(curve(cv, y, sizes))
curves.append(curve(GroupKFold(3), targets[1], [0.2, 0.6], groups))
nests = [
    nested(outer, inner, y)
    for y in targets
    for outer in [KFold(3), StratifiedKFold(2), TimeSeriesSplit(2)]
    for inner in [KFold(2), StratifiedKFold(3), TimeSeriesSplit(2), LeaveOneOut()]
    if not (isinstance(outer, TimeSeriesSplit) and isinstance(inner, StratifiedKFold))
]
vectors = {"learning_curve": curves, "nested_cross_validation": nests}
path = Path(__file__).with_suffix(".json")
path.write_text(json.dumps(vectors, separators=(",", ":")).replace("},{", "},\n{") + "\n")
print(f"{len(curves)} learning curves, {len(nests)} nested cross-validations")
