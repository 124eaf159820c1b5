"""Snakemake runs what is new and nothing else.

One small study is run once; each test then copies its results, changes one thing, and looks at what is run.
"""

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
import psutil
import pytest
import xarray as xr
from tiny import DIMENSION, SAMPLING, TINY

from scoregap import storage
from scoregap.orchestration import display, locking, status, workflow
from scoregap.study import load

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.workflow


def snakemake(folder, *arguments):
    """Snakemake on the study in a folder, with the default profile."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--workflow-profile", str(ROOT / "workflow" / "profiles" / "default"), "--cores", "2"]
    command += ["--config", "study=tiny.yaml", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    return result.returncode, result.stdout + result.stderr


def planned(folder, *arguments):
    """Rules and jobs that would run: {rule: count}."""
    status, text = snakemake(folder, *arguments, "--dry-run")
    assert status == 0, text
    table = re.search(r"Job stats:\njob +count\n[- ]+\n(.*?)\n\n", text, re.DOTALL)
    if not table:
        assert "Nothing to be done" in text
        return {}
    counts = {rule: int(count) for rule, count in (line.split() for line in table[1].splitlines())}
    return {rule: count for rule, count in counts.items() if rule not in ("all", "total")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with the tiny study, run through the command line as a user would."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.yaml").write_text(TINY)
    command = [sys.executable, "-m", "scoregap", "run", "tiny.yaml"]
    nowhere = dict.fromkeys(("HOME", "TMPDIR"), "/proc/nowhere")  # which root cannot make either
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ | nowhere, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["results", "tiny.yaml"]
    assert [path.name for path in (folder / "results").iterdir()] == ["tiny"]
    (folder / "output.txt").write_text(result.stdout)
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of the finished folder, dates and Snakemake's records included."""
    shutil.copytree(finished, tmp_path / "copy", copy_function=shutil.copy2)
    return tmp_path / "copy"


def edit(folder, old, new):
    text = (folder / "tiny.yaml").read_text()
    assert old in text
    (folder / "tiny.yaml").write_text(text.replace(old, new, 1))


def test_the_run_prints_progress_the_table_and_where_things_lie(finished):
    text = (finished / "output.txt").read_text()
    assert "tiny: 12 cells in 6 jobs" in text
    assert "  100%  18 of 18" in text
    assert "trained/exact" in text
    for line in ("report        results/tiny/report.html", "cube          results/tiny/cube.zarr"):
        assert line in text
    assert len(text.splitlines()) < 80


def test_the_report_is_one_file_with_captions(finished):
    text = (finished / "results" / "tiny" / "report.html").read_text()
    assert len(text) > 1_000_000  # the figures are inside
    for caption in ("one line per noise variance", "random-matrix law of the flat manifold", "Student interval"):
        assert caption in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text


def test_a_second_run_does_nothing(finished):
    command = [sys.executable, "-m", "scoregap", "run", "tiny.yaml"]
    before = (finished / "results" / "tiny" / "report.html").stat().st_mtime
    result = subprocess.run(command, capture_output=True, text=True, cwd=finished, check=True)
    assert "Nothing to be done" in result.stdout
    assert "trained/exact" in result.stdout
    assert (finished / "results" / "tiny" / "report.html").stat().st_mtime == before


@pytest.mark.parametrize(
    ("deleted", "first"),
    [
        ("cube.zarr", "cube"),
        ("cube.zarr.json", "cube"),
        ("comparison.csv", "compare"),
        ("figures/spectra.pdf", "report"),
        ("report.html", "report"),
        ("fit/*gated*", "fit"),
        ("spectrum/*exact*", "spectrum"),
        ("train/*", "train"),
    ],
)
def test_whatever_is_deleted_is_made_again(folder, deleted, first):
    for path in (folder / "results" / "tiny").glob(deleted):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert first in planned(folder)


