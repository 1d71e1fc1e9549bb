"""Times single fits of each estimator against scikit-learn's on one core, natively
and in the sandbox; `run.py --render` writes the table.

    python3 bench/estimators.py            # all; needs bench/data.py, target/release
    python3 bench/estimators.py ridge svc  # these alone

Two thirds of a table's rows are fitted and the others predicted and scored, on all
sides and on three splits. Of scikit-learn it is the estimator's `fit` and `predict`
and the metric, on numbers that are scaled and encoded already (categories as a
sparse matrix). Of fanout it is a task of one candidate: the step `one_hot_encoder`
where there are categories, fitting, predicting and scoring; in the sandbox as the
run records it, with one worker, natively as the guest's example does the very same
tasks. Of each side the least time of the splits and rounds counts, which other load
on the machine disturbs least, and which is not that of the first split, whose task
opens the dataset. The sides run in turn.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
KEPT = HERE / "estimators.json"
ROUNDS = 5
SPLITS = 3
# With a peer that takes so many seconds for a fit there are fewer rounds.
SLOW, SLOW_ROUNDS = 1.0, 2


def flights():
    """336,776 rows, 10 numbers and 126 one-hot columns."""
    import numpy as np
    import pandas as pd

    table = pd.read_parquet(HERE / "data" / "flights.parquet")
    numbers = {name: table[name] for name in ["day", "day_of_week", "flight", "distance"]}
    for name in ["sched_dep_time", "sched_arr_time"]:
        hours = table[name].to_numpy() // 100 + table[name].to_numpy() % 100 / 60
        numbers[name] = table[name]
        numbers[f"{name}_sin"] = np.sin(hours * np.pi / 12)
        numbers[f"{name}_cos"] = np.cos(hours * np.pi / 12)
    categories = {name: table[name] for name in ["carrier", "origin", "dest"]}
    return scaled(numbers), categories, table.cancelled, table.arr_delay.fillna(0.0)


def digits():
    """1,797 rows, 64 numbers, 10 classes."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return scaled({f"x{at}": x[:, at] for at in range(x.shape[1])}), {}, y, y.astype(float)


