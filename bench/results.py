"""Writes RESULTS.md from the figures that run.py kept. Pure."""

import math
import statistics

NAMES = {
    "loky": "scikit-learn, joblib-loky",
    "dask": "scikit-learn, Dask",
    "fanout": "fanout",
    "fanout_alone": "fanout, `families: off`",
    "loky_empty": "bare calls, joblib-loky",
    "dask_empty": "bare calls, joblib on Dask",
}

HEAD = """# Measured

Written by `make bench` (`bench/run.py`); the plans are in `bench/plans`, the
raw figures in `bench/results.json`. Each row is a whole process, from its
start to its end: imports, reading the table, starting and stopping workers
included. All sides run the same search on the same rows and folds (a column
`fold` in the table), with as many workers, and none refits. The contenders
run in turn; a wall time is the median of the rounds. Each run of fanout has a
fresh store; what stays from run to run is its cache of compiled guests.
Memory is the greatest sum of the proportional set sizes of all processes of a
run, sampled every 20 ms in a run of its own; for fanout, the program's own
high-water mark where that is more.
"""


def table(header, rows):
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def seconds(value):
    return f"{value:.3f} s" if value < 1 else f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def megabytes(value):
    return f"{value / 1e6:.0f} MB"


def tried_on(machine):
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory'] / 2**30:.0f} GiB, "
        f"{machine['system']}; {machine['jobs']} workers a side; {machine['fanout']}, "
        f"Python {machine['python']}, {packages}.\n"
    )


def compare(title, found):
    base = statistics.median(found["loky"]["walls"])
    memory = found["loky"]["peak_memory"]
    rows = []
    for name, one in found.items():
        wall = statistics.median(one["walls"])
        best = one["best"]
        fits = f"{one['fits']}"
        if one.get("made") is not None:
            fits += f" by {one['made']}"
        rows.append(
            [
                NAMES[name],
                fits,
                seconds(wall),
                f"{seconds(min(one['walls']))} to {seconds(max(one['walls']))}",
                f"{base / wall:.1f}",
                seconds(statistics.median(one["cpus"])),
                megabytes(one["peak_memory"]),
                f"{one['peak_memory'] / memory:.2f}",
                f"{best['mean']:.4f} ± {best['std']:.4f}",
            ]
        )
    header = ["", "fits", "wall", "range", "times as fast as loky", "CPU", "memory"]
    header += ["of loky's", f"best {found['loky']['metric']}"]
    rounds = len(found["loky"]["walls"])
    return f"## {title}\n\nMedians of {rounds} round(s).\n\n" + table(header, rows)


def spread(values):
    """The mean and its standard error."""
    return statistics.mean(values), statistics.stdev(values) / math.sqrt(len(values))


def quality(found):
    rows = []
    titles = {
        "quality_flights": "flights, depth 10, 50 trees",
        "quality_digits": "digits, 100 trees",
    }
    for plan, one in found.items():
        theirs, their_error = spread(one["loky"]["means"])
        ours, our_error = spread(one["fanout"]["means"])
        error = math.hypot(their_error, our_error)
        rows.append(
            [
                f"{titles[plan]}: {one['loky']['metric']}",
                f"{theirs:.5f} ± {2 * their_error:.5f}",
                f"{ours:.5f} ± {2 * our_error:.5f}",
                f"{ours - theirs:+.5f}",
                f"{2 * error:.5f}",
                "yes" if ours >= theirs - 2 * error else "**no**",
            ]
        )
    header = ["", "scikit-learn", "fanout", "difference", "two standard errors of it"]
    header += ["as good or better"]
    text = "Means over 10 seeds of the mean over the folds, ± two standard errors."
    return f"## How good the forest is\n\n{text}\n\n" + table(header, rows)


def tax(found):
    guest = statistics.median(found["guest"])
    text = "Three fits of 10 trees, depth 10, on two thirds of the flights each: opening the\n"
    text += "dataset, binning it, fitting and scoring, on one core."
    rows = [["in the sandbox", seconds(guest), "not measured"]]
    if found["native"]:
        native = statistics.median(found["native"])
        text += " The scores are the same bits."
        rows[0][2] = f"{guest / native:.2f}"
        rows.insert(0, ["built natively", seconds(native), "1.00"])
    header = [f"median of {len(found['guest'])} round(s)", "time", "times native"]
    return f"## The tax of WebAssembly\n\n{text}\n\n" + table(header, rows)


def overhead(found):
    rows = []
    for name, one in found.items():
        wall = statistics.median(one["walls"])
        memory = megabytes(one["peak_memory"]) if "peak_memory" in one else "not measured"
        tasks = f"{one['tasks']:,}"
        rows.append([NAMES[name], tasks, seconds(wall), f"{wall / one['tasks'] * 1e6:.0f} µs", memory])
    header = ["", "tasks", "wall", "a task", "memory"]
    text = "A search over a trainer that does nothing (`DummyClassifier`), two folds, 1,599 rows.\n"
    text += "fanout: 100,000 candidates, every result kept in the store and all written as\n"
    text += "`cv_results`. The peers: fewer candidates, since as many would take them minutes. Last,\n"
    text += "for comparison, what joblib alone takes to call a function that does nothing."
    return f"## What a task costs\n\n{text}\n\n" + table(header, rows)


def render(kept):
    sections = {
        "flights": lambda found: compare("Flights: 336,776 rows, 75 fits", found),
        "small": lambda found: compare("Small: 1,599 rows, 144 fits", found),
        "quality": quality,
        "tax": tax,
        "overhead": overhead,
    }
    parts = [HEAD]
    machines = {name: kept[name]["machine"] for name in sections if name in kept}
    distinct = list({tried_on(machine) for machine in machines.values()})
    if len(distinct) == 1:
        parts.append(distinct[0])
    for name, render_section in sections.items():
        if name in kept:
            parts.append(render_section(kept[name]["found"]))
            if len(distinct) > 1:
                parts.append(tried_on(machines[name]))
    return "\n".join(parts)
