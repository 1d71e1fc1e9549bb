#!/usr/bin/env python3
"""Writes vectors.json beside itself: what scikit-learn's scorers say of some
predictions, with and without sample weights. Run it with scikit-learn 1.9 and
NumPy:

    python tests/metrics/vectors.py

Every score comes from the scorer that scikit-learn has under that name, or that
is made of its function where it takes parameters, asked through an estimator that
returns predictions made beforehand. Where the scorer raises an error the score is
null: a search of scikit-learn's would count nan. Where scikit-learn takes no sample
weights (the greatest error; one class against one), they are left out.
"""

import inspect
import json
import math
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import RidgeClassifier
from sklearn.svm import SVC, LinearSVC

assert sklearn.__version__.startswith("1.9."), sklearn.__version__

AVERAGED = {
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
    "f1": metrics.f1_score,
    "jaccard": metrics.jaccard_score,
}
# Our names with parameters, and the functions that have these.
FUNCTIONS = AVERAGED | {
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "cohen_kappa": metrics.cohen_kappa_score,
    "d2_pinball_score": metrics.d2_pinball_score,
    "d2_tweedie_score": metrics.d2_tweedie_score,
    "fbeta": metrics.fbeta_score,
    "neg_mean_pinball_loss": metrics.mean_pinball_loss,
    "neg_mean_tweedie_deviance": metrics.mean_tweedie_deviance,
    "top_k_accuracy": metrics.top_k_accuracy_score,
}
CLASSES = ["accuracy", "balanced_accuracy", "matthews_corrcoef", "cohen_kappa"] + [
    f"{metric}_{average}" for metric in AVERAGED for average in ("macro", "micro", "weighted")
]
LIKELIHOOD = ["positive_likelihood_ratio", "neg_negative_likelihood_ratio"]
POSITIVE = list(AVERAGED) + LIKELIHOOD
DECISIONS = ["average_precision", "top_k_accuracy"]
PROBABILITIES = [
    "roc_auc_ovr",
    "roc_auc_ovr_weighted",
    "roc_auc_ovo",
    "roc_auc_ovo_weighted",
    "average_precision",
    "neg_log_loss",
    "neg_brier_score",
    "d2_log_loss_score",
    "d2_brier_score",
    "top_k_accuracy",
]
NUMBERS = [
    "r2",
    "explained_variance",
    "neg_max_error",
    "neg_mean_absolute_error",
    "neg_mean_absolute_percentage_error",
    "neg_mean_gamma_deviance",
    "neg_mean_poisson_deviance",
    "neg_mean_squared_error",
    "neg_mean_squared_log_error",
    "neg_median_absolute_error",
    "neg_root_mean_squared_error",
    "neg_root_mean_squared_log_error",
    "d2_absolute_error_score",
    "neg_mean_pinball_loss",
    "neg_mean_tweedie_deviance",
    "d2_pinball_score",
    "d2_tweedie_score",
]
# Requests with parameters, by name.
OF_CLASSES = {
    "kappa linear": ("cohen_kappa", {"weights": "linear"}),
    "kappa quadratic": ("cohen_kappa", {"weights": "quadratic"}),
    "balanced, adjusted": ("balanced_accuracy", {"adjusted": True}),
    "f2 macro": ("fbeta", {"beta": 2.0, "average": "macro"}),
    "f0 weighted": ("fbeta", {"beta": 0.0, "average": "weighted"}),
    "precision, else 1": ("precision", {"average": "macro", "zero_division": 1}),
    "precision, else left out": ("precision", {"average": "macro", "zero_division": "nan"}),
    "recall, else left out": ("recall", {"average": "weighted", "zero_division": "nan"}),
    "f1, else left out": ("f1", {"average": "micro", "zero_division": "nan"}),
    "jaccard, else 1": ("jaccard", {"average": "macro", "zero_division": 1}),
}
OF_TWO_CLASSES = {
    "specificity": ("recall", {"pos_label": "0"}),
    "f0.5": ("fbeta", {"beta": 0.5}),
    "f0": ("fbeta", {"beta": 0}),
    "f1 of 0, else 1": ("f1", {"pos_label": "0", "zero_division": 1}),
    "precision, else nan": ("precision", {"zero_division": "nan"}),
    "jaccard of 0": ("jaccard", {"pos_label": "0"}),
}
OF_PROBABILITIES = {
    "top 1": ("top_k_accuracy", {"k": 1}),
    "top 3": ("top_k_accuracy", {"k": 3}),
    "top 9": ("top_k_accuracy", {"k": 9}),
}
OF_NUMBERS = {
    "pinball 0.1": ("neg_mean_pinball_loss", {"alpha": 0.1}),
    "pinball 0.95": ("neg_mean_pinball_loss", {"alpha": 0.95}),
    "d2 pinball 0.1": ("d2_pinball_score", {"alpha": 0.1}),
    "d2 pinball 0.9": ("d2_pinball_score", {"alpha": 0.9}),
    "d2 pinball 0": ("d2_pinball_score", {"alpha": 0.0}),
    "d2 pinball 1": ("d2_pinball_score", {"alpha": 1.0}),
    "tweedie -1.5": ("neg_mean_tweedie_deviance", {"power": -1.5}),
    "tweedie 1.5": ("neg_mean_tweedie_deviance", {"power": 1.5}),
    "tweedie 3": ("neg_mean_tweedie_deviance", {"power": 3}),
    "d2 tweedie 1": ("d2_tweedie_score", {"power": 1}),
    "d2 tweedie 1.5": ("d2_tweedie_score", {"power": 1.5}),
    "d2 tweedie 2": ("d2_tweedie_score", {"power": 2.0}),
}
REQUESTS = OF_CLASSES | OF_TWO_CLASSES | OF_PROBABILITIES | OF_NUMBERS


