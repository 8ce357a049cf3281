# Two commands are enough: `make demo` shows the product, `make test` proves it. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FAULT ?= slow-dependency
SEED ?= 1
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest

.PHONY: help install demo test test-kafka test-stack bench evaluation check format schemas docs lint-api lock clean up

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo "  variables: FAULT=$(FAULT) SEED=$(SEED) (make demo), ARGS='-k name' WORKERS=$(WORKERS) (make test)"

$(VENV)/run.stamp: requirements.lock
	@echo "Installing Tocsin into $(VENV) (about a minute, once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

$(VENV)/bench.stamp: requirements-bench.lock $(VENV)/dev.stamp
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-bench.lock
	@touch $@

$(VENV)/tocsin.stamp: pyproject.toml $(VENV)/run.stamp
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q schemas streams agents sinks api infra  # six processes start faster, also where Python may write no bytecode
	@touch $@

install: $(VENV)/run.stamp $(VENV)/dev.stamp $(VENV)/tocsin.stamp ## Install everything into .venv

demo: $(VENV)/run.stamp $(VENV)/tocsin.stamp ## See it work: a simulated shop, a fault, an investigation (FAULT=... SEED=...)
	@$(BIN)/tocsin demo --fault $(FAULT) --seed $(SEED)

up: $(VENV)/run.stamp $(VENV)/tocsin.stamp ## Run the whole stack on this machine until Ctrl-C
	@$(BIN)/tocsin up

test: install ## Run the default lanes: unit, property, contract, integration and end to end on the embedded stack
	@$(PYTEST) -n $(WORKERS) --dist loadfile -m "not kafka and not stack and not browser" $(ARGS)

test-kafka: install ## Run the Apache Kafka lane (Java 17 and Maven)
	@$(PYTEST) -m kafka $(ARGS)

test-stack: install ## Run the lane of outside programs: Debian's redis-server, postgresql, prometheus, prometheus-alertmanager
	@TOCSIN_LANE=stack $(PYTEST) -m stack $(ARGS)

bench: install $(VENV)/bench.stamp ## Measure, each beside a bare peer (ONLY=name, QUICK=1 to see that it works, PROFILE=1, KEEP=1)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.bench $(foreach name,$(ONLY),--only $(name)) $(if $(QUICK),--quick) $(if $(PROFILE),--profile) $(if $(KEEP),--out docs/performance)

evaluation: install ## Ask the simulated incidents again, into docs/evaluation (SEED=1 REPEAT=3)
	@$(BIN)/tocsin eval scenarios --seed $(SEED) --repeat $(or $(REPEAT),3) --report build/evaluation
	@cp build/evaluation/reliability.svg docs/evaluation/
	@cp build/evaluation/report.md docs/evaluation/results.md
	@cp build/evaluation/report.json docs/evaluation/results.json

check: install ## Lint, types, package rule, schema compatibility, documentation
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python -m schemas check
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.kafka.yml
	@$(BIN)/hadolint infra/deploy/Dockerfile
	@$(BIN)/yamllint --strict .
	@$(MAKE) --no-print-directory docs

lint-api: install docs ## Lint the AsyncAPI and OpenAPI documents (Node)
	@npm_config_ignore_scripts=true npx --yes --package @stoplight/spectral-cli@6.16.3 spectral lint --fail-severity warn --ruleset docs/.spectral.yaml build/asyncapi.yaml build/openapi.json
	@npm_config_ignore_scripts=true npx --yes --package @redocly/cli@1.34.5 redocly lint --config docs/redocly.yaml build/openapi.json

format: install ## Format and fix what can be fixed
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

schemas: install ## Write the .avsc files from the models
	@$(BIN)/python -m schemas write

docs: install ## Build the documentation site, strictly, into build/site
	@$(BIN)/python docs/generate.py
	@$(BIN)/python docs/asyncapi.py
	@$(BIN)/python docs/openapi.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

lock: ## Resolve the dependencies again and lock them with hashes
	@$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.11 --extra local pyproject.toml -o requirements.lock --custom-compile-command "make lock"
	@$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.11 --extra local --extra embedding --extra dev pyproject.toml -c requirements.lock -o requirements-dev.lock --custom-compile-command "make lock"
	@$(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --python-version 3.11 --extra local --extra embedding --extra dev --extra bench pyproject.toml -c requirements-dev.lock -o requirements-bench.lock --custom-compile-command "make lock"

clean: ## Remove what was built, not .venv
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
