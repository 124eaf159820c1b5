"""Checks that every family known by its embedding passes."""

import numpy as np


def check_slopes_and_tangents(family, latents):
    """`slopes` are derivatives of `embed`; tangents are orthonormal, and the first k span the first k derivatives.

    Returns the derivatives (n, d, m) and the tangents (n, d, m).
    """
    m, h = latents.shape[1], 1e-5
    numeric = np.stack(
        [(family.embed(latents + h * e) - family.embed(latents - h * e)) / (2 * h) for e in np.eye(m)], -1
    )
    np.testing.assert_allclose(family.slopes(latents), numeric, atol=1e-9)
    tangents = family.tangents(latents)
    eye = np.tile(np.eye(m), (len(latents), 1, 1))
    np.testing.assert_allclose(tangents.swapaxes(1, 2) @ tangents, eye, atol=1e-12)
    for k in range(1, m + 1):
        left = numeric[:, :, :k] - tangents[:, :, :k] @ (tangents[:, :, :k].swapaxes(1, 2) @ numeric[:, :, :k])
        np.testing.assert_allclose(left, 0, atol=1e-8)
    return numeric, tangents
