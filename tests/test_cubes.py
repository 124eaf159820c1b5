"""A finished cube is read as its study orders it, and only by that study."""

from contextlib import nullcontext

import pytest
from tiny import BLOCKS, edited

from scoregap import InputError, cubes
from scoregap.analysis import comparison
from scoregap.study import load
from scoregap.study.stages import STAGES


def test_groups_are_named_by_block_and_by_ambient_dim_where_there_are_several(tiny, tmp_path):
    study = load(tiny)
    assert study.groups == [("", study, 8)]
    study = load(edited(tmp_path, *BLOCKS, ("one: {", "one: {ambient_dim: [8, 12], ")))
    names = [name for name, _, _ in study.groups]
    assert names == ["curved", "one_ambient_dim_8", "one_ambient_dim_12", "schedules", "draws"]


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


def test_the_cube_of_another_study_is_refused(results, tmp_path):
    _, folder = results
    other = load(edited(tmp_path, ("curvature: [0.0, 0.5]", "curvature: [0.0, 0.25]")))
    with pytest.raises(InputError, match="is not of this study as it is now: rerun cube"):
        cubes.datasets(other, folder / "cube.zarr")
