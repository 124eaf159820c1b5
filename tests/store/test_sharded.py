"""What is read of an open cube is what NumPy would take of its arrays."""

import copy
import json
from unittest import mock

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap.store import cube as cube_files
from scoregap.store.cube import read_cube, write_cube
from scoregap.store.files import FORMAT, manifest_of


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(st.data())
def test_any_index_reads_what_numpy_takes(tmp_path_factory, data):
    """By position, slices with any step, and lists with repetitions, also of an array that is indexed twice."""
    path = tmp_path_factory.mktemp("cube") / "cube.zarr"
    shape = [data.draw(st.integers(1, 7)) for _ in range(4)]
    values = np.random.default_rng(0).random(shape).astype(data.draw(st.sampled_from(["float32", "float64", "int8"])))
    ds = xr.Dataset({"x": (("std", "seed", "time", "mode"), values)})
    limits = {"CHUNK": data.draw(st.integers(8, 400)), "SHARD": data.draw(st.integers(8, 2000))}
    with mock.patch.multiple(cube_files, **limits), mock.patch("os.fsync"):
        write_cube(path, {"": ds}, growing={"": ["std"]})
    found = read_cube(path)[""]
    xr.testing.assert_identical(xr.open_zarr(path, chunks=None).load(), ds)
    part, wanted = found, ds
    for _ in range(2):
        key = {}
        for dim, size in part.sizes.items():
            places = st.integers(-size, size - 1)
            ends = st.one_of(st.none(), st.integers(-size, size + 1))  # before them xarray itself begins at the end
            slices = st.builds(slice, ends, ends, st.one_of(st.none(), st.integers(1, 3), st.integers(-3, -1)))
            any_key = st.one_of(places, slices, st.lists(places, max_size=4))
            key[dim] = data.draw(any_key if size else st.just(slice(None)))
        part, wanted = part.isel(key), wanted.isel(key)
        xr.testing.assert_identical(part.compute(), wanted)


def test_a_dataset_that_is_not_loaded_is_copied_and_chunked(tmp_path):
    ds = xr.Dataset({"x": (("seed", "time"), np.arange(12.0).reshape(4, 3))})
    write_cube(tmp_path / "cube.zarr", {"": ds})
    found = read_cube(tmp_path / "cube.zarr")[""]
    xr.testing.assert_identical(copy.deepcopy(found).load(), ds)
    xr.testing.assert_identical(found.chunk(seed=2).mean("seed").compute(), ds.mean("seed"))


def test_a_cube_with_a_folder_for_each_dimension_is_read(tmp_path):
    """As those of the first versions."""
    ds, path = xr.Dataset({"x": (("seed", "time"), np.arange(12.0).reshape(4, 3))}), tmp_path / "cube.zarr"
    write_cube(path, {"": ds})
    (path / "x" / "c.0.0").rename(tmp_path / "shard")
    (path / "x" / "c" / "0").mkdir(parents=True)
    (tmp_path / "shard").rename(path / "x" / "c" / "0" / "0")
    metadata = json.loads((path / "x" / "zarr.json").read_text())
    metadata["chunk_key_encoding"]["configuration"]["separator"] = "/"
    (path / "x" / "zarr.json").write_text(json.dumps(metadata))
    files, _ = cube_files._held(path)  # manifests had no more then
    manifest_of(path).write_text(json.dumps({"format": FORMAT, "files": files}))
    xr.testing.assert_identical(read_cube(path)[""].load(), ds)


def test_nothing_is_read_backwards(tmp_path):
    ds = xr.Dataset({"x": (("seed", "time"), np.arange(12.0).reshape(4, 3))})
    write_cube(tmp_path / "cube.zarr", {"": ds})
    key = {"seed": slice(None, 0, -1), "time": slice(0, 0, -1)}
    xr.testing.assert_identical(read_cube(tmp_path / "cube.zarr")[""].isel(key).load(), ds.isel(key))


def test_what_is_cut_short_after_it_was_opened_is_an_error(tmp_path):
    ds = xr.Dataset({"x": (("seed", "time"), np.arange(12.0).reshape(4, 3))})
    write_cube(tmp_path / "cube.zarr", {"": ds})
    found = read_cube(tmp_path / "cube.zarr")[""]
    held = found.x.variable._data
    while not hasattr(held, "files"):
        held = held.array
    held.files = {name: content[:-1] for name, content in held.files.items()}
    with pytest.raises(ValueError, match="checksum"):
        found.load()