class Oracle(ClassifierMixin, BaseEstimator):
    """Predicts what it was given."""

    def __init__(self, classes, proba=None, codes=None):
        self.classes_ = np.arange(classes)
        self.proba, self.codes = proba, codes

    def predict(self, X):
        return self.proba.argmax(axis=1) if self.codes is None else self.codes

    def predict_proba(self, X):
        return self.proba


class DecisionOracle(ClassifierMixin, BaseEstimator):
    """Predicts what it was given, by decisions."""

    def __init__(self, classes, decisions=None, codes=None):
        self.classes_ = np.arange(classes)
        self.decisions, self.codes = decisions, codes

    def predict(self, X):
        return self.codes

    def decision_function(self, X):
        return self.decisions


class ProbableOracle(DecisionOracle):
    """Has probabilities beside decisions."""

    def __init__(self, classes, decisions=None, codes=None, proba=None):
        super().__init__(classes, decisions, codes)
        self.proba = proba

    def predict_proba(self, X):
        return self.proba


class NumberOracle(RegressorMixin, BaseEstimator):
    def __init__(self, numbers):
        self.numbers = numbers

    def predict(self, X):
        return self.numbers

    def __sklearn_is_fitted__(self):
        return True


def finite(ask):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score = float(ask())
    except (ValueError, ZeroDivisionError):
        return None
    return score if math.isfinite(score) else None


def asked(scorer, estimator, truth, weights):
    given = {} if weights is None else {"sample_weight": weights}
    return finite(lambda: scorer(estimator, np.zeros((len(truth), 1)), truth, **given))


def scorer(metric, params):
    """The scorer of a name of ours with parameters."""
    params = dict(params)
    if params.get("zero_division") == "nan":
        params["zero_division"] = np.nan
    if "pos_label" in params:
        params["pos_label"] = int(params["pos_label"])
    if "average" not in params and metric in [*AVERAGED, "fbeta"]:
        params["average"] = "binary"
    response = ("decision_function", "predict_proba") if metric == "top_k_accuracy" else "predict"
    return metrics.make_scorer(
        FUNCTIONS[metric],
        greater_is_better=not metric.startswith("neg_"),
        response_method=response,
        **params,
    )


