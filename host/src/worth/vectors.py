#!/usr/bin/env python3
"""Writes vectors.json beside itself: what scikit-learn, SciPy and NumPy say of some
predictions. Run it with scikit-learn 1.9:

    python host/src/worth/vectors.py
"""

import json
import math
import pathlib

import numpy as np
import scipy.stats
import sklearn
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import StratifiedKFold, TunedThresholdClassifierCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

assert sklearn.__version__.startswith("1.9."), sklearn.__version__

random = np.random.default_rng(7)


def numbers(values):
    """Infinity as null, which JSON lacks."""
    return [None if math.isinf(value) else float(value) for value in values]


def report(labels, truth, predicted, weights):
    told = metrics.classification_report(
        truth,
        predicted,
        labels=range(len(labels)),
        target_names=labels,
        sample_weight=weights,
        output_dict=True,
        zero_division=0,
    )
    matrix = metrics.confusion_matrix(
        truth, predicted, labels=range(len(labels)), sample_weight=weights
    )
    return {
        "labels": labels,
        "truth": truth.tolist(),
        "predicted": predicted.tolist(),
        "weights": None if weights is None else weights.tolist(),
        "report": told,
        "confusion_matrix": matrix.tolist(),
    }


def reports():
    for labels, rows in [(["no", "yes"], 50), (["a", "b", "c", "d"], 80)]:
        truth = random.integers(0, len(labels), rows)
        predicted = np.where(random.random(rows) < 0.6, truth, random.integers(0, 2, rows))
        # Of four classes, some are never predicted.
        for weights in [None, random.integers(0, 5, rows) / 2.0]:
            yield report(labels, truth, predicted, weights)


def curves():
    """Scores with ties, with and without weights, and one where all rows tie."""
    for rows, digits in [(60, 1), (60, 9), (12, 0)]:
        truth = random.integers(0, 2, rows)
        scores = np.clip(random.normal(truth * 0.3 + 0.35, 0.25), 0, 1).round(digits)
        for weights in [None, random.integers(0, 4, rows) / 2.0]:
            roc = metrics.roc_curve(truth, scores, sample_weight=weights, drop_intermediate=True)
            recall = metrics.precision_recall_curve(
                truth, scores, sample_weight=weights, drop_intermediate=True
            )
            bins = {}
            for strategy in ["uniform", "quantile"]:
                observed, predicted = calibration_curve(truth, scores, strategy=strategy)
                bins[strategy] = [predicted.tolist(), observed.tolist()]
            yield {
                "truth": truth.astype(bool).tolist(),
                "scores": scores.tolist(),
                "weights": None if weights is None else weights.tolist(),
                "roc": [numbers(column) for column in roc],
                "precision_recall": [numbers(column) for column in recall],
                "calibration": bins,
            }


def residuals():
    for rows in [7, 40, 250]:
        truth = random.normal(10, 3, rows)
        predicted = truth + random.standard_t(4, rows)
        left = truth - predicted
        sizes = np.sort(np.abs(left))
        widths = []
        for coverage in [0.5, 0.8, 0.9, 0.95, 0.99]:
            # Of whole hundredths, so that no rounding decides.
            place = -(-(rows + 1) * round(coverage * 100) // 100)
            widths.append(float(sizes[place - 1]) if place <= rows else None)
        shares = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]
        yield {
            "truth": truth.tolist(),
            "predicted": predicted.tolist(),
            "mean": float(left.mean()),
            "std": float(left.std()),
            "quantiles": np.quantile(left, shares).tolist(),
            "half_widths": widths,
        }


def bootstrap():
    """SciPy's percentile intervals, of many resamples."""
    truth = random.integers(0, 2, 300)
    scores = np.clip(random.normal(truth * 0.3 + 0.35, 0.25), 0.001, 0.999).round(6)
    of_classes = {
        "accuracy": lambda y, p: metrics.accuracy_score(y, p > 0.5),
        "f1": lambda y, p: metrics.f1_score(y, p > 0.5),
        "roc_auc": metrics.roc_auc_score,
    }
    true = random.normal(10, 3, 300)
    of_numbers = {
        "r2": metrics.r2_score,
        "neg_mean_absolute_error": lambda y, p: -metrics.mean_absolute_error(y, p),
    }
    predicted = true + random.normal(0, 1.5, 300)
    cases = [("classes", truth, scores, of_classes), ("numbers", true, predicted, of_numbers)]
    for kind, y, p, functions in cases:
        scored = {}
        for name, function in functions.items():
            result = scipy.stats.bootstrap(
                (y, p),
                function,
                paired=True,
                vectorized=False,
                n_resamples=4000,
                method="percentile",
                random_state=1,
            )
            ends = result.confidence_interval
            scored[name] = [float(function(y, p)), float(ends.low), float(ends.high)]
        yield {"kind": kind, "truth": y.tolist(), "predicted": p.tolist(), "scores": scored}


