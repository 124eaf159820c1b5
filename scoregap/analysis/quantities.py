"""What each of the paper's claims is about, as numbers.

a cell of the cube, the same cell of the study -> the quantity of every claim, per seed, of the law and of every score

Every quantity is read off curves and spectra by the same operator, of law, Gaussian, exact and trained score alike. How
it is compared is its `Kind`; what of it needs many draws of F is simulated (`laws.draws`).
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from scoregap.analysis.arrays import Cell as Cells
from scoregap.analysis.learning import INSIDE
from scoregap.analysis.tables import PHASES
from scoregap.data.capabilities import Redrawn
from scoregap.laws import draws, times
from scoregap.scores import EXACT
from scoregap.study import Cell, Study

WIDTH = 0.05  # margin of widths of gaps, of the spike and of eigenvalues of G, all between 0 and 1
BOUNDARY = 0.15  # relative margin of phase boundaries
SHARED = 0.05  # relative margin of what should be the same in two arms
WRONG = 0.1  # margin of what is always right: how rarely it may be wrong


class Kind(StrEnum):
    """How a quantity is compared with that of the law, and of the exact score."""

    RATIO = "ratio"
    DIFFERENCE = "difference"
    LARGEST = "largest distance"  # of curves, (seeds, n): the largest |difference|
    RMS = "rms distance"  # likewise the root mean square
    RIGHT = "proportion right"  # of seeds in which it is what it should be
    CHANCE = "chance"  # the law is what draws of F leave by chance, (draws,): is it wider?


class Claim(NamedTuple):
    """What the paper says, where; how it is compared; its margin, None for that of the study."""

    says: str
    source: str
    kind: Kind
    margin: float | None

    @property
    def log(self) -> bool:
        """Whether it is compared in the logarithm."""
        return self.kind is Kind.RATIO


_SAME = "spectra of t J do not depend on the schedule: "
CLAIMS = {
    "t_max": Claim("the gap between two groups is widest at t_max = sqrt(gamma_-(1) gamma_+(2))", "eq. 9", Kind.RATIO,
                   None),
    "t_open": Claim("it opens, t falling, where it has half of that width", "eq. 20-22", Kind.RATIO, None),
    "t_close": Claim("it closes again, t falling, where it has half of that width", "eq. 23-25", Kind.RATIO, None),
    "consistency": Claim("t_open t_close = t_max^2", "eq. 20-25", Kind.RATIO, BOUNDARY),
    "widest": Claim("its largest width is (sqrt a - sqrt b) / (sqrt a + sqrt b)", "eq. 18", Kind.DIFFERENCE, WIDTH),
    "curve": Claim("its width is t (a - b) / ((t + a) (t + b)) at every t: largest distance", "eq. 18", Kind.LARGEST,
                   WIDTH),
    "t_consolidation": Claim("the final gap reaches one half at t = gamma_-", "eq. 15-17", Kind.RATIO, None),
    "final_curve": Claim("the final gap is gamma_- / (t + gamma_-) at every t: largest distance", "eq. 15-16",
                         Kind.LARGEST, WIDTH),
    "coverage_begins": Claim("trivial phase ends where a gap becomes visible", "eq. 17", Kind.RATIO, BOUNDARY),
    "coverage_ends": Claim("coverage ends where the final gap overtakes the intermediate one", "eq. 15-18", Kind.RATIO,
                           BOUNDARY),
    "order": Claim(
        "high variance comes first: at t_max the modes above the gap are the group of high variance: mean cosine",
        "section 4",
        Kind.DIFFERENCE,
        WIDTH,
    ),
    "no_gap": Claim(
        "one variance, or a continuous law: no gap but the final one opens: widest spacing of tangent modes at any t, "
        "against that of random F",
        "section 4",
        Kind.CHANCE,
        WIDTH,
    ),
    "merged": Claim(
        "groups whose bulks have merged: no gap opens between them: widest spacing of tangent modes at any t, against "
        "that of random F",
        "section 4",
        Kind.CHANCE,
        WIDTH,
    ),
    "spike": Claim("normal directions are a spike at -1: rms distance from it well after consolidation", "section 3",
                   Kind.RMS, WIDTH),
    "singular": Claim("singular values of t J show what its eigenvalues show: rms difference of their sizes at t_max",
                      "section 4", Kind.DIFFERENCE, WIDTH),
    "asymmetry": Claim("a score is a gradient, its Jacobian symmetric: |J - J'| / |J| at t_max", "section 4",
                       Kind.DIFFERENCE, WIDTH),
    "dimension": Claim("the final gap is at the manifold dimension: proportion of seeds in which it is", "section 4",
                       Kind.RIGHT, WRONG),
    "ghost": Claim("no direction beyond the manifold: its largest eigenvalue of G before consolidation",
                   "linear theory", Kind.DIFFERENCE, WIDTH),
    "shift": Claim("consolidation is where that of the flat manifold is: ratio", "linear theory", Kind.RATIO, None),
    **{f"schedule_{name}": Claim(f"{_SAME}{name} of vp over that of ve", "section 2", Kind.RATIO, SHARED)
       for name in PHASES},
    "schedule_curve": Claim(f"{_SAME}largest distance of the gap between two groups, vp from ve", "section 2",
                            Kind.DIFFERENCE, WIDTH),
    "schedule_final_curve": Claim(f"{_SAME}largest distance of the final gap, vp from ve", "section 2",
                                  Kind.DIFFERENCE, WIDTH),
}  # fmt: skip

SHORT = {  # the claims in so few words that figures and tables have room for them
    "t_max": "gap widest at t_max",
    "t_open": "gap opens at t_open",
    "t_close": "gap closes at t_close",
    "consistency": "t_open t_close = t_max^2",
    "widest": "largest width of the gap",
    "curve": "width of the gap at every t",
    "t_consolidation": "final gap opens at t_consolidation",
    "final_curve": "width of the final gap at every t",
    "coverage_begins": "coverage begins",
    "coverage_ends": "coverage ends",
    "order": "high variance first",
    "no_gap": "one variance: no gap",
    "merged": "merged groups: no gap",
    "spike": "normal spike at -1",
    "singular": "singular values as eigenvalues",
    "asymmetry": "Jacobian symmetric",
    "dimension": "final gap at the dimension",
    "ghost": "no ghost directions",
    "shift": "consolidation as on the flat one",
    **{f"schedule_{name}": f"vp as ve: {name}" for name in PHASES},
    "schedule_curve": "vp as ve: width of the gap",
    "schedule_final_curve": "vp as ve: width of the final gap",
}


READ = (  # variables of a cell that are read
    "gap_width", "law_gap_width", "boundary", "eigenvalue", "singular_value", "asymmetry", "alignment",
    "dimension_overall", "consistency",
    *(f"{prefix}{name}{end}" for prefix in ("", "law_") for name in PHASES for end in ("", "_state")),
)  # fmt: skip


def cell_of(study: Study, values: Mapping) -> Cell:
    """The cell of a study at these values of its axes, of its first network and seed.

    A cube's coordinates may have other types than the study's values, which are taken (`alike`).
    """
    chosen = {axis: of[study.places[axis][values[axis]] if axis in values else 0] for axis, of in study.axes.items()}
    return next(study.expand({axis: (value,) for axis, value in chosen.items()}))


def measured(cell: Cells, network: str, one: Cell) -> dict[str, np.ndarray]:
    """{claim: (seeds,), (seeds, n) of curves} of one score in one cell; those that apply to its groups and curvature.

    one: the cell of the study.
    """
    own, exact, t = cell.of(network), cell.of(EXACT), cell.time
    widths = own["gap_width"].transpose(0, 2, 1).astype(float)
    found = {"t_consolidation": own["t_consolidation"][:, -1], "final_curve": widths[:, -1]}
    lawful = _lawful(cell)
    two = bool(lawful[:1].any())
    if two:
        for name in PHASES[:3]:
            found[name] = own[name][:, 0]
        found["consistency"] = own["consistency"][:, 0]
        found |= {"widest": widths[:, 0].max(1), "curve": widths[:, 0]}
        found |= boundaries(t, widths, one.fit.visibility)
    m = int(np.nanmax(cell["boundary"][..., -1]))
    eigen, singular, asymmetry = own["eigenvalue"], own["singular_value"], own["asymmetry"]
    if name := spacing_claim(cell, one):
        found[name] = widest_spacing(eigen[..., :m].mean(2, dtype=float), apart(cell))
    consolidated = exact["t_consolidation"][:, -1]
    late = _nearest(t, INSIDE * consolidated)
    there = _nearest(t, exact["t_max"][:, 0]) if two else late
    found["singular"] = _at(there, lambda i, k: _rms(singular[i, k] + np.sort(-np.abs(eigen[i, k]), -1)))
    found["asymmetry"] = _at(there, lambda i, k: asymmetry[i, k].mean())
    if m < eigen.shape[-1]:  # else there are no normal directions
        normal = np.full((len(late), eigen[0, 0, :, m:].size), np.nan)
        for i, k in enumerate(late):
            if k >= 0:
                normal[i] = eigen[i, k, :, m:].ravel()
        found["spike"] = normal
    if two:
        found["order"] = _at(there, lambda i, k: own["alignment"][i, k, 0])
    found["dimension"] = own["dimension_overall"][:, 0] - m
    if cell.values["curvature"] and m < eigen.shape[-1]:
        early = t >= consolidated[:, None]  # later it is the resolution of a network that shows
        ghost = 1 + np.where(early, eigen[..., m].mean(2), -1.0).max(1)
        found["ghost"] = np.where(np.isfinite(consolidated), ghost, np.nan)  # else it is not known what is early
    return found


def of_law(cell: Cells, one: Cell) -> dict[str, np.ndarray]:
    """The same of the law of the flat manifold; without it no claim is tested. Of `Kind.CHANCE`: (draws,)."""
    law, t = cell.of(EXACT), cell.time
    widths = law["law_gap_width"].transpose(0, 2, 1).astype(float)
    seeds = np.full(len(widths), 0.0)
    if not np.isfinite(widths).any():
        return {}
    found = {"t_consolidation": law["law_t_consolidation"][:, -1]}
    found |= dict.fromkeys(("singular", "asymmetry", "dimension", "ghost"), seeds)
    found |= {"final_curve": widths[:, -1], "spike": np.full((len(widths), 1), -1.0)}
    if two_groups(cell):
        found |= {name: law[f"law_{name}"][:, 0] for name in PHASES[:3]}
        found |= {"consistency": seeds + 1, "widest": widths[:, 0].max(1), "curve": widths[:, 0], "order": seeds + 1}
        found |= boundaries(t, widths, one.fit.visibility)
    if (name := spacing_claim(cell, one)) and (flat := flattened(one)):
        found[name] = spacings_by_chance(flat, tuple(t), apart(cell))
    return found


def of_draws(cell: Cells, one: Cell) -> Callable[[], dict[str, np.ndarray]]:
    """What makes the same of the exact score, (draws, ...), for F drawn anew `draws.number` times; of flat cells alone,
    and of what follows from the spectrum of F in closed form."""
    flat = flattened(one)
    if one["curvature"] or flat is None:
        return dict
    first = int(np.nanmax(cell["boundary"][..., 0])) if two_groups(cell) else None
    return partial(exact_of_draws, flat, tuple(cell.time), first, one.fit.level, one.fit.visibility)


def flattened(one: Cell) -> Any:
    """The flat manifold of a cell, of no seed in particular, so the same for all cells with such an F; None where it
    is not `Redrawn`."""
    truth: Any = one.truth()
    known = isinstance(truth, Redrawn)
    return dataclasses.replace(truth, curvature=0.0, seed=0) if known else None


@lru_cache(maxsize=64)
def spacings_by_chance(flat, t: tuple[float, ...], apart: tuple[int, ...]) -> np.ndarray:
    """`draws.widest_spacing` of draws of the flat manifold."""
    return draws.widest_spacing(np.array(t), flat.redrawn(), apart)


@lru_cache(maxsize=64)
def exact_of_draws(
    flat, t: tuple[float, ...], first: int | None, level: float, visibility: float
) -> dict[str, np.ndarray]:
    """Claims of the exact score of draws of the flat manifold, (draws,), (draws, times) of curves. first: modes above
    the intermediate gap, if any."""
    variances, grid = flat.redrawn(), np.array(t)
    found = draws.phase_times(variances, first, level, visibility)
    if first is not None:
        a, b, g = (variances[:, k, None] for k in (first - 1, first, -1))
        widths = np.stack([times.gap_width(grid, a, b), times.gap_width(grid, g, 0.0)], 1)
        found |= {"widest": widths[:, 0].max(1), "curve": widths[:, 0]} | boundaries(grid, widths, visibility)
    return found | {"final_curve": times.gap_width(grid, variances[:, -1:], 0.0)}


def two_groups(cell: Cells) -> bool:
    """Whether the law has a gap between the first groups of a cell, if only a narrow one."""
    return bool(_lawful(cell)[:1].any())


def _lawful(cell: Cells) -> np.ndarray:
    """(gaps - 1,) whether the law has each intermediate gap."""
    return np.isfinite(cell["law_gap_width"]).any((0, 1, 2))[:-1]


def apart(cell: Cells) -> tuple[int, ...]:
    """Modes above the intermediate gaps that the law has."""
    return tuple(int(end) for end in np.nanmax(cell["boundary"], (0, 1))[:-1][_lawful(cell)])


def spacing_claim(cell: Cells, one: Cell) -> str:
    """The claim that no gap opens inside a bulk: of one variance or a continuous law, or of groups that have merged;
    empty without a law, where it has gaps between all groups, and where there is one tangent direction alone."""
    missing = ~_lawful(cell)
    if (
        not np.isfinite(cell["law_gap_width"]).any()
        or int(np.nanmax(cell["boundary"])) < 2
        or (len(missing) and not missing.any())
    ):
        return ""
    stds = sorted((group.std for group in one.groups), reverse=True)
    unlike = [stds[k] != stds[k + 1] for k in np.flatnonzero(missing)]
    return "merged" if any(unlike) else "no_gap"


def widest_spacing(eigenvalues: np.ndarray, apart: tuple[int, ...] = ()) -> np.ndarray:
    """The widest spacing of neighbouring modes at any time, as `draws.widest_spacing` has it of F: (seeds,).

    eigenvalues: (seeds, times, modes) descending; times at which they are not known do not count.
    """
    spacings = np.delete(-np.diff(eigenvalues), np.array(apart, int) - 1, -1)
    widest = np.where(np.isfinite(spacings), spacings, -np.inf).max((1, 2), initial=-np.inf)
    return np.where(np.isfinite(widest), widest, np.nan)


def boundaries(t: np.ndarray, widths: np.ndarray, visibility: float) -> dict[str, np.ndarray]:
    """Where coverage begins and ends. widths: (seeds, gaps, times), of which the first gap and the last are read.

    It begins at the largest t at which the first gap is as wide as `visibility`, and ends where the final gap, t
    falling, overtakes it; interpolated in log t, NaN outside the grid.
    """
    first, last = widths[:, 0], widths[:, -1]
    return {
        "coverage_begins": _last_crossings(t, first - visibility),
        "coverage_ends": _last_crossings(t, last - first, first >= visibility),
    }


def _last_crossings(t: np.ndarray, height: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """(rows,) the largest t at which height (rows, times) rises through 0 as t falls; where: only between such
    times."""
    above = height > 0
    crossing = above[:, :-1] & ~above[:, 1:]
    if where is not None:
        crossing &= where[:, :-1] & where[:, 1:]
    found = np.full(len(height), math.nan)
    rows = np.flatnonzero(crossing.any(1) & np.isfinite(height).all(1))
    i = crossing.shape[1] - 1 - crossing[rows, ::-1].argmax(1)
    before, after = height[rows, i], height[rows, i + 1]
    shares, steps = before / (before - after), t[i + 1] / t[i]
    # one by one: numpy's power of arrays has another last digit
    found[rows] = t[i] * [step**share for step, share in zip(steps.tolist(), shares.tolist(), strict=True)]
    return found


def _nearest(t: np.ndarray, wanted: np.ndarray) -> list[int]:
    """Index of the time nearest to each wanted one; -1 outside the grid."""
    inside = (wanted >= t[0]) & (wanted <= t[-1])
    return [int(np.abs(np.log(t / one)).argmin()) if ok else -1 for one, ok in zip(wanted, inside, strict=True)]


def _at(places: list[int], quantity: Callable[[int, int], float]) -> np.ndarray:
    """(seeds,) a quantity of every seed at its index of time; NaN outside the grid."""
    return np.array([quantity(i, k) if k >= 0 else np.nan for i, k in enumerate(places)])


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=float))))


class Related(NamedTuple):
    """Claims about a cell and another that differs from it in one axis. base: its value in the other."""

    axis: str
    base: float | str
    ratios: dict[str, str]  # claim -> the time whose ratio it is
    curves: dict[str, str]  # claim -> the curve whose largest distance it is


RELATED = (
    Related("train.schedule", "ve", {f"schedule_{name}": name for name in PHASES},
            {"schedule_curve": "curve", "schedule_final_curve": "final_curve"}),
    Related("curvature", 0.0, {"shift": "t_consolidation"}, {}),
)  # fmt: skip


def relate(
    related: Related,
    arms: dict[str, dict[str, np.ndarray]],
    seeds: Sequence[int],
    others: Sequence[tuple[dict[str, dict[str, np.ndarray]], Sequence[int]]],
) -> None:
    """Add the claims of `related` to every arm of a cell that the others have too, and to the law that it is the same.

    arms: law and scores -> {claim: (seeds, ...)}. others: arms and seeds of the base in every block that has it; NaN
    for seeds that none has.
    """
    for name, found in arms.items():
        for claim, of in (related.ratios | related.curves).items():
            there = {
                seed: values
                for other, of_other in reversed(others)
                if of in other.get(name, {})
                for seed, values in zip(of_other, other[name][of], strict=True)
            }
            if name == "law" or of not in found or not there:
                continue
            base = np.stack([there.get(seed, np.full(found[of].shape[1:], np.nan)) for seed in seeds])
            if claim in related.ratios:
                found[claim] = found[of] / base
                arms["law"][claim] = np.ones(len(seeds))
            else:
                found[claim] = np.abs(found[of] - base).max(1)
                arms["law"][claim] = np.zeros(len(seeds))
