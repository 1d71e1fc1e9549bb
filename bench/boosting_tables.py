#!/usr/bin/env python3
"""Measures the scores of `hist_gradient_boosting` beside LightGBM's and scikit-learn's
on many real tables, at equal settings.

    python3 bench/boosting_tables.py                          everything
    python3 bench/boosting_tables.py --sides fanout --forget  measure one side again
    python3 bench/boosting_tables.py --only german letter --seconds 200

For each table of tables_data.py, or 6,000 random rows of it, and for the flights of
data/flights.parquet, whole, by class and by number: five folds, once for each of five
seeds, which all three sides share; twenty seeds where `--more` finds a verdict near two
standard errors, or us worse. Each setting of SETTINGS is given to all; what a side has beyond it
keeps that side's default. Categories are categories on every side. fanout runs a plan
a table and seed, each with a random_state of its own; the others draw nothing.
What is known stands in bench/boosting_tables.json and is not measured again;
`bench/run.py --render` writes RESULTS.md from there.
"""

import argparse
import importlib.metadata
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time

from tables import differences, distance, keep, machine, paths, ran_on

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
KEPT = HERE / "boosting_tables.json"
ROWS = 6_000
SIDES = ["fanout", "lightgbm", "scikit-learn"]
SEEDS = 5
MANY = 20

# By name, in scikit-learn's words, which are fanout's too; boosting_tables_peer.py has
# LightGBM's.
SETTINGS = {
    "100 rounds, 31 leaves": {"learning_rate": 0.1, "max_iter": 100, "max_leaf_nodes": 31},
    "300 rounds, 15 leaves": {"learning_rate": 0.05, "max_iter": 300, "max_leaf_nodes": 15},
}
SHARED = {"min_samples_leaf": 20, "l2_regularization": 0.0, "max_bins": 255}

METRICS = {
    "numbers": ["r2", "neg_root_mean_squared_error"],
    "classes": ["roc_auc", "neg_log_loss", "accuracy"],
}
TITLES = {
    "r2": "R²",
    "neg_root_mean_squared_error": "root mean squared error",
    "roc_auc": "ROC AUC",
    "neg_log_loss": "log loss",
    "accuracy": "accuracy",
}
# Tables on which fanout was last measured before numbers that no training row has were
# divided half-way, which large tables hardly have.
EARLIER = "cells gssvocab magic seattlepets mn_police_use_of_force diamonds flights".split()

FLIGHTS = {"flights_cancelled": "cancelled", "flights_arr_delay": "arr_delay"}


def names():
    """All tables, the smallest first."""
    return [*paths(), *FLIGHTS]


def learns(name):
    """`classes` or `numbers`."""
    if name in FLIGHTS:
        return "classes" if name == "flights_cancelled" else "numbers"
    return "numbers" if paths()[name].parent.name == "numbers" else "classes"


def table(name):
    """A table with no doubt of its types: numbers, texts, and for each seed a column of
    folds."""
    import pandas as pd
    import tables_data
    from sklearn.model_selection import KFold, StratifiedKFold

    if name in FLIGHTS:
        frame = pd.read_parquet(HERE / "data" / "flights.parquet")
        frame["route"] = frame["origin"] + "_" + frame["dest"]
        outcomes = ["dep_delay", "arr_delay", "cancelled", "fold"]
        y = frame[FLIGHTS[name]]
        frame = frame.drop(columns=outcomes).assign(y=y)[y.notna()].reset_index(drop=True)
    else:
        frame = pd.read_csv(paths()[name])
        frame = frame.drop(columns=[f"fold{seed}" for seed in range(tables_data.SEEDS)])
        frame = tables_data.sampled(frame, ROWS)
    splitter = KFold
    if learns(name) == "classes":
        frame["y"] = frame["y"].astype(str)
        enough = frame.groupby("y")["y"].transform("size") >= tables_data.FOLDS
        frame = frame[enough].reset_index(drop=True)
        splitter = StratifiedKFold
    for column in frame:
        values = frame[column]
        if values.dtype == bool or not pd.api.types.is_numeric_dtype(values):
            frame[column] = values.astype(object).where(values.isna(), values.astype(str))
        else:
            frame[column] = values.astype("float64")
    return tables_data.with_folds(frame, splitter, MANY)


def scoring(name, frame):
    several = frame["y"].nunique() > 2
    named = METRICS[learns(name)]
    return [f"{m}_ovr" if m == "roc_auc" and several else m for m in named]


