"""Estimators of estimators, beside scikit-learn: bags, votes, stacks, several outputs, chains."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn import ensemble as theirs
from sklearn import model_selection as their_selection
from sklearn import multioutput as their_outputs
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import accuracy_score, make_scorer, mean_absolute_error
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fanout_ml import NotServed, ensemble, multioutput
from fanout_ml.model import Model, load
from fanout_ml.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
)

LR = LogisticRegression(tol=1e-9, max_iter=10_000)
CLASSIFIERS = [
    ("lr", make_pipeline(StandardScaler(), LR)),
    ("nb", GaussianNB()),
    ("knn", KNeighborsClassifier()),
]
REGRESSORS = [("ridge", make_pipeline(StandardScaler(), Ridge())), ("knn", KNeighborsRegressor())]


@pytest.fixture(scope="module")
def outputs(diabetes):
    """Numbers of three outputs."""
    X, y = diabetes
    return X, np.column_stack([y, 300 * X[:, 2] + y, -y])


@pytest.fixture(scope="module")
def labels(diabetes):
    """Classes of three outputs, the third of which has three."""
    X, y = diabetes
    third = np.digitize(y, [90, 180])
    return X, np.column_stack([y > 140, X[:, 2] + y / 1000 > 0.1, third]).astype(int)


# --- Bags ---------------------------------------------------------------------------------


def test_a_bag_without_draws_is_its_estimator(cancer):
    X, y = cancer
    bag = theirs.BaggingClassifier(LR, n_estimators=2, bootstrap=False)
    np.testing.assert_allclose(
        cross_val_score(bag, X, y, scoring="roc_auc"),
        cross_val_score(LR, X, y, scoring="roc_auc"),
        atol=1e-12,
    )


def test_a_bag_is_searched_by_its_parameters_and_by_those_of_its_estimator(cancer):
    X, y = cancer
    bag = theirs.BaggingClassifier(DecisionTreeClassifier(), random_state=3, oob_score=True)
    grid = {"n_estimators": [5, 20], "estimator__max_depth": [2, 4], "max_samples": [0.5, 1.0]}
    model = make_pipeline(StandardScaler(), bag)
    grid = {f"baggingclassifier__{name}": values for name, values in grid.items()}
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    other = their_selection.GridSearchCV(model, grid, cv=3).fit(X, y)
    mean, others = (one.cv_results_["mean_test_score"] for one in (search, other))
    assert np.abs(mean - others).max() < 0.04
    assert search.best_estimator_.oob_score_ == pytest.approx(search.best_score_, abs=0.05)
    assert search.predict_proba(X).shape == (300, 2)
    with pytest.raises(AttributeError, match="oob_score_"):
        Model(DecisionTreeClassifier()).fit(X, y).oob_score_  # noqa: B018


def test_bags_of_what_they_can_not_be_of_are_refused(cancer):
    X, y = cancer
    for inner, reason in [
        (make_pipeline(StandardScaler(), LR), "of a `Pipeline`"),
        (theirs.VotingClassifier(CLASSIFIERS), "of a `VotingClassifier`"),
        (theirs.GradientBoostingClassifier(), "`GradientBoostingClassifier`"),
    ]:
        with pytest.raises(NotServed, match=reason):
            Model(theirs.BaggingClassifier(inner)).fit(X, y)
    with pytest.raises(NotServed, match="oob_score=<lambda>"):
        Model(theirs.BaggingClassifier(oob_score=lambda y, p: 0.0)).fit(X, y)


# --- Votes --------------------------------------------------------------------------------


@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_votes_are_those_of_scikit_learn(voting, iris):
    X, y = iris
    # Without neighbours at equal distances.
    X = X + np.random.default_rng(0).normal(scale=1e-3, size=X.shape)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    estimators = [*CLASSIFIERS, ("none", "drop")]
    vote = theirs.VotingClassifier(estimators, voting=voting, weights=[2, 1, 0.5, 7])
    mine, other = Model(vote).fit(X, names), clone(vote).fit(X, names)
    np.testing.assert_array_equal(mine.predict(X), other.predict(X))
    assert mine.score(X, names) == other.score(X, names)
    assert hasattr(mine, "predict_proba") == hasattr(other, "predict_proba")
    if voting == "soft":
        np.testing.assert_allclose(mine.predict_proba(X), other.predict_proba(X), atol=1e-6)


def test_votes_of_numbers_are_their_mean(diabetes):
    X, y = diabetes
    vote = theirs.VotingRegressor(REGRESSORS, weights=[1, 3])
    np.testing.assert_allclose(
        Model(vote).fit(X, y).predict(X), clone(vote).fit(X, y).predict(X), rtol=1e-9
    )
    weight = np.arange(250) % 3 + 1.0
    vote = theirs.VotingRegressor([("a", Ridge()), ("b", LinearRegression())])
    np.testing.assert_allclose(
        Model(vote).fit(X, y, weight).predict(X),
        clone(vote).fit(X, y, sample_weight=weight).predict(X),
        rtol=1e-7,
    )


def test_a_search_over_votes_fits_each_member_once(iris, tmp_path):
    X, y = iris
    vote = theirs.VotingClassifier(CLASSIFIERS, voting="soft")
    grid = {
        "lr__logisticregression__C": [0.1, 1.0],
        "knn__n_neighbors": [3, 5],
        "weights": [None, [2, 1, 1]],
        "voting": ["hard", "soft"],
    }
    search = GridSearchCV(vote, grid, cv=3, store=str(tmp_path)).fit(X, y)
    other = their_selection.GridSearchCV(vote, grid, cv=3).fit(X, y)
    for name in ("mean_test_score", "std_test_score", "rank_test_score", "split2_test_score"):
        np.testing.assert_allclose(search.cv_results_[name], other.cv_results_[name], atol=1e-12)
    assert search.best_params_ == other.best_params_
    np.testing.assert_array_equal(search.predict(X), other.predict(X))
    # 2 + 2 + 1 members on 3 splits, of 48 × 3 for scikit-learn; and the members of the best.
    assert len(list((tmp_path / "tasks").rglob("*.json"))) <= 5 * 3 + 3
    assert (search.cv_results_["mean_score_time"] > 0).all()


def test_votes_in_the_functions(iris, diabetes):
    X, y = iris
    vote = theirs.VotingClassifier(CLASSIFIERS, voting="soft")
    for scoring in ("neg_log_loss", "roc_auc_ovr", "accuracy"):
        np.testing.assert_allclose(
            cross_val_score(vote, X, y, scoring=scoring),
            their_selection.cross_val_score(vote, X, y, scoring=scoring),
            atol=1e-6,
        )
    found = cross_validate(vote, X, y, scoring=["accuracy", "f1_macro"])
    assert (found["score_time"] > 0).all()
    np.testing.assert_allclose(
        cross_val_predict(vote, X, y, method="predict_proba"),
        their_selection.cross_val_predict(vote, X, y, method="predict_proba"),
        atol=1e-6,
    )
    X, y = diabetes
    vote = theirs.VotingRegressor(REGRESSORS)
    np.testing.assert_allclose(
        cross_val_score(vote, X, y), their_selection.cross_val_score(vote, X, y), atol=1e-9
    )
    with pytest.raises(NotServed, match="estimators that vote"):
        learning_curve(vote, X, y)


def test_votes_that_can_not_be_said_are_refused(iris):
    X, y = iris
    for vote, reason in [
        (theirs.VotingClassifier(CLASSIFIERS, weights=[0, 1, 1]), "weights are above 0"),
        (theirs.VotingClassifier(CLASSIFIERS[:1]), "of one estimator"),
        (
            theirs.VotingClassifier([*CLASSIFIERS, ("svc", LinearSVC())], voting="soft"),
            "`LinearSVC` in a `VotingClassifier`: it has no `predict_proba`",
        ),
        (
            theirs.VotingClassifier([("a", theirs.VotingClassifier(CLASSIFIERS)), *CLASSIFIERS]),
            "`VotingClassifier` in a `VotingClassifier`",
        ),
    ]:
        with pytest.raises(NotServed, match=reason):
            Model(vote).fit(X, y)
        with pytest.raises(NotServed, match=reason):
            cross_val_score(vote, X, y)


# --- Stacks -------------------------------------------------------------------------------


@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize("cv", [None, 3, StratifiedKFold(4, shuffle=True, random_state=0)])
def test_stacks_are_those_of_scikit_learn(cv, passthrough, cancer, iris):
    for X, y in (cancer, iris):
        X = StandardScaler().fit_transform(X)
        stack = theirs.StackingClassifier(CLASSIFIERS, LR, cv=cv, passthrough=passthrough)
        mine, other = Model(stack).fit(X, y), clone(stack).fit(X, y)
        np.testing.assert_allclose(mine.predict_proba(X), other.predict_proba(X), atol=1e-4)
        assert np.mean(mine.predict(X) == other.predict(X)) > 0.99


def test_stacks_of_numbers_are_those_of_scikit_learn(diabetes):
    X, y = diabetes
    stack = theirs.StackingRegressor(REGRESSORS, Ridge(), cv=KFold(5, shuffle=True, random_state=1))
    np.testing.assert_allclose(
        Model(stack).fit(X, y).predict(X), clone(stack).fit(X, y).predict(X), rtol=1e-6
    )


def test_stacks_that_can_not_be_said_are_refused(iris, diabetes):
    X, y = iris
    stack = theirs.StackingClassifier(CLASSIFIERS)
    for one, reason in [
        (make_pipeline(StandardScaler(), stack), "steps before a `StackingClassifier`"),
        (theirs.StackingClassifier([*CLASSIFIERS, ("r", RidgeClassifier())]), "`RidgeClassifier`"),
        (theirs.StackingClassifier(CLASSIFIERS, make_pipeline(LR)), "final_estimator=Pipeline"),
        (theirs.StackingClassifier(CLASSIFIERS, cv="prefit"), "cv='prefit'"),
        (theirs.StackingClassifier(CLASSIFIERS, stack_method="predict"), "stack_method='predict'"),
    ]:
        with pytest.raises(NotServed, match=reason):
            Model(one).fit(X, y)
    with pytest.raises(NotServed, match="a plan stacks the candidates of one search"):
        GridSearchCV(stack, {"passthrough": [False, True]}).fit(X, y)
    with pytest.raises(NotServed, match="RidgeCV"):
        Model(theirs.StackingRegressor(REGRESSORS)).fit(*diabetes)


# --- Several outputs ----------------------------------------------------------------------


def test_several_outputs_have_a_model_of_each(outputs, labels):
    X, Y = outputs
    several = their_outputs.MultiOutputRegressor(make_pipeline(StandardScaler(), Ridge()))
    mine, other = Model(several).fit(X, Y), clone(several).fit(X, Y)
    np.testing.assert_allclose(mine.predict(X), other.predict(X), rtol=1e-9)
    assert mine.score(X, Y) == pytest.approx(other.score(X, Y), abs=1e-12)
    X, Y = labels
    several = their_outputs.MultiOutputClassifier(LR)
    mine, other = Model(several).fit(X, Y), clone(several).fit(X, Y)
    np.testing.assert_array_equal(mine.predict(X), other.predict(X))
    assert mine.score(X, Y) == other.score(X, Y)
    for shares, others in zip(mine.predict_proba(X), other.predict_proba(X), strict=True):
        np.testing.assert_allclose(shares, others, atol=1e-6)
    for classes, others in zip(mine.classes_, other.classes_, strict=True):
        np.testing.assert_array_equal(classes, others)


def test_a_search_over_several_outputs_has_the_scores_of_scikit_learn(outputs, labels):
    X, Y = outputs
    several = their_outputs.MultiOutputRegressor(Ridge())
    grid = {"estimator__alpha": [0.01, 0.1, 1.0]}
    for scoring in (None, make_scorer(mean_absolute_error, greater_is_better=False)):
        search = GridSearchCV(several, grid, cv=3, scoring=scoring).fit(X, Y)
        other = their_selection.GridSearchCV(several, grid, cv=3, scoring=scoring).fit(X, Y)
        for name in ("mean_test_score", "std_test_score", "rank_test_score"):
            np.testing.assert_allclose(search.cv_results_[name], other.cv_results_[name], rtol=1e-9)
        assert search.best_params_ == other.best_params_
        np.testing.assert_allclose(search.predict(X), other.predict(X), rtol=1e-9)
        assert search.score(X, Y) == pytest.approx(other.score(X, Y), abs=1e-9)
    X, Y = labels
    several = their_outputs.MultiOutputClassifier(LR)
    np.testing.assert_allclose(
        cross_val_score(several, X, Y, cv=3), their_selection.cross_val_score(several, X, Y, cv=3)
    )
    found = cross_val_predict(several, X, Y, cv=3, method="predict_proba")
    other = their_selection.cross_val_predict(several, X, Y, cv=3, method="predict_proba")
    for shares, others in zip(found, other, strict=True):
        np.testing.assert_allclose(shares, others, atol=1e-6)


def test_outputs_that_are_learnt_together_are_refused(outputs):
    X, Y = outputs
    with pytest.raises(NotServed, match="y of 3 outputs, but by `MultiOutputRegressor`"):
        Model(RandomForestRegressor()).fit(X, Y)
    with pytest.raises(NotServed, match="y of one output"):
        Model(their_outputs.MultiOutputRegressor(Ridge())).fit(X, Y[:, :1])
    with pytest.raises(ValueError, match="at least two dimensions"):
        Model(their_outputs.MultiOutputRegressor(Ridge())).fit(X, Y[:, 0])
    vote = theirs.VotingRegressor(REGRESSORS)
    with pytest.raises(NotServed, match="`MultiOutputRegressor` of a `VotingRegressor`"):
        Model(their_outputs.MultiOutputRegressor(vote)).fit(X, Y)


@pytest.mark.parametrize("order", [None, [2, 0, 1], "random"])
def test_chains_are_those_of_scikit_learn(order, outputs, labels):
    X, Y = outputs
    inner = make_pipeline(StandardScaler(), Ridge())
    chain = their_outputs.RegressorChain(inner, order=order, cv=4, random_state=5)
    np.testing.assert_allclose(
        Model(chain).fit(X, Y).predict(X), clone(chain).fit(X, Y).predict(X), rtol=1e-8
    )
    X, Y = labels
    Y = np.column_stack([Y[:, :2], Y[:, 2] > 0]).astype(int)
    chain = their_outputs.ClassifierChain(LR, order=order, cv=4, random_state=5)
    mine, other = Model(chain).fit(X, Y), clone(chain).fit(X, Y)
    np.testing.assert_array_equal(mine.predict(X), other.predict(X))
    np.testing.assert_allclose(mine.predict_proba(X), other.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(mine.decision_function(X), other.decision_function(X), atol=1e-4)


def test_chains_that_can_not_be_said_are_refused(outputs, labels):
    X, Y = labels
    chain = their_outputs.ClassifierChain
    with pytest.raises(NotServed, match="it learns from the true targets"):
        Model(chain(LR)).fit(X, Y[:, :2])
    with pytest.raises(NotServed, match=r"of classes .*0.*1.*2"):
        Model(chain(LR, cv=3)).fit(X, Y)
    with pytest.raises(NotServed, match="a plan chains"):
        cross_val_score(chain(LR, cv=3), X, Y[:, :2])
    with pytest.raises(NotServed, match="steps before a `ClassifierChain`"):
        Model(make_pipeline(StandardScaler(), chain(LR, cv=3))).fit(X, Y[:, :2])
    with pytest.raises(NotServed, match="`cv` is a number of folds"):
        Model(chain(LR, cv=KFold(3))).fit(X, Y[:, :2])
    columns = ColumnTransformer([("scale", StandardScaler(), [0, 1])])
    with pytest.raises(NotServed, match="of a `ColumnTransformer`"):
        Model(chain(make_pipeline(columns, LR), cv=3)).fit(X, Y[:, :2])


# --- The estimators of this package -------------------------------------------------------


DIRECT = [
    (ensemble.BaggingClassifier, (), "labels"),
    (ensemble.BaggingRegressor, (DecisionTreeRegressor(),), "numbers"),
    (ensemble.VotingClassifier, (CLASSIFIERS,), "labels"),
    (ensemble.VotingRegressor, (REGRESSORS,), "numbers"),
    (ensemble.StackingClassifier, (CLASSIFIERS,), "labels"),
    (ensemble.StackingRegressor, (REGRESSORS, Ridge()), "numbers"),
    (multioutput.MultiOutputClassifier, (LR,), "classes"),
    (multioutput.MultiOutputRegressor, (Ridge(),), "outputs"),
    (multioutput.ClassifierChain, (LR,), "classes"),
    (multioutput.RegressorChain, (Ridge(),), "outputs"),
]


@pytest.mark.parametrize("kind,arguments,y", DIRECT, ids=lambda one: getattr(one, "__name__", ""))
def test_direct_estimators_are_saved_and_loaded(kind, arguments, y, outputs, labels, tmp_path):
    X, Y = labels if y in ("labels", "classes") else outputs
    y = {"labels": Y[:, 2], "numbers": Y[:, 0], "classes": Y[:, :2], "outputs": Y}[y]
    more = {"cv": 3} if "Chain" in kind.__name__ else {}
    model = kind(*arguments, **more)
    other = kind._theirs(*arguments, **more)
    assert str(model.get_params()) == str(other.get_params())
    if arguments and isinstance(arguments[0], list):
        assert clone(model).set_params(knn__n_neighbors=3).get_params()["knn__n_neighbors"] == 3
        assert model.get_params()["knn__n_neighbors"] == 5
    model.fit(X, y)
    assert model.score(X, y) == pytest.approx(other.fit(X, y).score(X, y), abs=0.03)
    predicted = model.predict(X)
    assert predicted.shape == y.shape
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), predicted)
    model.save(tmp_path / "model.fanout")
    found = load(tmp_path / "model.fanout")
    np.testing.assert_array_equal(found.predict(X), predicted)
    assert isinstance(found.estimator, kind._theirs) or kind.__name__.startswith("Bagging")


def test_estimators_of_this_package_are_members_as_those_of_scikit_learn(iris):
    from fanout_ml.linear_model import LogisticRegression as Mine

    X, y = iris
    members = [("lr", Mine(tol=1e-9)), ("nb", GaussianNB())]
    mine = ensemble.VotingClassifier(members, voting="soft").fit(X, y)
    other = theirs.VotingClassifier([("lr", LR), ("nb", GaussianNB())], voting="soft").fit(X, y)
    np.testing.assert_allclose(mine.predict_proba(X), other.predict_proba(X), atol=1e-5)
    search = GridSearchCV(mine, {"lr__C": [0.1, 1.0]}, cv=3).fit(X, y)
    assert isinstance(search.best_estimator_, ensemble.VotingClassifier)
    assert accuracy_score(y, search.predict(X)) == search.score(X, y)
