#!/usr/bin/env python3
"""Prints the parameters of scikit-learn's transformers and estimators that ours lack,
and the defaults in which they differ:

    python guest/sdk/src/steps/vectors/params.py [FANOUT]

FANOUT is the program, `fanout` by default. Run it with scikit-learn 1.9.
"""

import inspect
import json
import re
import subprocess
import sys

import sklearn
from sklearn.utils import all_estimators

assert sklearn.__version__.startswith("1.9."), sklearn.__version__
FANOUT = sys.argv[1] if len(sys.argv) > 1 else "fanout"
# What changes no result: how numbers are stored, how many processes work, what is told.
NO_EFFECT = {"n_jobs", "copy", "copy_X", "verbose", "dtype", "order", "sparse_output"}
# Ours that learn classes and numbers are two of theirs.
RENAMED = {
    "k_neighbors": ["KNeighborsClassifier", "KNeighborsRegressor"],
    "dummy": ["DummyClassifier", "DummyRegressor"],
    "gaussian_nb": ["GaussianNB"],
    "multinomial_nb": ["MultinomialNB"],
    "bernoulli_nb": ["BernoulliNB"],
    "pls_regression": ["PLSRegression"],
    "ridge": ["Ridge"],
    "linear_svc": ["LinearSVC"],
    "linear_svr": ["LinearSVR"],
    "svc": ["SVC"],
    "svr": ["SVR"],
    "pca": ["PCA"],
    "truncated_svd": ["TruncatedSVD"],
    "select_k_best": ["SelectKBest"],
    "k_bins_discretizer": ["KBinsDiscretizer"],
    "mlp": ["MLPClassifier", "MLPRegressor"],
}
THEIRS = dict(all_estimators())


def run(*arguments):
    return subprocess.run([FANOUT, *arguments], check=True, capture_output=True, text=True).stdout


def ours():
    """The descriptions of all trainers and steps, by name."""
    names = dict.fromkeys(re.findall(r"^  ([a-z0-9_]+) ", run("guest", "list"), re.M))
    decoder = json.JSONDecoder()
    for name in names:
        text, found = run("guest", "describe", name, "--json").strip(), []
        while text:
            one, end = decoder.raw_decode(text)
            found.append(one)
            text = text[end:].strip()
        yield name, found


def classes(name):
    """The names of scikit-learn's classes that a name stands for."""
    plain = "".join(part.capitalize() for part in name.split("_"))
    guesses = RENAMED.get(name, [plain, plain + "Classifier", plain + "Regressor"])
    return [guess for guess in guesses if guess in THEIRS]


def main():
    for name, descriptions in ours():
        for theirs in classes(name) or [None]:
            if theirs is None:
                print(f"{name}: not scikit-learn's")
                continue
            # Of two of one name, the one that learns what this class does.
            numbers = theirs.endswith("Regressor")
            other = ["binary", "multiclass"] if numbers else ["regression"]
            both = len(descriptions) > 1
            same = [one for one in descriptions if not both or one.get("tasks") != other]
            known = {param["name"]: param["default"] for one in same for param in one["params"]}
            parameters = inspect.signature(THEIRS[theirs]).parameters.values()
            parameters = [one for one in parameters if one.name not in NO_EFFECT]
            lacks = [f"{one.name}={one.default!r}" for one in parameters if one.name not in known]
            print(f"{name} ({theirs}) lacks: {', '.join(lacks) or 'nothing'}")
            for one in parameters:
                default = list(one.default) if isinstance(one.default, tuple) else one.default
                given = known.get(one.name, default)
                if default != given and not callable(default) and default == default:
                    print(f"    {one.name} is {given!r} by default, not {default!r}")


if __name__ == "__main__":
    main()
