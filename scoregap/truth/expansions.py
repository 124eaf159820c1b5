"""Expansions of exact spectra in small curvature and small noise (THEORY.md 4).

(noise variance t, size and curvature of an arc or sphere) -> eigenvalues of the denoiser Jacobian G, times

Arc: one bent latent z ~ N(0, s^2) on a circle of curvature kappa, a(z) = (sin(kappa z), 1 - cos(kappa z)) / kappa;
values are means over x_t, up to O(kappa^4). With V = s^2 t / (s^2 + t) the flat posterior variance and mu the mean, to
leading order Cov = [[., kappa mu V], [kappa mu V, kappa^2 (mu^2 V + V^2 / 2)]], so the bend has
kappa^2 (mu^2 V + V^2 / 2) - (kappa mu V)^2 / V = kappa^2 V^2 / 2. The tangent has Cov_11 + kappa^2 mu^2 V, with the cumulants
of z perturbed to second order by kappa y_2 z^2 / (2 t) - kappa^2 (z^4 / 8 + y_1 z^3 / 6 - z^4 / 6) / t, averaged over y.

Sphere: S^m of radius R about the origin in R^n, n = m + 1, at a point at distance r from its centre, up to relative
O(t / (R r)). From A = I_{n/2}(k) / I_{n/2-1}(k) = 1 - (n - 1) / (2 k) + (n - 1) (n - 3) / (8 k^2) + ..., k = R r / t, in the
radial eigenvalue (R^2 / t) (1 - A^2 - (n - 1) A / k) and the tangential one R A / r.
"""

import numpy as np


def arc_tangent(t, s, kappa):
    """Larger eigenvalue of G on an arc: s^2 / (s^2 + t) - kappa^2 s^4 t^2 / (s^2 + t)^3 + O(kappa^4)."""
    flat = s**2 / (s**2 + t)
    return flat - (kappa * t * flat) ** 2 / (s**2 + t)


def arc_bend(t, s, kappa):
    """Smaller eigenvalue of G on an arc, the ghost direction: kappa^2 s^4 t / (2 (s^2 + t)^2) + O(kappa^4).

    Largest at t = s^2, where it is (kappa s)^2 / 8.
    """
    return 0.5 * t * (kappa * s**2 / (s**2 + t)) ** 2


def arc_tangent_time(s, kappa):
    """t at which the tangent eigenvalue is 1/2: s^2 (1 - (kappa s)^2 / 2) + O(kappa^4)."""
    return s**2 * (1 - 0.5 * (kappa * s) ** 2)


def arc_consolidation(s, kappa):
    """t at which the tangent eigenvalue less the bend is 1/2: s^2 (1 - (kappa s)^2) + O(kappa^4)."""
    return s**2 * (1 - (kappa * s) ** 2)


def sphere_radial(t, radius, distance, manifold_dim):
    """Eigenvalue of G along the radius of S^m, t << R r / m: m t / (2 r^2), relative error O(t / (R r))."""
    return manifold_dim * t / (2 * np.square(distance)) * np.ones_like(radius)


def sphere_tangential(t, radius, distance, manifold_dim):
    """Eigenvalues of G along S^m, t << R r / m: (R / r) (1 - m t / (2 R r)), relative error O((t / (R r))^2)."""
    return radius / distance * (1 - manifold_dim * t / (2 * radius * distance))
