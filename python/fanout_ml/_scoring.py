"""Scorers as metrics of a plan, and scorers that see the predictions of a fit.

A scorer of scikit-learn's metrics is a metric of the plan, known by its `repr`: its
representation names the function and its parameters. Any other one is called with an
estimator that gives the predictions that the fit had made.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.base import BaseEstimator, is_classifier
from sklearn.metrics import check_scoring, get_scorer, get_scorer_names, make_scorer
from sklearn.utils.metaestimators import available_if

from ._data import Target
from ._rules import Refused, plain

Json = Any
Scorer = Callable[..., Any]

# Names of scorers that are metrics of a plan.
_NAMES = frozenset(
    {
        "accuracy",
        "average_precision",
        "balanced_accuracy",
        "d2_absolute_error_score",
        "d2_brier_score",
        "d2_log_loss_score",
        "explained_variance",
        "f1",
        "f1_macro",
        "f1_micro",
        "f1_weighted",
        "jaccard",
        "jaccard_macro",
        "jaccard_micro",
        "jaccard_weighted",
        "matthews_corrcoef",
        "neg_brier_score",
        "neg_log_loss",
        "neg_max_error",
        "neg_mean_absolute_error",
        "neg_mean_absolute_percentage_error",
        "neg_mean_gamma_deviance",
        "neg_mean_poisson_deviance",
        "neg_mean_squared_error",
        "neg_mean_squared_log_error",
        "neg_median_absolute_error",
        "neg_negative_likelihood_ratio",
        "neg_root_mean_squared_error",
        "neg_root_mean_squared_log_error",
        "positive_likelihood_ratio",
        "precision",
        "precision_macro",
        "precision_micro",
        "precision_weighted",
        "r2",
        "recall",
        "recall_macro",
        "recall_micro",
        "recall_weighted",
        "roc_auc",
        "roc_auc_ovo",
        "roc_auc_ovo_weighted",
        "roc_auc_ovr",
        "roc_auc_ovr_weighted",
        "top_k_accuracy",
    }
)

# Functions with parameters: the metric, and its parameters.
_COUNTS = ("average", "pos_label", "zero_division")
_FUNCTIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "fbeta_score": ("fbeta", ("beta", *_COUNTS)),
    "f1_score": ("f1", _COUNTS),
    "precision_score": ("precision", _COUNTS),
    "recall_score": ("recall", _COUNTS),
    "jaccard_score": ("jaccard", _COUNTS),
    "cohen_kappa_score": ("cohen_kappa", ("weights",)),
    "balanced_accuracy_score": ("balanced_accuracy", ("adjusted",)),
    "top_k_accuracy_score": ("top_k_accuracy", ("k",)),
    "mean_pinball_loss": ("neg_mean_pinball_loss", ("alpha",)),
    "mean_tweedie_deviance": ("neg_mean_tweedie_deviance", ("power",)),
    "d2_pinball_score": ("d2_pinball_score", ("alpha",)),
    "d2_tweedie_score": ("d2_tweedie_score", ("power",)),
}


@cache
def _named() -> dict[str, str]:
    """The names of metrics by the representations of their scorers."""
    known = _NAMES & set(get_scorer_names())
    return {repr(get_scorer(name)): name for name in sorted(known)}


def scorers_of(estimator: Any, scoring: Any) -> tuple[dict[str, Scorer], bool]:
    """The scorers by their names, and whether there are several of them.

    Raises
    ------
    ValueError, TypeError
        scikit-learn's own of a scoring that is none.
    """
    if scoring is None or isinstance(scoring, str) or callable(scoring):
        return {"score": check_scoring(estimator, scoring=scoring)}, False
    # It checks the names.
    check_scoring(estimator, scoring=scoring)
    if isinstance(scoring, Mapping):
        return {name: _scorer(one) for name, one in scoring.items()}, True
    return {name: get_scorer(name) for name in scoring}, True


def _scorer(one: Any) -> Scorer:
    scorer: Scorer = get_scorer(one) if isinstance(one, str) else one
    return scorer


def metric_of(scorer: Scorer, estimator: Any, target: Target) -> dict[str, Json] | None:
    """A scorer as a metric of a plan; `None` of one that only Python can call."""
    text = repr(scorer)
    if not isinstance(scorer, type(get_scorer("accuracy"))):
        # Without `scoring`, the estimator's own `score`.
        default = "accuracy" if is_classifier(estimator) else "r2"
        return {"metric": default} if _is_default(scorer) else None
    if text in _named():
        return {"metric": _named()[text]}
    return _by_function(text, scorer, target)


def _is_default(scorer: Scorer) -> bool:
    """Whether it is what `check_scoring` gives where there is no `scoring`."""

    class Scored(BaseEstimator):  # type: ignore[misc]
        def fit(self) -> None:
            """Makes it an estimator."""

        def score(self) -> None:
            """What a scorer passes on to."""

    return type(scorer) is type(check_scoring(Scored()))


def _by_function(text: str, scorer: Scorer, target: Target) -> dict[str, Json] | None:
    """A scorer of `make_scorer` by the function and the parameters that it names."""
    name, given = _parsed(text)
    known = _FUNCTIONS.get(name)
    function = getattr(metrics, name, None)
    if known is None or function is None:
        return None
    metric, params = known
    said: dict[str, Json] = {}
    options = {"greater_is_better", "response_method"}
    for param, value in given.items():
        if param in options:
            continue
        if param not in params:
            return None
        if param == "pos_label":
            if value is None:
                continue
            code = target.code(value) if target.classes is not None else None
            if code is None:
                return None
            said[param] = code
        else:
            try:
                said[param] = plain(value)
            except Refused:
                return None
    # A function of the same name that is another one gives other scores.
    rebuilt = make_scorer(function, **given)
    if repr(rebuilt) != text or not _agree(scorer, rebuilt, target):
        return None
    negated = given.get("greater_is_better", True) is False
    if negated != metric.startswith("neg_"):
        return None
    return {"metric": metric, "params": said} if said else {"metric": metric}


def _parsed(text: str) -> tuple[str, dict[str, Any]]:
    """The function and parameters of `make_scorer(name, key=value, ...)`, where texts have no
    quotes."""
    inside = text.removeprefix("make_scorer(").removesuffix(")")
    parts, depth, start = [], 0, 0
    for at, character in enumerate(inside):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(inside[start:at].strip())
            start = at + 1
    parts.append(inside[start:].strip())
    given: dict[str, Any] = {}
    for part in parts[1:]:
        key, _, value = part.partition("=")
        try:
            given[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            given[key] = float(value) if value in ("nan", "inf") else value
    return parts[0], given


def _agree(one: Scorer, other: Scorer, target: Target) -> bool:
    """Whether two scorers score random predictions alike."""
    generator = np.random.default_rng(0)
    rows = 64
    if target.classes is None:
        y = generator.uniform(0.5, 2.0, rows)
        answers = Answers(generator.uniform(0.5, 2.0, rows), None, None, None)
    else:
        count = len(target.classes)
        y = target.classes[np.arange(rows) % count]
        shares = generator.dirichlet(np.ones(count), rows)
        answers = Answers(target.classes[shares.argmax(axis=1)], shares, None, target.classes)
    X = np.zeros((rows, 1))
    try:
        return bool(np.isclose(one(answers, X, y), other(answers, X, y), equal_nan=True))
    except Exception:
        return False


class Answers(BaseEstimator):  # type: ignore[misc]
    """An estimator that was fitted elsewhere: it gives predictions of certain rows."""

    def __init__(
        self,
        prediction: NDArray[Any],
        probabilities: NDArray[np.float64] | None,
        decisions: NDArray[np.float64] | None,
        classes: NDArray[Any] | None,
    ) -> None:
        self.prediction = prediction
        self.probabilities = probabilities
        self.decisions = decisions
        self.classes = classes
        self._estimator_type = "regressor" if classes is None else "classifier"
        if classes is not None:
            self.classes_ = classes

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.estimator_type = self._estimator_type
        if self.classes is not None:
            from sklearn.utils import ClassifierTags

            tags.classifier_tags = ClassifierTags()
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any = None) -> Answers:
        """Makes it an estimator; it is fitted."""
        return self

    def _of(self, X: Any, answers: NDArray[Any] | None, what: str) -> NDArray[Any]:
        if answers is None:
            raise AttributeError(f"the estimator has no {what}")
        rows = X.shape[0] if hasattr(X, "shape") else len(X)
        if rows != len(answers):
            raise ValueError("a scorer predicts the rows that it is given, and no others")
        return answers

    def predict(self, X: Any) -> NDArray[Any]:
        """Of shape (rows,)."""
        return self._of(X, self.prediction, "predict")

    def score(self, X: Any, y: Any) -> float:
        """Accuracy, or R²."""
        score = metrics.r2_score if self.classes is None else metrics.accuracy_score
        return float(score(y, self.predict(X)))

    # As of an estimator, a method is there if it has an answer.
    @available_if(lambda self: self.probabilities is not None)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Of shape (rows, classes)."""
        return self._of(X, self.probabilities, "predict_proba")

    @available_if(lambda self: self.probabilities is not None)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Of shape (rows, classes)."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    @available_if(lambda self: self.decisions is not None)  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Of shape (rows,), or (rows, classes)."""
        return self._of(X, self.decisions, "decision_function")


