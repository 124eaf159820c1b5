"""Claims about natural data, on arms that are known: where only the Gaussian's is there nothing is claimed."""

from functools import partial

import numpy as np
import pytest
import xarray as xr
from own_data import UNTRAINED, written

from scoregap.analysis import arms as of
from scoregap.analysis import data_claims
from scoregap.analysis.arms import Arm
from scoregap.analysis.data_claims import InCell
from scoregap.analysis.verdicts import Verdict
from scoregap.study import load

T, POINTS, D = np.geomspace(2e-3, 30, 24), 16, 64
FALLING = 8 * np.exp(-0.18 * np.arange(D))  # variances: n(t) is a straight line in log t, without a gap or a shoulder
TURNING = np.concatenate([3 * np.exp(-0.1 * np.arange(30)), 0.15 * np.exp(-0.5 * np.arange(D - 30))])  # with a shoulder
LABELS = np.arange(POINTS) % 8


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Of three seeds."""
    return load(written(tmp_path_factory.mktemp("study"), UNTRAINED, ("seed: 2", "seed: 3")))


def arm(variances, rng=None, noise=0.0, floor=0.0, extra=0.0):
    """An arm at whose points u_k' G u_k = v_k / (v_k + t + floor), its eigenvalues, with noise of this size on both.

    extra: of the labels, a share of modes more.
    """
    rng = rng or np.random.default_rng(0)
    scaled = variances * (1 + extra * LABELS[:, None])
    along = scaled / (scaled + T[:, None, None] + floor) + noise * rng.standard_normal((len(T), POINTS, D))
    spectra = -np.sort(-along, -1)
    n = (spectra > 0.5).sum(-1).astype(float)
    parts = (1 / (scaled + T[0] + floor)) * rng.chisquare(1, (POINTS, D))  # of a Gaussian's score
    share = np.where(along[0] > 0.5, parts, 0).sum(-1) / parts.sum(-1)
    return Arm(T, spectra, n, along, variances, share, LABELS, 0.0)


def rows(study, networks, gaussians, *claims):
    """{claim: row} of a network in three seeds."""
    one = InCell(study, "net", dict(enumerate(networks)), dict(enumerate(gaussians)))
    found = {row["claim"]: row for row in one.regimes()}
    first = networks[0]
    limits = {
        "order": (of.order, of.of_orders(int(of.directions(first).sum()), 0.95)),
        "consolidation": (of.consolidation, of.of_subspaces(first, 0.95)),
        "widest_gap": (of.widest, 0.1),
    }
    for name, (statistic, limit) in limits.items():
        found |= {row["claim"]: row for row in one.against(name, statistic, limit)}
    return found | {"no_gap": one.no_gap()}


def gaussians(variances, count=3):
    return [arm(variances, np.random.default_rng(100 + i)) for i in range(count)]


def test_of_a_gaussian_nothing_is_claimed_that_is_not_the_gaussian_s(study):
    """Its principal axes enter in order, its score leaves the tangent space: told as what the Gaussian does too."""
    networks = [arm(FALLING, np.random.default_rng(i), 0.005) for i in range(3)]
    found = rows(study, networks, gaussians(FALLING))
    assert found["regimes"]["verdict"] == Verdict.DISAGREES
    assert found["regimes"]["value"] == pytest.approx(1, abs=0.2)
    assert all(found[f"regime_{name}"]["verdict"] != Verdict.AGREES for name in data_claims.REGIMES)
    for name in ("order", "consolidation", "widest_gap"):
        assert (found[name]["verdict"], found[name]["why"]) == (Verdict.AGREES, "the Gaussian too"), name
    assert found["order"]["gaussian"] == pytest.approx(1)
    assert found["no_gap"]["verdict"] == Verdict.INCONCLUSIVE  # three networks are too few for always
    assert found["no_gap"]["value"] == 1


def test_three_regimes_that_the_gaussian_has_are_not_claimed(study):
    networks = [arm(TURNING, np.random.default_rng(i), 0.005) for i in range(3)]
    found = rows(study, networks, gaussians(TURNING))
    assert found["regimes"]["high"] < 0.5
    assert (found["regimes"]["verdict"], found["regimes"]["why"]) == (
        Verdict.INCONCLUSIVE, "not told from the Gaussian's",
    )  # fmt: skip
    for name in data_claims.REGIMES:
        one = found[f"regime_{name}"]
        assert one["verdict"] != Verdict.AGREES, name
    share = found["regime_share"]  # breaks are at places of the grid, of which a seed finds one or the next
    assert (share["verdict"], share["why"]) == (Verdict.DISAGREES, "the Gaussian's")
    assert found["regime_rise"]["value"] == pytest.approx(np.log(10) / 0.1, rel=0.1)  # modes per decade
    assert found["regime_turn"]["value"] == pytest.approx(0.15, rel=0.3)


def test_modes_that_the_gaussian_has_and_a_network_has_not_make_a_shoulder(study):
    """A network that keeps the 25 widest axes alone: its n(t) stops rising, and that is not the Gaussian's."""
    own = np.where(np.arange(D) < 25, FALLING, 1e-6)
    networks = [arm(own, np.random.default_rng(i), 0.005)._replace(variances=FALLING) for i in range(3)]
    found = rows(study, networks, gaussians(FALLING))
    assert found["regimes"]["verdict"] == Verdict.AGREES
    assert "share" in found["regimes"]["why"]
    assert found["regime_share"]["verdict"] == Verdict.AGREES
    assert found["regime_share"]["beyond"] < -0.3
    assert found["regime_begin"]["verdict"] == Verdict.DISAGREES  # it begins where the Gaussian does


