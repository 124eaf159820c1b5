"""How large and how fast are files and cubes? `make storage` prints the table. Minutes, one core, 5 GB of disk.

Studies of 1,000 and 10,000 cells (d = 32, 40 times, 8 points, 2 groups; 100 jobs of 10 and of 100 cells) are given
random numbers, which compress as little as a network's do; no network is trained. The cube stage runs in a process of
its own, whose time and peak memory count imports. Reading is from a warm page cache, the median of REPEATS, beside
xarray's plain layout of the same spectra: one chunk, and so one file, per cell.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import xarray as xr
from tiny import write_job

from scoregap import variables
from scoregap.store.cube import read_cube
from scoregap.store.jobs import read_job
from scoregap.study import load

REPEATS = 5
STUDY = """\
study: storage
axes:
  family: [arcs]
  ambient_dim: [32]
  manifold_dim: [4]
  curvature: [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45]
  network: [exact, gaussian, gated-8, gated-16, gated-32, gated-48, gated-64, gated-96, gated-128, gated-192]
  seed: {seeds}
batch: [seed]
manifold: {{groups: [{{fraction: 0.5, std: 1.0}}, {{fraction: 0.5, std: 0.15}}]}}
train: {{steps: 1000, levels: 32, samples: 8, noise: {{start: 1.0e-4, stop: 100.0}}}}
spectrum: {{times: {{start: 1.0e-3, stop: 30.0, count: 40}}, points: 8}}
compare:
  flat: {{t_open: 0.15, t_max: 0.05, t_close: 0.15, t_consolidation: 0.10}}
  curved: {{t_open: 0.25, t_max: 0.10, t_close: 0.25, t_consolidation: 0.25}}
"""


def invented(rng, job, names):
    """A file's dataset of one job with random numbers, spectra descending."""
    one = job.cells[0]
    sizes = {
        "time": one.spectrum.times.count, "point": one.spectrum.points, "mode": one["ambient_dim"],
        "group": one.gaps, "gap": one.gaps, "side": 2, "estimator": len(variables.ESTIMATORS),
        "evaluation": variables.EVALUATIONS, "level": variables.LEVELS,
    }  # fmt: skip
    data = {}
    for name in names:
        variable = variables.VARIABLES[name]
        shape = (len(job.cells), *(sizes[dim] for dim in variable.dims))
        numbers = rng.random(shape) if variable.dtype != "int8" else np.ones(shape)
        if "mode" in variable.dims:
            numbers = -np.sort(numbers)
        data[name] = (("member", *variable.dims), numbers.astype(variable.dtype))
    return xr.Dataset(data)


def median(measure):
    """Median seconds of REPEATS calls."""
    took = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        measure()
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def disk(folder):
    """(bytes, inodes) of a folder."""
    every = list(folder.rglob("*"))
    return sum(path.stat().st_size for path in every if path.is_file()), len(every) + 1


def built(folder, study):
    """(seconds, seconds of a core, peak bytes) of the cube stage in a process of its own."""
    command = [
        sys.executable, "-m", "scoregap", "cube", "--study", str(study), "--spectra", "spectrum", "--fits", "fit",
        "--out", "cube.zarr",
    ]  # fmt: skip
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=folder) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
    assert status == 0
    took, cpu = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
    return took, cpu, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def write_jobs(folder, study):
    """(seconds, files) of writing the job files of a study, numbers not counted."""
    rng, took, files = np.random.default_rng(0), 0.0, 0
    for job in load(study).jobs.values():
        for stage in ("spectrum", "fit"):
            ds, keys = invented(rng, job, variables.made(stage)), job.keys(stage)
            start = time.perf_counter()
            write_job(folder / stage / f"{job.id}.zarr.zip", ds, keys)
            took, files = took + time.perf_counter() - start, files + 1
    return took, files


def one_of(array):
    """Some cell's spectra."""
    return array.isel({dim: array.sizes[dim] // 2 for dim in array.dims[: -len(("time", "point", "mode"))]})


def reading(array):
    """Seconds for one time of all cells, and for one cell at all times."""
    some_time = array.sizes["time"] // 2
    return median(lambda: array.isel(time=some_time).values), median(lambda: one_of(array).values)


def measured(folder, seeds):
    """Every figure of one study, name -> text."""
    study = folder / "study.yaml"
    study.write_text(STUDY.format(seeds=seeds))
    cells = len(load(study).cells)
    write, files = write_jobs(folder, study)
    jobs = [disk(folder / stage) for stage in ("spectrum", "fit")]
    some = [sorted((folder / stage).iterdir())[0] for stage in ("spectrum", "fit")]
    read = median(lambda: [read_job(path) for path in some])
    build, cpu, peak = built(folder, study)
    size, inodes = disk(folder / "cube.zarr")
    verify = median(lambda: read_cube(folder / "cube.zarr"))
    opening = median(lambda: xr.open_zarr(folder / "cube.zarr"))
    ds = read_cube(folder / "cube.zarr")[""]
    ours = reading(ds.eigenvalue)
    small = median(lambda: ds.t_max.values)
    plain = folder / "plain.zarr"
    shape = (*(1 for _ in ds.status.dims), *ds.eigenvalue.shape[-3:])
    start = time.perf_counter()
    ds[["eigenvalue"]].drop_encoding().to_zarr(
        plain, zarr_format=3, consolidated=False, encoding={"eigenvalue": {"chunks": shape}}
    )
    naive = time.perf_counter() - start
    theirs = reading(xr.open_zarr(plain, consolidated=False, chunks=None).eigenvalue)
    raw = sum(array.nbytes for array in ds.data_vars.values())
    return {
        "cells": f"{cells:,}",
        "job files written, per s": f"{files / write:.1f} ({1e3 * write / cells:.1f} ms per cell)",
        "both files of a job read, s": f"{read:.2f} ({1e3 * read * 100 / cells:.1f} ms per cell)",
        "job files, bytes per cell": f"{sum(size for size, _ in jobs) / cells:,.0f}",
        "job files, inodes per cell": f"{files / cells:.3f}",
        "numbers in the cube, bytes per cell": f"{raw / cells:,.0f}",
        "cube, bytes per cell": f"{size / cells:,.0f}",
        "cube, inodes (per cell)": f"{inodes} ({inodes / cells:.3f})",
        "cube built, s": f"{build:.1f} ({cpu:.1f} of a core, {1e3 * cpu / cells:.1f} ms per cell)",
        "peak memory of that, MB": f"{peak / 1e6:.0f} (numbers: {raw / 1e6:.0f})",
        "opened and verified, s": f"{verify:.2f}",
        "opened by xarray alone, s": f"{opening:.3f}",
        "one time of all cells, s": f"{ours[0]:.3f} (plain {theirs[0]:.2f}, {theirs[0] / ours[0]:.1f} times as long)",
        "one cell at all times, s": f"{ours[1]:.3f} (plain {theirs[1]:.4f}, {theirs[1] / ours[1]:.2g} times as long)",
        "a phase time of all cells, s": f"{small:.4f}",
        "plain layout written, s": f"{naive:.1f}, {disk(plain)[1]} inodes",
    }


def main():
    """Print the table."""
    columns = []
    for seeds in (10, 100):
        with tempfile.TemporaryDirectory() as folder:
            columns.append(measured(Path(folder), seeds))
    for name in columns[0]:
        print(f"{name:<36}" + "".join(f"{column[name]:<42}" for column in columns).rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
