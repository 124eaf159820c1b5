"""A finished cube is read as its study orders it, and only by that study."""

import pytest
from tiny import BLOCKS, edited

from scoregap import InputError, cubes
from scoregap.study import load


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


def test_the_cube_of_another_study_is_refused(results, tmp_path):
    _, folder = results
    other = load(edited(tmp_path, ("curvature: [0.0, 0.5]", "curvature: [0.0, 0.25]")))
    with pytest.raises(InputError, match="is not of this study as it is now: rerun cube"):
        cubes.datasets(other, folder / "cube.zarr")
