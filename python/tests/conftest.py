"""Data of the tests: small tables, and the program that is tested."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris


@pytest.fixture(scope="session")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return X[:300, :8], y[:300]


@pytest.fixture(scope="session")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="session")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return X[:250], y[:250]


@pytest.fixture(scope="session")
def mixed():
    """Numbers, categories, texts, truth values, dates and missing values."""
    generator = np.random.default_rng(0)
    rows = 200
    size = generator.choice(["S", "M", "L"], rows)
    colour = generator.choice(["red", "blue", None], rows)
    number = np.where(generator.random(rows) < 0.1, np.nan, generator.normal(size=rows))
    frame = pd.DataFrame(
        {
            "number": number,
            "whole": generator.integers(0, 50, rows),
            "size": pd.Categorical(size),
            "colour": colour,
            "sold": generator.random(rows) < 0.5,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows), unit="D"),
        }
    )
    noise = generator.normal(scale=0.5, size=rows)
    y = np.where((size == "S") + frame["whole"] / 50 + noise > 0.9, "yes", "no")
    return frame, y
