#!/usr/bin/env python3
"""Writes vectors.json beside itself: the corrected paired t-test and its interval, as
scikit-learn's example `plot_grid_search_stats` computes them, two-sided. Run it with
SciPy:

    python host/src/reduce/lead/vectors.py
"""

import json
import pathlib

import numpy as np
from scipy.stats import sem, t

random = np.random.default_rng(3)


def corrected_std(differences, n_train, n_test):
    kr = len(differences)
    return np.sqrt(np.var(differences, ddof=1) * (1 / kr + n_test / n_train))


cases = []
for splits, n_train, n_test in [(2, 50, 50), (3, 200, 100), (5, 80, 20), (10, 90, 10), (101, 900, 100)]:
    for ahead in [0.0, 0.002, 0.03]:
        better = random.normal(0.9, 0.01, splits)
        worse = better - random.normal(ahead, 0.01, splits)
        if better.mean() < worse.mean():
            better, worse = worse, better
        difference = better - worse
        df = splits - 1
        std = corrected_std(difference, n_train, n_test)
        statistic = difference.mean() / std
        low, high = t.interval(0.95, df, loc=difference.mean(), scale=std)
        cases.append(
            {
                "sizes": [n_train, n_test],
                "better": better.tolist(),
                "worse": worse.tolist(),
                "difference": float(difference.mean()),
                "low": float(low),
                "high": float(high),
                "p_value": float(2 * t.sf(abs(statistic), df)),
                "standard_error": float(sem(better)),
            }
        )
path = pathlib.Path(__file__).with_name("vectors.json")
path.write_text(json.dumps(cases, separators=(",", ":")) + "\n")
