# make run    the quickstart study: installs into .venv, trains, measures, compares
# make test   the tests, some minutes; as root or by sudo it installs Chromium, which opens the report in one of them
# make test-all   those, the slow ones (make test-slow) and those on a Slurm (make test-slurm)
# make gpu    all that waits for a GPU, in nine minutes: tests, throughput, Jacobians, some of the paper; ARGS='--skip paper'
# make test-slurm   those that run on a Slurm of one machine, which they install (as root or by sudo) and stop
# make check  the quickstart study against its baseline, results/baselines/quickstart.json; STUDY=NAME
# make lint   ruff, snakefmt, mypy, hadolint
# make error-rates   of the regression gate: false alarms of unchanged runs, power; RUNS=N
# make claim-error-rates   of the tests of claims: false agreements and disagreements, power; STUDIES=N OUT=FILE.csv
# make draws-of-f   what finite size does to the law of a study, by thousands of draws of F; STUDY=NAME
# make gate-mutations   does the gate catch faults put into the code? after make run; half an hour
# make gate-changes   what the gate says of half the steps, another width and other libraries, which it installs aside
# make mutants   do the tests catch sixty faults put into the code? an hour of one core, goes on where it was stopped
# make accuracy   worst errors of exact scores: family x check; Jacobians against autograd and differences
# make calibration   of the blind gap detector: false positives per kind of spectrum, power against width; OUT=FILE.png
# make adapter-mistakes   what calibration says of right and wrong adapters, of exact scores and networks; POINTS=N
# make edges   errors of the law of extreme eigenvalues, over all kinds of matrices
# make estimators-exact   where estimators of the dimension are right on exact scores: tables, a map; some minutes
# make memorisation   when the score of N points collapses on single ones: laws against simulation, a quarter of an hour
# make scale   planning of studies of 1,000 to 1,000,000 cells, and what running up to CELLS=N of them costs; MEMBERS=N of a job
# make studies   every bundled study but paper, which is for a GPU, and what each took; NAMES='...', CORES=N
# make archive   all published tables in one file, results/findings/tables.zarr.zip
# make faults   kills runs at random moments and compares their cubes; KILLS=N
# make paths    plans a study under 300 times four names of files with every kind of character
# make fuzz     study files with every kind of fault: accepted, or refused, a line for each, with status 2; STUDIES=N
# make faults-slurm   lets jobs on a Slurm of one machine fail, of every stage in every way; FAULTS='memory node ...'
# make slurm-scale   thousands of jobs on a Slurm of one machine: what they cost, what is asked of its controller; CELLS=N
# make coverage   how often 95 % intervals of phase times hold the truth
# make bench      costs as ratios: ours, what one would run instead, the limit; FIGURES='fits spectra ...' for some
# make published   puts tables, pictures and provenance of a finished run into results/findings: STUDY=NAME PICTURES='...'
# make docs   the documents, into docs/_build/html/index.html; what is wrong with them is an error
# make schema   workflow/schemas/study.json, with which editors check studies, from the keys a study may have
# make picture   the import picture of the package: floors, arrows, those that run up; OF=FOLDER of another checkout
# make published-dimensions   published sets of estimators of the dimension, by exact scores, networks, neighbours; SETS='...'
# make dimension-robustness   what estimates of the dimension do as data are scaled, rounded, noisy, moved, repeated
# make storage    time, memory and growth of cubes of 100,000 light and 10,000 heavy cells, old and new; CELLS=N heavy ones

VENV := .venv
BIN := $(VENV)/bin
# The first of these that is Python 3.11 or 3.12; override with: make PYTHON=/path/to/python3.12 ...
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && echo $$p && break; done)
STUDY ?= quickstart
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint envs/constraints.txt

OTHER ?= numpy==2.2.6 scipy==1.15.3
FIGURES ?= startup quickstart draws fits spectra pictures memory traces estimators growth throughput time_to_accuracy curved report

.PHONY: run check test test-slow test-all gpu test-slurm lint error-rates claim-error-rates draws-of-f gate-mutations gate-changes accuracy calibration adapter-mistakes edges estimators-exact memorisation coverage scale studies storage faults faults-slurm slurm-scale paths fuzz bench published published-dimensions dimension-robustness archive picture mutants docs schema clean clean-env

