"""Arrays that may be larger than memory: in files, block by block.

shape -> an array in a file without a name; its blocks
"""

import itertools
import math
import mmap
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from scoregap.store.files import naming


class Spool:
    """Arrays in files beside `path` instead of memory. The files have no name: they are gone with the process."""

    def __init__(self, path: Path):
        self.path = path
        self.maps: list[mmap.mmap] = []

    def full(self, shape: tuple[int, ...], fill, dtype) -> np.ndarray:
        """As `np.full`."""
        count = math.prod(shape)
        part = np.full(min(count, 2**17), fill, dtype)
        with naming(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path.parent) as file:
                for start in range(0, count, len(part)):  # written, so that a full disk shows here and not in use
                    file.write(part[: count - start].data)
                file.flush()
                self.maps.append(mmap.mmap(file.fileno(), count * part.itemsize))
        return np.ndarray(shape, dtype, self.maps[-1])

    def forget(self) -> None:
        """Give the memory back that pages of the arrays take; their content stays."""
        for one in self.maps:
            one.madvise(mmap.MADV_DONTNEED)


def block(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Shape of blocks of at most `count` elements, consecutive in memory, that cut an array of this shape evenly."""
    sizes = []
    for size in reversed(shape):
        parts = math.ceil(size / max(count, 1))
        sizes.append(math.ceil(size / parts))
        count //= size
    return tuple(reversed(sizes))


def regions(shape: tuple[int, ...], sizes: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """The blocks of these sizes of an array, in order."""
    cuts = [[slice(i, i + size) for i in range(0, whole, size)] for whole, size in zip(shape, sizes, strict=True)]
    return itertools.product(*cuts)
