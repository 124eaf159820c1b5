"""Gather every job into one labelled zarr cube.

study, folders of spectra, fits, dimensions, samples and memories -> cube.zarr and its manifest cube.zarr.json

Every block of a study is a group of its own. So are cells of different ambient_dim, whose spectra have different
lengths. A job without files leaves its cells missing (status 0), so an incomplete study can be looked at.
"""

import platform
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import yaml

from scoregap import DamagedFile, InputError, variables
from scoregap.installation import revision
from scoregap.measure import agreement
from scoregap.members import PADDED
from scoregap.scores import REFERENCES
from scoregap.store.arrays import SHARD
from scoregap.store.cube import files_of_cube, write_cube
from scoregap.store.files import FORMAT, manifest_of
from scoregap.store.jobs import read_job
from scoregap.store.opening import absent
from scoregap.store.ownership import claim
from scoregap.store.spool import Spool, block, regions
from scoregap.study import Study, load
from scoregap.study.data import table
from scoregap.study.stages import STAGES

STAGE = [stage.name for stage in STAGES].index("cube") + 1  # stages up to this one
PACKAGES = ("torch", "numpy", "scipy", "xarray", "zarr", "snakemake")


def run(
    study: Path, spectra: Path, fits: Path, out: Path, dimensions: Path | None = None, samples: Path | None = None,
    memories: Path | None = None,
) -> list[Path]:  # fmt: skip
    """Gather the SPECTRA and FITS folders of study STUDY, with DIMENSIONS, SAMPLES and MEMORIES if it asks, into the
    cube OUT."""
    loaded = load(study)
    claim(*files_of_cube(out))
    for folder, stage in ((spectra, "spectrum"), (fits, "fit")):
        if not folder.is_dir():
            raise InputError(
                "is not a folder", file=folder, allowed=f"allowed is the folder of the files that stage {stage} made"
            )
    attrs = provenance(loaded)
    groups, spool = {}, Spool(out)
    for name, part, d in loaded.groups:
        ds = variables.annotate(gather(part, d, spectra, fits, dimensions, samples, memories, spool))
        ds = ds.assign_attrs(attrs | ({"block": part.block} if part.block else {}))
        if wrong := invalid(ds, part, spool):
            raise InputError(f"would not be a valid cube: {wrong}", file=out)
        groups[name] = ds
    write_cube(out, groups, spool.forget)
    return [out, manifest_of(out)]


def invalid(ds: xr.Dataset, study: Study, spool: Spool) -> str:
    """What is wrong with a dataset of a cube, looked at block by block; empty if nothing is."""
    shape = ds.status.shape
    cells = SHARD * ds.status.size // max(one.nbytes for one in ds.data_vars.values())
    for region in regions(shape, block(shape, cells)):
        wrong = variables.validate(ds.isel(dict(zip(study.axes, region, strict=True))), tuple(study.axes))
        spool.forget()
        if wrong:
            return wrong[0]
    return ""


def provenance(study: Study) -> dict[str, str]:
    """Attributes that say where a cube comes from."""
    from importlib.metadata import version

    return {
        "title": f"scoregap study {study.name}",
        "contract": str(FORMAT),
        "study": yaml.safe_dump(study.resolved, sort_keys=False),
        "config_hash": study.hash,
        "fingerprint": study.fingerprint("cube"),
        "stage_revisions": ", ".join(f"{stage.name} {stage.revision}" for stage in STAGES[:STAGE]),
        "revision": revision(),
        "versions": ", ".join([f"python {platform.python_version()}", *(f"{p} {version(p)}" for p in PACKAGES)]),
        "machine": f"{platform.system()} {platform.machine()}",
        **({"data": table(study.document.data, study.path.parent).describe()} if study.document.data else {}),
        "seeds": "sha256 of stream name and the cell's axis values (scoregap.study.Cell.seed)",
    }


