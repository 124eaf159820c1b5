"""What a study will cost on this machine, before it is run: jobs, hours of a core, memory and disk of every stage.

study, results folder -> what is done, what is left, and what that takes, by the resource model, whose times are scaled
by what a few jobs take when they are tried (`scoregap.trial`); and one line of spectra that take long

Jobs are classes: of the same score, family and dimensions. The costliest class first, a job of each is tried, in a
process of its own, until SECONDS have gone; others are scaled as those that are most like them. Nothing is written.
"""

import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

from scoregap import DamagedFile, printable
from scoregap.runtime import receipts, resources, workflow
from scoregap.runtime.status import OF_JOBS, members
from scoregap.store.jobs import job_path
from scoregap.store.opening import absent
from scoregap.study import Job, Study
from scoregap.study.stages import STAGES

SECONDS = 10.0  # in which jobs are tried; the last of them is let end
LONGEST = 90.0  # of one trial
TRIED = ("train", "spectrum", "fit")  # stages that a trial takes; others are scaled as the spectra of their class
START = {"imports": 0.35, "plain": 0.6, "torch": 2.2}  # seconds that a process takes for nothing, where none was tried
# Seconds of the stages that gather all jobs, once and a cell, where imports take as many as above.
GATHERED = {"cube": (2.2, 0.005), "compare": (2.2, 0.026), "report": (4.5, 0.004)}
DRAWN = 4e6  # bytes of figures and of the report
LONG = 60.0  # seconds of the spectra of a job, by the model, from which their cost is said before they begin


class Class(NamedTuple):
    """What jobs share whose costs are alike but for their sizes."""

    network: str
    family: str
    dim: int
    manifold_dim: float
    trained: bool


class Trial(NamedTuple):
    """What a trial of a job found: seconds of its stages, and over those of the model; seconds of their start, by kind;
    megabytes of its spectra."""

    seconds: dict[str, float]
    factors: dict[str, float]
    start: dict[str, float]
    megabytes: float


@dataclass
class Stage:
    """Of a stage. jobs, done: how many there are, and are done. hours: of a core, of what is left; whole: of all of
    it. megabytes: the most that a job asks for. disk: bytes of all its products. tried: whether its times were
    measured."""

    name: str
    jobs: int = 0
    done: int = 0
    hours: float = 0.0
    whole: float = 0.0
    megabytes: int = 0
    disk: float = 0.0
    tried: bool = False


@dataclass
class Plan:
    """Of a study: its stages, in their order; how long jobs were tried, and which could not be, and why."""

    study: Study
    folder: Path
    stages: list[Stage] = field(default_factory=list)
    tried: float = 0.0  # seconds
    classes: tuple[int, int] = (0, 0)  # tried, of so many
    not_tried: list[str] = field(default_factory=list)


def plan(study: Study, results: Path, trials: bool = True) -> Plan:
    """What is done of a study in a folder of results, and what the rest takes. trials: whether jobs are tried."""
    folder, states = results / study.name, _states(study, results)
    steps = {stage: Stage(stage, tried=stage in TRIED) for stage in OF_JOBS}
    work: dict[tuple[Class, str], list[tuple[Job, float, float]]] = {}  # (job, seconds by the model, share left)
    for job in study.jobs.values():
        of = class_of(job)
        for name in filter(job.has, OF_JOBS):
            step, state = steps[name], states.get(receipts.place(name, job.id))
            megabytes, seconds = resources.expected(name, job)
            left = 0.0 if state and state.holds else _left(folder, job, name) if states else 1.0
            step.jobs += 1
            step.done += not left
            step.megabytes = max(step.megabytes, math.ceil(megabytes))
            step.disk += resources.bytes_of(name, job)
            work.setdefault((of, name), []).append((job, seconds, left))
    found = Plan(study, folder)
    tried = _tried(work, found) if trials else {}
    for (of, name), jobs in work.items():
        with_torch = name != "fit" if of.trained else of in tried and "torch" in tried[of].start
        inside = jobs[0][0].rule(name) != name  # another stage's process, which has started already
        factor, start = _factor(tried, of, name), 0.0 if inside else _start(tried, "torch" if with_torch else "plain")
        for _, seconds, left in jobs:
            steps[name].whole += (factor * seconds + start) / 3600
            steps[name].hours += (factor * seconds * left + start * bool(left)) / 3600
    found.stages = [step for step in steps.values() if step.jobs]
    speed = _start(tried, "imports") / START["imports"]
    for name in (stage.name for stage in STAGES if stage.gathers):
        state, asked = states.get(receipts.place(name)), resources.of_study(name, study)
        once, each = GATHERED[name]
        hours = speed * (once + each * study.size) / 3600
        holds = bool(state and state.holds) and not any(step.hours for step in found.stages)
        gathered = sum(step.disk for step in found.stages if step.name in OF_JOBS and step.name != "train")
        disk = {"cube": gathered, "report": DRAWN}.get(name, 0.0)
        found.stages.append(
            Stage(name, 1, int(holds), 0.0 if holds else hours, hours, asked.memory - resources.NESTED, disk)
        )
    return found


