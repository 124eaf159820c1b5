"""n(t) of spectra that are known: Gaussian variances in closed form, flat and curved families by their exact scores."""

import numpy as np
import pytest

from scoregap import InputError, data
from scoregap.measure import profile
from scoregap.measure.profile import Phase
from scoregap.scores.closed import Empirical, Exact

TIMES = np.geomspace(1e-4, 100, 73)


def of_variances(variances, t=TIMES, points=1):
    """Eigenvalues of t J of the Gaussian with these variances."""
    values = -t[:, None] / (np.asarray(variances) + t[:, None])
    return np.repeat(values[:, None], points, 1)


def of_score(score, manifold, t=TIMES, points=32):
    """The same of a score, at noisy points of a family."""
    rng = np.random.default_rng(1)
    clean, _ = manifold.sample(rng, points)
    noise = rng.standard_normal(clean.shape)
    noisy = clean + np.sqrt(t)[:, None, None] * noise
    found = score.local(noisy.reshape(-1, manifold.dim), np.repeat(t, points)).eigenvalues
    return found.reshape(len(t), points, -1)


def found_in(eigenvalues, t=TIMES):
    return profile.profile(t, profile.resolved(eigenvalues).mean(1), eigenvalues.shape[-1])


@pytest.mark.parametrize("seed", range(3))
def test_of_a_gaussian_n_counts_the_variances_above_t(seed):
    variances = np.random.default_rng(seed).lognormal(0, 3, 40)
    eigenvalues = of_variances(variances, points=2)
    expected = (variances > TIMES[:, None]).sum(1)
    np.testing.assert_array_equal(profile.resolved(eigenvalues), np.repeat(expected[:, None], 2, 1))
    np.testing.assert_allclose(profile.traces(eigenvalues)[:, 0], (variances / (variances + TIMES[:, None])).sum(1))


@pytest.mark.parametrize("rounding", [-6e-8, -1e-16, 0.0, 1e-16, 6e-8])
def test_a_mode_whose_variance_is_t_is_not_resolved_whatever_rounding_says(rounding):
    """Eigenvalue 1/2 of G, in float64 and as float32 stores it."""
    at = np.full((1, 1, 3), -0.5 + rounding)
    np.testing.assert_array_equal(profile.resolved(at), [[0]])
    np.testing.assert_array_equal(profile.resolved(at + 1e-5), [[3]])


def test_what_is_not_known_is_not_counted():
    eigenvalues = of_variances([1.0, 2.0], points=3)
    eigenvalues[4, 1] = np.nan
    n = profile.resolved(eigenvalues)
    assert np.isnan(n[4, 1])
    assert np.isnan(n).sum() == 1


def test_the_rate_of_a_straight_line_is_its_slope():
    t, rate = profile.rates(TIMES, 7 - 5 * np.log10(TIMES))
    np.testing.assert_allclose(rate, 5, atol=1e-9)
    assert t[0] >= TIMES[0] * np.sqrt(profile.WINDOW) * (1 - 1e-9)
    assert t[-1] <= TIMES[-1] / np.sqrt(profile.WINDOW) * (1 + 1e-9)
    np.testing.assert_allclose(profile.rates(TIMES, np.log10(TIMES))[1], -1, atol=1e-9)


@pytest.mark.parametrize(
    ("high", "low", "counts"), [(1.0, 1e-3, (5, 20)), (10.0, 0.03, (12, 15)), (1.0, 1e-3, (20, 12))]
)
def test_two_groups_have_a_shoulder_between_and_one_below(high, low, counts):
    """Sudden rises: the ends are known to the square root of the window, the heights exactly."""
    variances = np.repeat([high, low], counts)
    eigenvalues = of_variances(np.concatenate([variances, np.zeros(10)]))
    found = found_in(eigenvalues)
    first, last = found.shoulders if counts[0] >= counts[1] / 2 else (None, *found.shoulders)
    within = np.sqrt(profile.WINDOW) * 10 ** (6 / 72)
    if first:
        assert (first.modes, first.slope, first.ended) == (counts[0], 0, True)
        assert high / within < first.start < high * within
        assert low / within < first.end < low * within
    assert (last.modes, last.slope, last.ended) == (sum(counts), 0, False)
    assert low / within < last.start < low * within
    assert last.end == TIMES[0]
    assert found.first == pytest.approx(high, rel=0.21)


