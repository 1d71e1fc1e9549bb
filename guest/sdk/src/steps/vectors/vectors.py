#!/usr/bin/env python3
"""Writes *.json beside itself: what scikit-learn's transformers make of some
tables. Run it with scikit-learn 1.9 and pandas:

    python guest/sdk/src/steps/vectors/vectors.py

A case fits one transformer on the training rows of a table and transforms the
training rows (`fit_transform`) and the test rows (`transform`). Names of columns
are scikit-learn's. Where scikit-learn raises an error, the case expects one.
"""

import json
import pathlib
import re
import warnings

import numpy as np
import pandas as pd
import sklearn
from sklearn import decomposition, feature_selection, impute, preprocessing
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline

assert sklearn.__version__.startswith("1.9."), sklearn.__version__
warnings.simplefilter("ignore")

HERE = pathlib.Path(__file__).parent
TRAIN, TEST = list(range(0, 60, 3)) + list(range(1, 60, 3)), list(range(2, 60, 3))
TRAIN.sort()
ROWS = 60


def tables():
    """The tables, by name. All have 60 rows, of which 40 are training rows."""
    random = np.random.RandomState(7)

    def hole(values, share=0.2):
        values = np.array(values, dtype=object if values.dtype == object else float)
        values[random.rand(ROWS) < share] = np.nan
        return values

    normal = random.randn(ROWS).round(4)
    numbers = pd.DataFrame(
        {
            "normal": normal,
            "year": (2013 + random.rand(ROWS) / 100).round(6),
            "skewed": np.exp(2 * random.randn(ROWS)).round(4),
            "ties": random.randint(0, 4, ROWS).astype(float),
            "binary": (random.rand(ROWS) < 0.3).astype(float),
            "constant": np.full(ROWS, 3.5),
            "both": (normal * 100 + random.randn(ROWS)).round(3),
        }
    )
    # Constant in the training rows only.
    fixed = np.full(ROWS, 0.1)
    fixed[TEST] = random.randn(len(TEST)).round(3)
    numbers["fixed"] = fixed
    missing = numbers.copy()
    for name in ["normal", "skewed", "ties", "constant"]:
        missing[name] = hole(numbers[name].to_numpy())
    empty = missing[["normal", "ties"]].copy()
    nothing = np.full(ROWS, np.nan)
    nothing[TEST[0]] = 1.0
    empty.insert(1, "empty", nothing)
    labels = np.array(["amber", "blue", "coral", "dove", "ebony"], dtype=object)
    draw = random.choice(5, ROWS, p=[0.4, 0.3, 0.2, 0.06, 0.04])
    colour = labels[draw]
    colour[TRAIN[:2]] = "ebony"
    new = colour.copy()
    new[TEST[:3]] = "zinc"
    size = random.choice(np.array(["l", "m"], dtype=object), ROWS)
    categories = pd.DataFrame(
        {"colour": colour, "size": size, "hue": hole(colour), "grade": np.full(ROWS, "a", object)}
    )
    unseen = pd.DataFrame({"colour": new, "size": size, "hue": hole(new)})
    late = size.copy()
    late[TEST[1]] = np.nan
    target = (normal > 0.2).astype(int) + (random.rand(ROWS) < 0.2)
    return {
        "numbers": numbers,
        "missing": missing,
        "empty": empty,
        "positive": pd.DataFrame(
            {
                "skewed": numbers["skewed"],
                "year": numbers["year"],
                "count": (numbers["ties"] + 1),
            }
        ),
        "counts": pd.DataFrame(
            {
                "ties": numbers["ties"],
                "binary": numbers["binary"],
                "constant": np.full(ROWS, 2.0),
                "more": random.poisson(3, ROWS).astype(float) + target,
                "zero": np.zeros(ROWS),
            }
        ),
        "categories": categories,
        "unseen": unseen,
        "late": pd.DataFrame({"size": late}),
        "mixed": pd.concat([missing[["normal", "ties"]], unseen, numbers[["both"]]], axis=1),
        "three": numbers[["normal", "ties", "binary"]],
        # More columns than training rows.
        "wide": pd.DataFrame(
            {f"w{column}": random.randn(ROWS).round(3) for column in range(44)}
        ),
        # No two values or distances are equal to 10 digits.
        "smooth": pd.DataFrame(
            {
                "near": normal + 0.3 * random.randn(ROWS),
                "far": normal + 3 * random.randn(ROWS),
                "squared": normal**2 + 0.3 * random.randn(ROWS),
                "noise": random.randn(ROWS),
                "steep": np.exp(normal + 0.5 * random.randn(ROWS)),
            }
        ),
    }


