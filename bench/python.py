"""Measures the Python package and writes python.json, and `run.py --render` its section.

    python3 bench/python.py [--rounds 3] [--quick]

Needs bench/.venv (`python3 bench/run.py` makes it), the wheel's program (`cargo build --release`)
and bench/data. `program` is the article's program as a whole process: reading, search, refit;
`nothing` the same without the search, which no side can undercut; `small` a fit on 150 rows over the import; `search` 10 candidates x 5 folds on 1,000 rows beside
scikit-learn's with `n_jobs=1`.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

import measure

HERE = pathlib.Path(__file__).parent
PYTHON = HERE / ".venv" / "bin" / "python"

FITS = """
import json, sys, time
import numpy as np
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn import model_selection as theirs
from fanout_ml import model_selection as ours

def least(search, X, y, times=7):
    found = []
    for _ in range(times):
        started = time.perf_counter()
        search().fit(X, y)
        found.append(time.perf_counter() - started)
    return min(found)

X, y = load_iris(return_X_y=True)
forest = RandomForestClassifier(n_estimators=10, random_state=0)
small = least(lambda: ours.GridSearchCV(forest, {"max_depth": [2, 4]}, cv=3), X, y)
X, y = make_classification(1000, 20, n_informative=8, random_state=0)
cases = {
    "logistic_regression": (LogisticRegression(), {"C": list(np.logspace(-3, 3, 10))}),
    "random_forest": (
        RandomForestClassifier(random_state=0), {"n_estimators": list(range(10, 101, 10))}
    ),
}
searches = {
    name: {
        "fanout": least(lambda: ours.GridSearchCV(estimator, grid, cv=5), X, y),
        "scikit-learn": least(lambda: theirs.GridSearchCV(estimator, grid, cv=5, n_jobs=1), X, y, 3),
    }
    for name, (estimator, grid) in cases.items()
}
print(json.dumps({"small": small, "search": searches}))
"""


def section(kept):
    """The section of RESULTS.md."""
    from results import seconds, table

    of, rows = dict(kept["program"]), []
    nothing = of.pop("nothing")
    for kind, one in of.items():
        times = [one[name] / of["fanout"][name] for name in ("wall", "fit")]
        times = [f"{time:.1f}" for time in times]
        rows.append(
            [kind, seconds(one["wall"]), times[0], seconds(one["import"])]
            + [seconds(one["fit"]), times[1], f"{one['score']:.4f}"]
        )
    header = ["", "process", "times ours", "imports", "`fit`", "times ours", "ROC AUC"]
    searches = [
        [name, seconds(one["fanout"]), seconds(one["scikit-learn"])]
        for name, one in kept["search"].items()
    ]
    return (
        "## The Python package\n\n"
        "`bench/python.py`: the article's program on the flights, 75 fits and a refit, with one\n"
        f"import changed, as a whole process; medians of {kept['rounds']} rounds, the sides in\n"
        f"turn, 2 workers. Load of the machine at the end: {kept['load']:.1f}.\n\n"
        + table(header, rows)
        + "\nThe program without the search, imports and reading alone, takes "
        f"{seconds(nothing['wall'])}.\n\n10 candidates on 5 folds of 1,000 rows, the least of several `fit`s; scikit-learn with\n"
        f"`n_jobs=1`. A `fit` of 2 candidates on 3 folds of 150 rows takes {seconds(kept['small'])}.\n\n"
        + table(["", "fanout", "scikit-learn"], searches)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="without the peers of the program")
    arguments = parser.parse_args()
    root = HERE.parent
    os.environ.setdefault("FANOUT", str(root / "target" / "release" / "fanout"))
    with tempfile.TemporaryDirectory() as folder:
        # As pip installs it: compiled.
        shutil.copytree(root / "python" / "fanout_ml", pathlib.Path(folder) / "fanout_ml")
        subprocess.run([PYTHON, "-m", "compileall", "-q", folder], check=True)
        os.environ["PYTHONPATH"] = folder
        measured(arguments)


def measured(arguments):
    kinds = ["nothing", "fanout"] if arguments.quick else ["nothing", "fanout", "loky", "dask"]
    rounds = {kind: [] for kind in kinds}
    # In turn, so that a slow moment of the machine is everyone's.
    for _ in range(arguments.rounds):
        for kind in kinds:
            times, told = measure.run([PYTHON, HERE / "python_program.py", kind])
            rounds[kind].append({**times, **told})
            print(kind, times, told, flush=True)
    program = {}
    for kind, of in rounds.items():
        times = [name for name in ("wall", "cpu", "import", "fit") if name in of[0]]
        program[kind] = {name: statistics.median(one[name] for one in of) for name in times}
        program[kind] |= {name: of[0][name] for name in ("best", "score") if name in of[0]}
    _, fits = measure.run([PYTHON, "-c", FITS])
    load = os.getloadavg()[0]
    found = {"rounds": arguments.rounds, "load": load, "program": program, **fits}
    print(json.dumps(found, indent=2))
    if not arguments.quick:
        (HERE / "python.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
