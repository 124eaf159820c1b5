"""The linear random manifold bent by random quadratic forms into normal directions: curvature of a chosen sign.

(ambient dimension, variance groups, curvature, seed, sign) -> samples, tangent groups, covariance, sampled posterior
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scoregap.data.manifolds.sampled import Sampled


@dataclass(frozen=True)
class Quadratic(Sampled):
    """x0 = sum_i z_i u_i + kappa sum_j (q_j(z) - E q_j) n_j, q_j(z) = z' Q_j z / 2: a paraboloid.

    u_i: singular directions of F; z_i: latents along them, normal with standard deviation s_i as in the linear model.
    n_j: min(m, d - m) orthonormal directions across them. kappa Q_j is the second fundamental form at latent 0, random
    with |Q_j|_F^2 = m, the same whatever the curvature. By `sign` of the scalar curvature there:

    "random": Gaussian orthogonal ensemble (negative on average: |tr Q|^2 < |Q|_F^2). "positive": Wishart, A A' with A
    an m x m Gaussian matrix. "negative": the first without its trace; needs two latents.
    """

    sign: str = "random"

    @cached_property
    def _bends(self):
        """Normal directions (d, p) and forms Q (p, m, m)."""
        m, rng = self.manifold_dim, np.random.default_rng((self.seed, 1))  # apart from the draws of F
        p = min(m, self.ambient_dim - m)
        across = rng.standard_normal((self.ambient_dim, p))
        for _ in range(2):  # twice is enough for orthogonality to rounding
            across -= self.tangent_frame @ (self.tangent_frame.T @ across)
        normals, _ = np.linalg.qr(across)
        a = rng.standard_normal((p, m, m))
        forms = a @ a.swapaxes(1, 2) if self.sign == "positive" else a + a.swapaxes(1, 2)
        if self.sign == "negative":
            forms -= (np.trace(forms, axis1=1, axis2=2) / m)[:, None, None] * np.eye(m)
        return normals, forms * np.sqrt(m) / np.linalg.norm(forms, axis=(1, 2))[:, None, None]

    @property
    def normal_frame(self) -> np.ndarray:
        """(d, p) directions into which the manifold bends."""
        return self._bends[0]

    @property
    def forms(self) -> np.ndarray:
        """(p, m, m) second fundamental form at latent 0 over kappa."""
        return self._bends[1]

    @cached_property
    def _lift(self) -> np.ndarray:
        """(p,) E q_j = tr(Q_j S) / 2, S = diag(s^2)."""
        return 0.5 * np.diagonal(self.forms, axis1=1, axis2=2) @ self.scales**2

    def embed(self, latents):
        """Points of R^d at the given latents: (n, m) -> (n, d)."""
        flat = super().embed(latents)
        if not self.kappa:
            return flat
        latents = self._latents(latents)
        bent = 0.5 * np.einsum("pni,ni->np", latents @ self.forms, latents) - self._lift
        return flat + self.kappa * bent @ self.normal_frame.T

    def pushforward(self, arrays, constant):
        """A number per latent: `embed` of them times `scales`."""
        size, flat = super().pushforward(arrays, constant)
        if not self.kappa:
            return size, flat
        forms = constant(0.5 * self.kappa * self.scales[:, None] * self.forms * self.scales)
        lift, across = constant(self.kappa * self._lift), constant(self.normal_frame.T)

        def push(normals):
            bent = arrays.einsum("pni,ni->np", normals @ forms, normals) - lift
            return flat(normals) + bent @ across

        return size, push

    def slopes(self, latents):
        """Derivative of `embed`: (n, m) -> (n, d, m)."""
        latents = self._latents(latents)
        return self.tangent_frame + self.kappa * self.normal_frame @ (latents @ self.forms).swapaxes(0, 1)

    @cached_property
    def principal_axes(self):
        """Principal directions (d, m + p) and variances (m + p,) of the data: Cov(q_i, q_j) = tr(Q_i S Q_j S) / 2."""
        flat = super().principal_axes
        if not self.kappa:
            return flat
        weighted = self.scales[:, None] * self.forms * self.scales
        variances, axes = np.linalg.eigh(0.5 * np.einsum("aij,bij->ab", weighted, weighted))
        variances = self.kappa**2 * np.maximum(variances, 0.0)
        return np.concatenate([flat[0], self.normal_frame @ axes], 1), np.concatenate([flat[1], variances])

    def scalar_curvature(self) -> float:
        """Scalar curvature at latent 0 by the Gauss equation: kappa^2 sum_j (tr Q_j)^2 - |Q_j|_F^2."""
        traces = np.trace(self.forms, axis1=1, axis2=2)
        return float(self.kappa**2 * (traces**2 - (self.forms**2).sum((1, 2))).sum())
