"""The four searches whose factors over joblib are promised: `flights_delay`,
`flights_linear`, `neighbors`, `mixed`.

Used by run.py. fanout runs a search of plans/ REPEATS times, half of them before
the peer and half after it; the peer (bars_peer.py, `GridSearchCV` on loky) runs
once, since it takes minutes. Both sides test on the rows of the column `fold`.
Scores are compared candidate by candidate; run.py fails where they differ by more
than TOLERANCES.
"""

import json
import pathlib
import shutil
import statistics
import sys
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
REPEATS = 6

# Times as fast as joblib, at least; the share of joblib's memory, at most.
BARS = {
    "flights_delay": {"times": 40, "memory": None},
    "flights_linear": {"times": 15, "memory": 1 / 5},
    "neighbors": {"times": 20, "memory": None},
    "mixed": {"times": 10, "memory": None},
}

# The greatest difference of a candidate's mean score, relative to scores above 1.
# `logistic_regression`: lbfgs stops at a gradient of 1e-4, which on the flights is
# 6e-4 of the ROC AUC away from the optimum (fanout: 7e-5). `gaussian_nb`: rounding
# decides the order of probabilities near 1. Trees draw other random numbers, and in
# `flights_delay` take categories as sets where scikit-learn has codes.
TOLERANCES = {
    "k_neighbors": 1e-9,
    "gaussian_nb": 1e-6,
    "logistic_regression": 1e-3,
    "random_forest": 0.01,
    "decision_tree": 0.01,
}


def fast(bench, name, repeats, say):
    """So many runs of fanout: their measures, and the last one's result."""
    runs = []
    for _ in range(repeats):
        measured, result, folder = bench.fanout(name)
        shutil.rmtree(folder)
        runs.append(measured)
        say(f"{name}, fanout: {measured['wall']:.2f} s")
    return runs, result


def search(bench, name, say):
    """Both sides of one search."""
    from measure import run

    # Compiles the guests and fills the file cache.
    _, _, folder = bench.fanout(name)
    shutil.rmtree(folder)
    before, _ = fast(bench, name, REPEATS // 2, say)
    command = [sys.executable, HERE / "bars_peer.py", name, "--jobs", bench.jobs]
    theirs, peer = run(command, coarse=True)
    say(f"{name}, joblib: {theirs['wall']:.1f} s, {theirs['peak_memory'] / 1e6:.0f} MB")
    after, result = fast(bench, name, REPEATS - REPEATS // 2, say)
    sampled, _, folder = bench.fanout(name, sample=True)
    shutil.rmtree(folder)
    runs = before + after
    return {
        "fits": peer["fits"],
        "made": result["fits"]["made"],
        "loky": theirs,
        "fanout": {
            "walls": [one["wall"] for one in runs],
            "cpus": [one["cpu"] for one in runs],
            **sampled,
        },
        "scores": differences(result, peer),
    }


def key(params):
    """The same for a candidate of either side, whose numbers may differ in the last bit."""
    return json.dumps(
        {n: f"{v:.9g}" if isinstance(v, (int, float)) else v for n, v in params.items()},
        sort_keys=True,
    )


def differences(result, peer):
    """By trainer and metric: both sides' best means, and the greatest difference of a
    candidate's means."""
    found, candidates = {}, result["cv_results"]["params"]
    for metric, means in peer["means"].items():
        theirs = dict(zip(map(key, peer["params"]), means, strict=True))
        ours = dict(
            zip(map(key, candidates), result["cv_results"][f"mean_test_{metric}"], strict=True)
        )
        assert ours.keys() == theirs.keys(), "the sides tried other candidates"
        for trainer in result["trainers"]:
            of = [key(one) for one in candidates if one.get("trainer", trainer) == trainer]
            apart = [abs(ours[one] - theirs[one]) / max(1, abs(theirs[one])) for one in of]
            found.setdefault(trainer, {})[metric] = {
                "fanout": max(ours[one] for one in of),
                "loky": max(theirs[one] for one in of),
                "greatest": max(apart),
            }
    return found


def disagreements(found):
    """What lies beyond the tolerances, as lines of text."""
    return [
        f"{name}, {trainer}: {metric} differs by {one['greatest']:.2g}"
        for name, bar in found.items()
        for trainer, metrics in bar["scores"].items()
        for metric, one in metrics.items()
        if one["greatest"] > TOLERANCES[trainer]
    ]


def measure(bench, say):
    return {name: search(bench, name, say) for name in BARS}


def times(one):
    """By how much fanout is faster in a search."""
    return one["loky"]["wall"] / statistics.median(one["fanout"]["walls"])


def sentence(found):
    """The factors in brief."""
    factors = ", ".join(f"`{name}` {times(found[name]):.1f}" for name in BARS)
    return f"Times as fast as joblib in the searches of `bench/bars.py`: {factors}."


def section(found):
    """The section of RESULTS.md."""
    from results import megabytes, seconds, table

    rows, scores = [], []
    for name, bar in BARS.items():
        one = found[name]
        loky, fanout = one["loky"], one["fanout"]
        walls = fanout["walls"]
        share = fanout["peak_memory"] / loky["peak_memory"]
        met = times(one) >= bar["times"] and (bar["memory"] is None or share <= bar["memory"])
        rows.append(
            [
                f"`{name}`",
                f"{one['fits']} by {one['made']}",
                seconds(loky["wall"]),
                seconds(statistics.median(walls)),
                f"{seconds(min(walls))} to {seconds(max(walls))}",
                f"{times(one):.1f}",
                f"{bar['times']}" + (f", memory {bar['memory']:.2f}" if bar["memory"] else ""),
                "yes" if met else "**no**",
                f"{seconds(loky['cpu'])}, {seconds(statistics.median(fanout['cpus']))}",
                f"{megabytes(loky['peak_memory'])}, {megabytes(fanout['peak_memory'])}",
                f"{share:.2f}",
            ]
        )
        for trainer, metrics in one["scores"].items():
            for metric, of in metrics.items():
                scores.append(
                    [
                        f"`{name}`, `{trainer}`, {metric}",
                        f"{of['loky']:.6g}",
                        f"{of['fanout']:.6g}",
                        f"{of['greatest']:.1e}",
                        f"{TOLERANCES[trainer]:.0e}",
                    ]
                )
    header = ["", "fits", "joblib", "fanout", "range", "times as fast", "bar", "met"]
    header += ["CPU of both", "memory of both", "share"]
    share = max(one["loky"]["sampling"] / one["loky"]["wall"] for one in found.values())
    text = (
        "`bench/bars.py`: `GridSearchCV` as its user writes it (`bench/bars_peer.py`), joblib's "
        f"loky, one run; fanout, the median of {REPEATS} runs, half of them before the peer's and "
        "half after it. `flights_delay`: random forest regression of 327,346 delays, a grid of 25. "
        "`flights_linear`: impute, scale, one-hot (sparse on the peer's side), logistic "
        "regression, 12 values of C. `neighbors`: 20,000 rows of 20 numbers, k from 1 to 50 by two "
        "weights. `mixed`: five trainers and their steps on 20,000 rows of 15 numbers, some "
        "missing, and 5 categories. The peer's memory is sampled every second in the timed run, "
        f"which took {share:.1%} of one core at most."
    )
    return (
        f"## Four searches beside joblib\n\n{textwrap.fill(text, 100)}\n\n"
        + table(header, rows)
        + "\nThe best mean score of both sides, and the greatest difference of any candidate's:\n\n"
        + table(["", "joblib", "fanout", "greatest difference", "tolerance"], scores)
    )
