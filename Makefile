# Two commands do all the set-up on a machine that has Python 3.11+ and make; the lines also work by hand, one after another.
PYTHON ?= python3
BIN := .venv/bin
# One more than two cores: some tests wait for other processes.
WORKERS ?= 3
INSTALL = UV_COMPILE_BYTECODE=1 $(BIN)/uv pip install -q -p $(BIN)/python -c requirements.lock

.PHONY: demo test lint types contracts notebooks docs site release check clean

demo: .venv/demo.done          ## the main job on real pictures, a few minutes on two cores
	$(BIN)/maskwright demo

test: .venv/dev.done           ## all tests, in three processes; make test WORKERS=8 on a larger machine
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

lint: .venv/dev.done
	$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: .venv/dev.done
	$(BIN)/mypy
	$(BIN)/mypy --strict tests/typed/sample.py

contracts: .venv/dev.done
	$(BIN)/lint-imports

notebooks: .venv/dev.done      ## every notebook from its first cell to its last, with short trainings
	$(BIN)/python -m pytest -m notebooks tests/site/test_notebooks.py

docs: .venv/dev.done           ## the site in build/site, offline; a warning or a broken link is an error
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/site
	$(BIN)/python docs/site_pages/check_links.py build/site

site: .venv/dev.done           ## the same with every notebook run at its full length, to publish
	MASKWRIGHT_SITE=full $(MAKE) docs

release: .venv/dev.done        ## wheel and sdist, installed into empty environments and tried
	bench/release_smoke.sh

check: lint types contracts test notebooks docs release

.venv/uv.done:
	$(PYTHON) -m venv .venv && $(BIN)/pip install -q --disable-pip-version-check uv && touch $@

.venv/demo.done: .venv/uv.done pyproject.toml requirements.lock
	$(INSTALL) -e '.[demo]' && touch $@

.venv/dev.done: .venv/uv.done pyproject.toml requirements.lock
	$(INSTALL) -e '.[dev]' && touch $@ .venv/demo.done

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
