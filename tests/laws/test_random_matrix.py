"""Random-matrix laws against closed forms, simulated matrices and a second solution of the same equation."""

import csv

import edges
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.legendre import leggauss
from scipy.integrate import quad
from scipy.optimize import brentq

from scoregap.laws import extremes, random_matrix
from scoregap.laws.variances import CONSTANT, VarianceLaw

LAWS = [random_matrix.silverstein_edges, random_matrix.repaired_edges, random_matrix.detached_edges]
EXAMPLE = (100, (20, 20), (1.0, 0.1))  # alpha = .4, f = 1/2, variances 1 and .01


def spectrum(rng, ambient_dim, counts, stds):
    """Eigenvalues of F'F, descending."""
    m = sum(counts)
    factor = rng.standard_normal((ambient_dim, m)) * np.repeat(stds, counts) / np.sqrt(m)
    return np.linalg.eigvalsh(factor.T @ factor)[::-1]


def density_support(ambient_dim, counts, stds, bracket):
    """A support edge between a point with and a point without spectral density, by bisection.

    At real x the equation z(u) = x is a polynomial in u, and the density of the law is positive exactly where it
    has complex roots.
    """
    counts, h = np.asarray(counts, float), np.asarray(stds) ** 2 / sum(counts)

    def inside(x):
        # (x u + 1) prod(1 + h_j u) - u sum_k (m_k / d) h_k prod_{j != k}(1 + h_j u), in units of h[0]
        unit = h / h.max()
        factors = [np.poly1d([v, 1.0]) for v in unit]
        everything = np.poly1d([1.0])
        for factor in factors:
            everything *= factor
        rest = sum(
            (
                np.poly1d([c * v / ambient_dim, 0.0]) * (everything / factor)[0]
                for c, v, factor in zip(counts, unit, factors, strict=True)
            ),
            np.poly1d([0.0]),
        )
        roots = (np.poly1d([x / ambient_dim / h.max(), 1.0]) * everything - rest).roots
        return np.abs(roots.imag).max() > 1e-7 * np.abs(roots).max()

    low, high = bracket
    assert inside(low) != inside(high)
    for _ in range(36):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if inside(middle) == inside(low) else (low, middle)
    return 0.5 * (low + high)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("m", [1, 10, 40, 99, 100])
def test_one_group_is_marchenko_pastur(law, m):
    alpha, std = m / 100, 0.7
    expected = std**2 * np.array([(alpha**-0.5 - 1) ** 2, (alpha**-0.5 + 1) ** 2])
    np.testing.assert_allclose(law(100, (m,), (std,)), [expected], rtol=1e-10, atol=1e-12)


def test_published_example():
    np.testing.assert_allclose(random_matrix.silverstein_edges(*EXAMPLE)[1], [0.00499, 0.0449], rtol=1e-3)
    np.testing.assert_allclose(random_matrix.repaired_edges(*EXAMPLE)[1], [0.0050, 0.0450], rtol=1e-9)
    np.testing.assert_allclose(random_matrix.detached_edges(*EXAMPLE)[1], [0.0076, 0.0524], rtol=6e-3)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    logs=st.lists(st.floats(-3, 1), min_size=4, max_size=4),
    room=st.integers(0, 60),
)
def test_edges_of_any_groups(counts, logs, room):
    """Order does not matter, edges are ordered, and they scale as a variance."""
    stds = 10.0 ** np.array(logs[: len(counts)])
    d = sum(counts) + room
    edges = random_matrix.silverstein_edges(d, counts, stds)
    assert edges.shape == (len(counts), 2)
    seen = edges[::-1].ravel()
    seen = seen[np.isfinite(seen)]
    assert np.all(np.diff(seen) > 0)
    assert seen.size % 2 == 0
    assert np.isfinite(edges[0, 1])
    assert edges[-1, 0] >= 0
    # Both sides of a gap are there, or neither.
    np.testing.assert_array_equal(np.isnan(edges[:-1, 0]), np.isnan(edges[1:, 1]))
    np.testing.assert_allclose(random_matrix.silverstein_edges(d, counts, 3 * stds), 9 * edges, rtol=1e-7)
    if len(set(stds)) == len(stds):
        turned = np.roll(np.arange(len(counts)), 1)
        for law in LAWS:
            np.testing.assert_allclose(law(d, np.array(counts)[turned], stds[turned]), law(d, counts, stds), rtol=1e-12)


