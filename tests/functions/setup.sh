#!/bin/sh
# Installs the servers of other makers that the tests run the component in,
# once, into target/tools: `jco` from npm, `wasmtime` from crates.io. Needs
# cargo, and node with npm.
set -eu
cd "$(dirname "$0")/../.."

jco=1.35.0
wasmtime=48.0.8
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

if ! "$tools/wasmtime/bin/wasmtime" --version 2>/dev/null | grep -q "^wasmtime $wasmtime"; then
    echo "setup: cargo install wasmtime-cli@$wasmtime"
    # It is built to be run a little: what compiles components takes long where
    # it is not optimised, the rest takes long to be.
    CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=64 \
        CARGO_TARGET_DIR="$tools/build" \
        cargo install --quiet --locked --root "$tools/wasmtime" "wasmtime-cli@$wasmtime" \
        --config profile.release.package.cranelift-codegen.opt-level=1 \
        --config profile.release.package.regalloc2.opt-level=1 \
        --no-default-features \
        --features serve,run,compile,cache,component-model-async,demangle,parallel-compilation,pooling-allocator
    rm -rf "$tools/build"
fi
