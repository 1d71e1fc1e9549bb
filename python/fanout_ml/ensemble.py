"""Forests, boosted trees, and estimators that are combined."""

from __future__ import annotations

from sklearn import ensemble as _theirs

from .model import Classifier, ComposedClassifier, ComposedRegressor, Regressor


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


class BaggingClassifier(ComposedClassifier, theirs=_theirs.BaggingClassifier):
    pass


class BaggingRegressor(ComposedRegressor, theirs=_theirs.BaggingRegressor):
    pass


class VotingClassifier(ComposedClassifier, theirs=_theirs.VotingClassifier):
    pass


class VotingRegressor(ComposedRegressor, theirs=_theirs.VotingRegressor):
    pass


class StackingClassifier(ComposedClassifier, theirs=_theirs.StackingClassifier):
    pass


class StackingRegressor(ComposedRegressor, theirs=_theirs.StackingRegressor):
    pass


__all__ = [
    "BaggingClassifier",
    "BaggingRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
    "RandomForestClassifier",
    "RandomForestRegressor",
    "StackingClassifier",
    "StackingRegressor",
    "VotingClassifier",
    "VotingRegressor",
]
