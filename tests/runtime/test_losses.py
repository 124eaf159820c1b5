"""What an edited study would lose is counted from products alone; growing and what stays on disk are no loss."""

import json

import pytest
from tiny import WITH_DIMENSION, edited

from scoregap.runtime import losses
from scoregap.runtime.progress import metrics_of
from scoregap.store.jobs import job_path
from scoregap.store.weights import write_weights
from scoregap.study import load


def trained(study, folder, ending=""):
    """Files of weights as training the study would leave them, without weights."""
    for job in study.jobs.values():
        if job.trained:
            path = job_path(folder, job.id, "train")
            write_weights(path.with_name(path.name + ending), {key: {} for key in job.keys("train")}, {})


@pytest.fixture
def folder(tmp_path):
    """Results of the tiny study: a job of two networks for each of two curvatures."""
    trained(load(edited(tmp_path)), tmp_path / "results")
    return tmp_path / "results"


def look(folder, *changes):
    study = load(edited(folder.parent, *changes))
    return losses.look(study, folder)


GROWN = [
    (("seed: 2", "seed: 3"), 2),
    (("[0.0, 0.5]", "[0.0, 0.25, 0.5]"), 2),
    (("gated-8]", "gated-8, gated-16]"), 4),
    (WITH_DIMENSION, 0),
]
EDITED = [("resamples: 50", "resamples: 60"), ("points: 4", "points: 5"), ("flat: {t_open: 0.15", "flat: {t_open: 0.2")]
OTHER_JOBS = [("[0.0, 0.5]", "[0.5]"), ("[0.0, 0.5]", "[0.1]"), ("gated-8]", "gated-16]"), (", gated-8]", "]")]
RETRAINED = [
    (("  steps: 40", "  steps: 41"), 4),
    (("std: 0.1", "std: 0.2"), 4),
    (("levels: 8", "levels: 4"), 4),
    (("stop: 100.0, count: 24", "stop: 90.0, count: 24"), 4),  # training is evaluated over these times
    (("seed: 2", "seed: 1"), 2),  # a job has one member less
    (("seed: 2", "seed: [1, 2]"), 2),  # and another one more
]


@pytest.mark.parametrize(("change", "new"), GROWN)
def test_growing_loses_nothing(folder, change, new):
    assert look(folder, change)[::2] == (0, new)


@pytest.mark.parametrize("change", [*EDITED, ("study: tiny", "# a comment\nstudy: tiny")])
def test_editing_what_is_after_training_loses_nothing(folder, change):
    assert look(folder, change) == (0, 0, 0)


@pytest.mark.parametrize("change", OTHER_JOBS)
def test_files_of_jobs_that_are_no_longer_in_the_study_stay(folder, change):
    assert look(folder, change).lost == 0


@pytest.mark.parametrize(("change", "lost"), RETRAINED)
def test_what_trains_anew_is_counted(folder, change, lost):
    assert look(folder, change).lost == lost


def test_nothing_is_lost_where_there_is_nothing(tmp_path):
    study = load(edited(tmp_path))
    assert losses.look(study, tmp_path / "results") == (0, 0, 4)
    for path in (job_path(tmp_path / "results", job.id, "train") for job in study.jobs.values() if job.trained):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"damaged")
    assert losses.look(study, tmp_path / "results") == (0, 0, 4)


def test_a_training_that_was_stopped_counts_too(tmp_path):
    """Its state is all that there is of it; the same settings go on from there."""
    trained(load(edited(tmp_path)), tmp_path / "results", ".checkpoint")
    assert look(tmp_path / "results") == (0, 0, 4)
    assert look(tmp_path / "results", ("  steps: 40", "  steps: 41")) == (4, 0, 4)


def test_the_training_that_would_be_lost_is_known_from_metrics(folder):
    """Of every group that was trained together its last report, and of that the share of those that would be lost."""
    jobs = [job for job in load(edited(folder.parent)).jobs.values() if job.trained]
    keys = jobs[0].keys("train")
    lines = [
        {"members": keys, "step": 10, "rate": 0.1},
        {"members": keys, "step": 40, "rate": 0.1},
        {"members": ["of an earlier version"], "step": 40, "rate": 0.1},
        {"members": [], "step": 40, "rate": 0.1},
        {"members": keys, "step": 40, "rate": 0.0},
        {"members": keys, "step": None, "rate": 0.1},
        {"step": 40},
        [],
    ]
    path = metrics_of(job_path(folder, jobs[0].id, "train"))
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines) + '{"half a')
    assert look(folder, ("  steps: 40", "  steps: 41")) == (4, 400, 4)
    assert look(folder, ("seed: 2", "seed: 1")) == (2, 200, 0)
    assert str(look(folder, ("seed: 2", "seed: 1"))) == (
        "2 trained networks, about 3 min of training, of other settings or an earlier version would be lost, "
        "and 0 would be trained"
    )
    assert str(losses.Losses(1, 0.5, 2)).startswith(
        "1 trained network of other settings or an earlier version would be lost"
    )
    for seconds, text in ((1, "1 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h")):
        assert f"about {text} of" in str(losses.Losses(1, seconds, 2))
