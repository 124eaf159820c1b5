"""Receipts hold as long as what they stand for: products are made here, of a few bytes; no stage is run."""

import inspect
import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from tiny import TINY, WITH_DIMENSION, WITH_MEMORISATION, WITH_SAMPLING, edited

from scoregap import InputError
from scoregap.runtime import receipts
from scoregap.store.jobs import job_path
from scoregap.store.results import mark
from scoregap.study import load
from scoregap.study.stages import STAGES

HOURS = 3 * 3600
GATHERED = {
    "cube": ["cube.zarr", "cube.zarr.json"],
    "compare": [
        "comparison.csv",
        "comparison.csv.json",
        "comparison.txt",
        "claims.csv",
        "findings.jsonl",
        "phase_times.parquet",
    ],
    "report": ["figures/gaps.svg", "figures/a/gaps.svg", "report.html"],
}


def products(stage, job):
    """Names of the files of a stage, as in a results folder; a name that ends in .zarr is a folder."""
    return GATHERED.get(stage) or [str(job_path(Path(), job, stage))]


def make(study, folder, stage, job="", content="content", baseline=None):
    """The products of a stage, and its receipt, as the command line writes it."""
    path = folder / receipts.place(stage, job)
    begun = receipts.begin(path, study, stage, job, baseline)
    for name in products(stage, job):
        files = (
            [f"{name}/zarr.json", f"{name}/t_max/c.0", f"{name}/t_max/zarr.json"] if name.endswith("zarr") else [name]
        )
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(f"{content} of {file}")
    receipts.write(path, begun, [folder / name for name in products(stage, job)])


@pytest.fixture
def study(tmp_path):
    return edited(tmp_path, WITH_DIMENSION, WITH_SAMPLING, *WITH_MEMORISATION[:2])


@pytest.fixture
def folder(study, tmp_path):
    """Results of a study with every stage, in which every receipt holds."""
    mark(tmp_path / "results")
    for stage, job in receipts.steps(load(study)):
        make(study, tmp_path / "results", stage, job)
    return tmp_path / "results"


def missing(study, folder, baseline=None):
    """Stages of which a receipt does not hold, and how many."""
    states = receipts.look(load(study), folder, baseline)
    found = [path.split("/")[1].removesuffix(".json") for path, state in states.items() if not state.holds]
    return {stage: found.count(stage) for stage in found}


def after(stage):
    """The stages that read a stage's products, or those of one that does."""
    found = {stage}
    for one in STAGES:
        if found & set(one.reads):
            found.add(one.name)
    return found


def content(folder):
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_steps_are_in_order_and_made_from_those_before(study):
    loaded, known = load(study), set()
    for stage, job in receipts.steps(loaded):
        assert known >= set(receipts.before(loaded, stage, job))
        known.add(receipts.place(stage, job))
    trained, exact = (next(id for id in loaded.jobs if name in id) for name in ("gated", "exact"))
    assert receipts.before(loaded, "fit", exact) == [f"done/spectrum/{exact}.json"]
    assert receipts.before(loaded, "sample", trained) == [f"done/train/{trained}.json"]
    assert receipts.before(loaded, "sample", exact) == []
    assert len(receipts.before(loaded, "cube")) == 5 * len(loaded.jobs)


def test_what_an_earlier_run_has_left_is_of_the_study_and_made_from_what_is_there(study, folder):
    loaded = load(study)
    job = next(id for id in loaded.jobs if "gated" in id)
    assert receipts.left(loaded, folder, "fit", job)
    assert receipts.left(loaded, folder, "cube")
    make(study, folder, "spectrum", job, content="other")
    assert not receipts.left(loaded, folder, "fit", job)
    make(study, folder, "fit", job)
    assert receipts.left(loaded, folder, "fit", job)
    study.write_text(study.read_text().replace("resamples: 50", "resamples: 60"))
    assert not receipts.left(load(study), folder, "fit", job)
    (folder / receipts.place("fit", job)).unlink()
    assert not receipts.left(loaded, folder, "fit", job)


def test_rules_wait_for_receipts_that_rules_of_their_own_leave(study):
    """The process that fits closed forms makes their spectra too: nobody waits for these."""
    loaded = load(study)
    trained, exact = (next(id for id in loaded.jobs if name in id) for name in ("gated", "exact"))
    assert receipts.awaited(loaded, "fit", exact) == []
    assert receipts.awaited(loaded, "fit", trained) == [f"done/spectrum/{trained}.json"]
    inside = {f"done/spectrum/{id}.json" for id, job in loaded.jobs.items() if not job.trained}
    assert inside
    assert set(receipts.before(loaded, "cube")) - set(receipts.awaited(loaded, "cube")) == inside
    every = [receipts.place(*step) for step in receipts.steps(loaded)]
    assert receipts.awaited(loaded) == [path for path in every if path not in inside]


