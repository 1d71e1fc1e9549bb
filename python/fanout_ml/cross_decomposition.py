"""Partial least squares."""

from __future__ import annotations

from sklearn import cross_decomposition as _theirs

from .model import Regressor


class PLSRegression(Regressor, theirs=_theirs.PLSRegression):
    pass


__all__ = [
    "PLSRegression",
]