def targets(table):
    random = np.random.RandomState(11)
    numbers = tables()["numbers"]
    signal = numbers["normal"].to_numpy()
    return {
        "numbers": (2 * signal + random.randn(ROWS)).round(4),
        "two": (signal + random.randn(ROWS) > 0).astype(int),
        "three": np.digitize(signal + 0.5 * random.randn(ROWS), [-0.5, 0.5]),
        "rare": np.where(np.arange(ROWS) < 9, 0, 1 + (signal > 0)),
        "smooth": 2 * signal + random.randn(ROWS),
    }


WEIGHTS = np.random.RandomState(13).randint(0, 4, ROWS).astype(float)


def plain(values):
    """JSON of an array of numbers or labels; NaN is null."""
    return [None if v != v else v if isinstance(v, str) else float(v) for v in values]


def estimator(step, params):
    """The transformer of a step."""
    name = "".join(part.capitalize() for part in step.split("_"))
    name = {"Pca": "PCA", "TruncatedSvd": "TruncatedSVD"}.get(name, name)
    for module in (impute, preprocessing, decomposition, feature_selection):
        if hasattr(module, name):
            return getattr(module, name)(**params)
    raise ValueError(name)


def case(table, step, params, columns="all", target=None, weighted=False, **translated):
    """One case. `translated` are parameters that scikit-learn spells otherwise;
    None leaves one out."""
    frame = tables()[table]
    if columns != "all":
        frame = frame[columns]
    given = {**params, **translated}
    given = {name: value for name, value in given.items() if value != "OMIT"}
    transformer = estimator(step, given)
    if hasattr(transformer, "sparse_output"):
        transformer.set_params(sparse_output=False)
    selected = "all" if columns == "all" else {"names": columns}
    made = {
        "table": table,
        "steps": [{"name": step, "step": step, "columns": selected, "params": params}],
        "target": target,
        "weighted": weighted,
    }
    y = None if target is None else targets(table)[target]
    fit = {"sample_weight": WEIGHTS[TRAIN]} if weighted else {}
    try:
        train_y = None if y is None else y[TRAIN]
        train = transformer.fit_transform(frame.iloc[TRAIN], train_y, **fit)
        test = transformer.transform(frame.iloc[TEST])
    except ValueError as error:
        return {**made, "error": re.sub(r"\s+", " ", str(error))[:120]}
    train, test = (x.toarray() if hasattr(x, "toarray") else np.asarray(x) for x in (train, test))
    names = list(transformer.get_feature_names_out())
    return {
        **made,
        "names": [str(name) for name in names],
        "values": [plain(column) for column in np.concatenate([train, test]).T],
    }


SELECTORS = {
    "all": lambda frame: list(frame.columns),
    "numeric": make_column_selector(dtype_include=np.number),
    "categorical": make_column_selector(dtype_include=object),
}


def chain(table, *steps, target=None):
    """A case of several steps, each `(step, columns, params)` with parameters that
    scikit-learn spells otherwise as a fourth."""
    made, stages = [], []
    for number, (step, columns, params, *more) in enumerate(steps):
        selector = SELECTORS.get(columns) if isinstance(columns, str) else columns
        selected = columns
        if isinstance(columns, list):
            selected = {"names": columns}
        elif selector is None:
            selector = make_column_selector(pattern=columns.replace("*", ".*") + "$")
            selected = {"pattern": columns}
        given = {**params, **(more[0] if more else {})}
        given = {name: value for name, value in given.items() if value != "OMIT"}
        transformer = estimator(step, given)
        if hasattr(transformer, "sparse_output"):
            transformer.set_params(sparse_output=False)
        transformer = ColumnTransformer(
            [("only", transformer, selector)],
            remainder="passthrough",
            verbose_feature_names_out=False,
        )
        stages.append((str(number), transformer.set_output(transform="pandas")))
        made.append({"name": str(number), "step": step, "columns": selected, "params": params})
    frame, y = tables()[table], None if target is None else targets(table)[target]
    pipeline = Pipeline(stages)
    train = pipeline.fit_transform(frame.iloc[TRAIN], None if y is None else y[TRAIN])
    test = pipeline.transform(frame.iloc[TEST])
    return {
        "table": table,
        "steps": made,
        "target": target,
        "weighted": False,
        "names": list(train.columns),
        "values": [plain(column) for column in np.concatenate([train, test]).T],
    }


