"""Exact Jacobians of a denoiser.

(denoiser, noisy points) -> denoised points and denoiser Jacobian G = I + t J, J that of the score
"""

import torch


@torch.no_grad()
def denoiser_jacobian(denoise, x, chunk=32):
    """Denoised points and exact Jacobians, by forward-mode differentiation.

    denoise maps points to points of the same shape (..., d), each from its own alone; x: (..., d).
    One tangent per input coordinate is pushed through all points at once, `chunk` coordinates at a time.
    Returns float64 arrays (..., d) and G (..., d, d) with G[..., i, j] = d D_i / d x_j.
    """
    dim = x.shape[-1]

    def column(direction):
        return torch.func.jvp(denoise, (x,), (direction.expand_as(x),))[1]

    basis = torch.eye(dim, dtype=x.dtype, device=x.device)
    columns = torch.func.vmap(column, chunk_size=chunk)(basis)
    return denoise(x).double().cpu().numpy(), columns.movedim(0, -1).double().cpu().numpy()
