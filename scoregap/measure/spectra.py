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


def alignment(vectors, tangents, spans):
    """Mean cosine of the principal angles between measured and true tangent groups.

    vectors: (..., d, d) orthonormal columns, most tangent first. tangents: (..., d, m) true orthonormal
    tangents ordered by group. spans: (start, stop) of every group among the columns.
    Returns (..., groups), 1 for the same subspace; about sqrt(size / d) for unrelated ones; NaN without tangents.
    """
    shared = _shared(vectors, tangents)
    shape = np.broadcast_shapes(vectors.shape[:-2], tangents.shape[:-2])
    cosines = []
    for start, stop in spans:
        one, two = (array[..., start:stop] for array in shared)
        overlap = np.swapaxes(one, -1, -2) @ two
        known = np.isfinite(overlap).all((-2, -1))  # a mixture has points without some of the tangents
        values = np.linalg.svd(np.where(known[..., None, None], overlap, 0.0), compute_uv=False).clip(max=1)
        cosines.append(np.broadcast_to(np.where(known, values.mean(-1), np.nan), shape))
    return np.stack(cosines, -1)


def _shared(*arrays):
    """Arrays without the repetitions of broadcasting in their leading dimensions: flat manifolds have one frame."""
    return [
        array[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in array.strides[:-2])] for array in arrays
    ]
