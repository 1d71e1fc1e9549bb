"""What scikit-learn in the sandbox stands in for: how it is said, what can't be said, and that it
gives what scikit-learn gives.

The searches need the component that `fanout guest python` makes: they run with
`FANOUT_TEST_PYTHON_GUEST=1`, by `make test-python-guest`.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn import model_selection as theirs
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import KernelPCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import BayesianRidge, HuberRegressor, LogisticRegression, SGDClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import BernoulliNB
from sklearn.neighbors import NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import NuSVC
from sklearn.tree import DecisionTreeClassifier

from fanout_ml import NotServed
from fanout_ml._arguments import data_of, settings_of
from fanout_ml._evaluate import translated
from fanout_ml._mapping import Translated, arms
from fanout_ml._run import Folder, Run
from fanout_ml._sandbox import path_of
from fanout_ml.exceptions import RunFailed
from fanout_ml.model import Model
from fanout_ml.model_selection import GridSearchCV, cross_val_score

sys.path.insert(0, str(Path(__file__).parent / "modules"))

import inner.apart
import mine

guest = pytest.mark.skipif(
    os.environ.get("FANOUT_TEST_PYTHON_GUEST") != "1",
    reason="the guest of Python is needed: make test-python-guest",
)


def said(estimator, X, y, candidates=({},)):
    """The candidates, as `fallback="sandbox"` says them."""
    settings = settings_of(None, 0, None, None, True, None, None, "sandbox")
    return translated(estimator, list(candidates), data_of(X, y, estimator), settings)


def refused(estimator, X, y):
    with pytest.raises(NotServed) as told:
        said(estimator, X, y)
    return told.value.reasons


def test_what_has_a_trainer_keeps_it_and_the_rest_goes_to_the_sandbox(cancer):
    model = make_pipeline(StandardScaler(), LogisticRegression())
    grid = [
        {},
        {"logisticregression": NuSVC(nu=0.3, kernel="poly")},
        {"logisticregression__solver": "liblinear"},
        {"standardscaler": KernelPCA(n_components=3)},
    ]
    own, svc, other, pca = said(model, *cancer, grid)
    assert (own.trainer, own.sources) == ("logistic_regression", None)
    assert svc == Translated(
        "sklearn.svm.NuSVC",
        {"nu": 0.3, "kernel": "poly"},
        own.steps,
        frozenset(),
        sources=(),
    )
    assert (other.trainer, other.params) == (
        "sklearn.linear_model.LogisticRegression",
        {"solver": "liblinear"},
    )
    # A step that is only there takes its trainer with it.
    assert pca.trainer == "sklearn.linear_model.LogisticRegression"
    assert [(step.step, step.params) for step in pca.steps] == [
        ("sklearn.decomposition.KernelPCA", {"n_components": 3})
    ]
    plans = [arm.plan()["trainer"] for arm in arms([own, svc, other, pca])]
    assert plans == [
        {"name": "logistic_regression"},
        {"python": "sklearn.svm.NuSVC"},
        {"python": "sklearn.linear_model.LogisticRegression"},
        {"python": "sklearn.linear_model.LogisticRegression"},
    ]


@pytest.mark.parametrize(
    ("estimator", "params"),
    [
        (NuSVC(), {}),
        (MLPClassifier(hidden_layer_sizes=(5, 3), n_iter_no_change=4, verbose=True), None),
        (SGDClassifier(alpha=np.float64(0.5), n_jobs=2, eta0=np.int64(1)), None),
        (NuSVC(class_weight={1: 2.0, 0: 0.5}), {"class_weight": {"0": 0.5, "1": 2.0}}),
        (BernoulliNB(class_prior=np.array([0.25, 0.75])), {"class_prior": [0.25, 0.75]}),
        (MLPClassifier(random_state=7), {"random_state": 7}),
        (
            AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=3),
            {
                "estimator": {
                    "python": "sklearn.tree.DecisionTreeClassifier",
                    "params": {"max_depth": 2},
                },
                "n_estimators": 3,
            },
        ),
        (
            GaussianProcessClassifier(2.0 * RBF(0.5)),
            None,
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseEstimator) else "",
)
def test_parameters_that_differ_from_defaults_are_said_as_json(estimator, params, cancer):
    [found] = said(estimator, *cancer)
    if params is not None:
        assert found.params == params
    assert not {"n_jobs", "verbose"} & set(found.params)
    assert json.loads(json.dumps(found.params)) == found.params


def test_a_generator_is_drawn_from_as_scikit_learn_does(cancer):
    generator = np.random.RandomState(3)
    [found] = said(MLPClassifier(random_state=generator), *cancer)
    assert found.params == {"random_state": np.random.RandomState(3).randint(2**31 - 1)}


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (NuSVC, "sklearn.svm.NuSVC"),
        (HistGradientBoostingClassifier, "sklearn.ensemble.HistGradientBoostingClassifier"),
        (KernelRidge, "sklearn.kernel_ridge.KernelRidge"),
        (CalibratedClassifierCV, "sklearn.calibration.CalibratedClassifierCV"),
        (HuberRegressor, "sklearn.linear_model.HuberRegressor"),
        (StandardScaler, "sklearn.preprocessing.StandardScaler"),
        (RBF, "sklearn.gaussian_process.kernels.RBF"),
    ],
)
def test_classes_have_the_paths_of_the_documentation(kind, path):
    assert path_of(kind) == (path, {})


def test_a_class_of_the_user_goes_with_the_source_of_its_module(cancer):
    X, y = cancer
    [found] = said(make_pipeline(mine.Halves(), mine.NearestCentroid2(power=1.5)), X, y)
    assert found.trainer == "mine.NearestCentroid2"
    assert found.params == {"power": 1.5}
    assert [step.step for step in found.steps] == ["mine.Halves"]
    modules = Path(__file__).parent / "modules"
    assert dict(found.sources) == {
        # With what it imports of the user's.
        name: (modules / f"{name}.py").read_text()
        for name in ("metrics_of_mine", "mine")
    }
    [arm] = arms([found])
    assert arm.plan()["trainer"] == {
        "python": ["metrics_of_mine.py", "mine.py"],
        "name": "mine.NearestCentroid2",
    }
    # The files of a run lie beside its plan.
    data = data_of(X, y, mine.NearestCentroid2())
    with Folder(None, data) as folder:
        Run(folder, data, [found], settings_of(None, 0, None, None, True, None, None, "sandbox"))
        assert (folder.path / "mine.py").read_text() == dict(found.sources)["mine"]


def test_all_candidates_of_a_search_have_one_component(cancer):
    model = make_pipeline(StandardScaler(), NuSVC())
    own, other = said(model, *cancer, [{}, {"nusvc": mine.NearestCentroid2()}])
    assert own.sources == other.sources
    assert [name for name, _ in own.sources] == ["metrics_of_mine", "mine"]


class Here(ClassifierMixin, BaseEstimator):
    """A class of the program itself."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X))


