"""Linear models."""

from __future__ import annotations

from sklearn import linear_model as _theirs

from .model import Classifier, Regressor


class ElasticNet(Regressor, theirs=_theirs.ElasticNet):
    pass


class Lasso(Regressor, theirs=_theirs.Lasso):
    pass


class LinearRegression(Regressor, theirs=_theirs.LinearRegression):
    pass


class LogisticRegression(Classifier, theirs=_theirs.LogisticRegression):
    pass


class Ridge(Regressor, theirs=_theirs.Ridge):
    pass


class RidgeClassifier(Classifier, theirs=_theirs.RidgeClassifier):
    pass


__all__ = [
    "ElasticNet",
    "Lasso",
    "LinearRegression",
    "LogisticRegression",
    "Ridge",
    "RidgeClassifier",
]
