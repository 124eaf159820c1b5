"""Statistics of scores on arms that are known, and their intervals."""

import numpy as np
import pytest
import xarray as xr

from scoregap.analysis import arms as of
from scoregap.analysis.arms import Arm

T = np.array([0.01, 0.1, 1.0])


def arm(n, label=(0, 0, 1, 1), share=(0.1, 0.2, 0.3, 0.4), d=10):
    """An arm of four points whose n(t) is (3, 4)."""
    n = np.asarray(n, float)
    spectra = (np.arange(d) < n[..., None]).astype(float)
    return Arm(T, spectra, n, np.zeros((3, 4, 0)), np.zeros(0), np.array(share), np.array(label), 0.0)


N = [[4, 6, 8, 2], [3, 3, 3, 3], [0, 0, 1, 0]]
EQUAL = np.full(4, 0.25)


def test_statistics_are_of_weighted_means_over_points():
    one = arm(N)
    assert of.consolidation((one,), EQUAL) == pytest.approx(np.log(0.25 / 0.5))
    assert of.consolidation((one,), np.array([1.0, 0, 0, 0])) == pytest.approx(np.log(0.1 / 0.4))
    assert np.isnan(of.consolidation((arm(np.full((3, 4), 10)),), EQUAL)).all()  # every direction is resolved
    np.testing.assert_allclose(of.of_classes(one, EQUAL, 3)[0, :2], [5, 5])
    assert np.isnan(of.of_classes(one, EQUAL, 3)[:, 2]).all()  # of a class without points
    weights = np.array([0.75, 0.25, 0, 0])
    np.testing.assert_allclose(of.of_classes(one, weights, 1)[0], [4.5])
    assert of.widest((one,), np.array([1.0, 0, 0, 0])) == pytest.approx(1)
    assert of.widest((one,), EQUAL) == pytest.approx(1)  # at the second time all have three


def test_of_several_seeds_the_interval_is_student_s_over_them_and_of_few_over_points():
    seeds = [(arm(np.array(N) + k),) for k in (0, 1, 2)]

    def mean(arms, weights):
        return arms[0].n @ weights

    found = of.estimate(mean, seeds, 0.95, 100)
    np.testing.assert_allclose(found.value, np.array(N).mean(1) + 1)
    half = 4.302652729911275 / np.sqrt(3)  # Student's t at .975 with 2 degrees of freedom, standard deviation 1
    np.testing.assert_allclose(found.high - found.value, half)
    assert (found.over, found.known.tolist()) == ("seeds", [3, 3, 3])
    assert of.estimate(mean, seeds, 0.95, 100).part(1).value == found.value[1]
    two = of.estimate(mean, seeds[:2], 0.95, 100)
    assert two.over == "points"
    assert two.low[0] < two.value[0] < two.high[0]
    assert two.low[1] == two.high[1] == two.value[1]  # all points have the same

    def sometimes(arms, weights):
        return np.where(arms[0].n[0, 0] == 4, np.nan, mean(arms, weights))

    few = of.estimate(sometimes, seeds, 0.95, 100)
    assert few.known.tolist() == [2, 2, 2]
    assert np.isnan(few.low).all()


def test_when_an_axis_enters_is_the_largest_t_at_which_it_has_one_half():
    t = np.array([1.0, 10.0, 100.0, 1000.0])
    kept = np.array([[0.9, 0.9, 0.1, 0.2], [0.75, 0.4, 0.1, 0.9], [0.25, 0.8, 0.1, 0.2], [0.0, 0.6, 0.1, 0.0]])
    np.testing.assert_allclose(of.entries(t, kept), [10**1.5, 1000, 0, 10 ** (1 + 4 / 7)])


def test_where_nothing_is_resolved_there_is_no_tangent_space():
    """Nor a warning of what is divided by its dimension."""
    assert np.isnan(of.of_subspaces(arm(np.zeros((3, 4))), 0.95))
    assert of.of_subspaces(arm(np.full((3, 4), 10)), 0.95) == 0  # all of it, and all of the score in it


def test_the_null_of_an_order_is_that_of_permutations():
    """Spearman's table: of 10, .648 at 5 % two-sided."""
    assert of.of_orders(10, 0.95) == pytest.approx(0.648, abs=0.03)
    assert of.of_orders(100, 0.95) == pytest.approx(1.96 / np.sqrt(99), abs=0.02)
    assert np.isnan(of.of_orders(3, 0.95))


@pytest.mark.parametrize("rounding", [-6e-8, 0.0, 6e-8])
def test_a_mode_whose_variance_is_t_is_not_resolved_whatever_rounding_says(rounding):
    """As `profile.resolved` has it."""
    spectra = np.full((3, 4, 2), -0.5 + rounding)
    spectra[..., 0] = -0.1
    dims = {"along_principal": ("time", "point", "direction"), "principal_variance": ("direction",)}
    dims |= {"tangent_share": ("point",), "point_label": ("point",), "gap_count_overall": (), "status": ()}
    sizes = {"time": 3, "point": 4, "direction": 2}
    data = {name: (of_it, np.ones([sizes[dim] for dim in of_it])) for name, of_it in dims.items()}
    ds = xr.Dataset(data | {"eigenvalue": (("time", "point", "mode"), spectra)}, {"time": T})
    (found,) = of.arms(ds.expand_dims(network=["net"], seed=[0]), "net").values()
    np.testing.assert_array_equal(found.n, np.ones((3, 4)))
