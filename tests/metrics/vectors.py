#!/usr/bin/env python3
"""Writes vectors.json beside itself: what scikit-learn's scorers say of some
predictions. Run it with scikit-learn 1.9 and NumPy:

    python tests/metrics/vectors.py

Every score comes from the scorer that scikit-learn has under that name, asked
through an estimator that returns predictions made beforehand. Where the scorer
raises an error the score is null: a search of scikit-learn's would count nan.
"""

import json
import math
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

assert sklearn.__version__.startswith("1.9."), sklearn.__version__

CLASSES = ["accuracy", "balanced_accuracy", "matthews_corrcoef"] + [
    f"{metric}_{average}"
    for metric in ("precision", "recall", "f1")
    for average in ("macro", "micro", "weighted")
]
POSITIVE = ["precision", "recall", "f1"]
PROBABILITIES = [
    "roc_auc_ovr",
    "roc_auc_ovr_weighted",
    "roc_auc_ovo",
    "roc_auc_ovo_weighted",
    "average_precision",
    "neg_log_loss",
    "neg_brier_score",
]
NUMBERS = [
    "r2",
    "neg_mean_squared_error",
    "neg_root_mean_squared_error",
    "neg_mean_absolute_error",
]


class Oracle(ClassifierMixin, BaseEstimator):
    """Predicts what it was given."""

    def __init__(self, classes, proba=None, codes=None):
        self.classes_ = np.arange(classes)
        self.proba, self.codes = proba, codes

    def predict(self, X):
        return self.proba.argmax(axis=1) if self.codes is None else self.codes

    def predict_proba(self, X):
        return self.proba


class NumberOracle(RegressorMixin, BaseEstimator):
    def __init__(self, numbers):
        self.numbers = numbers

    def predict(self, X):
        return self.numbers

    def __sklearn_is_fitted__(self):
        return True


def ask(scorer, estimator, truth):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score = float(scorer(estimator, np.zeros((len(truth), 1)), truth))
    except ValueError:
        return None
    return score if math.isfinite(score) else None


def of_class(name, positive):
    """The scorer `name`, of another positive class than the last."""
    function = {
        "precision": metrics.precision_score,
        "recall": metrics.recall_score,
        "f1": metrics.f1_score,
    }
    return metrics.make_scorer(function[name], pos_label=positive)


def classified(name, classes, truth, kind, values, positive=None):
    """A case of classes. `values` is what our Prediction of `kind` holds."""
    truth = np.asarray(truth)
    values = np.asarray(values)
    scores = {}
    names = list(CLASSES) + (POSITIVE if classes == 2 else [])
    if kind == "classes":
        estimator = Oracle(classes, codes=values)
    else:
        proba = np.column_stack([1 - values, values]) if kind == "binary" else values
        estimator = Oracle(classes, proba=proba)
        names += PROBABILITIES + (["roc_auc"] if classes == 2 else [])
    for metric in names:
        if positive in (None, classes - 1):
            scores[metric] = ask(metrics.get_scorer(metric), estimator, truth)
        elif metric in POSITIVE:
            scores[metric] = ask(of_class(metric, positive), estimator, truth)
        elif metric == "average_precision":
            # Of class 0: what its own column says.
            column = estimator.predict_proba(None)[:, positive]
            scores[metric] = metrics.average_precision_score(truth == positive, column)
        else:
            scores[metric] = ask(metrics.get_scorer(metric), estimator, truth)
    return {
        "name": name,
        "classes": classes,
        "truth": truth.tolist(),
        "positive": positive,
        "kind": kind,
        "prediction": values.ravel().tolist(),
        "scores": scores,
    }


def numbered(name, truth, numbers):
    truth, numbers = np.asarray(truth, float), np.asarray(numbers, float)
    estimator = NumberOracle(numbers)
    return {
        "name": name,
        "classes": 0,
        "truth": truth.tolist(),
        "positive": None,
        "kind": "numbers",
        "prediction": numbers.tolist(),
        "scores": {m: ask(metrics.get_scorer(m), estimator, truth) for m in NUMBERS},
    }


