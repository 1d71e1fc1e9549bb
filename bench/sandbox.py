"""Measures scikit-learn in the sandbox and writes sandbox.json, and `run.py --render` its section.

    python3 bench/sandbox.py [--rounds 3] [--quick]

Needs bench/.venv (`python3 bench/run.py` makes it), the program (`cargo build --release`) and the
guest of Python in the cache (`target/release/fanout guest python`). Small fits that a
sandbox serves worst beside native code: 60 candidates of `SVC` on 5 folds of 1,500 rows, and 12 of
`MLPClassifier`; beside fanout's own `svc`, and scikit-learn's search by joblib's loky and by Dask.
Whole processes, the sides in turn. `start` is a process with two fits of 150 rows, and the two
of their baseline.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import measure

HERE = pathlib.Path(__file__).parent
PYTHON = HERE / ".venv" / "bin" / "python"
JOBS = 2
SPLITS = 5

# name: the class, what all candidates share, and the values that are tried
CASES = {
    "svc": (
        "sklearn.svm.SVC",
        {},
        {
            "C": [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0],
            "gamma": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
        },
    ),
    "mlp": (
        "sklearn.neural_network.MLPClassifier",
        {"max_iter": 50, "random_state": 0},
        {"hidden_layer_sizes": [[16], [32], [16, 16]], "alpha": [0.0001, 0.01, 1.0, 10.0]},
    ),
}
# By case: the trainer of fanout that is the same.
OWN = {"svc": "svc"}

TABLES = """
import pathlib, sys
import pandas as pd
from sklearn.datasets import load_iris, make_classification

def write(name, X, y):
    frame = pd.DataFrame(X, columns=[f"x{at}" for at in range(X.shape[1])])
    frame.assign(target=y).to_parquet(pathlib.Path(sys.argv[1]) / name)

X, y = make_classification(1500, 20, n_informative=8, random_state=0)
write("rows.parquet", X, y)
write("iris.parquet", *load_iris(return_X_y=True))
"""


def plan(source, trainer, grid):
    """A search as a plan, whose splits are scikit-learn's."""
    return {
        "dataset": {"source": source, "target": "target"},
        "trainer": trainer,
        "search": {"params": grid},
        "cv": {"method": "stratified_k_fold", "n_splits": SPLITS},
        "scoring": "accuracy",
        "pool": {"kind": "local", "workers": JOBS},
        "store": "memory://",
    }


def fanout(folder, name, document):
    """A run of the program as a whole process: its times, and the best mean score."""
    (folder / name).write_text(json.dumps(document))
    program = os.environ["FANOUT"]
    times, told = measure.run([program, "run", "--json", "--quiet", name], cwd=folder)
    results = told["cv_results"]
    return {**times, "score": max(results["mean_test_accuracy"])}


def peer(folder, name, backend):
    path, params, grid = CASES[name]
    case = json.dumps({"class": path, "params": params, "grid": grid, "splits": SPLITS})
    source = folder / "rows.parquet"
    times, told = measure.run([PYTHON, HERE / "sandbox_peer.py", backend, JOBS, source, case])
    return {**times, **told}


def section(kept):
    """The section of RESULTS.md."""
    from results import seconds, table

    rows = []
    for name, (path, _, grid) in CASES.items():
        sides = kept["cases"][name]
        candidates = len(next(iter(grid.values()))) * len(list(grid.values())[1])
        for side, one in sides.items():
            factor = one["wall"] / sides["sandbox"]["wall"]
            rows.append(
                [path.rpartition(".")[2], str(candidates * SPLITS), side, seconds(one["wall"])]
                + [f"{factor:.2f}", seconds(one["cpu"]), f"{one['score']:.6f}"]
            )
    header = ["", "fits", "", "wall", "times the sandbox's", "CPU", "best accuracy"]
    return (
        "## scikit-learn in the sandbox\n\n"
        f"`bench/sandbox.py`: searches on {SPLITS} folds of 1,500 rows by 20 columns, whole\n"
        f"processes, medians of {kept['rounds']} rounds, the sides in turn, {JOBS} workers. A\n"
        "factor below one is a side that is quicker than the sandbox. A process with two fits of\n"
        f"150 rows, and the two of their baseline, takes {seconds(kept['start'])}. Load of the\n"
        f"machine at the end: {kept['load']:.1f}.\n\n" + table(header, rows)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="without the peers")
    arguments = parser.parse_args()
    root = HERE.parent
    os.environ.setdefault("FANOUT", str(root / "target" / "release" / "fanout"))
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        subprocess.run([PYTHON, "-c", TABLES, folder], check=True)
        found = measured(folder, arguments)
    print(json.dumps(found, indent=2))
    if not arguments.quick:
        (HERE / "sandbox.json").write_text(json.dumps(found, indent=2) + "\n")


def measured(folder, arguments):
    trivial = plan("iris.parquet", {"python": "sklearn.naive_bayes.BernoulliNB"}, {"alpha": [1.0]})
    trivial["cv"]["n_splits"] = 2
    # The component is compiled, and the files are in memory.
    fanout(folder, "start.json", trivial)
    starts = [fanout(folder, "start.json", trivial)["wall"] for _ in range(5)]
    cases = {}
    for name, (path, params, grid) in CASES.items():
        trainer = {"python": path, "params": params}
        sides = {
            "sandbox": lambda: fanout(folder, "plan.json", plan("rows.parquet", trainer, grid))
        }
        if name in OWN:
            own = {"name": OWN[name], "params": params}
            sides["fanout's own"] = lambda: fanout(
                folder, "own.json", plan("rows.parquet", own, grid)
            )
        if not arguments.quick:
            sides["joblib-loky"] = lambda: peer(folder, name, "loky")
            sides["Dask"] = lambda: peer(folder, name, "dask")
        rounds = {side: [] for side in sides}
        # In turn, so that a slow moment of the machine is everyone's.
        for _ in range(arguments.rounds):
            for side, go in sides.items():
                rounds[side].append(go())
                print(name, side, rounds[side][-1], file=sys.stderr, flush=True)
        cases[name] = {
            side: {
                "wall": statistics.median(one["wall"] for one in of),
                "cpu": statistics.median(one["cpu"] for one in of),
                "score": of[0]["score"],
            }
            for side, of in rounds.items()
        }
    return {
        "rounds": arguments.rounds,
        "load": os.getloadavg()[0],
        "start": min(starts),
        "cases": cases,
    }


if __name__ == "__main__":
    main()
