# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Any Python 3.11 to 3.13, for instance: make test PYTHON=python3.13 VENV=.venv-3.13
PYTHON ?= python3
VENV ?= .venv
IMPORTER_VENV ?= .venv-importer
# The awx.awx collection, for tests and linters.
AWX_COLLECTIONS := .cache/awx
# uv is needed by `make lock` alone, and comes with the tools; UV=uv takes one from elsewhere.
UV ?= $(VENV)/bin/uv
# More arguments for the demo's playbook, for instance: make demo DEMO_ARGS="-e prefect_port=4300"
DEMO_ARGS ?=
# How many pytest processes run side by side, each with servers of its own; half of their time they wait.
JOBS ?= 3
# More arguments for pytest, for instance: make test-unit PYTEST_ARGS="-k overlay"
PYTEST_ARGS ?=
# More arguments for the bench, for instance: make bench BENCH_ARGS=--quick
BENCH_ARGS ?=

export VENV IMPORTER_VENV
export ANSIBLE_NOCOWS := 1

BIN := $(VENV)/bin
STEP := @tests/tools/step.sh
# What ansible-lint, molecule and ansible-test start by name has to be the environment's own.
IN_VENV := env PATH="$(abspath $(BIN)):$$PATH"
# The locks are complete, so nothing is left to resolve; older releases of pip resolve extras wrongly with hashes.
PIP_INSTALL := install -qq --no-deps --require-hashes

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

##@ Use
.PHONY: help setup demo demo-approve stop
help: ## Say what can be made
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.runtime-stamp ## Install what the playbooks and the embedded Prefect need into .venv
	@$(if $(filter setup,$(MAKECMDGOALS)),echo "Ready: . $(BIN)/activate",:)

RINGS := -i inventories/dev -i inventories/staging -i inventories/production
demo: setup ## Start an embedded Prefect, build a release, promote it dev -> staging -> before production
	@$(IN_VENV) ansible-playbook playbooks/demo.yml $(RINGS) $(DEMO_ARGS)
	@cat .hotpass/demo.txt

# Approval needs somebody else than the one who asked; on one machine, the demo plays both.
demo-approve: setup ## Approve what waits before production, and carry on to Active
	@$(IN_VENV) ansible-playbook playbooks/approve.yml -i inventories/production \
	    -e "comment='figures of the rehearsals checked'" -e change=DEMO-1 -e actor_user=approver-of-the-demo $(DEMO_ARGS)
	@$(IN_VENV) ansible-playbook playbooks/demo.yml $(RINGS) $(DEMO_ARGS)
	@cat .hotpass/demo.txt

stop: setup ## Stop the embedded Prefect
	@$(IN_VENV) ansible-playbook playbooks/stop.yml

##@ Check
.PHONY: test test-unit test-all molecule runner-test airgap-test ee-test bench
test: test-all molecule ## Run every test: unit, property, integration, then the demo as a molecule scenario

test-all: $(VENV)/.dev-stamp $(AWX_COLLECTIONS)/.stamp ## Run every pytest test
	@echo "Running every pytest test"
	@$(IN_VENV) python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

test-unit: $(VENV)/.dev-stamp ## Run the unit tests: seconds, no server
	@echo "Running the unit tests"
	@$(IN_VENV) python -m pytest tests/unit $(PYTEST_ARGS)

runner-test: $(VENV)/.dev-stamp ## Run the playbook of every AWX job template with ansible-runner, as AWX would
	@$(IN_VENV) python -m pytest tests/integration/test_runner*.py $(PYTEST_ARGS)

airgap-test: $(VENV)/.dev-stamp ## Export, then import, promote, rehearse and verify where there is no network
	@$(IN_VENV) HOTPASS_TEST_REQUIRE_ALL=1 python -m pytest tests/integration/test_airgap*.py $(PYTEST_ARGS)

molecule: $(VENV)/.dev-stamp ## Run the molecule scenarios
	@echo "Running the molecule scenarios"
	@$(IN_VENV) molecule test --all

ee-test: $(VENV)/.dev-stamp ## Build the execution environment without an engine: a fresh environment, a real promotion
	@tests/tools/ee.sh

bench: $(VENV)/.dev-stamp ## Measure against prefect deploy, ansible.builtin.uri, bare HTTP; rollback, fence, guardrails, backfill
	@$(IN_VENV) python tests/bench/bench.py $(BENCH_ARGS)
	@$(IN_VENV) python tests/bench/rollback.py
	@$(IN_VENV) python tests/bench/fence.py
	@$(IN_VENV) python tests/bench/guardrail.py
	@$(IN_VENV) python tests/bench/backfill.py
	@$(IN_VENV) python tests/bench/transfer.py $(if $(findstring --quick,$(BENCH_ARGS)),--quick)

##@ Lint
.PHONY: lint lint-python lint-types lint-yaml lint-ansible lint-shell lint-docs lint-tree lint-package sanity
lint: lint-tree lint-python lint-types lint-yaml lint-shell lint-ansible lint-docs sanity lint-package ## Run every check below

lint-tree: $(VENV)/.dev-stamp ## No machine path, no package index, licence headers, links
	$(STEP) "Checking links, licence headers, machine paths and package indexes" $(BIN)/python tests/tools/tree_check.py

