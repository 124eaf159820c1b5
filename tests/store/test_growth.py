"""A cube that grows is the one that is built anew, to the byte; and what has not changed is not made again."""

import errno
import hashlib
import itertools
import json
import os
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import gathered
import google_crc32c
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap import DamagedFile, InputError, variables
from scoregap.stages import cube
from scoregap.store import cube as cube_files
from scoregap.store import growth, jobs
from scoregap.store.cube import layout, read_cube
from scoregap.store.files import manifest_of
from scoregap.study import load

STUDY = """\
study: growing
axes:
  family: [linear]
  ambient_dim: [4]
  manifold_dim: [2]
  curvature: [0.0]
  manifold.groups.1.std: {stds}
  network: {networks}
  seed: {seeds}
batch: [seed]
manifold:
  groups: [{{fraction: 0.5, std: 1.0}}, {{fraction: 0.5, std: 0.1}}]
train: {{steps: 10, levels: 2, samples: 1, depth: 1, noise: {{start: 1.0e-3, stop: 100.0}}}}
spectrum: {{times: {{start: 1.0e-3, stop: 100.0, count: 8}}, points: 2}}
compare:
  flat: {{t_open: 0.15, t_max: 0.05, t_close: 0.15, t_consolidation: 0.10}}
  curved: {{t_open: 0.25, t_max: 0.10, t_close: 0.25, t_consolidation: 0.25}}
"""
STDS = [round(0.1 + 0.01 * i, 2) for i in range(12)]
NETWORKS = ["exact", "gaussian", "gated-2", "gated-3"]


def written(folder, stds=5, networks=3, seeds=3, text=STUDY):
    """The study with so many values of its axes, and files of all its jobs."""
    folder.mkdir(exist_ok=True)
    path = folder / "study.yaml"
    path.write_text(text.format(stds=STDS[:stds], networks=NETWORKS[:networks], seeds=seeds))
    gathered.write(folder, load(path))
    return path


def build(folder, out):
    """The cube of the files in a folder; how many files of jobs were read whole."""
    count = 0

    def counting(*args):
        nonlocal count
        count += 1
        return jobs.read_job(*args)

    with mock.patch.object(cube, "read_job", counting):
        cube.run(folder / "study.yaml", folder / "spectrum", folder / "fit", out)
    return count


def same(one, other):
    """Whether two cubes are the same to the byte."""
    return manifest_of(one).read_bytes() == manifest_of(other).read_bytes()


def inodes(folder):
    return {file.relative_to(folder).as_posix(): file.stat().st_ino for file in folder.rglob("c.*")}


NAMES = {"spectrum": ("status", "eigenvalue"), "fit": ("t_max", "t_max_state", "t_alignment")}


@pytest.fixture(autouse=True)
def few_variables():
    """All 133 would take most of the time, and so would flushing their files."""
    references = {f"{one}_{name}" for one in ("exact", "gaussian") for name in ("t_max", "t_alignment")}
    names, of_cube = references.union(*NAMES.values()), variables.of_cube

    def few(coords, from_file):
        return {name: one for name, one in of_cube(coords, from_file).items() if name in names}

    with (
        mock.patch.multiple(
            variables, of_cube=few, made=lambda stage, *_: NAMES[stage], METHODS={"": ""}, TIMES={"t_max": ""}
        ),
        mock.patch.object(cube, "invalid", return_value=""),
        mock.patch.object(os, "fsync"),
        mock.patch.object(cube, "revision", return_value="of git, which may change meanwhile"),
    ):
        yield


@pytest.fixture
def small(monkeypatch):
    """Chunks and shards so small that a few cells have several."""
    monkeypatch.setattr(cube_files, "CHUNK", 64)
    monkeypatch.setattr(cube_files, "SHARD", 600)


def test_values_at_the_end_of_an_axis_are_gathered_alone(small, tmp_path):
    written(tmp_path)
    assert build(tmp_path, tmp_path / "cube.zarr") == 2 * 5 * 3
    before = inodes(tmp_path / "cube.zarr")
    written(tmp_path, stds=7)
    assert build(tmp_path, tmp_path / "cube.zarr") == 2 * 3 * 3  # from the place on where chunks are cut
    build(tmp_path, tmp_path / "anew.zarr")
    assert same(tmp_path / "cube.zarr", tmp_path / "anew.zarr")
    xr.testing.assert_identical(*(read_cube(tmp_path / name)[""].load() for name in ("cube.zarr", "anew.zarr")))
    after = inodes(tmp_path / "cube.zarr")
    assert len(before.items() & after.items()) > 0.6 * len(before)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []
    assert all(file.stat().st_nlink == 1 for file in (tmp_path / "cube.zarr").rglob("c.*"))


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(st.data())
def test_a_cube_that_grows_is_the_one_that_is_built_anew(tmp_path_factory, data):
    """Whatever has grown, shrunk, been lost and been made again, with whatever chunks."""
    folder = tmp_path_factory.mktemp("grown")
    sizes = st.fixed_dictionaries(
        {"stds": st.integers(1, 9), "networks": st.integers(1, 4), "seeds": st.integers(1, 3)}
    )
    limits = {"CHUNK": data.draw(st.sampled_from([16, 64, 500, 4000])), "SHARD": data.draw(st.sampled_from([64, 900]))}
    with mock.patch.multiple(cube_files, **limits):
        for turn in range(3):
            path = written(folder, **data.draw(sizes))
            for id in data.draw(st.sets(st.sampled_from(sorted(load(path).jobs)), max_size=2)):
                for stage in data.draw(st.sets(st.sampled_from(gathered.STAGES))):
                    jobs.job_path(folder, id, stage).unlink()
            if data.draw(st.booleans()):
                gathered.write(folder, load(path), seed=turn + 1)
            build(folder, folder / "cube.zarr")
            build(folder, folder / "anew.zarr")
            assert same(folder / "cube.zarr", folder / "anew.zarr")
            for suffix in ("", ".json"):
                cube_files.delete(folder / f"anew.zarr{suffix}")


