# Each target sets up what it needs in .venv; a stamp file there remembers what is installed, so a second call is fast.

PYTHONS  = python3.13 python3.12 python3.11 python3
BIN      = .venv/bin
PIP      = $(BIN)/python -m pip install -qq --no-input --disable-pip-version-check
CHROMIUM = /usr/bin/chromium
APT      = env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120

# A .venv whose Python was removed from the machine counts as none.
$(shell test -x $(BIN)/python || rm -f $(BIN)/python .venv/.run .venv/.dev)

.PHONY: run test transformers lint format bench accuracy clean chromium

run: .venv/.run
	@exec $(BIN)/python -m streamlit run app.py --server.address 127.0.0.1 --server.port 8501 --server.headless true

test: .venv/.dev chromium
	@test -x $(CHROMIUM) || set -- -m "not browser and not transformers"; $(BIN)/python -m pytest "$$@"

transformers: .venv/.transformers
	$(BIN)/python -m pytest -m transformers tests/test_transformers.py

lint: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.dev chromium
	@$(BIN)/python -m tests.bench

accuracy: .venv/.run
	@for file in presets/measured/*.csv; do echo; echo $$file; \
	$(BIN)/python -m presets.accuracy $$file --configs presets/measured/configs || exit 1; done

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.dev: requirements-dev.txt .venv/.run
	@echo "Installing requirements-dev.txt into .venv"
	@$(PIP) -r $<
	@touch $@

.venv/.transformers: requirements-transformers.txt .venv/.dev
	@echo "Installing requirements-transformers.txt into .venv"
	@$(PIP) -r $<
	@touch $@

.venv/.run: requirements.txt $(BIN)/python
	@echo "Installing requirements.txt into .venv"
	@$(PIP) -r $<
	@touch $@

# The first Python that is new enough and really runs: a version manager's shim may stand in PATH and only fail.
$(BIN)/python:
	@for python in $(PYTHONS); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	  "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || { bare=$$python; continue; }; \
	  echo "Creating .venv with $$("$$python" --version)"; \
	  "$$python" -m venv --clear .venv && exit 0; \
	  rm -rf .venv; bare=$$python; \
	done; \
	if [ -n "$$bare" ]; then echo "$$bare cannot make a virtual environment: install its venv package (Debian, Ubuntu: apt-get install python3-venv)."; \
	else echo "Weighbridge needs Python 3.11 or newer, and none of $(PYTHONS) is that: install one and try again."; fi >&2; \
	exit 1

# The browser tests drive Debian's Chromium; where it cannot be had, they are left out and the rest still runs.
chromium:
	@test -x $(CHROMIUM) && exit 0; \
	if ! command -v apt-get >/dev/null; then install=false; \
	elif [ "$$(id -u)" = 0 ]; then install="$(APT)"; \
	elif sudo -n true 2>/dev/null; then install="sudo -n $(APT)"; \
	else install=false; fi; \
	if [ "$$install" != false ]; then echo "Installing chromium"; \
	  $$install update >/dev/null && $$install install -y --no-install-recommends chromium fonts-liberation >/dev/null; fi; \
	test -x $(CHROMIUM) || echo "The browser tests are left out: $(CHROMIUM) is missing and could not be installed."
