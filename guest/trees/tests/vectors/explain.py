"""Writes explain.json: Shapley values by `shap` (path-dependent TreeExplainer) and
`feature_importances_` by scikit-learn of single trees on small tables without ties.

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

rng = np.random.default_rng(7)
# Each distinct number has a bin, and none is half way between two others.
x = rng.choice(rng.normal(size=200).round(5), size=(ROWS, 4))
signal = x[:, 0] + np.sin(2 * x[:, 1]) + 0.5 * x[:, 2] * x[:, 3]
noise = 0.3 * rng.normal(size=ROWS)
targets = {
    "numbers": (signal + noise).round(4),
    "binary": (signal + noise > 0).astype(int),
    "multiclass": np.digitize(signal + noise, [-0.6, 0.6]),
}
weights = rng.integers(1, 5, size=ROWS).astype(float)

CASES = [
    ("numbers", {"max_depth": 4}, None),
    ("numbers", {"max_depth": 6}, "weights"),
    ("binary", {"max_depth": 4}, None),
    ("binary", {"max_depth": 4, "criterion": "entropy"}, "weights"),
    ("multiclass", {"max_depth": 4}, None),
    ("multiclass", {"max_leaf_nodes": 9, "class_weight": "balanced"}, None),
]


def fitted(target, params, given):
    """The tree of the least leaves without ties: the order in which features are
    searched does not change it."""
    kind = DecisionTreeRegressor if target == "numbers" else DecisionTreeClassifier
    for rows in range(2, 80):
        params = {**params, "min_samples_leaf": rows}
        trees = [
            kind(random_state=seed, **params).fit(x, targets[target], sample_weight=given)
            for seed in range(20)
        ]
        of = [tree.feature_importances_ for tree in trees]
        if np.allclose(of, of[0], atol=1e-12) and trees[0].tree_.node_count >= 7:
            return trees[0], params
    raise ValueError(params)


def case(target, params, weighted):
    given = weights if weighted else None
    tree, params = fitted(target, params, given)
    explainer = shap.TreeExplainer(tree, feature_perturbation="tree_path_dependent")
    values = np.asarray(explainer.shap_values(x[:SHOWN], check_additivity=False))
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


json.dump(
    {
        "x": x.T.tolist(),
        "targets": {name: values.tolist() for name, values in targets.items()},
        "weights": weights.tolist(),
        "cases": [case(*given) for given in CASES],
    },
    sys.stdout,
)
print()
