"""Expansions against exact posteriors: what is left must be of the next order, and fall as fast as that."""

import mpmath as mp
import numpy as np
import pytest
from scipy.optimize import brentq

from scoregap.data import posteriors
from scoregap.laws import expansions

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(12)
LATENT, ALONG, ACROSS = (axis.ravel() for axis in np.meshgrid(NODES, NODES, NODES))
WEIGHT = (WEIGHTS[:, None, None] * WEIGHTS[:, None] * WEIGHTS).ravel() / WEIGHTS.sum() ** 3


def arc_means(t, s, kappa):
    """Means over x_t of the (larger, smaller) eigenvalue of G on an arc, by Gauss-Hermite over latent and noise."""
    angle = kappa * s * LATENT
    y = np.stack([np.sin(angle), 2 * np.sin(angle / 2) ** 2], -1) / kappa + np.sqrt(t) * np.stack([ALONG, ACROSS], -1)
    return WEIGHT @ np.linalg.eigvalsh(posteriors.arc(y, s, kappa, t)[1] / t)[:, ::-1]


@pytest.mark.parametrize("s", [0.5, 2.0])
@pytest.mark.parametrize("ratio", [0.1, 1.0, 10.0])
def test_arc_eigenvalues_to_second_order(s, ratio):
    """Twice the curvature leaves 16 times the remainder, so it is O(kappa^4); it is at most 0.1 (kappa s)^4."""
    t, off = ratio * s**2, []
    for bend in (0.06, 0.12):
        kappa = bend / s
        found = arc_means(t, s, kappa)
        off.append(found - [expansions.arc_tangent(t, s, kappa), expansions.arc_bend(t, s, kappa)])
        assert np.all(np.abs(off[-1]) < 0.1 * bend**4)
        # The expansion holds the shift itself: without it the remainder would be larger a hundred times.
        assert np.all(np.abs(off[-1]) < 0.03 * np.abs(found - [s**2 / (s**2 + t), 0.0]))
    np.testing.assert_allclose(off[1] / off[0], 16, rtol=0.05)


def test_arc_times():
    """Exact times by Newton's method: off by O((kappa s)^4), so 16 times as much for twice the curvature."""
    s, off = 0.3, []
    for bend in (0.1, 0.2):
        kappa = bend / s
        law = np.array([expansions.arc_tangent_time(s, kappa), expansions.arc_consolidation(s, kappa)])
        found = law.copy()
        for _ in range(2):
            pairs = np.array([[arc_means(t * scale, s, kappa) for t in found] for scale in (1.0, 1.0001)])
            values = np.stack([pairs[:, 0, 0], pairs[:, 1, 0] - pairs[:, 1, 1]], -1) - 0.5
            found = found * (1 - 1e-4 * values[0] / (values[1] - values[0]))
        off.append((found - law) / s**2)
        assert np.all(np.abs(off[-1]) < 1.5 * bend**4)
    np.testing.assert_allclose(off[1] / off[0], 16, rtol=0.1)


def test_bend_is_largest_at_the_latent_variance():
    t = np.linspace(0.5, 2, 301)
    bend = expansions.arc_bend(t * 0.49, 0.7, 0.1)
    assert t[bend.argmax()] == pytest.approx(1, abs=0.01)
    assert bend.max() == pytest.approx(0.07**2 / 8, rel=1e-9)


def sphere_exact(t, radius, distance, manifold_dim):
    with mp.workdps(40):
        n, k = manifold_dim + 1, mp.mpf(radius) * distance / mp.mpf(t)
        a = mp.besseli(mp.mpf(n) / 2, k) / mp.besseli(mp.mpf(n) / 2 - 1, k)
        radial = mp.mpf(radius) ** 2 / mp.mpf(t) * (1 - a**2 - (n - 1) * a / k)
        return float(radial), float(radius * a / distance)


@pytest.mark.parametrize("manifold_dim", [1, 2, 3, 10])
@pytest.mark.parametrize(("radius", "distance"), [(1.0, 1.0), (2.0, 1.5), (0.3, 0.5)])
def test_sphere_eigenvalues_at_little_noise(manifold_dim, radius, distance):
    """The remainders are the next terms, to their own relative O(m t / (R r))."""
    m = manifold_dim
    for small in (1e-3, 1e-4):  # t / (R r)
        t = small * radius * distance
        radial, tangential = sphere_exact(t, radius, distance, m)
        off = expansions.sphere_radial(t, distance, m) / radial - 1
        assert off == pytest.approx((m - 2) * small / 2, rel=20 * m * small, abs=1e-11)
        off = expansions.sphere_tangential(t, radius, distance, m) - tangential
        assert off == pytest.approx(-radius / distance * m * (m - 2) * small**2 / 8, rel=20 * m * small, abs=1e-15)


def test_consolidation_with_the_bend_of_another_arc():
    """The time at which the two expansions are 1/2 apart, by root search; its remainder is of order kappa^4."""
    s, widest, off = 0.3, 2.0, []
    for kappa in (0.1, 0.2):

        def gap(t, kappa=kappa):
            return expansions.arc_tangent(t, s, kappa) - expansions.arc_bend(t, widest, kappa) - 0.5

        root = brentq(gap, 0.3 * s**2, s**2, xtol=1e-14)
        off.append(abs(expansions.arc_consolidation(s, kappa, widest) / root - 1))
    assert off[0] < 0.2 * (0.1 * s) ** 2
    assert off[1] / off[0] == pytest.approx(16, rel=0.1)
    assert expansions.arc_consolidation(s, 0.2, s) == expansions.arc_consolidation(s, 0.2)
