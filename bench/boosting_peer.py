"""Runs gradient boosting with LightGBM or scikit-learn, as its user would write it.

    python boosting_peer.py fit lightgbm --jobs 1
    python boosting_peer.py search scikit-learn --jobs 2
    python boosting_peer.py big lightgbm --table big.csv --jobs 2

`fit`: single fits on two thirds of the flights each, with `jobs` threads.
`search`: plans/flights_boosting.yaml by `GridSearchCV` with `n_jobs`, joblib's loky,
one thread a fit. `big`: two folds of the table of big.py, read from its CSV file,
`jobs` threads. Prints one JSON object.
"""

import argparse
import json
import os
import pathlib
import time

DATA = pathlib.Path(__file__).resolve().parent / "data"
TEXTS = ["carrier", "origin", "dest", "route"]
NUMBERS = ["month", "day", "day_of_week", "sched_dep_time", "sched_arr_time", "flight", "distance"]
METRICS = ["roc_auc", "neg_log_loss"]


def flights():
    import pandas as pd

    table = pd.read_parquet(DATA / "flights.parquet")
    table["route"] = table["origin"].astype(str).str.cat(table["dest"].astype(str), sep="_")
    for name in TEXTS:
        table[name] = table[name].astype("category")
    return table[NUMBERS + TEXTS], table["cancelled"], table["fold"]


def lightgbm(threads):
    import lightgbm

    return lightgbm.LGBMClassifier(n_jobs=threads, random_state=10, verbose=-1)


def scikit_learn():
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(early_stopping=False, random_state=10)


def fit(arguments):
    """One fit for each fold: processor seconds up to the end of the construction of LightGBM's dataset, where
    it is apart, of the training with it, and of the predictions and the score."""
    from sklearn.metrics import roc_auc_score

    x, y, folds = flights()
    rows = []
    for fold in range(3):
        train, test = folds != fold, folds == fold
        x_train, y_train, x_test, y_test = x[train], y[train], x[test], y[test]
        constructed = None
        started = time.process_time()
        if arguments.library == "lightgbm":
            import lightgbm

            # The default of LightGBM: to choose by trying is a part of its training.
            params = {"objective": "binary", "num_threads": arguments.jobs, "verbose": -1}
            data = lightgbm.Dataset(x_train, y_train, params=params).construct()
            constructed = time.process_time() - started
            booster = lightgbm.train(params, data, num_boost_round=100)
            fitted = time.process_time() - started
            ones = booster.predict(x_test, num_threads=arguments.jobs)
        else:
            model = scikit_learn().fit(x_train, y_train)
            fitted = time.process_time() - started
            ones = model.predict_proba(x_test)[:, 1]
        score = roc_auc_score(y_test, ones)
        rows.append(
            {
                "constructed": constructed,
                "fitted": fitted,
                "scored": time.process_time() - started,
                "roc_auc": score,
            }
        )
    return {"rows": len(x_train), "columns": x.shape[1], "splits": rows}


def search(arguments):
    from sklearn.model_selection import GridSearchCV, PredefinedSplit

    x, y, folds = flights()
    names = {"max_iter": "max_iter", "max_leaf_nodes": "max_leaf_nodes"}
    estimator = scikit_learn()
    if arguments.library == "lightgbm":
        names = {"max_iter": "n_estimators", "max_leaf_nodes": "num_leaves"}
        estimator = lightgbm(1)
    grid = {
        names["max_iter"]: range(10, 101, 10),
        "learning_rate": [0.05, 0.1, 0.2],
        names["max_leaf_nodes"]: [15, 31, 63],
    }
    search = GridSearchCV(
        estimator,
        grid,
        scoring=METRICS,
        cv=PredefinedSplit(folds),
        refit=False,
        n_jobs=arguments.jobs,
    )
    search.fit(x, y)
    found = search.cv_results_
    ours = {name: ours for ours, name in names.items()}
    return {
        "fits": len(found["params"]) * search.n_splits_,
        "params": [
            {ours.get(name, name): value for name, value in params.items()}
            for params in found["params"]
        ],
        "means": {metric: found[f"mean_test_{metric}"].tolist() for metric in METRICS},
    }


def big(arguments):
    """Dates as numbers, texts as categories, as `fanout check` says it reads them."""
    import pandas as pd
    from sklearn.model_selection import KFold, cross_val_score

    started = time.perf_counter()
    table = pd.read_csv(arguments.table, engine="pyarrow")
    for name in table:
        if pd.api.types.is_datetime64_any_dtype(table[name]) or name in ("day", "at"):
            dates = pd.to_datetime(table[name], format="ISO8601")
            table[name] = dates.astype("int64").where(dates.notna())
        elif not pd.api.types.is_numeric_dtype(table[name]):
            table[name] = table[name].astype("category")
    read = time.perf_counter() - started
    x, y = table.drop(columns=["id", "bought"]), table["bought"]
    estimator = lightgbm(arguments.jobs)
    scores = cross_val_score(estimator, x, y, scoring="roc_auc", cv=KFold(2), n_jobs=1)
    return {"rows": len(x), "columns": x.shape[1], "read": read, "roc_auc": scores.mean()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["fit", "search", "big"])
    parser.add_argument("library", choices=["lightgbm", "scikit-learn"])
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--table", type=pathlib.Path, help="the table of big.py")
    parser.add_argument("--output", type=pathlib.Path, help="write the object here, too")
    arguments = parser.parse_args()
    if arguments.what == "fit":
        os.environ["OMP_NUM_THREADS"] = str(arguments.jobs)
    result = {"fit": fit, "search": search, "big": big}[arguments.what](arguments)
    if arguments.output:
        arguments.output.write_text(json.dumps(result))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
