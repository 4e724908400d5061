# Everything runs in a virtual environment of its own, made on first use with the versions of constraints.txt.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
COSMO := $(BIN)/cosmo-pl
DEMO_DATA := data/simulated

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow lint check bench clean

help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(VENV)/.installed  ## make the virtual environment

$(VENV)/.installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --editable '.[dev]'
	@touch $@

demo: install  ## simulate recordings, train both stages, test: accuracy beside chance, pictures
	$(COSMO) data simulate utd --root $(DEMO_DATA)
	$(COSMO) fit --config configs/demo_stage1.yaml
	$(COSMO) fit --config configs/demo_stage2.yaml
	$(COSMO) test --config configs/demo_stage2.yaml

test: install  ## run the tests
	$(BIN)/pytest -m 'not slow' -n 2 --dist loadfile

test-slow: install  ## run the tests that take minutes
	$(BIN)/pytest -m slow

lint: install  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test test-slow  ## lint and all tests

bench: install  ## measure training speed, data share and the loss's memory
	$(BIN)/python experiments/bench.py

clean:  ## remove the virtual environment and caches, not data or runs
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build src/*.egg-info
