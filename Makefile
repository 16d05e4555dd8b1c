# Needs python3 (3.11 to 3.13), git and make. Everything else is fetched, checked and kept in .venv and the user's cache.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: help setup demo docs test bench down lint fmt lock
.DEFAULT_GOAL := help

help:  ## Show this.
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

setup:  ## Install everything, or nothing if that is done.
	@$(PYTHON) requirements/bootstrap.py

demo: setup  ## The whole platform, from a row in PostgreSQL to an answer and a model. ARGS="--payments 2000"
	@$(BIN)/lakehouse demo $(ARGS)

docs: setup  ## Write pages about the tables of the last demo: what each is, where it comes from, how far it can be trusted.
	@$(BIN)/lakehouse docs $(ARGS)

down:  ## Stop the services.
	@$(BIN)/lakehouse down

test: setup lint  ## Check style, types and layers, then run all tiers of tests.
	$(BIN)/python -m pytest $(ARGS)

bench: setup  ## Measure, on the services and tables of the last demo: queries, catch-up, changes applied; try silver with 5,000 logs and gold with changes by chance; see what tests notice of mechanisms switched off and of spoilt SQL.
	$(BIN)/python tests/bench/bench_queries.py
	$(BIN)/python tests/bench/bench_ingest.py
	$(BIN)/python tests/bench/bench_apply.py
	$(BIN)/python -m pytest -q tests/spark/test_transform_current_state.py -k split --logs 5000
	$(BIN)/python -m pytest -q tests/e2e/test_process_killed.py tests/e2e/test_demo.py tests/spark/test_gold_by_chance.py --long
	$(BIN)/python tests/bench/switched_off.py
	$(BIN)/python -m tests.bench.mutants

lint: setup  ## Style, types, layers.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: setup  ## Put the code into its form.
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

COMPILE = .venv/uv/bin/uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11
lock: setup  ## Lock again after a change of pyproject.toml; keeps versions that still fit.
	$(COMPILE) --group dev pyproject.toml -o requirements/main.txt
	$(COMPILE) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(COMPILE) requirements/build.in -o requirements/build.txt