def test_every_receipt_of_a_finished_study_holds_and_looking_changes_nothing(study, folder):
    before = content(folder)
    assert missing(study, folder) == {}
    assert content(folder) == before
    assert receipts.settle(load(study), folder) == []
    settled = content(folder)
    assert {path for path in before if settled[path] != before[path]} <= set(folder.glob("done/**/*.json"))
    assert len({path.stat().st_mtime_ns for path in folder.glob("done/**/*.json")}) == 1  # Snakemake runs none again
    assert receipts.settle(load(study), folder) == []
    assert content(folder) == settled


def test_nothing_holds_where_there_is_nothing(study, tmp_path):
    loaded = load(study)
    assert sum(missing(study, tmp_path / "absent").values()) == len(list(receipts.steps(loaded)))
    assert not (tmp_path / "absent").exists()
    assert receipts.settle(loaded, tmp_path / "absent") == []


def shorten(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path):
    text = path.read_bytes()
    path.write_bytes(text[:3] + bytes([text[3] ^ 1]) + text[4:])


def fill(path):
    path.unlink()
    path.mkdir()


DAMAGES = {"absent": Path.unlink, "shorter": shorten, "a flipped bit": flip, "a folder": fill}


@pytest.mark.slow
@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("stage", [stage.name for stage in STAGES])
def test_a_damaged_product_is_named_and_its_stage_and_those_after_it_run(stage, how, study, folder):
    job = "" if stage in GATHERED else next(id for id in load(study).jobs if "gated" in id)
    for name in products(stage, job):
        victim = folder / name / "t_max" / "c.0" if name.endswith("zarr") else folder / name
        whole = victim.read_bytes(), victim.stat().st_mtime_ns
        DAMAGES[how](victim)
        states = receipts.look(load(study), folder)
        assert states[receipts.place(stage, job)].state == "damaged"
        assert {path.split("/")[1].removesuffix(".json") for path, one in states.items() if not one.holds} == after(
            stage
        )
        assert all(job in path or "/" not in path[5:] for path, one in states.items() if not one.holds)
        victim.rmdir() if how == "a folder" else victim.unlink(missing_ok=True)
        victim.write_bytes(whole[0])  # with another date
        assert missing(study, folder) == {}
    DAMAGES[how](victim)
    before = content(folder)
    (line,) = receipts.settle(load(study), folder)
    assert line.startswith(str(victim))
    gone = before.keys() - content(folder).keys()
    assert {path.relative_to(folder).parts[0] for path in gone} == {receipts.FOLDER}
    assert {path.relative_to(folder).parts[1].removesuffix(".json") for path in gone} == after(stage)


def test_foreign_and_several_files_in_a_cube_are_one_line(study, folder):
    (folder / "cube.zarr" / "t_max" / "c.7").write_text("x")
    (folder / "cube.zarr" / "zarr.json").unlink()
    (line,) = receipts.settle(load(study), folder)
    assert "cube.zarr/zarr.json: is missing (and 1 files more)" in line
    make(study, folder, "cube")
    (folder / "cube.zarr" / "t_max" / "deep").mkdir()
    assert missing(study, folder).keys() == {"compare", "report"}  # whose receipts `settle` has removed
    (folder / "cube.zarr" / "t_max" / "c.7").unlink()
    make(study, folder, "cube")
    (folder / "cube.zarr" / "t_max" / "deep" / "x").symlink_to("/nowhere")
    (line,) = receipts.settle(load(study), folder)
    assert "cube.zarr/t_max/deep/x: is foreign" in line


def test_many_damaged_products_are_a_few_lines(study, folder):
    shutil.rmtree(folder / "fit")
    jobs = len(load(study).jobs)
    lines = receipts.settle(load(study), folder)
    assert len(lines) == receipts.NAMED + 1
    assert lines[-1] == f"{folder / 'fit'}: {jobs - receipts.NAMED} more products of this stage likewise"


