"""Files are whole or absent; damage is named, never read."""

import errno
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from unittest import mock

import damage
import numpy as np
import pytest
import tensorstore
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import read_job, write_job

from scoregap import DamagedFile, storage, variables

TEXT = storage.Kind("a text", lambda path: True)
AXES = {"family": ["arcs"], "curvature": [0.0, 0.5], "network": ["exact", "gated-8"], "seed": [0, 1]}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("written") / "cube.zarr"
    ds = variables.mock(AXES, {"mode": 5, "time": 6}).assign_attrs(config_hash="x", contract="1")
    storage.write_cube(path, {"": ds})
    return path, ds


@pytest.fixture
def cube(tmp_path, written):
    path, ds = written
    shutil.copytree(path, tmp_path / path.name)
    shutil.copy(storage.manifest_of(path), tmp_path)
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
    storage.write_weights(tmp_path / "job.safetensors", {"a": {"diverged": False}}, tensors)
    return tmp_path / "job.safetensors", tensors


def test_round_trips(cube, job, weights):
    xr.testing.assert_identical(storage.read_cube(cube[0])[""].load(), cube[1])
    ds, members = read_job(job[0])
    xr.testing.assert_identical(ds, job[1])
    assert members == ["a", "b"]
    members, tensors = storage.read_weights(weights[0])
    assert members == {"a": {"diverged": False}}
    assert tensors.keys() == weights[1].keys()
    assert all(np.array_equal(tensors[name], weights[1][name]) for name in tensors)


def test_members_are_read_without_the_rest(job, weights, tmp_path):
    keys, status = storage.job_members(job[0])
    assert keys == ["a", "b"]
    np.testing.assert_array_equal(status, [1, 1])
    assert storage.weights_members(weights[0]) == {"a": {"diverged": False}}
    for values in ([0, 0], [3, 2]):
        ds = job[1].assign(status=("member", np.array(values, "int8")))
        write_job(tmp_path / "other.zarr.zip", ds, ["a", "b"])
        np.testing.assert_array_equal(storage.job_members(tmp_path / "other.zarr.zip")[1], values)
    write_job(tmp_path / "without.zarr.zip", job[1].drop_vars("status"), ["a", "b"])
    assert storage.job_members(tmp_path / "without.zarr.zip") == (["a", "b"], None)
    for path, read in ((job[0], storage.job_members), (weights[0], storage.weights_members)):
        path.write_bytes(path.read_bytes()[:50])
        with pytest.raises(DamagedFile, match="is damaged"):
            read(path)
        path.unlink()
        with pytest.raises(DamagedFile, match="is missing"):
            read(path)


@pytest.mark.parametrize("members", [None, 5, "ab", ["a"], ["a", "b", "c"], [["a"], ["b"]], {"a": 1, "b": 2}])
def test_a_job_file_whose_members_are_not_those_of_its_arrays_is_refused(job, members):
    write_job(job[0], job[1], members)
    for read in (storage.read_job, storage.job_members):
        with pytest.raises(DamagedFile, match=r"job\.zarr\.zip: is damaged: it"):
            read(job[0])


@pytest.mark.parametrize("status", [np.full(2, np.nan), np.ones((2, 2), "int8"), np.ones(3, "int8")])
def test_a_status_that_is_none_is_refused(job, status):
    storage.write_job(job[0], {"status": (("member", "gap")[: status.ndim], status)}, ["a", "b"], "fit")
    with pytest.raises(DamagedFile, match=r"job\.zarr\.zip: is damaged: it"):
        storage.job_members(job[0])


@pytest.mark.parametrize("members", [None, 5, "a", ["a"], {"a": None}, {"a": "diverged"}])
def test_weights_of_which_nothing_is_known_are_refused(weights, members):
    storage.write_weights(weights[0], members, weights[1])
    for read in (storage.read_weights, storage.weights_members):
        with pytest.raises(DamagedFile, match=r"job\.safetensors: is damaged: nothing is known"):
            read(weights[0])


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "5", '{"format": 1}', '{"format": 1, "of": 5, "sha256": ""}'])
def test_a_strange_manifest_is_damaged(tmp_path, text):
    storage.write_table(tmp_path / "a.csv", "x", "hash")
    storage.manifest_of(tmp_path / "a.csv").write_text(text)
    with pytest.raises(DamagedFile, match="is damaged"):
        storage.read_table(tmp_path / "a.csv")


