# Thin: each target calls what a user could call by hand. All are safe to repeat and to interrupt.
#
#   make drill     from nothing to a report: packages, bundles, nodes, cluster, the standard drills;
#                  ends with 2 when a drill does not pass, as make does for every failure: the
#                  status that tells FAIL, INCONCLUSIVE and ABORTED apart is that of
#                  `kubedrill drill`
#   make cluster   the cluster only
#   make test      the project's own tests
#   make test-all  the same with every drill, the game day among them, every live mutant (hours),
#                  and 10 minutes of mutated documents for every reader
#   make mutants   broken runs that the verdict must call what they are (seconds, no cluster)
#   make mutants-live   the same on a live cluster that is healthy (25 minutes)
#   make docs      the documentation as a static site, build/docs/index.html
#   make bench     speed, as ratios measured side by side
#   make clean     away with nodes, networks, images and files that the project made

PYTHON ?= $(shell command -v python3.11 || command -v python3)
# Names, or all; the standard ones when empty (kubedrill list).
DRILLS ?=
INVENTORY ?= inventories/local
KUBEDRILL := .venv/bin/kubedrill

.DEFAULT_GOAL := help
.PHONY: help setup setup-test bundles cluster drill test test-all mutants mutants-live docs bench
.PHONY: clean

help:
	@sed -n 's/^#   //p' $(firstword $(MAKEFILE_LIST))

setup:
	@$(PYTHON) harness/kubedrill/local/hostsetup.py

setup-test:
	@$(PYTHON) harness/kubedrill/local/hostsetup.py --tests

bundles: setup
	@$(KUBEDRILL) bundle build

cluster: bundles
	@$(KUBEDRILL) up --inventory $(INVENTORY)

# After an upgrade drill the cluster is at the newer version, with nothing left to upgrade: nodes of
# Vagrant begin anew.
drill: bundles
	@$(KUBEDRILL) up --renew --inventory $(INVENTORY)
	@$(KUBEDRILL) drill --inventory $(INVENTORY) $(DRILLS)

test: setup-test .venv/.docs
	@.venv/bin/python -m tests

test-all: setup-test .venv/.docs
	@.venv/bin/python -m tests --all

mutants: setup
	@.venv/bin/python -m pytest -q tests/mutants

mutants-live: setup
	@.venv/bin/python -m pytest -v tests/mutants/live --inventory $(INVENTORY)

# Packages of the documentation's site, which nothing else needs.
.venv/.docs: requirements-docs.lock | setup
	@.venv/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes \
	  --only-binary=:all: -r $< && touch $@

docs: .venv/.docs
	@.venv/bin/python docs/generate --check
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet --strict

bench: setup
	@.venv/bin/python -m benchmarks

clean:
	@PYTHONPATH=harness $(PYTHON) -m kubedrill.local.cleanup