lint-python: $(VENV)/.dev-stamp ## ruff: style and format
	$(STEP) "Checking Python style with ruff" $(BIN)/ruff check --output-format concise
	$(STEP) "Checking Python format with ruff" $(BIN)/ruff format --check

lint-types: $(VENV)/.dev-stamp ## mypy on module_utils
	$(STEP) "Checking the types of plugins/module_utils with mypy" $(BIN)/mypy

lint-yaml: $(VENV)/.dev-stamp ## yamllint
	$(STEP) "Checking YAML with yamllint" $(BIN)/yamllint --strict .

lint-shell: ## bash syntax of the scripts
	$(STEP) "Checking the syntax of the shell scripts" bash -c \
	    'for script in .ci/run tests/tools/*.sh roles/*/files/*.sh; do bash -n "$$script" || exit 1; done'

lint-ansible: $(VENV)/.dev-stamp $(AWX_COLLECTIONS)/.stamp ## ansible-lint, production profile
	$(STEP) "Checking playbooks and roles with ansible-lint" \
	    $(IN_VENV) ANSIBLE_HOST_PATTERN_MISMATCH=warning ANSIBLE_COLLECTIONS_PATH=collections:$(AWX_COLLECTIONS) ansible-lint --offline --strict --nocolor

lint-docs: $(VENV)/.dev-stamp ## Changelog and plugin documentation
	$(STEP) "Checking the changelog with antsibull-changelog" $(IN_VENV) antsibull-changelog lint
	$(STEP) "Checking the documentation with antsibull-docs" $(IN_VENV) \
	    antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=all --skip-rstcheck .

sanity: $(VENV)/.dev-stamp ## ansible-test sanity, no ignore entries
	$(STEP) "Running ansible-test sanity (minutes when its caches are cold)" tests/tools/sanity.sh

lint-package: $(VENV)/.dev-stamp $(IMPORTER_VENV)/.stamp ## Build the tarball, galaxy-importer, install elsewhere
	@tests/tools/package.sh

##@ Keep
.PHONY: format lock clean
format: $(VENV)/.dev-stamp ## Format the Python files
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --fork-strategy requires-python \
    --generate-hashes --no-strip-extras --no-emit-index-url --custom-compile-command "make lock" $(LOCK_ARGS)
lock: $(if $(filter $(VENV)/bin/uv,$(UV)),$(VENV)/.dev-stamp) ## Write the locks anew (LOCK_ARGS=--upgrade takes newer versions)
	@echo "Resolving requirements/*.in into requirements/*.txt"
	@$(COMPILE) requirements/dev.in -o requirements/dev.txt
	@$(COMPILE) -c requirements/dev.txt requirements/runtime.in -o requirements/runtime.txt
	@$(COMPILE) -c requirements/dev.txt requirements/prefect.in -o requirements/prefect.txt
	@$(COMPILE) -c requirements/dev.txt requirements/ee.in -o requirements/ee.txt
	@$(BIN)/python tests/tools/ee_pins.py
	@$(COMPILE) requirements/importer.in -o requirements/importer.txt
	@$(COMPILE:3.11=3.12) --no-deps requirements/awx.in -o requirements/awx.txt

clean: ## Stop the embedded Prefect; remove environments, caches, products and its state
	@if [ -e $(VENV)/.runtime-stamp ] && [ -d .hotpass ]; then $(MAKE) --no-print-directory stop; fi
	rm -rf .venv .venv-* .cache .ansible .hypothesis .hotpass dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment is whole once its stamp is there; a stamp older than its lock has it brought up to date.
define WRONG_PYTHON
Python %d.%d is not supported; name a Python 3.11, 3.12 or 3.13: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12
endef
$(VENV)/.made-stamp:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else "$(WRONG_PYTHON)" % v)'
	$(STEP) "Making $(VENV) with $$($(PYTHON) --version)" $(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.runtime-stamp: requirements/runtime.txt requirements/prefect.txt | $(VENV)/.made-stamp
	$(STEP) "Installing Ansible and Prefect into $(VENV)" \
	    $(BIN)/pip $(PIP_INSTALL) -r requirements/runtime.txt -r requirements/prefect.txt
	$(STEP) "Checking that they fit together" $(BIN)/pip check
	@touch $@

$(VENV)/.dev-stamp: requirements/dev.txt | $(VENV)/.made-stamp
	$(STEP) "Installing the tools of tests and linters into $(VENV)" $(BIN)/pip $(PIP_INSTALL) -r requirements/dev.txt
	$(STEP) "Checking that they fit together" $(BIN)/pip check
	@touch $@

$(IMPORTER_VENV)/.stamp: requirements/importer.txt | $(VENV)/.made-stamp
	$(STEP) "Making $(IMPORTER_VENV)" $(BIN)/python -m venv --clear $(IMPORTER_VENV)
	$(STEP) "Installing galaxy-importer into $(IMPORTER_VENV)" \
	    $(IMPORTER_VENV)/bin/pip $(PIP_INSTALL) -r requirements/importer.txt
	@touch $@

$(AWX_COLLECTIONS)/.stamp: requirements/awx.txt | $(VENV)/.made-stamp
	$(STEP) "Fetching the awx.awx collection into $(AWX_COLLECTIONS)" $(BIN)/python tests/tools/awx_collection.py $(AWX_COLLECTIONS)
	@touch $@
