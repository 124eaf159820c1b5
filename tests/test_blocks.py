"""Studies of several grids: what their blocks share, what the cube and the figures are, what is refused."""

import pandas as pd
import pytest
import xarray as xr
from tiny import BLOCKS, edited

from scoregap import cubes
from scoregap.analysis import comparison, headline
from scoregap.regression import baselines, reports, theory
from scoregap.study import load


def test_every_block_is_a_grid_and_shared_cells_are_computed_once(tiny, tmp_path):
    study = load(edited(tmp_path, *BLOCKS))
    assert [part.block for part in study.parts] == ["curved", "one", "schedules", "draws"]
    assert [part.size for part in study.parts] == [12, 6, 12, 12]
    assert study.size == len(study.cells) == 32
    members = [cell.values for job in study.jobs.values() for cell in job.cells]
    assert len(members) == len(set(members)) == 32
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
    """Members of a job are the same in every block, but for seeds."""
    exact = ("[exact, gaussian, gated-8]", "[exact]"), ("batch: [seed]\n", "")
    study = load(edited(tmp_path, *BLOCKS, *exact))
    assert set(study.batch) == {"seed"}
    assert {job.size for job in study.jobs.values()} == {2, 6}
    whole = load(edited(tmp_path, *exact))
    assert "curvature" in whole.batch


def test_a_job_has_the_seeds_of_all_blocks_whatever_their_order(tmp_path):
    study = load(edited(tmp_path, *BLOCKS))
    draws, curved = study.parts[3], study.parts[0]
    shared = [id for id in draws.jobs if id in curved.jobs]
    assert len(shared) == 2
    for id in shared:
        assert study.jobs[id].axes["seed"] == draws.axes["seed"] == tuple(range(6))
        assert curved.jobs[id].axes["seed"] == (0, 1)
    (tmp_path / "first").mkdir()
    block = "  draws: {curvature: [0.0, 0.5], network: [exact], seed: 6}\n"
    first = load(edited(tmp_path / "first", *BLOCKS, (block, ""), ("  curved: {", f"{block}  curved: {{")))
    assert {id: job.keys("fit") for id, job in first.jobs.items()} == {
        id: job.keys("fit") for id, job in study.jobs.items()
    }
    other = load(edited(tmp_path / "first", *BLOCKS, ("[exact], seed: 6", "[exact], seed: [9, 4, 0]")))
    assert other.jobs[shared[0]].axes["seed"] == (0, 1, 4, 9)


def test_an_axis_may_point_to_every_group(tmp_path):
    path = edited(
        tmp_path,
        ("  seed: 2", "  manifold.groups.all.width: [0.0, 0.3]\n  seed: 2"),
        ("std: 1.0}", "std: 1.0, law: uniform}"),
        ("std: 0.1}", "std: 0.1, law: lognormal}"),
    )
    widths = {tuple(group.width for group in cell.manifold.groups) for cell in load(path).cells}
    assert widths == {(0.0, 0.0), (0.3, 0.3)}


@pytest.mark.slow
def test_every_block_is_a_group_of_the_cube_and_a_folder_of_figures(drawn_blocks):
    path, folder = drawn_blocks
    study = load(path)
    parts = cubes.datasets(study, folder / "cube.zarr")
    assert [part.block for part, _ in parts] == ["curved", "one", "schedules", "draws"]
    for part, (ds,) in parts:
        assert all(tuple(ds[axis].values) == part.axes[axis] for axis in study.axes)
        assert (ds.status == 1).all()
        assert (folder / "figures" / part.block / "gaps.svg").exists()
    shared = [ds.sel({"curvature": 0.0, "train.schedule": "ve"}, drop=True) for _, (ds,) in (parts[0], parts[2])]
    xr.testing.assert_equal(*shared)
    (some,), (draws,) = parts[0][1], parts[3][1]
    some, draws = (ds.sel(network=["exact"], seed=[0, 1]) for ds in (some, draws))
    unknown = [name for name in some if str(name).startswith("gaussian_")]  # of no network in the block of draws
    xr.testing.assert_equal(some.drop_vars(unknown), draws.drop_vars(unknown))
    with xr.open_zarr(folder / "cube.zarr", group="one") as ds:
        assert ds.sizes["seed"] == 2


@pytest.mark.slow
def test_shared_cells_are_compared_once(blocks):
    frame = pd.read_csv(blocks[1] / "comparison.csv")
    cell = ["curvature", "manifold.groups.1.std", "train.schedule", "network"]
    assert not frame.duplicated([*cell, "gap", "quantity"]).any()
    (of_law, networks) = (frame[(frame.network == "law") == law] for law in (True, False))
    assert len(networks[networks.quantity == "t_consolidation"]) == 4
    assert set(of_law.seeds) == {6}
    study, folder = load(blocks[0]), blocks[1]
    assert not [name for name in theory.agreements(study, folder) if " law: " in name]
    assert set(headline.judged_rows(comparison.read(study, folder / "comparison.csv")).network) == {"gated-8"}
    assert "c 0, law" not in (folder / "comparison.txt").read_text()


@pytest.mark.slow
def test_a_study_of_blocks_has_a_baseline(blocks, tmp_path):
    study, folder = load(blocks[0]), blocks[1]
    record = baselines.take(study, folder)
    assert record.seeds == list(range(6))
    assert record.not_ok == []
    cell = "curvature=0 manifold.groups.1.std=0.1 train.schedule=ve"
    assert None not in record.metrics[f"{cell} exact: t_max[0]"].values
    known = [value is not None for value in record.metrics[f"{cell} gated-8: spectrum"].values]
    assert known == [True] * 2 + [False] * 4
    baselines.write(tmp_path / "b.json", record)
    report, why = reports.check_run(study, folder, tmp_path / "b.json")
    assert why == []
    assert report.worst("baseline") == "same"
    names = [row.name for row in report.rows if row.name.endswith("gated-8: t_consolidation[1]")]
    assert len(names) == len(set(names)) >= 4
