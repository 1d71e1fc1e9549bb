"""The arguments that searches and functions have in common, checked."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv

from ._data import Frame, Target, check_weight
from ._mapping import composite_of
from ._run import Data, Settings
from .exceptions import NotServed

# What stands in for what fanout lacks: scikit-learn in the sandbox.
SANDBOX = "sandbox"

Pairs = list[tuple[NDArray[np.int64], NDArray[np.int64]]]


def _workers(n_jobs: int | None) -> int | None:
    """scikit-learn's `n_jobs`; all cores where it is not given."""
    if n_jobs is None or n_jobs == -1:
        return None
    if n_jobs == 0:
        raise ValueError("n_jobs == 0 in Parallel has no meaning")
    return n_jobs if n_jobs > 0 else max(1, (os.cpu_count() or 1) + 1 + n_jobs)


def settings_of(
    n_jobs: int | None,
    verbose: Any,
    store: str | None,
    pool: str | Mapping[str, Any] | None,
    families: bool,
    limits: Mapping[str, Any] | None,
    progress: bool | None,
    fallback: str | None = None,
) -> Settings:
    if progress is None and verbose:
        progress = True
    sandbox = fallback == SANDBOX
    return Settings(store, pool, families, limits, _workers(n_jobs), progress, sandbox)


def data_of(
    X: Any, y: Any, estimator: Any, sample_weight: Any = None, frame: Frame | None = None
) -> Data:
    """The data of an estimator, whose X may have been read before."""
    frame = Frame.of(X) if frame is None else frame
    classification = is_classifier(estimator)
    if composite_of(estimator) in ("targets", "chain"):
        targets = Target.several(y, classification)
    else:
        targets = [Target.of(y, classification)]
    rows = len(targets[0].values)
    if rows != frame.rows:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {[frame.rows, rows]}"
        )
    return Data(X, y, frame, targets, check_weight(sample_weight, frame.rows))


def pairs_of(cv: Any, X: Any, y: Any, groups: Any, estimator: Any) -> Pairs:
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


def weight_of(params: Mapping[str, Any], estimator: Any) -> tuple[Any, Any]:
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


def given_of(
    estimator: Any, X: Any, y: Any, groups: Any, cv: Any, params: Mapping[str, Any] | None
) -> tuple[Data, Pairs]:
    """The data and the splits of a function whose `params` may hold groups and weights, too."""
    named, weight = weight_of(params or {}, estimator)
    data = data_of(X, y, estimator, weight)
    return data, pairs_of(cv, X, y, groups if groups is not None else named, estimator)


def check_fallback(fallback: str | None) -> None:
    if fallback not in (None, "sklearn", SANDBOX):
        raise ValueError(f"fallback must be None, 'sklearn' or 'sandbox', got {fallback!r}")


def fall_back(refused: NotServed, fallback: str | None, name: str) -> None:
    """Warns the caller's caller that scikit-learn's own `name` runs, or raises the refusal."""
    check_fallback(fallback)
    if fallback != "sklearn":
        # What the sandbox can't serve, nothing stands in for.
        raise refused
    warnings.warn(f"{refused}\nscikit-learn's own {name} runs instead", UserWarning, stacklevel=3)
