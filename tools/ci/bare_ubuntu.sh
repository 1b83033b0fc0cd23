#!/usr/bin/env bash
# The two commands of README.md on an image of Ubuntu or Debian that has nothing, as root. Prints times and sizes.
#   tools/ci/bare_ubuntu.sh [demo|test]...     (default: both)
set -euo pipefail
cd "$(dirname "$0")/../.."
# The workflow keeps .cache of the checkout. Its context github.workspace is not that folder where a job has a container.
[ -z "${GITHUB_ACTIONS:-}" ] || export XDG_CACHE_HOME=$PWD/.cache
if [ "$(id -u)" = 0 ]; then
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
    ca-certificates git make build-essential python3 python3-venv python3-dev
fi
# Without a GPU the build of torch for CUDA would be 5 GB of libraries that nothing here uses.
export PIP_ARGS=${PIP_ARGS:---extra-index-url https://download.pytorch.org/whl/cpu}
for target in "${@:-demo test}"; do
  # shellcheck disable=SC2086  # "demo test" are two
  for each in $target; do
    began=$SECONDS
    make "$each"
    echo "make $each: $((SECONDS - began)) s, .venv $(du -sm .venv | cut -f 1) MB"
  done
done
