"""Curves of searches with matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np


def plot_search(
    search: Any, param: str | None = None, *, metric: str | None = None, ax: Any = None
) -> Any:
    """The mean test scores of a search by the values of a parameter, the best of each value as a
    line, with its standard deviation over the splits; without `param` the candidates by rank.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    results = search.cv_results_
    if metric is None:
        metric = search.refit if search.multimetric_ else "score"
    mean, std = results[f"mean_test_{metric}"], results[f"std_test_{metric}"]
    if param is None:
        order = np.argsort(results[f"rank_test_{metric}"], kind="stable")
        ax.errorbar(np.arange(1, len(order) + 1), mean[order], yerr=std[order], fmt="o", capsize=2)
        ax.set_xlabel("candidates by rank")
    else:
        values = results[f"param_{param}"]
        best: dict[str, int] = {}
        for place in range(len(values)):
            if not values.mask[place]:
                shown = str(values.data[place])
                if shown not in best or mean[place] > mean[best[shown]]:
                    best[shown] = place
        places = list(best.values())
        numbers = [values.data[place] for place in places]
        if all(isinstance(one, (int, float, np.number)) for one in numbers):
            order = np.argsort(numbers)
            across: Any = np.asarray(numbers, dtype=float)[order]
        else:
            order = np.arange(len(places))
            across = list(best)
        kept = np.asarray(places)[order]
        ax.errorbar(across, mean[kept], yerr=std[kept], marker="o", capsize=2)
        ax.set_xlabel(param)
    ax.set_ylabel(metric if metric != "score" else _name(search.scoring))
    return ax


def plot_curve(
    x: Any, train_scores: Any, test_scores: Any, *, ax: Any = None, label: str = "training rows"
) -> Any:
    """A learning curve or validation curve: means of shape (values, splits), with the standard
    deviation over the splits.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    for name, scores in (("training rows", train_scores), ("test rows", test_scores)):
        scores = np.asarray(scores)
        mean, std = scores.mean(axis=1), scores.std(axis=1)
        ax.plot(x, mean, marker="o", label=name)
        ax.fill_between(x, mean - std, mean + std, alpha=0.2)
    ax.set_xlabel(label)
    ax.set_ylabel("score")
    ax.legend()
    return ax


def plot_importance(result: Any, names: Any, *, ax: Any = None, most: int = 20) -> Any:
    """The result of `permutation_importance` as boxes, the most important feature on top.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    order = np.argsort(result.importances_mean)[-most:]
    ax.boxplot(result.importances[order].T, orientation="horizontal")
    ax.set_yticks(np.arange(1, len(order) + 1), [str(names[at]) for at in order])
    ax.set_xlabel("decrease of the score")
    return ax


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots()[1]


def _name(scoring: Any) -> str:
    return scoring if isinstance(scoring, str) else "score"


__all__ = ["plot_curve", "plot_importance", "plot_search"]
