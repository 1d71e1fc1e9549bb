"""Single trees."""

from __future__ import annotations

from sklearn import tree as _theirs

from .model import Classifier, Regressor


class DecisionTreeClassifier(Classifier, theirs=_theirs.DecisionTreeClassifier):
    pass


class DecisionTreeRegressor(Regressor, theirs=_theirs.DecisionTreeRegressor):
    pass


__all__ = [
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
]
