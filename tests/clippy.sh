#!/bin/sh
# What `cargo clippy -- -D warnings` runs in rustc's place, for a build: see
# `lint` in the Makefile.
exec clippy-driver "$@" -Dwarnings
