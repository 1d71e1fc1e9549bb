"""Makes trees.json: single decision trees of scikit-learn 1.9 and what they
predict, on tables where ties do not decide, and the scores of forests.

    python tests/vectors/trees.py

Features are rounded to single precision, as scikit-learn keeps them. Each tree is
fitted with several random states, which choose between equally good splits, and to
several multiples of the targets, whose rounding errors do: a case on whose
predictions these disagree is an error here.
"""

import json
import pathlib

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.metrics import r2_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

HERE = pathlib.Path(__file__).resolve().parent
STATES = 20


def single(x):
    return np.asarray(x, dtype=np.float32).astype(np.float64)


def tables():
    """Each table's features, and its targets by name."""
    random = np.random.default_rng(1)
    line = single(random.uniform(-3, 3, (240, 1)))
    bend = np.sin(line[:, 0]) + random.normal(0, 0.3, 240)
    yield "line", line, {"bend": bend}

    x = single(random.normal(size=(300, 5)))
    smooth = x[:, 0] * 3 + x[:, 1] ** 2 - 2 * x[:, 2] * x[:, 3] + random.normal(0, 0.5, 300)
    counts = random.poisson(np.exp(0.4 * x[:, 0] + 0.3 * x[:, 1])).astype(float)
    classes = (smooth > 0.3).astype(int) + (smooth > 3.0).astype(int)
    yield "mixed", x, {"smooth": smooth, "counts": counts, "classes": classes}

    holes = x.copy()
    holes[random.random(x.shape) < 0.1] = np.nan
    yield "holes", holes, {"smooth": smooth, "counts": counts}

    diabetes = load_diabetes()
    yield "diabetes", single(diabetes.data[:300]), {"progression": diabetes.target[:300]}


LEAF = {"min_samples_leaf": 7}
# Table, target, hyper-parameters, kind of weights.
CASES = [
    ("line", "bend", {}, None),
    ("line", "bend", {"max_depth": 5}, None),
    ("line", "bend", {"criterion": "absolute_error", "max_depth": 2}, None),
    ("line", "bend", {}, "real"),
    ("line", "bend", {"criterion": "absolute_error", "min_samples_leaf": 4}, "real"),
    ("mixed", "smooth", LEAF, None),
    ("mixed", "smooth", {"max_depth": 3}, None),
    ("mixed", "smooth", {"criterion": "friedman_mse", "max_depth": 3}, None),
    ("mixed", "smooth", {"max_leaf_nodes": 11}, None),
    ("mixed", "smooth", {"min_impurity_decrease": 0.3}, None),
    ("mixed", "smooth", {"min_weight_fraction_leaf": 0.05}, None),
    ("mixed", "smooth", {"min_samples_split": 40, "min_samples_leaf": 9}, None),
    ("mixed", "smooth", {"criterion": "absolute_error", "max_depth": 3}, None),
    ("mixed", "smooth", {"criterion": "absolute_error", "min_impurity_decrease": 0.07}, None),
    ("mixed", "smooth", {"criterion": "absolute_error", "max_leaf_nodes": 9}, None),
    ("mixed", "counts", {"criterion": "poisson", "min_samples_leaf": 15}, None),
    ("mixed", "counts", {"criterion": "poisson", "min_impurity_decrease": 0.01}, None),
    ("mixed", "counts", {"criterion": "poisson", "max_leaf_nodes": 8, **LEAF}, None),
    ("mixed", "counts", {"min_samples_leaf": 15}, None),
    ("mixed", "smooth", LEAF, "real"),
    ("mixed", "smooth", LEAF, "whole"),
    ("mixed", "smooth", {"min_weight_fraction_leaf": 0.04}, "real"),
    ("mixed", "smooth", {"min_impurity_decrease": 0.2}, "real"),
    ("mixed", "smooth", {"criterion": "absolute_error", **LEAF}, "real"),
    ("mixed", "smooth", {"criterion": "absolute_error", **LEAF}, "whole"),
    ("mixed", "counts", {"criterion": "poisson", **LEAF}, "real"),
    ("mixed", "counts", {"criterion": "poisson", **LEAF}, "whole"),
    ("mixed", "classes", {"criterion": "gini", **LEAF}, "real"),
    ("mixed", "classes", {"criterion": "gini", "class_weight": "balanced", **LEAF}, "real"),
    ("mixed", "classes", {"criterion": "entropy", **LEAF}, "whole"),
    ("mixed", "classes", {"criterion": "entropy", "min_weight_fraction_leaf": 0.05}, "real"),
    ("mixed", "classes", {"criterion": "gini", "min_impurity_decrease": 0.03}, "real"),
    ("mixed", "classes", {"criterion": "gini", "class_weight": {"0": 3.0}, "max_depth": 2}, "whole"),
    ("holes", "smooth", LEAF, None),
    ("holes", "smooth", LEAF, "real"),
    ("holes", "counts", {"criterion": "poisson", "min_samples_leaf": 15}, None),
    ("diabetes", "progression", {"min_samples_leaf": 10}, None),
    ("diabetes", "progression", {"max_depth": 3}, None),
    ("diabetes", "progression", {"criterion": "absolute_error", "max_depth": 2}, None),
    ("diabetes", "progression", {"criterion": "poisson", "min_samples_leaf": 10}, None),
    ("diabetes", "progression", {"min_samples_leaf": 10}, "real"),
]  # fmt: skip


