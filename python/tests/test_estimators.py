"""scikit-learn's own checks of estimators, over ours."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone, is_classifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from fanout_ml import (
    _program,
    cross_decomposition,
    dummy,
    ensemble,
    linear_model,
    naive_bayes,
    neighbors,
    svm,
    tree,
)
from fanout_ml.model import Model, load
from fanout_ml.model_selection import GridSearchCV, RandomizedSearchCV

VERSION = tuple(map(int, sklearn.__version__.split(".")[:2]))

ESTIMATORS = [
    GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
    RandomizedSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, n_iter=2, cv=2, random_state=0),
    ensemble.RandomForestClassifier(n_estimators=5, random_state=0),
    linear_model.Ridge(),
]
if os.environ.get("FANOUT_LONG"):
    ESTIMATORS += [
        GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2),
        ensemble.RandomForestRegressor(n_estimators=5, random_state=0),
        linear_model.LogisticRegression(),
        neighbors.KNeighborsClassifier(),
        svm.SVC(),
        tree.DecisionTreeClassifier(),
    ]

# Checks that fail, and why.
_OF_FORESTS = {
    "check_sample_weight_equivalence_on_dense_data": (
        "rows are drawn at random among those that there are: scikit-learn's forests fail, too"
    ),
}
_OF_SOLVERS = {
    "check_non_transformer_estimators_n_iter": (
        "a model file does not tell how many iterations a solver took: there is no n_iter_"
    ),
}


_OF_KERNELS = {
    "check_sample_weight_equivalence_on_dense_data": (
        "to 1e-7, of a solver that stops at a tolerance of 1e-3, with the rows in another order"
    ),
}


def expected(estimator):
    name = type(estimator).__name__
    of_kind = _OF_FORESTS if name.startswith("RandomForest") else {}
    of_kind = _OF_KERNELS if name == "SVC" else of_kind
    return {**of_kind, **(_OF_SOLVERS if hasattr(estimator, "max_iter") else {})}


# scikit-learn takes the expected ones since 1.6, and these are those of 1.9.
_CHECKED = VERSION >= (1, 9)


@parametrize_with_checks(
    ESTIMATORS if _CHECKED else [], **({"expected_failed_checks": expected} if _CHECKED else {})
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


DIRECT = [
    getattr(module, name)
    for module in (
        cross_decomposition,
        dummy,
        ensemble,
        linear_model,
        naive_bayes,
        neighbors,
        svm,
        tree,
    )
    for name in module.__all__
    # Those of other estimators have tests of their own.
    if not name.startswith(("Voting", "Stacking"))
]


@pytest.mark.parametrize("kind", DIRECT, ids=lambda kind: kind.__name__)
def test_direct_estimators_have_the_parameters_of_scikit_learn(kind, iris):
    theirs = kind._theirs
    assert kind.__name__ == theirs.__name__
    assert str(kind().get_params()) == str(theirs().get_params())
    X, y = iris
    model = clone(kind()).fit(X, y)
    other = theirs().fit(X, y)
    assert is_classifier(model) == is_classifier(other)
    assert model.score(X, y) == pytest.approx(other.score(X, y), abs=0.03)
    for method in ("predict_proba", "decision_function"):
        assert hasattr(model, method) == hasattr(other, method), method
        if hasattr(model, method):
            assert getattr(model, method)(X).shape == getattr(other, method)(X).shape


def test_decisions_are_those_of_scikit_learn(cancer, iris):
    for (X, y), estimator in (
        (cancer, LogisticRegression(tol=1e-10, max_iter=10000)),
        (iris, LogisticRegression(tol=1e-10, max_iter=10000)),
        (cancer, SVC()),
        (iris, RidgeClassifier()),
    ):
        X = StandardScaler().fit_transform(X)
        mine = Model(estimator).fit(X, y).decision_function(X)
        np.testing.assert_allclose(mine, clone(estimator).fit(X, y).decision_function(X), atol=1e-3)


@pytest.fixture(scope="module")
def search(cancer):
    X, y = cancer
    labels = np.where(y == 1, "benign", "malignant")
    model = make_pipeline(StandardScaler(), RandomForestClassifier(random_state=0))
    grid = {"randomforestclassifier__n_estimators": [10, 20]}
    return GridSearchCV(model, grid, cv=3).fit(X, labels), X, labels


def test_the_best_estimator_is_an_estimator(search):
    search, X, y = search
    best = search.best_estimator_
    assert is_classifier(best)
    assert list(best.classes_) == ["benign", "malignant"]
    assert set(best.predict(X)) == {"benign", "malignant"}
    np.testing.assert_allclose(best.predict_proba(X).sum(axis=1), 1)
    assert best.score(X, y) == search.score(X, y) > 0.95
    assert best.feature_importances_.shape == (8,)
    assert best.get_params()["randomforestclassifier__n_estimators"] in (10, 20)
    assert list(best.named_steps) == ["standardscaler", "randomforestclassifier"]
    new = clone(best).set_params(randomforestclassifier__n_estimators=3)
    with pytest.raises(NotFittedError):
        new.predict(X)
    assert new.fit(X, y).score(X, y) > 0.9
    assert cross_val_score(new, X, y, cv=3).mean() > 0.85
    with pytest.raises(AttributeError, match="decision_function"):
        best.decision_function(X)


def test_a_model_is_a_step_of_a_pipeline_of_scikit_learn(cancer):
    X, y = cancer
    pipeline = make_pipeline(MinMaxScaler(), Model(LogisticRegression()))
    assert pipeline.fit(X, y).score(X, y) > 0.85
    assert pipeline.set_params(model__C=0.001).fit(X, y).score(X, y) < 0.85


def test_a_model_is_pickled_by_value(search, tmp_path):
    search, X, _ = search
    path = tmp_path / "search.pickle"
    path.write_bytes(pickle.dumps(search))
    code = (
        "import pickle, sys, numpy as np; "
        f"search = pickle.load(open({str(path)!r}, 'rb')); "
        "np.save(sys.argv[1], search.predict_proba(np.load(sys.argv[2])))"
    )
    np.save(tmp_path / "X.npy", X)
    subprocess.run(
        [sys.executable, "-c", code, tmp_path / "out.npy", tmp_path / "X.npy"], check=True
    )
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), search.predict_proba(X))


def test_a_model_is_saved_and_loaded(search, tmp_path):
    search, X, _ = search
    search.best_estimator_.save(tmp_path / "model.fanout")
    loaded = load(tmp_path / "model.fanout")
    np.testing.assert_array_equal(loaded.predict_proba(X), search.predict_proba(X))
    assert loaded.n_features_in_ == 8


def test_a_model_of_several_targets_is_loaded(tmp_path):
    (tmp_path / "rows.csv").write_text("x,a,b\n" + "1,no,1\n2,no,0\n3,yes,1\n4,yes,0\n" * 5)
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "dataset: {source: rows.csv, targets: [a, b]}\n"
        "trainer: {name: decision_tree}\ncv: {n_splits: 2}\n"
    )
    out, store = str(tmp_path / "out"), str(tmp_path / "store")
    _program.call(["run", str(plan), "--output", out, "--store", store, "--json"])
    several = load(tmp_path / "out" / "model.fanout")
    X = pd.DataFrame({"x": [1, 2, 3, 4]})
    assert several.predict(X).tolist() == [["no", "1"], ["no", "0"], ["yes", "1"], ["yes", "0"]]
    assert [shares.shape for shares in several.predict_proba(X)] == [(4, 2), (4, 2)]
    assert (
        load(tmp_path / "out" / "a" / "model.fanout").predict(X).tolist()
        == several.predict(X)[:, 0].tolist()
    )
    plan.write_text(plan.read_text().replace("b]", "{column: x, learn: regression, name: n}]"))
    _program.call(["run", str(plan), "--output", out, "--store", store, "--json"])
    with pytest.raises(ValueError, match="classes and numbers"):
        load(tmp_path / "out" / "model.fanout")


def test_a_model_is_exported_to_onnx(search, tmp_path):
    import onnxruntime

    search, X, _ = search
    search.best_estimator_.to_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    inputs = {f"x{at}": X[:, [at]] for at in range(X.shape[1])}
    label, probabilities = session.run(["label", "probabilities"], inputs)
    np.testing.assert_array_equal(search.classes_[label], search.predict(X))
    np.testing.assert_allclose(probabilities, search.predict_proba(X), atol=1e-6)
