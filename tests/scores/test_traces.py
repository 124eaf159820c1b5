"""Traces by products with random vectors: exact where G is diagonal, else within their errors, in little memory."""

import numpy as np
import pytest
import torch

from scoregap.scores import traces

D = 12
T = np.array([0.5, 2.0, 0.1])
X = np.random.default_rng(0).standard_normal((3, D))


def linear(matrix):
    """evaluate() of D(x, t) = matrix x / (1 + t)."""

    def evaluate(x, t):
        points = torch.tensor(x, requires_grad=True)
        return points, points @ torch.tensor(matrix).T / (1 + torch.tensor(t)[:, None])

    return evaluate


def signs(count, seed=0, n=len(X)):
    return np.random.default_rng(seed).choice([-1.0, 1.0], (count, n, D))


@pytest.mark.parametrize("count", [2, 16])
def test_random_signs_give_the_trace_of_a_diagonal_matrix_itself(count):
    diagonal = np.linspace(-1, 3, D)
    found = traces.hutchinson(linear(np.diag(diagonal)), X, T, signs(count))
    np.testing.assert_allclose(found.trace, diagonal.sum() / (1 + T), rtol=1e-12)
    np.testing.assert_allclose(found.error, 0, atol=1e-12)
    np.testing.assert_allclose(found.mean, X * diagonal / (1 + T[:, None]), rtol=1e-12)


def test_the_error_is_the_scatter_of_the_estimate():
    """Over 300 draws of 16 signs: no bias, the stated variance, 2 sum G_ij^2 / k over i != j of the symmetric part, and
    the standard error says it."""
    matrix = np.random.default_rng(1).standard_normal((D, D))
    found = [traces.hutchinson(linear(matrix), X[:1], T[:1], signs(16, seed, 1)) for seed in range(300)]
    trace, error = (np.array([getattr(one, name)[0] for one in found]) for name in ("trace", "error"))
    symmetric = (matrix + matrix.T) / 2 / (1 + T[0])
    variance = 2 * ((symmetric**2).sum() - (np.diag(symmetric) ** 2).sum()) / 16
    assert abs(trace.mean() - np.trace(symmetric)) < 4 * np.sqrt(variance / 300)
    assert trace.var(ddof=1) == pytest.approx(variance, rel=0.35)  # 4 standard errors of a variance of 300
    assert (error**2).mean() == pytest.approx(variance, rel=0.2)


def test_points_are_evaluated_a_few_at_a_time(monkeypatch):
    matrix, sizes = np.random.default_rng(1).standard_normal((D, D)), []

    def evaluate(x, t):
        sizes.append(len(x))
        return linear(matrix)(x, t)

    whole = traces.hutchinson(evaluate, X, T, signs(8))
    monkeypatch.setattr(traces, "TRACED", 2 * D + 1)
    parts = traces.hutchinson(evaluate, X, T, signs(8))
    assert sizes == [3, 2, 1]
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_an_output_without_its_input_has_no_trace():
    def evaluate(x, t):
        return torch.tensor(x, requires_grad=True), torch.ones(len(x), D, dtype=torch.float64)

    found = traces.hutchinson(evaluate, X, T, signs(4))
    assert (found.trace == 0).all()
    assert (found.error == 0).all()