class Outputs(BaseEstimator):  # type: ignore[misc]
    """An estimator of several outputs that was fitted elsewhere: the answers of each."""

    def __init__(self, outputs: list[Answers]) -> None:
        self.outputs = outputs
        self._estimator_type = outputs[0]._estimator_type
        if outputs[0].classes is not None:
            self.classes_ = [one.classes for one in outputs]

    def __sklearn_tags__(self) -> Any:
        tags = self.outputs[0].__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def fit(self, X: Any, y: Any = None) -> Outputs:
        """Makes it an estimator; it is fitted."""
        return self

    @property
    def prediction(self) -> NDArray[Any]:
        """Of shape (rows, outputs)."""
        return np.asarray([one.prediction for one in self.outputs]).T

    def predict(self, X: Any) -> NDArray[Any]:
        """Of shape (rows, outputs)."""
        return np.asarray([one.predict(X) for one in self.outputs]).T

    def score(self, X: Any, y: Any) -> float:
        """The share of rows that are right in all outputs, or the mean R²."""
        return score_outputs(y, self.predict(X), self.outputs[0].classes is not None)

    @available_if(  # type: ignore[untyped-decorator]
        lambda self: all(one.probabilities is not None for one in self.outputs)
    )
    def predict_proba(self, X: Any) -> list[NDArray[np.float64]]:
        """Of shape (rows, classes), by output."""
        return [one.predict_proba(X) for one in self.outputs]