def counts():
    """The digits, not scaled: 64 counts from 0 to 16."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return {f"x{at}": x[:, at] for at in range(x.shape[1])}, {}, y, y.astype(float)


def clouds(rows):
    """20 numbers, two classes."""
    import numpy as np
    from sklearn.datasets import make_classification

    x, y = make_classification(rows, 20, n_informative=10, random_state=3)
    score = x[:, :5].sum(axis=1) + np.sin(x[:, 5])
    return scaled({f"x{at}": x[:, at] for at in range(x.shape[1])}), {}, y, score


def scaled(numbers):
    import numpy as np
    from sklearn.preprocessing import StandardScaler

    x = StandardScaler().fit_transform(np.column_stack(list(numbers.values())))
    return {name: x[:, at] for at, name in enumerate(numbers)}


TABLES = {
    "flights": flights,
    "digits": digits,
    "counts": counts,
    "clouds": lambda: clouds(30_000),
    "cloud": lambda: clouds(6_000),
}

# Name, table, parameters of ours, scikit-learn's module, class and parameters.
LOGISTIC = ("linear_model", "LogisticRegression")
CASES = [
    ("linear_regression", "flights", {}, "linear_model", "LinearRegression", {}),
    ("linear_regression", "clouds", {}, "linear_model", "LinearRegression", {}),
    ("ridge", "flights", {}, "linear_model", "Ridge", {}),
    ("ridge", "clouds", {}, "linear_model", "Ridge", {}),
    ("ridge_classifier", "flights", {}, "linear_model", "RidgeClassifier", {}),
    ("ridge_classifier", "digits", {}, "linear_model", "RidgeClassifier", {}),
    ("lasso", "flights", {"alpha": 0.01}, "linear_model", "Lasso", {"alpha": 0.01}),
    ("lasso", "clouds", {"alpha": 0.01}, "linear_model", "Lasso", {"alpha": 0.01}),
    ("elastic_net", "flights", {"alpha": 0.01}, "linear_model", "ElasticNet", {"alpha": 0.01}),
    ("elastic_net", "clouds", {"alpha": 0.01}, "linear_model", "ElasticNet", {"alpha": 0.01}),
    ("logistic_regression", "flights", {}, *LOGISTIC, {"max_iter": 1000}),
    ("logistic_regression", "clouds", {}, *LOGISTIC, {"max_iter": 1000}),
    ("logistic_regression", "digits", {}, *LOGISTIC, {"max_iter": 1000}),
    (
        "logistic_regression",
        "cloud",
        {"l1_ratio": 1.0, "C": 0.1},
        *LOGISTIC,
        {"l1_ratio": 1.0, "C": 0.1, "solver": "liblinear"},
    ),
    ("linear_svc", "flights", {}, "svm", "LinearSVC", {}),
    ("linear_svc", "clouds", {}, "svm", "LinearSVC", {}),
    ("svc", "cloud", {}, "svm", "SVC", {}),
    ("svr", "cloud", {}, "svm", "SVR", {}),
    ("k_neighbors", "clouds", {}, "neighbors", "KNeighborsClassifier", {}),
    ("gaussian_nb", "clouds", {}, "naive_bayes", "GaussianNB", {}),
    ("multinomial_nb", "counts", {}, "naive_bayes", "MultinomialNB", {}),
    ("pls_regression", "clouds", {}, "cross_decomposition", "PLSRegression", {}),
    ("random_forest", "clouds", {}, "ensemble", "RandomForestClassifier", {"random_state": 0}),
    ("extra_trees", "clouds", {}, "ensemble", "ExtraTreesClassifier", {"random_state": 0}),
    ("decision_tree", "clouds", {}, "tree", "DecisionTreeClassifier", {"random_state": 0}),
]
NUMBERS = ["linear_regression", "ridge", "lasso", "elastic_net", "svr", "pls_regression"]
TREES = ["random_forest", "extra_trees", "decision_tree"]


def title(name, ours):
    """A case's name, with the parameters that are not defaults."""
    more = ", ".join(f"`{key}: {value}`" for key, value in ours.items())
    return f"`{name}`" + (f", {more}" if more else "")


def write(folder, table):
    """The table as a Parquet file, and what scikit-learn gets."""
    import numpy as np
    import pandas as pd
    from scipy import sparse
    from sklearn.preprocessing import OneHotEncoder

    numbers, categories, classes, values = TABLES[table]()
    folds = np.arange(len(classes)) % SPLITS
    frame = pd.DataFrame({**numbers, **categories})
    frame = frame.assign(classes=np.asarray(classes), number=np.asarray(values), fold=folds)
    frame.to_parquet(folder / f"{table}.parquet", index=False)
    x = np.column_stack(list(numbers.values()))
    if categories:
        one_hot = OneHotEncoder().fit_transform(np.column_stack(list(categories.values())))
        x = sparse.hstack([sparse.csr_matrix(x), one_hot]).tocsr()
    plain = {"features": [*numbers, *categories], "categories": list(categories)}
    return plain, x, {"classes": np.asarray(classes), "number": np.asarray(values)}, folds


def plan(folder, source, name, ours, made):
    """One candidate, as a plan."""
    target = "number" if name in NUMBERS else "classes"
    described = {
        "name": f"bench-{name}",
        "dataset": {
            "source": str(source),
            "features": made["features"],
            "target": target,
        },
        "trainer": {"name": name, "params": ours},
        "cv": {"method": "predefined_split", "column": "fold"},
        "scoring": ["r2" if name in NUMBERS else "accuracy"],
        "refit": False,
        "families": "off",
    }
    if name in NUMBERS:
        described["dataset"]["learn"] = "regression"
    if made["categories"]:
        described["steps"] = [
            {"name": "onehot", "step": "one_hot_encoder", "params": {"handle_unknown": "ignore"}}
        ]
        described["steps"][0]["columns"] = "categorical"
    path = folder / f"{name}.json"
    path.write_text(json.dumps(described))
    return path, described


