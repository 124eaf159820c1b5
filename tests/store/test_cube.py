"""A cube is whole, the old one, or refused."""

import errno
import gc
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap import DamagedFile, variables
from scoregap.store import cube as cube_files
from scoregap.store.cube import layout, read_cube, write_cube
from scoregap.store.files import FORMAT, manifest_of


@pytest.mark.slow
def test_cubes_of_several_ambient_dimensions_are_groups(tmp_path):
    axes = {"family": ["arcs"], "curvature": [0.0, 0.5], "network": ["exact", "gated-8"], "seed": [0, 1]}
    groups = {f"ambient_dim_{d}": variables.mock(axes, {"mode": d}) for d in (4, 6)}
    write_cube(tmp_path / "cube.zarr", groups)
    found = read_cube(tmp_path / "cube.zarr")
    assert {name: ds.sizes["mode"] for name, ds in found.items()} == {"ambient_dim_4": 4, "ambient_dim_6": 6}
    assert set(xr.open_datatree(tmp_path / "cube.zarr", engine="zarr").children) == set(groups)


@pytest.mark.slow
def test_a_file_too_many_in_a_cube_is_named(cube):
    (cube[0] / "stray").write_bytes(b"x")
    with pytest.raises(DamagedFile, match=r"stray: is damaged, missing or foreign.*run the study again"):
        read_cube(cube[0])


@settings(deadline=None)
@given(st.permutations(["time", "seed", "network", "mode"]), st.data())
def test_chunks_are_one_time_of_many_cells_and_shards_many_chunks(dims, data):
    shape = [data.draw(st.integers(1, 12)) for _ in dims]
    array = xr.DataArray(np.zeros(shape, "float32"), dims=dims)
    chunk, shard = data.draw(st.integers(4, 4000)), data.draw(st.integers(4, 40000))
    with mock.patch.multiple(cube_files, CHUNK=chunk, SHARD=shard):
        chunks, shards = layout(array)
    assert chunks[dims.index("time")] == 1
    assert 4 * np.prod(chunks) <= chunk
    assert all(many % one == 0 for one, many in zip(chunks, shards, strict=True))
    assert 4 * np.prod(shards) <= max(shard, 4 * np.prod(chunks))


@pytest.mark.slow
def test_many_chunks_and_shards_hold_what_one_does(cube, tmp_path, monkeypatch):
    monkeypatch.setattr(cube_files, "CHUNK", 64)
    monkeypatch.setattr(cube_files, "SHARD", 700)
    names = ["status", "eigenvalue", "t_max", "has_gap"]
    for name in ("a", "b"):
        write_cube(tmp_path / name, {"": cube[1][names]})
    assert len(list((tmp_path / "a" / "eigenvalue").iterdir())) > 5
    xr.testing.assert_identical(read_cube(tmp_path / "a")[""].load(), cube[1][names])
    assert manifest_of(tmp_path / "a").read_text() == manifest_of(tmp_path / "b").read_text()
    assert sum(1 for _ in cube[0].rglob("*")) < 3 * len(cube[1].variables) + 30  # inodes: those of strings have more


KILLED = """
import os, sys
import numpy as np, xarray as xr
from pathlib import Path
from scoregap.store import files
from scoregap.store import cube as cube_files
from scoregap.store.cube import write_cube
folder, replace = Path(sys.argv[1]), os.replace
def write(path, value):
    ds = xr.Dataset({"status": ("seed", np.full(3, value))}, {"seed": np.arange(3)})
    ds.attrs = {"config_hash": "x", "contract": "1"}
    write_cube(path, {"": ds})
def killed_at(number):
    count = 0
    def counting(source, target):
        nonlocal count
        if Path(source).parent == folder / str(number):  # not those of zarr, inside
            if count == number:
                os._exit(9)
            count += 1
        return replace(source, target)
    os.replace = counting
    files.delete = lambda path: os._exit(9)
for number in range(4):  # in children, so that the parent has no threads yet: before each rename; while deleting
    for value in (1, 2):
        if os.fork() == 0:
            if value == 2:
                killed_at(number)
            write(folder / str(number) / "cube.zarr", value)
            os._exit(0)
        os.wait()
"""


@pytest.mark.slow
def test_a_kill_at_any_instant_leaves_the_old_cube_the_new_one_or_what_is_refused(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=True)
    outcomes = []
    for folder in sorted(tmp_path.iterdir()):
        try:
            outcomes.append(set(read_cube(folder / "cube.zarr")[""].status.values.tolist()))
        except DamagedFile as error:
            outcomes.append("manifest" if "cube.zarr.json" in str(error) else str(error))
        assert len([path for path in folder.iterdir() if path.name.startswith(".")]) > 0  # what it had begun
        write_cube(folder / "cube.zarr", {"": xr.Dataset({"status": ("seed", np.full(3, 3))})})
        assert read_cube(folder / "cube.zarr")[""].status.values.tolist() == [3, 3, 3]
        assert sorted(path.name for path in folder.iterdir()) == ["cube.zarr", "cube.zarr.json"]
    # before: the old one is moved aside; the new one takes its place; its manifest does; then the old one is deleted
    assert outcomes == [{1}, "manifest", "manifest", {2}]


