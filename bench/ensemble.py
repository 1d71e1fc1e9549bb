#!/usr/bin/env python3
"""Times plans/flights_ensemble.yaml, a forest of 1,000 trees that is scored, fitted on all
rows and written, with two workers beside one; writes ensemble.json, and `run.py --render`
its section.

    python3 bench/ensemble.py          # needs data/make_flights.py, target/release

Whole processes are measured from outside (measure.py), each with a fresh store. What the
machine itself allows stands beside them: two runs of one worker each at the same time. Were
its two cores independent, both would take as long as one alone. The three are run in turn,
in another order each round; the efficiency is that of the medians.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))
from measure import run  # noqa: E402

ROUNDS = 4
KINDS = ["one", "two", "both"]


def section(kept):
    """The section of RESULTS.md."""
    from results import table

    def seconds(value):
        return f"{value:.2f} s"

    middle = {name: statistics.median(kept["walls"][name]) for name in KINDS}
    rows = [
        ["1 worker", seconds(middle["one"]), "1.00"],
        ["2 workers", seconds(middle["two"]), f"{middle['one'] / middle['two']:.2f}"],
        [
            "2 runs of 1 worker at the same time",
            seconds(middle["both"]),
            f"{2 * middle['one'] / middle['both']:.2f}",
        ],
    ]
    text = (
        "`bench/ensemble.py`: `plans/flights_ensemble.yaml`, 1,000 trees scored, fitted on all\n"
        "rows and written, whole processes with fresh stores, medians of "
        f"{len(kept['walls']['one'])} rounds. The last\nline is what the machine allows: two "
        "runs that have nothing to do with each other, beside one\nalone. Load at the start: "
        f"{kept['load'][0]}."
    )
    return f"## One ensemble, two workers\n\n{text}\n\n{table(['', 'wall', 'times one'], rows)}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--fanout", default=ROOT / "target/release/fanout")
    parser.add_argument("--out", default=HERE / "ensemble.json")
    args = parser.parse_args()
    load = pathlib.Path("/proc/loadavg").read_text().split()[:3]
    walls = {name: [] for name in KINDS}
    with tempfile.TemporaryDirectory(prefix="fanout-bench-") as folder:

        def once(workers):
            made = pathlib.Path(tempfile.mkdtemp(dir=folder))
            command = [args.fanout, "run", ROOT / "plans/flights_ensemble.yaml", "-q", "--json"]
            command += ["--workers", str(workers), "--store", made / "store"]
            return run([*command, "--output", made / "output"], cwd=ROOT)[0]["wall"]

        def together():
            found = []
            threads = [threading.Thread(target=lambda: found.append(once(1))) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return max(found)

        kinds = {"one": lambda: once(1), "two": lambda: once(2), "both": together}
        # Compiles the guest and fills the file cache.
        once(2)
        for turn in range(args.rounds):
            for name in KINDS[turn % 3 :] + KINDS[: turn % 3]:
                walls[name].append(kinds[name]())
                print(f"{name}: {walls[name][-1]:.2f} s", file=sys.stderr, flush=True)
    result = {"walls": walls, "load": load, "cores": os.cpu_count()}
    pathlib.Path(args.out).write_text(json.dumps(result, indent=1) + "\n")
    print(section(result))


if __name__ == "__main__":
    main()
