"""The mapping as a table of Markdown, which a page of the documentation holds.

`python -m fanout_ml.documentation docs/python.md` writes it, with the newest scikit-learn.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from sklearn.utils import all_estimators

from ._rules import COMPOSITES, STEPS, TRAINERS

_BEGIN = "<!-- mapping: written by python -m fanout_ml.documentation -->\n"
_END = "<!-- mapping end -->\n"


def table() -> str:
    """The classes with their parameters."""
    lines = [
        "| class | in fanout | parameters | change no result | only |",
        "| --- | --- | --- | --- | --- |",
        *_rows(),
    ]
    return "\n".join(lines) + "\n"


def _rows() -> Iterator[str]:
    kinds = dict(all_estimators())
    for key, rule in {**TRAINERS, **COMPOSITES, **STEPS}.items():
        package, _, name = key.partition(".")
        ignored, only, known = set(rule.ignored), dict(rule.only), set[str]()
        shown = f"`{package}.{name}`"
        if package == "sklearn":
            # A rule may name what other versions have.
            known = set(inspect.signature(kinds[name].__init__).parameters)
            ignored &= known
            only = {param: values for param, values in only.items() if param in known}
            shown = f"`{name}`"
        values = "; ".join(
            f"`{param}` " + " or ".join(f"`{value!r}`" for value in served)
            for param, served in only.items()
        )
        taken = sorted({*rule.same, *rule.convert} & (known or {*rule.same, *rule.convert}))
        cells = [shown, f"`{rule.name}`", _coded(taken), _coded(sorted(ignored)), values]
        yield f"| {' | '.join(cells)} |"


def _coded(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def write(page: Path) -> None:
    """Puts the table between its marks."""
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    page.write_text(f"{head}{_BEGIN}{table()}{_END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
