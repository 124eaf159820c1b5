"""Verdicts are data: one function decides, of states and values, and one place puts them into words."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoregap.analysis import intervals, verdicts
from scoregap.analysis.verdicts import Cause, Decision, Detail, Reason, Seeds, Verdict
from scoregap.variables import State

NOT_APPLICABLE, MEASURED, ABOVE, BELOW, ABSENT, NONE_PREDICTED, MAXIMUM_ABOVE, MAXIMUM_BELOW = State
AGREES, INCONCLUSIVE, DISAGREES = verdicts.JUDGED


def row(verdict, network="gated-8", **detail):
    return {"network": network, "verdict": verdict} | Detail(**detail)._asdict()


def with_states(states, value=1.0):
    """A time that is the same in every seed, and there in those that are MEASURED; elsewhere a number is left."""
    return Seeds(np.full(len(states), value), np.array(states))


def decided(states, exact, value=1.0):
    return verdicts.decide(with_states(states, value), with_states(exact), 0.1, True, 0.9)


@pytest.mark.parametrize(
    ("states", "exact", "verdict", "words"),
    [
        ([ABOVE] * 2, [ABOVE] * 2, AGREES, "both above the grid"),
        ([BELOW] * 2, [BELOW] * 2, AGREES, "both below the grid"),
        (
            [BELOW, NOT_APPLICABLE],
            [BELOW] * 2,
            INCONCLUSIVE,
            "trained below the grid or not known, exact below the grid",
        ),
        ([MAXIMUM_BELOW] * 2, [MAXIMUM_BELOW] * 2, AGREES, "both widest below the grid"),
        ([MAXIMUM_ABOVE] * 2, [MEASURED] * 2, DISAGREES, "trained has it in 0 of 2 seeds, exact in 2"),
        ([ABOVE] * 2, [MAXIMUM_BELOW] * 2, DISAGREES, "trained above the grid, exact widest below the grid"),
        ([ABSENT] * 2, [ABSENT] * 2, AGREES, "no visible gap in either"),
        ([ABOVE, ABSENT], [ABOVE, ABSENT], AGREES, "both above the grid or no visible gap"),
        ([ABOVE, ABSENT], [ABSENT, ABOVE], DISAGREES, "both above the grid or no visible gap, not in the same seeds"),
        ([ABSENT] * 2, [ABOVE] * 2, DISAGREES, "trained no visible gap, exact above the grid"),
        ([ABOVE, ABSENT], [ABOVE] * 2, INCONCLUSIVE, "trained above the grid or no visible gap, exact above the grid"),
        ([ABSENT], [ABSENT], INCONCLUSIVE, "both no visible gap, but one seed is too few"),
        ([ABSENT], [ABOVE], INCONCLUSIVE, "trained no visible gap, exact above the grid"),
        ([NOT_APPLICABLE], [ABSENT], INCONCLUSIVE, "trained not known, exact no visible gap"),
        (
            [ABSENT] * 2,
            [ABSENT, NOT_APPLICABLE],
            INCONCLUSIVE,
            "both no visible gap, but one seed is too few (exact not known in 1 more)",
        ),
        (
            [ABSENT] * 3 + [ABOVE],
            [ABOVE] * 3 + [ABSENT],
            DISAGREES,
            "both above the grid or no visible gap, not in the same seeds",
        ),
        (
            [ABSENT] + [NOT_APPLICABLE] * 4,
            [ABSENT] * 5,
            INCONCLUSIVE,
            "trained no visible gap or not known, exact no visible gap",
        ),
        (
            [MEASURED] * 2 + [NOT_APPLICABLE],
            [MEASURED] * 2 + [ABSENT],
            INCONCLUSIVE,
            "trained has it in 2 of 3 seeds, exact in 2",
        ),
        (
            [MEASURED] * 2 + [ABSENT, ABOVE],
            [MEASURED] * 2 + [ABOVE, ABSENT],
            INCONCLUSIVE,
            "trained has it in 2 of 4 seeds, exact in 2",
        ),
        ([NOT_APPLICABLE] * 2, [BELOW] * 2, DISAGREES, "trained not known, exact below the grid"),
        ([MEASURED, ABSENT, ABSENT], [MEASURED] * 3, INCONCLUSIVE, "trained has it in 1 of 3 seeds, exact in 3"),
        ([MEASURED] * 2 + [ABSENT] * 3, [MEASURED] * 5, INCONCLUSIVE, "trained has it in 2 of 5 seeds, exact in 5"),
        (
            [MEASURED] * 2 + [NOT_APPLICABLE] * 3,
            [MEASURED] * 5,
            INCONCLUSIVE,
            "trained has it in 2 of 5 seeds, exact in 5",
        ),
        ([MEASURED, ABSENT], [ABSENT, MEASURED], INCONCLUSIVE, "trained has it in 1 of 2 seeds, exact in 1"),
        ([ABOVE], [MEASURED], INCONCLUSIVE, "trained has it in 0 of 1 seed, exact in 1"),
        ([ABOVE, ABSENT], [MEASURED] * 2, DISAGREES, "trained has it in 0 of 2 seeds, exact in 2"),
        ([MEASURED] * 3, [ABSENT] * 3, DISAGREES, "trained has it in 3 of 3 seeds, exact in 0"),
        (
            [MEASURED] * 2 + [ABSENT],
            [MEASURED] * 2 + [BELOW],
            INCONCLUSIVE,
            "trained has it in 2 of 3 seeds, exact in 2",
        ),
        ([MEASURED] * 2 + [ABSENT], [MEASURED] * 2 + [ABSENT], AGREES, "agrees"),
        ([MEASURED] * 2 + [ABSENT], [MEASURED] * 2 + [NOT_APPLICABLE], AGREES, "agrees (exact not known in 1 more)"),
        ([ABSENT] * 3, [ABSENT] * 2 + [NOT_APPLICABLE], AGREES, "no visible gap in either (exact not known in 1 more)"),
        ([MEASURED] * 2, [NOT_APPLICABLE] * 2, Verdict.NOT_TESTABLE, "exact not known"),
        ([NOT_APPLICABLE] * 2, [NOT_APPLICABLE] * 2, Verdict.NOT_TESTABLE, "exact not known"),
    ],
)
def test_what_states_say(states, exact, verdict, words):
    found = decided(states, exact)
    assert found.verdict == verdict
    assert verdicts.words(row(found.verdict, **found.detail._asdict())) == words


@pytest.mark.parametrize(
    ("exact", "verdict", "words"),
    [
        ([ABSENT] * 3, AGREES, "law predicts no gap, none is visible"),
        ([MEASURED] * 3, DISAGREES, "law predicts no gap; exact has one in 3 of 3 seeds"),
        ([MEASURED, ABSENT, ABSENT], INCONCLUSIVE, "law predicts no gap; exact has one in 1 of 3 seeds"),
        ([ABOVE] * 3, DISAGREES, "law predicts no gap; exact above the grid"),
        (
            [ABSENT] * 4 + [MAXIMUM_BELOW],
            INCONCLUSIVE,
            "law predicts no gap; exact no visible gap or widest below the grid",
        ),
        ([ABSENT, NOT_APPLICABLE, ABSENT], AGREES, "law predicts no gap, none is visible (exact not known in 1 more)"),
    ],
)
def test_that_the_law_predicts_no_gap_is_a_prediction(exact, verdict, words):
    """Before, it was not known, which agreed with nothing."""
    found = decided([NONE_PREDICTED] * len(exact), exact)
    assert (found.verdict, found.detail.reason) == (verdict, Reason.NONE_PREDICTED)
    assert verdicts.words(row(found.verdict, "law", **found.detail._asdict())) == words
    mirrored = decided(exact, [NONE_PREDICTED] * len(exact))  # a network against the law
    if NOT_APPLICABLE not in exact:
        assert (mirrored.verdict, mirrored.detail.reason) == (verdict, Reason.NONE_PREDICTED)


def test_a_law_whose_gap_is_too_narrow_to_be_seen_agrees_with_none_too():
    found = decided([ABSENT] * 3, [ABSENT] * 3)
    assert (found.verdict, found.detail.reason) == (AGREES, Reason.SEEN_IN_NONE)


def test_where_both_have_the_time_in_the_same_seeds_the_interval_decides():
    for value, verdict in ((1.0, AGREES), (1.3, DISAGREES)):
        found = decided([MEASURED, MEASURED, ABSENT], [MEASURED, MEASURED, ABSENT], value)
        assert found.verdict == verdict
        assert found.detail[:-1] == ("", 3, 2, 2, "no visible gap", "no visible gap", 0, "")
        assert (found.low, found.high) == pytest.approx((math.log(value),) * 2)
    known = verdicts.decide(with_states([MEASURED] * 3), with_states([MEASURED] * 3), 0.1, True, 0.9, (0.5, 0.7))
    assert (known.verdict, known.low, known.high) == (DISAGREES, 0.5, 0.7)


@pytest.mark.parametrize(
    ("values", "side", "words"),
    [
        ([0.95, 0.96, 0.97], "low", "agrees, but low"),
        ([1.03, 1.04, 1.05], "high", "agrees, but high"),
        ([0.95, 1.0, 1.05], "", "agrees"),
        ([0.7, 0.71, 0.72], "", "disagrees"),
        ([0.93, 0.96, 0.98], "low", "agrees, but low"),
        ([0.85, 0.9, 0.97], "", "inconclusive"),
        ([1 + 1e-7, 1 + 2e-7, 1 + 3e-7], "", "agrees"),  # rounding
        ([0.95], "", "inconclusive"),
    ],
)
@pytest.mark.parametrize("log", [True, False])
def test_what_agrees_and_is_not_the_same_has_a_side(values, side, words, log):
    one = Seeds.of(np.ones(len(values)))
    found = verdicts.decide(Seeds.of(np.array(values)), one, 0.1, log, 0.9)
    assert found.detail.side == side
    assert verdicts.words(row(found.verdict, **found.detail._asdict())) == words


def test_what_is_no_ratio_is_compared_by_its_difference():
    subject, reference = Seeds.of([0.3, 0.31, 0.32]), Seeds.of([0.0, 0.0, 0.0])
    assert verdicts.decide(subject, reference, 0.4, False, 0.9).verdict == AGREES
    assert verdicts.decide(subject, reference, 0.2, False, 0.9).verdict == DISAGREES
    assert verdicts.decide(Seeds.of([0.3, np.nan, 0.3]), reference, 0.4, False, 0.9).verdict == INCONCLUSIVE


EVERY = st.lists(st.tuples(st.sampled_from(list(State)), st.sampled_from(list(State))), min_size=1, max_size=6)


@given(EVERY, st.sampled_from([0.5, 1.0, 1.02]))
def test_detail_counts_every_seed_and_survives_a_file(pairs, value):
    states, exact = np.array(pairs).T
    known = exact != NOT_APPLICABLE
    found = decided(states, exact, value)
    assert found.detail.of == known.sum()
    assert found.detail.unknown == (~known).sum()
    seen = (states[known] == MEASURED).sum(), (exact[known] == MEASURED).sum()
    assert (found.detail.seen, found.detail.exact_seen) == seen
    assert (found.verdict == Verdict.NOT_TESTABLE) == (not known.any())
    before = row(found.verdict, **found.detail._asdict())
    frame = pd.DataFrame([before, row("", right=1, of=1)])  # of a dimension
    after = frame.astype({"seen": float, "of": float}).iloc[0]  # as a file gives columns with gaps
    assert verdicts.words(after) == verdicts.words(before)


@given(EVERY, st.sampled_from([0.5, 1.0, 1.02]))
def test_what_is_seen_by_one_only_never_agrees(pairs, value):
    states, exact = np.array([pair for pair in pairs if pair[1] != NOT_APPLICABLE] or [(ABOVE, ABSENT)]).T
    found = decided(states, exact, value).verdict
    seen, there = states == MEASURED, exact == MEASURED
    if (seen != there).any():
        assert found != AGREES
        if not seen.any() or not there.any():
            assert found == (DISAGREES if seen.sum() + there.sum() > 1 else INCONCLUSIVE)
    elif value == 0.5:
        assert found != AGREES or not seen.any()


@given(EVERY, st.sampled_from([0.5, 1.0, 1.02]), st.randoms(use_true_random=False))
def test_agreement_is_of_every_seed_and_of_more_than_one(pairs, value, random):
    """Before, reasons were pooled over seeds: others in every seed, or three of five diverged, agreed."""
    states, exact = np.array(pairs).T
    found = decided(states, exact, value).verdict
    known = exact != NOT_APPLICABLE
    like = np.where(states == NONE_PREDICTED, ABSENT, states) == np.where(exact == NONE_PREDICTED, ABSENT, exact)
    if found == AGREES:
        assert like[known].all()
        assert known.sum() > 1
    if known.sum() == 1:
        assert found == INCONCLUSIVE
    order = random.sample(range(len(pairs)), len(pairs))
    assert decided(states[order], exact[order], value).verdict == found


def test_what_could_not_be_compared_has_its_reason_in_words():
    for reason in (Reason.NO_EXACT, Reason.NO_LAW, Reason.EXACT_UNKNOWN):
        assert verdicts.words(row(Verdict.NOT_TESTABLE, reason=reason, unknown=2)) == reason.value
    assert verdicts.words(row(AGREES, unknown=1)) == "agrees (exact not known in 1 more)"
    seen = row(DISAGREES, reason=Reason.SEEN_IN_SOME, of=3, seen=3, unknown=1)
    assert verdicts.words(seen) == "trained has it in 3 of 3 seeds, exact in 0 (exact not known in 1 more)"
    law = row(DISAGREES, "law", reason=Reason.SEEN_IN_NONE, state="above the grid", exact_state="below the grid")
    assert verdicts.words(law) == "law above the grid, exact below the grid"
    found = {"ambient_dim": 8, "boundary": 4}
    assert verdicts.words(row("", right=2, of=2) | found | {"by_seed": "0=4 1=4"}) == "right in 2 of 2 seeds"
    wrong = row("", right=1, of=4) | found | {"by_seed": "0=4 1=0 2=8 3=8"}
    assert verdicts.words(wrong) == "right in 1 of 4 seeds; none found in 1; nothing learned in 2"
    full = wrong | {"boundary": 8, "right": 2}  # a manifold without normal directions
    assert verdicts.words(full) == "right in 2 of 4 seeds; none found in 1"
    assert verdicts.words(row("")) == ""


def because(of_law, of_exact, exact_of_law, learning, finite):
    decisions = (Decision(verdict, Detail(), math.nan, math.nan) for verdict in (of_law, of_exact, exact_of_law))
    return verdicts.cause(*decisions, learning, finite, 0.1)


def test_agreement_with_the_law_by_two_errors_is_named():
    """-8.5 % learning against +14.6 % finite size: the network is at the law, where the exact score is not."""
    assert because(AGREES, DISAGREES, DISAGREES, -0.085, 0.146) == Cause.CANCEL == "errors cancel"
    assert because(AGREES, INCONCLUSIVE, DISAGREES, -0.085, 0.146) == Cause.CANCEL
    assert because(AGREES, INCONCLUSIVE, DISAGREES, 0.146, -0.085) == Cause.CANCEL
    assert because(AGREES, AGREES, AGREES, 0.01, 0.01) == ""
    assert because(AGREES, Verdict.NOT_TESTABLE, Verdict.NOT_TESTABLE, math.nan, math.nan) == ""
    assert because(INCONCLUSIVE, DISAGREES, AGREES, 0.3, 0.0) == ""


@pytest.mark.parametrize(
    ("learning", "finite"), [(0.0, 0.0), (-0.023, 0.035), (0.023, -0.035), (0.2, 0.2), (-0.2, -0.2), (0.2, 0.01)]
)
def test_two_errors_cancel_only_if_they_are_opposite_and_one_is_beyond_the_margin(learning, finite):
    """Before, whatever was inconclusive against the exact score was said to agree by two errors."""
    assert because(AGREES, INCONCLUSIVE, AGREES, learning, finite) == ""


def test_of_what_some_seeds_hide_no_errors_are_said_to_cancel():
    hidden = Decision(INCONCLUSIVE, Detail(Reason.SEEN_IN_SOME, 5, 5, 4), math.nan, math.nan)
    other = Decision(AGREES, Detail("", 5, 5, 5), math.nan, math.nan)
    assert verdicts.cause(other, hidden, hidden, -0.2, 0.2, 0.1) == ""


def test_what_is_not_seen_is_blamed_on_whom_it_is_missing_from():
    nan = math.nan
    assert because(DISAGREES, DISAGREES, AGREES, nan, 0.01) == Cause.LEARNING  # the network alone does not see it
    assert because(DISAGREES, AGREES, DISAGREES, nan, nan) == Cause.FINITE  # nor does the exact score
    assert because(DISAGREES, DISAGREES, DISAGREES, nan, nan) == Cause.BOTH  # one sees what the law has not
    assert because(DISAGREES, INCONCLUSIVE, AGREES, 0.06, 0.06) == Cause.A_LITTLE


def test_a_model_that_was_not_trained_here_has_learned_nothing():
    for why, model in ((Cause.LEARNING, "model"), (Cause.BOTH, "model and finite size or curvature"),
                       (Cause.FINITE, Cause.FINITE), ("", "")):  # fmt: skip
        assert verdicts.caused(why, "gated-8") == why
        assert verdicts.caused(why, "mine") == model


def by_hand(subject, reference, margin, log, confidence):
    """The rule of `decide_each` for one row, case by case: verdict, reason and side."""
    known = reference.states != NOT_APPLICABLE
    one, other = (Seeds(some.values[known], some.states[known]) for some in (subject, reference))
    if not known.any():
        return Verdict.NOT_TESTABLE, Reason.EXACT_UNKNOWN, ""
    seen, there = one.seen, other.seen
    neither = ~seen & ~there
    none = [NONE_PREDICTED in some.states[~some.seen] for some in (one, other)]
    reason = Reason.NONE_PREDICTED if any(none) else Reason.SEEN_IN_NONE
    states = [np.where(some.states == NONE_PREDICTED, ABSENT, some.states)[neither] for some in (one, other)]
    same = (states[0] == states[1]) & (states[1] != MEASURED)
    if neither.all():
        if len(same) == 1:
            return INCONCLUSIVE, reason, ""
        return (AGREES if same.all() else INCONCLUSIVE if same.any() else DISAGREES), reason, ""
    if (seen != there).any() or not same.all():
        fewer, more = sorted((seen.sum(), there.sum()))
        reason = reason if reason == Reason.NONE_PREDICTED else Reason.SEEN_IN_SOME
        return (DISAGREES if fewer == 0 and more > 1 else INCONCLUSIVE), reason, ""
    difference = one.scaled(log) - other.scaled(log)
    low, high = intervals.interval(difference[np.isfinite(difference)], confidence)
    least, most = intervals.logarithms(margin) if log else (-margin, margin)
    if least <= low and high <= most:
        return AGREES, "", "low" if high < -verdicts.ROUNDING else "high" if low > verdicts.ROUNDING else ""
    return (DISAGREES if low > most or high < least else INCONCLUSIVE), "", ""


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.booleans())
def test_many_rows_are_decided_as_each_alone_and_as_by_hand(number, seeds, log):
    rng = np.random.default_rng(number)
    shape = 12, seeds
    few = [rng.choice(list(State), size=rng.integers(1, 4)) for _ in range(2)]  # so that states are alike now and then

    def some(states):
        values = np.exp(0.1 * rng.standard_normal(shape)) * np.where(rng.random(shape) < 0.1, np.nan, 1.0)
        return Seeds(values, np.where(rng.random(shape) < 0.6, MEASURED, rng.choice(states, shape)).astype("int8"))

    subject, reference = some(few[0]), some(few[rng.integers(2)])
    margins = rng.uniform(0.01, 0.4, 12)
    found = verdicts.decide_each(subject, reference, margins, log, 0.9)
    for i, margin in enumerate(margins):
        rows = [Seeds(one.values[i], one.states[i]) for one in (subject, reference)]
        detail = {name: column[i] for name, column in found.detail._asdict().items() if np.ndim(column)}
        assert (found.verdict[i], detail["reason"], detail["side"]) == by_hand(*rows, margin, log, 0.9)
        alone = verdicts.decide(*rows, margin, log, 0.9)
        np.testing.assert_array_equal([alone.low, alone.high], [found.low[i], found.high[i]])
        assert alone.verdict is found.verdict[i]
        assert {name: getattr(alone.detail, name) for name in detail} == detail