def test_what_can_not_be_said_is_told_by_name(cancer, monkeypatch):
    X, y = cancer
    assert refused(NuSVC(kernel=lambda a, b: a @ b.T), X, y) == [
        "`NuSVC(kernel=<lambda>)`: a function or a class can't be said as JSON"
    ]
    assert refused(NuSVC(coef0=np.inf), X, y) == [
        "`NuSVC(coef0=inf)`: JSON has finite numbers alone"
    ]
    [reason] = refused(NuSVC(nu=object()), X, y)
    assert reason.endswith("a `object` can't be said as JSON")
    [reason] = refused(NearestCentroid(metric={1: "manhattan"}), X, y)
    assert reason.endswith("the keys of an object of JSON are texts")
    [reason] = refused(GradientBoostingClassifier(init=AdaBoostClassifier(Here)), X, y)
    assert "AdaBoostClassifier(estimator=Here)" in reason
    [reason] = refused(make_pipeline(FunctionTransformer(np.log1p), NuSVC()), X, y)
    assert reason.startswith("`FunctionTransformer(func=")
    [reason] = refused(KMeans(), X, y)
    assert "neither a classifier nor a regressor" in reason
    assert refused(inner.apart.Apart(), X, y) == [
        "`Apart`: its module `inner.apart` imports from its package, and goes into the sandbox "
        "alone"
    ]
    monkeypatch.setattr(Here, "__module__", "__main__")
    [reason] = refused(Here(), X, y)
    assert "put it into a module of its own" in reason

    class Local(Here):
        pass

    [reason] = refused(Local(), X, y)
    assert reason == "`Local`: it is defined within a function or a class, and not by its module"


def test_a_name_of_a_fallback_is_checked(cancer):
    with pytest.raises(ValueError, match="fallback must be None, 'sklearn' or 'sandbox'"):
        GridSearchCV(NuSVC(), {}, fallback="wasm").fit(*cancer)


