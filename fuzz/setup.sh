#!/bin/sh
# Installs cargo-fuzz from crates.io. Does nothing where it is there already.
set -eu

VERSION=0.13.2

if ! cargo fuzz --version >/dev/null 2>&1; then
    cargo install --locked cargo-fuzz --version "$VERSION"
fi
