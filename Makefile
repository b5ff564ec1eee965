# convscope: `make help` lists what there is.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# a new package needs a new installation too: the editable one maps the packages it knew
BUILT_FROM := pyproject.toml CMakeLists.txt $(wildcard cpp/* src/convscope/*/__init__.py src/convscope/*/*/__init__.py)
# in CI everything runs; at hand the slow tests are left out
MARKS  := $(if $(CI),,-m "not slow")

.DEFAULT_GOAL := help
.PHONY: help demo test check docs format bench bench-full sanitize aarch64 clean

help: ## say what each target does
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(VENV)/installed ## set up, train a network on scanned digits, write convscope-demo/report.html
	$(BIN)/convscope demo

test: $(VENV)/installed-test ## set up, then run the tests
	$(BIN)/python -m pytest -n auto $(MARKS) $(ARGS)

check: $(VENV)/installed-check ## style, formatting, types and import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_imports.py

docs: $(VENV)/installed-docs ## build the site into site/, with the claims as they come out here
	$(BIN)/python docs/claims_page.py docs/generated $(if $(CONVSCOPE_SHARED_DATA),--data $(CONVSCOPE_SHARED_DATA))
	$(BIN)/python docs/command_page.py docs/generated
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs site

format: $(VENV)/installed-check ## put the code into the one format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Without points-to analysis: of compiling so much inlined code under a sanitizer it is a third.
sanitize: ## the compiled core under the address, undefined-behaviour and thread sanitizers
	tests/core/kernels.sh build/sanitize-address $${CXX:-g++} -O1 -g -fno-tree-pta -march=x86-64-v3 -fsanitize=address,undefined -fno-sanitize-recover=all
	tests/core/kernels.sh build/sanitize-thread $${CXX:-g++} -O1 -g -fno-tree-pta -march=x86-64-v3 -fsanitize=thread

aarch64: ## the compiled core for 64-bit ARM, on an emulated processor (g++-aarch64-linux-gnu, qemu-user-static)
	RUN=qemu-aarch64-static tests/core/kernels.sh build/aarch64 aarch64-linux-gnu-g++ -O2 -static

bench: $(VENV)/installed-bench ## speed against PyTorch and ONNX Runtime, a subset in under ten minutes
	$(BIN)/python benchmarks/bench_conv.py --subset

bench-full: $(VENV)/installed-bench ## the same, every layer
	$(BIN)/python benchmarks/bench_conv.py

clean: ## remove what was built and made (not your files)
	rm -rf $(VENV) build dist site docs/generated convscope-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "convscope needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "the venv module is missing: apt-get install python3-venv" >&2; exit 2; }

$(VENV)/installed: $(VENV)/bin/python $(BUILT_FROM)
	@command -v c++ >/dev/null || command -v $${CXX:-g++} >/dev/null || \
	  { echo "no C++ compiler: apt-get install g++ (Debian), xcode-select --install (macOS)" >&2; exit 2; }
	@echo "building convscope (about two minutes the first time)"
	$(PIP) --editable .
	@touch $@

# the package is there already, so this adds what an extra needs and does not build again
$(VENV)/installed-%: $(VENV)/installed
	$(PIP) 'convscope[$*]'
	@touch $@