SEEDS = 40
FORESTS = {"random_forest": RandomForestRegressor, "extra_trees": ExtraTreesRegressor}
# Table, target, estimator, hyper-parameters, kind of weights. Of 50 trees.
SCORED = [
    ("mixed", "smooth", "random_forest", {}, None),
    ("mixed", "smooth", "extra_trees", {}, None),
    ("mixed", "smooth", "random_forest", {}, "real"),
    ("mixed", "smooth", "extra_trees", {}, "real"),
    ("mixed", "smooth", "random_forest", {"criterion": "absolute_error"}, None),
    ("mixed", "smooth", "extra_trees", {"criterion": "absolute_error"}, None),
    ("mixed", "smooth", "random_forest", {"max_samples": 0.5, "min_samples_leaf": 3}, None),
    ("mixed", "counts", "random_forest", {"criterion": "poisson"}, None),
    ("mixed", "counts", "extra_trees", {"criterion": "poisson"}, "real"),
    ("holes", "smooth", "random_forest", {}, None),
    ("holes", "smooth", "extra_trees", {}, None),
    ("diabetes", "progression", "random_forest", {}, None),
    ("diabetes", "progression", "random_forest", {"max_features": 0.4, "max_depth": 5}, None),
    ("diabetes", "progression", "extra_trees", {"min_samples_split": 9}, None),
]  # fmt: skip


def scores(x, y, estimator, params, weights, train):
    """R² on the rows that are not training rows, for each seed."""
    test = np.setdiff1d(np.arange(len(x)), train)
    weights = None if weights is None else weights[train]
    found = []
    for seed in range(SEEDS):
        forest = FORESTS[estimator](n_estimators=50, random_state=seed, **params)
        forest.fit(x[train], y[train], sample_weight=weights)
        found.append(float(r2_score(y[test], forest.predict(x[test]))))
    return found


def numbers(array):
    return [None if np.isnan(value) else float(value) for value in array]


def fitted(x, y, params, weights, state, factor):
    """The predictions of a tree that is fitted to `factor` times the targets."""
    params = dict(params)
    if y.dtype.kind == "i":
        if isinstance(params.get("class_weight"), dict):
            by_label = params["class_weight"].items()
            params["class_weight"] = {int(label): weight for label, weight in by_label}
        tree = DecisionTreeClassifier(random_state=state, **params)
        return tree.fit(x[0], y, sample_weight=weights).predict_proba(x[1])
    power = 1 if params.get("criterion") in ["absolute_error", "poisson"] else 2
    if "min_impurity_decrease" in params:
        params["min_impurity_decrease"] *= factor**power
    tree = DecisionTreeRegressor(random_state=state, **params)
    return tree.fit(x[0], factor * y, sample_weight=weights).predict(x[1]) / factor


def predictions(x, y, params, weights, train):
    """The predictions for the rows that are not training rows."""
    test = np.setdiff1d(np.arange(len(x)), train)
    weights = None if weights is None else weights[train]
    found = [
        fitted((x[train], x[test]), y[train], params, weights, state, 1 + 0.7 * state)
        for state in range(STATES)
    ]
    differences = [float(np.abs(found[0] - other).max()) for other in found]
    assert max(differences) < 1e-9, (params, differences)
    return found[0]


def main():
    made = {"tables": {}, "cases": [], "forests": []}
    known = {}
    for name, x, targets in tables():
        random = np.random.default_rng(7)
        rows = len(x)
        whole = random.integers(0, 4, rows).astype(float)
        weights = {"real": np.round(random.uniform(0.1, 3, rows), 4), "whole": whole}
        train = np.flatnonzero(random.random(rows) < 0.75)
        known[name] = (x, targets, weights, train)
        made["tables"][name] = {
            "features": [numbers(column) for column in x.T],
            "targets": {target: y.tolist() for target, y in targets.items()},
            "weights": {kind: of.tolist() for kind, of in weights.items()},
            "train": train.tolist(),
        }
    for name, target, params, kind in CASES:
        x, targets, weights, train = known[name]
        weights = None if kind is None else weights[kind]
        predicted = predictions(x, targets[target], params, weights, train)
        made["cases"].append(
            {
                "table": name,
                "target": target,
                "params": params,
                "weights": kind,
                # Of the rows that are not training rows; row-major for classes.
                "predicted": [float(f"{value:.10g}") for value in predicted.ravel()],
            }
        )
    for name, target, estimator, params, kind in SCORED:
        x, targets, weights, train = known[name]
        weights = None if kind is None else weights[kind]
        made["forests"].append(
            {
                "table": name,
                "target": target,
                "estimator": estimator,
                "params": params,
                "weights": kind,
                "scores": scores(x, targets[target], estimator, params, weights, train),
            }
        )
    path = HERE / "trees.json"
    path.write_text(json.dumps(made, separators=(",", ":")) + "\n")
    print(f"{path.name}: {len(made['cases'])} cases, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
