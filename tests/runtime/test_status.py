"""How far a study is, told from files that are made here: no training, no Snakemake."""

import json
import os
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from bounded import SPECIAL, at_once
from tiny import DIMENSION, SAMPLING, TINY, edited, write_job
from told import FAILURE

from scoregap import InputError, variables
from scoregap.runtime import locking, progress, receipts, status
from scoregap.runtime.events import STOPPED
from scoregap.store.jobs import job_path
from scoregap.store.weights import write_weights
from scoregap.study import grid, load

JOBS = 6  # of the tiny study, of two cells each; two are trained


@pytest.fixture(autouse=True)
def few_variables(monkeypatch):
    """Stages make a variable or two, so that their files are made quickly."""
    few = {"spectrum": ("status", "eigenvalue"), "fit": ("t_max",), "dimension": ("estimate",), "sample": ("error",)}
    monkeypatch.setattr(variables, "made", lambda stage, *_: few[stage])


@pytest.fixture
def study(tiny):
    return load(tiny)


@pytest.fixture
def folder(tmp_path):
    """The results folder of the study; not there yet."""
    return tmp_path / "results" / "tiny"


def make(folder, job, stage, states=(1, 1)):
    """The file of a job in which each member has a status, as in the cube."""
    keys = job.keys(stage)
    path = job_path(folder, job.id, stage)
    if stage == "train":
        members = {key: {"diverged": one == 2} for key, one in zip(keys, states, strict=True)}
        names = "network.w", "curve", "levels"
        write_weights(path, members, {f"{key}/{name}": np.zeros(1) for name in names for key in keys})
    else:
        made = {name: ("member", np.array(states, np.int8)) for name in variables.made(stage)}
        write_job(path, xr.Dataset(made), keys, stage)


def make_all(folder, study, stages=("train", "spectrum", "fit"), without=""):
    for job in study.jobs.values():
        for stage in stages:
            if job.cells[0].has(stage) and job.id != without:
                make(folder, job, stage)


def confirm(folder, study):
    """Receipts of all stages, for what there is."""
    for stage, job in receipts.steps(study):
        path = folder / receipts.place(stage, job)
        made = {"cube": [folder / "cube.zarr"], "compare": [], "report": []}.get(stage)
        made = [job_path(folder, job, stage)] if made is None else made
        receipts.write(path, receipts.begin(path, study.path, stage, job), made)


def trained(study, curvature="0.5"):
    return next(job for job in study.jobs.values() if f"{curvature}-gated-8" in job.id)


