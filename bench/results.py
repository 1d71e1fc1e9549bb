"""Writes RESULTS.md, and README.md's figures, from what run.py kept. Pure."""

import math
import statistics
import textwrap

import agree
import bars
import big
import boosting
import boosting_tables
import boosting_why
import ensemble
import estimators
import predict
import python
import sandbox
import tables
import targets

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


def times_native(found):
    """The ratio of each round, whose two sides ran one after the other."""
    return [guest / native for guest, native in zip(found["guest"], found["native"])]


def tax(kept):
    text = """Three fits of 10 trees, depth 10, on two thirds of the flights each: opening the
dataset, binning it, fitting and scoring, on one core. The native program
(`guest/trees/examples/native.rs`) is the same code with the same optimisation,
for processors with 128-bit vectors like WebAssembly's (x86-64-v2); the sandbox's
time includes its checks of deadlines. The scores are the same bits. The ratio is
the median of those of the rounds, in which one side runs right after the other;
it depends on the processor, so that what earlier builds took on others stays here."""
    rows = []
    here = {kept["machine"]["cpu"]: kept["found"]}
    for cpu, found in {**here, **kept["elsewhere"]}.items():
        ratios = times_native(found)
        build = "" if cpu in here else ", an earlier build"
        cells = [f"{cpu}, {len(ratios)} rounds{build}"]
        for side in ("native", "guest"):
            times = found[side]
            cells.append(seconds(statistics.median(times)))
            cells.append(f"{seconds(min(times))} to {seconds(max(times))}")
        cells += [f"{statistics.median(ratios):.2f}", f"{min(ratios):.2f} to {max(ratios):.2f}"]
        rows.append(cells)
    header = ["processor", "built natively", "range", "in the sandbox", "range"]
    header += ["times native", "range"]
    return f"## The tax of WebAssembly\n\n{text}\n\n" + table(header, rows)


def overhead(found):
    rows = []
    for name, one in found.items():
        wall = statistics.median(one["walls"])
        memory = megabytes(one["peak_memory"]) if "peak_memory" in one else "not measured"
        walls, tasks = one["walls"], one["tasks"]
        span = f"{seconds(min(walls))} to {seconds(max(walls))}" if len(walls) > 1 else "one run"
        a_task = f"{wall / tasks * 1e6:.0f} µs"
        rows.append([NAMES[name], f"{tasks:,}", seconds(wall), span, a_task, memory])
    header = ["", "tasks", "wall", "range", "a task", "memory"]
    text = "A search over a trainer that does nothing (`DummyClassifier`), two folds, 1,599 rows.\n"
    text += "fanout: 100,000 candidates, every result kept in the store and all written as\n"
    text += "`cv_results`. The peers: fewer candidates, since as many would take them minutes. Last,\n"
    text += "for comparison, what joblib alone takes to call a function that does nothing."
    return f"## What a task costs\n\n{text}\n\n" + table(header, rows)


def scale(found):
    tasks, peer_tasks = found["tasks"], found["peer_tasks"]
    titles = {"fanout": "fanout over NATS", "dask": "Dask", "ray": "Ray"}
    sides = [name for name in titles if name in found]
    header = ["workers", *(titles[name] for name in sides), "Dask's in fanout's"]
    rows = []
    # In a JSON object every key is a text.
    for workers in found["fanout"]:
        each = {
            name: found[name][workers] / (tasks if name == "fanout" else peer_tasks)
            for name in sides
        }
        cells = [f"{each[name] * 1e6:.0f} µs, {1 / each[name]:,.0f} a second" for name in sides]
        rows.append([workers, *cells, f"{each['dask'] / each['fanout']:.1f}"])
    waiting = found["waiting"]
    return (
        "## Workers on a queue\n\n"
        + f"{tasks:,} tasks that do nothing, by so many worker processes on this machine, workers and\n"
        + "servers up before the clock starts; one round. Of fanout it is the whole process\n"
        + "`fanout run` and every result kept in the store (a folder); of Dask and Ray, calls of a\n"
        + "function that returns its argument, from the first submission to the last result,\n"
        + f"{peer_tasks:,} of them, since as many would take them long.\n\n"
        + table(header, rows)
        + f"\n{waiting['workers']} workers whose tasks only wait for {waiting['wait']} s each, "
        + f"{waiting['tasks']:,} tasks: {seconds(waiting['seconds'])},\n"
        + f"{waiting['efficiency']:.1%} of the ideal.\n"
    )


