"""Cross-validation, and curves of its scores."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import model_selection as _theirs
from sklearn.base import clone
from sklearn.utils import check_random_state

from ._arguments import SANDBOX, fall_back, given_of, settings_of
from ._data import Splits, take
from ._evaluate import evaluate, predicted
from ._run import Wanted
from ._scoring import Answers, Outputs, decisions, scorers_of
from .exceptions import NotServed
from .model import Model


def cross_validate(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    scoring: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: Mapping[str, Any] | None = None,
    pre_dispatch: int | str = "2*n_jobs",
    return_train_score: bool = False,
    return_estimator: bool = False,
    return_indices: bool = False,
    error_score: Any = np.nan,
    store: str | None = None,
    pool: str | Mapping[str, Any] | None = None,
    families: bool = True,
    limits: Mapping[str, Any] | None = None,
    fallback: str | None = None,
    progress: bool | None = None,
) -> dict[str, Any]:
    """scikit-learn's `cross_validate`: scores of each split by each scorer, and times."""
    settings = settings_of(n_jobs, verbose, store, pool, families, limits, progress, fallback)
    try:
        data, pairs = given_of(estimator, X, y, groups, cv, params)
        scorers, _ = scorers_of(estimator, scoring)
        splits = Splits.of(pairs, data.frame.rows)
        wanted = Wanted(scorers, return_train_score, error_score)
        scores = evaluate(estimator, [{}], data, splits, pairs, wanted, settings)
    except NotServed as refused:
        fall_back(refused, fallback, "cross_validate")
        found: dict[str, Any] = _theirs.cross_validate(
            estimator,
            X,
            y,
            groups=groups,
            scoring=scoring,
            cv=cv,
            n_jobs=n_jobs,
            verbose=verbose,
            params=params,
            pre_dispatch=pre_dispatch,
            return_train_score=return_train_score,
            return_estimator=return_estimator,
            return_indices=return_indices,
            error_score=error_score,
        )
        return found
    result: dict[str, Any] = {
        "fit_time": np.full(splits.count, scores.fit_time[0]),
        "score_time": scores.score_times[0],
    }
    if return_estimator:
        stands_in = SANDBOX if fallback == SANDBOX else None
        result["estimator"] = [
            Model(clone(estimator), stands_in).fit(
                take(X, train),
                take(y, train),
                None if data.weight is None else data.weight[train],
            )
            for train, _ in pairs
        ]
    if return_indices:
        result["indices"] = {
            "train": tuple(train for train, _ in pairs),
            "test": tuple(test for _, test in pairs),
        }
    for name, table in scores.test.items():
        result[f"test_{name}"] = table[0]
        if return_train_score:
            result[f"train_{name}"] = scores.train[name][0]
    return result


def cross_val_score(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    scoring: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: Mapping[str, Any] | None = None,
    pre_dispatch: int | str = "2*n_jobs",
    error_score: Any = np.nan,
    **settings: Any,
) -> NDArray[np.float64]:
    """scikit-learn's `cross_val_score`: the scores of the splits, of shape (splits,)."""
    if not (scoring is None or isinstance(scoring, str) or callable(scoring)):
        raise ValueError(f"scoring must be a name or a callable, got {scoring!r}")
    found = cross_validate(
        estimator,
        X,
        y,
        groups=groups,
        scoring=scoring,
        cv=cv,
        n_jobs=n_jobs,
        verbose=verbose,
        params=params,
        pre_dispatch=pre_dispatch,
        error_score=error_score,
        **settings,
    )
    scores: NDArray[np.float64] = found["test_score"]
    return scores


def cross_val_predict(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: Mapping[str, Any] | None = None,
    pre_dispatch: int | str = "2*n_jobs",
    method: str = "predict",
    store: str | None = None,
    pool: str | Mapping[str, Any] | None = None,
    families: bool = True,
    limits: Mapping[str, Any] | None = None,
    fallback: str | None = None,
    progress: bool | None = None,
) -> Any:
    """scikit-learn's `cross_val_predict`: what each row is predicted by the model of the split
    that tests it."""
    settings = settings_of(n_jobs, verbose, store, pool, families, limits, progress, fallback)
    try:
        data, pairs = given_of(estimator, X, y, groups, cv, params)
        tested = np.concatenate([test for _, test in pairs])
        if not np.array_equal(np.sort(tested), np.arange(data.frame.rows)):
            raise ValueError("cross_val_predict only works for partitions")
        splits = Splits.of(pairs, data.frame.rows)
        answers = predicted(estimator, data, splits, settings)
    except NotServed as refused:
        fall_back(refused, fallback, "cross_val_predict")
        theirs: NDArray[Any] = _theirs.cross_val_predict(
            estimator,
            X,
            y,
            groups=groups,
            cv=cv,
            n_jobs=n_jobs,
            verbose=verbose,
            params=params,
            pre_dispatch=pre_dispatch,
            method=method,
        )
        return theirs
    parts = [_answer(one, method) for one in answers]
    rows = np.concatenate([np.sort(test) for _, test in pairs])

    def whole(found: NDArray[Any]) -> NDArray[Any]:
        out = np.empty_like(found)
        out[rows] = found
        return out

    if isinstance(parts[0], list):
        return [whole(np.concatenate(of_output)) for of_output in zip(*parts)]
    return whole(np.concatenate(parts))


def _answer(answers: Answers | Outputs, method: str) -> Any:
    """What a method gives of test rows; of several outputs, probabilities are a list."""
    if method == "decision_function" and isinstance(answers, Answers):
        return decisions(answers)
    return getattr(answers, method)(np.empty((len(answers.prediction), 0)))


