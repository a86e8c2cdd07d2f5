# `make` alone lists the targets. Two of them are the contract of the README: `make up` and `make test`.
# Every target sets up what it needs by itself; what is set up already is left alone.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

VENV := .venv
PYTHON := $(VENV)/bin/python
UV := $(VENV)/bin/uv
PLATFORM := $(VENV)/.platform-ready
TESTS := $(VENV)/.tests-ready
NODE := node_modules/.ready
CHECKOV := .venv-checkov/.ready
BENCH := .venv-bench/.ready
MODELS := .venv-models/.ready
LOADTESTS := .venv-loadtests/.ready
INSTALL := pip install --quiet --require-hashes
# Containers like to set it. Hundreds of processes would then compile every module that they import, each again: up to 1.4 s a start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: up
up: doctor setup ## Set up, then bring the platform up on this machine; with BUNDLE=<file or https URL> nothing that is in it is built.
	$(VENV)/bin/tidegate up $(if $(BUNDLE),--bundle '$(BUNDLE)') $(if $(BUNDLE_KEY),--bundle-key '$(BUNDLE_KEY)')

.PHONY: down
down: setup ## Take the platform down and prove that nothing is left.
	$(VENV)/bin/tidegate down

.PHONY: status
status: setup ## Show what runs.
	$(VENV)/bin/tidegate status

.PHONY: doctor
doctor: ## Show what this machine lacks, and how to get it; needs nothing but python3.
	@python3 -m tidegate.cli.doctor$(if $(BUNDLE), --from-bundle)

.PHONY: render
render: setup ## Render tenants and clusters into gitops/rendered.
	$(VENV)/bin/tidegate render

.PHONY: validate
validate: setup ## Check the inventory, the tenants and every rendered object.
	$(VENV)/bin/tidegate validate

.PHONY: verify
verify: setup-tests ## Check format, lint, types, import layers and workflows.
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	node_modules/.bin/pyright --pythonpath $(PYTHON)
	node_modules/.bin/pyright -p clusters/embedded/demo/training/pyrightconfig.json --pythonpath .venv-models/bin/python
	node_modules/.bin/pyright -p loadtests/pyrightconfig.json --pythonpath .venv-loadtests/bin/python
	$(VENV)/bin/lint-imports --no-cache
	$(PYTHON) -m tests.ci.lint

# Of pytest for what needs no region: two workers, a file to one of them, files of long tests first (tests/suite/longest_first.py).
WITHOUT_REGIONS := -n 2 --dist loadfile --no-loadscope-reorder --ignore=tests/acceptance
# Runs a command and notes its seconds in out/times.json, also when it fails.
PHASE = $(PYTHON) -m tests.suite.times phase
# Of tests on running regions at once. With four the two cores are so busy that cold starts take half a minute.
WORKERS := 2

.PHONY: test
test: ## Set up, then run every check and every test; what took how long is in out/times.json.
	@python3 -m tidegate.cli.doctor --without-regions
	@began=$$(date +%s); $(MAKE) setup-tests $(CHECKOV) && $(PYTHON) -m tests.suite.times begin --set-up=$$(($$(date +%s) - began))
	$(PHASE) verify $(MAKE) verify
	$(PHASE) checkov $(MAKE) checkov
	$(PHASE) "helm and kubectl" $(VENV)/bin/tidegate local build --only helm --only kubectl
	@# What regions need is built beside these tests, which mostly wait; should it fail, the tests on regions say so.
	@mkdir -p out; nice -n 19 $(VENV)/bin/tidegate local build >out/build.log 2>&1 & build=$$!; \
	$(PHASE) "tests without regions" $(PYTHON) -m pytest $(WITHOUT_REGIONS) || { kill $$build 2>/dev/null; exit 1; }; \
	$(PHASE) "rest of the builds" tail --follow --lines=3 --pid=$$build out/build.log
	$(PHASE) acceptance $(MAKE) test-acceptance

.PHONY: test-acceptance
test-acceptance: setup-tests ## Run the tests on the embedded platform; brings it up, and down again, unless it is up already.
	$(PYTHON) -m pytest tests/acceptance -n $(WORKERS) -p no:hypothesispytest -m "not soak"

.PHONY: test-fast
test-fast: setup-tests ## Run the tests that start no terraform and no API server.
	$(PYTHON) -m pytest $(WITHOUT_REGIONS) -m "not terraform and not emulator and not apiserver"

.PHONY: test-documents
test-documents: setup-tests ## Run the tests of documents, locks and CI files; all that a change of documents needs.
	$(PYTHON) -m pytest tests/docs tests/ci tests/test_locks.py tests/test_secrets.py -n 2

.PHONY: merge-ready
merge-ready: ## Say whether the jobs in the variable JOBS let a change merge; needs nothing but python3.
	@python3 -m tidegate.cli.gates.merge_ready

