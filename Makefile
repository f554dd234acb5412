# The commands of a working day. `make` alone lists them.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: install install-demo demo test explore check parts bench lock docs help

BIN := .venv/bin
STAMP := .venv/.installed
DEMO_STAMP := .venv/.installed-demo
PIP_INSTALL = $(BIN)/python -m pip install --disable-pip-version-check
PYTEST_ARGS ?=
DEMO_ARGS ?=
PROCESSES ?= 2
MINUTES ?= 60

install: $(STAMP) ## make .venv, and bring it to requirements.lock when that has changed

install-demo: $(DEMO_STAMP) ## the same, without what only developers need

$(STAMP): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what requirements.lock names"
	@$(PIP_INSTALL) --require-hashes -r requirements.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $(STAMP) $(DEMO_STAMP)

$(DEMO_STAMP): requirements-run.lock pyproject.toml | $(BIN)/python
	@echo "Installing what requirements-run.lock names"
	@$(PIP_INSTALL) --require-hashes -r requirements-run.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $(DEMO_STAMP)

$(BIN)/python:
	@set -e; found=; \
	for name in python3.13 python3.12 python3.11 python3; do \
	  if $$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    found=$$name; break; \
	  fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "No Python of 3.11 or newer, with venv, is on the PATH. Install one (Debian: python3 python3-venv)." >&2; \
	  exit 1; \
	fi; \
	echo "Making .venv with $$($$found --version)"; \
	$$found -m venv --clear .venv

demo: install-demo ## run the whole house on this machine; Ctrl-C stops it (DEMO_ARGS="--speed 600x")
	@$(BIN)/wardwatch demo $(DEMO_ARGS)

test: install parts check ## check, then every test (PYTEST_ARGS="..." narrows it, PROCESSES=0 is one after another)
	@$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

explore: install ## generated tests with new seeds for MINUTES=60; says how to repeat what it finds
	@$(BIN)/python -m tests.support.explore --minutes $(MINUTES)

check: install ## ruff, mypy and the layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

parts: install ## say which real parts the tests have, and fetch the Kafka broker
	@$(BIN)/python -m tests.support.parts

bench: install ## measure: what the README's figures come from
	@$(BIN)/python -m benchmarks

lock: ## write both lock files anew from pyproject.toml
	@uv=$$(command -v $(BIN)/uv || command -v uv) || { \
	  echo "uv is missing; get it with: $(BIN)/python -m pip install uv" >&2; exit 1; }; \
	set -e; compile="pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate \
	  --generate-hashes pyproject.toml"; \
	"$$uv" $$compile --extra dev -o requirements.lock; \
	"$$uv" $$compile --extra install --constraints requirements.lock -o requirements-run.lock

docs: install ## write docs/reference anew from the code
	@$(BIN)/python -m tests.project.regenerate

help: ## list these
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) \
	  | while IFS='|' read -r name what; do printf '  make %-12s %s\n' "$$name" "$$what"; done