def test_a_model_keeps_what_stands_in():
    model = Model(NuSVC(), fallback="sandbox")
    assert clone(model).fallback == "sandbox"
    assert pickle.loads(pickle.dumps(model)).fallback == "sandbox"
    assert Model(NuSVC()).fallback is None


def test_without_the_component_it_is_said_how_to_make_it(cancer, tmp_path, monkeypatch):
    monkeypatch.setenv("FANOUT_CACHE", str(tmp_path))
    search = GridSearchCV(NuSVC(), {"nu": [0.1, 0.2]}, fallback="sandbox")
    with pytest.raises(RunFailed, match="`fanout guest python"):
        search.fit(*cancer)


# name: data, estimator, grid, keywords of the search
SEARCHES = {
    "nu svc": (
        "cancer",
        make_pipeline(StandardScaler(), NuSVC()),
        {"nusvc__nu": [0.1, 0.2], "nusvc__kernel": ["rbf", "poly"]},
        {"cv": 3},
    ),
    "multilayer perceptron": (
        "iris",
        make_pipeline(StandardScaler(), MLPClassifier(max_iter=60, random_state=0)),
        {"mlpclassifier__hidden_layer_sizes": [(4,), (5, 3)], "mlpclassifier__alpha": [1e-4, 1.0]},
        {"scoring": "neg_log_loss", "cv": 3},
    ),
    "gradient boosting": (
        "cancer",
        GradientBoostingClassifier(n_estimators=10, random_state=0),
        {"max_depth": [1, 2], "max_features": [None, "sqrt"]},
        {"scoring": ["roc_auc", "accuracy"], "refit": "roc_auc", "cv": 3},
    ),
    "gradient boosting of numbers": (
        "diabetes",
        GradientBoostingRegressor(n_estimators=10, random_state=0),
        {"loss": ["squared_error", "huber"], "subsample": [0.5, 1.0]},
        {"cv": 3},
    ),
    "bayesian ridge": (
        "diabetes",
        BayesianRidge(),
        {"alpha_init": [None, 1.0], "compute_score": [True, False]},
        {"scoring": ["r2", "neg_mean_absolute_error"], "refit": "r2"},
    ),
    "huber": (
        "diabetes",
        make_pipeline(StandardScaler(), HuberRegressor(max_iter=1000)),
        {"huberregressor__epsilon": [1.2, 2.0], "huberregressor__alpha": [1e-4, 1.0]},
        {},
    ),
    "kernel ridge": (
        "diabetes",
        KernelRidge(kernel="rbf"),
        {"alpha": [0.1, 1.0], "gamma": [None, 0.5]},
        {},
    ),
    "bernoulli": (
        "iris",
        BernoulliNB(),
        {"binarize": [1.0, 3.0], "class_prior": [None, [0.2, 0.3, 0.5]]},
        {"scoring": "neg_log_loss"},
    ),
    "boosted trees": (
        "iris",
        AdaBoostClassifier(DecisionTreeClassifier(random_state=0), n_estimators=5, random_state=0),
        {
            "estimator": [DecisionTreeClassifier(max_depth=depth) for depth in (1, 2)],
            "learning_rate": [0.5, 1.0],
        },
        {"cv": 3},
    ),
    "a class of the user's": (
        "iris",
        mine.NearestCentroid2(),
        {"power": [0.5, 2.0, 4.0]},
        {"scoring": "accuracy"},
    ),
}


# L-BFGS stops by its tolerance: the last bits of a step, which differ between two builds of
# numpy's linear algebra, move the place where it stops.
TOLERANCES = {"huber": 1e-5}


@guest
@pytest.mark.parametrize("name", SEARCHES)
def test_ten_searches_give_the_table_of_scikit_learn(name, request):
    data, estimator, grid, keywords = SEARCHES[name]
    X, y = request.getfixturevalue(data)
    mine_ = GridSearchCV(estimator, grid, fallback="sandbox", return_train_score=True, **keywords)
    other = theirs.GridSearchCV(estimator, grid, return_train_score=True, **keywords)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mine_.fit(X, y)
        other.fit(X, y)
    assert list(mine_.cv_results_) == list(other.cv_results_)
    within = TOLERANCES.get(name, 1e-9)
    for column, values in other.cv_results_.items():
        if column.endswith("_time"):
            continue
        if column == "params":
            assert mine_.cv_results_[column] == values
        elif column.startswith("param_"):
            assert list(mine_.cv_results_[column]) == list(values)
        else:
            np.testing.assert_allclose(
                mine_.cv_results_[column], values, rtol=0, atol=within, err_msg=column
            )
    assert mine_.best_params_ == other.best_params_
    # The model is opened in the sandbox alone, a pickle of it, too.
    for model in (mine_, pickle.loads(pickle.dumps(mine_))):
        predicted, expected = model.predict(X), other.predict(X)
        if predicted.dtype.kind == "f":
            np.testing.assert_allclose(predicted, expected, rtol=within, atol=1e-8)
        else:
            np.testing.assert_array_equal(predicted, expected)
    if hasattr(other, "predict_proba"):
        np.testing.assert_allclose(mine_.predict_proba(X), other.predict_proba(X), atol=1e-8)
    assert any("in the sandbox" in note for note in mine_.notes_)


