"""Arrays as entries of a zarr store of format 3, without the package zarr, whose import takes longer than most jobs.

name, dimensions, array -> {entry: bytes}, the same as zarr's own but for spaces in metadata -> dimensions, array

That is the part of the format in which files of jobs are written: numbers in chunks along the first dimension,
compressed by Blosc, with a CRC-32C behind them. What differs from that was not written here, and is refused.
"""

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
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


def to_json(content: dict[str, Any]) -> bytes:
    """Metadata as they are written: without the indentation that zarr has, which takes ten times as long."""
    return json.dumps(content).encode()


def _parts(array: np.ndarray, rows: int) -> list[np.ndarray]:
    """The chunks of an array; none if it is empty."""
    return [array[i : i + rows] for i in range(0, len(array), rows)] if array.size else []


def _chunks(name: str, shape: tuple[int, ...], rows: int) -> list[str]:
    """Names of their entries."""
    return [f"{name}/c/{i}{'/0' * (len(shape) - 1)}" for i in range(shape[0] // rows)] if 0 not in shape else []


def _metadata(dims: tuple[str, ...], shape: tuple[int, ...], dtype: str, rows: int) -> dict[str, Any]:
    """Of an array of a job."""
    kind = np.dtype(TYPES[dtype])
    return metadata(dims, shape, kind, (rows, *shape[1:]), codecs(kind))


def codecs(dtype: np.dtype) -> list[dict[str, Any]]:
    """How chunks of numbers, or of texts (objects), are written: compressed, with a checksum."""
    size = 1 if dtype.kind == "O" else dtype.itemsize
    order: dict[str, Any] = {"name": "bytes"} | ({"configuration": {"endian": "little"}} if size > 1 else {})
    if dtype.kind == "O":
        order = {"name": "vlen-utf8", "configuration": {}}
    compressed = {"typesize": size, "cname": "zstd", "clevel": LEVEL, "shuffle": "shuffle", "blocksize": 0}
    return [order, {"name": "blosc", "configuration": compressed}, {"name": "crc32c"}]


def metadata(
    dims: Sequence[str],
    shape: Sequence[int],
    dtype: np.dtype,
    chunks: Sequence[int],
    codecs: list[dict[str, Any]],
    attributes: Mapping[str, Any] = MappingProxyType({}),
    separator: str = "/",
) -> dict[str, Any]:
    """The zarr.json of an array. separator: between the numbers of a chunk in the name of its file."""
    return {
        "shape": list(shape),
        "data_type": "string" if dtype.kind == "O" else dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunks)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": separator}},
        "fill_value": {"f": "NaN", "O": "", "b": False}.get(dtype.kind, 0),
        "codecs": codecs,
        "attributes": dict(attributes),
        "dimension_names": list(dims),
        "zarr_format": 3,
        "node_type": "array",
        "storage_transformers": [],
    }
