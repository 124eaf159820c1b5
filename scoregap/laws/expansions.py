"""Expansions of exact spectra in small curvature and small noise (theory.md 4).

(noise variance t, size and curvature of an arc or sphere) -> eigenvalues of the denoiser Jacobian G, times

Arc: one bent latent z ~ N(0, s^2), a(z) = (sin(kappa z), 1 - cos(kappa z)) / kappa; values are means over x_t, up to
O(kappa^4). With V = s^2 t / (s^2 + t) and mu the flat posterior's variance and mean, to leading order
Cov = [[V, kappa mu V], [kappa mu V, kappa^2 (mu^2 V + V^2 / 2)]], so the bend has
kappa^2 (mu^2 V + V^2 / 2) - (kappa mu V)^2 / V = kappa^2 V^2 / 2. The tangent has Cov_11 + kappa^2 mu^2 V, where
Cov_11 is that of z - kappa^2 z^3 / 6 under the terms kappa y_2 z^2 / (2 t) + kappa^2 (z^4 / 24 - y_1 z^3 / 6) / t
of the log posterior, by its cumulants to second order in kappa, averaged over y.

Sphere: S^m of radius R in R^n, n = m + 1, at a point at distance r from its centre, from the radial eigenvalue
(R^2 / t) (1 - A^2 - (n - 1) A / k) and the tangential one R A / r, where k = R r / t and
A = I_{n/2}(k) / I_{n/2-1}(k) = 1 - (n - 1) / (2 k) + (n - 1) (n - 3) / (8 k^2) + ... On S^2 both are exact up to
exp(-2 k).

Lengths are from `SHORTEST` to `LONGEST`; NaN in t and curvature stays. Raises InputError.
"""

from scoregap.arguments import not_negative, positive, ranged

SHORTEST, LONGEST = 1e-50, 1e50


def _of_arc(t, s, kappa):
    """The arguments of an arc."""
    return not_negative("t", t), ranged("s", s, SHORTEST, LONGEST, "..."), not_negative("kappa", kappa)


def _of_sphere(t, distance, manifold_dim):
    """The arguments of a sphere."""
    distance = ranged("distance", distance, SHORTEST, LONGEST, "...")
    return not_negative("t", t), distance, positive("manifold_dim", manifold_dim, "...")


def arc_tangent(t, s, kappa):
    """Larger eigenvalue of G on an arc: s^2 / (s^2 + t) - kappa^2 s^4 t^2 / (s^2 + t)^3 + O(kappa^4)."""
    t, s, kappa = _of_arc(t, s, kappa)
    flat = s**2 / (s**2 + t)
    return flat - (kappa * t * flat) ** 2 / (s**2 + t)


def arc_bend(t, s, kappa):
    """Smaller eigenvalue of G on an arc, the ghost direction: kappa^2 s^4 t / (2 (s^2 + t)^2) + O(kappa^4).

    Largest at t = s^2, where it is (kappa s)^2 / 8.
    """
    t, s, kappa = _of_arc(t, s, kappa)
    return 0.5 * t * (kappa * s**2 / (s**2 + t)) ** 2


def arc_tangent_time(s, kappa):
    """t at which the tangent eigenvalue is 1/2: s^2 (1 - (kappa s)^2 / 2) + O(kappa^4)."""
    _, s, kappa = _of_arc(0, s, kappa)
    return s**2 * (1 - 0.5 * (kappa * s) ** 2)


def arc_consolidation(s, kappa, widest=None):
    """t at which the tangent eigenvalue of an arc less the largest bend of all arcs is 1/2, to O(kappa^4).

    widest: length scale of the arc with the largest bend, the widest one (default: the arc alone, s). The bend of
    that arc at t = s^2 closes the final gap: s^2 (1 - (kappa s)^2 (1/2 + 2 (S^2 / (S^2 + s^2))^2)), S = widest;
    s^2 (1 - (kappa s)^2) for the arc alone.
    """
    _, s, kappa = _of_arc(0, s, kappa)
    S = s if widest is None else ranged("widest", widest, SHORTEST, LONGEST, "...")
    return s**2 * (1 - (kappa * s) ** 2 * (0.5 + 2 * (S**2 / (S**2 + s**2)) ** 2))


def sphere_radial(t, distance, manifold_dim):
    """Eigenvalue of G along the radius of S^m for t << R r / m: m t / (2 r^2), relative error (m - 2) t / (2 R r)."""
    t, distance, manifold_dim = _of_sphere(t, distance, manifold_dim)
    return manifold_dim * t / (2 * distance**2)


def sphere_tangential(t, radius, distance, manifold_dim):
    """Eigenvalues of G along S^m for t << R r / m: (R / r) (1 - m t / (2 R r)), error m (m - 2) (t / (R r))^2 / 8."""
    t, distance, manifold_dim = _of_sphere(t, distance, manifold_dim)
    radius = ranged("radius", radius, SHORTEST, LONGEST, "...")
    return radius / distance * (1 - manifold_dim * t / (2 * radius * distance))
