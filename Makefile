# Only git, make and a Python >= 3.11 with venv are assumed. `make help` lists the targets.

.DEFAULT_GOAL := help
SHELL := /bin/sh

# The first Python that is new enough and can make environments; empty if there is none.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$python; break; }; done)
PYTHON_RASA ?= $(shell for python in python3.10 "$$HOME"/.pyenv/versions/3.10.*/bin/python python3; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 10))' 2>/dev/null \
	&& { echo $$python; break; }; done)
DEV := .venv/parley.stamp .venv/dev.stamp
PIP := -m pip --disable-pip-version-check --no-input --quiet

# An environment works only where it was built and while its Python is there: otherwise build it again.
ifneq ($(shell test "$$(cat .venv/folder 2>/dev/null)" = "$(CURDIR)" && .venv/bin/python -c '' 2>/dev/null && echo good),good)
.venv/made.stamp: again
endif

.PHONY: help run test test-long lint format lock reference screenshots rasa bench clean again .venv .venv-bench

help:  ## List the targets.
	@sed -n 's/^\([.a-z-]*\):.*  ## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name words; \
		do printf '  make %-12s %s\n' "$$name" "$$words"; done

run: .venv/parley.stamp  ## Start Parley with the demo shop on http://127.0.0.1:8000 (or PARLEY_CONFIG).
	@.venv/bin/parley run

test: $(DEV)  ## Run everything that has to hold, with real services. Exits 2 if one is missing.
	@test -z "$(PYTHON_RASA)" || $(MAKE) --no-print-directory .venv-rasa/rasa.stamp \
		|| echo "The real Rasa cannot be had here: its stored answers are compared, not those of today." >&2
	@.venv/bin/python scripts/services.py .venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST)

test-long: $(DEV)  ## Kill Parley 500 times and play 10,000 histories of WeChat's allowance, about ten minutes.
	@PARLEY_KILLS=500 PARLEY_HISTORIES=10000 .venv/bin/python scripts/services.py .venv/bin/pytest \
		--timeout 1800 tests/parley/test_chaos.py tests/bots/test_wechat_allowance.py $(PYTEST)

lint: $(DEV)  ## Check style, types and who imports whom.
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format: $(DEV)  ## Bring the code into the house's form.
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

reference: $(DEV)  ## Write docs/reference anew from the code.
	.venv/bin/python scripts/reference.py

screenshots: $(DEV)  ## Take the pictures in docs/images anew.
	@.venv/bin/python scripts/services.py .venv/bin/python scripts/screenshots.py

rasa: .venv-rasa/rasa.stamp  ## Serve the demo bot with a real Rasa on port 5005 (Python 3.10, 2.7 GB).
	@.venv-rasa/bin/python scripts/rasa.py .venv-rasa/bin/rasa

bench: $(DEV) .venv-bench/bench.stamp  ## Measure Parley beside WeRoBot and the bare limit: docs/performance.md.
	@.venv/bin/python -m bench.compare $(BENCH)

UV := .venv/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --no-header
lock: $(DEV)  ## Resolve all dependencies anew, with hashes and without index addresses.
	$(UV) --python-version 3.11 --extra build -o requirements/app.lock pyproject.toml
	$(UV) --python-version 3.11 --extra build --extra dev --extra encoder -o requirements/dev.lock pyproject.toml
	$(UV) --python-version 3.11 --extra build --extra encoder -o requirements/encoder.lock pyproject.toml
	$(UV) --python-version 3.10 -o requirements/rasa.lock requirements/rasa.in
	$(UV) --python-version 3.11 -o requirements/bench.lock requirements/bench.in

clean:  ## Remove the environments and caches; the data stay.
	rm -rf .venv .venv-bench .venv-rasa .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv: .venv/parley.stamp  ## Build the environment with .venv/bin/parley: the first step of every target.

# Each step leaves a stamp when it is through, so a broken step is done again and a done one is not.
again:
.venv/made.stamp: requirements/app.lock
	@test -n "$(PYTHON)" || { echo "Parley needs Python 3.11 or newer with its venv module, as python3.11 … python3.14 or python3 (Debian, Ubuntu: apt-get install python3 python3-venv)." >&2; exit 2; }
	@echo "Building .venv with $$($(PYTHON) --version), about half a minute …"
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/python $(PIP) install --require-hashes -r requirements/app.lock
	@echo "$(CURDIR)" > .venv/folder
	@touch $@
.venv/parley.stamp: .venv/made.stamp pyproject.toml
	@.venv/bin/python $(PIP) install --no-deps --no-build-isolation --editable .
	@PYTHONDONTWRITEBYTECODE= .venv/bin/python -OO -m parley.compiling  # for servers: see parley/lean.py
	@.venv/bin/python -m compileall -q actions bots campaigns config console crm_store nlu pages parley  # for commands
	@touch $@
.venv/dev.stamp: .venv/made.stamp requirements/dev.lock
	@echo "Adding the tools for tests to .venv …"
	@.venv/bin/python $(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@
.venv-bench: .venv-bench/bench.stamp
.venv-bench/bench.stamp: requirements/bench.lock
	@test -n "$(PYTHON)" || { echo "The rivals need Python 3.11 or newer with its venv module." >&2; exit 2; }
	@echo "Building .venv-bench for the rivals of the comparison …"
	@$(PYTHON) -m venv --clear .venv-bench
	@.venv-bench/bin/python $(PIP) install --require-hashes -r requirements/bench.lock
	@touch $@
.venv-rasa/rasa.stamp: requirements/rasa.lock
	@test -n "$(PYTHON_RASA)" || { echo "Rasa 3.6 needs Python 3.10 with its venv module, as python3.10 or in ~/.pyenv (pyenv install 3.10), or named by make rasa PYTHON_RASA=…" >&2; exit 2; }
	@echo "Building .venv-rasa with $$($(PYTHON_RASA) --version), several minutes and 2.7 GB …"
	@$(PYTHON_RASA) -m venv --clear .venv-rasa
	@.venv-rasa/bin/python $(PIP) install --require-hashes -r requirements/rasa.lock
	@touch $@
