"""Results that an edit of their code does not change keep their worth.

study, its results folder -> one cell of every family and network whose code was edited, computed again and compared bit
by bit -> the same files under the keys of the code as it is now

Nothing is computed otherwise than by a run: in a folder of its own the stages find all results of a job but those of
one cell, and add these.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scoregap import InputError
from scoregap.runtime import locking, receipts
from scoregap.store.jobs import job_kind, job_path, read_job, write_job
from scoregap.store.opening import absent
from scoregap.store.ownership import claim
from scoregap.store.weights import WEIGHTS, read_weights, write_weights
from scoregap.study import Cell, Job, Study
from scoregap.study.code import paths_of
from scoregap.study.stages import STAGES

OF_JOBS = tuple(stage.name for stage in STAGES if not stage.gathers)


class Moved(NamedTuple):
    """A file of a job of a stage whose members are of code as it was: {key then: key now} of those it has."""

    job: Job
    stage: str
    path: Path
    keys: dict[str, str]


def accept(study: Study, folder: Path) -> list[str]:
    """Keep the results of a study that edited code gives again, and say which, a line each.

    Raises InputError, with nothing changed, where a number is another one, or where nothing is to be kept; DamagedFile.
    """
    if absent(folder):
        raise InputError("is missing", file=folder, allowed="should be the results of a run of the study")
    lock = locking.take(folder)
    if lock is None:
        raise InputError("is in use by another run", file=folder, allowed="wait for its end, or stop it")
    try:
        moved = [one for job in study.jobs.values() for one in _moved(job, folder)]
        if not moved:
            raise InputError(
                "has no results of code that was edited since", file=folder,
                allowed="accept-code is for the time between an edit and the next run",
            )  # fmt: skip
        claim(*((one.path, WEIGHTS if one.stage == "train" else job_kind(one.stage)) for one in moved))
        lines = [_prove(study, folder, cell, job, moved) for cell, job in _witnesses(moved)]
        for one in moved:
            _write(one, one.path, one.keys)
            (folder / receipts.place(one.stage, one.job.id)).unlink()  # the next run writes another
        jobs = len({one.job.id for one in moved})
        return [*lines, f"kept: {sum(len(one.keys) for one in moved)} results in {len(moved)} files of {jobs} jobs"]
    finally:
        os.close(lock)


def _moved(job: Job, folder: Path) -> Iterator[Moved]:
    """The files of a job whose receipts are of other code than today's."""
    for stage in filter(job.has, OF_JOBS):
        then, path = receipts.code(folder / receipts.place(stage, job.id)), job_path(folder, job.id, stage)
        if then is None or then == job.code or absent(path):
            continue
        there = _members(stage, path)
        keys = {cell.key(stage, _of_cell(then, cell)): cell.key(stage) for cell in job.cells}
        if keys := {old: new for old, new in keys.items() if old in there and old != new}:
            yield Moved(job, stage, path, keys)


def _of_cell(code: dict[str, str], cell: Cell) -> dict[str, str]:
    """Of what keys of a job said of code, what those of a cell did."""
    found = {}
    for key, paths in paths_of([] if cell.data else [cell["family"]], [cell["network"]]).items():
        said = {path: files for path, files in json.loads(code.get(key, "{}")).items() if path in paths}
        if said:
            found[key] = json.dumps(said, sort_keys=True)
    return found


def _members(stage: str, path: Path) -> list[str]:
    """Keys of the members of a file. Raises DamagedFile."""
    return list(read_weights(path)[0]) if stage == "train" else read_job(path)[1]


def _witnesses(moved: list[Moved]) -> Iterator[tuple[Cell, Job]]:
    """Cells, and their jobs, that have between them every family and score of which there are results to keep, in every
    stage; one where results of all stages are, of the most curved manifold, is enough."""
    found = []
    for job in {one.job.id: one.job for one in moved}.values():
        files = [one for one in moved if one.job.id == job.id]
        for cell in job.cells:
            stages = {one.stage for one in files if cell.key(one.stage) in one.keys.values()}
            found.append((cell, job, {(None if cell.data else cell["family"], cell["network"], one) for one in stages}))
    seen: set[tuple] = set()
    for cell, job, shown in sorted(found, key=lambda one: (-len(one[2]), 0 if one[0].data else -one[0]["curvature"])):
        if shown - seen:
            seen |= shown
            yield cell, job


