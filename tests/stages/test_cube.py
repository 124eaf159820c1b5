"""The cube stage: every job in its place, contract kept, gaps in the results visible."""

import shutil

import numpy as np
import own_data
import pytest
import xarray as xr
import yaml
from tiny import TINY, read_job, run_stages

from scoregap import DamagedFile, InputError, variables
from scoregap.data import HALVES
from scoregap.stages import cube, fit, spectrum
from scoregap.store import jobs
from scoregap.store.cube import read_cube
from scoregap.store.files import manifest_of
from scoregap.study import load


@pytest.mark.slow
def test_every_cell_is_where_its_coordinates_say(done):
    study, results = done
    ds = xr.open_zarr(results / "cube.zarr")  # warnings are errors
    loaded = load(study)
    assert tuple(ds.status.dims) == tuple(loaded.axes)
    assert variables.validate(ds, tuple(loaded.axes)) == []
    assert (ds.status == 1).all()
    for job in loaded.jobs.values():
        spectra, _ = read_job(results / "spectrum" / f"{job.id}.zarr.zip")
        fits, _ = read_job(results / "fit" / f"{job.id}.zarr.zip")
        for i, cell in enumerate(job.cells):
            here = ds.sel(dict(cell.values))
            np.testing.assert_array_equal(here.eigenvalue, spectra.eigenvalue[i])
            np.testing.assert_array_equal(here.t_max, fits.t_max[i])


def test_references_are_the_control_arms(done):
    ds = xr.open_zarr(done[1] / "cube.zarr")
    for arm in ("exact", "gaussian"):
        for network in ds.network.values:
            np.testing.assert_array_equal(ds[f"{arm}_t_max"].sel(network=network), ds.t_max.sel(network=arm))
    flat = ds.sel(curvature=0.0)
    np.testing.assert_array_equal(flat.exact_t_max, flat.gaussian_t_max)


def test_provenance(done):
    study, results = done
    attrs = xr.open_zarr(results / "cube.zarr").attrs
    assert attrs["config_hash"] == load(study).hash
    assert yaml.safe_load(attrs["study"]) == load(study).resolved
    assert "torch 2.13.0" in attrs["versions"]
    assert attrs["contract"] == "1"


def test_a_folder_that_is_not_there_is_no_study_without_results(tiny, tmp_path):
    (tmp_path / "spectrum").mkdir()
    for spectra, fits in (("spectra", "spectrum"), ("spectrum", "fits")):
        with pytest.raises(InputError, match="is not a folder: allowed is the folder of"):
            cube.run(tiny, tmp_path / spectra, tmp_path / fits, tmp_path / "cube.zarr")
    assert not (tmp_path / "cube.zarr").exists()


@pytest.mark.slow
def test_missing_jobs_are_missing_cells(done, tmp_path):
    study, results = done
    job = next(job for job in load(study).jobs.values() if "0.5-gated-8" in job.id)
    for stage in ("spectrum", "fit"):
        shutil.copytree(results / stage, tmp_path / stage)
        (tmp_path / stage / f"{job.id}.zarr.zip").unlink()
    cube.run(study, tmp_path / "spectrum", tmp_path / "fit", tmp_path / "cube.zarr")
    ds = read_cube(tmp_path / "cube.zarr")[""]
    status = ds.status.sel(curvature=0.5, network="gated-8")
    assert (status == 0).all()
    assert int((ds.status == 1).sum()) == 10
    assert ds.exact_t_max.sel(curvature=0.5, network="gated-8").notnull().any()


@pytest.mark.slow
def test_damaged_and_foreign_jobs_are_refused_and_the_old_cube_stays(done, tmp_path):
    study, results = done
    for stage in ("spectrum", "fit"):
        shutil.copytree(results / stage, tmp_path / stage)
    cube.run(study, tmp_path / "spectrum", tmp_path / "fit", tmp_path / "cube.zarr")
    before = manifest_of(tmp_path / "cube.zarr").read_text()
    victim, other = sorted((tmp_path / "fit").iterdir())[:2]
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-100])
    with pytest.raises(DamagedFile, match=victim.name):
        cube.run(study, tmp_path / "spectrum", tmp_path / "fit", tmp_path / "cube.zarr")
    shutil.copy(other, victim)
    with pytest.raises(InputError, match="rerun fit"):
        cube.run(study, tmp_path / "spectrum", tmp_path / "fit", tmp_path / "cube.zarr")
    victim.write_bytes(whole)
    arrays, keys = jobs.read_job(victim)
    long = {name: (dims, values.repeat(2, -1)) for name, (dims, values) in arrays.items() if name == "gap_width"}
    for strange in (
        {"unheard": arrays["boundary"]}, {"boundary": (("member", "group"), arrays["boundary"][1])}, long,
        {"gap_width": arrays["boundary"]},
    ):  # fmt: skip
        jobs.write_job(victim, arrays | strange, keys, victim.parent.name)
        with pytest.raises(DamagedFile, match=rf"{victim.name}: is damaged: it has a variable .* not of this study"):
            cube.run(study, tmp_path / "spectrum", tmp_path / "fit", tmp_path / "cube.zarr")
    assert manifest_of(tmp_path / "cube.zarr").read_text() == before
    read_cube(tmp_path / "cube.zarr")


