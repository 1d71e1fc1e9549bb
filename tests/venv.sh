#!/bin/sh
# Makes a virtual environment of Python in the folder $1 with the packages of
# PyPI that follow. Does nothing where it is there already.
set -eu

folder=$1
shift

fail() {
    printf 'tests/venv.sh: %s\n' "$1" >&2
    exit 1
}

[ "$(cat "$folder/.installed" 2>/dev/null)" != "$*" ] || exit 0
command -v python3 >/dev/null || fail "python3 is missing (Debian: apt-get install python3 python3-venv)"

# Debian keeps what `venv` needs in a package of its own.
if ! python3 -c 'import ensurepip' 2>/dev/null; then
    command -v apt-get >/dev/null || fail "python3 has no venv: install it"
    root=
    [ "$(id -u)" = 0 ] || root=sudo
    $root apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive $root apt-get install -qy python3-venv >/dev/null
fi

rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@" ||
    fail "pip can't install $*"
echo "$*" >"$folder/.installed"