@pytest.mark.slow
@pytest.mark.parametrize("shift", [-HOURS, HOURS, 13 * 365 * 24 * HOURS, -17 * 365 * 24 * HOURS])
def test_dates_decide_nothing(study, folder, shift, monkeypatch):
    for path in folder.rglob("*"):
        date = path.stat().st_mtime + shift
        os.utime(path, (date, date))
    assert missing(study, folder) == {}
    assert receipts.settle(load(study), folder) == []
    monkeypatch.setattr(receipts, "_sha256", None)  # the new dates are known now: no content is compared again
    assert missing(study, folder) == {}


def test_a_copy_without_dates_elsewhere_holds(study, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "é #: copy", copy_function=shutil.copyfile)
    assert missing(study, tmp_path / "é #: copy") == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "stages"),
    [
        ("seed: 2", "seed: 3", {stage.name for stage in STAGES}),
        ("resamples: 50", "resamples: 60", {"fit", "cube", "compare", "report"}),
        ("points: 24\n  ratio: 1.5", "points: 24\n  ratio: 1.4", {"sample", "cube", "compare", "report"}),
        ("flat: {t_open: 0.15", "flat: {t_open: 0.16", {"cube", "compare", "report"}),
        ("depth: 1", "depth: 1\n  device: cpu", set()),
    ],
)
def test_a_study_that_changes_runs_what_it_changes(study, folder, old, new, stages):
    text = study.read_text()
    assert old in text
    study.write_text(text.replace(old, new))
    assert missing(study, folder).keys() == stages
    study.write_text(text)
    assert missing(study, folder) == {}


def test_a_new_value_runs_only_its_jobs(study, folder):
    study.write_text(study.read_text().replace("[0.0, 0.5]", "[0.0, 0.25, 0.5]"))
    of_jobs = {"spectrum": 3, "dimension": 3, "sample": 3, "memorise": 3, "fit": 3}
    assert missing(study, folder) == {"train": 1, **of_jobs, "cube": 1, "compare": 1, "report": 1}


def test_a_product_made_again_runs_the_stages_after_it_if_it_is_another_one(study, folder):
    job = next(id for id in load(study).jobs if "gated" in id)
    make(study, folder, "spectrum", job)
    assert missing(study, folder) == {}
    make(study, folder, "spectrum", job, content="changed")
    assert missing(study, folder) == {"fit": 1, "cube": 1, "compare": 1, "report": 1}
    make(study, folder, "fit", job)  # the same fit of another spectrum
    assert missing(study, folder) == {"cube": 1, "compare": 1, "report": 1}


def test_a_baseline_that_comes_changes_or_goes_runs_the_report(study, folder, tmp_path):
    baseline = tmp_path / "baseline.json"
    assert missing(study, folder, baseline) == {}
    for text in ("one", "another"):
        baseline.write_text(text)
        assert missing(study, folder, baseline) == {"report": 1}
        make(study, folder, "report", baseline=baseline)
        assert missing(study, folder, baseline) == {}
    baseline.unlink()
    assert missing(study, folder, baseline) == {"report": 1}


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["train", "cube"])
@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "[" * 100_000, '{"format": 0}', "\xff\xfe", '{"format": 1, "files": {"x": []}}', None]
)
def test_what_is_no_receipt_is_named_and_removed(study, folder, stage, text):
    job = "" if stage == "cube" else next(id for id in load(study).jobs if "gated" in id)
    path = folder / receipts.place(stage, job)
    if text is None:  # it has lost a part
        receipt = json.loads(path.read_text())
        del receipt["made_from"]
        text = json.dumps(receipt)
    path.write_text(text, encoding="latin-1")
    assert missing(study, folder).keys() == after(stage)
    (line,) = receipts.settle(load(study), folder)
    assert line.startswith(f"{path}: is damaged")
    assert not path.exists()


def test_what_changes_while_a_stage_runs_makes_a_receipt_that_does_not_hold(study, folder):
    """The study is edited, or the product of an earlier stage replaced, after the stage has begun."""
    job = next(id for id in load(study).jobs if "gated" in id)
    path, fit = folder / receipts.place("fit", job), job_path(folder, job, "fit")
    text = study.read_text()
    begun = receipts.begin(path, study, "fit", job)
    study.write_text(text.replace("resamples: 50", "resamples: 60"))
    receipts.write(path, begun, [fit])
    assert missing(study, folder)["fit"] == len(load(study).jobs)
    study.write_text(text)
    assert missing(study, folder) == {}
    begun = receipts.begin(path, study, "fit", job)
    make(study, folder, "spectrum", job, content="changed")
    receipts.write(path, begun, [fit])
    assert missing(study, folder)["fit"] == 1