@pytest.mark.slow
def test_ragged_and_several_ambient_dimensions(tmp_path):
    """Two manifold dimensions are padded, two ambient dimensions are groups, three groups have three gaps."""
    study = tmp_path / "ragged.yaml"
    study.write_text(
        TINY.replace("[8]", "[8, 10]")
        .replace("[2]", "[3, 4]")
        .replace("gated-8]", "gated-4]")
        .replace("seed: 2", "seed: 1")
        .replace("[0.0, 0.5]", "[0.5]")
        .replace("{fraction: 0.5, std: 0.1}", "{fraction: 0.25, std: 0.1}, {fraction: 0.25, std: 0.01}")
    )
    run_stages(study, tmp_path)
    groups = read_cube(tmp_path / "cube.zarr")
    assert list(groups) == ["ambient_dim_10", "ambient_dim_8"]
    for name, ds in groups.items():
        d = int(name.removeprefix("ambient_dim_"))
        assert variables.validate(ds, tuple(load(study).axes)) == []
        assert ds.ambient_dim.values.tolist() == [d]
        assert ds.sizes["mode"] == d
        assert ds.boundary.sel(manifold_dim=4).values.reshape(-1, 3)[0].tolist() == [2, 3, 4]
    assert "ambient_dim" in (tmp_path / "comparison.csv").read_text()
    assert (tmp_path / "figures" / "gaps.svg").exists()


@pytest.mark.slow
def test_axes_of_texts_go_through_every_stage(tmp_path):
    """One inside a job and one between jobs: coordinates, tables, figures."""
    study = tmp_path / "texts.yaml"
    study.write_text(
        TINY.replace("[exact, gaussian, gated-8]", "[exact, resmlp-4]")
        .replace("[0.0, 0.5]", "[0.0]")
        .replace(
            "  seed: 2",
            "  manifold.frame: [random, orthonormal]\n  train.preconditioning: [epsilon, x0]\n  seed: 1",
        )
        .replace("batch: [seed]", "batch: [seed, manifold.frame]")
    )
    run_stages(study, tmp_path)
    ds = read_cube(tmp_path / "cube.zarr")[""]
    assert variables.validate(ds, tuple(load(study).axes)) == []
    assert ds["train.preconditioning"].values.tolist() == ["epsilon", "x0"]
    assert ds["manifold.frame"].values.tolist() == ["random", "orthonormal"]
    assert (ds.status == 1).all()
    np.testing.assert_allclose(ds.level[[0, -1]], [1e-3, 100], rtol=1e-12)
    excess = ds.training_excess.sel(network="resmlp-4").min("evaluation").values.ravel()
    assert len(np.unique(excess)) == 4
    exact = ds.gap_width.sel(network="exact")
    epsilon, x0 = (exact.sel({"train.preconditioning": name}) for name in ("epsilon", "x0"))
    np.testing.assert_array_equal(epsilon, x0)
    assert not np.array_equal(*(exact.sel({"manifold.frame": name}) for name in ("random", "orthonormal")))
    assert "orthonormal" in (tmp_path / "comparison.txt").read_text()
    assert {path.name for path in (tmp_path / "figures").iterdir()} >= {"phase_times.svg", "training.svg", "gaps.svg"}


@pytest.mark.slow
def test_halves_are_put_beside_each_other_in_a_cube_that_grows(tmp_path):
    """Whichever half is gathered again, the cosine of its score with that of the other needs both."""
    halves = ("  seed: 2", "  half: [first, second, all]\n  seed: 1\nbatch: [seed]")
    path = own_data.written(tmp_path, own_data.UNTRAINED, halves, ("count: 24", "count: 8"), ("points: 6", "points: 2"))
    folders = tmp_path / "spectrum", tmp_path / "fit"

    def build(name):
        for id in load(path).jobs:
            spectra, fits = (folder / f"{id}.zarr.zip" for folder in folders)
            if not spectra.exists():
                spectrum.run(path, id, spectra)
            if not fits.exists():
                fit.run(path, id, spectra, fits)
        cube.run(path, *folders, tmp_path / name)
        return read_cube(tmp_path / name)[""].load()

    build("cube.zarr")
    for half in ("all", "second"):
        for id, job in load(path).jobs.items():
            if job.axes["half"] == (half,):
                (folders[1] / f"{id}.zarr.zip").unlink()
        cube.run(path, *folders, tmp_path / "cube.zarr")  # their cells are missing there
        xr.testing.assert_identical(build("cube.zarr"), build(f"{half}.zarr"))
    xr.testing.assert_identical(build("cube.zarr"), build("second.zarr"))  # nothing is new


@pytest.mark.parametrize("halves", [{}, {"half": HALVES}])
def test_where_nothing_is_new_there_are_no_scores_to_be_put_beside_each_other(halves):
    """As when only the section compare has changed, which is an attribute of the cube."""
    axes = {"network": ("gaussian", "empirical")} | halves
    nothing = (0,) * len(axes)
    cube.add_agreement(np.empty((*nothing, 3, 2, 3)), np.empty((*nothing, 3, 2, 4, 4)), axes)
