"""The article's program: which flights are cancelled? A grid search over a random forest.

    python python_program.py loky|dask|fanout|nothing

The program of fanout is that of loky with one import changed; `nothing` imports, reads the table,
and ends.
"""

import contextlib
import json
import pathlib
import sys
import time

began = time.perf_counter()

import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import PredefinedSplit

if sys.argv[1] == "fanout":
    from fanout_ml.model_selection import GridSearchCV
else:
    from sklearn.model_selection import GridSearchCV


def main():
    imported = time.perf_counter() - began
    flights = pd.read_parquet(pathlib.Path(__file__).parent / "data" / "flights.parquet")
    X = flights.drop(columns=["cancelled", "fold", "dep_delay", "arr_delay"])
    X["route"] = X["origin"].str.cat(X["dest"], sep="_")
    for name in X.columns:
        if not pd.api.types.is_numeric_dtype(X[name]):
            X[name] = X[name].astype("category").cat.codes
    search = GridSearchCV(
        RandomForestClassifier(random_state=10),
        {"n_estimators": [2, 4, 6, 8, 10], "max_depth": [2, 4, 6, 8, 10]},
        scoring=["roc_auc", "average_precision", "accuracy"],
        refit="roc_auc",
        cv=PredefinedSplit(flights["fold"]),
        n_jobs=2,
    )
    if sys.argv[1] == "nothing":
        print(json.dumps({"import": imported}))
        return
    with spread(sys.argv[1]):
        started = time.perf_counter()
        search.fit(X, flights["cancelled"])
        fit = time.perf_counter() - started
    score = float(search.best_score_)
    print(json.dumps({"import": imported, "fit": fit, "best": search.best_params_, "score": score}))


@contextlib.contextmanager
def spread(backend):
    """Where joblib sends its work."""
    if backend != "dask":
        yield
        return
    import joblib
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, Client(cluster), joblib.parallel_config("dask", n_jobs=2):
        yield


# Dask's workers import this file again.
if __name__ == "__main__":
    main()