def _states(study: Study, results: Path) -> dict[str, receipts.State]:
    """The state of every receipt of a study in a folder of results; none where it has no folder yet."""
    folder = results / study.name
    return receipts.look(study, folder, workflow.baseline(study, results)) if folder.is_dir() else {}


def class_of(job: Job) -> Class:
    """The class of a job."""
    family, m = (job.axes.get(axis, (0,))[0] for axis in ("family", "manifold_dim"))
    return Class(job.axes["network"][0], str(family), job.dims[0], m, job.trained)


def _left(folder: Path, job: Job, stage: str) -> float:
    """The share of the cells of a job whose results of a stage are not there."""
    if absent(job_path(folder, job.id, stage)):
        return 1.0
    try:
        there = members(folder, job, stage)
    except DamagedFile:
        return 1.0
    keys = job.keys(stage)
    return sum(key not in there for key in keys) / len(keys) or 1 / len(keys)  # at least it is looked at again


def _tried(work: dict[tuple[Class, str], list[tuple[Job, float, float]]], found: Plan) -> dict[Class, Trial]:
    """Trials of the classes with the most work, while there is time."""
    cost: dict[Class, float] = {}
    for (of, _), jobs in work.items():
        cost[of] = cost.get(of, 0.0) + sum(seconds for _, seconds, _ in jobs)
    tried: dict[Class, Trial] = {}
    began = time.monotonic()
    for of in _in_turn(cost):
        if time.monotonic() - began > SECONDS:
            break
        job = max(work[of, "spectrum"], key=lambda one: one[1])[0]
        result = trial(job, *TRIED)
        if isinstance(result, Trial):
            tried[of] = result
        else:
            found.not_tried.append(f"{of.network}: {result}")
    found.tried, found.classes = time.monotonic() - began, (len(tried), len(cost))
    return tried


def _in_turn(cost: dict[Class, float]) -> list[Class]:
    """Classes, the costliest of every score first."""
    by_cost = sorted(cost, key=lambda of: -cost[of])
    first = list({of.network: of for of in reversed(by_cost)}.values())
    return sorted(by_cost, key=lambda of: (of not in first, -cost[of]))


def trial(job: Job, *stages: str) -> Trial | str:
    """What a trial of a job finds; or why there is none."""
    command = [sys.executable, "-m", "scoregap.trial", str(job.study.path), job.id, *stages]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
        seconds = json.loads(run.stdout.splitlines()[-1]) if not run.returncode else None
    except subprocess.TimeoutExpired:
        return f"a trial takes over {LONGEST:.0f} s"
    except (OSError, ValueError, IndexError) as error:
        return f"cannot be tried: {error}"
    if seconds is None:
        return f"cannot be tried: {(run.stderr.splitlines() or ['no message'])[-1]}"
    start = {kind: seconds.pop(kind) for kind in START if kind in seconds}
    megabytes = seconds.pop("megabytes")
    factors = {stage: one / resources.expected(stage, job)[1] for stage, one in seconds.items()}
    return Trial(seconds, factors, start, megabytes)


