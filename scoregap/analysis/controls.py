"""Flat controls: what a network misses on a curved manifold is blamed on curvature only if it does not miss it without.

a network and the exact score with curvature, and without -> attribution, as columns of the claims
rows of a comparison -> what their flat controls say -> lines

The control of a curved cell is the cell of curvature 0 that is the same in all else, with the same F. Until the network
agrees with the exact score there, nothing is attributed to curvature.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from scoregap.analysis.hypotheses import proportion
from scoregap.analysis.intervals import mean, medians
from scoregap.analysis.tables import PHASES
from scoregap.analysis.verdicts import Seeds, Verdict, decide_each
from scoregap.variables import NOT_APPLICABLE

MISSED = (Verdict.INCONCLUSIVE, Verdict.DISAGREES)  # there is something to be attributed


class Attribution(StrEnum):
    """Whether what a network misses in a curved cell is to be blamed on curvature."""

    CURVATURE = "curvature"
    WITHIN = "what curvature adds is within the margin"
    UNCLEAR = "inconclusive"
    CONTROL_DISAGREES = "not attributed: the flat control disagrees"
    CONTROL_UNCLEAR = "not attributed: the flat control is inconclusive"
    NO_CONTROL = "not attributed: no flat control"


BY_CONTROL = {
    Verdict.DISAGREES: Attribution.CONTROL_DISAGREES,
    Verdict.INCONCLUSIVE: Attribution.CONTROL_UNCLEAR,
    Verdict.NOT_TESTABLE: Attribution.NO_CONTROL,
}
BY_EXCESS = {Verdict.DISAGREES: Attribution.CURVATURE, Verdict.AGREES: Attribution.WITHIN}


class Pair(NamedTuple):
    """A quantity of a network and of the exact score in one cell, in the same seeds; margin: of the cell. Of many rows
    (rows, seeds), and margins (rows,)."""

    trained: Seeds
    exact: Seeds
    margin: Any


class Controlled(NamedTuple):
    """Columns of the claims. control: whether trained agrees with exact in the flat cell; empty without one.
    over_control, with its interval: trained over exact with curvature, over the same without; of what is no ratio, the
    difference of the two distances."""

    control: str = ""
    over_control: float = math.nan
    over_control_low: float = math.nan
    over_control_high: float = math.nan
    attribution: str = ""


class Asked(NamedTuple):
    """Is it curvature that takes a network away from the exact score? curved, flat: in the same seeds, of one F each.

    control: whether the network agrees with the exact score in the flat cell, where its own row says so; otherwise of
    `decide`.
    """

    curved: Pair
    flat: Pair
    log: bool
    confidence: float
    control: Verdict | None = None


def attribute(asked: Sequence[Asked]) -> list[Controlled]:
    """What of each is to be blamed on curvature: if the network agrees in the flat cell, is trained / exact the same in
    both, to the margin of the curved one? Those with as many seeds go together."""
    found = [Controlled()] * len(asked)
    together: defaultdict[tuple, list[int]] = defaultdict(list)
    for i, one in enumerate(asked):
        together[one.log, one.confidence, len(one.curved.exact.states)].append(i)
    for (log, confidence, _), places in together.items():
        curved = _stacked([asked[i].curved for i in places])
        flat = _stacked([asked[i].flat for i in places])
        here, there = (_distance(pair, log) for pair in (curved, flat))
        excess = decide_each(here, there, curved.margin, log, confidence)
        middle = medians(here.scaled(log) - there.scaled(log))
        ends = zip(*((np.exp(one) if log else one).tolist() for one in (middle, excess.low, excess.high)), strict=True)
        own = decide_each(flat.trained, flat.exact, flat.margin, log, confidence).verdict
        for i, control, verdict, numbers in zip(places, own, excess.verdict, ends, strict=True):
            control = asked[i].control or control
            attribution = BY_CONTROL.get(control, BY_EXCESS.get(verdict, Attribution.UNCLEAR))
            over, low, high = numbers
            found[i] = Controlled(control, over, low, high, attribution)
    return found


def _stacked(pairs: Sequence[Pair]) -> Pair:
    """Pairs of many rows: (rows, seeds), and margins (rows,)."""
    trained, exact, margins = zip(*pairs, strict=True)
    both = [Seeds(*map(np.array, zip(*some, strict=True))) for some in (trained, exact)]
    return Pair(both[0], both[1], np.array(margins))


def attribute_proportion(asked: Sequence[Asked]) -> list[Controlled]:
    """The same of what is right (1) or not (0) in a seed. over_control: less the share of seeds that are right in the
    flat cell and wrong in the curved one, with the interval of `proportion`: differences of few seeds may not scatter
    at all, and have no Student interval."""
    found = []
    for curved, flat, log, confidence, known in asked:
        control = known or Verdict.NOT_TESTABLE
        right, before = (np.where(pair.exact.seen, pair.trained.scaled(log), np.nan) for pair in (curved, flat))
        kept = np.where(np.isfinite(right) & np.isfinite(before), ~((before == 1) & (right == 0)), np.nan)
        excess = proportion(kept, curved.margin, confidence)
        attribution = BY_CONTROL.get(control, BY_EXCESS.get(excess.verdict, Attribution.UNCLEAR))
        found.append(Controlled(control, mean(kept) - 1, excess.low - 1, excess.high - 1, attribution))
    return found


def _distance(pair: Pair, log: bool) -> Seeds:
    """Trained over exact, or less it, seed by seed: not known where the exact score is not seen."""
    values = pair.trained.scaled(log) - pair.exact.scaled(log)
    return Seeds(np.exp(values) if log else values, np.where(pair.exact.seen, pair.trained.states, NOT_APPLICABLE))


def of_rows(frame: pd.DataFrame, axes: list[str]) -> list[str]:
    """The verdict of the flat control of every row of a comparison; empty of flat cells, and where there is none.

    axes: those of the cells.
    """
    keys = [*(axis for axis in axes if axis != "curvature"), "network", "gap", "quantity"]
    curved = frame["curvature"] != 0
    places = list(frame[keys].itertuples(index=False, name=None))
    flat = {place: str(row) for place, row, bent in zip(places, frame["verdict"], curved, strict=True) if not bent}
    return [flat.get(place, "") if bent else "" for place, bent in zip(places, curved, strict=True)]


def lines(frame: pd.DataFrame) -> list[str]:
    """What scores miss that is not to be blamed on curvature, in words; none where there is nothing.

    Of the law nothing is said: what curvature does to the exact score is told by the exact score of the same F.
    """
    missed = frame[(frame["curvature"] != 0) & frame["quantity"].isin(PHASES) & frame["verdict"].isin(MISSED)]
    missed = missed[missed["network"] != "law"]
    flat_too = missed[missed["control"].isin(MISSED)]
    without = missed[~missed["control"].isin([*MISSED, Verdict.AGREES])]
    why = {
        "no agreement at c = 0 either, all else the same": flat_too,
        "no cell with c = 0, all else the same": without,
    }
    said = [f"{name}: {_counts(some)}" for name, some in why.items() if len(some)]
    head = f"phase times that do not agree with exact at c > 0: {len(missed)}; not put down to curvature:"
    return [head, *(f"  {one}" for one in said)] if said else []


def _counts(rows: pd.DataFrame) -> str:
    return ", ".join(f"{count} {name}" for name, count in rows["quantity"].value_counts(sort=False).items())


def attributed(claims: pd.DataFrame) -> list[str]:
    """How often what networks miss is attributed to what, in words; none where they miss nothing."""
    missed = claims["attribution"][claims["attribution"] != ""].value_counts()
    counts = ", ".join(f"{word} ({count})" for word, count in missed.items())
    return [f"what is missed of the exact score at c > 0, against the flat control: {counts}"] if counts else []
