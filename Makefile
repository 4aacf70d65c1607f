# Everything starts here: `make` prints what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The uv that is in the lock file: it installs the rest as locked.
UV_VERSION := $(shell awk '/^name = "uv"$$/ {getline; gsub(/[^0-9.]/, ""); print; exit}' uv.lock)
# Given on, for example: make test ARGS="tests/test_settings.py -x", make demo ARGS="--devices 50 --seed 7"
ARGS ?=
# Tests run in so many processes, a file's tests in one: many of them wait for others' programs.
WORKERS ?= 3

.PHONY: help
help: ## Print this help
	@echo 'iotstream: from devices to SQL. Targets:'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo '  ARGS="…" is passed on by demo, local, test, bench, package, fuzz and chaos; PYTHON=… chooses the interpreter for setup.'

.PHONY: setup
setup: $(VENV)/.ready ## Create .venv with everything as locked (quick when it is there)

KERNEL := $(wildcard native/src/*.rs) native/Cargo.toml native/Cargo.lock native/pyproject.toml

$(VENV)/.ready: pyproject.toml uv.lock scripts/install-mosquitto scripts/install-influxdb scripts/build-kernel $(KERNEL)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "iotstream needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try make setup PYTHON=python3.12" >&2; \
	  exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv==$(UV_VERSION)'
	@VIRTUAL_ENV= $(BIN)/uv sync --locked --all-extras --quiet
	@scripts/install-mosquitto
	@scripts/install-influxdb
	@scripts/build-kernel
	@touch $@

.PHONY: demo
demo: setup ## Run the whole pipeline on this machine and write a report (under a minute)
	@$(BIN)/iotstream demo $(ARGS)

.PHONY: local
local: setup ## Run the local stack in the foreground; its variables go to .local/env
	@mkdir -p .local
	@$(BIN)/iotstream local --consumer lambda --env-file .local/env --dir .local/stack $(ARGS)

.PHONY: test
test: lint ## Lint, types and all tests
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile $(ARGS)

.PHONY: lint
lint: setup ## ruff (rules and format) and mypy
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

BENCH := $(BIN)/pytest benchmarks -q -o python_files='bench_*.py' -o addopts='-p no:cacheprovider' \
  --benchmark-quiet --benchmark-timer=time.process_time

.PHONY: bench
bench: setup ## Benchmarks side by side with the alternatives (ARGS="--report docs/benchmarks" writes the page)
	@$(BENCH) $(ARGS)

.PHONY: bench-save
bench-save: setup ## The same, and keep the figures in .benchmarks/
	@$(BENCH) --benchmark-autosave $(ARGS)

.PHONY: bench-compare
bench-compare: setup ## The last two that were kept, side by side (ARGS="0001 0004" for others)
	@$(BIN)/python benchmarks/compare.py $(ARGS)

.PHONY: package
package: setup ## Wheels, and Lambda zips for arm64 and x86_64, in dist/
	@$(BIN)/python scripts/package.py $(ARGS)

.PHONY: fuzz
fuzz: setup ## Compare the decoders on mutated payloads, the kernel under a sanitizer too (ARGS="--seconds 600")
	@$(BIN)/python scripts/fuzz_decode.py $(ARGS)
	@if rustc +nightly -V > /dev/null 2>&1; then native/fuzz.sh; else \
	  echo 'not under a sanitizer: that needs a nightly Rust (rustup toolchain install nightly --component miri,rust-src)' >&2; fi

.PHONY: chaos
chaos: setup ## Kill consumers hundreds of times and count every item (up to 90 minutes; goes on where it was)
	@$(BIN)/python tests/chaos/run.py --state .chaos $(ARGS)

.PHONY: clean
clean: ## Remove what was made here, .venv too
	@rm -rf $(VENV) .local iotstream-demo .chaos .mypy_cache .ruff_cache .hypothesis .benchmarks build dist
	@find src tests handlers benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
