#!/usr/bin/env python3
"""Writes table.csv and figures.json beside itself: a table, and the scores that
scikit-learn's estimators with decisions have on it, by target, weights, estimator and
metric, one per fold. Run it with scikit-learn 1.9:

    python tests/decisions/figures.py

Scores are those of scikit-learn's scorers, which compare `decision_function` where a
metric ranks. Optimisers run to tolerances at which no two rows change places.
"""

import json
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

assert sklearn.__version__.startswith("1.9."), sklearn.__version__
# `probability` of an SVC is deprecated.
warnings.simplefilter("ignore", FutureWarning)

HERE = pathlib.Path(__file__).parent
ESTIMATORS = {
    "ridge_classifier": lambda: RidgeClassifier(),
    "linear_svc": lambda: LinearSVC(dual=False, tol=1e-10, max_iter=100000),
    "svc": lambda: SVC(tol=1e-8),
    "svc with probability": lambda: SVC(tol=1e-8, probability=True, random_state=0),
}
RANKING = ["average_precision", "accuracy"]
PROBABILITIES = ["neg_log_loss", "roc_auc_ovr"]


def table():
    random = np.random.RandomState(5)
    x = random.randn(240, 4).round(3)
    signal = x[:, 0] + 0.8 * x[:, 1] ** 2 - 0.5 * x[:, 2] + random.randn(240)
    return {
        "x": x,
        "two": (signal > 0.9) * 1,
        "three": np.digitize(signal, [0.0, 1.2]),
        "w": random.randint(0, 4, 240),
    }


def scores(of, target, weighted, make, metrics):
    found = {metric: [] for metric in metrics}
    y, weights = of[target], of["w"].astype(float) if weighted else None
    for train, test in StratifiedKFold(3).split(of["x"], y):
        estimator = make_pipeline(StandardScaler(), make())
        weigh = lambda rows, names: {n: weights[rows] for n in names} if weighted else {}
        # Weights reach the estimator and the scorer, and no step before it.
        given = weigh(train, [f"{estimator.steps[-1][0]}__sample_weight"])
        estimator.fit(of["x"][train], y[train], **given)
        for metric in metrics:
            score = get_scorer(metric)(
                estimator, of["x"][test], y[test], **weigh(test, ["sample_weight"])
            )
            found[metric].append(float(score))
    return found


def main():
    of = table()
    columns = [*(of["x"][:, at] for at in range(4)), of["two"], of["three"], of["w"]]
    rows = [",".join(map(str, row)) for row in zip(*columns)]
    (HERE / "table.csv").write_text("\n".join(["x0,x1,x2,x3,two,three,w", *rows]) + "\n")
    cases = []
    for target in ["two", "three"]:
        for weighted in [False, True]:
            for name, make in ESTIMATORS.items():
                metrics = RANKING + ["roc_auc" if target == "two" else "top_k_accuracy"]
                metrics += PROBABILITIES * name.endswith("probability")
                found = scores(of, target, weighted, make, metrics)
                case = {"target": target, "weighted": weighted, "estimator": name}
                cases.append(case | {"scores": found})
    lines = ",\n".join(json.dumps(case) for case in cases)
    (HERE / "figures.json").write_text(f"[\n{lines}\n]\n")


main()
