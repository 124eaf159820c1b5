"""What is decided of claims: verdicts, why they disagree; of many rows together the same as of each alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap.analysis.claim_verdicts import MEANS, Asked, against_law_and_exact, by_kind
from scoregap.analysis.intervals import interval
from scoregap.analysis.quantities import CLAIMS, Kind
from scoregap.analysis.verdicts import Seeds
from scoregap.study.measurement import Margins
from scoregap.variables import ABSENT, MEASURED, NONE_PREDICTED, NOT_APPLICABLE

MARGINS = Margins(t_open=0.15, t_max=0.05, t_close=0.15, t_consolidation=0.1)


def judged(name, law, exact, trained, gaussian=None, more=None, states=None):
    arrays = {"law": law, "gaussian": gaussian, "exact": exact, "trained": trained}
    arms = {arm: Seeds.of(one, (states or {}).get(arm)) for arm, one in arrays.items() if one is not None}
    further = np.empty((2, 0)) if more is None else np.array([more, np.ones(len(more))])
    return against_law_and_exact([Asked(name, arms, MARGINS, 0.9, further)])[0]


def test_verdict_is_of_trained_against_the_law_and_says_why():
    near = [1.0, 1.01, 0.99]
    assert judged("t_max", [1.0] * 3, near, near)["verdict"] == "agrees"
    row = judged("t_max", [1.0] * 3, near, [2.0, 2.02, 1.98])
    assert (row["verdict"], row["why"]) == ("disagrees", "learning")
    assert row["learning"] == pytest.approx(1.0)
    assert row["finite"] == pytest.approx(0.0)
    assert row["low"] < row["trained"] < row["high"]
    row = judged("t_max", [1.0] * 3, [2.0, 2.02, 1.98], [2.0, 2.02, 1.98])
    assert (row["verdict"], row["of_exact"], row["why"]) == ("disagrees", "agrees", "finite size or curvature")
    row = judged("t_max", [1.0] * 3, [2.0, 2.02, 1.98], [4.0, 4.04, 3.96])
    assert row["why"] == "learning and finite size or curvature"
    row = judged("t_max", [1.0] * 3, [1.04, 1.041, 1.039], [1.08, 1.081, 1.079])
    assert row["why"] == "both a little"
    assert judged("t_max", [1.0] * 3, near, [0.5, 1.0, 2.0])["verdict"] == "inconclusive"


def test_draws_of_f_blur_the_law_and_not_the_exact_score():
    """Trained follows exact, seed by seed; both scatter about the law."""
    exact = np.array([0.7, 0.9, 1.0, 1.2, 1.3])
    row = judged("t_max", [1.0] * 5, exact, exact * [1.01, 0.99, 1.0, 1.01, 0.99])
    assert (row["verdict"], row["of_exact"]) == ("inconclusive", "agrees")
    assert row["law_low"] < 0.9 < 1.1 < row["law_high"]
    assert 0.98 < row["exact_low"] < 1 < row["exact_high"] < 1.02
    assert row["draws"] == 5


@pytest.mark.parametrize(("centre", "verdict"), [(1.0, "agrees"), (1.2, "disagrees")])
def test_more_draws_of_the_exact_score_settle_it(centre, verdict):
    exact = np.array([0.7, 0.9, 1.0, 1.2, 1.3])
    more = centre * np.exp(np.random.default_rng(0).normal(0, 0.2, 400))
    row = judged("t_max", [1.0] * 5, exact, exact * [1.01, 0.99, 1.0, 1.01, 0.99], more=[*more, np.nan])
    assert (row["verdict"], row["of_exact"], row["draws"]) == (verdict, "agrees", 405)
    assert row["finite"] == pytest.approx(centre - 1, abs=0.03)
    assert row["law_low"] < centre * 1.0 < row["law_high"] * 1.02
    assert row["why"] == ("finite size or curvature" if verdict == "disagrees" else "")


def test_without_a_ratio_more_draws_count_as_differences():
    row = judged("widest", [1.0] * 3, [1.3, 1.5, 1.1], [1.31, 1.51, 1.11], more=[1.0, 1.02, 0.98] * 40)
    assert row["draws"] == 123
    assert row["finite"] == pytest.approx(0.0, abs=1e-12)
    assert (row["law_low"] + row["law_high"]) / 2 == pytest.approx(0.01 + 3 * 0.3 / 123)


def test_what_is_not_a_ratio_is_compared_by_its_difference():
    assert judged("widest", [0.6] * 3, [0.61] * 3, [0.62, 0.621, 0.619])["verdict"] == "agrees"
    row = judged("widest", [0.6] * 3, [0.61] * 3, [0.3, 0.301, 0.299])
    assert (row["verdict"], row["why"]) == ("disagrees", "learning")
    assert row["learning"] == pytest.approx(-0.31)


def test_what_is_not_seen():
    nothing = [np.nan] * 3
    assert judged("t_max", nothing, nothing, nothing)["verdict"] == "not testable"
    row = judged("t_consolidation", [1.0] * 3, [1.0, 1.01, 0.99], nothing)
    assert (row["verdict"], row["why"]) == ("disagrees", "learning")
    assert judged("t_max", [1.0] * 3, nothing, nothing)["verdict"] == "not testable"
    assert judged("t_max", [1.0], [1.0], [1.0])["verdict"] == "inconclusive"  # one seed


@pytest.mark.parametrize("name", ["t_max", "t_consolidation", "widest", "dimension"])
@pytest.mark.parametrize("exact", [[1.0, 1.01, 0.99], [3.0, 3.03, 2.97], [3.0, np.nan, 3.03]])
def test_a_network_that_has_no_such_number_is_not_excused_by_the_finite_size(name, exact):
    """All its seeds have diverged: however far the exact score is from the law, that is not why."""
    row = judged(name, [1.0] * 3, exact, [np.nan] * 3)
    assert (row["verdict"], row["of_exact"], row["why"]) == ("disagrees", "disagrees", "learning")


def test_a_claim_that_is_no_mean_has_the_test_of_its_kind():
    wrong = judged("dimension", [0] * 5, [0] * 5, [10, -10, 10, -10, 10])
    assert (wrong["trained"], wrong["verdict"], wrong["of_exact"], wrong["why"]) == (
        0,
        "disagrees",
        "disagrees",
        "learning",
    )
    curve = judged("curve", np.zeros((5, 3)), np.full((5, 3), 0.1), np.full((5, 3), -0.1))
    assert (curve["learning"], curve["of_exact"]) == (pytest.approx(0.2), "disagrees")
    unseen = judged("dimension", [0] * 5, [0] * 5, [np.nan] * 5)  # as of a network that diverged
    assert (unseen["verdict"], unseen["of"], unseen["seen"]) == ("disagrees", 5, 0)


def test_a_margin_of_one_or_more_allows_any_time_below():
    """A bug: its logarithm was taken."""
    wide = MARGINS.model_copy(update={"t_max": 1.5})
    arms = dict.fromkeys(("law", "gaussian", "exact"), Seeds.of(np.ones(3)))
    arms["trained"] = Seeds.of([0.01, 0.011, 0.009])
    assert against_law_and_exact([Asked("t_max", arms, wide, 0.9)])[0]["verdict"] == "agrees"


def test_margins_are_those_of_the_study():
    assert judged("t_close", [1.0] * 3, [1.0] * 3, [1.0] * 3)["margin"] == MARGINS.t_close
    assert judged("shift", [1.0] * 3, [1.0] * 3, [1.0] * 3)["margin"] == MARGINS.t_consolidation


def test_agreement_by_two_errors_says_so():
    """Finite size takes the exact score up, and training brings the network down to the law again."""
    row = judged("t_consolidation", [1.0] * 3, [1.15, 1.16, 1.14], [1.02, 1.03, 1.01])
    assert (row["verdict"], row["of_exact"], row["why"]) == ("agrees", "disagrees", "errors cancel")
    assert judged("t_consolidation", [1.0] * 3, [1.01, 1.02, 1.0], [1.02, 1.03, 1.01])["why"] == ""
    right = judged("dimension", [0] * 5, [0, 0, 0, 0, 1], [0] * 5)
    assert (right["verdict"], right["of_exact"], right["why"]) == ("agrees", "inconclusive", "")
    right = judged("dimension", [0] * 5, [1] * 5, [0] * 5)  # right where the exact score is wrong is no cancelling
    assert (right["verdict"], right["of_exact"], right["why"]) == ("agrees", "disagrees", "")


@pytest.mark.parametrize("lost", [1, 2, 5])
@pytest.mark.parametrize("name", ["curve", "final_curve", "spike", "dimension", "no_gap", "t_max", "widest"])
def test_a_network_that_diverged_in_some_seeds_agrees_in_no_claim(name, lost):
    """Before, claims that are no means dropped those seeds, and agreed."""
    kind = CLAIMS[name].kind
    shape = (10, 6) if kind in (Kind.LARGEST, Kind.RMS) else (10,)
    ones = np.ones(shape)
    trained = ones.copy()
    law = np.ones(50) if kind is Kind.CHANCE else ones
    whole = judged(name, law, ones, trained)
    assert (whole["verdict"], whole["of_exact"]) == ("agrees", "agrees")
    trained[:lost] = np.nan
    row = judged(name, law, ones, trained)
    assert (row["verdict"], row["of_exact"]) == ("inconclusive", "inconclusive")
    both = judged(name, law, trained, trained)  # of those seeds the exact score knows nothing either
    assert (both["verdict"], both["of_exact"]) == ("agrees", "agrees")


def test_states_decide_claims_as_they_decide_the_comparison():
    """Before, what was seen in 2 of 5 seeds agreed, if those two did."""
    ones, some = [1.0] * 5, [1.0, 1.01, np.nan, np.nan, np.nan]
    absent = {"trained": [MEASURED] * 2 + [ABSENT] * 3}
    row = judged("t_max", ones, ones, some, states=absent)
    assert (row["verdict"], row["of_exact"], row["seen"], row["of"]) == ("inconclusive", "inconclusive", 2, 5)
    row = judged("t_max", ones, ones, [np.nan] * 5, states={"trained": [ABSENT] * 5})
    assert (row["verdict"], row["of_exact"], row["why"]) == ("disagrees", "disagrees", "learning")
    row = judged("t_max", ones, [np.nan] * 5, [np.nan] * 5, states=dict.fromkeys(("exact", "trained"), [ABSENT] * 5))
    assert (row["verdict"], row["of_exact"], row["why"]) == ("disagrees", "agrees", "finite size or curvature")
    row = judged(
        "t_max", [np.nan] * 5, ones, [np.nan] * 5, states={"law": [NONE_PREDICTED] * 5, "trained": [ABSENT] * 5}
    )
    assert (row["verdict"], row["of_exact"], row["why"]) == ("agrees", "disagrees", "errors cancel")


def test_seeds_of_which_the_exact_score_knows_nothing_are_left_out():
    row = judged("singular", [0.0] * 3, [np.nan, 0.0, 0.0], [np.nan, 0.01, 0.012])
    assert (row["verdict"], row["of_exact"], row["of"]) == ("agrees", "agrees", 2)
    assert judged("singular", [0.0] * 3, [np.nan] * 3, [np.nan] * 3)["verdict"] == "not testable"


def test_where_the_exact_score_has_no_such_gap_a_network_is_compared_with_the_law_itself():
    states = {"exact": [MEASURED, ABSENT, ABSENT]}
    row = judged("t_max", [1.0] * 3, [1.0, np.nan, np.nan], [1.0, 1.01, 0.99], states=states)
    assert (row["verdict"], row["of_exact"], row["why"]) == ("agrees", "inconclusive", "")  # hidden is no error
    assert (row["law_low"], row["law_high"]) == pytest.approx(np.exp(interval(np.log([1.0, 1.01, 0.99]), 0.9)))


STATES = [MEASURED, MEASURED, MEASURED, ABSENT, NONE_PREDICTED, NOT_APPLICABLE]
NAMES = [name for name, claim in CLAIMS.items() if claim.kind in MEANS]


@st.composite
def asked(draw):
    """Of any claim about a mean, with values that are missing, for whatever reason, and any number of draws."""
    seeds, name = draw(st.integers(1, 5)), draw(st.sampled_from(NAMES))
    arms = ["law", "exact", "trained", *(["gaussian"] if draw(st.booleans()) else [])]
    rng, found = np.random.default_rng(draw(st.integers(0, 2**32))), {}
    for arm in arms:
        states = np.array(draw(st.lists(st.sampled_from(STATES), min_size=seeds, max_size=seeds)))
        values = np.where(states == MEASURED, 1 + 0.1 * rng.standard_normal(seeds), np.nan)
        found[arm] = Seeds.of(values, states)
    more = 1 + 0.1 * rng.standard_normal((2, draw(st.sampled_from([0, 1, 3, 40]))))
    more[0, :1] = draw(st.sampled_from([1.0, np.nan]))
    return Asked(name, found, MARGINS, draw(st.sampled_from([0.9, 0.95])), more)


@settings(deadline=None)
@given(st.lists(asked(), min_size=1, max_size=12))
def test_many_rows_together_have_the_numbers_of_each_alone_to_the_bit(every):
    together, alone = against_law_and_exact(every), [against_law_and_exact([one])[0] for one in every]
    for one, other in zip(together, alone, strict=True):
        assert list(one) == list(other)
        np.testing.assert_equal(one, other)


def test_a_row_says_what_it_could_have_seen_and_of_how_many_draws():
    """Of ratios a relative difference, margin included; against the law by way of further draws less scatters."""
    exact = np.array([0.7, 0.9, 1.0, 1.2, 1.3])
    trained = exact * [1.01, 0.99, 1.0, 1.01, 0.99]
    row = judged("t_max", [1.0] * 5, exact, trained)
    assert row["independent"] == 5
    assert 0.05 < row["exact_detectable"] < 0.08
    more = np.exp(np.random.default_rng(0).normal(0, 0.2, 400))
    narrowed = judged("t_max", [1.0] * 5, exact, trained, more=more)
    assert 0.05 < narrowed["law_detectable"] < 0.5 * row["law_detectable"]
    unseen = judged("t_max", [1.0] * 5, exact, [np.nan] * 5)
    assert (unseen["independent"], np.isnan(unseen["exact_detectable"])) == (0, True)
    one = judged("t_max", [1.0], [1.0], [1.0])
    assert (one["independent"], np.isnan(one["exact_detectable"])) == (1, True)


def test_what_right_ones_and_spacings_could_have_seen():
    row = judged("dimension", [0] * 5, [0] * 5, [0] * 5)
    assert 0.5 < row["exact_detectable"] == row["law_detectable"] < 1
    null = np.random.default_rng(0).normal(0.1, 0.02, 500)
    row = by_kind(CLAIMS["no_gap"], {"law": null, "exact": np.full(3, 0.1), "trained": np.full(3, 0.11)}, 0.9)
    assert 0.05 < row["law_detectable"] < 0.1
