"""Every event of Snakemake is told once, whatever kind of job it is of, and all that is printed is printed as ever."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from scoregap.runtime import events, handover
from scoregap.runtime.events import DESCRIPTOR, Event, Events
from scoregap.runtime.logger import event_of

# A job in the scheduler's own process, one in a process of its own (`run:`), one that is tried again, one that fails,
# and a group, which is one job for an executor.
SNAKEFILE = """\
rule all:
    input: "shell/a", "run/a", "fit/b", "again/a", "broken/a"

rule shell:
    output: "shell/{job}"
    log: "logs/shell/{job}.log"
    shell: "touch {output}"

rule run:
    output: "run/{job}"
    run: open(output[0], "w")

rule spectrum:
    output: "spectrum/{job}"
    log: "logs/spectrum/{job}.log"
    group: "measure"
    shell: "touch {output}"

rule fit:
    input: "spectrum/{job}"
    output: "fit/{job}"
    log: "logs/fit/{job}.log"
    group: "measure"
    shell: "touch {output}; ls -l /proc/$$/fd > fds"

rule again:
    output: "again/{job}"
    log: "logs/again/{job}.log"
    retries: 1
    shell: "test -e once || (touch once; exit 1); touch {output}"

rule broken:
    output: "broken/{job}"
    log: "logs/broken/{job}.log"
    shell: "exit 1  # oom-kill due to time limit"
"""


def snakemake(folder, *arguments):
    """(what it printed, what it told) of the workflow in a folder."""
    told, tells = os.pipe()
    command = [sys.executable, "-m", "scoregap.runtime.logger", "--cores", "2", "--keep-going", *arguments]
    environment = {**os.environ, DESCRIPTOR: str(tells)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "pass_fds": [tells]}
    with subprocess.Popen(command, cwd=folder, env=environment, **pipes) as process, os.fdopen(told) as lines:
        os.close(tells)
        printed, _ = process.communicate()
        return printed, [events.parse(line) for line in lines]


@pytest.mark.slow
@pytest.mark.workflow
@pytest.mark.parametrize("quiet", ["progress", "all"])
def test_events_come_whatever_a_profile_says_of_quiet(tmp_path, quiet):
    """By the words of a run's command: Snakemake that is quiet about progress does not say which jobs have finished."""
    (tmp_path / "Snakefile").write_text("rule one:\n    shell: 'true'\n")
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile" / "config.yaml").write_text(f"quiet: [{quiet}]\n")
    command = handover.command(None, 0)
    first = command.index("--nolock")
    _, told = snakemake(tmp_path, "--workflow-profile", "profile", *command[first : command.index("--snakefile")])
    assert Counter(one.event for one in told) == {"run_info": 1, "job_info": 1, "job_finished": 1, "progress": 1}


@pytest.mark.slow
@pytest.mark.workflow
@pytest.mark.parametrize("arguments", [(), ("--quiet", "all")])
def test_jobs_of_every_kind_are_told_once(tmp_path, arguments):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    printed, told = snakemake(tmp_path, *arguments)
    count = Counter((one.event, one.rule) for one in told)
    rules = ("shell", "run", "spectrum", "fit", "broken")
    assert count == {
        ("run_info", ""): 1, **{("job_info", rule): 1 for rule in rules}, ("job_info", "again"): 2,
        ("job_error", "again"): 1, ("job_error", "broken"): 1, ("job_finished", ""): 5, ("progress", ""): 5,
    }  # fmt: skip
    found = Events()
    for one in told:
        found.add(one)
    assert found.totals == {**dict.fromkeys((*rules, "again", "all"), 1), "total": 7}
    assert {job.rule: job.state for job in found.jobs.values()} == {
        **dict.fromkeys(("shell", "run", "spectrum", "fit", "again"), "done"), "broken": "failed",
    }  # fmt: skip
    assert {job.rule: job.log for job in found.jobs.values()} == {
        "run": "", **{rule: f"logs/{rule}/{'b' if rule in ('spectrum', 'fit') else 'a'}.log"
                      for rule in ("shell", "spectrum", "fit", "again", "broken")},
    }  # fmt: skip
    (error,) = found.failures()
    assert (error.rule, error.message) == ("broken", "")  # not its command, which might say anything
    assert ([one.done for one in told if one.event == "progress"], told[-1].total) == ([1, 2, 3, 4, 5], 7)
    if arguments:
        assert printed == ""
    else:  # as it prints without the plugin
        assert len(re.findall(r"^Finished jobid: \d+ \(Rule: \w+\)$", printed, re.MULTILINE)) == 5
        assert len(re.findall(r"^Error in rule (broken|again):$", printed, re.MULTILINE)) == 2
        assert "5 of 7 steps (71%) done" in printed
    if os.path.isdir("/proc/self/fd"):
        assert (tmp_path / "fds").read_text().count("pipe:") <= 2, "jobs have the descriptor too"


