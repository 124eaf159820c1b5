"""Gather every job into one labelled zarr cube.

study, folders of spectra, fits, dimensions, samples and memories -> cube.zarr and its manifest cube.zarr.json

Every block of a study is a group of its own. So are cells of different ambient_dim, whose spectra have different
lengths. A job without files leaves its cells missing (status 0), so an incomplete study can be looked at.
"""

import platform
from collections.abc import Mapping, Set
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from scoregap import DamagedFile, InputError, variables
from scoregap.data import HALVES
from scoregap.installation import revision
from scoregap.measure import agreement
from scoregap.members import PADDED
from scoregap.scores import REFERENCES
from scoregap.store.arrays import SHARD
from scoregap.store.cube import files_of_cube, identity, write_cube
from scoregap.store.files import FORMAT, manifest_of
from scoregap.store.growth import Earlier, Kept
from scoregap.store.jobs import job_digest, job_members, read_job
from scoregap.store.labelled import Array, LabelledArrays
from scoregap.store.opening import absent
from scoregap.store.ownership import claim
from scoregap.store.spool import Box, Spool, block, regions
from scoregap.study import Job, Study, hashing, load
from scoregap.study.axes import as_named
from scoregap.study.data import table
from scoregap.study.stages import STAGES

STAGE = [stage.name for stage in STAGES].index("cube") + 1  # stages up to this one
OF_JOBS = ("spectrum", "fit", "dimension", "sample", "memorise")  # stages whose files are gathered
TOGETHER = ("network", "half")  # axes along which cells are put beside each other
SAME = ("contract", "stage_revisions", "versions")  # attributes of a cube of which another may take parts over
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
    folders = dict(zip(OF_JOBS, (spectra, fits, dimensions, samples, memories), strict=True))
    attrs, earlier = provenance(loaded), Earlier.found(out)
    of: dict[str, Any] = {"made_from": made_from(loaded, folders), "grids": {}}
    same = {id for id in loaded.jobs if earlier and _same(id, earlier.made_from, of["made_from"])}
    groups, growing, kept, spool = {}, {}, {}, Spool(out)
    for name, part, d in loaded.groups:
        ds = variables.annotate(frame(part, d))
        axes = axes_of(part, d)
        growing[name] = growing_axis(part, axes)
        digest = identity(ds.assign_attrs({key: attrs[key] for key in SAME}), axes, growing[name])
        of["grids"][name] = [[[axis, list(values)] for axis, values in axes.items()], digest]
        whole = [axis for axis in axes if axis not in growing[name]]
        jobs = [(job.axes, job.id in same) for job in jobs_of(part, d)]
        box = earlier and earlier.box(name, axes, digest, jobs, whole)
        if box:
            kept[name] = Kept(out / name, box)
        ds = variables.annotate(gather(part, d, spectra, fits, dimensions, samples, memories, spool, box or (), same))
        ds = ds.assign_attrs(attrs | ({"block": part.block} if part.block else {}))
        if wrong := invalid(ds.isel(dict(zip(axes, box or (), strict=False))), part, spool):
            raise InputError(f"would not be a valid cube: {wrong}", file=out)
        groups[name] = ds
    write_cube(out, groups, spool.forget, of, growing, kept)
    return [out, manifest_of(out)]


def invalid(ds: LabelledArrays, study: Study, spool: Spool) -> str:
    """What is wrong with a dataset of a cube, looked at block by block; empty if nothing is."""
    status = ds.data_vars["status"].values
    shape = status.shape
    if 0 in shape:
        return ""
    cells = SHARD * status.size // max(one.values.nbytes for one in ds.data_vars.values())
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
        "stage_revisions": ", ".join(
            f"{stage.name} {'.'.join(map(str, stage.revisions(study.document.data is not None)))}"
            for stage in STAGES[:STAGE]
        ),
        "revision": revision(),
        "versions": ", ".join([f"python {platform.python_version()}", *(f"{p} {version(p)}" for p in PACKAGES)]),
        "machine": f"{platform.system()} {platform.machine()}",
        **({"data": table(study.document.data, study.path.parent).describe()} if study.document.data else {}),
        "seeds": "sha256 of stream name and the cell's axis values (scoregap.study.Cell.seed)",
    }


