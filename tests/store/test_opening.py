"""Only regular files are read; what is none, and what the machine lacks, is said in its own words, at once."""

import errno
import os
import re
import shutil
from pathlib import Path

import pytest
from bounded import SPECIAL, at_once, no_more_descriptors

from scoregap import DamagedFile, InputError
from scoregap.regression import baselines
from scoregap.runtime import events, locking, losses, progress, receipts, status
from scoregap.store import opening
from scoregap.store.cube import CUBE, read_cube
from scoregap.store.files import manifest_of, read_manifest
from scoregap.store.jobs import job_kind, job_members, read_job
from scoregap.store.opening import read_bytes, read_text, regular
from scoregap.store.ownership import is_marked, own, says_so
from scoregap.store.tables import TABLE, TABLES, read_table, read_tables, write_tables
from scoregap.store.weights import WEIGHTS, read_weights, weights_members
from scoregap.study import load, yaml_file
from scoregap.study.yaml_file import read_yaml

REFUSING = {  # readers that refuse what is no file
    "study": load, "yaml": read_yaml, "baseline": baselines.read, "table": read_table, "tables": read_tables,
    "manifest": lambda path: read_manifest(path.with_suffix(""), ("of",)), "job": read_job, "members": job_members,
    "weights": read_weights, "members of weights": weights_members,
}  # fmt: skip
ANSWERING = {  # readers to which it is none of theirs -> what they then say
    "metrics": (progress.last, None),
    "events": (lambda path: events.read(path).jobs, {}),
    "training": (lambda path: losses._training(path, {"a"}), 0.0),
    "receipt": (receipts._read, {}),
    "log": (status.meaning, (False, "")),
    "weights": (lambda path: says_so(path, WEIGHTS), False),
    "a table": (lambda path: says_so(path, TABLE), False),
    "tables": (lambda path: says_so(path, TABLES), False),
    "job": (lambda path: says_so(path, job_kind("fit")), False),
    "cube": (lambda path: says_so(path, CUBE), False),
}


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("read", REFUSING)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, kind, read):
    path = tmp_path / "strange.json"
    SPECIAL[kind](path)
    with at_once(), pytest.raises((InputError, DamagedFile)) as caught:
        REFUSING[read](path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("read", ANSWERING)
def test_what_is_no_regular_file_tells_nothing(tmp_path, kind, read):
    path = tmp_path / "strange.json"
    SPECIAL[kind](path)
    call, answer = ANSWERING[read]
    with at_once():
        assert call(path) == answer


@pytest.mark.parametrize("kind", SPECIAL)
def test_no_results_folder_waits_for_a_fifo_in_it(tmp_path, kind):
    (folder := tmp_path / "tiny").mkdir()
    SPECIAL[kind](folder / locking.LOCK)
    with at_once():
        assert locking.holder(folder) is None
        (folder / "cube.zarr").mkdir()
        SPECIAL[kind](folder / "cube.zarr" / "zarr.json")
        assert not says_so(folder / "cube.zarr", CUBE)
        SPECIAL[kind](folder / ".scoregap")
        assert not is_marked(folder)


def test_the_error_says_what_is_there(tmp_path):
    says = {"FIFO": "is a FIFO", "socket": "is a socket", "endless device": "is a device", "folder": "is a folder"}
    for kind, words in says.items():
        SPECIAL[kind](tmp_path / kind)
        for read in (regular, read_bytes, read_text):
            with pytest.raises(OSError, match=f"{words}; should be a regular file") as caught:
                read(tmp_path / kind)
            assert caught.value.filename == str(tmp_path / kind)
    SPECIAL["circle of links"](tmp_path / "circle")
    with pytest.raises(OSError, match="is a circle of links; should be a regular file"):
        read_bytes(tmp_path / "circle")


def test_regular_files_are_read_also_through_links(tmp_path):
    (tmp_path / "a").write_bytes("é\n".encode())
    (tmp_path / "b").symlink_to("a")
    assert regular(tmp_path / "b") == tmp_path / "b"
    assert read_bytes(tmp_path / "b") == b"\xc3\xa9\n"
    assert read_text(tmp_path / "b") == "é\n"
    assert read_bytes(tmp_path / "b", 3) == b"\xc3\xa9\n"
    with pytest.raises(OSError, match="has more than 2 bytes") as caught:
        read_bytes(tmp_path / "b", 2)
    assert caught.value.errno == errno.EFBIG


def test_what_becomes_a_fifo_between_two_looks_is_not_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "f")
    (tmp_path / "a").write_bytes(b"")
    look = os.stat
    monkeypatch.setattr(opening.os, "stat", lambda path: look(tmp_path / "a"))
    descriptors = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    with at_once(), pytest.raises(opening.NotRegular, match="is a FIFO"):
        read_bytes(tmp_path / "f")
    if descriptors:
        assert len(os.listdir("/proc/self/fd")) == descriptors


@pytest.fixture(scope="module")
def written(done, tmp_path_factory):
    """A file for each reader; no test changes them."""
    study, folder = done
    own_folder = tmp_path_factory.mktemp("written")
    job = next(job.id for job in load(study).jobs.values() if job.trained)
    (own_folder / "study.yaml").write_bytes(study.read_bytes())
    files = {"study": own_folder / "study.yaml", "yaml": own_folder / "study.yaml", "table": folder / "comparison.csv",
             "tables": folder / "findings.jsonl", "job": folder / "spectrum" / f"{job}.zarr.zip",
             "weights": folder / "train" / f"{job}.safetensors", "baseline": own_folder / "b.json",
             "manifest": manifest_of(folder / "comparison.csv")}  # fmt: skip
    baselines.write(files["baseline"], baselines.take(load(study), folder))
    return files | {"members": files["job"], "members of weights": files["weights"], "cube": folder / "cube.zarr"}


