"""What figures show of a cell is what its numbers say."""

import numpy as np
import pytest
from scipy import stats

from scoregap.analysis import cells
from scoregap.laws import random_matrix
from scoregap.report import figures
from scoregap.store.cube import read_cube


@pytest.fixture(scope="module")
def panels(results):
    study, folder = results
    return figures.panels(study, read_cube(folder / "cube.zarr")[""])


def test_the_band_over_seeds_is_students():
    rng = np.random.default_rng(0)
    curves = rng.standard_normal((5, 3))
    curves[4] = np.nan  # a seed without a result
    curves[1:, 2] = np.nan
    low, high = cells.seed_band(curves, 0.9)
    wanted = stats.t.interval(0.9, 3, curves[:4, :2].mean(0), stats.sem(curves[:4, :2]))
    np.testing.assert_allclose([low[:2], high[:2]], wanted)
    assert np.isnan([low[2], high[2]]).all()


def test_the_density_of_the_law_is_that_of_gamma(results, panels):
    """Mass m / d, between the edges; and the mean of gamma over all d is that of Gaussian quadrature over variances."""
    study, ds = results[0], panels[0][1]
    t = 0.05
    gamma, density, edges = cells.law_density(study, ds, t)
    ends = np.sort(ds.law_edge.isel(network=0, seed=0).values.ravel())
    np.testing.assert_allclose(edges, ends / (ends + t))
    assert density[0] == pytest.approx(0, abs=1e-3)
    assert (density[100:200] <= 1e-6).all()  # the gap
    assert np.trapezoid(density, gamma) == pytest.approx(2 / 8, rel=0.02)
    v = np.concatenate([np.linspace(*pair, 4001) for pair in ends.reshape(2, 2)])
    p = random_matrix.density(v, 8, [1, 1], [1.0, 0.1])
    assert np.trapezoid(gamma * density, gamma) == pytest.approx(np.trapezoid(p * v / (v + t), v), rel=0.02)
