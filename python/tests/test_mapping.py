"""What is mapped, what is refused, and what stands in for what is refused."""

from __future__ import annotations

import inspect
from pathlib import Path

import lightgbm
import numpy as np
import pytest
import sklearn
import xgboost
from sklearn import model_selection as theirs
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.utils import all_estimators

from fanout_ml import NotServed, documentation, linear_model
from fanout_ml._rules import COMPOSITES, STEPS, TRAINERS
from fanout_ml.model import Model
from fanout_ml.model_selection import GridSearchCV, cross_val_score

NEWEST = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)


@pytest.mark.skipif(not NEWEST, reason="the table is of the newest scikit-learn")
def test_the_table_of_the_documentation_is_the_mapping():
    page = Path(__file__).parents[2] / "docs" / "python.md"
    assert documentation.table() in page.read_text(), (
        "docs/python.md lacks the mapping: python -m fanout_ml.documentation docs/python.md"
    )


def test_every_rule_is_of_a_class_and_knows_its_parameters():
    known = {f"{kind.__module__.partition('.')[0]}.{name}": kind for name, kind in all_estimators()}
    for key, rule in {**TRAINERS, **COMPOSITES, **STEPS}.items():
        if not key.startswith("sklearn."):
            continue
        params = set(inspect.signature(known[key].__init__).parameters) - {"self"}
        # Every parameter of this version is said to be one thing or the other.
        said = {*rule.same, *rule.ignored, *rule.only, *rule.convert}
        if NEWEST:
            assert params <= said, (key, params - said)


def test_everything_that_is_lacking_is_told_at_once(cancer):
    X, y = cancer
    model = Pipeline([("scale", StandardScaler()), ("model", RandomForestClassifier())])
    grid = [
        {"model": [GradientBoostingClassifier()]},
        {"model": [RandomForestClassifier(ccp_alpha=0.1)]},
        {"model": [SVC(kernel=lambda a, b: a @ b.T)]},
        {"scale": [FunctionTransformer(np.log1p)]},
    ]
    with pytest.raises(NotServed) as refused:
        GridSearchCV(model, grid).fit(X, y)
    text = str(refused.value)
    assert len(refused.value.reasons) == 4
    assert "`GradientBoostingClassifier`: fanout has no such estimator" in text
    assert "`RandomForestClassifier(ccp_alpha=0.1)`" in text
    assert "`SVC(kernel=<lambda>)`" in text
    assert "`FunctionTransformer`: fanout has no such step" in text


def test_scikit_learn_stands_in_where_that_is_asked_for(cancer):
    X, y = cancer
    search = GridSearchCV(
        GradientBoostingClassifier(n_estimators=5, random_state=0),
        {"max_depth": [1, 2]},
        fallback="sklearn",
        cv=3,
    )
    with pytest.warns(UserWarning, match="scikit-learn's own GridSearchCV runs instead"):
        search.fit(X, y)
    other = theirs.GridSearchCV(search.estimator, search.param_grid, cv=3).fit(X, y)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], other.cv_results_["mean_test_score"]
    )
    assert isinstance(search.best_estimator_, GradientBoostingClassifier)
    with pytest.warns(UserWarning, match="scikit-learn's own cross_validate"):
        cross_val_score(search.estimator, X, y, fallback="sklearn")
    with pytest.raises(ValueError, match="fallback must be"):
        search.set_params(fallback="dask").fit(X, y)


def test_estimators_of_the_package_are_searched_like_those_they_stand_for(diabetes):
    X, y = diabetes
    grid = {"alpha": [0.1, 1.0]}
    found = [
        GridSearchCV(estimator, grid, cv=3).fit(X, y)
        for estimator in (Ridge(), linear_model.Ridge(), Model(Ridge()))
    ]
    for search in found[1:]:
        np.testing.assert_array_equal(
            search.cv_results_["mean_test_score"], found[0].cv_results_["mean_test_score"]
        )
        np.testing.assert_array_equal(search.predict(X), found[0].predict(X))
    assert isinstance(found[1].best_estimator_, linear_model.Ridge)
    assert found[1].best_estimator_.alpha == found[0].best_params_["alpha"]
    assert repr(found[2].best_estimator_) == repr(found[0].best_estimator_)


def test_unions_map_where_they_are_one(cancer):
    X, y = cancer
    one = FeatureUnion([("scale", StandardScaler()), ("none", "drop")])
    model = make_pipeline(one, LogisticRegression())
    plain = make_pipeline(StandardScaler(), LogisticRegression())
    np.testing.assert_array_equal(
        cross_val_score(model, X, y, cv=3), cross_val_score(plain, X, y, cv=3)
    )
    two = FeatureUnion([("scale", StandardScaler()), ("same", "passthrough")])
    with pytest.raises(NotServed, match="FeatureUnion"):
        cross_val_score(make_pipeline(two, LogisticRegression()), X, y)


