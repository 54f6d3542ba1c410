# Each target does its own set-up: a fresh machine needs python3, python3-venv, make and the package registries.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTHON ?= python3

.PHONY: demo ui ui-dev screens test cluster-test lint bench faults replay-proof soak evidence-selftest docs lock clean help

help: ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/perpscope doctor --compile
	$(BIN)/python hatch_build.py --if-possible
	@touch $(READY)

demo: $(READY) ## simulate a market, import it, analyse it, offline; in a terminal serve the page that replays it
	$(BIN)/perpscope demo --out out/demo

ui: $(READY) ## build the page again from frontend/
	$(BIN)/python hatch_build.py

ui-dev: $(READY) ## the page from source, reloading itself; data from a running `perpscope serve`
	cd frontend && npm run dev

screens: ui ## pictures of every page into docs/screens; SCREENS="--lake DIR --evidence DIR ..." shows other data
	cd tests && ../$(BIN)/python -m web.browser.screens ../docs/screens $(SCREENS)

test: $(READY) ## the whole test suite
	$(BIN)/python -m pytest -n 2 --dist worksteal

cluster-test: $(READY) ## a sweep on a local Ray cluster (installs the extra)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "ray>=2.40"
	$(BIN)/python -m pytest tests/cluster

lint: $(READY) ## style, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p perpscope
	$(BIN)/lint-imports

bench: $(READY) ## throughput and memory, as ratios against peers in the same run
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

KILLS ?= 200
faults: $(READY) ## the fault matrix for real, its numbers into docs/reliability.md (long form: make faults KILLS=1000)
	$(BIN)/python -m pytest -m slow tests/faults --kills $(KILLS) --write-numbers docs/reliability.md

replay-proof: $(READY) ## every recording through the simulated exchange, and ccxt.pro as its client
	$(BIN)/python -m pytest -m slow tests/replay

MINUTES ?= 30
soak: $(READY) ## hours of faults at random, memory and files watched (24 h: make soak MINUTES=1440)
	$(BIN)/python -m pytest -m slow tests/soak --minutes $(MINUTES)

evidence-selftest: $(READY) ## null signals must fail, planted edges must be found
	$(BIN)/python -m perpscope.research.evidence.selftest

docs: $(READY) ## rebuild the generated pages and check every link and name in the docs
	$(BIN)/python -m pytest tests/docs

lock: ## resolve the dependencies again
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --no-header --no-annotate pyproject.toml -o requirements.lock

clean: ## remove what make made
	rm -rf $(VENV) out build dist
