#!/bin/sh
# Finds or installs a compiler that can build the guests (see
# guest/build/src/lib.rs for how it is used). In this order: an installed
# wasm32-unknown-unknown target; `rustup target add`; Debian's packages.
set -eu

target=wasm32-unknown-unknown
packages="rustc-web cargo-web rust-web-src lld-19"

fail() {
    printf 'setup: %s\n' "$1" >&2
    exit 1
}

has_target() {
    [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]
}

has_debian() {
    [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] &&
        [ -e "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std" ] &&
        ls /usr/bin/wasm-ld-[0-9]* >/dev/null 2>&1
}

command -v cargo >/dev/null && command -v rustc >/dev/null ||
    fail "cargo and rustc are missing: install Rust, for example with rustup"
command -v cc >/dev/null ||
    fail "a C linker is missing: install gcc (Debian: apt-get install build-essential)"

has_target && exit 0
has_debian && exit 0

if command -v rustup >/dev/null; then
    echo "setup: rustup target add $target"
    # A machine that reaches only package registries fails here, or waits:
    # the bound lets the next way have its turn.
    if timeout 120 rustup target add "$target" && has_target; then
        exit 0
    fi
fi

if command -v apt-get >/dev/null; then
    root=
    [ "$(id -u)" = 0 ] || root=sudo
    echo "setup: apt-get install $packages"
    # shellcheck disable=SC2086 # a list of words
    if $root apt-get update -q >/dev/null &&
        DEBIAN_FRONTEND=noninteractive $root apt-get install -qy $packages >/dev/null && has_debian; then
        exit 0
    fi
fi

fail "no compiler can build WebAssembly here: run \`rustup target add $target\`, \
or install Debian's packages \`$packages\`"
