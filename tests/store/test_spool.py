"""Arrays larger than memory."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap.store.spool import Spool, block, regions

SHAPES = st.lists(st.integers(1, 9), min_size=1, max_size=5).map(tuple)


@settings(deadline=None)  # a busy machine is no error
@given(SHAPES, st.integers(0, 5000))
def test_blocks_are_small_consecutive_and_cover_everything_once(shape, count):
    sizes = block(shape, count)
    seen, index = np.zeros(shape, int), np.arange(np.prod(shape)).reshape(shape)
    for region in regions(shape, sizes):
        seen[region] += 1
        assert index[region].size <= max(count, 1)
        assert (np.diff(index[region].ravel()) == 1).all()
    assert (seen == 1).all()
    if np.prod(shape) <= count:
        assert sizes == shape


def test_a_spool_is_an_array_without_memory_and_without_a_name(tmp_path):
    spool = Spool(tmp_path / "cube.zarr")
    array = spool.full((300, 1000), np.nan, "float32")
    counts = spool.full((3,), 0, "int8")
    assert np.isnan(array).all()
    array[7] = 1
    spool.forget()
    assert (array[7] == 1).all()
    assert np.isnan(array[8:]).all()
    assert counts.tolist() == [0, 0, 0]
    assert list(tmp_path.iterdir()) == []


def test_arrays_of_a_spool_share_a_file_and_nothing_of_it(tmp_path):
    spool = Spool(tmp_path / "cube.zarr")
    arrays = [spool.full((size,), i, "int8") for i, size in enumerate((1, 4096, 4097, 70_000, 3))]
    for i, array in enumerate(arrays):
        assert (array == i).all()
        array[...] = i + 10
    del spool  # the arrays live on
    assert [array.tolist() == [i + 10] * array.size for i, array in enumerate(arrays)] == [True] * 5


@settings(deadline=None, max_examples=60)
@given(SHAPES, st.data())
def test_of_a_box_what_is_around_it_takes_no_room(tmp_path_factory, shape, data):
    spool = Spool(tmp_path_factory.getbasetemp() / "cube.zarr")
    starts = [data.draw(st.integers(0, size - 1)) for size in shape[: data.draw(st.integers(0, len(shape)))]]
    box = tuple(slice(i, data.draw(st.integers(i + 1, size))) for i, size in zip(starts, shape, strict=False))
    array = spool.full(shape, np.nan, "float32", box)
    assert array.shape == shape
    outside = np.ones(shape, bool)
    outside[box] = False
    assert np.isnan(array[box]).all()
    assert (array[outside] == 0).all()  # a hole of the file


MEMORY = """
import sys
import numpy as np, xarray as xr
from pathlib import Path
from scoregap.store.cube import write_cube
from scoregap.store.spool import Spool
path, cells = Path(sys.argv[1]), int(sys.argv[2])
def build(cells):
    spool = Spool(path)
    dims = {"status": (), "eigenvalue": ("time", "point", "mode"), "t_max": ("gap",)}
    sizes = {"seed": cells, "time": 40, "point": 8, "mode": 32, "gap": 2}
    arrays = {}
    for name, own in dims.items():
        array = spool.full(tuple(sizes[dim] for dim in ("seed", *own)), 0.5, "float32")
        for i in range(0, cells, 100):
            array[i:i + 100] = 1
            spool.forget()
        arrays[name] = (("seed", *own), array)
    write_cube(path, {"": xr.Dataset(arrays, attrs={"config_hash": "x", "contract": "1"})}, spool.forget)
    status = Path("/proc/self/status").read_text()  # getrusage would count the process that started this one
    return int(status.split("VmHWM:")[1].split()[0]) // 1024
print(build(1000), build(cells))
"""


@pytest.mark.slow
def test_a_cube_is_built_in_bounded_memory(tmp_path):
    """320 MB of numbers after 40 MB, in the memory of less than two shards and their copies more."""
    command = [sys.executable, "-c", MEMORY, tmp_path / "cube.zarr", "8000"]
    first, second = map(int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert second < first + 60
    assert second < 500
