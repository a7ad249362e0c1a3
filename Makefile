# Everything here works from a fresh clone with python3 (3.11 or newer, with venv and pip) and make.
# Standard output belongs to the target's own result; set-up messages go to standard error.

SHELL := /bin/sh
PYTHON ?= python3
EVENT ?= ds-appstore-1
.DEFAULT_GOAL := help

# A stranger's PYTHONPATH would shadow the locked packages.
unexport PYTHONPATH PYTHONHOME
# Without bytecode each of a few hundred processes would compile every package anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin

.PHONY: help briefing test coverage lint bench lab hooks lock clean python

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

briefing: python ## Render the briefing on DeepSeek Monday (EVENT=... for another event)
	@$(PYTHON) scripts/environment.py run
	@FAULTLINE_OFFLINE=1 $(BIN)/faultline briefing event_briefing -p event $(EVENT)

# Slow files go first (tests/conftest.py); reordered by xdist, by their number of tests, they would start last.
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

test: python ## Run all tests
	@$(PYTHON) scripts/environment.py dev
	@$(PYTEST)

# Takes half as long again as the tests alone.
coverage: python ## Run all tests and count the lines that they reach; fails below nine in ten
	@$(PYTHON) scripts/environment.py dev
	@$(PYTEST) --cov

lint: python ## Check style, types, layers and that notebooks hold no output
	@$(PYTHON) scripts/environment.py dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/nbstripout --verify --keep-id notebooks/*.ipynb

bench: python ## Measure engine, store and update beside plain NumPy, Polars and other packages (QUICK=1: no million events)
	@$(PYTHON) scripts/environment.py dev
	@$(BIN)/python -m tests.benchmarks.run $(if $(QUICK),--quick)
	@$(BIN)/python -m tests.benchmarks.update

lab: python ## Open the notebooks in JupyterLab
	@$(PYTHON) scripts/environment.py lab
	@$(BIN)/faultline lab

hooks: python ## Check every commit as `make lint` does (pre-commit)
	@$(PYTHON) scripts/environment.py dev
	@$(BIN)/pre-commit install

lock: python ## Resolve the dependencies anew (maintainers)
	@$(PYTHON) scripts/environment.py run
	@$(PYTHON) scripts/lock.py

clean: ## Remove the environment and all caches; reports and the store stay
	@rm -rf .venv .venv-bench .uv dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache
	@find analysis notebooks scripts tests -depth \
		\( -name __pycache__ -o -name .ipynb_checkpoints \) -exec rm -rf {} +

python:
	@command -v $(PYTHON) >/dev/null || { \
		echo "Faultline needs Python 3.11 or newer, and there is no $(PYTHON) here: install it, or name another (make PYTHON=/path/to/python)." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit("Faultline needs Python 3.11 or newer, and %s is %d.%d: name another (make PYTHON=/path/to/python)." % ((sys.executable,) + sys.version_info[:2]) if sys.version_info < (3, 11) else 0)'
