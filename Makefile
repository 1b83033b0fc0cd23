# `make demo` shows what the package does, `make test` runs the quick tests. Each target sets up what it needs.

SHELL := /bin/bash
BIN := .venv/bin
# What demo and tests look at: real weights and a real video, fetched with checksums into the user's cache.
MOTIONS := backflip cartwheel crawl dance_a dance_b getup_facedown getup_faceup jump kick punch roll run spin spinkick walk
DEMO_ASSETS := movenet_multipose sports2d_demo
ASSETS := i3d_kinetics400 $(DEMO_ASSETS) blazepose_detector blazepose_full \
  $(foreach view,01 02 03 04,pose2sim_single_cam$(view) pose2sim_multi_cam$(view)) \
  pose2sim_calibration pose_kit_body seglearn_watch stream_pose_video stream_pose_labels $(addprefix deepmimic_,$(MOTIONS))

BENCHES := steps streams training adapt node_frames node_latency people person_crops startup bundle_step install_size pose pose_options positions camera_motion outputs teach spread endurance one_process compare_answers topic_bytes parallel_evaluate

PEERS := video skeleton convert movinet

# A worker a core, each with its own ROS domain; more than four would fight over memory.
PYTEST := $(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist worksteal

.PHONY: help env env-demo weights demo test test-slow test-all coverage test-random lint soak peers-env peers bench recipes weights-from-data accuracy fuzz audit sbom docs clean
.DEFAULT_GOAL := help

help:  ## lists these commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

env:  ## makes .venv with everything (settings: PYTHON=python3.12, PIP_ARGS="options for pip")
	@PYTHON="$(PYTHON)" PIP_ARGS="$(PIP_ARGS)" tools/make_env.sh all

env-demo:  ## makes .venv with what the demo needs: a third of everything, without torch
	@PYTHON="$(PYTHON)" PIP_ARGS="$(PIP_ARGS)" tools/make_env.sh demo

weights: env  ## fetches the published weights, the sample videos and the data of the recipes
	@$(BIN)/co-perception weights fetch $(ASSETS)

# Where torch is installed, as `make env` does, the demo labels the scene, too.
HAS_TORCH := -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)'
demo: env-demo  ## real video through the nodes, results in out/demo (settings: SOURCE=file, camera index or URL; ARGS=--help)
	@$(BIN)/co-perception weights fetch $(DEMO_ASSETS) $$($(BIN)/python $(HAS_TORCH) && echo i3d_kinetics400)
	@$(BIN)/python -m co_perception.nodes.demo $(if $(SOURCE),--source "$(SOURCE)") $(ARGS)

test: weights lint  ## ruff, mypy, and the tests that are not marked slow: ten minutes on two cores
	@$(PYTEST) -m "not slow" $(ARGS)

test-slow: weights  ## the tests that are marked slow
	@$(PYTEST) -m slow $(ARGS)

test-all: weights lint  ## ruff, mypy, and all tests
	@$(PYTEST) $(ARGS)

coverage: weights  ## lines and branches of co_perception/ that the quick tests run; the pages are in out/coverage
	@$(BIN)/python -c "import pytest_cov" 2> /dev/null || $(BIN)/pip install -q $(PIP_ARGS) -c constraints.txt "coverage>=7.10,<8" "pytest-cov>=7,<8"
	@rm -f .coverage .coverage.*
	@$(PYTEST) -m "not slow" --cov --cov-report=term:skip-covered --cov-report=html:out/coverage $(ARGS)

test-random: weights  ## the hypothesis tests with ten times as many examples, which differ from run to run
	@$(BIN)/python -m pytest -m hypothesis --hypothesis-profile random --timeout 3600 $(ARGS)

lint: env  ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/mypy

soak: weights  ## the whole graph on looping video for MINUTES=20, and whether it keeps to its budgets; out/soak (ARGS=--help)
	@$(BIN)/python -m co_perception.nodes.soak --minutes $(or $(MINUTES),20) $(ARGS)

peers-env: env  ## makes .venv-peers, with the networks' authors' own code
	@test -x .venv-peers/bin/python || $(BIN)/python -m venv .venv-peers
	@.venv-peers/bin/pip install -q $(PIP_ARGS) -c constraints.txt torch numpy safetensors onnx onnxruntime onnxscript pytest six pyyaml av parameterized networkx
	@.venv-peers/bin/pip install -q --no-deps $(PIP_ARGS) $(foreach kind,$(PEERS),-r test/peers/requirements-$(kind).txt)

