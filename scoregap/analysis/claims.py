"""The paper's quantitative claims, each tested with numbers.

parts of a study with the datasets of its cube -> a row per claim, cell and trained network

Every quantity is read off the curves and spectra of law, Gaussian, exact and trained score by the same operator. The
claim is what the law says; `verdicts.decide` says whether the network agrees with it, and with the exact score. The
exact score needs no training, so a block of the study may draw it more often than networks are trained: all its draws
of a cell say how far it is from the law. `why` splits the distance: trained from exact is learning error, exact from
law is what finite size and curvature do (THEORY.md 5).
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from scoregap.analysis.comparison import seeds_of
from scoregap.analysis.controls import MISSED, Attribution, Controlled, Pair, attribute, attributed
from scoregap.analysis.intervals import interval, interval_with_draws, median
from scoregap.analysis.learning import INSIDE
from scoregap.analysis.tables import PHASES, plain, text
from scoregap.analysis.verdicts import JUDGED, Seeds, Verdict, cause, decide
from scoregap.scores import EXACT
from scoregap.study import Study
from scoregap.study.schema import Margins
from scoregap.variables import NONE_PREDICTED, NOT_APPLICABLE

WIDTH = 0.05  # margin of widths of gaps, of the spike and of eigenvalues of G, all between 0 and 1
BOUNDARY = 0.15  # relative margin of phase boundaries
SHARED = 0.05  # relative margin of what should be the same in two arms


class Claim(NamedTuple):
    """What the paper says, where; whether it is compared as a ratio; its margin, None for that of the study."""

    says: str
    source: str
    log: bool
    margin: float | None


CLAIMS = {
    "t_max": Claim("the gap between two groups is widest at t_max = sqrt(gamma_-(1) gamma_+(2))", "eq. 9", True, None),
    "t_open": Claim("it opens, t falling, at half of that width", "eq. 20-22", True, None),
    "t_close": Claim("it closes again", "eq. 23-25", True, None),
    "consistency": Claim("t_open t_close = t_max^2", "eq. 20-25", True, BOUNDARY),
    "widest": Claim("its largest width is (sqrt a - sqrt b) / (sqrt a + sqrt b)", "eq. 18", False, WIDTH),
    "curve": Claim("its width is t (a - b) / ((t + a) (t + b)) at every t: largest distance", "eq. 18", False, WIDTH),
    "t_consolidation": Claim("the final gap reaches one half at t = gamma_-", "eq. 15-17", True, None),
    "final_curve": Claim("the final gap is gamma_- / (t + gamma_-) at every t: largest distance", "eq. 15-16", False,
                         WIDTH),
    "coverage_begins": Claim("trivial phase ends where a gap becomes visible", "eq. 17", True, BOUNDARY),
    "coverage_ends": Claim("coverage ends where the final gap overtakes the intermediate one", "eq. 15-18", True,
                           BOUNDARY),
    "order": Claim(
        "high variance comes first: at t_max the modes above the gap are the group of high variance: mean cosine",
        "section 4",
        False,
        WIDTH,
    ),
    "no_gap": Claim("one variance, or a continuous law: no gap but the final one opens", "section 4", False, WIDTH),
    "spike": Claim("normal directions are a spike at -1: rms distance from it well after consolidation", "section 3",
                   False, WIDTH),
    "singular": Claim("singular values of t J show what its eigenvalues show: rms difference at t_max", "section 4",
                      False, WIDTH),
    "dimension": Claim("the final gap is at the manifold dimension: found minus true", "section 4", False, 0.5),
    "ghost": Claim("no direction beyond the manifold: its largest eigenvalue of G before consolidation",
                   "linear theory", False, WIDTH),
    "shift": Claim("consolidation is where that of the flat manifold is: ratio", "linear theory", True, None),
    "schedule": Claim("spectra of t J do not depend on the schedule: t_max of vp over that of ve", "section 2", True,
                      SHARED),
}  # fmt: skip
ARMS = ("law", "gaussian", "exact", "trained")
CONTROLS = {"shift": "t_consolidation"}  # claims of curved cells -> what of the flat control stands for them


class Cell(NamedTuple):
    """The claims of every score in one cell. arms: law and scores -> {claim: (seeds,)}. states: the same, of those
    claims that are phase times."""

    study: Study
    values: dict
    seeds: tuple[int, ...]
    arms: dict[str, dict[str, np.ndarray]]
    states: dict[str, dict[str, np.ndarray]]

    def of(self, arm: str, claim: str) -> Seeds | None:
        """A claim of the law or of a score; None where there is none."""
        values = self.arms.get(arm, {}).get(claim)
        return None if values is None else Seeds.of(values, self.states[arm].get(claim))

    def pair(self, claim: str, network: str, seeds: list[int], margin: float) -> Pair:
        """A claim of a network and of the exact score, in these seeds."""
        places = [self.seeds.index(seed) for seed in seeds]
        found = (Seeds.of(self.arms[arm][claim], self.states[arm].get(claim)) for arm in (network, EXACT))
        trained, exact = (Seeds(one.values[places], one.states[places]) for one in found)
        return Pair(trained, exact, margin)

    @property
    def without_curvature(self) -> tuple:
        """What it has in common with its flat control."""
        return tuple((axis, value) for axis, value in self.values.items() if axis != "curvature")

    @property
    def untrained(self) -> tuple:
        """What tells its manifolds and spectra from those of other cells."""
        return tuple(value for axis, value in self.values.items() if not axis.startswith("train."))


def claims(parts: list[tuple[Study, list[xr.Dataset]]]) -> pd.DataFrame:
    """A row per claim, cell (seeds together) and network, in the order of CLAIMS; empty where nothing can be tested.

    claim, says, source; the axes; network; law, gaussian, exact, trained: medians over seeds; low, high: Student's
    interval of trained's mean, of its logarithm for ratios; law_low, law_high, exact_low, exact_high: intervals of
    trained over law and over exact, or, of what is no ratio, less them; margin; draws: of the exact score; learning:
    trained against exact, finite: exact against law, as relative differences for ratios; of_exact, verdict: against
    exact and against law; of, seen: seeds that are compared with the law, and in how many the network has it; why: a
    `Cause`; and, of curved cells, `controls.Controlled`, with an attribution where the network misses the exact score.
    """
    cells = [
        cell
        for study, datasets in parts
        if EXACT in study.axes["network"]
        for ds in datasets
        for cell in _cells(study, ds)
    ]
    drawn: defaultdict[tuple, dict[int, tuple[float, float]]] = defaultdict(dict)
    for cell in cells:
        law, exact = cell.arms["law"], cell.arms["exact"]
        for name in law.keys() & exact.keys():
            pairs = zip(exact[name], law[name], strict=True)
            drawn[name, *cell.untrained] |= dict(zip(cell.seeds, pairs, strict=True))
    flat = {
        (cell.without_curvature, network): cell
        for cell in cells
        if not cell.values["curvature"]
        for network in cell.study.evaluated_scores
    }
    rows = [row for cell in cells for row in _rows(cell, drawn, flat)]
    if not rows:
        return pd.DataFrame(columns=["claim", "verdict"])
    frame = pd.DataFrame(rows)
    axes = [axis for axis in frame.columns if axis in set().union(*(study.condition_axes for study, _ in parts))]
    frame = frame.drop_duplicates(["claim", *axes, "network"])  # blocks share cells
    order = list(CLAIMS).index
    return frame.sort_values("claim", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def _cells(study: Study, ds: xr.Dataset) -> Iterator[Cell]:
    """The cells of one dataset."""
    loaded = ds.drop_vars([name for name, one in ds.data_vars.items() if "evaluation" in one.dims])
    for values in itertools.product(*(ds[axis].values for axis in study.condition_axes)):
        chosen = dict(zip(study.condition_axes, values, strict=True))
        cell = loaded.sel(chosen).load()
        if not (cell.status == 1).any():
            continue
        arms = {str(name): measured(cell, str(name), study) for name in cell.network.values}
        arms["law"] = of_law(cell, study)
        if len(study.axes.get("train.schedule", ())) > 1 and chosen["train.schedule"] == "vp":
            relate("schedule", arms, loaded.sel(chosen | {"train.schedule": "ve"}))
        if chosen["curvature"] and 0 in study.axes["curvature"]:
            relate("shift", arms, loaded.sel(chosen | {"curvature": 0.0}))
        yield Cell(study, chosen, tuple(cell.seed.values.tolist()), arms, {arm: states(cell, arm) for arm in arms})


def _rows(cell: Cell, drawn: dict[tuple, dict[int, tuple[float, float]]], flat: dict[tuple, Cell]) -> Iterator[dict]:
    """The rows of one cell. drawn: claim and manifolds -> {seed: value of exact and of law}. flat: cells without
    curvature, by what a curved one has in common with them, and network."""
    settings = cell.study.document.compare
    margins = settings.curved if cell.values["curvature"] else settings.flat
    for network in cell.study.evaluated_scores:
        names = {arm: network if arm == "trained" else arm for arm in ARMS}
        for name, claim in CLAIMS.items():
            arms = {arm: one for arm, own in names.items() if (one := cell.of(own, name))}
            if {"law", "exact", "trained"} <= arms.keys():
                draws = drawn[name, *cell.untrained]
                more = [pair for seed, pair in draws.items() if seed not in cell.seeds]
                label = {"claim": name, "says": claim.says, "source": claim.source}
                found = against_law_and_exact(
                    name, arms, margins, settings.confidence, np.array(more, float).reshape(-1, 2).T
                )
                controlled = control(name, cell, flat.get((cell.without_curvature, network)), network)
                if found["of_exact"] not in MISSED:
                    controlled = controlled._replace(attribution="")
                yield label | cell.values | {"network": network} | found | controlled._asdict()


def control(name: str, cell: Cell, flat: Cell | None, network: str) -> Controlled:
    """What the flat control says of a network in a curved cell; nothing of a flat one."""
    claim, settings = CONTROLS.get(name, name), cell.study.document.compare
    if not cell.values["curvature"]:
        return Controlled()
    if flat is None or not all(flat.of(arm, claim) for arm in (network, EXACT)):
        return Controlled(attribution=Attribution.NO_CONTROL)
    seeds = [seed for seed in cell.seeds if seed in flat.seeds]
    curved, straight = (
        one.pair(claim, network, seeds, margin_of(name, margins))
        for one, margins in ((cell, settings.curved), (flat, settings.flat))
    )
    return attribute(curved, straight, CLAIMS[name].log, settings.confidence)


def margin_of(name: str, margins: Margins) -> float:
    """The margin of a claim: its own, or that of the study."""
    own = CLAIMS[name].margin
    return getattr(margins, CONTROLS.get(name, name)) if own is None else own


def states(cell: xr.Dataset, network: str) -> dict[str, np.ndarray]:
    """{claim: (seeds,)} the states of phase times of one score, or of the law."""
    return {name: seeds_of(cell, network, name, -1 if name == PHASES[-1] else 0).states for name in PHASES}


def measured(cell: xr.Dataset, network: str, study: Study) -> dict[str, np.ndarray]:
    """{claim: (seeds,)} of one score in one cell; those that apply to its groups and curvature."""
    own, exact = cell.sel(network=network), cell.sel(network=EXACT)
    t, widths = own.time.values, own.gap_width.transpose("seed", "gap", "time").values.astype(float)
    law = cell.law_gap_width.sel(network=EXACT).transpose("seed", "gap", "time").values.astype(float)
    found = {"t_consolidation": own.t_consolidation.isel(gap=-1).values}
    found["final_curve"] = np.abs(widths[:, -1] - law[:, -1]).max(1)
    if two_groups(cell):
        for name in PHASES[:3]:
            found[name] = own[name].isel(gap=0).values
        found["consistency"] = own.consistency.isel(gap=0).values
        found |= {"widest": widths[:, 0].max(1), "curve": np.abs(widths[:, 0] - law[:, 0]).max(1)}
        found |= boundaries(t, widths, study.document.fit.visibility)
    elif widths.shape[1] > 1:
        found["no_gap"] = widths[:, 0].max(1)
    m = int(cell.boundary.isel(gap=-1).max())
    eigen = own.eigenvalue.transpose("seed", "time", "point", "mode").values
    singular = own.singular_value.transpose("seed", "time", "point", "mode").values
    consolidated = exact.t_consolidation.isel(gap=-1).values
    late = _nearest(t, INSIDE * consolidated)
    there = _nearest(t, exact.t_max.isel(gap=0).values) if two_groups(cell) else late
    by_size = -np.sort(-np.abs(eigen), -1)
    found["singular"] = _at(there, lambda i, k: _rms(singular[i, k] - by_size[i, k]))
    found["spike"] = _at(late, lambda i, k: _rms(eigen[i, k, :, m:] + 1))
    if two_groups(cell):
        cosine = own.alignment.transpose("seed", "time", "group").values
        found["order"] = _at(there, lambda i, k: cosine[i, k, 0])
    found["dimension"] = own.dimension_overall.isel(estimator=0).values - m
    if float(cell.curvature):
        early = t >= consolidated[:, None]  # later it is the resolution of a network that shows
        found["ghost"] = 1 + np.where(early, eigen[..., m].mean(2), -1.0).max(1)
    return found


def of_law(cell: xr.Dataset, study: Study) -> dict[str, np.ndarray]:
    """The same of the law of the flat manifold; without it no claim is tested."""
    one = cell.sel(network=EXACT)
    widths = one.law_gap_width.transpose("seed", "gap", "time").values.astype(float)
    seeds = np.full(len(widths), 0.0)
    found = {"t_consolidation": one.law_t_consolidation.isel(gap=-1).values}
    if not np.isfinite(found["t_consolidation"]).any():
        return {}
    found |= dict.fromkeys(("final_curve", "spike", "singular", "dimension", "ghost", "no_gap"), seeds)
    if two_groups(cell):
        found |= {name: one[f"law_{name}"].isel(gap=0).values for name in PHASES[:3]}
        found |= {"consistency": seeds + 1, "widest": widths[:, 0].max(1), "curve": seeds, "order": seeds + 1}
        found |= boundaries(one.time.values, widths, study.document.fit.visibility)
    return found


def two_groups(cell: xr.Dataset) -> bool:
    """Whether the law has a gap between the first groups of a cell, if only a narrow one."""
    of_law = cell.law_t_max_state.isel(gap=0).sel(network=EXACT)
    return bool(cell.sizes["gap"] > 1 and (~of_law.isin((NONE_PREDICTED, NOT_APPLICABLE))).any())


def boundaries(t: np.ndarray, widths: np.ndarray, visibility: float) -> dict[str, np.ndarray]:
    """Where coverage begins and ends. widths: (seeds, gaps, times), of which the first gap and the last are read.

    It begins at the largest t at which the first gap is as wide as `visibility`, and ends where the final gap, t
    falling, overtakes it; interpolated in log t, NaN outside the grid.
    """
    return {
        "coverage_begins": np.array([_last_crossing(t, one[0] - visibility) for one in widths]),
        "coverage_ends": np.array([_last_crossing(t, one[-1] - one[0], one[0] >= visibility) for one in widths]),
    }


def _last_crossing(t: np.ndarray, height: np.ndarray, where: np.ndarray | None = None) -> float:
    """The largest t at which height (times,) rises through 0 as t falls; where: only between such times."""
    above = height > 0
    crossing = above[:-1] & ~above[1:]
    if where is not None:
        crossing &= where[:-1] & where[1:]
    if not crossing.any() or not np.isfinite(height).all():
        return math.nan
    i = np.flatnonzero(crossing)[-1]
    share = height[i] / (height[i] - height[i + 1])
    return float(t[i] * (t[i + 1] / t[i]) ** share)


def _nearest(t: np.ndarray, wanted: np.ndarray) -> list[int]:
    """Index of the time nearest to each wanted one; -1 outside the grid."""
    inside = (wanted >= t[0]) & (wanted <= t[-1])
    return [int(np.abs(np.log(t / one)).argmin()) if ok else -1 for one, ok in zip(wanted, inside, strict=True)]


def _at(places: list[int], quantity: Callable[[int, int], float]) -> np.ndarray:
    """(seeds,) a quantity of every seed at its index of time; NaN outside the grid."""
    return np.array([quantity(i, k) if k >= 0 else np.nan for i, k in enumerate(places)])


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=float))))


def relate(claim: str, arms: dict[str, dict], other: xr.Dataset) -> None:
    """Add to every arm the ratio of its time to that in a related cell, and to the law that it is 1."""
    other = other.load()
    time, gap = ("t_max", 0) if claim == "schedule" and two_groups(other) else ("t_consolidation", -1)
    for name, found in arms.items():
        if name != "law" and time in found:
            found[claim] = found[time] / other[time].sel(network=name).isel(gap=gap).values
    arms["law"][claim] = np.ones(other.sizes["seed"])


def against_law_and_exact(
    name: str,
    arms: dict[str, Seeds],
    margins: Margins,
    confidence: float,
    more: np.ndarray = np.empty((2, 0)),
) -> dict[str, Any]:
    """Medians, intervals, verdicts and why. arms: of ARMS; without gaussian where the study does not have it.
    more: (2, draws) of exact and law, in draws of the manifold on which nothing was trained. Seeds in which the exact
    score's is not known are left out; of medians, unless it is known in none.
    """
    claim, margin = CLAIMS[name], margin_of(name, margins)
    scale, back, less = (_log, np.exp, np.expm1) if claim.log else (np.asarray, float, float)
    known = arms["exact"].states != NOT_APPLICABLE
    law, exact, trained = (Seeds(*(one[known] for one in arms[arm])) for arm in ("law", "exact", "trained"))
    shown = {arm: one.scaled(False)[known | (not known.any())] for arm, one in arms.items()}
    learning = trained.scaled(claim.log) - exact.scaled(claim.log)
    finite = exact.scaled(claim.log) - law.scaled(claim.log)
    further = _finite(np.subtract(*scale(more)))
    # By way of the exact score, if it has what the network has.
    both = trained.seen & law.seen
    by_exact = bool((exact.seen | ~both).all())
    ends = interval_with_draws(learning[both], finite[both], further, confidence) if by_exact else None
    of_law = decide(trained, law, margin, claim.log, confidence, ends)
    of_exact = decide(trained, exact, margin, claim.log, confidence)
    exact_of_law = decide(exact, law, margin, claim.log, confidence)
    finite = np.concatenate([finite, further])
    row = {arm: median(shown[arm]) if arm in arms else math.nan for arm in ARMS}
    for of, two in (
        ("", interval(_finite(scale(shown["trained"])), confidence)),
        ("law_", (of_law.low, of_law.high)),
        ("exact_", (of_exact.low, of_exact.high)),
    ):
        row |= {f"{of}low": float(back(two[0])), f"{of}high": float(back(two[1]))}
    row |= {"margin": margin, "draws": int(np.isfinite(finite).sum())}
    row |= {"learning": float(less(median(learning))), "finite": float(less(median(finite)))}
    row |= {"of": of_law.detail.of, "seen": of_law.detail.seen}
    why = cause(of_law, of_exact, exact_of_law, row["learning"], row["finite"], margin)
    return row | {"of_exact": of_exact.verdict, "verdict": of_law.verdict, "why": why}


def _log(values) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(np.asarray(values, float))


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def lines(frame: pd.DataFrame) -> list[str]:
    """The table in words: a line per claim, with the counts of verdicts and what lies behind them."""
    table = plain()
    table.add_column("the paper's claims", max_width=94)
    for column in ("law", "exact"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("why")
    for name, rows in frame.groupby("claim", sort=False):
        tested = rows[rows.verdict != Verdict.NOT_TESTABLE]
        if len(tested):
            counts = (
                " / ".join(str((column == one).sum()) for one in JUDGED) for column in (tested.verdict, tested.of_exact)
            )
            why = tested.why[tested.why != ""].value_counts()
            table.add_row(
                CLAIMS[str(name)].says, *counts, ", ".join(f"{word} ({count})" for word, count in why.items())
            )
    if not table.row_count:
        return []
    return [
        *text(table),
        f"cells and networks ({' / '.join(JUDGED)}): trained against the law, and against the exact score of the same "
        "F; all of them in claims.csv",
        *attributed(frame),
    ]
