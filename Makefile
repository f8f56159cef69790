# Two commands for a fresh machine with python3 and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHOP_PORT ?= 8000
WAITING := tests/e2e tests/page
SANDBOX_PORT ?= 8765

.PHONY: demo demo-django test drills lint bench pixel.min.js clean

demo: $(VENV)/demo.stamp ## A Flask shop and the sandbox, in the foreground
	@$(BIN)/python examples/demo.py flask --shop-port $(SHOP_PORT) --sandbox-port $(SANDBOX_PORT)

demo-django: SHOP_PORT = 8001
demo-django: $(VENV)/demo.stamp ## The same with a Django shop
	@$(BIN)/python examples/demo.py django --shop-port $(SHOP_PORT) --sandbox-port $(SANDBOX_PORT)

# Browsers and servers mostly wait: their tests run beside the others, and are shown behind them.
test: $(VENV)/dev.stamp lint ## Everything but the drills
	@mkdir -p .cache
	@$(BIN)/python -m pytest -m "not drill" $(WAITING) > .cache/waiting.log 2>&1 & waiting=$$!; \
	$(BIN)/python -m pytest -m "not drill" $(addprefix --ignore=,$(WAITING)); others=$$?; \
	wait $$waiting; waited=$$?; cat .cache/waiting.log; exit $$((others + waited))

drills: $(VENV)/dev.stamp ## Slow fault drills: kills, outages
	$(BIN)/python -m pytest -m drill

lint: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/dev.stamp ## The figures of docs/performance.md
	for file in bench/bench_*.py; do $(BIN)/python $$file || exit 1; done

# The inline loader, made small with terser from npm; commit what it makes.
pixel.min.js: $(VENV)/dev.stamp
	$(BIN)/python -m tests.page.minify

clean:
	rm -rf $(VENV) .demo .cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "pixelpair needs Python 3.11 or newer; try: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[sandbox,flask,django]'
	@touch $@

$(VENV)/dev.stamp: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/demo.stamp