def in_the_sandbox(binary, folder, path):
    """Seconds and scores of the tasks as the run records them."""
    store, output, events = folder / "store", folder / "output", folder / "events"
    command = [binary, "run", path, "--store", f"file://{store}", "--output", output]
    command += ["--workers", "1", "--json", "--fresh", "--events", events]
    told = subprocess.run(command, capture_output=True, text=True)
    if told.returncode != 0:
        sys.exit(told.stderr)
    results = json.loads(told.stdout)["cv_results"]
    scores = [key for key in results if key.startswith("split") and "_test_" in key]
    told = [json.loads(line) for line in events.read_text().splitlines()]
    walls = [event["wall"] for event in told if event["event"] == "task_finished"]
    events.unlink()
    return walls, [results[key][0] for key in scores]


def tasks(folder, name, described):
    """The files of the same tasks, whose data the run left in its store."""
    import pyarrow.parquet as pq

    store = folder / "store"
    dataset = max(store.glob("datasets/*/dataset.parquet"), key=os.path.getmtime)
    partition = max(store.glob("splits/*.parquet"), key=os.path.getmtime)
    [column] = pq.read_schema(partition).names
    target = described["dataset"]["target"]
    classes = 0 if name in NUMBERS else len(set(pq.read_table(dataset, columns=[target])[0]))
    learning = {0: "regression", 2: "binary"}.get(classes, "multiclass")
    files = [dataset, partition]
    one = {
        "contract": 2,
        "trainer": name,
        "params": described["trainer"]["params"],
        "candidates": [{}],
        "steps": described.get("steps", []),
        "target": target,
        "learning": learning,
        "scoring": described["scoring"],
    }
    for split in range(SPLITS):
        files.append(folder / f"task{split}.json")
        files[-1].write_text(json.dumps(one | {"split": {"column": column, "test": split}}))
    return files


def natively(programs, name, files):
    program = programs[name in TREES]
    told = subprocess.run([program, *files], capture_output=True, text=True)
    if told.returncode != 0:
        sys.exit(told.stderr)
    told = json.loads(told.stdout)
    tests = [answer["scores"][0]["test"] for answer in told["answers"]]
    return told["each"], [score for test in tests for score in test.values()]


def scikit_learn(estimator, x, y, folds, is_number):
    from sklearn.metrics import accuracy_score, r2_score

    def timed(split):
        train, test = folds != split, folds == split
        x_train, x_test, y_train, y_test = x[train], x[test], y[train], y[test]
        start = time.perf_counter()
        predicted = estimator.fit(x_train, y_train).predict(x_test)
        score = (r2_score if is_number else accuracy_score)(y_test, predicted)
        return time.perf_counter() - start, score

    return lambda: zip(*map(timed, range(SPLITS)))


def build():
    """The two guests as native programs, as in run.py's section on the tax."""
    from run import build_native

    trees = build_native()
    return [build_native("linfa", "native_linfa"), trees]


