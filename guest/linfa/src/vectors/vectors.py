#!/usr/bin/env python3
"""Writes *.json beside itself: what scikit-learn's estimators predict on some
tables. Run it with scikit-learn 1.9:

    python guest/linfa/src/vectors/vectors.py

A case fits one estimator on the training rows of a table and predicts its test
rows. Where an iterative optimiser decides, scikit-learn runs to a tolerance far
below that of the case, so that the optimum is compared.
"""

import json
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn import dummy, linear_model, naive_bayes, neighbors, svm
from sklearn.cross_decomposition import PLSRegression

assert sklearn.__version__.startswith("1.9."), sklearn.__version__
warnings.simplefilter("ignore")

HERE = pathlib.Path(__file__).parent


def number(name, values):
    return {"name": name, "values": [float(value) for value in values]}


def coded(name, codes, column_of, offsets=None, scales=None):
    """A one-hot block: `column_of` has, by level, its column or null."""
    count = 1 + max(column for column in column_of if column is not None)
    return {
        "name": name,
        "codes": [int(code) for code in codes],
        "column_of": column_of,
        "offsets": offsets or [0.0] * count,
        "scales": scales or [1.0] * count,
    }


def targets(random, score, rows):
    """A target of numbers, one of two classes and one of three, with some noise."""
    score = (score - score.mean()) / (score.std() or 1.0)
    noisy = score + random.randn(rows)
    return {
        "numbers": [float(y) for y in (3 + 2 * score + 0.5 * random.randn(rows)).round(3)],
        "two": [int(y) for y in noisy > 0.4],
        "three": [int(y) for y in np.digitize(noisy, [-0.5, 0.7])],
    }


def table(random, rows, columns, score, every=4):
    test = list(range(1, rows, every))
    return {
        "columns": columns,
        "train": [row for row in range(rows) if row not in test],
        "test": test,
        "weights": [float(w) for w in random.randint(0, 4, rows) * 0.5 + 0.25],
        "targets": targets(random, score, rows),
    }


def tables():
    random = np.random.RandomState(11)
    made = {}
    x = random.randn(80, 5).round(3) * [1, 100, 0.01, 1, 5] + [0, 2013, 1, 0, -3]
    score = x[:, 0] + (x[:, 1] - 2013) / 100 - (x[:, 2] - 1) * 100
    columns = [number(f"x{at}", x[:, at].round(5)) for at in range(5)]
    made["plain"] = table(random, 80, columns, score)

    x = random.randn(120, 3).round(3)
    port, size, kind = (random.randint(0, levels, 120) for levels in (6, 3, 4))
    columns = [
        number("x0", x[:, 0]),
        coded("port", port, [0, 1, 2, 3, 4, 5]),
        number("x1", x[:, 1]),
        coded("size", size, [None, 0, 1]),
        coded("kind", kind, [0, 1, 1, 2], [-0.5, 0.25, -0.1], [2.0, 1.5, 3.0]),
        number("x2", x[:, 2]),
    ]
    made["coded"] = table(random, 120, columns, x[:, 0] + 0.5 * (port % 3) - (kind == 2))

    x = random.randn(60, 2).round(3)
    columns = [
        number("a", x[:, 0]),
        number("b", x[:, 1]),
        number("sum", (x[:, 0] + x[:, 1]).round(3)),
        number("constant", [0.1] * 60),
        number("twice", 2 * x[:, 0]),
        coded("pair", random.randint(0, 2, 60), [0, 1]),
    ]
    made["deficient"] = table(random, 60, columns, x[:, 0] - x[:, 1])

    x = random.randn(32, 45).round(3)
    columns = [number(f"x{at}", x[:, at]) for at in range(45)]
    made["wide"] = table(random, 32, columns, x[:, 0] - x[:, 1])

    x = random.randint(0, 6, (90, 4))
    columns = [number(f"n{at}", x[:, at]) for at in range(4)]
    made["counts"] = table(random, 90, columns, x[:, 0] - x[:, 2] + 0.01 * x[:, 1])

    x = random.randn(60, 2).round(3)
    made["separable"] = table(random, 60, [number("a", x[:, 0]), number("b", x[:, 1])], x[:, 0])
    made["separable"]["targets"]["two"] = [int(y) for y in x[:, 0] + 0.2 * x[:, 1] > 0.1]
    made["separable"]["targets"]["three"] = [
        int(y) for y in np.digitize(x[:, 0] + 0.2 * x[:, 1], [-0.5, 0.5])
    ]
    return made