class Sides:
    """Runs each side on one table."""

    def __init__(self, binary, name, folder, more=None):
        self.binary, self.name, self.folder = binary, name, pathlib.Path(folder)
        self.more = more or {}
        self.frame = table(name)
        self.frame.to_parquet(self.folder / "table.parquet", index=False)
        self.scoring = scoring(name, self.frame)

    def run(self, side, settings, seeds):
        """By setting and metric: the mean over the folds for each seed. `settings`: the
        parameters by name."""
        return (self.fanout if side == "fanout" else self.peer)(side, settings, seeds)

    def fanout(self, _, settings, seeds):
        from measure import run

        dataset = {"source": str(self.folder / "table.parquet"), "target": "y"}
        classes = sorted(self.frame["y"].unique())
        if learns(self.name) == "numbers":
            dataset["learn"] = "regression"
        elif len(classes) == 2:
            dataset["positive"] = classes[1]
        found = {setting: {metric: [] for metric in self.scoring} for setting in settings}
        for seed in seeds:
            others = [f"fold{other}" for other in range(MANY) if other != seed]
            shared = {"early_stopping": False, "random_state": seed, **SHARED, **self.more}
            arms = [{**shared, **params} for params in settings.values()]
            plan = {
                "name": self.name,
                "dataset": {**dataset, "drop": others},
                "trainers": [
                    {"trainer": {"name": "hist_gradient_boosting", "params": params}}
                    for params in arms
                ],
                "cv": {"method": "predefined_split", "column": f"fold{seed}"},
                "scoring": self.scoring,
                "refit": False,
            }
            (self.folder / "plan.yaml").write_text(json.dumps(plan))
            command = [self.binary, "run", self.folder / "plan.yaml", "--workers", 1, "--json"]
            store = tempfile.mkdtemp(dir=self.folder)
            _, results = run([*command, "--store", f"file://{store}"], cwd=self.folder)
            assert results["fits"]["failed"] == 0, results["failures"]
            for at, setting in enumerate(settings):
                for metric, means in found[setting].items():
                    means.append(results["cv_results"][f"mean_test_{metric}"][at])
        return found

    def peer(self, side, settings, seeds):
        from measure import run

        given = {
            "side": side,
            "settings": {
                setting: {**SHARED, **params, **self.more} for setting, params in settings.items()
            },
            "seeds": seeds,
            "scoring": self.scoring,
        }
        (self.folder / "given.json").write_text(json.dumps(given))
        command = [sys.executable, HERE / "boosting_tables_peer.py"]
        return run([*command, self.folder / "table.parquet", self.folder / "given.json"])[1]


def known(cell, setting, side):
    """The number of seeds that were measured."""
    found = cell.get(setting, {}).get(side, {})
    return min((len(means) for means in found.values()), default=0)


def fill(binary, name, cell, sides, settings, many):
    """Measures what a table's cell lacks. Returns whether it lacked something."""
    wanted = {}
    for setting in settings:
        number = MANY if many and is_near(cell, setting) else SEEDS
        for side in sides:
            if known(cell, setting, side) < number:
                lacking = (side, known(cell, setting, side), number)
                wanted.setdefault(lacking, []).append(setting)
    if not wanted:
        return False
    with tempfile.TemporaryDirectory(prefix="fanout-boosting-") as folder:
        on = Sides(binary, name, folder)
        cell.update({"learns": learns(name), "rows": len(on.frame)})
        for (side, first, number), of in wanted.items():
            of = {setting: SETTINGS[setting] for setting in of}
            for setting, scores in on.run(side, of, list(range(first, number))).items():
                into = cell.setdefault(setting, {}).setdefault(side, {})
                for metric, means in scores.items():
                    into.setdefault(metric, []).extend(means)
    return True


def is_near(cell, setting):
    """Whether more seeds may change a verdict, or we are worse."""
    found = cell.get(setting, {})
    if any(known(cell, setting, side) < SEEDS for side in SIDES):
        return False
    metrics = found["fanout"]
    distances = [
        distance(differences_of(found, metric, other)) for metric in metrics for other in SIDES[1:]
    ]
    return any(1.5 < d < 4 or d < -1.5 for d in distances)


def differences_of(found, metric, other):
    """By seed, ours less theirs."""
    wrap = ({"scores": found[side]} for side in ("fanout", other))
    return differences(*wrap, metric)


def ranks(found, metric):
    """By side: its rank by the mean over the seeds, 1 for the best; equals share one."""
    number = min(len(found[side][metric]) for side in SIDES)
    means = {side: statistics.mean(found[side][metric][:number]) for side in SIDES}
    same = {side: [o for o in means.values() if abs(o - means[side]) < 1e-9] for side in SIDES}
    above = {side: sum(o > means[side] + 1e-9 for o in means.values()) for side in SIDES}
    return {side: above[side] + (len(same[side]) + 1) / 2 for side in SIDES}


def metric_of(found, metric):
    """The name of a metric in a cell, whose classes may be many."""
    return metric if metric in found["fanout"] else f"{metric}_ovr"


def complete(kept, setting):
    """The figures of a setting by table, of the tables that all sides were measured on."""
    return {
        name: cell[setting]
        for name, cell in kept["cells"].items()
        if all(known(cell, setting, side) >= SEEDS for side in SIDES)
    }


