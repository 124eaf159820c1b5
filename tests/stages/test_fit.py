"""The fit stage: fitted times of exact flat scores are the closed-form times of their own singular values."""

import numpy as np
import pytest
from own_data import written
from tiny import LINEAR, TINY, WITH_DIMENSION, edited, measured, read_job, write_job

from scoregap import InputError
from scoregap.laws import random_matrix, times
from scoregap.measure import gaps, phases, profile
from scoregap.stages import dimension, fit, spectrum
from scoregap.store.cube import read_cube
from scoregap.study import load
from scoregap.variables import ABOVE, BELOW, MEASURED, NONE_PREDICTED, NOT_APPLICABLE


def flat_exact(study):
    return next(job for job in load(study).jobs.values() if "0.0-exact" in job.id)


def test_phase_times_of_the_exact_flat_score(done):
    study, results = done
    job = flat_exact(study)
    ds, keys = read_job(results / "fit" / f"{job.id}.zarr.zip")
    assert keys == [cell.key("fit") for cell in job.cells]
    for i, cell in enumerate(job.cells):
        a, b = cell.truth().scales ** 2
        one = ds.isel(member=i)
        t_open, t_close = times.opening_and_closing(a, b)
        assert float(one.t_max[0]) == pytest.approx(times.maximum(a, b)[0], rel=1e-4)  # float32 spectra
        assert float(one.t_open[0]) == pytest.approx(t_open, rel=5e-3)  # interpolated between grid points
        assert float(one.t_close[0]) == pytest.approx(t_close, rel=5e-3)
        assert float(one.t_consolidation[1]) == pytest.approx(b, rel=1e-4)
        assert float(one.model_t_open[0]) == pytest.approx(t_open, rel=1e-3)
        assert float(one.model_t_close[0]) == pytest.approx(t_close, rel=1e-3)
        assert float(one.consistency[0]) == pytest.approx(1, rel=5e-3)
        assert one.model_misfit.max() < 1e-5
        assert one.t_open_state.values.tolist() == [MEASURED, NOT_APPLICABLE]
        assert one.t_resolution_state.values.tolist() == [NOT_APPLICABLE, BELOW]
        assert np.isnan(one.t_resolution).all()  # the exact score has none
        assert np.isnan(one.t_open[1])
        assert np.isnan(one.t_consolidation[0])
        assert one.dimension_overall[0] == 2
        assert one.gap_count_overall == 2
        assert one.boundary.values.tolist() == [1, 2]
        for name in ("t_open", "t_max", "t_close"):  # the same at every point, so no uncertainty over points
            low, high = (float(one[f"{name}_{end}"][0]) for end in ("low", "high"))
            assert low == pytest.approx(high, rel=1e-4)


def test_the_law_goes_through_the_same_operator(done):
    study, results = done
    job = flat_exact(study)
    ds, _ = read_job(results / "fit" / f"{job.id}.zarr.zip")
    (a, b), (g, _) = random_matrix.gap_edges(random_matrix.silverstein_edges(8, [1, 1], [1.0, 0.1]))
    assert float(ds.law_t_max[0, 0]) == pytest.approx(np.sqrt(a * b), rel=1e-6)
    assert float(ds.law_t_consolidation[0, 1]) == pytest.approx(g, rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "intermediate", "final"),
    [
        (("std: 0.1}", "std: 0.9}"), NONE_PREDICTED, MEASURED),  # bulks that have merged
        (("manifold_dim: [2]", "manifold_dim: [8]"), MEASURED, NONE_PREDICTED),  # bulks that reach down to 0
        (("std: 0.1}", "std: 0.9, law: lognormal, width: 1.0}"), NONE_PREDICTED, None),
        (("std: 0.1}", "std: 0.05}"), MEASURED, None),
    ],
)
def test_where_the_law_predicts_no_gap_its_states_say_so(tmp_path, changes, intermediate, final):
    _, (ds,) = measured(tmp_path, *LINEAR, changes, ("count: 24", "count: 12"))
    one = ds.squeeze(["family", "ambient_dim", "manifold_dim", "curvature", "network"])
    for method in ("", "model_"):
        for name in phases.TIMES:
            states = one[f"law_{method}{name}_state"]
            of_final = name in phases.FINAL
            assert (states.isel(gap=0 if of_final else 1) == NOT_APPLICABLE).all()
            here, expected = states.isel(gap=1 if of_final else 0), final if of_final else intermediate
            if expected == NONE_PREDICTED:
                assert (here == NONE_PREDICTED).all()
                assert one[f"law_{method}{name}"].isnull().all()
            else:
                assert not (here == NONE_PREDICTED).any()
    for name in (*phases.TIMES, *phases.MODEL):  # whatever happens, a time is there if its state says so
        for owner in ("", "law_"):
            assert (np.isfinite(one[f"{owner}{name}"]) == (one[f"{owner}{name}_state"] == MEASURED)).all()


