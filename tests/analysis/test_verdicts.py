"""Verdicts are data: states decide them, and one place puts them into words."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoregap.analysis import verdicts
from scoregap.analysis.verdicts import Detail, Reason, Verdict
from scoregap.variables import State

NOT_APPLICABLE, MEASURED, ABOVE, BELOW, ABSENT, MAXIMUM_ABOVE, MAXIMUM_BELOW = State
AGREES, INCONCLUSIVE, DISAGREES = verdicts.JUDGED


def row(verdict, network="gated-8", **detail):
    return {"network": network, "verdict": verdict} | Detail(**detail)._asdict()


@pytest.mark.parametrize(
    ("states", "exact", "verdict", "words"),
    [
        ([ABOVE] * 2, [ABOVE] * 2, AGREES, "both above the grid"),
        ([BELOW] * 2, [BELOW] * 2, AGREES, "both below the grid"),
        ([BELOW, NOT_APPLICABLE], [BELOW] * 2, AGREES, "both below the grid"),  # one seed diverged
        ([MAXIMUM_BELOW] * 2, [MAXIMUM_BELOW] * 2, AGREES, "both widest below the grid"),
        ([MAXIMUM_ABOVE] * 2, [MEASURED] * 2, DISAGREES, "seen in 0, exact in 2"),
        ([ABOVE] * 2, [MAXIMUM_BELOW] * 2, DISAGREES, "trained above the grid, exact widest below the grid"),
        ([ABSENT] * 2, [ABSENT] * 2, AGREES, "no visible gap in either"),
        ([ABSENT] * 2, [ABOVE] * 2, DISAGREES, "trained no visible gap, exact above the grid"),
        ([ABOVE, ABSENT], [ABOVE] * 2, DISAGREES, "trained above the grid or no visible gap, exact above the grid"),
        ([NOT_APPLICABLE] * 2, [BELOW] * 2, DISAGREES, "trained not known, exact below the grid"),
        ([NOT_APPLICABLE] * 2, [NOT_APPLICABLE] * 2, DISAGREES, "trained not known, exact not known"),
        ([MEASURED, ABSENT, ABSENT], [MEASURED] * 3, INCONCLUSIVE, "seen in 1, exact in 3"),
        ([MEASURED, ABSENT], [ABSENT, MEASURED], INCONCLUSIVE, "seen in 1, exact in 1"),
        ([ABOVE], [MEASURED], INCONCLUSIVE, "seen in 0, exact in 1"),
        ([ABOVE, ABSENT], [MEASURED] * 2, DISAGREES, "seen in 0, exact in 2"),
        ([MEASURED] * 3, [ABSENT] * 3, DISAGREES, "seen in 3, exact in 0"),
    ],
)
def test_what_states_say(states, exact, verdict, words):
    found, detail = verdicts.of_states(np.array(states), np.array(exact))
    assert found == verdict
    assert verdicts.words(row(found, **detail._asdict())) == words


def test_where_both_have_the_time_in_the_same_seeds_the_ratio_decides():
    found, detail = verdicts.of_states(np.array([MEASURED, ABSENT]), np.array([MEASURED, BELOW]))
    assert found is None
    assert detail[:-1] == ("", 2, 1, 1, "no visible gap", "below the grid", 0)
    assert verdicts.words(row(AGREES, **detail._asdict())) == "agrees"


def test_what_could_not_be_compared_has_its_reason_in_words():
    for reason in (Reason.NO_EXACT, Reason.NO_LAW, Reason.EXACT_UNKNOWN):
        assert verdicts.words(row(Verdict.NOT_TESTABLE, reason=reason, unknown=2)) == reason.value
    assert verdicts.words(row(AGREES, unknown=1)) == "agrees (exact not known in 1)"
    seen = row(DISAGREES, reason=Reason.SEEN_IN_SOME, of=3, seen=3, unknown=1)
    assert verdicts.words(seen) == "seen in 3, exact in 0 (exact not known in 1)"
    law = row(DISAGREES, "law", reason=Reason.SEEN_IN_NONE, state="above the grid", exact_state="below the grid")
    assert verdicts.words(law) == "law above the grid, exact below the grid"
    assert verdicts.words(row("", right=2, of=5)) == "right in 2 of 5"
    assert verdicts.words(row("")) == ""


@given(st.data(), st.integers(1, 5))
def test_detail_counts_every_seed_and_survives_a_file(data, seeds):
    states, exact = (np.array(data.draw(st.lists(st.sampled_from(list(State)), min_size=seeds, max_size=seeds)))
                     for _ in range(2))  # fmt: skip
    verdict, detail = verdicts.of_states(states, exact)
    assert detail.of == seeds
    assert (detail.seen, detail.exact_seen) == ((states == MEASURED).sum(), (exact == MEASURED).sum())
    assert (verdict is None) == bool((states == MEASURED).any() and ((states == MEASURED) == (exact == MEASURED)).all())
    before = row(verdict or AGREES, **detail._asdict())
    frame = pd.DataFrame([before, row("", right=1, of=1)])
    after = frame.astype({"seen": float, "of": float}).iloc[0]  # as a file gives columns with gaps
    assert verdicts.words(after) == verdicts.words(before)
