"""Holds the dependencies of a workspace against the licences, bans and sources
of deny.toml, as cargo-deny does, by `cargo metadata` alone.

    python3 tests/deny.py Cargo.toml guest/Cargo.toml

It knows no advisories and no duplicates: cargo-deny does.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def satisfied(expression, allowed):
    """Whether a licence expression of SPDX is satisfied by allowed licences."""
    tokens = re.findall(r"[()/]|[^\s()/]+", expression)

    def either():
        value = both()
        while tokens and tokens[0] in ("OR", "/"):
            tokens.pop(0)
            other = both()
            value = value or other
        return value

    def both():
        value = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            other = one()
            value = value and other
        return value

    def one():
        token = tokens.pop(0)
        if token == "(":
            value = either()
            assert tokens.pop(0) == ")", expression
            return value
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0)}"
        return token in allowed

    value = either()
    assert not tokens, expression
    return value


def mistakes(manifest, rules):
    command = ["cargo", "metadata", "--format-version=1", "--locked"]
    # Those that are built for, so that nothing more is downloaded.
    for platform in ("x86_64-unknown-linux-gnu", "wasm32-unknown-unknown"):
        command += ["--filter-platform", platform]
    command += ["--manifest-path", manifest]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    banned = {ban["crate"]: ban["use-instead"] for ban in rules["bans"]["deny"]}
    sources = {f"registry+{url}" for url in rules["sources"]["allow-registry"]}
    own = {one["crate"]: one["allow"] for one in rules["licenses"]["exceptions"]}
    packages = json.loads(found.stdout)["packages"]
    assert packages, manifest
    for package in packages:
        name = f"{package['name']} {package['version']}"
        licence = package["license"]
        allowed = {*rules["licenses"]["allow"], *own.get(package["name"], [])}
        if licence is None:
            yield f"{name} names no licence"
        elif not satisfied(licence, allowed):
            yield f"the licence of {name} is `{licence}`, which deny.toml does not allow"
        if package["name"] in banned:
            yield f"{name} is banned: use {banned[package['name']]}"
        if package["source"] is not None and package["source"] not in sources:
            yield f"{name} is from {package['source']}, which deny.toml does not allow"


def main():
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    found = [
        f"{manifest}: {mistake}"
        for manifest in sys.argv[1:]
        for mistake in mistakes(manifest, rules)
    ]
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
