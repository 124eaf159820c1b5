"""Gap widths; the blind detector: its p-values, false positives, power, and what it says of exact scores."""

import time

import numpy as np
import pytest
from calibration import (
    GAPLESS,
    OVER_TIMES,
    POINTS,
    false_positives,
    false_studies,
    groups_of,
    linear,
    noisy_dimension,
    points,
    symmetric,
)  # fmt: skip
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from scoregap import data
from scoregap.measure import gaps
from scoregap.measure.detector import GapDetector
from scoregap.measure.gaps import find

quick = settings(deadline=None, max_examples=40, derandomize=True)


def spectrum(t, variances, d):
    """Eigenvalues of t J of the linear model, (times, d) descending."""
    values = np.zeros(d)
    values[: len(variances)] = variances
    t = np.atleast_1d(t)[:, None]
    return values / (values + t) - 1


@quick
@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    normal=st.integers(0, 3),
    levels=st.lists(st.floats(-1, 0), min_size=4, max_size=4, unique=True),
)
def test_widths_of_prescribed_steps(sizes, normal, levels):
    levels = np.sort(levels)[::-1][: len(sizes)]
    values = np.concatenate([np.repeat(levels, sizes), np.full(normal, -1.0)])
    found = gaps.widths(values[None, None], np.cumsum(sizes))
    assert found.shape == (1, 1, len(sizes))
    np.testing.assert_allclose(found[0, 0], levels - np.append(levels[1:], -1.0), atol=1e-15)


def test_widths_of_the_linear_model():
    t = np.array([0.01, 0.5, 20.0])
    values = spectrum(t, [4.0, 3.0, 0.2, 0.1], 6)
    expected = np.stack([3 / (3 + t) - 0.2 / (0.2 + t), 0.1 / (0.1 + t)], -1)
    np.testing.assert_allclose(gaps.widths(values, (2, 4)), expected)
    np.testing.assert_allclose(gaps.widths(values[:, :4], (2, 4)), expected)  # m = d: the floor is at -1


def test_widths_may_be_negative_of_nothing():
    """A network's normal directions below -1 leave a wider gap; with m = d one below -1 gives a negative one."""
    np.testing.assert_allclose(gaps.widths(np.array([-0.2, -1.1]), (1, 2)), [0.9, -0.1])


# P-values


@pytest.mark.parametrize(("one", "two"), [(1, 0), (0, 7), (1, 1), (3, 5), (18, 18)])
@pytest.mark.parametrize("ratio", [0.5, 2.0, 6.0])
def test_the_tail_is_that_of_exponential_spacings(one, two, ratio):
    """Against the integral over the two scales of exp(-ratio max(a, b))."""
    x = np.linspace(0, 12, 60_001)
    from scipy.stats import gamma

    cdf = gamma.cdf(x, max(one, two), scale=1 / max(one, two))
    if one and two:
        cdf = gamma.cdf(x, one, scale=1 / one) * gamma.cdf(x, two, scale=1 / two)
    expected = np.trapezoid(ratio * np.exp(-ratio * x) * cdf, x) + np.exp(-ratio * x[-1])
    assert gaps._exceeds(ratio, one, two) == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 9, 24])
def test_the_censored_scale_is_gamma(n):
    """Type II censoring: r times the scale of n exponential spacings is Gamma(r), so mean and variance are r."""
    rng = np.random.default_rng(n)
    found = [gaps._scale(rng.exponential(size=n)) for _ in range(4000)]
    r = found[0][0]
    assert r == n - n // 4
    total = r * np.array([scale for _, scale in found])
    assert total.mean() == pytest.approx(r, abs=4 * np.sqrt(r / 4000))
    assert total.var() == pytest.approx(r, rel=0.15)


