"""Writes vectors.json: a table, and the scores of scikit-learn's dummies on it.

    python tests/baseline/vectors.py      # scikit-learn 1.9

By target and weight: the scores on each of three splits of `KFold(3)`, by metric.
"""

import json
import pathlib

import numpy as np
from sklearn import metrics
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import KFold

ROWS = 60
random = np.random.default_rng(7)
x = random.normal(size=ROWS).round(3)
table = {
    "x": x,
    "pair": np.where(x + random.normal(size=ROWS) > 0.6, "yes", "no"),
    "kind": np.array(["a", "b", "b", "c", "b"])[random.integers(0, 5, ROWS)],
    "number": (3 * x + random.normal(size=ROWS)).round(3),
    "weight": random.integers(1, 5, ROWS).astype(float),
}


def scores(target, y, predicted, probabilities, classes, weight):
    more = {"sample_weight": weight}
    if target == "number":
        return {
            "r2": metrics.r2_score(y, predicted, **more),
            "neg_mean_absolute_error": -metrics.mean_absolute_error(y, predicted, **more),
        }
    found = {
        "accuracy": metrics.accuracy_score(y, predicted, **more),
        "neg_log_loss": -metrics.log_loss(y, probabilities, labels=classes, **more),
        "f1_macro": metrics.f1_score(y, predicted, average="macro", zero_division=0, **more),
    }
    if target == "pair":
        found["roc_auc"] = metrics.roc_auc_score(y, probabilities[:, 1], **more)
    return found


def case(target, weighted):
    y, weights = table[target], table["weight"] if weighted else None
    splits = []
    for train, test in KFold(3).split(y):
        of = lambda rows: None if weights is None else weights[rows]
        model = DummyRegressor() if target == "number" else DummyClassifier()
        features = np.zeros((ROWS, 1))
        model.fit(features[train], y[train], of(train))
        probabilities = None if target == "number" else model.predict_proba(features[test])
        classes = None if target == "number" else model.classes_
        predicted = model.predict(features[test])
        splits.append(scores(target, y[test], predicted, probabilities, classes, of(test)))
    by_metric = {name: [float(split[name]) for split in splits] for name in splits[0]}
    return {"target": target, "weighted": weighted, "scores": by_metric}


csv = [",".join(table)] + [",".join(str(value) for value in row) for row in zip(*table.values())]
cases = [case(target, weighted) for target in ["pair", "kind", "number"] for weighted in [False, True]]
document = {"table": "\n".join(csv) + "\n", "cases": cases}
path = pathlib.Path(__file__).with_name("vectors.json")
path.write_text(json.dumps(document, indent=1) + "\n")
