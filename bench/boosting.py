"""Gradient boosting beside LightGBM and scikit-learn: single fits, a search and a large
table.

Used by run.py, sections `boosting` (fits and the search) and `boosting_big`.

- Fits: 100 rounds of 31 leaves on two thirds of the flights, one core. Of the peers
  (boosting_peer.py) the construction of LightGBM's dataset, the training, and the
  predictions of the other rows and the score, apart; of fanout a third of a whole
  process of three fits, natively and in the sandbox. The least of the splits and rounds
  counts.
- The search: plans/flights_boosting.yaml, 270 fits. Whole processes, as in bars.py.
- The large table: two folds of big.py's, 2,000,000 rows, from its CSV file.

Times are those of processors, which other load on the machine changes least: a fit has
one core, and in the search both sides keep all cores busy. The bar of a fit compares
what is most against us: all that fanout does, from the start of the process to the
score, with LightGBM's construction and training alone.
"""

import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
ROUNDS = 5
REPEATS = 4
LARGE, LARGE_ROUNDS = 2_000_000, 2

# A fit's time in LightGBM's, at most; times as fast in the search, at least.
NATIVE, SANDBOX = 1.0, 1.3
SEARCH = {"lightgbm": 8, "scikit-learn": 12}
NAMES = {"lightgbm": "LightGBM", "scikit-learn": "scikit-learn"}

# The greatest difference of a candidate's mean score, relative to scores above 1. Each
# library divides categories by rules of its own, and each rounds in its own way.
TOLERANCES = {"roc_auc": 0.01, "neg_log_loss": 0.005}


def fits(bench, say):
    """Processor seconds of single fits of each side, those of all rounds and splits."""
    from measure import run
    from run import native_arguments

    found = {"lightgbm": [], "scikit-learn": [], "native": [], "guest": []}
    for _ in range(ROUNDS):
        for library in NAMES:
            command = [sys.executable, HERE / "boosting_peer.py", "fit", library, "--jobs", 1]
            _, result = run(command)
            found[library] += result["splits"]
        measured, ours, folder = bench.fanout("boosting_fit", workers=1)
        splits = ours["splits"]
        found["guest"].append(measured["cpu"] / splits)
        files = native_arguments(folder / "store", splits, "boosting_fit")
        measured, told = run([bench.native, *files])
        found["native"].append(measured["cpu"] / splits)
        shutil.rmtree(folder)
        scores = [ours["cv_results"][f"split{n}_test_roc_auc"][0] for n in range(splits)]
        theirs = [answer["scores"][0]["test"]["roc_auc"] for answer in told["answers"]]
        # The same code gives the same bits, or the comparison says nothing.
        assert scores == theirs, (scores, theirs)
        say(", ".join(f"{side} {one['all']:.2f} s" for side, one in totals(found).items()))
    scores = {name: [one["roc_auc"] for one in found[name]] for name in NAMES} | {"fanout": scores}
    found["scores"] = {name: statistics.mean(values) for name, values in scores.items()}
    return {"rows": result["rows"], "columns": result["columns"], **found}


def totals(found):
    """By side: the least seconds of what is compared, and of its parts where they are
    known."""
    sums = {}
    for side in NAMES:
        ones = found[side]
        constructed = min(one["constructed"] or 0.0 for one in ones)
        fitted = min(one["fitted"] for one in ones)
        scored = min(one["scored"] - one["fitted"] for one in ones)
        parts = [constructed, fitted - constructed, scored]
        sums[side] = {"parts": parts, "all": fitted}
    return sums | {side: {"parts": None, "all": min(found[side])} for side in ["native", "guest"]}


