"""Edited code makes its results again, and says so, unless they are shown to be the same."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny import DIMENSION, TINY, edited

from scoregap import InputError, plugins
from scoregap.runtime import edits, receipts, workflow
from scoregap.store.jobs import job_path, read_job
from scoregap.store.results import mark
from scoregap.store.weights import read_weights
from scoregap.study import load

NETWORK = '''\
"""A network."""

import torch
from torch import nn

from layers import gain


class MLP(nn.Module):
    """Layers."""

    def __init__(self, dim, width):
        super().__init__()
        self.first, self.last = nn.Linear(dim + 1, width), nn.Linear(width, dim)

    def forward(self, x, level):
        return self.last(gain * torch.tanh(self.first(torch.cat([x, level.expand(*x.shape[:-1], 1)], -1))))
'''
STUDY = (
    TINY.replace("study: tiny\n", "study: tiny\ntrusted: true\n")
    .replace("gaussian, gated-8", "nets:MLP-8").replace("[0.0, 0.5]", "[0.0]").replace("points: 4", "points: 2")
    .replace("fit:\n", DIMENSION.replace("[final_gap, slq_count, normal_bundle, normal_bundle_centred, flipd, "
                                         "flipd_hutchinson, local_pca]", "[final_gap]"))
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a study, its network beside it, and results of its jobs with receipts, as a run leaves them."""
    folder = tmp_path_factory.mktemp("edits")
    (folder / "nets.py").write_text(NETWORK)
    (folder / "layers.py").write_text("gain = 1.0\n")
    (folder / "mine.yaml").write_text(STUDY)
    results = folder / "results" / "tiny"
    mark(results)
    code = """
import sys
from scoregap.__main__ import app
from scoregap.runtime import receipts
from scoregap.study import load
from pathlib import Path
study, results = Path("mine.yaml"), Path("results/tiny")
for stage, job in receipts.steps(load(study)):
    if job:
        out = results / stage / (job + (".safetensors" if stage == "train" else ".zarr.zip"))
        reads = {"fit": ["--spectra", results / "spectrum" / f"{job}.zarr.zip"]}.get(stage, [])
        if stage in ("spectrum", "dimension") and load(study).job(job).trained:
            reads = ["--weights", results / "train" / f"{job}.safetensors"]
        words = [stage, "--study", study, "--job", job, "--out", out, *reads]
        app([*map(str, words), "--receipt", str(results / receipts.place(stage, job))], standalone_mode=False)
"""
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def place(made, tmp_path, monkeypatch):
    """A copy of it, entered; what is imported from it is forgotten afterwards."""
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
    plugins.forget()
    yield tmp_path / "copy"
    plugins._beside.clear()
    plugins.forget()


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    plugins.forget()


def states(place):
    """Stages of jobs whose receipts do not hold, by score, and why."""
    study = load(place / "mine.yaml")
    found = receipts.look(study, place / "results" / "tiny")
    wrong = {
        (job and study.job(job).axes["network"][0], stage)
        for (stage, job), one in zip(receipts.steps(study), found.values(), strict=True)
        if job and not one.holds
    }
    return wrong, receipts.since(found)


OF_NETWORK = {("nets:MLP-8", stage) for stage in ("train", "spectrum", "dimension", "fit")}


def content(place):
    return {
        path: path.read_bytes() for path in (place / "results").rglob("*") if path.is_file() and path.name != ".lock"
    }


def test_comments_layout_and_docstrings_change_nothing(place):
    assert states(place) == (set(), [])
    edit(place / "nets.py", '"""Layers."""', '"""Layers of a network."""  # that are trained\n')
    edit(place / "layers.py", "gain = 1.0", "gain = (  # of features\n    1.0\n)")
    assert states(place) == (set(), [])


@pytest.mark.parametrize("file", ["nets.py", "layers.py"])
def test_what_an_edit_has_outdated_is_said_and_run_again(place, file):
    edit(place / file, "gain", "scale") if file == "nets.py" else edit(place / file, "1.0", "2.0")
    if file == "nets.py":
        edit(place / "layers.py", "gain", "scale")
    wrong, lines = states(place)
    assert wrong == OF_NETWORK
    files = "nets.py, layers.py have" if file == "nets.py" else "layers.py has"
    assert lines == [f"{files} changed since: results of train 1, spectrum 1, dimension 1, fit 1 are made again"]
    (place / "results" / "tiny" / ".lock").unlink(missing_ok=True)
    settled = receipts.settle(load(place / "mine.yaml"), place / "results" / "tiny")
    assert settled == lines


def test_whoever_would_lose_networks_by_an_edit_is_told_of_the_way_out(place, monkeypatch):
    edit(place / "layers.py", "1.0", "2.0")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(
        InputError, match=r"layers\.py has changed since: .* `scoregap accept-code` keeps results where"
    ):
        workflow._agree_to_losses(load(place / "mine.yaml"), place / "results" / "tiny")