def test_columns_are_dropped_and_chosen_as_scikit_learn_does(diabetes):
    X, y = diabetes
    for chosen in ([0, 2, 3], slice(1, 5), np.arange(10) > 6, [-1, 0], 3):
        model = make_pipeline(
            ColumnTransformer([("scale", StandardScaler(), [chosen] if chosen == 3 else chosen)])
            if not isinstance(chosen, np.ndarray)
            else ColumnTransformer([("scale", StandardScaler(), chosen)]),
            Ridge(),
        )
        np.testing.assert_allclose(
            cross_val_score(model, X, y), theirs.cross_val_score(model, X, y), atol=1e-9
        )
    twice = ColumnTransformer([("a", StandardScaler(), [0]), ("b", StandardScaler(), [0, 1])])
    with pytest.raises(NotServed, match="a column in two transformers"):
        cross_val_score(make_pipeline(twice, Ridge()), X, y)


@pytest.mark.parametrize(
    "model",
    [
        lightgbm.LGBMClassifier(n_estimators=40, num_leaves=7, min_child_samples=10, verbose=-1),
        lightgbm.LGBMClassifier(
            n_estimators=40, reg_alpha=0.5, reg_lambda=2.0, colsample_bytree=0.5, verbose=-1
        ),
        xgboost.XGBClassifier(n_estimators=40, max_depth=3, learning_rate=0.1),
        xgboost.XGBClassifier(n_estimators=40, max_leaves=8, max_depth=0, grow_policy="lossguide"),
    ],
    ids=["lightgbm", "lightgbm, penalties", "xgboost", "xgboost, leaves"],
)
def test_boosting_of_others_predicts_alike(model, cancer):
    X, y = cancer
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    mine = Model(model).fit(X, y).predict_proba(X_test)[:, 1]
    other = model.fit(X, y).predict_proba(X_test)[:, 1]
    assert np.corrcoef(mine, other)[0, 1] > 0.97
    assert abs(roc_auc_score(y_test, mine) - roc_auc_score(y_test, other)) < 0.02


@pytest.mark.parametrize(
    "model",
    [
        lightgbm.LGBMRegressor(n_estimators=40, max_depth=4, subsample=0.5, verbose=-1),
        lightgbm.LGBMRegressor(n_estimators=30, min_split_gain=100.0, verbose=-1),
        xgboost.XGBRegressor(n_estimators=40, max_depth=3, learning_rate=0.1),
        xgboost.XGBRegressor(n_estimators=30, max_depth=4, gamma=5000.0, min_child_weight=5),
    ],
    ids=["lightgbm", "lightgbm, least gain", "xgboost", "xgboost, least gain"],
)
def test_boosting_of_numbers_by_others_predicts_alike(model, diabetes):
    X, y = diabetes
    mine = Model(model).fit(X, y).predict(X)
    other = model.fit(X, y).predict(X)
    assert np.corrcoef(mine, other)[0, 1] > 0.97
    assert abs(mine.std() / other.std() - 1) < 0.08


def test_categories_of_histogram_boosting_are_those_that_it_names(mixed):
    X, y = mixed
    X = X[["whole"]].assign(size=X["size"].cat.codes)
    for chosen in (["size"], [1], [False, True]):
        model = HistGradientBoostingClassifier(max_iter=5, categorical_features=chosen)
        search = GridSearchCV(model, {"max_leaf_nodes": [4]}, cv=2).fit(X, y)
        assert search.score(X, y) > 0.6
    # An unordered category divides sizes that a number can't.
    parity = np.where(X["size"] == 1, "in", "out")
    stump = HistGradientBoostingClassifier(max_iter=1, max_leaf_nodes=2, learning_rate=1.0)
    by_number = Model(stump).fit(X, parity).score(X, parity)
    stump.set_params(categorical_features=["size"])
    assert Model(stump).fit(X, parity).score(X, parity) == 1 > by_number


@pytest.mark.parametrize(
    "model",
    [
        lightgbm.LGBMClassifier(boosting_type="dart"),
        lightgbm.LGBMClassifier(objective="cross_entropy"),
        lightgbm.LGBMClassifier(max_bin=15),
        xgboost.XGBClassifier(booster="gblinear"),
        xgboost.XGBClassifier(scale_pos_weight=3.0),
    ],
    ids=str,
)
def test_boosting_of_others_that_we_lack_is_refused(model, cancer):
    with pytest.raises(NotServed):
        Model(model).fit(*cancer)
