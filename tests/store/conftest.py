"""A small cube, a job's file and weights, in a folder of their own."""

import shutil

import numpy as np
import pytest
import xarray as xr
from tiny import write_job

from scoregap import variables
from scoregap.store.cube import write_cube
from scoregap.store.files import manifest_of
from scoregap.store.weights import write_weights

AXES = {"family": ["arcs"], "curvature": [0.0, 0.5], "network": ["exact", "gated-8"], "seed": [0, 1]}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("written") / "cube.zarr"
    ds = variables.mock(AXES, {"mode": 5, "time": 6}).assign_attrs(config_hash="x", contract="1")
    write_cube(path, {"": ds})
    return path, ds


@pytest.fixture
def cube(tmp_path, written):
    path, ds = written
    shutil.copytree(path, tmp_path / path.name)
    shutil.copy(manifest_of(path), tmp_path)
    return tmp_path / path.name, ds


@pytest.fixture
def job(tmp_path):
    rng = np.random.default_rng(0)
    ds = xr.Dataset({"t_max": (("member", "gap"), rng.random((2, 3))), "status": ("member", np.ones(2, "int8"))})
    write_job(tmp_path / "job.zarr.zip", ds, ["a", "b"])
    return tmp_path / "job.zarr.zip", ds


@pytest.fixture
def weights(tmp_path):
    tensors = {"a/weight": np.arange(64, dtype="float32").reshape(8, 8), "a/bias": np.ones(3, "float32")}
    write_weights(tmp_path / "job.safetensors", {"a": {"diverged": False}}, tensors)
    return tmp_path / "job.safetensors", tensors
