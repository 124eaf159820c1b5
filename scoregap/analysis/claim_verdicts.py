"""Claims against the law and the exact score: means, intervals, verdicts and what stands behind them.

a claim of law and scores in every seed, margins -> the columns of a row; of thousands together

What numpy does of one row takes as long as of a thousand: those about means go together. The others are asked by one.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from scoregap.analysis import hypotheses
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
from scoregap.analysis.verdicts import Decision, Detail, Seeds, Verdict, cause, decide, decide_each
from scoregap.study.measurement import Margins
from scoregap.variables import NOT_APPLICABLE

ARMS = ("law", "gaussian", "exact", "trained")
MEANS = (Kind.RATIO, Kind.DIFFERENCE)  # kinds of claims about a mean
CONTROLS = {"shift": "t_consolidation"}  # claims of curved cells -> what of the flat control stands for them


class Asked(NamedTuple):
    """What is asked of a claim in one cell. arms: of ARMS; without gaussian where the study does not have it. more:
    (2, draws) of exact and law, in draws of the manifold on which nothing was trained."""

    name: str
    arms: dict[str, Seeds]
    margins: Margins
    confidence: float
    more: np.ndarray = np.empty((2, 0))


def margin_of(name: str, margins: Margins) -> float:
    """The margin of a claim: its own, or that of the study."""
    own = CLAIMS[name].margin
    return getattr(margins, CONTROLS.get(name, name)) if own is None else own


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
        of_arms = dict(zip(ARMS, row[:4], strict=True))
        yield decided.row(of_arms, row[4:6], margin, (kind, kind), confidence, row[6:8], row[8:10])


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
