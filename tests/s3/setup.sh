#!/bin/sh
# Installs moto, an S3 server of other people's making, into the folder $1
# (default: target/moto). Does nothing where it is there already.
set -eu

version=5.2.5
folder=${1:-target/moto}

fail() {
    printf 'tests/s3/setup.sh: %s\n' "$1" >&2
    exit 1
}

[ -e "$folder/.installed-$version" ] && exit 0
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
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check "moto[s3,server]==$version" ||
    fail "pip can't install moto"
touch "$folder/.installed-$version"