def test_members_that_are_not_ok_get_no_times(done, tmp_path):
    study, results = done
    job = flat_exact(study)
    ds, keys = read_job(results / "spectrum" / f"{job.id}.zarr.zip")
    ds["status"][0] = 2
    ds["eigenvalue"][0] = np.nan
    write_job(tmp_path / "s.zarr.zip", ds, keys)
    fit.run(study, job.id, tmp_path / "s.zarr.zip", tmp_path / "f.zarr.zip")
    fitted, _ = read_job(tmp_path / "f.zarr.zip")
    assert np.isnan(fitted.t_max[0]).all()
    assert np.isnan(fitted.dimension_overall[0]).all()
    assert (fitted.t_max_state[0] == NOT_APPLICABLE).all()
    assert fitted.t_max[1, 0] > 0
    assert fitted.law_t_max[0, 0] > 0


def test_spectra_of_another_study_are_refused(done, tmp_path):
    study, results = done
    other = tmp_path / "other.yaml"
    other.write_text(TINY.replace("points: 4", "points: 5"))
    job = flat_exact(study)
    with pytest.raises(InputError, match="rerun spectrum"):
        fit.run(other, job.id, results / "spectrum" / f"{job.id}.zarr.zip", tmp_path / "f.zarr.zip")


def test_alignment_times(done):
    """The exact score of flat data is aligned at every t, that of curved data below some t, the Gaussian's nowhere."""
    study, results = done
    for job in load(study).jobs.values():
        ds, _ = read_job(results / "fit" / f"{job.id}.zarr.zip")
        measured, _ = read_job(results / "spectrum" / f"{job.id}.zarr.zip")
        flat, network = job.cells[0]["curvature"] == 0, job.cells[0]["network"]
        if flat and network != "gated-8":
            assert (ds.t_alignment_state == ABOVE).all()
            assert np.isnan(ds.t_alignment).all()
            assert np.isnan(ds.t_alignment_low).all()
            continue
        mean = measured.alignment_of_point.astype(float).mean("point")  # (member, T, group)
        found = phases.aligned(job.cells[0].spectrum.times.values, mean.values, 0.95)
        np.testing.assert_allclose(ds.t_alignment, found["t_alignment"], rtol=1e-6)
        np.testing.assert_array_equal(ds.t_alignment_state, found["t_alignment_state"])
        known = np.isfinite(ds.t_alignment_low.values)
        assert (ds.t_alignment_low.values[known] <= ds.t_alignment.values[known]).all()
        assert (ds.t_alignment.values[known] <= ds.t_alignment_high.values[known]).all()
        if network == "exact":
            assert (ds.t_alignment_state[:, 1] == MEASURED).all()
            assert known[:, 1].any()
    cube = read_cube(results / "cube.zarr")[""]
    for arm in ("exact", "gaussian"):
        np.testing.assert_array_equal(
            cube[f"{arm}_t_alignment"].sel(network="gated-8"), cube.t_alignment.sel(network=arm)
        )


@pytest.mark.slow
def test_alignment_that_is_not_known_has_no_time(tmp_path):
    """Trajectories of a curved manifold have no known tangents; a looser threshold is an axis like any other."""
    reverse = ("points: 2", "points: 2\n  sampling: reverse")
    _, (ds,) = measured(tmp_path, reverse, ("  seed: 2", "  fit.alignment: [0.5, 0.95]\n  seed: 2"))
    assert np.isnan(ds.t_alignment.sel(curvature=0.5)).all()
    assert (ds.t_alignment_state.sel(curvature=0.5) == NOT_APPLICABLE).all()
    assert (ds.t_alignment_state.sel(curvature=0.0) == ABOVE).all()


