"""Lanczos on matrices of prescribed spectrum, against dense float64 linear algebra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator, eigsh
from scipy.stats import norm

from scoregap import data
from scoregap.measure import differences, lanczos

checked = settings(deadline=None, max_examples=25, derandomize=True)


def symmetric(values, seed=0):
    """A symmetric matrix of that spectrum, and the product of rows with it that counts them."""
    rng = np.random.default_rng(seed)
    frame = np.linalg.qr(rng.standard_normal((len(values), len(values))))[0]
    matrix = (frame * np.asarray(values)) @ frame.T

    def product(rows):
        product.vectors += len(rows)
        return rows @ matrix.T

    product.vectors = 0
    return matrix, product


SPECTRA = {
    "one dimension": [0.3],
    "two": [0.9, 0.1],
    "three, degenerate": [0.9, 0.9, 0.0],
    "zero": np.zeros(12),
    "identity": np.ones(12),
    "projection": np.r_[np.ones(5), np.zeros(35)],
    "sphere": np.r_[np.full(10, 0.9), 0.3, np.zeros(49)],
    "t J clustered at -1": np.r_[-np.geomspace(1e-3, 0.5, 6), np.full(54, -1.0)],
    "both signs": np.linspace(-1.5, 0.7, 30),
    "huge": 1e8 * np.linspace(0, 1, 20),
}
CASES = pytest.mark.parametrize("values", SPECTRA.values(), ids=SPECTRA)


@CASES
@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("count", [1, 4, 12])
def test_extreme_eigenpairs_as_often_as_they_occur(values, largest, count):
    for seed in range(3):
        matrix, product = symmetric(values, seed)
        d = len(matrix)
        found, vectors = lanczos.extreme(product, d, count, np.random.default_rng(seed), largest)
        dense = np.linalg.eigvalsh(matrix)
        scale = max(np.abs(dense).max(), 1e-300)
        expected = (dense[::-1] if largest else dense)[:count]
        assert found.shape == (min(count, d),)
        assert vectors.shape == (d, min(count, d))
        np.testing.assert_allclose(found / scale, expected / scale, atol=1e-8)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(found)), atol=1e-10)
        assert np.linalg.norm(matrix @ vectors - vectors * found, axis=0).max() <= 1.01e-8 * scale + 1e-12 * scale


def test_arpack_misses_copies_that_blocks_find():
    """Why `extreme` is not scipy's eigsh, which starts from one vector: of ten copies of 0.9 it has fewer."""
    matrix, product = symmetric(np.r_[np.full(10, 0.9), np.linspace(0, 0.85, 50)])
    operator = LinearOperator(matrix.shape, matvec=lambda x: matrix @ x, dtype=float)
    start = np.random.default_rng(0).standard_normal(len(matrix))
    missed = eigsh(operator, 10, which="LA", tol=1e-8, v0=start, return_eigenvectors=False)
    assert missed.min() < 0.86  # and says nothing
    found = lanczos.extreme(product, len(matrix), 10, np.random.default_rng(0))[0]
    np.testing.assert_allclose(found, 0.9, atol=1e-8)


def test_extreme_takes_few_products_where_few_values_are_distinct():
    _, product = symmetric(np.r_[np.full(10, 0.9), 0.3, np.zeros(489)])
    found, _ = lanczos.extreme(product, 500, 11, np.random.default_rng(0))
    np.testing.assert_allclose(found, [0.9] * 10 + [0.3], atol=1e-8)
    assert product.vectors <= 40


@pytest.mark.parametrize("tolerance", [1e-8, 0.0])
def test_extreme_ends_where_rounding_or_asymmetry_leaves_a_residual(tolerance):
    """A product that is a little skew, as differences of a network's are: residuals inside the space cannot fall."""
    matrix, _ = symmetric(np.r_[np.ones(2), 0.5, np.zeros(17)])
    skew = np.random.default_rng(1).standard_normal((20, 20))
    skew = matrix @ (skew - skew.T) @ matrix * 1e-5
    found, _ = lanczos.extreme(lambda v: v @ (matrix + skew).T, 20, 3, np.random.default_rng(0), tolerance=tolerance)
    np.testing.assert_allclose(found, [1, 1, 0.5], atol=1e-8)


@checked
@given(seed=st.integers(0, 10**6), d=st.integers(1, 12), degenerate=st.booleans())
def test_singular_values_of_what_is_not_symmetric(seed, d, degenerate):
    rng = np.random.default_rng(seed)
    values = np.sort(rng.choice([0.0, 1.0, 2.0], d) if degenerate else rng.uniform(0, 2, d))[::-1]
    one, two = (np.linalg.qr(rng.standard_normal((d, d)))[0] for _ in range(2))
    matrix = (one * values) @ two.T
    found = lanczos.largest_singular(lambda v: v @ matrix.T, lambda v: v @ matrix, d, 3, rng)
    np.testing.assert_allclose(found, values[:3], atol=2e-7)


