"""What a fleet of workers costs: empty tasks over NATS beside Dask and Ray, and
workers whose tasks only wait.

Used by run.py. The servers and workers of each side are up before the clock
starts; fanout's clock is that of the whole process `fanout run`, which also
reads the table, expands the search and writes the results.
"""

import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TASKS = 100_000
# The peers take many minutes for as many, so they get fewer.
PEER_TASKS = 20_000
WORKERS = [1, 4, 16]
WAITING = 64
WAIT = 0.5
# So many each waits for, one after the other.
WAITS = 40


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(process, what):
    """Reads lines of a process up to one that says so."""
    for line in process.stderr:
        if what in line:
            return
    raise RuntimeError(f"no `{what}`")


@contextlib.contextmanager
def nats(folder):
    program = HERE.parent / "target" / "nats" / "bin" / "nats-server"
    if not program.exists():
        subprocess.run([HERE.parent / "tests" / "nats" / "setup.sh"], cwd=HERE.parent, check=True)
    port = free_port()
    server = subprocess.Popen(
        [program, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", folder / "nats"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(server, "Server is ready")
        yield f"nats://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def fleet(binary, url, store, count, *more):
    command = [binary, "worker", "--nats", url, "--store", store, "--workers", "1", *more]
    workers = [
        subprocess.Popen(
            [*command, "--name", f"worker-{number}"], stderr=subprocess.PIPE, text=True
        )
        for number in range(count)
    ]
    try:
        for worker in workers:
            until(worker, "connected")
        yield
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.stderr.read()
            worker.wait()


def fanout(bench, workers, candidates, *more):
    """Seconds of a run of so many candidates on two folds."""
    folder = bench.scratch / f"fleet-{workers}-{time.monotonic_ns()}"
    folder.mkdir()
    store = f"file://{folder}/store"
    with nats(folder) as url, fleet(bench.binary, url, store, workers, *more):
        command = [bench.binary, "run", HERE / "plans" / "overhead.yaml", "--quiet", "--json"]
        command += ["--store", store, "--pool", url, "--output", folder / "output"]
        command += ["--set", f"search.params.random_state={{range: [0, {candidates - 1}]}}"]
        started = time.perf_counter()
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        seconds = time.perf_counter() - started
    fits = json.loads(done.stdout)["fits"]
    assert fits["made"] == 2 * candidates, fits
    # The store stays to the end of the benchmark: ext4 passes by the inodes that
    # were just deleted, for minutes.
    return seconds


def peer(backend, workers):
    command = [sys.executable, HERE / "scale_peers.py", backend, str(workers), str(PEER_TASKS)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])["seconds"]


def measure(bench, say):
    """Seconds by side and by number of workers, and of the waiting fleet."""
    backends = ["dask"]
    try:
        import ray  # noqa: F401

        backends.append("ray")
    except ImportError:
        say("scale: ray does not install here")
    found = {"tasks": TASKS, "peer_tasks": PEER_TASKS, "fanout": {}, **{backend: {} for backend in backends}}
    for workers in WORKERS:
        seconds = fanout(bench, workers, TASKS // 2)
        found["fanout"][workers] = seconds
        say(f"scale, {workers} workers, fanout: {seconds / TASKS * 1e6:.0f} µs a task")
        for backend in backends:
            seconds = peer(backend, workers)
            found[backend][workers] = seconds
            say(f"scale, {workers} workers, {backend}: {seconds / PEER_TASKS * 1e6:.0f} µs a task")
    tasks = WAITING * WAITS
    seconds = fanout(bench, WAITING, tasks // 2, "--delay", f"{WAIT * 1000:.0f}ms")
    found["waiting"] = {
        "workers": WAITING,
        "wait": WAIT,
        "tasks": tasks,
        "seconds": seconds,
        "efficiency": WAITS * WAIT / seconds,
    }
    say(f"scale, {WAITING} workers that wait: {found['waiting']['efficiency']:.1%} of the ideal")
    return found
