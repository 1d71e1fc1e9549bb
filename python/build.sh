#!/bin/sh
# Builds the wheel with the profile $1 of cargo into target/wheels, and prints its path.
set -eu
cd "$(dirname "$0")/.."

tests/venv.sh target/python maturin==1.16.0
rm -f target/wheels/fanout_ml-*.whl
(
    cd python
    ../target/python/bin/maturin build --locked --profile "$1" --out ../target/wheels
)
ls target/wheels/fanout_ml-*.whl