@pytest.mark.parametrize("steepness", [0.5, 1.0, 2.0, 3.0])
def test_a_power_law_has_no_shoulder(steepness):
    """As spectra of natural pictures: n rises ever faster, until every mode is resolved."""
    variances = 10 * np.arange(1.0, 201) ** -steepness
    found = found_in(of_variances(variances))
    assert found.shoulders == []
    resolved = (variances > TIMES[:, None]).sum(1)
    assert (found.phases[resolved == 0] == Phase.NONE).all()
    assert (found.phases[resolved == 200] == Phase.FULL).all()
    assert (found.phases[(resolved > 0) & (resolved < 200)] == Phase.RISING).all()


@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0])
def test_one_bulk_of_all_directions_has_no_shoulder(spread):
    found = found_in(of_variances(np.geomspace(10**-spread, 1, 64)))
    assert found.shoulders == []
    assert found.phases[0] == Phase.FULL


def test_a_slow_rise_after_a_steep_one_is_a_shoulder_with_its_slope():
    """As was measured of networks on pictures: 120 modes per decade, then 35."""
    n = np.interp(np.log10(TIMES), [-4, -1.5, -0.5, 2], [120 + 2.5 * 35, 120, 0, 0])
    found = profile.profile(TIMES, n, 784)
    (one,) = found.shoulders
    assert one.slope == pytest.approx(35 / 120, rel=0.1)
    assert one.start == pytest.approx(10**-1.5, rel=0.25)
    assert not one.ended
    assert one.modes == pytest.approx(np.interp(np.log10(one.middle), np.log10(TIMES), n))


FAMILIES = {
    "flat": ("linear", [(8, 1.0)], 0.0, [8]),
    "flat, two groups": ("linear", [(6, 1.0), (6, 0.02)], 0.0, [6, 12]),
    "arcs": ("arcs", [(6, 1.0)], 0.5, [6]),
    "a sphere": ("sphere", [(10, 1.0)], 1.0, [10]),
}


@pytest.mark.parametrize("case", FAMILIES)
def test_the_last_shoulder_of_a_manifold_is_at_its_dimension(case):
    family, groups, curvature, heights = FAMILIES[case]
    manifold = data.manifold(family, 40, groups, curvature)
    found = found_in(of_score(Exact(manifold), manifold))
    assert [one.modes for one in found.shoulders][-len(heights) :] == pytest.approx(heights, abs=0.3)
    assert found.shoulders[-1].slope < 0.1


def test_a_score_that_memorises_loses_its_modes():
    manifold = data.manifold("linear", 30, [(6, 1.0)], 0.0)
    training, _ = manifold.sample(np.random.default_rng(0), 300)
    rng = np.random.default_rng(1)
    noisy = training[:8] + np.sqrt(TIMES)[:, None, None] * rng.standard_normal((8, 30))
    found = Empirical(training).local(noisy.reshape(-1, 30), np.repeat(TIMES, 8)).eigenvalues
    profiled = found_in(found.reshape(len(TIMES), 8, -1))
    falling = TIMES[profiled.phases == Phase.FALLING]
    assert falling.size
    assert profiled.phases[0] == Phase.NONE
    assert falling.max() < TIMES[profiled.phases == Phase.RISING].max()
    assert all(one.ended for one in profiled.shoulders)


@pytest.mark.parametrize("n", [np.zeros(73), np.full(73, 3.0), np.linspace(0, 5, 73)])
def test_without_a_rise_there_is_no_shoulder(n):
    found = profile.profile(TIMES, n, 10)
    assert found.shoulders == []
    assert np.isnan(found.first) == (n[-1] >= 0.5 or n.max() < 0.5)


def test_a_grid_that_is_shorter_than_the_window_shows_nothing():
    t = np.geomspace(1, 2, 8)
    found = profile.profile(t, np.linspace(5, 0, 8), 10)
    assert found.shoulders == []
    assert (found.phases[:-1] == Phase.UNKNOWN).all()


