"""scikit-learn's model selection, with the fits made by fanout.

Signatures, attributes and errors are scikit-learn's. Further keywords of all:

store : str, default=None
    Where fits are kept, a folder or the URL of a bucket: what was fitted before is not fitted
    again. By default a temporary folder.
pool : str or dict, default=None
    What runs the fits: `nats://HOST:4222`, URLs of endpoints, or the section `pool` of a plan.
    By default the cores of this machine, or `n_jobs` of them.
families : bool, default=True
    Whether candidates that differ in nested parameters share fits. It changes no score.
limits : dict, default=None
    `memory` and `timeout` of a fit, such as `{"memory": "1GiB", "timeout": "5m"}`.
fallback : {None, "sklearn"}, default=None
    What happens where fanout lacks something: an error, or scikit-learn's own way and a warning.
progress : bool, default=None
    Whether progress is shown. By default on a terminal or in a notebook, of what takes more than
    a second.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import model_selection as _theirs
from sklearn.base import clone, is_classifier
from sklearn.model_selection import ParameterGrid, ParameterSampler, check_cv
from sklearn.utils import check_random_state

from ._data import Frame, Splits, Target, check_weight, take
from ._evaluate import Data, Scores, Settings, Wanted, evaluate, fitted, predicted
from ._results import best_index, cv_results
from ._scoring import Answers, Scorer, scorers_of
from .exceptions import NotServed
from .model import Model

Pairs = list[tuple[NDArray[np.int64], NDArray[np.int64]]]


def _workers(n_jobs: int | None) -> int | None:
    """scikit-learn's `n_jobs`; all cores where it is not given."""
    if n_jobs is None or n_jobs == -1:
        return None
    if n_jobs == 0:
        raise ValueError("n_jobs == 0 in Parallel has no meaning")
    import os

    return n_jobs if n_jobs > 0 else max(1, (os.cpu_count() or 1) + 1 + n_jobs)


def _settings(
    n_jobs: int | None,
    verbose: Any,
    store: str | None,
    pool: str | Mapping[str, Any] | None,
    families: bool,
    limits: Mapping[str, Any] | None,
    progress: bool | None,
) -> Settings:
    if progress is None and verbose:
        progress = True
    return Settings(store, pool, families, limits, _workers(n_jobs), progress)


def _data_of(X: Any, y: Any, classification: bool, sample_weight: Any = None) -> Data:
    frame = Frame.of(X)
    target = Target.of(y, classification)
    if len(target.values) != frame.rows:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{[frame.rows, len(target.values)]}"
        )
    return Data(X, y, frame, target, check_weight(sample_weight, frame.rows))


def _pairs(cv: Any, X: Any, y: Any, groups: Any, estimator: Any) -> Pairs:
    """The rows of each split, as scikit-learn's splitter has them."""
    splitter = check_cv(cv, y, classifier=is_classifier(estimator))
    count = splitter.get_n_splits(X, y, groups)
    pairs = [(np.asarray(train), np.asarray(test)) for train, test in splitter.split(X, y, groups)]
    if len(pairs) != count:
        raise ValueError(
            "cv.split and cv.get_n_splits return inconsistent results. Expected "
            f"{count} splits, got {len(pairs)}"
        )
    return pairs


def _weight_of(params: Mapping[str, Any], estimator: Any) -> tuple[Any, Any]:
    """`groups` and the weights of the last estimator among the parameters of `fit`.

    Raises
    ------
    NotServed
        Of any other parameter.
    """
    groups, weight = None, None
    weights = {"sample_weight"}
    if hasattr(estimator, "steps"):
        weights = {f"{estimator.steps[-1][0]}__sample_weight"}
    unknown = []
    for name, value in params.items():
        if name == "groups":
            groups = value
        elif name in weights:
            weight = value
        elif value is not None:
            unknown.append(f"fit parameter `{name}`")
    if unknown:
        raise NotServed(unknown)
    return groups, weight


