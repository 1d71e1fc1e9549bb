"""Baselines."""

from __future__ import annotations

from sklearn import dummy as _theirs

from .model import Classifier, Regressor


class DummyClassifier(Classifier, theirs=_theirs.DummyClassifier):
    pass


class DummyRegressor(Regressor, theirs=_theirs.DummyRegressor):
    pass


__all__ = [
    "DummyClassifier",
    "DummyRegressor",
]
