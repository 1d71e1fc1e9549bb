"""`GridSearchCV` and `RandomizedSearchCV`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn import model_selection as _theirs
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid, ParameterSampler

from ._arguments import (
    SANDBOX,
    Pairs,
    check_fallback,
    data_of,
    fall_back,
    pairs_of,
    settings_of,
    weight_of,
)
from ._data import Splits
from ._evaluate import evaluate, fitted
from ._results import best_index, cv_results
from ._run import Data, Scores, Settings, Wanted
from ._scoring import Scorer, scorers_of
from .exceptions import NotServed
from .model import Model, Predicting

# The rows of all fits of a search that is not worth to be gone on with after an interrupt.
_QUICK = 50_000


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
        check_fallback(self.fallback)
        self._interrupted: tuple[Any, Any, dict[str, Any], Pairs] | None = None
        try:
            return self._fit(X, y, params, None)
        except NotServed as refused:
            fall_back(refused, self.fallback, type(self).__name__)
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
        groups, weight = weight_of(params, estimator)
        data = data_of(X, y, estimator, weight)
        # As in scikit-learn since 1.9; those of a step of a pipeline are its own.
        data.weighs_scores = params.get("sample_weight") is not None
        if pairs is None:
            pairs = pairs_of(self.cv, X, y, groups, estimator)
        candidates = self._candidates()
        if not candidates:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no candidates?"
            )
        splits = Splits.of(pairs, data.frame.rows)
        # What is done sooner than a store is written need not be gone on with.
        work = data.frame.rows * splits.count * len(candidates)
        store = self.store or (self._kept_store() if work > _QUICK else None)
        settings = settings_of(
            self.n_jobs,
            self.verbose,
            store,
            self.pool,
            self.families,
            self.limits,
            self.progress,
            self.fallback,
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
        if getattr(self, "_temporary", None) is None:
            self._temporary: Any = tempfile.TemporaryDirectory(prefix="fanout-store-")
        return str(self._temporary.name)

    def _drop_store(self) -> None:
        temporary = getattr(self, "_temporary", None)
        if temporary is not None:
            temporary.cleanup()
            self._temporary = None

    def _check_refit_name(self, several: bool, scorers: Mapping[str, Scorer]) -> None:
        named = isinstance(self.refit, str) and self.refit in scorers
        if several and self.refit is not False and not callable(self.refit) and not named:
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
        # An estimator of this package is the model itself.
        fallback = SANDBOX if self.fallback == SANDBOX else None
        own = best if isinstance(best, Predicting) else Model(best, fallback)
        self.best_estimator_ = own._take(model, data)
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

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        # What a notebook asks first; scikit-learn's has the diagram alone.
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def _repr_html_(self) -> str:
        from ._display import html

        return html(self)


class GridSearchCV(_Search, _theirs.GridSearchCV):  # type: ignore[misc]
    """Exhaustive search over specified parameter values for an estimator.

    The parameters and attributes are those of scikit-learn's `GridSearchCV`; the last ones are
    told at the head of
    `fanout_ml.model_selection`. `best_estimator_` is a `fanout_ml.model.Model`, and `notes_`
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
    candidates those that it draws; the last parameters are told at the head of
    `fanout_ml.model_selection`.
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