def _factor(tried: dict[Class, Trial], of: Class, stage: str) -> float:
    """Seconds over those of the model, of a stage of a class; of the classes most like it, where it was not tried."""
    name = stage if stage in TRIED else "spectrum"
    alike = (
        lambda one: one == of,
        lambda one: one.network == of.network,
        lambda one: one.trained == of.trained,
        lambda one: True,
    )
    for like in alike:
        if known := [one.factors[name] for of_one, one in tried.items() if like(of_one) and name in one.factors]:
            return median(known)
    return 1.0


def _start(tried: dict[Class, Trial], kind: str) -> float:
    """Seconds that a process takes for nothing, of a kind in START."""
    known = [one.start[kind] for one in tried.values() if kind in one.start]
    return median(known) if known else START[kind]


def render(found: Plan) -> str:
    """The plan as text."""
    study, stages = found.study, found.stages
    lines = [
        f"{study.name}: {study.size} cells in {len(study.jobs)} jobs, into {printable(str(found.folder))}",
        "",
        f"{'stage':<11}{'jobs':>7}{'done':>7}{'core-hours left':>18}{'of':>9}{'memory a job':>15}{'disk':>10}",
    ]
    for one in stages:
        lines.append(
            f"{one.name:<11}{one.jobs:>7}{one.done:>7}{one.hours:>18.3g}{one.whole:>9.3g}"
            f"{f'{one.megabytes} MB':>15}{sized(one.disk):>10}"
        )
    left, whole, disk = (sum(getattr(one, name) for one in stages) for name in ("hours", "whole", "disk"))
    lines.append(f"{'all':<11}{sum(one.jobs for one in stages):>7}{sum(one.done for one in stages):>7}{left:>18.3g}"
                 f"{whole:>9.3g}{'':>15}{sized(disk):>10}")  # fmt: skip
    lines += ["", f"what is left takes about {told(3600 * left)} of one core"]
    if found.classes[1]:
        lines.append(
            f"by trials of {found.tried:.0f} s: jobs of {found.classes[0]} of {found.classes[1]} kinds, of train, "
            "spectrum and fit; others are scaled as they are; memory is what a job asks a cluster for"
        )
    lines += [f"not tried: {one}" for one in found.not_tried]
    return "\n".join(lines)


def sized(count: float) -> str:
    """Bytes, in the unit that suits them."""
    power = min(4, int(math.log10(max(count, 1)) // 3))
    return f"{count / 1000**power:.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def told(seconds: float) -> str:
    """About how long, in one unit."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def said_first(study: Study, results: Path) -> Iterator[str]:
    """A line for every kind of spectra that take long and are still to be measured: how many there are of what, how
    long they take of one core, and in how much memory; as many as are tried in SECONDS."""
    expected = {name: resources.expected("spectrum", job)[1] for name, job in study.jobs.items()}
    if max(expected.values()) < LONG:  # without a look at what is done, which takes seconds of large studies
        return
    states = _states(study, results)
    longest: dict[Class, tuple[float, Job, int]] = {}  # by the model; how many cells
    for name, job in study.jobs.items():
        state = states.get(receipts.place("spectrum", job.id))
        if not (state and state.holds):
            of, seconds = class_of(job), expected[name]
            before = longest.get(of, (0.0, job, 0))
            longest[of] = (*max(before[:2], (seconds, job), key=lambda one: one[0]), before[2] + job.size)
    began = time.monotonic()
    for of, (seconds, job, cells) in longest.items():
        if seconds < LONG or time.monotonic() - began > SECONDS:
            continue
        spectrum = study.document.spectrum
        found = trial(job, "spectrum")
        what = "traces" if spectrum.probes else "full spectra"
        products = f"{spectrum.probes or of.dim:,} products"
        many = f" x {cells} cells" if cells > 1 else ""
        cost = (
            f"about {told(found.seconds['spectrum'] * cells / job.size)}, {sized(1e6 * found.megabytes)}"
            if isinstance(found, Trial)
            else f"how long is not known: {found}"
        )
        yield (
            f"{of.network}: {what}: {spectrum.points} points x {spectrum.times.count} times x {products}{many}, {cost}"
        )
