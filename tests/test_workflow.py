"""Snakemake runs what is new and nothing else.

One small study is run once; each test then copies its results, changes one thing, and looks at what is run.
"""

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import patched
import psutil
import pytest
import xarray as xr
from tiny import DIMENSION, EXACT, FLAT, SAMPLING, TINY, WITH_DIMENSION, WITH_MEMORISATION, WITH_SAMPLING, edited

from scoregap.regression import baselines
from scoregap.report.figures import svg
from scoregap.runtime import display, locking, receipts, status, workflow
from scoregap.store.cube import read_cube
from scoregap.store.files import manifest_of
from scoregap.store.results import mark
from scoregap.store.weights import read_weights, write_weights
from scoregap.study import load, stages

ROOT = Path(__file__).parents[1]
STAGES = [stage.name for stage in stages.STAGES]
pytestmark = pytest.mark.workflow


def snakemake(folder, *arguments):
    """Snakemake on the study in a folder, with the default profile."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--workflow-profile", str(ROOT / "workflow" / "profiles" / "default"), "--cores", "2"]
    command += ["--config", "study=tiny.yaml", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    return result.returncode, result.stdout + result.stderr


def planned(folder, *arguments):
    """Rules and jobs that would run: {rule: count}; `scoregap status` says the same."""
    told = status.look(load(folder / "tiny.yaml"), folder / "results").next
    code, text = snakemake(folder, *arguments, "--dry-run")
    assert code == 0, text
    table = re.search(r"Job stats:\njob +count\n[- ]+\n(.*?)\n\n", text, re.DOTALL)
    if not table:
        assert "Nothing to be done" in text
        assert told == {}
        return {}
    counts = {rule: int(count) for rule, count in (line.split() for line in table[1].splitlines())}
    counts = {rule: count for rule, count in counts.items() if rule not in ("all", "total")}
    assert told == counts
    return counts


@pytest.fixture(scope="session")
def finished(once):
    """A folder with the tiny study, run through the command line as a user would."""
    return once("finished", run_tiny)


def run_tiny(folder):
    (folder / "tiny.yaml").write_text(TINY)
    command = [sys.executable, "-m", "scoregap", "run", "tiny.yaml"]
    nowhere = dict.fromkeys(("HOME", "TMPDIR"), "/proc/nowhere")  # which root cannot make either
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ | nowhere, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["results", "tiny.yaml"]
    assert [path.name for path in (folder / "results").iterdir()] == ["tiny"]
    (folder / "output.txt").write_text(result.stdout)


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of the finished folder, dates and Snakemake's records included."""
    shutil.copytree(finished, tmp_path / "copy", copy_function=shutil.copy2)
    return tmp_path / "copy"


def edit(folder, old, new):
    text = (folder / "tiny.yaml").read_text()
    assert old in text
    (folder / "tiny.yaml").write_text(text.replace(old, new, 1))


@pytest.mark.slow
def test_the_run_prints_progress_the_table_and_where_things_lie(finished):
    text = (finished / "output.txt").read_text()
    assert "tiny: 12 cells in 6 jobs" in text
    assert "  100%  14 of 14" in text
    assert "trained / exact" in text
    for line in ("report        results/tiny/report.html", "cube          results/tiny/cube.zarr"):
        assert line in text
    assert len(text.splitlines()) < 80


@pytest.mark.slow
def test_the_report_is_one_file_with_captions(finished):
    tiny = finished / "results" / "tiny"
    text = (tiny / "report.html").read_text()
    for path in (tiny / "figures").iterdir():
        drawn = svg.inside(path.read_bytes(), path.stem)
        assert drawn[drawn.index("xmlns") :] in text
    for caption in ("one line per noise variance", "random-matrix law of the flat manifold", "Student interval"):
        assert caption in text
    assert not re.search("https?://", re.sub(r' xmlns(:\w+)?="[^"]*"', "", text))  # but for names of namespaces


