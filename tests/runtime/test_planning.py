"""Plans: what is done is not counted, what is left is the model's times scaled by trials, and nothing is written."""

import subprocess
import sys
import time

import pytest
import scale
from test_main import scoregap as command
from tiny import WITH_DIMENSION, WITH_SAMPLING, edited

from scoregap.runtime import planning, receipts, resources
from scoregap.runtime.planning import Trial
from scoregap.store.jobs import job_path
from scoregap.store.results import mark
from scoregap.study import load


@pytest.fixture
def study(tmp_path):
    return edited(tmp_path, WITH_DIMENSION, WITH_SAMPLING)


def finished(study, results, but=()):
    """Results of a study of which all is done but these stages."""
    folder = results / load(study).name
    mark(folder)
    for stage, job in receipts.steps(load(study)):
        if stage not in but:
            path = folder / receipts.place(stage, job)
            begun, made = (
                receipts.begin(path, study, stage, job),
                job_path(folder, job, stage) if job else folder / stage,
            )
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_text("made")
            receipts.write(path, begun, [made])


def tried(monkeypatch, factor=0.5, torch=2.0, only=""):
    """Trials that find this share of the model's times; of networks whose names begin so."""
    asked = []

    def trial(job, *stages):
        asked.append((job.axes["network"][0], stages))
        if not job.axes["network"][0].startswith(only):
            return "cannot be tried: it fails"
        start = {"imports": 0.7, "torch" if job.trained else "plain": torch if job.trained else 1.0}
        return Trial({}, dict.fromkeys(stages, factor), start, 500.0)

    monkeypatch.setattr(planning, "trial", trial)
    return asked


def test_a_plan_is_the_model_scaled_by_trials_and_the_starts(study, tmp_path, monkeypatch):
    asked = tried(monkeypatch)
    loaded = load(study)
    found = {one.name: one for one in planning.plan(loaded, tmp_path / "results").stages}
    assert list(found) == ["train", "spectrum", "dimension", "sample", "fit", "cube", "compare", "report"]
    assert {network for network, _ in asked} == {"exact", "gaussian", "gated-8"}
    assert not (tmp_path / "results").exists()
    for stage in ("train", "spectrum", "dimension", "sample", "fit"):
        jobs = [job for job in loaded.jobs.values() if job.has(stage)]
        starts = [0 if job.rule(stage) != stage else 2.0 if job.trained and stage != "fit" else 1.0 for job in jobs]
        seconds = sum(0.5 * resources.expected(stage, job)[1] for job in jobs) + sum(starts)
        assert found[stage].hours == found[stage].whole == pytest.approx(seconds / 3600)
        assert (found[stage].jobs, found[stage].done) == (len(jobs), 0)
        assert found[stage].megabytes >= max(resources.expected(stage, job)[0] for job in jobs)
        assert found[stage].disk > 0
    once, each = planning.GATHERED["compare"]
    assert found["compare"].hours == pytest.approx(2 * (once + each * loaded.size) / 3600)  # imports take twice as long


def test_what_is_done_is_not_left(study, tmp_path, monkeypatch):
    tried(monkeypatch)
    results = tmp_path / "results"
    finished(study, results)
    found = planning.plan(load(study), results)
    assert [one.hours for one in found.stages] == [0.0] * 8
    assert all(one.jobs == one.done and one.whole > 0 for one in found.stages)
    assert "what is left takes about 0 s of one core" in planning.render(found)
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()}
    for path in (results / load(study).name / "fit").iterdir():
        path.unlink()
    left = {one.name: one for one in planning.plan(load(study), results).stages if one.hours}
    assert list(left) == ["fit", "cube", "compare", "report"]
    assert left["fit"].hours == left["fit"].whole
    after = {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()}
    assert after.items() <= before.items()


