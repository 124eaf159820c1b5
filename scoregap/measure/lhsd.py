"""Local Hessian Spectral Dimension: eigenvalues of the log density's Hessian counted by a smooth filter.

products with G at a clean point -> dimension

Osada, "Local Hessian spectral filtering for robust intrinsic dimension estimation" (ICML 2026, arXiv 2605.01221). Of
-J, whose eigenvalues are near 1/t along normal directions and near 0 along tangent ones, sum 1 / (1 + (lambda t /
CUTOFF)^POWER), by stochastic Lanczos quadrature (`scoregap.measure.lanczos`). In our convention lambda t = 1 - g with g
of G, so an eigenvalue counts half at g = 1 - CUTOFF: the filter asks far more of a tangent direction than 1/2.

CUTOFF and POWER are those of the authors' public notebooks for most sets in R^100 to R^3072 (other ones there: cutoff
.1 to .7, power 2 to 12), and like them numbers below 0 count as 0. Their probes are random signs, ours orthonormal.
"""

import numpy as np

from scoregap.arguments import array, between
from scoregap.measure.lanczos import quadrature

CUTOFF, POWER = 0.1, 4


def lhsd_filter(eigenvalues, cutoff=CUTOFF, power=POWER):
    """How much of a dimension each eigenvalue (...) of G counts, from 0 to 1. Returns (...)."""
    below = np.clip(1 - array("eigenvalues", eigenvalues, "..."), 0, None)
    return 1 / (1 + (below / between("cutoff", cutoff, 0)) ** between("power", power, 0))


def lhsd(product, dim, probes, steps, rng, cutoff=CUTOFF, power=POWER):
    """Dimension from `steps` products of `probes` vectors: a number from 0 to dim, not rounded.

    product: (k, d) -> (k, d), of the symmetric part of G at a clean point.
    """
    found = quadrature(product, dim, probes, steps, rng)
    return float(found.dim * (found.weights * lhsd_filter(found.nodes, cutoff, power)).sum(1).mean())
