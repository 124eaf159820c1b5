"""What zarr and xarray write of the same: our own files are compared with theirs."""

import json
import warnings
from contextlib import contextmanager
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec


def codecs() -> list:
    """How arrays are compressed and protected."""
    return [BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"), Crc32cCodec()]


@contextmanager
def plain_zarr():
    """zarr as it comes, whatever settings a user has for it."""
    with zarr.config.set(zarr.config.defaults[0]):
        yield


def create_array(group, name: str, array, dims: tuple[str, ...], **more: Any):
    """A zarr array like `array`, without its values."""
    return group.create_array(
        name, shape=array.shape, dtype=array.dtype, fill_value=np.nan if array.dtype.kind == "f" else 0,
        compressors=codecs(), dimension_names=dims, config={"write_empty_chunks": True}, **more,
    )  # fmt: skip


@plain_zarr()
def write_cube(path, groups: dict, layout) -> None:
    """A cube without the values of its variables. layout: of a variable its (chunks, shards)."""
    if set(groups) != {""}:
        zarr.create_group(path, zarr_format=3, attributes=dict(next(iter(groups.values())).attrs))
    for group, ds in groups.items():
        coords = ds.drop_vars(list(ds.data_vars))
        encoding = {name: {"compressors": codecs()} for name in coords.variables}
        mode = "a" if group else "w"
        coords.to_zarr(path, group=group or None, zarr_format=3, consolidated=False, encoding=encoding, mode=mode)
        place = zarr.open_group(path, path=group, mode="r+")
        for name, array in ds.data_vars.items():
            chunks, shards = layout(array)
            create_array(
                place, name, array, array.dims, attributes=dict(array.attrs), chunks=chunks, shards=shards,
                chunk_key_encoding={"name": "default", "separator": "."},
            )  # fmt: skip
    with warnings.catch_warnings():  # zarr announces that format 3 does not specify consolidation yet
        warnings.filterwarnings("ignore", message=".*[Cc]onsolidated metadata.*")
        zarr.consolidate_metadata(path)


def without_spaces(entry: str, content: bytes) -> bytes:
    """A file of zarr's as we write it."""
    return json.dumps(json.loads(content)).encode() if entry.endswith("zarr.json") else content
