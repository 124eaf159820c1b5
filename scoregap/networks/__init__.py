"""Trained denoisers: networks, ensembles of them, their training and their Jacobians. Never imports `data` or `laws`.

A network is an ordinary `nn.Module` of one member (`scoregap.networks.ensemble`); a new one is a class and a line in
NETWORKS, or a class of another package (`scoregap.plugins`).

This file is light (no torch), because Snakemake parses studies: a network is registered by name here and loaded from
its module on first use. `gated-64` is `gated` at width 64; `linear` has no width.
"""

import math
from typing import NamedTuple

from scoregap import plugins


class Network(NamedTuple):
    """A network: where its class is, and whether its name carries a width. sides: of pictures, whose sides are
    multiples of it; 0 if it takes any points."""

    import_path: str
    has_width: bool
    sides: int = 0


NETWORKS = {
    "gated": Network("scoregap.networks.residual:Gated", True),
    "scaled": Network("scoregap.networks.residual:Scaled", True),
    "bypass": Network("scoregap.networks.residual:Bypass", True),
    "resmlp": Network("scoregap.networks.residual:ResMLP", True),
    "normed": Network("scoregap.networks.residual:Normed", True),
    "linear": Network("scoregap.networks.time_linear:TimeLinear", False),
    "paper": Network("scoregap.networks.residual:Paper", False),
    "unet": Network("scoregap.networks.unet:Unet", True, sides=4),
}

# Names that a study may say; what they mean: `denoiser.Denoiser`, `schedules`, `training`, `products`.
FRESH_NOISE = "fresh"  # of a training point: drawn anew without end
PRECONDITIONINGS = ("edm", "epsilon", "x0", "covariance")
TARGETS = ("sample", "posterior")
DRAWS = ("independent", "antithetic")
SCHEDULES = ("ve", "vp")
OPTIMISERS = ("adam", "radam")
DECAYS = ("cosine", "none")
PRODUCTS = ("torch", "onednn")
ADAM_BETA2 = 0.99

VP_BETA = (0.1, 20.0)  # of the schedule vp: beta rises linearly from s = 0 to s = 1 (Song et al. 2021)
VP_MOST_NOISE = math.expm1(sum(VP_BETA) / 2)  # noise variance at s = 1


def is_name(name: str) -> bool:
    """Whether a network is called so: one of NETWORKS, with a width if it has one, or one of another package."""
    family, _, given = name.partition("-")
    if plugins.is_outside(family):
        return True
    return family in NETWORKS and NETWORKS[family].has_width == (given.isascii() and given.isdigit())


def sides(name: str) -> int:
    """What the sides of a network's pictures are multiples of; 0 of one that takes any points."""
    return 0 if plugins.is_outside(name) else NETWORKS[name.partition("-")[0]].sides


def width(name: str) -> int | None:
    """The width in a name, None if it has none."""
    given = name.partition("-")[2]
    return int(given) if given else None


def import_path(name: str) -> str:
    """Where the class of a network of the axis `network` is. Raises InputError if nobody offers it."""
    family = name.partition("-")[0]
    return NETWORKS[family].import_path if family in NETWORKS else plugins.path(family, plugins.NETWORKS)