peers: peers-env  ## compares the networks with their authors' code, and converts those of other packages (SOURCES=folder of clones)
	@PEER_SOURCES="$(SOURCES)" .venv-peers/bin/python -m pytest --timeout 1800 $(foreach kind,$(PEERS),test/peers/peer_$(kind).py)

bench: weights peers-env  ## measures what the documentation claims, in an hour; on a machine with nothing else to do
	@for script in $(BENCHES); do $(BIN)/python benchmarks/$$script.py || exit; done

recipes: weights  ## trains what is shipped, and prints how good it is beside random forests
	@for recipe in poses "motions --folds 1" exercises steps; do set -- $$recipe; $(BIN)/python -m recipes.$$1 "$${@:2}" || exit; done

weights-from-data: env  ## trains the everyday model from DATA, a folder with train/ (ARGS=--help); out/recipes/everyday
	@$(BIN)/python -m recipes.everyday --data "$(or $(DATA),$(error which DATA? docs/recipes.md says what lies in it))" $(ARGS)

accuracy: env  ## measures the everyday model on people and sets it never saw; DATA has train/, test/, video/; docs/accuracy.md
	@$(BIN)/python -m recipes.everyday.accuracy --data "$(or $(DATA),$(error which DATA? docs/recipes.md says what lies in it))" $(ARGS)

fuzz: env  ## feeds the parsers random input, guided by coverage (settings: TARGET=webvtt, see fuzz/registry.py; SECONDS=600)
	@$(BIN)/python -c "import atheris" 2> /dev/null || $(BIN)/pip install -q $(PIP_ARGS) -c constraints.txt "atheris>=3.0"
	@$(BIN)/python -m fuzz.run $(or $(TARGET),$(error which TARGET? they are in fuzz/registry.py)) \
	  --seconds $(if $(filter command% environment,$(origin SECONDS)),$(SECONDS),600)

audit: env  ## compares what is installed with known vulnerabilities, by pip-audit in .venv-audit; needs a network
	@test -x .venv-audit/bin/pip-audit || { $(or $(PYTHON),python3) -m venv .venv-audit && \
	  .venv-audit/bin/pip install -q $(PIP_ARGS) pip-audit; }
	@$(BIN)/pip freeze --exclude-editable > .venv-audit/installed.txt
	@.venv-audit/bin/pip-audit --disable-pip --no-deps -r .venv-audit/installed.txt | tee .venv-audit/report.txt; \
	  status=$${PIPESTATUS[0]}; \
	  missed=$$(grep -c "could not be audited" .venv-audit/report.txt); of=$$(wc -l < .venv-audit/installed.txt); \
	  echo "$$missed of $$of packages could not be looked up"; \
	  test $$((2 * missed)) -lt $$of || { echo "The database was not reached: nothing is known to be safe." >&2; exit 1; }; \
	  exit $$status

sbom: env  ## writes what .venv consists of to out/sbom.json (CycloneDX)
	@test -x .venv-audit/bin/cyclonedx-py || { $(or $(PYTHON),python3) -m venv .venv-audit && \
	  .venv-audit/bin/pip install -q $(PIP_ARGS) cyclonedx-bom; }
	@mkdir -p out
	@.venv-audit/bin/cyclonedx-py environment $(BIN)/python --output-file out/sbom.json
	@echo "written: out/sbom.json"

DOCS_SITE = $$(.venv-docs/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
docs: env  ## builds the documentation as a site in out/docs, with pages of the API; warnings are errors
	@test -x .venv-docs/bin/sphinx-build || { $(BIN)/python -m venv .venv-docs && \
	  .venv-docs/bin/pip install -q $(PIP_ARGS) -c constraints.txt furo myst-parser sphinx && \
	  $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > $(DOCS_SITE)/of_the_checkout.pth; }
	@.venv-docs/bin/sphinx-build -q --fail-on-warning --keep-going -b html docs out/docs
	@echo "written: out/docs/index.html"

clean:  ## removes .venv and out; the cache of weights stays
	@rm -rf .venv .venv-peers .venv-audit .venv-docs out
