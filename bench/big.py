#!/usr/bin/env python3
"""Measures fanout on a table of 5 million rows and 30 columns in a CSV file.

    python3 bench/big.py                     makes the table, measures, removes it
    python3 bench/big.py --rows 500000       the same with a smaller table

The figures are kept in big.json; a section of RESULTS.md and the figures in
docs/data.md are written from there. Nothing else should run on the machine
meanwhile. The table (about 1 GB) and the stores are in a temporary folder that
is removed.

Memory is the process's own greatest resident set, as the kernel counts it.
"""

import argparse
import csv
import io
import itertools
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
SHOPS = [f"shop {at}" for at in range(300)]
TOWNS = [f"town-{at:04}" for at in range(5000)]
KINDS = ["new", "used", "broken, sold", "lost"]


def say(text):
    print(text, file=sys.stderr, flush=True)


def chunk(number, rows):
    """Some rows as CSV: whole numbers, reals of few and of many digits,
    categories of few and of many values, quoted texts, dates, truth values,
    and one value in twenty missing."""
    pick = random.Random(number)
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
        texts = [pick.choice(KINDS), pick.choice(SHOPS), pick.choice(TOWNS), pick.choice("ABCDE")]
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
    """A command's wall time, CPU time and greatest memory; and the same at the
    moment when it says that the dataset is in the store, where it does."""
    pin = (lambda: os.sched_setaffinity(0, range(cores))) if cores else None
    started = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        preexec_fn=pin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    told, stored = [], {}
    for line in process.stderr:
        told.append(line)
        if line.startswith("dataset:"):
            stored = {"stored_wall": time.perf_counter() - started}
            stored["stored_memory"] = high_water_mark(process.pid)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status != 0:
        raise RuntimeError(f"{command} ended with {status}:\n{''.join(told)[-2000:]}")
    spent = used.ru_utime + used.ru_stime
    return {"wall": wall, "cpu": spent, "memory": used.ru_maxrss * 1024, **stored}


def high_water_mark(process):
    """The greatest resident set of a process up to now."""
    for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("/proc tells no high-water mark")


