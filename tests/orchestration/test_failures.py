"""Failed jobs are told in one line each: of the job, of what stopped it, of where its log is."""

import pytest

from scoregap.orchestration.failures import explain

SINGLE = """\
[Sun Nov 22 07:08:21 2026]
Error in rule train:
    message: SLURM-job '3' failed, SLURM status is: '{state}'. Detailed failure reason unavailable.
    jobid: 2
    output: train/a-1.safetensors
    log: logs/train/a-1.log, {folder}/.snakemake/slurm_logs/rule_train/a-1/3.log (check log file(s) for error details)
    shell:
        python -m scoregap train
        (command exited with non-zero exit code)
    external_jobid: 3
"""
GROUP = """\
[Sun Nov 22 07:06:33 2026]
    message: Error in group measure_b-2
    log: {folder}/.snakemake/slurm_logs/group_measure_b-2_fit_spectrum/1.log (check log file(s) for error details)
    jobs:
        rule fit:
            jobid: 8
            output: fit/b-2.zarr.zip
            log: logs/fit/b-2.log (check log file(s) for error details)
        rule spectrum:
            jobid: 7
            output: spectrum/b-2.zarr.zip
            log: logs/spectrum/b-2.log (check log file(s) for error details)
    [Sun Nov 22 07:06:33 2026]
    Error in rule fit:
        message: None
        jobid: 8
        log: logs/fit/b-2.log (check log file(s) for error details)
"""
SLURM = {
    "a-1": ".snakemake/slurm_logs/rule_train/a-1/3.log",
    "b-2": ".snakemake/slurm_logs/group_measure_b-2_fit_spectrum/1.log",
}


@pytest.fixture
def told(tmp_path):
    """What is told of these lines, given these logs."""

    def explained(text, logs=None):
        for name, content in (logs or {}).items():
            path = tmp_path / SLURM.get(name, f"logs/{name}.log")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return explain(text.replace("{folder}", str(tmp_path)).splitlines(), tmp_path)

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
    (line,) = told(SINGLE.replace("{state}", state), {"a-1": slurm, "train/a-1": "step 5/9\n"})
    assert line.startswith(f"scoregap: train a-1: {what}")
    assert line.endswith("rule_train/a-1/3.log")


def test_a_limit_comes_before_what_an_earlier_attempt_wrote(told):
    (line,) = told(SINGLE.replace("{state}", "TIMEOUT"), {"train/a-1": "scoregap: old\n"})
    assert "ran out of time" in line


def test_words_in_paths_are_no_limits(told):
    text = SINGLE.replace("{state}", "FAILED")
    for where in ("train\n        (", "log: logs/", "output: train/"):
        assert where in text
        path = f"{where.split('(')[0].rstrip()} --study /out-of-memory/due to time limit.yaml\n        ("
        named = text.replace(where, path) if "(" in where else text.replace(where, f"{where}../oom-kill/")
        (line,) = told(named, {"train/a-1": "step 5/9\n", "../oom-kill/train/a-1": "step 5/9\n"})
        assert "ran out of" not in line, line


def test_our_own_message_is_told_as_it_is(told):
    text = SINGLE.replace("{state}", "FAILED") + GROUP
    logs = {"train/a-1": "step 1/9\nscoregap: w: is damaged\n", "spectrum/b-2": "scoregap: w: is damaged\n"}
    assert told(text, logs) == ["scoregap: w: is damaged"]


def test_in_a_group_the_first_stage_that_did_not_finish_is_named(told):
    (line,) = told(GROUP, {"b-2": "exceeded memory limit"})
    assert line.startswith("scoregap: spectrum b-2: ran out of memory")
    assert "[spectrum:mem_mb=MB]" in line
    (line,) = told(GROUP, {"b-2": "Finished jobid: 1 (Rule: spectrum)\nexceeded memory limit"})
    assert line.startswith("scoregap: fit b-2: ran out of memory")


def test_in_a_group_the_stage_that_was_at_work_is_named_whatever_the_order_of_stages(told):
    """`fit` may run before `dimension`: both need only what is before them."""
    log = "log: logs/dimension/b-2.log (check log file(s) for error details)"
    group = GROUP.replace(
        "    jobs:\n", f"    jobs:\n        rule dimension:\n            jobid: 9\n            {log}\n"
    )
    ran = "localrule spectrum:\nFinished jobid: 7 (Rule: spectrum)\nlocalrule {}:\nexceeded memory limit"
    for stage in ("fit", "dimension"):
        (line,) = told(group, {"b-2": ran.format(stage)})
        assert line.startswith(f"scoregap: {stage} b-2: ran out of memory")
        assert f"[{stage}:mem_mb=MB]" in line


def test_a_message_is_found_in_any_log_of_a_group(told):
    """Where no scheduler says which stage was at work."""
    assert told(GROUP, {"fit/b-2": "scoregap: no space\n"}) == ["scoregap: no space"]


def test_a_failure_after_the_last_stage_is_told_and_one_without_logs_is_not(told):
    said = "Finished jobid: 1 (Rule: spectrum)\nFinished jobid: 0 (Rule: fit)\n"
    (line,) = told(GROUP, {"b-2": said + "oom_kill"})
    assert line.startswith("scoregap: fit b-2: ran out of memory")
    assert told("Error in rule fit:\n    jobid: 3\n") == []


def test_anything_else_is_the_last_line_of_the_log(told):
    logs = {"spectrum/b-2": "Traceback\nValueError: no\n\n"}
    (line,) = told(GROUP, logs)
    assert line.startswith("scoregap: spectrum b-2: failed: ValueError: no; log: ")
    assert line.endswith("logs/spectrum/b-2.log")
    (line,) = told(GROUP.replace("b-2", "c-3"))
    assert "scoregap: spectrum c-3: failed: nothing in its log; log: " in line


def test_a_job_that_a_later_attempt_finished_is_left_out(told):
    single = SINGLE.replace("{state}", "TIMEOUT")
    assert told(single + "Trying to restart job 2.\nFinished jobid: 2 (Rule: train)\n") == []
    assert told(GROUP + "Finished jobid: 7 (Rule: spectrum)\nFinished jobid: 8 (Rule: fit)\n") == []
    assert len(told(GROUP + "Finished jobid: 7 (Rule: spectrum)\n")) == 1  # not all of it
    assert len(told(single + single + "Finished jobid: 3 (Rule: fit)\n")) == 1


def test_the_last_attempt_is_the_one_that_is_told(told):
    first, last = SINGLE.replace("{state}", "TIMEOUT"), SINGLE.replace("{state}", "OUT_OF_MEMORY")
    (line,) = told(first + last)
    assert "memory" in line


def test_logs_that_snakemake_shows_are_no_further_failures(told):
    shown = f"Logfile x.log:\n{'=' * 80}\n{SINGLE.replace('{state}', 'TIMEOUT')}{'=' * 80}\n"
    assert told(shown) == []
    assert len(told(GROUP + shown)) == 1


def test_stages_that_gather_have_no_job_in_their_name(told):
    (line,) = told("Error in rule cube:\n    jobid: 9\n    log: logs/cube.log (check log file(s) for error details)\n")
    assert line.startswith("scoregap: cube: failed: ")


def test_nothing_is_told_where_nothing_failed(told):
    assert told("Finished jobid: 2 (Rule: train)\n5 of 5 steps (100%) done\n") == []
