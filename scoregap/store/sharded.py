"""Arrays of an open cube, of which no more is read than is asked for.

files of an array, held or mapped -> an array that xarray indexes, without the package zarr, which takes longer
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from scoregap.store import shards

Part = tuple[int, Any, Any]  # a chunk along a dimension, what is taken of it, and where that goes


class Sharded(BackendArray):
    """An array in shards. metadata: its zarr.json. files: contents of its files by their names in its folder."""

    def __init__(self, metadata: Mapping[str, Any], files: Mapping[str, memoryview]):
        self.shape = tuple(metadata["shape"])
        self.dtype = np.dtype(metadata["data_type"])
        self.sizes = metadata["chunk_grid"]["configuration"]["chunk_shape"]
        self.chunks = tuple(metadata["codecs"][0]["configuration"]["chunk_shape"])
        self.inside = [many // one for one, many in zip(self.chunks, self.sizes, strict=True)]
        self.files = files
        self.indices: dict[str, np.ndarray] = {}

    def __deepcopy__(self, memo: dict) -> Sharded:
        return self  # nothing of it changes

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        if not isinstance(key, indexing.VectorizedIndexer):
            return self._read(key.tuple)  # xarray takes no slice that is empty and goes backwards
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: Sequence[Any]) -> np.ndarray:
        """Values at an integer, a slice or integers along each dimension. Raises ValueError: a chunk is damaged."""
        wanted = [np.atleast_1d(np.arange(size)[one]) for one, size in zip(key, self.shape, strict=True)]
        found = np.empty([*map(len, wanted)], self.dtype)
        parts = [_parts(one, chunk) for one, chunk in zip(wanted, self.chunks, strict=True)]
        for part in itertools.product(*parts):
            chunk = self._chunk([at for at, _, _ in part])
            found[_outer([to for _, _, to in part])] = chunk[_outer([of for _, of, _ in part])]
        return found.reshape(
            [len(one) for one, by in zip(wanted, key, strict=True) if not isinstance(by, int | np.integer)]
        )

    def _chunk(self, at: list[int]) -> np.ndarray:
        """The values of a chunk, by its place in the grid of chunks."""
        name = ".".join(["c", *(str(i // many) for i, many in zip(at, self.inside, strict=True))])
        if name not in self.indices:
            self.indices[name] = shards.index(self.files[name], int(np.prod(self.inside)))
        place = 0
        for i, many in zip(at, self.inside, strict=True):
            place = place * many + i % many
        offset, length = self.indices[name][place].tolist()
        return shards.decode(bytes(self.files[name][offset : offset + length]), self.chunks, self.dtype)


def _parts(wanted: np.ndarray, chunk: int) -> list[Part]:
    """Places along a dimension, by the chunks that they are in."""
    found: list[Part] = []
    chunks = wanted // chunk
    for at in np.unique(chunks).tolist():
        to = np.flatnonzero(chunks == at)
        found.append((at, _slice(wanted[to] - at * chunk), _slice(to)))
    return found


def _slice(places: np.ndarray) -> slice | np.ndarray:
    """The same places as a slice, if they are consecutive."""
    if (np.diff(places) == 1).all():
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


def _outer(places: list[Any]) -> tuple[Any, ...]:
    """An index of all combinations of places along each dimension."""
    if all(isinstance(one, slice) for one in places):
        return tuple(places)
    return np.ix_(*(np.arange(one.start, one.stop) if isinstance(one, slice) else one for one in places))
