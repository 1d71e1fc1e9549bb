"""Runs one search of bars.py with scikit-learn, as its user would write it.

    python bars_peer.py flights_linear --jobs 2

`GridSearchCV` with `n_jobs`, joblib's loky. The table, the folds, the grid and the
metrics are those of plans/NAME.yaml. Prints one JSON object with the mean scores of
all candidates. The process does nothing else: its wall time, from outside, is the
peer's whole cost.
"""

import argparse
import json
import pathlib
import time

DATA = pathlib.Path(__file__).resolve().parent / "data"


def flights_delay():
    """Texts become category codes, as in the article's experiment."""
    import pandas as pd
    from sklearn.ensemble import RandomForestRegressor

    table = pd.read_parquet(DATA / "flights.parquet").dropna(subset=["arr_delay"])
    table["route"] = table["origin"].astype(str).str.cat(table["dest"].astype(str), sep="_")
    texts = ["carrier", "origin", "dest", "route"]
    for name in texts:
        table[name] = table[name].astype("category").cat.codes
    numbers = ["month", "day", "day_of_week", "sched_dep_time", "sched_arr_time", "flight"]
    grid = {"n_estimators": [2, 4, 6, 8, 10], "max_depth": [2, 4, 6, 8, 10]}
    x = table[numbers + texts + ["distance"]]
    metrics = ["r2", "neg_mean_absolute_error"]
    return RandomForestRegressor(random_state=10), grid, metrics, x, table["arr_delay"], table


def flights_linear():
    """The one-hot columns stay sparse, as `OneHotEncoder` makes them."""
    import numpy as np
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    table = pd.read_parquet(DATA / "flights.parquet")
    numbers = ["day", "day_of_week", "sched_dep_time", "sched_arr_time", "distance"]
    categories = ["month", "carrier", "origin", "dest"]
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), categories),
    )
    pipeline = Pipeline([("columns", columns), ("model", LogisticRegression())])
    grid = {"model__C": np.geomspace(0.001, 100, 12)}
    x = table[numbers + categories]
    return pipeline, grid, ["roc_auc", "neg_log_loss"], x, table["cancelled"], table


def neighbors():
    import pandas as pd
    from sklearn.neighbors import KNeighborsClassifier

    table = pd.read_parquet(DATA / "neighbors.parquet")
    grid = {"n_neighbors": range(1, 51), "weights": ["uniform", "distance"]}
    x = table.drop(columns=["y", "fold"])
    return KNeighborsClassifier(), grid, ["accuracy"], x, table["y"], table


def mixed():
    """Trees take missing numbers as they are, and categories as codes."""
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    table = pd.read_parquet(DATA / "mixed.parquet")
    x = table.drop(columns=["y", "fold"])
    categories = [name for name in x if not pd.api.types.is_numeric_dtype(x[name])]
    numbers = [name for name in x if name not in categories]

    def scaled(scaler):
        return make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="median"), scaler), numbers),
            # Dense, since `GaussianNB` takes no sparse matrix.
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), categories),
        )

    scales = [scaled(StandardScaler()), scaled(RobustScaler())]
    codes = make_column_transformer((OrdinalEncoder(), categories), remainder="passthrough")
    pipeline = Pipeline([("scale", None), ("trainer", None)])
    grid = [
        {
            "trainer": [LogisticRegression()],
            "scale": scales,
            "trainer__C": [0.01, 0.1, 1.0, 10.0],
        },
        {
            "trainer": [KNeighborsClassifier()],
            "scale": scales,
            "trainer__n_neighbors": [1, 3, 5, 9, 15, 25],
            "trainer__weights": ["uniform", "distance"],
        },
        {
            "trainer": [GaussianNB()],
            "scale": scales,
            "trainer__var_smoothing": [1e-9, 1e-4],
        },
        {
            "trainer": [RandomForestClassifier(random_state=10)],
            "scale": [codes],
            "trainer__n_estimators": [50, 100],
            "trainer__max_depth": [5, 10, 15],
        },
        {
            "trainer": [DecisionTreeClassifier(random_state=10)],
            "scale": [codes],
            "trainer__max_depth": [2, 4, 6, 8, 10],
        },
    ]
    return pipeline, grid, ["accuracy", "roc_auc"], x, table["y"], table


SEARCHES = {search.__name__: search for search in [flights_delay, flights_linear, neighbors, mixed]}


def named(params):
    """A candidate's parameters as the plan has them."""
    import sklearn.preprocessing as preprocessing

    trainers = {
        "LogisticRegression": "logistic_regression",
        "KNeighborsClassifier": "k_neighbors",
        "GaussianNB": "gaussian_nb",
        "RandomForestClassifier": "random_forest",
        "DecisionTreeClassifier": "decision_tree",
    }
    scalers = {
        preprocessing.StandardScaler: "standard_scaler",
        preprocessing.RobustScaler: "robust_scaler",
    }
    found = {}
    for name, value in params.items():
        name = name.removeprefix("trainer__").removeprefix("model__")
        if name == "trainer":
            value = trainers[type(value).__name__]
        elif name == "scale":
            first = value.transformers[0][1]
            if type(first) is preprocessing.OrdinalEncoder:
                continue
            value = scalers[type(first.steps[-1][1])]
        found[name] = value
    return found


def main():
    from sklearn.model_selection import GridSearchCV, PredefinedSplit

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("search", choices=SEARCHES)
    parser.add_argument("--jobs", type=int, required=True)
    arguments = parser.parse_args()
    estimator, grid, metrics, x, y, table = SEARCHES[arguments.search]()
    splits = PredefinedSplit(table["fold"])
    search = GridSearchCV(
        estimator, grid, scoring=metrics, cv=splits, refit=False, n_jobs=arguments.jobs
    )
    started = time.perf_counter()
    search.fit(x, y)
    seconds = time.perf_counter() - started
    found = search.cv_results_
    result = {
        "fits": len(found["params"]) * search.n_splits_,
        "search_seconds": seconds,
        "params": [named(params) for params in found["params"]],
        "means": {metric: found[f"mean_test_{metric}"].tolist() for metric in metrics},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
