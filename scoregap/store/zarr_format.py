"""Arrays as entries of a zarr store of format 3, without the package zarr, whose import takes longer than most jobs.

name, dimensions, array -> {entry: bytes}, the same bytes as zarr's own -> dimensions, array

That is the part of the format in which files of jobs are written: numbers in chunks along the first dimension,
compressed by Blosc, with a CRC-32C behind them. What differs from that was not written here, and is refused.
"""

import json
import struct
from collections.abc import Callable
from typing import Any

import google_crc32c
import numpy as np
from numcodecs import blosc

TYPES = {"float16": "<f2", "float32": "<f4", "float64": "<f8", "int8": "|i1"}
LEVEL = 3  # of the compression
blosc.use_threads = False  # a job has one core


def encode(name: str, dims: tuple[str, ...], array: np.ndarray, rows: int) -> dict[str, bytes]:
    """The entries of an array whose chunks are so many rows, all or one: its chunks, then its metadata."""
    array = np.ascontiguousarray(array)
    entries = {}
    for part, entry in zip(_parts(array, rows), _chunks(name, array.shape, rows), strict=True):
        packed = blosc.compress(part, b"zstd", LEVEL, blosc.SHUFFLE, blosc.AUTOBLOCKS, array.itemsize)
        entries[entry] = packed + google_crc32c.value(packed).to_bytes(4, "little")
    entries[f"{name}/zarr.json"] = to_json(_metadata(dims, array.shape, array.dtype.name, rows))
    return entries


def decode(name: str, read: Callable[[str], bytes]) -> tuple[tuple[str, ...], np.ndarray]:
    """The dimensions and the values of an array. read: an entry's name -> its content, whose checksum is right.

    Raises ValueError, or what `read` raises, where there is no array that `encode` would write so.
    """
    found = json.loads(read(f"{name}/zarr.json"))
    dims, shape, dtype = tuple(found["dimension_names"]), tuple(found["shape"]), found["data_type"]
    rows = found["chunk_grid"]["configuration"]["chunk_shape"][0]
    if rows not in (1, shape[0]) or found != _metadata(dims, shape, dtype, rows):
        raise ValueError(f"{name} is no array of a job")
    array = np.empty(shape, TYPES[dtype])
    for part, entry in zip(_parts(array, rows), _chunks(name, shape, rows), strict=True):
        packed = read(entry)[:-4]
        if struct.unpack_from("<4xI4xI", packed) != (part.nbytes, len(packed)):  # as Blosc believes it
            raise ValueError(f"{entry} has another size")
        blosc.decompress(packed, part)
    return dims, array


def to_json(metadata: dict[str, Any]) -> bytes:
    """Metadata as zarr writes them."""
    return json.dumps(metadata, indent=2).encode()


def _parts(array: np.ndarray, rows: int) -> list[np.ndarray]:
    """The chunks of an array; none if it is empty."""
    return [array[i : i + rows] for i in range(0, len(array), rows)] if array.size else []


def _chunks(name: str, shape: tuple[int, ...], rows: int) -> list[str]:
    """Names of their entries."""
    return [f"{name}/c/{i}{'/0' * (len(shape) - 1)}" for i in range(shape[0] // rows)] if 0 not in shape else []


def _metadata(dims: tuple[str, ...], shape: tuple[int, ...], dtype: str, rows: int) -> dict[str, Any]:
    size = np.dtype(TYPES[dtype]).itemsize
    order: dict[str, Any] = {"name": "bytes"} | ({"configuration": {"endian": "little"}} if size > 1 else {})
    compressed = {"typesize": size, "cname": "zstd", "clevel": LEVEL, "shuffle": "shuffle", "blocksize": 0}
    return {
        "shape": list(shape),
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [rows, *shape[1:]]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": "NaN" if dtype.startswith("float") else 0,
        "codecs": [order, {"name": "blosc", "configuration": compressed}, {"name": "crc32c"}],
        "attributes": {},
        "dimension_names": list(dims),
        "zarr_format": 3,
        "node_type": "array",
        "storage_transformers": [],
    }
