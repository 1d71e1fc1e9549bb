"""Writes the table of the mapping into a page of the documentation.

`python -m fanout_ml.documentation ../docs/python.md`
"""

from __future__ import annotations

import sys
from pathlib import Path

from ._mapping import table

_BEGIN = "<!-- mapping: written by python -m fanout_ml.documentation -->\n"
_END = "<!-- mapping end -->\n"


def write(page: Path) -> None:
    """Puts the table between its marks."""
    text = page.read_text()
    head, _, rest = text.partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    page.write_text(f"{head}{_BEGIN}{table()}{_END}{tail}")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
