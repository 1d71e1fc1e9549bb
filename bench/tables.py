#!/usr/bin/env python3
"""Measures fanout beside scikit-learn on many real tables, with defaults.

    python3 bench/tables.py                          everything
    python3 bench/tables.py --sides fanout           measure one side again
    python3 bench/tables.py --only german letter --seconds 200

For each table of tables_data.py and each of random_forest, extra_trees and
decision_tree: five folds, once for each of three seeds, by whole processes of
two workers a side, which run in turn. Where scores of both sides are about two
standard errors apart, seven further seeds decide, in one process a side.
`again` is scikit-learn with other random states, the noise floor of the
verdicts. What is known stands in bench/tables.json and is not measured again;
RESULTS.md is written from there.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
KEPT = HERE / "tables.json"
TABLES = HERE / "data" / "tables"
ESTIMATORS = ["random_forest", "extra_trees", "decision_tree"]
SIDES = ["loky", "fanout", "again"]
SEEDS = 3
MORE = list(range(SEEDS, 10))


class Sides:
    """Runs either side on a table."""

    def __init__(self, binary, jobs):
        self.binary, self.jobs = binary, jobs

    def run(self, side, table, estimator, seeds):
        from measure import run

        if side != "fanout":
            command = [sys.executable, HERE / "tables_peer.py", TABLES / f"{table}.csv"]
            command += [estimator, "--jobs", self.jobs, "--seeds", *seeds]
            command += ["--add", 1000] if side == "again" else []
            return run(command)
        wall, cpu, scores = 0.0, 0.0, {}
        for seed in seeds:
            measured, found = self.fanout(table, estimator, seed)
            wall, cpu = wall + measured["wall"], cpu + measured["cpu"]
            for metric in found["scoring"]:
                mean = found["cv_results"][f"mean_test_{metric}"][0]
                scores.setdefault(metric, []).append(mean)
        return {"wall": wall, "cpu": cpu}, scores

    def fanout(self, table, estimator, seed):
        import pandas as pd
        from measure import run
        from tables_peer import metrics

        path = TABLES / f"{table}.csv"
        classes = sorted(pd.read_csv(path, usecols=["y"])["y"].unique())
        plan = {
            "name": table,
            "dataset": {
                "source": str(path),
                "target": "y",
                "drop": [f"fold{other}" for other in range(10) if other != seed],
            },
            "trainer": {"name": estimator, "params": {"random_state": seed}},
            "cv": {"method": "predefined_split", "column": f"fold{seed}"},
            "scoring": metrics(len(classes)),
            "refit": False,
        }
        if len(classes) == 2:
            plan["dataset"]["positive"] = classes[1]
        folder = pathlib.Path(tempfile.mkdtemp(prefix="fanout-tables-"))
        try:
            file = folder / "plan.yaml"
            file.write_text(json.dumps(plan))
            command = [self.binary, "run", file, "--store", f"file://{folder}/store"]
            command += ["--workers", self.jobs, "--json"]
            measured, found = run(command, cwd=folder)
        finally:
            shutil.rmtree(folder)
        return measured, {**found, "scoring": plan["scoring"]}


def measure(sides, kept, arguments, names):
    """Fills the cells that are missing. Returns whether all are there."""
    until = time.monotonic() + arguments.seconds if arguments.seconds else float("inf")
    for name in names:
        for estimator in arguments.estimators:
            cell = kept["cells"].setdefault(name, {}).setdefault(estimator, {})
            for side in arguments.sides:
                found = cell.setdefault(side, {"scores": {}})
                for seeds in missing(side, found):
                    if time.monotonic() > until:
                        return False
                    measured, scores = sides.run(side, name, estimator, seeds)
                    if seeds == [0]:
                        found.update(measured)
                    for metric, means in scores.items():
                        found["scores"].setdefault(metric, []).extend(means)
                    KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    return True


def missing(side, found):
    """The seeds to measure, by run. The first run of a side is timed, alone."""
    known = max((len(means) for means in found["scores"].values()), default=0)
    if side == "again":
        return [list(range(known, SEEDS))] if known < SEEDS else []
    runs = [[0]] if known == 0 else []
    rest = list(range(max(known, 1), SEEDS))
    return runs + ([rest] if rest else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", help="these tables")
    parser.add_argument("--estimators", nargs="+", choices=ESTIMATORS, default=ESTIMATORS)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--fanout", type=pathlib.Path, default=ROOT / "target/release/fanout")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, help="stop after so long; the next run goes on")
    arguments = parser.parse_args()
    sys.path.insert(0, str(HERE))
    subprocess.run([sys.executable, HERE / "tables_data.py"], check=True)
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {"cells": {}}
    names = arguments.only or sorted(path.stem for path in TABLES.glob("*.csv"))
    done = measure(Sides(arguments.fanout, arguments.jobs), kept, arguments, names)
    print("done" if done else "to be continued")


if __name__ == "__main__":
    main()
