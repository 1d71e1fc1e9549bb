"""What stands for which class of scikit-learn, LightGBM and XGBoost: a table.

A `Rule` says of each parameter of a class whether it is the same in fanout, changes no result,
has values that are served, or is converted. Any other parameter, such as one of a later
version, has to be at its default.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


class Refused(Exception):
    """A value that fanout lacks."""


@dataclass(frozen=True)
class Context:
    """What a converter knows beside the value."""

    # The labels of the classes, in the order of their codes; `None` of numbers.
    classes: Any
    # The names of the columns that the estimator gets; empty behind steps that rename them.
    features: tuple[str, ...]
    # All parameters of the estimator.
    params: Mapping[str, Any]


Convert = Callable[[Any, Context], dict[str, Any]]


@dataclass(frozen=True)
class Rule:
    """How the parameters of a class are said in a plan."""

    # The trainer or step.
    name: str
    # Parameters of the same name and meaning.
    same: tuple[str, ...] = ()
    # How a result is computed, stored or told, not which it is.
    ignored: tuple[str, ...] = ()
    # The values that are served of parameters that are not in plans.
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    # Parameters that are converted.
    convert: Mapping[str, Convert] = field(default_factory=dict)
    # Parameters of the trainer that the class has at other values than its defaults.
    fixed: Mapping[str, Any] = field(default_factory=dict)
    # Whether a step gives each column back under its name.
    keeps_names: bool = False


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, np.ndarray):
        return [plain(one) for one in value.tolist()]
    if isinstance(value, (list, tuple, range)):
        return [plain(one) for one in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if np.isfinite(value):
            return value
        if np.isnan(value):
            return "nan"
    raise Refused


def seed(value: Any, _: Context) -> dict[str, Any]:
    """A seed; one is drawn from a generator."""
    if isinstance(value, (np.random.RandomState, np.random.Generator)):
        # As scikit-learn's fits do, which are of clones.
        value = copy.deepcopy(value)
        draw = value.randint if isinstance(value, np.random.RandomState) else value.integers
        return {"random_state": int(draw(2**31 - 1))}
    return {} if value is None else {"random_state": int(value)}


def _code(label: Any, context: Context) -> str:
    found = np.flatnonzero(context.classes == label)
    if not len(found):
        raise Refused(f"{label!r} is no class of y")
    return str(found[0])


def class_weight(value: Any, context: Context) -> dict[str, Any]:
    """Weights by class, by the codes of the classes."""
    if value is None:
        return {}
    if context.classes is None:
        raise Refused("the target is a number")
    if isinstance(value, Mapping):
        weights = {_code(label, context): plain(weight) for label, weight in value.items()}
        return {"class_weight": weights}
    return {"class_weight": plain(value)}


def _by_class(name: str) -> Convert:
    """Numbers in the order of the classes."""

    def convert(value: Any, context: Context) -> dict[str, Any]:
        if value is None:
            return {}
        value = np.asarray(value, dtype=float)
        if len(value) != len(context.classes):
            raise Refused(f"{name} of {len(value)} classes, where y has {len(context.classes)}")
        return {name: {str(at): float(one) for at, one in enumerate(value)}}

    return convert


def _infinite_is_none(name: str) -> Convert:
    def convert(value: Any, _: Context) -> dict[str, Any]:
        return {name: None if np.isinf(value) else plain(value)}

    return convert


def _text(name: str) -> Convert:
    """A choice by name; functions are refused."""

    def convert(value: Any, _: Context) -> dict[str, Any]:
        if callable(value):
            raise Refused
        return {name: plain(value)}

    return convert


def _penalty(value: Any, context: Context) -> dict[str, Any]:
    # scikit-learn before 1.8 says by it what `l1_ratio` and `C` say since.
    if value is None:
        return {"C": None}
    if value == "elasticnet":
        return {"penalty": "elasticnet"}
    return {} if value == "deprecated" else {"penalty": value}


def _l1_ratio(value: Any, _: Context) -> dict[str, Any]:
    return {} if value is None else {"l1_ratio": plain(value)}


def _inverse_penalty(value: Any, context: Context) -> dict[str, Any]:
    if context.params.get("penalty", "deprecated") is None:
        return {}
    return {"C": None if np.isinf(value) else plain(value)}


def _off_if_deprecated(value: Any, _: Context) -> dict[str, Any]:
    return {"probability": False if value == "deprecated" else bool(value)}


def _constant(value: Any, context: Context) -> dict[str, Any]:
    if value is None:
        return {}
    value = np.asarray(value).reshape(-1)
    if len(value) != 1:
        raise Refused
    if context.classes is None:
        return {"constant": float(value[0])}
    return {"constant": _code(value[0], context)}


def _by_feature(value: Any, context: Context) -> dict[str, Any]:
    """`monotonic_cst`: signs by column, or by its name."""
    if value is None:
        return {}
    if not context.features:
        raise Refused("monotonic_cst behind a step that changes the columns")
    if isinstance(value, Mapping):
        signs = {str(name): int(sign) for name, sign in value.items()}
    else:
        signs = dict(zip(context.features, (int(sign) for sign in np.asarray(value))))
    return {"monotonic_cst": {name: sign for name, sign in signs.items() if sign}}


def _interactions(value: Any, context: Context) -> dict[str, Any]:
    if value is None or value == "pairwise":
        if value is not None:
            raise Refused
        return {}
    if value == "no_interactions":
        return {"interaction_cst": value}
    if not context.features:
        raise Refused("interaction_cst behind a step that changes the columns")
    sets = [[context.features[at] for at in sorted(group)] for group in value]
    return {"interaction_cst": sets}


def _early_stopping(value: Any, context: Context) -> dict[str, Any]:
    return {"early_stopping": value if value == "auto" else bool(value)}


def _loss_scoring(value: Any, context: Context) -> dict[str, Any]:
    if value != "loss" and context.params.get("early_stopping") is not False:
        raise Refused
    return {}


def _nothing(_: Any, __: Context) -> dict[str, Any]:
    return {}


# --- LightGBM and XGBoost -----------------------------------------------------------------


def _to(name: str) -> Convert:
    def convert(value: Any, _: Context) -> dict[str, Any]:
        return {name: plain(value)}

    return convert


def _unlimited(name: str, none: int) -> Convert:
    """A limit, where numbers up to `none` are none."""

    def convert(value: Any, _: Context) -> dict[str, Any]:
        return {name: None if value is None or value <= none else int(value)}

    return convert


def _or_default(name: str, default: Any, times: float | None = None) -> Convert:
    """A parameter whose `None` is XGBoost's own default."""

    def convert(value: Any, _: Context) -> dict[str, Any]:
        value = default if value is None else plain(value)
        return {name: value if times is None else times * value}

    return convert