@pytest.mark.parametrize(("position", "inner"), [(0, 39), (39, 39), (12, 40)])
def test_p_of_one_place_is_uniform_under_independent_points(position, inner):
    """Exact where the theory is: normalised spacings of an exponential sample, from its edge; uniform inside."""
    rng = np.random.default_rng(position)
    p = []
    for _ in range(1500):
        own = rng.exponential(size=40)
        if position in (0, 39):
            own /= np.arange(1, 41)  # Renyi: from the edge of an exponential sample
            own = own if position == 0 else own[::-1]
            p.append(gaps._tail(own, position))
        else:
            p.append(gaps._tail(own, position))
    for level in (0.05, 0.2):
        share = np.mean(np.array(p) <= level)
        bound = 3.5 * np.sqrt(level * (1 - level) / len(p))
        assert share <= level + bound
        if position in (0, 39):
            assert share >= level - bound


# False positives


@pytest.mark.slow
@pytest.mark.parametrize("name", GAPLESS)
def test_false_positives_are_rare(name):
    """At most 5 % (99.9 % quantile of the binomial), whatever the width; `make calibration` has more."""
    rng = np.random.default_rng(0)
    width = 0.1 if name.startswith("trivial") else 1e-6
    counts = {16: 45, 32: 45, 100: 12}
    wrong = sum(false_positives(rng, GAPLESS[name], n, count, width) for n, count in counts.items())
    assert wrong <= binom.ppf(0.999, sum(counts.values()), 0.05)


def test_false_positives_of_all_families_together():
    rng = np.random.default_rng(1)
    wrong = sum(
        false_positives(rng, family, n, 9, 0.1 if name.startswith("trivial") else 1e-6)
        for name, family in GAPLESS.items()
        for n in (16, 24, 48)
    )
    assert wrong <= binom.ppf(0.999, 27 * len(GAPLESS), 0.02)


@pytest.mark.parametrize("n", [3, 4, 5, 8])
def test_false_positives_of_few_modes(n):
    """Uniform points, where the test is nearest to its level."""
    rng = np.random.default_rng(n)
    spectra = -0.5 - np.sort(rng.random((1200, n)))
    wrong = sum(len(find(one, 0.05, 1e-6)[0]) > 0 for one in spectra)
    assert wrong <= binom.ppf(0.999, 1200, 0.05)
    assert n > 3 or wrong >= 10  # and not always silent


def test_after_a_true_gap_there_are_no_false_ones():
    """Parts are tested too: all gaps reported beside a true one, over both parts, in at most 5 %."""
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(400):
        upper, lower = -0.5 + 0.2 * rng.random(12), -1.2 + 0.2 * rng.random(20)
        found = find(-np.sort(-np.concatenate([upper, lower])), 0.05, 1e-6)[0].tolist()
        wrong += found != [12]
    assert wrong <= binom.ppf(0.999, 400, 0.05)


@quick
@given(
    level=st.floats(-1.4, -0.5),
    n=st.integers(1, 40),
    noise=st.sampled_from([0.0, 1e-16, 1e-7]),
    seed=st.integers(0, 99),
)
def test_equal_modes_have_no_gap(level, n, noise, seed):
    spectra = level + noise * np.random.default_rng(seed).standard_normal((3, n))
    assert GapDetector().fit(np.minimum(spectra, -0.5)).n_gaps_ == 0


def test_each_part_has_half_the_probability_of_an_error():
    rng = np.random.default_rng(0)
    part = -np.sort(-np.concatenate([-0.5 + 0.05 * rng.random(6), -0.75 + 0.05 * rng.random(6)]))
    (alone,) = find(part, 0.05, 0.1)[2]
    gap, _, p = find(np.append(part, -2.0 - 0.01 * np.arange(12)), 0.05, 0.1)
    assert gap.tolist() == [6, 12]
    assert p[0] == pytest.approx(2 * alone, rel=1e-9)


def test_of_two_modes_only_the_plainest_gap_is_told():
    """The one below is compared with its own distance from the noise; without it there is nothing to compare with."""
    assert GapDetector().fit([[-0.01, -0.96]]).n_gaps_ == 0
    assert GapDetector().fit([[-0.01, -1.0]]).gaps_.tolist() == [1]
    assert GapDetector().fit([[-0.01, -1.0, -1.0]]).gaps_.tolist() == [1]
    assert GapDetector().fit([[-0.6, -0.9]]).n_gaps_ == 0


