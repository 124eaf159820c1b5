"""Metadata and coordinates of a cube, the same as those of zarr and xarray, without both: they take seconds.

dimensions, shape, attributes, layout -> the zarr.json of an array or a group; a coordinate -> its files
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scoregap.store import shards, zarr_format

Metadata = dict[str, Any]
CHECKED: Metadata = {"name": "crc32c"}
ENDIAN: Metadata = {"name": "bytes", "configuration": {"endian": "little"}}
NAN = "AAAAAAAA+H8="  # of xarray's attribute _FillValue: float64 in base64


def group(attributes: Mapping[str, Any], consolidated: Mapping[str, Metadata] | None = None) -> Metadata:
    """Of a group. consolidated: the metadata of all that is in it, by their paths, if it is to have them."""
    found: Metadata = {"attributes": dict(attributes), "zarr_format": 3}
    if consolidated is not None:
        of = {
            name: one if one["node_type"] == "array" else group(one["attributes"], {})
            for name, one in sorted(consolidated.items(), key=lambda item: (item[0].count("/"), item[0]))
        }
        found["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": of}
    return found | {"node_type": "group"}


def sharded(
    dims: Sequence[str],
    shape: Sequence[int],
    dtype: np.dtype,
    attributes: Mapping[str, Any],
    chunks: Sequence[int],
    sizes: Sequence[int],
) -> Metadata:
    """Of an array in shards of these sizes, all of whose files are in its own folder. chunks: shape of those in one.
    Raises ValueError: it is not of numbers."""
    if dtype.kind not in "if":
        raise ValueError(f"a variable has the data type {dtype}; should be of integers or floats")
    inner = {"chunk_shape": list(chunks), "codecs": zarr_format.codecs(dtype)}
    codec = {
        "name": "sharding_indexed",
        "configuration": inner | {"index_codecs": [ENDIAN, CHECKED], "index_location": "end"},
    }
    return zarr_format.metadata(dims, shape, dtype, sizes, [codec], attributes, ".")


def coordinate(name: str, values: np.ndarray, attributes: Mapping[str, Any]) -> tuple[Metadata, bytes | None]:
    """Of a coordinate (n,) of texts or numbers, as xarray has it; its one chunk, unless nothing is in it but what is
    filled in where there is none. Raises ValueError: it is of another kind."""
    if values.dtype.kind == "T":  # as xarray reads texts
        values = values.astype(object)
    texts = values.dtype.kind == "O" and all(isinstance(one, str) for one in values)
    if values.ndim != 1 or not (texts or values.dtype.kind in "bif"):
        raise ValueError(f"coordinate {name} is {values!r}; should be a list of texts or of numbers")
    attributes = dict(attributes)
    if values.dtype.kind == "f":
        attributes["_FillValue"] = NAN
    codecs = zarr_format.codecs(values.dtype)
    found = zarr_format.metadata((name,), values.shape, values.dtype, (max(len(values), 1),), codecs, attributes)
    if texts:
        from numcodecs.vlen import VLenUTF8

        there, content = any(values), np.frombuffer(VLenUTF8().encode(values), np.int8)
    else:
        there, content = not (np.isnan(values) if values.dtype.kind == "f" else values == 0).all(), values
    return found, shards.encode(content) if there else None
