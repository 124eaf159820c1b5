"""Files that are either whole or absent, and that say so when they are damaged.

arrays <-> one file per job (`.zarr.zip`, `.safetensors`) and one cube per study (`cube.zarr`)

Every file is written beside its place under a temporary name, flushed to disk and renamed. Array chunks carry a
CRC-32C, weights a SHA-256, the cube a manifest of SHA-256s; a mismatch is a `DamagedFile`, never a NaN. Nothing
read here is unpickled.
"""

import hashlib
import json
import os
import shutil
import struct
import warnings
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec

from scoregap import DamagedFile

FORMAT = 1  # of job files and cube


@contextmanager
def replacing(path: Path):
    """A temporary name beside `path`; on leaving without an error the file there is synced and takes its place."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """A whole text file, or the old one."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


# ---------------------------------------------------------------- one file per job


def _encoding(ds: xr.Dataset, chunks=None) -> dict:
    codecs = [BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"), Crc32cCodec()]
    encoding = {}
    for name in ds.variables:
        encoding[name] = {"compressors": codecs}
        if chunks and name in ds.data_vars:
            encoding[name] |= chunks(ds[name])
    return encoding


def write_job(path: Path, ds: xr.Dataset, members: list[str]) -> None:
    """A dataset whose first dimension is `member`, with the key of every member, as one zip of a zarr store.

    The same dataset gives the same bytes.
    """
    ds = ds.assign_attrs(format=FORMAT, members=json.dumps(members))
    entries: dict = {}
    store = zarr.storage.MemoryStore(entries)
    ds.to_zarr(store, zarr_format=3, consolidated=False, encoding=_encoding(ds))
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(entries):
            archive.writestr(zipfile.ZipInfo(name), entries[name].to_bytes())


@contextmanager
def _reading(path: Path):
    """Whatever a missing, damaged or foreign file raises, as a DamagedFile."""
    try:
        yield
    except DamagedFile:
        raise
    except Exception as error:  # zip (of something else: files missing in it), JSON, codec or header
        if isinstance(error, FileNotFoundError) and not path.exists():
            raise DamagedFile(f"{path}: is missing; rerun the stage that makes it") from None
        raise DamagedFile(f"{path}: is damaged ({type(error).__name__}: {error}); delete it and rerun") from error


def read_job(path: Path) -> tuple[xr.Dataset, list[str]]:
    """What `write_job` wrote, loaded. Raises DamagedFile."""
    with _reading(path):
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
            if broken:
                raise DamagedFile(f"{path}: is damaged: checksum of {broken} is wrong; delete it and rerun")
        with zarr.storage.ZipStore(path, mode="r") as store:
            ds = xr.open_zarr(store, consolidated=False, chunks=None, zarr_format=3).load()
        if ds.attrs.pop("format") != FORMAT:
            raise DamagedFile(f"{path}: is of another version of scoregap; delete it and rerun")
        return ds, json.loads(ds.attrs.pop("members"))


def job_members(path: Path) -> tuple[list[str], np.ndarray | None]:
    """Keys of the members of a job's file, and their `status` if it has that, without reading or checking the rest.

    For looking at ten thousand files in seconds. Raises DamagedFile.
    """
    from numcodecs import blosc

    with _reading(path), path.open("rb") as file:
        file.seek(-22, os.SEEK_END)
        signature, size, start = struct.unpack("<4s8xLL2x", file.read())
        if signature != b"PK\5\6":
            raise zipfile.BadZipFile("its directory is not there")
        file.seek(start)
        directory = file.read(size)
        keys = json.loads(json.loads(_entry(file, directory, b"zarr.json") or "")["attributes"]["members"])
        if _entry(file, directory, b"status/zarr.json") is None:
            return keys, None
        chunk = _entry(file, directory, b"status/c/0")
        if chunk is None:  # zarr leaves out what is zero
            return keys, np.zeros(len(keys), np.int8)
        return keys, np.frombuffer(blosc.decompress(chunk[:-4]), np.int8)  # without its CRC


def _entry(file, directory: bytes, name: bytes) -> bytes | None:
    """An uncompressed entry of a zip file, None if it has none of that name.

    `zipfile` would first make an object of every other entry, which takes ten times as long as all else.
    """
    at = directory.rfind(name)
    while at >= 0:
        size, length, offset = struct.unpack("<20xL4xH12xL", directory[at - 46 : at])
        if directory[at - 46 : at - 42] == b"PK\1\2" and length == len(name):
            file.seek(offset)
            file.seek(sum(struct.unpack("<26xHH", file.read(30))), os.SEEK_CUR)
            return file.read(size)
        at = directory.rfind(name, 0, at)
    return None


# ---------------------------------------------------------------- weights


def _weights_digest(tensors: dict, members: str) -> str:
    total = hashlib.sha256(members.encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        total.update(f"{name}{array.dtype}{array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def write_weights(path: Path, members: dict[str, dict], tensors: dict[str, np.ndarray]) -> None:
    """Weights as safetensors. members: what is known of every member by key; tensors: named `<key>/<name>`."""
    from safetensors.numpy import save_file

    text = json.dumps(members, sort_keys=True)
    header = {"format": FORMAT, "members": text, "sha256": _weights_digest(tensors, text)}
    with replacing(path) as temporary:  # one entry, since safetensors writes several in random order
        save_file(
            {name: np.ascontiguousarray(array) for name, array in tensors.items()},
            temporary,
            {"scoregap": json.dumps(header)},
        )


def read_weights(path: Path) -> tuple[dict[str, dict], dict[str, np.ndarray]]:
    """What `write_weights` wrote. Raises DamagedFile."""
    from safetensors import safe_open

    with _reading(path):
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})["scoregap"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        if header["format"] != FORMAT:
            raise DamagedFile(f"{path}: is of another version of scoregap; delete it and rerun")
        if header["sha256"] != _weights_digest(tensors, header["members"]):
            raise DamagedFile(f"{path}: is damaged: its checksum is wrong; delete it and rerun")
        return json.loads(header["members"]), tensors


def weights_members(path: Path) -> dict[str, dict]:
    """What is known of every member by key, without reading or checking the weights. Raises DamagedFile."""
    from safetensors import safe_open

    with _reading(path), safe_open(path, framework="numpy") as file:
        return json.loads(json.loads((file.metadata() or {})["scoregap"])["members"])


# ---------------------------------------------------------------- the cube


def _cube_chunks(array: xr.DataArray) -> dict:
    """Inner chunk: one time, all cells; one shard per variable. Variables without time are one chunk."""
    chunks = tuple(1 if dim == "time" else size for dim, size in array.sizes.items())
    return {"chunks": chunks, "shards": array.shape} if "time" in array.dims else {"chunks": array.shape}


def write_cube(path: Path, groups: dict[str, xr.Dataset]) -> None:
    """Build the cube beside `path`, then swap. groups: {"": dataset}, or one dataset per group name.

    `<path>.json` is the manifest: SHA-256 of every file, written last.
    """
    building = path.with_name(f".{path.name}.{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    building.parent.mkdir(parents=True, exist_ok=True)
    try:
        if set(groups) != {""}:
            attributes = next(iter(groups.values())).attrs
            zarr.create_group(building, zarr_format=3, attributes=dict(attributes))
        for group, ds in groups.items():
            ds.to_zarr(
                building,
                group=group or None,
                zarr_format=3,
                consolidated=False,
                encoding=_encoding(ds, _cube_chunks),
                mode="a" if group else "w",
            )
        with warnings.catch_warnings():  # zarr announces that format 3 does not specify consolidation yet
            warnings.filterwarnings("ignore", message=".*[Cc]onsolidated metadata.*")
            zarr.consolidate_metadata(building)
        manifest = {"format": FORMAT, "files": _hashes(building, sync=True)}
        old = path.with_name(f".{path.name}.old.{os.getpid()}")
        if path.exists():
            os.replace(path, old)
        os.replace(building, path)
        write_text(manifest_of(path), json.dumps(manifest, indent=1, sort_keys=True) + "\n")
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def manifest_of(cube: Path) -> Path:
    """The file with the SHA-256 of every file of a cube."""
    return cube.with_name(cube.name + ".json")


def _hashes(folder: Path, sync: bool = False) -> dict[str, str]:
    hashes = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != ".snakemake_timestamp":  # Snakemake's, in every directory it tracks
            with file.open("rb") as stream:
                hashes[file.relative_to(folder).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
                if sync:
                    os.fsync(stream.fileno())
    return hashes


def read_cube(path: Path) -> dict[str, xr.Dataset]:
    """Datasets of a cube by group, checked against the manifest and opened lazily. Raises DamagedFile."""
    again = "rebuild it with: snakemake --forcerun cube"
    try:
        manifest = json.loads(manifest_of(path).read_text(encoding="utf-8"))
        wanted = manifest["files"]
    except FileNotFoundError:
        raise DamagedFile(f"{manifest_of(path)}: is missing; {again}") from None
    except (ValueError, KeyError, TypeError):
        raise DamagedFile(f"{manifest_of(path)}: is damaged; {again}") from None
    found = _hashes(path)
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise DamagedFile(f"{path / name}: is damaged, missing or foreign; {again}")
    tree = zarr.open_group(path, mode="r", zarr_format=3)
    names = sorted(tree.group_keys()) or [""]
    return {name: xr.open_zarr(path, group=name or None, chunks=None, zarr_format=3) for name in names}