@pytest.mark.parametrize("n", [3, 8, 32])
def test_gaps_over_noise_are_told_by_distances_from_the_noise(n):
    """One mode over n - 1 that scatter evenly to both sides: spacings beyond the middle belong to the other edge."""
    noise = 0.05 * np.linspace(1, -1, n - 1)
    spectrum = np.append(-0.02, noise - 1)
    assert find(spectrum, 0.05, 0.1)[0].tolist() == [1]
    for outlier in (-1.98, -2.1):  # as far on the other side
        assert gaps._tail_over_noise(np.append(spectrum[:-1], outlier), 0) == 1.0
    mirrored = np.append(-0.02, noise[::-1] * [*np.ones(n - 2), -1] - 1)  # on which side of -1 is all one
    expected = gaps._tail_over_noise(spectrum, 0)
    assert gaps._tail_over_noise(-np.sort(-mirrored), 0) == pytest.approx(expected, rel=1e-9)


def test_gaps_between_modes_of_noise_are_none():
    """A network's outlier below -1 is no final gap, and hides none above it."""
    values = np.repeat([-0.02, -1.0, -2.5], (5, 26, 1)) + 1e-3 * np.linspace(1, 0, 32)
    assert find(values, 0.05, 0.1)[0].tolist() == [5]
    assert find(values[5:], 0.05, 0.1)[0].tolist() == []
    nearly = np.repeat([-0.905, -1.2], (5, 27)) + 1e-3 * np.linspace(1, 0, 32)
    assert find(nearly, 0.05, 0.1)[0].tolist() == []
    assert find(nearly, 0.05, 0.09)[0].tolist() == [5]


def test_min_width_is_inclusive():
    values = np.repeat([-0.75, -1.0], (4, 8))
    assert find(values, 0.05, 0.25)[0].tolist() == [4]
    assert find(values, 0.05, 0.2500001)[0].tolist() == []


def test_the_noise_is_a_mode_where_every_mode_is_signal():
    """m = d: a gap to the noise at small t only, when every mode is nearer to 0 than to -1."""
    rng = np.random.default_rng(2)
    variances = 1 + 0.2 * rng.random(30)
    for t, expected in ((0.01, [30]), (0.9, [30]), (1.3, []), (10.0, []), (1e4, [])):
        assert find(-np.sort(-(variances / (variances + t) - 1)), 0.05, 0.1)[0].tolist() == expected, t


# Power


