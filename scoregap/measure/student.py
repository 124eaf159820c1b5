"""Student's t, without scipy, whose special functions take longer to import than a job takes to run.

degrees of freedom, confidence -> half width of the interval about 0, in standard errors
"""

from functools import cache

import numpy as np

from scoregap.arguments import between, whole


@cache
def half_width(freedom: int, confidence: float) -> float:
    """t of so many degrees of freedom for which P(|T| < t) is the confidence.

    In the angle atan(t / sqrt(freedom)) that probability is a sum of as many terms as half the degrees (Abramowitz and
    Stegun 1964, 26.7.3 and 26.7.4). The angle is found by halving.
    """
    freedom, confidence = whole("freedom", freedom), between("confidence", confidence, 0, 1)
    odd, k = freedom % 2, np.arange(freedom // 2)
    weights = np.cumprod(np.where(k > 0, (2 * k - 1 + odd) / np.maximum(2 * k + odd, 1), 1.0))

    def within(angle):
        terms = np.sin(angle) * (weights * np.cos(angle) ** (2 * k + odd)).sum()
        return 2 / np.pi * (angle + terms) if odd else terms

    low, high = 0.0, 0.5 * np.pi
    while low < (middle := 0.5 * (low + high)) < high:
        low, high = (middle, high) if within(middle) < confidence else (low, middle)
    return float(np.sqrt(freedom) * np.tan(low))
