"""The progress of a run: a bar by tqdm or rich, whichever is there, or lines of text."""

from __future__ import annotations

import importlib.util
import sys
import time
from typing import Any

from ._program import Event

# Nothing is shown of what ends sooner, in seconds.
_PATIENCE = 1.0


class Progress:
    """A bar on standard error, of the fits that are done.

    `wanted` is `None` for: on a terminal or in a notebook, once a search takes more than a
    second.
    """

    def __init__(self, wanted: bool | None) -> None:
        watched = sys.stderr is not None and (sys.stderr.isatty() or "ipykernel" in sys.modules)
        self.shown = watched if wanted is None else wanted
        self.patience = 0.0 if wanted else _PATIENCE
        self.started = time.monotonic()
        self.total = 0
        self.done = 0
        self.told = 0.0
        self.best: float | None = None
        self.bar: Any = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: Any) -> None:
        if self.bar is not None:
            self.bar.close()

    def listen(self, event: Event) -> None:
        """Takes an event of the run."""
        if not self.shown:
            return
        if event["event"] == "run_started":
            self.total = event["fits"]
        elif event["event"] == "task_finished":
            self.done += event["fits"]
            if event.get("best") is not None:
                self.best = event["best"]
            self._show(event["fits"])

    def _show(self, more: int) -> None:
        now = time.monotonic()
        if self.bar is None and now - self.started < self.patience:
            return
        if self.bar is None:
            self.bar = _bar(self.total)
            more = self.done
        self.bar.update(more, self.best)


def _bar(total: int) -> Any:
    if importlib.util.find_spec("tqdm"):
        return _Tqdm(total)
    if importlib.util.find_spec("rich"):
        return _Rich(total)
    return _Text(total)


class _Tqdm:
    def __init__(self, total: int) -> None:
        from tqdm.auto import tqdm

        self.bar = tqdm(total=total, unit="fit", leave=True)

    def update(self, more: int, best: float | None) -> None:
        if best is not None:
            self.bar.set_postfix_str(f"best {best:.4f}", refresh=False)
        self.bar.update(more)

    def close(self) -> None:
        self.bar.close()


class _Rich:
    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import Progress as Bars

        self.bars = Bars(console=Console(stderr=True))
        self.bars.start()
        self.task = self.bars.add_task("fits", total=total)

    def update(self, more: int, best: float | None) -> None:
        text = "fits" if best is None else f"fits, best {best:.4f}"
        self.bars.update(self.task, advance=more, description=text)

    def close(self) -> None:
        self.bars.stop()


class _Text:
    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.next = 0.0

    def update(self, more: int, best: float | None) -> None:
        self.done += more
        share = self.done / max(1, self.total)
        if share >= self.next:
            self.next = share + 0.1
            end = "" if best is None else f", best {best:.4f}"
            print(f"{self.done} of {self.total} fits{end}", file=sys.stderr)

    def close(self) -> None:
        """Nothing is open."""
