"""What an earlier run has left with Slurm is kept, cancelled or refused, by what a `squeue` lists; test_slurm.py asks a
real one."""

import re
import stat

import pytest
from tiny import edited

from scoregap import InputError
from scoregap.runtime import receipts, tasks
from scoregap.study import load

SQUEUE = """\
echo "$*" >> {folder}/asked
test -e {folder}/silent && exit 1
cat {folder}/queue
"""
SCANCEL = """\
echo "$*" > {folder}/cancelled
for one in "$@"; do sed -i "s/^$one|[A-Z]*|/$one|CANCELLED|/" {folder}/queue; done
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A folder in which `queue` is what squeue prints, and `cancelled` what scancel was given."""
    bin = tmp_path / "bin"
    bin.mkdir()
    for name, text in (("squeue", SQUEUE), ("scancel", SCANCEL)):
        (bin / name).write_text("#!/bin/sh\n" + text.format(folder=tmp_path))
        (bin / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{bin}:/usr/bin:/bin")
    monkeypatch.setattr(tasks, "PAUSE", 0.01)
    (tmp_path / "queue").write_text("")
    return tmp_path


def submitted(study, folder, batch, *steps):
    """The file of a submission whose tasks are to write these receipts, each of a (stage, job)."""
    made = [{receipts.place(*step): receipts.fingerprint(study, *step) for step in of_task} for of_task in steps]
    tasks.write(folder, batch, made)


@pytest.fixture
def left(slurm):
    """(study, its results folder) after a run that has submitted spectra and fits of all its jobs as an array, of which
    the first has ended."""
    study = load(edited(slurm, ("[exact, gaussian, gated-8]", "[exact, gaussian]")))
    folder = slurm / "results" / "tiny"
    submitted(study, folder, "b1", *([("spectrum", job), ("fit", job)] for job in study.jobs))
    states = ["COMPLETED", "RUNNING", "PENDING", "REQUEUED"]
    (slurm / "queue").write_text("".join(f"7_{n}|{one}|None|b1 rule_spectrum_fit\n" for n, one in enumerate(states, 1)))
    return study, folder


def test_all_are_asked_for_by_one_question_and_only_those_of_the_folder(slurm, left):
    _, folder = left
    found = tasks.listed(folder)
    assert [task.id for task in found.values() if task.lives] == ["7_2", "7_3", "7_4"]
    assert [task.position for task in found.values()] == [0, 1, 2, 3]
    (asked,) = (slurm / "asked").read_text().splitlines()
    assert f"--name={tasks.name_of(folder)}" in asked
    assert tasks.name_of(folder) != tasks.name_of(slurm / "elsewhere" / "tiny")


def test_a_job_that_is_no_array_has_the_first_place():
    assert tasks.Task("7", "PENDING", "b1").position == 0


def test_what_makes_what_is_wanted_goes_on(slurm, left):
    study, folder = left
    assert tasks.settle(study, folder, None, adopts=True) == ["3 jobs that an earlier run has submitted go on"]
    assert not (slurm / "cancelled").exists()
    assert [path.name for path in (folder / tasks.FOLDER).iterdir()] == ["b1.json"]


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        (("[0.0, 0.5]", "[0.5]"), ["7_2"]),  # of curvature 0 the exact score's has ended
        (("resamples: 50", "resamples: 60"), ["7_2", "7_3", "7_4"]),
        (("points: 4", "points: 5"), ["7_2", "7_3", "7_4"]),
    ],
)
def test_what_makes_anything_else_is_cancelled(slurm, left, change, gone):
    study, folder = left
    study.path.write_text(study.path.read_text().replace(*change))
    lines = tasks.settle(load(study.path), folder, None, adopts=True)
    assert lines[0] == f"{len(gone)} jobs that Slurm had of other settings are cancelled"
    assert (slurm / "cancelled").read_text().split() == gone
    rest = 3 - len(gone)
    assert lines[1:] == ([f"{rest} jobs that an earlier run has submitted go on"] if rest else [])


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("PENDING", "launch failed requeued held"),
        ("PENDING", "launch_failure_limit_exceeded_requeued_held"),
        ("PENDING", "JobHoldMaxRequeue"),
        ("REQUEUE_HOLD", "None"),
    ],
)
def test_what_slurm_has_put_back_and_holds_is_cancelled(slurm, left, state, reason):
    """It would wait for a person, and the run with it."""
    study, folder = left
    (slurm / "queue").write_text(f"7_2|{state}|{reason}|b1 rule_spectrum\n7_3|PENDING|JobHeldUser|b1 rule_spectrum\n")
    assert tasks.settle(study, folder, None, adopts=True) == ["1 jobs that an earlier run has submitted go on"]
    assert (slurm / "cancelled").read_text().split() == ["7_2"]


