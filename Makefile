# `make` lists the targets. The five that most people need: up, demo, test, lint, check-all.
# Any of them sets up .venv first and sets it up again when the lock or pyproject.toml has changed.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.SUFFIXES:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# pip and not uv: pip alone reads the index that a company configures in pip.conf or PIP_* variables.
PIP_INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-compile
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --no-emit-find-links --annotation-style line \
	--custom-compile-command "make lock"
PYTEST := $(BIN)/python -m pytest
COMPOSE := docker compose
export NAME

# `make demo YES=1`, `make check-all`: a variable is on unless it is empty, 0, no or false.
on = $(filter-out 0 no false,$(1))
COVERED := $(if $(call on,$(COVERAGE)),--cov --cov-append --cov-report= --cov-fail-under=0)

# ---- running ----

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: up
up: $(STAMP) ## Start the whole stack in the foreground; Ctrl-C stops it
	@exec $(BIN)/agf up

.PHONY: demo
demo: $(STAMP) ## Run the demo end to end; YES=1 approves for you, KEEP=1 leaves the stack running
	@exec $(BIN)/agf demo $(if $(call on,$(YES)),--yes) $(if $(call on,$(KEEP)),--keep)

.PHONY: dev-install
dev-install: $(STAMP) ## Set up .venv from the lock, with the development tools

$(STAMP): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 ...")'
	@echo "Setting up $(VENV) (about half a minute, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) --require-hashes --requirement requirements/dev.lock
	@$(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@

# ---- testing ----

.PHONY: test
test: $(STAMP) ## Run every test: unit tests in parallel, then those with real servers
	@$(if $(COVERED),$(BIN)/coverage erase)
	@$(PYTEST) tests/unit --numprocesses auto --maxprocesses 8 $(COVERED)
	@$(PYTEST) tests/contracts tests/integration tests/e2e tests/chaos $(COVERED)

.PHONY: test-unit
test-unit: $(STAMP) ## Run the tests that need no server
	@$(PYTEST) tests/unit --numprocesses auto --maxprocesses 8

.PHONY: test-integration
test-integration: $(STAMP) ## Run adapters and port contracts against real servers
	@$(PYTEST) tests/contracts tests/integration

.PHONY: test-e2e
test-e2e: $(STAMP) ## Run the whole service over HTTP
	@$(PYTEST) tests/e2e

.PHONY: test-chaos
test-chaos: $(STAMP) ## Kill processes in the middle of work and count the effects
	@$(PYTEST) tests/chaos

# ---- checking ----

.PHONY: format
format: $(STAMP) ## Format the code and mend what can be mended by itself
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

.PHONY: lint
lint: $(STAMP) docker-lint ## Check style, format, the layers' imports and the container files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo

.PHONY: typecheck
typecheck: $(STAMP) ## Check the types
	@$(BIN)/mypy

.PHONY: docker-lint
docker-lint: $(STAMP) ## Check the container files without a container engine
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml

.PHONY: check-all
check-all: lint typecheck ## Check everything, as CI does: lint, types, every test, 85 % coverage
	@$(MAKE) test COVERAGE=1
	@$(BIN)/coverage report

# ---- containers and the database ----

.PHONY: docker-build
docker-build: ## Build the image
	@docker build --tag aumos-agent-framework:local .

.PHONY: docker-up
docker-up: ## Start the stack in containers, in the background
	@$(COMPOSE) up --build --detach
	@echo "http://localhost:8007 (docs/operations.md says how to get a token)"

.PHONY: docker-down
docker-down: ## Stop the containers; their data stays
	@$(COMPOSE) down

.PHONY: docker-logs
docker-logs: ## Follow the containers' logs
	@$(COMPOSE) logs --follow --tail 200

.PHONY: migrate
migrate: ## Migrate the database: the containers' if they run, else the one that the environment names
	@if $(COMPOSE) ps --quiet postgres 2>/dev/null | grep -q .; then $(COMPOSE) run --rm migrate; \
	else $(MAKE) dev-install && $(BIN)/agf migrate; fi

# Both work on the database that this address names, which must be up and migrated.
NEED_ADDRESS := test -n "$${AUMOS_AGF_DATABASE__MIGRATION_URL:-}" \
	|| { echo "Set AUMOS_AGF_DATABASE__MIGRATION_URL to the database to work on." >&2; exit 2; }

.PHONY: migrate-create
migrate-create: $(STAMP) ## Write a migration from what changed in the models: NAME="add breakers"
	@$(NEED_ADDRESS)
	@test -n "$${NAME:-}" || { echo 'Name it: make migrate-create NAME="add breakers"' >&2; exit 2; }
	@$(BIN)/alembic revision --autogenerate --message "$$NAME" \
		--rev-id "$$(printf '%04d' $$(($$(ls migrations/versions/[0-9]*.py | wc -l) + 1)))"

.PHONY: migrate-rollback
migrate-rollback: $(STAMP) ## Take the newest migration back
	@$(NEED_ADDRESS)
	@$(BIN)/alembic downgrade -1

# ---- keeping ----

.PHONY: lock
lock: $(STAMP) ## Pin the dependencies anew; UPGRADE=1 takes the newest that pyproject.toml allows
	@$(UV_COMPILE) $(if $(call on,$(UPGRADE)),--upgrade) --all-extras pyproject.toml --output-file requirements/dev.lock
	@$(UV_COMPILE) --constraint requirements/dev.lock pyproject.toml --output-file requirements/runtime.lock
	@$(UV_COMPILE) --constraint requirements/dev.lock requirements/build.in --output-file requirements/build.lock

.PHONY: clean
clean: ## Remove .venv, caches and reports; .agf/, the embedded stack's data, stays
	@rm -rf $(VENV) build dist reports htmlcov .coverage .coverage.* coverage.xml
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './.agf/*' -prune -exec rm -rf {} +
