"""Candidates × splits to scores, an estimator to a model: what searches and functions call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._data import Splits, Target
from ._mapping import Refusals, Translated, configured, translate
from ._run import Data, Folder, Run, Scores, Settings, Wanted, cheap
from ._scoring import Answers, metric_of
from .exceptions import NotServed


def translated(
    estimator: Any, candidates: Sequence[Mapping[str, Any]], data: Data
) -> list[Translated]:
    """Each candidate as a trainer and steps.

    Raises
    ------
    NotServed
        With everything that fanout lacks.
    """
    refusals = Refusals()
    found = []
    for params in candidates:
        one = configured(estimator, params) if params else estimator
        found.append(translate(one, data.X, data.frame, data.target, refusals))
    served = [one for one in found if one is not None]
    if len({one.dropped for one in served}) > 1:
        refusals.add("candidates that drop different columns")
    if len({one.categorical for one in served}) > 1:
        refusals.add("candidates of different `categorical_features`")
    if refusals.reasons:
        raise NotServed(refusals.reasons)
    return served


def evaluate(
    estimator: Any,
    candidates: Sequence[Mapping[str, Any]],
    data: Data,
    splits: Splits,
    pairs: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
    wanted: Wanted,
    settings: Settings,
) -> Scores:
    """Fits and scores each candidate on each split.

    Raises
    ------
    NotServed
        With everything that fanout lacks, before anything runs.
    ValueError
        If all fits failed.
    """
    found = translated(estimator, candidates, data)
    metrics = {
        name: metric_of(scorer, estimator, data.target) for name, scorer in wanted.scorers.items()
    }
    # The program weights scores where it weights fits.
    by_metric = all(metrics.values()) and (data.weight is None or data.weighs_scores)
    if not by_metric and wanted.train_score:
        raise NotServed(
            [
                "return_train_score with a scorer that is no known metric, or with weights of the "
                "fits alone"
            ]
        )
    with Folder(settings.store) as folder:
        if by_metric:
            run = Run(folder, data, splits, found, settings)
            scoring = [{**(metric or {}), "name": name} for name, metric in metrics.items()]
            return run.scored(scoring, wanted)
        run = Run(folder, data, splits, found, settings)
        return run.called(pairs, wanted)


def predicted(
    estimator: Any,
    data: Data,
    splits: Splits,
    settings: Settings,
) -> list[Answers]:
    """What an estimator predicts of the test rows of each split, in ascending order."""
    found = translated(estimator, [{}], data)
    with Folder(settings.store) as folder:
        run = Run(folder, data, splits, found, settings)
        run.go([cheap(data.target)], Wanted({}), predictions=True)
        return run.answers(0)


def fitted(estimator: Any, data: Data, settings: Settings) -> tuple[bytes, float]:
    """The model of an estimator as it is, fitted to all rows, and the seconds that it took."""
    [found] = translated(estimator, [{}], data)
    name = "score"
    metric = {**cheap(data.target), "name": name}
    wanted = Wanted({}, refit=name, error_score=np.nan)
    rows = np.arange(data.frame.rows)
    if data.weight is not None:
        rows = np.flatnonzero(data.weight)
        if len(rows) < 2:
            raise ValueError("sample_weight is zero of all rows but one")
    # A plan scores what it refits. Few rows are quick; all but one serve estimators that need
    # more, such as neighbours.
    attempts = [_few(data.target, rows), rows[:-1]]
    for last, train in zip((False, True), attempts):
        test = np.setdiff1d(rows, train)[-1:]
        splits = Splits.of([(train, test)], data.frame.rows)
        with Folder(settings.store) as folder:
            run = Run(folder, data, splits, [found], settings)
            try:
                scores = run.scored([metric], wanted)
            except NotServed:
                raise
            except ValueError:
                if last or not run.failed:
                    raise
                continue
        if scores.model is not None:
            return scores.model, scores.refit_time
    raise AssertionError("the program made no model")


def _few(target: Target, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """A few of `rows` of each class, about 64 or all but one."""
    if target.classes is None:
        return rows[: min(64, len(rows) - 1)]
    values = target.values[rows]
    order = np.argsort(values, kind="stable")
    _, starts, counts = np.unique(values[order], return_index=True, return_counts=True)
    each = max(2, 64 // len(counts))
    found = [order[start : start + min(each, count)] for start, count in zip(starts, counts)]
    return rows[np.sort(np.concatenate(found))[: len(rows) - 1]]