def test_a_network_that_resolves_every_direction_has_no_shoulder(study):
    """As one that was trained for too short: n(t) stops rising at d, since nothing is left."""
    everything = [arm(np.full(D, 0.5), np.random.default_rng(i), 0.005)._replace(variances=FALLING) for i in range(3)]
    assert everything[0].n[0].min() == D
    found = rows(study, everything, gaussians(FALLING))
    for name in ("regimes", *(f"regime_{one}" for one in data_claims.REGIMES)):
        one = found[name]
        assert (one["verdict"], one["why"]) == (Verdict.NOT_TESTABLE, "every direction is resolved"), name


def test_regimes_of_what_resolves_nothing_are_not_testable(study):
    nothing = [arm(FALLING * 1e-6) for _ in range(3)]
    found = rows(study, nothing, gaussians(FALLING))
    for name in ("regimes", "order", "consolidation"):
        assert (found[name]["verdict"], found[name]["why"]) == (Verdict.NOT_TESTABLE, "no network has it"), name


def test_an_order_that_is_not_there_is_not_claimed(study):
    mixed = np.random.default_rng(5).permutation(FALLING)
    networks = [arm(mixed, np.random.default_rng(i), 0.005)._replace(variances=FALLING) for i in range(3)]
    found = rows(study, networks, gaussians(FALLING))["order"]
    assert found["verdict"] == Verdict.DISAGREES
    assert found["why"] == "the Gaussian does"
    assert abs(found["value"]) < found["null"] < 0.5


def test_a_score_that_points_anywhere_is_not_orthogonal(study):
    """Random directions have n / d of their length in the tangent space, within what chance makes of so many points."""
    rng = np.random.default_rng(1)
    networks = []
    for one in gaussians(FALLING):
        anywhere = rng.chisquare(1, (POINTS, D))
        share = np.where(one.spectra[0] > 0.5, anywhere, 0).sum(-1) / anywhere.sum(-1)
        networks.append(one._replace(share=share))
    found = rows(study, networks, gaussians(FALLING))["consolidation"]
    assert found["verdict"] != Verdict.AGREES
    assert found["value"] == pytest.approx(1, abs=0.1)
    assert 0.8 < found["null"] < 1
    assert found["beyond"] > 1  # the Gaussian is more orthogonal


def test_a_gap_is_no_absence_of_one(study):
    low = np.repeat([1.0, 0.0], [12, D - 12])
    networks = [arm(low, np.random.default_rng(i), 0.005)._replace(gaps=1.0) for i in range(3)]
    found = rows(study, networks, gaussians(FALLING))
    assert found["widest_gap"]["verdict"] == Verdict.DISAGREES
    assert found["widest_gap"]["value"] > 0.9
    assert found["widest_gap"]["why"] == "the Gaussian does"
    assert (found["no_gap"]["value"], found["no_gap"]["verdict"]) == (0, Verdict.DISAGREES)


def test_classes_in_the_order_of_other_estimates(study):
    """A Gaussian is the same at all points, and so has no order of classes."""
    networks = [arm(FALLING, np.random.default_rng(i), 0.002, extra=0.3) for i in range(3)]
    one = InCell(study, "net", dict(enumerate(networks)), dict(enumerate(gaussians(FALLING))))
    for sign, verdict in ((1, Verdict.AGREES), (-1, Verdict.DISAGREES)):
        estimates = 5.0 + sign * np.arange(8)
        (row,) = one.against("class_order", partial(of.class_order, estimates), of.of_orders(8, 0.95))
        assert (row["verdict"], np.isnan(row["gaussian"])) == (verdict, True)
        assert sign * row["value"] > 0.9


def test_the_null_of_classes_is_of_those_that_are_seen(study):
    """Of points of five classes, chance orders five, whatever is known of three others."""
    few = [arm(FALLING, np.random.default_rng(i), 0.002)._replace(label=np.arange(POINTS) % 5) for i in range(3)]
    one = InCell(study, "net", dict(enumerate(few)), {})
    estimates = xr.DataArray(np.tile(5.0 + np.arange(8), (3, 1))[..., None], dims=("seed", "label", "data_estimator"),
                             coords={"data_estimator": ["local_pca"]})  # fmt: skip
    (row,) = one.class_orders(estimates)
    assert row["null"] == of.of_orders(5, 0.95) > of.of_orders(8, 0.95)


def test_a_network_without_a_result_in_some_seed_agrees_in_nothing(study):
    networks = [arm(FALLING, np.random.default_rng(i), 0.005) for i in range(2)]
    one = InCell(study, "net", dict(enumerate(networks)), dict(enumerate(gaussians(FALLING))))
    (row,) = one.against("order", of.order, of.of_orders(30, 0.95))
    assert (row["verdict"], row["why"], row["networks"]) == (Verdict.INCONCLUSIVE, "not known of all networks", 2)
    assert row["over"] == "points"  # of two


@pytest.mark.slow
def test_of_gaussians_one_study_in_twenty_finds_regimes_at_most(study):
    """100 studies of three networks each whose variances are the Gaussian's but for errors of 10 %, with noise: half of
    them with three regimes."""
    wrong = 0
    for i in range(100):
        variances, rng = (FALLING, TURNING)[i % 2], np.random.default_rng(i)
        networks = [
            arm(variances * np.exp(0.1 * rng.standard_normal(D)), rng, 0.01)._replace(variances=variances)
            for _ in range(3)
        ]
        own, gaussian = dict(enumerate(networks)), dict(enumerate(gaussians(variances)))
        found = InCell(study, "net", own, gaussian).regimes()
        wrong += any(row["verdict"] == Verdict.AGREES for row in found)
    assert wrong <= 0.05 * 100 + 2 * np.sqrt(0.05 * 100)  # two standard errors more
