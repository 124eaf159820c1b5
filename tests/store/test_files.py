"""Files are whole or absent; damage is named, never read."""

import os
import re

import damage
import numpy as np
import pytest
import xarray as xr
from tiny import read_job, write_job

from scoregap import DamagedFile
from scoregap.regression import baselines
from scoregap.store import files as files_module
from scoregap.store import jobs
from scoregap.store import weights as weights_module
from scoregap.store.cube import read_cube, write_cube
from scoregap.store.files import manifest_of, replacing, write_text
from scoregap.store.jobs import job_members
from scoregap.store.ownership import Kind
from scoregap.store.tables import read_table, read_tables, write_table
from scoregap.store.weights import read_weights, weights_members, write_weights

TEXT = Kind("a text", lambda path: True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", damage.KINDS)
def test_no_flipped_bit_is_silent(kind, tmp_path):
    """A flip is named, or it lies in bytes that do not matter (zip dates) and what is read is the same."""
    found = damage.flips(kind, tmp_path)
    assert found["named"] + found["harmless"] == damage.FLIPS >= 200, found
    assert found["named"] > 0.75 * damage.FLIPS
    if "zip" not in damage.KINDS[kind][0](tmp_path, 0)[1].name:
        assert found["harmless"] == 0


@pytest.mark.slow
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
            "findings",
            "cube: metadata of a variable",
        ),
        "truncated by a byte": ("cube: manifest", "comparison: checksum"),  # a line break
    }
    assert damage.replaced(kind, tmp_path, how) == ("harmless" if kind in harmless.get(how, ()) else "named")


@pytest.mark.slow
def test_a_failure_while_writing_leaves_what_was_there(tmp_path, cube):
    path = tmp_path / "file.txt"
    write_text(path, "old", TEXT)

    def interrupted():
        with replacing(path, TEXT) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    good = cube[1]
    with pytest.raises(ValueError, match="data type object"):
        write_cube(cube[0], {"": good.assign(bad=("seed", np.array([object(), object()])))})
    xr.testing.assert_identical(read_cube(cube[0])[""].load(), good)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cube.zarr", "cube.zarr.json", "file.txt"]


def test_files_of_another_format_are_refused(weights, job, cube, tmp_path, monkeypatch):
    write_table(tmp_path / "a.csv", "1", "x")
    for module in (files_module, jobs, weights_module):
        monkeypatch.setattr(module, "FORMAT", 2)
    for read, path in (
        (read_weights, weights[0]), (read_job, job[0]), (read_cube, cube[0]),
        (read_table, tmp_path / "a.csv"),
    ):  # fmt: skip
        with pytest.raises(DamagedFile, match="another version"):
            read(path)


def test_folders_are_made(tmp_path):
    write_text(tmp_path / "new" / "folder" / "a.txt", "x", TEXT)
    assert (tmp_path / "new" / "folder" / "a.txt").read_text() == "x"


def test_what_killed_processes_left_is_swept_and_what_others_write_is_not(tmp_path):
    machine, dead = os.uname().nodename, 2**30
    here = f"{machine}.{os.stat('/proc/self/ns/pid').st_ino}"
    kept = [
        f".a.txt.{machine}.1.{dead}",  # of another container with this machine's name: its numbers are others
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
    write_text(tmp_path / "a.txt", "whole", TEXT)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "a.txt"])


def test_the_same_content_is_the_same_bytes(job, weights, tmp_path):
    first = job[0].read_bytes(), weights[0].read_bytes()
    write_job(job[0], job[1], ["a", "b"])
    write_weights(weights[0], {"a": {"diverged": False}}, dict(reversed(weights[1].items())))
    assert (job[0].read_bytes(), weights[0].read_bytes()) == first


def test_round_trips(cube, job, weights):
    xr.testing.assert_identical(read_cube(cube[0])[""].load(), cube[1])
    ds, members = read_job(job[0])
    xr.testing.assert_identical(ds, job[1])
    assert members == ["a", "b"]
    members, tensors = read_weights(weights[0])
    assert members == {"a": {"diverged": False}}
    assert tensors.keys() == weights[1].keys()
    assert all(np.array_equal(tensors[name], weights[1][name]) for name in tensors)


def test_members_are_read_without_the_rest(job, weights, tmp_path):
    keys, status = job_members(job[0])
    assert keys == ["a", "b"]
    np.testing.assert_array_equal(status, [1, 1])
    assert weights_members(weights[0]) == {"a": {"diverged": False}}
    for values in ([0, 0], [3, 2]):
        ds = job[1].assign(status=("member", np.array(values, "int8")))
        write_job(tmp_path / "other.zarr.zip", ds, ["a", "b"])
        np.testing.assert_array_equal(job_members(tmp_path / "other.zarr.zip")[1], values)
    write_job(tmp_path / "without.zarr.zip", job[1].drop_vars("status"), ["a", "b"])
    assert job_members(tmp_path / "without.zarr.zip") == (["a", "b"], None)
    for path, read in ((job[0], job_members), (weights[0], weights_members)):
        path.write_bytes(path.read_bytes()[:50])
        with pytest.raises(DamagedFile, match="is damaged"):
            read(path)
        path.unlink()
        with pytest.raises(DamagedFile, match="is missing"):
            read(path)


CONTENTS = [
    b"", b"\0" * 64, b"\xff\xfe", b"\xe9", b"[]", b"3", b"null", b'"x"', b"{}", b"{", b"[" * 5000, b"NaN",
    b'{"format": []}', b'{"format": 1}', b'{"format": 1, "of": 3, "sha256": []}', "{}".encode("utf-16"), b"PK\3\4",
    b'{"format": 1, "files": []}', b'{"format": 1, "files": {"a": 3}}', b"\x08\0\0\0\0\0\0\0{}      ",
]  # fmt: skip
INNARDS = (
    r"Error|codec|indices|subscript|no attribute '|NoneType|object|utf-|unpack|encod|decod|expected|argument|0x|named"
)


@pytest.mark.parametrize("content", CONTENTS)
def test_what_is_wrong_with_a_file_is_said_in_plain_words(tmp_path, content):
    """And not in those of Python or of a library."""
    path = tmp_path / "job.zarr.zip"
    for read, victim in (
        (read_job, path), (job_members, path), (read_weights, path), (weights_members, path), (read_tables, path),
        (read_table, manifest_of(path)), (read_cube, manifest_of(path)), (baselines.read, path),
    ):  # fmt: skip
        path.write_text("x")
        victim.write_bytes(content)
        with pytest.raises(DamagedFile) as caught:
            read(path)
        said = str(caught.value).replace(str(tmp_path), "")
        assert not re.search(INNARDS, said), said
        assert re.search("is damaged|is missing|is of another version", said), said


@pytest.mark.parametrize(
    "content", [b"[]", b"3", b"null", b"{}", b"\0" * 8, b'{"attributes": []}', b'{"attributes": {}}']
)
def test_what_is_wrong_inside_a_file_of_a_job_is_said_in_plain_words(job, content):
    def put(entries):
        entries["zarr.json"] = content

    damage.rewrite(job[0], put)
    for read in (read_job, job_members):
        with pytest.raises(DamagedFile) as caught:
            read(job[0])
        said = str(caught.value).replace(str(job[0].parent), "")
        assert not re.search(INNARDS, said), said
