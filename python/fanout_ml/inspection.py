"""scikit-learn's inspection of models that fanout fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn import inspection as _theirs
from sklearn.utils import Bunch, check_random_state

from ._data import Frame, take
from ._scoring import Answers, scorers_of
from .model import Predicting


def permutation_importance(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    scoring: Any = None,
    n_repeats: int = 5,
    n_jobs: int | None = None,
    random_state: Any = None,
    sample_weight: Any = None,
    max_samples: float = 1.0,
) -> Any:
    """scikit-learn's `permutation_importance`: how much a score falls where a feature is permuted.

    The permutations are scikit-learn's. All of those of a feature are predicted at once, where
    `estimator` is of this package, or a search with such a best estimator; any other estimator
    is scikit-learn's to inspect.
    """
    model = getattr(estimator, "best_estimator_", estimator)
    if not isinstance(model, Predicting):
        return _theirs.permutation_importance(
            estimator,
            X,
            y,
            scoring=scoring,
            n_repeats=n_repeats,
            n_jobs=n_jobs,
            random_state=random_state,
            sample_weight=sample_weight,
            max_samples=max_samples,
        )
    scorers, several = scorers_of(estimator, scoring)
    frame = Frame.of(X)
    generator = check_random_state(random_state)
    seed = generator.randint(np.iinfo(np.int32).max + 1)
    y = np.asarray(y)
    drawn = max_samples if isinstance(max_samples, int) else int(max_samples * frame.rows)
    weight = None if sample_weight is None else np.asarray(sample_weight)

    def score(answers: Answers, rows: NDArray[np.int64] | None) -> dict[str, float]:
        truth = y if rows is None else y[rows]
        given: Mapping[str, Any] = {}
        if weight is not None:
            given = {"sample_weight": weight if rows is None else weight[rows]}
        part = np.empty((len(truth), 1))
        return {name: float(one(answers, part, truth, **given)) for name, one in scorers.items()}

    baseline = score(model.answers(X), None)
    names = frame.names
    scores = {name: np.empty((len(names), n_repeats)) for name in scorers}
    for at, feature in enumerate(names):
        # As scikit-learn: each feature begins at the same state.
        own = check_random_state(seed)
        rows = np.arange(frame.rows)
        if drawn < frame.rows:
            rows = _sampled(own, frame.rows, drawn)
        order, held = np.arange(len(rows)), rows
        moved = []
        for _ in range(n_repeats):
            own.shuffle(order)
            # Each repeat permutes what the one before it left.
            held = held[order]
            moved.append(held)
        table = _permuted(X, frame, rows, feature, moved)
        together = model.answers(table)
        for repeat in range(n_repeats):
            part = _part(together, repeat * len(rows), len(rows))
            found = score(part, None if len(rows) == frame.rows else rows)
            for name, value in found.items():
                scores[name][at, repeat] = value
    results = {name: _bunch(baseline[name] - table) for name, table in scores.items()}
    return results if several else results["score"]


def _sampled(generator: Any, rows: int, drawn: int) -> NDArray[np.int64]:
    """Different rows, as scikit-learn draws them here."""
    from sklearn.utils.random import sample_without_replacement

    found: NDArray[np.int64] = sample_without_replacement(rows, drawn, random_state=generator)
    return found


def _permuted(
    X: Any,
    frame: Frame,
    rows: NDArray[np.int64],
    feature: str,
    orders: list[NDArray[np.int64]],
) -> Any:
    """The rows once for each order, with the values of a feature from the rows of the order."""
    repeated = pa.array(np.tile(rows, len(orders)))
    moved = pa.array(np.concatenate(orders))
    if not frame.named:
        columns = np.asarray(X)
        table = columns[repeated.to_numpy()]
        at = frame.names.index(feature)
        table[:, at] = columns[moved.to_numpy(), at]
        return table
    if hasattr(X, "iloc"):
        table = take(X, repeated.to_numpy()).copy()
        table[feature] = take(X[feature], moved.to_numpy()).to_numpy()
        return table
    taken = {
        name: column.take(moved if name == feature else repeated)
        for name, column in frame.columns.items()
    }
    return pa.table(taken)


def _part(answers: Answers, start: int, count: int) -> Answers:
    def cut(values: Any) -> Any:
        return None if values is None else values[start : start + count]

    return Answers(
        cut(answers.prediction),
        cut(answers.probabilities),
        cut(answers.decisions),
        answers.classes,
    )


def _bunch(importances: NDArray[np.float64]) -> Any:
    return Bunch(
        importances_mean=np.mean(importances, axis=1),
        importances_std=np.std(importances, axis=1),
        importances=importances,
    )


__all__ = ["permutation_importance"]
