"""Files of the cube's arrays: shards of zarr's codec `sharding_indexed`, without the package zarr.

chunks, each encoded or missing <-> the bytes of a shard

A chunk is encoded alone and bears its own CRC-32C, so one that has not changed goes from one shard to another as it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import google_crc32c
import numpy as np
from numcodecs import blosc

MISSING = 2**64 - 1  # of a chunk that is not there: beyond the array
PIECE = 2**17  # bytes of chunks that are written together: of one alone, to ask costs as much


def encode(part: np.ndarray) -> bytes:
    """A chunk, as `scoregap.store.arrays.codecs` has it."""
    packed = blosc.compress(np.ascontiguousarray(part), b"zstd", 3, blosc.SHUFFLE, blosc.AUTOBLOCKS, part.itemsize)
    return packed + _sum(packed)


def decode(chunk: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """The values of a chunk. Raises ValueError unless it is as it was encoded, and of this size."""
    packed = _checked(chunk)
    part = np.empty(shape, dtype)
    if int.from_bytes(packed[4:8], "little") != part.nbytes or int.from_bytes(packed[12:16], "little") != len(packed):
        raise ValueError("a chunk has another size")
    blosc.decompress(packed, part)
    return part


def pieces(chunks: Iterable[bytes | None]) -> Iterator[bytes]:
    """The bytes of a shard of these chunks, in pieces of PIECE and more. chunks: in the order of their places in it;
    None where there is none."""
    table: list[tuple[int, int]] = []  # where chunks begin, and how long they are
    waiting: list[bytes] = []
    end = begin = 0
    for chunk in chunks:
        if chunk is None:
            table.append((MISSING, MISSING))
            continue
        table.append((end, len(chunk)))
        end += len(chunk)
        waiting.append(chunk)
        if end - begin >= PIECE:
            yield b"".join(waiting)
            begin, waiting = end, []
    packed = np.array(table, "<u8").tobytes()
    yield b"".join([*waiting, packed, _sum(packed)])


def index(shard: bytes | memoryview, count: int) -> np.ndarray:
    """(count, 2) beginnings and lengths of the chunks of a shard that has places for so many. Raises ValueError unless
    they are as they were written."""
    return np.frombuffer(_checked(bytes(shard[-16 * count - 4 :])), "<u8").reshape(count, 2)


def split(shard: bytes, count: int) -> list[bytes | None]:
    """The chunks of such a shard; None where there is none. Raises ValueError likewise."""
    found = index(shard, count).tolist()
    return [None if offset == MISSING else shard[offset : offset + length] for offset, length in found]


def places(shape: Sequence[int], chunks: Sequence[int], shards: Sequence[int], at: Sequence[int]) -> list:
    """The regions of an array that the chunks of a shard hold, in their order in it; None of those beyond the array.
    at: where the shard begins."""
    along: list[list[slice | None]] = []
    for size, one, many, start in zip(shape, chunks, shards, at, strict=True):
        begins = range(start, start + many, one)
        along.append([slice(i, min(i + one, size)) if i < size else None for i in begins])
    return [None if None in region else region for region in itertools.product(*along)]


def full(values: np.ndarray, chunk: tuple[int, ...], fill) -> np.ndarray:
    """The values of a chunk at the edge of an array, filled up to its whole shape."""
    if values.shape == chunk:
        return values
    part = np.full(chunk, fill, values.dtype)
    part[tuple(map(slice, values.shape))] = values
    return part


def _checked(content: bytes) -> bytes:
    """What is before the CRC-32C at the end of some bytes, if that is right."""
    if _sum(content[:-4]) != content[-4:]:
        raise ValueError("a checksum is wrong")
    return content[:-4]


def _sum(content: bytes) -> bytes:
    return google_crc32c.value(content).to_bytes(4, "little")
