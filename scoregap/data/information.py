"""How much a noisy point tells of the clean one, of data whose exact score is known.

data, number of training points -> `Information` (`scoregap.laws.memorisation`), by the traces of the exact G
"""

import math
from typing import Protocol

import numpy as np

from scoregap import InputError
from scoregap.arguments import ranged, whole
from scoregap.data import capabilities
from scoregap.laws import memorisation
from scoregap.laws.memorisation import Information

POINTS = 256  # noisy points over which traces are means, the same at all noise variances
_PER_DECADE = 16  # noise variances
_FARTHEST = 1e3  # of the total variance of the data: the largest noise variance
_LEAST = 1e-12  # of the largest variance of the data: the smallest noise variance that is tried


class Known(capabilities.Data, capabilities.Posterior, capabilities.Covariance, Protocol):
    """Data whose exact score and covariance are known."""


def information(data: Known, most: int, points: int = POINTS, seed: int = 0) -> Information:
    """What x_t tells of x_0, down to the noise variance at which it is log `most`, or the posterior is not known.

    most: the largest number of training points that it will be asked for. Means over noisy points of one draw of
    `seed`. Moments within and between posteriors are those of Gaussians with the same eigenvalues of G: of linear data
    they are exact, as is I.
    """
    if not (isinstance(data, capabilities.Posterior) and isinstance(data, capabilities.Covariance)):
        raise InputError(key="data", value=data, allowed="should be data whose exact score and covariance are known")
    for name, one in (("most", most), ("points", points), ("seed", seed)):
        whole(name, one, 0 if name == "seed" else 2)
    ranged("most", most, 2, memorisation.MOST_POINTS)
    # Of the same seed, points are drawn apart from the draws of F.
    rng = np.random.default_rng((seed, 3) if seed == getattr(data, "seed", None) else seed)
    clean, _ = data.sample(rng, points)
    noise = rng.standard_normal(clean.shape)
    variances = data.principal_axes[1]
    variances = variances[variances > variances.max() * 1e-14]
    t, rows = np.empty(0), np.empty((0, 3))  # tr G and dispersions
    block = np.geomspace(0.1, 1, _PER_DECADE, endpoint=False) * variances.sum() * _FARTHEST
    while block[0] > variances.max() * _LEAST:
        found = np.array([_moments(data, clean + np.sqrt(one) * noise, one) for one in block])
        known = np.flatnonzero(~np.isfinite(found).all(1)).max(initial=-1) + 1  # from which on all are
        t, rows = np.append(block[known:], t), np.append(found[known:], rows, 0)
        if known:
            break
        told = memorisation.information_of_traces(t, rows[:, 0], variances)
        if told[0] > math.log(most):
            break
        block = block / 10
    if len(t) < 2:
        raise InputError(key="data", value=type(data).__name__, allowed="its exact posterior is known nowhere")
    told = memorisation.information_of_traces(t, rows[:, 0], variances)
    return memorisation.tabulated(t, told, rows[:, 1], rows[:, 2])


def _moments(data: Known, x: np.ndarray, t: float) -> tuple[float, float, float]:
    """Means over noisy points x (n, d) of tr G and `dispersions`; NaN if one is not known."""
    values = data.exact(x, t).spectrum()
    if not np.isfinite(values).all():
        return np.nan, np.nan, np.nan
    within, between = memorisation.dispersions(values)
    return float(values.sum(1).mean()), float(within.mean()), float(between.mean())
