"""Failed jobs are told in one line each: of the job, of what stopped it, of where its log is."""

import shutil
from types import SimpleNamespace

import pytest

from scoregap.runtime.events import Event, Events
from scoregap.runtime.failures import explain

OWN, SCHEDULERS = "logs/train/a-1.log", "{folder}/.snakemake/slurm_logs/rule_train/a-1/3.log"


def single(state):
    """A job that Slurm has ended in a state."""
    says = f"SLURM-job '3' failed, SLURM status is: '{state}'. Detailed failure reason unavailable."
    return Event(event="job_error", job=2, rule="train", logs=[OWN, SCHEDULERS], message=f"{says}\n3")


def group(job="b-2"):
    """Two jobs that Slurm had as one."""
    jobs = [Event(event="job_error", job=n, rule=rule, logs=[f"logs/{rule}/{job}.log"])
            for n, rule in ((8, "fit"), (7, "spectrum"))]  # fmt: skip
    return Event(
        event="group_error", logs=["{folder}/.snakemake/slurm_logs/group_measure_b-2_fit_spectrum/1.log"], jobs=jobs
    )


def finished(*jobs):
    return [Event(event="job_finished", job=one) for one in jobs]


SLURM = {
    "a-1": ".snakemake/slurm_logs/rule_train/a-1/3.log",
    "b-2": ".snakemake/slurm_logs/group_measure_b-2_fit_spectrum/1.log",
}


@pytest.fixture
def told(tmp_path):
    """What is told of these events, given these logs."""

    def explained(*told, logs=None):
        for name, content in (logs or {}).items():
            path = tmp_path / SLURM.get(name, f"logs/{name}.log")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        events = Events()
        for one in told:
            events.add(one.model_copy(update={"logs": [log.replace("{folder}", str(tmp_path)) for log in one.logs]}))
        return explain(events, tmp_path)

    return explained


@pytest.mark.parametrize(
    ("state", "slurm", "what"),
    [
        (
            "TIMEOUT",
            "",
            "ran out of time: run again, or allow more in the profile, set-resources: [train:runtime=MINUTES]",
        ),
        (
            "FAILED",
            "slurmstepd: error: *** JOB 3 ON n1 CANCELLED AT 2026-11-22T07:06:22 DUE TO TIME LIMIT ***",
            "ran out of time",
        ),
        (
            "OUT_OF_MEMORY",
            "",
            "ran out of memory: run again, or allow more in the profile, set-resources: [train:mem_mb=MB]",
        ),
        ("FAILED", "slurmstepd: error: StepId=3.0 exceeded memory limit (4 > 3), being killed", "ran out of memory"),
        (
            "FAILED",
            "error: Detected 1 oom_kill event in StepId=3.0. Some of the step tasks have been OOM Killed.",
            "ran out of memory",
        ),
    ],
)
def test_limits_are_named_with_what_to_change_and_the_log(told, state, slurm, what):
    (line,) = told(single(state), logs={"a-1": slurm, "train/a-1": "step 5/9\n"})
    assert line.startswith(f"scoregap: train a-1: {what}")
    assert line.endswith("rule_train/a-1/3.log")


@pytest.mark.parametrize(
    ("state", "slurm", "what"),
    [
        ("NODE_FAIL", "", "its node failed: run again; log: "),
        (
            "FAILED",
            "slurmstepd: error: *** JOB 3 ON n1 CANCELLED AT 2026-11-28T07:06:22 DUE TO NODE FAILURE ***",
            "its node",
        ),
        ("PREEMPTED", "", "was preempted: run again; log: "),
        (
            "FAILED",
            "slurmstepd: error: *** JOB 3 ON n1 CANCELLED AT 2026-11-28T07:06:22 DUE TO PREEMPTION ***",
            "was preempted",
        ),
        ("CANCELLED", "", "was cancelled: run again; log: "),
        ("CANCELLED by 0", "", "was cancelled"),
        ("FAILED", "slurmstepd: error: *** JOB 3 ON n1 CANCELLED AT 2026-11-28T07:06:22 ***", "was cancelled"),
    ],
)
def test_an_end_from_outside_is_named_rather_than_the_last_step(told, state, slurm, what):
    (line,) = told(single(state), logs={"a-1": slurm, "train/a-1": "step 5/9\n"})
    assert line.startswith(f"scoregap: train a-1: {what}")
    assert line.endswith("rule_train/a-1/3.log")
    assert told(single(state), logs={"train/a-1": "scoregap: w: is damaged\n"}) == ["scoregap: w: is damaged"]


@pytest.mark.parametrize("told_of", [single("GONE"), group()])
def test_what_cannot_be_submitted_is_told_with_why(told, told_of):
    job = "a-1" if told_of.rule else "b-2"
    (line,) = told(told_of, logs={job: "cannot be submitted: sbatch: error: Invalid qos due to time limit\n"})
    stage = "train" if told_of.rule else "spectrum"
    assert line == f"scoregap: {stage} {job}: cannot be submitted: sbatch: error: Invalid qos due to time limit"


