"""Runs a command and measures it from outside.

Wall time: from before the process starts until it has ended, its output read.
CPU: user and system time of the process and of all descendants it waited for.
Memory: the sum of the proportional set sizes (PSS: shared pages count once,
split among those who share them) of every process of the command's session,
sampled every 20 ms; the greatest sum. Sampling takes time of its own, so such
a run is not timed. A run of minutes is sampled every second and timed as well:
that misses short peaks, and says what it took of the processor (`sampling`).
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import tempfile
import threading
import time

INTERVAL = 0.02
COARSE = 1.0


class Failed(Exception):
    """A command that did not end well."""


def processes(session):
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if os.getsid(int(entry)) == session:
                    yield entry
            except ProcessLookupError:
                pass


def proportional_set_size(process):
    """Bytes; 0 for a process that is gone."""
    try:
        with open(f"/proc/{process}/smaps_rollup") as lines:
            for line in lines:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


class Sampler(threading.Thread):
    def __init__(self, session, interval):
        super().__init__(daemon=True)
        self.session = session
        self.interval = interval
        self.peak = 0
        self.most = 0
        self.spent = 0.0
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(self.interval):
            sizes = [proportional_set_size(process) for process in processes(self.session)]
            self.peak = max(self.peak, sum(sizes))
            self.most = max(self.most, len(sizes))
        self.spent = time.thread_time()


def run(command, sample=False, cwd=None, coarse=False, limit=None):
    """Runs a command that prints one JSON object, or nothing. With `sample` its
    memory is measured in place of its times, with `coarse` beside them. After
    `limit` seconds it is stopped with all that it started: then it has no CPU time,
    which is known of ended processes alone, and printed nothing."""
    command = [str(part) for part in command]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=output, stderr=errors, cwd=cwd, start_new_session=True
        )
        sampler = Sampler(process.pid, COARSE if coarse else INTERVAL)
        if sample or coarse:
            sampler.start()
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        wall = time.perf_counter() - started
        if code is None:
            for one in processes(sampler.session):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(one), signal.SIGKILL)
            process.wait()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        sampler.over.set()
        output.seek(0)
        text = output.read()
        if code:
            errors.seek(0)
            tail = errors.read().decode(errors="replace")[-2000:]
            raise Failed(f"`{' '.join(command)}` ended with {code}:\n{tail}")
    spent = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
    measured = {"wall": wall, "cpu": None if code is None else spent}
    if sample or coarse:
        sampler.join()
        memory = {"peak_memory": sampler.peak, "processes": sampler.most}
        measured = {**measured, **memory, "sampling": sampler.spent} if coarse else memory
    # Without `--json`, what it prints is for people.
    return measured, json.loads(text) if text.lstrip().startswith(b"{") else None