def search(bench, say):
    """The search of each side; fanout before and after each peer."""
    from bars import differences, fast
    from measure import run

    name = "flights_boosting"
    # Compiles the guests and fills the file cache.
    _, _, folder = bench.fanout(name)
    shutil.rmtree(folder)
    runs, _ = fast(bench, name, REPEATS // 2, say)
    peers = {}
    for library, title in NAMES.items():
        command = [sys.executable, HERE / "boosting_peer.py", "search", library]
        measured, result = run([*command, "--jobs", bench.jobs], coarse=True)
        say(f"{name}, {title}: {measured['wall']:.0f} s, {measured['cpu']:.0f} s CPU")
        peers[library] = {**measured, "result": result}
    more, result = fast(bench, name, REPEATS - REPEATS // 2, say)
    sampled, _, folder = bench.fanout(name, sample=True)
    shutil.rmtree(folder)
    runs += more
    return {
        "fits": result["fits"]["served"],
        "made": result["fits"]["made"],
        "fanout": {
            "walls": [one["wall"] for one in runs],
            "cpus": [one["cpu"] for one in runs],
            **sampled,
        },
        "peers": {
            library: {
                **{key: value for key, value in one.items() if key != "result"},
                "scores": differences(result, one["result"])["hist_gradient_boosting"],
            }
            for library, one in peers.items()
        },
    }


def times(found, library):
    """By how much fanout is faster in the search, by processor time."""
    return found["peers"][library]["cpu"] / statistics.median(found["fanout"]["cpus"])


def measure(bench, say):
    return {"fit": fits(bench, say), "search": search(bench, say)}


PLAN = """name: big
dataset: {{source: {source}, target: bought, positive: "yes", drop: [id]}}
trainer: {{name: hist_gradient_boosting, params: {{early_stopping: false, random_state: 1}}}}
cv: {{method: k_fold, n_splits: 2}}
scoring: [roc_auc]
refit: false
limits: {{memory: 2GiB, timeout: 30m}}
"""


def measure_big(bench, say):
    import big

    folder = pathlib.Path(tempfile.mkdtemp(prefix="fanout-boosting-"))
    try:
        table = folder / "big.csv"
        big.make(table, LARGE)
        say("made the large table")
        plan, output = folder / "big.yaml", folder / "output"
        plan.write_text(PLAN.format(source=table))
        peer = [sys.executable, HERE / "boosting_peer.py", "big", "lightgbm"]
        peer += ["--table", table, "--jobs", bench.jobs]
        one = [*peer[:-1], 1]
        found = {"bytes": table.stat().st_size, "fanout": [], "lightgbm": [], "one_thread": []}
        for number in range(LARGE_ROUNDS):
            command = [bench.binary, "run", plan, "--store", f"file://{folder}/{number}"]
            command += ["--output", output, "--workers", bench.jobs]
            found["fanout"].append(big.run(command))
            found["lightgbm"].append(big.run([*peer, "--output", folder / "peer.json"]))
            found["one_thread"].append(big.run(one))
            say(", ".join(f"{side} {found[side][-1]}" for side in list(found)[1:]))
        ours = json.loads((output / "cv_results.json").read_text())
        theirs = json.loads((folder / "peer.json").read_text())
        found["roc_auc"] = {
            "fanout": ours["mean_test_roc_auc"][0],
            "lightgbm": theirs["roc_auc"],
        }
        return {**found, "rows": theirs["rows"], "columns": theirs["columns"]}
    finally:
        shutil.rmtree(folder)


def disagreements(found):
    """What lies beyond the tolerances, as lines of text."""
    return [
        f"flights_boosting, {NAMES[library]}: {metric} differs by {one['greatest']:.2g}"
        for library, peer in found["search"]["peers"].items()
        for metric, one in peer["scores"].items()
        if one["greatest"] > TOLERANCES[metric]
    ]


def readme_row(found):
    """The search's row of README.md."""
    from results import megabytes, seconds

    search = found["search"]
    cpu = {name: search["peers"][name]["cpu"] for name in NAMES}
    factors = {name: times(search, name) for name in NAMES}
    return [
        f"gradient boosting, {search['fits']} fits, CPU time",
        seconds(cpu["scikit-learn"]),
        "",
        seconds(statistics.median(search["fanout"]["cpus"])),
        f"{factors['scikit-learn']:.1f}",
        megabytes(search["fanout"]["peak_memory"]),
    ]


def sentence(found):
    """The factors in brief."""
    search = found["search"]
    sums = totals(found["fit"])
    return (
        f"In the search by gradient boosting, LightGBM under joblib takes"
        f" {times(search, 'lightgbm'):.1f} times fanout's processor time; a single fit takes"
        f" {sums['native']['all'] / sums['lightgbm']['all']:.2f} of LightGBM's time natively and"
        f" {sums['guest']['all'] / sums['lightgbm']['all']:.2f} in the sandbox."
    )


def section(found):
    """The section of RESULTS.md."""
    from results import megabytes, seconds, table

    fit, search = found["fit"], found["search"]
    sums = totals(fit)
    theirs = sums["lightgbm"]["all"]
    titles = {**NAMES, "native": "fanout, natively", "guest": "fanout, in the sandbox"}
    bars = {"native": NATIVE, "guest": SANDBOX}
    rows = []
    for side, one in sums.items():
        score = fit["scores"][side if side in NAMES else "fanout"]
        share, bar = one["all"] / theirs, bars.get(side)
        rows.append(
            [
                titles[side],
                *(seconds(part) if part else "in it" for part in one["parts"] or []),
                *([] if one["parts"] else ["in it"] * 3),
                seconds(one["all"]),
                f"{share:.2f}",
                "" if bar is None else f"at most {bar}",
                "" if bar is None else "yes" if share <= bar else "**no**",
                f"{score:.4f}",
            ]
        )
    header = ["", "construction", "training", "predictions, score", "compared"]
    header += ["in LightGBM's", "bar", "met", "ROC AUC"]
    text = (
        f"`bench/boosting.py`. A fit of 100 rounds of 31 leaves on {fit['rows']:,} rows of "
        f"{fit['columns']} columns, one core, processor time; the least of three splits and "
        f"{ROUNDS} rounds, the sides in turn. Compared are LightGBM's construction of its dataset "
        "and training, scikit-learn's `fit`, and of fanout a third of a whole process of three "
        "fits: the start, reading, binning, predictions and scores included."
    )
    result = f"## Gradient boosting\n\n{textwrap.fill(text, 100)}\n\n" + table(header, rows)

    ours = search["fanout"]
    cells = [
        "fanout",
        f"{search['fits']} by {search['made']}",
        seconds(statistics.median(ours["cpus"])),
        seconds(statistics.median(ours["walls"])),
        "1",
        *[""] * 4,
    ]
    rows, scores = [cells], []
    for library, title in NAMES.items():
        peer, factor = search["peers"][library], times(search, library)
        for metric, of in peer["scores"].items():
            scores.append(
                [
                    f"{title}, {metric}",
                    f"{of['loky']:.5f}",
                    f"{of['fanout']:.5f}",
                    f"{of['greatest']:.1e}",
                    f"{TOLERANCES[metric]:g}",
                ]
            )
        rows.append(
            [
                f"{title}, joblib-loky",
                f"{search['fits']}",
                seconds(peer["cpu"]),
                seconds(peer["wall"]),
                f"{factor:.1f}",
                f"{SEARCH[library]}",
                "yes" if factor >= SEARCH[library] else "**no**",
            ]
        )
    rows[0] = rows[0][:7]
    header = ["", "fits", "CPU", "wall", "times fanout's CPU", "bar", "met"]
    text = (
        "The search of `plans/flights_boosting.yaml`: 3 learning rates, 3 sizes of trees, 10 "
        "numbers of rounds, 3 folds; whole processes, two workers a side, one thread a fit. Both "
        "sides keep the cores busy, and processor times are compared: walls include what other "
        f"programs took. fanout's memory: {megabytes(ours['peak_memory'])}."
    )
    result += f"\n{textwrap.fill(text, 100)}\n\n" + table(header, rows)
    result += "\nThe best mean score of both sides, and the greatest difference of any candidate's:\n\n"
    header = ["", "theirs", "fanout", "greatest difference", "tolerance"]
    return result + table(header, scores)


def big_section(found):
    """The section of RESULTS.md on the large table."""
    from results import megabytes, seconds, table

    rows = []
    of = {"lightgbm": "lightgbm", "one_thread": "lightgbm", "fanout": "fanout"}
    titles = {"lightgbm": "LightGBM", "one_thread": "LightGBM, one thread", "fanout": "fanout"}
    for side, title in titles.items():
        walls, cpus, memory = (
            [one[key] for one in found[side]] for key in ("wall", "cpu", "memory")
        )
        cells = [title, seconds(min(walls)), seconds(min(cpus)), megabytes(max(memory))]
        rows.append([*cells, f"{found['roc_auc'][of[side]]:.4f}"])
    text = (
        f"Two fits of 100 rounds of 31 leaves on the halves of `bench/big.py`'s table, "
        f"{found['rows']:,} rows of {found['columns']} columns, {found['bytes'] / 1e6:,.0f} MB of "
        "CSV, each scored on the other half; whole processes, reading included (LightGBM: pandas "
        f"with its pyarrow engine, `cross_val_score`). All cores unless one thread is named; the "
        f"least of {len(found['fanout'])} run(s); memory is the greatest resident set. Other "
        "programs ran on the machine, and OpenMP's threads wait actively, so that LightGBM's "
        "processor time with several threads has waiting in it."
    )
    header = ["", "wall", "CPU", "memory", "ROC AUC"]
    return (
        f"## Gradient boosting of a large table\n\n{textwrap.fill(text, 100)}\n\n"
        + table(header, rows)
    )