def chains():
    impute = ("simple_imputer", "numeric", {"strategy": "median", "add_indicator": True})
    onehot = ("one_hot_encoder", "categorical", {"handle_unknown": "ignore"})
    yield chain("mixed", impute, onehot, ("standard_scaler", "all", {}))
    for scaler in ["min_max_scaler", "robust_scaler", "max_abs_scaler"]:
        rare = {"handle_unknown": "infrequent_if_exist", "min_frequency": 6, "drop": "first"}
        encode = ("one_hot_encoder", ["hue", "size", "colour"], rare)
        scale = (scaler, "*_*", {})
        threshold = ("variance_threshold", "all", {"threshold": 0.05})
        yield chain("mixed", encode, ("standard_scaler", "colour*", {}), scale, threshold)
    for step, params, *more in [
        ("pca", {"n_components": 3}),
        ("truncated_svd", {"n_components": 3}, {"algorithm": "arpack", "random_state": 0}),
        ("normalizer", {}),
        ("normalizer", {"norm": "l1"}),
        ("polynomial_features", {"degree": 2, "interaction_only": True}),
        ("quantile_transformer", {"output_distribution": "normal", "n_quantiles": 9}),
        ("power_transformer", {}),
        ("k_bins_discretizer", {"encode": "ordinal", "strategy": "uniform"}),
        ("ordinal_encoder", {"handle_unknown": "use_encoded_value", "unknown_value": -1}),
        ("simple_imputer", {"add_indicator": True}),
    ]:
        loose = {"tolerance": 2e-6} if step == "power_transformer" else {}
        scale = ("standard_scaler", ["colour_blue", "both", "hue_nan"], {})
        yield chain("mixed", impute, onehot, scale, (step, "all", params, *more)) | loose
    for score, k in [("f_classif", 5), ("f_classif", 2), ("chi2", 4)]:
        best = {"score_func": score, "k": k}
        spelled = {"score_func": getattr(feature_selection, score)}
        scale = ("min_max_scaler", "all", {})
        select = ("select_k_best", "all", best, spelled)
        yield chain("mixed", impute, onehot, scale, select, target="three")
    fitted = ("target_encoder", "categorical", {"shuffle": False})
    for target, folds in [("numbers", KFold(5)), ("three", StratifiedKFold(5))]:
        encode = (*fitted, {"cv": folds, "shuffle": "OMIT"})
        square = ("polynomial_features", ["both", "size" if target == "numbers" else "size_1"], {})
        yield chain("mixed", impute, encode, square, target=target)
    frequent = ("simple_imputer", "categorical", {"strategy": "most_frequent"})
    use = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
    yield chain("mixed", frequent, ("ordinal_encoder", "categorical", use))


def scalers():
    yield case("missing", "standard_scaler", {})
    yield case("missing", "standard_scaler", {"with_mean": False})
    yield case("missing", "standard_scaler", {"with_std": False})
    yield case("missing", "standard_scaler", {}, weighted=True)
    yield case("empty", "standard_scaler", {})
    for params in [{}, {"feature_range": [-1, 3]}, {"clip": True}]:
        spelled = {k: tuple(v) if isinstance(v, list) else v for k, v in params.items()}
        yield case("missing", "min_max_scaler", params, **spelled)
    for params in [
        {},
        {"with_centering": False},
        {"with_scaling": False},
        {"quantile_range": [10.0, 80.0]},
        {"unit_variance": True},
    ]:
        spelled = {k: tuple(v) if isinstance(v, list) else v for k, v in params.items()}
        yield case("missing", "robust_scaler", params, **spelled)
        yield case("numbers", "robust_scaler", params, **spelled)
    yield case("missing", "max_abs_scaler", {})
    yield case("missing", "max_abs_scaler", {"clip": True})
    yield case("empty", "max_abs_scaler", {})


