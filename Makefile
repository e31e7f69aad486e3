# `make demo` and `make test` do all the set-up: a virtual environment in .venv, made once and
# renewed when the dependencies change.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

# No environment is made on a machine with a GPU, which may have no network.
GPU_PYTHON := $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON))
GPU ?=
# More options of the drills, such as DRILLS='--seed 7'.
DRILLS ?=

.PHONY: help venv demo test test-web slow check format types gpu docs drills drills-whole soak
.DEFAULT_GOAL := help

help:
	@echo "make demo    train on embedded corpora, sample, interpolate, show quick tables (5 minutes)"
	@echo "make test    run the tests"
	@echo "make test-web  try the page of 'serve' in a Chromium, if there is one"
	@echo "make slow    run the tests that take minutes"
	@echo "make drills  damage files, fill disks, kill commands: are docs/guarantees.md's promises kept? (20 minutes)"
	@echo "make drills-whole  the same, every trial (at most 3 hours; goes on where it was stopped)"
	@echo "make soak    bulk work with a worker killed every two minutes, 30 minutes (SOAK='--engine ray')"
	@echo "make gpu     tests, benchmarks and a training run on a GPU, 10 minutes (GPU='--minutes 5')"
	@echo "make check   linters and types"
	@echo "make docs    build the site into build/docs"
	@echo "make format  format the code and fix what can be fixed"
	@echo "make venv    only create the environment"

venv: $(READY)

# torch comes first, alone: pip then does not weigh other versions of the largest download.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c '$(SUPPORTED)' 2>/dev/null || { \
	  echo "arae-toolkit needs Python 3.11-3.13, and '$(PYTHON)' is not; try: make PYTHON=python3.12" >&2; \
	  exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -c constraints.txt "$$(grep '^torch==' constraints.txt)"
	$(BIN)/pip install -c constraints.txt -e '.[dev,docs,parquet,search,tensorboard,web]'
	@touch $@

demo: $(READY)
# The tables are made on one core beside the demonstration on the other, and shown behind it.
	@mkdir -p runs
	@( for table in table1 figure5 table3 table5; do OMP_NUM_THREADS=1 $(BIN)/arae-toolkit reproduce $$table --quick \
	    --results runs/$$table-quick > runs/$$table-quick.md 2> runs/$$table-quick.log \
	    || { tail -5 runs/$$table-quick.log >&2; exit 1; }; done ) & tables=$$!; \
	  $(BIN)/arae-toolkit demo && wait $$tables && cat runs/table1-quick.md runs/figure5-quick.md runs/table3-quick.md runs/table5-quick.md

# A file's tests share what they train, so a file stays on one core.
test: $(READY)
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile

# With the Chromium and the driver that are found, as Debian's packages chromium and
# chromium-driver put them; without them every test is skipped, and says so.
test-web: $(READY)
	$(BIN)/python -m pytest -m web -rs

slow: $(READY)
	$(BIN)/python -m pytest -m slow

# What is made for the trials takes a minute or two besides.
drills: $(READY)
	PYTHONPATH=tests $(BIN)/python -m drills --minutes 17 --jobs 2 $(DRILLS)

drills-whole: $(READY)
	PYTHONPATH=tests $(BIN)/python -m drills --whole --minutes 175 --jobs 2 --results results $(DRILLS)

SOAK ?=

soak: $(READY)
	PYTHONPATH=tests $(BIN)/python -m soak --minutes 30 --results results $(SOAK)

docs: $(READY)
	$(BIN)/python -m sphinx -W --keep-going -q docs build/docs
	@echo build/docs/index.html

gpu:
	$(GPU_PYTHON) benchmarks/on_gpu.py $(GPU)

check: $(READY) types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# mypy sees the package as it is once installed: the other folders inside arae_toolkit.
types: $(READY)
	@rm -rf build/typing && mkdir -p build/typing/arae_toolkit
	@ln -s "$(CURDIR)"/arae_toolkit/* "$(CURDIR)/recipes" "$(CURDIR)/data_prep" \
	  "$(CURDIR)/benchmarks" build/typing/arae_toolkit/
	cd build/typing && $(abspath $(BIN))/mypy --config-file ../../pyproject.toml \
	  --cache-dir ../../.mypy_cache -p arae_toolkit
