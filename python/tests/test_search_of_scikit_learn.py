"""scikit-learn's own tests of its searches (`model_selection/tests/test_search.py` of the installed
version), over ours."""

from __future__ import annotations

import importlib
import sys
from unittest import mock

import pytest

from fanout_ml import model_selection as ours

_NAME = "sklearn.model_selection.tests.test_search"


def _load():
    """The module, as if scikit-learn's searches were ours."""
    sys.modules.pop(_NAME, None)
    with (
        mock.patch("sklearn.model_selection.GridSearchCV", ours.GridSearchCV),
        mock.patch("sklearn.model_selection.RandomizedSearchCV", ours.RandomizedSearchCV),
    ):
        module = importlib.import_module(_NAME)
    sys.modules.pop(_NAME)
    return module


_module = _load()

for _name, _test in vars(_module).items():
    if _name.startswith("test_"):
        globals()[_name] = _test
