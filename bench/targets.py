#!/usr/bin/env python3
"""A search for each of 200 targets, beside scikit-learn's `MultiOutputClassifier` under
joblib and under Dask; writes targets.json, and `run.py --render` its section.

    python3 bench/targets.py                   200 targets: over an hour
    python3 bench/targets.py --targets 20      fewer, for a quick look
    python3 bench/targets.py --limit 35        stops a peer after 35 times our time

The table has 20,000 rows and 50 numbers (`make_classification`), and yes-or-no targets
that depend on some of these, with noise. Each side tries the article's 25 random
forests on 3 folds, for each target, fits the best on all rows, and says the best mean
ROC AUC of each; fanout writes the models to files. Whole
processes are measured from outside (measure.py): fanout REPEATS times, half of them
before the peers and half after them, and each peer once. A run of one target alone says
what memory that takes.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import textwrap

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from measure import run  # noqa: E402

ROWS, FEATURES, REPEATS = 20_000, 50, 4

PLAN = """
dataset: {{source: {table}, targets: [{targets}], features: [{features}]}}
trainer: {{name: random_forest, params: {{random_state: 10}}}}
search:
  params:
    n_estimators: {{range: [2, 10], step: 2}}
    max_depth: {{range: [2, 10], step: 2}}
cv: {{method: predefined_split, column: fold}}
scoring: [roc_auc]
refit: roc_auc
"""


def make(path, count):
    """The same numbers in every version of NumPy that has PCG64."""
    from sklearn.datasets import make_classification

    x, _ = make_classification(ROWS, FEATURES, n_informative=20, random_state=3)
    random = np.random.Generator(np.random.PCG64(11))
    columns = {f"x{index}": x[:, index].astype(np.float32) for index in range(FEATURES)}
    for target in range(count):
        some = random.choice(FEATURES, 6, replace=False)
        score = x[:, some] @ random.normal(size=6)
        score += 0.5 * x[:, some[0]] * x[:, some[1]] + random.normal(size=ROWS) * score.std()
        cut = np.quantile(score, random.uniform(0.5, 0.9))
        columns[f"y{target}"] = (score > cut).astype(np.int32)
    columns["fold"] = random.permutation(np.arange(ROWS) % 3).astype(np.int32)
    pq.write_table(pa.table(columns), path)


def section(kept):
    """The section of RESULTS.md."""
    from results import megabytes, seconds, table

    ours, peers = kept["fanout"], kept["peers"]
    any_stopped = any(one["cpu"] is None for one in peers.values())
    wall, cpu = (statistics.median(ours[name]) for name in ("walls", "cpus"))

    def row(name, one):
        is_stopped = one["cpu"] is None
        took = [seconds(one["wall"]), f"{one['wall'] / wall:.1f}"]
        if is_stopped:
            took = [f"> {text}" for text in took] + ["stopped", ""]
        else:
            took += [seconds(one["cpu"]), f"{one['cpu'] / cpu:.1f}"]
        best = "" if is_stopped else f"{one['mean_best']:.4f}"
        return [name, *took, megabytes(one["peak_memory"]), best]

    rows = [row(f"`MultiOutputClassifier`, {backend}", one) for backend, one in peers.items()]
    memory, best = megabytes(ours["peak_memory"]), f"{ours['mean_best']:.4f}"
    rows.append(["fanout", seconds(wall), "1.0", seconds(cpu), "1.0", memory, best])
    header = ["", "wall", "times ours", "CPU", "times ours", "memory", "mean best ROC AUC"]
    text = (
        f"`bench/targets.py`: a grid search of 25 forests on 3 folds and a refit for each of "
        f"{kept['targets']} targets, on {ROWS:,} rows of {FEATURES} numbers, {kept['jobs']} workers "
        f"a side; whole processes, fanout the median of {len(ours['walls'])} and each peer once. "
        f"With two targets alone fanout takes {megabytes(ours['peak_memory_of_two'])}. Load of the "
        f"machine at the end: {kept['load'][0]}."
        + (" A peer was stopped before its end." if any_stopped else "")
    )
    return f"## Many targets\n\n{textwrap.fill(text, 100)}\n\n{table(header, rows)}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--targets", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--fanout", default=HERE.parent / "target/release/fanout")
    parser.add_argument("--peers", nargs="*", default=["loky", "dask"])
    parser.add_argument("--limit", type=float, help="times our time, after which a peer is stopped")
    parser.add_argument("--out", default=HERE / "targets.json")
    args = parser.parse_args()
    names = [f"y{target}" for target in range(args.targets)]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        table = folder / "targets.parquet"
        make(table, args.targets)

        def fanout(targets, **how):
            plan = folder / "plan.yaml"
            features = ", ".join(f"x{index}" for index in range(FEATURES))
            plan.write_text(
                PLAN.format(table=table, targets=", ".join(targets), features=features)
            )
            made = pathlib.Path(tempfile.mkdtemp(dir=folder))
            command = [args.fanout, "run", plan, "--json", "-q", "--store", made / "store"]
            command += ["--output", made / "output", "--workers", str(args.jobs)]
            return run(command, cwd=folder, **how)

        # Compiles the guest and fills the file cache.
        fanout(names[:2])
        runs = [fanout(names) for _ in range(REPEATS // 2)]
        wall = statistics.median(measured["wall"] for measured, _ in runs)
        limit = args.limit and args.limit * wall
        peers = {}
        for backend in args.peers:
            command = [sys.executable, HERE / "targets_peer.py", table, backend]
            peers[backend] = run([*command, str(args.jobs)], coarse=True, limit=limit)
            print(f"{backend}: {peers[backend][0]['wall']:.1f} s", file=sys.stderr)
        runs += [fanout(names) for _ in range(REPEATS - REPEATS // 2)]
        memory, _ = fanout(names, sample=True)
        alone, _ = fanout(names[:2], sample=True)
    walls = [measured["wall"] for measured, _ in runs]
    wall = statistics.median(walls)
    best = [report["best"]["mean"] for report in runs[0][1]["targets"]]
    result = {
        "targets": args.targets,
        "jobs": args.jobs,
        "fanout": {
            "walls": walls,
            "cpus": [measured["cpu"] for measured, _ in runs],
            "peak_memory": memory["peak_memory"],
            "peak_memory_of_two": alone["peak_memory"],
            "mean_best": statistics.mean(best),
        },
        "peers": {
            backend: {
                "wall": measured["wall"],
                "cpu": measured["cpu"],
                "peak_memory": measured["peak_memory"],
                "mean_best": found and statistics.mean(found["best"]),
                "times": measured["wall"] / wall,
            }
            for backend, (measured, found) in peers.items()
        },
        "load": pathlib.Path("/proc/loadavg").read_text().split()[:3],
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True
        ).stdout.strip(),
    }
    pathlib.Path(args.out).write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
