# /// script
# requires-python = ">=3.11"
# dependencies = ["scikit-learn==1.9.1", "pandas", "pyarrow"]
# ///
"""Writes vectors.json: what scikit-learn's cross_validate, learning_curve,
validation_curve, nested cross-validation and permutation_test_score give on the tables
of `plans/data`.

    python tests/kinds/vectors.py      # scikit-learn 1.9

A case is the fields of a plan, and the arrays of scikit-learn, rows as there.
"""

import json
import pathlib
import warnings

import numpy as np
import pandas
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_validate,
    learning_curve,
    permutation_test_score,
    validation_curve,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore", category=UserWarning)
HERE = pathlib.Path(__file__).parent
DATA = HERE.parent.parent / "plans" / "data"

digits = pandas.read_parquet(DATA / "digits.parquet")
cancer = pandas.read_csv(DATA / "breast_cancer.csv").drop(columns="diagnosis")
number = cancer.columns[-1]
tables = {
    "digits": (digits.drop(columns="digit").to_numpy(float), digits["digit"].to_numpy()),
    "cancer": (cancer.drop(columns=number).to_numpy(float), cancer[number].to_numpy()),
}
datasets = {
    "digits": {"source": "digits.parquet", "target": "digit"},
    "cancer": {
        "source": "breast_cancer.csv",
        "target": number,
        "drop": ["diagnosis"],
        "learn": "regression",
    },
}
k3 = (KFold(3), {"method": "k_fold", "n_splits": 3})
k4 = (KFold(4), {"method": "k_fold", "n_splits": 4})
s3 = (StratifiedKFold(3), {"method": "stratified_k_fold", "n_splits": 3})
time3 = (TimeSeriesSplit(3), {"method": "time_series_split", "n_splits": 3})

bayes = ("digits", GaussianNB(), {"trainer": {"name": "gaussian_nb"}})
near = ("digits", KNeighborsClassifier(), {"trainer": {"name": "k_neighbors"}})
scaled = (
    "cancer",
    make_pipeline(StandardScaler(), Ridge()),
    {"trainer": {"name": "ridge"}, "steps": [{"step": "standard_scaler"}]},
)
chosen = (
    "cancer",
    make_pipeline(SelectKBest(f_regression, k=3), Ridge()),
    {
        "trainer": {"name": "ridge"},
        "steps": [{"step": "select_k_best", "params": {"k": 3, "score_func": "f_regression"}}],
    },
)
groups = "pixel_0_1"
classes = ["accuracy", "f1_macro"]
numbers = ["r2", "neg_mean_absolute_error"]


def plan(kind, estimator, cv, more):
    dataset, _, fields = estimator
    fields = {"kind": kind, "dataset": datasets[dataset], "cv": cv[1]} | fields | more
    return fields | {"scoring": numbers if dataset == "cancer" else classes}


def lists(arrays):
    return {name: np.asarray(array).tolist() for name, array in arrays.items()}


def validated(estimator, cv):
    x, y = tables[estimator[0]]
    given = plan("cross_validate", estimator, cv, {"return_train_score": True})
    found = cross_validate(
        estimator[1], x, y, cv=cv[0], scoring=given["scoring"], return_train_score=True
    )
    scores = {name: array for name, array in found.items() if not name.endswith("_time")}
    return {"plan": given, "scores": lists(scores)}


def by_metric(curve, estimator, **more):
    """The train and test scores of a curve by each metric."""
    x, y = tables[estimator[0]]
    scores = {}
    for metric in numbers if estimator[0] == "cancer" else classes:
        *_, train, test = curve(estimator[1], x, y, scoring=metric, **more)
        scores |= {f"train_{metric}": train, f"test_{metric}": test}
    return lists(scores)


def learned(estimator, cv, sizes):
    x, y = tables[estimator[0]]
    more = {} if sizes is None else {"train_sizes": sizes}
    absolute, *_ = learning_curve(estimator[1], x, y, cv=cv[0], **more)
    return {
        "plan": plan("learning_curve", estimator, cv, more),
        "train_sizes": absolute.tolist(),
        "scores": by_metric(learning_curve, estimator, cv=cv[0], **more),
    }


