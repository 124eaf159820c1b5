"""Arrays open with other readers."""

import json

import numpy as np
import pytest
import tensorstore
import xarray as xr
import zarr

from scoregap import variables
from scoregap.store.files import FORMAT


@pytest.mark.slow
def test_the_cube_opens_with_xarray_alone_and_reads_the_same_in_another_zarr(cube):
    path, ds = cube
    opened = xr.open_zarr(path)  # warnings are errors here
    assert variables.validate(opened, opened.status.dims) == []
    for name in ("eigenvalue", "t_max", "status", "curvature"):
        spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path / name)}}
        other = tensorstore.open(spec, open=True, read=True).result().read().result()
        np.testing.assert_array_equal(other, ds[name].values, err_msg=name)


def test_a_job_file_opens_with_xarray_alone(job):
    with zarr.storage.ZipStore(job[0], mode="r") as store:
        ds = xr.open_zarr(store, consolidated=False, chunks=None).load()  # warnings are errors here
    assert json.loads(ds.attrs.pop("members")) == ["a", "b"]
    assert ds.attrs.pop("format") == FORMAT
    assert ds.attrs.pop("stage") == "fit"
    assert "t_max/zarr.json" in ds.attrs.pop("holds")
    xr.testing.assert_identical(ds, job[1])
