"""What a run would lose: trained networks of other settings, in files that it would write again.

study, its results folder -> networks that would be lost, and their training; networks that would be trained

A file of weights has the networks of its job as it is now. Files of jobs that a study no longer has stay as they are,
so growing a study loses nothing, nor does taking a value from an axis, unless the cells of a job become fewer.
"""

import json
from pathlib import Path
from typing import NamedTuple

from scoregap import DamagedFile
from scoregap.runtime.progress import metrics_of
from scoregap.store.jobs import job_path
from scoregap.store.opening import absent, read_bytes
from scoregap.store.weights import weights_members
from scoregap.study import Study


class Losses(NamedTuple):
    """lost: trained networks, or such that have been begun. seconds: of their training, as far as metrics tell; new:
    networks that would be trained."""

    lost: int
    seconds: float
    new: int

    def __str__(self) -> str:
        known = f", about {_duration(self.seconds)} of training," if self.seconds >= 1 else ""
        networks = "1 trained network" if self.lost == 1 else f"{self.lost} trained networks"
        return (
            f"{networks}{known} of other settings or an earlier version would be lost, and {self.new} would be trained"
        )


def _duration(seconds: float) -> str:
    return next(
        f"{seconds / unit:.0f} {name}" for unit, name in ((3600, "h"), (60, "min"), (1, "s")) if seconds >= unit
    )


def look(study: Study, folder: Path) -> Losses:
    """What a run of the study into its results folder would lose. Reads products, and no record of Snakemake's."""
    lost, seconds, new = 0, 0.0, 0
    for job in study.jobs.values():
        if not job.trained:
            continue
        weights = job_path(folder, job.id, "train")
        finished, begun = _members(weights), _members(weights.with_name(f"{weights.name}.checkpoint"))
        if not finished and not begun:
            new += job.size
            continue
        wanted = set(job.keys("train"))
        unwanted = (finished | begun) - wanted
        lost, new = lost + len(unwanted), new + len(wanted - finished)
        seconds += _training(metrics_of(weights), unwanted) if unwanted else 0
    return Losses(lost, seconds, new)


def _members(path: Path) -> set[str]:
    """Keys in a file of weights; none without one, nor in a damaged one, which is of no use to anybody."""
    try:
        return set() if absent(path) else set(weights_members(path))
    except DamagedFile:
        return set()


def _training(metrics: Path, members: set[str]) -> float:
    """Seconds of training that these members have taken, by the metrics of their job; those of a group in shares."""
    groups: dict[tuple[str, ...], float] = {}
    try:
        lines = read_bytes(metrics).splitlines()
    except OSError:
        return 0.0
    for line in lines:
        try:
            record = json.loads(line)
            taken = record["step"] / record["rate"]
            groups[tuple(map(str, record["members"]))] = float(taken)
        except (ValueError, KeyError, TypeError, ZeroDivisionError, RecursionError):
            continue  # half a line, or no report
    return sum(taken * len(members.intersection(group)) / len(group) for group, taken in groups.items() if group)