def test_a_receipt_has_its_place(study, folder, tmp_path):
    job = next(iter(load(study).jobs))
    for path in (tmp_path / "x.json", folder / "done" / "fit" / "other.json", folder / "done" / "fit.json"):
        with pytest.raises(InputError, match=r"--receipt: .* is not allowed: should end in done/fit/"):
            receipts.begin(path, study, "fit", job)
    path = folder / receipts.place("fit", job)
    (tmp_path / "elsewhere").write_text("x")
    before = content(folder)
    with pytest.raises(InputError, match=r"--receipt: .*elsewhere is not in its results folder"):
        receipts.write(path, receipts.begin(path, study, "fit", job), [tmp_path / "elsewhere"])
    with pytest.raises(InputError, match=r"--receipt: .*elsewhere is not in its results folder"):
        receipts.begin(path, study, "fit", job, products=[tmp_path / "elsewhere"])
    assert content(folder).keys() == before.keys()


@pytest.mark.parametrize("wrong", ["another job", "another folder", "a file of a user", "a link to one"])
def test_a_receipt_that_cannot_be_written_is_refused_before_the_stage_computes(tmp_path, wrong):
    """So that nobody waits hours for it."""
    (tmp_path / "tiny.yaml").write_text(TINY)
    job = next(id for id in load(tmp_path / "tiny.yaml").jobs if "0.0-exact" in id)
    receipt = tmp_path / "results" / receipts.place("spectrum", job)
    out = tmp_path / "results" / f"spectrum/{job}.zarr.zip"
    if wrong == "another job":
        receipt = receipt.with_name("other.json")
    elif wrong == "another folder":
        out = tmp_path / "elsewhere.zarr.zip"
    else:
        receipt.parent.mkdir(parents=True)
        (tmp_path / "mine").write_text("mine")
        receipt.symlink_to(tmp_path / "mine") if wrong == "a link to one" else receipt.write_text("mine")
    before = content(tmp_path)
    command = [sys.executable, "-m", "scoregap", "spectrum", "--study", "tiny.yaml", "--job", job]
    command += ["--out", out, "--receipt", receipt]
    failed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert len(failed.stderr.splitlines()) == 1, failed.stderr
    assert ("--receipt: " if wrong.startswith("another") else f"{receipt}: ") in failed.stderr
    assert content(tmp_path) == before


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_names_the_parameters_that_say_where_it_writes(stage):
    run = import_module(f"scoregap.stages.{stage.name}").run
    assert set(stage.makes) <= inspect.signature(run).parameters.keys()


def test_receipts_are_read_without_numpy():
    code = "import sys, scoregap.runtime.receipts; print(*({'numpy', 'torch', 'zarr'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


@pytest.mark.slow
def test_a_stage_by_hand_leaves_a_receipt_only_if_asked_and_last(tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY)
    job = next(id for id in load(tmp_path / "tiny.yaml").jobs if "0.0-exact" in id)
    receipt, out = f"done/spectrum/{job}.json", f"spectrum/{job}.zarr.zip"
    command = [sys.executable, "-m", "scoregap", "spectrum", "--study", "tiny.yaml", "--job", job, "--out", out]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert not (tmp_path / "done").exists()
    subprocess.run([*command, "--receipt", receipt], cwd=tmp_path, check=True)
    states = receipts.look(load(tmp_path / "tiny.yaml"), tmp_path)
    assert [path for path, state in states.items() if state.holds] == [receipt]
    (tmp_path / receipt).unlink()
    command[command.index(out)] = "tiny.yaml/out"
    failed = subprocess.run([*command, "--receipt", receipt], cwd=tmp_path, capture_output=True, check=False)
    assert failed.returncode == 2
    assert not (tmp_path / receipt).exists()


@pytest.mark.slow
def test_a_product_found_damaged_gets_another_date(tmp_path):
    """So that the next run compares its content, also where the disk has changed it without a trace."""
    (tmp_path / "tiny.yaml").write_text(TINY)
    job = next(id for id in load(tmp_path / "tiny.yaml").jobs if "0.0-exact" in id)
    spectra = tmp_path / "spectrum" / f"{job}.zarr.zip"
    spectra.parent.mkdir()
    spectra.write_bytes(b"damaged")
    os.utime(spectra, (1e9, 1e9))
    command = [sys.executable, "-m", "scoregap", "fit", "--study", "tiny.yaml", "--job", job]
    command += ["--spectra", spectra, "--out", "f.zarr.zip"]
    failed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"scoregap: {spectra}: is damaged")
    assert spectra.stat().st_mtime != 1e9