def dense(of):
    columns = []
    for column in of["columns"]:
        if "values" in column:
            columns.append(np.array(column["values"]))
            continue
        for at, (offset, scale) in enumerate(zip(column["offsets"], column["scales"])):
            inside = np.array([column["column_of"][code] == at for code in column["codes"]])
            columns.append(offset + scale * inside)
    return np.column_stack(columns)


TABLES = tables()


def case(name, target, params, estimator, weighted=False, values="predict", tolerance=1e-6):
    """`values` is the method whose result is compared, or several whose results follow
    each other."""
    of = TABLES[name]
    x, train, test = dense(of), of["train"], of["test"]
    y = np.array(of["targets"][target])
    extra = {"sample_weight": np.array(of["weights"])[train]} if weighted else {}
    estimator.fit(x[train], y[train], **extra)
    expected = []
    for method in [values] if isinstance(values, str) else values:
        found = np.asarray(getattr(estimator, method)(x[test]))
        if method == "predict_proba" and found.shape[1] == 2:
            found = found[:, 1]
        expected += [float(f"{value:.12g}") for value in found.ravel()]
    return {
        "table": name,
        "target": target,
        "params": params,
        "weighted": weighted,
        "expected": expected,
        "tolerance": tolerance,
    }


def write(name, cases):
    text = ",\n".join(json.dumps(case) for case in cases)
    (HERE / f"{name}.json").write_text(f"[\n{text}\n]\n")


def labels(weights):
    """Weights by label, as scikit-learn takes them for labels that are numbers."""
    if isinstance(weights, dict):
        return {int(label): weight for label, weight in weights.items()}
    return weights


DECISIONS = ["decision_function", "predict"]
ALL = ["plain", "coded", "deficient", "wide", "counts"]


def least_squares():
    cases = []
    for name in ALL:
        for weighted in [False, True]:
            for fit_intercept in [True, False]:
                params = {"fit_intercept": fit_intercept}
                made = linear_model.LinearRegression(**params)
                cases.append(case(name, "numbers", params, made, weighted))
    write("linear_regression", cases)

    cases = []
    for name in ALL:
        for weighted in [False, True]:
            for fit_intercept in [True, False]:
                for alpha in [0.0, 1e-3, 1.0, 50.0]:
                    # Without a penalty scikit-learn divides by rounding errors if
                    # columns are dependent.
                    if alpha == 0.0 and name in ["coded", "deficient", "wide"]:
                        continue
                    params = {"alpha": alpha, "fit_intercept": fit_intercept}
                    made = linear_model.Ridge(**params)
                    cases.append(case(name, "numbers", params, made, weighted))
    write("ridge", cases)

    cases = []
    for name in ["plain", "coded", "wide"]:
        for target in ["two", "three"]:
            for weighted in [False, True]:
                for weights in [None, "balanced", {"0": 3.0, "1": 0.5}]:
                    for alpha in [0.1, 10.0]:
                        params = {"alpha": alpha, "class_weight": weights}
                        made = linear_model.RidgeClassifier(
                            alpha=alpha, class_weight=labels(weights)
                        )
                        cases.append(case(name, target, params, made, weighted, DECISIONS))
    write("ridge_classifier", cases)


def elastic_net():
    cases = []
    for name in ALL:
        for weighted in [False, True]:
            for fit_intercept in [True, False]:
                for alpha in [0.003, 0.1, 1.0]:
                    params = {"alpha": alpha, "fit_intercept": fit_intercept}
                    params |= {"tol": 1e-12, "max_iter": 100000}
                    made = linear_model.Lasso(**params)
                    cases.append(case(name, "numbers", params, made, weighted))
    write("lasso", cases)

    cases = []
    for name in ALL:
        for weighted in [False, True]:
            for alpha in [0.01, 0.5]:
                for l1_ratio in [0.0, 0.2, 0.5, 1.0]:
                    params = {"alpha": alpha, "l1_ratio": l1_ratio}
                    params |= {"tol": 1e-12, "max_iter": 100000}
                    # Coordinate descent is slow without an l1 penalty.
                    made = linear_model.ElasticNet(**params)
                    if l1_ratio == 0.0:
                        of = TABLES[name]
                        rows = np.array(of["weights"])[of["train"]] if weighted else of["train"]
                        total = rows.sum() if weighted else len(rows)
                        made = linear_model.Ridge(alpha * total)
                    cases.append(case(name, "numbers", params, made, weighted))
    # The default tolerance: its duality gap bounds what may differ.
    for name in ["plain", "coded"]:
        made = linear_model.ElasticNet(alpha=0.05)
        cases.append(case(name, "numbers", {"alpha": 0.05}, made, tolerance=0.02))
    write("elastic_net", cases)


