"""Shards are zarr's, and what is damaged in one is seen."""

import numpy as np
import pytest
import zarr
from by_zarr import create_array
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap.store import shards


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=4),
    st.sampled_from(["float16", "float32", "float64", "int8"]),
)
def test_zarr_reads_what_is_written_of_any_shape(dims, dtype):
    shape, chunks, many = zip(*dims, strict=True)
    sizes = tuple(chunk * count for chunk, count in zip(chunks, many, strict=True))
    array = (100 * np.random.default_rng(0).random(shape)).astype(dtype)
    entries: dict = {}
    group = zarr.create_group(zarr.storage.MemoryStore(entries), zarr_format=3)
    names = tuple("abcd"[: len(shape)])
    target = create_array(group, "x", array, names, chunks=chunks, shards=sizes)
    for place in np.ndindex(*(-(-size // one) for size, one in zip(shape, sizes, strict=True))):
        at = [i * one for i, one in zip(place, sizes, strict=True)]
        regions = shards.places(shape, chunks, sizes, at)
        parts = [None if one is None else shards.encode(shards.full(array[one], chunks, 0)) for one in regions]
        shard = b"".join(shards.pieces(parts))
        entries["x/c/" + "/".join(map(str, place))] = zarr.core.buffer.cpu.Buffer.from_bytes(shard)
        assert shards.split(shard, len(parts)) == parts
        for one, part in zip(regions, parts, strict=True):
            if one is not None:
                inside = tuple(slice(0, size) for size in array[one].shape)
                np.testing.assert_array_equal(shards.decode(part, chunks, array.dtype)[inside], array[one])
    np.testing.assert_array_equal(target[...], array)


def test_every_flip_of_a_bit_and_every_cut_is_seen():
    parts = [shards.encode(np.arange(40.0) + i) for i in range(2)]
    shard = b"".join(shards.pieces([parts[0], None, parts[1]]))

    def read(content):
        return [shards.decode(part, (40,), np.dtype(float)) for part in shards.split(content, 3) if part is not None]

    assert len(read(shard)) == 2
    for bit in range(8 * len(shard)):
        damaged = bytearray(shard)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match="checksum"):
            read(bytes(damaged))
    for size in range(len(shard)):
        with pytest.raises(ValueError, match="checksum"):
            read(shard[:size])
