#!/usr/bin/env python3
"""Times predictions of 10 million rows by forests of 100 trees against
scikit-learn's on the same cores; `run.py --render` writes the section. The forests:
that of the defaults, whose trees grow until their leaves are pure, and one of depth 10.

    python3 bench/predict.py               # needs bench/data.py, target/release
    python3 bench/predict.py --rows 1000000 --depths 10

The flights, over and over, in a Parquet file of ten columns; with the route, origin and
destination as one category, there are 11 features, 4 of them categories. Ours is
the whole command: reading the file, predicting, and writing the probabilities as
Parquet. Of scikit-learn it is `predict_proba` alone, on codes that are in memory and a
forest of the same size, `n_jobs` the cores, and beside it the whole: reading, coding,
predicting and writing. The sides run in turn. Memory is measured in a run of its own,
from outside (measure.py).
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
KEPT = HERE / "predict.json"
ROUNDS = 3
FEATURES = "month day day_of_week sched_dep_time sched_arr_time carrier flight origin dest"
FEATURES = [*FEATURES.split(), "distance"]
ROUTE = {"name": "route", "concat": ["origin", "dest"], "separator": "_"}
CATEGORIES = ["carrier", "origin", "dest"]
TREES = 100
# By name: `max_depth`.
DEPTHS = {"none": None, "10": 10}


def plan_of(depth):
    params = {"n_estimators": TREES, "max_depth": depth, "random_state": 1}
    return {
        "name": "bench-predict",
        "trainer": {"name": "random_forest", "params": params},
        "cv": {"method": "k_fold", "n_splits": 2},
        "scoring": ["roc_auc"],
    }


def coded(table):
    """The features as scikit-learn takes them: numbers, and codes of categories."""
    import numpy as np

    columns = []
    for name in FEATURES:
        if name in CATEGORIES:
            columns.append(table[name].cat.codes.to_numpy().astype(np.float32))
        else:
            columns.append(table[name].to_numpy(dtype=np.float32))
    origin, dest = table.origin.cat, table.dest.cat
    routes = origin.codes.to_numpy().astype(np.float32) * len(dest.categories)
    columns.append(routes + dest.codes.to_numpy())
    return np.column_stack(columns)


def read(path, kinds):
    import pandas as pd

    table = pd.read_parquet(path, columns=FEATURES)
    return table.astype(kinds)


def peer(folder, depth):
    """The times of scikit-learn, in a process of its own."""
    import numpy as np
    import pandas as pd
    from sklearn.ensemble import RandomForestClassifier

    small = pd.read_parquet(folder / "train.parquet")
    kinds = {name: pd.CategoricalDtype(sorted(small[name].dropna().unique())) for name in CATEGORIES}
    forest = RandomForestClassifier(TREES, max_depth=depth, random_state=1, n_jobs=os.cpu_count())
    forest.fit(np.nan_to_num(coded(small.astype(kinds)), nan=-1), small.cancelled)
    start = time.perf_counter()
    x = np.nan_to_num(coded(read(folder / "rows.parquet", kinds)), nan=-1)
    middle = time.perf_counter()
    predicted = forest.predict_proba(x)
    alone = time.perf_counter() - middle
    pd.DataFrame(predicted).to_parquet(folder / "theirs.parquet")
    whole = time.perf_counter() - start
    print(json.dumps({"predict_proba": alone, "whole": whole}))


def write_rows(folder, rows):
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pd.read_parquet(HERE / "data" / "flights.parquet")
    table = table[[*FEATURES, "cancelled"]]
    table.to_parquet(folder / "train.parquet", index=False)
    one = pa.Table.from_pandas(table[FEATURES], preserve_index=False)
    with pq.ParquetWriter(folder / "rows.parquet", one.schema) as writer:
        left = rows
        while left > 0:
            writer.write_table(one.slice(0, min(left, len(one))))
            left -= len(one)


def section(kept):
    """The section of RESULTS.md."""
    import statistics

    from results import megabytes, seconds, table

    machine, rows = kept["machine"], []
    for depth, case in kept["depths"].items():
        median = {name: statistics.median(walls) for name, walls in case["times"].items()}
        theirs, ours = (megabytes(case["peaks"][side]) for side in ("scikit-learn", "fanout"))
        named = "no limit" if depth == "none" else depth
        for what, name, memory in (
            ["`predict_proba` alone", "predict_proba", ""],
            ["reading, coding, predicting, writing", "whole", theirs],
            ["`fanout predict`: the same", "fanout", ours],
        ):
            times = f"{median[name] / median['fanout']:.1f}"
            rows.append([named, what, seconds(median[name]), times, memory])
    rounds = min(len(case["times"]["fanout"]) for case in kept["depths"].values())
    return (
        "## Predictions\n\n"
        f"`bench/predict.py`: {kept['rows']:,} rows of {len(FEATURES) + 1} features,\n"
        f"{len(CATEGORIES) + 1} of them categories, through forests of {TREES} trees, probabilities\n"
        "written as Parquet.\n"
        f"Medians of {rounds} rounds, the sides in turn, on\n"
        f"{machine['cores']} cores; memory in a run of its own. The categories are codes for\n"
        "scikit-learn, made once it has read the file; `fanout` reads them as texts.\n\n"
        + table(["depth", "", "time", "times ours", "memory"], rows)
        + f"\n{machine['cpu']}, Python {machine['python']}.\n"
    )


def compared(folder, depth, rounds):
    """The times and peaks of both sides."""
    import measure

    binary = ROOT / "target" / "release" / "fanout"
    cores = os.cpu_count()
    dataset = {"source": str(folder / "train.parquet"), "target": "cancelled"}
    dataset["features"] = [*FEATURES, ROUTE]
    plan = folder / "plan.json"
    plan.write_text(json.dumps({**plan_of(DEPTHS[depth]), "dataset": dataset}))
    out = folder / f"out-{depth}"
    run = [binary, "run", plan, "--store", "memory://", "--output", out, "-q"]
    subprocess.run(run, check=True, capture_output=True)
    ours = [binary, "predict", out / "model.fanout", folder / "rows.parquet"]
    ours += ["-o", folder / "ours.parquet", "--probabilities", "--workers", str(cores)]
    theirs = [sys.executable, __file__, "--peer", folder, "--depths", depth]
    times = {"fanout": [], "cpu": [], "predict_proba": [], "whole": []}
    for _ in range(rounds):
        measured, _ = measure.run(ours)
        times["fanout"].append(measured["wall"])
        times["cpu"].append(measured["cpu"])
        _, told = measure.run(theirs)
        for name, seconds in told.items():
            times[name].append(seconds)
        print({name: f"{seconds[-1]:.2f}" for name, seconds in times.items()}, flush=True)
    peaks = {
        "fanout": measure.run(ours, sample=True)[0]["peak_memory"],
        "scikit-learn": measure.run(theirs, sample=True)[0]["peak_memory"],
    }
    print({name: f"{peak / 1e6:.0f} MB" for name, peak in peaks.items()}, flush=True)
    return {"times": times, "peaks": peaks}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--depths", nargs="+", choices=list(DEPTHS), default=list(DEPTHS))
    parser.add_argument("--peer", type=pathlib.Path)
    parser.add_argument("--scratch", action="store_true", help="keep no figures")
    arguments = parser.parse_args()
    if arguments.peer:
        return peer(arguments.peer, DEPTHS[arguments.depths[0]])
    from tables import machine

    kept = {"rows": arguments.rows, "depths": {}, "machine": machine(os.cpu_count())}
    if KEPT.exists():
        # Those of other depths stay.
        before = json.loads(KEPT.read_text())
        if all(before[name] == kept[name] for name in ["rows", "machine"]):
            kept = before
    with tempfile.TemporaryDirectory(prefix="fanout-bench-") as folder:
        folder = pathlib.Path(folder)
        write_rows(folder, arguments.rows)
        for depth in arguments.depths:
            kept["depths"][depth] = compared(folder, depth, arguments.rounds)
    if not arguments.scratch:
        KEPT.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