@pytest.mark.slow
def test_a_second_run_does_nothing(folder):
    command = [sys.executable, "-m", "scoregap", "run", "tiny.yaml"]
    before = (folder / "results" / "tiny" / "report.html").stat().st_mtime
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True)
    assert "Nothing to be done" in result.stdout
    assert "trained / exact" in result.stdout
    assert (folder / "results" / "tiny" / "report.html").stat().st_mtime == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deleted", "first"),
    [
        ("cube.zarr", "cube"),
        ("cube.zarr.json", "cube"),
        ("cube.zarr/t_max/*", "cube"),
        ("comparison.csv", "compare"),
        ("claims.csv.json", "compare"),
        ("findings.jsonl", "compare"),
        ("figures/spectra.svg", "report"),
        ("report.html", "report"),
        ("fit/*gated*", "fit"),
        ("spectrum/*gated*", "spectrum"),
        ("spectrum/*exact*", "fit"),
        ("train/*", "train"),
        ("done/fit/*gated*", "fit"),
        ("done/cube.json", "cube"),
    ],
)
def test_whatever_is_deleted_is_made_again(folder, deleted, first):
    for path in (folder / "results" / "tiny").glob(deleted):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert next(iter(sorted(planned(folder), key=STAGES.index))) == first


@pytest.mark.slow
def test_results_without_snakemakes_records_are_followed_all_the_same(folder):
    shutil.rmtree(folder / "results" / "tiny" / ".snakemake")
    assert planned(folder) == {}
    edit(folder, "resamples: 50", "resamples: 60")
    assert planned(folder) == {"fit": 6, "cube": 1, "compare": 1, "report": 1}


@pytest.mark.slow
def test_results_may_be_moved_and_paths_may_have_spaces(folder, tmp_path):
    (tmp_path / "a folder").mkdir()
    shutil.move(folder / "results", tmp_path / "a folder" / "re sults")
    shutil.move(folder / "tiny.yaml", tmp_path / "a folder" / "my study.yaml")
    command = [sys.executable, "-m", "scoregap", "run", "my study.yaml", "--results", "re sults"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path / "a folder", check=False)
    assert result.returncode == 0, result.stderr
    assert "Nothing to be done" in result.stdout


STRANGE = [
    ("é", "runs #2", "my: study"),
    (os.fsdecode(b"\xff{job} {{x}} <logs>"), "-x\n$HOME `id` $(id)\t\x1b[31m\u202e\\ %s", '~ "it\'s" *[a-z]?&|;! '),
]


