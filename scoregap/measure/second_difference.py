"""Where singular values of score vectors fall off a cliff: the rule of Achilli et al. 2024 ("Losing dimensions:
geometric memorization in generative diffusion", arXiv 2410.08727) for the centred normal bundle.

score vectors around a point -> dimension

The singular values are those of `dimension.normal_bundle`, about the mean of the vectors. The first DISCARDED of them
are left out, as outliers. Of the others the second differences are taken, without sign; the first that is more than
MULTIPLE times their median marks the last normal direction. Where there is none, all directions are tangent.

As we read the authors' public code (`estimate_manifold_dim`), with its constants. It counts normal directions from 0,
so that what it returns is one more than the number below the cliff; here it is that number. Its median is over all
points of a set together, ours over one point alone. Of its three kinds of draws ours are the independent ones: the rule
lives on the scatter that they give to the singular values. Along orthonormal directions exact scores have none, the
median is 0 but for rounding, and the first value that this or curvature moves is a cliff.
"""

import numpy as np

from scoregap import InputError
from scoregap.arguments import array, between, whole

DISCARDED, MULTIPLE = 5, 10.0


def second_difference(scores, discarded=DISCARDED, multiple=MULTIPLE):
    """d less the number of centred singular values above the first cliff.

    scores: (..., K, d), K >= d, as of `dimension.normal_bundle`. Returns (...), from 0 to d - discarded - 2, or d; NaN
    where a score is not finite, and where d is less than discarded + 4: then no difference has another to be judged by.
    """
    scores = array("scores", scores, "...", "K", "d")
    d = scores.shape[-1]
    if scores.shape[-2] < d:
        allowed = f"should be (..., K, d), K at least d, {d}"
        raise InputError(f"the shape {scores.shape} is not allowed", key="scores", value=scores, allowed=allowed)
    discarded, multiple = whole("discarded", discarded, 0), between("multiple", multiple, 0)
    finite = np.isfinite(scores).all((-2, -1))
    if d < discarded + 4:
        return np.full(finite.shape, np.nan)
    scores = np.where(finite[..., None, None], scores, 0.0)
    values = np.linalg.svd(scores - scores.mean(-2, keepdims=True), compute_uv=False)
    sizes = np.abs(np.diff(values[..., discarded:], n=2, axis=-1))
    cliffs = sizes > multiple * np.median(sizes, axis=-1, keepdims=True)
    normal = np.where(cliffs.any(-1), cliffs.argmax(-1) + 2 + discarded, 0)
    return np.where(finite, d - normal.astype(float), np.nan)
