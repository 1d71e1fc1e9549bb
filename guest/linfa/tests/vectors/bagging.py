#!/usr/bin/env python3
"""Writes bagging.json beside itself: what scikit-learn's BaggingClassifier and
BaggingRegressor predict where their members draw the rows and columns that those of
`fanout_sdk::bagging` draw. Run it with scikit-learn 1.9:

    python guest/linfa/tests/vectors/bagging.py

The draws are made here once more, from what `guest/sdk/src/bagging/draw.rs` says.
"""

import json
import math
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn import linear_model, naive_bayes, neighbors, svm
from sklearn.ensemble import BaggingClassifier, BaggingRegressor, _bagging

assert sklearn.__version__.startswith("1.9."), sklearn.__version__
warnings.simplefilter("ignore")

HERE = pathlib.Path(__file__).parent
BITS = (1 << 64) - 1


class SplitMix64:
    def __init__(self, state):
        self.state = state & BITS

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & BITS
        mixed = ((self.state ^ (self.state >> 30)) * 0xBF58476D1CE4E5B9) & BITS
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & BITS
        return mixed ^ (mixed >> 31)

    def below(self, count):
        return (self.next() * count) >> 64

    def uniform(self):
        return (self.next() >> 11) / 2**53


def equal_chances(random, population, count, replace):
    if replace:
        return [random.below(population) for _ in range(count)]
    if count == population:
        return list(range(population))
    places = list(range(population))
    for place in range(count):
        drawn = place + random.below(population - place)
        places[place], places[drawn] = places[drawn], places[place]
    return places[:count]


def by_weights(random, weights, count, replace):
    if replace:
        sums, total = np.cumsum(weights), np.cumsum(weights)[-1]
        drawn = [random.uniform() * total for _ in range(count)]
        return [int(np.searchsorted(sums, one, side="right")) for one in drawn]
    times = [-math.log(1.0 - random.uniform()) / weight for weight in weights]
    return sorted(range(len(weights)), key=lambda place: times[place])[:count]


def draw(random_state, member, bootstrap_features, bootstrap, columns, rows, features, samples,
         weights):
    of_bag = SplitMix64(random_state).next()
    streams = SplitMix64(SplitMix64(of_bag + member).next())
    streams.next()  # the member's own seed
    of_columns, of_rows = SplitMix64(streams.next()), SplitMix64(streams.next())
    if features == columns and not bootstrap_features:
        drawn = range(columns)
    else:
        drawn = equal_chances(of_columns, columns, features, bootstrap_features)
    if weights is None:
        of_rows = equal_chances(of_rows, rows, samples, bootstrap)
    else:
        of_rows = by_weights(of_rows, weights, samples, bootstrap)
    return np.array(sorted(drawn)), np.array(sorted(of_rows))


def table():
    random = np.random.RandomState(5)
    x = random.randn(72, 5).round(3) + [0.0, 2.0, 0.0, -1.0, 0.5]
    score = x[:, 0] + 0.5 * x[:, 1] - x[:, 3] + 0.7 * random.randn(72)
    return {
        "columns": [[float(value) for value in column] for column in x.T],
        "train": [row for row in range(72) if row % 4],
        "test": [row for row in range(72) if row % 4 == 0],
        "weights": [float(w) for w in random.randint(1, 5, 72) * 0.5],
        "targets": {
            "numbers": [float(y) for y in score.round(3)],
            "two": [int(y) for y in score > 2.0],
            "three": [int(y) for y in np.digitize(score, [1.2, 2.7])],
        },
    }


# By trainer: the estimator, its target, hyper-parameters, the tolerance.
EXACT, OPTIMUM = 1e-9, 1e-6
MEMBERS = [
    ("ridge", linear_model.Ridge, "numbers", {"alpha": 2.0}, EXACT),
    ("linear_regression", linear_model.LinearRegression, "numbers", {}, EXACT),
    ("gaussian_nb", naive_bayes.GaussianNB, "two", {}, EXACT),
    ("gaussian_nb", naive_bayes.GaussianNB, "three", {}, EXACT),
    ("k_neighbors", neighbors.KNeighborsClassifier, "three", {"n_neighbors": 4}, EXACT),
    ("k_neighbors", neighbors.KNeighborsRegressor, "numbers", {"n_neighbors": 3}, EXACT),
    ("ridge_classifier", linear_model.RidgeClassifier, "two", {}, EXACT),
    ("ridge_classifier", linear_model.RidgeClassifier, "three", {}, EXACT),
    # `gamma: scale` is of the rows that a member has; scikit-learn's of all.
    ("svc", svm.SVC, "two", {"C": 2.0, "gamma": 0.2, "tol": 1e-10}, OPTIMUM),
    ("logistic_regression", linear_model.LogisticRegression, "three",
     {"C": 0.5, "tol": 1e-10, "max_iter": 10000}, OPTIMUM),
]
BAGS = [
    {"n_estimators": 7, "oob_score": True, "random_state": 3},
    {"n_estimators": 5, "max_samples": 0.6, "max_features": 3, "random_state": 2**40},
    {"n_estimators": 4, "max_samples": 30, "max_features": 0.7, "bootstrap": False,
     "bootstrap_features": True},
    {"n_estimators": 3, "bootstrap": False},
]


def case(data, member, bag, weighted):
    trainer, estimator, target, params, tolerance = member
    x = np.array(data["columns"]).T
    train, test = data["train"], data["test"]
    y = np.array(data["targets"][target])
    weights = np.array(data["weights"])[train] if weighted else None
    kind = BaggingRegressor if target == "numbers" else BaggingClassifier
    ours = {**bag, "random_state": bag.get("random_state", 0)}
    places = {}

    def generate(seed, bootstrap_features, bootstrap, columns, rows, features, samples, weights):
        place = places.setdefault(int(seed), len(places))
        return draw(ours["random_state"], place, bootstrap_features, bootstrap, columns, rows,
                    features, samples, weights)

    _bagging._generate_bagging_indices = generate
    fitted = kind(estimator(**params), **{**bag, "random_state": 0})
    fitted.fit(x[train], y[train], sample_weight=weights)
    expected = {}
    if target == "numbers":
        expected["numbers"] = fitted.predict(x[test])
    else:
        expected["classes"] = fitted.predict(x[test])
        expected["probabilities"] = fitted.predict_proba(x[test])
        if trainer in ("ridge_classifier", "svc"):
            expected["decisions"] = fitted.decision_function(x[test])
    return {
        "trainer": trainer,
        "target": target,
        "params": {**params, **{f"bagging__{name}": value for name, value in ours.items()}},
        "weighted": weighted,
        "expected": {name: np.ravel(values).tolist() for name, values in expected.items()},
        "oob_score": getattr(fitted, "oob_score_", None),
        "tolerance": tolerance,
    }


def main():
    data = table()
    cases = [
        case(data, member, bag, weighted)
        for member in MEMBERS
        for bag in BAGS
        for weighted in (False, True)
        # Weighted draws may be of more rows than there are.
        if not (weighted and bag == BAGS[3])
    ]
    text = json.dumps({"table": data, "cases": cases})
    (HERE / "bagging.json").write_text(text.replace('{"trainer"', '\n{"trainer"') + "\n")


main()