@pytest.mark.slow
@pytest.mark.parametrize(("place", "results", "name"), STRANGE)
def test_a_run_under_strange_names_is_the_run(tmp_path, place, results, name):
    """Of study, results and profile. By hundreds, without the jobs: `tests/paths.py`."""
    folder = tmp_path / place
    folder.mkdir()
    (edited(folder, *EXACT, FLAT)).rename(folder / f"{name}.yaml")
    shutil.copytree(workflow.PROFILE, folder / name)
    command = [sys.executable, "-m", "scoregap", "run", f"{place}/{name}.yaml"]
    command += [f"--results={place}/{results}", "--profile", f"{place}/{name}"]
    result = subprocess.run(command, capture_output=True, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert [path.name for path in tmp_path.iterdir()] == [place]
    assert {path.name for path in folder.iterdir()} == {f"{name}.yaml", name, results}
    assert [path.name for path in (folder / results).iterdir()] == ["tiny"]
    (cube,) = read_cube(folder / results / "tiny" / "cube.zarr").values()
    assert (cube.status == 1).all()
    record = baselines.take(load(folder / f"{name}.yaml"), folder / results / "tiny")
    baselines.write(folder / results / "baselines" / "tiny.json", record)  # which the report draws
    again = subprocess.run(command, capture_output=True, cwd=tmp_path, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    assert b"100%  1 of 1  report" in again.stdout or b"100%  2 of 2" in again.stdout, again.stdout


@pytest.mark.slow
def test_touching_the_study_runs_nothing(folder):
    edit(folder, "study: tiny", "# a comment\nstudy:   tiny")
    edit(folder, "depth: 1", "depth: 1\n  device: cpu")
    assert planned(folder) == {}


@pytest.mark.slow
def test_a_new_curvature_runs_only_its_cells_and_the_gather(folder):
    edit(folder, "[0.0, 0.5]", "[0.0, 0.25, 0.5]")
    gather = {"cube": 1, "compare": 1, "report": 1}
    assert planned(folder) == {"train": 1, "spectrum": 1, "fit": 3, **gather}
    results = folder / "results" / "tiny"
    old = {
        path: path.stat().st_mtime_ns for stage in ("train", "spectrum", "fit") for path in (results / stage).iterdir()
    }
    before = xr.open_zarr(results / "cube.zarr").load()
    code, text = snakemake(folder)
    assert code == 0, text
    assert all(path.stat().st_mtime_ns == date for path, date in old.items())
    after = xr.open_zarr(results / "cube.zarr")
    assert after.curvature.values.tolist() == [0.0, 0.25, 0.5]
    assert (after.status == 1).all()
    xr.testing.assert_equal(after.sel(curvature=before.curvature), before)


@pytest.mark.slow
def test_a_new_seed_trains_only_the_new_member(folder):
    job = next(job for job in load(folder / "tiny.yaml").jobs.values() if "0.5-gated-8" in job.id)
    weights = folder / "results" / "tiny" / "train" / f"{job.id}.safetensors"
    old_members, old = read_weights(weights)
    marked = {name: array + 1 if "leave.bias" in name else array for name, array in old.items()}
    write_weights(weights, old_members, marked)  # training them again would take the mark away
    edit(folder, "seed: 2", "seed: 3")
    code, text = snakemake(folder)
    assert code == 0, text
    members, tensors = read_weights(weights)
    assert len(members) == 3
    assert all(np.array_equal(tensors[name], array, equal_nan=True) for name, array in marked.items())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "first"),
    [
        ("resamples: 50", "resamples: 60", "fit"),
        ("points: 4", "points: 5", "spectrum"),
        ("flat: {t_open: 0.15", "flat: {t_open: 0.16", "cube"),  # the cube's attributes hold the study
    ],
)
def test_a_changed_section_reruns_its_stage_and_those_after_it(folder, old, new, first):
    edit(folder, old, new)
    all_jobs = {"spectrum": 2, "fit": 6, "cube": 1, "compare": 1, "report": 1}
    assert planned(folder) == dict(list(all_jobs.items())[list(all_jobs).index(first) :])


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "section"), [("dimension", DIMENSION), ("sample", SAMPLING)])
def test_an_optional_section_adds_its_jobs_and_keeps_spectra_and_fits(folder, stage, section):
    edit(folder, "fit:\n", section)
    assert planned(folder) == {stage: 6, "cube": 1, "compare": 1, "report": 1}


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["train", "fit", "report"])
def test_a_raised_revision_reruns_its_stage_and_those_after_it(folder, tmp_path, stage):
    """The package is copied, the revision raised in the copy, and Snakemake asked with the copy in front."""
    package = tmp_path / "package"
    shutil.copytree(ROOT / "scoregap", package / "scoregap")
    registry = package / "scoregap" / "study" / "stages.py"
    text = registry.read_text()
    raised, count = re.subn(rf'Stage\(\s*"{stage}",\s*\d+,', f'Stage("{stage}", 99,', text)
    assert count == 1
    registry.write_text(raised)
    # Snakemake puts the Snakefile's folder first, so the copy has to be imported before.
    code = f"import sys; sys.path.insert(0, {str(package)!r}); import scoregap.study, snakemake.cli as s; s.main()"
    command = [sys.executable, "-c", code, "--snakefile", str(ROOT / "Snakefile")]
    command += ["--cores", "2", "--config", "study=tiny.yaml", "--dry-run"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True)
    ran = set(re.findall(r"^ *(?:local)?rule (\w+):", result.stdout + result.stderr, re.MULTILINE)) - {"all"}
    names = ["train", "spectrum", "fit", "cube", "compare", "report"]
    assert ran == set(names[names.index(stage) :])


