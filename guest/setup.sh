#!/bin/sh
# Finds or installs a compiler that can build the guests (see
# guest/build/src/lib.rs for how it is used). There are two ways, tried in
# this order: rustup's, which adds the target wasm32-unknown-unknown, and
# Debian's, which installs packages with the source of std.
#
# FANOUT_GUEST_COMPILER=rustup or =debian takes that way alone, here and in
# the build. FANOUT_DEBIAN_ROOT is put before /usr where Debian's packages are
# looked for; the tests of this script set it.
set -eu

target=wasm32-unknown-unknown
packages="rustc-web cargo-web rust-web-src lld-19"
usr=${FANOUT_DEBIAN_ROOT:-}/usr

fail() {
    printf 'setup: %s\n' "$1" >&2
    exit 1
}

has_target() {
    [ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]
}

has_debian() {
    [ -x "$usr/bin/cargo" ] && [ -x "$usr/bin/rustc" ] &&
        [ -e "$("$usr/bin/rustc" --print sysroot)/lib/rustlib/src/rust/library/std" ] || return 1
    for linker in "$usr"/bin/wasm-ld-[0-9]*; do
        [ ! -x "$linker" ] || return 0
    done
    return 1
}

add_target() {
    command -v rustup >/dev/null || return 1
    echo "setup: rustup target add $target"
    # A machine that reaches only package registries fails here, or waits:
    # the bound lets the next way have its turn.
    timeout 120 rustup target add "$target" && has_target
}

add_packages() {
    command -v apt-get >/dev/null || return 1
    root=
    [ "$(id -u)" = 0 ] || root=sudo
    echo "setup: apt-get install $packages"
    # shellcheck disable=SC2086 # a list of words
    $root apt-get update -q >/dev/null &&
        DEBIAN_FRONTEND=noninteractive $root apt-get install -qy $packages >/dev/null &&
        has_debian
}

command -v cargo >/dev/null && command -v rustc >/dev/null ||
    fail "cargo and rustc are missing: install Rust, for example with rustup"
command -v cc >/dev/null ||
    fail "a C linker is missing: install gcc (Debian: apt-get install build-essential)"

case ${FANOUT_GUEST_COMPILER:-} in
'')
    has_target || has_debian || add_target || add_packages ||
        fail "no compiler can build WebAssembly here: run \`rustup target add $target\`, \
or install Debian's packages \`$packages\`"
    ;;
rustup)
    has_target || add_target ||
        fail "FANOUT_GUEST_COMPILER asks for \`rustup\`, which lacks $target: run \
\`rustup target add $target\`"
    ;;
debian)
    has_debian || add_packages ||
        fail "FANOUT_GUEST_COMPILER asks for \`debian\`, which is not installed whole: install \
Debian's packages \`$packages\`"
    ;;
*)
    fail "FANOUT_GUEST_COMPILER is \`$FANOUT_GUEST_COMPILER\`, but must be \`rustup\` or \
\`debian\`, or not be set"
    ;;
esac
