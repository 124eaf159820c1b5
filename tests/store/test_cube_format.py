"""Metadata and coordinates of a cube are those of zarr and xarray."""

from unittest import mock

import by_zarr
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap.store import cube as cube_files
from scoregap.store.cube import layout, read_cube, write_cube
from scoregap.store.cube_format import coordinate

COORDINATES = {
    "texts": st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)),
    "numbers": st.lists(st.floats()),
    "integers": st.lists(st.integers(-(2**63), 2**63 - 1)),
    "booleans": st.lists(st.booleans()),
}
KINDS = {"texts": object, "numbers": float, "integers": np.int64, "booleans": bool}
ATTRIBUTES = st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.lists(st.integers()), max_size=3)


@st.composite
def datasets(draw):
    coords, sizes = {}, {}
    for name, values in COORDINATES.items():
        found = draw(values.filter(len))
        coords[name] = xr.Variable((name,), np.array(found, KINDS[name]), draw(ATTRIBUTES))
        sizes[name] = len(found)
    data = {}
    for i, dtype in enumerate(draw(st.lists(st.sampled_from(["float32", "float64", "int8"]), max_size=3))):
        dims = draw(st.lists(st.sampled_from([*sizes]), min_size=1, unique=True))
        data[f"variable {i}"] = xr.Variable(dims, np.ones([sizes[dim] for dim in dims], dtype), draw(ATTRIBUTES))
    return xr.Dataset(data, coords, draw(ATTRIBUTES) | {"config_hash": "x", "contract": "1"})


@settings(max_examples=4)
@given(st.dictionaries(st.sampled_from(["one", "two", "three"]), datasets(), min_size=1), st.booleans())
def test_metadata_and_coordinates_are_those_of_zarr_and_xarray(tmp_path_factory, groups, alone):
    if alone:
        groups = {"": next(iter(groups.values()))}
    folder = tmp_path_factory.mktemp("cube")
    with mock.patch.object(cube_files.os, "fsync"):
        write_cube(folder / "ours", groups)
    by_zarr.write_cube(folder / "theirs", groups, layout)
    ours, theirs = (
        {
            name: by_zarr.without_spaces(name, file.read_bytes())
            for file in (folder / which).rglob("*")
            if file.is_file() and "c." not in (name := file.relative_to(folder / which).as_posix())
        }
        for which in ("ours", "theirs")
    )
    assert ours == theirs
    for name, ds in read_cube(folder / "ours").items():
        xr.testing.assert_identical(ds.load(), groups[name])


@pytest.mark.parametrize("values", [np.array([1, "a", None], object), np.array(["a"]), np.ones((2, 2))])
def test_a_coordinate_of_another_kind_is_refused(values):
    with pytest.raises(ValueError, match=r"(?s)coordinate x is .*should be a list of texts or of numbers"):
        coordinate("x", values, {})


def test_texts_are_the_same_however_numpy_holds_them():
    """xarray reads them as numpy's own type of texts, and a cube that was read is written again."""
    texts = ["arcs", "", "ähnlich"]
    found = [coordinate("x", np.array(texts, dtype), {}) for dtype in (object, np.dtypes.StringDType())]
    assert found[0] == found[1]
