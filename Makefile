# Two commands for a start: `make demo` and `make test`. `make help` lists the rest.

PYTHON ?= python3
BIN := .venv/bin
RBMCLI := $(BIN)/rbmcli
SOURCES := $(shell find rbmcli -name '*.py')
READER := 49298
ONLY := defaults

# What a failed command leaves behind must not pass for a finished file.
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test test-faults lint reference bench bench-peers bench-scale clean

help: ## List the targets.
	@awk -F ': .*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# --- Set-up: one virtual environment; a stamp for each set of packages that it holds -----------------

# Installed editable, so that a changed source file is what runs next.
.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rbmcli needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	@echo "Installing rbmcli into .venv; the first time takes a minute."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[report]'
	@touch $@

.venv/tested .venv/linted: .venv/installed
	@echo "Installing what 'make $(EXTRA)' needs."
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[$(EXTRA)]'
	@touch $@

.venv/tested: EXTRA := test
.venv/linted: EXTRA := lint

# --- Demo: each file from the one before; a second run finds them all done ---------------------------

demo: demo/summary.txt demo/report.html ## Install, and run the whole pipeline on sample_data/.
	@echo
	@cat $<
	@echo
	@echo "The report, for a browser: demo/report.html"

demo/prepared/_SUCCESS: sample_data/ratings.csv $(SOURCES) | .venv/installed
	$(RBMCLI) prepare $< -o demo/prepared

demo/model.parquet: demo/prepared/_SUCCESS
	$(RBMCLI) train demo/prepared/train.parquet --valid demo/prepared/valid.parquet --by item -o $@

demo/predictions.parquet: demo/model.parquet
	$(RBMCLI) predict $< --history demo/prepared/train.parquet --pairs demo/prepared/test.parquet \
	    --probabilities -o $@

demo/recommendations.parquet: demo/model.parquet
	$(RBMCLI) recommend $< --history demo/prepared/train.parquet --top 5 -o $@

# One command writes both; the table is there when the JSON is.
demo/metrics.json: demo/predictions.parquet
	$(RBMCLI) evaluate $< --history demo/prepared/train.parquet -o $@ > demo/metrics.txt

demo/summary.txt: demo/metrics.json demo/recommendations.parquet sample_data/items.csv examples/reading_list.py
	@{ cat demo/metrics.txt; echo; $(BIN)/python examples/reading_list.py $(READER) \
	    --history demo/prepared/train.parquet --recommendations demo/recommendations.parquet \
	    --catalogue sample_data/items.csv; } > $@

demo/report.html: demo/predictions.parquet demo/recommendations.parquet sample_data/items.csv
	$(RBMCLI) report --model demo/model.parquet --predictions $< --history demo/prepared/train.parquet \
	    --recommendations demo/recommendations.parquet --items sample_data/items.csv \
	    --title "Ratings of books" -o $@

# --- Checks ------------------------------------------------------------------------------------------

test: .venv/tested ## Install what tests need, and run them all.
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile tests/kernels
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-faults: .venv/tested ## Kill commands, fill disks and damage files by the thousand; takes an hour.
	$(BIN)/python -m pytest -q -n 2 --dist worksteal --faults full tests/faults

lint: .venv/linted ## Check style, types, and that imports go down only.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

reference: .venv/tested ## Write the README's reference of commands anew, from their help.
	$(BIN)/python -m tests.commands_in_readme

# --- Benchmarks: speed anywhere; accuracy on the sets of a folder, which benchmarks/README.md lists --------

bench: .venv/installed ## Measure speed, and with DATA=FOLDER accuracy too.
	$(BIN)/python -m benchmarks.speed $(if $(DATA),--data $(DATA)) --json speed.json
	$(if $(DATA),$(BIN)/python -m benchmarks.accuracy --data $(DATA) --only $(ONLY) --json accuracy.json)

# In an environment of their own, since they need much that rbmcli does not: about 6 GB. If not all of them can
# be installed together, those that can be are; the table says of the others that they are not there.
.venv-peers/installed: benchmarks/peers-requirements.txt
	@echo "Installing other rating predictors into .venv-peers; this takes minutes."
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/pip install --quiet --disable-pip-version-check --requirement $< || \
	    grep -v '^#' $< | xargs -n 1 .venv-peers/bin/pip install --quiet --disable-pip-version-check || true
	@touch $@

bench-peers: .venv/installed .venv-peers/installed ## Compare with other rating predictors, on the sets of DATA=FOLDER.
	$(BIN)/python -m benchmarks.peers $(if $(DATA),--data $(DATA)) --folder peers --json peers.json \
	    $(if $(SETS),--only $(SETS)) $(if $(TOOLS),--tools $(TOOLS))

# Five gigabytes of disk, and half an hour, most of it for a hundred million ratings.
bench-scale: .venv/installed ## Measure the commands on 1, 10 and 100 million ratings, drawn into DATA=FOLDER.
	$(BIN)/python -m benchmarks.scale $(or $(DATA),scale) $(if $(SIZES),--sizes $(SIZES)) $(if $(STEPS),--only $(STEPS)) \
	    --json scale.json

clean: ## Remove the environment, the demo and every cache.
	rm -rf .venv .venv-peers demo peers scale build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -f speed.json accuracy.json peers.json scale.json
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