def logistic():
    cases = []
    tight = {"tol": 1e-10, "max_iter": 10000}

    def add(name, target, params, weighted=False, tolerance=1e-6, **other):
        given = params | other
        given["class_weight"] = labels(given.get("class_weight"))
        if given.get("penalty", "") is None:
            given = given | {"C": np.inf}
        if "solver" not in given:
            given["solver"] = "newton-cholesky" if target == "two" else "lbfgs"
        given.pop("penalty", None)
        made = linear_model.LogisticRegression(**given)
        cases.append(case(name, target, params, made, weighted, "predict_proba", tolerance))

    for name in ["coded", "deficient", "wide", "counts", "separable"]:
        for target in ["two", "three"]:
            for weighted in [False, True]:
                for c in [0.01, 1.0, 30.0]:
                    add(name, target, tight | {"C": c}, weighted, solver="newton-cg")
    for target in ["two", "three"]:
        for c in [0.1, 10.0]:
            add("plain", target, tight | {"C": c}, solver="newton-cholesky")
        for weights in ["balanced", {"0": 3.0, "1": 0.5}]:
            for weighted in [False, True]:
                params = tight | {"class_weight": weights}
                add("coded", target, params, weighted, solver="newton-cg")
        params = tight | {"fit_intercept": False}
        add("coded", target, params, True, solver="newton-cg")
        params = tight | {"penalty": None}
        add("counts", target, params, True, solver="newton-cholesky")
    # Penalties with l1: saga, which penalises no intercept either.
    for name in ["counts", "deficient", "separable"]:
        for target in ["two", "three"]:
            for weighted in [False, True]:
                for c, l1_ratio in [(0.1, 1.0), (1.0, 1.0), (1.0, 0.5), (10.0, 0.3)]:
                    params = tight | {"C": c, "l1_ratio": l1_ratio}
                    more = {"solver": "saga", "tol": 1e-11, "max_iter": 200000}
                    add(name, target, params, weighted, 2e-6, **more)
    # The default tolerance of both sides decides.
    for target in ["two", "three"]:
        add("coded", target, {}, tolerance=2e-3)
    write("logistic_regression", cases)


def k_neighbors():
    for target, kind, targets in [
        ("classes", neighbors.KNeighborsClassifier, ["two", "three"]),
        ("numbers", neighbors.KNeighborsRegressor, ["numbers"]),
    ]:
        cases = []
        # Not of `counts`: of equal distances scikit-learn's choice is not defined.
        for name in ["plain", "coded", "wide"]:
            for of in targets:
                for weights in ["uniform", "distance"]:
                    metrics = [{}, {"p": 1}, {"p": 3}, {"metric": "manhattan"}]
                    for metric in metrics + [{"metric": "euclidean"}]:
                        for count in [1, 4, 5, 20]:
                            if count not in [1, 5] and len(metric) > 0:
                                continue
                            params = {"n_neighbors": count, "weights": weights} | metric
                            made = kind(**params, algorithm="brute")
                            values = "predict" if of == "numbers" else "predict_proba"
                            cases.append(case(name, of, params, made, values=values))
        write(f"k_neighbors_{target}", cases)


def bayes():
    cases = []
    for name in ["plain", "coded", "counts", "wide"]:
        for target in ["two", "three"]:
            for weighted in [False, True]:
                for smoothing in [1e-9, 1e-2]:
                    params = {"var_smoothing": smoothing}
                    made = naive_bayes.GaussianNB(**params)
                    cases.append(case(name, target, params, made, weighted, "predict_proba"))
    params = {"priors": {"0": 0.2, "1": 0.3, "2": 0.5}}
    made = naive_bayes.GaussianNB(priors=[0.2, 0.3, 0.5])
    cases.append(case("plain", "three", params, made, True, "predict_proba"))
    write("gaussian_nb", cases)

    cases = []
    for target in ["two", "three"]:
        for weighted in [False, True]:
            for params in [{}, {"alpha": 0.1}, {"alpha": 0.0, "force_alpha": False}]:
                for fit_prior in [True, False]:
                    params = params | {"fit_prior": fit_prior}
                    made = naive_bayes.MultinomialNB(**params)
                    cases.append(case("counts", target, params, made, weighted, "predict_proba"))
    params = {"class_prior": {"0": 0.25, "1": 0.75}}
    made = naive_bayes.MultinomialNB(class_prior=[0.25, 0.75])
    cases.append(case("counts", "two", params, made, True, "predict_proba"))
    write("multinomial_nb", cases)


