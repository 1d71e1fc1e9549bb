"""Writes vectors.json: what scikit-learn's GridSearchCV makes of given scores.

An estimator that does nothing is searched; its score is looked up in a table
by candidate and fold, so that the mean, the standard deviation, the rank and
the best index are scikit-learn's own. Floats are written as text, for NaN and
the infinities.

    python vectors.py
"""

import json
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV, PredefinedSplit

warnings.filterwarnings("ignore")


class Lookup(BaseEstimator):
    """A candidate whose fit fails where the table says "fail"."""

    def __init__(self, candidate=0, table=None):
        self.candidate = candidate
        self.table = table

    def fit(self, x, y=None):
        # The fold that is left out of the training rows is the test fold.
        (self.fold_,) = set(range(len(self.table[0]))) - set(x[:, 0].astype(int))
        if self.table[self.candidate][self.fold_] == "fail":
            raise ValueError("asked to fail")
        return self

    def score(self, x, y=None):
        return self.table[self.candidate][self.fold_]


def case(name, table, error_score=np.nan):
    splits = len(table[0])
    folds = np.arange(splits)
    search = GridSearchCV(
        Lookup(table=table),
        {"candidate": list(range(len(table)))},
        cv=PredefinedSplit(folds),
        refit=False,
        error_score=error_score,
    )
    search.fit(folds.reshape(-1, 1).astype(float))
    found = search.cv_results_
    text = lambda values: [repr(float(value)) for value in values]
    return {
        "name": name,
        "error_score": repr(float(error_score)),
        "scores": [[v if v == "fail" else repr(float(v)) for v in row] for row in table],
        "mean": text(found["mean_test_score"]),
        "std": text(found["std_test_score"]),
        "rank": [int(rank) for rank in found["rank_test_score"]],
        "best": int(found["rank_test_score"].argmin()),
    }


def main():
    rng = np.random.default_rng(20130101)
    nan, inf = np.nan, np.inf
    cases = []
    for splits in [2, 3, 5, 7, 8, 9, 10, 15, 17, 24, 100, 129, 150, 300]:
        table = rng.random((6 if splits < 20 else 2, splits)).tolist()
        cases.append(case(f"{splits} splits", table))
    # Scores of few digits: many means are equal, or differ in the last bit.
    for splits in [2, 3, 5, 10]:
        table = (rng.integers(0, 4, (30, splits)) / 10).tolist()
        cases.append(case(f"ties over {splits} splits", table))
    ragged = rng.integers(0, 9, (25, 3)) / 10
    ragged[rng.random((25, 3)) < 0.15] = nan
    cases.append(case("some undefined", ragged.tolist()))
    cases.append(case("all undefined", [[nan, 0.5], [0.5, nan], [nan, nan]]))
    cases.append(case("one failed", [[0.5, 0.6], ["fail", 0.9], [0.5, 0.5]]))
    cases.append(case("failed counts 0", [[-0.5, -0.6], ["fail", -0.9], [-0.5, "fail"]], 0.0))
    cases.append(case("failed counts -1", [[0.5, 0.6], ["fail", 0.9], [0.1, 0.2]], -1.0))
    cases.append(case("infinite", [[-inf, -0.1], [-0.2, -0.3], [nan, 0.0], [-0.2, -0.3]]))
    cases.append(case("signed zero", [[0.0, 0.0], [-0.0, -0.0], [0.0, -0.0]]))
    cases.append(case("huge and undefined", [[-1e300, -1e300], [nan, nan], [0.0, 0.0]]))
    document = {"scikit-learn": sklearn.__version__, "numpy": np.__version__, "cases": cases}
    path = pathlib.Path(__file__).with_name("vectors.json")
    lines = ",\n".join(json.dumps(entry) for entry in cases)
    head = json.dumps({**document, "cases": []})[: -len("]}")]
    path.write_text(f"{head}\n{lines}\n]}}\n")


if __name__ == "__main__":
    main()