def measure(names):
    """The figures of these estimators, all if there are none."""
    import importlib

    import sklearn

    binary = ROOT / "target" / "release" / "fanout"
    programs = build()
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {"cells": []}
    with tempfile.TemporaryDirectory(prefix="fanout-bench-") as scratch:
        scratch = pathlib.Path(scratch)
        written = {}
        for name, table, ours, module, kind, theirs in CASES:
            if names and name not in names:
                continue
            if table not in written:
                written[table] = write(scratch, table)
            made, x, targets, folds = written[table]
            y = targets["number" if name in NUMBERS else "classes"]
            estimator = getattr(importlib.import_module(f"sklearn.{module}"), kind)(**theirs)
            peer = scikit_learn(estimator, x, y, folds, name in NUMBERS)
            folder = scratch / f"{name}-{table}-{len(ours)}"
            folder.mkdir()
            source = scratch / f"{table}.parquet"
            path, described = plan(folder, source, name, ours, made)
            # Compiles the guest, and fills the caches.
            in_the_sandbox(binary, folder, path)
            files = tasks(folder, name, described)
            sides = {
                "scikit-learn": peer,
                "natively": lambda: natively(programs, name, files),
                "in the sandbox": lambda: in_the_sandbox(binary, folder, path),
            }
            cell = {"estimator": name, "table": table, "params": ours}
            cell |= {"times": {side: [] for side in sides}, "scores": {}}
            for number in range(ROUNDS):
                if number == SLOW_ROUNDS and min(cell["times"]["scikit-learn"]) > SLOW:
                    break
                for side, run in sides.items():
                    seconds, scores = run()
                    cell["times"][side] += seconds
                    cell["scores"][side] = statistics.mean(scores)
            # The same code gives the same bits, or the comparison says nothing.
            assert cell["scores"]["natively"] == cell["scores"]["in the sandbox"], cell
            least = {side: min(times) for side, times in cell["times"].items()}
            print(name, table, {side: f"{time:.4f}" for side, time in least.items()}, flush=True)
            same = ("estimator", "table", "params")
            kept["cells"] = [
                other for other in kept["cells"] if any(other[k] != cell[k] for k in same)
            ]
            kept["cells"].append(cell)
            kept["machine"] = machine(sklearn.__version__)
            KEPT.write_text(json.dumps(kept, indent=1) + "\n")


def machine(version):
    from tables import machine

    return machine(1) | {"scikit-learn": version}


def section(kept):
    """The section of RESULTS.md."""
    from results import seconds, table

    order = {(name, at): place for place, (name, at, *_) in enumerate(CASES)}
    cells = sorted(kept["cells"], key=lambda cell: order[cell["estimator"], cell["table"]])
    rows = []
    for cell in cells:
        least = {side: min(times) for side, times in cell["times"].items()}
        theirs = least["scikit-learn"]
        row = [title(cell["estimator"], cell["params"]), cell["table"], seconds(theirs)]
        for side in ["natively", "in the sandbox"]:
            row += [seconds(least[side]), f"{theirs / least[side]:.1f}"]
        scores = [cell["scores"]["scikit-learn"], cell["scores"]["in the sandbox"]]
        rows.append([*row, *(f"{score:.4f}" for score in scores)])
    tables_used = dict.fromkeys(cell["table"] for cell in cells)
    described = "; ".join(f"{name}: {DESCRIBED[name]}" for name in tables_used)
    header = ["estimator", "table", "scikit-learn", "natively", "times as fast"]
    header += ["in the sandbox", "times as fast", "its score", "ours"]
    machine = kept["machine"]
    return (
        "## Single fits\n\n"
        "`bench/estimators.py`; the raw figures are in `bench/estimators.json`. One fit on two thirds\n"
        "of the rows on one core, the others predicted and scored (R² or accuracy, the mean of three\n"
        "splits), defaults on both sides unless a parameter is shown. Of scikit-learn: `fit`, `predict`\n"
        "and the metric, on numbers that are scaled and one-hot encoded already. Of fanout a task of an\n"
        "open dataset, `families: off`, one worker: encoding, fitting, predicting and scoring. The least\n"
        f"of the splits and of {ROUNDS} rounds ({SLOW_ROUNDS} where scikit-learn takes more than "
        f"{SLOW:.0f} s), the sides\nin turn. The native program is built as for the tax.\n\n"
        + f"Tables: {described}.\n\n" + table(header, rows) + f"\n{machine['cpu']}, "
        f"Python {machine['python']}, scikit-learn {machine['scikit-learn']}.\n"
    )


DESCRIBED = {
    "flights": "336,776 rows, 10 numbers and 3 categories (124 columns)",
    "digits": "1,797 rows, 64 numbers, 10 classes",
    "counts": "the same, not scaled",
    "clouds": "30,000 rows, 20 numbers",
    "cloud": "6,000 of these",
}


if __name__ == "__main__":
    for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
        os.environ[name] = "1"
    import warnings

    from run import environment

    environment()
    warnings.simplefilter("ignore")
    measure(sys.argv[1:])
