#!/usr/bin/env bash
# Builds the documentation as `make docs` does, where warnings are errors; LINKS=1 looks up links to other sites, too.
set -euo pipefail
cd "$(dirname "$0")/../.."
make docs
[ -z "${LINKS:-}" ] || .venv-docs/bin/sphinx-build -q -b linkcheck docs out/linkcheck