def axes_of(study: Study, ambient_dim: int) -> dict[str, tuple[Any, ...]]:
    """The axes of the cells of one ambient_dim."""
    return study.axes if study.document.data else study.axes | {"ambient_dim": (ambient_dim,)}


def growing_axis(study: Study, axes: Mapping[str, tuple[Any, ...]]) -> list[str]:
    """The axis along which the cube is cut into pieces that may stay as they are: the longest of those along which jobs
    differ and are not put beside each other, if there is one. With every axis more, pieces would be smaller by far."""
    found = [axis for axis in axes if axis not in (*study.batch, *TOGETHER)]
    return [max(found, key=lambda axis: len(axes[axis]))] if found else []


def jobs_of(study: Study, ambient_dim: int) -> list[Job]:
    """The jobs of these cells."""
    jobs = (study.whole or study).jobs  # which may have seeds that are of other blocks
    return [jobs[id] for id in study.jobs if jobs[id].dims == (ambient_dim,)]


def made_from(study: Study, folders: Mapping[str, Path | None]) -> dict[str, str]:
    """Digests of the files of all jobs, and of whose results they should be; empty of those that are not there."""
    found = {}
    for id, job in study.jobs.items():
        for stage, folder in folders.items():
            one = job_digest(folder / f"{id}.zarr.zip") if folder and job.has(stage) else ""
            found[f"{stage}/{id}"] = one and hashing.digest([one, job.fingerprint(stage)], length=64)
    return found


