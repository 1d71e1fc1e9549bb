"""`cv_results_`: scores of splits as the dictionary that scikit-learn makes of them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._run import Scores


def cv_results(scores: Scores, candidates: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The dictionary; a fit's time is its family's by the fits of this."""
    results: dict[str, Any] = {
        "mean_fit_time": scores.fit_time,
        "std_fit_time": scores.fit_time_std,
        "mean_score_time": scores.score_times.mean(axis=1),
        "std_score_time": scores.score_times.std(axis=1),
    }
    results.update(_params(candidates))
    results["params"] = [dict(candidate) for candidate in candidates]
    for name, test in scores.test.items():
        _add(results, f"test_{name}", test)
        results[f"rank_test_{name}"] = _rank(results[f"mean_test_{name}"])
        if scores.train:
            _add(results, f"train_{name}", scores.train[name])
    return results


def _add(results: dict[str, Any], key: str, table: NDArray[np.float64]) -> None:
    for split in range(table.shape[1]):
        results[f"split{split}_{key}"] = table[:, split]
    mean = np.average(table, axis=1)
    results[f"mean_{key}"] = mean
    if not np.isfinite(mean).all():
        warnings.warn(
            f"One or more of the {key.partition('_')[0]} scores are non-finite: {mean}",
            UserWarning,
            stacklevel=7,
        )
    results[f"std_{key}"] = np.sqrt(np.average((table - mean[:, np.newaxis]) ** 2, axis=1))


def _rank(mean: NDArray[np.float64]) -> NDArray[np.int32]:
    """1 for the greatest; equal means have the same rank, NaN the last."""
    if np.isnan(mean).all():
        return np.ones(len(mean), dtype=np.int32)
    known = np.where(np.isnan(mean), np.nanmin(mean) - 1, mean)
    return np.searchsorted(np.sort(-known), -known, side="left").astype(np.int32) + np.int32(1)


def _params(candidates: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A masked array for each parameter; masked where a candidate lacks it."""
    found: dict[str, dict[int, Any]] = {}
    for place, candidate in enumerate(candidates):
        for name, value in candidate.items():
            found.setdefault(f"param_{name}", {})[place] = value
    return {name: _masked(values, len(candidates)) for name, values in found.items()}


def _masked(values: Mapping[int, Any], count: int) -> Any:
    """Of the values' own type where they are numbers or truth values, else of objects."""
    try:
        kind = np.array(list(values.values())).dtype
        plain = kind.kind in "biuf" and np.array(list(values.values())).ndim == 1
    except ValueError:
        plain = False
    data: NDArray[Any] = np.empty(count, dtype=kind if plain else object)
    mask = np.ones(count, dtype=bool)
    for place, value in values.items():
        # A value may be an array or an estimator.
        data[place] = value
        mask[place] = False
    return np.ma.MaskedArray(data, mask=mask)


def best_index(refit: Any, metric: str, results: Mapping[str, Any]) -> int:
    """The candidate that `refit` chooses."""
    if not callable(refit):
        return int(results[f"rank_test_{metric}"].argmin())
    found = refit(results)
    if not isinstance(found, (int, np.integer)):
        raise TypeError("best_index_ returned is not an integer")
    if found < 0 or found >= len(results["params"]):
        raise IndexError("best_index_ index out of range")
    return int(found)
