"""What is read off a score Jacobian: spectra, asymmetry, alignment of subspaces.

denoiser Jacobians G = I + t J -> eigenvalues, eigenvectors and singular values of t J

A network's J need not be symmetric: eigenvalues are those of its symmetric part (THEORY.md 1).
"""

import numpy as np


def spectra(jacobian):
    """Spectra of t J = G - I for denoiser Jacobians (..., d, d).

    Returns (eigenvalues of the symmetric part (..., d) descending, their eigenvectors (..., d, d) as columns
    in the same order, singular values (..., d) descending, asymmetry |J - J'|_F / |J|_F (...)).
    """
    scaled = jacobian - np.eye(jacobian.shape[-1])  # t J
    transposed = np.swapaxes(scaled, -1, -2)
    eigenvalues, vectors = np.linalg.eigh(0.5 * (scaled + transposed))
    singular_values = np.linalg.svd(scaled, compute_uv=False)
    asymmetry = np.linalg.norm(scaled - transposed, axis=(-2, -1)) / np.linalg.norm(scaled, axis=(-2, -1))
    return eigenvalues[..., ::-1], vectors[..., ::-1], singular_values, asymmetry


def alignment(vectors, tangents, boundaries):
    """Mean cosine of the principal angles between measured and true tangent groups.

    vectors: (..., d, d) orthonormal columns, most tangent first. tangents: (..., d, m) true orthonormal
    tangents ordered by group. boundaries: ends of the groups among the columns, as (2, 4).
    Returns (..., groups), 1 for the same subspace; about sqrt(size / d) for unrelated ones.
    """
    cosines = []
    for start, stop in zip((0, *boundaries[:-1]), boundaries, strict=True):
        overlap = np.swapaxes(vectors[..., start:stop], -1, -2) @ tangents[..., start:stop]
        cosines.append(np.linalg.svd(overlap, compute_uv=False).clip(max=1).mean(-1))
    return np.stack(cosines, -1)