def _subsample(value: Any, context: Context) -> dict[str, Any]:
    # LightGBM draws rows where `subsample_freq` is above 0 only.
    return {"subsample": plain(value)} if context.params.get("subsample_freq") else {}


def _depth_of_xgboost(value: Any, _: Context) -> dict[str, Any]:
    value = 6 if value is None else int(value)
    return {"max_depth": value or None}


_LIGHTGBM = Rule(
    "hist_gradient_boosting",
    ignored=("n_jobs", "importance_type", "subsample_for_bin", "verbose", "verbosity"),
    only={
        "boosting_type": ("gbdt",),
        "objective": (None,),
        "subsample_freq": (0, 1),
    },
    convert={
        "num_leaves": _to("max_leaf_nodes"),
        "max_depth": _unlimited("max_depth", 0),
        "learning_rate": _to("learning_rate"),
        "n_estimators": _to("max_iter"),
        "class_weight": class_weight,
        "min_split_gain": _to("min_split_gain"),
        "min_child_weight": _to("min_sum_hessian"),
        "min_child_samples": _to("min_samples_leaf"),
        "subsample": _subsample,
        "colsample_bytree": _to("colsample_bytree"),
        "reg_alpha": _to("l1_regularization"),
        "reg_lambda": _to("l2_regularization"),
        "random_state": seed,
    },
    fixed={"early_stopping": False, "min_samples_leaf_by": "hessian"},
)

