# Two commands are enough: `make run` and `make test`. Each does its own set-up (bootstrap.py -> .venv).
.DEFAULT_GOAL := help
.PHONY: help setup run test check bench lock clean
MAKEFLAGS += --no-print-directory

export HUSHGATE_PYTHON
BIN := .venv/bin
# Any Python >= 3.6 can run bootstrap.py; the one it made is the fastest to start.
STARTERS := $(BIN)/python /usr/bin/python3 python3 python3.12 python3.13 python3.14 python \
    $(wildcard $(PYENV_ROOT)/versions/*/bin/python3) $(wildcard $(HOME)/.pyenv/versions/*/bin/python3)

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*##  *\(.*\)/  make \1#\2/p' Makefile | while IFS='#' read -r a b; do printf '%-14s %s\n' "$$a" "$$b"; done

setup:  ## make or mend .venv (every other target does this first)
	@for python in $(STARTERS) "$$HUSHGATE_PYTHON"; do \
	    "$$python" -I -S -c 'import sys; sys.exit(sys.version_info < (3, 6))' 2>/dev/null || continue; \
	    exec "$$python" -I -S bootstrap.py; \
	done; \
	echo "No Python at all was found: install Python 3.12 or later, then run make again." >&2; exit 1

run: setup  ## sandbox, gateway, real SDKs: a tour, then serving until Ctrl-C (ONCE=1: the tour alone)
	@exec $(BIN)/hushgate demo $(if $(filter-out 0,$(ONCE)),--once)

test: setup  ## the test suite (ARGS='-k name' narrows it)
	@exec $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup  ## ruff, mypy --strict, the import rule
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest tests/test_architecture.py

bench: setup  ## Hushgate against its peers, on this machine (writes benchmarks/out/)
	@exec $(BIN)/python -m benchmarks.run $(ARGS)

lock:  ## resolve pyproject.toml into requirements.lock anew, with hashes (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv (https://docs.astral.sh/uv/)" >&2; exit 1; }
	@uv pip compile --quiet --universal --python-version 3.12 --all-extras --generate-hashes \
	    --no-header --no-annotate --upgrade pyproject.toml -o requirements.lock

clean:  ## remove caches and builds (ALL=1: .venv and local state too)
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist benchmarks/out
	@find gateway plugins tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
	@$(if $(filter-out 0,$(ALL)),rm -rf .venv .state)
