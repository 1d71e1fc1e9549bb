#!/usr/bin/env python3
"""Writes vectors.json beside itself: what SciPy and NumPy say of samples that differ. Run
it with SciPy 1.15 or later:

    python host/src/worth/drift/vectors.py
"""

import json
import math
import pathlib

import numpy as np
import scipy.stats
from scipy.stats import kstwo

random = np.random.default_rng(13)


def p_values():
    """Of the statistic of one sample, over all ways of computing it."""
    cases = []
    for rows in [1, 2, 5, 13, 50, 140, 141, 500, 2_000, 30_000, 100_000, 100_001, 400_000]:
        for scaled in [0.2, 0.45, 0.6, 0.9, 1.2, 1.45, 1.6, 1.9, 2.3, 4.0, 9.0]:
            statistic = scaled / math.sqrt(rows)
            if statistic < 1:
                p = kstwo.sf(statistic, rows)
                cases.append([rows, statistic, float(p)])
        for statistic in [0.5 / rows, 0.8 / rows, 1 / rows, 1 - 0.5 / rows]:
            if statistic < 1:
                cases.append([rows, statistic, float(kstwo.sf(statistic, rows))])
    return cases


def two_sample():
    """Small samples, of which the p-value is exact, with ties among them."""
    cases = []
    for first, second, shift in [(3, 4, 0), (5, 5, 1), (10, 17, 0.3), (60, 60, 0.4), (90, 140, 0.5), (200, 31, 0)]:
        for digits in [6, 0]:
            a = np.sort(np.round(random.normal(0, 2, first), digits)) + 0.0
            b = np.sort(np.round(random.normal(shift, 2, second), digits)) + 0.0
            found = scipy.stats.ks_2samp(a, b, method="exact")
            asymptotic = scipy.stats.ks_2samp(a, b, method="asymp")
            cases.append(
                {
                    "first": a.tolist(),
                    "second": b.tolist(),
                    "statistic": float(found.statistic),
                    "exact": float(found.pvalue),
                    "asymptotic": float(asymptotic.pvalue),
                }
            )
    return cases


def stability(before, after):
    """The index of counts of bins."""
    p = np.maximum(np.array(before) / np.sum(before), 1e-4)
    q = np.maximum(np.array(after) / np.sum(after), 1e-4)
    return float(np.sum((q - p) * np.log(q / p)))


def numbers():
    """Numbers in ten bins between deciles, and one of missing values."""
    cases = []
    for shift, rows in [(0.0, 400), (0.3, 400), (1.5, 250)]:
        before = np.round(random.normal(0, 1, 350), 4)
        after = np.round(random.normal(shift, 1.1, rows), 4)
        before[::50] = np.nan
        after[::20] = np.nan
        a, b = before[~np.isnan(before)], after[~np.isnan(after)]
        edges = np.quantile(a, np.arange(1, 10) / 10, method="inverted_cdf")
        assert len(set(edges)) == 9

        def counts(values):
            there = values[~np.isnan(values)]
            bins = np.bincount(np.searchsorted(edges, there, side="left"), minlength=10)
            return [*bins.tolist(), int(np.isnan(values).sum())]

        tested = scipy.stats.ks_2samp(a, b, method="auto")
        null = lambda values: [None if math.isnan(v) else float(v) for v in values]
        cases.append(
            {
                "before": null(before),
                "after": null(after),
                "edges": edges.tolist(),
                "psi": stability(counts(before), counts(after)),
                "statistic": float(tested.statistic),
                "p_value": float(tested.pvalue),
            }
        )
    return cases


def categories():
    """Categories in a bin each, one of those that are new, and one of missing values."""
    cases = []
    for shares in [[0.5, 0.3, 0.2, 0.0, 0.0], [0.3, 0.3, 0.2, 0.1, 0.1]]:
        before = random.choice(["a", "b", "c", ""], 300, p=[0.5, 0.25, 0.2, 0.05])
        after = random.choice(["a", "b", "c", "x", "y"], 200, p=shares)
        after[::40] = ""
        count = lambda values, label: int((values == label).sum())
        known, new = ["a", "b", "c"], ["x", "y"]

        def counts(values):
            bins = [count(values, label) for label in known]
            return [*bins, sum(count(values, label) for label in new), count(values, "")]

        null = lambda values: [None if not v else str(v) for v in values]
        cases.append(
            {
                "before": null(before),
                "after": null(after),
                "psi": stability(counts(before), counts(after)),
                "new": sum(count(after, label) for label in new) / len(after),
            }
        )
    return cases


vectors = {
    "p_values": p_values(),
    "two_sample": two_sample(),
    "numbers": numbers(),
    "categories": categories(),
}
path = pathlib.Path(__file__).with_name("vectors.json")
path.write_text(json.dumps(vectors, separators=(",", ":")) + "\n")
