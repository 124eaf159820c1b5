"""What is known: manifolds, their exact scores, random-matrix laws, phase times. Never imports `measure`.

This file is light (no numpy), because Snakemake parses studies: a family is registered by name here
and loaded from its module on first use.
"""

from collections.abc import Callable
from pkgutil import resolve_name
from typing import NamedTuple


class Family(NamedTuple):
    """A manifold family: where its class is, and the ambient dimensions it needs."""

    where: str
    room: Callable[[int, float], int]  # (manifold_dim, curvature) -> least ambient_dim

    def load(self):
        """The family's class."""
        return resolve_name(self.where)


FAMILIES = {
    "arcs": Family("scoregap.truth.manifolds:Arcs", lambda m, curvature: 2 * m if curvature else m),
}

# Laws of the column variances inside a group (`scoregap.truth.variances`) -> (least, most) width, both allowed.
# At width 0 every law is constant.
VARIANCE_LAWS = {"constant": (0.0, 0.0), "uniform": (0.0, 1.0), "lognormal": (0.0, 3.0), "power": (0.0, 0.95)}
