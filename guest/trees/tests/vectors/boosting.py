"""Makes boosting.json: models of scikit-learn 1.9's HistGradientBoosting* and of
LightGBM 4.7 and what they predict, on tables in which every distinct number has a bin.

    python tests/vectors/boosting.py

`share` is the least share of the test rows whose predictions are to agree to a part in
a thousand: in the first rounds, where few splits are near ties, nearly all. Gradients
are rounded there and not here, so that later splits differ where two gain almost the
same.

The Hessians of K > 2 classes are K / (K - 1) times scikit-learn's, and LightGBM's: the
learning rate here is that times scikit-learn's.
"""

import json
import pathlib

import lightgbm
import numpy as np
import pandas as pd
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
    yield "whole", x, [0] * 4, targets, weights, train
    holes = x.copy()
    holes[random.random(x.shape) < 0.15] = np.nan
    yield "holes", holes, [0] * 4, targets, weights, train
    # Two numbers, a category of few labels and one of many.
    labels = np.column_stack([x[:, :2], x[:, 2] * 8 % 3, x[:, 3] * 8 % 17])
    effects = random.normal(0, 2, 17)[labels[:, 3].astype(int)] + 2 * (labels[:, 2] == 1)
    smooth = smooth + effects
    two = (smooth > 6).astype(int)
    three = (smooth > 3).astype(int) + (smooth > 8).astype(int)
    targets = {**targets, "smooth": smooth, "two": two, "three": three}
    yield "labels", labels, [0, 0, 3, 17], targets, weights, train


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


HESSIAN = {
    "max_iter": 12, "max_leaf_nodes": 4, "learning_rate": 0.4, "min_samples_leaf_by": "hessian",
}  # fmt: skip

# Those of which LightGBM has the same definition.
OTHERS = [
    ("smooth", {}, False),
    ("smooth", {"max_depth": 2}, False),
    ("smooth", {"l2_regularization": 5.0, "learning_rate": 0.5}, False),
    ("smooth", {"l1_regularization": 20.0}, False),
    ("smooth", {"min_samples_leaf": 60}, False),
    ("smooth", {}, True),
    ("counts", {"loss": "poisson"}, False),
    ("two", {"max_iter": 1}, False),
    ("two", {"max_iter": 1}, True),
    ("two", {"max_leaf_nodes": 4}, False),
    ("two", {"max_depth": 2, "max_iter": 8}, False),
    ("three", {"max_iter": 1}, False),
    ("three", {"max_leaf_nodes": 4, "max_iter": 3}, False),
    # Where leaves hold few of the Hessians. Of a bin with few rows, LightGBM rounds what
    # it counts to a whole number, which nothing here does.
    ("two", HESSIAN, False),
]

NAMES = {
    "loss": "objective",
    "learning_rate": "learning_rate",
    "max_iter": "n_estimators",
    "max_leaf_nodes": "num_leaves",
    "max_depth": "max_depth",
    "min_samples_leaf": "min_child_samples",
    "l1_regularization": "reg_alpha",
    "l2_regularization": "reg_lambda",
}


def of_lightgbm(params, classes):
    """Its estimator, with nothing that fanout has not: every distinct number has a bin,
    and labels are added to a side one by one."""
    kind = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
    given = {"min_samples_leaf": 20, **params}
    return kind(
        **{NAMES[name]: value for name, value in given.items() if name in NAMES},
        max_bin=255,
        min_data_in_bin=1,
        min_data_per_group=1,
        poisson_max_delta_step=1e-12,
        enable_bundle=False,
        feature_pre_filter=False,
        deterministic=True,
        force_col_wise=True,
        n_jobs=1,
        verbosity=-1,
    )


def of_scikit_learn(params, classes):
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    theirs = dict(params)
    if isinstance(theirs.get("class_weight"), dict):
        theirs["class_weight"] = {int(k): v for k, v in theirs["class_weight"].items()}
    return kind(random_state=0, early_stopping=False, **theirs)


def main():
    found = {"tables": {}, "cases": []}
    for name, x, labels, targets, weights, train in tables():
        found["tables"][name] = {
            "features": [[None if np.isnan(v) else v for v in column] for column in x.T.tolist()],
            "labels": labels,
            "targets": {target: y.tolist() for target, y in targets.items()},
            "weights": weights.tolist(),
            "train": train.tolist(),
        }
        test = np.setdiff1d(np.arange(len(x)), train)
        frame = pd.DataFrame(x, columns=[f"x{at}" for at in range(x.shape[1])])
        for at, number in enumerate(labels):
            if number:
                frame[f"x{at}"] = pd.Categorical(x[:, at].astype(int), categories=range(number))
        cases = [("lightgbm", of_lightgbm, case) for case in OTHERS]
        # scikit-learn divides labels by other rules.
        if not any(labels):
            cases += [("scikit-learn", of_scikit_learn, case) for case in CASES]
        for of, make, (target, given, weighted) in cases:
            y = targets[target]
            classes = len(np.unique(y)) if target in ("two", "three") else 0
            params = {**FEW, **given}
            model = make(params, classes)
            model.fit(frame.iloc[train], y[train], weights[train] if weighted else None)
            if classes == 2:
                predictions = model.predict_proba(frame.iloc[test])[:, 1]
            elif classes:
                predictions = model.predict_proba(frame.iloc[test])
            else:
                predictions = model.predict(frame.iloc[test])
            params["early_stopping"] = False
            params.setdefault("min_samples_leaf_by", "rows")
            if classes > 2 and of == "scikit-learn":
                params["learning_rate"] = 0.1 * classes / (classes - 1)
            found["cases"].append({
                "of": of, "table": name, "target": target, "classes": classes,
                "weighted": weighted, "params": params, "share": 0.9,
                "predictions": predictions.ravel().tolist(),
            })
    (HERE / "boosting.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
