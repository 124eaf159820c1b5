"""Mean and spread of the extreme eigenvalues of a random matrix at an edge of its spectrum.

scale of an edge over its place -> mean and standard deviation of the extreme eigenvalue, over its place

At an edge E of scale S the extreme eigenvalue is E + S TW as the matrix grows, TW of the Tracy-Widom law for real
matrices, as long as x = |S| / E is small. Eigenvalues are positive, so at an x that is not small this is better said of
something else: at upper edges of the singular value, and lower edges have a law of their own, that of an edge at a hard
wall, which is the Tracy-Widom law for x to 0 and right for large x, too (square matrices).
"""

import math
from functools import cache

import numpy as np
from numpy.polynomial.chebyshev import chebval

from scoregap.arguments import between, not_negative, ranged

# Of the Tracy-Widom law for real matrices (Tracy and Widom 1996; Bornemann 2010).
TRACY_WIDOM_MEAN = -1.2065335745820
TRACY_WIDOM_STD = 1.2680340580
TRACY_WIDOM_SKEWNESS = 0.29346452408
TRACY_WIDOM_EXCESS = 0.1652429384

FAR = 32.0  # rows more than columns, from which the law of the hard wall is interpolated up to Tracy and Widom's
MOST_ROWS = 2000.0  # of `hard_wall`, whose rule has as many nodes as half of them
STEPS = 48  # of the integral over the law
# Logarithms of mean and standard deviation of `hard_wall` as Chebyshev series in log(1 + nu), nu from 0 to FAR: every
# law needs them, and Bessel functions take longer to import than a job to run. Relative errors: 1e-6 from nu = 1 on,
# 1e-4 below it, at most.
NEAR = [
    [
        2.5880102, 3.0730587, 0.09768098, -0.013959591, 0.00074950429, 0.00027225014,
        -9.1524281e-05, 8.1227785e-06, 2.5994546e-06, -9.0199307e-07, 3.2754332e-08,
    ],
    [
        1.9548896, 2.0320423, 0.080142133, -0.013732833, 0.00089691286, 0.00029944451,
        -0.00010057836, 7.3697748e-06, 2.2471972e-06, 1.3758872e-07, -6.2077722e-07,
    ],
]  # fmt: skip


def upper(x):
    """Mean and standard deviation of (1 + x TW / 2)^2: Tracy and Widom's law, taken of the singular value."""
    x = not_negative("x", x)
    mean, variance = TRACY_WIDOM_MEAN, TRACY_WIDOM_STD**2
    third, fourth = TRACY_WIDOM_SKEWNESS * TRACY_WIDOM_STD**3, TRACY_WIDOM_EXCESS * variance**2
    with_square = third + 2 * mean * variance  # covariance of TW and its square
    of_square = fourth + 2 * variance**2 + 4 * mean * third + 4 * mean**2 * variance
    spread = x**2 * variance + x**3 / 2 * with_square + x**4 / 16 * of_square
    return 1 + x * mean + x**2 / 4 * (variance + mean**2), np.sqrt(spread)


def lower(x):
    """Mean and standard deviation of the smallest eigenvalue at an edge that lies at 1, of scale x.

    Those of `hard_wall` (its series) with the nu that has this x: its edge lies at (nu / 2)^2 and has the scale
    (nu / 2)^(4/3).
    """
    x = between("x", x, 0)
    nu = 2 * x**-1.5
    if nu <= FAR:
        mean, spread = _near_the_wall(nu)
        return mean / (nu / 2) ** 2, spread / (nu / 2) ** 2
    # log(mean) / x and spread / mean / x are smooth in x down to 0, where they are Tracy and Widom's.
    most = (2 / FAR) ** (2 / 3)
    mean, spread = _near_the_wall(FAR)
    part, known = x / most, (np.log(mean / (FAR / 2) ** 2) / most, spread / mean / most)
    ends = -TRACY_WIDOM_MEAN, TRACY_WIDOM_STD
    shift, width = (end + (one - end) * part for end, one in zip(ends, known, strict=True))
    mean = np.exp(shift * x)
    return mean, width * x * mean


def _near_the_wall(nu):
    """`hard_wall` by its series."""
    return np.exp(chebval(2 * np.log1p(nu) / np.log1p(FAR) - 1, np.transpose(NEAR)))


def square():
    """`hard_wall` of no more rows than columns: P(y > s) = exp(-s / 2 - s^(1/2)) (Edelman 1988), of which the moments
    are integrals of s^(k/2) times that, by parts."""
    one = math.sqrt(math.pi / 2) * math.exp(0.5) * math.erfc(math.sqrt(0.5))  # of exp(-u^2 / 2 - u), u = s^(1/2)
    mean, second = 2 * (1 - one), 4 * (3 - 4 * one)
    return mean, math.sqrt(second - mean**2)


def hard_wall(nu):
    """Mean and standard deviation of y, the smallest eigenvalue of X'X times the columns of X, as these are many.

    X has entries of variance 1 and nu rows more than columns. P(y > s) is the Fredholm determinant
    det(1 - K) with K(u, v) = s^(1/2) J_nu(2 (s u v)^(1/2)) on (0, 1) (Forrester 2006, its kernel on (0, s) scaled),
    here by Gauss and Legendre's rule (Bornemann 2010) in the roots of u and v. In closed form exp(-s / 2 - s^(1/2)) for
    nu = 0 (Edelman 1988) and exp(-s / 2) for nu = 1.
    """
    return _hard_wall(float(ranged("nu", nu, 0, MOST_ROWS)))


@cache
def _hard_wall(nu):
    from scipy.special import jv  # takes longer than numpy, and many jobs ask for no law

    place = nu / 2
    start, stop = max(0.0, place - 4 * np.cbrt(place)), place + 6 * np.cbrt(place) + 6  # of s^(1/2)
    nodes, weights = np.polynomial.legendre.leggauss(24 + int(nu / 2))
    nodes, weights = 0.5 * (nodes + 1), 0.5 * weights
    root, step = np.polynomial.legendre.leggauss(STEPS)
    root, step = start + 0.5 * (stop - start) * (root + 1), 0.5 * (stop - start) * step
    half = np.sqrt(2 * nodes * weights)
    s = root[:, None, None]
    kernel = s * jv(nu, 2 * s * np.outer(nodes, nodes)) * np.outer(half, half)
    beyond = np.linalg.det(np.eye(len(nodes)) - kernel)
    mean = start**2 + np.sum(step * 2 * root * beyond)
    square = start**4 + np.sum(step * 4 * root**3 * beyond)
    return float(mean), float(np.sqrt(square - mean**2))