@pytest.mark.parametrize(
    ("d", "counts", "stds"),
    [
        (100, (20, 20), (1, 0.1)),
        (100, (20, 20), (1, 0.5)),
        (32, (6, 6), (1, 0.15)),
        (60, (5, 10, 20), (3, 1, 0.2)),
        (50, (1, 49), (2, 0.3)),
    ],
)
def test_edges_bound_the_density(d, counts, stds):
    edges = random_matrix.silverstein_edges(d, counts, stds)
    assert np.isfinite(edges).all()
    middles = edges.mean(1)
    beyond = [1.5 * edges[0, 1], *(0.5 * (edges[:-1, 0] + edges[1:, 1])), 0.5 * edges[-1, 0]]
    for k in range(len(counts)):
        found = [
            density_support(d, counts, stds, (middles[k], beyond[k + 1])),
            density_support(d, counts, stds, (middles[k], beyond[k])),
        ]
        np.testing.assert_allclose(edges[k], found, rtol=1e-6, atol=1e-9)


def test_merging_bulks_touch():
    edges = random_matrix.silverstein_edges(100, (20, 20), (1.0, 0.5))
    np.testing.assert_allclose([edges[1, 1], edges[0, 0]], [0.9964, 1.0000], atol=5e-5)


@pytest.mark.parametrize(
    ("d", "counts"), [(100, (20, 20)), (100, (5, 35)), (100, (35, 5)), (40, (1, 39)), (40, (20, 20))]
)
def test_two_groups_merge_where_they_should(d, counts):
    """z' has a double zero where sum_k (m_k / d)^(1/3) r_k^(2/3) = (1 - r)^(2/3), r the ratio of variances.

    min over v of sum_k c_k h_k^2 / (v + h_k)^2 = (sum_k c_k^(1/3) h_k^(2/3))^3 / (h_1 - h_2)^2, by Lagrange.
    """
    c1, c2 = np.array(counts) / d
    r = np.linspace(0, 1, 200_001)[:-1]
    separate = (c1 ** (1 / 3) + c2 ** (1 / 3) * r ** (2 / 3)) ** 3 < (1 - r) ** 2
    critical = r[separate].max()
    apart = random_matrix.silverstein_edges(d, counts, (1.0, np.sqrt(critical - 1e-4)))
    merged = random_matrix.silverstein_edges(d, counts, (1.0, np.sqrt(critical + 1e-4)))
    assert np.isfinite(apart).all()
    assert apart[0, 0] == pytest.approx(apart[1, 1], rel=1e-3)
    np.testing.assert_array_equal(np.isnan(merged), [[True, False], [False, True]])
    np.testing.assert_allclose(merged[[0, 1], [1, 0]], apart[[0, 1], [1, 0]], rtol=1e-2, atol=1e-12)


def test_equal_stds_are_one_group():
    one = random_matrix.silverstein_edges(100, (40,), (1.0,))[0]
    for stds in ((1.0, 1.0), (1.0, 1.0 - 1e-14), (1.0, 1.0 - 1e-7)):
        edges = random_matrix.silverstein_edges(100, (15, 25), stds)
        np.testing.assert_allclose(edges, [[np.nan, one[1]], [one[0], np.nan]], rtol=1e-6)


@pytest.mark.parametrize("ratio", [1e-3, 1e-6, 1e-9])
def test_far_groups_are_repaired_ones(ratio):
    """The correction is of the order of the ratio of variances."""
    for counts in ((20, 20), (1, 50), (60, 1)):
        for scale in (1.0, 1 / ratio):
            stds = (scale, scale * ratio)
            np.testing.assert_allclose(
                random_matrix.silverstein_edges(100, counts, stds),
                random_matrix.repaired_edges(100, counts, stds),
                rtol=20 * ratio**2 + 1e-9,
            )


@pytest.mark.parametrize("counts", [(40,), (10, 30)])
def test_square_f_reaches_zero(counts):
    stds = (1.0, 0.1)[: len(counts)]
    for law in (random_matrix.silverstein_edges, random_matrix.repaired_edges):
        edges = law(40, counts, stds)
        assert edges[-1, 0] == pytest.approx(0, abs=1e-12)
        assert np.isfinite(edges).all()


def test_columns_alone():
    """Groups of one column: squared lengths of Gaussian vectors, |F_k|^2 = std^2 d / m (1 + O(1/sqrt d))."""
    d, stds = 4000, (3.0, 2.0, 1.0)
    centre = np.square(stds) * d / 3
    edges = random_matrix.silverstein_edges(d, (1, 1, 1), stds)
    assert np.all((edges[:, 0] < centre) & (centre < edges[:, 1]))
    np.testing.assert_allclose(edges, centre[:, None] * [[0.96, 1.04]], rtol=0.015)