def gather(
    study: Study,
    ambient_dim: int,
    spectra: Path,
    fits: Path,
    dimensions: Path | None = None,
    samples: Path | None = None,
    memories: Path | None = None,
    spool: Spool | None = None,
) -> xr.Dataset:
    """The dataset of all cells of one ambient_dim; its arrays are in memory, or in the spool."""
    from_file = study.document.data is not None
    axes = study.axes if from_file else study.axes | {"ambient_dim": (ambient_dim,)}
    cells = list(study.expand(axes))
    coords = coordinates(cells)
    shape = tuple(len(values) for values in axes.values())
    present = variables.of_cube(coords, from_file)
    full = spool.full if spool else np.full
    data = {
        name: variables.empty(name, (*shape, *(len(coords[dim]) for dim in variable.dims)), full)
        for name, variable in present.items()
    }
    sketches = _sketches(cells, coords, full) if "agreement" in data else None
    place = {cell.values: i for i, cell in enumerate(cells)}
    jobs = (study.whole or study).jobs  # which may have seeds that are of other blocks
    for job in (jobs[id] for id in study.jobs):
        if job.dims != (ambient_dim,):
            continue
        folders = {"spectrum": spectra, "fit": fits, "dimension": dimensions, "sample": samples}
        folders |= {"memorise": memories}
        for stage, folder in folders.items():
            if folder is None or not job.has(stage):
                continue
            path = folder / f"{job.id}.zarr.zip"
            if absent(path):
                continue
            arrays, keys = read_job(path, job.keys(stage), variables.made(stage, job.first))
            if keys != job.keys(stage):
                raise InputError("is not of this study as it is now", file=path, allowed=f"rerun {stage}")
            here = [i for i, cell in enumerate(job.cells) if cell.values in place]
            members = [place[job.cells[i].values] for i in here]
            sketch = arrays.pop("sketch", None)
            if sketch and sketches is not None:
                sketches[members] = sketch[1][here]
            for name, (own, values) in arrays.items():
                whole = ("member", *variables.VARIABLES[name].dims) if name in data else ()
                if own != whole or any(
                    size > len(coords[dim]) or (size < len(coords[dim]) and dim not in PADDED)
                    for dim, size in zip(own[1:], values.shape[1:], strict=True)
                ):
                    raise DamagedFile(
                        f"{path}: is damaged: it has a variable {name!r} that is not of this study; run {stage} again",
                        path,
                    )
                rows = data[name].reshape(len(cells), *data[name].shape[len(shape) :])
                index: tuple[Any, ...] = (members, *(slice(size) for size in values.shape[1:]))
                rows[index] = values[here]
            if spool:
                spool.forget()
    if not from_file:
        add_references(data, axes)
    if sketches is not None:
        add_agreement(data["agreement"], sketches.reshape(*shape, *sketches.shape[1:]), list(axes).index("network"))
        if spool:
            spool.forget()
    coords |= {axis: labels(values) for axis, values in axes.items()}
    dims = {name: (*axes, *variable.dims) for name, variable in present.items()}
    return xr.Dataset({name: (dims[name], array) for name, array in data.items()}, coords)


def labels(values: tuple) -> np.ndarray:
    """Values of an axis as a coordinate: numbers, or texts if one of them is a text."""
    return (
        np.array([str(one) for one in values], object) if any(isinstance(v, str) for v in values) else np.array(values)
    )


def coordinates(cells) -> dict[str, np.ndarray]:
    """Coordinates after the axes; the longest over cells, which are padded with NaN.

    Without those of optional variables that the study does not have.
    """
    times = max((cell.spectrum.times.values for cell in cells), key=len)
    gaps = max(cell.gaps for cell in cells)
    shared = {
        "time": times,
        "point": np.arange(max(cell.spectrum.points for cell in cells)),
        "evaluation": np.arange(variables.EVALUATIONS),
        "level": variables.training_levels(cells[0].spectrum.times),
        **(variables.of_dimension(cells[0].dimension) if cells[0].dimension else {}),
        **(variables.of_sampling(cells[0].sampling) if cells[0].sampling else {}),
        **(variables.of_memorisation(cells[0].memorisation) if cells[0].memorisation else {}),
    }
    if cells[0].spectrum.traces:
        return shared
    shared |= {"mode": np.arange(cells[0].dim), "estimator": np.array(variables.ESTIMATORS, object)}
    if cells[0].data:
        scores = list(dict.fromkeys(cell["network"] for cell in cells))
        shared |= {"other": np.array(scores, object)} if len(scores) > 1 else {}
        return shared | {"shoulder": np.arange(variables.SHOULDERS), "found": np.arange(variables.FOUND)}
    groups = {name: np.arange(gaps) for name in ("group", "gap")}
    return shared | groups | {"side": np.array(variables.SIDES, object)}


def _sketches(cells, coords: dict[str, np.ndarray], full) -> np.ndarray:
    """(cells, time, point, row, column) sketches of G, with nothing filled in."""
    side = agreement.side(cells[0].dim)
    return variables.empty("sketch", (len(cells), len(coords["time"]), len(coords["point"]), side, side), full)


def add_agreement(found: np.ndarray, sketches: np.ndarray, along: int) -> None:
    """Fill in the cosines (..., time, point, other) of all scores, by their sketches; along: the axis of scores."""
    found, sketches = np.moveaxis(found, along, 0), np.moveaxis(sketches, along, 0)
    for place in np.ndindex(found.shape[1:-3]):
        own = [one[place] for one in sketches]
        for i, one in enumerate(own):
            for j, other in enumerate(own):
                found[(i, *place, ..., j)] = agreement.cosine(one, other)


def add_references(data: dict[str, np.ndarray], axes: dict[str, tuple]) -> None:
    """`exact_*` and `gaussian_*` times of every cell: those of its references, where the study has them."""
    along = list(axes).index("network")
    for reference in REFERENCES:
        if reference in axes["network"]:
            phase_times = [method + time for method in variables.METHODS for time in variables.TIMES]
            for name in (*phase_times, "t_alignment"):
                own = np.take(data[name], [axes["network"].index(reference)], axis=along)
                data[f"{reference}_{name}"][...] = own
