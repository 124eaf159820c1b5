"""The file of a job of a stage: arrays whose first dimension is `member`, with the key of every member.

arrays, keys <-> one zip of a zarr store (`.zarr.zip`), in its root the list of what else is in it, with checksums

zarr reads an array or a chunk that is not there as missing values, and a zip knows of no entry that it has lost: so a
file is read only if it holds what is on its list.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from scoregap.store.arrays import SHARD, Arrays, create_array, plain_zarr
from scoregap.store.files import FORMAT, damaged, reading, replacing
from scoregap.store.opening import regular
from scoregap.store.ownership import Kind

ROOT, HOLDS = "zarr.json", "holds"  # the entry that has the list, and its attribute: {entry: CRC-32 of its content}


def job_path(folder: Path, job: str, stage: str) -> Path:
    """The file of a job of a stage."""
    return folder / stage / f"{job}{'.safetensors' if stage == 'train' else '.zarr.zip'}"


def job_kind(stage: str) -> Kind:
    """Of the files of jobs of a stage other than train."""

    def says(path: Path) -> bool:
        with zipfile.ZipFile(regular(path)) as archive:
            attributes = json.loads(archive.read("zarr.json"))["attributes"]
        return attributes.keys() >= {"format", "members"} and attributes.get("stage", stage) == stage

    return Kind(f"a file of the stage {stage}", says, rf"{stage}/[^/]+\.zarr\.zip")


@plain_zarr()
def write_job(path: Path, arrays: Arrays, members: list[str], stage: str) -> None:
    """Arrays whose first dimension is `member`, with the key of every member, as one zip of a zarr store.

    The same arrays give the same bytes. Raises InputError if `path` is not scoregap's own, of this stage.
    """
    import zarr

    entries: dict = {}
    attributes = {"format": FORMAT, "members": json.dumps(members), "stage": stage}
    group = zarr.create_group(zarr.storage.MemoryStore(entries), zarr_format=3, attributes=attributes)
    for name, (dims, array) in arrays.items():
        # all members in a chunk, or each in one of its own: Blosc takes 2 GiB
        chunks = array.shape if array.nbytes <= SHARD else (1, *array.shape[1:])
        create_array(group, name, array, dims, chunks=chunks)[...] = array
    contents = {name: entries[name].to_bytes() for name in sorted(entries) if name != ROOT}
    group.attrs[HOLDS] = {name: zlib.crc32(content) for name, content in contents.items()}
    with replacing(path, job_kind(stage)) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in (contents | {ROOT: entries[ROOT].to_bytes()}).items():
            archive.writestr(zipfile.ZipInfo(name), content)


def read_job(path: Path, wanted: Iterable[str] = (), names: Iterable[str] = ()) -> tuple[Arrays, list[str]]:
    """What `write_job` wrote. names: arrays without which a file with a member of the keys `wanted` is damaged. Raises
    DamagedFile."""
    import zarr

    with reading(path):
        with zipfile.ZipFile(regular(path)) as archive:
            if not _is_ours(path, archive):
                raise damaged(path, "is of another version of scoregap")
            broken = archive.testzip()
            if broken:
                raise damaged(path, f"is damaged: checksum of {broken} is wrong")
        with zarr.storage.ZipStore(path, mode="r") as store:
            group: Any = zarr.open_group(store, mode="r", zarr_format=3)
            arrays = {name: (tuple(one.metadata.dimension_names), one[...]) for name, one in sorted(group.arrays())}
            keys = _keys(path, group, (array for _, array in arrays.values()))
            _refuse_lack(path, keys, arrays.keys(), wanted, names)
            return arrays, keys


def _keys(path: Path, group, arrays) -> list[str]:
    """Keys of the members of a job's file, if they are keys and its arrays have as many."""
    keys = json.loads(str(group.attrs["members"]))
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise damaged(path, "is damaged: its members have no keys")
    if any(array.shape[:1] != (len(keys),) for array in arrays):
        raise damaged(path, f"is damaged: it has {len(keys)} members, and arrays of others")
    return keys


def _refuse_lack(path: Path, keys: list[str], there: Collection[str], wanted: Iterable[str], names: Iterable[str]):
    """Refuse a file with a member that is wanted and without an array of these names."""
    if not set(keys).isdisjoint(wanted) and (lost := sorted(set(names) - set(there))):
        raise damaged(path, f"is damaged: it has no variable {lost[0]}")


def _is_ours(path: Path, archive: zipfile.ZipFile) -> bool:
    """Whether a file is of this version, and so has a list; one that does not hold what that says, and that without
    more, is damaged: by the table of contents, in which every entry has the checksum of its content.

    Comments in that table are covered by no checksum: ours has none, and a flip in the length of one makes it hide the
    entries that follow.
    """
    entries = archive.infolist()
    if any(one.comment for one in entries) or len({one.filename for one in entries}) < len(entries):
        raise damaged(path, "is damaged: its table of contents is wrong")
    attributes = json.loads(archive.read(ROOT))["attributes"]
    if attributes["format"] != FORMAT or HOLDS not in attributes:
        return False
    wanted, found = attributes[HOLDS], {one.filename: one.CRC for one in entries if one.filename != ROOT}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            how = "has no" if name not in found else "has a foreign" if name not in wanted else "has another"
            raise damaged(path, f"is damaged: it {how} {name}")
    return True


def job_members(
    path: Path, wanted: Iterable[str] = (), names: Iterable[str] = ()
) -> tuple[list[str], np.ndarray | None]:
    """Keys of the members of a job's file, and their `status` if it has that, without the rest; no keys in a file of
    another version. wanted, names: as of `read_job`. Raises DamagedFile."""
    import zarr

    with reading(path):
        with zipfile.ZipFile(regular(path)) as archive:
            if not _is_ours(path, archive):
                return [], None
            there = {one.filename.split("/")[0] for one in archive.infolist()}
        with zarr.storage.ZipStore(path, mode="r") as store:
            group = zarr.open_group(store, mode="r", zarr_format=3)
            status = group.get("status")
            if isinstance(status, zarr.Array) and (status.dtype.kind != "i" or status.ndim != 1):
                raise damaged(path, "is damaged: its status is no number per member")
            keys = _keys(path, group, (status,) if isinstance(status, zarr.Array) else ())
            _refuse_lack(path, keys, there, wanted, names)
            return keys, np.asarray(status[...]) if isinstance(status, zarr.Array) else None