@CASES
def test_quadrature_with_all_probes_is_the_spectrum(values):
    """As many orthonormal probes as dimensions, as many steps as distinct values: every count is right, error 0."""
    matrix, product = symmetric(values)
    d = len(matrix)
    found = lanczos.quadrature(product, d, d + 5, d + 5, np.random.default_rng(1))
    np.testing.assert_allclose(found.weights.sum(1), 1, atol=1e-12)
    scale = np.abs(values).max() + 1e-300
    for power in (1, 2):
        moment = d * (found.weights * (found.nodes / scale) ** power).sum(1).mean()
        np.testing.assert_allclose(moment, ((np.asarray(values) / scale) ** power).sum(), atol=1e-9 * d)
    distinct = np.unique(np.round(values, 12))
    for level in 0.5 * (distinct[1:] + distinct[:-1]):
        count, error = found.count_above(level)
        np.testing.assert_allclose(count, (np.asarray(values) > level).sum(), atol=1e-8)
        assert error == 0


def test_tridiagonal_matrices_are_those_of_the_start():
    """T = Q' A Q with the Krylov basis; its moments e_1' T^k e_1 = v' A^k v up to 2 steps - 1."""
    matrix, product = symmetric(np.linspace(-1, 1, 20))
    start = np.linalg.qr(np.random.default_rng(0).standard_normal((20, 3)))[0].T
    diagonal, off = lanczos.tridiagonal(product, start, 4)
    assert (diagonal.shape, off.shape) == ((3, 4), (3, 3))
    assert product.vectors == 3 * 4
    for i in range(3):
        t = np.diag(diagonal[i]) + np.diag(off[i], 1) + np.diag(off[i], -1)
        for k in range(8):
            moment = start[i] @ np.linalg.matrix_power(matrix, k) @ start[i]
            np.testing.assert_allclose(np.linalg.matrix_power(t, k)[0, 0], moment, atol=1e-12)


def test_an_exhausted_krylov_space_is_left_alone():
    _, product = symmetric(np.r_[np.ones(3), np.zeros(7)])
    start = np.linalg.qr(np.random.default_rng(0).standard_normal((10, 2)))[0].T
    _, off = lanczos.tridiagonal(product, start, 6)
    assert (off[:, 0] > 0).all()
    assert (off[:, 1:] == 0).all()


def test_standard_error_of_the_count_is_that_of_repetition():
    """Over many draws of few probes: unbiased, and the mean square error is the one that is said."""
    values = np.r_[np.full(12, 0.9), np.zeros(28)]
    _, product = symmetric(values)
    counts, errors = np.array(
        [lanczos.quadrature(product, 40, 3, 4, np.random.default_rng(s)).count_above(0.5) for s in range(600)]
    ).T
    assert counts.mean() == pytest.approx(12, abs=4 * counts.std() / 24)
    assert np.sqrt((errors**2).mean()) == pytest.approx(counts.std(), rel=0.1)
    assert np.isnan(lanczos.quadrature(product, 40, 1, 4, np.random.default_rng(0)).count_above(0.5)[1])


def test_density_and_smooth_counts():
    """Every eigenvalue smoothed to a normal."""
    values = np.array([-1.0, -1.0, -1.0, -0.2, 0.0])
    _, product = symmetric(values)
    found = lanczos.quadrature(product, 5, 5, 5, np.random.default_rng(0))
    grid = np.linspace(-1.5, 0.5, 9)
    np.testing.assert_allclose(found.density(grid, 0.1), norm.pdf(grid[:, None], values, 0.1).mean(1), atol=1e-10)
    assert found.count_above(-0.3, 0.1)[0] == pytest.approx(norm.sf(-0.3, values, 0.1).sum())


def test_dimension_of_a_sphere_in_many_dimensions_without_a_matrix():
    """S^10 in R^3072 at a small noise variance: 10 eigenvalues of G above 1/2, by differences of the exact score."""
    known = data.manifold("sphere", 3072, [(10, 1.0)], 1.0, seed=0)
    radius, rng = known.radii[0], np.random.default_rng(0)
    t = (0.03 * radius) ** 2
    x = known.sample(rng, 1)[0] + np.sqrt(t) * rng.standard_normal((1, 3072))
    product = differences.product(lambda x: known.exact(x, t).mean, x[0], t, 0.03)
    values, _ = lanczos.extreme(product, 3072, 12, rng, tolerance=1e-4)
    np.testing.assert_allclose(values, known.exact(x, t).spectrum()[0, :12], atol=1e-4)
    assert (values > 0.5).sum() == 10
    count, error = lanczos.quadrature(product, 3072, 40, 4, rng).count_above(0.5)
    assert abs(count - 10) < 4 * error
    assert error < 5