_XGBOOST = Rule(
    "hist_gradient_boosting",
    ignored=(
        "n_jobs",
        "verbosity",
        "importance_type",
        "device",
        "validate_parameters",
        "missing",
        "enable_categorical",
    ),
    only={
        "booster": (None, "gbtree"),
        "tree_method": (None, "auto", "hist", "approx"),
        "grow_policy": (None, "depthwise", "lossguide"),
        "objective": (None, "binary:logistic", "multi:softprob", "reg:squarederror"),
        "colsample_bylevel": (None, 1, 1.0),
        "max_delta_step": (None, 0),
        "num_parallel_tree": (None, 1),
        "scale_pos_weight": (None, 1, 1.0),
        "max_bin": (None, 255, 256),
    },
    convert={
        "n_estimators": _or_default("max_iter", 100),
        "max_depth": _depth_of_xgboost,
        "max_leaves": _unlimited("max_leaf_nodes", 0),
        "learning_rate": _or_default("learning_rate", 0.3),
        # XGBoost halves a gain before it takes `gamma` off.
        "gamma": _or_default("min_split_gain", 0.0, times=2.0),
        "min_child_weight": _or_default("min_sum_hessian", 1.0),
        "subsample": _or_default("subsample", 1.0),
        "colsample_bytree": _or_default("colsample_bytree", 1.0),
        "colsample_bynode": _or_default("max_features", 1.0),
        "reg_alpha": _or_default("l1_regularization", 0.0),
        "reg_lambda": _or_default("l2_regularization", 1.0),
        "random_state": seed,
    },
    fixed={"early_stopping": False, "min_samples_leaf": 1},
)

# --- scikit-learn -------------------------------------------------------------------------

_HOW = ("n_jobs", "verbose", "copy", "copy_X", "warm_start")
_TREE = (
    "criterion",
    "max_depth",
    "min_samples_split",
    "min_samples_leaf",
    "min_weight_fraction_leaf",
    "max_features",
    "max_leaf_nodes",
    "min_impurity_decrease",
)
_NO_PRUNING: Mapping[str, tuple[Any, ...]] = {"ccp_alpha": (0.0,), "monotonic_cst": (None,)}
_FOREST = (*_TREE, "n_estimators", "bootstrap", "max_samples", "oob_score")
_OF_CLASSES: Mapping[str, Convert] = {"class_weight": class_weight, "random_state": seed}
_SEEDED: Mapping[str, Convert] = {"random_state": seed}
_BOOSTED = (
    "loss",
    "learning_rate",
    "max_iter",
    "max_leaf_nodes",
    "max_depth",
    "min_samples_leaf",
    "l2_regularization",
    "max_features",
    "max_bins",
    "validation_fraction",
    "n_iter_no_change",
    "tol",
)
_AS_SCIKIT_LEARN = {"min_samples_leaf_by": "rows"}
_BOOSTING: Mapping[str, Convert] = {
    "categorical_features": _nothing,
    "monotonic_cst": _by_feature,
    "interaction_cst": _interactions,
    "early_stopping": _early_stopping,
    "scoring": _loss_scoring,
    "random_state": seed,
}
_LINEAR_HOW = (*_HOW, "solver", "random_state", "precompute")
_KERNEL = ("C", "degree", "gamma", "coef0", "tol", "cache_size", "max_iter")
_NEIGHBORS = Rule(
    "k_neighbors",
    same=("n_neighbors", "p"),
    ignored=("n_jobs", "algorithm", "leaf_size"),
    only={"metric_params": (None,)},
    convert={"weights": _text("weights"), "metric": _text("metric")},
)

