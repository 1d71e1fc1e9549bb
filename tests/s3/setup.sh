#!/bin/sh
# Installs moto, an S3 server of other people's making, into the folder $1
# (default: target/moto). Does nothing where it is there already.
set -eu

exec "$(dirname "$0")/../venv.sh" "${1:-target/moto}" 'moto[s3,server]==5.2.5'
