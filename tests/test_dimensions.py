"""Estimators given a score: by hand on scores that are matrices, without a matrix where products do, at their cost."""

import tracemalloc

import numpy as np
import pytest

from scoregap import InputError, data
from scoregap.dimensions import BUNDLES, OF_PRODUCTS, Asked, Draws, costs, estimate, over_times
from scoregap.measure import SCORE_ESTIMATORS
from scoregap.measure import dimension as rules
from scoregap.measure.lhsd import lhsd_filter
from scoregap.measure.second_difference import second_difference
from scoregap.scores.base import Score
from scoregap.scores.closed import Exact

D = 12


class Linear(Score):
    """x -> A x, whose A may depend on t; counted: (points denoised, points whose Jacobian is made)."""

    def __init__(self, matrix):
        self.matrix, self.counted = matrix, np.zeros(2, int)

    def denoise(self, x, t):
        self.counted[0] += len(x)
        return x @ self.matrix(t).T

    def jacobian(self, x, t):
        self.counted[1] += len(x)
        return x @ self.matrix(t).T, np.repeat(self.matrix(t)[None], len(x), 0)


class WithProducts(Linear):
    """The same, that knows products; counted: rows of them, and of the transposed."""

    def products(self, x, t):
        def product(rows, matrix=None):
            self.counted[0] += len(rows)
            return rows @ self.matrix(t).T

        def transposed(rows):
            self.counted[1] += len(rows)
            return rows @ self.matrix(t)

        return product, transposed

    def jacobian(self, x, t):
        raise AssertionError("no matrix is asked for")


SKEW = 0.05 * np.random.default_rng(9).standard_normal((D, D))


def flat(t):
    """Flat data of 4 variances 1, with a part that is not symmetric, as a network may have it."""
    return np.diag(np.r_[np.full(4, 1 / (1 + t)), np.zeros(D - 4)]) + SKEW


def test_the_later_ones_are_given_what_they_ask_for():
    """Everything by hand, from one set of draws."""
    clean, t = np.random.default_rng(0).standard_normal((3, D)), 0.2
    a, names = flat(t), ["lhsd", "denoising_loss", "implicit_loss", "normal_bundle_second_difference", "plateau"]
    asked = Asked(names, 3, probes=D, lanczos_steps=D)
    draws = Draws(np.random.default_rng(1), asked, D)
    found = dict(zip(names, over_times(asked, Linear(flat), clean, [t], draws)[0], strict=True))
    values = np.linalg.eigvalsh(0.5 * (a + a.T))
    np.testing.assert_allclose(found["lhsd"], lhsd_filter(values).sum())
    noisy = clean[:, None] + np.sqrt(t) * draws.around[:, :D]
    np.testing.assert_allclose(
        found["denoising_loss"], ((noisy @ a.T - clean[:, None]) ** 2).sum(-1).mean(1) / t, rtol=1e-12
    )
    np.testing.assert_allclose(found["implicit_loss"], np.trace(a) + ((clean @ a.T - clean) ** 2).sum(1) / (2 * t))
    around = clean[:, None] + np.sqrt(t) * draws.around
    np.testing.assert_array_equal(
        found["normal_bundle_second_difference"], second_difference((around @ a.T - around) / t)
    )
    np.testing.assert_array_equal(found["plateau"], [(values > 0.5).sum()] * 3)


def test_the_plateau_reads_all_times_from_there_up():
    def two(t):
        return np.diag(np.r_[np.full(3, 1 / (1 + t)), np.full(2, 1e-2 / (1e-2 + t)), np.zeros(D - 5)])

    t = np.geomspace(1e-6, 10, 29)
    found = estimate(Linear(two), np.zeros((2, D)), t, "plateau")
    assert found.shape == (29, 2)
    np.testing.assert_array_equal(found[[0, 14, -1]], [[5, 5], [3, 3], [0, 0]])
    np.testing.assert_array_equal(estimate(Linear(two), np.zeros((2, D)), 1e-3, "plateau"), [5, 5])  # n(t) there


@pytest.mark.parametrize("name", SCORE_ESTIMATORS)
def test_each_is_right_on_curved_data_at_small_noise(name):
    """5 arcs in R^24, as many probes as dimensions; the one that has no closed form within its scatter."""
    arcs = data.manifold("arcs", 24, [(5, 1.0)], 0.5, seed=3, frame="orthonormal")
    clean, _ = arcs.sample(np.random.default_rng(4), 16)
    sizes = {"probes": 24, "lanczos_steps": 24}
    found = estimate(Exact(arcs), clean, 1e-5, name, **sizes)
    assert found.shape == (16,)
    assert found.mean() == pytest.approx(5, abs=0.5 if name == "denoising_loss" else 0.26)
    np.testing.assert_array_equal(found, estimate(Exact(arcs), clean, 1e-5, name, **sizes))
    both = estimate(Exact(arcs), clean, [1e-5, 1e-4], name, **sizes)
    np.testing.assert_array_equal(both[0] if name != "plateau" else both[1], found)


@pytest.mark.parametrize("name", sorted(OF_PRODUCTS))
def test_where_products_are_known_no_matrix_is_made(name):
    """And the estimates are the same, of the symmetric part."""
    clean = np.random.default_rng(2).standard_normal((3, D))
    whole, free = Linear(flat), WithProducts(flat)
    expected = estimate(whole, clean, [0.1, 0.4], name)
    assert whole.counted[1] > 0
    np.testing.assert_allclose(estimate(free, clean, [0.1, 0.4], name), expected, rtol=1e-9)
    asked = Asked([name], 3)
    rows = costs(asked, D, 2)[name] - (name == "flipd_hutchinson")
    assert free.counted[0] == 2 * 3 * (rows + 1)  # a denoised point each, too
    assert free.counted[1] == (0 if name == "flipd_hutchinson" else 2 * 3 * rows)


