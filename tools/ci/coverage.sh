#!/usr/bin/env bash
# The quick tests with coverage of lines and branches of co_perception/; fails below fail_under of pyproject.toml.
set -euo pipefail
cd "$(dirname "$0")/../.."
# The workflow keeps .cache of the checkout. Its context github.workspace is not that folder where a job has a container.
[ -z "${GITHUB_ACTIONS:-}" ] || export XDG_CACHE_HOME=$PWD/.cache
export PIP_ARGS=${PIP_ARGS:---extra-index-url https://download.pytorch.org/whl/cpu}
make coverage