class _Search:
    """What both searches do. The class beside it is scikit-learn's, which has all that follows
    a fit: predictions by `best_estimator_`, `score`, and `classes_`."""

    estimator: Any
    refit: Any
    scoring: Any
    cv: Any
    n_jobs: int | None
    verbose: Any
    error_score: Any
    return_train_score: bool
    store: str | None
    pool: Any
    families: bool
    limits: Any
    fallback: str | None
    progress: bool | None

    cv_results_: dict[str, Any]
    best_estimator_: Any
    best_index_: int
    best_score_: float
    best_params_: dict[str, Any]
    refit_time_: float

    def _candidates(self) -> list[dict[str, Any]]:
        raise NotImplementedError

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Runs the search, and refits the best candidate.

        Parameters
        ----------
        X : array-like or table of shape (rows, features)
        y : array-like of shape (rows,)
        **params : `groups` for the splitter, `sample_weight` for the fits

        Raises
        ------
        NotServed
            With everything that fanout lacks, before anything runs.
        """
        if self.fallback not in (None, "sklearn"):
            raise ValueError(f"fallback must be None or 'sklearn', got {self.fallback!r}")
        self._interrupted: tuple[Any, Any, dict[str, Any], Pairs] | None = None
        try:
            return self._fit(X, y, params, None)
        except NotServed as refused:
            if self.fallback is None:
                raise
            warnings.warn(
                f"{refused}\nscikit-learn's own {type(self).__name__} runs instead",
                UserWarning,
                stacklevel=2,
            )
            return super().fit(X, y, **params)  # type: ignore[misc]

    def resume(self) -> Any:
        """Goes on with a fit that was interrupted.

        With a `store`, what was fitted before the interrupt is not fitted again.
        """
        if getattr(self, "_interrupted", None) is None:
            raise ValueError("there is nothing to go on with: no fit was interrupted")
        assert self._interrupted is not None
        X, y, params, pairs = self._interrupted
        return self._fit(X, y, params, pairs)

    def _fit(self, X: Any, y: Any, params: dict[str, Any], pairs: Pairs | None) -> Any:
        estimator = self.estimator
        scorers, several = scorers_of(estimator, self.scoring)
        self._check_refit_name(several, scorers)
        groups, weight = _weight_of(params, estimator)
        data = _data_of(X, y, is_classifier(estimator), weight)
        # As in scikit-learn since 1.9; those of a step of a pipeline are its own.
        data.weighs_scores = params.get("sample_weight") is not None
        if pairs is None:
            pairs = _pairs(self.cv, X, y, groups, estimator)
        candidates = self._candidates()
        if not candidates:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no candidates?"
            )
        splits = Splits.of(pairs, data.frame.rows)
        settings = _settings(
            self.n_jobs,
            self.verbose,
            self.store or self._kept_store(),
            self.pool,
            self.families,
            self.limits,
            self.progress,
        )
        if self.verbose > 0:
            print(
                f"Fitting {splits.count} folds for each of {len(candidates)} candidates, "
                f"totalling {splits.count * len(candidates)} fits"
            )
        chooses = callable(self.refit)
        refit = None
        if self.refit and not chooses:
            refit = self.refit if several else "score"
        wanted = Wanted(scorers, self.return_train_score, self.error_score, refit)
        try:
            scores = evaluate(estimator, candidates, data, splits, pairs, wanted, settings)
            self._settle(scores, candidates, scorers, several)
            self.n_splits_ = splits.count
            if self.refit:
                self._refit(scores, data, settings)
        except KeyboardInterrupt:
            self._interrupted = (X, y, params, pairs)
            raise
        self._interrupted = None
        self._drop_store()
        return self

    def _kept_store(self) -> str:
        """A temporary store, that an interrupted fit goes on from."""
        import tempfile

        if getattr(self, "_temporary", None) is None:
            self._temporary: Any = tempfile.TemporaryDirectory(prefix="fanout-store-")
        return str(self._temporary.name)

    def _drop_store(self) -> None:
        temporary = getattr(self, "_temporary", None)
        if temporary is not None:
            temporary.cleanup()
            self._temporary = None

    def _check_refit_name(self, several: bool, scorers: Mapping[str, Scorer]) -> None:
        if several and self.refit is not False and not callable(self.refit):
            if not isinstance(self.refit, str) or self.refit not in scorers:
                raise ValueError(
                    "For multi-metric scoring, the parameter refit must be set to a scorer key or "
                    "a callable to refit an estimator with the best parameter setting on the "
                    "whole data and make the best_* attributes available for that metric. If "
                    "this is not needed, refit should be set to False explicitly. "
                    f"{self.refit!r} was passed."
                )

    def _settle(
        self,
        scores: Scores,
        candidates: list[dict[str, Any]],
        scorers: Mapping[str, Scorer],
        several: bool,
    ) -> None:
        """Sets the attributes that follow from the scores."""
        results = cv_results(scores, candidates)
        self.multimetric_ = several or set(scores.test) != {"score"}
        if self.multimetric_ and not several:
            # A scorer that gave a dictionary.
            self._check_refit_name(True, dict.fromkeys(scores.test, None))  # type: ignore[arg-type]
        self.scorer_ = dict(scorers) if several else next(iter(scorers.values()))
        self.notes_ = scores.notes
        for name in ("best_index_", "best_score_", "best_params_", "best_estimator_"):
            if name in self.__dict__:
                delattr(self, name)
        if self.refit or not self.multimetric_:
            metric = self.refit if self.multimetric_ else "score"
            self.best_index_ = best_index(self.refit, metric, results)
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
            self.best_params_ = results["params"][self.best_index_]
        self.cv_results_ = results

    def _refit(self, scores: Scores, data: Data, settings: Settings) -> None:
        best = clone(self.estimator).set_params(**clone(dict(self.best_params_), safe=False))
        model, seconds = scores.model, scores.refit_time
        if model is None or scores.best != self.best_index_:
            started = time.perf_counter()
            model, _ = fitted(best, data, settings)
            seconds = time.perf_counter() - started
        self.best_estimator_ = Model(best)._take(model, data)
        self.refit_time_ = seconds
        if data.frame.named:
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
        elif "feature_names_in_" in self.__dict__:
            del self.feature_names_in_

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        # An interrupted fit goes on in its own process.
        state.pop("_interrupted", None)
        state.pop("_temporary", None)
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.sparse = False
        return tags

    def _repr_html_(self) -> str:
        from ._display import html

        return html(self)


class GridSearchCV(_Search, _theirs.GridSearchCV):  # type: ignore[misc]
    """Exhaustive search over specified parameter values for an estimator.

    The parameters and attributes are those of scikit-learn's `GridSearchCV`; the last ones are
    told at the head of this module. `best_estimator_` is a `fanout_ml.model.Model`, and `notes_`
    holds what is worth knowing of the data, one sentence each.
    """

    def __init__(
        self,
        estimator: Any,
        param_grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]],
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
        store: str | None = None,
        pool: str | Mapping[str, Any] | None = None,
        families: bool = True,
        limits: Mapping[str, Any] | None = None,
        fallback: str | None = None,
        progress: bool | None = None,
    ) -> None:
        super().__init__(
            estimator=estimator,
            param_grid=param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.store = store
        self.pool = pool
        self.families = families
        self.limits = limits
        self.fallback = fallback
        self.progress = progress

    def _candidates(self) -> list[dict[str, Any]]:
        return list(ParameterGrid(self.param_grid))


class RandomizedSearchCV(_Search, _theirs.RandomizedSearchCV):  # type: ignore[misc]
    """Randomized search on hyper parameters.

    The parameters and attributes are those of scikit-learn's `RandomizedSearchCV`, and the
    candidates those that it draws; the last parameters are told at the head of this module.
    """

    def __init__(
        self,
        estimator: Any,
        param_distributions: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        store: str | None = None,
        pool: str | Mapping[str, Any] | None = None,
        families: bool = True,
        limits: Mapping[str, Any] | None = None,
        fallback: str | None = None,
        progress: bool | None = None,
    ) -> None:
        super().__init__(
            estimator=estimator,
            param_distributions=param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.store = store
        self.pool = pool
        self.families = families
        self.limits = limits
        self.fallback = fallback
        self.progress = progress

    def _candidates(self) -> list[dict[str, Any]]:
        return list(
            ParameterSampler(self.param_distributions, self.n_iter, random_state=self.random_state)
        )


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
    settings = _settings(n_jobs, verbose, store, pool, families, limits, progress)
    try:
        given, weight = _weight_of(params or {}, estimator)
        data = _data_of(X, y, is_classifier(estimator), weight)
        scorers, _ = scorers_of(estimator, scoring)
        pairs = _pairs(cv, X, y, groups if groups is not None else given, estimator)
        splits = Splits.of(pairs, data.frame.rows)
        wanted = Wanted(scorers, return_train_score, error_score)
        scores = evaluate(estimator, [{}], data, splits, pairs, wanted, settings)
    except NotServed as refused:
        _fall_back(refused, fallback, "cross_validate")
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
        "score_time": np.zeros(splits.count),
    }
    if return_estimator:
        result["estimator"] = [
            Model(clone(estimator)).fit(
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
) -> NDArray[Any]:
    """scikit-learn's `cross_val_predict`: what each row is predicted by the model of the split
    that tests it."""
    settings = _settings(n_jobs, verbose, store, pool, families, limits, progress)
    try:
        given, weight = _weight_of(params or {}, estimator)
        data = _data_of(X, y, is_classifier(estimator), weight)
        pairs = _pairs(cv, X, y, groups if groups is not None else given, estimator)
        tested = np.concatenate([test for _, test in pairs])
        if not np.array_equal(np.sort(tested), np.arange(data.frame.rows)):
            raise ValueError("cross_val_predict only works for partitions")
        splits = Splits.of(pairs, data.frame.rows)
        answers = predicted(estimator, data, splits, settings)
    except NotServed as refused:
        _fall_back(refused, fallback, "cross_val_predict")
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
    found = np.concatenate(parts)
    out = np.empty_like(found)
    out[rows] = found
    return out


def _answer(answers: Answers, method: str) -> NDArray[Any]:
    if method == "decision_function" and answers.decisions is None:
        if answers.probabilities is not None and answers.probabilities.shape[1] == 2:
            with np.errstate(divide="ignore"):
                logs = np.log(answers.probabilities)
            return np.asarray(logs[:, 1] - logs[:, 0])
    found: NDArray[Any] = getattr(answers, method)(np.empty((len(answers.prediction), 0)))
    return found


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
    settings = _settings(n_jobs, verbose, store, pool, families, limits, progress)
    try:
        if exploit_incremental_learning:
            raise NotServed(["`exploit_incremental_learning=True`"])
        given, weight = _weight_of(params or {}, estimator)
        data = _data_of(X, y, is_classifier(estimator), weight)
        scorers, _ = scorers_of(estimator, scoring)
        pairs = _pairs(cv, X, y, groups if groups is not None else given, estimator)
        sizes = _train_sizes(train_sizes, len(pairs[0][0]))
        if shuffle:
            generator = check_random_state(random_state)
            pairs = [(generator.permutation(train), test) for train, test in pairs]
        parts = [(train[:size], test) for train, test in pairs for size in sizes]
        splits = Splits.of(parts, data.frame.rows)
        wanted = Wanted(scorers, True, error_score)
        scores = evaluate(estimator, [{}], data, splits, parts, wanted, settings)
    except NotServed as refused:
        _fall_back(refused, fallback, "learning_curve")
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
    return (sizes, *curves, times, np.zeros(shape[::-1]))


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
    settings = _settings(n_jobs, verbose, store, pool, families, limits, progress)
    values = list(param_range)
    try:
        given, weight = _weight_of(params or {}, estimator)
        data = _data_of(X, y, is_classifier(estimator), weight)
        scorers, _ = scorers_of(estimator, scoring)
        pairs = _pairs(cv, X, y, groups if groups is not None else given, estimator)
        splits = Splits.of(pairs, data.frame.rows)
        candidates = [{param_name: value} for value in values]
        wanted = Wanted(scorers, True, error_score)
        scores = evaluate(estimator, candidates, data, splits, pairs, wanted, settings)
    except NotServed as refused:
        _fall_back(refused, fallback, "validation_curve")
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


def _fall_back(refused: NotServed, fallback: str | None, name: str) -> None:
    """Warns that scikit-learn's own function runs, or raises the refusal."""
    if fallback is None:
        raise refused
    if fallback != "sklearn":
        raise ValueError(f"fallback must be None or 'sklearn', got {fallback!r}")
    warnings.warn(f"{refused}\nscikit-learn's own {name} runs instead", UserWarning, stacklevel=3)


__all__ = [
    "GridSearchCV",
    "RandomizedSearchCV",
    "cross_val_predict",
    "cross_val_score",
    "cross_validate",
    "learning_curve",
    "validation_curve",
]
