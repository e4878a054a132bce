# mediabridge: everything a person or CI runs. `make help` lists it.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SOURCES := bridge tests bench scripts clients/python
IN_GO := $(BIN)/python scripts/in_go.py
# The race detector needs a C compiler.
RACE := $(if $(shell command -v gcc),-race)

$(BIN)/uv: requirements/bootstrap.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(READY): $(BIN)/uv requirements/dev.txt pyproject.toml
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

# Says what goes wrong, and what was tested.
MAVEN := mvn -B -ntp -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.log.org.apache.maven.plugin.surefire=info

.PHONY: help
help: ## List what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: setup
setup: $(READY) ## Set up the environment in .venv, from locked packages

.PHONY: demo
demo: $(READY) ## Place a real call on this machine and show it; then talk to the agent yourself
	$(BIN)/mediabridge demo

.PHONY: livekit
livekit: $(READY) ## Find or build the LiveKit server that demo and tests use
	$(BIN)/python scripts/livekit.py

.PHONY: test
test: livekit ## Run all Python tests: many side by side, then those that need the machine
	$(BIN)/pytest tests/unit tests/fuzz tests/simulation --numprocesses=auto --dist=worksteal --timeout=240
	$(BIN)/pytest tests/contract tests/e2e -m "not alone" --numprocesses=2 --dist=loadfile
	$(BIN)/pytest tests/e2e tests/faults tests/load -m "alone"

.PHONY: test-web
test-web: ## Run the page's own tests
	cd clients/web && npm ci --no-audit --no-fund && npm run check && npm test && npm run build

.PHONY: test-go
test-go: livekit ## Run the Go client's and gateway's tests, on a live bridge
	$(IN_GO) go test -count=1 $(RACE) ./...

.PHONY: test-java
test-java: livekit ## Run the Java client's tests, on a live bridge
	cd clients/java && $(MAVEN) verify

.PHONY: check
check: $(READY) ## Format, lint, types, import contract, proto lint and compatibility, generated code, licences
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/mypy clients/python/examples/*.py
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(MAKE) --no-print-directory breaking
	$(BIN)/python scripts/generate.py --check
	$(BIN)/python scripts/api_reference.py --check
	$(BIN)/python scripts/licences.py
	$(BIN)/hadolint Containerfile
	@unformatted=$$($(IN_GO) gofmt -l . ../../bench/callers) && test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	$(IN_GO) go mod tidy -diff
	$(IN_GO) go vet ./...

.PHONY: breaking
breaking: $(READY) ## Compare the API with every release, whose images lie in proto/released
	@for image in proto/released/*.binpb; do $(BIN)/buf breaking --against $$image || { echo "breaks $$image"; exit 1; }; done

.PHONY: release-image
release-image: $(READY) ## Keep the API as it is now as that of the version in pyproject.toml
	@version=$$($(BIN)/python -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])'); \
	case $$version in *dev*) echo "$$version is no release"; exit 1;; esac; \
	test ! -e proto/released/$$version.binpb || { echo "$$version is out already"; exit 1; }; \
	$(BIN)/buf build --exclude-source-info --path proto/bridge/v1 -o proto/released/$$version.binpb

.PHONY: bench
bench: livekit ## Measure against other systems: under 30 minutes, on a quiet machine; QUICK=1: about 7
	$(BIN)/python -m bench $(if $(QUICK),--quick)
	$(BIN)/python -m bench.front $(if $(QUICK),--quick)

.PHONY: simulate
simulate: $(READY) ## Simulate 20,000 calls in which anything happens (a quarter of an hour)
	MEDIABRIDGE_TEST_EFFORT=45 $(BIN)/pytest tests/simulation --timeout 5400 --show-capture=no

.PHONY: fuzz
fuzz: $(READY) ## Try 100,000 odd requests, model events, agent files and sounds (half an hour)
	MEDIABRIDGE_TEST_EFFORT=45 $(BIN)/pytest tests/fuzz tests/unit/api/test_malformed.py --timeout 5400 --show-capture=no

.PHONY: faults
faults: livekit ## Let calls suffer every fault there is, and print what came of it (ten minutes)
	$(BIN)/python -m tests.faults

.PHONY: overload
overload: livekit ## Ask for five times as many calls as there are slots, for two minutes
	$(BIN)/python -m tests.load overload 120

.PHONY: soak
soak: livekit ## Let calls come and go for half an hour, and look for what grows
	$(BIN)/python -m tests.load soak 1800

.PHONY: generate
generate: $(READY) ## Generate stubs, REST handlers and the API reference from proto/
	$(BIN)/buf format -w
	$(BIN)/python scripts/generate.py
	$(BIN)/python scripts/api_reference.py

.PHONY: format
format: $(READY) ## Format the code
	$(BIN)/ruff check --fix-only --quiet $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

.PHONY: lock
lock: $(BIN)/uv ## Lock the newest packages that pyproject.toml allows
	$(BIN)/uv pip compile --quiet --generate-hashes --no-header requirements/bootstrap.in -o requirements/bootstrap.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --extra dev pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --extra server --extra mcp --extra otel --constraint requirements/dev.txt pyproject.toml -o requirements/server.txt

.PHONY: clean
clean: ## Remove what was made here, the environment included
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache var clients/web/node_modules clients/web/dist clients/java/*/target
