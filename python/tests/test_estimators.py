"""scikit-learn's own checks of estimators, over ours."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from fanout_ml import ensemble, linear_model, naive_bayes, neighbors, svm, tree
from fanout_ml.model import Model
from fanout_ml.model_selection import GridSearchCV, RandomizedSearchCV

ESTIMATORS = [
    GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2),
    GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
    RandomizedSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, n_iter=2, cv=2, random_state=0),
    ensemble.RandomForestClassifier(n_estimators=5, random_state=0),
    ensemble.RandomForestRegressor(n_estimators=5, random_state=0),
    linear_model.Ridge(),
    linear_model.LogisticRegression(),
]

EXPECTED: dict[str, str] = {}


def expected(estimator):
    return EXPECTED


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)
