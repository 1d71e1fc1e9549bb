"""Support vector machines."""

from __future__ import annotations

from sklearn import svm as _theirs

from .model import Classifier, Regressor


class LinearSVC(Classifier, theirs=_theirs.LinearSVC):
    pass


class SVC(Classifier, theirs=_theirs.SVC):
    pass


class SVR(Regressor, theirs=_theirs.SVR):
    pass


__all__ = [
    "SVC",
    "SVR",
    "LinearSVC",
]
