"""The functions of model selection and inspection, beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import inspection
from sklearn import model_selection as theirs
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fanout_ml import NotServed
from fanout_ml import model_selection as ours
from fanout_ml.inspection import permutation_importance
from fanout_ml.model import Model


def test_cross_validate(cancer):
    X, y = cancer
    keywords = {
        "scoring": {"ranks": "roc_auc", "right": "accuracy"},
        "cv": KFold(4, shuffle=True, random_state=1),
        "return_train_score": True,
        "return_indices": True,
        "return_estimator": True,
    }
    mine = ours.cross_validate(RidgeClassifier(), X, y, **keywords)
    other = theirs.cross_validate(RidgeClassifier(), X, y, **keywords)
    assert set(mine) == set(other)
    for name in ("test_ranks", "test_right", "train_ranks", "train_right"):
        np.testing.assert_allclose(mine[name], other[name], atol=1e-9)
    for one, two in zip(mine["estimator"], other["estimator"]):
        np.testing.assert_array_equal(one.predict(X), two.predict(X))
    for kind in ("train", "test"):
        for one, two in zip(mine["indices"][kind], other["indices"][kind]):
            np.testing.assert_array_equal(one, two)


def test_cross_val_score_with_groups_and_weights(diabetes):
    X, y = diabetes
    groups, weight = np.arange(len(y)) % 9, np.linspace(0.1, 2, len(y))
    keywords = {"groups": groups, "cv": GroupKFold(3), "params": {"sample_weight": weight}}
    np.testing.assert_allclose(
        ours.cross_val_score(Ridge(), X, y, **keywords),
        theirs.cross_val_score(Ridge(), X, y, **keywords),
        atol=1e-9,
    )


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_cross_val_predict_of_probabilities(method, iris):
    X, y = iris
    model = GaussianNB(var_smoothing=1.0)
    keywords = {"method": method, "cv": KFold(5, shuffle=True, random_state=0)}
    np.testing.assert_allclose(
        ours.cross_val_predict(model, X, y, **keywords),
        theirs.cross_val_predict(model, X, y, **keywords),
        atol=1e-6,
        rtol=1e-6,
    )


def test_cross_val_predict_of_decisions_and_numbers(cancer, diabetes):
    X, y = cancer
    model = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-10, max_iter=10000))
    for estimator in (RidgeClassifier(), model):
        np.testing.assert_allclose(
            ours.cross_val_predict(estimator, X, y, method="decision_function"),
            theirs.cross_val_predict(estimator, X, y, method="decision_function"),
            atol=1e-4,
        )
    X, y = diabetes
    np.testing.assert_allclose(
        ours.cross_val_predict(Ridge(), X, y), theirs.cross_val_predict(Ridge(), X, y), atol=1e-6
    )
    with pytest.raises(ValueError, match="only works for partitions"):
        ours.cross_val_predict(Ridge(), X, y, cv=ShuffleSplit(3))


@pytest.mark.parametrize("shuffle", [False, True])
def test_learning_curve(shuffle, cancer):
    X, y = cancer
    keywords = {
        "train_sizes": [0.3, 0.5, 1.0],
        "cv": 3,
        "scoring": "accuracy",
        "shuffle": shuffle,
        "random_state": 5,
    }
    mine = ours.learning_curve(KNeighborsClassifier(), X, y, **keywords)
    other = theirs.learning_curve(KNeighborsClassifier(), X, y, **keywords)
    for one, two in zip(mine, other):
        np.testing.assert_allclose(one, two, atol=1e-9)
    assert len(ours.learning_curve(KNeighborsClassifier(), X, y, return_times=True)) == 5


def test_validation_curve(diabetes):
    X, y = diabetes
    keywords = {"param_name": "alpha", "param_range": [0.01, 0.1, 1.0], "cv": 4}
    for one, two in zip(
        ours.validation_curve(Ridge(), X, y, **keywords),
        theirs.validation_curve(Ridge(), X, y, **keywords),
    ):
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_permutation_importance(cancer):
    X, y = cancer
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    for table in (X, frame):
        model = Model(RidgeClassifier()).fit(table, y)
        other = RidgeClassifier().fit(table, y)
        for keywords in ({}, {"scoring": "roc_auc"}, {"max_samples": 0.5}):
            mine = permutation_importance(model, table, y, n_repeats=3, random_state=1, **keywords)
            theirs_ = inspection.permutation_importance(
                other, table, y, n_repeats=3, random_state=1, **keywords
            )
            np.testing.assert_allclose(mine.importances, theirs_.importances, atol=1e-9)
            np.testing.assert_allclose(mine.importances_mean, theirs_.importances_mean, atol=1e-9)
    several = permutation_importance(model, frame, y, scoring=["roc_auc", "f1"], n_repeats=2)
    assert set(several) == {"roc_auc", "f1"}
    # Another's estimator is scikit-learn's to inspect.
    assert permutation_importance(other, frame, y, n_repeats=2).importances.shape == (8, 2)


def test_fits_are_found_again_in_a_store(cancer, tmp_path, monkeypatch):
    X, y = cancer
    monkeypatch.chdir(tmp_path)
    scores = [
        ours.cross_val_score(KNeighborsClassifier(), X, y, store=store)
        for store in ("store", str(tmp_path / "store"))
    ]
    np.testing.assert_array_equal(*scores)
    tasks = list((tmp_path / "store" / "tasks").rglob("*.json"))
    assert len(tasks) == 10  # five splits, and those of the baseline


def test_a_pool_changes_no_score(cancer):
    X, y = cancer
    keywords = ({}, {"pool": {"kind": "local", "workers": 1}}, {"pool": "local"}, {"n_jobs": 1})
    scores = [ours.cross_val_score(KNeighborsClassifier(), X, y, **more) for more in keywords]
    for one in scores[1:]:
        np.testing.assert_array_equal(one, scores[0])


@pytest.mark.parametrize("families", [True, False])
def test_families_change_no_score(families, cancer):
    X, y = cancer
    search = ours.GridSearchCV(
        RandomForestClassifier(random_state=0),
        {"n_estimators": [5, 10], "max_depth": [2, None]},
        cv=2,
        families=families,
    ).fit(X, y)
    alone = ours.cross_val_score(
        RandomForestClassifier(n_estimators=5, max_depth=2, random_state=0), X, y, cv=2
    )
    np.testing.assert_array_equal(
        [search.cv_results_[f"split{split}_test_score"][0] for split in range(2)], alone
    )


def test_limits_fail_a_fit(cancer):
    X, y = cancer
    with pytest.raises(ValueError, match="All the 5 fits failed"):
        ours.cross_val_score(
            RandomForestClassifier(n_estimators=2000), X, y, limits={"timeout": "1ms"}
        )


def test_fits_that_fail_are_told(cancer):
    X, y = cancer
    search = ours.GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [3, 250]}, cv=5)
    with pytest.warns(FitFailedWarning, match="5 fits failed out of a total of 10"):
        search.fit(X, y)
    assert np.isnan(search.cv_results_["mean_test_score"][1])
    assert search.best_params_ == {"n_neighbors": 3}
    with pytest.raises(ValueError, match="n_neighbors"):
        search.set_params(error_score="raise").fit(X, y)


def test_other_parameters_of_fit_are_refused(cancer):
    X, y = cancer
    with pytest.raises(NotServed, match="fit parameter `coef_init`"):
        ours.GridSearchCV(Ridge(), {"alpha": [1.0]}).fit(X, y, coef_init=np.zeros(8))