@pytest.mark.parametrize("read", [*REFUSING, "cube"])
def test_a_lack_of_descriptors_is_no_damage(written, read):
    """ "Is damaged" would have people delete weeks of training."""
    call = {**REFUSING, "cube": read_cube}[read]
    call(written[read])  # all is imported, and it is whole
    with pytest.raises(OSError, match="Too many open files") as caught, no_more_descriptors():
        call(written[read])
    assert written[read].name.removesuffix(".json") in str(caught.value.filename)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EIO, errno.EACCES, errno.EINVAL])
def test_what_the_machine_lacks_is_not_told_as_input(tmp_path, monkeypatch, number):
    """Status 1, and not 2: the file is as it should be, and may be read an hour later. Rights are the user's."""
    path = tmp_path / "a.yaml"
    path.write_text("{}")

    def fail(*_, **__):
        raise OSError(number, os.strerror(number), str(path))

    expected = InputError if number in (errno.EACCES, errno.EINVAL) else OSError
    for module, name, call in (
        (yaml_file, "read_bytes", yaml_file.read_yaml),
        (baselines, "read_text", baselines.read),
        (Path, "stat", lambda path: own(path, baselines.KIND)),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, fail)
            with pytest.raises(expected) as caught:
                call(path)
        assert type(caught.value) is expected or number not in (errno.EACCES, errno.EINVAL)
        assert os.strerror(number) in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [MemoryError("Unable to allocate 7 TiB"), RuntimeError("can't start new thread"), PermissionError(13, "No")],
)
@pytest.mark.parametrize("read", ["table", "tables", "job", "members"])
def test_other_lacks_are_no_damage_either(written, read, error, monkeypatch):
    import json

    call = {**REFUSING, "cube": read_cube}[read]
    call(written[read])

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(json, "loads", fail)
    with pytest.raises(type(error)):
        call(written[read])
    for kind in (TABLES, job_kind("spectrum")):
        with pytest.raises(type(error)):
            says_so(written["tables" if kind is TABLES else "job"], kind)


def test_receipts_are_not_taken_for_damaged_where_none_can_be_read(tmp_path):
    """`settle` removes damaged receipts, and their stages run again."""
    path = tmp_path / "a.json"
    path.write_text("{}")
    assert receipts._read(path) == {}
    with pytest.raises(OSError, match="Too many open files"), no_more_descriptors():
        receipts._read(path)


def test_a_table_is_the_same_whoever_reads_it(tmp_path):
    write_tables(tmp_path / "a.jsonl", {}, "x")
    shutil.copy(tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    (tmp_path / "c.jsonl").symlink_to("b.jsonl")
    assert read_tables(tmp_path / "c.jsonl") == read_tables(tmp_path / "a.jsonl")


def test_only_what_is_not_there_is_absent(tmp_path):
    """A circle of links is there, and so is what lies in no folder, or has no name that the system takes."""
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for name in ("nothing", "dangling", "no/where"):
        assert opening.absent(tmp_path / name)
    for name in ("file", ".", "a", "b", "file/below", "a/below", "x" * 300):
        assert not opening.absent(tmp_path / name)
    says = {
        "nothing": "", "dangling": "a link to nothing", "file": "a file", ".": "a folder", "a": "a circle of links",
        "file/below": "no path: Not a directory",
    }  # fmt: skip
    assert {name: opening.kind_of(tmp_path / name) for name in says} == says
    for kind in SPECIAL:
        SPECIAL[kind](tmp_path / kind)
        assert not opening.absent(tmp_path / kind)
        assert opening.kind_of(tmp_path / kind) == (
            {"link to a folder": "a folder", "socket": "a socket", "FIFO": "a FIFO"}.get(kind)
            or ("a device" if "device" in kind else f"a {kind}")
        )


@pytest.mark.parametrize("kind", ["circle of links", "FIFO", "endless device", "below a file"])
@pytest.mark.parametrize("read", REFUSING)
def test_what_is_there_and_no_file_is_said_to_be_what_it_is(tmp_path, read, kind):
    """And not to be missing."""
    path = tmp_path / "file" / "x.yaml" if kind == "below a file" else tmp_path / "x.yaml"
    if kind == "below a file":
        (tmp_path / "file").touch()
    else:
        SPECIAL[kind](path)
    with at_once(), pytest.raises((InputError, DamagedFile)) as caught:
        REFUSING[read](path)
    said = {"below a file": "Not a directory|no baseline", "endless device": "is a device"}.get(kind, f"is a {kind}")
    if read not in ("table", "manifest") or kind == "below a file":  # whose manifests lie beside them
        assert re.search(said, str(caught.value)), str(caught.value)
    assert "is missing" not in str(caught.value) or read in ("table", "manifest")


@pytest.mark.parametrize("kind", ["circle of links", "FIFO", "socket", "endless device"])
@pytest.mark.parametrize("read", [read_cube, read_table])
def test_what_is_in_the_place_of_a_cube_is_said_before_its_manifest_is_missed(tmp_path, read, kind):
    SPECIAL[kind](tmp_path / "x")
    says = "device" if "device" in kind else kind
    with at_once(), pytest.raises(DamagedFile, match=rf"/x: is a {says}; run the study again"):
        read(tmp_path / "x")
