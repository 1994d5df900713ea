# Two commands do everything: `make demo` and `make test`. Both create .venv and install what they need.
#
#   make demo       train the example for a few minutes: live progress, a checkpoint, a learning curve; again: go on
#   make test       check, then all tests that are not slow
#   make test-all   check, then every test
#   make check      formatting, lint, types, import direction
#   make format     rewrite the sources in the house format
#   make docs       write the reference and the pictures of the worlds anew
#   make clean      remove .venv, caches and outputs

SHELL := bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# -n 2: two worker processes; a file's tests stay in one worker so that they share what they compiled.
PYTEST ?= $(BIN)/python -m pytest -n 2 --dist loadfile
ARGS ?=

# The matrix factorizations that initialize a network take milliseconds on one thread, and many seconds on several
# threads of OpenBLAS that wait for each other on a busy machine.
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test test-all check format docs install clean

demo: install
	$(BIN)/python examples/run.py $(ARGS)

test: check
	$(PYTEST) -m "not slow" $(ARGS)

test-all: check
	$(PYTEST) $(ARGS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python -m pytest -q tests/test_imports.py

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_worlds.py

install: $(VENV)/.installed

# The stamp is older than pyproject.toml only when the dependencies may have changed.
$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "metta_jax needs Python 3.11 or newer, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	@touch $@

clean:
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache .hypothesis out
