"""The file of a job: its members are those of its arrays."""

import zipfile

import numpy as np
import pytest
import xarray as xr
import zarr
from tiny import read_job, write_job

from scoregap import DamagedFile
from scoregap.store import jobs
from scoregap.store.arrays import codecs
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


def test_job_files_may_have_a_chunk_per_member_or_be_written_by_zarr(job, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "SHARD", 40)
    write_job(tmp_path / "parts.zarr.zip", job[1], ["a", "b"])
    with zipfile.ZipFile(tmp_path / "parts.zarr.zip") as archive:
        assert {"t_max/c/0/0", "t_max/c/1/0", "status/c/0"} <= set(archive.namelist())
    by_zarr = job[1].assign(empty=(("member", "gap"), np.full((2, 3), np.nan)))  # a chunk that zarr leaves out
    entries = {}
    encoding = {name: {"compressors": codecs()} for name in by_zarr}
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
