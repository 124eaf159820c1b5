"""Runs with a Slurm that is not one, but refuses, forgets and counts as one may: commands on PATH that start processes.

A real one: tests/test_slurm.py.
"""

import json
import re
import subprocess
import sys
import threading
from collections import Counter
from itertools import pairwise
from types import SimpleNamespace

import pytest
from faults_slurm import SMALL, command_of
from tiny import edited

from scoregap.runtime import receipts, tasks
from scoregap.study import load

# Its state is a folder: a file per task, with its comment, and another with its exit status when it has ended.
# `refusals` has a line for each submission that is refused: what is said, and then a + if it is taken all the same.
# The task named in `held` does not start: it is listed as put back and held until it is cancelled.
FAKE = """\
import json, os, subprocess, sys, time
from pathlib import Path

STATE = Path({state!r})
name, words = Path(sys.argv[0]).name, sys.argv[1:]
given = {{one: two for one, two in zip(words, words[1:]) if one.startswith("--") and "=" not in one}}
given |= dict(one.split("=", 1) for one in words if one.startswith("--") and "=" in one)
with open(STATE / "calls", "a") as file:
    file.write(json.dumps([name, time.time(), words]) + "\\n")
if name == "sbatch" and "--test-only" not in words:
    refusals = (STATE / "refusals").read_text().splitlines()
    (STATE / "refusals").write_text("\\n".join(refusals[1:]))
    id = len(list(STATE.glob("*.task"))) + 100
    last = int(given.get("--array", "1-0").partition("-")[2])
    (STATE / f"{{id}}.sh").write_text(sys.stdin.read())
    if not refusals or refusals[0].endswith("+"):
        for one in range(1, (last or 1) + 1):
            task = STATE / (f"{{id}}_{{one}}.task" if last else f"{{id}}.task")
            task.write_text(given["--comment"])
            if task.stem == (STATE / "held").read_text():
                continue
            base = STATE / task.stem
            line = f"bash {{STATE}}/{{id}}.sh > {{base}}.log 2>&1; echo $? > {{base}}.status"
            with open(os.devnull, "r+") as null:
                subprocess.Popen(["bash", "-c", line], stdin=null, stdout=null, stderr=null, start_new_session=True,
                                 env=os.environ | {{"SLURM_ARRAY_TASK_ID": str(one)}})
    if refusals:
        sys.exit(f"sbatch: error: {{refusals[0].rstrip('+')}}")
    print(id)
if name == "scancel":
    for one in words:
        (STATE / f"{{one}}.status").write_text("1")
if name == "squeue":
    for task in STATE.glob("*.task"):
        status = STATE / f"{{task.stem}}.status"
        if not status.exists() and task.stem == (STATE / "held").read_text():
            print(f"{{task.stem}}|PENDING|launch failed requeued held|{{task.read_text()}}")
        elif not status.exists():
            print(f"{{task.stem}}|RUNNING|None|{{task.read_text()}}")
        elif {remembers}:
            state = "COMPLETED" if status.read_text().strip() == "0" else "FAILED"
            print(f"{{task.stem}}|{{state}}|None|{{task.read_text()}}")
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """(remembers, refusals) -> (status, what is said, calls of its commands) of a small study, without training."""
    pytest.importorskip("snakemake_executor_plugin_slurm")

    def run(remembers=True, refusals=(), held="", retries=0):
        state, bin = tmp_path / "state", tmp_path / "bin"
        state.mkdir()
        bin.mkdir()
        (state / "refusals").write_text("\n".join(refusals))
        (state / "held").write_text(held)
        for name in ("sbatch", "squeue", "sacct", "scancel", "sinfo", "scontrol"):
            text = FAKE.format(state=str(state), remembers=remembers)
            (bin / name).write_text(f"#!{sys.executable}\n{text}")
            (bin / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{bin}:/usr/bin:/bin")
        study = edited(tmp_path, *SMALL, ("[exact, gated-8]", "[exact]"), ("[0.0]", "[0.0, 0.3, 0.6]"))
        command = command_of(study, retries=retries, **{"slurm-no-account": True})
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=500, check=False)
        calls = [json.loads(line) for line in (state / "calls").read_text().splitlines()]
        if done.returncode == 0:
            held = receipts.look(load(study), tmp_path / "results" / "tiny")
            assert all(one.holds for one in held.values())
        return done.returncode, done.stdout + done.stderr, calls

    return run


def submissions(calls):
    return [words for name, _, words in calls if name == "sbatch" and "--test-only" not in words]


def ran(folder):
    """How many tasks have run, by what is said of them."""
    return Counter(path.read_text().split()[1] for path in (folder / "state").glob("*.task"))


ALL = {"rule_fit": 3, "rule_cube": 1, "rule_compare_report": 1}


@pytest.mark.slow
@pytest.mark.workflow
def test_what_asks_for_the_same_is_one_submission_and_what_slurm_forgets_has_its_receipts(slurm, tmp_path):
    status, text, calls = slurm(remembers=False)
    assert status == 0, text
    assert [any(word.startswith("--array=1-3") for word in one) for one in submissions(calls)] == [True, False, False]
    assert ran(tmp_path) == ALL
    asked = [when for name, when, _ in calls if name == "squeue"]
    assert min(after - before for before, after in pairwise(asked[:-1])) > 0.9  # the last is at the end of the run


@pytest.mark.slow
@pytest.mark.workflow
def test_a_slurm_that_takes_nothing_for_now_is_asked_later_and_given_nothing_twice(slurm, tmp_path):
    """The second time it takes them, and does not say so: they are looked for."""
    said = "Batch job submission failed: Socket timed out on send/recv operation"
    status, text, calls = slurm(refusals=[said, said + "+"])
    assert status == 0, text
    log = (tmp_path / "results/tiny/logs/run.log").read_text()
    assert re.findall(r"Slurm takes no jobs for now, asked again in (\d+) s", log) == ["2", "4"]
    assert ran(tmp_path) == ALL
    assert len(submissions(calls)) == 4


@pytest.mark.slow
@pytest.mark.workflow
def test_what_it_puts_back_and_holds_is_cancelled_and_tried_again(slurm, tmp_path):
    """Else the run waits until a person lets it go on."""
    status, text, calls = slurm(held="100_2", retries=1)
    assert status == 0, text
    assert [words for name, _, words in calls if name == "scancel"] == [["100_2"]]
    assert ran(tmp_path) == ALL | {"rule_fit": 4}


@pytest.mark.slow
@pytest.mark.workflow
def test_what_it_will_never_take_fails(slurm):
    status, text, _ = slurm(refusals=["Batch job submission failed: Invalid qos specification"])
    assert status == 1
    says = r"^scoregap: fit \S+: cannot be submitted: sbatch: error: .*Invalid qos specification$"
    assert len(re.findall(says, text, re.M)) == 3


def test_what_has_ended_since_the_run_began_is_not_submitted_again(tmp_path, monkeypatch):
    """Three fits of an earlier run: one lives, one has ended and left its receipt, one has ended without."""
    pytest.importorskip("snakemake_executor_plugin_slurm")
    from scoregap.runtime import slurm

    study = load(edited(tmp_path, *SMALL, ("[exact, gated-8]", "[exact]"), ("[0.0]", "[0.0, 0.3, 0.6]")))
    places = [receipts.place("fit", job) for job in study.jobs]
    jobs = [SimpleNamespace(is_group=lambda: False, output=[one], rule=SimpleNamespace(name="fit")) for one in places]
    monkeypatch.setattr(
        receipts, "left", lambda study, folder, stage, job, baseline: places[1].endswith(f"/{job}.json")
    )
    executor, known, submitted = slurm.Executor.__new__(slurm.Executor), [], []
    settings = SimpleNamespace(globals={"STUDY": study, "BASELINE": None})
    state = {
        "workflow": settings, "folder": tmp_path, "lock": threading.Lock(), "ready": list(jobs), "unsure": {},
        "with_slurm": 0, "not_before": 0.0, "since": 0.0, "wait": True, "max_array_size": 1000,
        "before": {places[0]: ["7_1"], places[1]: ["7_2"], places[2]: ["7_3"]},
        "report_job_submission": lambda one: known.append((one.job, one.aux["ids"])), "_call": lambda job: "sbatch",
        "_sbatch": lambda rules, call, some: submitted.extend(some),
    }  # fmt: skip
    for name, value in state.items():
        setattr(executor, name, value)
    states = {"7_1": "RUNNING", "7_2": "COMPLETED", "7_3": "COMPLETED"}
    executor._submit({id: tasks.Task(id, one, "b1") for id, one in states.items()})
    assert known == [(jobs[0], ["7_1"]), (jobs[1], [])]
    assert submitted == [jobs[2]]