def test_the_same_content_is_the_same_bytes(job, weights, tmp_path):
    first = job[0].read_bytes(), weights[0].read_bytes()
    write_job(job[0], job[1], ["a", "b"])
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


@pytest.mark.parametrize("kind", damage.KINDS)
def test_no_flipped_bit_is_silent(kind, tmp_path):
    """A flip is named, or it lies in bytes that do not matter (zip dates) and what is read is the same."""
    found = damage.flips(kind, tmp_path)
    assert found["named"] + found["harmless"] == damage.FLIPS >= 200, found
    assert found["named"] > 0.75 * damage.FLIPS
    if "zip" not in damage.KINDS[kind][0](tmp_path, 0)[1].name:
        assert found["harmless"] == 0


@pytest.mark.parametrize("kind", [kind for kind in damage.KINDS if "alone" not in kind])
@pytest.mark.parametrize("how", damage.WHOLE)
def test_damaged_files_are_named(kind, how, tmp_path):
    harmless = {
        # reads as itself, or is the same
        "another of its kind": (
            "weights",
            "checkpoint",
            "spectrum",
            "dimension",
            "fit",
            "cube: metadata of a variable",
        ),
        "truncated by a byte": ("cube: manifest", "comparison: checksum"),  # a line break
    }
    assert damage.replaced(kind, tmp_path, how) == ("harmless" if kind in harmless.get(how, ()) else "named")


def test_a_zip_of_something_else_is_there_and_not_missing(tmp_path):
    path = tmp_path / "other.zarr.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "y")
    with pytest.raises(DamagedFile, match="is damaged"):
        read_job(path)


