# The one list of commands. `make demo` and `make test` need Python 3.11, venv and make only.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check -q

.PHONY: setup demo test bench lint packaging lock clean check-night fuzz

setup: .venv/ready-dev

demo: .venv/ready-demo
	$(BIN)/standpipe-sim demo $(ARGS)

test: .venv/ready-dev
	sh deploy/test-parts.sh
	$(BIN)/pytest -n 4 --dist loadscope --no-loadscope-reorder $(ARGS)

bench: .venv/ready-demo
	$(BIN)/standpipe-sim bench $(ARGS)

# Hours of virtual machines under attack; prints how far it has come (docs/proof.md).
NIGHT_SEEDS ?= 10000
check-night: .venv/ready-dev
	$(BIN)/standpipe-sim check --runs $(NIGHT_SEEDS) $(ARGS)
	$(BIN)/python -m tests.proof.campaign

# Every decoder of bytes from outside under a fuzzer led by coverage (docs/proof.md).
FUZZ_SECONDS ?= 60
fuzz: .venv/ready-dev
	$(BIN)/python -m tests.fuzz.run --seconds $(FUZZ_SECONDS) $(ARGS)

lint: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

packaging: .venv/ready-dev
	$(BIN)/pytest -m packaging tests/packaging

# Pins every dependency with its hashes, without naming where they come from.
lock: .venv/ready-dev
	for extra in agent hub simulator pcsc; do \
	  $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header \
	    --extra $$extra pyproject.toml -o requirements/$$extra.txt || exit 1; done
	for group in build dev; do \
	  $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header \
	    $$( [ $$group = dev ] && echo --extra simulator ) \
	    --group $$group $$( [ $$group = dev ] && echo pyproject.toml ) \
	    -o requirements/$$group.txt || exit 1; done

clean:
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/pip:
	@test -n "$(PYTHON)" || { echo "Python 3.11 is missing: apt install python3 python3-venv"; exit 1; }
	@echo "Making the environment .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv || { echo "venv is missing: apt install python3-venv"; exit 1; }

.venv/ready-demo: .venv/bin/pip requirements/simulator.txt requirements/build.txt pyproject.toml
	@echo "Installing what the demo needs, once (pinned, checked by hash)"
	$(PIP) install --require-hashes -r requirements/simulator.txt
	$(PIP) install --require-hashes -r requirements/build.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/ready-dev: .venv/bin/pip requirements/dev.txt pyproject.toml
	@echo "Installing what development needs, once (pinned, checked by hash)"
	$(PIP) install --require-hashes -r requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ .venv/ready-demo
