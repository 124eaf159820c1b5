"""What tests could have seen, by simulation: a true difference of that size is found in 8 of 10 studies."""

import numpy as np
import pytest
from scipy import stats

from scoregap.analysis import hypotheses, power
from scoregap.analysis.claim_verdicts import by_kind
from scoregap.analysis.intervals import interval_with_draws, intervals
from scoregap.analysis.quantities import Claim, Kind
from scoregap.analysis.verdicts import Seeds, Verdict, decide_each

CONFIDENCE, STUDIES = 0.9, 4000


def found(truth, scatter, draws, margin, log, rng):
    """Share of studies that disagree, of a true difference (of logarithms if so) and a scatter over draws."""
    values = rng.normal(truth, scatter, (STUDIES, draws))
    subject = Seeds(np.exp(values) if log else values, np.ones_like(values, int))
    reference = Seeds(np.full_like(values, float(log)), np.ones_like(values, int))
    decided = decide_each(subject, reference, np.full(STUDIES, margin), log, CONFIDENCE)
    return np.mean(decided.verdict == Verdict.DISAGREES)


@pytest.mark.parametrize("kind", [Kind.RATIO, Kind.DIFFERENCE, Kind.LARGEST, Kind.RMS])
@pytest.mark.parametrize(("draws", "scatter"), [(2, 0.01), (3, 0.2), (5, 0.03), (8, 0.1), (40, 0.3)])
def test_a_difference_that_it_could_have_seen_is_found_in_8_of_10_studies(kind, draws, scatter):
    """And one at the end of the margin in 5 %, as the tests are of that level."""
    rng, margin, log = np.random.default_rng(draws), 0.05, kind is Kind.RATIO
    half = stats.t.ppf(0.5 * (1 + CONFIDENCE), draws - 1) * scatter / draws**0.5
    size = power.detectable(kind, -half, half, draws, margin, CONFIDENCE)
    truth = np.log1p(size) if log else size
    assert found(truth, scatter, draws, margin, log, rng) == pytest.approx(power.POWER, abs=0.025)
    edge = np.log1p(margin) if log else margin
    assert found(edge, scatter, draws, margin, log, rng) == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize("finite", [0.02, 0.2])
def test_so_is_one_from_the_law_by_way_of_further_draws(finite):
    """Trained scatters about exact by .05, exact about the law by less or more; 200 further draws of it."""
    rng, draws, margin, sizes = np.random.default_rng(1), 5, 0.05, []

    def ends(truth):
        learning, exact = rng.normal(truth, 0.05, draws), rng.normal(0, finite, draws)
        return interval_with_draws(learning, exact, rng.normal(0, finite, 200), CONFIDENCE)

    for _ in range(600):
        low, high = ends(0.0)
        sizes.append(power.detectable(Kind.DIFFERENCE, low, high, draws, margin, CONFIDENCE))
    low = np.array([ends(np.mean(sizes))[0] for _ in range(2000)])
    assert np.mean(low > margin) == pytest.approx(power.POWER, abs=0.05)


def test_what_is_told_of_a_sample_is_near_that_of_its_true_scatter():
    rng, draws = np.random.default_rng(0), 5
    low, high = intervals(rng.normal(0, 0.1, (2000, draws)), CONFIDENCE)
    told = [power.detectable(Kind.DIFFERENCE, *ends, draws, 0.05, CONFIDENCE) for ends in zip(low, high, strict=True)]
    half = stats.t.ppf(0.95, draws - 1) * 0.1 / draws**0.5
    true = power.detectable(Kind.DIFFERENCE, -half, half, draws, 0.05, CONFIDENCE)
    assert np.mean(told) == pytest.approx(true, rel=0.08)


@pytest.mark.parametrize("draws", [2, 3, 5, 8, 20])
def test_how_often_a_thing_has_to_be_wrong(draws):
    margin, rng = 0.1, np.random.default_rng(draws)
    wrong = power.detectable(Kind.RIGHT, np.nan, np.nan, draws, margin, CONFIDENCE)
    counts = rng.binomial(draws, 1 - wrong, STUDIES)
    disagrees = {
        count: hypotheses.proportion(np.arange(draws) < count, margin, CONFIDENCE).verdict == Verdict.DISAGREES
        for count in set(counts.tolist())
    }
    assert np.mean([disagrees[count] for count in counts.tolist()]) == pytest.approx(power.POWER, abs=0.025)


@pytest.mark.parametrize(
    ("draws", "scatter", "margin"), [(1, 0.05, 0.01), (3, 0.02, 0.05), (5, 0.2, 0.05), (8, 0.05, 0.001)]
)
def test_how_much_wider_than_chance_a_spacing_has_to_be(draws, scatter, margin):
    """By a null that is nearly normal; the networks scatter as much as it does, and how much is known of the null."""
    rng = np.random.default_rng(draws)
    null = rng.normal(0.3, scatter, 4000)
    limit = hypotheses.threshold(null, draws, margin, CONFIDENCE)
    claim = Claim("", "", Kind.CHANCE, margin)
    arms = {"law": null, "exact": rng.normal(0.3, scatter, draws), "trained": rng.normal(0.3, scatter, draws)}
    size = by_kind(claim, arms, CONFIDENCE)["law_detectable"]
    means = rng.normal(0.3 + size, scatter, (STUDIES, draws)).mean(1)
    assert np.mean(means > limit) == pytest.approx(power.POWER, abs=0.03)


@pytest.mark.parametrize("kind", list(Kind))
def test_one_draw_sees_nothing(kind):
    assert np.isnan(power.detectable(kind, np.nan, np.nan, 1, 0.05, CONFIDENCE))


def test_more_draws_see_less_at_the_same_scatter():
    def size(draws):
        half = stats.t.ppf(0.95, draws - 1) * 0.1 / draws**0.5
        return power.detectable(Kind.DIFFERENCE, -half, half, draws, 0.05, CONFIDENCE)

    sizes = [size(draws) for draws in (2, 3, 5, 8, 50, 5000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == pytest.approx(0.05, abs=0.005)


def test_a_scatter_beyond_all_numbers_could_have_seen_nothing():
    """As of two seeds whose times are far apart, at a high confidence."""
    assert power.detectable(Kind.RATIO, -900.0, 900.0, 2, 0.05, CONFIDENCE) == np.inf