@pytest.mark.parametrize("name", [*BUNDLES, "denoising_loss"])
def test_costs_of_what_reads_denoised_points_are_counted(name):
    score = Linear(flat)
    estimate(score, np.zeros((3, D)), [0.1, 0.4], name, draws=5, probes=7)
    assert score.counted[0] == 2 * 3 * costs(Asked([name], 3, draws=5, probes=7), D, 2)[name]


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_unknown_scores_have_no_estimates(hole):
    class Hole(Linear):
        def jacobian(self, x, t):
            mean, jacobian = super().jacobian(x, t)
            return mean + HOLE[: len(x), None], jacobian + HOLE[: len(x), None, None]

        def denoise(self, x, t):
            return super().denoise(x, t) + np.repeat(HOLE, len(x) // 3)[:, None]

    HOLE = np.array([0.0, hole, 0.0])
    for name in SCORE_ESTIMATORS:
        found = estimate(Hole(flat), np.zeros((3, D)), 0.1, name)
        np.testing.assert_array_equal(np.isnan(found), [False, True, False], err_msg=name)


@pytest.mark.parametrize("hole", [np.nan, np.inf])
@pytest.mark.parametrize("name", sorted(OF_PRODUCTS))
def test_products_that_are_not_finite_are_no_estimate(name, hole):
    class Hole(WithProducts):
        def products(self, x, t):
            product, transposed = super().products(x, t)
            return lambda rows: product(rows) + (hole if x[0] > 5 else 0), transposed

    clean = np.zeros((3, D))
    clean[1] = 10
    np.testing.assert_array_equal(np.isnan(estimate(Hole(flat), clean, 0.1, name)), [False, True, False])


@pytest.mark.parametrize("name", SCORE_ESTIMATORS)
def test_a_score_of_few_levels_is_asked_at_those(name):
    """As `Score.times` says which: its denoiser alone would answer for the nearest, for noise of another variance."""

    class Levels(Linear):
        def times(self, t):
            return np.array([0.1, 0.4])[np.searchsorted([0.2], t)]

    clean = np.random.default_rng(2).standard_normal((3, D))
    expected = estimate(Linear(flat), clean, [0.1, 0.4], name)
    np.testing.assert_array_equal(estimate(Levels(flat), clean, [0.13, 0.3], name), expected)
    assert estimate(Levels(flat), clean, [0.3, 0.4, 0.5], name).shape == (3, 3)


@pytest.mark.parametrize("name", SCORE_ESTIMATORS)
@pytest.mark.parametrize("d", [1, 2])
def test_few_dimensions(name, d):
    """A line fills R^1: what compares modes with each other, or takes differences of them, cannot say so."""
    score = Linear(lambda t: np.eye(d) / (1 + t))
    found = estimate(score, np.zeros((2, d)), 1e-6, name, probes=500, draws=500)
    known = 1.0 if name in ("normal_bundle", "normal_bundle_centred") else d  # never d
    silent = name == "normal_bundle_second_difference" or (d == 1 and name in BUNDLES)
    np.testing.assert_allclose(found, np.nan if silent else known, rtol=0.25 if name == "denoising_loss" else 1e-3)


def test_draws_that_nobody_asked_for_are_not_kept():
    """They are 4 d numbers of d, per point: gigabytes at the size of pictures. All others are the same with them."""
    d, points = 100, 40
    some, all_ = (Draws(np.random.default_rng(0), Asked(names, points), d) for names in (["lhsd"], [*BUNDLES]))
    assert some.around.size == 0
    assert Draws(np.random.default_rng(0), Asked(["denoising_loss"], points), d).around.shape == (points, 10, d)
    for name in ("noise", "signs", "seeds"):
        np.testing.assert_array_equal(getattr(some, name), getattr(all_, name))
    tracemalloc.start()
    Draws(np.random.default_rng(0), Asked(["lhsd"], points), d)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < all_.around.nbytes / 10


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"estimator": "flip"}, "estimator"), ({"estimator": None}, "estimator"),
        ({"estimator": ["flipd"]}, "estimator"),
        ({"x": np.zeros(D)}, "x"), ({"x": np.full((2, D), np.nan)}, "x"), ({"t": 0.0}, "t"), ({"t": [0.2, 0.1]}, "t"),
        ({"t": [[0.1]]}, "t"), ({"t": "0.1"}, "t"), ({"seed": -1}, "seed"), ({"probes": 0}, "probes"),
        ({"points": 3}, "points"), ({"lanczos_steps": 2.5}, "lanczos_steps"),
    ],
)  # fmt: skip
def test_what_it_does_not_take(wrong, key):
    good = {"score": Linear(flat), "x": np.zeros((2, D)), "t": 0.1, "estimator": "flipd"}
    with pytest.raises(InputError, match=f"^{key}: ") as caught:
        estimate(**good | wrong)
    assert "\n" not in str(caught.value)


def test_the_names_are_those_of_the_table_of_costs():
    assert costs(Asked([], 1), D, 3).keys() == set(SCORE_ESTIMATORS)
    assert {"normal_bundle", "normal_bundle_centred"} < BUNDLES.keys()
    assert rules.normal_bundle is BUNDLES["normal_bundle"]