@pytest.mark.slow
@pytest.mark.workflow
def test_nothing_to_be_done_is_told(tmp_path):
    (tmp_path / "Snakefile").write_text("rule all:\n    input: 'Snakefile'\n")
    printed, told = snakemake(tmp_path)
    assert [one.event for one in told] == ["nothing"]
    assert told[0].message in printed
    assert told[0].message.startswith("Nothing to be done")


@pytest.mark.slow
@pytest.mark.workflow
def test_a_workflow_that_cannot_be_planned_tells_nothing_and_prints_why(tmp_path):
    (tmp_path / "Snakefile").write_text("rule all:\n    input: 'absent'\n")
    printed, told = snakemake(tmp_path)
    assert told == []
    assert "MissingInputException" in printed


def error(**changes):
    """What `snakemake.jobs.Job.get_log_error_info` says, as a record."""
    return {
        "event": LogEvent.JOB_ERROR, "msg": "Error in rule fit", "rule_name": "fit", "rule_msg": None, "jobid": 8,
        "input": ["oom-kill"], "output": ["out-of-memory"], "log": ["logs/fit/b.log"], "conda_env": None,
        "container_img": None, "aux": {}, "indent": False, "shellcmd": "echo due to time limit",
    } | changes  # fmt: skip


def test_what_an_executor_says_is_in_the_message_and_what_users_named_is_not():
    record = error(rule_msg="SLURM status is: 'TIMEOUT'", aux={"external_jobid": "3", "reason": None})
    told = event_of(record)
    assert told == Event(
        event="job_error", job=8, rule="fit", logs=["logs/fit/b.log"], message="SLURM status is: 'TIMEOUT'\n3"
    )


def test_an_error_of_a_group_is_told_once_with_its_jobs():
    """Snakemake logs the group, and each of its jobs once more, indented."""
    jobs = [error(indent=True), error(indent=True, jobid=7, rule_name="spectrum", log=["logs/spectrum/b.log"])]
    record = {"event": LogEvent.GROUP_ERROR, "msg": "Error in group oom-kill", "aux_logs": [Path("s/1.log")]}
    record["job_error_info"] = jobs
    told = [event_of(one) for one in (record, *jobs)]
    assert told[1:] == [None, None]
    assert told[0].logs == ["s/1.log"]
    assert [(one.job, one.rule, one.logs, one.message) for one in told[0].jobs] == [
        (8, "fit", ["logs/fit/b.log"], ""),
        (7, "spectrum", ["logs/spectrum/b.log"], ""),
    ]


def test_bytes_that_are_no_text_do_not_silence_an_error():
    told = event_of(error(log=[os.fsdecode(b"logs/\xff.log")], rule_msg="\udcff"))
    assert events.parse(told.line()) == told


@pytest.mark.parametrize("event", [one for one in LogEvent if one not in (
    LogEvent.RUN_INFO, LogEvent.JOB_INFO, LogEvent.JOB_FINISHED, LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR,
    LogEvent.PROGRESS,
)])  # fmt: skip
def test_other_events_and_words_are_not_told(event):
    assert event_of({"event": event, "msg": "Error in rule fit:"}) is None
    assert event_of({"msg": "Error in rule fit:\n    jobid: 8\nFinished jobid: 8 (Rule: fit)"}) is None
