"""What Snakemake says of its jobs.

lines of JSON, one per event -> totals per rule, and every job that was started: running, done or failed, and why
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ValidationError

from scoregap.store.opening import read_bytes

DESCRIPTOR = "SCOREGAP_EVENTS"  # a variable of the environment: the number of the descriptor that events go to


class Event(BaseModel):
    """One event of Snakemake, under the name that it has there; `nothing` stands for nothing to be done.

    run_info: totals, jobs per rule. job_info: a job (its number) of a rule starts; logs, relative to the results
    folder. job_finished: a job. job_error: a job of a rule, with all logs, also of its scheduler, and what the executor
    says. group_error: jobs that were submitted together, each as in job_error, and the scheduler's logs. progress:
    done jobs of a total. nothing: a message for the user. stopped: of ours, that the user has asked for the end.
    """

    event: str
    job: int = -1
    rule: str = ""
    logs: list[str] = []
    message: str = ""
    jobs: list["Event"] = []
    totals: dict[str, int] = {}
    done: int = 0
    total: int = 0

    def line(self) -> str:
        """As `parse` reads it."""
        return self.model_dump_json(exclude_defaults=True)

    @property
    def of_jobs(self) -> list["Event"]:
        """What an error says of each of its jobs."""
        return self.jobs or [self]


STOPPED = Event(event="stopped")


def parse(line: str) -> Event | None:
    """The event in a line; None where there is none, as in half a line."""
    try:
        return Event.model_validate_json(line)
    except ValidationError:
        return None


@dataclass
class Job:
    """A job that was started: its rule, its log (relative to the results folder; empty if it has none), how it is."""

    rule: str
    log: str = ""
    state: str = "running"  # running, done, failed or stopped


@dataclass
class Events:
    """Feed it every event with `add`. totals: jobs per rule; jobs: by Snakemake's number, those that were started.
    errors: the last one of every job, or group of jobs, that has failed, whether or not it was tried again. stopped:
    whether the user has asked for the end; jobs that end without a result from then on have not failed."""

    totals: dict[str, int] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    errors: dict[frozenset[int], Event] = field(default_factory=dict)
    stopped: bool = False

    def add(self, event: Event) -> None:
        """Take note of one event."""
        match event.event:
            case "run_info":
                self.totals = event.totals
            case "job_info":
                self.jobs[event.job] = _job(event, "running")
            case "job_finished":
                if event.job in self.jobs:
                    self.jobs[event.job].state = "done"
            case "stopped":
                self.stopped = True
                for job in self.jobs.values():
                    job.state = "stopped" if job.state == "running" else job.state
            case "job_error" | "group_error" if self.stopped:
                self.jobs |= {one.job: _job(one, "stopped") for one in event.of_jobs}
            case "job_error" | "group_error":
                self.errors[frozenset(one.job for one in event.of_jobs)] = event
                self.jobs |= {one.job: _job(one, "failed") for one in event.of_jobs}

    def counts(self, state: str) -> Counter[str]:
        """Jobs per rule that are in a state."""
        return Counter(job.rule for job in self.jobs.values() if job.state == state)

    def failures(self) -> list[Event]:
        """Errors of jobs that no later attempt has finished."""
        return [
            error for jobs, error in self.errors.items() if any(self.jobs[one].state != "done" for one in jobs)
        ]  # fmt: skip


def read(path: Path) -> Events:
    """The events in a file, as far as there is one and its lines are events."""
    found = Events()
    try:
        lines = read_bytes(path).decode(errors="replace").split("\n")
    except OSError:
        return found
    for event in filter(None, map(parse, lines)):
        found.add(event)
    return found


def _job(event: Event, state: str) -> Job:
    return Job(event.rule, event.logs[0] if event.logs else "", state)