def learning_curve(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    groups: Any = None,
    train_sizes: Any = np.linspace(0.1, 1.0, 5),
    cv: Any = None,
    scoring: Any = None,
    exploit_incremental_learning: bool = False,
    n_jobs: int | None = None,
    pre_dispatch: int | str = "all",
    verbose: int = 0,
    shuffle: bool = False,
    random_state: Any = None,
    error_score: Any = np.nan,
    return_times: bool = False,
    params: Mapping[str, Any] | None = None,
    store: str | None = None,
    pool: str | Mapping[str, Any] | None = None,
    families: bool = True,
    limits: Mapping[str, Any] | None = None,
    fallback: str | None = None,
    progress: bool | None = None,
) -> tuple[NDArray[Any], ...]:
    """scikit-learn's `learning_curve`: the numbers of training rows, and the scores of training
    and test rows, of shape (sizes, splits)."""
    settings = settings_of(n_jobs, verbose, store, pool, families, limits, progress, fallback)
    try:
        if exploit_incremental_learning:
            raise NotServed(["`exploit_incremental_learning=True`"])
        data, pairs = given_of(estimator, X, y, groups, cv, params)
        scorers, _ = scorers_of(estimator, scoring)
        sizes = _train_sizes(train_sizes, len(pairs[0][0]))
        if shuffle:
            generator = check_random_state(random_state)
            pairs = [(generator.permutation(train), test) for train, test in pairs]
        parts = [(train[:size], test) for train, test in pairs for size in sizes]
        splits = Splits.of(parts, data.frame.rows)
        wanted = Wanted(scorers, True, error_score)
        scores = evaluate(estimator, [{}], data, splits, parts, wanted, settings)
    except NotServed as refused:
        fall_back(refused, fallback, "learning_curve")
        return tuple(
            _theirs.learning_curve(
                estimator,
                X,
                y,
                groups=groups,
                train_sizes=train_sizes,
                cv=cv,
                scoring=scoring,
                exploit_incremental_learning=exploit_incremental_learning,
                n_jobs=n_jobs,
                pre_dispatch=pre_dispatch,
                verbose=verbose,
                shuffle=shuffle,
                random_state=random_state,
                error_score=error_score,
                return_times=return_times,
                **({} if params is None else {"params": params}),
            )
        )
    shape = (len(pairs), len(sizes))
    curves = tuple(kind["score"][0].reshape(shape).T for kind in (scores.train, scores.test))
    if not return_times:
        return (sizes, *curves)
    times = np.full(shape[::-1], scores.fit_time[0])
    return (sizes, *curves, times, scores.score_times[0].reshape(shape).T)


def _train_sizes(wanted: Any, most: int) -> NDArray[np.int64]:
    """Shares of `most` rows, or counts, as different counts in ascending order."""
    sizes = np.asarray(wanted)
    if sizes.dtype.kind == "f":
        if sizes.min() <= 0.0 or sizes.max() > 1.0:
            raise ValueError(
                "train_sizes has been interpreted as fractions of the maximum number of training "
                "samples and must be within (0, 1], but is within "
                f"[{sizes.min():f}, {sizes.max():f}]."
            )
        sizes = np.clip((sizes * most).astype(int), 1, most)
    elif sizes.min() <= 0 or sizes.max() > most:
        raise ValueError(
            "train_sizes has been interpreted as absolute numbers of training samples and must "
            f"be within (0, {most}], but is within [{sizes.min()}, {sizes.max()}]."
        )
    found = np.unique(sizes)
    if len(found) < len(sizes):
        warnings.warn(
            "Removed duplicate entries from 'train_sizes'. Number of ticks will be less than the "
            f"size of 'train_sizes': {len(found)} instead of {len(sizes)}.",
            RuntimeWarning,
            stacklevel=3,
        )
    return found.astype(np.int64)


def validation_curve(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    param_name: str,
    param_range: Iterable[Any],
    groups: Any = None,
    cv: Any = None,
    scoring: Any = None,
    n_jobs: int | None = None,
    pre_dispatch: int | str = "all",
    verbose: int = 0,
    error_score: Any = np.nan,
    params: Mapping[str, Any] | None = None,
    store: str | None = None,
    pool: str | Mapping[str, Any] | None = None,
    families: bool = True,
    limits: Mapping[str, Any] | None = None,
    fallback: str | None = None,
    progress: bool | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """scikit-learn's `validation_curve`: the scores of training and test rows, of shape (values,
    splits)."""
    settings = settings_of(n_jobs, verbose, store, pool, families, limits, progress, fallback)
    values = list(param_range)
    try:
        data, pairs = given_of(estimator, X, y, groups, cv, params)
        scorers, _ = scorers_of(estimator, scoring)
        splits = Splits.of(pairs, data.frame.rows)
        candidates = [{param_name: value} for value in values]
        wanted = Wanted(scorers, True, error_score)
        scores = evaluate(estimator, candidates, data, splits, pairs, wanted, settings)
    except NotServed as refused:
        fall_back(refused, fallback, "validation_curve")
        train, test = _theirs.validation_curve(
            estimator,
            X,
            y,
            param_name=param_name,
            param_range=values,
            groups=groups,
            cv=cv,
            scoring=scoring,
            n_jobs=n_jobs,
            pre_dispatch=pre_dispatch,
            verbose=verbose,
            error_score=error_score,
            **({} if params is None else {"params": params}),
        )
        return train, test
    return scores.train["score"], scores.test["score"]
