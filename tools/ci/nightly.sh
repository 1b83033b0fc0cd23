#!/usr/bin/env bash
# What takes long: all tests, peers, soak, every fuzz target for a minute, and benchmarks with a history of their ratios.
#   tools/ci/nightly.sh peers|soak|fuzz|bench|slow
set -euo pipefail
cd "$(dirname "$0")/../.."
case ${1:?one of: peers soak fuzz bench slow} in
  slow) make test-slow ;;
  peers) make peers ;;
  soak) make soak MINUTES="${MINUTES:-20}" ;;
  fuzz)
    make env
    .venv/bin/python -c 'from fuzz.registry import TARGETS; print("\n".join(TARGETS))' | while read -r target; do
      make fuzz TARGET="$target" SECONDS="${PER_TARGET:-60}" </dev/null # the list is the loop's input
    done
    ;;
  bench)
    make peers-env
    .venv/bin/python benchmarks/steps.py --quick
    .venv/bin/python tools/ci/ratio_history.py out/bench/steps.json "${HISTORY:-out/ratios.csv}"
    ;;
  *) echo "one of: peers soak fuzz bench slow" >&2 && exit 2 ;;
esac
