"""The trace of G by reverse mode, without the matrix: products with random vectors, from one stored evaluation.

points, denoised points, probes -> Traced
"""

import numpy as np
import torch
from torch import Tensor

from scoregap.scores.base import TRACED, Traced, joined, slices


def hutchinson(evaluate, x: np.ndarray, t, probes: np.ndarray) -> Traced:
    """`Score.traced` of a torch function. evaluate: (points (n, d), t (n,)) -> (leaf, its denoised points), tensors of
    n d entries, each in its own shape.

    A product back from a stored evaluation costs a part of that from a new one, and points fill the processor as well
    as copies of one of them.
    """
    t, parts = np.broadcast_to(t, x.shape[:1]), []
    for part in slices(len(x), max(1, TRACED // x.shape[1])):
        with torch.enable_grad():
            points, means = evaluate(x[part], t[part])
        found = np.stack([_quadratic(points, means, probe) for probe in probes[:, part]])  # (k, n)
        mean = means.detach().double().cpu().numpy().reshape(x[part].shape)
        parts.append(Traced(mean, found.mean(0), found.std(0, ddof=1) / np.sqrt(len(probes))))
    return joined(parts)


def _quadratic(points: Tensor, means: Tensor, probe: np.ndarray) -> np.ndarray:
    """(n,) v' G v of a vector (n, d) for each of n points."""
    if not means.requires_grad:  # an output that its input has no part in
        return np.zeros(len(probe))
    vector = torch.as_tensor(probe, dtype=means.dtype, device=means.device).reshape(means.shape)
    (row,) = torch.autograd.grad(means, points, vector, retain_graph=True)
    return (row.double() * vector.double()).reshape(probe.shape).sum(-1).cpu().numpy()
