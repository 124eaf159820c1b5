"""What is estimated: networks, training, spectra, gaps, phase times, dimensions. Never imports `truth`.

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
