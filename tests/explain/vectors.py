"""Writes flights.csv, rows of plans/data/flights.parquet, and vectors.json: what
scikit-learn says of models of them, by splits that are not shuffled.

    python vectors.py

With scikit-learn 1.9.1. Its scorers are given the very permutations that the contract
defines (`Permute` in guest/contract).
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from sklearn.compose import make_column_transformer
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = Path(__file__).parent
ROWS = 300
MASK = (1 << 64) - 1


class SplitMix64:
    def __init__(self, seed):
        self.state = seed & MASK

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)


def permutations(rows, n_repeats, random_state):
    seeds = SplitMix64(random_state)
    for _ in range(n_repeats):
        random, places = SplitMix64(seeds.next()), list(range(rows))
        for last in range(rows - 1, 0, -1):
            other = (random.next() * (last + 1)) >> 64
            places[last], places[other] = places[other], places[last]
        yield places


def importances(model, x, y, scoring, n_repeats, random_state):
    """By metric and feature: of each repeat of each split."""
    found = {name: [[] for _ in x.columns] for name in scoring}
    for train, test in KFold(3).split(x):
        fitted = model.fit(x.iloc[train], y.iloc[train])
        held, truth = x.iloc[test], y.iloc[test]
        for name in scoring:
            scorer = get_scorer(name)
            whole = scorer(fitted, held, truth)
            for at, column in enumerate(x.columns):
                for places in permutations(len(test), n_repeats, random_state):
                    changed = held.copy()
                    changed[column] = held[column].to_numpy()[places]
                    found[name][at].append(whole - scorer(fitted, changed, truth))
    return found


def of_scikit_learn(model, x, y, scoring):
    """The same by permutations of its own: mean and standard error over all repeats."""
    each = {name: [] for name in scoring}
    for train, test in KFold(3).split(x):
        fitted = model.fit(x.iloc[train], y.iloc[train])
        found = permutation_importance(
            fitted, x.iloc[test], y.iloc[test], scoring=scoring, n_repeats=30, random_state=1
        )
        for name in scoring:
            each[name].append(found[name].importances)
    moments = {}
    for name, parts in each.items():
        # The splits are fixed, and repeats vary within them.
        variance = sum(part.var(axis=1, ddof=1) / part.shape[1] for part in parts)
        moments[name] = {
            "mean": np.mean([part.mean(axis=1) for part in parts], axis=0).tolist(),
            "standard_error": (np.sqrt(variance) / len(parts)).tolist(),
        }
    return moments


def dependence(model, x, feature, categories, **options):
    found = partial_dependence(
        model,
        x,
        [feature],
        categorical_features=categories,
        method="brute",
        kind="both",
        **options,
    )
    return {
        "feature": feature,
        "values": found["grid_values"][0].tolist(),
        "average": found["average"].tolist(),
        # By output, of the first rows.
        "individual": found["individual"][:, :5, :].tolist(),
    }


table = pq.read_table(HERE / "../../plans/data/flights.parquet").to_pandas()
COLUMNS = ["month", "dep_delay", "distance", "carrier", "sched_dep_time"]
table = table[[*COLUMNS, "arr_delay"]].dropna().iloc[:: len(table) // 700][:ROWS]
table["late"] = np.where(table.arr_delay > 0, "yes", "no")
table.to_csv(HERE / "flights.csv", index=False, lineterminator="\n")


table = pd.read_csv(HERE / "flights.csv")
whole = table.select_dtypes("integer").columns
table = table.astype(dict.fromkeys(whole, float))
mixed = table[["month", "dep_delay", "distance", "carrier"]]
numbers = table[["dep_delay", "distance", "sched_dep_time"]]
linear = make_pipeline(
    make_column_transformer(
        (OneHotEncoder(sparse_output=False, handle_unknown="ignore"), ["carrier"]),
        remainder="passthrough",
    ),
    LinearRegression(),
)
bayes = make_pipeline(StandardScaler(), GaussianNB())
named = {"r2": "r2", "neg_mean_absolute_error": "neg_mean_absolute_error"}
classes = {"roc_auc": "roc_auc", "accuracy": "accuracy"}
vectors = {
    "linear": {
        "importances": importances(linear, mixed, table.arr_delay, list(named), 3, 42),
        "scikit_learn": of_scikit_learn(linear, mixed, table.arr_delay, list(named)),
    },
    "bayes": {
        "importances": importances(bayes, numbers, table.late, list(classes), 3, 42),
        "scikit_learn": of_scikit_learn(bayes, numbers, table.late, list(classes)),
    },
}
linear.fit(mixed, table.arr_delay)
bayes.fit(numbers, table.late)
vectors["linear"]["dependence"] = [
    dependence(linear, mixed, "dep_delay", ["carrier"], grid_resolution=20),
    dependence(linear, mixed, "carrier", ["carrier"], grid_resolution=20),
    dependence(linear, mixed, "month", ["carrier"], grid_resolution=20),
]
vectors["bayes"]["dependence"] = [
    dependence(bayes, numbers, "sched_dep_time", None, grid_resolution=20, percentiles=(0.1, 0.8)),
]
text = json.dumps(vectors, indent=None)
(HERE / "vectors.json").write_text(text + "\n")
