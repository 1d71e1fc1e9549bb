#!/usr/bin/env python3
"""Measures fanout on a table of 5 million rows and 30 columns in a CSV file.

    python3 bench/big.py                     makes the table, measures, removes it
    python3 bench/big.py --rows 500000       the same with a smaller table
    python3 bench/big.py --before PATH       beside an older binary

The figures are kept in big.json, and BIG.md is written from there. Nothing
else should run on the machine meanwhile. The table (about 1 GB) and the
stores are in a temporary folder that is removed.

Memory is the process's own greatest resident set, as the kernel counts it.
"""

import argparse
import csv
import io
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
KEPT = HERE / "big.json"
CHUNK = 50_000


def say(text):
    print(text, file=sys.stderr, flush=True)


def chunk(number, rows):
    """Some rows as CSV: whole numbers, reals of few and of many digits,
    categories of few and of many values, quoted texts, dates, truth values,
    and one value in twenty missing."""
    pick = random.Random(number)
    shops = [f"shop {at}" for at in range(300)]
    towns = [f"town-{at:04}" for at in range(5000)]
    kinds = ["new", "used", "broken, sold", "lost"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in range(rows):
        base = pick.random()
        reals = [round(pick.gauss(base, 1), 2) for _ in range(6)]
        wide = [pick.random() * (at + 1) for at in range(4)]
        whole = [
            number * CHUNK + row,
            int(base * 100),
            pick.randrange(24),
            pick.randrange(60),
            int(pick.expovariate(0.01)),
            pick.randrange(-1000, 1000),
            pick.randrange(10**12),
            pick.randrange(2),
        ]
        day = f"20{pick.randrange(20, 26)}-{pick.randrange(1, 13):02}-{pick.randrange(1, 29):02}"
        at = f"{day}T{pick.randrange(24):02}:{pick.randrange(60):02}:{pick.randrange(60):02}"
        texts = [pick.choice(kinds), pick.choice(shops), pick.choice(towns), pick.choice("ABCDE")]
        other = [day, at, pick.choice(["true", "false"]), f"{pick.randrange(40)} days"]
        values = [*whole, *reals, *wide, *texts, *other]
        values += [round(pick.random(), 3), pick.randrange(7), pick.choice("xyz")]
        for _ in range(2):
            values[pick.randrange(1, len(values))] = ""
        score = base + 0.1 * whole[7] + 0.05 * pick.gauss(0, 1)
        writer.writerow([*values, "yes" if score > 0.9 else "no"])
    return text.getvalue()


NAMES = [
    *["id", "percent", "hour", "minute", "waits", "balance", "account", "member"],
    *[f"near{at}" for at in range(6)],
    *[f"wide{at}" for at in range(4)],
    *["kind", "shop", "town", "grade"],
    *["day", "at", "open", "age"],
    *["share", "weekday", "letter"],
    "bought",
]


def make(path, rows):
    """Writes the table, by all cores. The same bytes every time."""
    from concurrent.futures import ProcessPoolExecutor

    numbers = range((rows + CHUNK - 1) // CHUNK)
    sizes = [min(CHUNK, rows - number * CHUNK) for number in numbers]
    with open(path, "w") as file, ProcessPoolExecutor() as pool:
        file.write(",".join(NAMES) + "\n")
        for text in pool.map(chunk, numbers, sizes):
            file.write(text)


PLAN = """name: big
dataset: {{source: {source}, target: bought, positive: "yes", drop: [id]}}
trainer: {{name: random_forest, params: {{random_state: 1}}}}
search:
  method: grid
  params: {{n_estimators: [5, 10], max_depth: [6, 10]}}
cv: {{method: k_fold, n_splits: 2}}
scoring: [roc_auc]
refit: false
limits: {{memory: 2GiB, timeout: 30m}}
"""


def run(command, cores=None):
    """A command's wall time, CPU time and greatest memory."""
    pin = (lambda: os.sched_setaffinity(0, range(cores))) if cores else None
    started = time.perf_counter()
    output = tempfile.TemporaryFile()
    process = subprocess.Popen(
        [str(part) for part in command], preexec_fn=pin, stdout=output, stderr=subprocess.STDOUT
    )
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    output.seek(0)
    text = output.read().decode(errors="replace")
    if status != 0:
        raise RuntimeError(f"{command} ended with {status}:\n{text[-2000:]}")
    spent = used.ru_utime + used.ru_stime
    return {"wall": wall, "cpu": spent, "memory": used.ru_maxrss * 1024}, text


def machine(binary):
    cpu = next(
        line.split(":", 1)[1].strip()
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    version = subprocess.run([binary, "--version"], stdout=subprocess.PIPE, text=True)
    return {"cpu": cpu, "cores": os.cpu_count(), "fanout": version.stdout.strip()}


def measure(arguments, folder):
    table = folder / "big.csv"
    started = time.perf_counter()
    make(table, arguments.rows)
    size = table.stat().st_size
    say(f"{arguments.rows} rows, {size / 1e6:.0f} MB, made in {time.perf_counter() - started:.0f} s")
    plan = folder / "big.yaml"
    plan.write_text(PLAN.format(source=table))
    kept = {"rows": arguments.rows, "bytes": size, "check": {}, "run": {}}
    kept["machine"] = machine(arguments.fanout)
    binaries = {"now": arguments.fanout}
    if arguments.before:
        binaries = {"before": arguments.before.resolve(), **binaries}
    for name, binary in binaries.items():
        for cores in sorted({1, os.cpu_count()}):
            rounds = [run([binary, "check", plan], cores)[0] for _ in range(arguments.rounds)]
            kept["check"][f"{name}, {cores}"] = rounds
            say(f"check, {name}, {cores} core(s): {rounds}")
    for source in ["flights", "big"]:
        path = plan if source == "big" else HERE / "plans" / "flights.yaml"
        if not path.exists() or (source == "flights" and not (HERE / "data").exists()):
            continue
        for workers in [1, 2]:
            store = folder / f"store-{source}-{workers}"
            command = [arguments.fanout, "run", path, "--store", f"file://{store}"]
            command += ["--output", folder / "output", "--workers", workers, "--quiet"]
            measured, text = run(command)
            [dataset] = store.glob("datasets/*/dataset.parquet")
            measured["dataset"] = dataset.stat().st_size
            kept["run"][f"{source}, {workers}"] = measured
            say(f"run, {source}, {workers} worker(s): {measured}")
            shutil.rmtree(store)
    return kept


def table(header, rows):
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def render(kept):
    machine = kept["machine"]
    size = kept["bytes"]
    text = "# A large table\n\n"
    text += "Written by `bench/big.py`, which says what the table is; the raw figures are in\n"
    text += f"`bench/big.json`. {kept['rows']:,} rows x {len(NAMES)} columns, "
    text += f"{size / 1e6:,.0f} MB of CSV.\n{machine['cpu']}, {machine['cores']} cores, "
    text += f"{machine['fanout']}.\n\n"
    text += "## Reading it\n\n"
    text += "`fanout check`: the CSV file is parsed, its categories coded, every column watched\n"
    text += "for what gives the target away, the dataset written as Parquet and digested. The\n"
    text += "best of the rounds.\n\n"
    rows = []
    for name, rounds in kept["check"].items():
        best = min(rounds, key=lambda one: one["wall"])
        rows.append([
            f"{name} core(s)",
            f"{best['wall']:.1f} s",
            f"{size / best['wall'] / 1e6:.0f} MB/s",
            f"{best['cpu']:.1f} s",
            f"{max(one['memory'] for one in rounds) / 1e6:.0f} MB",
        ])
    text += table(["", "wall", "of CSV", "CPU", "memory"], rows)
    text += "\n## Searching it\n\n"
    text += "`fanout run`: a random forest of 10 trees of depth 10, two folds; and the flights of\n"
    text += "`bench/plans/flights.yaml`. Every worker is an instance of the guest with a memory of\n"
    text += "its own: it holds the dataset's Parquet file and the binned columns.\n\n"
    rows = [
        [
            f"{name} worker(s)",
            f"{one['wall']:.1f} s",
            f"{one['memory'] / 1e6:.0f} MB",
            f"{one['dataset'] / 1e6:.0f} MB",
        ]
        for name, one in kept["run"].items()
    ]
    text += table(["", "wall", "memory", "dataset"], rows)
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fanout", type=pathlib.Path, default=ROOT / "target/release/fanout")
    parser.add_argument("--before", type=pathlib.Path, help="an older binary, to compare with")
    parser.add_argument("--make", type=pathlib.Path, help="write the table here, measure nothing")
    parser.add_argument("--render", action="store_true", help="write BIG.md, measure nothing")
    arguments = parser.parse_args()
    arguments.fanout = arguments.fanout.resolve()
    if arguments.make:
        make(arguments.make, arguments.rows)
        return
    if not arguments.render:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="fanout-big-"))
        try:
            kept = measure(arguments, folder)
        finally:
            shutil.rmtree(folder)
        KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    (HERE / "BIG.md").write_text(render(json.loads(KEPT.read_text())))
    say("wrote bench/BIG.md")


if __name__ == "__main__":
    main()
