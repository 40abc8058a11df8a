# make help lists the targets. PYTHON chooses the interpreter: make demo PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHELL := /bin/bash
.DEFAULT_GOAL := help

# pip's one line a package while it downloads, and everything it says when something is wrong.
SHOW_PROGRESS := sed -n -e 's/^ *Downloading \([^ ]*\) *\((.*)\).*/  \1 \2/p' -e 's/^ *Using cached \([^ ]*\).*/  \1/p'
PIP_INSTALL := set -o pipefail; PYTHONUNBUFFERED=1 $(BIN)/python -m pip install \
	--disable-pip-version-check --progress-bar off

.PHONY: help demo ros extras test check bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/installed ## train a car, evaluate its model, write pictures and a video
	@$(BIN)/deepracer demo

ros: $(VENV)/installed-ros ## set up ROS 2 Jazzy in the virtual environment, build its message packages

extras: $(VENV)/installed-extras ## add what analyze, console and sweep need on top

test: $(VENV)/installed-dev ## run every test
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

check: $(VENV)/installed-dev ## lint, format, types
	@$(BIN)/python -m ruff check
	@$(BIN)/python -m ruff format --check
	@$(BIN)/python -m mypy

bench: $(VENV)/installed-dev ## measure the figures of the README
	@$(BIN)/python -m deepracer_sim.benchmark

clean: ## remove the virtual environment, caches and build outputs; runs/ stays
	rm -rf $(VENV) build dist install log *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/installed: requirements.txt setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$$($(PYTHON) --version): the pinned packages need Python 3.11 or newer; name one: make PYTHON=python3.12"; \
		exit 1; }
	@echo "Making the virtual environment $(VENV); the first time this downloads PyTorch and takes minutes"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) -r requirements.txt | $(SHOW_PROGRESS)
	@$(PIP_INSTALL) --no-deps -e . | $(SHOW_PROGRESS)
	@touch $@

# An editable install brings no data files: links, as colcon build --symlink-install makes them, let ROS's tools find
# nodes and launch files.
$(VENV)/installed-ros: $(VENV)/installed requirements-ros.txt $(wildcard interfaces/*.py interfaces/*/*/* launch/*.launch.py)
	@[[ "$$(uname -sm)" == "Linux x86_64" ]] || { \
		echo "$$(uname -sm): ROS 2 has wheels for Linux x86_64 only; build this package with colcon in a ROS 2 Jazzy"; \
		exit 1; }
	@echo "Installing ROS 2 Jazzy and building the message packages that it has no wheels of"
	@$(PIP_INSTALL) -r requirements-ros.txt | $(SHOW_PROGRESS)
	@$(BIN)/python interfaces/build.py
	@mkdir -p $(VENV)/lib/deepracer_sim $(VENV)/share/deepracer_sim/{launch,rviz}
	@ln -sf ../../bin/{{world,training,evaluation,monitor,inference,servo}_node,deepracer-calibrate} $(VENV)/lib/deepracer_sim/
	@ln -sf "$(CURDIR)"/launch/*.launch.py $(VENV)/share/deepracer_sim/launch/
	@ln -sf "$(CURDIR)/rviz/deepracer.rviz" $(VENV)/share/deepracer_sim/rviz/
	@ln -sf "$(CURDIR)/package.xml" $(VENV)/share/deepracer_sim/
	@ln -sf "$(CURDIR)/resource/deepracer_sim" $(VENV)/share/ament_index/resource_index/packages/
	@touch $@

$(VENV)/installed-extras: $(VENV)/installed requirements-extras.txt
	@echo "Installing what reports, the console and sweeps need"
	@$(PIP_INSTALL) -r requirements-extras.txt | $(SHOW_PROGRESS)
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed-extras requirements-dev.txt
	@echo "Installing what tests and checks need"
	@$(PIP_INSTALL) -r requirements-dev.txt | $(SHOW_PROGRESS)
	@touch $@
