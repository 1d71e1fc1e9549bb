#!/usr/bin/env python3
"""Measures fanout beside scikit-learn and writes RESULTS.md.

    python3 bench/run.py                    everything, 3 rounds
    python3 bench/run.py --rounds 5 --only flights small
    python3 bench/run.py --only bars        the four promised factors, six minutes

Makes a virtual environment in bench/.venv with the packages of
requirements.txt, makes the tables, builds fanout, and then runs one section
after the other. Each section's figures are kept in results.json as soon as
they are known; RESULTS.md, and the figures in README.md, are written from
there, so a section can be measured again alone. Nothing else should run on
the machine meanwhile.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
VENV = HERE / ".venv"
PLANS = HERE / "plans"
KEPT = HERE / "results.json"
SECTIONS = ["flights", "small", "bars", "boosting", "boosting_big", "quality", "tax"]
SECTIONS += ["overhead", "scale"]


def environment():
    """Goes on inside the virtual environment, made if need be."""
    python = VENV / "bin" / "python"
    if pathlib.Path(sys.prefix).resolve() == VENV.resolve():
        return
    wanted = (HERE / "requirements.txt").read_text()
    done = VENV / "requirements.txt"
    if not done.exists() or done.read_text() != wanted:
        say("making bench/.venv")
        made = subprocess.run([sys.executable, "-m", "venv", VENV])
        if made.returncode != 0:
            sys.exit("can't make a virtual environment: install Python's venv (python3-venv)")
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True
        )
        done.write_text(wanted)
    os.execv(python, [python, *sys.argv])


def say(text):
    print(text, file=sys.stderr, flush=True)


def build_native(guest="trees", example="native"):
    """A guest as a program of this machine, from the guests' own workspace and
    profile. WebAssembly's vectors have 128 bits, which on x86-64 need more than
    its oldest processors: v2 has them, and nothing wider."""
    flags = "-C target-cpu=x86-64-v2" if platform.machine() == "x86_64" else ""
    folder = ROOT / "guest" / "target" / "native"
    command = ["cargo", "build", "--release", "--locked", "--package", f"fanout-{guest}"]
    command += ["--manifest-path", ROOT / "guest" / "Cargo.toml", "--target-dir", folder]
    subprocess.run(
        [*command, "--example", example], env={**os.environ, "RUSTFLAGS": flags}, check=True
    )
    return folder / "release" / "examples" / example


class Bench:
    """What all sections need."""

    def __init__(self, arguments):
        self.rounds = arguments.rounds
        self.jobs = arguments.jobs
        self.native = arguments.native
        if {"tax", "boosting"} & set(arguments.only) and not self.native:
            self.native = build_native()
        self.binary = (arguments.fanout or ROOT / "target" / "release" / "fanout").resolve()
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="fanout-bench-"))
        self.stores = 0

    def fanout(self, plan, *more, sample=False, workers=None, result=True):
        """One `fanout run` with a store and an output folder of its own."""
        from measure import run

        self.stores += 1
        folder = self.scratch / str(self.stores)
        command = [self.binary, "run", PLANS / f"{plan}.yaml", *more]
        command += ["--store", f"file://{folder}/store", "--output", folder / "output"]
        command += ["--workers", workers or self.jobs]
        command += ["--json"] if result else ["--quiet"]
        folder.mkdir()
        measured, found = run(command, sample, cwd=folder)
        if sample and found:
            # The program's own mark misses no moment; the greater one counts.
            measured["peak_memory"] = max(
                measured["peak_memory"], found["took"]["peak_memory"] or 0
            )
        return measured, found, folder

    def peer(self, backend, plan, *more, sample=False):
        from measure import run

        command = [sys.executable, HERE / "peers.py", "search", PLANS / f"{plan}.yaml", *more]
        command += ["--backend", backend, "--jobs", self.jobs]
        return run(command, sample)

    def empty(self, backend, tasks):
        from measure import run

        command = [sys.executable, HERE / "peers.py", "empty", "--tasks", tasks]
        return run([*command, "--backend", backend, "--jobs", self.jobs])

    def contender(self, name, plan, sample=False):
        """The measures and the result, in one shape for all."""
        if name in ("loky", "dask"):
            return self.peer(name, plan, sample=sample)
        more = ["--set", "families=off"] if name == "fanout_alone" else []
        measured, found, folder = self.fanout(plan, *more, sample=sample)
        shutil.rmtree(folder)
        metric = found["ranked_by"]
        return measured, {
            "fits": found["fits"]["served"],
            "made": found["fits"]["made"],
            "metric": metric,
            "best": {
                "index": found["best"]["index"],
                "params": found["best"]["searched"],
                "mean": found["best"]["mean"],
                "std": found["best"]["std"],
            },
            "means": found["cv_results"][f"mean_test_{metric}"],
        }


def compare(bench, plan):
    """Each contender in turn, round by round; then memory, in runs apart."""
    contenders = ["loky", "dask", "fanout", "fanout_alone"]
    found = {name: {"walls": [], "cpus": []} for name in contenders}
    for number in range(bench.rounds):
        for name in contenders:
            measured, result = bench.contender(name, plan)
            found[name]["walls"].append(measured["wall"])
            found[name]["cpus"].append(measured["cpu"])
            found[name].update(result)
            say(f"{plan}, round {number + 1}, {name}: {measured['wall']:.2f} s")
    for name in contenders:
        measured, _ = bench.contender(name, plan, sample=True)
        found[name].update(measured)
        say(f"{plan}, memory, {name}: {measured['peak_memory'] / 1e6:.0f} MB")
    return found


def quality(bench):
    """The means of ten seeds on both sides, on the same folds."""
    found = {}
    for plan in ["quality_flights", "quality_digits"]:
        found[plan] = {}
        for name in ["loky", "fanout"]:
            _, result = bench.contender(name, plan)
            found[plan][name] = {key: result[key] for key in ("metric", "means")}
            say(f"{plan}, {name}: {statistics.mean(result['means']):.5f}")
    return found


def tax(bench):
    """Three fits on one core: in the sandbox, and built natively."""
    found = {"guest": [], "native": []}
    # A round takes a second, and a ratio of so short times needs many.
    for _ in range(max(bench.rounds, 9)):
        _, result, folder = bench.fanout("tax", workers=1)
        splits = result["splits"]
        found["guest"].append(result["cv_results"]["mean_fit_time"][0] * splits)
        found["native"].append(native(bench.native, result, folder / "store"))
        shutil.rmtree(folder)
        say(f"tax: {found['guest'][-1]:.3f} s in the sandbox, {found['native'][-1]:.3f} s natively")
    return found


def native(program, result, store):
    """Seconds of the same tasks in the native build."""
    splits = result["splits"]
    command = [program, *native_arguments(store, splits)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    output = json.loads(output)
    # The same work, or the comparison says nothing.
    theirs = [answer["scores"][0]["test"]["roc_auc"] for answer in output["answers"]]
    ours = [result["cv_results"][f"split{n}_test_roc_auc"][0] for n in range(splits)]
    assert ours == theirs, (ours, theirs)
    return output["seconds"]


def native_arguments(store, splits, name="tax"):
    """The dataset, its splits, and a task of a plan for each split, as files."""
    import pyarrow.parquet as pq
    import yaml

    [dataset] = store.glob("datasets/*/dataset.parquet")
    [partition] = store.glob("splits/*.parquet")
    [column] = pq.read_schema(partition).names
    plan = yaml.safe_load((PLANS / f"{name}.yaml").read_text())
    arguments = [dataset, partition]
    for split in range(splits):
        task = {
            "contract": 2,
            "trainer": plan["trainer"]["name"],
            "params": plan["trainer"]["params"],
            "candidates": [{}],
            "split": {"column": column, "test": split},
            "target": plan["dataset"]["target"],
            "learning": "binary",
            "positive": str(plan["dataset"]["positive"]),
            "scoring": plan["scoring"],
        }
        path = store / f"task{split}.json"
        path.write_text(json.dumps(task))
        arguments.append(path)
    return arguments


def overhead(bench):
    """What a task costs when the trainer does nothing."""
    import yaml

    search = yaml.safe_load((PLANS / "overhead.yaml").read_text())
    low, high = search["search"]["params"]["random_state"]["range"]
    tasks = (high - low + 1) * search["cv"]["n_splits"]
    walls = []
    for _ in range(max(bench.rounds, 3)):
        # What earlier runs wrote is not to be paid for by this one. Their
        # stores stay till the end: where many files were just removed, ext4
        # makes new ones slowly for minutes, since it passes by their inodes.
        os.sync()
        measured, _, _ = bench.fanout("overhead", result=False)
        walls.append(measured["wall"])
        say(f"overhead, fanout: {measured['wall'] / tasks * 1e6:.0f} µs a task")
    sampled, _, _ = bench.fanout("overhead", sample=True, result=False)
    found = {"fanout": {"tasks": tasks, "walls": walls, **sampled}}
    # The peers take minutes for as many, so they get fewer.
    for backend, candidates in [("loky", 1_000), ("dask", 300)]:
        more = ["--first", candidates]
        measured, result = bench.peer(backend, "overhead", *more)
        sampled, _ = bench.peer(backend, "overhead", *more, sample=True)
        found[backend] = {"tasks": result["fits"], "walls": [measured["wall"]], **sampled}
        say(f"overhead, {backend}: {measured['wall'] / result['fits'] * 1e6:.0f} µs a task")
    for backend, tasks in [("loky", 100_000), ("dask", 10_000)]:
        measured, _ = bench.empty(backend, tasks)
        found[f"{backend}_empty"] = {"tasks": tasks, "walls": [measured["wall"]]}
        say(f"overhead, {backend}: {measured['wall'] / tasks * 1e6:.0f} µs an empty call")
    return found


def machine(bench):
    """What it was measured on, and with."""
    import importlib.metadata

    names = ["scikit-learn", "lightgbm", "joblib", "dask", "distributed", "numpy"]
    packages = {name: importlib.metadata.version(name) for name in names}
    cpu = platform.processor() or platform.machine()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    version = subprocess.run([bench.binary, "--version"], stdout=subprocess.PIPE, text=True)
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "jobs": bench.jobs,
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "packages": packages,
        "fanout": version.stdout.strip(),
    }


def elsewhere(before, cpu):
    """What was measured before on other processors, by their names."""
    if not before:
        return {}
    found = {**before["elsewhere"], before["machine"]["cpu"]: before["found"]}
    found.pop(cpu, None)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="workers of each side")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--fanout", type=pathlib.Path, help="this binary; none is built")
    parser.add_argument(
        "--native",
        type=pathlib.Path,
        help="the example `native` of guest/trees, built; left out: it is built",
    )
    parser.add_argument("--render", action="store_true", help="write RESULTS.md, measure nothing")
    arguments = parser.parse_args()
    environment()
    sys.path.insert(0, str(HERE))
    import bars
    import boosting
    import results
    import scale

    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    if not arguments.render:
        if not arguments.fanout:
            subprocess.run(["cargo", "build", "--release"], cwd=ROOT, check=True)
        subprocess.run([sys.executable, HERE / "data.py"], check=True)
        bench = Bench(arguments)
        # Compiles the guests and fills the file cache, on every side.
        say("warming up")
        for name in ["fanout", "loky"]:
            bench.contender(name, "small")
        sections = {
            "flights": lambda: compare(bench, "flights"),
            "small": lambda: compare(bench, "small"),
            "bars": lambda: bars.measure(bench, say),
            "quality": lambda: quality(bench),
            "tax": lambda: tax(bench),
            "overhead": lambda: overhead(bench),
            "scale": lambda: scale.measure(bench, say),
            "boosting": lambda: boosting.measure(bench, say),
            "boosting_big": lambda: boosting.measure_big(bench, say),
        }
        for name in arguments.only:
            found = {"machine": machine(bench), "found": sections[name]()}
            if name == "tax":
                found["elsewhere"] = elsewhere(kept.get(name), found["machine"]["cpu"])
            kept[name] = found
            kept = json.loads(json.dumps(kept))
            KEPT.write_text(json.dumps(kept, indent=1) + "\n")
        shutil.rmtree(bench.scratch)
    files = {name: HERE / f"{name}.json" for name in results.APART}
    apart = {n: json.loads(file.read_text()) for n, file in files.items() if file.exists()}
    (HERE / "RESULTS.md").write_text(results.render(kept, apart))
    readme = ROOT / "README.md"
    readme.write_text(results.put_into(readme.read_text(), kept))
    say("wrote bench/RESULTS.md and the figures in README.md")
    apart = bars.disagreements(kept["bars"]["found"]) if "bars" in kept else []
    apart += boosting.disagreements(kept["boosting"]["found"]) if "boosting" in kept else []
    if apart:
        sys.exit("scores disagree:\n" + "\n".join(apart))


if __name__ == "__main__":
    main()
