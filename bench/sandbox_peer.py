"""A search of `sandbox.py` by scikit-learn, spread by joblib's loky or by Dask.

    python sandbox_peer.py loky|dask JOBS TABLE CASE

CASE is a JSON object of `class`, `params`, `grid` and `splits`. Prints the best mean score.
"""

import importlib
import json
import sys

import pandas as pd
from peers import spread
from sklearn.model_selection import GridSearchCV


def main():
    backend, jobs, source, case = sys.argv[1:]
    case = json.loads(case)
    module, _, name = case["class"].rpartition(".")
    estimator = getattr(importlib.import_module(module), name)(**case["params"])
    frame = pd.read_parquet(source)
    search = GridSearchCV(
        estimator, case["grid"], scoring="accuracy", cv=case["splits"], refit=False
    )
    with spread(backend, int(jobs)):
        search.fit(frame.drop(columns="target").to_numpy(), frame["target"].to_numpy())
    print(json.dumps({"score": float(search.cv_results_["mean_test_score"].max())}))


# Dask's workers import this file again.
if __name__ == "__main__":
    main()
