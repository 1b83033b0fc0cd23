#!/usr/bin/env bash
# What runs without ROS, with one version of Python: tools/ci/python_versions.sh python3.14
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${1:?which Python? for instance python3.12}
venv=$(mktemp -d)/venv
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install -q ${PIP_ARGS:---extra-index-url https://download.pytorch.org/whl/cpu} \
  '.[onnx,video,ros,train]' hypothesis pytest pytest-timeout
"$venv/bin/python" -m pytest -q -m "not slow" \
  test/continual test/networks test/skeletons test/engine test/online test/training test/learners
