"""What goes wrong, as exceptions. All of them are `ValueError`s, as scikit-learn's are."""

from __future__ import annotations

from collections.abc import Iterable


class FanoutError(ValueError):
    """Base of the errors of this package."""


class NotServed(FanoutError):
    """Estimators, values or data that fanout lacks, all of them at once.

    `fallback="sandbox"` of a search has it fitted by scikit-learn in the sandbox,
    `fallback="sklearn"` runs scikit-learn's own instead.
    """

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = list(dict.fromkeys(reasons))
        text = "\n".join(f"  - {reason}" for reason in self.reasons)
        super().__init__(f"fanout can't serve this search:\n{text}")

    def __reduce__(self) -> tuple[type[NotServed], tuple[list[str]]]:
        return NotServed, (self.reasons,)


class RunFailed(FanoutError):
    """The program `fanout` ended with an error; the text is what it said."""


__all__ = ["FanoutError", "NotServed", "RunFailed"]