@pytest.mark.parametrize(
    ("d", "counts", "stds"),
    [
        (1500, (600,), (0.7,)),
        (1500, (300, 300), (1.0, 0.1)),
        (1500, (100, 200, 150), (2.0, 0.7, 0.1)),
        (1200, (300, 300), (1.0, 0.4)),
    ],
)
def test_edges_of_a_large_matrix(d, counts, stds):
    """Eigenvalues fill the bulk between the edges; the extreme ones are off by O(d^(-2/3)) of an edge.

    8 d^(-2/3) is 6 % here: the coefficient of Tracy-Widom's mean is 5 at most in these examples.
    """
    values = spectrum(np.random.default_rng(0), d, counts, stds)
    ends = np.cumsum(counts)
    edges = random_matrix.silverstein_edges(d, counts, stds)
    for k, (start, stop) in enumerate(zip((0, *ends[:-1]), ends, strict=True)):
        found = np.array([values[stop - 1], values[start]])
        np.testing.assert_allclose(found, edges[k], rtol=8 * d ** (-2 / 3))


@pytest.mark.parametrize("ratio", [0.3, 0.4])
def test_edges_err_less_than_their_approximations(ratio):
    """Close bulks at d = 300: the law with Tracy-Widom's relative shift is right, its approximations are not."""
    d, counts, stds, n = 300, (60, 60), (1.0, ratio), 150
    rng = np.random.default_rng(0)
    draws = np.stack([spectrum(rng, d, counts, stds) for _ in range(n)])[:, [[59, 0], [119, 60]]]
    shift = random_matrix.tracy_widom_edges(d, counts, stds)[0] / random_matrix.silverstein_edges(d, counts, stds)
    mean, error = draws.mean(0), draws.std(0) / np.sqrt(n)
    off = [np.abs(law(d, counts, stds) * shift / mean - 1).max() for law in LAWS]
    assert off[0] < 0.02
    assert 0.05 < off[1] < 0.3 < off[2]
    assert np.all(np.abs(random_matrix.silverstein_edges(d, counts, stds) * shift - mean) < 4 * error + 0.003 * mean)


def test_tracy_widom_published_numbers():
    """Simulated in 20,000 draws: .3884 and 6.302 (theory.md 2), to a fiftieth of their spreads, .05 and .31."""
    means, _ = random_matrix.tracy_widom_edges(100, (40,), (1.0,))
    assert means[0, 0] == pytest.approx(0.3884, abs=0.001)
    assert means[0, 1] == pytest.approx(6.302, abs=0.007)


def simulated(seed, n, d, counts, stds, spreads):
    """Smallest and largest eigenvalue of each group in n simulated matrices, (n, groups, 2)."""
    m, ends = sum(counts), np.cumsum(counts)
    variances = np.concatenate([s**2 * law.columns(k) for k, s, law in zip(counts, stds, spreads, strict=True)])
    rng, values = np.random.default_rng(seed), []
    for _ in range(0, n, 50):  # a few at a time: all of them would fill 200 MB
        factor = rng.standard_normal((50, d, m)) * np.sqrt(variances / m)
        values.append(np.linalg.eigvalsh(factor.transpose(0, 2, 1) @ factor)[:, ::-1])
    return np.concatenate(values)[:, np.stack([ends - 1, ends - counts], -1)]


WIDE, HALF = VarianceLaw("uniform", 0.8), VarianceLaw("uniform", 0.5)
SIMULATED = [
    # d, counts, stds, spreads, draws, bias in units of the spread, relative error of the spread
    (100, (40,), (1.0,), (CONSTANT,), 2500, 0.04, 0.07),
    (60, (30,), (2.0,), (CONSTANT,), 2500, 0.07, 0.10),
    (100, (20, 20), (1.0, 0.1), (CONSTANT, CONSTANT), 2500, 0.07, 0.08),
    (60, (12, 12), (1.0, 0.1**0.5), (CONSTANT, CONSTANT), 2500, 0.10, 0.10),
    (100, (20, 20), (1.0, 0.2**0.5), (CONSTANT, CONSTANT), 2500, 0.14, 0.08),
    (300, (60, 60), (1.0, 0.15**0.5), (CONSTANT, CONSTANT), 150, 0.10, 0.05),
    (60, (5, 10, 10), (3.0, 1.0, 0.2), (CONSTANT,) * 3, 2500, 0.08, 0.12),
    (100, (20, 20), (1.0, 0.2), (HALF, WIDE), 2500, 0.20, 0.11),
    (100, (40,), (1.0,), (WIDE,), 2500, 0.16, 0.10),
]


