"""The paper's quantitative claims, each tested with numbers.

parts of a study with the datasets of its cube -> a row per claim, cell and trained network

Every quantity is read off the curves and spectra of law, Gaussian, exact and trained score by the same operator. The
claim is what the law says; `verdicts.decide` says whether the network agrees with it, and with the exact score. The
exact score needs no training, so a block of the study may draw it more often than networks are trained: all its draws
of a cell say how far it is from the law. `why` splits the distance: trained from exact is learning error, exact from
law is what finite size and curvature do (theory.md 5).
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from scoregap.analysis import arrays, controls, quantities
from scoregap.analysis.claim_verdicts import ARMS, CONTROLS, MEANS, Asked, against_law_and_exact, margin_of
from scoregap.analysis.comparison import exact_states
from scoregap.analysis.controls import MISSED, Attribution, Controlled, Pair
from scoregap.analysis.hypotheses import COMPARISONS
from scoregap.analysis.quantities import CLAIMS, Claim, Kind
from scoregap.analysis.tables import PHASES
from scoregap.analysis.verdicts import Seeds, Verdict, caused
from scoregap.scores import EXACT
from scoregap.study import Study
from scoregap.variables import NOT_APPLICABLE

TOGETHER = 500  # rows that are tested at once: more are not faster, and draws of the manifold of each take room
Drawn = Mapping[tuple, dict[int, tuple[float, float]]]  # claim and manifolds -> {seed: value of exact and of law}


class Cell(NamedTuple):
    """The claims of every score in one cell. arms: law and scores -> {claim: (seeds, ...)}. states: the same, of those
    claims that are phase times. redrawn: makes {claim: (draws, ...)} of the exact score for F drawn anew, which of
    thousands of cells take gigabytes."""

    study: Study
    values: dict
    seeds: tuple[int, ...]
    arms: dict[str, dict[str, np.ndarray]]
    states: dict[str, dict[str, np.ndarray]]
    redrawn: Callable[[], dict[str, np.ndarray]]

    def of(self, arm: str, claim: str) -> Seeds | None:
        """A claim of the law or of a score; None where there is none."""
        values = self.arms.get(arm, {}).get(claim)
        return None if values is None else Seeds.of(values, self.states[arm].get(claim))

    def pair(self, claim: str, network: str, margin: float) -> Pair | None:
        """A claim of a network and of the exact score; None without one of the two."""
        trained, exact = self.of(network, claim), self.of(EXACT, claim)
        if trained is None or exact is None:
            return None
        if compared := COMPARISONS.get(CLAIMS[claim].kind):
            apart = compared.apart(trained.values, exact.values)
            none = np.where(np.isfinite(apart), compared.true, np.nan)
            return Pair(Seeds.of(apart), Seeds.of(none), margin)
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

    claim, says, source; the axes; network; law, gaussian, exact, trained: means over seeds, geometric ones of
    times and ratios; low, high: Student's interval of trained's; law_low, law_high, exact_low, exact_high: intervals of
    trained over law and over exact, or, of what is no ratio, less them; margin; draws: of the exact score; learning:
    trained against exact, finite: exact against law, as relative differences for ratios; of, seen: seeds that are
    compared with the law, and in how many the network has it; independent: in how many both have it, each with an F
    and a network of its own; law_detectable, exact_detectable: what difference from law and from exact would have been
    found (`power.detectable`); of_exact, verdict: against exact and against law; why: a `Cause`; and, of curved cells,
    `controls.Controlled`, with an attribution where the network misses the exact score.
    """
    parts = [(study, datasets) for study, datasets in parts if EXACT in study.axes["network"]]
    if not any(study.evaluated_scores for study, _ in parts):
        return pd.DataFrame(columns=["claim", "verdict"])
    cells = [cell for study, datasets in parts for ds in datasets for cell in _cells(study, ds)]
    _related(cells)
    drawn, tested, tables = _drawn(cells), [], []
    every = (one for cell in cells for one in _rows(cell, drawn))
    while some := list(itertools.islice(every, TOGETHER)):
        found = against_law_and_exact([asked for _, _, asked in some])
        rows = []
        for (cell, label, _), row in zip(some, found, strict=True):
            more = {"manifold_seeds": " ".join(map(str, cell.seeds)), "why": caused(row["why"], label["network"])}
            rows.append(label | row | more | Controlled()._asdict())
            tested.append(Row(cell, label["claim"], label["network"], row["of_exact"], row["learning"]))
        tables.append(pd.DataFrame(rows))  # which takes a tenth of the room of its rows as dicts
    if not tested:
        return pd.DataFrame(columns=["claim", "verdict"])
    controlled = pd.DataFrame(Controls(cells, tested).of(tested))
    frame = pd.concat(tables, ignore_index=True).assign(**{name: controlled[name] for name in Controlled._fields})
    axes = [axis for axis in frame.columns if axis in set().union(*(study.condition_axes for study, _ in parts))]
    frame = frame.drop_duplicates(["claim", *axes, "network"])  # blocks share cells
    order = list(CLAIMS).index
    return frame.sort_values("claim", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def _cells(study: Study, ds: xr.Dataset) -> Iterator[Cell]:
    """The cells of one dataset."""
    for some in arrays.blocks_of(study, ds, quantities.READ):
        for padded in some.cells:
            if not (padded["status"] == 1).any():
                continue
            cell = padded.unpadded
            one = quantities.cell_of(study, cell.values)
            arms = {name: quantities.measured(cell, name, one) for name in cell.scores}
            arms["law"] = quantities.of_law(cell, one)
            redrawn = quantities.of_draws(cell, one) if study.evaluated_scores else dict
            of_times = {arm: states(cell, arm) for arm in arms}
            yield Cell(study, cell.values, tuple(cell.seeds.tolist()), arms, of_times, redrawn)


def _related(cells: list[Cell]) -> None:
    """Add to cells the claims about others: of every block, wherever both are."""
    places: defaultdict[tuple, list[Cell]] = defaultdict(list)
    for cell in cells:
        places[_place(cell.values)].append(cell)
    for cell in cells:
        for related in quantities.RELATED:
            if cell.values.get(related.axis, related.base) != related.base:
                others = places[_place(cell.values | {related.axis: related.base})]
                quantities.relate(related, cell.arms, cell.seeds, [(other.arms, other.seeds) for other in others])


def _place(values: dict) -> tuple:
    return tuple(sorted(values.items()))


def _drawn(cells: list[Cell]) -> Drawn:
    """What is known of manifolds of which not all cells have the same seeds; of others no cell has further draws."""
    seeds: defaultdict[tuple, set[tuple[int, ...]]] = defaultdict(set)
    for cell in cells:
        seeds[cell.untrained].add(cell.seeds)
    drawn: defaultdict[tuple, dict[int, tuple[float, float]]] = defaultdict(dict)
    for cell in cells:
        if len(seeds[cell.untrained]) > 1:
            for name in cell.arms["law"].keys() & cell.arms["exact"].keys():
                pairs = _pairs(CLAIMS[name], cell.arms["exact"][name], cell.arms["law"][name])
                drawn[name, *cell.untrained] |= dict(zip(cell.seeds, map(tuple, pairs.T.tolist()), strict=False))
    return drawn


def _rows(cell: Cell, drawn: Drawn) -> Iterator[tuple[Cell, dict, Asked]]:
    """The cell with the labels of each of its rows, and what is tested."""
    settings = cell.study.compare
    margins = settings.curved if cell.values["curvature"] else settings.flat
    further = _further(cell, drawn) if cell.study.evaluated_scores else {}
    for network in cell.study.evaluated_scores:
        names = {arm: network if arm == "trained" else arm for arm in ARMS}
        for name, claim in CLAIMS.items():
            arms = {arm: one for arm, own in names.items() if (one := cell.of(own, name))}
            if {"law", "exact", "trained"} <= arms.keys():
                label = {"claim": name, "says": claim.says, "source": claim.source} | cell.values
                yield cell, label | {"network": network}, Asked(name, arms, margins, settings.confidence, further[name])


def _pairs(claim: Claim, exact: np.ndarray, law: np.ndarray) -> np.ndarray:
    """(2, draws) what draws of the exact score and the law are in a claim; of curves, their distance and 0. Nothing of
    what is tested in another way."""
    if claim.kind in MEANS:
        return np.stack([exact, np.broadcast_to(law, exact.shape)]).astype(float)
    if claim.kind in (Kind.LARGEST, Kind.RMS):
        return np.stack([apart := COMPARISONS[claim.kind].apart(exact, law), np.zeros(len(apart))])
    return np.empty((2, 0))


def _further(cell: Cell, drawn: Drawn) -> dict[str, np.ndarray]:
    """{claim: (2, draws)} of exact and law, of draws of F on which nothing was trained: of the study, and of
    simulation."""
    found, redrawn = {}, cell.redrawn()
    for name, law in cell.arms["law"].items():
        known = drawn.get((name, *cell.untrained), {})
        more = np.array([pair for seed, pair in known.items() if seed not in cell.seeds], float).reshape(-1, 2).T
        if name in redrawn:
            more = np.concatenate([more, _pairs(CLAIMS[name], redrawn[name], law[:1])], 1)
        found[name] = more
    return found


class Row(NamedTuple):
    """What controls ask of a row: its cell, claim and network; the verdict against the exact score, and the distance
    from it."""

    cell: Cell
    claim: str
    network: str
    of_exact: Verdict
    learning: float

    @property
    def missed(self) -> bool:
        """Whether it misses the exact score. A dimension does only where some seed is wrong: few that are right are
        inconclusive too."""
        return self.of_exact in MISSED and (CLAIMS[self.claim].kind is not Kind.RIGHT or bool(self.learning))


class Controls:
    """The flat controls of curved cells, of all blocks.

    The verdict of a control is that of its row in the table, so by the test of its kind, and the same as in the
    comparison. What curvature adds is compared in pairs of the same F, in whichever block that is.
    """

    def __init__(self, cells: list[Cell], rows: Sequence[Row]):
        self.cells: defaultdict[tuple, list[Cell]] = defaultdict(list)
        for cell in cells:
            if not cell.values["curvature"]:
                self.cells[cell.without_curvature].append(cell)
        self.verdicts: dict[tuple, Verdict] = {}
        for row in rows:
            if not row.cell.values["curvature"]:  # of blocks that share a cell, the row of the first is in the table
                self.verdicts.setdefault((row.claim, row.cell.without_curvature, row.network), row.of_exact)

    def of(self, rows: Sequence[Row]) -> list[Controlled]:
        """What the flat control says of each row of a curved cell; nothing of a flat one."""
        parts = (rows[start : start + TOGETHER] for start in range(0, len(rows), TOGETHER))
        return [one for some in parts for one in self._of(some)]

    def _of(self, rows: Sequence[Row]) -> list[Controlled]:
        found, asked = [], []
        for i, row in enumerate(rows):
            curved = bool(row.cell.values["curvature"])
            found.append(Controlled(attribution=Attribution.NO_CONTROL) if curved else Controlled())
            if curved and (one := self._asked(row)):
                asked.append((i, one))
        for right, attribute in ((True, controls.attribute_proportion), (False, controls.attribute)):
            some = [(i, one) for i, one in asked if right == (CLAIMS[rows[i].claim].kind is Kind.RIGHT)]
            for (i, _), attributed_to in zip(some, attribute([one for _, one in some]), strict=True):
                found[i] = attributed_to
        return [
            one if not row.cell.values["curvature"] or row.missed else one._replace(attribution="")
            for row, one in zip(rows, found, strict=True)
        ]

    def _asked(self, row: Row) -> controls.Asked | None:
        """What is asked of a row of a curved cell; None where there is no control."""
        cell, name, settings = row.cell, row.claim, row.cell.study.compare
        claim = CONTROLS.get(name, name)
        verdict = self.verdicts.get((claim, cell.without_curvature, row.network))
        curved = cell.pair(claim, row.network, margin_of(name, settings.curved))
        if verdict is None or curved is None:
            return None
        straight = self._pair(cell, claim, row.network, margin_of(name, settings.flat))
        return controls.Asked(curved, straight, CLAIMS[name].log, settings.confidence, verdict)

    def _pair(self, cell: Cell, claim: str, network: str, margin: float) -> Pair:
        """The pair of the flat cells in the seeds of a curved one; not known in those that no flat cell has."""
        found: dict[int, tuple] = {}
        for flat in reversed(self.cells[cell.without_curvature]):
            if pair := flat.pair(claim, network, margin):
                of = (pair.trained.values, pair.trained.states, pair.exact.values, pair.exact.states)
                found |= dict(zip(flat.seeds, zip(*of, strict=True), strict=True))
        none = (np.nan, NOT_APPLICABLE, np.nan, NOT_APPLICABLE)
        trained, states, exact, of_exact = np.array([found.get(seed, none) for seed in cell.seeds], float).T
        return Pair(Seeds(trained, states), Seeds(exact, of_exact), margin)


def states(cell: arrays.Cell, network: str) -> dict[str, np.ndarray]:
    """{claim: (seeds,)} the states of phase times of one score, or of the law."""
    gaps = {name: -1 if name == PHASES[-1] else 0 for name in PHASES}
    if network == "law":
        return {name: cell[f"law_{name}_state"][0, :, gap] for name, gap in gaps.items()}
    own = cell.of(network)
    found = {name: own[f"{name}_state"][:, gap] for name, gap in gaps.items()}
    of_exact = {name: (one, own["status"], own["gap_width"][..., gaps[name]]) for name, one in found.items()}
    return found if network != EXACT else {name: exact_states(*some) for name, some in of_exact.items()}
