"""Naive Bayes."""

from __future__ import annotations

from sklearn import naive_bayes as _theirs

from .model import Classifier


class GaussianNB(Classifier, theirs=_theirs.GaussianNB):
    pass


class MultinomialNB(Classifier, theirs=_theirs.MultinomialNB):
    pass


__all__ = [
    "GaussianNB",
    "MultinomialNB",
]
