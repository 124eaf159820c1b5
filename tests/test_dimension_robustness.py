"""What estimates of the dimension do as data are changed: the laws behind the recorded table, which is of this code."""

import csv

import dimension_robustness as robustness
import numpy as np
import pytest

from scoregap.measure.dimension import has_peers


def of(change, estimator, **chosen):
    """{(amount, t): estimate} of the rows of one estimator on one kind of data, those with a score."""
    return {
        (amount, t): value
        for _, amount, name, _, t, what, value in change
        if what == estimator and name == chosen.get("name", "affine") and t != ""
    }


@pytest.fixture
def alone(monkeypatch):
    """Without estimators of neighbours, which take longest."""
    monkeypatch.setattr(robustness, "of_data", lambda points: {})


@pytest.mark.parametrize("name", ["affine", "sphere"])
def test_the_unit_of_the_data_changes_nothing_if_t_goes_with_its_square(alone, name):
    rows = [row for row in robustness.scale((1e-6, 1.0, 1e6)) if row[0] == "scale"]
    for estimator in ("n", "final_gap", "normal_bundle_centred", "flipd"):
        found = list(of(rows, estimator, name=name).values())
        assert len(found) == 3
        np.testing.assert_allclose(found, robustness.M, rtol=2e-3)
        np.testing.assert_allclose(found, found[0], rtol=1e-9)


def test_one_t_for_data_of_any_size_sees_points_in_small_ones(alone):
    rows = [row for row in robustness.scale((1e-6, 1.0)) if row[0] == "scale, t as it is"]
    assert list(of(rows, "n").values()) == [0, robustness.M]


@pytest.mark.parametrize("name", ["affine", "sphere"])
def test_above_the_variance_of_noise_the_manifold_is_seen_and_below_it_all_dimensions(alone, name):
    rows = list(robustness.noise((1e-4,), (1e-2, 0.1, 10.0, 100.0)))
    d, m = robustness.D, robustness.M
    assert list(of(rows, "n", name=name).values()) == [d, d, m, m]
    flipd = of(rows, "flipd", name=name)
    for (variance, t), value in flipd.items():
        # tr G; and of t |s|^2 the noise of the point itself: variance t / (variance + t)^2 a direction, on average.
        share = variance / (variance + t)
        assert value == pytest.approx(m + (d - m) * (share + share * (1 - share)), abs=1.2)
    assert set(of(rows, "normal_bundle_centred", name=name).values()) == {m}  # whichever t


@pytest.mark.parametrize("name", ["affine", "sphere"])
def test_what_the_page_says_of_noise_holds_of_the_record(name):
    """Of the centred bundle up to t = 0.1, and of neighbours at every variance."""
    with robustness.RECORD.open(newline="") as file:
        noisy = [row for row in csv.DictReader(file) if (row["change"], row["data"]) == ("noise", name)]
    bundle = [row for row in noisy if row["estimator"] == "normal_bundle_centred"]
    right = {float(row["t"]): float(row["estimate"]) == robustness.M for row in bundle}
    assert right == {t: t < 0.5 for t in right}
    assert {0.1, 1.0} <= set(right)
    for estimator in robustness.OF_DATA:
        least, some, most = (float(row["estimate"]) for row in noisy if row["estimator"] == estimator)
        assert some == pytest.approx(least, abs=0.1)
        assert (most == least) if "pca" in estimator else (most > least + 1), estimator


@pytest.mark.parametrize("name", ["affine", "sphere"])
def test_flipd_adds_the_square_of_the_distance_from_the_manifold(name):
    rows = list(robustness.off())
    for (distance, _), value in of(rows, "flipd", name=name).items():
        assert value == pytest.approx(robustness.M + distance**2, rel=5e-3)
    for estimator in ("n", "final_gap", "normal_bundle_centred"):
        assert set(of(rows, estimator, name=name).values()) == {robustness.M}


def test_a_grid_of_levels_is_points_below_a_twelfth_of_the_square_of_its_step(alone):
    for (step, t), value in of(robustness.step(), "n", name="square").items():
        assert value == {True: 0, False: 2}[t < step**2 / 12] or t == pytest.approx(step**2 / 12)


@pytest.mark.skipif(not has_peers(), reason="scikit-dimension is not installed")
def test_copies_of_rows_change_nothing():
    found = {}
    for _, _, _, _, _, estimator, value in robustness.copies((0.0, 0.1)):
        found.setdefault(estimator, []).append(value)
    for estimator, (none, some) in found.items():
        assert none == some, estimator


def test_the_record_is_of_this_code(alone):
    with robustness.RECORD.open(newline="") as file:
        kept = [tuple(row.values()) for row in csv.DictReader(file)]
    assert {row[0] for row in kept} == {"scale", "scale, t as it is", "noise", "off", "step", "copies"}
    fresh = [*robustness.off(), *robustness.noise((1e-4,)), *robustness.step((0.2,))]
    for *known, value in fresh:
        own = tuple(f"{one:.4g}" if isinstance(one, float) else str(one) for one in known)
        (found,) = [float(row[-1]) for row in kept if row[:-1] == own]
        assert found == pytest.approx(value, rel=2e-3, abs=1e-12), own