# By the name of the program whose JSON file has the figures, in the order of the sections.
APART = {
    "estimators": lambda found: estimators.section(found["estimators"]),
    "predict": lambda found: predict.section(found["predict"]),
    "ensemble": lambda found: ensemble.section(found["ensemble"]),
    "targets": lambda found: targets.section(found["targets"]),
    "python": lambda found: python.section(found["python"]),
    "sandbox": lambda found: sandbox.section(found["sandbox"]),
    "tables": lambda found: tables.section(found["tables"]),
    "boosting_tables": lambda found: boosting_tables.section(found["boosting_tables"]),
    "boosting_why": lambda found: boosting_why.section(
        found["boosting_why"], found["boosting_tables"]
    ),
    "agree": lambda found: agree.section(found["agree"]),
    "big": lambda found: big.section(found["big"]),
}


def render(kept, apart):
    """RESULTS.md; `apart` is what the programs of `APART` kept, by their names."""
    sections = {
        "flights": lambda found: compare("Flights: 336,776 rows, 75 fits", found),
        "small": lambda found: compare("Small: 1,599 rows, 144 fits", found),
        "bars": bars.section,
        "boosting": boosting.section,
        "boosting_big": boosting.big_section,
        "quality": quality,
        "tax": lambda _: tax(kept["tax"]),
        "overhead": overhead,
        "scale": scale,
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
    parts += [section(apart) for name, section in APART.items() if name in apart]
    return "\n".join(parts)


MARKS = ("<!-- figures: written by bench/run.py -->", "<!-- figures end -->")


def put_into(readme, kept):
    """The text of README.md with the present figures between its marks."""
    before, rest = readme.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    return f"{before}{MARKS[0]}\n{figures(kept)}{MARKS[1]}{after}"


def figures(kept):
    """The figures in brief."""
    rows = []
    titles = {
        "flights": "flights: 336,776 rows, 75 fits",
        "small": "small: 1,599 rows, 144 fits",
    }
    for name, title in titles.items():
        found = kept[name]["found"]
        loky, dask = (statistics.median(found[peer]["walls"]) for peer in ("loky", "dask"))
        memory = megabytes(found["loky"]["peak_memory"])
        for ours, is_first in [("fanout", True), ("fanout_alone", False)]:
            wall = statistics.median(found[ours]["walls"])
            mine = megabytes(found[ours]["peak_memory"])
            rows.append(
                [
                    title if is_first else "the same, `families: off`",
                    seconds(loky) if is_first else "",
                    seconds(dask) if is_first else "",
                    seconds(wall),
                    f"{loky / wall:.1f}",
                    f"{mine}, joblib {memory}" if is_first else mine,
                ]
            )
    if "boosting" in kept:
        rows.append(boosting.readme_row(kept["boosting"]["found"]))
    header = ["search", "scikit-learn, joblib", "scikit-learn, Dask", "`fanout`"]
    header += ["times joblib", "memory"]
    flights, small = (kept[name]["found"] for name in titles)
    score = lambda found, name: "{mean:.3f} ± {std:.3f}".format(**found[name]["best"])
    mean = lambda plan, name: statistics.mean(kept["quality"]["found"][plan][name]["means"])
    sentences = [
        f"Medians of {len(flights['fanout']['walls'])} rounds on"
        f" {kept['flights']['machine']['cores']} cores; the best scores agree: ROC AUC"
        f" {score(flights, 'fanout')} against {score(flights, 'loky')}, accuracy"
        f" {score(small, 'fanout')} against {score(small, 'loky')}. Means over ten seeds: ROC AUC"
        f" {mean('quality_flights', 'fanout'):.4f} against"
        f" {mean('quality_flights', 'loky'):.4f} on the flights (depth 10, 50 trees), accuracy"
        f" {mean('quality_digits', 'fanout'):.3f} against"
        f" {mean('quality_digits', 'loky'):.3f} on the digits."
    ]
    if "tax" in kept and kept["tax"]["found"]["native"]:
        ratio = lambda found: statistics.median(times_native(found))
        others = "".join(
            f"; an earlier build, {cpu}: {ratio(found):.2f}"
            for cpu, found in kept["tax"]["elsewhere"].items()
        )
        sentences.append(
            f"The sandbox takes {ratio(kept['tax']['found']):.2f} times as long as the same code"
            f" built natively ({kept['tax']['machine']['cpu']}{others})."
        )
    if "bars" in kept:
        sentences.append(bars.sentence(kept["bars"]["found"]))
    if "boosting" in kept:
        sentences.append(boosting.sentence(kept["boosting"]["found"]))
    if "overhead" in kept:
        one = kept["overhead"]["found"]["fanout"]
        wall = statistics.median(one["walls"])
        sentences.append(
            f"A task that does nothing takes {wall / one['tasks'] * 1e6:.0f} µs"
            f" ({one['tasks']:,} of them; {megabytes(one['peak_memory'])})."
        )
    return table(header, rows) + "\n" + textwrap.fill(" ".join(sentences), 79) + "\n"