@pytest.mark.slow
@pytest.mark.parametrize(("d", "counts", "stds", "spreads", "n", "bias", "width"), SIMULATED)
def test_tracy_widom_edges_of_simulated_matrices(d, counts, stds, spreads, n, bias, width):
    """Means and spreads of the extreme eigenvalues; Tracy-Widom errs by O(p^(-2/3)), well under its own spread.

    A standard deviation from n draws is itself uncertain by 1 / sqrt(2 n); both are allowed four standard errors.
    """
    seen = simulated(7, n, d, counts, stds, spreads)
    means, widths = random_matrix.tracy_widom_edges(d, counts, stds, spreads)
    off = np.abs(means - seen.mean(0)) / seen.std(0)
    assert np.all(off < bias + 4 / np.sqrt(n)), off
    np.testing.assert_allclose(widths, seen.std(0), rtol=width + 4 / np.sqrt(2 * n))
    if not any(law.width for law in spreads):
        bare = random_matrix.silverstein_edges(d, counts, stds)
        assert np.all(np.abs(means - seen.mean(0)) < 0.2 * np.abs(bare - seen.mean(0)))


@pytest.mark.parametrize(("d", "m", "std"), [(100, 40, 1.0), (50, 3, 0.2), (40, 39, 1.0), (2000, 700, 3.0)])
def test_tracy_widom_of_one_group_has_the_centring_of_johnstone(d, m, std):
    n, p = np.sqrt(d - 0.5), np.sqrt(m - 0.5)
    low, low_scale = (n - p) ** 2, (n - p) * (1 / p - 1 / n) ** (1 / 3)
    high, high_scale = (n + p) ** 2, (n + p) * (1 / n + 1 / p) ** (1 / 3)
    means, widths = random_matrix.tracy_widom_edges(d, (m,), (std,))
    expected = [low * np.array(extremes.lower(low_scale / low)), high * np.array(extremes.upper(high_scale / high))]
    np.testing.assert_allclose(np.stack([means[0], widths[0]], -1) * m / std**2, expected, rtol=1e-9)


@pytest.mark.parametrize("m", [1, 2, 4, 16, 64])
def test_tracy_widom_of_one_row_more_than_columns_is_an_exponential_law(m):
    """P(smallest eigenvalue > x) = exp(-x sum(1 / h) / 2) exactly, h the variances of the columns."""
    stds = np.geomspace(1, 0.4, m)
    h = stds**2 / m
    means, widths = random_matrix.tracy_widom_edges(m + 1, np.ones(m), stds)
    expected = 2 / np.sum(1 / h)
    assert means[-1, 0] == pytest.approx(expected, rel=0.3 / m + 0.01)
    assert widths[-1, 0] == pytest.approx(expected, rel=0.3 / m + 0.01)


@pytest.mark.parametrize("m", [1, 2, 8, 40])
def test_the_smallest_eigenvalue_of_a_square_matrix(m):
    """By the density of Edelman 1988, exact at every size: x^(-1/2) exp(-m x / 2) U((m - 1) / 2, -1 / 2, x / 2)."""
    root = np.linspace(1e-6, np.sqrt(40) / m**0.5 / min(m, 3) ** 0.5, 400)  # of x
    tricomi = [float(mpmath.hyperu((m - 1) / 2, -0.5, x / 2)) for x in root**2]
    density = np.exp(-m * root**2 / 2) * tricomi / tricomi[0]
    first, second = (np.trapezoid(density * root**k, root) / np.trapezoid(density, root) for k in (2, 4))
    (mean,), (spread,) = (one[:, 0] for one in random_matrix.tracy_widom_edges(m, (m,), (1.0,)))
    assert mean * m == pytest.approx(first, rel=0.4 / m + 0.01)
    assert spread * m == pytest.approx(np.sqrt(second - first**2), rel=0.5 / m + 0.01)


