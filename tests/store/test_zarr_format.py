"""Jobs' arrays are zarr's own, without zarr: chunks to the byte, metadata but for spaces."""

import json

import numpy as np
import pytest
import zarr
from by_zarr import create_array, plain_zarr, without_spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap.store.zarr_format import decode, encode

DIMS = ("member", "time", "point", "mode")


@plain_zarr()
def by_zarr(name, dims, array, rows):
    """The entries that zarr writes of an array."""
    entries: dict = {}
    group = zarr.create_group(zarr.storage.MemoryStore(entries), zarr_format=3)
    create_array(group, name, array, dims, chunks=(rows, *array.shape[1:]))[...] = array
    return {
        entry: without_spaces(entry, content.to_bytes()) for entry, content in entries.items() if entry != "zarr.json"
    }


@settings(max_examples=40, deadline=None)
@given(
    shape=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    dtype=st.sampled_from(["float16", "float32", "float64", "int8"]),
    content=st.sampled_from(["random", "constant", "missing"]),
    each=st.booleans(),
)
def test_entries_are_those_of_zarr_and_are_read_again(shape, dtype, content, each):
    rng = np.random.default_rng(0)
    array = (100 * rng.random((shape[0] + 1, *shape[1:]))).astype(dtype)
    if content != "random":
        array[...] = np.nan if content == "missing" and dtype != "int8" else 3
    rows = 1 if each else len(array)
    entries = encode("t_max", DIMS[: array.ndim], array, rows)
    assert entries == by_zarr("t_max", DIMS[: array.ndim], array, rows)
    assert list(entries) == sorted(entries)
    dims, found = decode("t_max", entries.__getitem__)
    assert dims == DIMS[: array.ndim]
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_what_is_compressed_well_and_badly_and_is_no_block_is_zarrs_too():
    """Blosc cuts arrays into blocks by their size, and leaves alone what does not shrink."""
    for array in (np.random.default_rng(0).random((3, 70_000)), np.tile(np.arange(100, dtype="float32"), (2, 9_000))):
        for rows in (1, len(array)):
            entries = encode("a", ("member", "mode"), array, rows)
            assert entries == by_zarr("a", ("member", "mode"), array, rows)
            np.testing.assert_array_equal(decode("a", entries.__getitem__)[1], array)


def test_arrays_that_are_not_contiguous_are_written_as_they_are_seen():
    array = np.arange(24.0).reshape(2, 3, 4).transpose(0, 2, 1)
    entries = encode("a", ("member", "mode", "time"), array, 2)
    np.testing.assert_array_equal(decode("a", entries.__getitem__)[1], array)


CHANGES = {
    "another type": ("data_type", "float64"),
    "objects": ("data_type", "|O"),
    "another size": ("shape", [2, 2]),
    "more than memory": ("shape", [2, 10**15]),
    "chunks elsewhere": ("chunk_grid", {"name": "regular", "configuration": {"chunk_shape": [2, 1]}}),
    "other codecs": ("codecs", [{"name": "bytes", "configuration": {"endian": "little"}}]),
    "no dimensions": ("dimension_names", None),
    "another fill": ("fill_value", 0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_array_that_is_written_otherwise_is_refused(change):
    entries = encode("a", ("member", "mode"), np.ones((2, 3), "float32"), 2)
    metadata = json.loads(entries["a/zarr.json"])
    key, value = CHANGES[change]
    entries["a/zarr.json"] = json.dumps(metadata | {key: value}).encode()
    with pytest.raises((ValueError, KeyError, TypeError)):
        decode("a", entries.__getitem__)


@pytest.mark.parametrize("size", [0, 1, 8, 15, 20])
def test_a_chunk_of_another_size_is_refused_before_it_is_unpacked(size):
    entries = encode("a", ("member", "mode"), np.ones((2, 3), "float32"), 2)
    entries["a/c/0/0"] = entries["a/c/0/0"][:size]
    with pytest.raises(Exception, match=r"size|buffer"):
        decode("a", entries.__getitem__)
    other = encode("a", ("member", "mode"), np.ones((2, 4), "float32"), 2)["a/c/0/0"]
    with pytest.raises(ValueError, match="a/c/0/0 has another size"):
        decode("a", (entries | {"a/c/0/0": other}).__getitem__)
