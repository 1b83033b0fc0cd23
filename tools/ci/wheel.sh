#!/usr/bin/env bash
# Builds wheel and sdist into dist/, installs the wheel into a fresh environment with what pip brings along, and runs the
# README's first Python example there. Prints sizes.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/build"
"$work/build/bin/pip" install -q build twine
git archive HEAD | tar -x -C "$work" --one-top-level=source
"$work/build/bin/python" -m build -q --outdir dist "$work/source"
"$work/build/bin/twine" check dist/*
"$python" -m venv "$work/fresh"
before=$(du -sm "$work/fresh" | cut -f 1)
"$work/fresh/bin/pip" install -q dist/*.whl
"$work/fresh/bin/python" tools/ci/readme_example.py README.md
du -sh dist/*
echo "installed: $(($(du -sm "$work/fresh" | cut -f 1) - before)) MB"
