# Everything runs in a virtual environment of its own, made on first use with the versions of constraints.txt.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
FEDERATED ?= .venv-federated
COSMO := $(BIN)/cosmo-pl
DEMO_DATA := data/simulated
STUDIES := $(filter-out methods paper,$(basename $(notdir $(wildcard experiments/*.yaml))))
SWEEPS := $(addprefix sweep-,$(subst _,-,$(basename $(notdir $(wildcard experiments/sweeps/*.yaml)))))
SMOKE := build/paper-smoke
SELF := build/demo-self
LONGEST := tests/study/test_study_cli.py tests/cli tests/study/test_claims.py  # begun first, or one process is left with it
PRESET ?= paper
JOBS ?= 1
TIME ?= 150m

.DEFAULT_GOAL := help
.PHONY: help install demo demo-self utd-plus test test-slow test-federated attack golden lint check evidence bench clean paper paper-smoke claims docs docs-serve $(STUDIES) $(SWEEPS)

help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo "A table or figure of the paper from experiments/results; RUN=1 runs what is missing (PRESET=paper JOBS=1):"
	@for name in $(STUDIES); do printf "  make %-12s %s\n" $$name "$$(sed -n 's/^title: "*\([^"]*\)"*/\1/p' experiments/$$name.yaml)"; done
	@echo "A sweep, by W&B where it is configured and without it otherwise:"
	@for name in $(SWEEPS); do echo "  make $$name"; done

install: $(VENV)/.installed  ## make the virtual environment

$(VENV)/.installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --editable '.[dev]'
	@touch $@

demo: install  ## simulate recordings, train both stages, test: accuracy and confusion matrix
	$(COSMO) data simulate utd --root $(DEMO_DATA)
	$(COSMO) fit --config configs/demo_stage1.yaml
	$(COSMO) fit --config configs/demo_stage2.yaml
	$(COSMO) test --config configs/demo_stage2.yaml

utd-plus: install  ## the most accurate recipe on UTD-MHAD, from its recordings: both stages and the test
	$(COSMO) fit --config configs/utd_plus_stage1.yaml
	$(COSMO) fit --config configs/utd_plus_stage2.yaml
	$(COSMO) test --config configs/utd_plus_stage2.yaml

demo-self: export COSMO_PL_DATA := $(SELF)/data
demo-self: study = table2 --preset self-demo --results $(SELF)/results
demo-self: install  ## simulate IMU, depth and radar of ten people, run both stages and all baselines, picture and table
	$(COSMO) data simulate self_collected --root $(SELF)/data --subjects 10 --trials 4
	$(COSMO) data clip s01_a10_t1 --out $(SELF)/clip.gif
	$(COSMO) study run $(study) --datasets '[self_collected]' --runs $(SELF)/runs --jobs 2
	$(COSMO) study render $(study) --output $(SELF)/rendered
	@grep '^| self-collected' $(SELF)/rendered/table2-self-demo.md

test: install  ## run the tests
	$(BIN)/pytest -m 'not slow' --timeout 180 -n 2 --dist loadfile --no-loadscope-reorder $(LONGEST) tests

test-slow: install  ## run the tests that take minutes
	$(BIN)/pytest -m slow

test-federated: $(FEDERATED)/.installed  ## test federated training in an environment of its own, real processes included
	$(FEDERATED)/bin/pytest -m 'slow or not slow' tests/federated

# Flower needs older versions of these than the tools of development.
$(FEDERATED)/.installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(FEDERATED)
	grep -vE '^(certifi|packaging|protobuf)==' constraints.txt > $(FEDERATED)/constraints.txt
	$(FEDERATED)/bin/pip install --quiet --disable-pip-version-check -c $(FEDERATED)/constraints.txt \
	  --editable '.[federated]' pytest pytest-xdist
	@touch $@

attack: install  ## robustness tests: killed runs, bad input, damaged files, full disks
	$(BIN)/pytest -n 2 --dist loadfile tests/attack

golden: install  ## record the values that tests compare with, of classes whose numerics were raised
	COSMO_PL_GOLDEN=record $(BIN)/pytest -q tests/golden

lint: install  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test test-slow  ## lint and all tests

$(STUDIES): install
	$(if $(RUN),$(COSMO) study run $@ --preset $(PRESET) --jobs $(JOBS))
	$(COSMO) study render $@

$(SWEEPS): sweep = sweeps/$(subst -,_,$(@:sweep-%=%))
$(SWEEPS): export PATH := $(abspath $(BIN)):$(PATH)
$(SWEEPS): install
	@if [ -n "$$WANDB_API_KEY" ] || grep -qs api.wandb.ai ~/.netrc; then \
	  cosmo-pl study sweep $(sweep); \
	else \
	  echo "no W&B login found: running without an account"; \
	  cosmo-pl study run $(sweep) --preset $(PRESET) --jobs $(JOBS) && cosmo-pl study render $(sweep); \
	fi

paper: install  ## run every table and figure (PRESET=paper JOBS=1), draw them all, collect the claims
	$(COSMO) study run all --preset $(PRESET) --jobs $(JOBS)
	$(COSMO) study render all
	$(COSMO) study claims
	$(COSMO) study headline --output README.md

docs: $(VENV)/.docs  ## build the documentation in build/site; a broken link, anchor or reference is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-serve: $(VENV)/.docs  ## show the documentation at http://127.0.0.1:8000 while it is written
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --editable '.[dev,docs]'
	@touch $@

claims: install  ## every claim of the paper and what became of it, from experiments/results
	$(COSMO) study claims

paper-smoke: export COSMO_PL_DATA := $(SMOKE)/data
paper-smoke: install  ## run and draw every table and figure on small simulated recordings, in build/paper-smoke
	rm -rf $(SMOKE)/results $(SMOKE)/runs $(SMOKE)/rendered
	$(COSMO) data simulate utd --root $(SMOKE)/data
	$(COSMO) data simulate usc --root $(SMOKE)/data --trials 1
	$(COSMO) data simulate self_collected --root $(SMOKE)/data --subjects 6 --trials 2 --resolution '[12, 16]'
	$(COSMO) data simulate mex --root $(SMOKE)/data --subjects 5
	$(COSMO) study run all --preset smoke --jobs 2 --results $(SMOKE)/results --runs $(SMOKE)/runs
	$(COSMO) study render all --preset smoke --results $(SMOKE)/results --output $(SMOKE)/rendered

evidence: install  ## run missing results by priority, but for times, beside other work (TIME=150m JOBS=1)
	$(COSMO) study evidence --time-limit $(TIME) --jobs $(JOBS)

bench: install  ## measure training steps before and now, shares of their time, and the loss's memory
	$(BIN)/python experiments/bench.py

clean:  ## remove the virtual environment and caches, not data or runs
	rm -rf $(VENV) $(FEDERATED) .pytest_cache .mypy_cache .ruff_cache build src/*.egg-info
