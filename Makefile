# Two commands on a fresh machine: `make run` and `make test`. Both need Python 3.11+ alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UPSTREAM ?=
STAMP := $(VENV)/.installed-dev

.PHONY: run example test soak soak-steady fuzz conformance image-replay scope check fmt lock bench \
	bench-guard bench-hold bench-slow clean

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; point PYTHON at one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# What runs it, and what it is tested and checked with.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@touch $@
$(STAMP): pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.installed

run: $(VENV)/.installed  ## the gateway in front of a demo app, or of UPSTREAM=http://...
	@$(BIN)/gateway demo --config config.example.yaml $(if $(UPSTREAM),--upstream $(UPSTREAM))

EXAMPLE := examples/rolling-reindex
OPTIONS ?= --picture rolling-reindex.svg
example: $(VENV)/.installed-example  ## 200 users reindexed one by one behind three replicas, and the verdict on it; three minutes
	@sh $(EXAMPLE)/install.sh
	@$(BIN)/python $(EXAMPLE) $(OPTIONS)

$(VENV)/.installed-example: $(EXAMPLE)/requirements.txt | $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -r $(EXAMPLE)/requirements.txt
	@touch $@

# Compiled once, not by each of the hundreds of gateways that the tests start. Four processes, as
# tests with servers wait for half of their time; what takes long begins first (tests/support/order.py).
test: $(STAMP)  ## every test; installs the servers it tests with where it may
	@sh tests/install-servers.sh
	@$(BIN)/python -m compileall -q gateway
	$(BIN)/pytest -n 4 --dist worksteal -q

soak: $(STAMP)  ## nothing runs while a guarded command does: load, guards and faults, ten minutes
	@sh tests/install-servers.sh
	$(BIN)/python -m tests.soak

FUZZ_SECONDS ?= 60
fuzz: $(STAMP)  ## each harness of tests/fuzz under atheris, for FUZZ_SECONDS
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev,fuzz]'
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

soak-steady: $(STAMP)  ## one load for SOAK_SECONDS (1200): memory and descriptors stay flat
	@sh tests/install-servers.sh
	$(BIN)/python -m tests.soak.steady

conformance: $(STAMP)  ## other people's suites and tools, through the gateway and beside nginx; 20 minutes
	@sh tests/conformance/install.sh
	$(BIN)/python -m tests.conformance

image-replay: $(STAMP)  ## builds the Dockerfiles with Docker or Podman, and tries what they promise; minutes
	@sh tests/image/install.sh
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev,replay]'
	$(BIN)/python -m tests.image

scope: $(STAMP)  ## asks real frameworks what they make of odd requests; writes docs/scope.md
	@sh tests/install-servers.sh
	$(BIN)/python -m tests.scope

check: $(STAMP)  ## format, lint, types, layers, manifests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@BIN=$(BIN) sh deploy/check.sh

fmt: $(STAMP)  ## formats, and mends what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command 'make lock' --upgrade

lock: $(STAMP)  ## the newest versions that pyproject.toml allows, by their hashes, for the image
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[lock]'
	$(LOCK) pyproject.toml -o requirements.lock
	$(BIN)/python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb')); \
		print(*p['build-system']['requires'], *p['project']['optional-dependencies']['image'], sep='\n')" \
		| $(LOCK) - -o requirements-build.lock

bench: $(STAMP)  ## CPU a request, side by side with nginx, HAProxy, Caddy, aiohttp
	@sh bench/install-peers.sh
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[bench]'
	$(BIN)/python -m bench

bench-guard: $(STAMP)  ## what a flip, a drain and a guarded user take; some two minutes
	@sh tests/install-servers.sh
	$(BIN)/python -m bench.guard

bench-hold: $(STAMP)  ## what requests that wait cost, and what a restart of the app looks like; four minutes
	$(BIN)/python -m bench.hold

bench-slow: $(STAMP)  ## what 2,000 slow clients and 10,000 idle ones cost; some two minutes
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[bench]'
	$(BIN)/python -m bench.slow

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
