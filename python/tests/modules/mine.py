"""A module of a user's, whose classes scikit-learn does not have."""

import metrics_of_mine
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin


class NearestCentroid2(ClassifierMixin, BaseEstimator):
    """Classes by their nearest mean, with one parameter of its own."""

    def __init__(self, power=2.0):
        self.power = power

    def fit(self, X, y):
        X, y = np.asarray(X, dtype=float), np.asarray(y)
        if self.power <= 0:
            raise ValueError(f"power must be positive, got {self.power}")
        self.classes_ = np.unique(y)
        self.means_ = np.array([X[y == label].mean(axis=0) for label in self.classes_])
        return self

    def predict(self, X):
        X = np.asarray(X, dtype=float)
        away = [metrics_of_mine.distance(X, mean, self.power) for mean in self.means_]
        return self.classes_[np.argmin(away, axis=0)]


class Halves(TransformerMixin, BaseEstimator):
    """Half of each number."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X, dtype=float) / 2.0