#: By the first part of the class's module and its name.
TRAINERS: Mapping[str, Rule] = {
    "sklearn.RandomForestClassifier": Rule(
        "random_forest", _FOREST, _HOW, _NO_PRUNING, _OF_CLASSES
    ),
    "sklearn.RandomForestRegressor": Rule("random_forest", _FOREST, _HOW, _NO_PRUNING, _SEEDED),
    "sklearn.ExtraTreesClassifier": Rule("extra_trees", _FOREST, _HOW, _NO_PRUNING, _OF_CLASSES),
    "sklearn.ExtraTreesRegressor": Rule("extra_trees", _FOREST, _HOW, _NO_PRUNING, _SEEDED),
    "sklearn.DecisionTreeClassifier": Rule(
        "decision_tree", (*_TREE, "splitter"), _HOW, _NO_PRUNING, _OF_CLASSES
    ),
    "sklearn.DecisionTreeRegressor": Rule(
        "decision_tree", (*_TREE, "splitter"), _HOW, _NO_PRUNING, _SEEDED
    ),
    "sklearn.HistGradientBoostingClassifier": Rule(
        "hist_gradient_boosting",
        _BOOSTED,
        _HOW,
        {},
        {**_BOOSTING, "class_weight": class_weight},
        _AS_SCIKIT_LEARN,
    ),
    "sklearn.HistGradientBoostingRegressor": Rule(
        "hist_gradient_boosting", (*_BOOSTED, "quantile"), _HOW, {}, _BOOSTING, _AS_SCIKIT_LEARN
    ),
    "sklearn.LinearRegression": Rule(
        "linear_regression", ("fit_intercept",), (*_HOW, "tol"), {"positive": (False,)}
    ),
    "sklearn.Ridge": Rule(
        "ridge",
        ("alpha", "fit_intercept"),
        (*_LINEAR_HOW, "max_iter", "tol"),
        {"positive": (False,)},
    ),
    "sklearn.RidgeClassifier": Rule(
        "ridge_classifier",
        ("alpha", "fit_intercept"),
        (*_LINEAR_HOW, "max_iter", "tol"),
        {"positive": (False,)},
        {"class_weight": class_weight},
    ),
    "sklearn.Lasso": Rule(
        "lasso",
        ("alpha", "fit_intercept", "max_iter", "tol", "selection"),
        _LINEAR_HOW,
        {"positive": (False,)},
    ),
    "sklearn.ElasticNet": Rule(
        "elastic_net",
        ("alpha", "l1_ratio", "fit_intercept", "max_iter", "tol", "selection"),
        _LINEAR_HOW,
        {"positive": (False,)},
    ),
    "sklearn.LogisticRegression": Rule(
        "logistic_regression",
        ("fit_intercept", "tol", "max_iter"),
        (*_HOW, "random_state", "intercept_scaling"),
        {
            "solver": ("lbfgs", "newton-cg", "newton-cholesky", "sag", "saga"),
            "dual": (False,),
            "multi_class": ("deprecated", "auto", "multinomial"),
        },
        {
            "C": _inverse_penalty,
            "penalty": _penalty,
            "l1_ratio": _l1_ratio,
            "class_weight": class_weight,
        },
    ),
    "sklearn.LinearSVC": Rule(
        "linear_svc",
        ("C", "loss", "fit_intercept", "intercept_scaling", "tol", "max_iter"),
        (*_HOW, "dual"),
        {"penalty": ("l2",), "multi_class": ("ovr",)},
        _OF_CLASSES,
    ),
    "sklearn.SVC": Rule(
        "svc",
        (*_KERNEL, "break_ties"),
        (*_HOW, "shrinking"),
        {"decision_function_shape": ("ovr",)},
        {**_OF_CLASSES, "kernel": _text("kernel"), "probability": _off_if_deprecated},
    ),
    "sklearn.SVR": Rule(
        "svr",
        (*_KERNEL, "epsilon"),
        (*_HOW, "shrinking"),
        {},
        {"kernel": _text("kernel")},
    ),
    "sklearn.KNeighborsClassifier": _NEIGHBORS,
    "sklearn.KNeighborsRegressor": _NEIGHBORS,
    "sklearn.GaussianNB": Rule(
        "gaussian_nb", ("var_smoothing",), convert={"priors": _by_class("priors")}
    ),
    "sklearn.MultinomialNB": Rule(
        "multinomial_nb",
        ("alpha", "force_alpha", "fit_prior"),
        convert={"class_prior": _by_class("class_prior")},
    ),
    "sklearn.PLSRegression": Rule(
        "pls_regression", ("n_components", "scale"), (*_HOW, "max_iter", "tol")
    ),
    "sklearn.DummyClassifier": Rule(
        "dummy", ("strategy",), convert={"constant": _constant, "random_state": seed}
    ),
    "sklearn.DummyRegressor": Rule(
        "dummy", ("strategy", "quantile"), convert={"constant": _constant}
    ),
    "lightgbm.LGBMClassifier": _LIGHTGBM,
    "lightgbm.LGBMRegressor": _LIGHTGBM,
    "xgboost.XGBClassifier": _XGBOOST,
    "xgboost.XGBRegressor": _XGBOOST,
}

