"""Forests and boosted trees."""

from __future__ import annotations

from sklearn import ensemble as _theirs

from .model import Classifier, Regressor


class RandomForestClassifier(Classifier, theirs=_theirs.RandomForestClassifier):
    pass


class RandomForestRegressor(Regressor, theirs=_theirs.RandomForestRegressor):
    pass


class ExtraTreesClassifier(Classifier, theirs=_theirs.ExtraTreesClassifier):
    pass


class ExtraTreesRegressor(Regressor, theirs=_theirs.ExtraTreesRegressor):
    pass


class HistGradientBoostingClassifier(Classifier, theirs=_theirs.HistGradientBoostingClassifier):
    pass


class HistGradientBoostingRegressor(Regressor, theirs=_theirs.HistGradientBoostingRegressor):
    pass


__all__ = [
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
    "RandomForestClassifier",
    "RandomForestRegressor",
]