def test_the_record_of_edges_says_what_the_docstring_says():
    """Largest errors of the mean in spreads and of the spread, by regime (`make edges`)."""
    allowed = {
        "all others, m < d": (0.12, 0.12),
        "all others, m = d": (0.12, 0.18),
        "gap beside it of less than two scales": (0.18, 0.17),
        "one or two columns that have merged": (0.25, 0.25),
        "one column in one direction": (0.305, 0.5),
    }
    with edges.RECORD.open() as file:
        rows = list(csv.DictReader(file))
    assert len({(row["d"], row["counts"], row["stds"]) for row in rows}) == 566
    for row in rows:
        known = {name: float(row[name]) for name in ("apart", "columns", "free")}
        known |= {name: row[name] == "True" for name in ("merged", "square")}
        mean, spread = allowed[edges.regime(known)]
        assert abs(float(row["mean_error"])) <= mean + 0.001, row
        assert abs(float(row["spread_error"])) <= spread + 0.001, row


SAMPLE = [
    # d, counts, stds: m near d, few columns, a large group that leaves few directions, m = d
    (16, (15,), (1.0,)),
    (32, (30,), (1.0,)),
    (16, (1,), (1.0,)),
    (16, (16,), (1.0,)),
    (32, (2, 29), (1.0, 0.3)),
    (32, (2, 28), (1.0, 0.05)),
    (16, (12, 4), (1.0, 0.1)),
    (32, (8, 16, 8), (1.0, 0.1, 0.01)),
    (32, (16, 1), (1.0, 0.05)),
]


@pytest.mark.parametrize(("d", "counts", "stds"), SAMPLE)
def test_tracy_widom_edges_of_few_columns_and_nearly_square_matrices(d, counts, stds):
    """Within .15 of the spread and 14 % of it, and three standard errors of 2,000 draws; all in `make edges`."""
    off, spread = edges.errors(np.random.default_rng(0), 2000, d, counts, stds)
    assert np.nanmax(np.abs(off)) < 0.15 + 3 / np.sqrt(2000)
    assert np.nanmax(np.abs(spread)) < 0.14 + 3 / np.sqrt(4000)
    if d == sum(counts):
        assert np.isfinite(off[-1, 0])


def test_tracy_widom_edges_as_one_or_many_groups():
    """Columns given one by one are the same law; order and scale of the groups do not matter."""
    d = 60
    columns = np.sqrt(np.concatenate([HALF.columns(6), 0.01 * WIDE.columns(8)]))
    means, widths = random_matrix.tracy_widom_edges(d, (6, 8), (1.0, 0.1), (HALF, WIDE))
    alone, alone_widths = random_matrix.tracy_widom_edges(d, np.ones(14), columns)
    for many, one in ((alone, means), (alone_widths, widths)):
        np.testing.assert_allclose(many[[5, 0, 13, 6], [0, 1, 0, 1]], one.ravel(), rtol=1e-9)
    turned, turned_widths = random_matrix.tracy_widom_edges(d, (8, 6), (0.2, 2.0), (WIDE, HALF))
    np.testing.assert_allclose(turned, 4 * means, rtol=1e-9)
    np.testing.assert_allclose(turned_widths, 4 * widths, rtol=1e-9)


def test_tracy_widom_edges_of_merged_groups():
    for found in random_matrix.tracy_widom_edges(100, (20, 20), (1.0, 0.6)):
        np.testing.assert_array_equal(np.isnan(found), [[True, False], [False, True]])
    # An unbounded law has finitely many columns, so a largest one.
    for found in random_matrix.tracy_widom_edges(100, (20,), (1.0,), [VarianceLaw("power", 0.5)]):
        assert np.isfinite(found).all()


def test_gaps_that_nearly_touch_have_no_edges_of_their_own():
    """Narrower than the sum of the scales of its ends: NaN on both sides, and numbers from some ratio on."""
    ratios = np.linspace(0.2, 0.9, 15)
    known = np.isfinite([random_matrix.tracy_widom_edges(32, (8, 8), (1.0, ratio))[0] for ratio in ratios])
    assert known[:, 0, 1].all()
    assert known[:, 1, 0].all()
    np.testing.assert_array_equal(known[:, 0, 0], known[:, 1, 1])
    count = known[:, 0, 0].sum()
    assert known[:count, 0, 0].all()
    bare = np.isfinite([random_matrix.silverstein_edges(32, (8, 8), (1.0, ratio)) for ratio in ratios])
    assert 2 < count < bare[:, 0, 0].sum()


def test_gap_edges():
    edges = np.array([[3.0, 4.0], [np.nan, 2.0], [0.5, np.nan]])
    np.testing.assert_array_equal(random_matrix.gap_edges(edges), [[3.0, 2.0], [np.nan, np.nan], [0.5, 0.0]])
    np.testing.assert_array_equal(random_matrix.gap_edges(edges[:1]), [[3.0, 0.0]])


