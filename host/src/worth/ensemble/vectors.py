#!/usr/bin/env python3
"""Writes vectors.json beside itself: what scikit-learn's VotingClassifier and
VotingRegressor predict, and which members greedy ensemble selection takes (an
implementation of its own, by its paper). Run it with scikit-learn 1.9:

    python host/src/worth/ensemble/vectors.py
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn import metrics
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

assert sklearn.__version__.startswith("1.9."), sklearn.__version__


def table(probabilities):
    """As the contract has it: of two classes, the second one alone."""
    two = probabilities.shape[1] == 2
    return (probabilities[:, 1] if two else probabilities).ravel().tolist()


def votes():
    features, classes = load_iris(return_X_y=True)
    # Two features alone: the members disagree.
    features = features[:, :2]
    for kept in [3, 2]:
        rows = classes >= 3 - kept
        x, y = features[rows], classes[rows] - (3 - kept)
        for weights in [None, [2.0, 1.0, 0.5]]:
            members = [
                ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
                ("bayes", GaussianNB()),
                ("neighbors", KNeighborsClassifier(7)),
            ]
            case = {"classes": kept, "weights": weights or [1.0] * 3}
            for voting in ["soft", "hard"]:
                fitted = VotingClassifier(members, voting=voting, weights=weights).fit(x[::2], y[::2])
                case[voting] = fitted.predict(x[1::2]).tolist()
            soft = VotingClassifier(members, voting="soft", weights=weights).fit(x[::2], y[::2])
            own = soft.named_estimators_.values()
            case["members"] = [table(member.predict_proba(x[1::2])) for member in own]
            case["probabilities"] = table(soft.predict_proba(x[1::2]))
            yield case
    x, y = load_diabetes(return_X_y=True)
    for weights in [None, [2.0, 1.0, 0.5]]:
        members = [
            ("ridge", Ridge()),
            ("linear", LinearRegression()),
            ("tree", DecisionTreeRegressor(max_depth=3, random_state=0)),
        ]
        fitted = VotingRegressor(members, weights=weights).fit(x[::2], y[::2])
        yield {
            "classes": 0,
            "weights": weights or [1.0] * 3,
            "members": [m.predict(x[1::2]).tolist() for m in fitted.named_estimators_.values()],
            "probabilities": fitted.predict(x[1::2]).tolist(),
        }


def score(metric, truth, blend):
    if metric == "accuracy":
        return metrics.accuracy_score(truth, blend.argmax(1))
    if metric == "neg_log_loss":
        return -metrics.log_loss(truth, blend, labels=range(blend.shape[1]))
    return metrics.roc_auc_score(truth, blend[:, 1])


def greedy(metric, truth, splits, library, size, patience=10):
    """How often each candidate is taken."""
    counts, best, stale = np.zeros(len(library), int), (-np.inf, None), 0

    def mean(counts):
        blend = sum(count * own for count, own in zip(counts, library) if count) / counts.sum()
        return np.mean([score(metric, truth[rows], blend[rows]) for rows in splits])

    for _ in range(size):
        tried = []
        for candidate in range(len(library)):
            counts[candidate] += 1
            tried.append(mean(counts))
            counts[candidate] -= 1
        # Equal but for rounding: the first.
        taken = next(i for i, one in enumerate(tried) if one >= max(tried) - 1e-12)
        counts[taken] += 1
        stale += 1
        if tried[taken] > best[0] + 1e-12:
            best, stale = (tried[taken], counts.copy()), 0
        if stale == patience:
            break
    return best


def selections():
    x, y = load_wine(return_X_y=True)
    for metric, kept, columns in [
        ("accuracy", 3, [1, 4, 7]),
        ("neg_log_loss", 3, [1, 2]),
        ("roc_auc", 2, [1, 4, 7]),
        ("neg_log_loss", 2, [1, 2]),
    ]:
        rows = y >= 3 - kept
        own, truth = x[rows][:, columns], y[rows] - (3 - kept)
        # The test rows of one split after the other, as a run has them.
        cv = StratifiedKFold(4, shuffle=True, random_state=1)
        tests = [test for _, test in cv.split(own, truth)]
        order = np.concatenate(tests)
        ends = np.cumsum([len(test) for test in tests])
        splits = [range(end - len(test), end) for test, end in zip(tests, ends)]
        candidates = [
            *(DecisionTreeClassifier(max_depth=depth, random_state=0) for depth in (1, 2, 4)),
            *(KNeighborsClassifier(k) for k in (5, 15)),
            GaussianNB(),
            LogisticRegression(C=0.01),
        ]
        library = [
            cross_val_predict(candidate, own, truth, cv=cv, method="predict_proba")[order]
            for candidate in candidates
        ]
        # Log loss of a probability of 0 is infinite, or as good as that.
        library = [np.clip(probabilities, 0.01, 0.99) for probabilities in library]
        library = [p / p.sum(1, keepdims=True) for p in library]
        selected = []
        for size in [1, 3, 20]:
            best, counts = greedy(metric, truth[order], splits, library, size)
            selected.append({"size": size, "score": best, "counts": counts.tolist()})
        yield {
            "metric": metric,
            "classes": kept,
            "truth": truth[order].tolist(),
            "rows": order.tolist(),
            "ends": ends.tolist(),
            "library": [table(member) for member in library],
            "selected": selected,
        }


vectors = {"votes": list(votes()), "selections": list(selections())}
path = pathlib.Path(__file__).with_name("vectors.json")
path.write_text(json.dumps(vectors, separators=(",", ":")) + "\n")
