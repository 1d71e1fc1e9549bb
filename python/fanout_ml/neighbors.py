"""Nearest neighbours."""

from __future__ import annotations

from sklearn import neighbors as _theirs

from .model import Classifier, Regressor


class KNeighborsClassifier(Classifier, theirs=_theirs.KNeighborsClassifier):
    pass


class KNeighborsRegressor(Regressor, theirs=_theirs.KNeighborsRegressor):
    pass


__all__ = [
    "KNeighborsClassifier",
    "KNeighborsRegressor",
]