@pytest.mark.parametrize(
    ("d", "m", "width", "least"), [(32, 8, 0.5, 0.6), (32, 16, 0.3, 0.7), (100, 40, 0.2, 0.8), (200, 100, 0.1, 0.5)]
)
def test_power_at_the_widest(d, m, width, least):
    """Least shares from `make calibration`, less three standard errors at 25 spectra."""
    rng = np.random.default_rng(0)
    std, t = groups_of(d, m, width)
    seen = [m // 2 in find(linear(rng, d, [m // 2, m // 2], [1.0, std], t), 0.05, 0.1)[0] for _ in range(25)]
    assert np.mean(seen) >= least - 3 * np.sqrt(least * (1 - least) / 25)


def test_two_intermediate_gaps_and_the_final_one_at_once():
    rng = np.random.default_rng(0)
    found = [find(linear(rng, 400, [10] * 3, [1.0, 0.35, 0.12], 0.8), 0.05, 0.1)[0].tolist() for _ in range(6)]
    assert found.count([10, 20, 30]) >= 4
    values = np.repeat([-0.1, -0.4, -0.7, -1.0], (6, 6, 6, 14)) + 0.03 * rng.random(32)
    assert find(-np.sort(-values), 0.05, 0.1)[0].tolist() == [6, 12, 18]


@pytest.mark.parametrize("noise", [0.04, 0.1, 0.2])
def test_a_broadened_spike_hides_no_final_gap(noise):
    """GOE noise of radius up to .2 on G (standard deviation of its eigenvalues .1)."""
    rng = np.random.default_rng(0)
    found = [find(linear(rng, 100, [40], [1.0], 0.02, noise), 0.05, 0.1)[0].tolist() for _ in range(10)]
    assert found == [[40]] * 10


@quick
@given(
    above=st.integers(1, 30), below=st.integers(1, 30), wide=st.floats(0.5, 20), points=st.integers(1, 4),
    seed=st.integers(0, 999),
)  # fmt: skip
def test_a_huge_gap_is_always_found(above, below, wide, points, seed):
    """Bulks of width 1e-4 and whatever shape; one mode may be alone on its side."""
    rng = np.random.default_rng(seed)
    upper, lower = (rng.random((points, n)) * 1e-4 for n in (above, below))
    values = np.concatenate([upper + wide, lower], 1) - 1.0001
    if above + below >= 4:
        assert GapDetector().fit(values).gaps_.tolist() == [above]


# Laws


def random_spectra(seed, n=40):
    rng = np.random.default_rng(seed)
    levels = rng.choice([-1.0, -0.6, -0.2], n)
    return levels + 0.05 * rng.standard_normal((5, n))


@quick
@given(seed=st.integers(0, 9999), scale=st.floats(0.01, 100))
def test_stretching_away_from_the_noise_changes_nothing(seed, scale):
    """Distances from -1 and min_width in another unit: p-values depend on ratios alone (below the half)."""
    spectra = np.minimum(random_spectra(seed), -0.5)
    spectra[:, 0] = -1.2
    one = GapDetector(min_width=0.1).fit(spectra)
    two = GapDetector(min_width=0.1 * scale).fit((spectra + 1) * scale - 1)
    np.testing.assert_array_equal(one.gaps_, two.gaps_)
    np.testing.assert_allclose(one.p_values_, two.p_values_, rtol=1e-6)


@quick
@given(seed=st.integers(0, 9999))
def test_stricter_levels_report_fewer_gaps(seed):
    spectra = random_spectra(seed)
    for key, values in (("significance", (1e-6, 0.01, 0.2)), ("min_width", (0.5, 0.2, 0.05))):
        found = [set(GapDetector(**{key: value}).fit(spectra).gaps_.tolist()) for value in values]
        assert found[0] <= found[1] <= found[2]


# Over times


def blind(values):
    """The overall answers for spectra (times, modes), the same at two points."""
    values = np.asarray(values, float)
    return gaps.blind(np.repeat(values[:, None], 2, 1), 0.05, 0.1)


def steps(levels, sizes):
    """Modes at some levels, nearly equal."""
    return np.repeat(levels, sizes) + 1e-4 * np.linspace(1, 0, sum(sizes))


def test_dimension_overall_needs_a_gap_wider_than_half():
    one, two, none = (
        steps(levels, sizes)
        for levels, sizes in (([-0.45, -1.0], (5, 20)), ([-0.3, -0.75, -1.0], (2, 3, 20)), ([-1.0], (25,)))
    )
    dimension, count, overall, counts = blind([one, two, two, none])
    np.testing.assert_array_equal(dimension, [5, 5, 5, 0])
    np.testing.assert_array_equal(count, [1, 2, 2, 0])
    assert (overall, counts) == (5, 2)
    assert blind([two, two, none])[2] == 0
    assert blind([steps([-0.2, -0.9, -1.0], (2, 3, 20))])[2] == 2
    assert blind([none] * 3)[2:] == (0, 0)


@pytest.mark.parametrize(("depth", "dimension"), [(0.3, 0), (0.7, 3)])
def test_overall_answers_need_a_gap_that_lasts(depth, dimension):
    """Found at a time by itself it counts there; at three neighbouring ones of ten overall, however wide it is."""
    one, none = steps([-1 + depth, -1.0], (3, 7)), np.full(10, -1.0)
    assert find(one, 0.05, 0.1)[2].max() < 1e-6
    for times, expected in (([0], 0), ([0, 1], 0), ([0, 2, 4, 6, 8], 0), ([3, 4, 5], 1), ([7, 8, 9], 1)):
        values = np.array([one if time in times else none for time in range(10)])
        at_times, counts, *overall = blind(values)
        np.testing.assert_array_equal(np.flatnonzero(at_times == 3), times)
        np.testing.assert_array_equal(counts, at_times == 3)
        assert overall == [dimension * expected, expected]
    assert blind([one])[2:] == (dimension, 1)


@quick
@given(p=st.lists(st.floats(0, 1), min_size=2, max_size=12), significance=st.sampled_from([0.01, 0.05]))
def test_a_gap_lasts_by_its_largest_p_value_over_some_run(p, significance):
    p, found = np.array(p), np.array(p) <= significance
    runs = [slice(a, b) for a in range(len(p)) for b in range(a + 1, len(p) + 1)]
    expected = any(
        found[run].any() and len(p) * (2 * max(p[run].max(), significance)) ** len(p[run]) <= significance
        for run in runs
    )
    assert gaps.lasts(p, found, significance) == expected
    assert gaps.lasts(p[::-1], found[::-1], significance) == expected
    assert not gaps.lasts(p, np.zeros(len(p), bool), significance)


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 16, 32])
@pytest.mark.parametrize("name", OVER_TIMES)
def test_no_gap_overall_whatever_noise_draws(name, n):
    """40 times, 60 studies: noise anew at each time, with tails up to Student's t of 3, or the same at all."""
    assert false_studies(np.random.default_rng(n), OVER_TIMES[name], n, 60) <= binom.ppf(0.999, 60, 0.05)