def imputer():
    for strategy in ["mean", "median", "most_frequent", "constant"]:
        for more in [{}, {"add_indicator": True}, {"keep_empty_features": True}]:
            yield case("missing", "simple_imputer", {"strategy": strategy, **more})
            yield case("empty", "simple_imputer", {"strategy": strategy, **more})
    yield case("empty", "simple_imputer", {"strategy": "constant", "fill_value": -7.5})
    yield case("categories", "simple_imputer", {"strategy": "most_frequent"})
    yield case("unseen", "simple_imputer", {"strategy": "constant"})
    yield case("unseen", "simple_imputer", {"strategy": "constant", "fill_value": "crimson"})
    yield case("unseen", "simple_imputer", {"strategy": "median"})


def encoders():
    for params in [
        {},
        {"drop": "first"},
        {"drop": "if_binary"},
        {"min_frequency": 4},
        {"min_frequency": 0.2},
        {"max_categories": 2},
        {"max_categories": 1},
        {"max_categories": 3, "min_frequency": 2, "drop": "first"},
        {"min_frequency": 30, "drop": "if_binary"},
    ]:
        yield case("categories", "one_hot_encoder", params)
        for unknown in ["error", "ignore", "infrequent_if_exist"]:
            yield case("unseen", "one_hot_encoder", {**params, "handle_unknown": unknown})
    yield case("late", "one_hot_encoder", {})
    yield case("late", "one_hot_encoder", {"handle_unknown": "ignore"})
    yield case("missing", "one_hot_encoder", {}, ["binary", "ties"])
    colours = ["ebony", "teal", "coral", "amber", "blue", "dove"]
    given = {"categories": [colours, ["m", "s", "l"]]}
    for params in [{}, {"drop": "first"}, {"min_frequency": 6}, {"max_categories": 3}]:
        for step in ["one_hot_encoder", "ordinal_encoder"]:
            if step == "one_hot_encoder" or "drop" not in params:
                yield case("categories", step, {**given, **params}, ["colour", "size"])
                yield case("unseen", step, {**given, **params}, ["colour", "size"])
    given = {"categories": [[0, 1], [0, 1, 2.5, 3]]}
    ignore = {**given, "handle_unknown": "ignore"}
    yield case("numbers", "one_hot_encoder", ignore, ["binary", "ties"])
    use = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
    yield case("numbers", "ordinal_encoder", {**given, **use}, ["binary", "ties"])
    yield case("numbers", "ordinal_encoder", {"categories": [[0, 1], [3, 2, 1, 0]]}, ["binary", "ties"])
    yield case("categories", "ordinal_encoder", {"categories": [["l", "m"]]}, ["colour", "size"])
    yield case("categories", "ordinal_encoder", {})
    yield case("categories", "ordinal_encoder", {"encoded_missing_value": -2})
    yield case("categories", "ordinal_encoder", {"encoded_missing_value": 1})
    yield case("categories", "ordinal_encoder", {"min_frequency": 4})
    yield case("unseen", "ordinal_encoder", {})
    use = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
    for more in [{}, {"max_categories": 3}, {"encoded_missing_value": -1}]:
        yield case("unseen", "ordinal_encoder", {**use, **more})
    yield case("unseen", "ordinal_encoder", {**use, "unknown_value": 2})
    as_nan = {**use, "unknown_value": "nan"}
    yield case("unseen", "ordinal_encoder", as_nan, unknown_value=np.nan)
    yield case("late", "ordinal_encoder", use)
    yield case("missing", "ordinal_encoder", {}, ["binary", "ties"])


