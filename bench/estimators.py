"""Times single fits of the dense estimators against scikit-learn's on one core.

    cargo build --release --manifest-path guest/Cargo.toml -p fanout-linfa --example estimators
    python bench/estimators.py            # needs bench/data (python bench/data.py)

Both sides get the same rows: encoded by scikit-learn's one-hot encoder as a sparse
matrix here, by the steps of a pipeline there. Times are the processor's, not the
clock's, so that other load on the machine counts little; the fit alone is timed,
and for `k_neighbors` the fit and all predictions.
"""

import os

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn import linear_model, naive_bayes, neighbors, svm
from sklearn.cross_decomposition import PLSRegression
from sklearn.datasets import load_digits, make_classification
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.simplefilter("ignore")
HERE = pathlib.Path(__file__).resolve().parent
SPEED = HERE.parent / "guest" / "target" / "release" / "examples" / "estimators"


def flights():
    """224,517 rows, 11 numbers and 348 one-hot columns."""
    table = pd.read_parquet(HERE / "data" / "flights.parquet")
    table = table[table.fold != 0]
    names = ["month", "day", "day_of_week", "sched_dep_time", "sched_arr_time", "flight"]
    numbers = {name: table[name].to_numpy(float) for name in names + ["distance"]}
    for name in ["sched_dep_time", "sched_arr_time"]:
        hours = table[name].to_numpy() // 100 + table[name].to_numpy() % 100 / 60
        numbers[f"{name}_sin"] = np.sin(hours * np.pi / 12)
        numbers[f"{name}_cos"] = np.cos(hours * np.pi / 12)
    categories = {name: table[name].to_numpy(str) for name in ["carrier", "origin", "dest"]}
    categories["route"] = np.char.add(categories["origin"], categories["dest"])
    delay = table.arr_delay.fillna(0.0).to_numpy(float)
    return numbers, categories, {"classes": table.cancelled.to_numpy(), "numbers": delay}


def digits():
    """1,797 rows, 64 numbers, 10 classes."""
    x, y = load_digits(return_X_y=True)
    numbers = {f"x{at}": x[:, at] for at in range(x.shape[1])}
    return numbers, {}, {"classes": y, "numbers": y.astype(float)}


def clouds(rows):
    """20 numbers, two classes."""
    x, y = make_classification(rows, 20, n_informative=10, random_state=3)
    numbers = {f"x{at}": x[:, at] for at in range(x.shape[1])}
    score = x[:, :5].sum(axis=1) + np.sin(x[:, 5])
    return numbers, {}, {"classes": y, "numbers": score}


TABLES = {
    "flights": flights,
    "digits": digits,
    "clouds": lambda: clouds(20_000),
    "cloud": lambda: clouds(4_000),
}


def write(folder, name, made):
    numbers, categories, targets = made
    rows = len(targets["classes"])
    header = {"rows": rows, "numbers": list(numbers), "categories": []}
    header["classes"] = int(targets["classes"].max()) + 1
    with open(folder / f"{name}.bin", "wb") as file:
        for values in numbers.values():
            file.write(np.ascontiguousarray(values, dtype="<f8").tobytes())
        for column, values in categories.items():
            labels, codes = np.unique(values, return_inverse=True)
            header["categories"].append((column, [str(label) for label in labels]))
            file.write(codes.astype("<f8").tobytes())
        for values in targets.values():
            file.write(np.asarray(values, dtype="<f8").tobytes())
    (folder / f"{name}.json").write_text(json.dumps(header))


def encoded(made):
    numbers, categories, targets = made
    x = StandardScaler().fit_transform(np.column_stack(list(numbers.values())))
    if categories:
        one_hot = OneHotEncoder().fit_transform(np.column_stack(list(categories.values())))
        x = sparse.hstack([sparse.csr_matrix(x), one_hot]).tocsr()
    return x, targets


def timed(run):
    run_times = []
    for _ in range(3):
        start = time.process_time()
        run()
        run_times.append(time.process_time() - start)
        if run_times[-1] > 5:
            break
    return min(run_times)


def all_neighbors(x, y):
    """k from 1 to 50 by two weights, on one of three folds: 100 fits."""
    test = np.arange(len(y)) % 3 == 0

    def run():
        for count in [1, 25, 50]:
            for weights in ["uniform", "distance"]:
                made = neighbors.KNeighborsClassifier(count, weights=weights)
                made.fit(x[~test], y[~test]).predict_proba(x[test])

    # Six of the hundred are timed.
    return timed(run) * 100 / 6


LOGISTIC = {"max_iter": 1000}
CASES = {
    ("linear_regression", "flights"): linear_model.LinearRegression(),
    ("ridge", "flights"): linear_model.Ridge(),
    ("ridge_classifier", "flights"): linear_model.RidgeClassifier(),
    ("logistic_regression", "flights"): linear_model.LogisticRegression(**LOGISTIC),
    ("logistic_regression", "digits"): linear_model.LogisticRegression(**LOGISTIC),
    ("logistic_regression", "clouds"): linear_model.LogisticRegression(**LOGISTIC),
    ("lasso", "flights"): linear_model.Lasso(0.01),
    ("elastic_net", "flights"): linear_model.ElasticNet(0.01),
    ("lasso", "clouds"): linear_model.Lasso(0.001),
    ("gaussian_nb", "clouds"): naive_bayes.GaussianNB(),
    ("k_neighbors", "clouds"): all_neighbors,
    ("linear_svc", "flights"): svm.LinearSVC(),
    ("linear_svc", "clouds"): svm.LinearSVC(),
    ("svc", "cloud"): svm.SVC(),
    ("svr", "cloud"): svm.SVR(),
    ("pls_regression", "clouds"): PLSRegression(5),
}
CLASSES = ["ridge_classifier", "logistic_regression", "gaussian_nb", "k_neighbors"]
CLASSES += ["linear_svc", "svc"]


def main():
    wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        print("| estimator | table | scikit-learn | fanout | factor |\n| --- | --- | --- | --- | --- |")
        for (name, table), estimator in CASES.items():
            if wanted and name not in wanted:
                continue
            made = TABLES[table]()
            if not (folder / f"{table}.bin").exists():
                write(folder, table, made)
            x, targets = encoded(made)
            y = targets["classes" if name in CLASSES else "numbers"]
            if callable(estimator):
                theirs = estimator(x, y)
            else:
                theirs = timed(lambda: estimator.fit(x, y))
            command = [SPEED, folder, table, name]
            told = subprocess.run(command, capture_output=True, text=True)
            if told.returncode != 0:
                print(f"| {name} | {table} | {theirs:.3f} s | {told.stderr.strip()} |")
                continue
            ours = float(told.stdout)
            print(f"| `{name}` | {table} | {theirs:.3f} s | {ours:.3f} s | {theirs / ours:.1f} |", flush=True)


if __name__ == "__main__":
    main()