def test_what_cannot_be_tried_is_as_what_is_most_like_it(study, tmp_path, monkeypatch):
    tried(monkeypatch, factor=0.25, only="ga")  # not exact
    found = planning.plan(load(study), tmp_path)
    assert found.not_tried == ["exact: cannot be tried: it fails"]
    spectrum = next(one for one in found.stages if one.name == "spectrum")
    jobs = load(study).jobs.values()
    model = sum(resources.expected("spectrum", job)[1] for job in jobs)
    starts = sum(2.0 if job.trained else 0.0 for job in jobs)  # the others' are made by processes that fit them
    assert spectrum.hours == pytest.approx((0.25 * model + starts) / 3600)
    assert "not tried: exact: cannot be tried: it fails" in planning.render(found)
    tried(monkeypatch, only="nothing")
    none = planning.plan(load(study), tmp_path)
    assert none.classes == (0, 3)
    assert all(one.hours > 0 for one in none.stages)


def test_trials_stop_when_their_time_has_gone(study, tmp_path, monkeypatch):
    asked = tried(monkeypatch)
    monkeypatch.setattr(planning, "SECONDS", -1.0)
    assert planning.plan(load(study), tmp_path).classes == (0, 3)
    assert asked == []


@pytest.mark.slow
def test_a_trial_is_a_process_that_may_fail(study):
    jobs = {job.axes["network"][0]: job for job in load(study).jobs.values()}
    found = planning.trial(jobs["exact"], "spectrum", "fit")
    assert found.factors.keys() == found.seconds.keys() == {"spectrum", "fit"}
    assert found.start.keys() == {"imports", "plain"}
    assert found.megabytes > 30
    study.write_text("no study")
    assert planning.trial(jobs["exact"], "spectrum").startswith("cannot be tried: ")


@pytest.mark.slow
@pytest.mark.parametrize("members", [100, 10_000])
def test_a_hundred_thousand_cells_are_planned_in_seconds(tmp_path, members):
    """Of the processor; with what trials take on top of it."""
    path = scale.study(tmp_path, 100_000, members)
    began = time.process_time()
    found = planning.plan(load(path), tmp_path / "results", trials=False)
    assert time.process_time() - began < 10
    assert sum(one.jobs for one in found.stages if one.name == "spectrum") == 100_000 // members


def test_the_cost_of_long_spectra_is_said_first(study, tmp_path, monkeypatch):
    loaded, results = load(study), tmp_path / "results"
    monkeypatch.setattr(planning, "trial", lambda job, *stages: Trial({"spectrum": 1200.0}, {}, {}, 1234.0))
    assert list(planning.said_first(loaded, results)) == []  # none takes long
    monkeypatch.setattr(planning, "LONG", 0.0)
    what = "full spectra: 4 points x 24 times x 8 products x 4 cells, about 40 min, 1.23 GB"
    assert list(planning.said_first(loaded, results)) == [f"{one}: {what}" for one in ("exact", "gaussian", "gated-8")]
    monkeypatch.setattr(planning, "trial", lambda job, *stages: "a trial takes over 60 s")
    assert "how long is not known: a trial takes over 60 s" in next(planning.said_first(loaded, results))
    finished(study, results)
    assert list(planning.said_first(loaded, results)) == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (99.4, "99 s"), (100, "2 min"), (2400, "40 min"), (7200, "2 h"), (1e6, "278 h")]
)
def test_times_are_told_in_one_unit(seconds, text):
    assert planning.told(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1.234e9, "1.23 GB"), (5e16, "5e+04 TB")]
)
def test_bytes_are_told_in_one_unit(count, text):
    assert planning.sized(count) == text


@pytest.mark.slow
def test_the_command_takes_a_path_or_a_name_and_writes_nothing(study, tmp_path):
    environment = [sys.executable, "-m", "scoregap", "plan"]
    results = ["--results", str(tmp_path / "none")]
    for given in ("gap_existence", str(study)):
        run = subprocess.run([*environment, given, *results], capture_output=True, text=True, check=True, cwd=tmp_path)
        assert "core-hours left" in run.stdout
        assert "what is left takes about" in run.stdout
    assert [path.name for path in tmp_path.iterdir()] == [study.name]


def test_a_results_folder_that_is_none_is_refused(study, tmp_path):
    (tmp_path / "file").write_text("")
    run = command("plan", study, "--results", tmp_path / "file")
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "--results" in run.stderr
