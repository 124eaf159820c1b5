"""The estimator of scikit-learn: it complies, and it estimates."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from scoregap import InputError, data
from scoregap.measure.dimension import final_gap
from scoregap.measure.score_matching import denoising_loss
from scoregap.score_dimension import ScoreDimension, trained
from scoregap.scores.closed import Exact
from scoregap.scores.network import Network


@pytest.mark.slow
@parametrize_with_checks([ScoreDimension(), ScoreDimension(network="gated-8", steps=3, points=4)])
def test_it_is_an_estimator_of_scikit_learn(estimator, check):
    check(estimator)


def of_family(family, d, m, curvature=0.0):
    return data.manifold(family, d, [(m, 1.0)], curvature, seed=0).sample(np.random.default_rng(1), 2000)[0]


def swiss_roll():
    rng = np.random.default_rng(2)
    angle = 1.5 * np.pi * (1 + 2 * rng.random(2000))
    return np.stack([angle * np.cos(angle), 20 * rng.random(2000), angle * np.sin(angle)], 1)


def square():
    rng = np.random.default_rng(3)
    return rng.uniform(-1, 1, (2000, 2)) @ np.linalg.qr(rng.standard_normal((5, 2)))[0].T


SETS = {
    "line in R^5": (of_family("linear", 5, 1), 1),
    "plane in R^10": (of_family("linear", 10, 2), 2),
    "sphere in R^10": (of_family("sphere", 10, 2, 1.0), 2),
    "arcs in R^10": (of_family("arcs", 10, 2, 0.5), 2),
    "square in R^5": (square(), 2),
    "swiss roll": (swiss_roll(), 2),
    "5-plane in R^20": (of_family("linear", 20, 5), 5),
    "5-sphere in R^20": (of_family("sphere", 20, 5, 1.0), 5),
}


@pytest.mark.parametrize("name", SETS)
def test_the_empirical_score_estimates(name):
    """2,000 points: the dimension up to 2, and within one half at 5."""
    points, true = SETS[name]
    found = ScoreDimension().fit(points)
    assert abs(found.dimension_ - true) <= (0 if true <= 2 else 0.5)
    assert found.dimension_ == np.median(found.dimension_pw_)
    assert abs(found.dimension_pw_.mean() - true) <= (0.25 if true <= 2 else 1.1)
    assert found.dimension_pw_.shape == found.points_.shape == (50,)


def test_of_few_points_in_many_dimensions_it_says_too_little():
    """2,000 points of a 10-plane: as for all that look at neighbours, there are too few."""
    assert ScoreDimension().fit(of_family("linear", 20, 10)).dimension_ < 5


def test_a_short_training_inside_tells_a_line_from_what_is_across():
    points = SETS["line in R^5"][0]
    assert ScoreDimension(network="gated-16", steps=60, points=8, t=0.1).fit(points).dimension_ == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plane in R^10", "5-sphere in R^20", "10-plane in R^20"])
def test_a_network_that_is_trained_inside_estimates(name):
    """It sees further than neighbours: of the 10-plane what the exact score says there, 9, as one variance is small."""
    points, true = (of_family("linear", 20, 10), 10) if name.startswith("10") else SETS[name]
    found = ScoreDimension(network="gated-64", points=12).fit(points)
    if true == 10:
        variances = np.linalg.eigvalsh(np.cov(points.T))[::-1].clip(min=0)
        assert found.dimension_ == final_gap(variances / (variances + found.t_) - 1) == 9
    else:
        assert found.dimension_ == true


@pytest.mark.slow
def test_the_denoising_loss_of_a_network_lies_above_that_of_the_exact_score():
    """Of flat data, where the exact one is sum gamma / (gamma + t), below the dimension: by what training left."""
    flat, t, rng = data.manifold("linear", 8, [(4, 1.0)], seed=0, frame="orthonormal"), 1e-3, np.random.default_rng(6)
    network = Network(trained("gated-32", flat.sample(rng, 4000)[0], t, 300, seed=0))
    clean, _ = flat.sample(rng, 4000)
    noisy = clean + np.sqrt(t) * rng.standard_normal(clean.shape)
    exact, learned = (denoising_loss(clean, score.denoise(noisy, t)[:, None], t) for score in (Exact(flat), network))
    expected, above, error = (flat.scales**2 / (flat.scales**2 + t)).sum(), learned - exact, 4 / np.sqrt(len(clean))
    assert abs(exact.mean() - expected) < error * exact.std()
    assert expected < 4 < expected + above.mean() - error * above.std()


@pytest.mark.parametrize("scale", [1e-120, 1e-4, 1e8, 1e120])
def test_units_do_not_matter(scale):
    points, _ = SETS["swiss roll"]
    one, other = ScoreDimension().fit(points), ScoreDimension().fit(scale * points + 3 * scale)
    assert one.dimension_ == other.dimension_
    assert other.t_ == pytest.approx(scale**2 * one.t_, rel=1e-6)
    given = ScoreDimension(t=one.t_ * scale**2).fit(scale * points)
    assert given.t_ == pytest.approx(one.t_ * scale**2)
    assert given.dimension_ == one.dimension_


def test_integers_and_copies():
    """uint8 does not wrap; no copy of a point that is held out is among the others, so none is at no distance."""
    rng = np.random.default_rng(5)
    pixels = np.round(255 * rng.random((800, 2)) @ [[1, 0, 0.5], [0, 1, 0.5]] * 0.6).astype(np.uint8)
    assert ScoreDimension().fit(pixels).dimension_ == ScoreDimension().fit(pixels.astype(float)).dimension_ == 2
    copied = np.repeat(pixels, 2, 0)
    assert ScoreDimension().fit(copied).dimension_ == 2
    for many in (copied, np.repeat(pixels[:5], 60, 0)):
        found = ScoreDimension().fit(many)
        others = np.delete(many, found.points_, 0)
        assert not set(map(bytes, many[found.points_])) & set(map(bytes, others))
        assert len(others)
        assert found.t_ > 0
    assert len(np.unique(copied[ScoreDimension(points=7).fit(copied).points_], axis=0)) == 7


@pytest.mark.parametrize(
    ("wrong", "value"),
    [
        ("network", "unet-8"), ("network", "exact"), ("network", None), ("network", "gated"), ("t", 0), ("t", np.nan),
        ("t", "0.1"), ("neighbours", 0), ("neighbours", 2.5), ("points", 0), ("points", True), ("steps", 0),
        ("estimator", "flip"), ("estimator", None), ("t", 1e-30), ("t", 1e300),
    ],
)  # fmt: skip
def test_parameters_that_it_does_not_take(wrong, value):
    with pytest.raises(InputError, match=f"^{wrong}: ") as caught:
        ScoreDimension(**{wrong: value}).fit(SETS["swiss roll"][0][:100])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("network", ["empirical", "gated-8"])
def test_noise_that_is_none_or_all_at_the_size_of_the_data_is_refused(network):
    points = 1e-6 * SETS["line in R^5"][0][:100]
    for t in (1e-40, 1e10):
        with pytest.raises(InputError, match=r"^t: .* should be from .* for data of this size$"):
            ScoreDimension(network=network, t=t, steps=1).fit(points)


@pytest.mark.parametrize("scale", [0.0, 1e-160, 1e-310, 1e160, 1e307])
def test_points_that_are_all_the_same_or_of_sizes_without_squares_are_refused(scale):
    points = scale * np.random.default_rng(0).uniform(-1, 1, (30, 3))
    with pytest.raises(
        InputError, match=r"^X: .*should be points 1e-140 apart or more, their coordinates 1e\+140 at most"
    ):
        ScoreDimension().fit(points)


def test_rounding_of_a_mean_sets_no_points_apart():
    with pytest.raises(InputError, match=r"^X: "):
        ScoreDimension().fit(np.full((30, 3), 0.1))


def test_other_estimators_and_draws():
    points, _ = SETS["sphere in R^10"]
    flipd = ScoreDimension(estimator="flipd", points=20, random_state=1).fit(points)
    assert abs(flipd.dimension_ - 2) < 0.5
    np.testing.assert_array_equal(flipd.dimension_pw_, clone(flipd).fit(points).dimension_pw_)
    assert (ScoreDimension(random_state=2).fit(points).points_ != ScoreDimension().fit(points).points_).any()
