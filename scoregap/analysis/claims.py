"""The paper's quantitative claims, each tested with numbers.

parts of a study with the datasets of its cube -> a row per claim, cell and trained network

Every quantity is read off the curves and spectra of law, Gaussian, exact and trained score by the same operator. The
claim is what the law says; `verdicts.decide` says whether the network agrees with it, and with the exact score. The
exact score needs no training, so a block of the study may draw it more often than networks are trained: all its draws
of a cell say how far it is from the law. `why` splits the distance: trained from exact is learning error, exact from
law is what finite size and curvature do (THEORY.md 5).
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from scoregap.analysis import arrays, controls, hypotheses, quantities
from scoregap.analysis.comparison import exact_states
from scoregap.analysis.controls import MISSED, Attribution, Controlled, Pair
from scoregap.analysis.hypotheses import COMPARISONS, Tested
from scoregap.analysis.intervals import (
    geometric_means,
    interval,
    interval_with_draws,
    intervals,
    intervals_with_draws,
    mean,
    means,
    median,
    medians,
    medians_of,
)
from scoregap.analysis.power import detectable
from scoregap.analysis.quantities import CLAIMS, Claim, Kind
from scoregap.analysis.tables import PHASES
from scoregap.analysis.verdicts import Decision, Detail, Seeds, Verdict, cause, caused, decide, decide_each
from scoregap.scores import EXACT
from scoregap.study import Study
from scoregap.study.measurement import Margins
from scoregap.variables import NOT_APPLICABLE

ARMS = ("law", "gaussian", "exact", "trained")
MEANS = (Kind.RATIO, Kind.DIFFERENCE)  # kinds of claims about a mean
CONTROLS = {"shift": "t_consolidation"}  # claims of curved cells -> what of the flat control stands for them


class Cell(NamedTuple):
    """The claims of every score in one cell. arms: law and scores -> {claim: (seeds, ...)}. states: the same, of those
    claims that are phase times. redrawn: {claim: (draws,)} of the exact score for F drawn anew."""

    study: Study
    values: dict
    seeds: tuple[int, ...]
    arms: dict[str, dict[str, np.ndarray]]
    states: dict[str, dict[str, np.ndarray]]
    redrawn: dict[str, np.ndarray]

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


class Asked(NamedTuple):
    """What is asked of a claim in one cell. arms: of ARMS; without gaussian where the study does not have it. more:
    (2, draws) of exact and law, in draws of the manifold on which nothing was trained."""

    name: str
    arms: dict[str, Seeds]
    margins: Margins
    confidence: float
    more: np.ndarray = np.empty((2, 0))


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
    drawn: defaultdict[tuple, dict[int, tuple[float, float]]] = defaultdict(dict)
    for cell in cells:
        for name in cell.arms["law"].keys() & cell.arms["exact"].keys():
            pairs = _pairs(CLAIMS[name], cell.arms["exact"][name], cell.arms["law"][name])
            drawn[name, *cell.untrained] |= dict(zip(cell.seeds, map(tuple, pairs.T.tolist()), strict=False))
    asked = [one for cell in cells for one in _rows(cell, drawn)]
    if not asked:
        return pd.DataFrame(columns=["claim", "verdict"])
    found = against_law_and_exact([one for _, _, one in asked])
    tested = []
    for (cell, label, _), row in zip(asked, found, strict=True):
        more = {"manifold_seeds": " ".join(map(str, cell.seeds)), "why": caused(row["why"], label["network"])}
        tested.append((cell, label | row | more))
    controlled = Controls(cells, tested).of(tested)
    frame = pd.DataFrame([row | one._asdict() for (_, row), one in zip(tested, controlled, strict=True)])
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
            cell = padded.known_times
            one = quantities.cell_of(study, cell.values)
            arms = {name: quantities.measured(cell, name, one) for name in cell.scores}
            arms["law"] = quantities.of_law(cell, one)
            redrawn = quantities.of_draws(cell, one) if study.evaluated_scores else {}
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


def _rows(cell: Cell, drawn: dict[tuple, dict[int, tuple[float, float]]]) -> Iterator[tuple[Cell, dict, Asked]]:
    """The cell with the labels of each of its rows, and what is tested. drawn: claim and manifolds -> {seed: value of
    exact and of law}."""
    settings = cell.study.compare
    margins = settings.curved if cell.values["curvature"] else settings.flat
    for network in cell.study.evaluated_scores:
        names = {arm: network if arm == "trained" else arm for arm in ARMS}
        for name, claim in CLAIMS.items():
            arms = {arm: one for arm, own in names.items() if (one := cell.of(own, name))}
            if {"law", "exact", "trained"} <= arms.keys():
                label = {"claim": name, "says": claim.says, "source": claim.source} | cell.values
                asked = Asked(name, arms, margins, settings.confidence, _further(cell, name, drawn))
                yield cell, label | {"network": network}, asked


def _pairs(claim: Claim, exact: np.ndarray, law: np.ndarray) -> np.ndarray:
    """(2, draws) what draws of the exact score and the law are in a claim; of curves, their distance and 0. Nothing of
    what is tested in another way."""
    if claim.kind in MEANS:
        return np.stack([exact, np.broadcast_to(law, exact.shape)]).astype(float)
    if claim.kind in (Kind.LARGEST, Kind.RMS):
        return np.stack([apart := COMPARISONS[claim.kind].apart(exact, law), np.zeros(len(apart))])
    return np.empty((2, 0))


def _further(cell: Cell, name: str, drawn: dict[tuple, dict[int, tuple[float, float]]]) -> np.ndarray:
    """(2, draws) of exact and law, of draws of F on which nothing was trained: of the study, and of simulation."""
    known = drawn[name, *cell.untrained]
    more = np.array([pair for seed, pair in known.items() if seed not in cell.seeds], float).reshape(-1, 2).T
    if name in cell.redrawn:
        more = np.concatenate([more, _pairs(CLAIMS[name], cell.redrawn[name], cell.arms["law"][name][:1])], 1)
    return more


class Controls:
    """The flat controls of curved cells, of all blocks.

    The verdict of a control is that of its row in the table, so by the test of its kind, and the same as in the
    comparison. What curvature adds is compared in pairs of the same F, in whichever block that is.
    """

    def __init__(self, cells: list[Cell], rows: list[tuple[Cell, dict]]):
        self.cells: defaultdict[tuple, list[Cell]] = defaultdict(list)
        for cell in cells:
            if not cell.values["curvature"]:
                self.cells[cell.without_curvature].append(cell)
        self.verdicts: dict[tuple, Verdict] = {}
        for cell, row in rows:
            if not cell.values["curvature"]:  # of blocks that share a cell, the row of the first is in the table
                self.verdicts.setdefault((row["claim"], cell.without_curvature, row["network"]), row["of_exact"])

    def of(self, rows: Sequence[tuple[Cell, dict]]) -> list[Controlled]:
        """What the flat control says of each row of a curved cell; nothing of a flat one."""
        found, asked = [], []
        for i, (cell, row) in enumerate(rows):
            curved = bool(cell.values["curvature"])
            found.append(Controlled(attribution=Attribution.NO_CONTROL) if curved else Controlled())
            if curved and (one := self._asked(cell, row)):
                asked.append((i, one))
        for right, attribute in ((True, controls.attribute_proportion), (False, controls.attribute)):
            some = [(i, one) for i, one in asked if right == (CLAIMS[rows[i][1]["claim"]].kind is Kind.RIGHT)]
            for (i, _), attributed_to in zip(some, attribute([one for _, one in some]), strict=True):
                found[i] = attributed_to
        return [
            one if not cell.values["curvature"] or _missed(row) else one._replace(attribution="")
            for (cell, row), one in zip(rows, found, strict=True)
        ]

    def _asked(self, cell: Cell, row: dict) -> controls.Asked | None:
        """What is asked of a row of a curved cell; None where there is no control."""
        name, network, settings = row["claim"], row["network"], cell.study.compare
        claim = CONTROLS.get(name, name)
        verdict = self.verdicts.get((claim, cell.without_curvature, network))
        curved = cell.pair(claim, network, margin_of(name, settings.curved))
        if verdict is None or curved is None:
            return None
        straight = self._pair(cell, claim, network, margin_of(name, settings.flat))
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


def _missed(row: dict) -> bool:
    """Whether a row misses the exact score. A dimension does only where some seed is wrong: few that are right are
    inconclusive too."""
    right = CLAIMS[row["claim"]].kind is Kind.RIGHT
    return row["of_exact"] in MISSED and (not right or bool(row["learning"]))


def margin_of(name: str, margins: Margins) -> float:
    """The margin of a claim: its own, or that of the study."""
    own = CLAIMS[name].margin
    return getattr(margins, CONTROLS.get(name, name)) if own is None else own


def states(cell: arrays.Cell, network: str) -> dict[str, np.ndarray]:
    """{claim: (seeds,)} the states of phase times of one score, or of the law."""
    gaps = {name: -1 if name == PHASES[-1] else 0 for name in PHASES}
    if network == "law":
        return {name: cell[f"law_{name}_state"][0, :, gap] for name, gap in gaps.items()}
    own = cell.of(network)
    found = {name: own[f"{name}_state"][:, gap] for name, gap in gaps.items()}
    of_exact = {name: (one, own["status"], own["gap_width"][..., gaps[name]]) for name, one in found.items()}
    return found if network != EXACT else {name: exact_states(*some) for name, some in of_exact.items()}


def against_law_and_exact(asked: Sequence[Asked]) -> list[dict[str, Any]]:
    """Means, intervals, verdicts and why, of each. Seeds in which the exact score's is not known are left out; of
    means, unless it is known in none. What is not about a mean: `by_kind`.

    Those with as many such seeds go together, as what numpy does of one takes as long as of a thousand.
    """
    found: list[dict[str, Any]] = [{}] * len(asked)
    together: defaultdict[tuple, list[int]] = defaultdict(list)
    for i, one in enumerate(asked):
        claim = CLAIMS[one.name]
        if claim.kind in MEANS:
            known = one.arms["exact"].states != NOT_APPLICABLE
            together[claim.log, one.confidence, len(known), int(known.sum()), *one.arms].append(i)
        else:
            values = {arm: of.values for arm, of in one.arms.items()}
            found[i] = by_kind(claim, values, one.confidence, np.subtract(*one.more))
    for places in together.values():
        for i, row in zip(places, _of_means([asked[i] for i in places]), strict=True):
            found[i] = row
    return found


def _of_means(asked: Sequence[Asked]) -> Iterator[dict[str, Any]]:
    """The same of claims about means, all or none in logarithms, with as many seeds and as many known of these."""
    log, confidence = CLAIMS[asked[0].name].log, asked[0].confidence
    scale, centre = (_log, geometric_means) if log else (np.asarray, means)
    margins = np.array([margin_of(one.name, one.margins) for one in asked])
    every = {arm: Seeds(*map(np.array, zip(*(one.arms[arm] for one in asked), strict=True))) for arm in asked[0].arms}
    known = every["exact"].states != NOT_APPLICABLE

    def chosen(values: np.ndarray) -> np.ndarray:
        return values[known].reshape(len(asked), -1)

    law, exact, trained = (Seeds(*map(chosen, every[arm])) for arm in ("law", "exact", "trained"))
    shown = {arm: one.scaled(False) if not known.any() else chosen(one.scaled(False)) for arm, one in every.items()}
    learning = trained.scaled(log) - exact.scaled(log)
    finite = exact.scaled(log) - law.scaled(log)
    further = [_finite(np.subtract(*scale(one.more))) for one in asked]
    # By way of the exact score, if it has what the network has.
    both = trained.seen & law.seen
    low, high = intervals(trained.scaled(log) - law.scaled(log), confidence)
    by_exact = np.flatnonzero((exact.seen | ~both).all(1))
    pairs = [(learning[i, both[i]], finite[i, both[i]], further[i]) for i in by_exact]
    low[by_exact], high[by_exact] = intervals_with_draws(pairs, confidence)
    of_law = decide_each(trained, law, margins, log, confidence, (low, high))
    of_exact = decide_each(trained, exact, margins, log, confidence)
    exact_of_law = decide_each(exact, law, margins, log, confidence)
    all_finite = [np.concatenate(one) for one in zip(finite, further, strict=True)]
    distances = [medians(learning), medians_of(all_finite)]
    own = intervals(scale(shown["trained"]), confidence)
    ends = [*own, of_law.low, of_law.high, of_exact.low, of_exact.high]
    centres = [centre(shown[arm]) if arm in shown else np.full(len(asked), math.nan) for arm in ARMS]
    counts = np.isfinite(finite).sum(1) + np.array([*map(len, further)])
    if log:
        ends, distances = [*map(np.exp, ends)], [*map(np.expm1, distances)]
    numbers = zip(*(one.tolist() for one in (*centres, *ends, *distances, counts, margins)), strict=True)
    decisions = zip(*(one.each() for one in (of_law, of_exact, exact_of_law)), strict=True)
    kinds = [CLAIMS[one.name].kind for one in asked]
    for (law_, exact_, between), row, kind in zip(decisions, numbers, kinds, strict=True):
        learned, finitely, draws, margin = row[10:]
        decided = Decided(law_, exact_, between, learned, finitely, draws)
        shown = dict(zip(ARMS, row[:4], strict=True))
        yield decided.row(shown, row[4:6], margin, (kind, kind), confidence, row[6:8], row[8:10])


class Decided(NamedTuple):
    """What is decided of a claim. of_law, of_exact: trained against the law and the exact score; exact_of_law: the
    exact score against the law. learning, finite: medians of the distances; draws: of the exact score."""

    of_law: Decision
    of_exact: Decision
    exact_of_law: Decision
    learning: float
    finite: float
    draws: int

    def row(
        self,
        shown: dict[str, float],
        own: Sequence[float],
        margin: float,
        kinds: tuple[Kind, Kind],
        confidence: float,
        law: Sequence[float] = (),
        exact: Sequence[float] = (),
    ) -> dict[str, Any]:
        """The columns of the table. shown: of every arm; own: interval of trained; kinds: how it is compared with law
        and exact; law, exact: intervals of the decisions, where they are not those of the table."""
        row: dict[str, Any] = dict(shown)
        law, exact = law or self.of_law[2:], exact or self.of_exact[2:]
        for of, (low, high) in (("", own), ("law_", law), ("exact_", exact)):
            row |= {f"{of}low": float(low), f"{of}high": float(high)}
        row |= {"margin": margin, "draws": self.draws, "learning": self.learning, "finite": self.finite}
        row |= {"of": self.of_law.detail.of, "seen": self.of_law.detail.seen, "independent": self.of_law.detail.both}
        for of, kind, one in zip(("law", "exact"), kinds, (self.of_law, self.of_exact), strict=True):
            found = detectable(kind, one.low, one.high, one.detail.both, margin, confidence)
            row[f"{of}_detectable"] = found
        why = cause(self.of_law, self.of_exact, self.exact_of_law, self.learning, self.finite, margin)
        return row | {"of_exact": self.of_exact.verdict, "verdict": self.of_law.verdict, "why": why}


def by_kind(
    claim: Claim, arms: dict[str, np.ndarray], confidence: float, more: np.ndarray = np.empty(0)
) -> dict[str, Any]:
    """The same of claims that are not about a mean. arms: of ARMS, (seeds,), (seeds, n) of curves, (draws,) of chance.
    more: (draws,) distances of exact curves from the law, in draws of the manifold on which nothing was trained.

    law, gaussian, exact, trained are: of distances their means from the law; proportions right; mean widths.
    """
    law, exact, trained, margin = arms["law"], arms["exact"], arms["trained"], claim.margin
    assert margin is not None  # the study has margins of phase times alone
    if claim.kind is Kind.CHANCE:
        of_trained, of_exact = (hypotheses.chance(one, law, margin, confidence) for one in (trained, exact))
        found = Decided(
            _decision(of_trained, np.isfinite(trained), np.isfinite(exact)),
            decide(Seeds.of(trained), Seeds.of(exact), margin, False, confidence),
            _decision(of_exact, np.isfinite(exact), np.isfinite(exact)),
            median(trained - exact),
            median(exact) - median(law),
            int(np.isfinite(exact).sum()),
        )
        shown = {arm: mean(arms[arm]) if arm in arms else math.nan for arm in ARMS}
        kinds = claim.kind, Kind.DIFFERENCE
        row = found.row(shown, interval(_finite(trained), confidence), margin, kinds, confidence)
        # The test is by the scatter of chance alone; the interval is wider, of few seeds by far.
        half = hypotheses.by_null(law, found.of_law.detail.seen, confidence)
        row["law_detectable"] = detectable(claim.kind, -half, half, found.of_law.detail.seen, margin, confidence)
        # No wider than chance, wherever the exact score is widest: that is no agreement by two errors.
        return row if found.of_law.verdict == Verdict.DISAGREES else row | {"why": ""}
    compared = COMPARISONS[claim.kind]
    known = [np.isfinite(one.reshape(len(one), -1)).all(1) for one in (trained, exact)]

    to_law, learning, finite = (compared.apart(*pair) for pair in ((trained, law), (trained, exact), (exact, law)))
    of_law = compared.test(to_law, margin, confidence)
    if more.size:  # by way of the exact score, as its draws of F scatter like those of the network
        both = np.isfinite(to_law) & np.isfinite(finite)
        ends = interval_with_draws((to_law - finite)[both], finite[both], _finite(more), confidence)
        of_law = compared.test(to_law, margin, confidence, ends)
    every = np.concatenate([finite, more])
    found = Decided(
        _decision(of_law, known[0], known[1], compared.true),
        _decision(compared.test(learning, margin, confidence), known[0], known[1], compared.true),
        _decision(compared.test(finite, margin, confidence), known[1], known[1], compared.true),
        compared.mean(learning) - compared.true,
        compared.mean(every) - compared.true,
        int(np.isfinite(every).sum()),
    )
    shown = {arm: compared.mean(compared.apart(arms[arm], law)) if arm in arms else math.nan for arm in ARMS}
    own = compared.test(to_law, margin, confidence)
    row = found.row(shown, (own.low, own.high), margin, (claim.kind, claim.kind), confidence)
    # What is right cannot be so by two errors.
    return row | {"why": ""} if claim.kind is Kind.RIGHT and found.of_law.verdict == Verdict.AGREES else row


def _decision(found: Tested, subject: np.ndarray, reference: np.ndarray, true: float = 0.0) -> Decision:
    """What was tested, as a `Decision`; the interval less what is true. subject, reference: (seeds,) whether known.

    Without the seeds in which the subject alone is not known, as where a network diverged, nothing agrees: they are a
    selection. Those in which the reference is not known are left out, as `decide` does.
    """
    verdict, seen, known = found.verdict, int(subject.sum()), int(reference.sum())
    if not seen or not known:
        verdict = Verdict.DISAGREES if known > 1 else Verdict.NOT_TESTABLE
    elif verdict == Verdict.AGREES and (reference & ~subject).any():
        verdict = Verdict.INCONCLUSIVE
    return Decision(verdict, Detail("", len(subject), seen, known), found.low - true, found.high - true)


def _log(values) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(np.asarray(values, float))


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]
