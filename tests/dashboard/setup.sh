#!/bin/sh
# Installs what the tests of the dashboard drive its pages with, once: the system's Chromium,
# and into target/tools/browser from npm `playwright-core`, which drives it, `axe-core`, which
# looks for what keeps people from using a page, and `speedscope`, which shows traces. Needs
# node with npm.
set -eu
cd "$(dirname "$0")/../.."

playwright=1.65.1
axe=4.14.1
speedscope=1.25.0
tools=$PWD/target/tools/browser

fail() {
    printf 'setup: %s\n' "$1" >&2
    exit 1
}

install() {
    command -v apt-get >/dev/null || return 0
    root=
    [ "$(id -u)" = 0 ] || root=sudo
    echo "setup: apt-get install $*"
    $root apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive $root apt-get install -qy --no-install-recommends "$@" >/dev/null
}

command -v npm >/dev/null || install nodejs npm
command -v npm >/dev/null || fail "npm is missing: install Node.js 20 or later"
if [ -z "${FANOUT_CHROMIUM:-}" ]; then
    # With a font: without one there is nothing to look at.
    command -v chromium >/dev/null || install chromium fonts-dejavu-core
    command -v chromium >/dev/null || fail "chromium is missing: install it, or name a Chrome in FANOUT_CHROMIUM"
fi

installed() {
    grep -qs "\"version\": \"$2\"" "$tools/node_modules/$1/package.json"
}

if ! installed playwright-core "$playwright" || ! installed axe-core "$axe" ||
    ! installed speedscope "$speedscope"; then
    echo "setup: npm install playwright-core@$playwright axe-core@$axe speedscope@$speedscope"
    mkdir -p "$tools"
    npm install --prefix "$tools" --no-save --no-audit --no-fund --loglevel=error \
        "playwright-core@$playwright" "axe-core@$axe" "speedscope@$speedscope"
fi
