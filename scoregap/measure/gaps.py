"""Gaps in spectra, where we know to look and where we do not.

ordered eigenvalues at every time -> width of given gaps; visible gaps and the dimension they give, blind
"""

import numpy as np


def _with_floor(eigenvalues):
    """The spectrum of t J with one more mode at -1, that of pure noise: without normal directions (m = d) the
    final gap lies above it."""
    return np.concatenate([eigenvalues, np.full_like(eigenvalues[..., :1], -1.0)], -1)


def widths(eigenvalues, boundaries):
    """Widths of the gaps below the given numbers of modes.

    eigenvalues: (..., modes) of t J, descending. boundaries: for each gap the number of modes above it.
    Returns (..., gaps).
    """
    eigenvalues = _with_floor(eigenvalues)
    above = np.asarray(boundaries) - 1
    return eigenvalues[..., above] - eigenvalues[..., above + 1]


def blind(eigenvalues, visibility):
    """What a spectrum alone says about gaps, without the true groups.

    eigenvalues: (times, modes) descending, averaged over points. A gap is visible at a time if it is at
    least `visibility` wide (of t J, whose tangent and normal directions are 1 apart).
    Returns (dimension (times,), gap_count (times,), dimension_overall, gap_count_overall):
    - dimension at a time: modes above the widest gap, 0 where none is visible (every direction is noise);
    - dimension overall: the largest number of modes above a gap that is wider than one half at some time.
      No two gaps can be so wide at once, gaps inside the manifold come first as t falls, the final gap last;
      0 if there is none;
    - counts: visible gaps at a time, and gaps that are visible at some time.
    """
    drops = -np.diff(_with_floor(eigenvalues), axis=-1)
    visible = drops >= visibility
    dimension = np.where(visible.any(-1), drops.argmax(-1) + 1, 0)
    dominant = np.flatnonzero((drops > 0.5).any(0))
    overall = dominant[-1] + 1 if dominant.size else 0
    return dimension, visible.sum(-1), int(overall), int(visible.any(0).sum())