@pytest.mark.parametrize("state", ["CANCELLED", "FAILED"])
def test_what_was_held_and_has_ended_is_not_cancelled_again(slurm, left, state):
    """Slurm lists it with that reason for some minutes."""
    study, folder = left
    (slurm / "queue").write_text(f"7_2|{state}|launch failed requeued held|b1 rule_spectrum\n")
    assert tasks.settle(study, folder, None, adopts=True) == []
    assert tasks.listed(folder)["7_2"].state == state
    assert not (slurm / "cancelled").exists()


@pytest.mark.parametrize("content", ["", "[", "{}", "[1, 2, 3, 4]", "[]"])
def test_what_nobody_knows_is_cancelled(slurm, left, content):
    study, folder = left
    (folder / tasks.FOLDER / "b1.json").write_text(content)
    assert tasks.settle(study, folder, None, adopts=True) == ["3 jobs that Slurm had of other settings are cancelled"]
    assert (slurm / "cancelled").read_text().split() == ["7_2", "7_3", "7_4"]


def test_files_of_submissions_that_have_ended_are_deleted(slurm, left):
    study, folder = left
    (slurm / "queue").write_text("7_1|COMPLETED|None|b1 rule_fit\n")
    assert tasks.settle(study, folder, None, adopts=True) == []
    assert not tasks.any_written(folder)


def test_a_run_on_this_machine_is_refused_while_slurm_has_jobs_of_it(slurm, left):
    study, folder = left
    with pytest.raises(InputError) as caught:
        tasks.settle(study, folder, None, adopts=False)
    assert re.search(
        r"3 jobs of an earlier run are with Slurm.* scancel --name=scoregap-tiny-\w{8}$", str(caught.value)
    )
    (slurm / "queue").write_text("")
    assert tasks.settle(study, folder, None, adopts=False) == []


def test_where_slurm_does_not_answer_nothing_is_taken_for_gone(slurm, left, monkeypatch):
    study, folder = left
    (slurm / "silent").touch()
    for adopts in (True, False):
        with pytest.raises(InputError, match="squeue does not answer"):
            tasks.settle(study, folder, None, adopts)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(tasks, "_is_there", lambda: False)  # as on a laptop to which results were copied
    assert tasks.settle(study, folder, None, adopts=False) == []


def test_jobs_that_do_not_end_are_waited_for_and_then_told(slurm, left, monkeypatch):
    study, folder = left
    (slurm / "bin" / "scancel").write_text("#!/bin/sh\n")
    monkeypatch.setattr(tasks, "PATIENCE", 0.05)
    study.path.write_text(study.path.read_text().replace("points: 4", "points: 5"))
    with pytest.raises(InputError, match="3 jobs of other settings do not end"):
        tasks.settle(load(study.path), folder, None, adopts=True)


def test_a_slurm_that_does_not_take_the_cancellation_is_told_in_a_line(slurm, left, monkeypatch):
    study, folder = left
    (slurm / "bin" / "scancel").write_text("#!/bin/sh\nexec sleep 5\n")
    monkeypatch.setattr(tasks, "ANSWER", 0.5)
    monkeypatch.setattr(tasks, "PATIENCE", 0.05)
    study.path.write_text(study.path.read_text().replace("points: 4", "points: 5"))
    with pytest.raises(InputError, match="3 jobs of other settings do not end"):
        tasks.settle(load(study.path), folder, None, adopts=True)


def test_without_submissions_slurm_is_not_asked(slurm):
    study = load(edited(slurm))
    assert tasks.settle(study, slurm / "results" / "tiny", None, adopts=True) == []
    assert not (slurm / "asked").exists()
