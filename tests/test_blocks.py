"""Studies of several grids: what their blocks share, what the cube and the figures are, what is refused."""

import pandas as pd
import xarray as xr
from tiny import BLOCKS, edited

from scoregap.gate import baselines, reports
from scoregap.stages import cube
from scoregap.study import load


def test_every_block_is_a_grid_and_shared_cells_are_computed_once(tiny, tmp_path):
    study = load(edited(tmp_path, *BLOCKS))
    assert [part.block for part in study.parts] == ["curved", "one", "schedules"]
    assert [part.size for part in study.parts] == [12, 6, 12]
    assert study.size == len(study.cells) == 24
    members = [cell.values for job in study.jobs.values() for cell in job.cells]
    assert len(members) == len(set(members)) == 24
    assert all(part.hash == study.hash for part in study.parts)
    assert load(tiny).parts == [load(tiny)]


def test_a_block_more_leaves_the_others_alone(tmp_path):
    study = load(edited(tmp_path, *BLOCKS))
    (tmp_path / "more").mkdir()
    more = load(edited(tmp_path / "more", *BLOCKS, ("  one:", "  wide: {ambient_dim: [12]}\n  one:")))
    keys = {id: job.keys("fit") for id, job in study.jobs.items()}
    assert keys.items() <= {id: job.keys("fit") for id, job in more.jobs.items()}.items()
    assert more.hash != study.hash


def test_axes_of_blocks_do_not_share_jobs_unless_the_study_says_so(tmp_path):
    """Members of a job are the same in every block."""
    exact = ("[exact, gaussian, gated-8]", "[exact]"), ("batch: [seed]\n", "")
    study = load(edited(tmp_path, *BLOCKS, *exact))
    assert set(study.batch) == {"seed"}
    assert all(job.size == 2 for job in study.jobs.values())
    whole = load(edited(tmp_path, *exact))
    assert "curvature" in whole.batch


def test_an_axis_may_point_to_every_group(tmp_path):
    path = edited(
        tmp_path,
        ("  seed: 2", "  manifold.groups.all.width: [0.0, 0.3]\n  seed: 2"),
        ("std: 1.0}", "std: 1.0, law: uniform}"),
        ("std: 0.1}", "std: 0.1, law: lognormal}"),
    )
    widths = {tuple(group.width for group in cell.manifold.groups) for cell in load(path).cells}
    assert widths == {(0.0, 0.0), (0.3, 0.3)}


def test_every_block_is_a_group_of_the_cube_and_a_folder_of_figures(blocks):
    path, folder = blocks
    study = load(path)
    parts = cube.datasets(study, folder / "cube.zarr")
    assert [part.block for part, _ in parts] == ["curved", "one", "schedules"]
    for part, (ds,) in parts:
        assert all(tuple(ds[axis].values) == part.axes[axis] for axis in study.axes)
        assert (ds.status == 1).all()
        assert (folder / "figures" / part.block / "gaps.svg").exists()
    shared = [ds.sel({"curvature": 0.0, "train.schedule": "ve"}, drop=True) for _, (ds,) in (parts[0], parts[2])]
    xr.testing.assert_equal(*shared)
    with xr.open_zarr(folder / "cube.zarr", group="one") as ds:
        assert ds.sizes["seed"] == 2


def test_shared_cells_are_compared_once(blocks):
    frame = pd.read_csv(blocks[1] / "comparison.csv")
    cell = ["curvature", "manifold.groups.1.std", "train.schedule", "network"]
    assert not frame.duplicated([*cell, "gap", "quantity"]).any()
    assert len(frame[frame.quantity == "t_consolidation"]) == 4


def test_a_study_of_blocks_has_a_baseline(blocks, tmp_path):
    study, folder = load(blocks[0]), blocks[1]
    baselines.write(tmp_path / "b.json", baselines.take(study, folder))
    report, why = reports.check(study, folder, tmp_path / "b.json")
    assert why == []
    assert report.worst("baseline") == "same"
    names = [row.name for row in report.rows if row.name.endswith("gated-8: t_consolidation[1]")]
    assert len(names) == len(set(names)) >= 4