def likelihood(metric, positive, predicted, truth, weights):
    """Of any positive class and with weights, which the scorers do not take."""
    ratios = finite(
        lambda: metrics.class_likelihood_ratios(
            truth,
            predicted,
            labels=None if positive == 1 else [1, 0],
            sample_weight=weights,
            replace_undefined_by=1.0,
        )[metric != "positive_likelihood_ratio"]
    )
    return None if ratios is None else (ratios if metric.startswith("pos") else -ratios)


def class_score(metric, classes, estimator, truth, weights, positive):
    """The score by a metric without parameters."""
    last = positive in (None, classes - 1)
    if metric in LIKELIHOOD and not (last and weights is None):
        predicted = estimator.predict(None)
        return likelihood(metric, 1 if last else positive, predicted, truth, weights)
    if metric.startswith("roc_auc_ovo") and classes > 2:
        weights = None
    if metric == "cohen_kappa":
        return asked(scorer(metric, {}), estimator, truth, weights)
    if metric in AVERAGED and not last:
        return asked(scorer(metric, {"pos_label": positive}), estimator, truth, weights)
    if metric == "average_precision" and not last:
        # Of class 0: what its own column says.
        if isinstance(estimator, DecisionOracle):
            column = -estimator.decision_function(None)
        else:
            column = estimator.predict_proba(None)[:, positive]
        return finite(
            lambda: metrics.average_precision_score(
                truth == positive, column, sample_weight=weights
            )
        )
    return asked(metrics.get_scorer(metric), estimator, truth, weights)


def cost_score(classes, estimator, truth, weights):
    """Of costs by distance, greater above the diagonal, and a gain for class 0."""
    table = np.subtract.outer(np.arange(classes), np.arange(classes)).astype(float)
    table = np.where(table < 0, -1.5 * table, table)
    table[0, 0] = -0.25
    costs = table[truth, estimator.predict(None)]
    score = finite(lambda: -np.average(costs, weights=weights))
    labels = [str(label) for label in range(classes)]
    rows = {a: dict(zip(labels, row)) for a, row in zip(labels, table.tolist())}
    return rows, score


def weightings(rng, truth, classes):
    """None; weights of several sizes, some 0; and, for classes, 0 for all rows of
    one."""
    yield None
    rows = len(truth)
    weights = np.round(rng.gamma(1.5, 1.0, rows), 2)
    weights[rng.random(rows) < 0.1] = 0
    if rows > 1:
        yield weights
    if classes:
        yield np.where(truth == 1, 0.0, weights + 0.1)
    else:
        yield np.where(np.arange(rows) % 2 == 1, 0.0, 0.3)


def classified(
    name, classes, truth, kind, values, positive=None, rng=None, codes=None, proba=None
):
    """A case of classes. `values` is what our Prediction of `kind` holds; `codes` are
    the classes beside decisions, and `proba` the probabilities, if there are any."""
    truth = np.asarray(truth)
    values = np.asarray(values)
    names = list(CLASSES) + (POSITIVE if classes == 2 else [])
    requests = OF_CLASSES | (OF_TWO_CLASSES if classes == 2 else {})
    if kind == "classes":
        estimator = Oracle(classes, codes=values)
    elif kind == "decisions":
        estimator = DecisionOracle(classes, values, codes)
        names += DECISIONS + (["roc_auc"] if classes == 2 else [])
        if proba is not None:
            estimator = ProbableOracle(classes, values, codes, proba)
            names += [name for name in PROBABILITIES if name not in DECISIONS]
        requests = requests | OF_PROBABILITIES
    else:
        proba = np.column_stack([1 - values, values]) if kind == "binary" else values
        estimator = Oracle(classes, proba=proba)
        names += PROBABILITIES + (["roc_auc"] if classes == 2 else [])
        requests = requests | OF_PROBABILITIES
    scored = []
    for weights in weightings(rng, truth, classes) if rng else [None]:
        scores = {
            metric: class_score(metric, classes, estimator, truth, weights, positive)
            for metric in names
        }
        for request, (metric, params) in requests.items():
            if positive is not None and request in OF_TWO_CLASSES:
                params = {"pos_label": positive} | params
            scores[request] = asked(scorer(metric, params), estimator, truth, weights)
        if weights is not None and (weights[truth != 0] == 0).all():
            # scikit-learn divides by its rounding error.
            scores |= {metric: None for metric in scores if metric.startswith("d2_")}
        costs, scores["neg_mean_cost"] = cost_score(classes, estimator, truth, weights)
        scored.append(
            {"weights": None if weights is None else weights.tolist(), "scores": scores}
        )
    return {
        "name": name,
        "classes": classes,
        "truth": truth.tolist(),
        "positive": positive,
        "costs": costs,
        "kind": kind,
        "prediction": values.ravel().tolist(),
        "codes": None if codes is None else codes.tolist(),
        "probabilities": None
        if proba is None
        else (proba[:, 1] if classes == 2 else proba).ravel().tolist(),
        "scored": scored,
    }


