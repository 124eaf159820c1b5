"""A finished cube is read as its study orders it, and only by that study."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import nullcontext

import pytest
import xarray as xr
from bounded import SPECIAL, at_once
from tiny import BLOCKS, edited

import scoregap
from scoregap import DamagedFile, InputError, cubes, variables
from scoregap.analysis import comparison
from scoregap.report import registry
from scoregap.store import cube as cube_files
from scoregap.store.cube import read_cube, write_cube
from scoregap.study import load
from scoregap.study.stages import STAGES


def test_groups_are_named_by_block_and_by_ambient_dim_where_there_are_several(tiny, tmp_path):
    study = load(tiny)
    assert study.groups == [("", study, 8)]
    study = load(edited(tmp_path, *BLOCKS, ("one: {", "one: {ambient_dim: [8, 12], ")))
    names = [name for name, _, _ in study.groups]
    assert names == ["curved", "one_ambient_dim_8", "one_ambient_dim_12", "schedules", "draws"]


@pytest.mark.slow
def test_parts_have_their_datasets_in_the_order_of_the_study(blocks):
    study = load(blocks[0])
    parts = cubes.datasets(study, blocks[1] / "cube.zarr")
    assert [part.block for part, _ in parts] == list(study.blocks)
    for part, (ds,) in parts:
        assert ds.sizes["seed"] == len(part.axes["seed"])
        assert ds.ambient_dim.values.tolist() == list(part.axes["ambient_dim"])


def test_what_an_earlier_revision_of_a_stage_has_made_is_refused(results, monkeypatch):
    """Of a stage of jobs, of the cube, and of the comparison alone, of which the cube stays good."""
    study, folder = results
    for name, good in (("fit", False), ("cube", False), ("compare", True), ("report", True)):
        stages = [one._replace(revision=one.revision + (one.name == name)) for one in STAGES]
        monkeypatch.setattr("scoregap.study.grid.STAGES", stages)
        with (
            nullcontext() if good else pytest.raises(InputError, match="is not of this study as it is now: rerun cube")
        ):
            cubes.datasets(study, folder / "cube.zarr")
        with nullcontext() if name == "report" else pytest.raises(InputError, match="as it is now: rerun compare"):
            comparison.read(study, folder / "comparison.csv")


@pytest.mark.slow
def test_a_cube_is_opened_by_the_study_or_its_results(results, tmp_path, monkeypatch):
    study, folder = results
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / study.name).symlink_to(folder)
    (wanted,) = read_cube(folder / "cube.zarr").values()
    monkeypatch.chdir(tmp_path)
    ways = [(folder,), (str(folder),), (study.name, "runs"), (f"runs/{study.name}",), (study.path, tmp_path / "runs")]
    for given in ways:
        ds = scoregap.open(*given)
        assert ds.attrs == wanted.attrs
        assert ds.sizes == wanted.sizes
    assert registry.open_run(ds).folder == tmp_path / "runs" / study.name  # figures of it, also those of its tables
    other = edited(tmp_path, ("curvature: [0.0, 0.5]", "curvature: [0.0, 0.25]"))
    with pytest.raises(InputError, match="is not of this study as it is now: rerun cube"):
        scoregap.open(other, "runs")
    for absent in ("quickstart", "results/quickstart", tmp_path / "nothing"):
        with pytest.raises(DamagedFile, match=r"cube\.zarr\.json: is missing; run the study again"):
            scoregap.open(absent)


def test_a_cube_of_groups_is_opened_as_a_tree(tmp_path):
    ds = variables.mock({"network": ["exact"], "seed": [0, 1]}, {})[["status", "t_max"]]
    groups = {name: (ds + i).assign_attrs(config_hash="x", contract="1") for i, name in enumerate(("one", "two_8"))}
    write_cube(tmp_path / "cube.zarr", groups)
    tree = scoregap.open(tmp_path)
    write_cube(tmp_path / "cube.zarr", {"": groups["one"] + 5})
    assert tree.attrs == groups["one"].attrs
    assert list(tree.children) == ["one", "two_8"]
    for name, wanted in groups.items():
        xr.testing.assert_identical(tree[name].to_dataset().load(), wanted)


def test_a_cube_that_a_run_is_about_to_replace_is_waited_for(tmp_path, monkeypatch):
    """Between the renames of a swap there is no cube, or one that is not that of its manifest."""
    ds = variables.mock({"network": ["exact"], "seed": [0]}, {})[["status", "t_max"]]
    place, attrs = tmp_path / "cube.zarr", {"config_hash": "x", "contract": "1"}
    write_cube(place, {"": ds.assign_attrs(attrs)})
    write_cube(tmp_path / "new.zarr", {"": (ds + 1).assign_attrs(attrs)})
    shutil.rmtree(place)
    ends = iter((("new.zarr", "cube.zarr"), ("new.zarr.json", "cube.zarr.json")))
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        os.replace(*(tmp_path / name for name in next(ends)))

    monkeypatch.setattr(cubes.time, "sleep", sleep)
    xr.testing.assert_identical(scoregap.open(tmp_path).load(), (ds + 1).assign_attrs(attrs))
    assert len(waited) == 2
    monkeypatch.setattr(cubes.time, "sleep", waited.append)
    (place / "status" / "zarr.json").write_text("{}")  # damage is not waited for
    with pytest.raises(DamagedFile, match=r"status/zarr\.json: is damaged"):
        scoregap.open(tmp_path)
    assert len(waited) == 3


SWAPS = """
import sys
import numpy as np, xarray as xr
from pathlib import Path
from scoregap.store.cube import write_cube
value = 0
while True:
    value += 1
    size = 1 + value % 3
    ds = xr.Dataset({name: ("seed", np.full(size, value)) for name in "abc"}, {"seed": np.full(size, value)})
    write_cube(Path(sys.argv[1]) / "cube.zarr", {"": ds.assign_attrs(config_hash=str(value), contract="1")})
