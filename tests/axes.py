"""Principal axes of data for denoisers of the preconditioning covariance."""

import numpy as np

from scoregap.networks.covariance import Axes


def random_axes(dim, *stds, rank=None):
    """For every one of these standard deviations of data, the axes of a member: `rank` of them, of unequal variance."""
    made = []
    for i, std in enumerate(stds):
        rank = rank or dim
        directions = np.linalg.qr(np.random.default_rng(i).standard_normal((dim, dim)))[0][:, :rank]
        made.append(Axes(directions.astype(np.float32), (std**2 * np.geomspace(4, 0.01, rank)).astype(np.float32)))
    return made


def preconditioned(preconditioning, dim, *stds, rank=None):
    """How `Denoiser` is given this preconditioning of data of these standard deviations."""
    of_covariance = {"axes": random_axes(dim, *stds, rank=rank)} if preconditioning == "covariance" else {}
    return {"preconditioning": preconditioning} | of_covariance
