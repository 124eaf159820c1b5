"""What Snakemake prints, and what is made of it."""

from printed import FAILURE, GROUP, START, SUCCESS

from scoregap.orchestration.events import Events


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
