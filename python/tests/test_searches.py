"""Searches as a user would write them, run by fanout and by scikit-learn, and compared.

Estimators whose result is one optimum agree to the tolerance of the solvers; trees that draw
random numbers agree as two seeds of scikit-learn's do.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import sklearn
from scipy import stats
from sklearn import model_selection as theirs
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
)
from sklearn.metrics import fbeta_score, make_scorer, mean_pinball_loss
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fanout_ml import model_selection as ours

VERSION = tuple(map(int, sklearn.__version__.split(".")[:2]))

scaled = lambda estimator: make_pipeline(StandardScaler(), estimator)

# name: data, estimator, grid, keywords of the search, tolerance of each split's score
EXACT = {
    "logistic": (
        "cancer",
        scaled(LogisticRegression(tol=1e-8, max_iter=2000)),
        {"logisticregression__C": [0.01, 0.1, 1.0, 10.0]},
        {"scoring": "neg_log_loss"},
        1e-5,
    ),
    "logistic roc_auc, several metrics": (
        "cancer",
        scaled(LogisticRegression(tol=1e-8, max_iter=2000)),
        {"logisticregression__C": [0.1, 1.0]},
        {"scoring": ["roc_auc", "accuracy", "f1", "neg_brier_score"], "refit": "f1", "cv": 3},
        1e-5,
    ),
    "logistic of three classes": (
        "iris",
        scaled(LogisticRegression(tol=1e-8, max_iter=2000)),
        {"logisticregression__C": [0.1, 1.0, 10.0]},
        {"scoring": ["neg_log_loss", "roc_auc_ovr", "f1_macro"], "refit": "neg_log_loss"},
        1e-5,
    ),
    "class weights": (
        "cancer",
        scaled(LogisticRegression(tol=1e-8, max_iter=2000)),
        {"logisticregression__class_weight": [None, "balanced", {0: 1.0, 1: 3.0}]},
        {"scoring": "neg_log_loss"},
        1e-5,
    ),
    "ridge": ("diabetes", Ridge(), {"alpha": np.logspace(-3, 3, 7)}, {}, 1e-6),
    "ridge, mean squared error": (
        "diabetes",
        scaled(Ridge()),
        {"ridge__alpha": [0.1, 1.0, 10.0], "ridge__fit_intercept": [True, False]},
        {"scoring": "neg_root_mean_squared_error", "cv": KFold(4, shuffle=True, random_state=3)},
        1e-6,
    ),
    "linear regression": (
        "diabetes",
        LinearRegression(),
        {"fit_intercept": [True, False]},
        {},
        1e-6,
    ),
    "lasso": ("diabetes", Lasso(tol=1e-10, max_iter=20000), {"alpha": [0.01, 0.1, 1.0]}, {}, 1e-6),
    "elastic net": (
        "diabetes",
        ElasticNet(tol=1e-10, max_iter=20000),
        {"alpha": [0.001, 0.01], "l1_ratio": [0.2, 0.8]},
        {},
        1e-6,
    ),
    "ridge classifier": (
        "cancer",
        scaled(RidgeClassifier()),
        {"ridgeclassifier__alpha": [0.1, 1.0, 100.0]},
        {"scoring": "roc_auc"},
        1e-6,
    ),
    "linear svc": (
        "cancer",
        scaled(LinearSVC(tol=1e-8, max_iter=100000)),
        {"linearsvc__C": [0.01, 0.1]},
        {"scoring": ["roc_auc", "accuracy"], "refit": "roc_auc"},
        1e-6,
    ),
    "svc": (
        "cancer",
        scaled(SVC()),
        {"svc__C": [0.5, 2.0], "svc__kernel": ["rbf", "linear"]},
        {"scoring": "accuracy"},
        1e-6,
    ),
    "svr": ("diabetes", scaled(SVR(tol=1e-6)), {"svr__C": [1.0, 10.0, 100.0]}, {}, 1e-4),
    "neighbours": (
        "iris",
        KNeighborsClassifier(),
        {"n_neighbors": [1, 3, 7, 15], "weights": ["uniform", "distance"]},
        {},
        1e-6,
    ),
    "neighbours of numbers": (
        "diabetes",
        KNeighborsRegressor(),
        {"n_neighbors": [2, 5, 9], "p": [1, 2]},
        {},
        1e-6,
    ),
    "naive bayes": (
        "iris",
        GaussianNB(),
        {"var_smoothing": [1e-9, 1e-3], "priors": [None, [0.2, 0.3, 0.5]]},
        {"scoring": "neg_log_loss"},
        1e-6,
    ),
    "multinomial": (
        "iris",
        MultinomialNB(),
        {"alpha": [0.1, 1.0], "fit_prior": [True, False]},
        {"scoring": "neg_log_loss"},
        1e-6,
    ),
    "partial least squares": ("diabetes", PLSRegression(), {"n_components": [1, 2, 4]}, {}, 1e-6),
    "dummy": ("iris", DummyClassifier(), {"strategy": ["prior", "most_frequent"]}, {}, 1e-12),
    "dummy of numbers": (
        "diabetes",
        DummyRegressor(),
        {"strategy": ["mean", "median"]},
        {"scoring": "neg_mean_absolute_error"},
        1e-9,
    ),
    "pca": (
        "diabetes",
        Pipeline([("scale", StandardScaler()), ("pca", PCA()), ("ridge", Ridge())]),
        {"pca__n_components": [2, 5, 8], "ridge__alpha": [0.1, 1.0]},
        {},
        1e-6,
    ),
    "svd": (
        "diabetes",
        make_pipeline(TruncatedSVD(algorithm="arpack"), LinearRegression()),
        {"truncatedsvd__n_components": [2, 4]},
        {},
        1e-6,
    ),
    "select": (
        "cancer",
        make_pipeline(StandardScaler(), SelectKBest(f_classif), RidgeClassifier()),
        {"selectkbest__k": [2, 4, "all"]},
        {"scoring": "roc_auc"},
        1e-6,
    ),
    "select for numbers": (
        "diabetes",
        make_pipeline(VarianceThreshold(), SelectKBest(f_regression, k=3), Ridge()),
        {"selectkbest__k": [1, 3, 6]},
        {},
        1e-6,
    ),
    "scalers, a choice of steps": (
        "diabetes",
        Pipeline([("scale", StandardScaler()), ("knn", KNeighborsRegressor())]),
        {"scale": [StandardScaler(), MinMaxScaler(), RobustScaler(), "passthrough"]},
        {},
        1e-6,
    ),
    "power": (
        "cancer",
        make_pipeline(PowerTransformer(), RidgeClassifier()),
        {"ridgeclassifier__alpha": [1.0, 10.0]},
        {"scoring": "roc_auc"},
        1e-4,
    ),
    "quantiles": (
        "cancer",
        make_pipeline(QuantileTransformer(n_quantiles=50), RidgeClassifier()),
        {"quantiletransformer__output_distribution": ["uniform", "normal"]},
        {"scoring": "roc_auc"},
        1e-6,
    ),
    "polynomials": (
        "diabetes",
        make_pipeline(PolynomialFeatures(include_bias=False), Ridge()),
        {"polynomialfeatures__degree": [1, 2], "ridge__alpha": [0.01, 1.0]},
        {},
        1e-6,
    ),
    "bins": (
        "diabetes",
        make_pipeline(KBinsDiscretizer(encode="ordinal", strategy="uniform"), Ridge()),
        {"kbinsdiscretizer__n_bins": [3, 5]},
        {},
        1e-6,
    ),
    "normalizer": (
        "iris",
        make_pipeline(Normalizer(), KNeighborsClassifier()),
        {"normalizer__norm": ["l1", "l2", "max"]},
        {"scoring": "accuracy"},
        1e-6,
    ),
    "two estimators": (
        "cancer",
        Pipeline([("scale", StandardScaler()), ("model", RidgeClassifier())]),
        [
            {"model": [RidgeClassifier()], "model__alpha": [0.1, 1.0]},
            {"model": [KNeighborsClassifier()], "model__n_neighbors": [3, 9]},
        ],
        {"scoring": "accuracy"},
        1e-6,
    ),
    "repeated folds": (
        "iris",
        KNeighborsClassifier(),
        {"n_neighbors": [1, 5]},
        {"cv": RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=1)},
        1e-6,
    ),
    "shuffled splits": (
        "diabetes",
        Ridge(),
        {"alpha": [0.1, 1.0]},
        {"cv": ShuffleSplit(4, test_size=0.3, random_state=5)},
        1e-6,
    ),
    "time series": ("diabetes", Ridge(), {"alpha": [0.1, 1.0]}, {"cv": TimeSeriesSplit(4)}, 1e-6),
    "splits of one's own": (
        "diabetes",
        Ridge(),
        {"alpha": [0.1, 1.0]},
        {"cv": [(np.arange(100), np.arange(100, 150)), (np.arange(50, 200), np.arange(40))]},
        1e-6,
    ),
    "training scores": (
        "diabetes",
        Ridge(),
        {"alpha": [0.1, 1.0]},
        {"return_train_score": True, "cv": 3},
        1e-6,
    ),
    "f2 by make_scorer": (
        "cancer",
        scaled(RidgeClassifier()),
        {"ridgeclassifier__alpha": [0.1, 10.0]},
        {"scoring": make_scorer(fbeta_score, beta=2, pos_label=0)},
        1e-9,
    ),
    "pinball by make_scorer": (
        "diabetes",
        Ridge(),
        {"alpha": [0.1, 10.0]},
        {"scoring": make_scorer(mean_pinball_loss, alpha=0.2, greater_is_better=False)},
        1e-6,
    ),
    "a scorer of one's own": (
        "cancer",
        scaled(RidgeClassifier()),
        {"ridgeclassifier__alpha": [0.1, 10.0]},
        {"scoring": lambda model, X, y: float((model.predict(X) == y)[:10].mean())},
        1e-9,
    ),
    "a tree": (
        "iris",
        DecisionTreeClassifier(random_state=0),
        {"max_depth": [1, 2]},
        {"scoring": "accuracy", "cv": StratifiedKFold(3)},
        1e-9,
    ),
    "a tree of numbers": (
        "diabetes",
        DecisionTreeRegressor(random_state=0, max_depth=2),
        {"min_samples_leaf": [20, 40]},
        {"cv": 3},
        1e-9,
    ),
}

# The same of random trees: the tolerance is of means over the splits.
STATISTICAL = {
    "forest": (
        "cancer",
        RandomForestClassifier(random_state=0),
        {"n_estimators": [50, 150], "max_depth": [3, None]},
        {"scoring": "roc_auc", "cv": 5},
        0.012,
    ),
    "forest of numbers": (
        "diabetes",
        RandomForestRegressor(random_state=0),
        {"n_estimators": [100], "max_features": [0.3, 1.0]},
        {},
        0.03,
    ),
    "extra trees": (
        "cancer",
        ExtraTreesClassifier(random_state=0),
        {"n_estimators": [100], "min_samples_leaf": [1, 5]},
        {"scoring": "roc_auc"},
        0.012,
    ),
    "extra trees of numbers": (
        "diabetes",
        ExtraTreesRegressor(random_state=0),
        {"n_estimators": [150], "max_depth": [4]},
        {},
        0.03,
    ),
    "boosting": (
        "cancer",
        HistGradientBoostingClassifier(),
        {"max_iter": [20, 50], "learning_rate": [0.1]},
        {"scoring": "roc_auc"},
        0.012,
    ),
    "boosting of numbers": (
        "diabetes",
        HistGradientBoostingRegressor(),
        {"max_iter": [20, 40]},
        {},
        0.03,
    ),
}


def run(search, case, request):
    data, estimator, grid, keywords, tolerance = case
    X, y = request.getfixturevalue(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return search(estimator, grid, **keywords).fit(X, y), tolerance


def check_same(mine, other, tolerance, of):
    assert set(mine.cv_results_) == set(other.cv_results_)
    for name, values in other.cv_results_.items():
        if name.startswith("param_"):
            assert values.dtype == mine.cv_results_[name].dtype, name
            np.testing.assert_array_equal(values.mask, mine.cv_results_[name].mask)
        elif of(name):
            scale = np.maximum(1.0, np.abs(values))
            np.testing.assert_allclose(
                mine.cv_results_[name] / scale, values / scale, atol=tolerance, rtol=0
            )
    assert str(mine.cv_results_["params"]) == str(other.cv_results_["params"])
    assert mine.n_splits_ == other.n_splits_
    assert mine.multimetric_ == other.multimetric_
    assert mine.n_features_in_ == other.n_features_in_
    assert is_classifier(mine) == is_classifier(other)


@pytest.mark.parametrize("name", EXACT)
def test_scores_are_those_of_scikit_learn(name, request):
    mine, tolerance = run(ours.GridSearchCV, EXACT[name], request)
    other, _ = run(theirs.GridSearchCV, EXACT[name], request)
    check_same(
        mine,
        other,
        tolerance,
        lambda key: ("_test_" in key and not key.startswith("rank")) or "_train_" in key,
    )
    metric = mine.refit if mine.multimetric_ else "score"
    # Where two candidates tie, digits beyond the tolerance rank them.
    ranked = np.sort(other.cv_results_[f"mean_test_{metric}"])
    if len(ranked) < 2 or ranked[-1] - ranked[-2] > 10 * tolerance:
        assert mine.best_index_ == other.best_index_
        X, y = request.getfixturevalue(EXACT[name][0])
        if (
            other.best_estimator_._estimator_type == "classifier"
            if hasattr(other.best_estimator_, "_estimator_type")
            else is_classifier(other)
        ):
            assert (mine.predict(X) == other.predict(X)).mean() > 0.99
        else:
            np.testing.assert_allclose(
                np.ravel(mine.predict(X)), np.ravel(other.predict(X)), rtol=1e-3, atol=1e-3
            )
        assert mine.score(X, y) == pytest.approx(
            other.score(X, y), abs=max(1e-6, 10 * tolerance), rel=1e-4
        )


@pytest.mark.parametrize("name", STATISTICAL)
def test_random_trees_score_as_those_of_scikit_learn(name, request):
    mine, tolerance = run(ours.GridSearchCV, STATISTICAL[name], request)
    other, _ = run(theirs.GridSearchCV, STATISTICAL[name], request)
    check_same(mine, other, tolerance, lambda key: key.startswith("mean_test_"))


def test_random_candidates_are_those_of_scikit_learn(diabetes):
    X, y = diabetes
    found = [
        search(Ridge(), {"alpha": stats.loguniform(1e-3, 1e3)}, n_iter=8, random_state=4, cv=3).fit(
            X, y
        )
        for search in (ours.RandomizedSearchCV, theirs.RandomizedSearchCV)
    ]
    check_same(*found, 1e-6, lambda key: key.startswith("split"))
    assert found[0].best_params_ == found[1].best_params_


def test_groups_go_to_the_splitter(diabetes):
    X, y = diabetes
    groups = np.arange(len(y)) % 7
    found = [
        search(Ridge(), {"alpha": [0.1, 1.0]}, cv=GroupKFold(4)).fit(X, y, groups=groups)
        for search in (ours.GridSearchCV, theirs.GridSearchCV)
    ]
    check_same(*found, 1e-6, lambda key: key.startswith("split"))


@pytest.mark.skipif(VERSION < (1, 9), reason="scikit-learn weights scores since 1.9")
def test_weights_count_in_fits_and_scores(diabetes):
    X, y = diabetes
    weight = np.linspace(0.1, 3, len(y))
    found = [
        search(Ridge(), {"alpha": [0.1, 1.0]}, cv=3).fit(X, y, sample_weight=weight)
        for search in (ours.GridSearchCV, theirs.GridSearchCV)
    ]
    check_same(*found, 1e-6, lambda key: key.startswith("split"))
    np.testing.assert_allclose(found[0].predict(X), found[1].predict(X), rtol=1e-6)


def test_a_callable_refit_chooses(diabetes):
    X, y = diabetes
    refit = lambda results: int(np.argmax(results["param_alpha"].data))
    found = [
        search(Ridge(), {"alpha": [0.1, 5.0, 1.0]}, refit=refit).fit(X, y)
        for search in (ours.GridSearchCV, theirs.GridSearchCV)
    ]
    assert found[0].best_params_ == found[1].best_params_ == {"alpha": 5.0}
    assert not hasattr(found[0], "best_score_")
    np.testing.assert_allclose(found[0].predict(X), found[1].predict(X), rtol=1e-6)


def test_pipelines_of_columns(mixed):
    X, y = mixed
    model = make_pipeline(
        ColumnTransformer(
            [
                (
                    "numbers",
                    make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
                    ["number", "whole"],
                ),
                (
                    "texts",
                    OneHotEncoder(handle_unknown="ignore"),
                    make_column_selector("size|colour"),
                ),
                ("rest", "passthrough", ["sold"]),
            ]
        ),
        LogisticRegression(tol=1e-8, max_iter=5000),
    )
    grid = {
        "logisticregression__C": [0.1, 1.0],
        "columntransformer__numbers__simpleimputer__strategy": ["mean", "median"],
    }
    found = [
        search(model, grid, scoring="roc_auc", cv=4).fit(X, y)
        for search in (ours.GridSearchCV, theirs.GridSearchCV)
    ]
    check_same(*found, 1e-6, lambda key: key.startswith("split"))
    np.testing.assert_allclose(found[0].predict_proba(X), found[1].predict_proba(X), atol=1e-4)
    assert list(found[0].classes_) == ["no", "yes"]


def test_ordinal_codes_of_columns(mixed):
    X, y = mixed
    encoder = OrdinalEncoder(categories=[["S", "M", "L"]])
    model = make_pipeline(
        ColumnTransformer([("size", encoder, ["size"]), ("whole", "passthrough", ["whole"])]),
        LogisticRegression(tol=1e-8, max_iter=5000),
    )
    found = [
        search(model, {"logisticregression__C": [0.1, 1.0]}, scoring="neg_log_loss").fit(X, y)
        for search in (ours.GridSearchCV, theirs.GridSearchCV)
    ]
    check_same(*found, 1e-5, lambda key: key.startswith("split"))


def test_histogram_boosting_takes_tables_as_they_are(mixed):
    X, y = mixed
    search = ours.GridSearchCV(
        HistGradientBoostingClassifier(random_state=0), {"max_iter": [5, 10]}, scoring="roc_auc"
    ).fit(X, y)
    assert search.best_score_ > 0.6
    assert search.predict(X[:3]).dtype == y.dtype
