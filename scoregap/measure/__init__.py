"""What is estimated: networks, training, spectra, gaps, phase times, dimensions. Never imports `data` or `laws`.

This file is light (no torch), because Snakemake parses studies: a network family is registered by name
here and loaded from its module on first use. `gated-64` is family `gated` at width 64; `linear` has no width.
"""

import math
from typing import NamedTuple


class Network(NamedTuple):
    """A network family: where its class is, and whether its name carries a width.

    With a width the class takes (generators, dim, width, depth), without one (generators, dim).
    """

    where: str
    has_width: bool


NETWORKS = {
    "gated": Network("scoregap.measure.networks:Gated", True),
    "resmlp": Network("scoregap.measure.networks:ResMLP", True),
    "normed": Network("scoregap.measure.networks:Normed", True),
    "linear": Network("scoregap.measure.networks:TimeLinear", False),
    "paper": Network("scoregap.measure.networks:Paper", False),
}

# Names that a study may say; what they mean: `networks.Denoiser`, `schedules`, `training.train`.
PRECONDITIONINGS = ("edm", "epsilon", "x0")
SCHEDULES = ("ve", "vp")
OPTIMISERS = ("adam", "radam")
DECAYS = ("cosine", "none")

VP_BETA = (0.1, 20.0)  # of the schedule vp: beta rises linearly from s = 0 to s = 1 (Song et al. 2021)
VP_MOST_NOISE = math.expm1(sum(VP_BETA) / 2)  # noise variance at s = 1

DIFFERENCES = {"central": 0.1, "one-sided": 0.03}
"""Finite-difference methods of `scoregap.measure.differences`, each with its step as a share of sqrt(t).

The steps are measured optima: the largest error of an eigenvalue of a float32 network (gated-64, d = 32, arcs of
curvature 0.5, t = 1e-4 ... 30) was 7e-3, 6e-4, 5e-5, 2e-4 and 2e-3 by central differences at steps .001, .01, .1, .3
and 1, and 1e-2, 1e-3, 8e-4, 3e-3 and 3e-2 by one-sided ones at .001, .01, .03, .1 and 1.
"""

# Estimators of the dimension (`scoregap.measure.dimension`): of a score at a point and a noise variance, and of data.
SCORE_ESTIMATORS = ("final_gap", "slq_count", "normal_bundle", "normal_bundle_centred", "flipd", "flipd_hutchinson")
DATA_ESTIMATORS = ("local_pca", "skdim_lpca", "skdim_mle_5", "skdim_mle_20", "skdim_twonn", "skdim_fishers")