def test_intervals_hold_what_other_points_have():
    """Over points, of the mean of infinitely many: the share of intervals that hold it is near the confidence."""
    rng, hits = np.random.default_rng(0), []
    means = np.interp(np.log10(TIMES), [-4, -1, 0, 2], [10, 10, 0, 0])
    for _ in range(40):
        n = means[:, None] + rng.standard_normal(24) * (means[:, None] > 0)
        found = profile.profile(TIMES, n.mean(1), 30)
        ends = profile.intervals(TIMES, n, 2 * n, 30, found, 100, 0.9, rng)
        hits.append([low <= 10 <= high for low, high in [ends.shoulders[0]["modes"], (ends.n[0][0], ends.n[1][0])]])
        np.testing.assert_allclose(ends.trace[0], 2 * ends.n[0])
        assert ends.shares == [1.0]
    assert ((np.mean(hits, 0) >= 0.75) & (np.mean(hits, 0) <= 0.99)).all()


def test_intervals_of_means_hold_the_mean_and_are_those_of_a_profile():
    """Percentiles of 30 normal points hold the mean in .866 of 4,000 draws, for .9 (four standard errors of 300 about
    it); and they are as `intervals` has them of traces."""
    rng, hits = np.random.default_rng(0), []
    for _ in range(300):
        low, high = profile.intervals_of_means(3 + rng.standard_normal((2, 30)), 100, 0.9, rng)
        hits.append((low <= 3) & (high >= 3))
    assert ((np.mean(hits, 0) > 0.787) & (np.mean(hits, 0) < 0.945)).all()
    n = np.interp(np.log10(TIMES), [-4, -1, 0, 2], [10, 10, 0, 0])[:, None] + rng.standard_normal(24)
    ends = profile.intervals(
        TIMES, n, 2 * n, 30, profile.profile(TIMES, n.mean(1), 30), 50, 0.9, np.random.default_rng(7)
    )
    np.testing.assert_allclose(profile.intervals_of_means(2 * n, 50, 0.9, np.random.default_rng(7)), ends.trace)


def test_points_that_agree_have_intervals_of_no_width():
    n = profile.resolved(of_variances(np.repeat([1.0, 0.0], 10), points=7))
    found = profile.profile(TIMES, n.mean(1), 20)
    ends = profile.intervals(TIMES, n, n, 20, found, 50, 0.95, np.random.default_rng(0))
    (one,), (own,) = found.shoulders, ends.shoulders
    for name, (low, high) in own.items():
        assert low == pytest.approx(getattr(one, name))
        assert high == pytest.approx(getattr(one, name))
    assert ends.first == pytest.approx((found.first, found.first))


def test_a_shoulder_that_few_points_make_is_in_few_resamples():
    """One point of ten has all of a slow rise: without it n is full at once, and there is none."""
    n = np.repeat(np.interp(np.log10(TIMES), [-4, -0.5, 0.5, 2], [20, 20, 0, 0])[:, None], 10, 1)
    n[:, 0] = np.interp(np.log10(TIMES), [-4, -0.5, 0.5, 2], [12, 12, 0, 0])
    found = profile.profile(TIMES, n.mean(1), 20)
    ends = profile.intervals(TIMES, n, n, 20, found, 400, 0.9, np.random.default_rng(0))
    assert len(found.shoulders) == 1
    assert ends.shares[0] == pytest.approx(1 - 0.9**10, abs=0.07)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: profile.resolved(np.zeros((3, 2))), "eigenvalues: the shape"),
        (lambda: profile.profile(TIMES[::-1], np.zeros(73), 4), "t: .*should be ascending"),
        (lambda: profile.profile(TIMES, np.zeros(5), 4), "n: the shape"),
        (lambda: profile.profile(TIMES, np.full(73, np.nan), 4), "n: .*should be finite"),
        (lambda: profile.profile(TIMES, np.zeros(73), 0), "modes: 0 is not allowed"),
    ],
)
def test_what_is_no_profile_is_refused(call, says):
    with pytest.raises(InputError, match=f"^{says}"):
        call()
