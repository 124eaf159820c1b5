"""Labelled arrays do for a cube what a dataset of xarray does."""

import gathered
import numpy as np
import pytest
import xarray as xr

from scoregap import variables
from scoregap.store.cube import identity, layout, write_cube
from scoregap.store.files import manifest_of
from scoregap.store.labelled import Array, LabelledArrays


@pytest.fixture
def both(cube):
    """The arrays of a cube without labels of xarray, and with them."""
    ds = cube[1]
    data, coords = (
        {str(name): Array(one.dims, one.values, dict(one.attrs)) for name, one in many.items()}
        for many in (ds.data_vars, ds.coords)
    )
    return LabelledArrays(data, coords, dict(ds.attrs)), ds


def test_a_cube_of_them_is_to_the_byte_that_of_a_dataset(both, tmp_path):
    for name, one in zip(("ours", "theirs"), both, strict=True):
        (tmp_path / name).mkdir()
        write_cube(tmp_path / name / "cube.zarr", {"": one})
    ours, theirs = (manifest_of(tmp_path / name / "cube.zarr").read_bytes() for name in ("ours", "theirs"))
    assert ours == theirs


def test_they_are_the_same_to_whoever_asks(both):
    ours, theirs = both
    axes = theirs["status"].dims
    assert identity(ours, axes, axes[:1]) == identity(theirs, axes, axes[:1])
    assert ours.sizes == {name: theirs.sizes[name] for name in ours.sizes}
    assert set(ours.dims) == set(theirs.dims)
    assert "status" in ours
    assert "time" in ours
    assert "no variable" not in ours
    for name in theirs.data_vars:
        assert layout(ours.variables[name], axes[:1]) == layout(theirs.variables[name], axes[:1])
        assert ours.variables[name].sizes == dict(theirs.variables[name].sizes)
    xr.testing.assert_identical(gathered.opened(ours), theirs)
    assert variables.validate(ours, axes) == variables.validate(theirs, axes) == []


def test_a_part_has_the_same_values_and_knows_what_is_wrong_with_it(both):
    ours, theirs = both
    axes = theirs["status"].dims
    places = {axes[-1]: slice(1, 2)}
    part = ours.isel(places)
    xr.testing.assert_identical(gathered.opened(part), theirs.isel(places))
    part.data_vars["status"] = Array(axes, np.full(part.data_vars["status"].shape, 9, "int8"), {"units": "1"})
    del part.coords["time"]
    found = gathered.opened(part).drop_vars("time", errors="ignore")
    assert set(variables.validate(part, axes)) <= set(variables.validate(found, axes))
    assert any("status" in one for one in variables.validate(part, axes))


def test_attributes_are_added_to_a_copy(both):
    ours, _ = both
    other = ours.assign_attrs({"study": "x"})
    assert other.attrs == ours.attrs | {"study": "x"}
    assert other.attrs != ours.attrs
    assert other.data_vars is ours.data_vars
