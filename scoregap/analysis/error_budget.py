"""Where the learning error comes from: what a trained network is off the exact score, split along a ladder.

study, datasets of its cube -> table error_budget (a row per network, steps, quantity and share), and that in words

docs/explanation/training.md defines it. On the ladder one thing after another is mended, in this order: the target
(exact posterior means), the steps (without end, by a + b steps^-p), the width (of the widest network of the kind), the
linear part (the covariance). A share is what one rung mends; the last one, `rest`, is what is left on top. Shares add
up to the whole and have the sign that they have. All of it is paired by seed, and so are the intervals.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from scoregap.analysis.arrays import known_gaps
from scoregap.analysis.intervals import jackknife, student
from scoregap.analysis.tables import blocks, exactly, labelled, or_dash, with_interval
from scoregap.networks import TARGETS, width
from scoregap.scores import EXACT
from scoregap.study import Study
from scoregap.study.axes import as_named

TIMES = ("t_max", "t_consolidation")  # of the first gap and the final one
QUANTITIES = ("excess loss", "spectrum", *TIMES)
POWERS = np.geomspace(0.25, 4, 65)  # exponents that are tried; a slower fall has no end that could be read off
LEAST = 4  # numbers of steps that an end is extrapolated from: one more than it has parameters
KNOWN = 0.1  # of the whole: half-width of its interval, up to which an error between two shares tells them apart
TARGET, STEPS, WIDTH, LINEAR, REST = SHARES = ("target noise", "steps", "width", "linear part", "rest")
COVARIANCE = "covariance"
WITHIN = ("train.target", "train.steps")  # axes of the ladder, whose values share a block of the table
PLACE = ("target", "preconditioning", "network", "steps")  # of a network among those that a ladder needs


class Power(NamedTuple):
    """end: mean of a over seeds, of a + b steps^-exponent; error: its standard error by what the fit leaves, with so
    many degrees of freedom; all NaN, without any, where there is no end to be told."""

    end: float
    exponent: float
    error: float
    freedom: int


def power(steps: np.ndarray, errors: np.ndarray, relative: bool) -> Power:
    """Least squares of errors (steps, seeds) by a + b steps^-p, with a and b of every seed and one p, of POWERS.

    relative: whether errors scatter in proportion to their mean over seeds, so that residuals are in its units. Numbers
    of steps at which a seed has no error are left out. There is no end where less than LEAST are left, and where no p
    fits better than the least one: what falls so slowly, or by no power, does not say where it ends. The standard error
    is of what errors scatter beside a power law, or are off it, to first order in a, b and p.
    """
    there = np.isfinite(errors).all(1)
    steps, errors = steps[there].astype(float), errors[there]
    seeds = errors.shape[1]
    if len(steps) < LEAST or not seeds:
        return Power(np.nan, np.nan, np.nan, 0)
    weight = (1 / np.abs(errors.mean(1)) if relative else np.ones(len(steps)))[:, None]
    logs = np.log(steps / steps[-1])
    falls = np.exp(-POWERS[:, None] * logs)  # (p, steps)
    design = weight * np.stack([np.ones_like(falls), falls], 2)
    inverse = np.linalg.pinv(design)
    found = inverse @ (weight * errors)  # (p, 2, seeds)
    left = ((design @ found - weight * errors) ** 2).sum((1, 2))
    best = int(left.argmin())
    if best == 0:
        return Power(np.nan, np.nan, np.nan, 0)
    freedom = len(steps) * seeds - 2 * seeds - 1
    (end, scale), inverse = found[best], inverse[best]
    slope = weight[:, 0] * -logs * falls[best]  # of the fit in p, over b
    own = slope - design[best] @ (inverse @ slope)  # what of it a and b do not take up
    squares = (scale**2).sum()
    common = scale.mean() ** 2 / squares if squares > 0 else 0.0  # of what does not fall, p changes nothing
    shared = common * (inverse[0] @ slope) ** 2 / (own**2).sum()
    variance = left[best] / freedom * ((inverse[0] ** 2).sum() / seeds + shared)
    return Power(end.mean(), float(POWERS[best]), math.sqrt(variance), freedom)


class Design(NamedTuple):
    """What errors (target, preconditioning, network, steps, seed) are of. The targets are sample and posterior.

    networks: of one kind, the widest last. cost: (preconditioning, network, steps) operations of a training. relative:
    as for `power`.
    """

    preconditionings: tuple[str, ...]
    networks: tuple[str, ...]
    steps: np.ndarray
    cost: np.ndarray
    relative: bool

    def shares(self, p: int, w: int) -> list[str]:
        """Those of a preconditioning and a network: without rungs that change nothing, as the width of the widest."""
        wider = [WIDTH] if w < len(self.networks) - 1 else []
        linear = [LINEAR] if COVARIANCE in self.preconditionings and self.preconditionings[p] != COVARIANCE else []
        return [TARGET, STEPS, *wider, *linear, REST]


class Means(NamedTuple):
    """Means over some seeds. at: (target, preconditioning, network, steps) errors; end: without steps, what they tend
    to with them; exponent: likewise, of `power`.

    of_at, of_end: half-widths of their intervals, by the scatter over seeds that all numbers of steps have together,
    and by what the fits leave.
    """

    at: np.ndarray
    end: np.ndarray
    exponent: np.ndarray
    of_at: np.ndarray
    of_end: np.ndarray


def means(design: Design, errors: np.ndarray, confidence: float) -> Means:
    """Of errors (target, preconditioning, network, steps, seed)."""
    end, exponent, of_end = np.empty((3, *errors.shape[:3]))
    for arm in np.ndindex(end.shape):
        found = power(design.steps, errors[arm], design.relative)
        end[arm], exponent[arm] = found.end, found.exponent
        of_end[arm] = student(found.error, found.freedom, confidence)
    at, seeds = errors.mean(-1), errors.shape[-1]
    unit = np.abs(at) if design.relative else np.ones(at.shape)
    freedom = np.isfinite(at).sum(-1, keepdims=True) * (seeds - 1)
    squares = np.nansum((errors - at[..., None]) ** 2 / unit[..., None] ** 2, (-2, -1))[..., None]
    spread = np.sqrt(squares / np.where(freedom > 0, freedom, np.nan) / seeds) * unit
    return Means(at, end, exponent, student(spread, freedom, confidence), of_end)


def ladder(design: Design, found: Means, p: int, w: int, s: int) -> tuple[np.ndarray, np.ndarray]:
    """The error of a network and that on every rung of `Design.shares`, the last one 0, of the exact score; what is
    open of each by more than its own seeds.

    p, w, s: places of preconditioning, network and steps.
    """
    shares = design.shares(p, w)
    widest, best = len(design.networks) - 1, design.preconditionings.index(COVARIANCE) if LINEAR in shares else p
    ends = {STEPS: (1, p, w), WIDTH: (1, p, widest), LINEAR: (1, best, widest)}
    fitted = [ends[share] for share in shares[1:-1]]
    rungs = [found.at[0, p, w, s], found.at[1, p, w, s], *(found.end[arm] for arm in fitted), 0.0]
    return np.array(rungs), np.array([0.0, found.of_at[1, p, w, s], *(found.of_end[arm] for arm in fitted), 0.0])


def alone(design: Design, found: Means, p: int, w: int, s: int) -> tuple[np.ndarray, np.ndarray]:
    """What each change of the ladder mends as the only one, in the order of `Design.shares`, without the rest; what
    fits leave open of each."""
    shares = design.shares(p, w)[:-1]
    widest, best = len(design.networks) - 1, design.preconditionings.index(COVARIANCE) if LINEAR in shares else p
    changed = {
        TARGET: found.at[1, p, w, s],
        STEPS: found.end[0, p, w],
        WIDTH: found.at[0, p, widest, s],
        LINEAR: found.at[0, best, w, s],
    }
    mended = found.at[0, p, w, s] - np.array([changed[share] for share in shares])
    return mended, np.array([found.of_end[0, p, w] if share == STEPS else 0.0 for share in shares])


def told_apart(rungs: np.ndarray, half: np.ndarray) -> list[list[int]]:
    """Which shares stand together. rungs, half: errors on the ladder, from the whole to 0, and half-widths of their
    intervals.

    Share k lies between rungs k and k + 1. Two neighbours are told apart if the rung between them is known to KNOWN of
    the whole; where it is not, or has no interval, they are one.
    """
    groups = [[0]]
    for k in range(1, len(rungs) - 1):
        if half[k] <= KNOWN * abs(rungs[0]):
            groups.append([])
        groups[-1].append(k)
    return groups


def budget(design: Design, errors: np.ndarray, confidence: float) -> list[dict[str, Any]]:
    """The shares of every network of errors (target, preconditioning, network, steps, seed), in turn and alone.

    Nothing where a seed has no number, or all together no error. An interval is by `jackknife` over seeds, but no
    narrower than what fits leave open of the ends between which a share lies: few seeds may agree by chance, and those
    that do would pass for well known.
    """
    seeds = np.arange(errors.shape[-1])
    found = means(design, errors, confidence)
    without = [means(design, errors[..., seeds != seed], confidence) for seed in seeds] if len(seeds) > 1 else []

    def half_widths(statistic: Callable[[Means], np.ndarray], fits: np.ndarray) -> np.ndarray:
        return np.maximum(jackknife(statistic(found), np.array([statistic(one) for one in without]), confidence), fits)

    rows = []
    for p, w, s in np.ndindex(found.at.shape[1:]):
        whole = found.at[0, p, w, s]
        if not np.isfinite(whole) or whole == 0:
            continue
        place: dict[str, Any] = {"train.preconditioning": design.preconditionings[p], "network": design.networks[w]}
        place |= {"steps": int(design.steps[s]), "cost": float(design.cost[p, w, s])}
        place |= {"whole": whole, "exponent": found.exponent[1, p, w]}
        names = design.shares(p, w)
        rungs, fits = ladder(design, found, p, w, s)
        groups = told_apart(rungs, half_widths(lambda one: ladder(design, one, p, w, s)[0], fits))  # noqa: B023
        ends = [group[0] for group in groups] + [len(names)]
        between = np.hypot(fits[ends[:-1]], fits[ends[1:]])
        if ends[1] == 1:  # of the target noise: two errors that are measured, in pairs
            between[0] = 0.0
        half = half_widths(lambda one: -np.diff(ladder(design, one, p, w, s)[0][ends]), between)  # noqa: B023
        together = [" or ".join(names[k] for k in group) for group in groups]
        mended, open_ = alone(design, found, p, w, s)
        singly = half_widths(lambda one: alone(design, one, p, w, s)[0], open_)  # noqa: B023
        for how, shares, values, wide in (
            ("in turn", together, -np.diff(rungs[ends]), half),
            ("alone", names[:-1], mended, singly),
        ):
            parts, wide = values / whole, wide / abs(whole)
            rows += [
                place | {"how": how, "share": share, "part": part, "low": part - one, "high": part + one}
                for share, part, one in zip(shares, parts, wide, strict=True)
                if np.isfinite(part)
            ]
    return rows


def error_budget(study: Study, datasets: list[xr.Dataset]) -> pd.DataFrame:
    """One row per preconditioning, trained network, steps, quantity and share, where all seeds have it.

    quantity: `excess loss`, mean over noise variances of the squared distance from Bayes' optimum over t; `spectrum`,
    mean squared distance of the eigenvalues of t J from those of the exact score, over times, points and modes;
    logarithms of t_max of the first gap and of t_consolidation of the final one over exact, with their sign. whole: the
    error of the network, mean over seeds. part: what of it is the share's; low, high: its interval over seeds, in the
    same unit, NaN for one seed. share: one of SHARES, or several joined by "or", that are not told apart. how: `in
    turn`, on the ladder, or `alone`, what the same change mends as the only one. exponent: of the network's fall with
    the steps, on posterior means; NaN if there is no end. cost: floating-point operations.
    """
    rows: list[dict] = []
    for ds in datasets:
        for label, own, exact in _arms(study, ds):
            preconditionings, networks = (tuple(own[name].values) for name in PLACE[1:3])
            spent = own.training_flops.isel(target=0).max("evaluation").mean("seed")
            cost = spent.transpose(*PLACE[1:]).values
            for quantity, errors in _errors(own, exact).items():
                design = Design(preconditionings, networks, own.steps.values, cost, quantity not in TIMES)
                found = budget(design, errors.values, study.compare.confidence)
                rows += [label | {"quantity": quantity} | row for row in found]
    return pd.DataFrame(rows)


def _arms(study: Study, ds: xr.Dataset) -> Iterator[tuple[dict[str, Any], xr.Dataset, xr.Dataset]]:
    """(values of the other axes; cells (target, preconditioning, network, steps, seed) of all networks of a kind, and
    the exact ones (seed)), for seeds with any result."""
    loaded = ds[["status", "boundary", "eigenvalue", "excess_loss", *TIMES, "training_flops"]].load()
    others = [axis for axis in study.condition_axes if axis not in (*WITHIN, "train.preconditioning")]
    networks = sorted(study.trained_networks, key=lambda name: (name.partition("-")[0], width(name) or 0))
    kinds = [list(found) for _, found in itertools.groupby(networks, key=lambda name: name.partition("-")[0])]
    for values in itertools.product(*(as_named(study.axes[axis]) for axis in others)):
        label = dict(zip(others, values, strict=True))
        here = known_gaps(loaded.sel(label))
        if "train.preconditioning" not in here.dims and study.document.train:
            here = here.expand_dims({"train.preconditioning": [study.document.train.preconditioning]})
        here = here.sel({"train.target": list(TARGETS)}).sortby("train.steps")
        here = here.rename({f"train.{name}": name for name in PLACE[:-2]} | {"train.steps": "steps"})
        exact = here.sel(network=EXACT).isel(target=0, preconditioning=0, steps=0)
        for found in kinds:
            own = here.sel(network=found).transpose(*PLACE, "seed", ...)
            present = ((own.status == 1).any(PLACE) & (exact.status == 1)).values
            if present.any():
                yield label, own.isel(seed=present), exact.isel(seed=present)


def _errors(own: xr.Dataset, exact: xr.Dataset) -> dict[str, xr.DataArray]:
    """Every quantity of QUANTITIES of these cells, NaN where there is no result."""
    found: dict[str, Any] = {
        "excess loss": own.excess_loss.mean("time"),
        "spectrum": ((own.eigenvalue - exact.eigenvalue) ** 2).mean(("time", "point", "mode")),
    }
    for name, gap in zip(TIMES, (0, -1), strict=True):
        found[name] = np.log(own[name].isel(gap=gap)) - np.log(exact[name].isel(gap=gap))
    return {name: errors.where(own.status == 1).transpose(*PLACE, "seed") for name, errors in found.items()}


def error_budget_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """The table of `error_budget` in words."""
    lines = [
        "error budget: trained less exact (whole), and its shares in per cent of it, with intervals over seeds, in",
        "  this order: target noise; steps, what more of them would mend (p: errors fall as steps^-p); width, what",
        f"  that of the widest network would; linear part; rest. or: not told apart, to {KNOWN:.0%} of the whole",
    ]
    for values, block in blocks(study, frame, *WITHIN):
        lines += [f"  {labelled(values)}"] if values else []
        for quantity, rows in block[block.how == "in turn"].groupby("quantity", sort=False):
            lines.append(f"    {quantity:<18}{'steps':>8}{'TFLOP':>9}{'p':>6}{'whole':>11}")
            for (network, steps), shares in rows.groupby(["network", "steps"], sort=False):
                one = shares.iloc[0]
                columns = (shares.share, *(100 * shares[name] for name in ("part", "low", "high")))
                said = (
                    f"{share} {with_interval(part, low, high, '.0f')}"
                    for share, part, low, high in zip(*columns, strict=True)
                )
                head = f"      {network:<16}{exactly(steps):>8}{one.cost / 1e12:>9.3g}{or_dash(one.exponent):>6}"
                lines.append(f"{head}{one.whole:>11.3g}  {'; '.join(said)}")
    return lines
