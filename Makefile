# Two commands for a fresh machine with python3 and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHOP_PORT ?= 8000
SANDBOX_PORT ?= 8765

.PHONY: demo demo-django test part drills matrix soak fuzz lint bench docs pixel.min.js clean

demo: $(VENV)/demo.stamp ## A Flask shop and the sandbox, in the foreground
	@$(BIN)/python examples/demo.py flask --shop-port $(SHOP_PORT) --sandbox-port $(SANDBOX_PORT)

demo-django: SHOP_PORT = 8001
demo-django: $(VENV)/demo.stamp ## The same with a Django shop
	@$(BIN)/python examples/demo.py django --shop-port $(SHOP_PORT) --sandbox-port $(SANDBOX_PORT)

# What takes longest begins first; browsers and servers often wait, so three fill two cores.
JOBS ?= 3
LONGEST := lint tests/page tests/core tests/test_*.py $(sort $(wildcard tests/e2e/test_*.py))
FOLDERS := $(patsubst %/,%,$(sort $(dir $(wildcard tests/*/test_*.py))))
PARTS := $(LONGEST) $(filter-out $(LONGEST) tests/drills tests/e2e,$(FOLDERS))
# Hundreds of servers start: without this each compiles all of its modules for itself.
unexport PYTHONDONTWRITEBYTECODE

test: $(VENV)/dev.stamp ## Everything but the drills, side by side; each part is shown at its end
	@mkdir -p .cache
	@printf '%s\n' $(patsubst %,'%',$(PARTS)) \
	  | xargs -P $(JOBS) -I {} $(MAKE) --no-print-directory part PART={}

part:
	@log=.cache/$$$$.log; \
	if [ "$(PART)" = lint ]; then $(MAKE) --no-print-directory lint; \
	else echo "$(PART)"; $(BIN)/python -m pytest -m "not drill" $(PART); fi > $$log 2>&1; \
	code=$$?; cat $$log; rm $$log; [ $$code = 5 ] || exit $$code  # 5: a file of drills alone

drills: $(VENV)/dev.stamp ## Slow fault drills: kills, outages
	$(BIN)/python -m pytest -m drill

# CI: a server that is not installed fails, for the tables would say that it ran.
matrix: $(VENV)/dev.stamp ## Every server and framework of docs/compatibility.md, whose tables are written anew
	CI=true $(BIN)/python -m pytest tests/matrix
	$(BIN)/python -m tests.matrix.table
	$(BIN)/python -m tests.matrix.framework_table

soak: $(VENV)/dev.stamp ## SOAK_MINUTES (30) of mixed traffic while Graph misbehaves: nothing lost, nothing grows
	$(BIN)/python -m tests.soak

fuzz: $(VENV)/dev.stamp ## New inputs for all that reads a stranger's: FUZZ_SECONDS (600) a target, for FUZZ_HOURS or until Ctrl-C
	$(BIN)/python -m tests.fuzz

lint: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(VENV)/dev.stamp ## The figures of docs/performance.md
	for file in bench/bench_*.py; do $(BIN)/python $$file || exit 1; done

docs: $(VENV)/dev.stamp ## The documentation as a site, at http://127.0.0.1:8002
	$(BIN)/python -m mkdocs serve --strict --dev-addr 127.0.0.1:8002

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
