"""How far a study is, read from its results folder at any time; nothing is written.

study, results folder -> cells per stage and state, what is running, what has failed and where the log is, and what the
next run runs -> text
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from scoregap import DamagedFile, InputError, printable, variables
from scoregap.runtime import events, locking, receipts, stopping, workflow
from scoregap.runtime.progress import INTERVAL, last, metrics_of, summary
from scoregap.store.jobs import job_members, job_path
from scoregap.store.opening import absent, lacks_resources, read_text, regular
from scoregap.store.weights import OF_TRAINED, weights_members
from scoregap.study import Job, Study
from scoregap.study.stages import STAGES

STATES = ("done", "running", "failed", "diverged", "stopped", "waiting")
WORST = ("failed", "diverged", "running", "stopped", "waiting", "done")  # a cell is what the worst of its stages is
OF_JOBS = tuple(stage.name for stage in STAGES if not stage.gathers)  # the stages with a file per job
CUBE = {"holds": "is of the study as it is now", "outdated": "is of an earlier version of the study"}
TAIL = 2**16  # bytes at the end of a log that are looked at


class Attempt(NamedTuple):
    """The last time a job of a stage was run without leaving its file: how it is, its log, and what that says."""

    state: str
    log: Path
    says: str = ""


@dataclass
class Overview:
    """cells: states of cells by stage, and by "cells", over all stages. begun: attempts by stage and job (empty for
    the stages that gather all jobs) that are running, stopped, failed or diverged. stopped: whether the last run was.
    cube: what is to be said of it. next: jobs per rule that a run would run now: those of cells that wait, and of some
    whose results are not known to be whole. edited: what of that is run since code has changed, in words.
    """

    study: Study
    folder: Path
    going: bool
    stopped: bool
    cells: dict[str, Counter[str]] = field(default_factory=dict)
    begun: list[tuple[str, str, Attempt]] = field(default_factory=list)
    cube: str = ""
    next: Counter[str] = field(default_factory=Counter)
    edited: list[str] = field(default_factory=list)


def look(study: Study, results: Path) -> Overview:
    """What there is of a study in a folder of results. Raises InputError if that is no folder, or may not be read."""
    folder = results / study.name
    with readable(results, folder):
        return _look(study, results, folder)


@contextmanager
def readable(results: Path, folder: Path) -> Iterator[None]:
    """What is read of a study's folder in one of results. Raises InputError if that is none, or may not be read."""
    try:
        for path in (results, folder):
            if path.exists() and not path.is_dir():
                raise InputError(key="--results", value=results, allowed=f"{path} is not a folder")
            with suppress(FileNotFoundError, NotADirectoryError), os.scandir(path):
                pass
        yield
    except OSError as error:
        if lacks_resources(error):
            raise
        why = f"{error.filename or folder}: {error.strerror}; should be a folder one can read, or absent"
        raise InputError(key="--results", value=results, allowed=why) from None


def _look(study: Study, results: Path, folder: Path) -> Overview:
    attempts = Attempts(folder)
    report = Overview(study, folder, attempts.going, attempts.told_of.stopped and not attempts.going)
    report.cells = {name: Counter() for name in (*OF_JOBS, "cells")}
    for job in study.jobs.values():
        states: list[list[str]] = [[] for _ in range(job.size)]
        busy: set[str] = set()  # rules whose process has not come to their later stages
        for stage in filter(job.has, OF_JOBS):
            found, begun, whole = of_job(folder, job, stage, attempts, later=job.rule(stage) in busy)
            report.begun += [(stage, job.id, one) for one in begun]
            busy |= set() if whole else {job.rule(stage)}
            report.cells[stage].update(found)
            for of_cell, state in zip(states, found, strict=True):
                of_cell.append(state)
        report.cells["cells"].update(min(of_cell, key=WORST.index) for of_cell in states)
    for stage in (stage.name for stage in STAGES if stage.name not in OF_JOBS):
        attempt = attempts.last(stage)
        if attempt.state != "waiting":
            report.begun.append((stage, "", attempt))
    of = receipts.look(study, folder, workflow.baseline(study, results))
    report.next.update(receipts.stage_of(path) for path in receipts.awaited(study) if not of[path].holds)
    report.edited = receipts.since(of)
    report.cube = cube(study, folder, of[receipts.place("cube")])
    return report


def of_job(
    folder: Path, job: Job, stage: str, attempts: "Attempts", later: bool = False
) -> tuple[list[str], list[Attempt], bool]:
    """The state of every cell of a job in a stage, what is to be told of it, and whether all have results. later: its
    process is, or was, at an earlier stage."""
    name = f"{job.rule(stage)}/{job.id}"
    log = folder / "logs" / f"{name}.log"
    try:
        found = members(folder, job, stage)
    except DamagedFile as error:
        return ["failed"] * job.size, [Attempt("failed", log, str(error))], False
    keys = job.keys(stage) if found else [""] * job.size
    whole = found.keys() >= set(keys)
    attempt = Attempt("waiting", log) if whole or later else attempts.last(name)
    training = stage == "train" and attempt.state == "running"
    if training and (now := last(metrics_of(job_path(folder, job.id, stage)))):
        attempt = attempt._replace(says=", ".join(summary(now)))
    states = [found.get(key, attempt.state) for key in keys]
    begun = [attempt] if attempt.state != "waiting" else []
    for state, says in (("failed", "no finite spectrum"), ("diverged", "training diverged")):
        count = sum(found.get(key) == state for key in keys)
        if count and not (stage == "spectrum" and state == "diverged"):  # which is told of its training
            begun.append(Attempt(state, log, f"{says}: {count} of {len(keys)} cells"))
    return states, begun, whole


