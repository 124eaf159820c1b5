"""Arrays in zarr: how they are compressed and protected.

array -> zarr array with a checksum in every chunk

Jobs are many and start often, so zarr is imported by those who write.
"""

from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

Arrays = dict[str, tuple[tuple[str, ...], np.ndarray]]  # name -> dimensions, values; `xarray.Dataset` takes one

SHARD = 2**25  # bytes, before compression, that are written or held at once


@cache
def codecs() -> list:
    """How arrays are compressed and protected."""
    from zarr.codecs import BloscCodec, Crc32cCodec

    return [BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"), Crc32cCodec()]


@contextmanager
def plain_zarr():
    """zarr as it comes: a user's settings for it, which are read from files, would change bytes."""
    import zarr

    with zarr.config.set(zarr.config.defaults[0]):
        yield


def create_array(group, name: str, array, dims: tuple[str, ...], **more: Any):
    """A zarr array like `array`, without its values."""
    return group.create_array(
        name, shape=array.shape, dtype=array.dtype, fill_value=np.nan if array.dtype.kind == "f" else 0,
        compressors=codecs(), dimension_names=dims, config={"write_empty_chunks": True}, **more,
    )  # fmt: skip
