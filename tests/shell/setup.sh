#!/bin/sh
# Installs the shells whose completions are tested in them, once: zsh and fish, of the
# system's packages.
set -eu

command -v zsh >/dev/null && command -v fish >/dev/null && exit 0
if ! command -v apt-get >/dev/null; then
    echo "setup: zsh or fish is missing: install both" >&2
    exit 1
fi
root=
[ "$(id -u)" = 0 ] || root=sudo
echo "setup: apt-get install zsh fish"
$root apt-get update -q >/dev/null
DEBIAN_FRONTEND=noninteractive $root apt-get install -qy --no-install-recommends zsh fish >/dev/null
