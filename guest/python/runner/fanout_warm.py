"""Runs before the interpreter's memory is kept: whatever an estimator imports when it is
first used is imported by then, since a task finds no file.

It fits every estimator of scikit-learn, and asks the runner for all that a task may ask.
"""

import gc
import io  # noqa: F401
import warnings

import numpy as np
import pandas as pd

import fanout_runner as runner

# What users' modules may want. Imported here, it costs no time in a task.
import base64, collections, contextlib, copy, csv, dataclasses, datetime, decimal  # noqa: E401,F401
import enum, fractions, functools, hashlib, heapq, itertools, logging, math  # noqa: E401,F401
import operator, re, secrets, statistics, string, textwrap, time, typing, uuid, zlib  # noqa: E401,F401
import scipy.cluster, scipy.interpolate, scipy.optimize, scipy.signal, scipy.stats  # noqa: E401,F401
import sklearn.calibration, sklearn.compose, sklearn.decomposition  # noqa: E401,F401
import sklearn.feature_extraction, sklearn.feature_selection, sklearn.impute  # noqa: E401,F401
import sklearn.kernel_approximation, sklearn.manifold, sklearn.metrics  # noqa: E401,F401
import sklearn.model_selection, sklearn.pipeline, sklearn.preprocessing  # noqa: E401,F401
import sklearn.random_projection  # noqa: F401


def asked(head, *columns):
    """The head of the runner's answer."""
    return runner.Message(runner.answer(runner.message(head, columns))).head


def head(trainer, learning, classes, names, labels, params, rows):
    return {
        "of": {
            "trainer": trainer,
            "learning": learning,
            "classes": classes,
            "columns": {"names": names, "labels": labels},
        },
        "fit": {"candidates": [params], "train": rows, "weights": False, "train_score": True, "wants": runner.ALL},
        "test": rows,
        "model": 0,
    }


def warm_steps(x, y):
    """Fits every transformer, and transforms by it."""
    names = runner.Message(runner.DESCRIPTION).head["steps"]
    for name in (step["name"] for step in names):
        head = {
            "op": "fit_step",
            "step": name,
            "columns": {"names": list("abcd"), "labels": [None] * 4},
            "rows": 60,
            "fit": {"params": {}, "train": 60, "learning": "binary", "classes": ["0", "1"]},
        }
        fitted = runner.Message(runner.answer(runner.message(head, [x, y, x])))
        if "model" in fitted.head:
            head.update(op="transform", model=fitted.head["model"])
            asked(head, fitted.take(head["model"]), x)


def warm(trainers):
    """The number of trainers that fitted, and of those that did not, with their defaults."""
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 4))
    numbers = x[:, 0] + random.normal(size=60) / 4
    two = (x[:, 0] > 0).astype(float)
    three = np.digitize(x[:, 0], [-0.5, 0.5]).astype(float)
    done, failed = 0, 0
    warm_steps(np.abs(x), two)
    for name, tasks in trainers:
        for task in tasks:
            y = {"binary": two, "multiclass": three, "regression": numbers}[task]
            classes = {"binary": ["0", "1"], "multiclass": ["a", "b", "c"]}.get(task, [])
            of = head(name, task, classes, list("abcd"), [None] * 4, {}, 60)
            answer = asked({"op": "evaluate", **of}, x, y, x)
            model = runner.answer(runner.message({"op": "fit", **of}, [x, y]))
            model = runner.Message(model)
            if "model" in model.head:
                of["model"] = model.head["model"]
                asked({"op": "predict", **of}, model.take(of["model"]), x)
            done, failed = done + ("fits" in answer), failed + ("fits" not in answer)
    # Categories come in a data frame; what is wrong comes with a traceback.
    codes = np.array([x[:, 1], two])
    mixed = head(
        "sklearn.ensemble.HistGradientBoostingClassifier", "binary", ["no", "yes"], ["a", "b"],
        [None, ["p", "q"]], {}, 60,
    )
    asked({"op": "evaluate", **mixed}, codes, two, codes)
    asked({"op": "evaluate", **dict(mixed, of=dict(mixed["of"], trainer="no.Thing"))}, codes, two)
    wrong = head("sklearn.svm.SVC", "binary", ["0", "1"], ["a"], [None], {"C": -1}, 60)
    asked({"op": "evaluate", **wrong}, x[:, 0], two, x[:, 0])
    asked({"op": "evaluate", **dict(wrong, test=10**6)}, x[:, 0], two, x[:, 0])
    pipeline = sklearn.pipeline.make_pipeline(
        sklearn.compose.make_column_transformer(
            (sklearn.preprocessing.OneHotEncoder(), ["b"]), (sklearn.impute.SimpleImputer(), ["a"])
        ),
        sklearn.preprocessing.StandardScaler(),
        sklearn.linear_model.LogisticRegression(),
    )
    frame = pd.DataFrame({"a": x[:, 1], "b": pd.Categorical.from_codes(two.astype(int), ["p", "q"])})
    sklearn.model_selection.cross_validate(pipeline, frame, two, scoring=["roc_auc", "accuracy"])
    repr(pipeline.fit(frame, two))
    return done, failed


def all_of(trainers):
    warnings.simplefilter("ignore")
    counts = warm(trainers)
    for _ in range(3):
        gc.collect()
    return counts