def distributions():
    for norm in ["l1", "l2", "max"]:
        yield case("numbers", "normalizer", {"norm": norm})
    yield case("counts", "normalizer", {})
    yield case("missing", "normalizer", {})
    # SciPy's optimiser stops within 1.48e-8 of the best power, and the likelihood
    # is flat there.
    loose = {"tolerance": 2e-6}
    yield case("numbers", "power_transformer", {}) | loose
    yield case("missing", "power_transformer", {}) | loose
    # The best power of `year` is in the hundreds, where scikit-learn's overflows.
    tame = ["normal", "skewed", "ties", "binary", "constant", "fixed"]
    yield case("numbers", "power_transformer", {"standardize": False}, tame) | loose
    for params in [{}, {"standardize": False}]:
        params["method"] = "box-cox"
        yield case("positive", "power_transformer", params, ["count", "skewed"]) | loose
    yield case("numbers", "power_transformer", {"method": "box-cox"})
    for distribution in ["uniform", "normal"]:
        for n in [{}, {"n_quantiles": 10}, {"n_quantiles": 1}, {"n_quantiles": 40}]:
            params = {"output_distribution": distribution, **n}
            yield case("missing", "quantile_transformer", params)
            yield case("numbers", "quantile_transformer", params)


def target_encoder():
    for target in ["numbers", "two", "three", "rare"]:
        folds = KFold(5) if target == "numbers" else StratifiedKFold(5)
        for smooth in ["auto", 0.0, 2.5]:
            params = {"smooth": smooth, "shuffle": False}
            for table in ["unseen", "three"]:
                yield case(
                    table, "target_encoder", params, target=target, cv=folds, shuffle="OMIT"
                )
    params = {"shuffle": False, "cv": 3}
    folds = StratifiedKFold(3)
    yield case("unseen", "target_encoder", params, target="two", cv=folds, shuffle="OMIT")
    params = {"shuffle": False, "cv": 30}
    folds = StratifiedKFold(30)
    yield case("unseen", "target_encoder", params, target="three", cv=folds, shuffle="OMIT")


def bins():
    for encode in ["onehot", "ordinal"]:
        for strategy in ["uniform", "quantile", "kmeans"]:
            for n in [2, 5, 7]:
                params = {"n_bins": n, "strategy": strategy, "encode": encode}
                # With 7 clusters of 4 values, rounding errors decide in scikit-learn.
                many = ["normal", "year", "skewed", "constant", "fixed"]
                columns = many if (strategy, n) == ("kmeans", 7) else "all"
                yield case("numbers", "k_bins_discretizer", params, columns)
    ordinal = {"encode": "ordinal"}
    for method in [
        "averaged_inverted_cdf",
        "inverted_cdf",
        "closest_observation",
        "interpolated_inverted_cdf",
        "hazen",
        "weibull",
        "linear",
        "median_unbiased",
        "normal_unbiased",
    ]:
        for n in [3, 8, 16]:
            params = {**ordinal, "quantile_method": method, "n_bins": n}
            yield case("numbers", "k_bins_discretizer", params)
        yield case("numbers", "k_bins_discretizer", params, weighted=True)
    for strategy in ["uniform", "kmeans"]:
        params = {**ordinal, "strategy": strategy, "n_bins": 4}
        yield case("numbers", "k_bins_discretizer", params, weighted=True)
    yield case("missing", "k_bins_discretizer", {})


def products():
    for params in [
        {},
        {"degree": 3},
        {"degree": 3, "interaction_only": True},
        {"degree": 2, "include_bias": False},
        {"degree": 0},
        {"degree": 0, "include_bias": False},
        {"degree": [2, 3]},
    ]:
        spelled = {k: tuple(v) if isinstance(v, list) else v for k, v in params.items()}
        yield case("three", "polynomial_features", params, **spelled)
    yield case("missing", "polynomial_features", {})


