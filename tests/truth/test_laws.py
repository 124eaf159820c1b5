"""Random-matrix laws against closed forms, simulated matrices and a second solution of the same equation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap.truth import laws

LAWS = [laws.silverstein_edges, laws.repaired_edges, laws.detached_edges]
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
    np.testing.assert_allclose(laws.silverstein_edges(*EXAMPLE)[1], [0.00499, 0.0449], rtol=1e-3)
    np.testing.assert_allclose(laws.repaired_edges(*EXAMPLE)[1], [0.0050, 0.0450], rtol=1e-9)
    np.testing.assert_allclose(laws.detached_edges(*EXAMPLE)[1], [0.0076, 0.0524], rtol=6e-3)


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
    edges = laws.silverstein_edges(d, counts, stds)
    assert edges.shape == (len(counts), 2)
    seen = edges[::-1].ravel()
    seen = seen[np.isfinite(seen)]
    assert np.all(np.diff(seen) > 0)
    assert seen.size % 2 == 0
    assert np.isfinite(edges[0, 1])
    assert edges[-1, 0] >= 0
    # Both sides of a gap are there, or neither.
    np.testing.assert_array_equal(np.isnan(edges[:-1, 0]), np.isnan(edges[1:, 1]))
    np.testing.assert_allclose(laws.silverstein_edges(d, counts, 3 * stds), 9 * edges, rtol=1e-7)
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
    edges = laws.silverstein_edges(d, counts, stds)
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
    edges = laws.silverstein_edges(100, (20, 20), (1.0, 0.5))
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
    apart = laws.silverstein_edges(d, counts, (1.0, np.sqrt(critical - 1e-4)))
    merged = laws.silverstein_edges(d, counts, (1.0, np.sqrt(critical + 1e-4)))
    assert np.isfinite(apart).all()
    assert apart[0, 0] == pytest.approx(apart[1, 1], rel=1e-3)
    np.testing.assert_array_equal(np.isnan(merged), [[True, False], [False, True]])
    np.testing.assert_allclose(merged[[0, 1], [1, 0]], apart[[0, 1], [1, 0]], rtol=1e-2, atol=1e-12)


def test_equal_stds_are_one_group():
    one = laws.silverstein_edges(100, (40,), (1.0,))[0]
    for stds in ((1.0, 1.0), (1.0, 1.0 - 1e-14), (1.0, 1.0 - 1e-7)):
        edges = laws.silverstein_edges(100, (15, 25), stds)
        np.testing.assert_allclose(edges, [[np.nan, one[1]], [one[0], np.nan]], rtol=1e-6)


@pytest.mark.parametrize("ratio", [1e-3, 1e-6, 1e-9])
def test_far_groups_are_repaired_ones(ratio):
    """The correction is of the order of the ratio of variances."""
    for counts in ((20, 20), (1, 50), (60, 1)):
        for scale in (1.0, 1 / ratio):
            stds = (scale, scale * ratio)
            np.testing.assert_allclose(
                laws.silverstein_edges(100, counts, stds),
                laws.repaired_edges(100, counts, stds),
                rtol=20 * ratio**2 + 1e-9,
            )


@pytest.mark.parametrize("counts", [(40,), (10, 30)])
def test_square_f_reaches_zero(counts):
    stds = (1.0, 0.1)[: len(counts)]
    for law in (laws.silverstein_edges, laws.repaired_edges):
        edges = law(40, counts, stds)
        assert edges[-1, 0] == pytest.approx(0, abs=1e-12)
        assert np.isfinite(edges).all()


def test_columns_alone():
    """Groups of one column: squared lengths of Gaussian vectors, |F_k|^2 = std^2 d / m (1 + O(1/sqrt d))."""
    d, stds = 4000, (3.0, 2.0, 1.0)
    centre = np.square(stds) * d / 3
    edges = laws.silverstein_edges(d, (1, 1, 1), stds)
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
    edges = laws.silverstein_edges(d, counts, stds)
    for k, (start, stop) in enumerate(zip((0, *ends[:-1]), ends, strict=True)):
        found = np.array([values[stop - 1], values[start]])
        np.testing.assert_allclose(found, edges[k], rtol=8 * d ** (-2 / 3))


@pytest.mark.parametrize("ratio", [0.3, 0.4])
def test_edges_err_less_than_their_approximations(ratio):
    """Close bulks at d = 300: the law with Tracy-Widom's relative shift is right, its approximations are not."""
    d, counts, stds, n = 300, (60, 60), (1.0, ratio), 150
    rng = np.random.default_rng(0)
    draws = np.stack([spectrum(rng, d, counts, stds) for _ in range(n)])[:, [[59, 0], [119, 60]]]
    shift = laws.tracy_widom_edges(d, counts, stds)[0] / laws.repaired_edges(d, counts, stds)
    mean, error = draws.mean(0), draws.std(0) / np.sqrt(n)
    off = [np.abs(law(d, counts, stds) * shift / mean - 1).max() for law in LAWS]
    assert off[0] < 0.02
    assert 0.05 < off[1] < 0.3 < off[2]
    assert np.all(np.abs(laws.silverstein_edges(d, counts, stds) * shift - mean) < 4 * error + 0.003 * mean)


