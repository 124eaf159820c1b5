"""The hidden manifold model x0 = tanh(kappa F z) / kappa: a linear manifold bent in every coordinate.

(ambient dimension, variance groups, curvature, seed) -> samples, tangent groups, covariance, sampled posterior

Goldt, Mezard, Krzakala and Zdeborova, "Modeling the influence of data structure on learning in neural networks: the
hidden manifold model", Phys. Rev. X 10, 041044 (2020), up to the scale kappa that makes the linear model its limit.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scoregap import InputError
from scoregap.arguments import known, whole
from scoregap.data.manifolds.sampled import Sampled


@dataclass(frozen=True)
class Tanh(Sampled):
    """x0 = tanh(kappa u) / kappa elementwise, u = F z the linear model. At curvature 0 it is the linear model.

    Unlike arcs it bends in the coordinates of R^d, so it needs no further dimensions; its mean is 0 by symmetry.
    Latents are those of the linear model, along the singular directions of F. No closed posterior.
    """

    def embed(self, latents):
        """Points of R^d at the given latents: (n, m) -> (n, d)."""
        flat = super().embed(latents)
        return np.tanh(self.kappa * flat) / self.kappa if self.kappa else flat

    def pushforward(self, arrays, constant):
        """A number per latent: `embed` of them times `scales`."""
        size, flat = super().pushforward(arrays, constant)
        kappa = self.kappa
        return size, (lambda normals: arrays.tanh(kappa * flat(normals)) / kappa) if kappa else flat

    def slopes(self, latents):
        """Derivative of `embed`: (n, m) -> (n, d, m)."""
        slope = 1 - np.tanh(self.kappa * super().embed(latents)) ** 2
        return slope[:, :, None] * self.tangent_frame

    @cached_property
    def principal_axes(self):
        """Principal directions (d, d) and variances (d,) of the data, by quadrature."""
        if not self.kappa:
            return super().principal_axes
        linear = self.tangent_frame * self.scales
        variances, axes = np.linalg.eigh(tanh_covariance(self.kappa**2 * linear @ linear.T) / self.kappa**2)
        return axes[:, ::-1], np.maximum(variances[::-1], 0.0)


def tanh_covariance(covariance, block: int = 2**21):
    """E[tanh u_i tanh u_j] of centred Gaussian u with the given covariance (d, d).

    Every pair is u_i = a x, u_j = b (rho x + sqrt(1 - rho^2) y) with x, y independent standard normals, integrated by
    the trapezoid rule: its error falls like exp(y^2 / 2 - 2 pi y / step), y = pi / (2 a) the distance of the poles of
    tanh from the axis, or exp(-2 pi^2 / step^2) where they are far. block: integrand values held at a time.
    """
    covariance, block = known("covariance", covariance, "d", "d"), whole("block", block)
    if covariance.shape[0] != covariance.shape[1] or not (np.diagonal(covariance) > 0).all():
        raise InputError(key="covariance", value=covariance, allowed="should be (d, d), with variances above 0")
    std = np.sqrt(np.diagonal(covariance))
    pole = np.minimum(np.pi / (2 * std.max()), np.sqrt(68))
    step = 2 * np.pi * pole / (34 + pole**2 / 2)
    nodes = step * np.arange(-np.ceil(7.5 / step), np.ceil(7.5 / step) + 1)
    weights = np.exp(-0.5 * nodes**2) * step / np.sqrt(2 * np.pi)
    half = nodes >= 0  # the integrand is even under (x, y) -> (-x, -y)
    x, weight_x = nodes[half], 2 * weights[half]  # and 0 at x = 0
    i, j = np.triu_indices(len(std))
    rho = np.clip(covariance[i, j] / (std[i] * std[j]), -1, 1)
    result = np.empty(len(i))
    for start in range(0, len(i), max(1, block // (x.size * nodes.size))):
        part = slice(start, start + max(1, block // (x.size * nodes.size)))
        a, b, r = std[i[part], None], std[j[part], None], rho[part, None]
        across = np.tanh(b[:, :, None] * (r * x)[:, :, None] + (b * np.sqrt(1 - r**2))[:, :, None] * nodes)
        result[part] = np.einsum("px,px->p", np.tanh(a * x) * weight_x, across @ weights)
    full = np.empty((len(std), len(std)))
    full[i, j] = full[j, i] = result
    return full
