"""Writes explain.json: Shapley values by `shap` (path-dependent TreeExplainer) and
`feature_importances_` by scikit-learn of single trees on small tables without ties. In
`grid`, numbers are eighths: some lie half way between two others of a node, on a
threshold, in 32 bits as in 64.

    python explain.py > explain.json

With shap 0.51.0 and scikit-learn 1.9.1.
"""

import json
import sys

import numpy as np
import shap
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

ROWS = 600
# Rows that are explained.
SHOWN = 30


class Data:
    """Features, the targets by name, and weights."""

    def __init__(self, rng, draw, rows):
        x = draw(rng, rows)
        signal = x[:, 0] + np.sin(2 * x[:, 1]) + 0.5 * x[:, 2] * x[:, 3]
        noise = 0.3 * rng.normal(size=rows)
        self.x = x
        self.targets = {
            "numbers": (signal + noise).round(4),
            "binary": (signal + noise > 0).astype(int),
            "multiclass": np.digitize(signal + noise, [-0.6, 0.6]),
        }
        self.weights = rng.integers(1, 5, size=rows).astype(float)


def of_few(rng, rows):
    """Each distinct number has a bin, and none is half way between two others."""
    return rng.choice(rng.normal(size=200).round(5), size=(rows, 4))


def of_grid(rng, rows):
    return rng.integers(-16, 17, size=(rows, 4)) / 8


CASES = [
    ("numbers", {"max_depth": 4}, None),
    ("numbers", {"max_depth": 6}, "weights"),
    ("binary", {"max_depth": 4}, None),
    ("binary", {"max_depth": 4, "criterion": "entropy"}, "weights"),
    ("multiclass", {"max_depth": 4}, None),
    ("multiclass", {"max_leaf_nodes": 9, "class_weight": "balanced"}, None),
]


# A seed of which some of the rows that are explained lie on a threshold.
GRID_SEED = 1
GRID = [
    ("numbers", {"max_depth": 6}, None),
    ("multiclass", {"max_depth": 5}, "weights"),
]


def fitted(data, target, params, given):
    """The tree of the least leaves without ties: the order in which features are
    searched does not change it."""
    kind = DecisionTreeRegressor if target == "numbers" else DecisionTreeClassifier
    for rows in range(2, 80):
        params = {**params, "min_samples_leaf": rows}
        trees = [
            kind(random_state=seed, **params).fit(data.x, data.targets[target], given)
            for seed in range(20)
        ]
        of = [tree.feature_importances_ for tree in trees]
        if np.allclose(of, of[0], atol=1e-12) and trees[0].tree_.node_count >= 7:
            return trees[0], params
    raise ValueError(params)


def case(data, target, params, weighted):
    given = data.weights if weighted else None
    tree, params = fitted(data, target, params, given)
    explainer = shap.TreeExplainer(tree, feature_perturbation="tree_path_dependent")
    values = np.asarray(explainer.shap_values(data.x[:SHOWN], check_additivity=False))
    expected = np.atleast_1d(explainer.expected_value)
    if values.ndim == 2:
        values = values[:, :, None]
    if target == "binary":
        values, expected = values[:, :, 1:], expected[1:]
    return {
        "target": target,
        "params": params,
        "weighted": weighted is not None,
        "importances": tree.feature_importances_.tolist(),
        "expected": expected.tolist(),
        # By output and feature, of each row.
        "values": values.transpose(2, 1, 0).reshape(-1, SHOWN).round(12).tolist(),
    }


def on_thresholds(data, tree):
    """How many of the explained rows have a number that is a threshold of its feature."""
    of = zip(tree.tree_.feature, tree.tree_.threshold, strict=True)
    pairs = [(feature, threshold) for feature, threshold in of if feature >= 0]
    return sum(any(row[f] == t for f, t in pairs) for row in data.x[:SHOWN])


def vectors(data, cases):
    return {
        "x": data.x.T.tolist(),
        "targets": {name: values.tolist() for name, values in data.targets.items()},
        "weights": data.weights.tolist(),
        "cases": [case(data, *given) for given in cases],
    }


few = Data(np.random.default_rng(7), of_few, ROWS)
grid = Data(np.random.default_rng(GRID_SEED), of_grid, 240)
for target, params, weighted in GRID:
    tree, _ = fitted(grid, target, params, grid.weights if weighted else None)
    assert on_thresholds(grid, tree) >= 5
json.dump({**vectors(few, CASES), "grid": vectors(grid, GRID)}, sys.stdout)
print()
