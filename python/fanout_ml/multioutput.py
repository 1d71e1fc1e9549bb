"""Estimators of several outputs: a model of each, apart or in a chain."""

from __future__ import annotations

from sklearn import multioutput as _theirs

from .model import ComposedClassifier, ComposedRegressor


class ClassifierChain(ComposedClassifier, theirs=_theirs.ClassifierChain):
    pass


class MultiOutputClassifier(ComposedClassifier, theirs=_theirs.MultiOutputClassifier):
    pass


class MultiOutputRegressor(ComposedRegressor, theirs=_theirs.MultiOutputRegressor):
    pass


class RegressorChain(ComposedRegressor, theirs=_theirs.RegressorChain):
    pass


__all__ = [
    "ClassifierChain",
    "MultiOutputClassifier",
    "MultiOutputRegressor",
    "RegressorChain",
]