def say(folder, name, text, date=None):
    log = folder / "logs" / (name if name.endswith(".jsonl") else f"{name}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text)
    if date is not None:
        os.utime(log, (date, date))
    return log


def counts(report, stage):
    return {state: count for state, count in report.cells[stage].items() if count}


def look(study, folder):
    return status.look(study, folder.parent)


def test_a_study_that_was_never_started_waits_and_nothing_is_made(study, folder):
    report = look(study, folder)
    assert counts(report, "cells") == {"waiting": 12}
    assert counts(report, "train") == {"waiting": 4}
    assert report.begun == []
    assert not folder.parent.exists()
    assert "no run is going on; the cube is not made yet" in status.render(report)


def test_a_finished_study_is_done(study, folder):
    make_all(folder, study)
    (folder / "cube.zarr").mkdir()
    (folder / "cube.zarr" / "zarr.json").write_text("{}")
    report = look(study, folder)
    assert counts(report, "cells") == {"done": 12}
    assert counts(report, "train") == {"done": 4}
    assert report.cube == "is not known to be whole"  # nothing has a receipt yet, as after a kill
    assert "the next run runs: train 2, spectrum 2, fit 6, cube, compare, report" in status.render(report)
    confirm(folder, study)
    report = look(study, folder)
    assert report.next == {}
    text = status.render(report)
    assert "the cube is of the study as it is now" in text
    assert text.endswith("the next run runs: nothing")
    (folder / "cube.zarr" / "zarr.json").write_text("{")
    report = look(study, folder)
    assert report.cube == "is damaged: cube.zarr/zarr.json: is damaged: it has 1 bytes, of 2"
    assert report.next == {"cube": 1, "compare": 1, "report": 1}


def test_a_cube_of_an_earlier_version_is_told(study, folder, tmp_path):
    make_all(folder, study)
    (folder / "cube.zarr").mkdir()
    (folder / "cube.zarr" / "zarr.json").write_text("{}")
    confirm(folder, study)
    report = look(load(edited(tmp_path, ("resamples: 50", "resamples: 60"))), folder)
    assert report.cube == "is of an earlier version of the study"
    assert report.next == {"fit": 6, "cube": 1, "compare": 1, "report": 1}


@pytest.mark.parametrize("settings", ["the same", "others", "not said"])
def test_a_cube_of_these_settings_and_of_earlier_code_is_told_from_one_of_other_settings(
    study, folder, monkeypatch, settings
):
    make_all(folder, study)
    (folder / "cube.zarr").mkdir()
    of = {"the same": study.hash, "others": "0" * len(study.hash), "not said": None}[settings]
    attributes = {} if of is None else {"attributes": {"config_hash": of}}
    (folder / "cube.zarr" / "zarr.json").write_text(json.dumps(attributes))
    confirm(folder, study)
    assert look(study, folder).cube == "is of the study as it is now"
    raised = [one._replace(revision=one.revision + 1) if one.name == "fit" else one for one in grid.STAGES]
    monkeypatch.setattr(grid, "STAGES", tuple(raised))
    now = load(study.path)
    expected = "is of these settings, made by earlier code"
    assert look(now, folder).cube == (expected if of == study.hash else "is of an earlier version of the study")


def test_what_is_not_of_the_study_as_it_is_now_waits(study, folder, tmp_path):
    make_all(folder, study)
    grown = load(edited(tmp_path, ("seed: 2", "seed: 3"), ("resamples: 50", "resamples: 60")))
    report = look(grown, folder)
    assert counts(report, "train") == {"done": 4, "waiting": 2}
    assert counts(report, "spectrum") == {"done": 12, "waiting": 6}
    assert counts(report, "fit") == {"waiting": 18}


@pytest.mark.parametrize(("stage", "section"), [("dimension", DIMENSION), ("sample", SAMPLING)])
def test_an_optional_section_is_a_stage_more(study, folder, tmp_path, stage, section):
    make_all(folder, study)
    report = look(load(edited(tmp_path, ("fit:\n", section))), folder)
    assert counts(report, stage) == {"waiting": 12}
    assert counts(report, "fit") == {"done": 12}
    assert f"\n{stage}" in status.render(report)
    assert f"\n{stage}" not in status.render(look(study, folder))


def test_a_failure_is_told_with_its_log_and_what_that_says(study, folder):
    job = trained(study)
    make_all(folder, study, without=job.id)
    log = say(folder, f"train/{job.id}", "step 3/40\nscoregap: train.safetensors: No space left on device\n\n")
    say(folder, f"spectrum/{job.id}", "")
    report = look(study, folder)
    assert counts(report, "train") == {"done": 2, "failed": 2}
    assert counts(report, "spectrum") == {"done": 10, "waiting": 2}
    assert counts(report, "cells") == {"done": 10, "failed": 2}
    text = status.render(report)
    told = f"failed\n  train {job.id}\n    {log}\n    scoregap: train.safetensors: No space left on device"
    assert text.endswith(told)
    log.write_text("Traceback (most recent call last):\n  File\nMemoryError: of everything\n")
    assert status.render(look(study, folder)).endswith("    MemoryError: of everything")
    log.write_text("Traceback (most recent call last):\n  File\nKeyboardInterrupt\n")  # stopped, not failed
    assert counts(look(study, folder), "train") == {"done": 2, "stopped": 2}
    log.write_text("x" * status.TAIL + "\nscoregap: the end\n")
    assert status.render(look(study, folder)).endswith("scoregap: the end")


def test_a_job_that_was_killed_is_known_from_what_snakemake_said(study, folder):
    job = trained(study)
    log = say(folder, f"train/{job.id}", "step 3/40\n", date=1000)
    error = FAILURE.replace("arcs-0.5-gated-8", job.id)
    record = say(folder, "events.jsonl", error, date=2000)
    (attempt,) = (one for _, _, one in look(study, folder).begun)
    assert attempt == ("failed", log, "ended without a message, perhaps killed or out of memory, last line: step 3/40")
    log.write_text("Traceback (most recent call last):\n  File\nKeyboardInterrupt\n")
    os.utime(log, (1000, 1000))
    assert [one for _, _, one in look(study, folder).begun] == [("stopped", log, "")]
    for says in ("stopped", "stopped after step 32 of 40; the next run goes on from there"):
        log.write_text(f"step 3/40\n{says}\n")
        os.utime(log, (1000, 1000))
        assert [one for _, _, one in look(study, folder).begun] == [("stopped", log, says)]
    log.write_text("step 3/40\n")
    os.utime(log, (1000, 1000))
    assert len(look(study, folder).begun) == 1
    started = f'{{"event":"job_info","job":2,"rule":"train","logs":["logs/train/{job.id}.log"]}}\n'
    record.write_text(error + started)  # tried again in that run
    assert look(study, folder).begun == []
    record.write_text(error + "{half a li")
    os.utime(record, (2000, 2000))
    os.utime(log, (3000, 3000))  # tried again by other means since
    assert look(study, folder).begun == []
    log.unlink()  # Snakemake could not even start it
    (attempt,) = (one for _, _, one in look(study, folder).begun)
    assert attempt.says == "ended without a message, perhaps killed or out of memory"
    make(folder, job, "train")
    assert look(study, folder).begun == []


@pytest.mark.parametrize("stage", ["train", "spectrum", "fit"])
def test_a_run_that_was_stopped_says_so(study, folder, stage):
    """Whatever became of its jobs: they said so, or were killed, or Snakemake said that they failed."""
    job = trained(study)
    begun = FAILURE.replace("arcs-0.5-gated-8", job.id).replace("train", stage)
    start = f'{{"event":"job_info","job":2,"rule":"{stage}","logs":["logs/{stage}/{job.id}.log"]}}\n'
    for text, record in (
        ("stopped after step 3 of 40; ...\n", start + STOPPED.line()),
        ("step 3/40\n", start + STOPPED.line()),
        ("", start + STOPPED.line() + "\n" + begun),
        ("Traceback (most recent call last):\nKeyboardInterrupt\n", start + begun),
    ):
        say(folder, f"{stage}/{job.id}", text, date=1000)
        say(folder, "events.jsonl", record, date=2000)
        report = look(study, folder)
        assert counts(report, stage)["stopped"] == 2, text
        assert counts(report, "cells") == {"stopped": 2, "waiting": 10}
        assert report.stopped == (STOPPED.line() in record)
        assert f"\nstopped\n  {stage} {job.id}\n" in status.render(report)
        assert "perhaps killed" not in status.render(report)
    assert "no run is going on; " in status.render(look(study, folder))
    say(folder, "events.jsonl", STOPPED.line(), date=2000)
    assert "no run is going on, the last was stopped; " in status.render(look(study, folder))


def test_what_runs_is_known_by_the_lock_and_the_logs_since(study, folder):
    job, other = trained(study), trained(study, "0.0")
    lock = locking.take(folder)
    say(folder, f"train/{other.id}", "step 1/40\n", date=time.time() - 3600)  # of an earlier run
    log = say(folder, f"train/{job.id}", "")
    metrics = progress.metrics_of(job_path(folder, job.id, "train"))
    metrics.parent.mkdir()
    report = look(study, folder)
    assert report.going
    assert report.begun == [("train", job.id, ("running", log, ""))]
    assert counts(report, "train") == {"running": 2, "waiting": 2}
    assert counts(report, "cells") == {"running": 2, "waiting": 10}
    progress.append(metrics, {"time": time.time(), "step": 9, "steps": 40, "loss": [0.5], "eta": 0.0})
    say(folder, "cube", "")
    text = status.render(look(study, folder))
    assert "a run is going on" in text
    assert f"running\n  train {job.id}\n    {log}\n    step 9/40, loss 0.5000, ETA 0:00\n  cube\n" in text
    os.close(lock)  # stopped or killed: what ran goes on with the next run
    report = look(study, folder)
    assert not report.going
    assert (report.begun, counts(report, "train")) == ([], {"waiting": 4})


def test_a_run_of_snakemake_by_hand_is_seen(study, folder):
    job = trained(study)
    log = say(folder, f"train/{job.id}", "step 1/40\n")
    (folder / ".snakemake" / "locks").mkdir(parents=True)
    assert not look(study, folder).going
    (folder / ".snakemake" / "locks" / "0.input.lock").write_text("")
    report = look(study, folder)
    assert report.going
    assert counts(report, "train") == {"running": 2, "waiting": 2}
    os.utime(log, (time.time() - 600,) * 2)  # killed: its lock stays, its heartbeats do not
    report = look(study, folder)
    assert not report.going
    assert counts(report, "train") == {"waiting": 4}


@pytest.mark.parametrize("at", ["spectrum", "fit"])
def test_a_process_of_two_stages_is_told_of_the_one_that_it_is_at(study, folder, at):
    """That of scores without training: it makes their spectra, then their fits."""
    job = next(job for job in study.jobs.values() if not job.trained)
    make_all(folder, study, stages=("train", "spectrum"), without=job.id if at == "spectrum" else "")
    log = say(folder, f"fit/{job.id}", "scoregap: out of memory")
    report = look(study, folder)
    assert [(stage, id, one.state, one.log) for stage, id, one in report.begun] == [(at, job.id, "failed", log)]
    assert counts(report, at)["failed"] == 2
    assert counts(report, "fit") == ({"waiting": 12} if at == "spectrum" else {"failed": 2, "waiting": 10})
    assert counts(report, "cells")["failed"] == 2


def test_cells_that_diverged_or_failed_in_numbers(study, folder):
    first, second = trained(study, "0.0"), trained(study)
    make_all(folder, study)
    make(folder, first, "train", (1, 2))
    make(folder, first, "spectrum", (1, 2))
    make(folder, second, "spectrum", (3, 1))
    report = look(study, folder)
    assert counts(report, "train") == {"done": 3, "diverged": 1}
    assert counts(report, "spectrum") == {"done": 10, "diverged": 1, "failed": 1}
    assert counts(report, "fit") == {"done": 12}
    assert counts(report, "cells") == {"done": 10, "diverged": 1, "failed": 1}
    assert [(stage, job, one.state, one.says) for stage, job, one in report.begun] == [
        ("train", first.id, "diverged", "training diverged: 1 of 2 cells"),
        ("spectrum", second.id, "failed", "no finite spectrum: 1 of 2 cells"),
    ]
    assert [one.log.relative_to(folder).as_posix() for _, _, one in report.begun] == [
        f"logs/train/{first.id}.log",
        f"logs/spectrum/{second.id}.log",
    ]


@pytest.mark.parametrize("stage", ["train", "fit"])
def test_a_damaged_file_is_a_failure(study, folder, stage):
    job = trained(study)
    make_all(folder, study)
    job_path(folder, job.id, stage).write_bytes(b"rubbish")
    report = look(study, folder)
    assert report.cells["cells"] == Counter(done=10, failed=2)
    ((_, _, attempt),) = report.begun
    assert "is damaged" in attempt.says


def test_a_checkpoint_in_the_place_of_weights_is_a_failure(study, folder):
    job = trained(study)
    make_all(folder, study)
    members = {key: {"step": 20, "device": "cpu"} for key in job.keys("train")}
    write_weights(job_path(folder, job.id, "train"), members, {"x/w": np.zeros(1)})
    report = look(study, folder)
    assert counts(report, "train") == {"done": 2, "failed": 2}
    assert "its training has not ended" in status.render(report)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", '{"format": 1}', ""])
def test_a_strange_receipt_of_the_cube_is_damaged(study, folder, text):
    (folder / "done").mkdir(parents=True)
    (folder / "done" / "cube.json").write_text(text)
    assert look(study, folder).cube == "is damaged: done/cube.json: is damaged"


@pytest.mark.parametrize("name", ["logs", "logs/train", "logs/events.jsonl/x", "logs/train/JOB.log/x"])
def test_files_for_folders_and_folders_for_files_are_no_logs(study, folder, name):
    path = folder / name.replace("JOB", trained(study).id)
    path.parent.mkdir(parents=True)
    path.write_text("x")
    assert counts(look(study, folder), "cells") == {"waiting": 12}


def test_failures_of_the_stages_that_gather_are_told(study, folder):
    make_all(folder, study)
    log = say(folder, "compare", "scoregap: cube.zarr: is damaged\n")
    assert look(study, folder).begun == [("compare", "", ("failed", log, "scoregap: cube.zarr: is damaged"))]


def test_looking_changes_nothing(study, folder):
    make_all(folder, study)
    os.close(locking.take(folder))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")} | {folder: folder.stat().st_mtime_ns}
    look(study, folder)
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*")} | {folder: folder.stat().st_mtime_ns}
    assert after == before


@contextmanager
def nobody():
    """As a user who owns nothing, where one may become that."""
    if os.geteuid():
        pytest.skip("only root may be somebody else")
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("place", ["", "tiny", "tiny/logs", "tiny/train", "tiny/done", "tiny/.snakemake"])
@pytest.mark.parametrize("mode", [0o000, 0o444, 0o700])
def test_results_that_may_not_be_read_are_refused_or_told_of(study, tmp_path_factory, place, mode):
    """Status 1 is for what goes wrong; here the input is not usable. What is not needed, as some logs, is left out."""
    with tempfile.TemporaryDirectory() as one:
        os.chmod(one, 0o755)
        results = Path(one) / "results"
        for name in ("tiny/logs/train", "tiny/train", "tiny/done/train", "tiny/.snakemake/locks"):
            (results / name).mkdir(parents=True)
        os.chmod(results / place, mode)
        study.hash  # noqa: B018 (all is imported)
        said = ""
        with nobody():
            try:
                assert counts(status.look(study, results), "cells") == {"waiting": 12}
            except InputError as error:
                said = str(error)
        if said or place in ("", "tiny"):
            assert said.startswith(f"--results: {str(results)!r} is not allowed: {results / place}")
            assert "Permission denied; should be a folder one can read" in said
        os.chmod(results / place, 0o755)


@pytest.mark.parametrize("kind", SPECIAL)
def test_whatever_results_are_is_said_at_once(study, tmp_path, kind):
    SPECIAL[kind](tmp_path / "results")
    with at_once():
        if "folder" in kind:
            look(study, tmp_path / "results" / "tiny")
        else:
            with pytest.raises(InputError, match=r"^--results: "):
                look(study, tmp_path / "results" / "tiny")


@pytest.mark.parametrize("name", ["results", "results/tiny"])
def test_results_that_are_no_folder_are_refused(study, tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(TINY)
    with pytest.raises(InputError, match=rf"--results: .*results' is not allowed: .*{name} is not a folder"):
        status.look(study, tmp_path / "results")


@pytest.mark.parametrize("stage", ["train", "spectrum", "fit"])
@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_in_the_place_of_a_file_and_is_none_has_failed(study, folder, stage, kind):
    job = trained(study)
    make_all(folder, study)
    path = job_path(folder, job.id, stage)
    path.unlink()
    SPECIAL[kind](path)
    with at_once():
        report = look(study, folder)
    assert report.cells[stage]["failed"] == 2
    ((_, _, attempt),) = report.begun
    assert attempt.says.startswith(f"{path}: cannot be read: is a ")


@pytest.mark.parametrize("stage", ["train", "spectrum", "fit"])
def test_a_file_without_a_variable_of_its_stage_is_not_done(study, folder, stage):
    job = trained(study)
    make_all(folder, study)
    path, keys = job_path(folder, job.id, stage), job.keys(stage)
    if stage == "train":
        write_weights(path, {key: {"diverged": False} for key in keys}, {f"{keys[0]}/network.w": np.zeros(1)})
    else:
        lost = xr.Dataset({"other": ("member", np.ones(2, np.int8))})
        write_job(path, lost, keys, stage)
    report = look(study, folder)
    assert report.cells["cells"] == Counter(done=10, failed=2)
    ((_, _, attempt),) = report.begun
    assert "is damaged: it has no " in attempt.says
