"""The program `fanout`: where it is, and how it is run."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from .exceptions import NotServed, RunFailed

Event = dict[str, Any]

# The exit code of mistakes in a plan: what it asks for is not there.
_PLAN = 3
_NAME = "fanout.exe" if sys.platform == "win32" else "fanout"


@cache
def find_program() -> str:
    """The path of the program.

    It is the one that the variable `FANOUT` names, the one of the installed wheel, or the
    first on `PATH`.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    named = os.environ.get("FANOUT")
    if named:
        return os.path.abspath(named)
    folders = [sysconfig.get_path("scripts")]
    # `pip install --user` and `--target` put scripts elsewhere.
    folders.append(sysconfig.get_path("scripts", f"{os.name}_user"))
    folders.append(str(Path(__file__).resolve().parent.parent / "bin"))
    for folder in folders:
        path = Path(folder) / _NAME
        if path.is_file():
            return str(path)
    found = shutil.which(_NAME)
    if found is None:
        raise FileNotFoundError(
            "the program `fanout` is not installed: install the wheel `fanout-ml`, or name the "
            "program in the variable FANOUT"
        )
    return found


def call(arguments: Sequence[str], cwd: str | None = None) -> bytes:
    """Runs the program to its end, and returns what it wrote to standard output.

    Raises
    ------
    RunFailed
        If it ends with an error.
    """
    done = subprocess.run(
        [find_program(), *arguments], cwd=cwd, capture_output=True, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        raise RunFailed(_said(done.stderr))
    return done.stdout


def run(arguments: Sequence[str], cwd: str, listen: Callable[[Event], None]) -> None:
    """Runs `fanout run` with `arguments`; each of its events goes to `listen` as it happens.

    At an interrupt the program is told to stop, and keeps what is done.

    Raises
    ------
    RunFailed
        If it ends with an error.
    KeyboardInterrupt
        After the program has stopped.
    """
    # An own group: a terminal's Ctrl-C would reach the program beside our signal, and a second
    # one ends it at once.
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    # Not a pipe: one that is full and not read would stop the program.
    with tempfile.TemporaryFile() as errors:
        interrupted = _Held()
        with interrupted:
            program = subprocess.Popen(
                [find_program(), "run", "--quiet", "--events", "-", *arguments],
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                **apart,
            )
        assert program.stdout is not None
        try:
            interrupted.tell()
            for line in program.stdout:
                if line.startswith(b"{"):
                    listen(json.loads(line))
            program.wait()
        except BaseException:
            stop = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT)
            program.send_signal(stop)
            program.stdout.close()
            program.wait()
            raise
        finally:
            program.stdout.close()
        if program.returncode != 0:
            errors.seek(0)
            said = _said(errors.read())
            if program.returncode == _PLAN:
                raise NotServed(_mistakes(said))
            raise RunFailed(said)


class _Held:
    """Holds an interrupt back while a program is started, which nobody would stop then."""

    def __init__(self) -> None:
        self.came = False
        self.before: Any = None

    def __enter__(self) -> None:
        # Other threads get no interrupt, and may not ask for one.
        if threading.current_thread() is threading.main_thread():
            self.before = signal.signal(signal.SIGINT, self._note)

    def _note(self, *_: Any) -> None:
        self.came = True

    def __exit__(self, *_: Any) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)

    def tell(self) -> None:
        """Raises the interrupt that came."""
        if self.came:
            raise KeyboardInterrupt


def _mistakes(said: str) -> list[str]:
    """The mistakes of a plan, without their places in it."""
    found = re.findall(r"^\S+\.json:\d+:\d+: (.*)$", said, flags=re.MULTILINE)
    missing = [f"{one}: input X contains NaN" for one in found if "missing value" in one]
    return missing + [one for one in found if "missing value" not in one] or [said]


def _said(stderr: bytes) -> str:
    text = stderr.decode(errors="replace").strip()
    # Before it stand the results, where standard output has events.
    before, found, error = f"\n{text}".partition("\nerror: ")
    text = error if found else before.strip()
    if "missing value" in text:
        text = f"Input X contains NaN.\n{text}"
    return text or "the program `fanout` ended without a word"