.PHONY: checkov
checkov: setup-tests $(CHECKOV) ## Scan the synthesised stacks and the rendered objects for misconfiguration.
	$(PYTHON) -m tests.measure.checkov.scan

.PHONY: bench
bench: setup-tests $(BENCH) $(CHECKOV) ## Compare with the alternatives, side by side; writes out/bench.json.
	$(PYTHON) -m tests.measure.bench.run

# Tests of which `make test` runs a part: the first rounds of seeded trials, for one.
WHOLE_TESTS := tests/tidegate/manifests/fit/test_scheduler_agreement.py tests/policies/test_gpu_nodes.py tests/clusters/workloads/dense_pool/test_pool.py \
	tests/tidegate/cloud/test_embedded_cloud.py tests/environment tests/loadtests/test_memory.py tests/tidegate/gates/history/test_shift.py \
	tests/tidegate/release/analysis
# A machine keeps it from night to night, outside of the checkout; a copy lies beside the trend page.
NIGHTLY_HISTORY := $(HOME)/.cache/tidegate/nightly/history.jsonl
.PHONY: nightly
nightly: setup-tests ## Measure every model of the embedded regions, and judge this night by those before; writes out/nightly.
	$(VENV)/bin/tidegate up
	$(VENV)/bin/tidegate gate nightly --history $(NIGHTLY_HISTORY) --out out/nightly

.PHONY: soak
soak: setup-tests ## Run the long seeded trials, ten whole runs on regions, every long test and mutants of the guards, going on where the last call ended; writes out/soak.json.
	$(PYTHON) -m tests.measure.soak.run
	TIDEGATE_WHOLE=1 $(PYTHON) -m pytest $(WHOLE_TESTS)
	TIDEGATE_COLD_STARTS=200 TIDEGATE_WHOLE=1 $(PYTHON) -m pytest tests/acceptance -n $(WORKERS) -p no:hypothesispytest

.PHONY: lock
lock: setup-tests ## Resolve the locks again; releases younger than a week are left out.
	./locks/update

.PHONY: clean
clean: ## Delete what the commands of a stopped platform left; the caches outside stay.
	rm -rf out cdktf.out cdktf.log .pytest_cache .ruff_cache .hypothesis

.PHONY: setup setup-tidegate setup-tests setup-models setup-loadtests
setup-tidegate: $(PLATFORM) ## Set up the command line alone.
setup: $(PLATFORM) $(NODE) $(MODELS)
setup-tests: $(TESTS) $(NODE) $(MODELS) $(LOADTESTS) ## Set up what checks, tests and bills of materials need.
setup-models: $(MODELS)
setup-loadtests: $(PLATFORM) $(LOADTESTS) ## Set up what load tests need: Locust, in an environment of its own.

$(VENV)/bin/uv: locks/bootstrap.txt
	@echo "setting up Python (about 20 s)"
	python3 -m venv $(VENV)
	$(PYTHON) -m $(INSTALL) --requirement locks/bootstrap.txt
	@touch $@

$(PLATFORM): locks/platform.txt pyproject.toml $(VENV)/bin/uv
	@echo "installing the locked Python packages"
	$(UV) $(INSTALL) --python $(PYTHON) --requirement locks/platform.txt
	$(UV) pip install --quiet --python $(PYTHON) --no-deps --no-build-isolation --editable .
	@touch $@

$(TESTS): locks/test.txt $(PLATFORM)
	@echo "installing the locked test packages"
	$(UV) $(INSTALL) --python $(PYTHON) --requirement locks/test.txt
	@touch $@

$(NODE): package.json package-lock.json
	@echo "installing the locked Node.js packages (about 20 s)"
	npm ci --include=dev --no-audit --no-fund --loglevel=error
	@touch $@

$(MODELS): locks/models.txt $(VENV)/bin/uv
	@echo "installing what trains the models (about 10 s)"
	python3 -m venv .venv-models
	$(UV) $(INSTALL) --python .venv-models/bin/python --requirement locks/models.txt
	@touch $@

$(LOADTESTS): locks/loadtests.txt pyproject.toml $(VENV)/bin/uv
	@echo "installing Locust (about 10 s)"
	python3 -m venv .venv-loadtests
	$(UV) $(INSTALL) --python .venv-loadtests/bin/python --requirement locks/loadtests.txt
	$(UV) pip install --quiet --python .venv-loadtests/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

$(CHECKOV): locks/checkov.txt $(VENV)/bin/uv
	@echo "installing checkov (about 30 s)"
	python3 -m venv .venv-checkov
	$(UV) $(INSTALL) --python .venv-checkov/bin/python --requirement locks/checkov.txt
	@touch $@

$(BENCH): locks/bench.txt $(VENV)/bin/uv
	@echo "installing what the benchmarks compare with (about 30 s)"
	python3 -m venv .venv-bench
	$(UV) $(INSTALL) --python .venv-bench/bin/python --requirement locks/bench.txt
	@touch $@