def linear_svc():
    cases = []
    for name in ["coded", "wide", "counts", "separable"]:
        for target in ["two", "three"]:
            for weighted in [False, True]:
                for weights in [None, "balanced", {"0": 3.0, "1": 0.5}]:
                    params = {"C": 0.5, "class_weight": weights, "tol": 1e-10}
                    params |= {"max_iter": 1000000}
                    given = params | {"class_weight": labels(weights)}
                    made = svm.LinearSVC(**given, dual=False)
                    cases.append(case(name, target, params, made, weighted, DECISIONS))
        params = {"fit_intercept": False, "tol": 1e-10, "max_iter": 1000000}
        made = svm.LinearSVC(**params, dual=False)
        cases.append(case(name, "two", params, made, True, DECISIONS))
    for name in ["coded", "counts"]:
        for target in ["two", "three"]:
            for weighted in [False, True]:
                # Its dual's gradient bounds what may differ.
                params = {"loss": "hinge", "C": 0.5, "tol": 1e-9, "max_iter": 1000000}
                params |= {"intercept_scaling": 2.0}
                made = svm.LinearSVC(**params, random_state=0)
                cases.append(case(name, target, params, made, weighted, DECISIONS, 1e-5))
    write("linear_svc", cases)


def partial_least_squares():
    cases = []
    for name in ["plain", "coded", "wide", "counts"]:
        for scale in [True, False]:
            for count in [1, 2, 3, 4]:
                params = {"n_components": count, "scale": scale}
                made = PLSRegression(**params)
                cases.append(case(name, "numbers", params, made))
    write("pls_regression", cases)


def kernels():
    # libsvm keeps its kernel's rows in 32-bit numbers, which moves its optimum by
    # some 1e-6 of the decisions, and more where the kernel's values are great.
    tight, close = {"tol": 1e-9}, 3e-5
    cases = []
    for name in ["coded", "wide", "separable", "counts"]:
        for target in ["two", "three"]:
            for weighted in [False, True]:
                for params in [
                    {},
                    {"C": 10.0, "gamma": "auto", "class_weight": "balanced"},
                    {"kernel": "linear", "C": 0.2, "class_weight": {"0": 3.0, "1": 0.5}},
                    {"kernel": "poly", "degree": 2, "coef0": 1.0, "gamma": 0.1},
                    {"kernel": "sigmoid", "gamma": 0.01, "coef0": 0.2},
                ]:
                    given = tight | params
                    given["class_weight"] = labels(given.get("class_weight"))
                    made = svm.SVC(**given, decision_function_shape="ovo")
                    values = "decision_function"
                    of = case(name, target, tight | params, made, weighted, values, close)
                    # Of two classes scikit-learn turns the sign of libsvm's decision.
                    if target == "two":
                        of["expected"] = [-value for value in of["expected"]]
                    cases.append(of)
    write("svc", cases)

    # Decisions, classes and probabilities as they are predicted. The sigmoids are fitted
    # until a gradient is below 1e-5, to decisions that differ as those above.
    cases = []
    for name in ["coded", "wide", "counts"]:
        for target in ["two", "three"]:
            for weighted in [False, True]:
                for params in [
                    {"probability": True},
                    {"probability": True, "random_state": 42, "C": 0.05},
                    {"probability": True, "kernel": "linear", "class_weight": "balanced"},
                    # A test row of `coded` has a vote for each of three classes.
                    {"kernel": "sigmoid", "gamma": 0.1, "break_ties": True},
                    {"kernel": "sigmoid", "gamma": 0.1, "break_ties": False},
                ][: 5 if name == "coded" else 3]:
                    given = {"random_state": 0} | tight | params
                    made = svm.SVC(**given)
                    values = DECISIONS + ["predict_proba"] * ("probability" in params)
                    cases.append(case(name, target, tight | params, made, weighted, values, close))
    write("svc_predictions", cases)

    cases = []
    for name in ["coded", "wide", "counts"]:
        for weighted in [False, True]:
            for params in [
                {},
                {"C": 10.0, "epsilon": 0.5, "gamma": "auto"},
                {"kernel": "linear", "C": 0.2},
                {"kernel": "poly", "degree": 3, "coef0": 1.0, "gamma": 0.05},
            ]:
                made = svm.SVR(**tight, **params)
                cases.append(case(name, "numbers", tight | params, made, weighted, tolerance=close))
    write("svr", cases)


def main():
    (HERE / "tables.json").write_text(json.dumps(TABLES) + "\n")
    least_squares()
    elastic_net()
    logistic()
    k_neighbors()
    bayes()
    linear_svc()
    partial_least_squares()
    kernels()


if __name__ == "__main__":
    main()