def test_results_without_records_are_not_taken_for_another_study(folder):
    """Where Snakemake's records are gone it cannot see that the study has changed; the cube can."""
    shutil.rmtree(folder / "results" / "tiny" / ".snakemake")
    edit(folder, "resamples: 50", "resamples: 60")
    command = [sys.executable, "-m", "scoregap", "run", "tiny.yaml"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert result.returncode == 1
    assert "is of another version of the study" in result.stderr
    assert "trained/exact" not in result.stdout


def test_results_may_be_moved_and_paths_may_have_spaces(folder, tmp_path):
    (tmp_path / "a folder").mkdir()
    shutil.move(folder / "results", tmp_path / "a folder" / "re sults")
    shutil.move(folder / "tiny.yaml", tmp_path / "a folder" / "my study.yaml")
    command = [sys.executable, "-m", "scoregap", "run", "my study.yaml", "--results", "re sults"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path / "a folder", check=False)
    assert result.returncode == 0, result.stderr
    assert "Nothing to be done" in result.stdout


def test_touching_the_study_runs_nothing(folder):
    edit(folder, "study: tiny", "# a comment\nstudy:   tiny")
    edit(folder, "depth: 1", "depth: 1\n  device: cpu")
    assert planned(folder) == {}


def test_a_new_curvature_runs_only_its_cells_and_the_gather(folder):
    edit(folder, "[0.0, 0.5]", "[0.0, 0.25, 0.5]")
    gather = {"cube": 1, "compare": 1, "report": 1}
    assert planned(folder) == {"train": 1, "spectrum": 3, "fit": 3, **gather}
    stages = folder / "results" / "tiny"
    old = {
        path: path.stat().st_mtime_ns for stage in ("train", "spectrum", "fit") for path in (stages / stage).iterdir()
    }
    before = xr.open_zarr(stages / "cube.zarr").load()
    status, text = snakemake(folder)
    assert status == 0, text
    assert all(path.stat().st_mtime_ns == date for path, date in old.items())
    after = xr.open_zarr(stages / "cube.zarr")
    assert after.curvature.values.tolist() == [0.0, 0.25, 0.5]
    assert (after.status == 1).all()
    xr.testing.assert_equal(after.sel(curvature=before.curvature), before)


def test_a_new_seed_trains_only_the_new_member(folder):
    job = next(job for job in load(folder / "tiny.yaml").jobs.values() if "0.5-gated-8" in job.id)
    weights = folder / "results" / "tiny" / "train" / f"{job.id}.safetensors"
    old_members, old = storage.read_weights(weights)
    marked = {name: array + 1 if "leave.bias" in name else array for name, array in old.items()}
    storage.write_weights(weights, old_members, marked)  # training them again would take the mark away
    edit(folder, "seed: 2", "seed: 3")
    status, text = snakemake(folder, "--forcerun", "train")
    assert status == 0, text
    members, tensors = storage.read_weights(weights)
    assert len(members) == 3
    assert all(np.array_equal(tensors[name], array, equal_nan=True) for name, array in marked.items())


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
    all_jobs = {"spectrum": 6, "fit": 6, "cube": 1, "compare": 1, "report": 1}
    assert planned(folder) == dict(list(all_jobs.items())[list(all_jobs).index(first) :])


@pytest.mark.parametrize(("stage", "section"), [("dimension", DIMENSION), ("sample", SAMPLING)])
def test_an_optional_section_adds_its_jobs_and_keeps_spectra_and_fits(folder, stage, section):
    edit(folder, "fit:\n", section)
    assert planned(folder) == {stage: 6, "cube": 1, "compare": 1, "report": 1}


@pytest.mark.parametrize("stage", ["train", "fit", "report"])
def test_a_raised_revision_reruns_its_stage_and_those_after_it(folder, tmp_path, stage):
    """The package is copied, the revision raised in the copy, and Snakemake asked with the copy in front."""
    package = tmp_path / "package"
    shutil.copytree(ROOT / "scoregap", package / "scoregap")
    registry = package / "scoregap" / "stages" / "__init__.py"
    text = registry.read_text()
    raised, count = re.subn(rf'Stage\("{stage}", \d+,', f'Stage("{stage}", 99,', text)
    assert count == 1
    registry.write_text(raised)
    # Snakemake puts the Snakefile's folder first, so the copy has to be imported before.
    code = f"import sys; sys.path.insert(0, {str(package)!r}); import scoregap.study, snakemake.cli as s; s.main()"
    command = [sys.executable, "-c", code, "--snakefile", str(ROOT / "Snakefile")]
    command += ["--cores", "2", "--config", "study=tiny.yaml", "--dry-run"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True)
    ran = set(re.findall(r"^ *(?:local)?rule (\w+):", result.stdout + result.stderr, re.MULTILINE)) - {"all"}
    stages = ["train", "spectrum", "fit", "cube", "compare", "report"]
    assert ran == set(stages[stages.index(stage) :])


def test_plain_snakemake_plans_without_profile(folder):
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "-c2", "--dry-run"]
    command += ["--config", "study=tiny.yaml"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout + result.stderr


def test_a_bad_study_stops_snakemake_with_one_sentence(tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY.replace("[2]", "[9]"))
    status, text = snakemake(tmp_path, "--dry-run")
    assert status != 0
    assert "tiny.yaml: axes.manifold_dim: 9 is not allowed" in text
    assert "Traceback" not in text
    assert not (tmp_path / "results").exists()


def test_a_failing_job_is_named_costs_no_other_and_the_rest_completes(folder):
    results = folder / "results" / "tiny"
    job = next(job for job in load(folder / "tiny.yaml").jobs.values() if "0.5-gated-8" in job.id)
    shutil.rmtree(results / "spectrum")
    weights = results / "train" / f"{job.id}.safetensors"
    content = bytearray(weights.read_bytes())
    content[-10] ^= 1
    weights.write_bytes(content)
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
    weights.unlink()  # as the message says
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert result.returncode == 0, result.stderr


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
    # Not their dates: a job that was killed between its file and Snakemake's record of it writes the file again.
    trained = (tmp_path / "results" / "tiny" / "train").glob("*.safetensors")
    kept = {path: path.read_text() for path in (one.with_suffix(".metrics.jsonl") for one in trained)}
    assert kept
    process = start(tmp_path)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert all(path.read_text() == text for path, text in kept.items())  # nothing is trained twice
    whole, again = (storage.manifest_of(folder / "results" / "tiny" / "cube.zarr") for folder in (finished, tmp_path))
    assert again.read_text() == whole.read_text()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results", "tiny.yaml", "tmp"]
    assert not (tmp_path / "results" / "tiny" / ".runtime" / "tmp").exists()


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


def test_progress_is_told_in_silence(tmp_path, capsys, monkeypatch):
    (tmp_path / "logs" / "train").mkdir(parents=True)
    (tmp_path / "logs" / "train" / "job.log").write_text("step 1/9\nstep 2/9\n")
    monkeypatch.setattr(display.Lines, "silence", 0.2)
    lock, log = locking.take(tmp_path), tmp_path / "logs" / "run.log"
    lines = ["rule train:", "    log: logs/train/job.log", "    jobid: 1"]
    code = f"import time; print({chr(10).join(lines)!r}, flush=True); time.sleep(0.5)"
    assert workflow.follow([sys.executable, "-c", code], tmp_path, lock, log) == (0, lines)
    assert "train job: step 2/9" in capsys.readouterr().out
    assert log.read_text().splitlines() == lines


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
    status, _ = workflow.follow(command, tmp_path, locking.take(tmp_path), tmp_path / "logs" / "run.log")
    assert status == 130
    assert time.monotonic() - start < 30
    assert not [one for one in psutil.Process().children(recursive=True) if str(tmp_path) in " ".join(one.cmdline())]
