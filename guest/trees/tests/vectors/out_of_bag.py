"""Makes out_of_bag.json: `oob_score_` of scikit-learn's forests over forty seeds, on the
training rows of tables of trees.json.

    python tests/vectors/out_of_bag.py
"""

import json
import pathlib

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor

HERE = pathlib.Path(__file__).resolve().parent
SEEDS = 40
TREES = 60

# Estimator, table, target, hyper-parameters, kind of weights.
CASES = [
    ("random_forest", "mixed", "classes", {}, None),
    ("random_forest", "mixed", "classes", {"max_samples": 0.4}, None),
    ("random_forest", "mixed", "classes", {"max_depth": 4}, "real"),
    ("random_forest", "mixed", "classes", {"class_weight": "balanced"}, None),
    ("extra_trees", "mixed", "classes", {"min_samples_leaf": 2}, None),
    ("random_forest", "mixed", "smooth", {}, None),
    ("random_forest", "mixed", "smooth", {"max_features": 0.5, "max_samples": 0.6}, None),
    ("random_forest", "mixed", "smooth", {"min_samples_leaf": 5}, "real"),
    ("random_forest", "diabetes", "progression", {"min_samples_leaf": 3}, None),
]

FORESTS = {
    ("random_forest", True): RandomForestClassifier,
    ("extra_trees", True): ExtraTreesClassifier,
    ("random_forest", False): RandomForestRegressor,
}


def main():
    tables = json.loads((HERE / "trees.json").read_text())["tables"]
    cases = []
    for estimator, name, target, params, weights in CASES:
        table = tables[name]
        train = np.array(table["train"])
        x = np.array(table["features"], dtype=float).T[train]
        y = np.array(table["targets"][target], dtype=float)[train]
        weight = None if weights is None else np.array(table["weights"][weights])[train]
        forest = FORESTS[estimator, target == "classes"]
        scores = []
        for seed in range(SEEDS):
            fitted = forest(
                TREES, bootstrap=True, oob_score=True, random_state=seed, n_jobs=1, **params
            ).fit(x, y, sample_weight=weight)
            scores.append(round(fitted.oob_score_, 6))
        cases.append(
            {
                "estimator": estimator,
                "table": name,
                "target": target,
                "params": params,
                "weights": weights,
                "scores": scores,
            }
        )
    text = ",\n".join(json.dumps(case) for case in cases)
    (HERE / "out_of_bag.json").write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    main()
