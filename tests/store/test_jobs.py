"""The file of a job: its members are those of its arrays."""

import itertools
import json
import tempfile
import zipfile
from pathlib import Path
from unittest import mock

import damage
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import read_job, write_job

from scoregap import DamagedFile
from scoregap.store import jobs
from scoregap.store.jobs import job_members


@pytest.mark.parametrize("members", [None, 5, "ab", ["a"], ["a", "b", "c"], [["a"], ["b"]], {"a": 1, "b": 2}])
def test_a_job_file_whose_members_are_not_those_of_its_arrays_is_refused(job, members):
    write_job(job[0], job[1], members)
    for read in (read_job, job_members):
        with pytest.raises(DamagedFile, match=r"job\.zarr\.zip: is damaged: it"):
            read(job[0])


@pytest.mark.parametrize("status", [np.full(2, np.nan), np.ones((2, 2), "int8"), np.ones(3, "int8")])
def test_a_status_that_is_none_is_refused(job, status):
    jobs.write_job(job[0], {"status": (("member", "gap")[: status.ndim], status)}, ["a", "b"], "fit")
    with pytest.raises(DamagedFile, match=r"job\.zarr\.zip: is damaged: it"):
        job_members(job[0])


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
            for read in (read_job, job_members):
                with pytest.raises(DamagedFile, match="is damaged"):
                    read(path)
                named += 1
        place = after
    assert named == 4 * 16 * 2


READS = pytest.mark.parametrize("read", [read_job, job_members])


@pytest.fixture
def in_parts(job, monkeypatch):
    """A file that has a chunk for every member: its path, what is in it, and its entries other than the root's."""
    monkeypatch.setattr(jobs, "SHARD", 40)
    write_job(job[0], job[1], ["a", "b"])
    with zipfile.ZipFile(job[0]) as archive:
        return *job, sorted(set(archive.namelist()) - {"zarr.json"})


def test_job_files_may_have_a_chunk_per_member(in_parts):
    path, written, entries = in_parts
    assert entries == ["status/c/0", "status/zarr.json", "t_max/c/0/0", "t_max/c/1/0", "t_max/zarr.json"]
    found, members = read_job(path)
    xr.testing.assert_identical(found, written)
    assert members == ["a", "b"]


@READS
def test_a_job_file_without_one_of_its_arrays_or_chunks_is_damaged(in_parts, read):
    """zarr would read each of them as missing values, or as a file that never had the variable."""
    path, _, entries = in_parts
    whole = path.read_bytes()
    for lost in [*((one,) for one in entries), *itertools.combinations(entries, 2), tuple(entries)]:
        path.write_bytes(whole)
        damage.rewrite(path, lambda held, lost=lost: [held.pop(name) for name in lost])
        with pytest.raises(
            DamagedFile, match=rf"job\.zarr\.zip: is damaged: it has no {min(lost)}; run the study again"
        ):
            read(path)


@READS
def test_a_job_file_with_what_it_should_not_have_is_damaged(in_parts, read):
    path, _, entries = in_parts
    whole = path.read_bytes()
    changes = {
        "another t_max/c/0/0": lambda held: held.update({"t_max/c/0/0": held["t_max/c/1/0"]}),
        "another status/zarr.json": lambda held: held.update({"status/zarr.json": held["t_max/zarr.json"]}),
        "a foreign t_min/zarr.json": lambda held: held.update({"t_min/zarr.json": held["t_max/zarr.json"]}),
        "a foreign t_max/c/2/0": lambda held: held.update({"t_max/c/2/0": held["t_max/c/1/0"]}),
    }
    for says, change in changes.items():
        path.write_bytes(whole)
        damage.rewrite(path, change)
        with pytest.raises(DamagedFile, match=f"is damaged: it has {says};"):
            read(path)
    path.write_bytes(whole)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(entries[0], b"other")
    with pytest.raises(DamagedFile, match="its table of contents is wrong"):
        read(path)


@READS
@pytest.mark.parametrize("wrong", [None, 3, [], {"t_max/c/0/0": "x"}, "t_max"])
def test_a_list_that_is_none_is_damage(in_parts, read, wrong):
    path = in_parts[0]

    def change(held):
        root = json.loads(held["zarr.json"])
        root["attributes"]["holds"] = wrong
        held["zarr.json"] = json.dumps(root).encode()

    damage.rewrite(path, change)
    with pytest.raises(DamagedFile, match=r"job\.zarr\.zip: is damaged") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_files_without_a_list_are_of_another_version(in_parts):
    """As those of before lists, and what zarr writes by itself, which leaves chunks out that are empty."""
    path = in_parts[0]

    def change(held):
        root = json.loads(held["zarr.json"])
        del root["attributes"]["holds"]
        held["zarr.json"] = json.dumps(root).encode()

    damage.rewrite(path, change)
    with pytest.raises(DamagedFile, match=r"job\.zarr\.zip: is of another version of scoregap; run the study again"):
        read_job(path)
    assert job_members(path) == ([], None)  # their results are to be made, and nothing has failed


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_what_is_written_is_read_or_refused_whatever_is_lost(data):
    """Arrays of any kind and size, of which some are all missing values; then any of the entries are lost."""
    names = data.draw(st.lists(st.sampled_from(["a", "b", "status", "long name"]), min_size=1, unique=True))
    members, rng = data.draw(st.integers(1, 3)), np.random.default_rng(data.draw(st.integers(0, 99)))
    arrays = {}
    for name in names:
        shape = (members, *data.draw(st.lists(st.integers(1, 3), max_size=2)))
        values = rng.random(shape).astype(data.draw(st.sampled_from(["float32", "float64", "int8"])))
        dims = ("member", "time", "point")[: len(shape)]
        arrays[name] = dims, np.full_like(values, np.nan) if values.dtype.kind == "f" and rng.random() < 0.3 else values
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(jobs, "SHARD", data.draw(st.sampled_from([8, 999]))),
    ):
        path = Path(folder) / "job.zarr.zip"
        jobs.write_job(path, arrays, [f"{i}" for i in range(members)], "fit")
        found, _ = jobs.read_job(path)
        assert found.keys() == arrays.keys()
        for name, (dims, values) in arrays.items():
            assert found[name][0] == dims
            np.testing.assert_array_equal(found[name][1], values)
        with zipfile.ZipFile(path) as archive:
            entries = archive.namelist()
        lost = data.draw(st.sets(st.sampled_from(entries), min_size=1))
        damage.rewrite(path, lambda held: [held.pop(name) for name in lost])
        with pytest.raises(DamagedFile, match="is damaged"):
            jobs.read_job(path)
