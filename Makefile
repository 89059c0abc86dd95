# Everything a contributor runs. `make` alone explains itself.

PORT ?= 8000
VENV ?= .venv
WORKERS ?= 2
OPERATIONS ?= 20000
SEED ?=
BIN := $(VENV)/bin
DEMO_SET := $(VENV)/.installed-demo
TEST_SET := $(VENV)/.installed-test
COMPILE := uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	--python-version 3.11 pyproject.toml --extra api --extra export --extra history
# runs what follows on MariaDB; where none is installed it says so instead, but for CI, which must have one
ON_MARIADB = @[ "$$CI" != true ] && ! $(BIN)/python -m tests.mariatemp || DB=mariadb
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help demo test test-sqlite test-postgres test-mariadb test-browser oracle django-suite lint types bench coverage messages lock clean

help: ## explain the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Variables: PORT=8000 (demo), PYTHON=python3.13 (which Python makes the environment), VENV=.venv, WORKERS=2 (tests)"

$(DEMO_SET): requirements/demo.txt .ci/venv
	@.ci/venv $(VENV) demo

$(TEST_SET): requirements/test.txt .ci/venv
	@.ci/venv $(VENV) test

demo: $(DEMO_SET) ## fill the demonstration shop on the first run and serve it on PORT
	@$(BIN)/python .ci/free_port.py "$(PORT)"
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py demo
	@echo
	@echo "Open http://127.0.0.1:$(PORT)/admin/ and log in with an account above. Ctrl-C ends the demonstration."
	@exec $(BIN)/python manage.py runserver --noreload "127.0.0.1:$(PORT)"

test: test-sqlite test-postgres test-mariadb test-browser ## run all tests: SQLite, PostgreSQL (from a wheel), MariaDB, browser

test-sqlite: $(TEST_SET) ## run the tests on SQLite
	DB=sqlite $(BIN)/python -m pytest -n $(WORKERS) -m "not browser"

test-postgres: $(TEST_SET) ## run the tests on PostgreSQL
	DB=postgres $(BIN)/python -m pytest -n $(WORKERS) -m "not browser and not wheel"

test-mariadb: $(TEST_SET) ## run the tests on MariaDB; skipped, with the reason, where none is installed
	$(ON_MARIADB) $(BIN)/python -m pytest -n $(WORKERS) -m "not browser and not wheel"

test-browser: $(TEST_SET) ## run the tests in Chromium; skipped, with the reason, where there is none
	DB=sqlite $(BIN)/python -m pytest -m browser

oracle: export ORACLE_OPERATIONS = $(OPERATIONS)
oracle: export ORACLE_SEED = $(SEED)
oracle: $(TEST_SET) ## replay the log after each of OPERATIONS random writes per database; SEED repeats a run
	DB=sqlite $(BIN)/python -m pytest tests/test_oracle.py
	DB=postgres $(BIN)/python -m pytest tests/test_oracle.py
	$(ON_MARIADB) $(BIN)/python -m pytest tests/test_oracle.py

django-suite: $(TEST_SET) ## run Django's own tests with every model recorded, on SQLite and PostgreSQL, and tell what differs
	$(BIN)/python -m tests.django_suite --database sqlite
	$(BIN)/python -m tests.django_suite --database postgres

lint: $(TEST_SET) ## check style, formatting and the pinned requirements
	.ci/check_requirements
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(TEST_SET) ## check the types
	$(BIN)/mypy

bench: $(TEST_SET) ## measure saves against bare Django and print ratios
	$(BIN)/python -m tests.benchmarks

coverage: $(TEST_SET) ## run the tests on all databases and print the lines and branches they miss
	rm -f .coverage .coverage.*
	DB=sqlite $(BIN)/python -m pytest -q -n $(WORKERS) -m "not browser and not wheel" --cov --cov-report=
	DB=postgres $(BIN)/python -m pytest -q -n $(WORKERS) -m "not browser and not wheel" --cov --cov-append --cov-report=
	$(ON_MARIADB) $(BIN)/python -m pytest -q -n $(WORKERS) -m "not browser and not wheel" --cov --cov-append --cov-report=
	$(BIN)/coverage report

messages: $(TEST_SET) ## collect the texts to translate and compile the translations (needs gettext)
	cd auditlog && $(abspath $(BIN))/python ../manage.py makemessages --all --no-obsolete --add-location file
	cd auditlog && $(abspath $(BIN))/python ../manage.py compilemessages --verbosity 0

lock: ## pin the newest allowed packages in requirements/ (needs uv)
	$(COMPILE) --upgrade --group demo -o requirements/demo.txt
	$(COMPILE) --upgrade --extra postgres --group test -c requirements/demo.txt -o requirements/test.txt
	.ci/check_requirements

clean: ## remove the environment, the demonstration's data and all caches
	rm -rf $(VENV) .venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis htmlcov dist build .coverage .coverage.*
	rm -rf .django-source *.sqlite3 *.sqlite3-* media
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