def test_tracy_widom_published_numbers():
    means, _ = laws.tracy_widom_edges(100, (40,), (1.0,))
    np.testing.assert_allclose(means[0], [0.387, 6.297], atol=5e-4)
    # The centring and scaling themselves, and Johnstone's linear version of the lower edge.
    n, p = np.sqrt(99.5), np.sqrt(39.5)
    linear = ((n - p) ** 2 + 1.2065335745820 * (n - p) * (1 / p - 1 / n) ** (1 / 3)) / 40
    assert linear == pytest.approx(0.384, abs=5e-4)
    assert means[0, 0] == pytest.approx(linear, rel=0.01)


@pytest.mark.parametrize(
    ("d", "counts", "stds"), [(100, (40,), (1.0,)), (100, (20, 20), (1.0, 0.1)), (60, (30,), (2.0,))]
)
def test_tracy_widom_edges_of_simulated_matrices(d, counts, stds):
    """Means and spreads of the extreme eigenvalues; Tracy-Widom errs by O(p^(-2/3)), well under its own spread."""
    n = 2500
    rng = np.random.default_rng(7)
    ends = np.cumsum(counts)
    starts = ends - counts
    values = np.stack([spectrum(rng, d, counts, stds) for _ in range(n)])
    low, high = values[:, ends - 1], values[:, starts]
    means, spreads = laws.tracy_widom_edges(d, counts, stds)
    bare = laws.silverstein_edges(d, counts, stds)
    for i, seen in enumerate((low, high)):
        error = seen.std(0) / np.sqrt(n)
        off = np.abs(means[:, i] - seen.mean(0))
        assert np.all(off < 4 * error + 0.12 * seen.std(0)), (i, off / seen.std(0))
        assert np.all(off < 0.2 * np.abs(bare[:, i] - seen.mean(0)))
        np.testing.assert_allclose(spreads[:, i], seen.std(0), rtol=0.12)


def test_tracy_widom_without_a_soft_edge():
    means, spreads = laws.tracy_widom_edges(40, (10, 30), (1.0, 0.1))
    np.testing.assert_array_equal(np.isnan(means), [[False, False], [True, False]])
    np.testing.assert_array_equal(np.isnan(spreads), np.isnan(means))


def test_gap_edges():
    edges = np.array([[3.0, 4.0], [np.nan, 2.0], [0.5, np.nan]])
    np.testing.assert_array_equal(laws.gap_edges(edges), [[3.0, 2.0], [np.nan, np.nan], [0.5, 0.0]])
    np.testing.assert_array_equal(laws.gap_edges(edges[:1]), [[3.0, 0.0]])