def _prove(study: Study, folder: Path, cell: Cell, job: Job, moved: list[Moved]) -> str:
    """Compute a cell again in all stages of which there are results. Raises InputError if a number is another one.

    Of training all that its job trains: networks are rounded as others that are trained beside them make it.
    """
    files = {one.stage: one for one in moved if one.job.id == job.id}
    with tempfile.TemporaryDirectory() as place:
        there = Path(place)
        for stage, one in files.items():
            path = job_path(there, job.id, stage)
            path.parent.mkdir()
            if stage != "train":
                _write(one, path, one.keys, without=cell, also=job.keys(stage))
            options = ["--study", str(study.path), "--job", job.id, "--out", str(path)]
            read = {"fit": ("--spectra", "spectrum"), "train": None}.get(stage, ("--weights", "train"))
            if read and (read[1] != "train" or job.trained):
                options += [read[0], str(job_path(there if read[1] in files else folder, job.id, read[1]))]
            done = subprocess.run(
                [sys.executable, "-P", "-m", "scoregap", stage, *options], capture_output=True, text=True, check=False
            )
            if done.returncode:
                said = done.stderr.strip().splitlines() or ["no message"]
                raise InputError(f"fails: {said[-1]}", file=study.path, key=f"{stage} {job.id}", allowed="run again")
            cells = job.cells if stage == "train" else (cell,)
            if differs := _differs(stage, one.path, path, {new: old for old, new in one.keys.items()}, cells):
                why = "the edit changes numbers, or they were made on another machine: run the study again"
                raise InputError(f"{differs} is another one", file=study.path, key=f"{stage} {job.id}", allowed=why)
    return f"equal to the last bit: {', '.join(files)} of {job.id}, seed {cell['seed']}"


def _differs(stage: str, was: Path, now: Path, old: dict[str, str], cells: Iterable[Cell]) -> str:
    """The first number of these cells that two files do not have alike; empty if there is none. old: keys of the first
    file by those of the second."""
    first, second = _results(stage, was), _results(stage, now)
    for key in (cell.key(stage) for cell in cells if cell.key(stage) in old):
        (said, one), (says, other) = first[old[key]], second[key]
        if said != says:
            return "what is known of its training"
        for name in sorted(one.keys() | other.keys()):
            if name not in one or name not in other or not _alike(one[name], other[name]):
                return name
    return ""


def _results(stage: str, path: Path) -> dict[str, tuple[dict, dict[str, np.ndarray]]]:
    """{key: (what is known of its training, arrays by name)} of the members of a file."""
    if stage != "train":
        arrays, keys = read_job(path)
        return {key: ({}, {name: array[i] for name, (_, array) in arrays.items()}) for i, key in enumerate(keys)}
    members, tensors = read_weights(path)
    return {
        key: (known, {name.removeprefix(f"{key}/"): array for name, array in tensors.items()
                      if name.startswith(f"{key}/")})
        for key, known in members.items()
    }  # fmt: skip


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _write(
    of: Moved, path: Path, keys: dict[str, str], without: Cell | None = None, also: list[str] | None = None
) -> None:
    """The file of `of` with other keys.

    without: a cell of whose results it has none; then it has, of all keys in `also`, results of some other cell if it
    has none of theirs, so that nobody computes them; no file if there is no other cell.
    """
    left_out = without.key(of.stage) if without else ""
    if of.stage == "train":
        members, tensors = read_weights(of.path)
        named = {keys.get(key, key): key for key in members}
    else:
        arrays, there = read_job(of.path)
        named = {keys.get(key, key): key for key in there}
    if without:
        some = next((key for new, key in named.items() if new != left_out), None)
        if some is None:
            return
        named = {new: named.get(new, some) for new in also or () if new != left_out}
    if of.stage == "train":
        write_weights(
            path, {new: members[key] for new, key in named.items()},
            {f"{new}/{name.removeprefix(f'{key}/')}": array for new, key in named.items()
             for name, array in tensors.items() if name.startswith(f"{key}/")},
        )  # fmt: skip
    else:
        rows = [there.index(key) for key in named.values()]
        write_job(path, {name: (dims, array[rows]) for name, (dims, array) in arrays.items()}, list(named), of.stage)
