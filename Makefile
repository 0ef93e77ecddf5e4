# Everything a reader needs: make book, make test. Each makes its own environment in .venv first.
PYTHON  ?= python3
PROFILE ?= quick
# How many cores to use; all that this process may, unless given.
CORES   ?=
# Other frameworks the book shows, besides the pipeline; `make book EXTRAS=` leaves them out.
EXTRAS  ?= torch
# What pins every version; `make test LOCK=` takes the newest that pyproject.toml allows.
LOCK    ?= requirements.lock
CHAPTER ?=
# A folder of profiles/ that sends runs elsewhere: `make book CLUSTER=slurm`.
CLUSTER ?=

# Where the library lies is kept in a file, which pip writes and Python reads in the reader's language: in C, no accents.
export LC_ALL = C.UTF-8

CODE := $(wildcard lib tests benchmarks)
VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(LOCK),--constraint $(LOCK))

.PHONY: book test check bench federated lab pdf archive clean help gone

# Words, each quoted for the shell.
quoted = $(foreach word,$(1),'$(subst ','\'',$(word))')

help: ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

book: $(VENV)/.book ## execute what changed and render _build/html [PROFILE=quick] [CORES=all] [CHAPTER=name] [CLUSTER=slurm]
	@$(BIN)/descent book $(call quoted,$(CHAPTER)) --profile $(call quoted,$(PROFILE)) \
	  $(if $(CORES),--cores $(call quoted,$(CORES))) $(if $(CLUSTER),--cluster $(call quoted,$(CLUSTER)))

test: $(VENV)/.test ## run the tests
	@$(BIN)/python -m pytest -n $(or $(CORES),$$($(BIN)/python -m descent.book.machine)) --dist loadfile

check: $(VENV)/.test ## format, lint, types, chapters' code
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo --no-cache
	@$(BIN)/descent check

bench: $(VENV)/.test ## measure against JAX, PyTorch and SciPy, some minutes on a quiet machine; the book shows it
	@$(BIN)/python benchmarks/run.py

federated: $(VENV)/.mpi ## rounds of federated learning as processes, through an installed MPI; or as a job [CLUSTER=slurm]
	@$(if $(CLUSTER),$(BIN)/python -m snakemake --quiet --nolock --workflow-profile profiles/$(call quoted,$(CLUSTER)) -- _build/federated/4.npz,\
	  $(BIN)/python -m descent.experiments.momentum_federated_learning.processes --check)

lab: $(VENV)/.lab ## open the chapters in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir chapters

pdf: book $(VENV)/.pdf ## print the rendered book to _build/pdf, through an installed Chromium
	@$(BIN)/descent pdf

archive: $(VENV)/.book ## keep a chapter's measurements under results/ [PROFILE=paper] CHAPTER=name
	@$(BIN)/descent archive $(call quoted,$(CHAPTER)) --profile $(call quoted,$(if $(filter file,$(origin PROFILE)),paper,$(PROFILE)))

clean: ## remove everything made, but not the environment
	rm -rf _build .snakemake

# The marks are made last, so an installation that was interrupted is taken up again. An environment without pip is half
# of one, and one whose interpreter is gone is none: both are made again.
$(BIN)/pip: $(if $(wildcard $(BIN)/python),,gone)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "make: $$($(PYTHON) --version 2>&1) will not do: name a Python 3.11 to 3.13, as in 'make PYTHON=python3.12 book'"; exit 1; }
	@$(PYTHON) -c 'import os, sys; sys.exit(any(c in os.getcwd() for c in "{}$$"))' || \
	  { echo "make: pip can't build packages in a folder with {, } or $$ in its path: move the book elsewhere"; exit 1; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "make: no environment could be made: install Python's venv (python3-venv)"; exit 1; }

empty :=
comma := ,
space := $(empty) $(empty)
list   = $(subst $(space),$(comma),$(strip $(1)))

$(VENV)/.book: pyproject.toml requirements.lock | $(BIN)/pip
	@echo "installing the book's environment into $(VENV) (a few minutes, once)"
	@$(PIP) --editable '.[$(call list,book $(EXTRAS))]'
	@touch $@

$(VENV)/.test: $(VENV)/.book
	@echo "installing what the tests compare with"
	@$(PIP) --editable '.[dev,torch,jax,slurm,mpi,pep]'
	@touch $@

$(VENV)/.mpi: $(VENV)/.book
	@$(PIP) --editable '.[mpi]'
	@touch $@

$(VENV)/.pdf: $(VENV)/.book
	@$(PIP) --editable '.[pdf]'
	@touch $@

$(VENV)/.lab: $(VENV)/.book
	@$(PIP) --editable '.[lab]'
	@touch $@
