#!/bin/sh
# Tests the wheel, in a virtual environment of its own. Arguments are pytest's.
set -eu
cd "$(dirname "$0")/.."

# Built as the other tests are: nothing is built a second time.
export RUSTC_WORKSPACE_WRAPPER="$PWD/tests/clippy.sh"
wheel=$(python/build.sh dev)

venv=target/python
pip() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}
wanted=$(cat python/constraints.txt python/pyproject.toml | cksum)
if [ "$(cat "$venv/.wanted" 2>/dev/null)" != "$wanted" ]; then
    pip --constraint python/constraints.txt "$wheel[test]"
    echo "$wanted" >"$venv/.wanted"
fi
pip --force-reinstall --no-deps "$wheel"

"$venv/bin/ruff" check --quiet python
"$venv/bin/ruff" format --quiet --check python
"$venv/bin/twine" check --strict "$wheel"
# Not from python/, whose sources would be tested in place of the wheel.
cd python/tests
exec "../../$venv/bin/pytest" --numprocesses "$(getconf _NPROCESSORS_ONLN)" --quiet --disable-warnings "$@"