def binary_cases(rng):
    for rows, share, digits in [(2, 0.5, 16), (40, 0.5, 16), (300, 0.03, 2), (300, 0.9, 1)]:
        truth = rng.random(rows) < share
        truth[:2] = [False, True]
        ones = np.round(np.clip(0.4 * truth + 0.6 * rng.random(rows) ** 2, 0, 1), digits)
        yield classified(f"binary of {rows}, {digits} digits", 2, truth * 1, "binary", ones)
        yield classified(f"the same, class 0", 2, truth * 1, "binary", ones, positive=0)
        table = np.column_stack([1 - ones, ones])
        yield classified(f"the same, two columns", 2, truth * 1, "multiclass", table)
        yield classified(f"the same, no probabilities", 2, truth * 1, "classes", (ones > 0.5) * 1)
    rows = 5000
    truth = (rng.random(rows) < 0.3) * 1
    ones = np.round(rng.beta(1 + truth, 3), 3)
    yield classified("binary of 5000 rows and few scores", 2, truth, "binary", ones)
    two = [0, 1, 1, 0, 1]
    yield classified("all tied", 2, two, "binary", [0.25] * 5)
    yield classified("all tied at a half", 2, two, "binary", [0.5] * 5)
    yield classified("sure and right", 2, two, "binary", [0.0, 1.0, 1.0, 0.0, 1.0])
    yield classified("sure and wrong", 2, two, "binary", [1.0, 0.0, 0.0, 1.0, 0.0])
    yield classified("sure and half right", 2, two, "binary", [1.0, 0.0, 1.0, 0.0, 1.0])
    tiny = [1e-300, 2e-300, 5e-324, 0.0, 1 - 1e-16]
    yield classified("scores that 1 - p would tie", 2, two, "binary", tiny)
    yield classified("no true positive row", 2, [0, 0, 0], "binary", [0.1, 0.9, 0.6])
    yield classified("no positive row, none said to be", 2, [0, 0, 0], "binary", [0.1, 0.2, 0.3])
    yield classified("positive rows alone", 2, [1, 1, 1], "binary", [0.1, 0.9, 0.6])
    yield classified("one class, no probabilities", 2, [1, 1, 1], "classes", [1, 1, 1])
    yield classified("nothing said positive", 2, two, "classes", [0] * 5)


def multiclass_cases(rng):
    for rows, classes, digits in [(12, 3, 16), (200, 3, 2), (200, 5, 16), (400, 10, 1)]:
        truth = rng.integers(0, classes, rows)
        truth[:classes] = range(classes)
        table = rng.random((rows, classes)) ** 2
        table[np.arange(rows), truth] += 0.3
        table = np.round(table, digits) + 1e-3
        table /= table.sum(axis=1, keepdims=True)
        name = f"{classes} classes of {rows} rows, {digits} digits"
        yield classified(name, classes, truth, "multiclass", table)
        codes = table.argmax(axis=1)
        yield classified("the same, no probabilities", classes, truth, "classes", codes)
        absent = np.where(truth == 1, 0, truth)
        yield classified("the same, class 1 is of no row", classes, absent, "multiclass", table)
        said = table.copy()
        said[:, 1] = 0
        said /= said.sum(axis=1, keepdims=True)
        yield classified("the same, class 1 is never said", classes, truth, "multiclass", said)
        gone = np.where(codes == 1, 0, codes)
        yield classified("the same, class 1 is not at all", classes, absent, "classes", gone)
    even = np.full((6, 3), 1 / 3)
    yield classified("three even classes", 3, [0, 1, 2, 2, 1, 2], "multiclass", even)
    yield classified("one class of three", 3, [2, 2, 2], "multiclass", even[:3])
    yield classified("two classes of three", 3, [2, 0, 2], "multiclass", even[:3])
    sure = np.eye(3)[[0, 1, 2, 2, 1, 0]]
    yield classified("three classes, sure", 3, [0, 1, 2, 2, 1, 2], "multiclass", sure)


def number_cases(rng):
    truth = rng.normal(size=100) * 50 + 1e6
    yield numbered("numbers", truth, truth + rng.normal(size=100))
    yield numbered("numbers, all right", [1, 2, 3.5], [1, 2, 3.5])
    yield numbered("a constant, missed", [2, 2, 2], [1, 2, 3])
    yield numbered("a constant, hit", [2, 2, 2], [2, 2, 2])
    yield numbered("one number", [2], [1])


def main():
    rng = np.random.default_rng(0)
    cases = [*binary_cases(rng), *multiclass_cases(rng), *number_cases(rng)]
    path = pathlib.Path(__file__).with_name("vectors.json")
    lines = ",\n".join(json.dumps(case) for case in cases)
    path.write_text(
        f'{{"scikit-learn": "{sklearn.__version__}", "cases": [\n{lines}\n]}}\n'
    )
    print(f"{len(cases)} cases, {sum(len(c['scores']) for c in cases)} scores")


main()
