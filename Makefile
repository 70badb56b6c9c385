# make demo · make test: all that a newcomer needs. Both set up what is missing first.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
FOREIGN := .foreign/.ready

.PHONY: setup foreign demo test check bench torture mutants docs lock clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Steward needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
	  test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv .venv; } || { \
	  echo "python3 has no venv module here. Run as root: apt-get install python3-venv"; exit 2; }
	@echo "setting up .venv (two to three minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $(STAMP)

# Programs that others wrote, for tests/foreign; what cannot be installed is skipped with the reason.
foreign: $(FOREIGN)

$(FOREIGN): $(STAMP) tests/foreign/package-lock.json tests/foreign/python.txt
	@sh tests/foreign/install.sh

demo: $(STAMP)
	@$(BIN)/steward demo

test: $(STAMP) $(FOREIGN)
	@$(BIN)/python -m pytest -n auto --dist loadscope -q

check: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q tests/house

docs: $(STAMP)
	@$(BIN)/python -m steward.handbook

torture: $(STAMP) $(FOREIGN)
	@STEWARD_TORTURE=1 $(BIN)/python -m pytest -q -n auto --dist loadscope

mutants: $(STAMP)
	@$(BIN)/python tests/mutants.py $(MODULES)

bench: $(STAMP)
	@for each in $$(grep -l __main__ benchmarks/*.py); do $(BIN)/python -m benchmarks.$$(basename $$each .py) --json || exit 1; done

lock: $(STAMP)
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --extra dev --extra bench --extra tableau --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-emit-find-links --python-version 3.11 -o requirements.lock

clean:
	rm -rf .venv .foreign .steward