def test_spreads_must_fit():
    with pytest.raises(ValueError, match="spreads: 2 are not allowed: should be 1"):
        random_matrix.silverstein_edges(100, (40,), (1.0,), (HALF, HALF))
    for law in (random_matrix.repaired_edges, random_matrix.detached_edges):
        with pytest.raises(ValueError, match="constant variance"):
            law(100, (20, 20), (1.0, 0.1), (CONSTANT, HALF))
        np.testing.assert_array_equal(law(*EXAMPLE, (CONSTANT, VarianceLaw("power", 0.0))), law(*EXAMPLE))


@pytest.mark.parametrize(("share", "width"), [(1e-4, 0.7), (0.01, 0.3), (0.4, 1.0), (0.4, 0.05), (0.9, 0.5)])
def test_edges_of_a_uniform_law(share, width):
    """Against the closed form of z for h uniform on [a, b]: z = w + c (w^2 / (b - a) log((w - a) / (w - b)) - w)."""
    d = 1e4
    a, b = (1 - width) / (d * share), (1 + width) / (d * share)

    def z(w):
        return w + share * (w**2 / (b - a) * np.log((w - a) / (w - b)) - w)

    def slope(w):
        log = np.log((w - a) / (w - b))
        return 1 + share * (2 * w * log / (b - a) - w**2 / ((w - a) * (w - b)) - 1)

    low, high = random_matrix.silverstein_edges(d, (d * share,), (1.0,), [VarianceLaw("uniform", width)])[0]
    assert high == pytest.approx(d * z(brentq(slope, b * (1 + 1e-12), 9 * b, xtol=1e-300, rtol=1e-15)), rel=1e-9)
    if width == 1:
        assert low == 0
    else:
        assert low == pytest.approx(d * z(brentq(slope, 1e-2 * a, a * (1 - 1e-12), xtol=1e-300, rtol=1e-15)), rel=1e-7)


@pytest.mark.parametrize("spread", [VarianceLaw("uniform", 0.6), VarianceLaw("power", 0.2)])
def test_edges_of_a_law_are_those_of_its_columns(spread):
    """Many columns, each a group, tend to the continuous law as 1 / columns at the end of its support."""
    d, n = 500, 200
    columns = np.sqrt(0.01 * spread.columns(n))
    many = random_matrix.silverstein_edges(d, (50, *np.ones(n)), (1.0, *columns))
    one = random_matrix.silverstein_edges(d, (50, n), (1.0, 0.1), (CONSTANT, spread))
    if np.isfinite(spread.support[1]):
        np.testing.assert_allclose(many[[0, 0, 1], [0, 1, 1]], [*one[0], one[1, 1]], rtol=0.01)
    else:  # a tail that reaches through every larger group
        np.testing.assert_array_equal(one[:, 1], [np.inf, np.nan])
        assert np.isnan(one[0, 0])
    assert many[-1, 0] == pytest.approx(one[1, 0], rel=0.01)


def test_edges_where_laws_reach():
    """inf above an unbounded law, 0 below one that reaches 0, NaN where supports overlap."""
    unbounded = VarianceLaw("lognormal", 0.5)
    np.testing.assert_array_equal(random_matrix.silverstein_edges(100, (40,), (1.0,), [unbounded]), [[0, np.inf]])
    edges = random_matrix.silverstein_edges(100, (20, 20), (1.0, 0.1), (unbounded, CONSTANT))
    np.testing.assert_array_equal(edges, [[np.nan, np.inf], [0, np.nan]])
    edges = random_matrix.silverstein_edges(100, (20, 20), (1.0, 0.7), (HALF, HALF))
    np.testing.assert_array_equal(np.isnan(edges), [[True, False], [False, True]])
    assert random_matrix.silverstein_edges(40, (40,), (1.0,), [HALF])[0, 0] == 0
    # A spread closes the gap of two groups that are apart without one.
    assert np.isfinite(random_matrix.silverstein_edges(100, (20, 20), (1.0, 0.45))).all()
    assert np.isnan(random_matrix.silverstein_edges(100, (20, 20), (1.0, 0.45), (HALF, HALF))).any()


