# Every target runs the setup it needs; `make help` lists them.
PYTHON ?= python3
PORT ?= 8000
# How many processes run tests; 0 runs them in one, where `--pdb` works.
WORKERS ?= 2
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
# Neighbours stay together, with the fixtures that they share, until a worker is idle.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
SECRET = $$($(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(48))')
KEY = $$($(PYTHON) -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())')
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header

# Tests start a hundred processes, each of which would compile the project again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help env setup run test test-all test-browser fuzz fuzz-engine faults scale-test screenshots lint bench bench-quick bench-memory lock

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 16

.venv/.installed: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=…"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.env:
	@umask 077 && { \
		echo "# Generated for this machine only. .env.example explains each line."; \
		echo "SECRET_KEY=$(SECRET)"; \
		echo "API_KEY_PEPPERS=1:$(SECRET)"; \
		echo "ENCRYPTION_KEYS=$(KEY)"; \
		echo "DATABASE_URL=sqlite:///db.sqlite3"; \
		echo "ALLOWED_HOSTS=localhost,127.0.0.1"; \
		echo "HTTPS=false"; \
	} > $@

# Adds an encryption key to a .env of an older version, and changes nothing else.
env: .env
	@grep -Eq '^(export )?ENCRYPTION_KEYS=' .env || { \
		[ -z "$$(tail -c 1 .env)" ] || echo; \
		echo "ENCRYPTION_KEYS=$(KEY)"; \
	} >> .env

setup: .venv/.installed ## Create .venv with the locked dependencies

run: setup env ## Serve a demo organization on 127.0.0.1:$PORT (default 8000)
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) collectstatic --noinput --verbosity 0
	@PORT=$(PORT) $(MANAGE) demo
	@DEMO=true $(BIN)/gunicorn echopoint.wsgi --bind 127.0.0.1:$(PORT) --workers 2 --threads 4 --log-level warning

test: setup ## Run the fast tests, on SQLite unless DATABASE_URL names another database
	$(PYTEST) --ignore tests/browser --ignore tests/faults -m "not slow"

test-all: setup ## Run the slow tests too: servers, old databases, very many inputs
	$(PYTEST) --ignore tests/browser --ignore tests/faults

test-browser: setup ## Run the browser tests in Debian's Chromium
	$(PYTEST) tests/browser

fuzz: setup ## Fuzz the API for FUZZ_MINUTES (5), and each form with FUZZ_EXAMPLES (40)
	$(BIN)/python -m tests.fuzz.run

fuzz-engine: setup ## Run FUZZ_RUNS (10000) random flows against random answers
	$(BIN)/python -m tests.fuzz.engine

faults: setup ## Kill, hang, fill and restart real processes; needs root, nginx, Redis, PostgreSQL
	$(BIN)/python -m pytest --quiet tests/faults

scale-test: setup ## Check two servers with one PostgreSQL and one Redis, and with a replica
	$(BIN)/python -m tests.scale

screenshots: setup ## Write screenshots of every page and state to screenshots/
	$(BIN)/python -m pytest --quiet tests/browser/screenshots.py

lint: setup ## Check style, types, migrations, the workflow and the locks
	$(BIN)/pre-commit run --all-files --show-diff-on-failure

# The peers, beside the project's own packages.
.venv/bench/.installed: .venv/.installed tests/bench/requirements.txt
	$(PYTHON) -m venv .venv/bench
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> "$$(.venv/bench/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth"
	.venv/bench/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/bench/requirements.txt
	@touch $@

bench: .venv/bench/.installed ## Measure what a key costs, beside other libraries; writes it into the README
	.venv/bench/bin/python -m tests.bench

bench-quick: .venv/bench/.installed ## The same in a minute, from fewer rounds; writes nothing
	.venv/bench/bin/python -m tests.bench --quick

bench-memory: setup ## Measure the memory used by searches of a gigabyte
	$(BIN)/python -m tests.bench_memory

lock: setup ## Update the lock files
	$(LOCK) --extra server -o requirements.lock
	$(LOCK) --extra server --extra dev -o requirements-dev.lock
	$(LOCK) --extra build -o .github/actions/run-flows/requirements.lock