@pytest.mark.slow
def test_plain_snakemake_plans_without_profile(folder):
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "-c2", "--dry-run"]
    command += ["--config", "study=tiny.yaml"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout + result.stderr


def test_a_bad_study_stops_snakemake_with_one_sentence(tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY.replace("[2]", "[9]"))
    code, text = snakemake(tmp_path, "--dry-run")
    assert code != 0
    assert "tiny.yaml: axes.manifold_dim: 9 is not allowed" in text
    assert "Traceback" not in text
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_a_failing_job_is_named_costs_no_other_and_the_rest_completes(folder):
    results = folder / "results" / "tiny"
    job = next(job for job in load(folder / "tiny.yaml").jobs.values() if "0.5-gated-8" in job.id)
    shutil.rmtree(results / "spectrum")
    weights = results / "train" / f"{job.id}.safetensors"
    content, date = bytearray(weights.read_bytes()), weights.stat().st_mtime_ns
    content[-10] ^= 1
    weights.write_bytes(content)
    os.utime(weights, ns=(date, date))  # as a failing disk leaves it: only who reads it will know
    command = [sys.executable, "-m", "scoregap", "run", "tiny.yaml"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert result.returncode == 1
    assert "is damaged: its checksum is wrong" in result.stderr
    assert weights.name in result.stderr
    assert len(list((results / "spectrum").glob("*.zip"))) == 5
    report = status.look(load(folder / "tiny.yaml"), folder / "results")
    assert report.cells["cells"] == {"done": 10, "failed": 2}
    assert [(stage, id, one.state) for stage, id, one in report.begun] == [("spectrum", job.id, "failed")]
    assert "is damaged: its checksum is wrong" in report.begun[0][2].says
    assert "run the study again" in result.stderr
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert result.returncode == 0, result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"scoregap: results/tiny/train/{weights.name}: is damaged")


@pytest.fixture(scope="session")
def small(once):
    """A folder with a finished study of every stage: a network and the exact score, one seed."""
    return once("small", run_small)


def run_small(folder):
    changes = FLAT, ("[exact, gaussian, gated-8]", "[exact, gated-8]"), ("seed: 2", "seed: 1")
    edited(folder, *changes, WITH_DIMENSION, WITH_SAMPLING, *WITH_MEMORISATION[:2]).rename(folder / "tiny.yaml")
    code, errors = run(folder)
    assert code == 0, errors


@pytest.fixture
def every(small, tmp_path):
    """A copy of it."""
    shutil.copytree(small, tmp_path / "copy", copy_function=shutil.copy2)
    return tmp_path / "copy"


ONE_FIGURE = """\
_names = names


def names(study):
    return _names(study)[:1]
"""


def run(folder, changes=None, arguments=()):
    """(exit status, stderr) of the study in a folder, with these changes of stages (patched.py)."""
    afterwards = {f"scoregap.stages.{name}": code for name, code in (changes or {}).items()}
    python = patched.python(folder, {"scoregap.report.registry": ONE_FIGURE} | afterwards)
    command = [python, "-m", "scoregap", "run", "tiny.yaml", "--cores", "2", "--yes", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    return result.returncode, result.stderr


def products(results, names):
    """Content of the files of these stages, checkpoints and metrics apart."""
    files = {"cube": "cube.zarr/**/*", "compare": "c*.csv", "report": "report.html"}
    found = [path for name in names for path in results.glob(files.get(name, f"{name}/*.[sz]*"))]
    return {path: path.read_bytes() for path in found if path.is_file() and not path.name.endswith("checkpoint")}


def next_run(folder):
    return status.look(load(folder / "tiny.yaml"), folder / "results").next


def test_a_study_runs_through_every_stage(small):
    """The one run of Snakemake among the fast tests."""
    results = small / "results" / "tiny"
    assert next_run(small) == {}
    (cube,) = read_cube(results / "cube.zarr").values()
    assert (cube.status == 1).all()
    assert "trained / exact" in (results / "comparison.txt").read_text()
    assert "<svg " in (results / "report.html").read_text()
    assert {path.name for path in (results / "done").iterdir()} == {
        *(stage.name for stage in stages.STAGES if not stage.gathers),
        *(f"{stage.name}.json" for stage in stages.STAGES if stage.gathers),
    }


# After a stage's module: its process dies before it has done anything, or when all is done but the receipt.
DIES = """\
import functools as _functools
import os as _os

_run = run


@_functools.wraps(_run)
def run(*args, **kwargs):
    if {late}:
        _run(*args, **kwargs)
    _os.kill(_os.getpid(), 9)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "dying", "late"),
    [
        ("seed: 1", "seed: 2", ["train", "spectrum dimension sample", "fit", "cube", "compare", "report"], False),
        ("resamples: 50", "resamples: 60", ["fit", "cube", "compare", "report"], True),
    ],
)
def test_a_job_that_dies_over_a_file_that_exists_is_run_again(every, old, new, dying, late):
    """Of every stage: each run gets as far as the jobs that die, and what was there before stays."""
    edit(every, old, new)
    results = every / "results" / "tiny"
    for names in (several.split() for several in dying):
        before = products(results, names)
        assert before
        code, errors = run(every, dict.fromkeys(names, DIES.format(late=late)))
        assert code == 1, errors
        assert all(f"scoregap: {name}" in errors for name in names)
        assert late or products(results, names) == before
        left = next_run(every)
        assert set(names) <= left.keys()
        assert not set(STAGES[: STAGES.index(names[0])]) & left.keys()
    code, errors = run(every)
    assert (code, errors) == (0, ""), errors
    assert next_run(every) == {}
    (cube,) = read_cube(results / "cube.zarr").values()
    assert (cube.status == 1).all()


@pytest.mark.slow
@pytest.mark.parametrize("moved", ["source", "target"])
def test_a_stop_in_the_cube_stage_while_there_is_an_old_cube(every, moved):
    """SIGKILL to Snakemake and its jobs when the old cube has been put aside, and when the new one is in its place."""
    edit(every, "flat: {t_open: 0.15", "flat: {t_open: 0.16")
    dies = f"""\
import os as _os
_replace = _os.replace


def _dying(source, target):
    _replace(source, target)
    if _os.path.basename({moved}) == "cube.zarr":
        _os.killpg(0, 9)


_os.replace = _dying
"""
    code, errors = run(every, {"cube": dies})
    assert code == 1, errors
    assert set(next_run(every)) == {"cube", "compare", "report"}
    code, errors = run(every)
    assert code == 0, errors
    assert next_run(every) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("victims", "first"),
    [
        (("cube.zarr/t_max/c.0.0.0.0.0.0.0", "cube.zarr/t_open/zarr.json"), "cube"),
        (("comparison.csv", "claims.csv.json"), "compare"),
        (("sample/*exact*", "dimension/*gated*"), "dimension"),
    ],
)
def test_what_is_damaged_is_named_and_the_same_command_makes_it_again(every, victims, first):
    """Also where nothing else is to be done: one file of each is cut short, or has a bit that is another."""
    results = every / "results" / "tiny"
    whole = {path: path.read_bytes() for name in victims for path in results.glob(name)}
    assert len(whole) == len(victims)
    for i, (path, content) in enumerate(whole.items()):
        path.write_bytes(content[:-1] if i else content[:9] + bytes([content[9] ^ 1]) + content[10:])
    code, errors = run(every)
    assert code == 0, errors
    names = {path.relative_to(results).parts[0] for path in whole}
    lines = errors.splitlines()
    assert all(line.startswith("scoregap: results/tiny/") and "is damaged" in line for line in lines)
    assert len(lines) == (2 if first == "dimension" else 1)
    assert all(any(f"results/tiny/{name}" in line for name in names) for line in lines)
    assert {path: path.read_bytes() for path in whole} == whole
    assert next_run(every) == {}


@pytest.mark.slow
@pytest.mark.parametrize(("hours", "old", "new"), [(3, "seed: 1", "seed: 2"), (-3, "resamples: 50", "resamples: 60")])
def test_clocks_that_are_wrong_do_not_matter(every, hours, old, new):
    """All that an earlier run has left is three hours old, or of the future; the study grows or is edited."""
    for path in every.rglob("*"):
        date = path.stat().st_mtime + 3600 * hours
        os.utime(path, (date, date), follow_symlinks=False)
    assert planned(every) == {}
    edit(every, old, new)
    code, errors = run(every)
    assert (code, errors) == (0, ""), errors
    assert planned(every) == {}


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "profile"), [("train", "default"), ("spectrum", "a user's"), ("cube", "default")])
def test_a_kill_between_a_receipt_and_snakemakes_note_of_it_costs_nothing(every, stage, profile):
    """Snakemake then holds a stage that is done for incomplete; those after it had not begun."""
    results = every / "results" / "tiny"
    for name in [*results.glob(f"done/{stage}/*.json"), *results.glob(f"done/{stage}.json")]:
        key = base64.urlsafe_b64encode(str(name.relative_to(results)).encode()).decode()
        (results / ".snakemake" / "incomplete" / key).write_text('{"external_jobid": null}')
    later = set(STAGES[STAGES.index(stage) + 1 :]) - ({"dimension"} if stage == "spectrum" else set())
    for one in later:
        for receipt in [*results.glob(f"done/{one}/*.json"), *results.glob(f"done/{one}.json")]:
            receipt.unlink()
    arguments = []
    if profile == "default":
        assert set(planned(every)) == later
    else:
        (every / "own").mkdir()
        (every / "own" / "config.yaml").write_text("cores: 2\n")
        arguments = ["--profile", "own"]
    code, errors = run(every, arguments=arguments)
    assert (code, errors) == (0, ""), errors
    record = (results / "logs" / workflow.RECORD).read_text()
    assert set(re.findall("^localrule ([a-z]+):$", record, re.MULTILINE)) - {"all"} == later
    assert next_run(every) == {}


@pytest.mark.slow
def test_results_from_before_receipts_are_taken_over(every):
    """Products without receipts: every stage finds them, and nothing is trained or measured again."""
    results = every / "results" / "tiny"
    shutil.rmtree(results / receipts.FOLDER)
    shutil.rmtree(results / ".snakemake")
    computes = {"train": "train", "fit": "fit"}
    computes |= dict.fromkeys(("spectrum", "dimension", "sample", "memorise"), "measure")
    kept = [path for name in computes for path in (results / name).iterdir()]
    before = {path: path.read_bytes() for path in kept}
    fails = "def {name}(*args, **kwargs):\n    raise AssertionError('computed again')\n"
    code, errors = run(every, {stage: fails.format(name=name) for stage, name in computes.items()})
    assert (code, errors) == (0, ""), errors
    assert {path: path.read_bytes() for path in kept} == before
    assert planned(every) == {}


def start(folder):
    """A run in the background, with SIGINT ignored as a shell's `&` does, and temporary folders in `folder`/tmp."""
    (folder / "tmp").mkdir(exist_ok=True)
    command = ["env", f"TMPDIR={folder / 'tmp'}", sys.executable, "-m", "scoregap", "run", "tiny.yaml"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the child inherits
    try:
        return subprocess.Popen(command, cwd=folder, start_new_session=True, **pipes)
    finally:
        signal.signal(signal.SIGINT, previous)


def read_until(process, word):
    for line in process.stdout:
        if word in line:
            return
    raise AssertionError(f"{word!r} was not printed: {process.stderr.read()}")


@pytest.mark.slow
def test_killed_anywhere_it_goes_on_and_the_cube_is_the_same(finished, tmp_path):
    """SIGKILL to everything after some jobs, SIGTERM after some more, then to the end."""
    (tmp_path / "tiny.yaml").write_text(TINY)
    for word, number in (("train", signal.SIGKILL), ("spectrum", signal.SIGTERM)):
        process = start(tmp_path)
        read_until(process, word)
        if number == signal.SIGKILL:
            for one in [*psutil.Process(process.pid).children(recursive=True), process]:
                with suppress(psutil.NoSuchProcess):  # the run ends what its guard has left
                    one.send_signal(number)
        else:
            process.send_signal(number)
        _, errors = process.communicate()
        assert number == signal.SIGKILL or (process.returncode == 130 and "goes on from here" in errors)
    # Not their dates: a job that was killed between its file and its receipt writes the file again.
    trained = (tmp_path / "results" / "tiny" / "train").glob("*.safetensors")
    kept = {path: path.read_text() for path in (one.with_suffix(".metrics.jsonl") for one in trained)}
    assert kept
    process = start(tmp_path)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert all(path.read_text() == text for path, text in kept.items())  # nothing is trained twice
    whole, again = (manifest_of(folder / "results" / "tiny" / "cube.zarr") for folder in (finished, tmp_path))
    assert again.read_text() == whole.read_text()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results", "tiny.yaml", "tmp"]
    assert not (tmp_path / "results" / "tiny" / ".runtime" / "tmp").exists()


@pytest.mark.slow
def test_two_runs_at_once_do_not_mix(tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY)
    first = start(tmp_path)
    read_until(first, "cells in")
    second = start(tmp_path)  # while the first works
    _, errors = second.communicate()
    assert second.returncode == 1
    assert re.fullmatch(
        rf"scoregap: results/tiny: is in use by another run, process {first.pid} of \S+ on \S+: "
        r"wait for it, or stop it: scoregap stop results/tiny\n",
        errors,
    )
    study, results = load(tmp_path / "tiny.yaml"), tmp_path / "results"
    assert status.look(study, results).going
    stop = [sys.executable, "-m", "scoregap", "stop"]
    stopped = subprocess.run([*stop, "tiny.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert re.fullmatch(rf"results/tiny: process {first.pid} of .* has stopped; the same command .*\n", stopped.stdout)
    first.communicate(timeout=10)
    assert first.returncode == 130
    nothing = "results/tiny: no run is going on: nothing to stop\n"
    for folder in ("tiny.yaml", "results/tiny"):
        assert subprocess.check_output([*stop, folder], cwd=tmp_path, text=True) == nothing
    report = status.look(study, results)
    assert not report.going
    assert report.begun == []  # stopped, not failed


@pytest.mark.slow
def test_progress_is_told_in_silence(tmp_path, capsys, monkeypatch):
    mark(tmp_path)
    (tmp_path / "logs" / "train").mkdir(parents=True)
    (tmp_path / "logs" / "train" / "job.log").write_text("step 1/9\nstep 2/9\n")
    monkeypatch.setattr(display.Lines, "silence", 0.2)
    told = '{"event":"job_info","job":1,"rule":"train","logs":["logs/train/job.log"]}'
    code = f"import os, time; print('words'); os.write(int(os.environ['SCOREGAP_EVENTS']), b{told + chr(10)!r}); "
    command = [sys.executable, "-c", f"{code} time.sleep(0.5)"]
    ended = workflow.follow(command, tmp_path, locking.take(tmp_path), tmp_path / "logs")
    assert (ended.status, ended.lines, ended.events.counts("running")) == (0, ["words"], {"train": 1})
    assert "train job: step 2/9" in capsys.readouterr().out
    assert (tmp_path / "logs" / workflow.RECORD).read_text() == "words\n"
    assert (tmp_path / "logs" / workflow.EVENTS).read_text() == f"{told}\n"


@pytest.mark.slow
def test_two_signals_at_once_leave_nothing_running(tmp_path):
    """Also where they come before anything is ready for them."""

    def both():
        while not (tmp_path / "began").exists():
            time.sleep(0.001)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.pthread_kill(threading.main_thread().ident, number)

    code = "import pathlib, time; pathlib.Path('began').write_text(''); time.sleep(60)"
    command = [sys.executable, "-c", f"import os; os.chdir({str(tmp_path)!r}); {code}"]
    threading.Thread(target=both, daemon=True).start()
    start = time.monotonic()
    ended = workflow.follow(command, tmp_path, locking.take(tmp_path), tmp_path / "logs")
    assert ended.status == 130
    assert time.monotonic() - start < 30
    alive = [one for one in psutil.Process().children(recursive=True) if one.status() != psutil.STATUS_ZOMBIE]
    assert not [one for one in alive if str(tmp_path) in " ".join(one.cmdline())]


STOPPED = {  # stage at work -> how the tiny study gives it work for long, how it is asked to end
    "train": ([("steps: 40", "steps: 1000000")], "Ctrl-C"),
    "spectrum": ([("[exact, gaussian, gated-8]", "[exact]"), ("points: 4", "points: 50000")], "SIGTERM"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", STOPPED)
def test_a_run_in_a_terminal_that_is_stopped_has_stopped_and_not_failed(tmp_path, what):
    """With several jobs at work; Ctrl-C of a terminal goes to all processes in its foreground."""
    import pty

    changes, how = STOPPED[what]
    study = edited(tmp_path, *changes)
    logs = tmp_path / "results" / "tiny" / "logs"
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(tmp_path)
        os.execv(sys.executable, [sys.executable, "-m", "scoregap", "run", study.name, "--cores", "2"])
    said = b""

    def read():
        nonlocal said
        with suppress(OSError):  # its end
            while got := os.read(terminal, 2**16):
                said += got

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    begun = "../train/*.metrics.jsonl" if what == "train" else "fit/*.log"
    deadline = time.monotonic() + 120
    while len(list(logs.glob(begun))) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    if how == "Ctrl-C":
        os.write(terminal, b"\x03")
    else:
        os.kill(pid, signal.SIGTERM)
    _, ended = os.waitpid(pid, 0)
    reader.join(10)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(ended) == 130
    text = said.decode(errors="replace")
    assert "stopped; the same command goes on from here" in text
    assert " failed" not in text.partition("stopped;")[0]
    report = status.look(load(study), tmp_path / "results")
    assert report.stopped
    assert report.cells["cells"]["failed"] == 0
    assert report.cells[what]["stopped"] > 0
    assert "perhaps killed" not in status.render(report)
    for checkpoint in logs.parent.glob("train/*.checkpoint"):
        members, _ = read_weights(checkpoint)
        steps = {member["step"] for member in members.values()}
        said_so = (logs / "train" / f"{checkpoint.name.split('.safetensors')[0]}.log").read_text()
        assert said_so.splitlines()[-1].startswith(f"stopped after step {steps.pop()} of 1000000")
    if what == "train":
        assert list(logs.parent.glob("train/*.checkpoint"))