def test_nothing_new_is_nothing_read(small, tmp_path):
    written(tmp_path)
    build(tmp_path, tmp_path / "cube.zarr")
    content, files = manifest_of(tmp_path / "cube.zarr").read_bytes(), inodes(tmp_path / "cube.zarr")
    assert build(tmp_path, tmp_path / "cube.zarr") == 0
    assert manifest_of(tmp_path / "cube.zarr").read_bytes() == content
    assert inodes(tmp_path / "cube.zarr") == files


def test_a_file_of_a_job_that_has_changed_is_read_again(small, tmp_path):
    """With the same keys, as of a job that was lost and has been computed on another machine."""
    path = written(tmp_path, stds=6)
    build(tmp_path, tmp_path / "cube.zarr")
    last = list(load(path).jobs)[-1]
    jobs.job_path(tmp_path, last, "fit").unlink()
    gathered.write(tmp_path, load(path), seed=1)
    assert 0 < build(tmp_path, tmp_path / "cube.zarr") < 2 * 6 * 3
    build(tmp_path, tmp_path / "anew.zarr")
    assert same(tmp_path / "cube.zarr", tmp_path / "anew.zarr")


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing", "of an earlier version"])
def test_what_is_damaged_is_not_taken_over(small, tmp_path, damage):
    written(tmp_path)
    build(tmp_path, tmp_path / "cube.zarr")
    victim = sorted((tmp_path / "cube.zarr" / "eigenvalue").glob("c.*"))[0]
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "missing":
        victim.unlink()
    elif damage == "of an earlier version":
        known = json.loads(manifest_of(tmp_path / "cube.zarr").read_text())
        manifest_of(tmp_path / "cube.zarr").write_text(json.dumps({key: known[key] for key in ("format", "files")}))
    else:
        victim.write_bytes(content if damage == "flipped" else content[:-1])
    with nullcontext() if damage == "of an earlier version" else pytest.raises(DamagedFile):
        read_cube(tmp_path / "cube.zarr")
    written(tmp_path, stds=6)
    assert build(tmp_path, tmp_path / "cube.zarr") == 2 * 6 * 3
    read_cube(tmp_path / "cube.zarr")


def test_a_file_of_another_study_is_refused_where_nothing_is_gathered_from_it(small, tmp_path):
    """As when the section fit has changed, and fits have not been made again."""
    path = written(tmp_path)
    build(tmp_path, tmp_path / "cube.zarr")
    path.write_text(path.read_text() + "fit: {visibility: 0.2}\n")
    with pytest.raises(InputError, match="is not of this study as it is now: rerun fit"):
        build(tmp_path, tmp_path / "cube.zarr")


def test_cells_of_jobs_that_are_others_now_are_missing_until_these_have_files(small, tmp_path):
    """As when the batch axes have changed: the cells are where they were, in files that are not there yet."""
    path = written(tmp_path, stds=2, networks=1, seeds=2)
    build(tmp_path, tmp_path / "cube.zarr")
    path.write_text(path.read_text().replace("batch: [seed]", "batch: [seed, manifold.groups.1.std]"))
    build(tmp_path, tmp_path / "cube.zarr")
    assert (read_cube(tmp_path / "cube.zarr")[""].status == 0).all()


def test_a_grid_of_many_axes_is_in_few_pieces(tmp_path):
    """Not in halves, or smaller parts, along each axis: five axes of ten values would be in 5^5 pieces."""
    path = tmp_path / "study.yaml"
    axes = "[linear]", "[0.0]", "[2]"
    others = "[arcs]", "[0.0, 0.1, 0.2, 0.3, 0.4]", "[2, 3]"
    text = STUDY.replace("[4]", "[8]").format(stds=STDS[:6], networks=NETWORKS, seeds=8)
    for old, new in zip(axes, others, strict=True):
        text = text.replace(old, new)
    path.write_text(text)
    study = load(path)
    assert cube.growing_axis(study, study.axes) == ["manifold.groups.1.std"]
    array = cube.frame(study, 8).data_vars["t_max"]
    chunks, _ = layout(array, cube.growing_axis(study, study.axes))
    assert dict(zip(array.dims, chunks, strict=True)) == {**array.sizes, "manifold.groups.1.std": 2}