def thresholds():
    """Tuned thresholds of real data, beside the numbers that were compared."""
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, [1, 4, 8]]  # few and weak features, so that the threshold matters
    folds = StratifiedKFold(3)
    splits = np.zeros(len(y), int)
    for split, (_, test) in enumerate(folds.split(X, y)):
        splits[test] = split
    costs = np.array([[0.0, 5.0], [1.0, 0.0]])

    def cost(true, predicted):
        return costs[true, predicted].mean()

    scorers = {
        "f1": {1: "f1", 0: metrics.make_scorer(metrics.f1_score, pos_label=0)},
        "balanced_accuracy": {1: "balanced_accuracy"},
        "neg_mean_cost": {1: metrics.make_scorer(cost, greater_is_better=False)},
    }
    models = [
        ("probability", "predict_proba", make_pipeline(StandardScaler(), LogisticRegression())),
        ("decision", "decision_function", make_pipeline(StandardScaler(), RidgeClassifier())),
    ]
    for of, method, model in models:
        values = cross_val_predict(model, X, y, cv=folds, method=method)
        values = values[:, 1] if values.ndim == 2 else values
        tuned = []
        for metric, by_positive in scorers.items():
            for positive, scorer in by_positive.items():
                search = TunedThresholdClassifierCV(
                    model, scoring=scorer, cv=folds, response_method=method
                ).fit(X, y)
                tuned.append(
                    {
                        "metric": metric,
                        "positive": positive,
                        "threshold": float(search.best_threshold_),
                        "score": float(search.best_score_),
                    }
                )
        yield {
            "of": of,
            "truth": y.tolist(),
            "splits": splits.tolist(),
            "values": values.tolist(),
            "costs": costs.tolist(),
            "tuned": tuned,
        }


def over_targets():
    for rows, targets, weighted in [(40, 3, False), (25, 6, True)]:
        truth = (random.random((rows, targets)) < 0.3).astype(int)
        flips = random.random((rows, targets)) < 0.25
        predicted = np.where(flips, 1 - truth, truth)
        # A target that is never true nor predicted, and a row of that kind.
        truth[:, -1] = predicted[:, -1] = 0
        truth[0] = predicted[0] = 0
        weights = random.random(rows) if weighted else None
        numbers = random.normal(size=(rows, 3))
        guesses = numbers + random.normal(size=(rows, 3))
        # Of one value alone.
        numbers[:, 2] = 0.0

        def f1(average):
            return metrics.f1_score(
                truth, predicted, average=average, sample_weight=weights, zero_division=0
            )

        yield {
            "truth": truth.T.tolist(),
            "predicted": predicted.T.tolist(),
            "numbers": numbers.T.tolist(),
            "guesses": guesses.T.tolist(),
            "weights": None if weights is None else weights.tolist(),
            "hamming_loss": metrics.hamming_loss(truth, predicted, sample_weight=weights),
            "subset_accuracy": metrics.accuracy_score(truth, predicted, sample_weight=weights),
            "f1_samples": f1("samples"),
            "f1_macro": f1("macro"),
            "f1_micro": f1("micro"),
            "mean_r2": metrics.r2_score(numbers, guesses, sample_weight=weights),
        }


vectors = {
    "reports": list(reports()),
    "curves": list(curves()),
    "residuals": list(residuals()),
    "bootstrap": list(bootstrap()),
    "thresholds": list(thresholds()),
    "over_targets": list(over_targets()),
}
path = pathlib.Path(__file__).with_name("vectors.json")
path.write_text(json.dumps(vectors, separators=(",", ":")) + "\n")