@pytest.mark.parametrize(
    ("d", "m", "noise"),
    [
        (3, 1, 0.06),
        (3, 2, 0.04),
        (3, 3, 0.02),
        (4, 3, 0.05),
        (8, 1, 0.08),
        (8, 7, 0.05),
        (32, 31, 0.05),
        (32, 32, 0.03),
    ],
)
@pytest.mark.parametrize("number", [8, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 32))])
def test_wide_gaps_are_found_with_noise_in_few_dimensions_and_nearly_whole_spaces(d, m, noise, number):
    """The noise of a mode, drawn anew at every time and point; of m = d - 1 and d too."""
    rng = np.random.default_rng(d + m)
    assert sum(noisy_dimension(rng, d, m, number, noise) == m for _ in range(10)) >= 9


def test_no_gap_at_any_of_many_times():
    """False gaps over 48 times, noise drawn anew at each: at most 5 % of all studies."""
    rng = np.random.default_rng(0)
    studies = [np.stack([symmetric(rng, 16, 0.3) - 1 for _ in range(48)]) for _ in range(60)]
    studies += [-1.3 + 0.8 * rng.random((48, 16)) for _ in range(60)]
    found = [gaps.blind(-np.sort(-one)[:, None], 0.05, 0.1)[2:] for one in studies]
    assert sum(overall != (0, 0) for overall in found) <= binom.ppf(0.999, 120, 0.05)


@pytest.mark.parametrize(
    ("variances", "d"), [([1.0] * 3, 10), ([1.0] * 2 + [0.01] * 3, 10), ([1.0, 0.05, 0.001], 12), ([2.0], 3)]
)
def test_phases_of_the_linear_model(variances, d):
    """Blind: nothing at large t, the groups in turn, at the end the manifold dimension."""
    t = np.geomspace(1e-6, 1e4, 200)
    dimension, count, overall, counts = blind(spectrum(t, variances, d))
    sizes = np.cumsum(np.unique(variances, return_counts=True)[1][::-1])
    assert dimension[0] == overall == len(variances)
    assert (dimension[-1], count[-1], count[0]) == (0, 0, 1)
    assert counts == len(sizes)
    assert set(dimension) <= {0, *sizes.tolist()}


