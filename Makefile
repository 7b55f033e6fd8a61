# What a reader types: make course, make lab, make test. The rest is for people who work on knlab.
# The first three set everything up by themselves, in .venv, with Python and pip (uv if it is found).

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: course lab test lint notebooks bench live clean

course: $(READY)
	$(BIN)/knlab course

lab: $(READY)
	$(BIN)/knlab lab

test: $(READY)
	$(BIN)/python -m tools.check

$(READY): pyproject.toml tools/set_up.py
	$(PYTHON) tools/set_up.py

lint: $(READY)
	$(BIN)/python -m tools.check --only lint

notebooks: $(READY)
	$(BIN)/python -m tools.build_notebooks

bench: $(READY)
	$(BIN)/python -m benchmarks start_and_latency kpa_tick api

live: $(READY)
	$(BIN)/python -m pytest -m live

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