@pytest.mark.parametrize("m", [1, 10, 40, 99, 100])
def test_density_of_one_group_is_marchenko_pastur(m):
    low, high = random_matrix.marchenko_pastur_edges(100, m, 0.7)
    np.testing.assert_allclose([[low, high]], random_matrix.silverstein_edges(100, (m,), (0.7,)), rtol=1e-9, atol=1e-12)
    x = np.concatenate([np.linspace(low, high, 301)[1:-1], [0.5 * low, 0.999 * low, 1.001 * high, 7 * high, -1.0]])
    expected = random_matrix.marchenko_pastur_density(x, 100, m, 0.7)
    np.testing.assert_allclose(random_matrix.density(x, 100, (m,), (0.7,)), expected, rtol=1e-10, atol=0)
    assert np.all(expected[:299] > 0)
    assert np.all(expected[-3:] == 0)
    mass, _ = quad(lambda u: random_matrix.marchenko_pastur_density(u**2, 100, m, 0.7) * 2 * u, low**0.5, high**0.5)
    assert mass + random_matrix.atom(100, (m,)) == pytest.approx(1, abs=1e-6)


def bulk_moments(d, counts, stds, spreads):
    """Integrals of density x^k, k = 0..3, bulk by bulk between the edges: square-root ends, so Gauss in an angle."""
    edges = random_matrix.silverstein_edges(d, counts, stds, spreads)[::-1].ravel()
    edges = edges[~np.isnan(edges)].reshape(-1, 2)
    nodes, weights = leggauss(100)
    angle = np.pi / 4 * (nodes + 1)
    x = edges[:, :1] + np.diff(edges) * np.sin(angle) ** 2
    w = np.pi / 4 * weights * np.diff(edges) * np.sin(2 * angle)
    return np.array([np.sum(w * random_matrix.density(x, d, counts, stds, spreads) * x**k) for k in range(4)])


def free_poisson_moments(d, counts, stds, spreads):
    """The law of FF' is a free compound Poisson law: free cumulants d^(k-1) sum of h^k over the columns."""
    columns = [(n, s**2 / sum(counts), law) for n, s, law in zip(counts, stds, spreads, strict=True)]
    power = [
        [1.0, 1.0, 1.0, 1.0] if law.name == "constant" else [1.0, 1.0, 1 + law.width**2 / 3, 1 + law.width**2]
        for _, _, law in columns
    ]
    k1, k2, k3 = (
        d ** (k - 1) * sum(n * h**k * p[k] for (n, h, _), p in zip(columns, power, strict=True)) for k in (1, 2, 3)
    )
    return np.array([sum(counts) / d, k1, k2 + k1**2, k3 + 3 * k1 * k2 + k1**3])


@pytest.mark.parametrize(
    ("d", "counts", "stds", "spreads"),
    [
        (100, (20, 20), (1.0, 0.1), (CONSTANT, CONSTANT)),
        (100, (20, 20), (1.0, 0.5), (CONSTANT, CONSTANT)),
        (100, (20, 20), (1.0, 0.7), (CONSTANT, CONSTANT)),
        (60, (5, 10, 20), (3.0, 1.0, 0.2), (CONSTANT,) * 3),
        (40, (10, 30), (1.0, 0.1), (CONSTANT, CONSTANT)),
        (100, (20, 20), (1.0, 1e-6), (CONSTANT, CONSTANT)),
        (100, (40,), (1.0,), (HALF,)),
        (100, (40,), (2.0,), (VarianceLaw("uniform", 1.0),)),
        (1000, (1, 5), (1.0, 0.1), (WIDE, CONSTANT)),
    ],
)
def test_density_has_the_mass_and_moments(d, counts, stds, spreads):
    found = bulk_moments(d, counts, stds, spreads)
    np.testing.assert_allclose(found, free_poisson_moments(d, counts, stds, spreads), rtol=1e-9)
    assert found[0] + random_matrix.atom(d, counts) == pytest.approx(1, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "spread", [VarianceLaw("lognormal", 0.5), VarianceLaw("lognormal", 1.5), VarianceLaw("power", 0.3)]
)
def test_density_of_unbounded_laws(spread):
    """Mass and mean by a trapezoid rule in log x; the edge of the power law costs it accuracy."""
    log = np.linspace(np.log(1e-5), np.log(1e7), 700)
    x = np.exp(log)
    p = random_matrix.density(x, 100, (40,), (0.8,), [spread])
    rtol = 1e-6 if spread.name == "lognormal" else 1e-3
    assert np.trapezoid(p * x, log) == pytest.approx(0.4, rel=rtol)
    assert np.trapezoid(p * x**2, log) == pytest.approx(0.64, rel=rtol)
    if spread.name == "power":
        low = random_matrix.silverstein_edges(100, (40,), (0.8,), [spread])[0, 0]
        assert np.all((p > 0)[:400] == (x > low)[:400])


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    logs=st.lists(st.floats(-3, 1), min_size=6, max_size=6),
    room=st.integers(0, 60),
)
def test_density_of_any_groups(counts, logs, room):
    """Positive between the edges of a bulk, merged or not, zero in gaps and beyond; scales as 1 / variance."""
    stds = 10.0 ** np.array(logs[: len(counts)])
    d = sum(counts) + room
    edges = random_matrix.silverstein_edges(d, counts, stds)[::-1].ravel()
    edges = edges[np.isfinite(edges)]
    share = np.array([1e-6, 0.1, 0.5, 0.9, 1 - 1e-6])[:, None]
    inside = edges[::2] + share * (edges[1::2] - edges[::2])
    p = random_matrix.density(inside, d, counts, stds)
    assert p.shape == inside.shape
    assert np.all(p > 0)
    outside = edges[1:-1:2] + share * (edges[2::2] - edges[1:-1:2])
    far = np.array([-1.0, 0.99 * edges[0], 1.01 * edges[-1], 1e9 * edges[-1]])
    np.testing.assert_array_equal(random_matrix.density(np.concatenate([outside.ravel(), far]), d, counts, stds), 0)
    np.testing.assert_allclose(random_matrix.density(4 * inside, d, counts, 2 * stds), p / 4, rtol=1e-6)


