"""The datasets of a finished cube, as a study orders them, or as one for a reader.

study, cube.zarr -> for every part of the study its datasets, one per ambient_dim
study, its results -> its cube as it is now
"""

import os
import time
from pathlib import Path

import xarray as xr

from scoregap import DamagedFile, InputError, brief
from scoregap.store.cube import read_cube
from scoregap.store.files import manifest_of
from scoregap.store.opening import kind_of
from scoregap.study import Study, load

SWAP, TRIES = 0.2, 10  # seconds in which a run puts another cube into the place of one; times that is waited for


def datasets(study: Study, cube: Path) -> list[tuple[Study, list[xr.Dataset]]]:
    """For every part of a study its datasets in the cube, one per ambient_dim, in the order of the study."""
    found = read_cube(cube)
    _refuse_others(study, cube, found)
    groups = {name: part.block for name, part, _ in study.groups}
    return [(part, [found[name] for name, of in groups.items() if of == part.block]) for part in study.parts]


def _refuse_others(study: Study, cube: Path, found: dict[str, xr.Dataset]) -> None:
    """Raises InputError unless datasets are of a study as it is now."""
    of = {ds.attrs.get("fingerprint") for ds in found.values()}
    if of != {study.fingerprint("cube")} or found.keys() != {name for name, _, _ in study.groups}:
        raise InputError("is not of this study as it is now", file=cube, allowed="rerun cube")


def open_cube(study: str | Path, results: str | Path = "results") -> xr.Dataset | xr.DataTree:
    """See `scoregap.open`."""
    for name, value in (("study", study), ("results", results)):
        if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
            raise InputError(key=name, value=value, allowed="should be a path")
    path, loaded = Path(study), None
    if path.suffix in (".yaml", ".yml"):
        loaded = load(path)
        path = Path(results) / loaded.name
    elif (there := kind_of(path)) not in ("", "a folder", "a file"):
        raise InputError(f"{brief(path)} is {there}", key="study", value=path, allowed="should be a study, or a folder")
    elif len(path.parts) == 1 and there != "a folder":
        path = Path(results) / path
    found = _whole(path / "cube.zarr")
    if loaded:
        _refuse_others(loaded, path / "cube.zarr", found)
    if found.keys() == {""}:
        return found[""]
    attributes = next(iter(found.values())).attrs
    return xr.DataTree.from_dict({"/": xr.Dataset(attrs=attributes), **found})


def _whole(cube: Path) -> dict[str, xr.Dataset]:
    """As `read_cube`; a run that is about to put another cube there is waited for."""
    for _ in range(TRIES - 1):
        before = _version(cube)
        try:
            return read_cube(cube)
        except DamagedFile:
            time.sleep(SWAP)
            if _version(cube) == before:
                raise
    return read_cube(cube)


def _version(cube: Path) -> list[tuple[int, int] | None]:
    """What tells a cube and its manifest from others in their places."""
    found = [os.stat(path) if path.exists() else None for path in (cube, manifest_of(cube))]
    return [one and (one.st_ino, one.st_mtime_ns) for one in found]
