#!/bin/sh
# What cargo runs in rustdoc's place while it tests the examples in the
# documentation: see `docs` in the Makefile. Writes the documentation too, with
# warnings denied, on the same built dependencies.
set -eu

case " $* " in
*' --test '*) ;;
*) exec rustdoc "$@" ;;
esac
rustdoc "$@"

# The same call without what belongs to tests alone.
count=$#
while [ "$count" -gt 0 ]; do
    argument=$1
    shift
    count=$((count - 1))
    case $argument in
    --test) ;;
    --test-run-directory | --test-runtool | --test-runtool-arg | --test-args | --error-format | -C)
        shift
        count=$((count - 1))
        ;;
    --test-run-directory=* | --test-args=* | --error-format=* | --no-run | -C*) ;;
    *) set -- "$@" "$argument" ;;
    esac
done
exec rustdoc "$@" --document-private-items -Dwarnings --out-dir "${CARGO_TARGET_DIR:-target}/doc"
