"""The cube of a study: labelled arrays in one zarr store, in shards.

datasets by group <-> `cube.zarr`, and its manifest `cube.zarr.json` with the SHA-256 of every file

A cube may be larger than memory: it is built from a `Spool`, block by block.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from scoregap.store.arrays import SHARD, codecs, create_array, plain_zarr
from scoregap.store.files import FORMAT, damaged, delete, manifest_of, read_manifest, reading, sync, temporary_beside
from scoregap.store.opening import read_text
from scoregap.store.ownership import Kind, json_with, own
from scoregap.store.spool import block, regions

if TYPE_CHECKING:
    import xarray as xr

CHUNK = 2**17  # bytes of an inner chunk: one time of as many cells as fit


def layout(array: xr.DataArray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of inner chunks and of shards. An inner chunk: CHUNK bytes of one time, so of many cells in most studies.

    Then a time of all cells is a share 1 / T of the file in a few reads, and a cell T small chunks.
    """
    rest = {dim: size for dim, size in array.sizes.items() if dim != "time"}
    inner = dict(zip(rest, block(tuple(rest.values()), CHUNK // array.dtype.itemsize), strict=True)) | {"time": 1}
    chunks = tuple(inner[dim] for dim in array.dims)
    counts = tuple(math.ceil(size / chunk) for size, chunk in zip(array.shape, chunks, strict=True))
    several = block(counts, SHARD // (math.prod(chunks) * array.dtype.itemsize))
    return chunks, tuple(count * chunk for count, chunk in zip(several, chunks, strict=True))


def _is_cube(path: Path) -> bool:
    """Whether a folder has the attributes of a cube of ours."""
    content = json.loads(read_text(path / "zarr.json"))
    return content["attributes"].keys() >= {"config_hash", "contract"}


IN_CUBE = r"\.snakemake_timestamp|([^/]+/)*(zarr\.json|c([./]\d+)*)"
CUBE = Kind("a cube", _is_cube, r"cube\.zarr", IN_CUBE)
MANIFEST = Kind("a manifest", json_with("format", "files"), r"cube\.zarr\.json")


def files_of_cube(path: Path) -> tuple[tuple[Path, Kind], ...]:
    """What `write_cube` writes, as `claim` takes it."""
    return (path, CUBE), (manifest_of(path), MANIFEST)


@plain_zarr()
def write_cube(path: Path, groups: dict[str, xr.Dataset], forget: Callable[[], None] = lambda: None) -> None:
    """Build the cube beside `path`, shard by shard, then swap. groups: {"": dataset}, or one dataset per group name.

    `<path>.json` is the manifest: SHA-256 of every file. It is whole before anything is swapped and takes its place
    last, so that at every instant there is the old cube, the new one, or what `read_cube` refuses. forget: called
    after every shard, to let go of what reading it has taken. Raises InputError if one of the two is not our own.
    """
    import zarr

    path, manifest = (own(*one) for one in files_of_cube(path))
    old = path.with_name(f"{path.name}.old")
    with temporary_beside(path) as building, temporary_beside(old) as aside, temporary_beside(manifest) as new_manifest:
        if set(groups) != {""}:
            attributes = next(iter(groups.values())).attrs
            zarr.create_group(building, zarr_format=3, attributes=dict(attributes))
        for group, ds in groups.items():
            _write_group(building, group, ds, forget)
        with warnings.catch_warnings():  # zarr announces that format 3 does not specify consolidation yet
            warnings.filterwarnings("ignore", message=".*[Cc]onsolidated metadata.*")
            zarr.consolidate_metadata(building)
        content = {"format": FORMAT, "files": _hashes(building, sync=True)}
        new_manifest.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        sync(new_manifest)
        try:
            if path.exists():
                os.replace(path, aside)
            os.replace(building, path)
            os.replace(new_manifest, manifest)
        except BaseException:
            if aside.exists():
                delete(path)
                os.replace(aside, path)
            raise
        sync(path.parent)


def _write_group(store: Path, group: str, ds: xr.Dataset, forget: Callable[[], None]) -> None:
    """One dataset of a cube: coordinates by xarray, then variables."""
    import zarr

    coords = ds.drop_vars(list(ds.data_vars))
    encoding = {name: {"compressors": codecs()} for name in coords.variables}
    coords.to_zarr(
        store, group=group or None, zarr_format=3, consolidated=False, encoding=encoding, mode="a" if group else "w"
    )
    place = zarr.open_group(store, path=group, mode="r+")
    for name, array in ds.data_vars.items():
        chunks, shards = layout(array)
        target = create_array(
            place, str(name), array, tuple(map(str, array.dims)), attributes=dict(array.attrs),
            chunks=chunks, shards=shards if shards != chunks else None,
            chunk_key_encoding={"name": "default", "separator": "."},  # a file of its own folder, not one per dimension
        )  # fmt: skip
        for region in regions(array.shape, shards):
            target[region] = array.data[region]
            forget()


def _hashes(folder: Path, sync: bool = False) -> dict[str, str]:
    hashes = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != ".snakemake_timestamp":  # Snakemake's, in cubes from before receipts
            with file.open("rb") as stream:
                hashes[file.relative_to(folder).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
                if sync:
                    os.fsync(stream.fileno())
    return hashes


def read_cube(path: Path) -> dict[str, xr.Dataset]:
    """Datasets of a cube by group, checked against the manifest and opened lazily. Raises DamagedFile."""
    import xarray as xr
    import zarr

    (wanted,) = read_manifest(path, ("files",))
    with reading(path):
        found = _hashes(path)
        for name in sorted(wanted.keys() | found.keys()):
            if wanted.get(name) != found.get(name):
                raise damaged(path / name, f"is damaged, missing or foreign, by {manifest_of(path).name}")
        tree = zarr.open_group(path, mode="r", zarr_format=3)
        names = sorted(tree.group_keys()) or [""]
        return {name: xr.open_zarr(path, group=name or None, chunks=None, zarr_format=3) for name in names}
