"""Arrays that may be larger than memory: in files, block by block.

shape -> an array in a file without a name; its blocks
"""

import itertools
import math
import mmap
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from scoregap.store.files import naming

Box = tuple[slice, ...]  # of an array, by its first dimensions


class Spool:
    """Arrays in a file beside `path` instead of memory. The file has no name: it is gone with the process."""

    def __init__(self, path: Path):
        self.path = path
        self.maps: list[mmap.mmap] = []
        self.file: IO[bytes] | None = None
        self.end = 0  # of the last array, in bytes

    def full(self, shape: tuple[int, ...], fill, dtype, box: Box = ()) -> np.ndarray:
        """As `np.full`; of a box of the array, by slices of its first dimensions, what is around it is not there: it
        takes no room, and is not to be used."""
        inside = [range(size) for size in shape]
        inside[: len(box)] = [range(size)[one] for one, size in zip(box, shape, strict=False)]
        # consecutive in memory: the last dimensions, which the box has whole, with its part of the one before them
        cut = [i for i, one in enumerate(inside) if len(one) < shape[i]]
        outer = cut[-1] if cut else 0
        count, size = math.prod(map(len, inside[outer:])), np.dtype(dtype).itemsize
        part = np.full(min(count, 2**17), fill, dtype)
        with naming(self.path):
            if self.file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.file = tempfile.TemporaryFile(dir=self.path.parent)  # noqa: SIM115 - closed with the spool
                weakref.finalize(self, self.file.close)  # maps hold it on
            begin, length = self.end, math.prod(shape) * size
            self.end += math.ceil(length / mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
            self.file.truncate(self.end)
            for place in itertools.product(*inside[:outer]):
                first = (*place, *(one.start for one in inside[outer:]))
                self.file.seek(begin + (size * int(np.ravel_multi_index(first, shape)) if shape else 0))
                for start in range(0, count, max(len(part), 1)):  # written: a full disk shows here and not in use
                    self.file.write(part[: count - start].data)
            self.file.flush()
            self.maps.append(mmap.mmap(self.file.fileno(), length, offset=begin))
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
