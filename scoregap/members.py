"""Results of a job, member by member.

job, stage, file -> the same file, in which only what it did not have is computed

So a study grows at the cost of what is new, however many cells share a job.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from scoregap import DamagedFile, variables
from scoregap.runtime.progress import Heartbeat
from scoregap.store.arrays import Arrays
from scoregap.store.jobs import job_kind, read_job, write_job
from scoregap.store.opening import absent
from scoregap.store.ownership import claim
from scoregap.study import Cell, Job

PADDED = frozenset({"gap", "group"})  # dimensions in which members of a job may differ in size

Result = dict[str, np.ndarray]  # variables of one cell


def update(
    out: Path, job: Job, stage: str, compute: Callable[[Cell, Heartbeat], Result], unit: str = "cell", units: int = 1
) -> list[Path]:
    """Write the results of a stage of a job to `out`: those it has already, and compute(cell, beat) for the others.

    Cells whose results are the same (equal keys) are computed once. beat: to be told of every unit of work that is
    done, of which a cell has so many. Returns what was written.
    """
    claim((out, job_kind(stage)))
    keys = job.keys(stage)
    wanted: dict[str, Cell] = {}
    for key, cell in zip(keys, job.cells, strict=True):
        wanted.setdefault(key, cell)
    found = earlier(out, wanted, variables.made(stage, job.first))
    fresh = [key for key in wanted if key not in found]
    beat = Heartbeat(unit, len(fresh) * units)
    found |= {key: compute(wanted[key], beat) for key in fresh}
    write_job(out, variables.stack([found[key] for key in keys]), keys, stage)
    return [out]


def earlier(path: Path, wanted: dict[str, Cell], names: tuple[str, ...]) -> dict[str, Result]:
    """Results in an earlier file, by key, of the cells that are wanted; names: of the variables of each."""
    if absent(path):
        return {}
    try:
        arrays, keys = read_job(path, wanted, names)
    except DamagedFile as error:
        print(f"not reused: {error}", file=sys.stderr)
        return {}
    return {key: result(arrays, i, wanted[key].gaps) for i, key in enumerate(keys) if key in wanted}


def result(arrays: Arrays, i: int, gaps: int) -> Result:
    """The variables of the i-th member of a job, which has so many gaps."""
    return {
        name: array[i]
        if PADDED.isdisjoint(dims)
        else array[i, *(slice(gaps if dim in PADDED else None) for dim in dims[1:])]
        for name, (dims, array) in arrays.items()
    }
