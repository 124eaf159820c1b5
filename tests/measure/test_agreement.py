"""Cosines of Jacobians, of which only sketches are kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoregap import InputError
from scoregap.measure import agreement

RNG = np.random.default_rng(0)


def jacobians(rng, count, d, rank):
    """(count, d, d) symmetric, with so many eigenvalues of order 1 and others that are small, as a denoiser's."""
    frame = np.linalg.qr(rng.standard_normal((count, d, d)))[0]
    values = np.where(np.arange(d) < rank, 0.9, 0.01)
    return frame * values @ frame.swapaxes(1, 2)


def plain(one, other):
    """Cosines of whole matrices, one by one."""
    return np.array([np.vdot(a, b) / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(one, other, strict=True)])


def test_in_few_dimensions_they_are_those_of_the_whole_jacobians():
    one, other = RNG.standard_normal((2, 50, agreement.SIDE, agreement.SIDE))
    frames = agreement.frames(RNG, agreement.SIDE)
    found = agreement.cosine(agreement.sketch(one, frames), agreement.sketch(other, frames))
    np.testing.assert_allclose(found, plain(one, other), atol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("rank", [1, 20, 100])
def test_in_many_they_have_the_error_that_is_said(rank, share):
    """Of no bias to speak of, and a standard deviation about (1 - cosine^2) / SIDE, more where few are resolved."""
    rng = np.random.default_rng(rank)
    first, second = (jacobians(rng, 30, 128, rank) for _ in range(2))
    second = share * first + (1 - share) * second
    exact = plain(first, second)
    errors = []
    for i in range(8):
        frames = agreement.frames(np.random.default_rng(i), 128)
        errors.append(agreement.cosine(agreement.sketch(first, frames), agreement.sketch(second, frames)) - exact)
    said = (1 - exact.mean() ** 2) / agreement.SIDE
    assert np.std(errors) < (min(2.5 * said, 0.04) if rank >= 20 else min(10 * said, 0.09))
    assert abs(np.mean(errors)) < np.std(errors)


@given(st.floats(1e-3, 1e3), st.integers(0, 2**32 - 1))
def test_scores_agree_with_themselves_whatever_the_scale(scale, seed):
    rng = np.random.default_rng(seed)
    one = rng.standard_normal((3, 5, 5))
    other = rng.standard_normal((3, 5, 5))
    np.testing.assert_allclose(agreement.cosine(one, scale * one), 1, atol=1e-12)
    np.testing.assert_allclose(agreement.cosine(one, -scale * one), -1, atol=1e-12)
    there, back = agreement.cosine(one, other), agreement.cosine(other, scale * one)
    np.testing.assert_allclose(there, back, atol=1e-12)
    assert (np.abs(there) <= 1).all()


def test_what_has_no_direction_has_no_cosine():
    one = RNG.standard_normal((4, 3, 3))
    other = one.copy()
    other[1] = 0
    other[2, 0, 0] = np.nan
    assert np.isfinite(agreement.cosine(one, other)).tolist() == [True, False, False, True]
    sketches = agreement.sketch(other, agreement.frames(RNG, 3))
    assert np.isfinite(sketches).all((1, 2)).tolist() == [True, False, False, True]


def test_what_is_none_is_refused():
    frames = agreement.frames(RNG, 4)
    with pytest.raises(
        InputError, match=r"^jacobians: the shape \(2, 3, 3\) is not allowed: should be \(\.\.\., 4, 4\)"
    ):
        agreement.sketch(np.ones((2, 3, 3)), frames)
    with pytest.raises(InputError, match=r"^of: .*: should be frames"):
        agreement.sketch(np.ones((2, 4, 4)), None)
    with pytest.raises(InputError, match=r"^other: the shape"):
        agreement.cosine(np.ones((2, 4, 4)), np.ones((2, 3, 3)))
    with pytest.raises(InputError, match=r"^dim: 0 is not allowed: should be a whole number from 1"):
        agreement.frames(RNG, 0)
