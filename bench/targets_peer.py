"""The searches of targets.py with scikit-learn, as its user would write them.

    python targets_peer.py TABLE loky 2
    python targets_peer.py TABLE dask 2

`MultiOutputClassifier` fits a `GridSearchCV` for each target, spread by joblib: by loky,
or by Dask on a LocalCluster of as many processes. Prints one JSON object with the best
mean ROC AUC of each target. The process does nothing else: its wall time, from outside,
is the peer's whole cost.
"""

import json
import sys

import joblib
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.multioutput import MultiOutputClassifier


def fitted(table, jobs):
    of = {letter: [name for name in table if name[0] == letter] for letter in "xy"}
    grid = {"n_estimators": [2, 4, 6, 8, 10], "max_depth": [2, 4, 6, 8, 10]}
    search = GridSearchCV(
        RandomForestClassifier(random_state=10),
        grid,
        cv=PredefinedSplit(table["fold"]),
        scoring="roc_auc",
        refit=True,
    )
    model = MultiOutputClassifier(search, n_jobs=jobs)
    return model.fit(table[of["x"]], table[of["y"]])


def main():
    path, backend, jobs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    table = pd.read_parquet(path)
    if backend == "dask":
        from distributed import Client, LocalCluster

        cluster = LocalCluster(
            n_workers=jobs, threads_per_worker=1, processes=True, dashboard_address=None
        )
        with cluster, Client(cluster), joblib.parallel_backend("dask"):
            model = fitted(table, jobs)
    else:
        with joblib.parallel_backend("loky"):
            model = fitted(table, jobs)
    print(json.dumps({"best": [float(one.best_score_) for one in model.estimators_]}))


if __name__ == "__main__":
    main()
