#!/bin/sh
# Builds the source distribution into target/wheels, and prints its path.
set -eu
cd "$(dirname "$0")/.."

tests/venv.sh target/python maturin==1.16.0
rm -f target/wheels/fanout_ml-*.tar.gz
trap 'rm -f python/guest python/tests/guests' EXIT
ln -sfn ../guest python/guest
ln -sfn ../../tests/guests python/tests/guests
(cd python && ../target/python/bin/maturin sdist --out ../target/wheels)
ls target/wheels/fanout_ml-*.tar.gz
