"""What a comparison says, as data: the one place where it is decided, and the one where it becomes text.

a quantity of a subject and of a reference in every seed -> a verdict with its detail (columns of a table) -> words
verdicts against the law and against the exact score -> what stands behind them

`comparison` (trained or law against exact) and `claims` (trained against law, and against exact) both ask `decide`, so
that no two tables can contradict each other.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from scoregap.analysis.intervals import intervals, logarithms
from scoregap.analysis.tables import counted, of_seeds
from scoregap.scores import MODEL, kind
from scoregap.variables import ABSENT, MEASURED, NONE_PREDICTED, NOT_APPLICABLE, State

ROUNDING = 1e-5  # differences of two numbers that are the same


class Verdict(StrEnum):
    """Whether what was measured agrees with theory."""

    AGREES = "agrees"
    INCONCLUSIVE = "inconclusive"
    DISAGREES = "disagrees"
    NOT_TESTABLE = "not testable"


class Side(StrEnum):
    """On which side of its reference a quantity lies that agrees with it: within the margin, and not by chance."""

    LOW = "low"
    HIGH = "high"


JUDGED = (Verdict.AGREES, Verdict.INCONCLUSIVE, Verdict.DISAGREES)  # the best first


class Reason(StrEnum):
    """Why it is not the interval of a ratio that a verdict comes from."""

    NO_EXACT = "no exact score in the study"
    NO_LAW = "no law is known"
    EXACT_UNKNOWN = "exact not known"
    NONE_PREDICTED = "law predicts no gap"
    SEEN_IN_SOME = "seen in some seeds"  # and not in the same ones by both, or for other reasons not in the rest
    SEEN_IN_NONE = "seen in none"
    NO_WINDOW = "no window"


class Cause(StrEnum):
    """What stands behind a verdict against the law."""

    LEARNING = "learning"
    FINITE = "finite size or curvature"
    BOTH = "learning and finite size or curvature"
    A_LITTLE = "both a little"  # neither is beyond the margin by itself
    CANCEL = "errors cancel"  # it agrees, and is not at the exact score


class Detail(NamedTuple):
    """What stands beside a verdict; the fields are columns of the comparison.

    reason: a `Reason`, empty where an interval decides. of: seeds that are compared. seen, exact_seen: in how many of
    them the subject, and the exact score (or what else it is compared with), have the time. state, exact_state: why the
    others have none, states of `variables.State` in words, empty where that is not known. unknown: seeds left out since
    their exact time is not known. side: a `Side` of what agrees, where the interval excludes that there is no
    difference; each such row is one of many. right: of a dimension, how many seeds have the true one; NaN of all else.
    """

    reason: str = ""
    of: int = 0
    seen: int = 0
    exact_seen: int = 0
    state: str = ""
    exact_state: str = ""
    unknown: int = 0
    side: str = ""
    right: float = np.nan

    @property
    def both(self) -> int:
        """In how many seeds both have it; where they have it in others, no interval decides."""
        return min(self.seen, self.exact_seen)


class Seeds(NamedTuple):
    """A quantity of one curve in every seed. values: (seeds,). states: (seeds,) of `variables.State`; a value counts
    only where it is MEASURED. Of many rows (rows, seeds)."""

    values: np.ndarray
    states: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, states: np.ndarray | None = None) -> "Seeds":
        """Of what has no states: known where it is finite."""
        values = np.asarray(values, float)
        found = np.where(np.isfinite(values), MEASURED, NOT_APPLICABLE) if states is None else np.asarray(states)
        return cls(values, found)

    @property
    def seen(self) -> np.ndarray:
        """(seeds,) where there is a value."""
        return (self.states == MEASURED) & np.isfinite(self.values)

    def scaled(self, log: bool) -> np.ndarray:
        """(seeds,) the values, or their logarithms; NaN where there is none."""
        values = np.where(self.seen, self.values, np.nan)
        return np.log(values, where=values > 0, out=np.full_like(values, np.nan)) if log else values


class Decision(NamedTuple):
    """low, high: the interval of the mean difference, of logarithms if so, over the seeds in which both are seen."""

    verdict: Verdict
    detail: Detail
    low: float
    high: float


class Decisions(NamedTuple):
    """Decisions of many rows: of the fields of `Decision` arrays, (rows,) each, and `detail` of arrays."""

    verdict: np.ndarray
    detail: Any
    low: np.ndarray
    high: np.ndarray

    def each(self) -> Iterator[Decision]:
        """One by one."""
        count = len(self.verdict)
        detail = [one.tolist() if np.ndim(one) else [one] * count for one in self.detail]
        rows = zip(self.verdict.tolist(), zip(*detail, strict=True), self.low.tolist(), self.high.tolist(), strict=True)
        for verdict, own, low, high in rows:
            yield Decision(verdict, Detail(*own), low, high)


def decide(
    subject: Seeds,
    reference: Seeds,
    margin: float,
    log: bool,
    confidence: float,
    ends: tuple[float, float] | None = None,
) -> Decision:
    """Does a quantity agree with its reference? As `decide_each`, of one row."""
    one, other = (Seeds(*(np.asarray(some)[None] for some in given)) for given in (subject, reference))
    given_ends = None if ends is None else (np.array(ends[:1]), np.array(ends[1:]))
    return next(decide_each(one, other, np.array([margin]), log, confidence, given_ends).each())


def decide_each(
    subject: Seeds,
    reference: Seeds,
    margins: np.ndarray,
    log: bool,
    confidence: float,
    ends: tuple[np.ndarray, np.ndarray] | None = None,
) -> Decisions:
    """Does a quantity agree with its reference, in every one of many rows? subject, reference: of (rows, seeds).

    margins: (rows,) largest differences that agree, relative if `log`. ends: of intervals over the seeds in which both
    are seen, (rows,) each, where they are known better than Student's of their differences.

    Seeds in which the reference is NOT_APPLICABLE, so not known, are left out (`Detail.unknown`); without any other it
    is not testable. Both have the same F in a seed, so states are compared seed by seed: a subject that is not known,
    as a network that diverged, has the state of no reference. Seen by neither in any seed: agrees if the states are
    the same in all seeds, disagrees if in none, and is inconclusive between, and of one seed. Seen by one in no seed
    and by the other in two or more: disagrees. Seen by one only in some seed, or unseen in others for different
    reasons: inconclusive. Otherwise the interval lies inside what is allowed (agrees; on a `Side`, if it does not hold
    0, to rounding), wholly outside (disagrees), or neither, as where it is not known (inconclusive). That the law
    predicts no gap is the same reason as that none is visible.
    """
    known = reference.states != NOT_APPLICABLE
    seen, there = subject.seen & known, reference.seen & known
    if ends is None:
        ends = intervals(subject.scaled(log) - reference.scaled(log), confidence)
    low, high = ends
    of, of_subject, of_reference = (some.sum(1) for some in (known, seen, there))
    here, missing = known & ~seen, known & ~there
    predicted = ((subject.states == NONE_PREDICTED) & here | (reference.states == NONE_PREDICTED) & missing).any(1)
    neither = here & missing
    states = [np.where(one.states == NONE_PREDICTED, ABSENT, one.states) for one in (subject, reference)]
    # A state without a value here is not known, so it is not the same.
    same = neither & (states[0] == states[1]) & (states[1] != MEASURED)
    alike, some_alike = (same == neither).all(1), same.any(1)
    in_none, apart = (neither == known).all(1), (seen != there).any(1) | ~alike
    fewer, more = np.minimum(of_subject, of_reference), np.maximum(of_subject, of_reference)
    allowed = np.array([logarithms(margin) if log else (-margin, margin) for margin in margins.tolist()], float).T
    lies = [(low >= allowed[0]) & (high <= allowed[1]), (low > allowed[1]) | (high < allowed[0])]
    verdict = np.select(
        [of == 0, in_none & (of > 1) & alike, in_none & ((of == 1) | some_alike), in_none, apart & (fewer == 0) &
         (more > 1), apart, *lies],
        np.array([_NOT_TESTABLE, _AGREES, _INCONCLUSIVE, DIS_AGREES, DIS_AGREES, _INCONCLUSIVE, _AGREES, DIS_AGREES]),
        _INCONCLUSIVE,
    )  # fmt: skip
    by_interval = (of > 0) & ~in_none & ~apart
    reason = np.full(len(of), "", object)
    reason[apart] = Reason.SEEN_IN_SOME
    reason[in_none] = Reason.SEEN_IN_NONE
    reason[(in_none | apart) & predicted] = Reason.NONE_PREDICTED
    reason[of == 0] = Reason.EXACT_UNKNOWN
    side = np.full(len(of), "", object)
    agrees = by_interval & (verdict == _AGREES)
    side[agrees & (low > ROUNDING)], side[agrees & (high < -ROUNDING)] = Side.HIGH, Side.LOW
    columns: list[Any] = [
        reason, of, of_subject, of_reference, _in_words(subject.states, here), _in_words(reference.states, missing),
        (~known).sum(1), side,
    ]  # fmt: skip
    return Decisions(np.array(list(Verdict), object)[verdict], Detail(*columns), low, high)


_AGREES, _INCONCLUSIVE, DIS_AGREES, _NOT_TESTABLE = range(len(Verdict))  # codes, in the order of `Verdict`


def _in_words(states: np.ndarray, without: np.ndarray) -> np.ndarray:
    """(rows,) why there is no time: every reason once, of the states (rows, seeds) of seeds without one."""
    codes = (np.where(without, 1 << states.astype(np.int64), 0)).astype(np.int64)
    sets = np.bitwise_or.reduce(codes, 1, initial=0)
    different, place = np.unique(sets, return_inverse=True)
    return np.array([_reasons(one) for one in different.tolist()], object)[place]


def _reasons(codes: int) -> str:
    """A set of states, as bits of their codes."""
    known = [state.text for state in State if state != NOT_APPLICABLE and codes >> state & 1]
    return " or ".join([*known, *(["not known"] if codes >> NOT_APPLICABLE & 1 else [])])


def cause(
    of_law: Decision, of_exact: Decision, exact_of_law: Decision, learning: float, finite: float, margin: float
) -> Cause | str:
    """What stands behind a verdict against the law; empty where nothing is to be explained.

    of_law, of_exact: of the subject; exact_of_law: of the exact score against the law. learning, finite: the distances
    of the subject from exact, and of exact from the law, NaN where there are none: there the verdicts say whether they
    are beyond the margin. Errors cancel where the subject agrees with the law and disagrees with the exact score; where
    that is inconclusive, if the two distances have opposite signs and one is beyond the margin: two that are within, or
    a seed that hides the exact time, are no two errors. A subject without what the exact score has, as a network that
    diverged, has not learned it, however far that is from the law.
    """
    if of_law.verdict == Verdict.AGREES:
        opposite = learning * finite < 0 and max(abs(learning), abs(finite)) > margin
        unclear = of_exact.verdict == Verdict.INCONCLUSIVE and of_exact.detail.reason != Reason.SEEN_IN_SOME
        return Cause.CANCEL if of_exact.verdict == Verdict.DISAGREES or (unclear and opposite) else ""
    if of_law.verdict != Verdict.DISAGREES:
        return ""
    if of_exact.detail.seen == 0 < of_exact.detail.exact_seen:
        return Cause.LEARNING
    by_learning, by_finite = (
        abs(distance) > margin if np.isfinite(distance) else decision.verdict != Verdict.AGREES
        for distance, decision in ((learning, of_exact), (finite, exact_of_law))
    )
    if by_learning and by_finite:
        return Cause.BOTH
    return Cause.LEARNING if by_learning else Cause.FINITE if by_finite else Cause.A_LITTLE


def caused(why: str, network: str) -> str:
    """A `Cause` in the words of a score: a model that the study declares has learned nothing here."""
    return why.replace(Cause.LEARNING, "model") if kind(network) is MODEL else why


def words(row: Mapping[Any, Any] | pd.Series) -> str:
    """A verdict for people. row: of the comparison, with the columns verdict and network and those of `Detail`."""
    if np.isfinite(row["right"]):
        none, nothing = dimensions_missed(row)
        said = [
            f"right in {row['right']:.0f} of {counted('seed', int(row['of']))}",
            *([f"none found in {none}"] if none else []),
        ]
        return "; ".join([*said, *([f"nothing learned in {nothing}"] if nothing else [])])
    if row["verdict"] == Verdict.NOT_TESTABLE:
        return str(row["reason"])
    unknown = f" (exact not known in {row['unknown']:.0f} more)" if row["unknown"] else ""
    return _said(row) + unknown


def dimensions_missed(row: Mapping[Any, Any] | pd.Series) -> tuple[int, int]:
    """In how many seeds of a row of the dimension none is found, and in how many it is that of the space, d, though the
    manifold has fewer: of a score that has learned nothing, to which no direction is normal."""
    found = list(of_seeds(row["by_seed"]).values())
    return found.count(0), found.count(row["ambient_dim"]) if row["boundary"] < row["ambient_dim"] else 0


def _said(row: Mapping[Any, Any] | pd.Series) -> str:
    of, name = f"of {counted('seed', int(row['of']))}", row["network"]
    subject = "law" if name == "law" else "trained" if kind(name).trained else "score"
    if row["reason"] == Reason.NONE_PREDICTED:
        if row["verdict"] == Verdict.AGREES:
            return f"{Reason.NONE_PREDICTED}, none is visible"
        exact = f"has one in {row['exact_seen']:.0f} {of}" if row["exact_seen"] else row["exact_state"]
        return f"{Reason.NONE_PREDICTED}; exact {exact}"
    if row["reason"] == Reason.SEEN_IN_SOME:
        return f"{subject} has it in {row['seen']:.0f} {of}, exact in {row['exact_seen']:.0f}"
    if row["reason"] != Reason.SEEN_IN_NONE:
        return f"{row['verdict']}, but {row['side']}" if row["side"] else str(row["verdict"])
    if row["verdict"] == Verdict.AGREES:
        return "no visible gap in either" if row["state"] == State.ABSENT.text else f"both {row['state']}"
    if row["state"] == row["exact_state"]:
        return f"both {row['state']}, " + ("but one seed is too few" if row["of"] == 1 else "not in the same seeds")
    return f"{subject} {row['state']}, exact {row['exact_state']}"
