"""Cross-validates several estimators of scikit-learn on the table of agree.py.

    python agree_peer.py table.parquet arms.json

Each arm has `trainer` (fanout's name), `params` (of scikit-learn's estimator),
`scale` (whether numbers are scaled), `untied` (whether that column is a feature) and
`scoring`. Numbers are imputed by the median
and scaled, categories imputed by the most frequent and one-hot encoded. Prints one
JSON object: for each arm the scores of the folds, by metric, the same with rows and
columns in reverse order (`again`), and the seconds of its fits and scores on one core.
The process does nothing else.
"""

import os

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

import argparse
import json
import pathlib
import warnings

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import PredefinedSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tables_peer import estimator


def columns(x, scale):
    """What comes before the estimator; the matrix is dense, as some need it."""
    numbers = [name for name in x if pd.api.types.is_numeric_dtype(x[name])]
    categories = [name for name in x if name not in numbers]
    median = SimpleImputer(strategy="median")
    return make_column_transformer(
        (make_pipeline(median, StandardScaler()) if scale else median, numbers),
        (
            make_pipeline(
                SimpleImputer(strategy="most_frequent"),
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            ),
            categories,
        ),
    )


def scores(frame, arm):
    """The scores of the folds by metric, and the seconds of all fits and scores."""
    others = ["fold", "y"] if arm["untied"] else ["fold", "y", "untied"]
    x, y = frame.drop(columns=others), frame["y"]
    learns_numbers = pd.api.types.is_numeric_dtype(y)
    # Classes by number, which no metric needs to be told the positive one of.
    y = y if learns_numbers else y.astype("category").cat.codes
    model = estimator(arm["trainer"], learns_numbers)(**arm["params"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = cross_validate(
            make_pipeline(columns(x, arm["scale"]), model),
            x,
            y,
            cv=PredefinedSplit(frame["fold"]),
            scoring=arm["scoring"],
            error_score="raise",
        )
    seconds = float(found["fit_time"].sum() + found["score_time"].sum())
    return {metric: found[f"test_{metric}"].tolist() for metric in arm["scoring"]}, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", type=pathlib.Path)
    parser.add_argument("arms", type=pathlib.Path)
    arguments = parser.parse_args()
    frame = pd.read_parquet(arguments.table)
    # The imputer of texts knows NaN as missing, and None not.
    texts = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    frame = frame.astype({name: object for name in texts})
    frame = frame.where(frame.notna(), float("nan"))
    reverse = frame.iloc[::-1, ::-1].reset_index(drop=True)
    found = []
    for arm in json.loads(arguments.arms.read_text()):
        folds, seconds = scores(frame, arm)
        again, _ = scores(reverse, arm)
        found.append({"scores": folds, "again": again, "seconds": seconds})
    print(json.dumps({"arms": found}))


if __name__ == "__main__":
    main()