# --- Estimators of estimators -------------------------------------------------------------


def _weights(value: Any, _: Context) -> dict[str, Any]:
    """Weights of voters; `None` of those that are dropped is left out before."""
    if value is None:
        return {}
    weights = [float(weight) for weight in value]
    if not all(weight > 0 and np.isfinite(weight) for weight in weights):
        raise Refused("weights are above 0")
    return {"weights": weights}


def _out_of_fold(value: Any, _: Context) -> dict[str, Any]:
    if value is None:
        raise Refused("it learns from the true targets; chains here learn from predictions, `cv=5`")
    return {}


_BAGS = Rule(
    "bagging",
    ("n_estimators", "max_samples", "max_features", "bootstrap", "bootstrap_features", "oob_score"),
    _HOW,
    convert={"estimator": _nothing, "random_state": seed},
)
_INNER: Mapping[str, Convert] = {"estimators": _nothing}
_STACKED: Mapping[str, Convert] = {**_INNER, "final_estimator": _nothing, "cv": _nothing}
_CHAINED: Mapping[str, Convert] = {
    # Its name before scikit-learn 1.7.
    "base_estimator": _nothing,
    "estimator": _nothing,
    "order": _nothing,
    "cv": _out_of_fold,
    "random_state": _nothing,
}

#: Estimators of other estimators. The name is that of the section of a plan.
COMPOSITES: Mapping[str, Rule] = {
    "sklearn.BaggingClassifier": _BAGS,
    "sklearn.BaggingRegressor": _BAGS,
    "sklearn.VotingClassifier": Rule(
        "voting", ("voting",), (*_HOW, "flatten_transform"), {}, {**_INNER, "weights": _weights}
    ),
    "sklearn.VotingRegressor": Rule("voting", (), _HOW, {}, {**_INNER, "weights": _weights}),
    "sklearn.StackingClassifier": Rule(
        "stacking",
        ("passthrough",),
        _HOW,
        {"stack_method": ("auto", "predict_proba")},
        _STACKED,
    ),
    "sklearn.StackingRegressor": Rule("stacking", ("passthrough",), _HOW, {}, _STACKED),
    "sklearn.MultiOutputClassifier": Rule("targets", (), _HOW, {}, {"estimator": _nothing}),
    "sklearn.MultiOutputRegressor": Rule("targets", (), _HOW, {}, {"estimator": _nothing}),
    "sklearn.ClassifierChain": Rule("chain", (), _HOW, {"chain_method": ("predict",)}, _CHAINED),
    "sklearn.RegressorChain": Rule("chain", (), _HOW, {}, _CHAINED),
}

# --- Steps --------------------------------------------------------------------------------


def _missing_values(value: Any, _: Context) -> dict[str, Any]:
    if value is None or value != value or repr(value) == "<NA>":
        return {}
    raise Refused


def _categories(value: Any, _: Context) -> dict[str, Any]:
    return {"categories": value if isinstance(value, str) else [plain(one) for one in value]}


def _drop(value: Any, _: Context) -> dict[str, Any]:
    if value not in (None, "first", "if_binary"):
        raise Refused
    return {"drop": value}


def _function(name: str, value: Any, _: Context) -> dict[str, Any]:
    served = (
        "f_classif",
        "f_regression",
        "chi2",
        "r_regression",
        "mutual_info_classif",
        "mutual_info_regression",
    )
    ours = getattr(value, "__module__", "").startswith("sklearn.feature_selection")
    if not ours or getattr(value, "__name__", None) not in served:
        raise Refused
    return {name: value.__name__}


def _score_func(value: Any, context: Context) -> dict[str, Any]:
    return _function("score_func", value, context)


def _whole(name: str) -> Convert:
    def convert(value: Any, _: Context) -> dict[str, Any]:
        if np.ndim(value):
            raise Refused
        return {name: plain(value)}

    return convert


