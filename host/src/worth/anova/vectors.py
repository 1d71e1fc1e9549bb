#!/usr/bin/env python3
"""Writes vectors.json beside itself: functional ANOVA by other implementations.

* `grids`: scores on full grids, and the shares of the sums of squares of the linear model
  of all main effects and pairs by statsmodels' `anova_lm`. On a balanced design these are
  the shares of the functional ANOVA.
* `trees`: scikit-learn's regression trees on levels, and the shares of the variance by
  Optuna's `_FanovaTree`, whose search spaces have one unit a level.
* `samples`: incomplete designs, and the importances of Optuna's forest of 64 trees on them.

Run it with Optuna 5.0, statsmodels 0.15, scikit-learn 1.9:

    python host/src/worth/anova/vectors.py
"""

import itertools
import json
import pathlib

import numpy as np
import optuna
import pandas as pd
import sklearn
import statsmodels
from optuna.importance._fanova._fanova import _Fanova
from optuna.importance._fanova._tree import _FanovaTree
from sklearn.tree import DecisionTreeRegressor
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

assert optuna.__version__.startswith("5."), optuna.__version__
assert statsmodels.__version__.startswith("0.15"), statsmodels.__version__
assert sklearn.__version__.startswith("1.9."), sklearn.__version__

random = np.random.default_rng(11)


def names(levels):
    return [f"p{factor}" for factor in range(len(levels))]


def pairs(levels):
    return list(itertools.combinations(range(len(levels)), 2))


def surface(levels, cells):
    """A score with effects of its own for each factor and pair, and some noise."""
    score = np.full(len(cells), 0.8)
    for factor, of in enumerate(levels):
        score += random.normal(0, 0.1 / (1 + factor), of)[cells[:, factor]]
    for a, b in pairs(levels):
        table = random.normal(0, 0.03, (levels[a], levels[b]))
        score += table[cells[:, a], cells[:, b]]
    return score + random.normal(0, 0.01, len(cells))


def grid(levels):
    cells = np.array(list(itertools.product(*map(range, levels))))
    score = surface(levels, cells)
    table = pd.DataFrame(cells, columns=names(levels))
    table["score"] = score
    main = [f"C({name})" for name in names(levels)]
    both = [f"C(p{a}):C(p{b})" for a, b in pairs(levels)]
    squares = anova_lm(ols("score ~ " + " + ".join(main + both), table).fit())["sum_sq"]
    total = ((score - score.mean()) ** 2).sum()
    marginals = [
        table.groupby(name)["score"].mean().tolist() for name in names(levels)
    ]
    return {
        "levels": levels,
        "cells": cells.tolist(),
        "scores": score.tolist(),
        "main": [squares[name] / total for name in main],
        "pairs": [squares[name] / total for name in both],
        "marginals": marginals,
    }


def space(levels):
    return np.array([[-0.5, of - 0.5] for of in levels])


def leaves(tree, levels):
    found = []

    def walk(node, box):
        if tree.feature[node] < 0:
            found.append({"box": box, "value": float(tree.value[node].reshape(-1)[0])})
            return
        feature, at = tree.feature[node], int(np.floor(tree.threshold[node])) + 1
        low, high = [list(of) for of in box], [list(of) for of in box]
        low[feature][1] = at
        high[feature][0] = at
        walk(tree.children_left[node], low)
        walk(tree.children_right[node], high)

    walk(0, [[0, of] for of in levels])
    return found


def tree(levels, rows, depth):
    cells = np.array([[random.integers(of) for of in levels] for _ in range(rows)])
    score = surface(levels, cells)
    fitted = DecisionTreeRegressor(max_depth=depth, random_state=0).fit(cells, score).tree_
    # A threshold is between two levels for both. Optuna's is a midpoint: a level that is on
    # it goes left, which half a level more says without a tie.
    fitted.threshold[fitted.feature >= 0] = (
        np.floor(fitted.threshold[fitted.feature >= 0]) + 0.5
    )
    optunas = _FanovaTree(fitted, space(levels))
    share = lambda features: optunas.get_marginal_variance(np.array(features)) / optunas.variance
    main = [share([factor]) for factor in range(len(levels))]
    return {
        "levels": levels,
        "leaves": leaves(fitted, levels),
        "main": main,
        "pairs": [share([a, b]) - main[a] - main[b] for a, b in pairs(levels)],
    }


def sample(levels, rows):
    every = np.array(list(itertools.product(*map(range, levels))))
    cells = every[random.choice(len(every), rows, replace=False)]
    score = surface(levels, cells)
    forest = _Fanova(n_trees=64, max_depth=64, min_samples_split=2, min_samples_leaf=1, seed=0)
    columns = [np.array([factor]) for factor in range(len(levels))]
    forest.fit(cells.astype(float), score, space(levels), columns)
    return {
        "levels": levels,
        "cells": cells.tolist(),
        "scores": score.tolist(),
        "main": [forest.get_importance(factor)[0] for factor in range(len(levels))],
    }


vectors = {
    "grids": [grid(levels) for levels in [[5], [5, 5], [2, 3, 4], [3, 2, 2, 5], [10, 9]]],
    "trees": [
        tree(levels, rows, depth)
        for levels, rows, depth in [
            ([6], 10, 3),
            ([5, 4], 15, 3),
            ([7, 3, 4], 40, None),
            ([2, 9, 3, 5], 60, 6),
        ]
    ],
    "samples": [
        sample(levels, rows) for levels, rows in [([8, 6], 30), ([6, 5, 4], 80), ([4, 4, 4, 4], 150)]
    ],
}
path = pathlib.Path(__file__).with_name("vectors.json")
path.write_text(json.dumps(vectors) + "\n")
print({kind: len(cases) for kind, cases in vectors.items()})