def test_no_flip_in_the_table_of_contents_of_a_zip_hides_an_entry(tmp_path):
    """Of a comment's length: 64 bytes more are exactly the next entry if that has a name of 18 letters."""
    path = tmp_path / "job.zarr.zip"
    values = np.arange(6.0).reshape(2, 3)
    ds = xr.Dataset({"boundary": (("member", "gap"), values), "status": ("member", np.full(2, 3, "int8"))})
    write_job(path, ds, ["a", "b"])
    whole = path.read_bytes()
    place, named = whole.index(b"PK\1\2"), 0
    while whole[place : place + 4] == b"PK\1\2":
        after = place + 46 + int.from_bytes(whole[place + 28 : place + 30], "little")
        for bit in range(16 if whole[after : after + 4] == b"PK\1\2" else 0):  # the last has nothing to hide
            damaged = bytearray(whole)
            damaged[place + 32 + bit // 8] ^= 1 << bit % 8
            path.write_bytes(damaged)
            for read in (storage.read_job, storage.job_members):
                with pytest.raises(DamagedFile, match="is damaged"):
                    read(path)
                named += 1
        place = after
    assert named == 4 * 16 * 2


def test_a_file_too_many_in_a_cube_is_named(cube):
    (cube[0] / "stray").write_bytes(b"x")
    with pytest.raises(DamagedFile, match=r"stray: is damaged, missing or foreign.*run the study again"):
        storage.read_cube(cube[0])


def test_a_failure_while_writing_leaves_what_was_there(tmp_path, cube):
    path = tmp_path / "file.txt"
    storage.write_text(path, "old", TEXT)

    def interrupted():
        with storage.replacing(path, TEXT) as temporary:
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


def test_files_of_another_format_are_refused(weights, job, cube, tmp_path, monkeypatch):
    storage.write_table(tmp_path / "a.csv", "1", "x")
    monkeypatch.setattr(storage, "FORMAT", 2)
    for read, path in (
        (storage.read_weights, weights[0]), (read_job, job[0]), (storage.read_cube, cube[0]),
        (storage.read_table, tmp_path / "a.csv"),
    ):  # fmt: skip
        with pytest.raises(DamagedFile, match="another version"):
            read(path)


def test_folders_are_made(tmp_path):
    storage.write_text(tmp_path / "new" / "folder" / "a.txt", "x", TEXT)
    assert (tmp_path / "new" / "folder" / "a.txt").read_text() == "x"


def test_tables(tmp_path):
    storage.write_table(tmp_path / "a.csv", "x,y\n", "hash")
    assert storage.read_table(tmp_path / "a.csv") == ("x,y\n", "hash")
    assert (tmp_path / "a.csv").read_text() == "x,y\n"


def test_a_job_file_opens_with_xarray_alone(job):
    with zarr.storage.ZipStore(job[0], mode="r") as store:
        ds = xr.open_zarr(store, consolidated=False, chunks=None).load()  # warnings are errors here
    assert json.loads(ds.attrs.pop("members")) == ["a", "b"]
    assert ds.attrs.pop("format") == storage.FORMAT
    assert ds.attrs.pop("stage") == "fit"
    xr.testing.assert_identical(ds, job[1])


def test_job_files_may_have_a_chunk_per_member_or_be_written_by_zarr(job, tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "SHARD", 40)
    write_job(tmp_path / "parts.zarr.zip", job[1], ["a", "b"])
    with zipfile.ZipFile(tmp_path / "parts.zarr.zip") as archive:
        assert {"t_max/c/0/0", "t_max/c/1/0", "status/c/0"} <= set(archive.namelist())
    by_zarr = job[1].assign(empty=(("member", "gap"), np.full((2, 3), np.nan)))  # a chunk that zarr leaves out
    entries = {}
    encoding = {name: {"compressors": storage.codecs()} for name in by_zarr}
    encoding["t_max"]["chunks"] = (1, 2)
    by_zarr.assign_attrs(format=1, members='["a", "b"]').to_zarr(
        zarr.storage.MemoryStore(entries), consolidated=False, zarr_format=3, encoding=encoding
    )
    with zipfile.ZipFile(tmp_path / "zarr.zarr.zip", "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content.to_bytes())
    for name, ds in (("parts", job[1]), ("zarr", by_zarr)):
        found, members = read_job(tmp_path / f"{name}.zarr.zip")
        xr.testing.assert_identical(found, ds)
        assert members == ["a", "b"]


# ---------------------------------------------------------------- building

SHAPES = st.lists(st.integers(1, 9), min_size=1, max_size=5).map(tuple)


@settings(deadline=None)  # a busy machine is no error
@given(SHAPES, st.integers(0, 5000))
def test_blocks_are_small_consecutive_and_cover_everything_once(shape, count):
    sizes = storage.block(shape, count)
    seen, index = np.zeros(shape, int), np.arange(np.prod(shape)).reshape(shape)
    for region in storage.regions(shape, sizes):
        seen[region] += 1
        assert index[region].size <= max(count, 1)
        assert (np.diff(index[region].ravel()) == 1).all()
    assert (seen == 1).all()
    if np.prod(shape) <= count:
        assert sizes == shape


@settings(deadline=None)
@given(st.permutations(["time", "seed", "network", "mode"]), st.data())
def test_chunks_are_one_time_of_many_cells_and_shards_many_chunks(dims, data):
    shape = [data.draw(st.integers(1, 12)) for _ in dims]
    array = xr.DataArray(np.zeros(shape, "float32"), dims=dims)
    chunk, shard = data.draw(st.integers(4, 4000)), data.draw(st.integers(4, 40000))
    with mock.patch.multiple(storage, CHUNK=chunk, SHARD=shard):
        chunks, shards = storage.layout(array)
    assert chunks[dims.index("time")] == 1
    assert 4 * np.prod(chunks) <= chunk
    assert all(many % one == 0 for one, many in zip(chunks, shards, strict=True))
    assert 4 * np.prod(shards) <= max(shard, 4 * np.prod(chunks))


def test_many_chunks_and_shards_hold_what_one_does(cube, tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "CHUNK", 64)
    monkeypatch.setattr(storage, "SHARD", 700)
    names = ["status", "eigenvalue", "t_max", "has_gap"]
    for name in ("a", "b"):
        storage.write_cube(tmp_path / name, {"": cube[1][names]})
    assert len(list((tmp_path / "a" / "eigenvalue").iterdir())) > 5
    xr.testing.assert_identical(storage.read_cube(tmp_path / "a")[""].load(), cube[1][names])
    assert storage.manifest_of(tmp_path / "a").read_text() == storage.manifest_of(tmp_path / "b").read_text()
    assert sum(1 for _ in cube[0].rglob("*")) < 3 * len(cube[1].variables) + 30  # inodes: those of strings have more


def test_a_spool_is_an_array_without_memory_and_without_a_name(tmp_path):
    spool = storage.Spool(tmp_path / "cube.zarr")
    array = spool.full((300, 1000), np.nan, "float32")
    counts = spool.full((3,), 0, "int8")
    assert np.isnan(array).all()
    array[7] = 1
    spool.forget()
    assert (array[7] == 1).all()
    assert np.isnan(array[8:]).all()
    assert counts.tolist() == [0, 0, 0]
    assert list(tmp_path.iterdir()) == []


MEMORY = """
import sys
import numpy as np, xarray as xr
from pathlib import Path
from scoregap import storage
path, cells = Path(sys.argv[1]), int(sys.argv[2])
def build(cells):
    spool = storage.Spool(path)
    dims = {"status": (), "eigenvalue": ("time", "point", "mode"), "t_max": ("gap",)}
    sizes = {"seed": cells, "time": 40, "point": 8, "mode": 32, "gap": 2}
    arrays = {}
    for name, own in dims.items():
        array = spool.full(tuple(sizes[dim] for dim in ("seed", *own)), 0.5, "float32")
        for i in range(0, cells, 100):
            array[i:i + 100] = 1
            spool.forget()
        arrays[name] = (("seed", *own), array)
    storage.write_cube(path, {"": xr.Dataset(arrays, attrs={"config_hash": "x", "contract": "1"})}, spool.forget)
    status = Path("/proc/self/status").read_text()  # getrusage would count the process that started this one
    return int(status.split("VmHWM:")[1].split()[0]) // 1024
print(build(1000), build(cells))
"""


def test_a_cube_is_built_in_bounded_memory(tmp_path):
    """320 MB of numbers after 40 MB, in the memory of less than two shards and their copies more."""
    command = [sys.executable, "-c", MEMORY, tmp_path / "cube.zarr", "8000"]
    first, second = map(int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert second < first + 60
    assert second < 500


# ---------------------------------------------------------------- interruptions

KILLED = """
import os, sys
import numpy as np, xarray as xr
from pathlib import Path
from scoregap import storage
folder, replace = Path(sys.argv[1]), os.replace
def write(path, value):
    ds = xr.Dataset({"status": ("seed", np.full(3, value))}, {"seed": np.arange(3)})
    ds.attrs = {"config_hash": "x", "contract": "1"}
    storage.write_cube(path, {"": ds})
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
    storage._delete = lambda path: os._exit(9)
for number in range(4):  # in children, so that the parent has no threads yet: before each rename; while deleting
    for value in (1, 2):
        if os.fork() == 0:
            if value == 2:
                killed_at(number)
            write(folder / str(number) / "cube.zarr", value)
            os._exit(0)
        os.wait()
"""


def test_a_kill_at_any_instant_leaves_the_old_cube_the_new_one_or_what_is_refused(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=True)
    outcomes = []
    for folder in sorted(tmp_path.iterdir()):
        try:
            outcomes.append(set(storage.read_cube(folder / "cube.zarr")[""].status.values.tolist()))
        except DamagedFile as error:
            outcomes.append("manifest" if "cube.zarr.json" in str(error) else str(error))
        assert len([path for path in folder.iterdir() if path.name.startswith(".")]) > 0  # what it had begun
        storage.write_cube(folder / "cube.zarr", {"": xr.Dataset({"status": ("seed", np.full(3, 3))})})
        assert storage.read_cube(folder / "cube.zarr")[""].status.values.tolist() == [3, 3, 3]
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
        storage.write_cube(cube[0], {"": cube[1][["status"]]})
    assert caught.value.filename in (str(cube[0]), str(storage.manifest_of(cube[0])))
    monkeypatch.undo()
    xr.testing.assert_identical(storage.read_cube(cube[0])[""].load(), cube[1])
    assert sorted(path.name for path in cube[0].parent.iterdir()) == ["cube.zarr", "cube.zarr.json"]


def test_what_killed_processes_left_is_swept_and_what_others_write_is_not(tmp_path):
    here, dead = os.uname().nodename, 2**30
    kept = [
        f".a.txt.{here}.{os.getppid()}",
        f".a.txt.elsewhere.{dead}",
        f".b.txt.{here}.{dead}",
        f".a.txt.{here}.x",
        f".a.txt.{here}.²",
    ]
    for name in (*kept, f".a.txt.{here}.{dead}", f".a.txt.{here}.{10**30}"):
        (tmp_path / name).write_text("half")
    (tmp_path / f".a.txt.{here}.{dead - 1}").mkdir()
    (tmp_path / f".a.txt.{here}.{dead - 1}" / "part").write_text("half")
    storage.write_text(tmp_path / "a.txt", "whole", TEXT)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "a.txt"])


def test_the_manifest_is_plain(cube):
    manifest = json.loads(storage.manifest_of(cube[0]).read_text())
    assert manifest["format"] == storage.FORMAT
    assert all(len(digest) == 64 for digest in manifest["files"].values())