def varied(estimator, cv, name, values, called=None):
    more = {"param_name": name, "param_range": values}
    theirs = {"param_name": called or name, "param_range": values}
    return {
        "plan": plan("validation_curve", estimator, cv, more),
        "scores": by_metric(validation_curve, estimator, cv=cv[0], **theirs),
    }


def nested(estimator, outer, inner, name, values, called=None):
    x, y = tables[estimator[0]]
    more = {"search": {"params": {name: values}}, "inner_cv": inner[1]}
    given = plan("nested_cross_validation", estimator, outer, more)
    first, *_ = given["scoring"]
    search = GridSearchCV(
        estimator[1], {called or name: values}, cv=inner[0], scoring=given["scoring"], refit=first
    )
    found = cross_validate(
        search, x, y, cv=outer[0], scoring=given["scoring"], return_estimator=True
    )
    best = found["estimator"]
    return {
        "plan": given,
        "best_index": [int(one.best_index_) for one in best],
        "best_score": [one.best_score_ for one in best],
        "inner": [
            one.cv_results_[f"mean_test_{metric}"].tolist()
            for one in best
            for metric in given["scoring"]
        ],
        "scores": lists({name: found[name] for name in found if name.startswith("test_")}),
    }


def permuted(estimator, cv, permutations, seed, groups=None):
    dataset = estimator[0]
    x, y = tables[dataset]
    more = {"n_permutations": permutations, "random_state": seed}
    of_rows = None
    if groups:
        of_rows = digits[groups].to_numpy()
        x = digits.drop(columns=["digit", groups]).to_numpy(float)
        more["dataset"] = datasets[dataset] | {"groups": groups}
    given = plan("permutation_test", estimator, cv, more)
    found = {}
    for metric in given["scoring"]:
        score, scores, pvalue = permutation_test_score(
            estimator[1], x, y, cv=cv[0], scoring=metric, groups=of_rows,
            n_permutations=permutations, random_state=seed,
        )
        found[metric] = [float(score), scores.tolist(), float(pvalue)]
    return {"plan": given, "tests": found}


vectors = {
    "cross_validate": [validated(bayes, s3), validated(near, k4), validated(scaled, k3)],
    "learning_curve": [
        learned(bayes, s3, None),
        learned(near, k3, [50, 400, 800]),
        learned(near, time3, [0.2, 0.6, 1.0]),
        learned(scaled, k4, [0.1, 0.5, 0.9, 1.0]),
    ],
    "validation_curve": [
        varied(near, k4, "n_neighbors", [5, 1]),
        varied(bayes, s3, "var_smoothing", [1e-9, 1e-3, 0.1]),
        varied(scaled, k4, "alpha", [0.01, 1.0, 100.0], "ridge__alpha"),
    ],
    "nested_cross_validation": [
        nested(near, k3, s3, "n_neighbors", [1, 3, 5, 9]),
        nested(bayes, s3, k4, "var_smoothing", [1e-9, 1e-4, 1e-2, 0.1, 1.0]),
        nested(scaled, k3, k4, "alpha", [0.01, 0.1, 1.0, 10.0], "ridge__alpha"),
        nested(near, time3, k3, "n_neighbors", [1, 3]),
    ],
    "permutation_test": [
        permuted(bayes, k3, 10, 0),
        permuted(bayes, s3, 10, 4294967295),
        permuted(scaled, k4, 20, 7),
        permuted(chosen, k3, 5, 1),
        permuted(bayes, k3, 6, 3, groups),
        permuted(bayes, (GroupKFold(3), {"method": "group_k_fold", "n_splits": 3}), 6, 3, groups),
        permuted(
            bayes,
            (StratifiedGroupKFold(3), {"method": "stratified_group_k_fold", "n_splits": 3}),
            6,
            5,
            groups,
        ),
    ],
}
(HERE / "vectors.json").write_text(json.dumps(vectors, indent=1) + "\n")
for kind, cases in vectors.items():
    print(f"{len(cases)} {kind}")