def numbered(name, truth, numbers, rng, without=()):
    """`without`: begins the names of scores that are rounding errors here."""
    truth, numbers = np.asarray(truth, float), np.asarray(numbers, float)
    estimator = NumberOracle(numbers)
    scored = []
    for weights in weightings(rng, truth, 0):
        scores = {}
        for metric in NUMBERS:
            scorers = sklearn.metrics.get_scorer_names()
            known = metric in scorers
            made = metrics.get_scorer(metric) if known else scorer(metric, {})
            used = None if metric == "neg_max_error" else weights
            scores[metric] = asked(made, estimator, truth, used)
        for request, (metric, params) in OF_NUMBERS.items():
            scores[request] = asked(scorer(metric, params), estimator, truth, weights)
        scores = {name: score for name, score in scores.items() if not name.startswith(without)}
        scored.append(
            {"weights": None if weights is None else weights.tolist(), "scores": scores}
        )
    return {
        "name": name,
        "classes": 0,
        "truth": truth.tolist(),
        "positive": None,
        "costs": {},
        "kind": "numbers",
        "prediction": numbers.tolist(),
        "codes": None,
        "probabilities": None,
        "scored": scored,
    }


def binary_cases(rng):
    for rows, share, digits in [(2, 0.5, 16), (40, 0.5, 16), (150, 0.03, 2), (150, 0.9, 1)]:
        truth = rng.random(rows) < share
        truth[:2] = [False, True]
        truth = truth * 1
        ones = np.round(np.clip(0.4 * truth + 0.6 * rng.random(rows) ** 2, 0, 1), digits)
        name = f"binary of {rows}, {digits} digits"
        yield classified(name, 2, truth, "binary", ones, rng=rng)
        yield classified("the same, class 0", 2, truth, "binary", ones, positive=0, rng=rng)
        table = np.column_stack([1 - ones, ones])
        yield classified("the same, two columns", 2, truth, "multiclass", table)
        yield classified("the same, no probabilities", 2, truth, "classes", (ones > 0.5) * 1)
    rows = 3000
    truth = (rng.random(rows) < 0.3) * 1
    ones = np.round(rng.beta(1 + truth, 3), 2)
    yield classified("binary of 3000 rows and few scores", 2, truth, "binary", ones, rng=rng)
    two = [0, 1, 1, 0, 1]
    yield classified("all tied", 2, two, "binary", [0.25] * 5, rng=rng)
    yield classified("all tied at a half", 2, two, "binary", [0.5] * 5)
    sure = [0.0, 1.0, 1.0, 0.0, 1.0]
    yield classified("sure and right", 2, two, "binary", sure, rng=rng)
    yield classified("sure and wrong", 2, two, "binary", [1.0, 0.0, 0.0, 1.0, 0.0], rng=rng)
    yield classified("sure and half right", 2, two, "binary", [1.0, 0.0, 1.0, 0.0, 1.0])
    tiny = [1e-300, 2e-300, 5e-324, 0.0, 1 - 1e-16]
    yield classified("scores that 1 - p would tie", 2, two, "binary", tiny)
    yield classified("no true positive row", 2, [0, 0, 0], "binary", [0.1, 0.9, 0.6], rng=rng)
    yield classified("no positive row, none said to be", 2, [0, 0, 0], "binary", [0.1, 0.2, 0.3])
    yield classified("positive rows alone", 2, [1, 1, 1], "binary", [0.1, 0.9, 0.6])
    yield classified("one class, no probabilities", 2, [1, 1, 1], "classes", [1, 1, 1])
    yield classified("nothing said positive", 2, two, "classes", [0] * 5, rng=rng)


