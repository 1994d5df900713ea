# Two commands do everything: `make demo` and `make test`. Both create .venv and install what they need.
#
#   make demo          train the example for a few minutes: live progress, a checkpoint, a learning curve; again: resume
#   make test          check, then all tests that are not slow
#   make test-all      check, then every test
#   make check         formatting, lint, types, import direction
#   make format        rewrite the sources in the house format
#   make accelerators  compile for CUDA without having it, count kernels and bytes (slow; installs its compiler)
#   make docs          rewrite the reference and the pictures of the worlds
#   make site          build the documentation site into out/site; a broken link is an error
#   make clean         remove .venv, caches and outputs
#
# `make demo PLATFORM=cuda12` installs JAX for that accelerator too: cuda12, cuda13 or tpu. Once is enough: what is
# installed stays. Between cuda12 and cuda13, make clean.

SHELL := bash
comma := ,
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# -n 2: two worker processes; a file's tests stay in one worker so that they share what they compiled.
PYTEST ?= $(BIN)/python -m pytest -n 2 --dist loadfile
ARGS ?=
PLATFORM ?= cpu

ifeq ($(filter $(PLATFORM),cpu cuda12 cuda13 tpu),)
$(error PLATFORM: '$(PLATFORM)' is not one of cpu cuda12 cuda13 tpu)
endif
ACCELERATOR := $(filter-out cpu,$(PLATFORM))

# The matrix factorizations that initialize a network take milliseconds on one thread, and many seconds on several
# threads of OpenBLAS that wait for each other on a busy machine.
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test test-all check format docs site accelerators install clean

# Otherwise XLA prints a banner when a compilation takes long; what goes wrong there is an error anyway.
demo: export TF_CPP_MIN_LOG_LEVEL ?= 3
demo: $(VENV)/.demo-$(PLATFORM)
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

site: install
	$(BIN)/python docs/make_site.py

# The compiler for CUDA lies in a directory of its own: 0.6 GB that nothing else needs.
CUDA := .cache/cuda
accelerators: install
	test -e $(CUDA)/.installed || { \
	  version=$$($(BIN)/python -c 'import jax; print(jax.__version__)') && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(CUDA) \
	    jax-cuda12-plugin==$$version jax-cuda12-pjrt==$$version nvidia-cuda-nvcc-cu12 nvidia-cuda-runtime-cu12 && \
	  touch $(CUDA)/.installed; }
	PYTHONPATH=$(CUDA) $(BIN)/python benchmarks/deviceless.py $(ARGS)

install: $(VENV)/.installed-$(PLATFORM)

# $(1): extras, in brackets. The package itself is enough for the demo; everything else needs the tools of the tests.
define installed
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
  echo "metta_jax needs Python 3.11 or newer, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
  echo "Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".$(1)"
endef

# A stamp is older than pyproject.toml only when the dependencies may have changed; every platform has its own.
$(VENV)/.demo-$(PLATFORM): pyproject.toml
	$(call installed,$(if $(ACCELERATOR),[$(ACCELERATOR)]))
	@touch $@

$(VENV)/.installed-$(PLATFORM): pyproject.toml
	$(call installed,[test$(if $(ACCELERATOR),$(comma)$(ACCELERATOR))])
	@touch $@ $(VENV)/.demo-$(PLATFORM)

clean:
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache .hypothesis out