def test_a_limit_comes_before_what_an_earlier_attempt_wrote(told):
    (line,) = told(single("TIMEOUT"), logs={"train/a-1": "scoregap: old\n"})
    assert "ran out of time" in line


def test_words_in_paths_are_no_limits(told):
    """Of inputs, outputs and commands: an error does not say them (`test_logger.py`)."""
    event = single("FAILED").model_copy(update={"logs": ["logs/train/../train/oom-kill due to time limit.log"]})
    (line,) = told(event, logs={"train/oom-kill due to time limit": "step 5/9\n"})
    assert "ran out of" not in line, line


def test_our_own_message_is_told_as_it_is(told):
    logs = {"train/a-1": "step 1/9\nscoregap: w: is damaged\n", "spectrum/b-2": "scoregap: w: is damaged\n"}
    assert told(single("FAILED"), group(), logs=logs) == ["scoregap: w: is damaged"]


def test_in_a_group_the_first_stage_that_did_not_finish_is_named(told):
    (line,) = told(group(), logs={"b-2": "exceeded memory limit"})
    assert line.startswith("scoregap: spectrum b-2: ran out of memory")
    assert "[spectrum:mem_mb=MB]" in line
    (line,) = told(group(), logs={"b-2": "Finished jobid: 1 (Rule: spectrum)\nexceeded memory limit"})
    assert line.startswith("scoregap: fit b-2: ran out of memory")


def test_in_a_group_the_stage_that_was_at_work_is_named_whatever_the_order_of_stages(told):
    """`fit` may run before `dimension`: both need only what is before them."""
    dimension = Event(event="job_error", job=9, rule="dimension", logs=["logs/dimension/b-2.log"])
    three = group().model_copy(update={"jobs": [dimension, *group().jobs]})
    ran = "localrule spectrum:\nFinished jobid: 7 (Rule: spectrum)\nlocalrule {}:\nexceeded memory limit"
    for stage in ("fit", "dimension"):
        (line,) = told(three, logs={"b-2": ran.format(stage)})
        assert line.startswith(f"scoregap: {stage} b-2: ran out of memory")
        assert f"[{stage}:mem_mb=MB]" in line


def test_a_message_is_found_in_any_log_of_a_group(told):
    """Where no scheduler says which stage was at work."""
    assert told(group(), logs={"fit/b-2": "scoregap: no space\n"}) == ["scoregap: no space"]


def test_a_failure_after_the_last_stage_is_told_and_one_without_logs_is_not(told):
    said = "Finished jobid: 1 (Rule: spectrum)\nFinished jobid: 0 (Rule: fit)\n"
    (line,) = told(group(), logs={"b-2": said + "oom_kill"})
    assert line.startswith("scoregap: fit b-2: ran out of memory")
    assert told(Event(event="job_error", job=3, rule="fit")) == []


def test_anything_else_is_the_last_line_of_the_log(told):
    logs = {"spectrum/b-2": "Traceback\nValueError: no\n\n"}
    (line,) = told(group(), logs=logs)
    assert line.startswith("scoregap: spectrum b-2: failed: ValueError: no; log: ")
    assert line.endswith("logs/spectrum/b-2.log")
    (line,) = told(group("c-3"))
    assert "scoregap: spectrum c-3: failed: nothing in its log; log: " in line


def test_a_job_that_a_later_attempt_finished_is_left_out(told):
    timeout = single("TIMEOUT")
    assert told(timeout, *finished(2)) == []
    assert told(group(), *finished(7, 8)) == []
    assert len(told(group(), *finished(7))) == 1  # not all of it
    assert len(told(timeout, timeout, *finished(3))) == 1
    assert len(told(timeout, *finished(2), timeout)) == 1  # needed once more, and failed then


def test_the_last_attempt_is_the_one_that_is_told(told):
    (line,) = told(single("TIMEOUT"), single("OUT_OF_MEMORY"))
    assert "memory" in line


def test_a_job_that_fails_alone_and_in_a_group_is_told_of_both(told):
    """As with `group-components` changed by hand between attempts: numbers of jobs tell them apart, nothing else."""
    alone = Event(event="job_error", job=7, rule="spectrum", logs=["logs/spectrum/b-2.log"])
    assert len(told(alone, group(), logs={"spectrum/b-2": "scoregap: one\n", "fit/b-2": "scoregap: two\n"})) == 2


def test_stages_that_gather_have_no_job_in_their_name(told):
    (line,) = told(Event(event="job_error", job=9, rule="cube", logs=["logs/cube.log"]))
    assert line.startswith("scoregap: cube: failed: ")


def test_nothing_is_told_where_nothing_failed(told):
    start = Event(event="job_info", job=2, rule="train", logs=[OWN])
    assert told(start, *finished(2), Event(event="progress", done=5, total=5)) == []
    assert told(start) == []


@pytest.mark.parametrize(("free", "says"), [(0, "No space left on device"), (10**9, "nothing in its log")])
def test_an_empty_log_on_a_full_disk_says_why_it_is_empty(told, monkeypatch, free, says):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    (line,) = told(Event(event="job_error", job=2, rule="train", logs=[OWN]), logs={"train/a-1": ""})
    assert line.startswith(f"scoregap: train a-1: failed: {says}; log: ")