def score_outputs(y: Any, predicted: NDArray[Any], classes: bool, weight: Any = None) -> float:
    """The share of rows that are right in all outputs, or the mean R² over the outputs."""
    if not classes:
        return float(metrics.r2_score(y, predicted, sample_weight=weight))
    right = np.all(np.asarray(y) == predicted, axis=1)
    return float(np.average(right, weights=weight))


def voted(members: list[Answers], params: Mapping[str, Json]) -> Answers:
    """What members predict together: the mean of numbers or, by `voting: soft`, of probabilities;
    else the class that most predict, the first one of equals."""
    weights = np.asarray(params.get("weights", np.ones(len(members))))
    classes = members[0].classes
    if classes is None:
        numbers = np.column_stack([member.prediction for member in members])
        return Answers(np.average(numbers, axis=1, weights=weights), None, None, None)
    if params["voting"] == "soft":
        each = np.stack([np.asarray(member.probabilities) for member in members])
        shares = np.average(each, axis=0, weights=weights)
        return Answers(classes[shares.argmax(axis=1)], shares, None, classes)
    votes = np.zeros((len(members[0].prediction), len(classes)))
    for member, weight in zip(members, weights):
        votes[np.arange(len(votes)), np.searchsorted(classes, member.prediction)] += weight
    return Answers(classes[votes.argmax(axis=1)], None, None, classes)


def decisions(answers: Answers) -> NDArray[np.float64]:
    """Numbers by which rows are classified: of shape (rows,) for two classes, else (rows, classes).

    Those of probabilities are their logarithms: log-odds, or, of three or more classes, less their
    mean over the classes.
    """
    if answers.decisions is not None:
        return answers.decisions
    logs = np.asarray(answers.predict_log_proba(np.empty((len(answers.prediction), 0))))
    if logs.shape[1] == 2:
        return np.asarray(logs[:, 1] - logs[:, 0])
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))
