"""Spectra, asymmetry and alignment on matrices made to have known ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap.measure import spectra

checked = settings(deadline=None, max_examples=40, derandomize=True)


def rotation(rng, d):
    return np.linalg.qr(rng.standard_normal((d, d)))[0]


def skew(rng, d):
    a = rng.standard_normal((d, d))
    return a - a.T


@checked
@given(seed=st.integers(0, 10**6), d=st.integers(2, 8), size=st.floats(0, 3))
def test_prescribed_spectrum_and_asymmetry(seed, d, size):
    """t J = S + K, symmetric and skew: the eigenvalues are those of S; |J - J'| / |J| = 2 |K| / sqrt(|S|^2 + |K|^2)."""
    rng = np.random.default_rng(seed)
    values, frame = np.sort(rng.uniform(-1.5, 0.5, d))[::-1], rotation(rng, d)
    symmetric, odd = (frame * values) @ frame.T, skew(rng, d)
    odd *= size / np.linalg.norm(odd)
    eigenvalues, vectors, singular, asymmetry = spectra.spectra(np.eye(d) + symmetric + odd)
    np.testing.assert_allclose(eigenvalues, values, atol=1e-12)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(d), atol=1e-12)
    np.testing.assert_allclose((vectors * eigenvalues) @ vectors.T, symmetric, atol=1e-12)
    assert asymmetry == pytest.approx(2 * size / np.hypot(np.linalg.norm(values), size), abs=1e-12)
    assert np.all(np.diff(singular) <= 0)
    assert (singular**2).sum() == pytest.approx((values**2).sum() + size**2)


@checked
@given(seed=st.integers(0, 10**6), d=st.integers(2, 8))
def test_prescribed_singular_values(seed, d):
    rng = np.random.default_rng(seed)
    values = np.sort(rng.uniform(0, 2, d))[::-1]
    scaled = (rotation(rng, d) * values) @ rotation(rng, d).T
    np.testing.assert_allclose(spectra.spectra(np.eye(d) + scaled)[2], values, atol=1e-12)


def test_normal_directions_are_at_minus_one():
    eigenvalues, vectors, singular, asymmetry = spectra.spectra(np.diag([0.0, 0.9, 0.0]))
    np.testing.assert_allclose(eigenvalues, [-0.1, -1, -1])
    np.testing.assert_allclose(np.abs(vectors[:, 0]), [0, 1, 0])
    np.testing.assert_allclose(singular, [1, 1, 0.1])
    assert asymmetry == 0


@pytest.mark.parametrize("count", [0, 1, 4])
def test_as_many_eigenvectors_as_are_asked_for(count):
    g = np.random.default_rng(0).standard_normal((3, 4, 4))
    whole, some = spectra.spectra(g), spectra.spectra(g, count)
    for one, other in zip(whole[::2], some[::2], strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(some[1], whole[1][..., :count])


def test_every_point_alone():
    g = np.random.default_rng(0).standard_normal((2, 3, 4, 4))
    together = spectra.spectra(g)
    assert [part.shape for part in together] == [(2, 3, 4), (2, 3, 4, 4), (2, 3, 4), (2, 3)]
    for i in range(2):
        for j in range(3):
            for ours, theirs in zip(spectra.spectra(g[i, j]), together, strict=True):
                np.testing.assert_allclose(ours, theirs[i, j], atol=1e-13)


def test_asymmetry_of_a_skew_matrix_is_two():
    assert spectra.spectra(np.eye(3) + skew(np.random.default_rng(0), 3))[3] == pytest.approx(2)


def test_not_finite_is_said():
    with pytest.raises(np.linalg.LinAlgError):
        spectra.spectra(np.full((3, 3), np.nan))


@checked
@given(seed=st.integers(0, 10**6), angles=st.lists(st.floats(0, np.pi / 2), min_size=3, max_size=3))
def test_alignment_of_known_angles(seed, angles):
    """Two groups of tangents turned out of the measured space by known angles, each in a plane of its own."""
    rng = np.random.default_rng(seed)
    frame = rotation(rng, 8)
    turned = frame[:, :3] * np.cos(angles) + frame[:, 4:7] * np.sin(angles)
    mixed = turned.copy()
    mixed[:, :2] = turned[:, :2] @ rotation(rng, 2)  # a group is a subspace, whatever its basis
    measured = frame.copy()
    measured[:, :2] = frame[:, :2] @ rotation(rng, 2)
    mean, smallest = spectra.alignment(measured, mixed, [(0, 2), (2, 3)])
    np.testing.assert_allclose(mean, [np.cos(angles[:2]).mean(), np.cos(angles[2])], atol=1e-12)
    np.testing.assert_allclose(smallest, [np.cos(angles[:2]).min(), np.cos(angles[2])], atol=1e-12)


def test_alignment_one_and_zero():
    frame = rotation(np.random.default_rng(1), 6)
    np.testing.assert_allclose(spectra.alignment(frame, frame[:, :4], [(0, 1), (1, 4)]), np.ones((2, 2)))
    np.testing.assert_allclose(spectra.alignment(frame, -frame[:, :4], [(0, 1), (1, 4)]), np.ones((2, 2)))
    np.testing.assert_allclose(spectra.alignment(frame, frame[:, 2:6], [(0, 2), (2, 4)]), np.zeros((2, 2)), atol=1e-14)
    # Groups swapped: each is orthogonal to what is measured in its place.
    np.testing.assert_allclose(
        spectra.alignment(frame, frame[:, [2, 3, 0, 1]], [(0, 2), (2, 4)]), np.zeros((2, 2)), atol=1e-14
    )
    assert max(one.max() for one in spectra.alignment(frame, frame[:, :4], [(0, 1), (1, 4)])) <= 1


def test_alignment_of_unrelated_spaces():
    """About sqrt(size / d), as the docstring says."""
    rng = np.random.default_rng(2)
    vectors = np.stack([rotation(rng, 40) for _ in range(200)])
    tangents = np.stack([rotation(rng, 40)[:, :5] for _ in range(200)])
    found, smallest = spectra.alignment(vectors, tangents, [(0, 1), (1, 5)])
    assert (smallest <= found).all()
    assert found.shape == (200, 2)
    # One pair of directions: E |cos| = sqrt(2 / (pi d)). A square block: the mean singular value is 0.85 sqrt(4 / d).
    np.testing.assert_allclose(found.mean(0), [np.sqrt(2 / (np.pi * 40)), 0.85 * np.sqrt(4 / 40)], rtol=0.1)


def test_alignment_without_tangents_is_unknown_and_broadcast_arrays_are_looked_at_once():
    frame, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 6)))
    tangents = np.stack([frame[:, :3], frame[:, :3]])
    tangents[1, :, 2] = np.nan
    for found in spectra.alignment(np.broadcast_to(frame, (4, 2, 6, 6)), tangents, [(0, 2), (0, 3)]):
        np.testing.assert_allclose(found, np.broadcast_to([[1, 1], [1, np.nan]], (4, 2, 2)))
    flat, _ = spectra.alignment(
        np.broadcast_to(frame, (4, 2, 6, 6)), np.broadcast_to(frame[:, :3], (2, 6, 3)), [(0, 3)]
    )
    np.testing.assert_allclose(flat, np.ones((4, 2, 1)))
