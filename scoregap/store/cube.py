"""The cube of a study: labelled arrays in one zarr store, in shards.

datasets by group <-> `cube.zarr`, and its manifest `cube.zarr.json` with the SHA-256 of every file

A cube may be larger than memory: it is built from a `Spool`, block by block, and its files are mapped when it is read.
Files of a cube are never written again, only their folder is replaced; who has them open reads on what there was. What
a new cube has in common with the one before it (`growth`) it takes from there: files by hard links, or parts of them.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import mmap
import os
import resource
from collections.abc import Callable, Collection, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import google_crc32c
import numpy as np
from numcodecs import blosc

from scoregap.store import cube_format, shards, zarr_format
from scoregap.store.files import (
    FORMAT,
    damaged,
    delete,
    manifest_of,
    own_digest,
    read_manifest,
    reading,
    sync,
    temporary_beside,
)  # fmt: skip
from scoregap.store.growth import Kept, cut, link, step
from scoregap.store.opening import read_text
from scoregap.store.ownership import Kind, json_with, own
from scoregap.store.spool import regions

if TYPE_CHECKING:
    import xarray as xr
    import zarr

    from scoregap.store.labelled import Array, Labelled

CHUNK = 2**18  # bytes of an inner chunk: one time of as many cells as fit
SHARD = 2**23  # bytes, before compression, of a file: few enough that most stay as they are when a cube grows
AT_ONCE = 8  # files that are flushed to the disk side by side, which takes their number of waits otherwise
IN_MEMORY = 2**26  # bytes of files that are held as they are; what is more is mapped


def layout(
    array: xr.DataArray | xr.Variable | Array, growing: Collection[str] = ()
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of inner chunks and of shards. An inner chunk: at most CHUNK bytes of one time, so of many cells in most
    studies; of dimensions that grow `growth.step` values at most, so that few chunks change when one does.

    Then a time of all cells is a share 1 / T of the file in a few reads, and a cell T small chunks.
    """
    rest = {str(dim): size for dim, size in array.sizes.items() if dim != "time"}
    inner = cut(rest, CHUNK // array.dtype.itemsize, {dim: step(rest[dim]) for dim in growing}) | {"time": 1}
    chunks = tuple(inner[str(dim)] for dim in array.dims)
    counts = {str(dim): math.ceil(size / inner[str(dim)]) for dim, size in array.sizes.items()}
    most = {dim: 2 ** (counts[dim] - 1).bit_length() for dim in growing}
    several = cut(counts, SHARD // (math.prod(chunks) * array.dtype.itemsize), most)
    return chunks, tuple(several[str(dim)] * inner[str(dim)] for dim in array.dims)


def identity(ds: xr.Dataset | Labelled, axes: Collection[str], growing: Collection[str]) -> str:
    """Digest of all that decides the bytes of a group beside the values of its variables and of its axes; of its
    attributes those that it has here."""
    found = ds.variables
    coords = [
        [name, one.dims, one.dtype.str, [str(value) for value in one.values.ravel().tolist()], one.attrs]
        for name, one in found.items()
        if name in ds.coords and name not in axes
    ]
    arrays = [
        [name, one.dims, one.dtype.str, one.attrs, layout(one, growing)]
        for name, one in found.items()
        if name in ds.data_vars
    ]
    content = [FORMAT, blosc.VERSION_STRING, ds.attrs, coords, arrays]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


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


def write_cube(
    path: Path,
    groups: Mapping[str, xr.Dataset | Labelled],
    forget: Callable[[], None] = lambda: None,
    of: Mapping[str, Any] | None = None,
    growing: Mapping[str, Collection[str]] | None = None,
    kept: Mapping[str, Kept] | None = None,
) -> None:
    """Build the cube beside `path`, shard by shard, then swap. groups: {"": dataset}, or one dataset per group name.

    `<path>.json` is the manifest: SHA-256 of every file, and what else the cube is `of`. It is whole before anything is
    swapped and takes its place last, so that at every instant there is the old cube, the new one, or what `read_cube`
    refuses. forget: called every IN_MEMORY bytes, to let go of what reading them has taken. growing: dimensions of a
    group, as of `layout`. kept: what of a group is as in the cube that is there. Raises InputError if one of the two is
    not our own, and ValueError if what is kept is damaged.
    """
    named = path
    path, manifest = (own(*one) for one in files_of_cube(named))
    old = path.with_name(f"{path.name}.old")
    with temporary_beside(old) as aside, temporary_beside(path) as building:
        linked: list[Path] = []
        metadata: dict[str, cube_format.Metadata] = {}  # of all arrays and groups, by their paths
        for group, ds in groups.items():
            if group:
                metadata[group] = cube_format.group(ds.attrs)
            files, arrays = _write_group(
                building / group, ds, forget, (growing or {}).get(group, ()), (kept or {}).get(group)
            )
            linked += files
            metadata |= {f"{group}/{name}" if group else name: one for name, one in arrays.items()}
        root = cube_format.group(next(iter(groups.values())).attrs, metadata)
        for name, one in {"": root, **metadata}.items():
            (building / name / "zarr.json").write_bytes(zarr_format.to_json(one))
        before = dict(zip(("files", "sums"), read_manifest(named, ("files", "sums")), strict=True)) if linked else {}
        content = {"format": FORMAT, **_synced_hashes(building, set(linked), before), **(of or {})}
        content["own"] = own_digest(json.loads(json.dumps(content)))
        with temporary_beside(manifest) as new_manifest:
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


def _write_group(
    folder: Path, ds: xr.Dataset | Labelled, forget: Callable[[], None], growing: Collection[str], kept: Kept | None
) -> tuple[list[Path], dict[str, cube_format.Metadata]]:
    """One dataset of a cube, without the metadata: files that are those of the cube before; metadata of its arrays."""
    linked, metadata, seen = [], {}, 0  # bytes of values that were looked at
    for name in map(str, ds.coords):
        array = ds.variables[name]
        metadata[name], content = cube_format.coordinate(name, array.values, array.attrs)
        (folder / name).mkdir(parents=True)
        if content is not None:
            (folder / name / "c").mkdir()
            (folder / name / "c" / "0").write_bytes(content)
    for name in map(str, ds.data_vars):
        array = ds.variables[name]  # `ds[name]` makes an array of it, with coordinates
        chunks, sizes = layout(array, growing)
        values = array.values
        dims = [*map(str, array.dims)]
        metadata[name] = cube_format.sharded(dims, values.shape, values.dtype, array.attrs, chunks, sizes)
        fill = np.nan if values.dtype.kind == "f" else 0
        (folder / name).mkdir(parents=True)
        for region in regions(values.shape, sizes):
            at = [one.start for one in region]
            entry = ".".join(["c", *(str(start // size) for start, size in zip(at, sizes, strict=True))])
            file = folder / name / entry
            if kept and not kept.touches(region):
                link(kept.folder / name / entry, file)
                linked.append(file)
                continue
            parts = shards.places(values.shape, chunks, sizes, at)
            before = kept.parts(f"{name}/{entry}", len(parts)) if kept else []
            file.write_bytes(
                shards.join(
                    [
                        None if part is None
                        else before[i] if kept and not kept.touches(part)
                        else shards.encode(shards.full(values[part], chunks, fill))
                        for i, part in enumerate(parts)
                    ]
                )
            )  # fmt: skip
            seen += math.prod(sizes) * values.itemsize
            if seen > IN_MEMORY:
                forget()
                seen = 0
    for parent in {file.parent for file in linked}:
        sync(parent)
    return linked, metadata


def _files(folder: Path) -> list[tuple[str, Path]]:
    """The files of a cube, by their names in it."""
    found = (file for file in sorted(folder.rglob("*")) if file.is_file())
    ours = (file for file in found if file.name != ".snakemake_timestamp")  # Snakemake's, of before receipts
    return [(file.relative_to(folder).as_posix(), file) for file in ours]


def _synced_hashes(folder: Path, linked: Set[Path], before: dict[str, dict]) -> dict[str, dict]:
    """SHA-256 (`files`) and CRC-32C (`sums`) of every file of a cube, which is on the disk then. linked: those that
    were `before`."""

    def of(named: tuple[str, Path]) -> tuple[str, str, int]:
        name, file = named
        if file in linked:
            return name, before["files"][name], before["sums"][name]
        with file.open("rb") as stream:
            content = stream.read()
            os.fsync(stream.fileno())
        return name, hashlib.sha256(content).hexdigest(), google_crc32c.value(content)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [*pool.map(of, _files(folder))]
    return {"files": {name: one for name, one, _ in found}, "sums": {name: one for name, _, one in found}}


def read_cube(path: Path) -> dict[str, xr.Dataset]:
    """Datasets of a cube by group, checked against the manifest and opened lazily. Raises DamagedFile.

    They are of the cube as it is now, whatever becomes of the path: all its files are held, and given back to the disk,
    if they have been replaced, with the last of the datasets.
    """
    import zarr

    (wanted,) = read_manifest(path, ("files",))
    with reading(path):
        found, contents = _held(path)
        for name in sorted(wanted.keys() | found.keys()):
            if wanted.get(name) != found.get(name):
                raise damaged(path / name, f"is damaged, missing or foreign, by {manifest_of(path).name}")
        buffer = zarr.core.buffer.default_buffer_prototype().buffer
        held = {name: buffer.from_bytes(content) for name, content in contents.items()}
        store = zarr.storage.MemoryStore(held, read_only=True)
        tree = zarr.open_group(store, mode="r", zarr_format=3)
        names = sorted(tree.group_keys()) or [""]
        datasets = {name: _opened(store, name, contents) for name in names}
    for ds in datasets.values():
        ds.encoding["source"] = str(path)
    return datasets


def _opened(store: zarr.storage.MemoryStore, group: str, contents: dict[str, memoryview]) -> xr.Dataset:
    """A group of a cube. Arrays in shards are not opened by zarr, but for those of early versions, in more folders."""
    import xarray as xr
    from xarray.core.indexing import LazilyIndexedArray

    from scoregap.store.sharded import Sharded

    files: dict[str, dict[str, memoryview]] = {}
    for name, content in contents.items():
        folder, _, file = name.rpartition("/")
        if PurePath(folder).parent == PurePath(group):
            files.setdefault(PurePath(folder).name, {})[file] = content
    arrays = {}
    for name in sorted(files.keys() - {""}):
        metadata = json.loads(bytes(files[name]["zarr.json"]))
        if metadata["node_type"] == "array" and metadata["codecs"][0]["name"] == "sharding_indexed" and _flat(metadata):
            lazy = LazilyIndexedArray(Sharded(metadata, files[name]))
            arrays[name] = xr.Variable(metadata["dimension_names"], lazy, metadata["attributes"])
    # every group by itself: what is consolidated is of all of them, and would be read anew for each
    ds = xr.open_zarr(
        store, group=group or None, chunks=None, zarr_format=3, consolidated=False, drop_variables=list(arrays)
    )
    return ds.assign(arrays)


def _flat(metadata: Mapping[str, Any]) -> bool:
    """Whether the files of an array are all in its folder."""
    return metadata["chunk_key_encoding"].get("configuration", {}).get("separator") == "."


def _held(folder: Path) -> tuple[dict[str, str], dict[str, memoryview]]:
    """SHA-256 and content of every file of a cube: the smallest ones, IN_MEMORY bytes of them, as they are, the others
    mapped."""
    files = sorted((file.stat().st_size, name, file) for name, file in _files(folder))
    totals = itertools.accumulate(size for size, _, _ in files)
    few = sum(total <= IN_MEMORY for total in totals)
    _allow(len(files) - few)
    hashes, contents = {}, {}
    for i, (_, name, file) in enumerate(files):
        with file.open("rb") as stream:
            hashes[name] = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.tell()
            stream.seek(0)
            mapped = i >= few and size  # nothing cannot be mapped
            content = mmap.mmap(stream.fileno(), size, access=mmap.ACCESS_READ) if mapped else stream.read(size)
            contents[name] = memoryview(content)
    return hashes, contents


def _allow(count: int) -> None:
    """Let this process map so many files more, each of which Python keeps open, as far as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if count and soft != resource.RLIM_INFINITY:
        wanted = soft + count if hard == resource.RLIM_INFINITY else min(soft + count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
