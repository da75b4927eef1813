SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup test check format demo picture bench bench-peers attack docs wheel clean

BIN := .venv/bin
WORKERS ?= 2
DATA ?= ../shared/data
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

help:  ## this list
	@grep -hE '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*  ## /\1\t/' | awk -F'\t' '{printf "make %-8s %s\n", $$1, $$2}'

setup: .venv/.installed  ## make .venv and install everything; does nothing when pyproject.toml has not changed

.venv/.installed: pyproject.toml tools/setup.sh
	@bash tools/setup.sh

test: setup  ## everything a change must pass: formatting, lint, types, imports, docs, doctests and tests
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal

check: setup  ## the checks on the code base alone (tests/house): no test of behaviour
	@$(BIN)/pytest tests/house

format: setup  ## format the code and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

demo: setup  ## compare strategies on 1,797 real digits: curves, report and plot in askance-demo/
	@$(BIN)/askance demo

RAW ?= benchmarks/papers/2026-11-27-trashnet.parquet
ARMS ?= uncertainty-herding,margin,power:bald,random

picture: setup  ## draw the picture of the README from a study's raw rounds: RAW=FILE.parquet ARMS=a,b,random
	@$(BIN)/python -m tools.picture "$(RAW)" ten docs/images/trashnet-ten.png --arms "$(ARMS)" --subject "TrashNet, ten labels a round"

ATTACK ?=

bench bench-peers: export ASKANCE_DATA := $(DATA)

bench: setup  ## run every benchmark, for a night or more; what was stopped goes on where it was
	@for paper in gal2017 batchbald2019 isic2016 trashnet; do echo "== $$paper"; $(BIN)/askance bench "$$paper" --data "$(DATA)"; done
	@shopt -s nullglob; for script in benchmarks/*/[a-z]*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

bench-peers: setup  ## measure beside baal and batchbald_redux, and make their faults happen, in .venv-peers
	@test -x .venv-peers/bin/python || $(BIN)/python -m venv .venv-peers
	@$(BIN)/uv pip install --quiet --python .venv-peers/bin/python baal==2.1.0 batchbald-redux==2.0.5
	@$(BIN)/python benchmarks/speed/mc_dropout.py --repetitions 9 --peer --peer-n 1000
	@$(BIN)/python benchmarks/speed/batchbald.py --peer
	@$(BIN)/python benchmarks/speed/loop.py --peer
	@.venv-peers/bin/python benchmarks/speed/peers/faults.py 2>/dev/null | tee "benchmarks/speed/results/$$(date +%F)-peers-faults.md"

attack: setup  ## attack it at length (kills, failing disks, mangled files) and write the page; what was stopped goes on
	@PYTHONPATH=src $(BIN)/python -m tools.attack --resume --page $(ATTACK)

docs: setup  ## write the generated pages and build the site into site/
	@$(BIN)/python -m tools.write_docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

wheel: setup  ## build the wheel into dist/
	@$(BIN)/python -m hatchling build --target wheel

clean:  ## remove what the other verbs made, .venv too
	@rm -rf .venv dist build site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
