"""Makes boosting.json: models of scikit-learn 1.9's HistGradientBoosting* and what
they predict, on tables in which every distinct number has a bin.

    python tests/vectors/boosting.py

`share` is the least share of the test rows whose predictions are to agree to a part in
a thousand: in the first rounds, where few splits are near ties, nearly all. Gradients
are rounded there and not here, so that later splits differ where two gain almost the
same.
"""

import json
import pathlib

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

HERE = pathlib.Path(__file__).resolve().parent


def tables():
    random = np.random.default_rng(3)
    x = random.integers(0, 200, (900, 4)) / 8.0
    smooth = 0.4 * x[:, 0] + np.sin(x[:, 1] / 3) * 3 + random.normal(0, 0.5, 900)
    counts = random.poisson(np.exp(0.05 * x[:, 0] + 0.2 * np.sin(x[:, 1]))).astype(float)
    positive = random.gamma(2.0, np.exp(0.1 * x[:, 2]))
    two = (smooth > 6).astype(int)
    three = (smooth > 3).astype(int) + (smooth > 8).astype(int)
    weights = random.uniform(0.2, 2.0, 900)
    train = np.flatnonzero(random.random(900) < 0.7)
    targets = {"smooth": smooth, "counts": counts, "positive": positive, "two": two, "three": three}
    yield "whole", x, targets, weights, train
    holes = x.copy()
    holes[random.random(x.shape) < 0.15] = np.nan
    yield "holes", holes, targets, weights, train


FEW = {"max_iter": 5, "max_leaf_nodes": 7}
CASES = [
    ("smooth", {}, False),
    ("smooth", {"max_depth": 2}, False),
    ("smooth", {"l2_regularization": 5.0, "learning_rate": 0.5}, False),
    ("smooth", {"min_samples_leaf": 60}, False),
    ("smooth", {}, True),
    ("smooth", {"loss": "absolute_error"}, False),
    ("smooth", {"loss": "quantile", "quantile": 0.8}, False),
    ("counts", {"loss": "poisson"}, False),
    ("counts", {"loss": "poisson"}, True),
    ("positive", {"loss": "gamma"}, False),
    ("two", {}, False),
    ("two", {}, True),
    ("two", {"max_leaf_nodes": 4, "max_iter": 20}, False),
    ("three", {}, False),
    ("three", {"class_weight": "balanced"}, False),
    ("two", {"class_weight": {"0": 1.0, "1": 3.0}}, False),
]


def main():
    found = {"tables": {}, "cases": []}
    for name, x, targets, weights, train in tables():
        found["tables"][name] = {
            "features": [[None if np.isnan(v) else v for v in column] for column in x.T.tolist()],
            "targets": {target: y.tolist() for target, y in targets.items()},
            "weights": weights.tolist(),
            "train": train.tolist(),
        }
        test = np.setdiff1d(np.arange(len(x)), train)
        for target, given, weighted in CASES:
            y = targets[target]
            classes = len(np.unique(y)) if target in ("two", "three") else 0
            params = {**FEW, **given, "early_stopping": False}
            theirs = dict(params)
            if isinstance(theirs.get("class_weight"), dict):
                theirs["class_weight"] = {int(k): v for k, v in theirs["class_weight"].items()}
            kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
            model = kind(random_state=0, **theirs)
            model.fit(x[train], y[train], weights[train] if weighted else None)
            if classes == 2:
                predictions = model.predict_proba(x[test])[:, 1]
            elif classes:
                predictions = model.predict_proba(x[test])
            else:
                predictions = model.predict(x[test])
            found["cases"].append({
                "table": name, "target": target, "classes": classes, "weighted": weighted,
                "params": params, "share": 0.9, "predictions": predictions.ravel().tolist(),
            })
    (HERE / "boosting.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
