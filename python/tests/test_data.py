"""Tables of pandas, polars, pyarrow and numpy, and what is no table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge

from fanout_ml import NotServed, ensemble
from fanout_ml.model import Model
from fanout_ml.model_selection import GridSearchCV, cross_val_score

FOREST = RandomForestClassifier(n_estimators=10, random_state=0)


def test_numbers_score_the_same_however_they_come(diabetes):
    X, y = diabetes
    names = [f"c{at}" for at in range(X.shape[1])]
    frame = pd.DataFrame(X, columns=names)
    tables = [X, X.tolist(), frame, pl.from_pandas(frame), pa.Table.from_pandas(frame)]
    targets = [y, y.tolist(), pd.Series(y), pl.Series(y), pa.array(y)]
    searches = [
        GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=3).fit(table, target)
        for table, target in zip(tables, targets)
    ]
    for search, table in zip(searches, tables):
        np.testing.assert_array_equal(
            search.cv_results_["mean_test_score"], searches[0].cv_results_["mean_test_score"]
        )
        np.testing.assert_array_equal(search.predict(table), searches[0].predict(X))
        assert hasattr(search, "feature_names_in_") == (
            table is not X and not isinstance(table, list)
        )
    assert list(searches[2].feature_names_in_) == names


def test_mixed_tables_score_the_same_however_they_come(mixed):
    X, y = mixed
    tables = [X, pl.from_pandas(X), pa.Table.from_pandas(X)]
    scores = [cross_val_score(FOREST, table, y, cv=3, scoring="roc_auc") for table in tables]
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])
    model = Model(FOREST).fit(X, y)
    for table in tables:
        np.testing.assert_array_equal(model.predict_proba(table), model.predict_proba(X))


def test_pandas_types_are_read_as_what_they_are():
    rows = 90
    number = np.arange(rows) % 7
    X = pd.DataFrame(
        {
            "nullable": pd.array([None if at % 5 == 0 else at for at in number], dtype="Int64"),
            "text": pd.array(np.where(number > 3, "a", "b"), dtype="string"),
            "codes": pd.Categorical(number * 10),
            "flag": pd.array(number % 2 == 0, dtype="boolean"),
            "time": pd.Timestamp("2024-01-01") + pd.to_timedelta(number, unit="h"),
            "half": number.astype(np.float32),
            "objects": np.array(list(number), dtype=object),
        }
    )
    y = number > 3
    model = Model(FOREST).fit(X, y)
    assert model.classes_.dtype == bool
    assert model.score(X, y) == 1
    numbered = Model(FOREST).fit(X[["half"]].set_axis([5], axis="columns"), y)
    assert not hasattr(numbered, "feature_names_in_")
    assert numbered.score(X[["half"]].to_numpy(), y) == 1
    # Another order of the index is no other table.
    assert model.score(X.set_index(np.arange(rows)[::-1]), y) == 1


@pytest.mark.parametrize(
    "labels",
    [["no", "yes"], [3, 7], [-1.0, 1.0], [False, True], ["10", "9"], [1, 2, 5], list("bca")],
)
def test_labels_of_any_type_come_back(iris, labels):
    X, y = iris
    keep = y < len(labels)
    y = np.array(labels)[y[keep]]
    model = ensemble.RandomForestClassifier(n_estimators=5, random_state=0).fit(X[keep], y)
    assert model.predict(X[keep]).dtype == y.dtype
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    assert model.score(X[keep], y) > 0.9
    order = model.predict_proba(X[keep]).argmax(axis=1)
    np.testing.assert_array_equal(model.classes_[order], model.predict(X[keep]))


def test_columns_of_a_model_are_checked(mixed):
    X, y = mixed
    model = Model(FOREST).fit(X, y)
    with pytest.raises(ValueError, match="yet now missing:\n- whole"):
        model.predict(X.drop(columns="whole"))
    with pytest.raises(ValueError, match="unseen at fit time:\n- other"):
        model.predict(X.assign(other=1))
    with pytest.raises(ValueError, match="same order"):
        model.predict(X[X.columns[::-1]])
    numbers = Model(Ridge()).fit(X[["whole"]].to_numpy(), X["whole"])
    with pytest.raises(ValueError, match="X has 2 features, but Model is expecting 1 features"):
        numbers.predict(np.zeros((3, 2)))
    with pytest.warns(UserWarning, match="X has feature names"):
        numbers.predict(X[["whole"]])


def test_what_is_no_table_is_refused(iris):
    X, y = iris
    model = Model(FOREST)
    with pytest.raises(TypeError, match="dense data is required"):
        model.fit(sparse.csr_matrix(X), y)
    with pytest.raises(ValueError, match="Complex data not supported"):
        model.fit(X + 1j, y)
    with pytest.raises(ValueError, match="infinity"):
        model.fit(np.where(X > 6, np.inf, X), y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, y[:-1])
    with pytest.raises(NotServed, match="2 outputs"):
        model.fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="NaN"):
        Model(Ridge()).fit(np.where(X > 6, np.nan, X), y)
    with pytest.raises(ValueError, match="several columns of one name"):
        model.fit(pa.table([pa.array(y), pa.array(y)], names=["a", "a"]), y)
    with pytest.raises(ValueError, match="1 class"):
        model.fit(X, np.zeros(len(X), dtype=int))