def multiclass_cases(rng):
    for rows, classes, digits in [(12, 3, 16), (120, 3, 2), (90, 5, 16), (200, 10, 1)]:
        truth = rng.integers(0, classes, rows)
        truth[:classes] = range(classes)
        table = rng.random((rows, classes)) ** 2
        table[np.arange(rows), truth] += 0.3
        table = np.round(table, digits) + 1e-3
        table /= table.sum(axis=1, keepdims=True)
        if digits < 16:
            table = np.round(table, 6)
        name = f"{classes} classes of {rows} rows, {digits} digits"
        yield classified(name, classes, truth, "multiclass", table, rng=rng)
        codes = table.argmax(axis=1)
        yield classified("the same, no probabilities", classes, truth, "classes", codes)
        absent = np.where(truth == 1, 0, truth)
        yield classified("the same, class 1 is of no row", classes, absent, "multiclass", table)
        said = table.copy()
        said[:, 1] = 0
        said /= said.sum(axis=1, keepdims=True)
        said = np.round(said, 7)
        name = "the same, class 1 is never said"
        yield classified(name, classes, truth, "multiclass", said, rng=rng)
        gone = np.where(codes == 1, 0, codes)
        name = "the same, class 1 is not at all"
        yield classified(name, classes, absent, "classes", gone, rng=rng)
    even = np.full((6, 3), 1 / 3)
    yield classified("three even classes", 3, [0, 1, 2, 2, 1, 2], "multiclass", even, rng=rng)
    yield classified("one class of three", 3, [2, 2, 2], "multiclass", even[:3])
    yield classified("two classes of three", 3, [2, 0, 2], "multiclass", even[:3])
    sure = np.eye(3)[[0, 1, 2, 2, 1, 0]]
    yield classified("three classes, sure", 3, [0, 1, 2, 2, 1, 2], "multiclass", sure)


def decision_cases(rng):
    """Decisions of the estimators that have no probabilities, and of one that has both."""
    for classes in [2, 4]:
        x = rng.normal(size=(130, 4))
        noise = 1.2 * rng.normal(size=130)
        y = np.digitize(x[:, 0] + x[:, 1] ** 2 + noise, [0.8] if classes == 2 else [-0.3, 0.6, 1.8])
        for name, estimator in {
            "ridge_classifier": RidgeClassifier(),
            "linear_svc": LinearSVC(dual=False),
            "svc": SVC(),
            "svc with probabilities": SVC(C=0.2, probability=True, random_state=0),
        }.items():
            with warnings.catch_warnings():
                # `probability` is removed in scikit-learn 1.11.
                warnings.simplefilter("ignore", FutureWarning)
                estimator.fit(x[:80], y[:80])
            test, truth = x[80:], y[80:]
            given = {
                "values": np.round(estimator.decision_function(test), 9),
                "codes": estimator.predict(test),
                "rng": rng,
            }
            if hasattr(estimator, "predict_proba"):
                proba = estimator.predict_proba(test)
                given["proba"] = np.column_stack([1 - proba[:, 1], proba[:, 1]]) if classes == 2 else proba
            title = f"{name}, {classes} classes"
            yield classified(title, classes, truth, "decisions", **given)
            if classes == 2:
                yield classified("the same, class 0", 2, truth, "decisions", positive=0, **given)
    two = [0, 1, 1, 0, 1]
    tied = {"codes": np.array([0, 1, 1, 1, 0]), "rng": rng}
    yield classified("tied decisions", 2, two, "decisions", [-1.5, 2.0, 2.0, 2.0, -1.5], **tied)
    # All between 0 and 1: scikit-learn's `top_k_accuracy` takes them for probabilities.
    shares = {"codes": np.ones(5, dtype=int), "rng": rng}
    yield classified("decisions like shares", 2, two, "decisions", [0.2, 0.3, 0.9, 0.7, 1.0], **shares)
    wins = np.array([[2.1, 0.9, 0.0], [1.0, 1.0, 1.0], [-0.2, 1.3, 1.9], [1.0, 1.0, 1.0]])
    tied = {"codes": np.array([0, 0, 2, 0]), "rng": rng}
    yield classified("tied decisions of three", 3, [0, 1, 2, 2], "decisions", wins, **tied)


