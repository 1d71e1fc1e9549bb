#!/usr/bin/env python3
"""Counts the comparisons with scikit-learn that the tests make.

    python3 tests/comparisons.py

Reads every `vectors…json` that a Rust test includes, found by its `include_str!`, and
counts cases as the test loops over them: a table (or a splitter on one), parameters,
and scikit-learn's answer. A metric's case is one metric on one prediction with one set
of weights. A folder of vectors that no test includes is an error.
"""

import collections
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'include_str!\(\s*"([^"]*\.json)"')
# One file a macro's name, in guest/linfa/src/tests.rs.
NAMED = re.compile(r'include_str!\(concat!\("([^"]*)", stringify!\(\$(\w+)\), "\.json"\)')
KINDS = {
    "host/src/dataset/split": "splits",
    "host/src/reduce": "means, deviations and ranks of scores",
    "tests/metrics": "metrics",
    "tests/kinds": "curves, nested searches and permutation tests",
    "guest/sdk/src/steps/vectors": "steps",
    "guest/linfa/src/vectors": "estimators",
    "guest/trees/tests/vectors": "trees and forests",
}


def sources():
    for folder in ["host", "guest", "tests"]:
        for path in sorted((ROOT / folder).rglob("*.rs")):
            if "target" not in path.relative_to(ROOT).parts:
                yield path


def included():
    """The files that tests read."""
    found = set()
    for source in sources():
        text = source.read_text()
        found |= {(source.parent / name).resolve() for name in INCLUDE.findall(text)}
        for folder, _ in NAMED.findall(text):
            files = (source.parent / folder).glob("*.json")
            # A line of the macro's call names the file.
            found |= {file.resolve() for file in files if re.search(rf"\b{file.stem}\b", text)}
    return found


def cases(file):
    """How many cases a file holds."""
    vectors = json.loads(file.read_text())
    if file.name == "tables.json":
        return 0
    if isinstance(vectors, list):
        return len(vectors)
    if "scorers" in vectors:
        scored = [one for case in vectors["cases"] for one in case["scored"]]
        return sum(len(one["scores"]) for one in scored)
    return sum(len(part) for part in vectors.values() if isinstance(part, list))


def main():
    counts = collections.Counter()
    read = included()
    for folder, kind in KINDS.items():
        for file in sorted((ROOT / folder).glob("*.json")):
            if file not in read:
                sys.exit(f"no test reads {file.relative_to(ROOT)}")
            counts[kind] += cases(file)
    for kind, count in counts.items():
        print(f"{count:6,} {kind}")
    print(f"{counts.total():6,} in all")


if __name__ == "__main__":
    main()
