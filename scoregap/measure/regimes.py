"""Three regimes of a profile n(t), as a curve of straight pieces: none is resolved, a steep rise, a shoulder.

n(t), modes resolved at noise variance t -> where the rise begins and turns, its rate and the rate below the turn

**Model.** With L = log10 t, n = 0 above L = b; from there down to L = c it rises by `rise` modes per decade, and below
c by `slow` modes per decade; continuous, by least squares over all c < b on a grid of STEPS places to a step of t. Any
curve has such a fit, also one without regimes, as that of a Gaussian whose variances fall smoothly: so what a fit says
is to be compared with that of another curve at the same times.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from scoregap import InputError
from scoregap.arguments import array, ascending

STEPS = 4  # places of a break to a step of the grid of t
BELOW = 3  # times of the grid below the turn, and above the begin of the rise, at least: one for the other end
LEAST = 8  # times


class Regimes(NamedTuple):
    """begin, turn: noise variances where the rise begins and where it turns into the shoulder, (...). rise, slow: modes
    per decade, as t falls, above and below the turn. misfit: rms distance of n from the pieces. NaN where n is not
    known, or nothing is resolved."""

    begin: np.ndarray
    turn: np.ndarray
    rise: np.ndarray
    slow: np.ndarray
    misfit: np.ndarray

    @property
    def share(self) -> np.ndarray:
        """Rate below the turn over that above it: 0 for a plateau, 1 without a shoulder."""
        return self.slow / self.rise


class _Pieces(NamedTuple):
    """All pairs of breaks. begin, turn: (pairs,) log10 t. frames: (pairs, T, 2) orthonormal. solve: (pairs, 2, 2) from
    coefficients of the frames to rates."""

    begin: np.ndarray
    turn: np.ndarray
    frames: np.ndarray
    solve: np.ndarray


@lru_cache(maxsize=8)
def _pieces(logs: tuple[float, ...]) -> _Pieces:
    grid = np.array(logs)
    places = np.interp(np.arange((len(grid) - 1) * STEPS + 1) / STEPS, np.arange(len(grid)), grid)
    turns = places[places > grid[BELOW - 1]]
    begin, turn = (one.ravel() for one in np.meshgrid(places, turns, indexing="ij"))
    kept = (begin - turn >= 0.99 * np.diff(grid).min()) & (begin < grid[-1])
    begin, turn = begin[kept], turn[kept]
    above = np.clip(begin[:, None] - grid, 0, (begin - turn)[:, None])  # decades of the rise
    below = np.clip(turn[:, None] - grid, 0, None)  # and of the shoulder
    frames, triangles = np.linalg.qr(np.stack([above, below], -1))
    return _Pieces(begin, turn, frames, np.linalg.inv(triangles))


def regimes(t, n) -> Regimes:
    """The pieces of curves n (..., T) at noise variances t (T,), ascending, LEAST or more."""
    t = ascending("t", t)
    if len(t) < LEAST:
        raise InputError(key="t", value=t, allowed=f"should be {LEAST} noise variances or more")
    n = array("n", n, "...", len(t))
    curves = n.reshape(-1, len(t))
    known = np.isfinite(curves).all(1) & (curves.max(1) > 0)
    found = np.full((5, len(curves)), np.nan)
    if known.any():
        pieces, own = _pieces(tuple(np.log10(t).tolist())), curves[known]
        parts = np.tensordot(own, pieces.frames, (1, 1))  # (curves, pairs, 2)
        best = (parts**2).sum(-1).argmax(1)
        rise, slow = np.einsum("cij,cj->ic", pieces.solve[best], parts[np.arange(len(own)), best])
        left = (own**2).sum(1) - (parts**2).sum(-1).max(1)
        ends = 10 ** pieces.begin[best], 10 ** pieces.turn[best]
        found[:, known] = [*ends, rise, slow, np.sqrt(np.maximum(left, 0) / len(t))]
    return Regimes(*found.reshape(5, *n.shape[:-1]))
