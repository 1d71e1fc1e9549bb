# /// script
# requires-python = ">=3.11"
# dependencies = ["scikit-learn==1.9.1"]
# ///
"""Writes chain.json: what scikit-learn's ClassifierChain and RegressorChain with `cv`
predict of rows that they were not fitted on.

    python tests/targets/chain.py      # scikit-learn 1.9

A case is the fields of a plan, a table to fit and one to predict as CSV, and by target what
scikit-learn predicts of the second. Values are eighths, so that CSV has them exactly.
"""

import json
import pathlib

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold
from sklearn.multioutput import ClassifierChain, RegressorChain
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

ROWS, NEW = 96, 40
rng = np.random.default_rng(35)


def eighths(values):
    return np.round(values * 8) / 8


def csv(names, columns):
    lines = [",".join(names)]
    for row in zip(*columns):
        lines.append(",".join(repr(float(v)) if v % 1 else str(int(v)) for v in row))
    return "\n".join(lines) + "\n"


x = eighths(rng.normal(size=(ROWS + NEW, 4)) * 2)
u = eighths(x[:, 0] - 2 * x[:, 1] + rng.normal(size=ROWS + NEW))
v = eighths(u * np.abs(x[:, 2]) / 2 + x[:, 3] + rng.normal(size=ROWS + NEW))
w = eighths(v - u + rng.normal(size=ROWS + NEW))
numbers = {"u": u, "v": v, "w": w}
a = (x[:, 0] + x[:, 1] + rng.normal(size=ROWS + NEW) > 0.5).astype(int)
b = ((a == 1) ^ (x[:, 2] + rng.normal(size=ROWS + NEW) > 1)).astype(int)
c = (a + b + x[:, 3] / 2 + rng.normal(size=ROWS + NEW) / 2 > 1).astype(int)
classes = {"a": a, "b": b, "c": c}
features = [f"x{i}" for i in range(4)]

cases = []
for trainer, params, estimator, targets, chain in [
    ("ridge", {"alpha": 2.0}, Ridge(alpha=2.0), numbers, ["v", "u", "w"]),
    ("ridge", {"alpha": 0.5}, Ridge(alpha=0.5), numbers, ["w", "v", "u"]),
    (
        "decision_tree",
        {"max_depth": 3, "min_samples_leaf": 10, "random_state": 0},
        DecisionTreeRegressor(max_depth=3, min_samples_leaf=10, random_state=0),
        numbers,
        ["u", "v", "w"],
    ),
    (
        "logistic_regression",
        {"C": 0.5},
        LogisticRegression(C=0.5, tol=1e-10, max_iter=10_000),
        classes,
        ["b", "a", "c"],
    ),
    (
        "decision_tree",
        {"max_depth": 2, "min_samples_leaf": 8, "random_state": 0},
        DecisionTreeClassifier(max_depth=2, min_samples_leaf=8, random_state=0),
        classes,
        ["c", "a", "b"],
    ),
]:
    names = list(targets)
    y = np.column_stack([targets[name] for name in names])
    order = [names.index(name) for name in chain]
    regression = targets is numbers
    kind = RegressorChain if regression else ClassifierChain
    fitted = kind(estimator, order=order, cv=KFold(3)).fit(x[:ROWS], y[:ROWS])
    predicted = fitted.predict(x[ROWS:])
    # Of splits that are equally good, scikit-learn takes one by its seed: there are none.
    if "random_state" in params:
        for seed in range(40):
            other = kind(clone(estimator).set_params(random_state=seed), order=order, cv=KFold(3))
            other = other.fit(x[:ROWS], y[:ROWS])
            assert np.array_equal(other.predict(x[ROWS:]), predicted), (trainer, seed)
    # What the chain adds is not nothing.
    alone = np.column_stack([estimator.fit(x[:ROWS], y[:ROWS, i]).predict(x[ROWS:]) for i in order])
    assert not np.allclose(predicted[:, order], alone), trainer
    columns = [*x.T, *y.T]
    cases.append(
        {
            "trainer": {"name": trainer, "params": params},
            "targets": [
                {"column": name, "learn": "regression" if regression else "classification"}
                for name in names
            ],
            "chain": chain,
            "train": csv(features + names, [column[:ROWS] for column in columns]),
            "new": csv(features, [column[ROWS:] for column in x.T]),
            "predicted": {name: predicted[:, i].tolist() for i, name in enumerate(names)},
        }
    )
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(cases, indent=1) + "\n")
