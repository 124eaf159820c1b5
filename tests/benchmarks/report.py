"""What does the report of a large study cost? `make bench FIGURES=report` records it.

cube of the shape of paper_cpu: 1,050 cells in 13 blocks -> seconds, bytes and peak memory of the stage report
cube of 10,000 cells (`large`), and, by CELLS=100000, of more -> the same, and of the stage compare before it

Exact and Gaussian scores are computed; nothing is trained: a stand-in for a network has the spectrum of the exact
score with an error of its own, larger for small networks. The peer is the stage of revision PEER, checked out into a
folder of its own and given the same numbers, both in processes of their own, one after the other, each once. A rerun,
of which all figures are there, is ours alone. Minutes; `report.py FOLDER` keeps what it makes, `report.py FOLDER CELLS`
measures a large study alone.
"""

import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bench
import large
import numpy as np

PEER = "74d4f04"
LIMITS = {"s": 25.0, "MB": 9.0, "MB of memory": 400.0}  # the goal
LARGE = {10_000: 60.0, 100_000: 120.0}  # cells -> seconds, the goal
STUDY = bench.ROOT / "workflow" / "studies" / "paper_cpu.yaml"
# Gives the peer the numbers of our cube, in its own. Arguments: study, our cube, its results folder.
DRESS = """\
import sys
from pathlib import Path
import numpy as np
import xarray as xr
from scoregap import storage, variables
from scoregap.stages import compare, cube
from scoregap.study import load

LATER = np.array([0, 1, 2, 3, 4, 4, 2, 3], "int8")  # states that came later, as the peer has them
path, made, out = map(Path, sys.argv[1:])
study, groups = load(path), {}
for name, (part, d) in cube.places(study).items():
    ds = variables.annotate(cube.gather(part, d, out / "spectrum", out / "fit"))
    with xr.open_zarr(made, group=name or None, chunks=None) as given:
        for one in set(ds.data_vars) & set(given.data_vars):
            values = given[one].transpose(*ds[one].dims).values
            ds[one].values[...] = LATER[values] if one.endswith("_state") else values
    groups[name] = ds.assign_attrs(cube.provenance(study) | ({"block": part.block} if part.block else {}))
storage.write_cube(out / "cube.zarr", groups)
for id, job in study.jobs.items():
    if job.trained:
        storage.write_weights(storage.place(out, id, "train"), dict.fromkeys(job.keys("train"), {"device": "cpu"}), {})
compare.run(path, out / "cube.zarr", *(out / name for name in ("comparison.csv", "comparison.txt", "claims.csv")))
"""


def cells(job) -> Iterator[tuple[dict, dict]]:
    """(spectrum, fit) of every cell of a job, as the stages make them; of networks with the error of a stand-in."""
    from scoregap.stages import fit, spectrum
    from scoregap.trained import Trained

    for cell in job.cells:
        closed = tuple((axis, "exact" if axis == "network" and cell.trained else value) for axis, value in cell.values)
        found = spectrum.measure(replace(cell, values=closed), Trained(STUDY))
        if cell.trained:
            stand_in(cell, found)
        yield found, fit.fit(cell, found)


def stand_in(cell, found: dict[str, np.ndarray]) -> None:
    """What a network would have measured and left of its training: errors of the size of 1 / width and of 1 / steps."""
    rng = np.random.default_rng(zlib.crc32(repr(cell.values).encode()))
    width = int("".join(filter(str.isdigit, cell["network"])) or 128)
    size = 3 / width + 20 / cell.training.steps
    wrong = found["eigenvalue"] + size * rng.standard_normal(found["eigenvalue"].shape) * (1 + found["eigenvalue"])
    wrong = wrong - size * rng.random() + size * 0.3 * rng.standard_normal(wrong.shape)
    found["eigenvalue"][...] = -np.sort(-wrong, axis=-1)
    found["singular_value"][...] = -np.sort(-abs(wrong), axis=-1)
    found["alignment"][...] *= 1 - 0.1 * size
    found["excess_loss"][...] = size**2 * (1 + rng.random(found["excess_loss"].shape))
    steps = np.geomspace(1, cell.training.steps, len(found["training_step"]))
    found["training_step"][...] = steps
    found["training_excess"][...] = (size**2 + 1 / steps) * np.exp(0.1 * rng.standard_normal(len(steps)))
    found["training_loss"][...] = 1 + found["training_excess"]
    found["training_flops"][...] = 6e4 * width * cell["ambient_dim"] * steps
    found["training_excess_by_level"][...] = found["training_excess"][:, None]


