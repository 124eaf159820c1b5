"""What a cube that grows takes over from the one before it.

axes and files of jobs, now and then -> the box of the grid that is to be gathered; around it all is as it was

The layout of arrays changes as little as possible when an axis grows at its end: chunks are cut at places that do not
depend on how long it is. A box begins and ends at such places, so a chunk is wholly inside it or outside.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import google_crc32c

from scoregap import DamagedFile
from scoregap.store import shards
from scoregap.store.files import read_manifest
from scoregap.store.opening import opened, read_bytes
from scoregap.store.spool import Box

Axes = Mapping[str, Sequence[Any]]
READ = 2**18  # bytes that are read at a time


def step(size: int) -> int:
    """Values of an axis of this length that are laid out together at most: a power of two, two or a 32nd of them."""
    return _below(max(min(size, 2), size // 32))


def _below(number: int) -> int:
    """The largest power of two that is not above a number."""
    return 1 << max(number, 1).bit_length() - 1


def cut(sizes: Mapping[str, int], count: int, most: Mapping[str, int]) -> dict[str, int]:
    """Shape of blocks of at most `count` elements that cut an array of these sizes, the last dimensions whole as far
    as that goes: evenly; where there is a power of two in `most`, by one that is not larger."""
    found = {}
    for dim, size in reversed([*sizes.items()]):
        parts = math.ceil(size / max(count, 1))
        found[dim] = min(_below(count), most[dim]) if dim in most else math.ceil(size / parts)
        count //= found[dim]
    return {dim: found[dim] for dim in sizes}


def link(file: Path, to: Path) -> None:
    """The same file under another name; a copy of it, where the file system knows no such thing."""
    try:
        os.link(file, to)
    except OSError:
        shutil.copyfile(file, to)
        with to.open("rb") as stream:
            os.fsync(stream.fileno())


class Kept(NamedTuple):
    """What of a group of a cube is as it was: all but a box. folder: of the group in the cube that there was."""

    folder: Path
    box: Box

    def touches(self, region: Box) -> bool:
        """Whether a region of an array has something of the box."""
        for box, one in zip(self.box, region, strict=False):  # noqa: SIM110 - asked of every chunk
            if not (box.start < one.stop and one.start < box.stop):
                return False
        return True

    def parts(self, name: str, count: int) -> list[bytes | None]:
        """The chunks of a shard, none if there was no such shard. Raises ValueError if it is damaged."""
        file = self.folder / name
        return shards.split(read_bytes(file), count) if file.exists() else [None] * count


class Earlier(NamedTuple):
    """The cube that there is, as its manifest says it. made_from: digests of the files of jobs. grids: of every group
    its axes, in order, and the digest of what else decides its bytes."""

    path: Path
    files: Mapping[str, int]
    made_from: Mapping[str, str]
    grids: Mapping[str, tuple[list[tuple[str, list]], str]]

    @classmethod
    def found(cls, path: Path) -> Earlier | None:
        """The cube at a path; None if there is none, or one of which nothing can be taken."""
        with suppress(DamagedFile):
            files, made_from, grids = read_manifest(path, ("sums", "made_from", "grids"))
            return cls(path, files, made_from, grids)
        return None

    def sound(self, group: str) -> bool:
        """Whether all files of a group are as they were written, by a checksum that is fast."""
        with suppress(OSError):
            return all(
                _sum(self.path / name) == wanted for name, wanted in self.files.items() if name.startswith(group)
            )
        return False

    def box(
        self, group: str, axes: Axes, digest: str, jobs: Sequence[tuple[Axes, bool]], whole: Sequence[str]
    ) -> Box | None:
        """What is to be gathered of a group with these axes: all that is of jobs whose files have changed, and all that
        is new; None if nothing can be taken over.

        jobs: values of the axes, and whether the files are those that the cube was made from. whole: axes along which
        nothing is cut.
        """
        before = dict(self.grids.get(group, ([], ""))[0])
        if list(before) != list(axes) or self.grids[group][1] != digest or not self.sound(group):
            return None
        now = json.loads(json.dumps({axis: list(values) for axis, values in axes.items()}))
        if any(now[axis][: len(values)] != values for axis, values in before.items()):
            return None
        places = {axis: {value: i for i, value in enumerate(values)} for axis, values in axes.items()}
        changed = []
        for own, same in jobs:
            at = [[places[axis][one] for one in own[axis] if one in places[axis]] for axis in axes]
            there = all(max(one, default=0) < len(before[axis]) for axis, one in zip(axes, at, strict=True))
            if all(at) and not (same and there):
                changed.append([(min(one), max(one) + 1) for one in at])
        if not changed:
            return tuple(slice(0, 0) for _ in axes)
        ends = [(min(low for low, _ in one), max(high for _, high in one)) for one in zip(*changed, strict=True)]
        return tuple(_aligned(*end, len(axes[axis]), axis in whole) for axis, end in zip(axes, ends, strict=True))


def _sum(path: Path) -> int:
    """CRC-32C of a file, READ bytes of which are in memory: to have it all there takes longer than to read it."""
    found = 0
    with opened(path, 0) as file:
        while part := file.read(READ):
            found = google_crc32c.extend(found, part)
    return found


def _aligned(low: int, high: int, size: int, whole: bool) -> slice:
    """Some places of an axis, and those that are laid out with them."""
    if whole:
        return slice(0, size)
    one = step(size)
    return slice(low // one * one, min(math.ceil(high / one) * one, size))
