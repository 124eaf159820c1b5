"""Principal axes of points: those of their second moments, also of very unequal ones, and no more than there are."""

import numpy as np
import pytest

from scoregap.networks import covariance


def points(n=500, d=7, stds=(3.0, 1.0, 0.2), seed=0):
    rng = np.random.default_rng(seed)
    frame = np.linalg.qr(rng.standard_normal((d, d)))[0][:, : len(stds)]
    return rng.standard_normal((n, len(stds))) * stds @ frame.T, frame


@pytest.mark.parametrize("parts", [1, 2, 100])
def test_axes_are_those_of_the_second_moments(parts):
    x, _ = points()
    directions, variances = covariance.principal_axes(np.array_split(x, parts))
    assert directions.shape == (7, 3)
    assert directions.dtype == variances.dtype == np.float32
    assert np.all(np.diff(variances) < 0)
    np.testing.assert_allclose(directions.T @ directions, np.eye(3), atol=1e-6)
    np.testing.assert_allclose((directions * variances) @ directions.T, x.T @ x / len(x), rtol=1e-4, atol=1e-5)


def test_parts_shorter_than_the_dimension():
    x, _ = points(n=40, d=20)
    whole, some = covariance.principal_axes([x]), covariance.principal_axes(np.array_split(x, 8))
    np.testing.assert_allclose(whole.variances, some.variances, rtol=1e-6)
    assert some.directions.shape == (20, 3)


def test_a_direction_of_a_millionth_of_a_millionth_is_there_and_rounding_is_not():
    x, frame = points(n=4000, stds=(1.0, 1e-6, 1e-11))
    directions, variances = covariance.principal_axes(np.array_split(x, 3))
    np.testing.assert_allclose(variances, [1, 1e-12, 1e-22], rtol=0.15)
    np.testing.assert_allclose(np.abs(np.diag(directions.T @ frame)), 1, atol=1e-4)


def test_all_directions_where_the_data_have_all():
    x, _ = points(d=3)
    assert covariance.principal_axes([x]).directions.shape == (3, 3)