def make(folder: Path) -> None:
    """The results of the study in a folder, up to the comparison."""
    from scoregap import variables
    from scoregap.stages import compare, cube
    from scoregap.store.jobs import job_path, write_job
    from scoregap.store.weights import write_weights
    from scoregap.study import load

    for job in load(STUDY).jobs.values():
        for stage, results in zip(("spectrum", "fit"), zip(*cells(job), strict=True), strict=True):
            write_job(job_path(folder, job.id, stage), variables.stack(list(results)), job.keys(stage), stage)
        if job.trained:
            of = {key: {"device": "cpu"} for key in job.keys("train")}
            write_weights(job_path(folder, job.id, "train"), of, {})
    cube.run(STUDY, folder / "spectrum", folder / "fit", folder / "cube.zarr")
    names = ("comparison.csv", "comparison.txt", "claims.csv", "findings.jsonl")
    compare.run(STUDY, folder / "cube.zarr", *(folder / name for name in names))


OUT = ["--numbers", "comparison.csv", "--out", "figures", "--html", "report.html"]  # of the stage report


def measured(folder: Path, code: Path, *more: str) -> tuple[float, float, float]:
    """(seconds of a core, MB on disk, MB of memory at most) of the report of a results folder by this code."""
    seconds, memory = taken(folder, code, "report", "--study", str(STUDY), "--cube", "cube.zarr", *OUT, *more)
    return seconds, size(folder), memory


def taken(folder: Path, code: Path, *words: str) -> tuple[float, float]:
    """(seconds of a core, MB of memory at most) of a command of this code in a results folder."""
    command = [sys.executable, "-m", "scoregap", *words]
    with subprocess.Popen(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(code)}) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3


def size(folder: Path) -> float:
    """MB of the report of a results folder and its figures."""
    files = [folder / "report.html", *(path for path in (folder / "figures").rglob("*") if path.is_file())]
    return sum(path.stat().st_size for path in files) / 1e6


def large_rows(folder: Path, cells: int) -> list[bench.Row]:
    """Compare and report of a study of so many cells, made in the folder unless it is there."""
    if not (folder / "cube.zarr.json").exists():
        large.make(folder, cells)
    given = ["--study", "large.yaml", "--cube", "cube.zarr", "--findings", "findings.jsonl"]
    tables = ["--out", "comparison.csv", "--table", "comparison.txt", "--claims", "claims.csv"]
    compare = taken(folder, bench.ROOT, "compare", *given, *tables)
    report = taken(folder, bench.ROOT, "report", *given, *OUT)
    limit = LARGE.get(cells)
    what = f"of {cells:,} cells"
    return [
        bench.Row(f"report {what}, time of a core", report[0], None, limit, "s"),
        bench.Row(f"compare and report {what}, time of a core", compare[0] + report[0], None, limit, "s"),
        bench.Row(f"report {what}, page", (folder / "report.html").stat().st_size / 1e6, None, 15.0, "MB"),
        bench.Row(f"report {what}, page and figures", size(folder), None, None, "MB"),
        bench.Row(f"compare {what}, memory", compare[1], None, 4000.0, "MB of memory"),
        bench.Row(f"report {what}, memory", report[1], None, 4000.0, "MB of memory"),
    ]


def checked_out(folder: Path) -> Path:
    """The files of revision PEER in a new folder."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", PEER], cwd=bench.ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


def main(folder: Path) -> None:
    """Make, measure and record."""
    start = time.perf_counter()
    ours, theirs = folder / "ours", folder / "peer"
    make(ours)
    peer = checked_out(folder / "checkout")
    theirs.mkdir()
    dress = [sys.executable, "-c", DRESS, str(STUDY), str(ours / "cube.zarr"), str(theirs)]
    subprocess.run(dress, check=True, cwd=peer)
    print(f"cubes made in {time.perf_counter() - start:.0f} s", flush=True)
    first = measured(ours, bench.ROOT, "--findings", "findings.jsonl")
    again = measured(ours, bench.ROOT, "--findings", "findings.jsonl")
    before = measured(theirs, peer)
    what = {"s": "time of a core", "MB": "files", "MB of memory": "memory"}
    rows = [
        bench.Row(f"report of 1,050 cells, {what[unit]}", own, other, limit, unit)
        for (unit, limit), own, other in zip(LIMITS.items(), first, before, strict=True)
    ]
    rows.append(bench.Row("the same again, nothing changed", again[0], before[0]))
    for cells in sorted({10_000, int(os.environ.get("CELLS") or 10_000)}):
        rows += large_rows(folder / f"of {cells} cells", cells)
    bench.record("report", rows, f"the stage of revision {PEER}", "the goal")


if __name__ == "__main__":
    if sys.argv[2:]:
        found = large_rows(Path(sys.argv[1]).resolve(), int(sys.argv[2]))
        bench.record("report", found, "none", "the goal")
    elif sys.argv[1:]:
        main(Path(sys.argv[1]).resolve())
    else:
        with tempfile.TemporaryDirectory() as name:
            main(Path(name))