@pytest.mark.slow
@pytest.mark.parametrize(("call", "count"), [("link", 1), *(("replace", number) for number in range(3))])
def test_a_kill_while_it_grows_is_mended_by_the_next_build(small, tmp_path, call, count):
    """When a file has been linked, and before each of the renames."""
    written(tmp_path)
    build(tmp_path, tmp_path / "cube.zarr")
    written(tmp_path, stds=7)
    if (child := os.fork()) == 0:
        calls, done = itertools.count(), getattr(os, call)
        setattr(os, call, lambda *args: done(*args) if next(calls) < count else os._exit(9))
        build(tmp_path, tmp_path / "cube.zarr")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    build(tmp_path, tmp_path / "cube.zarr")
    build(tmp_path, tmp_path / "anew.zarr")
    assert same(tmp_path / "cube.zarr", tmp_path / "anew.zarr")
    read_cube(tmp_path / "cube.zarr")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_who_has_the_cube_open_reads_on_while_it_grows(small, tmp_path, monkeypatch):
    monkeypatch.setattr(cube_files, "IN_MEMORY", 0)
    written(tmp_path)
    build(tmp_path, tmp_path / "cube.zarr")
    wanted, held = (read_cube(tmp_path / "cube.zarr")[""] for _ in range(2))
    wanted.load()
    written(tmp_path, stds=6)
    build(tmp_path, tmp_path / "cube.zarr")
    xr.testing.assert_identical(held.load(), wanted)


def test_a_cube_behind_a_link_grows_where_it_is(small, tmp_path):
    """As one on a larger disk; its manifest is beside the link."""
    written(tmp_path)
    build(tmp_path, tmp_path / "elsewhere" / "cube.zarr")
    (tmp_path / "cube.zarr").symlink_to(tmp_path / "elsewhere" / "cube.zarr")
    manifest_of(tmp_path / "elsewhere" / "cube.zarr").rename(manifest_of(tmp_path / "cube.zarr"))
    written(tmp_path, stds=6)
    assert build(tmp_path, tmp_path / "cube.zarr") == 2 * 2 * 3
    assert (tmp_path / "cube.zarr").is_symlink()
    assert read_cube(tmp_path / "cube.zarr")[""].sizes["manifold.groups.1.std"] == 6


def test_a_file_system_without_hard_links_has_copies(small, tmp_path, monkeypatch):
    written(tmp_path)
    build(tmp_path, tmp_path / "cube.zarr")

    def refused(source, target):
        if Path(source).name.startswith("c."):
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), str(source))
        made(source, target)

    made = os.link
    monkeypatch.setattr(os, "link", refused)
    written(tmp_path, stds=6)
    assert build(tmp_path, tmp_path / "cube.zarr") == 2 * 2 * 3
    build(tmp_path, tmp_path / "anew.zarr")
    assert same(tmp_path / "cube.zarr", tmp_path / "anew.zarr")


@given(st.integers(100, 10_000), st.integers(1, 9))
def test_a_hundredth_more_of_a_long_axis_is_few_chunks_and_the_same_layout(size, cells):
    """But where its length passes a power of two, when it is laid out anew."""
    more = -(-size // 100)
    before, after = (
        layout(xr.DataArray(np.broadcast_to(0.0, (n, cells, 2)), dims=("std", "seed", "gap")), ["std"])
        for n in (size, size + more)
    )
    if growth.step(size) == growth.step(size + more):
        assert before[0] == after[0]
    assert growth.step(size) <= size / 32
    assert json.dumps(before)


@pytest.mark.parametrize("size", [0, 1, 6, 7, 8, 100])
def test_the_checksum_of_a_file_is_that_of_its_parts(tmp_path, size):
    content = bytes(range(size))
    (tmp_path / "file").write_bytes(content)
    with mock.patch.object(growth, "READ", 7):
        assert growth._sum(tmp_path / "file") == google_crc32c.value(content)


def test_the_checksums_of_a_cube_are_of_its_files_as_they_are_on_the_disk(tmp_path):
    """Also of those that were linked, and of those that were put together of old and new chunks."""
    path = tmp_path / "cube.zarr"
    for stds in (5, 7):
        written(tmp_path, stds)
        build(tmp_path, path)
        manifest = json.loads(manifest_of(path).read_text())
        files = {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}
        assert manifest["files"] == {name: hashlib.sha256(one).hexdigest() for name, one in files.items()}
        assert manifest["sums"] == {name: google_crc32c.value(one) for name, one in files.items()}
