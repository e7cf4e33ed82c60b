# make demo    builds, counts and trains networks; sets up .venv by itself
# make test    everything the tests need, then the tests
# make proto   compiles netbuilder/proto/caffe.proto after an edit
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# pip compiles what it copies, but not what it installs in place.
COMPILE := $(BIN)/python -m compileall -q netbuilder

.PHONY: demo test fast-test lint proto clean
.DELETE_ON_ERROR:

demo: $(VENV)/.demo
	$(BIN)/python app/demo/demo.py

# Real Caffe is what the engine is compared with. Where it cannot be had, those tests say so
# and are skipped; a build server (CI=true) must have it.
test: lint
	$(BIN)/netbuilder caffe install || [ "$$CI" != true ]
	$(BIN)/python -m pytest -n auto --dist worksteal

fast-test: lint
	$(BIN)/python -m pytest -n auto -m "not slow"

lint: $(VENV)/.dev
	$(BIN)/ruff check netbuilder app tests benchmarks setup.py

proto: $(VENV)/.dev
	$(BIN)/python -m netbuilder.proto.compile

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	    { echo "netbuilder needs Python 3.10 or later; try: make PYTHON=python3.12"; exit 1; }
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
	    echo "This Python cannot make a virtual environment; install its venv module" \
	         "(Debian and Ubuntu: apt-get install python3-venv)"; exit 1; }

$(VENV)/.demo: setup.py constraints.txt | $(VENV)/bin/python
	@echo "Installing netbuilder and its training engine into $(VENV) (a few minutes, once) ..."
	@$(PIP) -e ".[demo]"
	@$(COMPILE)
	@touch $@

$(VENV)/.dev: setup.py constraints.txt | $(VENV)/bin/python
	@echo "Installing netbuilder and what the tests need into $(VENV) (a few minutes, once) ..."
	@$(PIP) -e ".[dev]"
	@$(COMPILE)
	@touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) .demo build *.egg-info