run: $(VENV)/installed
	@$(BIN)/scoregap run $(STUDY)

check: $(VENV)/installed
	@$(BIN)/scoregap run $(STUDY) > /dev/null
	@$(BIN)/scoregap check $(STUDY)

test: $(VENV)/installed-test
	@sh tests/browser.sh
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-slow: $(VENV)/installed-test
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "slow and not slurm"

test-all: test test-slow test-slurm

gpu:
	@sh tests/gpu.sh $(ARGS)

test-slurm: $(VENV)/installed-test
	$(BIN)/python -m pytest -m slurm -n 3

lint: $(VENV)/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/hadolint envs/Dockerfile

error-rates: $(VENV)/installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python tests/error_rates.py $(RUNS)

claim-error-rates: $(VENV)/installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python tests/claim_error_rates.py $(or $(STUDIES),1000) $(OUT)

draws-of-f: $(VENV)/installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python tests/draws_of_f.py $(STUDY)

gate-mutations: $(VENV)/installed-test
	@$(BIN)/python tests/gate_mutations.py results

gate-changes: $(VENV)/installed-test
	@other=$$(mktemp -d) && $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--target $$other $(OTHER) && OMP_NUM_THREADS=1 $(BIN)/python tests/gate_changes.py $$other; rm -r $$other

mutants: $(VENV)/installed-test
	@$(BIN)/python tests/mutants.py

accuracy: $(VENV)/installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python tests/accuracy.py

calibration: $(VENV)/installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python tests/calibration.py $(OUT)

adapter-mistakes: $(VENV)/installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python tests/adapter_mistakes.py $(or $(POINTS),32) results/benchmarks/adapter_mistakes.csv

edges: $(VENV)/installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python tests/edges.py

slurm-scale: $(VENV)/installed-test
	@$(BIN)/python -u tests/slurm_scale.py $(or $(CELLS),2000)

estimators-exact: $(VENV)/installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python tests/estimators_exact.py

memorisation: $(VENV)/installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python tests/memorisation.py

coverage: $(VENV)/installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python tests/interval_coverage.py

scale: $(VENV)/installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python tests/scale.py $(or $(CELLS),10000) $(MEMBERS)

studies: $(VENV)/installed-test
	@$(BIN)/python -u tests/studies.py $(NAMES)

faults: $(VENV)/installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python -u tests/faults.py $(KILLS)

paths: $(VENV)/installed-test
	@$(BIN)/python tests/paths.py

fuzz: $(VENV)/installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz.py $(STUDIES)

faults-slurm: $(VENV)/installed-test
	@$(BIN)/python -u tests/faults_slurm.py $(FAULTS)

bench: $(VENV)/installed-test
	@for figure in $(FIGURES); do OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/$$figure.py || exit 1; done

published: $(VENV)/installed-test
	@$(BIN)/python tests/published.py $(STUDY) $(PICTURES)

archive: $(VENV)/installed-test
	@$(BIN)/python tests/archive.py

docs: $(VENV)/installed-docs
	@$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

schema: $(VENV)/installed
	@$(BIN)/python -m scoregap.study.json_schema > workflow/schemas/study.json

published-dimensions: $(VENV)/installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python tests/published_dimensions.py $(SETS)

dimension-robustness: $(VENV)/installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python tests/dimension_robustness.py

picture: $(VENV)/installed-test
	@$(BIN)/python tests/picture.py $(OF)

storage: $(VENV)/installed-test
	@OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/storage.py $(CELLS)

$(VENV)/installed: pyproject.toml envs/constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed: make PYTHON=/path/to/python3.12"; exit 2; }
	@echo "installing into $(VENV): some minutes, once"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	@$(INSTALL) --editable '.[test,slurm]'
	@touch $@

$(VENV)/installed-lint: $(VENV)/installed-test
	@$(INSTALL) --editable '.[lint]'
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed
	@$(INSTALL) --editable '.[docs]'
	@touch $@

clean:
	rm -rf results/quickstart docs/_build .pytest_cache .ruff_cache .mypy_cache .hypothesis

clean-env:
	rm -rf $(VENV)
