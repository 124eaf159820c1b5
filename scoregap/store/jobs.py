"""The file of a job of a stage: arrays whose first dimension is `member`, with the key of every member.

arrays, keys <-> one zip of a zarr store (`.zarr.zip`)
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from scoregap.store.arrays import SHARD, Arrays, create_array, plain_zarr
from scoregap.store.files import FORMAT, damaged, reading, replacing
from scoregap.store.opening import regular
from scoregap.store.ownership import Kind


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
    with replacing(path, job_kind(stage)) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted(entries):
            archive.writestr(zipfile.ZipInfo(name), entries[name].to_bytes())


def read_job(path: Path) -> tuple[Arrays, list[str]]:
    """What `write_job` wrote. Raises DamagedFile."""
    import zarr

    with reading(path):
        with zipfile.ZipFile(regular(path)) as archive:
            _check_contents(path, archive)
            broken = archive.testzip()
            if broken:
                raise damaged(path, f"is damaged: checksum of {broken} is wrong")
        with zarr.storage.ZipStore(path, mode="r") as store:
            group: Any = zarr.open_group(store, mode="r", zarr_format=3)
            if group.attrs["format"] != FORMAT:
                raise damaged(path, "is of another version of scoregap")
            arrays = {name: (tuple(one.metadata.dimension_names), one[...]) for name, one in sorted(group.arrays())}
            return arrays, _keys(path, group, (array for _, array in arrays.values()))


def _keys(path: Path, group, arrays) -> list[str]:
    """Keys of the members of a job's file, if they are keys and its arrays have as many."""
    keys = json.loads(str(group.attrs["members"]))
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise damaged(path, "is damaged: its members have no keys")
    if any(array.shape[:1] != (len(keys),) for array in arrays):
        raise damaged(path, f"is damaged: it has {len(keys)} members, and arrays of others")
    return keys


def _check_contents(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse comments in the table of contents, which no checksum covers: ours has none, and a flip in the length of
    one makes it hide the entries that follow, whose arrays or chunks would then seem never to have been written."""
    if any(one.comment for one in archive.infolist()):
        raise damaged(path, "is damaged: its table of contents is wrong")


def job_members(path: Path) -> tuple[list[str], np.ndarray | None]:
    """Keys of the members of a job's file, and their `status` if it has that, without the rest. Raises DamagedFile."""
    import zarr

    with reading(path), zipfile.ZipFile(regular(path)) as archive, zarr.storage.ZipStore(path, mode="r") as store:
        _check_contents(path, archive)
        group = zarr.open_group(store, mode="r", zarr_format=3)
        status = group.get("status")
        if not isinstance(status, zarr.Array):
            return _keys(path, group, ()), None
        if status.dtype.kind != "i" or status.ndim != 1:
            raise damaged(path, "is damaged: its status is no number per member")
        return _keys(path, group, (status,)), np.asarray(status[...])