def components():
    few = ["normal", "skewed", "ties", "binary"]
    for n in [{}, {"n_components": 1}, {"n_components": 3}, {"n_components": 0.9}]:
        for whiten in [False, True]:
            params = {**n, "whiten": whiten}
            yield case("numbers", "pca", params, few)
        # Directions of no variance, of which constant columns have two, are any.
        varying = ["normal", "year", "skewed", "ties", "binary", "both"]
        yield case("numbers", "pca", n, varying)
    yield case("three", "pca", {"n_components": 4})
    for table, columns in [("numbers", few), ("smooth", "all"), ("three", "all"), ("wide", "all")]:
        yield case(table, "pca", {"n_components": "mle"}, columns)
    yield case("wide", "pca", {"n_components": "mle"}, [f"w{column}" for column in range(30)])
    yield case("wide", "pca", {"n_components": 5})
    yield case("wide", "pca", {"n_components": 39, "whiten": True})
    params = {"n_components": 4}
    yield case("wide", "truncated_svd", params, algorithm="arpack", random_state=0)
    yield case("missing", "pca", {})
    for n in [1, 2, 3]:
        params = {"n_components": n}
        # The algorithm that is exact.
        yield case("numbers", "truncated_svd", params, few, algorithm="arpack", random_state=0)
    yield case("three", "truncated_svd", {"n_components": 4})


def selection():
    for threshold in [0.0, 0.3, 2.0, 1e9]:
        yield case("missing", "variance_threshold", {"threshold": threshold})
        yield case("numbers", "variance_threshold", {"threshold": threshold})
    functions = feature_selection
    # `fixed` is constant, but has an F-value of rounding errors in scikit-learn, and
    # `constant` a correlation of them.
    others = ["normal", "year", "skewed", "ties", "binary", "constant", "both"]
    varying = [name for name in others if name != "constant"]
    columns_of = {"f_classif": others, "r_regression": varying}
    for score, table, names in [
        ("f_classif", "numbers", ["two", "three", "rare"]),
        ("f_regression", "numbers", ["numbers", "two"]),
        ("chi2", "counts", ["two", "three"]),
        ("chi2", "numbers", ["two"]),
        ("r_regression", "numbers", ["numbers", "two"]),
        ("mutual_info_classif", "smooth", ["two", "three"]),
        ("mutual_info_regression", "smooth", ["smooth"]),
    ]:
        function = {"score_func": getattr(functions, score)}
        for target in names:
            for k in [0, 1, 2, 4, "all"]:
                params = {"score_func": score, "k": k}
                columns = columns_of.get(score, "all")
                yield case(table, "select_k_best", params, columns, target, **function)
            for percentile in [0, 10, 30, 62.5, 100]:
                params = {"score_func": score, "percentile": percentile}
                columns = columns_of.get(score, "all")
                yield case(table, "select_percentile", params, columns, target, **function)


def information():
    """Scores of mutual information: those of columns without ties, and of coded ones,
    which scikit-learn takes as discrete if it is told to."""
    frames = tables()
    for table, columns, coded in [
        ("smooth", list(frames["smooth"]), False),
        ("categories", ["colour", "size"], True),
    ]:
        frame = frames[table][columns].iloc[TRAIN]
        if coded:
            frame = pd.get_dummies(frame, dtype=float)
        # Of a class of fewer than eight rows, scikit-learn's distances have rounding
        # errors.
        for target in ["two", "three", *(["rare"] if coded else []), "smooth"]:
            function = feature_selection.mutual_info_classif
            if target == "smooth":
                function = feature_selection.mutual_info_regression
            scores = function(frame, targets(None)[target][TRAIN], discrete_features=coded)
            yield {"table": table, "columns": columns, "target": target, "scores": plain(scores)}


def main():
    frames = tables()
    data = {
        "train": TRAIN,
        "test": TEST,
        "weights": plain(WEIGHTS),
        "targets": {name: plain(values) for name, values in targets(None).items()},
        "tables": {
            name: [[column, plain(frame[column])] for column in frame.columns]
            for name, frame in frames.items()
        },
    }
    write("tables", data)
    for group in GROUPS:
        write(group.__name__, list(group()))


def rounded(value):
    """Values of 13 digits, enough for a tolerance of 1e-9."""
    if isinstance(value, float):
        return float(f"{value:.13g}")
    if isinstance(value, list):
        return [rounded(one) for one in value]
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    return value


def write(name, data):
    if isinstance(data, list):
        cases = ",\n".join(json.dumps(rounded(one)) for one in data)
        text = f"[\n{cases}\n]\n"
    else:
        text = json.dumps(rounded(data)) + "\n"
    (HERE / f"{name}.json").write_text(text)


GROUPS = [scalers, imputer, encoders, distributions, target_encoder, bins, products, components, selection, information, chains]

if __name__ == "__main__":
    main()
