"""Files are whole or absent; damage is named, never read."""

import json
import os
import pickle
import random
import zipfile

import numpy as np
import pytest
import tensorstore
import xarray as xr

from scoregap import DamagedFile, storage, variables

AXES = {"family": ["arcs"], "curvature": [0.0, 0.5], "network": ["exact", "gated-8"], "seed": [0, 1]}
FLIPS = 100


@pytest.fixture
def cube(tmp_path):
    path = tmp_path / "cube.zarr"
    ds = variables.mock(AXES, {"mode": 5, "time": 6})
    storage.write_cube(path, {"": ds})
    return path, ds


@pytest.fixture
def job(tmp_path):
    rng = np.random.default_rng(0)
    ds = xr.Dataset({"t_max": (("member", "gap"), rng.random((2, 3))), "status": ("member", np.ones(2, "int8"))})
    storage.write_job(tmp_path / "job.zarr.zip", ds, ["a", "b"])
    return tmp_path / "job.zarr.zip", ds


@pytest.fixture
def weights(tmp_path):
    tensors = {"a/weight": np.arange(64, dtype="float32").reshape(8, 8), "a/bias": np.ones(3, "float32")}
    storage.write_weights(tmp_path / "job.safetensors", {"a": {"diverged": False}}, tensors)
    return tmp_path / "job.safetensors", tensors


def test_round_trips(cube, job, weights):
    xr.testing.assert_identical(storage.read_cube(cube[0])[""].load(), cube[1])
    ds, members = storage.read_job(job[0])
    xr.testing.assert_identical(ds, job[1])
    assert members == ["a", "b"]
    members, tensors = storage.read_weights(weights[0])
    assert members == {"a": {"diverged": False}}
    assert tensors.keys() == weights[1].keys()
    assert all(np.array_equal(tensors[name], weights[1][name]) for name in tensors)


def test_the_same_content_is_the_same_bytes(job, weights, tmp_path):
    first = job[0].read_bytes(), weights[0].read_bytes()
    storage.write_job(job[0], job[1], ["a", "b"])
    storage.write_weights(weights[0], {"a": {"diverged": False}}, dict(reversed(weights[1].items())))
    assert (job[0].read_bytes(), weights[0].read_bytes()) == first


def test_the_cube_opens_with_xarray_alone_and_reads_the_same_in_another_zarr(cube):
    path, ds = cube
    opened = xr.open_zarr(path)  # warnings are errors here
    assert variables.validate(opened, tuple(AXES)) == []
    for name in ("eigenvalue", "t_max", "status", "curvature"):
        spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path / name)}}
        other = tensorstore.open(spec, open=True, read=True).result().read().result()
        np.testing.assert_array_equal(other, ds[name].values, err_msg=name)


def test_cubes_of_several_ambient_dimensions_are_groups(tmp_path):
    groups = {f"ambient_dim_{d}": variables.mock(AXES, {"mode": d}) for d in (4, 6)}
    storage.write_cube(tmp_path / "cube.zarr", groups)
    found = storage.read_cube(tmp_path / "cube.zarr")
    assert {name: ds.sizes["mode"] for name, ds in found.items()} == {"ambient_dim_4": 4, "ambient_dim_6": 6}
    assert set(xr.open_datatree(tmp_path / "cube.zarr", engine="zarr").children) == set(groups)


def flip(path, random_bit):
    content = bytearray(path.read_bytes())
    position = random_bit.randrange(len(content))
    content[position] ^= 1 << random_bit.randrange(8)
    path.write_bytes(content)


def same(a, b):
    if isinstance(a, xr.Dataset):
        return a.identical(b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return all(same(*pair) for pair in zip(a, b, strict=True))
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b


@pytest.mark.parametrize("kind", ["job", "weights"])
def test_no_flipped_bit_changes_what_is_read(kind, request):
    """A flip is detected, or it lies in bytes that do not matter (zip dates) and what is read is the same."""
    path = request.getfixturevalue(kind)[0]
    read = {"job": storage.read_job, "weights": storage.read_weights}[kind]
    whole, good, bits, caught = path.read_bytes(), read(path), random.Random(1), 0
    for _ in range(FLIPS):
        flip(path, bits)
        try:
            assert same(read(path), good)
        except DamagedFile:
            caught += 1
        path.write_bytes(whole)
    assert caught > FLIPS // 2


def test_every_flipped_bit_of_a_cube_is_detected(cube):
    path, _ = cube
    files, bits = [file for file in sorted(path.rglob("*")) if file.is_file()], random.Random(2)
    for _ in range(FLIPS):
        file = bits.choice(files)
        whole = file.read_bytes()
        flip(file, bits)
        with pytest.raises(DamagedFile, match=file.name):
            storage.read_cube(path)
        file.write_bytes(whole)
    storage.read_cube(path)


@pytest.mark.parametrize("kind", ["job", "weights"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "foreign", "pickle", "absent", "folder"])
def test_damaged_files_are_named(kind, damage, request):
    path = request.getfixturevalue(kind)[0]
    read = {"job": storage.read_job, "weights": storage.read_weights}[kind]
    whole = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "absent":
        content = {
            "truncated": whole[: len(whole) // 2],
            "empty": b"",
            "foreign": b"PK\x03\x04 not ours" * 50,
            "pickle": pickle.dumps(os.system),
        }
        path.write_bytes(content[damage])
    with pytest.raises(DamagedFile, match=path.name) as caught:
        read(path)
    assert "\n" not in str(caught.value).replace("\\n", "")


def test_a_zip_of_something_else_is_there_and_not_missing(tmp_path):
    path = tmp_path / "other.zarr.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "y")
    with pytest.raises(DamagedFile, match="is damaged"):
        storage.read_job(path)


@pytest.mark.parametrize("damage", ["missing shard", "empty shard", "extra file", "no manifest", "broken manifest"])
def test_a_damaged_cube_is_named(cube, damage):
    path, _ = cube
    shard = next(
        file for file in sorted((path / "eigenvalue").rglob("*")) if file.is_file() and file.name != "zarr.json"
    )
    manifest = storage.manifest_of(path)
    {
        "missing shard": shard.unlink,
        "empty shard": lambda: shard.write_bytes(b""),
        "extra file": lambda: (path / "stray").write_bytes(b"x"),
        "no manifest": manifest.unlink,
        "broken manifest": lambda: manifest.write_text("{"),
    }[damage]()
    with pytest.raises(DamagedFile, match="rebuild it with"):
        storage.read_cube(path)


def test_a_failure_while_writing_leaves_what_was_there(tmp_path, cube):
    path = tmp_path / "file.txt"
    storage.write_text(path, "old")

    def interrupted():
        with storage.replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    good = cube[1]
    with pytest.raises(ValueError, match="data type"):  # an object that zarr cannot encode
        storage.write_cube(cube[0], {"": good.assign(bad=("seed", np.array([object(), object()])))})
    xr.testing.assert_identical(storage.read_cube(cube[0])[""].load(), good)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cube.zarr", "cube.zarr.json", "file.txt"]


def test_files_of_another_format_are_refused(weights, monkeypatch):
    monkeypatch.setattr(storage, "FORMAT", 2)
    with pytest.raises(DamagedFile, match="another version"):
        storage.read_weights(weights[0])


def test_the_manifest_is_plain(cube):
    manifest = json.loads(storage.manifest_of(cube[0]).read_text())
    assert manifest["format"] == storage.FORMAT
    assert all(len(digest) == 64 for digest in manifest["files"].values())
