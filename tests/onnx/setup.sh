#!/bin/sh
# Installs ONNX Runtime and what it is compared with into the folder $1 (default:
# target/onnx). Does nothing where it is there already.
set -eu

exec "$(dirname "$0")/../venv.sh" "${1:-target/onnx}" onnx==1.23.2 onnxruntime==1.32.0 pyarrow==26.0.1
