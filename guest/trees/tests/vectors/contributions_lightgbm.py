"""Writes contributions_lightgbm.json: SHAP values (`pred_contrib`) and importances of
LightGBM's boosted trees on a small table of four values a feature.

    python contributions_lightgbm.py > contributions_lightgbm.json

With LightGBM 4.7.0. It computes gradients in 32 bits. Where a node has no rows of some
values, LightGBM and scikit-learn put a threshold at different ends of the gap: the
trees predict the training rows alike, and SHAP values, which follow rows to other
nodes, differ. With few values there are no such gaps.
"""

import json
import sys

import lightgbm as lgb
import numpy as np

ROWS = 3000
# Rows that are explained.
SHOWN = 20
ROUNDS = 10

rng = np.random.default_rng(0)
x = rng.integers(0, 4, size=(ROWS, 3))
signal = (x[:, 0] - 1.3) ** 2 + 2 * np.sin(2 * x[:, 1]) + 0.5 * x[:, 2] * x[:, 0]
numbers = (signal + 0.3 * rng.normal(size=ROWS)).round(4)
targets = {"numbers": numbers, "binary": (numbers > 2).astype(int)}


def case(target, objective):
    # The defaults of HistGradientBoosting.
    params = {
        "objective": objective,
        "learning_rate": 0.1,
        "num_leaves": 31,
        "min_data_in_leaf": 20,
        "min_sum_hessian_in_leaf": 1e-3,
        "min_data_in_bin": 1,
        "enable_bundle": False,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
    data = lgb.Dataset(x.astype(float), targets[target], params=params)
    model = lgb.train(params, data, ROUNDS)
    values = model.predict(x[:SHOWN].astype(float), pred_contrib=True)
    return {
        "target": target,
        "expected": values[0, -1],
        # By feature, of each row.
        "values": values[:, :-1].T.round(9).tolist(),
        "gain": model.feature_importance("gain").tolist(),
        "splits": model.feature_importance("split").tolist(),
    }


json.dump(
    {
        "x": x.T.tolist(),
        "targets": {name: values.tolist() for name, values in targets.items()},
        "max_iter": ROUNDS,
        "cases": [case("numbers", "l2"), case("binary", "binary")],
    },
    sys.stdout,
)
print()
