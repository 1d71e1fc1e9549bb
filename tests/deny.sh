#!/bin/sh
# Holds the dependencies of every workspace against deny.toml: by cargo-deny
# where it is installed, else by a script that knows licences, bans and sources.
# Arguments are the checks of cargo-deny, such as `advisories`; default: those
# that need no database.
set -eu
cd "$(dirname "$0")/.."

if cargo deny --version >/dev/null 2>&1; then
    for manifest in Cargo.toml guest/Cargo.toml fuzz/Cargo.toml; do
        cargo deny --locked --manifest-path "$manifest" --config deny.toml check \
            ${@:-bans licenses sources}
    done
else
    # Crates of the fuzz targets alone are not on every machine.
    python3 tests/deny.py Cargo.toml guest/Cargo.toml
fi
