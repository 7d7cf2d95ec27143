# run    install what is missing, then start everything and stay up
# test   install what is missing, then run the tests
# check  style, types and import borders
# bench  install what is missing, peers too, then measure beside them (hours; ARGS=--quick: minutes)
# bench-pytorch  load, memory, first token and decode beside PyTorch (20 minutes; ARGS=--quick: 6)
# clean  remove what was installed and built; the data folder stays

.PHONY: run test check bench bench-pytorch clean python
.DEFAULT_GOAL := run

PYTHONS := python3.11 python3.12 python3.13 python3.14 python3
PYTHON := $(shell for p in $(PYTHONS); do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
IN_VENV := .venv/bin/python -m
PACKAGES := service workers ingest

run: python
	@$(PYTHON) -m service.cli.install
	@exec ./lectern up

test: python
	@$(PYTHON) -m service.cli.install --test
	$(IN_VENV) pytest

check: python
	@$(PYTHON) -m service.cli.install --test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	$(IN_VENV) mypy $(PACKAGES) benchmarks
	.venv/bin/lint-imports

bench: python
	@$(PYTHON) -m service.cli.install --bench
	@exec ./lectern bench $(ARGS)

bench-pytorch: python
	@$(PYTHON) -m service.cli.install --bench
	$(IN_VENV) benchmarks.guide $(ARGS)

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(PACKAGES) benchmarks tests -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@test -n "$(PYTHON)" || { \
		echo "error: Lectern needs Python 3.11 or newer; on Debian and Ubuntu:" \
		     "apt-get install python3 python3-venv" >&2; exit 1; }
