#!/bin/sh
# Makes the pictures of docs/images anew: runs a plan, and takes pictures of its page of the
# dashboard in Chromium. `docs/screenshots.sh [FANOUT]`; the program is target/release/fanout unless
# another one is named.
set -eu
cd "$(dirname "$0")/.."

fanout=${1:-target/release/fanout}
tests/dashboard/setup.sh
store=$(mktemp -d)
dashboard=
trap 'if [ -n "$dashboard" ]; then kill "$dashboard"; fi; rm -rf "$store"' EXIT

"$fanout" run plans/compare.yaml --store "$store" --output "$store/compare" --quiet >/dev/null
"$fanout" dashboard --store "$store" --addr 127.0.0.1:0 2>"$store/url" &
dashboard=$!
until grep -q '^dashboard: ' "$store/url"; do
    kill -0 "$dashboard" || { cat "$store/url" >&2; exit 1; }
    sleep 0.1
done
mkdir -p docs/images
FANOUT_BROWSER_TOOLS=$PWD/target/tools/browser FANOUT_SCREENSHOTS=$PWD/docs/images \
    node tests/dashboard/pictures.mjs "$(sed -n 's/^dashboard: //p' "$store/url")"
for picture in docs/images/dashboard-*.png; do
    [ "$(wc -c <"$picture")" -lt 150000 ] || { echo "$picture has more than 150 kB" >&2; exit 1; }
done