@pytest.mark.slow
def test_an_edit_that_changes_no_number_keeps_all_results(place):
    study, results = place / "mine.yaml", place / "results" / "tiny"
    (trained,) = [job for job in load(study).jobs.values() if job.trained]
    before, old_keys = read_weights(job_path(results, trained.id, "train")), trained.keys("train")
    spectra = read_job(job_path(results, trained.id, "spectrum"))
    edit(place / "nets.py", "gain * torch.tanh", "torch.tanh")  # gain is 1
    lines = edits.accept(load(study), results)
    assert lines == [
        f"equal to the last bit: train, spectrum, dimension, fit of {trained.id}, seed 0",
        "kept: 8 results in 4 files of 1 jobs",
    ]
    (trained,) = [job for job in load(study).jobs.values() if job.trained]
    members, tensors = read_weights(job_path(results, trained.id, "train"))
    for new, old in zip(trained.keys("train"), old_keys, strict=True):
        assert members[new] == before[0][old]
        for name in ("network.first.weight", "curve"):
            np.testing.assert_array_equal(tensors[f"{new}/{name}"], before[1][f"{old}/{name}"])
    assert (len(members), len(tensors)) == (2, len(before[1]))
    for stage in ("spectrum", "dimension", "fit"):
        assert read_job(job_path(results, trained.id, stage))[1] == trained.keys(stage)
    for name, (_, array) in read_job(job_path(results, trained.id, "spectrum"))[0].items():
        np.testing.assert_array_equal(array, spectra[0][name][1])
    assert states(place)[0] == OF_NETWORK  # without receipts: the next run finds all, and writes them
    assert receipts.settle(load(study), results) == []
    with pytest.raises(InputError, match="has no results of code that was edited since"):
        edits.accept(load(study), results)


def moved(study, *of):
    """Results to keep of (score, stages, positions of the cells of its job)."""
    jobs = {job.axes["network"][0]: job for job in study.jobs.values() if job.axes["curvature"] == (0.0,)} | {
        f"{job.axes['network'][0]} curved": job for job in study.jobs.values() if job.axes["curvature"] == (0.5,)
    }
    return [
        edits.Moved(jobs[name], stage, Path(stage), {f"was {key}": key for key in np.array(jobs[name].keys(stage))[at]})
        for name, stages, at in of
        for stage in stages
    ]


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ([("gated-8", ["train", "spectrum", "fit"], [0, 1])], [("gated-8", 0)]),
        # a run that was stopped has other stages of another job
        ([("gated-8", ["train"], [0, 1]), ("gated-8 curved", ["train", "spectrum"], [0, 1])], [("gated-8 curved", 0)]),
        ([("gated-8 curved", ["train"], [0, 1]), ("gated-8", ["spectrum"], [1])], [("gated-8 curved", 0),
                                                                               ("gated-8", 1)]),
        # no cell has all
        ([("gated-8", ["train"], [0]), ("gated-8", ["spectrum"], [1])], [("gated-8", 0), ("gated-8", 1)]),
        # what an edit of a family changes is seen where it is curved
        ([("exact", ["spectrum"], [0]), ("exact curved", ["spectrum"], [0])], [("exact curved", 0)]),
        ([("exact", ["fit"], [0]), ("gated-8", ["fit"], [0])], [("exact", 0), ("gated-8", 0)]),
    ],
)  # fmt: skip
def test_every_stage_of_every_score_is_shown_to_be_the_same(tmp_path, of, expected):
    found = moved(load(edited(tmp_path)), *of)
    of_jobs = [
        (job.axes["network"][0] + " curved" * (job.axes["curvature"] == (0.5,)), job.cells.index(cell))
        for cell, job in edits._witnesses(found)
    ]
    assert of_jobs == expected


@pytest.mark.slow
@pytest.mark.parametrize("change", ["another number", "an error"])
def test_an_edit_that_changes_a_number_keeps_nothing(place, change):
    study, results = place / "mine.yaml", place / "results" / "tiny"
    before = content(place)
    edit(place / "layers.py", "1.0", "1.0 + 1e-6" if change == "another number" else "1 / 0")
    says = "is another one: the edit changes numbers" if change == "another number" else "fails: .*division by zero"
    with pytest.raises(InputError, match=says):
        edits.accept(load(study), results)
    assert content(place) == before


def test_where_nothing_was_edited_there_is_nothing_to_accept(place):
    study = load(place / "mine.yaml")
    with pytest.raises(InputError, match="has no results of code that was edited since"):
        edits.accept(study, place / "results" / "tiny")
    with pytest.raises(InputError, match="is missing"):
        edits.accept(study, place / "nowhere")


def test_receipts_of_an_earlier_version_are_of_own_code_as_it_is(place, monkeypatch):
    """They named no source: those of networks and families of this package hold until one is edited."""
    study, results = place / "mine.yaml", place / "results" / "tiny"
    own = [job for job in load(study).jobs.values() if not job.trained]
    for path in (results / "done").rglob("*.json"):
        text = path.read_text()
        path.write_text(text[: text.index(' "code"')] + text[text.index(' "made_from"') :])
    (results / "done" / "train").rename(results / "aside")
    exact = {(job.axes["network"][0], stage) for job in own for stage in ("spectrum", "dimension")}
    wrong, _ = states(place)
    assert not wrong & exact
    known = plugins.recorded() | {"data/manifolds/arcs.py": plugins.Recorded("0" * 12, "0" * 12, [])}
    monkeypatch.setattr(plugins, "recorded", lambda: known)
    plugins.edited.cache_clear()
    wrong, lines = states(place)
    assert wrong >= exact
    assert "data/manifolds/arcs.py has changed since: results of spectrum 1, dimension 1, fit 1 are made again" in lines