def number_cases(rng):
    truth = rng.normal(size=100) * 50 + 1e6
    deviances = ("tweedie", "d2 tweedie", "neg_mean_gamma", "neg_mean_poisson")
    yield numbered("numbers", truth, truth + rng.normal(size=100), rng, deviances)
    truth = rng.gamma(2.0, 3.0, 61)
    yield numbered("positive numbers", truth, truth * rng.gamma(9.0, 0.12, 61), rng)
    counts = rng.poisson(1.5, 80)
    rates = np.round(counts * 0.6 + rng.gamma(2.0, 0.4, 80), 1) + 0.1
    yield numbered("counts, many ties", counts, rates, rng)
    yield numbered("whole numbers, all tied", [1, 2, 2, 3], [2, 2, 2, 2], rng)
    signed = np.round(rng.normal(size=30), 2)
    yield numbered("signed numbers", signed, np.round(signed + rng.normal(size=30), 2), rng)
    yield numbered("signed, said to be positive", signed, np.abs(signed) + 0.25, rng)
    yield numbered("above -1", [-0.5, 0, 3], [-0.75, 0.5, 2], rng)
    yield numbered("numbers, all right", [1, 2, 3.5], [1, 2, 3.5], rng)
    yield numbered("a constant, missed", [2, 2, 2], [1, 2, 3], rng)
    yield numbered("a constant, hit", [2, 2, 2], [2, 2, 2], rng)
    yield numbered("a zero among them", [0, 2, 4], [0.5, 2, 3], rng)
    yield numbered("one number", [2], [1], rng)


def scorers():
    """The names of scikit-learn's scorers of one target."""
    names = metrics.get_scorer_names()
    return [
        name
        for name in names
        if not hasattr(metrics.cluster, name) and not name.endswith("_samples")
    ]


def defaults():
    """The defaults of scikit-learn's functions; null where there is none."""
    functions = FUNCTIONS
    asked = {metric for metric, _ in REQUESTS.values()}
    ours = ["adjusted", "alpha", "average", "beta", "k", "power", "weights"]
    found = {}
    for metric in sorted(asked):
        signature = inspect.signature(functions[metric]).parameters
        values = {name: signature[name].default for name in ours if name in signature}
        found[metric] = {
            name: None if value is inspect.Parameter.empty else value
            for name, value in values.items()
        }
    return found


def main():
    rng = np.random.default_rng(0)
    cases = [*binary_cases(rng), *multiclass_cases(rng), *number_cases(rng)]
    cases += decision_cases(np.random.default_rng(1))
    head = {
        "scikit-learn": sklearn.__version__,
        "scorers": scorers(),
        "defaults": defaults(),
        "requests": {n: {"metric": m, "params": p} for n, (m, p) in REQUESTS.items()},
    }
    path = pathlib.Path(__file__).with_name("vectors.json")
    lines = ",\n".join(json.dumps(case) for case in cases)
    path.write_text(f'{json.dumps(head)[:-1]}, "cases": [\n{lines}\n]}}\n')
    scores = sum(len(scored["scores"]) for case in cases for scored in case["scored"])
    print(f"{len(cases)} cases, {scores} scores")


main()
