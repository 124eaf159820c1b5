"""What is read off a score Jacobian: spectra, asymmetry, alignment of subspaces.

denoiser Jacobians G = I + t J -> eigenvalues, eigenvectors and singular values of t J; cosines of principal angles;
G along given directions; how much of a vector lies along the modes that are resolved

A network's J need not be symmetric: eigenvalues are those of its symmetric part (theory.md 1).
"""

import numpy as np

from scoregap import InputError
from scoregap.arguments import array, known, whole, wholes
from scoregap.measure.profile import HALF


def spectra(jacobian, vectors=None):
    """Spectra of t J = G - I for denoiser Jacobians (..., d, d).

    Returns (eigenvalues of the symmetric part (..., d) descending, their eigenvectors (..., d, d) as columns
    in the same order, singular values (..., d) descending, asymmetry |J - J'|_F / |J|_F (...)). vectors: how many of
    the eigenvectors, those of the largest eigenvalues; all if not given. At large d any costs more than all the rest.
    """
    jacobian = array("jacobian", jacobian, "...", "d", "d", empty=True)
    if jacobian.shape[-1] != jacobian.shape[-2]:
        allowed = "should be (..., d, d)"
        raise InputError(f"the shape {jacobian.shape} is not allowed", key="jacobian", value=jacobian, allowed=allowed)
    count = jacobian.shape[-1] if vectors is None else whole("vectors", vectors, 0)
    scaled = jacobian - np.eye(jacobian.shape[-1])  # t J
    transposed = np.swapaxes(scaled, -1, -2)
    symmetric = 0.5 * (scaled + transposed)
    if count:
        eigenvalues, columns = np.linalg.eigh(symmetric)
    else:
        eigenvalues, columns = np.linalg.eigvalsh(symmetric), symmetric
    singular_values = np.linalg.svd(scaled, compute_uv=False)
    asymmetry = np.linalg.norm(scaled - transposed, axis=(-2, -1)) / np.linalg.norm(scaled, axis=(-2, -1))
    return eigenvalues[..., ::-1], columns[..., ::-1][..., :count], singular_values, asymmetry


def alignment(vectors, tangents, spans):
    """Cosines of the principal angles between measured and true tangent groups: their mean, and the smallest.

    vectors: (..., d, r) orthonormal columns, most tangent first. tangents: (..., d, m) true orthonormal
    tangents ordered by group. spans: (start, stop) of every group among the columns.
    Returns two arrays (..., groups), 1 for the same subspace, NaN without tangents; for unrelated ones the mean is
    about sqrt(size / d). The smallest cosine is that of the largest angle: of the direction of the group that is
    measured worst.
    """
    vectors = array("vectors", vectors, "...", "d", "r", empty=True)
    tangents = array("tangents", tangents, "...", vectors.shape[-2], "m", empty=True)
    columns = min(vectors.shape[-1], tangents.shape[-1])
    pairs = wholes("spans", spans, 0, columns, "groups", 2)
    if not len(pairs) or not (pairs[:, 0] < pairs[:, 1]).all():
        allowed = f"should be pairs of numbers, start < stop, from 0 to {columns}"
        raise InputError(key="spans", value=spans, allowed=allowed)
    shared = _shared(vectors, tangents)
    shape = np.broadcast_shapes(vectors.shape[:-2], tangents.shape[:-2])
    means: list[np.ndarray] = []
    smallest: list[np.ndarray] = []
    for start, stop in spans:
        one, two = (array[..., start:stop] for array in shared)
        overlap = np.swapaxes(one, -1, -2) @ two
        known = np.isfinite(overlap).all((-2, -1))  # a mixture has points without some of the tangents
        values = np.linalg.svd(np.where(known[..., None, None], overlap, 0.0), compute_uv=False).clip(max=1)
        for summary, cosines in ((values.mean(-1), means), (values[..., -1], smallest)):
            cosines.append(np.broadcast_to(np.where(known, summary, np.nan), shape))
    return np.stack(means, -1), np.stack(smallest, -1)


def along(jacobian, directions):
    """u' G u along every direction u, the share of its noise that is data: (..., k).

    jacobian: G (..., d, d). directions: (d, k) columns of length 1. Of the Gaussian whose principal axes they are, with
    variances v, it is v / (v + t) at every point.
    """
    directions = known("directions", directions, "d", "k")
    jacobian = array("jacobian", jacobian, "...", len(directions), len(directions), empty=True)
    with np.errstate(invalid="ignore"):  # of a Jacobian that is not finite
        return np.einsum("...ik,ik->...k", jacobian @ directions, directions)


def resolved_share(values, vectors, rows):
    """Share of the squared length of rows (..., d) along the eigenvectors (..., d, r) of G whose eigenvalue is above
    1/2; values: (..., r) of G. (...), NaN of a row that is 0."""
    values = array("values", values, "...", "r", empty=True)
    rows = array("rows", rows, "...", "d", empty=True)
    vectors = array("vectors", vectors, "...", rows.shape[-1], values.shape[-1], empty=True)
    parts = (rows[..., None, :] @ vectors)[..., 0, :] ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(values > HALF, parts, 0.0).sum(-1) / (rows**2).sum(-1)


def _shared(*arrays):
    """Arrays without the repetitions of broadcasting in their leading dimensions: flat manifolds have one frame."""
    return [
        array[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in array.strides[:-2])] for array in arrays
    ]