def _same(id: str, before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether a job is one that there was before, with the same files, which were found to be of it."""
    return all(before.get(f"{stage}/{id}") == now[f"{stage}/{id}"] for stage in OF_JOBS)


def frame(study: Study, ambient_dim: int) -> LabelledArrays:
    """The dataset of all cells of one ambient_dim without values: its arrays take no memory, and cannot be written."""
    axes = axes_of(study, ambient_dim)
    coords = coordinates(list(study.expand(axes | {"seed": axes["seed"][:1]})))
    sizes = {dim: len(values) for dim, values in (axes | coords).items()}
    arrays = {}
    for name, variable in variables.of_cube(coords, study.document.data is not None).items():
        dims = (*axes, *variable.dims)
        arrays[name] = Array(dims, np.broadcast_to(variables.empty(name, ()), [sizes[dim] for dim in dims]))
    coords |= {axis: labels(values) for axis, values in axes.items()}
    return LabelledArrays(arrays, {name: Array((name,), values) for name, values in coords.items()})


def gather(
    study: Study,
    ambient_dim: int,
    spectra: Path,
    fits: Path,
    dimensions: Path | None = None,
    samples: Path | None = None,
    memories: Path | None = None,
    spool: Spool | None = None,
    box: Box = (),
    same: Set[str] = frozenset(),
) -> LabelledArrays:
    """The dataset of all cells of one ambient_dim; its arrays are in memory, or in the spool. box: of the axes, without
    which nothing is there. same: jobs whose files have been looked at before, and are not again unless for the box."""
    from_file = study.document.data is not None
    ds, axes = frame(study, ambient_dim), axes_of(study, ambient_dim)
    sizes = ds.sizes
    shape = tuple(len(values) for values in axes.values())
    inside = [range(size)[one] for one, size in zip(box, shape, strict=True)] if box else [*map(range, shape)]
    full = partial(spool.full, box=box) if spool else np.full
    data = {name: variables.empty(name, one.shape, full) for name, one in ds.data_vars.items()}
    sketches = _sketches(study, ds, shape, full) if "agreement" in data else None
    places = {axis: {value: i for i, value in enumerate(values)} for axis, values in axes.items()}
    within = dict(zip(axes, inside, strict=True))

    @cache
    def at(axis: str, values: tuple[Any, ...]) -> tuple[list[int], list[int]]:
        """Places along an axis, and which of them are in the box."""
        found = [places[axis].get(value, -1) for value in values]
        return found, [i for i, one in enumerate(found) if one in within[axis]]

    for job in jobs_of(study, ambient_dim):
        found, here = zip(*(at(axis, job.axes[axis]) for axis in axes), strict=True)
        members = np.arange(job.size).reshape([*map(len, found)])[np.ix_(*here)]
        if box and not members.size and job.id in same:
            continue
        cells = np.ix_(*([one[i] for i in chosen] for one, chosen in zip(found, here, strict=True)))
        for stage, folder in zip(OF_JOBS, (spectra, fits, dimensions, samples, memories), strict=True):
            if folder is None or not job.has(stage):
                continue
            path = folder / f"{job.id}.zarr.zip"
            if absent(path):
                continue
            made, wanted = variables.made(stage, job.first), job.keys(stage)
            if members.size:
                arrays, keys = read_job(path, wanted, made)
            else:
                arrays, (keys, _) = {}, job_members(path, wanted, made)
            if keys != wanted:
                raise InputError("is not of this study as it is now", file=path, allowed=f"rerun {stage}")
            sketch = arrays.pop("sketch", None)
            if sketch and sketches is not None:
                sketches[cells] = sketch[1][members]
            for name, (own, values) in arrays.items():
                whole = ("member", *variables.VARIABLES[name].dims) if name in data else ()
                if own != whole or any(
                    size > sizes[dim] or (size < sizes[dim] and dim not in PADDED)
                    for dim, size in zip(own[1:], values.shape[1:], strict=True)
                ):
                    raise DamagedFile(
                        f"{path}: is damaged: it has a variable {name!r} that is not of this study; run {stage} again",
                        path,
                    )
                index: tuple[Any, ...] = (*cells, *(slice(size) for size in values.shape[1:]))
                data[name][index] = values[members]
            if spool:
                spool.forget()
    in_box = {name: array[box] for name, array in data.items()}
    if not from_file:
        add_references(in_box, axes)
    if sketches is not None:
        add_agreement(in_box["agreement"], sketches[box], axes)
        if spool:
            spool.forget()
    return LabelledArrays({name: Array(ds.data_vars[name].dims, array) for name, array in data.items()}, ds.coords)


def labels(values: tuple) -> np.ndarray:
    """Values of an axis as a coordinate."""
    named = as_named(values)
    return np.array(named, object if isinstance(named[0], str) else None)


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
        **(variables.of_kept(cells[0].spectrum, cells[0].dim) if cells[0].spectrum.keep else {}),
        **(variables.of_memorisation(cells[0].memorisation, cells[0].dim) if cells[0].memorisation else {}),
    }
    if cells[0].data:
        shared["label"] = np.array(cells[0].truth().labels, object)
    if cells[0].spectrum.traces:
        return shared
    shared |= {"mode": np.arange(cells[0].dim), "estimator": np.array(variables.ESTIMATORS, object)}
    shared |= {"direction": np.arange(min(cells[0].dim, variables.DIRECTIONS))} if cells[0].data else {}
    if cells[0].data:
        scores = list(dict.fromkeys(cell["network"] for cell in cells))
        others = scores if len(scores) > 1 else []
        if set(HALVES) <= {cell.data.half for cell in cells}:
            others = [*others, variables.OTHER_HALF]
        shared |= {"other": np.array(others, object)} if others else {}
        return shared | {"shoulder": np.arange(variables.SHOULDERS), "found": np.arange(variables.FOUND)}
    groups = {name: np.arange(gaps) for name in ("group", "gap")}
    return shared | groups | {"side": np.array(variables.SIDES, object)}


def _sketches(study: Study, ds: LabelledArrays, shape: tuple[int, ...], full) -> np.ndarray:
    """(*axes, time, point, row, column) sketches of G, with nothing filled in."""
    side = agreement.side(study.dims[0])
    return variables.empty("sketch", (*shape, ds.sizes["time"], ds.sizes["point"], side, side), full)


def add_agreement(found: np.ndarray, sketches: np.ndarray, axes: dict[str, tuple]) -> None:
    """Fill in the cosines (*axes, time, point, other) of all scores with each other, by their sketches, and of each
    with itself of the other half, if there is one. Of an empty box there are none."""
    if not found.size:
        return
    if set(HALVES) <= set(axes.get("half", ())):
        along = list(axes).index("half")
        first, second = (axes["half"].index(half) for half in HALVES)
        halves, ours = np.moveaxis(found, along, 0), np.moveaxis(sketches, along, 0)
        halves[first, ..., -1] = halves[second, ..., -1] = agreement.cosine(ours[first], ours[second])
    along = list(axes).index("network")
    found, sketches = np.moveaxis(found, along, 0), np.moveaxis(sketches, along, 0)
    if len(found) == 1:
        return
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
