"""Runs a plan's search with scikit-learn, spread by joblib's loky or by Dask.

    python peers.py search plans/flights.yaml --backend loky --jobs 2
    python peers.py search plans/overhead.yaml --first 1000 --backend dask --jobs 2
    python peers.py empty --tasks 100000 --backend loky --jobs 2

The plan is the one that fanout runs, read here as far as the benchmark's
plans go: a Parquet source, columns and concatenations as features, fixed
hyper-parameters, a grid of lists or of one range, a column of folds or k-fold,
metrics. Texts become category codes, as in the article's experiment. `empty`
calls a function that does nothing, without a search.

Prints one JSON object. The process does nothing else: its wall time, from
outside, is the peer's whole cost.
"""

import argparse
import contextlib
import json
import pathlib
import time


def table(plan, folder):
    """The features, the target and the splitter of a plan."""
    import pandas as pd
    from sklearn.model_selection import KFold, PredefinedSplit

    dataset, cv = plan["dataset"], plan["cv"]
    frame = pd.read_parquet(folder / dataset["source"])
    others = {dataset["target"], cv.get("column"), *dataset.get("drop", [])}
    features = dataset.get("features") or [name for name in frame.columns if name not in others]
    columns = {}
    for feature in features:
        if isinstance(feature, dict):
            first, *rest = (frame[name].astype(str) for name in feature["concat"])
            columns[feature["name"]] = first.str.cat(rest, sep=feature["separator"])
        else:
            columns[feature] = frame[feature]
    for name, column in columns.items():
        if not pd.api.types.is_numeric_dtype(column):
            columns[name] = column.astype("category").cat.codes
    splitter = PredefinedSplit(frame[cv["column"]]) if "column" in cv else KFold(cv["n_splits"])
    return pd.DataFrame(columns), frame[dataset["target"]], splitter


def values(given):
    """The values of one hyper-parameter."""
    if isinstance(given, dict):
        low, high = given["range"]
        return list(range(low, high + 1, given.get("step", 1)))
    return given


@contextlib.contextmanager
def spread(backend, jobs):
    """Where joblib sends its work."""
    import joblib

    if backend == "loky":
        with joblib.parallel_config("loky", n_jobs=jobs):
            yield
        return
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=jobs, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, Client(cluster), joblib.parallel_config("dask", n_jobs=jobs):
        yield


def search(arguments):
    import yaml
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import GridSearchCV

    path = pathlib.Path(arguments.plan)
    plan = yaml.safe_load(path.read_text())
    estimators = {"random_forest": RandomForestClassifier, "dummy": DummyClassifier}
    estimator = estimators[plan["trainer"]["name"]](**plan["trainer"].get("params", {}))
    assert plan["search"]["method"] == "grid"
    params = {name: values(given) for name, given in plan["search"]["params"].items()}
    if arguments.first:
        [(name, tried)] = params.items()
        params = {name: tried[: arguments.first]}
    x, y, splitter = table(plan, path.parent)
    grid = GridSearchCV(
        estimator, params, scoring=plan["scoring"], cv=splitter, refit=plan["refit"] or False
    )
    with spread(arguments.backend, arguments.jobs):
        started = time.perf_counter()
        grid.fit(x, y)
        seconds = time.perf_counter() - started
    found = grid.cv_results_
    metric = plan["refit"] or plan["scoring"][0]
    best = int(found[f"rank_test_{metric}"].argmin())
    return {
        "fits": len(found["params"]) * grid.n_splits_,
        "search_seconds": seconds,
        "metric": metric,
        "best": {
            "index": best,
            "params": found["params"][best],
            "mean": float(found[f"mean_test_{metric}"][best]),
            "std": float(found[f"std_test_{metric}"][best]),
        },
        "means": found[f"mean_test_{metric}"].tolist(),
    }


def nothing(number):
    return number


def empty(arguments):
    import joblib

    with spread(arguments.backend, arguments.jobs):
        started = time.perf_counter()
        joblib.Parallel()(joblib.delayed(nothing)(n) for n in range(arguments.tasks))
        seconds = time.perf_counter() - started
    return {"tasks": arguments.tasks, "search_seconds": seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["search", "empty"])
    parser.add_argument("plan", nargs="?")
    parser.add_argument("--backend", choices=["loky", "dask"], required=True)
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--first", type=int, help="only so many candidates, of one list")
    arguments = parser.parse_args()
    result = search(arguments) if arguments.what == "search" else empty(arguments)
    print(json.dumps(result))


# Dask's workers import this file again.
if __name__ == "__main__":
    main()