@pytest.mark.parametrize("number", range(3))
def test_an_error_at_any_instant_leaves_the_old_cube(cube, number, monkeypatch):
    replace, count = os.replace, 0

    def failing(source, target):
        nonlocal count
        if Path(source).parent == cube[0].parent:  # not those of zarr, inside
            count += 1
            if count == number + 1:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))
        return replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_cube(cube[0], {"": cube[1][["status"]]})
    assert caught.value.filename in (str(cube[0]), str(manifest_of(cube[0])))
    monkeypatch.undo()
    xr.testing.assert_identical(read_cube(cube[0])[""].load(), cube[1])
    assert sorted(path.name for path in cube[0].parent.iterdir()) == ["cube.zarr", "cube.zarr.json"]


@pytest.fixture
def small(tmp_path):
    """A cube of a few variables: its path, and what is in it."""
    ds = variables.mock({"network": ["exact", "gated-8"], "seed": [0, 1]}, {})[["status", "eigenvalue", "t_max"]]
    ds = ds.assign_attrs(config_hash="x", contract="1")
    write_cube(tmp_path / "cube.zarr", {"": ds})
    return tmp_path / "cube.zarr", ds


@pytest.mark.parametrize("memory", [cube_files.IN_MEMORY, 3000, 0])
@pytest.mark.parametrize("change", ["another cube", "a smaller cube", "a cube of groups", "nothing", "a damaged cube"])
def test_an_open_cube_is_what_it_was_whatever_becomes_of_its_path(small, change, memory, monkeypatch):
    """In memory or mapped, nothing of it having been read."""
    path, written = small
    monkeypatch.setattr(cube_files, "IN_MEMORY", memory)
    held = read_cube(path)[""]
    other = (written + 1).assign_attrs(written.attrs)
    if change == "another cube":
        write_cube(path, {"": other.assign_coords(seed=[7, 8])})
    elif change == "a smaller cube":
        write_cube(path, {"": other.isel(seed=[0], network=[1])})
    elif change == "a cube of groups":
        write_cube(path, {"a": other, "b": other})
    else:
        for file in [file for file in path.rglob("*") if file.is_file()]:
            file.unlink()
            if change == "a damaged cube":
                file.write_bytes(b"damaged")
    xr.testing.assert_identical(held.load(), written)
    if change in ("nothing", "a damaged cube"):
        with pytest.raises(DamagedFile):
            read_cube(path)
    else:
        now = read_cube(path)
        assert not now[min(now)].identical(written)
    assert sorted(one.name for one in path.parent.iterdir()) == ["cube.zarr", "cube.zarr.json"]


def test_a_bare_path_reads_what_is_there_when_it_is_read(small):
    """What the documents say: labels of the old cube, values of the new one; `scoregap.open` is for that."""
    path, written = small
    held, bare = read_cube(path)[""], xr.open_zarr(path, chunks=None)
    write_cube(path, {"": written.assign(t_max=written.t_max + 1).assign_coords(seed=[7, 8])})
    xr.testing.assert_identical(held.t_max.load(), written.t_max)
    assert bare.seed.values.tolist() == [0, 1]
    np.testing.assert_array_equal(bare.t_max, written.t_max + 1)


@pytest.mark.slow
def test_what_has_been_replaced_is_given_back_with_the_last_reader(small, monkeypatch):
    """No name is left of it, as a kill would leave none: only what is mapped holds the old files."""
    path, written = small

    def deleted():
        maps = Path("/proc/self/maps").read_text().splitlines()
        return [line for line in maps if "(deleted)" in line and str(path.parent) in line]

    for memory, mapped in ((cube_files.IN_MEMORY, False), (0, True)):
        monkeypatch.setattr(cube_files, "IN_MEMORY", memory)
        held = read_cube(path)[""]
        write_cube(path, {"": written})
        assert bool(deleted()) == mapped
        del held
        gc.collect()
        assert not deleted()


def test_more_files_may_be_mapped_than_a_process_may_open_at_first(small, monkeypatch):
    monkeypatch.setattr(cube_files, "IN_MEMORY", 0)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = sum(1 for file in small[0].rglob("*") if file.is_file())
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + count // 2, before[1]))
    try:
        xr.testing.assert_identical(read_cube(small[0])[""].load(), small[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_manifest_is_plain(cube):
    manifest = json.loads(manifest_of(cube[0]).read_text())
    assert manifest["format"] == FORMAT
    assert all(len(digest) == 64 for digest in manifest["files"].values())