def machine(binary):
    cpu = next(
        line.split(":", 1)[1].strip()
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    version = subprocess.run([binary, "--version"], stdout=subprocess.PIPE, text=True)
    return {"cpu": cpu, "cores": os.cpu_count(), "fanout": version.stdout.strip()}


def bound(rows, cores):
    """What docs/data.md says of the memory of reading the table."""
    labels = [*KINDS, *SHOPS, *TOWNS, *"ABCDE", *"xyz", "true", "false", "yes", "no"]
    labels += [f"{age} days" for age in range(40)] + ["2020-01-01"] * 2016
    text = sum(len(label) + 60 for label in labels)
    return (40 + 40 * cores + 160 + 60 << 20) + text + 28 * rows


def measure(arguments, folder):
    whole = arguments.table
    if not whole:
        whole = folder / "big.csv"
        started = time.perf_counter()
        make(whole, arguments.rows)
        say(f"made the table in {time.perf_counter() - started:.0f} s")
    size = whole.stat().st_size
    say(f"{arguments.rows} rows, {size / 1e6:.0f} MB")
    tenth = folder / "tenth.csv"
    with open(whole) as source, open(tenth, "w") as file:
        # The header too; no value of the table holds a line break.
        file.writelines(itertools.islice(source, arguments.rows // 10 + 1))
    plans = {}
    for name, source in [("tenth", tenth), ("big", whole)]:
        plans[name] = folder / f"{name}.yaml"
        plans[name].write_text(PLAN.format(source=source))
    kept = {"rows": arguments.rows, "bytes": size, "check": [], "run": []}
    kept["machine"] = machine(arguments.fanout)
    all_cores = os.cpu_count()
    for name, cores in [("tenth", all_cores), ("big", 1), ("big", all_cores)]:
        rows = arguments.rows // 10 if name == "tenth" else arguments.rows
        best = min(
            (
                run([arguments.fanout, "check", plans[name]], cores)
                for _ in range(arguments.rounds)
            ),
            key=lambda one: one["wall"],
        )
        read = (tenth if name == "tenth" else whole).stat().st_size
        found = {"rows": rows, "bytes": read, "cores": cores, "bound": bound(rows, cores), **best}
        kept["check"].append(found)
        say(f"check: {found}")
    for name in ["flights", "big"]:
        path = plans.get(name, HERE / "plans" / "flights.yaml")
        if name == "flights" and not (HERE / "data").exists():
            continue
        for workers in [1, 2]:
            store = folder / f"store-{name}-{workers}"
            command = [arguments.fanout, "run", path, "--store", f"file://{store}"]
            command += ["--output", folder / "output", "--workers", workers]
            found = {"table": name, "workers": workers, **run(command)}
            [dataset] = store.glob("datasets/*/dataset.parquet")
            found["dataset"] = dataset.stat().st_size
            if name == "big":
                found["bound"] = bound(arguments.rows, all_cores)
            kept["run"].append(found)
            say(f"run: {found}")
            shutil.rmtree(store)
    return kept


def table(header, rows):
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def section(kept):
    """Its part of RESULTS.md."""
    machine = kept["machine"]
    text = f"## A large table: {kept['rows']:,} rows, {len(NAMES)} columns\n\n"
    text += f"`bench/big.py`; the raw figures are in `bench/big.json`. {kept['bytes'] / 1e6:,.0f} MB"
    text += " of CSV with categories,\ntexts in quotes, dates and missing values. "
    text += f"{machine['cpu']}, {machine['cores']} cores, {machine['fanout']}. Memory is\n"
    text += "the process's greatest resident set (VmHWM), the bound that of docs/data.md.\n\n"
    return text + figures(kept)


def megabytes(value):
    return f"{value / 1e6:,.0f} MB"


def figures(kept):
    rows = []
    for one in kept["check"]:
        rows.append([
            f"`check`, {one['cores']} core{'s' * (one['cores'] > 1)}",
            f"{one['rows']:,}",
            f"{one['wall']:.1f} s",
            f"{one['bytes'] / one['wall'] / 1e6:.0f} MB/s",
            f"{one['cpu']:.1f} s",
            megabytes(one["memory"]),
            megabytes(one["bound"]),
        ])
    for one in kept["run"]:
        # Reading does not know how many workers there will be.
        if one["table"] == "big" and one["workers"] == 1:
            rows.append([
                f"`run`, until it is stored, {kept['machine']['cores']} cores",
                f"{kept['rows']:,}",
                f"{one['stored_wall']:.1f} s",
                f"{kept['bytes'] / one['stored_wall'] / 1e6:.0f} MB/s",
                "",
                megabytes(one["stored_memory"]),
                megabytes(one["bound"]),
            ])
    text = table(["reading", "rows", "wall", "of CSV", "CPU", "memory", "bound"], rows)
    text += "\nThen a search, whole runs with the reading: on the large table, a random forest of 10\n"
    text += "trees, depth 10, in two folds; on the flights, `bench/plans/flights.yaml`.\n\n"
    rows = []
    alone = {one["table"]: one["memory"] for one in kept["run"] if one["workers"] == 1}
    for one in kept["run"]:
        more = "" if one["workers"] == 1 else f"+{(one['memory'] - alone[one['table']]) / 1e6:,.0f} MB"
        rows.append([
            f"{one['table']}, {one['workers']} worker{'s' * (one['workers'] > 1)}",
            f"{one['wall']:.1f} s",
            megabytes(one["memory"]),
            more,
            megabytes(one["dataset"]),
        ])
    header = ["searching", "wall", "memory", "for the second worker", "dataset in the store"]
    return text + table(header, rows)


MARKS = ("<!-- figures: written by bench/big.py -->", "<!-- figures end -->")


def put_into(page, kept):
    """The text of a page with the present figures between its marks."""
    before, rest = page.split(MARKS[0])
    _, after = rest.split(MARKS[1], 1)
    return f"{before}{MARKS[0]}\n{figures(kept)}{MARKS[1]}{after}"


def write():
    """Writes the figures into RESULTS.md and docs/data.md."""
    import results

    kept = json.loads(KEPT.read_text())
    others = json.loads((HERE / "results.json").read_text())
    real = HERE / "tables.json"
    real = json.loads(real.read_text()) if real.exists() else None
    (HERE / "RESULTS.md").write_text(results.render(others, kept, real))
    page = ROOT / "docs" / "data.md"
    page.write_text(put_into(page.read_text(), kept))
    say("wrote bench/RESULTS.md and the figures in docs/data.md")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fanout", type=pathlib.Path, default=ROOT / "target/release/fanout")
    parser.add_argument("--make", type=pathlib.Path, help="write the table here, measure nothing")
    parser.add_argument("--table", type=pathlib.Path, help="this table, which --make wrote")
    parser.add_argument("--render", action="store_true", help="write the pages, measure nothing")
    arguments = parser.parse_args()
    if arguments.make:
        make(arguments.make, arguments.rows)
        return
    if not arguments.render:
        arguments.fanout = arguments.fanout.resolve()
        arguments.table = arguments.table and arguments.table.resolve()
        folder = pathlib.Path(tempfile.mkdtemp(prefix="fanout-big-"))
        try:
            kept = measure(arguments, folder)
        finally:
            shutil.rmtree(folder)
        KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    write()


if __name__ == "__main__":
    main()