@guest
def test_trainers_of_fanout_and_of_the_sandbox_share_a_search(cancer):
    X, y = cancer
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-8))
    grid = {"logisticregression": [model[-1], NuSVC(nu=0.2), RandomForestClassifier(n_jobs=-1)]}
    search = GridSearchCV(model, grid, fallback="sandbox", cv=3).fit(X, y)
    [note] = [note for note in search.notes_ if "in the sandbox" in note]
    assert note.startswith("1 of 3 candidates") and "`sklearn.svm.NuSVC`" in note
    other = theirs.GridSearchCV(model, {"logisticregression": grid["logisticregression"][:2]}, cv=3)
    other.fit(X, y)
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"][:2], other.cv_results_["mean_test_score"], atol=1e-9
    )


@guest
def test_estimators_in_estimators_are_made_in_the_sandbox(cancer):
    X, y = cancer
    for model in (
        CalibratedClassifierCV(NuSVC(), cv=2, ensemble=False),
        VotingClassifier([("a", NuSVC()), ("b", BernoulliNB())]),
    ):
        np.testing.assert_allclose(
            cross_val_score(model, X, y, cv=3, fallback="sandbox"),
            theirs.cross_val_score(model, X, y, cv=3),
            atol=1e-9,
        )
    several = np.column_stack([y, X[:, 0] > np.median(X[:, 0])]).astype(int)
    model = MultiOutputClassifier(NuSVC())
    np.testing.assert_allclose(
        cross_val_score(model, X, several, cv=3, fallback="sandbox", scoring=_all_right),
        theirs.cross_val_score(model, X, several, cv=3, scoring=_all_right),
        atol=1e-9,
    )


def _all_right(model, X, y):
    return float((model.predict(X) == y).all(axis=1).mean())


@guest
def test_columns_and_transformers_of_scikit_learn_are_steps(diabetes):
    X, y = diabetes
    model = make_pipeline(
        ColumnTransformer(
            [("pca", KernelPCA(2, kernel="rbf"), [0, 1, 2])], remainder="passthrough"
        ),
        BayesianRidge(),
    )
    np.testing.assert_allclose(
        cross_val_score(model, X, y, cv=3, fallback="sandbox"),
        theirs.cross_val_score(model, X, y, cv=3),
        atol=1e-8,
    )


@guest
def test_a_model_fits_in_the_sandbox_and_is_read_back(iris, tmp_path):
    from fanout_ml.model import load

    X, y = iris
    model = Model(mine.NearestCentroid2(power=3.0), fallback="sandbox").fit(X, y)
    expected = mine.NearestCentroid2(power=3.0).fit(X, y).predict(X)
    np.testing.assert_array_equal(model.predict(X), expected)
    # Without the component, which is 200 MB.
    assert len(model.model_) < 1 << 20
    model.save(tmp_path / "model.fanout")
    np.testing.assert_array_equal(load(tmp_path / "model.fanout").predict(X), expected)


@guest
def test_what_only_the_fit_finds_is_told_by_the_traceback(iris):
    with pytest.raises(ValueError, match="power must be positive, got -1"):
        GridSearchCV(mine.NearestCentroid2(), {"power": [-1.0]}, fallback="sandbox").fit(*iris)


@guest
def test_classes_that_the_component_lacks_are_not_served(iris):
    class Old(NuSVC):
        pass

    Old.__module__, Old.__qualname__ = "sklearn.svm", "NuSVC2"
    Old.__name__ = "NuSVC2"
    with pytest.raises(NotServed, match=r"no estimator `sklearn\.svm\.NuSVC2`"):
        GridSearchCV(Old(), {"nu": [0.1]}, fallback="sandbox").fit(*iris)
