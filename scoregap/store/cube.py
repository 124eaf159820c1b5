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
from collections.abc import Callable, Collection, Iterable, Mapping
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

    from scoregap.store.labelled import Array, LabelledArrays

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


def identity(ds: xr.Dataset | LabelledArrays, axes: Collection[str], growing: Collection[str]) -> str:
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
    groups: Mapping[str, xr.Dataset | LabelledArrays],
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
        before = read_manifest(named, ("files", "sums")) if kept else ({}, {})
        files = _Files(building, *before)
        metadata: dict[str, cube_format.Metadata] = {}  # of all arrays and groups, by their paths
        for group, ds in groups.items():
            if group:
                metadata[group] = cube_format.group(ds.attrs)
            arrays = _write_group(files, group, ds, forget, (growing or {}).get(group, ()), (kept or {}).get(group))
            metadata |= arrays
        root = cube_format.group(next(iter(groups.values())).attrs, metadata)
        for name, one in {"": root, **metadata}.items():
            files.write(f"{name}/zarr.json".lstrip("/"), [zarr_format.to_json(one)])
        files.sync()
        content = {"format": FORMAT, "files": files.hashes, "sums": files.sums, **(of or {})}
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


class _Files:
    """The files of a cube that is being built in a folder: SHA-256 and CRC-32C of every one by its name. before: those
    of the cube that there was."""

    def __init__(self, folder: Path, hashes_before: Mapping[str, str], sums_before: Mapping[str, int]):
        self.folder = folder
        self.before = hashes_before, sums_before
        self.hashes: dict[str, str] = {}
        self.sums: dict[str, int] = {}
        self.folders: set[Path] = set()
        self.unsynced: list[Path] = []

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """A file of these pieces."""
        path = self._place(name)
        digest, found = hashlib.sha256(), 0
        with path.open("xb") as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
                found = google_crc32c.extend(found, piece)
        self.hashes[name], self.sums[name] = digest.hexdigest(), found
        self.unsynced.append(path)

    def link(self, name: str, file: Path) -> None:
        """A file of the cube before, as it is."""
        path = self._place(name)
        link(file, path)
        if path.parent not in self.unsynced[-1:]:  # which flushes no file: their names are in the folder alone
            self.unsynced.append(path.parent)
        hashes, sums = self.before
        self.hashes[name], self.sums[name] = hashes[name], sums[name]

    def sync(self) -> None:
        """Flush all to the disk."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(sync, self.unsynced))

    def _place(self, name: str) -> Path:
        path = self.folder / name
        if path.parent not in self.folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.folders.add(path.parent)
        return path


def _write_group(
    files: _Files,
    group: str,
    ds: xr.Dataset | LabelledArrays,
    forget: Callable[[], None],
    growing: Collection[str],
    kept: Kept | None,
) -> dict[str, cube_format.Metadata]:
    """The files of one dataset of a cube but for the metadata, which are returned, by the paths of its arrays."""
    metadata, seen = {}, 0  # bytes of values that were looked at
    inside = f"{group}/" if group else ""
    for name in map(str, ds.coords):
        array = ds.variables[name]
        metadata[inside + name], content = cube_format.coordinate(name, array.values, array.attrs)
        if content is not None:
            files.write(f"{inside}{name}/c/0", [content])
    for name in map(str, ds.data_vars):
        array = ds.variables[name]  # `ds[name]` makes an array of it, with coordinates
        chunks, sizes = layout(array, growing)
        values = array.values
        dims = [*map(str, array.dims)]
        metadata[inside + name] = cube_format.sharded(dims, values.shape, values.dtype, array.attrs, chunks, sizes)
        fill = np.nan if values.dtype.kind == "f" else 0
        for region in regions(values.shape, sizes):
            at = [one.start for one in region]
            entry = ".".join([f"{name}/c", *(str(start // size) for start, size in zip(at, sizes, strict=True))])
            if kept and not kept.touches(region):
                files.link(inside + entry, kept.folder / entry)
                continue
            parts = shards.places(values.shape, chunks, sizes, at)
            before = kept.parts(entry, len(parts)) if kept else itertools.repeat(None, len(parts))
            content_of_chunks = (
                None if part is None
                else one if kept and not kept.touches(part)
                else shards.encode(shards.full(values[part], chunks, fill))
                for part, one in zip(parts, before, strict=True)
            )  # fmt: skip
            files.write(inside + entry, shards.pieces(content_of_chunks))
            seen += math.prod(sizes) * values.itemsize
            if seen > IN_MEMORY:
                forget()
                seen = 0
    return metadata


def _files(folder: Path) -> list[tuple[str, Path]]:
    """The files of a cube, by their names in it."""
    found = (file for file in sorted(folder.rglob("*")) if file.is_file())
    ours = (file for file in found if file.name != ".snakemake_timestamp")  # Snakemake's, of before receipts
    return [(file.relative_to(folder).as_posix(), file) for file in ours]


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