EXACT = {
    "sphere S^10": ("sphere", 100, [(10, 1.0)], 1.0, 1e-5, 2),  # beside it the linear span, 11
    "sphere S^50": ("sphere", 100, [(50, 1.0)], 1.0, 1e-5, 2),
    "linear": ("linear", 100, [(40, 1.0)], 0.0, 1e-5, 1),
    "two variances": ("linear", 100, [(20, 1.0), (20, 0.1)], 0.0, 1e-5, 2),
    "three variances": ("linear", 200, [(20, 1.0), (20, 0.1), (20, 0.01)], 0.0, 1e-6, 3),
    "arcs": ("arcs", 32, [(2, 1.0), (2, 0.15)], 0.5, 1e-5, None),  # two modes a group: its gap is seen or not
    "two modes": ("linear", 8, [(1, 1.0), (1, 0.1)], 0.0, 1e-3, 2),
    "line": ("linear", 32, [(1, 1.0)], 0.0, 1e-5, 1),
    "hyperplane": ("linear", 32, [(31, 1.0)], 0.0, 1e-7, None),
    "the whole space": ("linear", 100, [(100, 1.0)], 0.0, 1e-8, None),
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", EXACT)
def test_dimension_of_exact_scores(name, seed):
    family, d, groups, curvature, start, expected = EXACT[name]
    manifold = data.manifold(family, d, groups, curvature=curvature, seed=seed)
    rng = np.random.default_rng(seed)
    clean, _ = manifold.sample(rng, 3)
    noise = rng.standard_normal(clean.shape)
    times = np.geomspace(start, 30.0, 40)
    values = np.stack([manifold.exact(clean + np.sqrt(t) * noise, t).spectrum() for t in times]) - 1
    dimension, count, overall, counts = gaps.blind(values, 0.05, 0.1)
    assert overall == dimension[0] == sum(n for n, _ in groups)
    assert dimension[-1] == 0 or name in ("line", "two modes")
    assert count[0] == 1
    assert expected is None or counts == expected


@pytest.mark.parametrize("m", [10, 50])
@pytest.mark.parametrize("sigma", [0.003, 0.01, 0.03])
def test_spheres_at_one_time(m, sigma):
    """Published by one-sided differences of trained scores: 11 and 51."""
    sphere = data.manifold("sphere", 100, [(m, 1.0)], curvature=1.0, seed=0)
    rng, t = np.random.default_rng(0), (sigma * sphere.radii[0]) ** 2
    clean, _ = sphere.sample(rng, 8)
    values = sphere.exact(clean + np.sqrt(t) * rng.standard_normal(clean.shape), t).spectrum()
    one = GapDetector().fit(values - 1)
    assert (one.gaps_.tolist(), one.dimension_, one.shares_.tolist()) == ([m], m, [1.0])
    assert one.point_dimensions_.tolist() == [m] * 8


def test_it_is_fast():
    """Of the processor, with wide bounds: 48 times took 4 ms, 3072 modes 40 ms."""
    rng = np.random.default_rng(0)
    many = np.stack([[linear(rng, 32, [4, 4], [1.0, 0.15], t, 0.05)] * 32 for t in np.geomspace(1e-4, 30, 48)])
    start = time.process_time()
    gaps.blind(many, 0.05, 0.1)
    assert time.process_time() - start < 0.5
    large = -np.sort(-np.concatenate([rng.random((32, 500)) * 0.1, rng.random((32, 2572)) * 0.1 - 1], 1))
    start = time.process_time()
    assert GapDetector().fit(large).gaps_.tolist() == [500]
    assert time.process_time() - start < 2.0


@quick
@given(
    widths=st.lists(st.floats(0.01, 1), min_size=1, max_size=6, unique=True),
    copies=st.integers(1, 3),
    top=st.just(-1.0) | st.floats(-0.999, 0),
)
def test_the_widest_gap_is_where_the_largest_step_is(widths, copies, top):
    """Of steps of any widths, the last one down to pure noise, each level `copies` times, at several times."""
    steps = np.array(widths) * (1 + top) / sum(widths)
    levels = -1 + np.cumsum(steps[::-1])[::-1]
    values = np.repeat(levels, copies)
    found = gaps.widest(np.stack([values, np.full_like(values, -0.5)]))
    assert found.tolist() == [copies * (int(steps.argmax()) + 1) if top > -1 else 1, len(values)]


def test_the_kinds_of_points():
    rng = np.random.default_rng(0)
    one, same, independent = (points(rng, GAPLESS["independent normal"], 20, kind) for kind in POINTS)
    assert (one.shape, same.shape, independent.shape) == ((1, 20), (8, 20), (8, 20))
    assert np.ptp(same, axis=0).max() == 0 < np.ptp(independent, axis=0).min()