def _folds(value: Any, _: Context) -> dict[str, Any]:
    if not isinstance(value, (int, np.integer)):
        raise Refused
    return {"cv": int(value)}


def _quantile_method(value: Any, _: Context) -> dict[str, Any]:
    return {} if value == "warn" else {"quantile_method": value}


_STORED = ("copy", "dtype", "sparse_output", "verbose", "n_jobs", "order")

#: Transformers.
STEPS: Mapping[str, Rule] = {
    "sklearn.SimpleImputer": Rule(
        "simple_imputer",
        ("strategy", "fill_value", "add_indicator", "keep_empty_features"),
        _STORED,
        {},
        {"missing_values": _missing_values},
        keeps_names=True,
    ),
    "sklearn.StandardScaler": Rule(
        "standard_scaler", ("with_mean", "with_std"), _STORED, keeps_names=True
    ),
    "sklearn.MinMaxScaler": Rule(
        "min_max_scaler", ("feature_range", "clip"), _STORED, keeps_names=True
    ),
    "sklearn.RobustScaler": Rule(
        "robust_scaler",
        ("with_centering", "with_scaling", "quantile_range", "unit_variance"),
        _STORED,
        keeps_names=True,
    ),
    "sklearn.MaxAbsScaler": Rule("max_abs_scaler", ("clip",), _STORED, keeps_names=True),
    "sklearn.Normalizer": Rule("normalizer", ("norm",), _STORED, keeps_names=True),
    "sklearn.PowerTransformer": Rule(
        "power_transformer", ("method", "standardize"), _STORED, keeps_names=True
    ),
    "sklearn.QuantileTransformer": Rule(
        "quantile_transformer",
        ("n_quantiles", "output_distribution"),
        (*_STORED, "subsample", "random_state", "ignore_implicit_zeros"),
        keeps_names=True,
    ),
    "sklearn.OneHotEncoder": Rule(
        "one_hot_encoder",
        ("handle_unknown", "min_frequency", "max_categories"),
        _STORED,
        {"feature_name_combiner": ("concat",)},
        {"categories": _categories, "drop": _drop},
    ),
    "sklearn.OrdinalEncoder": Rule(
        "ordinal_encoder",
        (
            "handle_unknown",
            "unknown_value",
            "encoded_missing_value",
            "min_frequency",
            "max_categories",
        ),
        _STORED,
        {},
        {"categories": _categories},
        keeps_names=True,
    ),
    "sklearn.TargetEncoder": Rule(
        "target_encoder",
        ("smooth", "shuffle"),
        _STORED,
        {"target_type": ("auto", "binary", "continuous", "multiclass"), "categories": ("auto",)},
        {"cv": _folds, "random_state": seed},
    ),
    "sklearn.KBinsDiscretizer": Rule(
        "k_bins_discretizer",
        ("encode", "strategy"),
        (*_STORED, "subsample", "random_state"),
        {},
        {"n_bins": _whole("n_bins"), "quantile_method": _quantile_method},
        # scikit-learn's before it had the parameter.
        {"quantile_method": "linear"},
    ),
    "sklearn.PolynomialFeatures": Rule(
        "polynomial_features", ("degree", "interaction_only", "include_bias"), _STORED
    ),
    "sklearn.PCA": Rule(
        "pca",
        ("n_components", "whiten"),
        (
            *_STORED,
            "svd_solver",
            "tol",
            "iterated_power",
            "n_oversamples",
            "power_iteration_normalizer",
            "random_state",
        ),
    ),
    "sklearn.TruncatedSVD": Rule(
        "truncated_svd",
        ("n_components",),
        (
            *_STORED,
            "algorithm",
            "n_iter",
            "n_oversamples",
            "power_iteration_normalizer",
            "random_state",
            "tol",
        ),
    ),
    "sklearn.VarianceThreshold": Rule("variance_threshold", ("threshold",), _STORED),
    "sklearn.SelectKBest": Rule("select_k_best", ("k",), (), {}, {"score_func": _score_func}),
    "sklearn.SelectPercentile": Rule(
        "select_percentile", ("percentile",), (), {}, {"score_func": _score_func}
    ),
}
