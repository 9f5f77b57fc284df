# Two commands do all the set-up on a fresh machine: `make drill` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

DRILL ?= server_crash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Where it is set, every process would compile all of this project anew: a fifth of a second each.
unexport PYTHONDONTWRITEBYTECODE
# A test that hangs fails, and says where: in a run that is ended from outside nobody would learn which it was.
PYTEST := pytest --timeout 900

.PHONY: help
help: ## What can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.ready: requirements.lock pyproject.toml tools/setup.sh tools/uv.lock roles/lab_machine/files/ansible_bytecode.py
	@PYTHON="$(PYTHON)" tools/setup.sh

.PHONY: drill
drill: lab-up ## The lab up, then a drill on it: make drill DRILL=host_loss
	drill_runner run $(DRILL)

.PHONY: lab-up
lab-up: .venv/.ready ## Create the lab and deploy the service
	@drill_runner lab up

.PHONY: lab-down
lab-down: .venv/.ready ## Remove what the lab created, and nothing else
	@drill_runner lab down

.PHONY: check lint types unit
check: .venv/.ready ## Lint, types, unit and contract tests: no host in reach
	@$(MAKE) --jobs 2 --output-sync=target lint types unit

lint:
	ruff check .
	ruff format --check .
	yamllint --strict .
	find roles tools molecule -name '*.sh' -print0 | xargs -0 shellcheck
	ansible-lint --offline --strict

types:
	mypy

unit:
	@# ansible-lint beside it takes longest, and one core for the most part.
	nice -n 10 $(PYTEST) -n 2 --dist worksteal -m "not slow" tests/unit tests/contract

.PHONY: check-slow
check-slow: .venv/.ready ## Unit and contract tests that start processes and wait for them
	$(PYTEST) -n 2 -m slow tests/unit tests/contract

.PHONY: molecule
molecule: .venv/.ready ## Every role's scenario
	@# An interrupted run, or a machine started anew, leaves a record of hosts that may not be there any more.
	molecule destroy
	molecule test --all

.PHONY: drills
drills: lab-up ## Every drill, against the lab
	$(PYTEST) --ansible-inventory=inventories/lab tests/integration

.PHONY: test
test: check ## Everything
	@tools/test_hosts.sh

.PHONY: torture
torture: lab-up ## The runner killed at 200 instants of all drills: nothing may stay broken
	python -m tests.torture

.PHONY: torture-faults
torture-faults: .venv/.ready ## Every fault twice: ended by hand, and by its limit with nobody's help
	FAULT_ENDS=revert,limit molecule test -s faults

.PHONY: torture-backups
torture-backups: .venv/.ready ## Backups and restores killed at 40 instants, 100 bits flipped: all found, nothing lost
	BACKUP_TORTURE=1 molecule test -s model_backup

.PHONY: calibrate
calibrate: .venv/.ready ## Measured times against outages of known length, quiet and with a core busy
	python -m tests.calibrate

.PHONY: bench-lab
bench-lab: lab-up ## Times and sizes of the lab against what docs/performance.md promises
	python -m tests.bench

.PHONY: bench-restore
bench-restore: lab-up ## How fast weights of 2 and 4 GiB come back, against dd and restic: 30 GB of disk
	python -m tests.bench.restore
