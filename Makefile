# make run     start the server on http://HOST:PORT, with the library in EARPRINT_DATA
# make test    all checks and tests
# make check   ruff and mypy alone
# make install .venv/bin/earprint, with the locked versions
# make bench   measure what there is to measure, on the folder MUSIC and the query set QUERIES, in one table (see benchmarks/)
# make screenshots   take the pictures of the page that are in docs/ (needs Chromium)
# make lock    resolve requirements.lock anew, and requirements-serve.lock, the part of it that a server needs (needs uv)
# make audit   look for known flaws in what is locked (needs pip-audit)
# make image-check   the steps of the Dockerfile, without Docker
# make clean   remove what the others made; the library stays

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
BIN := .venv/bin

.PHONY: run test check install bench screenshots lock audit image-check clean

run: install
	exec $(BIN)/earprint serve --host $(HOST) --port $(PORT)

test: check
	$(BIN)/pytest

check: install
	$(BIN)/ruff check .
	$(BIN)/mypy

install: .venv/installed

# Built without isolation: hatchling comes from the lock too, so that nothing unlocked is ever fetched.
.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Earprint needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv is missing; on Debian install it with: apt-get install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/earprint prepare
	touch $@

bench: install
	@test -n "$(MUSIC)" -a -n "$(QUERIES)" || \
		{ echo "name a folder of music and a query set: make bench MUSIC=... QUERIES=..."; exit 1; }
	$(BIN)/python -m benchmarks.overview "$(MUSIC)" "$(QUERIES)"

screenshots: install
	$(BIN)/python -m docs.screenshots

COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --upgrade --quiet

lock:
	$(COMPILE) --extra dev --extra bench -o requirements.lock
	$(COMPILE) --constraint requirements.lock -o requirements-serve.lock

audit:
	pip-audit --strict --disable-pip --require-hashes -r requirements.lock

image-check: install
	BUILD=$(BIN)/python PYTHON=$(PYTHON) .ci/image

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
