"""What a comparison says, as data, and the one place where that becomes text.

what was seen in every seed -> a verdict with its detail (columns of a table) -> words
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from scoregap.variables import State


class Verdict(StrEnum):
    """Whether what was measured agrees with theory."""

    AGREES = "agrees"
    INCONCLUSIVE = "inconclusive"
    DISAGREES = "disagrees"
    NOT_TESTABLE = "not testable"


JUDGED = (Verdict.AGREES, Verdict.INCONCLUSIVE, Verdict.DISAGREES)  # the best first


class Reason(StrEnum):
    """Why it is not the interval of a ratio that a verdict comes from."""

    NO_EXACT = "no exact arm"
    NO_LAW = "no law"
    EXACT_UNKNOWN = "exact not known"
    SEEN_IN_SOME = "seen in some seeds"  # and not in the same ones by both
    SEEN_IN_NONE = "seen in none"
    NO_WINDOW = "no window"


class Cause(StrEnum):
    """What stands behind a disagreement with the law."""

    LEARNING = "learning"
    FINITE = "finite size or curvature"
    BOTH = "learning and finite size or curvature"
    A_LITTLE = "both a little"  # neither is beyond the margin by itself


class Detail(NamedTuple):
    """What stands beside a verdict; the fields are columns of the comparison.

    reason: a `Reason`, empty where an interval decides. of: seeds that are compared. seen, exact_seen: in how many of
    them the subject, and the exact score, have the time. state, exact_state: why the others have none, states of
    `variables.State` in words, empty where that is not known. unknown: seeds left out since their exact time is not
    known. right: of a dimension, how many seeds have the true one; NaN of all else.
    """

    reason: str = ""
    of: int = 0
    seen: int = 0
    exact_seen: int = 0
    state: str = ""
    exact_state: str = ""
    unknown: int = 0
    right: float = np.nan


def of_states(states: np.ndarray, exact: np.ndarray) -> tuple[Verdict | None, Detail]:
    """What the states of a time say, (seeds,) of the subject and of the exact score; no verdict where both have it in
    the same seeds, so that their ratio decides.

    Neither in any seed: agrees if there is one and the same reason, and disagrees otherwise. Otherwise, seen by one in
    two seeds or more and by the other in none disagrees; the rest is inconclusive.
    """
    seen, known = (some == State.MEASURED for some in (states, exact))
    missing = [sorted(set(some.tolist()) - {State.NOT_APPLICABLE, State.MEASURED}) for some in (states, exact)]
    here, there = (" or ".join(State(code).text for code in codes) for codes in missing)
    detail = Detail("", len(states), int(seen.sum()), int(known.sum()), here, there)
    if not (seen | known).any():
        same = missing[0] == missing[1] and len(missing[0]) == 1
        return Verdict.AGREES if same else Verdict.DISAGREES, detail._replace(reason=Reason.SEEN_IN_NONE)
    if (seen != known).any():
        fewer, more = sorted((detail.seen, detail.exact_seen))
        verdict = Verdict.DISAGREES if fewer == 0 and more > 1 else Verdict.INCONCLUSIVE
        return verdict, detail._replace(reason=Reason.SEEN_IN_SOME)
    return None, detail


def words(row: Mapping[Any, Any] | pd.Series) -> str:
    """A verdict for people. row: of the comparison, with the columns verdict and network and those of `Detail`."""
    if np.isfinite(row["right"]):
        return f"right in {row['right']:.0f} of {row['of']:.0f}"
    if row["verdict"] == Verdict.NOT_TESTABLE:
        return str(row["reason"])
    return _said(row) + (f" (exact not known in {row['unknown']:.0f})" if row["unknown"] else "")


def _said(row: Mapping[Any, Any] | pd.Series) -> str:
    if row["reason"] == Reason.SEEN_IN_SOME:
        return f"seen in {row['seen']:.0f}, exact in {row['exact_seen']:.0f}"
    if row["reason"] != Reason.SEEN_IN_NONE:
        return str(row["verdict"])
    if row["verdict"] == Verdict.AGREES:
        return "no visible gap in either" if row["state"] == State.ABSENT.text else f"both {row['state']}"
    subject = "law" if row["network"] == "law" else "trained"
    return f"{subject} {row['state'] or 'not known'}, exact {row['exact_state'] or 'not known'}"