def members(folder: Path, job: Job, stage: str) -> dict[str, str]:
    """done, diverged or failed by key, of the members in the file of a job; empty without one. Raises DamagedFile."""
    path = job_path(folder, job.id, stage)
    if absent(path) or not folder.is_dir():
        return {}
    if stage == "train":
        known = weights_members(path, OF_TRAINED)
        if not all("diverged" in one for one in known.values()):  # a checkpoint
            raise DamagedFile(f"{path}: is damaged: its training has not ended; run the study again")
        return {key: "diverged" if one["diverged"] else "done" for key, one in known.items()}
    keys, status = job_members(path, job.keys(stage), variables.made(stage, job.first))
    if status is None:
        return dict.fromkeys(keys, "done")
    return {key: {2: "diverged", 3: "failed"}.get(int(one), "done") for key, one in zip(keys, status, strict=True)}


class Attempts:
    """What the logs in a results folder say of jobs without a file.

    going: whether a run is going on: it holds the folder's lock, or Snakemake was called by hand and has its own.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.taken = locking.taken(folder)
        self.since = _date(folder / locking.LOCK)
        self.by_hand = not self.taken and any((folder / ".snakemake" / "locks").glob("*"))
        self.going = self.taken or (self.by_hand and any(map(self._fresh, (folder / "logs").glob("*/*"))))
        record = folder / "logs" / workflow.EVENTS
        self.told = _date(record)
        self.told_of = events.read(record)
        self.states = {job.log: job.state for job in self.told_of.jobs.values()}

    def _fresh(self, path: Path) -> bool:
        return time.time() - _date(path) < 2.5 * INTERVAL  # every job has a heartbeat

    def last(self, name: str) -> Attempt:
        """The last attempt at `<stage>/<job>` or a stage: failed, stopped, running, or waiting for the next one."""
        log = self.folder / "logs" / f"{name}.log"
        date, (error, line) = _date(log), meaning(log)
        if error:
            return Attempt("failed", log, line)
        told = self.states.get(f"logs/{name}.log") if date <= self.told else None
        if line.startswith((stopping.STOPPED, "KeyboardInterrupt")):  # by itself, whatever Snakemake says of it
            return Attempt("stopped", log, line if line.startswith(stopping.STOPPED) else "")
        if told == "stopped" and not self.taken:
            return Attempt("stopped", log, line)
        if told == "failed":
            said = f", last line: {line}" if line else ""
            return Attempt("failed", log, f"ended without a message, perhaps killed or out of memory{said}")
        if (self.taken and date >= self.since) or (self.by_hand and self._fresh(log)):
            return Attempt("running", log, line)
        return Attempt("waiting", log)


def meaning(log: Path) -> tuple[bool, str]:
    """Whether a log ends in an error, and its last meaningful line."""
    lines = [line for line in _lines(log) if line.strip()]
    ours = [line for line in lines if line.startswith("scoregap: ")]
    if ours:
        return True, ours[-1]
    error = "Traceback (most recent call last):" in lines and "KeyboardInterrupt" not in lines
    return error, lines[-1].strip() if lines else ""


def cube(study: Study, folder: Path, receipt: receipts.State) -> str:
    """What is to be said of the cube, by the state of its receipt, and, where that is of something else, by the
    settings that the cube says it is of."""
    if receipt.says:
        return f"is damaged: {receipt.says}"
    if receipt.state == "absent" and absent(folder / "cube.zarr"):
        return "is not made yet"
    if receipt.state == "outdated" and _config(folder / "cube.zarr") == study.hash:
        return "is of these settings, made by earlier code"
    return CUBE.get(receipt.state, "is not known to be whole")


def _config(path: Path) -> str:
    """The hash of the settings that a cube is of; empty where it does not say."""
    try:
        return str(json.loads(read_text(path / "zarr.json"))["attributes"]["config_hash"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return ""


def render(report: Overview) -> str:
    """The report as text."""
    study, counts = report.study, report.cells
    lines = [
        f"{study.name}: {counts['cells'].total()} cells in {len(study.jobs)} jobs, in {printable(str(report.folder))}: "
        f"{'a run is going on' if report.going else 'no run is going on'}{', the last was stopped' * report.stopped}; "
        f"the cube {report.cube}",
        "",
        " " * 9 + "".join(f"{state:>10}" for state in STATES),
    ]
    lines += [
        f"{name:9}" + "".join(f"{counts[name][state]:>10}" for state in STATES) for name in counts if counts[name]
    ]
    jobs = [f"{stage} {count}" if stage in OF_JOBS else stage for stage, count in report.next.items() if count]
    lines += ["", f"the next run runs: {', '.join(jobs) or 'nothing'}", *map(printable, report.edited)]
    for state in ("running", "stopped", "failed", "diverged"):
        begun = [one for one in report.begun if one[2].state == state]
        lines += ["", state] if begun else []
        for stage, job, attempt in begun:
            lines += [f"  {stage} {job}".rstrip(), f"    {printable(str(attempt.log))}"]
            lines += [f"    {printable(attempt.says)}"] if attempt.says else []
    return "\n".join(lines)


def _date(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return 0.0


def _lines(path: Path) -> list[str]:
    try:
        with regular(path).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
