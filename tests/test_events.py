"""What Snakemake prints, as it was printed by 9.27.1, and what is made of it."""

from scoregap.events import Events

START = """\
Building DAG of jobs...
Job stats:
job         count
--------  -------
spectrum       6
train           2
total          18

train 99
[Sun Nov 22 06:43:04 2026]
localrule train:
    output: train/arcs-0.5-gated-8.safetensors (update)
    log: logs/train/arcs-0.5-gated-8.log
    jobid: 2
    wildcards: job=arcs-0.5-gated-8
[Sun Nov 22 06:43:04 2026]
rule train:
    output: train/arcs-0.0-gated-8.safetensors (update)
    log: logs/train/arcs-0.0-gated-8.log
    jobid: 1
"""
FAILURE = """\
RuleException:
CalledProcessError in file "workflow/rules/train.smk", line 17:
[Sun Nov 22 06:43:05 2026]
Error in rule train:
    message: None
    jobid: 2
    output: train/arcs-0.5-gated-8.safetensors (update)
    log: logs/train/arcs-0.5-gated-8.log (check log file(s) for error details)
"""
SUCCESS = """\
[Sun Nov 22 06:43:08 2026]
Finished jobid: 1 (Rule: train)
1 of 18 steps (6%) done
Finished jobid: 77 (Rule: all)
"""
GROUP = """\
Error in group 1234:
    jobs:
        rule fit:
            jobid: 4
            log: logs/fit/arcs.log (check log file(s) for error details)
"""


def after(*texts):
    events = Events()
    for text in texts:
        for line in text.splitlines():
            events.add(line)
    return events


def test_totals_are_those_of_the_table():
    assert after(START).totals == {"spectrum": 6, "train": 2, "total": 18}


def test_jobs_run_fail_and_finish():
    events = after(START)
    assert {id: (job.rule, job.state) for id, job in events.jobs.items()} == {
        "2": ("train", "running"), "1": ("train", "running"),
    }  # fmt: skip
    events = after(START, FAILURE, SUCCESS)
    assert {job.log: job.state for job in events.jobs.values()} == {
        "logs/train/arcs-0.5-gated-8.log": "failed",
        "logs/train/arcs-0.0-gated-8.log": "done",
    }
    assert events.counts("failed") == {"train": 1}
    assert events.counts("running") == {}


def test_a_failed_job_that_is_tried_again_is_running():
    again = START[START.index("localrule") :]
    assert after(START, FAILURE, again).counts("running") == {"train": 2}


def test_jobs_of_a_group_fail_too():
    events = after(GROUP)
    assert [(job.rule, job.log, job.state) for job in events.jobs.values()] == [("fit", "logs/fit/arcs.log", "failed")]
