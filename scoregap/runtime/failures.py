"""Why jobs of a study failed, for whoever started it.

errors among the events of Snakemake, the logs they name -> one line per failed job

What a scheduler says of limits, and of the jobs of a group, no event carries: that is looked for in its words.
"""

import re
import shutil
from pathlib import Path

from scoregap.runtime.events import Event, Events
from scoregap.study.stages import STAGES

LIMITS = (
    (re.compile(r"due to time limit|'TIMEOUT'", re.IGNORECASE), "time", "runtime=MINUTES"),
    (re.compile(r"oom.?kill|out.of.memory|exceeded .*memory limit", re.IGNORECASE), "memory", "mem_mb=MB"),
)
FULL = 2**20  # bytes: a disk with less room has none for results
REFUSED = re.compile(r"cannot be submitted: .*")
ENDS = (  # that a job has not met by itself
    (re.compile(r"node_fail|due to node failure", re.IGNORECASE), "its node failed"),
    (re.compile(r"'PREEMPTED'|DUE TO PREEMPTION"), "was preempted"),
    (re.compile(r"'CANCELLED|\bCANCELLED AT\b"), "was cancelled"),
)


def explain(events: Events, folder: Path) -> list[str]:
    """One line, or a few, for every job that failed for good.

    events: all that Snakemake has told. folder: of the results, to which the logs' paths are relative. A job that a
    later attempt has finished is left out.
    """
    return list(dict.fromkeys(line for error in events.failures() for line in _reasons(error, folder)))


def _reasons(error: Event, folder: Path) -> list[str]:
    paths = [*error.logs, *(path for job in error.jobs for path in job.logs)]
    logs = [folder / path for path in paths]
    own = [log for stage in STAGES for log in dict.fromkeys(logs) if _stage(log) == stage.name]
    schedulers = [log for log in logs if log not in own]
    said = "\n".join(_read(log) for log in schedulers)
    done = re.findall(r"Finished jobid: \d+ \(Rule: (\w+)\)", said)
    own = [log for log in own if _stage(log) not in done] or own[-1:]
    begun = [stage for stage in re.findall(r"^(?:local)?rule (\w+):$", said, re.MULTILINE) if stage not in done]
    own.sort(key=lambda log: _stage(log) not in begun[-1:])  # first that of the stage that was at work
    if not own:
        return []
    name = _stage(own[0]) if _stage(own[0]) == own[0].stem else f"{_stage(own[0])} {own[0].stem}"
    outer = schedulers[-1] if schedulers else own[0]  # the log that says how the job ended
    outside = "\n".join([*(job.message for job in error.of_jobs), said])
    if refused := REFUSED.search(outside):
        return [f"scoregap: {name}: {refused[0]}"]
    for limit, what, resource in LIMITS:
        if limit.search(outside):
            return [
                f"scoregap: {name}: ran out of {what}: run again, or allow more in the profile, "
                f"set-resources: [{_stage(own[0])}:{resource}]; log: {outer}"
            ]
    told = [line for log in own for line in _read(log).splitlines()]
    if ours := [line for line in told if line.startswith("scoregap: ")]:
        return ours
    for end, what in ENDS:
        if end.search(outside):
            return [f"scoregap: {name}: {what}: run again; log: {outer}"]
    last = next((line for line in reversed(_read(own[0]).splitlines()) if line.strip()), "")
    if not last and own[0].parent.is_dir() and shutil.disk_usage(own[0].parent).free < FULL:
        last = "No space left on device"  # nor for the log
    return [f"scoregap: {name}: failed: {last.strip() or 'nothing in its log'}; log: {own[0]}"]


def _stage(log: Path) -> str:
    """The stage whose log it is: logs/STAGE/JOB.log or logs/STAGE.log."""
    return log.stem if log.parent.name == "logs" else log.parent.name


def _read(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