"""


@pytest.mark.slow
@pytest.mark.parametrize("memory", [cube_files.IN_MEMORY, 0])
def test_what_is_opened_while_runs_replace_it_is_one_of_their_cubes(tmp_path, memory, monkeypatch):
    """Opened, and read later, while another process makes one cube after another; then that process is killed."""
    monkeypatch.setattr(cube_files, "IN_MEMORY", memory)
    seen, earlier = set(), []
    with subprocess.Popen([sys.executable, "-c", SWAPS, tmp_path]) as process:
        while not (tmp_path / "cube.zarr.json").exists():
            time.sleep(0.1)
        for turn in range(6000):
            if turn >= 60 and len(seen) > 5:  # where cores are busy, cubes are made slowly
                break
            earlier.append(scoregap.open(tmp_path))
            ds = earlier.pop(0) if len(earlier) > 10 else earlier[0]
            value = int(ds.attrs["config_hash"])
            for name in ("seed", "a", "b", "c"):
                assert ds[name].values.tolist() == [value] * (1 + value % 3)
            seen.add(value)
        process.kill()
    assert len(seen) > 5


def test_the_cube_of_another_study_is_refused(results, tmp_path):
    _, folder = results
    other = load(edited(tmp_path, ("curvature: [0.0, 0.5]", "curvature: [0.0, 0.25]")))
    with pytest.raises(InputError, match="is not of this study as it is now: rerun cube"):
        cubes.datasets(other, folder / "cube.zarr")


@pytest.mark.parametrize("kind", ["circle of links", "FIFO", "socket", "endless device"])
def test_what_is_no_folder_is_no_cube_of_that_name(tmp_path, kind):
    SPECIAL[kind](tmp_path / "x")
    says = "device" if "device" in kind else kind
    with at_once(), pytest.raises(InputError, match=rf"^study: '.*x' is a {says}: should be a study, or a folder$"):
        scoregap.open(tmp_path / "x")