def test_a_lollipop_has_points_of_dimension_0(tmp_path):
    """A square, a segment and a point, with uniform latents: every stage says which is which."""
    study = edited(
        tmp_path, WITH_DIMENSION, ("[arcs]", "[mixture]"), ("[0.0, 0.5]", "[0.0]"),
        ("[exact, gaussian, gated-8]", "[exact]"), ("points: 3", "points: 30"), ("seed: 2", "seed: 1"),
        ("{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}",
         "{fraction: 1.0, std: 1.0}, {fraction: 0.5, std: 1.0}, {fraction: 0.0, std: 1.0}"),
        ("manifold:", "manifold:\n  separation: 20.0\n  latents: uniform"),
    )  # fmt: skip
    (job,) = load(study).jobs.values()
    dimension.run(study, job.id, tmp_path / "d.zarr.zip")
    ds, _ = read_job(tmp_path / "d.zarr.zip")
    assert set(np.unique(ds.point_dimension)) == {0, 1, 2}
    names = list(load(study).document.dimension.of_score)
    flipd = ds.estimate[:, 0, :, names.index("flipd")]
    np.testing.assert_allclose(flipd, ds.point_dimension, atol=0.35)  # points near an end of the segment
    spectrum.run(study, job.id, tmp_path / "s.zarr.zip")
    fit.run(study, job.id, tmp_path / "s.zarr.zip", tmp_path / "f.zarr.zip")
    fitted, _ = read_job(tmp_path / "f.zarr.zip")
    np.testing.assert_array_equal(fitted.boundary, [[1, 2]])


def test_noise_on_the_data_is_seen_below_its_variance(tmp_path):
    study = edited(
        tmp_path, WITH_DIMENSION, ("[arcs]", "[linear]"), ("[0.0, 0.5]", "[0.0]"), ("seed: 2", "seed: 1"),
        ("[exact, gaussian, gated-8]", "[exact]"), ("manifold:", "manifold:\n  noise: 1.0e-4"),
    )  # fmt: skip
    (job,) = load(study).jobs.values()
    spectrum.run(study, job.id, tmp_path / "s.zarr.zip")
    ds, _ = read_job(tmp_path / "s.zarr.zip")
    t = load(study).document.spectrum.times.values
    expected = 1e-4 / (1e-4 + t)  # of directions across the manifold
    np.testing.assert_allclose(1 + ds.eigenvalue[0, :, 0, -1], expected, rtol=1e-4, atol=1e-6)
    fit.run(study, job.id, tmp_path / "s.zarr.zip", tmp_path / "f.zarr.zip")
    fitted, _ = read_job(tmp_path / "f.zarr.zip")
    assert np.isnan(fitted.law_t_consolidation).all()


def test_of_data_a_profile_is_read_at_the_noise_that_a_model_knows(tmp_path):
    """Of levels far apart several times have the same one, whose spectra count once."""
    cell = load(written(tmp_path)).cells[0]
    t = cell.spectrum.times.values
    used = np.repeat(1.3 * t[::3], 3)
    measured, variances = spectrum.blank(cell), np.array([9.0, 2.0, 1.1, 0.02, 0.01])
    measured["eigenvalue"][:] = -1
    scatter = np.random.default_rng(0).lognormal(0, 0.3, (6, 1))
    measured["eigenvalue"][..., :5] = -used[:, None, None] / (variances * scatter + used[:, None, None])
    measured["status"][...], measured["time_used"][:] = 1, used
    found = fit.fit(cell, measured)
    once = measured["eigenvalue"][::3].astype(float)
    n = profile.resolved(once).mean(1)
    expected = profile.profile(used[::3], n, 8)
    assert float(found["t_first"]) == expected.first
    np.testing.assert_array_equal(found["modes"], np.repeat(n, 3))
    np.testing.assert_array_equal(found["phase"], np.repeat(expected.phases, 3))
    dimension, count, *overall = gaps.blind(once, cell.fit.significance, cell.fit.visibility)
    np.testing.assert_array_equal(found["dimension"][:, 0], np.repeat(dimension, 3))
    np.testing.assert_array_equal(found["gap_count"], np.repeat(count, 3))
    assert [float(found["dimension_overall"][0]), float(found["gap_count_overall"])] == overall