def losses(kept):
    """Where we are worse by more than two standard errors: the table, the setting, the
    metric as it is kept, the other side and the difference of each seed."""
    for setting in SETTINGS:
        cells = complete(kept, setting)
        for kind, metrics in METRICS.items():
            for metric in metrics:
                for other in SIDES[1:]:
                    for name, found in cells.items():
                        if kept["cells"][name]["learns"] == kind:
                            named = metric_of(found, metric)
                            apart = differences_of(found, named, other)
                            if distance(apart) < -2:
                                yield name, setting, named, other, apart


def section(kept):
    """The section of RESULTS.md."""
    from results import table as rendered

    parts = []
    for setting, params in SETTINGS.items():
        cells, rows = complete(kept, setting), []
        for kind, metrics in METRICS.items():
            of_kind = [f for name, f in cells.items() if kept["cells"][name]["learns"] == kind]
            for metric in metrics if of_kind else ():
                row = [f"{TITLES[metric]}, {len(of_kind)} tables of {kind}"]
                each = [ranks(f, metric_of(f, metric)) for f in of_kind]
                row += [f"{statistics.mean(r[side] for r in each):.2f}" for side in SIDES]
                for other in SIDES[1:]:
                    counts = [0, 0, 0]
                    for found in of_kind:
                        far = distance(differences_of(found, metric_of(found, metric), other))
                        counts[0 if far > 2 else 2 if far < -2 else 1] += 1
                    row.append(" / ".join(map(str, counts)))
                rows.append(row)
        if rows:
            header = ["", *(f"mean rank of {side}" for side in SIDES)]
            header += [f"better / equal / worse than {other}" for other in SIDES[1:]]
            title = f"Learning rate {params['learning_rate']}, {setting}:"
            parts.append(f"{title}\n\n{rendered(header, rows)}\n")
    flights = [c["rows"] for name, c in kept["cells"].items() if name in FLIGHTS]
    whole = f", and all {max(flights):,} flights" if flights else ""
    text = (
        "`bench/boosting_tables.py`; the raw figures are in `bench/boosting_tables.json`. At most "
        f"{ROWS:,} rows of a table{whole}; five folds, {SEEDS} to {MANY} seeds whose folds all "
        "sides share. Equal settings: 20 rows a leaf, 255 bins, no penalty, no early stopping, and "
        "what the titles say; what LightGBM has beyond that keeps its default. Categories are "
        "categories everywhere; scikit-learn takes at most 255 labels and gets the rarest as one. "
        "Ranks are of the means over the seeds, from 1 for the best to 3. Better / equal / worse: "
        "the mean difference over the seeds is beyond two of its standard errors, or not. With five "
        "seeds and no difference at all, 6 in 100 would be worse beyond two. fanout's "
        "`min_samples_leaf_by` keeps its default, `both`: a leaf has 20 rows by their number, as "
        "scikit-learn's, and by their Hessians, as LightGBM's. A table counts where all sides were "
        f"measured. Figures of fanout on {', '.join(EARLIER)} are of before it divided numbers that "
        "no training row has half-way between those that training rows have."
    )
    return (
        f"## Gradient boosting on {len(kept['cells'])} real tables\n\n"
        + f"{textwrap.fill(text, 100)}\n\n"
        + "\n".join(parts)
        + f"\n{ran_on(kept['machine'])}LightGBM {kept['machine']['lightgbm']}.\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", help="these tables")
    parser.add_argument("--learns", choices=list(METRICS), help="tables of this kind")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--settings", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--fanout", type=pathlib.Path, default=ROOT / "target/release/fanout")
    parser.add_argument("--seconds", type=float, help="stop after so long; the next run goes on")
    parser.add_argument("--more", action="store_true", help="more seeds where a verdict is near")
    parser.add_argument("--forget", action="store_true", help="what is known of the sides")
    arguments = parser.parse_args()
    sys.path.insert(0, str(HERE))
    subprocess.run([sys.executable, HERE / "tables_data.py"], check=True)
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {"cells": {}}
    kept["machine"] = {**machine(1), "lightgbm": importlib.metadata.version("lightgbm")}
    until = time.monotonic() + arguments.seconds if arguments.seconds else float("inf")
    wanted = [name for name in arguments.only or names()]
    wanted = [name for name in wanted if arguments.learns in (None, learns(name))]
    for name in wanted if arguments.forget else ():
        for setting in arguments.settings:
            for side in arguments.sides:
                kept["cells"].get(name, {}).get(setting, {}).pop(side, None)
    for name in wanted:
        if time.monotonic() > until:
            print("to be continued")
            return
        cell = kept["cells"].get(name, {})
        binary, many = arguments.fanout, arguments.more
        if fill(binary, name, cell, arguments.sides, arguments.settings, many):
            kept["cells"][name] = cell
            keep(KEPT, kept)
            print(name, flush=True)


if __name__ == "__main__":
    main()
