# Two commands for a newcomer: `make demo` and `make test`. `make help` lists the rest.
# The virtual environment is made on first use and again whenever the lock changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup demo dev test check bench pictures lock clean
.DEFAULT_GOAL := help

help:  ## List the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY)  ## Make the virtual environment in .venv

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Leadloop needs Python 3.11 or newer; name one with PYTHON=python3.x"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV) (once; a minute or two)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY)  ## The whole journey on one machine, in about a minute; safe to repeat
	@$(BIN)/leadloop demo

dev: $(READY)  ## Everything running: Dagster UI, intake, panel, sandbox; Ctrl-C stops all of it
	@exec $(BIN)/leadloop dev

test: $(READY)  ## Every test
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

check: $(READY)  ## Linters, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/basedpyright
	@$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models

bench: $(READY)  ## Measure, and print beside what it is compared to
	@for file in benchmarks/*.py; do $(BIN)/python $$file; done

pictures: $(READY)  ## Take the pictures of the documents anew, from a run (needs Chromium)
	@LEADLOOP_PICTURES=docs/images $(BIN)/python -m pytest -q tests/journey/test_development.py

lock:  ## Pin every dependency anew, with hashes and without an index address (needs uv)
	@uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-strip-extras \
		--no-emit-index-url --custom-compile-command "make lock" --group dev pyproject.toml -o requirements.lock

clean:  ## Remove the virtual environment and the state folder
	@rm -rf $(VENV) .leadloop
