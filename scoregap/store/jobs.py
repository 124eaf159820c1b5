"""The file of a job of a stage: arrays whose first dimension is `member`, with the key of every member.

arrays, keys <-> one zip of a zarr store (`.zarr.zip`), in its root the list of what else is in it, with checksums

zarr reads an array or a chunk that is not there as missing values, and a zip knows of no entry that it has lost: so a
file is read only if it holds what is on its list. It is written and read array by array, without more of it in memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from scoregap.store import zarr_format
from scoregap.store.arrays import SHARD, Arrays
from scoregap.store.files import FORMAT, damaged, reading, replacing
from scoregap.store.opening import absent, regular
from scoregap.store.ownership import Kind

ROOT, HOLDS = "zarr.json", "holds"  # the entry that has the list, and its attribute: {entry: CRC-32 of its content}
END, LAST = 22, 46 + len(ROOT)  # bytes of the end of a zip without a comment; before it, of what says where its root is


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


def write_job(path: Path, arrays: Arrays, members: list[str], stage: str) -> None:
    """Arrays whose first dimension is `member`, with the key of every member, as one zip of a zarr store.

    The same arrays give the same bytes. Raises InputError if `path` is not scoregap's own, of this stage.
    """
    holds: dict[str, int] = {}
    attributes = {"format": FORMAT, "members": json.dumps(members), "stage": stage, HOLDS: holds}
    with replacing(path, job_kind(stage)) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, (dims, array) in sorted(arrays.items()):
            # all members in a chunk, or each in one of its own: Blosc takes 2 GiB
            rows = len(array) if array.nbytes <= SHARD else 1
            for entry, content in zarr_format.encode(name, dims, array, rows).items():
                holds[entry] = zlib.crc32(content)
                archive.writestr(zipfile.ZipInfo(entry), content)
        root = {"attributes": attributes, "zarr_format": 3, "node_type": "group"}
        archive.writestr(zipfile.ZipInfo(ROOT), zarr_format.to_json(root))


def read_job(path: Path, wanted: Iterable[str] = (), names: Iterable[str] = ()) -> tuple[Arrays, list[str]]:
    """What `write_job` wrote. names: arrays without which a file with a member of the keys `wanted` is damaged. Raises
    DamagedFile."""
    with reading(path), zipfile.ZipFile(regular(path)) as archive:
        root = _root(path, archive)
        if root is None:
            raise damaged(path, "is of another version of scoregap")
        arrays = {name: zarr_format.decode(name, archive.read) for name in _names(root)}
        return arrays, _keys(path, root, arrays, wanted, names)


def _names(root: dict[str, Any]) -> list[str]:
    """The arrays of a job's file, by the attributes of its root."""
    return sorted({entry.partition("/")[0] for entry in root[HOLDS]})


def _keys(path: Path, root: dict[str, Any], arrays: Arrays, wanted=(), names=()) -> list[str]:
    """Keys of the members of a job's file, if they are keys and its arrays have as many; `read_job` says the rest."""
    keys = json.loads(str(root["members"]))
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise damaged(path, "is damaged: its members have no keys")
    if any(array.shape[:1] != (len(keys),) for _, array in arrays.values()):
        raise damaged(path, f"is damaged: it has {len(keys)} members, and arrays of others")
    if not set(keys).isdisjoint(wanted) and (lost := sorted(set(names) - set(_names(root)))):
        raise damaged(path, f"is damaged: it has no variable {lost[0]}")
    return keys


def _root(path: Path, archive: zipfile.ZipFile) -> dict[str, Any] | None:
    """The attributes of the root of a job's file; None if it is of another version, without a list. One that does not
    hold what its list says, and that without more, is damaged: by the table of contents, in which every entry has the
    checksum of its content.

    Comments in that table are covered by no checksum: ours has none, and a flip in the length of one makes it hide the
    entries that follow.
    """
    entries = archive.infolist()
    if any(one.comment for one in entries) or len({one.filename for one in entries}) < len(entries):
        raise damaged(path, "is damaged: its table of contents is wrong")
    root = json.loads(archive.read(ROOT))["attributes"]
    if root["format"] != FORMAT or HOLDS not in root:
        return None
    wanted, found = root[HOLDS], {one.filename: one.CRC for one in entries if one.filename != ROOT}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            how = "has no" if name not in found else "has a foreign" if name not in wanted else "has another"
            raise damaged(path, f"is damaged: it {how} {name}")
    return root


def job_digest(path: Path) -> str:
    """SHA-256 of what a job's file says that it holds, which has a checksum of every array, and of whose results they
    are, without reading them; empty if there is no such file. Raises DamagedFile."""
    if absent(path):
        return ""
    with reading(path), regular(path).open("rb") as file:
        found = _root_and_table(file)
        if found is None:
            with zipfile.ZipFile(file) as archive:
                found = json.dumps(_root(path, archive), sort_keys=True).encode()
        return hashlib.sha256(found).hexdigest()


def _root_and_table(file: BinaryIO) -> bytes | None:
    """The content of the root of a job's file, its last entry, and the zip's table of contents, which end the file: a
    tenth of the time that it takes to go through the table. None if that is not what is there, as above 4 GiB."""
    size = file.seek(0, os.SEEK_END)
    if size < END + LAST:
        return None
    file.seek(size - END - LAST)
    end = file.read()
    length, begin = struct.unpack_from("<II", end, LAST + 12)
    (of_root,) = struct.unpack_from("<I", end, 20)
    if end[LAST : LAST + 4] != b"PK\5\6" or begin + length + END != size or begin < of_root:
        return None
    file.seek(begin - of_root)
    return file.read()


def job_members(
    path: Path, wanted: Iterable[str] = (), names: Iterable[str] = ()
) -> tuple[list[str], np.ndarray | None]:
    """Keys of the members of a job's file, and their `status` if it has that, without the rest; no keys in a file of
    another version. wanted, names: as of `read_job`. Raises DamagedFile."""
    with reading(path), zipfile.ZipFile(regular(path)) as archive:
        root = _root(path, archive)
        if root is None:
            return [], None
        if "status" not in _names(root):
            return _keys(path, root, {}, wanted, names), None
        dims, status = zarr_format.decode("status", archive.read)
        if status.dtype.kind != "i" or status.ndim != 1:
            raise damaged(path, "is damaged: its status is no number per member")
        return _keys(path, root, {"status": (dims, status)}, wanted, names), status