def test_density_is_the_histogram_of_a_large_matrix():
    """Eigenvalue counts of an interval fluctuate by O(sqrt(log d)) and are off by O(1), so shares by a few / d."""
    d, counts, stds, spreads = 1000, (200, 200), (1.0, 0.4), (WIDE, CONSTANT)
    columns = np.concatenate([s * np.sqrt(law.columns(n)) for n, s, law in zip(counts, stds, spreads, strict=True)])
    factor = np.random.default_rng(3).standard_normal((d, 400)) * columns / 20
    values = np.linalg.eigvalsh(factor.T @ factor)
    for low, high in ((0.0, 0.2), (0.2, 0.5), (0.5, 1.0), (1.0, 2.5), (2.5, 4.5), (4.5, 12.0)):
        x, w = leggauss(60)
        half = 0.5 * (high - low)
        share = half * w @ random_matrix.density(low + half * (x + 1), d, counts, stds, spreads)
        assert np.sum((values > low) & (values <= high)) / d == pytest.approx(share, abs=4 / d)


def test_density_of_a_thousand_columns():
    stds = 10 ** np.random.default_rng(0).uniform(-1, 1, 1000)
    edges = random_matrix.silverstein_edges(1500, np.ones(1000), stds)
    x = np.linspace(0.0, 1.1 * edges[0, 1], 60)
    p = random_matrix.density(x, 1500, np.ones(1000), stds)
    np.testing.assert_array_equal(p > 0, (x > edges[-1, 0]) & (x < edges[0, 1]))


def test_critical_ratio():
    assert random_matrix.critical_ratio(0.4, 0.5) == pytest.approx(0.25636, abs=5e-6)
    alpha, fraction = np.array([[0.05], [0.4], [1.0]]), np.array([0.0, 0.1, 0.5, 0.9])
    ratio = random_matrix.critical_ratio(alpha, fraction)
    assert ratio.shape == (3, 4)
    left = np.cbrt(alpha * fraction) + np.cbrt(alpha * (1 - fraction)) * np.cbrt(ratio) ** 2
    np.testing.assert_allclose(left, np.cbrt(1 - ratio) ** 2, rtol=1e-12)
    for a, f in ((0.4, 0.5), (0.1, 0.9), (1.0, 0.2), (0.9, 0.99)):
        r = random_matrix.critical_ratio(a, f)
        for change, exists in ((-1e-6, True), (1e-6, False)):
            edges = random_matrix.silverstein_edges(1.0, (a * f, a * (1 - f)), (1.0, np.sqrt(r * (1 + change))))
            assert np.isfinite(edges).all() == exists
    # One group alone: the other's bulk is a point, inside or outside the first.
    np.testing.assert_allclose(
        random_matrix.critical_ratio(0.4, [0.0, 1.0]), [1 / (1 + 0.4**0.5), 1 - 0.4**0.5], rtol=1e-12
    )
    assert random_matrix.critical_ratio(1.0, 1.0) == 0
    np.testing.assert_array_equal(
        random_matrix.critical_ratio([2.0, 0.0, -1.0, 0.4, 0.4], [0.6, 0.5, 0.5, 1.1, -0.1]), np.nan
    )
