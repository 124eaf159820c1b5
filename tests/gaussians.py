"""An exact Gaussian score in the parametrisation of somebody else's model, computed from its own formulas only."""

import numpy as np
import torch

D = 6
AXES = np.linalg.qr(np.random.default_rng(5).standard_normal((D, D)))[0]
VARIANCES = np.geomspace(1e-3, 4.0, D)
COVARIANCE = AXES * VARIANCES @ AXES.T


def jacobian(t):
    """G (D, D) of the Gaussian at noise variance t."""
    return AXES * (VARIANCES / (VARIANCES + t)) @ AXES.T


class InItsOwnTerms:
    """What a perfect network would answer that sees x_m = alpha x_0 + sigma w, for every parametrisation.

    scales: what it is told (n,) -> alpha, sigma (n,), float64 tensors. The answer is computed in the type of x.
    """

    def __init__(self, scales, predicts):
        self.scales, self.predicts = scales, predicts

    def __call__(self, x, told):
        shape, x = x.shape, x.reshape(len(x), -1)
        alpha, sigma = (one[:, None].to(x) for one in self.scales(told.double()))
        axes, variances = torch.tensor(AXES).to(x), torch.tensor(VARIANCES).to(x)
        own = x @ axes
        total = alpha**2 * variances + sigma**2  # variances of x_m, for which the score is -x_m / total
        clean = own * alpha * variances / total
        noise = own * sigma / total
        found = {
            "x0": lambda: clean,
            "epsilon": lambda: noise,
            "v": lambda: alpha * noise - sigma * clean,
            "velocity": lambda: noise - clean,
            "score": lambda: -own / total,
        }[self.predicts]()
        return (found @ axes.T).reshape(shape)


def worst_error(score, levels):
    """Largest error of an entry of G over all these levels."""
    x = np.random.default_rng(1).standard_normal((len(levels), D)) @ np.linalg.cholesky(COVARIANCE).T
    noisy = x + np.sqrt(levels)[:, None] * np.random.default_rng(2).standard_normal(x.shape)
    found = score.jacobian(noisy, levels)[1]
    return max(np.abs(one - jacobian(t)).max() for one, t in zip(found, levels, strict=True))
