"""Files of the jobs of a study with invented numbers, without computing: for tests and benchmarks of the cube.

Works in revision 74d4f04 too, `write` and `opened` apart.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scoregap import variables

STAGES = ("spectrum", "fit")


def invented(rng: np.random.Generator, job, names: tuple[str, ...]) -> dict:
    """Arrays of a job with random numbers, which compress as little as a network's do; spectra descending."""
    one = job.first
    sizes = {
        "time": one.spectrum.times.count, "point": one.spectrum.points, "mode": one["ambient_dim"],
        "group": one.gaps, "gap": one.gaps, "side": 2, "estimator": len(variables.ESTIMATORS),
        "evaluation": variables.EVALUATIONS, "level": variables.LEVELS,
    }  # fmt: skip
    data = {}
    for name in names:
        variable = variables.VARIABLES[name]
        shape = (job.size, *(sizes[dim] for dim in variable.dims))
        numbers = rng.random(shape, "float32") if variable.dtype != "int8" else np.ones(shape)
        if "mode" in variable.dims:
            numbers = -np.sort(-numbers)
        data[name] = (("member", *variable.dims), numbers.astype(variable.dtype))
    return data


def write(folder: Path, study, seed: int = 0) -> None:
    """The files of all jobs that are not there, or are of other cells."""
    from scoregap.store.jobs import job_members, job_path, write_job

    for job in study.jobs.values():
        rng = np.random.default_rng([seed, *job.id.encode()])
        for stage in STAGES:
            path = job_path(folder, job.id, stage)
            if not path.exists() or job_members(path)[0] != job.keys(stage):
                write_job(path, invented(rng, job, variables.made(stage)), job.keys(stage), stage)


def opened(ds):
    """What the stage cube has gathered, as an `xarray.Dataset`."""
    import xarray as xr

    data, coords = ({name: (one.dims, one.values, one.attrs) for name, one in many.items()}
                    for many in (ds.data_vars, ds.coords))  # fmt: skip
    return xr.Dataset(data, coords, ds.attrs)
