#!/usr/bin/env bash
# Builds the fuzz targets and runs each for FUZZ_SECONDS (default 60), or those
# named as arguments. Exits with 1 if one failed, after all were run; shows
# where the input is and how to run it again.
#
# FUZZ_ARGS adds options of libFuzzer, such as `-jobs=2`.
set -euo pipefail
cd "$(dirname "$0")/.."

# cargo-fuzz asks rustc for unstable flags: a nightly toolchain takes them, and
# so does a stable one with this.
export RUSTC_BOOTSTRAP=1
# A length that a file claims may be asked for, since memory that is not
# written to costs nothing. More than this is refused, as by a machine; whoever
# takes that for granted fails.
export ASAN_OPTIONS=allocator_may_return_null=1:max_allocation_size_mb=4096
build=(--fuzz-dir fuzz --dev --strip-dead-code=true)

seconds=${FUZZ_SECONDS:-60}
if [ $# -gt 0 ]; then
    targets=("$@")
else
    mapfile -t targets < <(cargo fuzz list --fuzz-dir fuzz)
fi

# Bytes of the longest input: longer ones find little, and slowly.
max_len() {
    case $1 in
        arrow | guest_dataset | parquet) echo 16384 ;;
        *) echo 8192 ;;
    esac
}

cargo fuzz build "${build[@]}"
failed=()
for target in "${targets[@]}"; do
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
    echo "fuzz: $target, $seconds s"
    # `cargo fuzz run` would print the same and build again where the clock
    # of a file says so.
    if ! cargo fuzz run "${build[@]}" "$target" \
        "fuzz/corpus/$target" "fuzz/corpus-seeds/$target" -- \
        -max_total_time="$seconds" -max_len="$(max_len "$target")" \
        -rss_limit_mb=2048 -malloc_limit_mb=4096 -timeout=20 -print_final_stats=1 ${FUZZ_ARGS:-}; then
        failed+=("$target")
    fi
done

for target in ${failed[@]+"${failed[@]}"}; do
    echo "fuzz: $target failed on the newest of"
    ls -t "fuzz/artifacts/$target"/* 2>/dev/null | head -3 | sed 's/^/  /'
    echo "  again: RUSTC_BOOTSTRAP=1 cargo fuzz run ${build[*]} $target FILE"
    echo "  smaller: RUSTC_BOOTSTRAP=1 cargo fuzz tmin ${build[*]} $target FILE"
    echo "  to keep as a test: copy it to fuzz/regressions/$target/"
done
[ ${#failed[@]} -eq 0 ]
