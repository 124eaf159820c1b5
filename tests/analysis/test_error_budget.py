"""Where the learning error comes from: curves with a known split come back, with intervals that hold it."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays
from tiny import edited

from scoregap import analysis
from scoregap.analysis import error_budget as budgets
from scoregap.analysis.error_budget import LINEAR, REST, STEPS, TARGET, WIDTH, Design, budget, power
from scoregap.study import load

COUNTS = np.array([250, 500, 1000, 2000])
BOTH = ("edm", "covariance")
AXES = (
    "  seed: 2",
    "  train.steps: [250, 500, 1000, 2000]\n  train.target: [posterior, sample]\n"
    "  train.preconditioning: [edm, covariance]\n  seed: 3",
)


def design(preconditionings=BOTH, networks=("gated-4", "gated-8"), steps=COUNTS, relative=True):
    cost = np.ones((len(preconditionings), len(networks), len(steps)))
    return Design(preconditionings, networks, np.asarray(steps), cost, relative)


# Ends and scales of a + b steps^-p: (target, preconditioning, network).
ENDS = np.array([[[0.01, 0.003], [0.002, 0.0005]]] * 2)
SCALES = np.array([[[20.0, 8.0], [6.0, 3.0]]] * 2) * np.array([1.6, 1.0])[:, None, None]


def planted(p=1.0, shift=0.0, seeds=3):
    """Errors (target, preconditioning, network, steps, seed) without any scatter."""
    at = ENDS[..., None] + SCALES[..., None] * (COUNTS + shift) ** -p
    return np.repeat(at[..., None], seeds, -1)


def rows_of(frame, **values):
    return frame[np.logical_and.reduce([frame[name] == value for name, value in values.items()])]


@pytest.mark.parametrize("p", budgets.POWERS[[1, 20, 32, 64]])
@pytest.mark.parametrize("relative", [True, False])
def test_a_power_law_comes_back(p, relative):
    end, scale = np.array([0.02, 0.05, -0.01]), np.array([3.0, 1.0, 2.0])  # an end may be on the other side
    found = power(COUNTS, end + scale * COUNTS[:, None] ** -p, relative)
    assert found.exponent == p
    np.testing.assert_allclose(found.end, 0.02, rtol=1e-6)
    assert found.error < 1e-8
    assert found.freedom == 4 * 3 - 7


@pytest.mark.parametrize(
    ("steps", "fall"),
    [
        (COUNTS[1:], lambda s: 0.01 + 1 / s),  # as many numbers as unknowns
        (COUNTS, lambda s: s**-0.1),
        (COUNTS, lambda s: 1 - 0.1 * np.log(s)),
        (np.array([125, *COUNTS]), lambda s: np.where(s < 500, np.nan, 0.01 + 1 / s)),
    ],
)
def test_what_does_not_say_where_it_ends_has_no_end(steps, fall):
    found = power(steps, np.repeat(fall(steps * 1.0)[:, None], 2, 1), True)
    assert np.isnan([found.end, found.exponent, found.error]).all()
    assert found.freedom == 0


def test_a_number_of_steps_that_a_seed_lacks_is_left_out():
    errors = 0.01 + 5.0 / np.array([125, *COUNTS])[:, None] ** [1.0, 1.0]
    errors[0] = [7.0, np.nan]
    assert power(np.array([125, *COUNTS]), errors, True) == power(COUNTS, errors[1:], True)


@pytest.mark.parametrize("p", [0.7, 1.0, 1.6])
def test_the_standard_error_of_an_end_is_what_it_scatters(p):
    rng = np.random.default_rng(0)
    clean = (0.01 + 0.03 * (COUNTS / 250) ** -p)[:, None]
    found = [power(COUNTS, clean * (1 + 0.02 * rng.standard_normal((4, 3))), True) for _ in range(300)]
    ends, errors = np.array([(one.end, one.error) for one in found]).T
    assert ends.std() == pytest.approx(np.sqrt((errors**2).mean()), rel=0.2)
    assert ends.mean() == pytest.approx(0.01, abs=4 * ends.std() / np.sqrt(300))


def test_a_planted_split_comes_back_share_by_share():
    frame = pd.DataFrame(budget(design(), planted(), 0.9))
    one = rows_of(frame, network="gated-4", steps=500, how="in turn", **{"train.preconditioning": "edm"})
    whole = 0.01 + 32 / 500
    assert one.share.tolist() == [TARGET, STEPS, WIDTH, LINEAR, REST]
    np.testing.assert_allclose(one.whole, whole)
    np.testing.assert_allclose(one.part, np.array([12 / 500, 20 / 500, 0.007, 0.0025, 0.0005]) / whole, rtol=1e-6)
    np.testing.assert_allclose(one.high - one.low, 0, atol=1e-6)
    np.testing.assert_allclose(one.exponent, 1)
    alone = rows_of(frame, network="gated-4", steps=500, how="alone", **{"train.preconditioning": "edm"})
    assert alone.share.tolist() == [TARGET, STEPS, WIDTH, LINEAR]
    mended = [12 / 500, 32 / 500, whole - 0.003 - 12.8 / 500, whole - 0.002 - 9.6 / 500]
    np.testing.assert_allclose(alone.part, np.array(mended) / whole, rtol=1e-6)


def test_a_rung_that_changes_nothing_is_none():
    frame = pd.DataFrame(budget(design(), planted(), 0.9))
    frame = frame[frame.how == "in turn"]
    found = frame.groupby(["train.preconditioning", "network"]).share.agg(lambda shares: list(dict.fromkeys(shares)))
    assert found.to_dict() == {
        ("edm", "gated-4"): [TARGET, STEPS, WIDTH, LINEAR, REST],
        ("edm", "gated-8"): [TARGET, STEPS, LINEAR, REST],
        ("covariance", "gated-4"): [TARGET, STEPS, WIDTH, REST],
        ("covariance", "gated-8"): [TARGET, STEPS, REST],
    }
    bare = pd.DataFrame(budget(design(("x0",), ("paper",)), planted()[:, :1, :1], 0.9))
    assert bare.share[bare.how == "in turn"].unique().tolist() == [TARGET, STEPS, REST]


def test_a_negative_share_is_told_as_such():
    errors = planted(seeds=4)[::-1] * np.array([1.0, 1.01, 0.99, 1.0])  # samples are the better target
    frame = pd.DataFrame(budget(design(), errors, 0.9))
    noise = rows_of(frame, share=TARGET, how="in turn")
    assert len(noise) == 16
    assert (noise.high < 0).all()
    assert (noise.low < noise.part).all()


def test_errors_with_a_sign_are_split_by_it():
    """As logarithms of times are, which may be early or late."""
    late, early = (pd.DataFrame(budget(design(relative=False), sign * planted(), 0.9)) for sign in (1, -1))
    np.testing.assert_allclose(early.whole, -late.whole)
    np.testing.assert_allclose(early.part, late.part, rtol=1e-6)
    assert early.share.tolist() == late.share.tolist()


def test_what_is_not_told_apart_is_one():
    everything = " or ".join([TARGET, STEPS, WIDTH, LINEAR, REST])
    (one,) = {row["share"] for row in budget(design(), planted(seeds=1), 0.9) if row["how"] == "in turn"} - {
        everything.replace(f" or {name}", "") for name in (WIDTH, LINEAR)
    } - {f"{TARGET} or {STEPS} or {REST}"}  # fmt: skip
    assert one == everything
    short = design(steps=COUNTS[1:])  # no end, so that nothing parts what lies between
    frame = pd.DataFrame(budget(short, planted()[..., 1:, :], 0.9))
    foot = rows_of(frame, network="gated-4", how="in turn", **{"train.preconditioning": "edm"})
    assert foot.share.unique().tolist() == [TARGET, f"{STEPS} or {WIDTH} or {LINEAR} or {REST}"]


@pytest.mark.parametrize(("wide", "apart"), [(0.0099, True), (0.0101, False)])
def test_two_shares_are_told_apart_by_what_is_known_of_the_error_between_them(wide, apart):
    rungs, half = np.array([-0.1, -0.04, -0.04, 0.0]), np.array([9.0, 0.0, wide, 9.0])
    assert budgets.told_apart(rungs, half) == ([[0], [1], [2]] if apart else [[0], [1, 2]])
    half[1] = np.nan
    assert budgets.told_apart(rungs, half)[0] == ([0, 1] if apart else [0, 1, 2])


@given(arrays(float, (2, 2, 2, 4, 3), elements=some.floats(0.01, 10) | some.just(np.nan)))
def test_shares_add_up_to_the_whole(errors):
    rows = budget(design(), errors, 0.9)
    cell = ["train.preconditioning", "network", "steps"]
    frame = pd.DataFrame(rows, columns=[*cell, "how", "part", "low", "high"])
    frame[["part", "low", "high"]] = frame[["part", "low", "high"]].astype(float)
    known = np.isfinite(errors[0]).all(-1)
    shares = frame[frame.how == "in turn"].groupby(cell).part.sum()
    assert len(shares) == known.sum()
    np.testing.assert_allclose(shares.to_numpy(float), 1)
    assert ((frame.low <= frame.part) & (frame.part <= frame.high) | frame.low.isna()).all()


def held(noise, p=1.0, shift=0.0, studies=60, seeds=4):
    """Shares of simulated studies: how, share, and whether the interval holds the planted one."""
    rng = np.random.default_rng(1)
    at = planted(p, shift, 1)[..., 0]
    true = budgets.Means(at, ENDS, ENDS, 0 * at, 0 * ENDS)
    plan, found = design(), []
    for _ in range(studies):
        scatter = rng.normal(-(noise**2) / 2, noise, (*at.shape, seeds)) + rng.normal(-0.005, 0.1, seeds)
        for row in budget(plan, at[..., None] * np.exp(scatter), 0.9):
            place = (plan.preconditionings.index(row["train.preconditioning"]), plan.networks.index(row["network"]),
                     int(np.searchsorted(COUNTS, row["steps"])))  # fmt: skip
            rungs = budgets.ladder(plan, true, *place)[0]
            mended = -np.diff(rungs) if row["how"] == "in turn" else budgets.alone(plan, true, *place)[0]
            parts = dict(zip(plan.shares(*place[:2]), mended, strict=False))
            planted_part = sum(parts[name] for name in row["share"].split(" or ")) / row["whole"]
            found.append((row["how"], row["share"], row["low"] <= planted_part <= row["high"]))
    return pd.DataFrame(found, columns=["how", "share", "held"])


@pytest.mark.parametrize("noise", [0.05, 0.15])
@pytest.mark.parametrize("p", [1.0, 1.5])
def test_intervals_hold_the_planted_shares(noise, p):
    """docs/explanation/error_budget.md says so, of 90 % intervals over four seeds."""
    found = held(noise, p)
    alone = found[found.how == "alone"].groupby("share").held.mean()
    assert len(alone) == 4
    assert (alone > 0.86).all(), alone
    ladder = found[found.how == "in turn"]
    assert ladder.held.mean() > 0.87
    often = ladder.groupby("share").held.agg(["mean", "size"]).query("size >= 200")
    assert set(often.index) >= {REST}
    assert (often["mean"] > 0.85).all(), often


def test_intervals_do_not_know_that_a_fall_is_no_power_law():
    """Said there too: by (steps + 200)^-1 the rest is held in about two of three."""
    found = held(0.05, shift=200.0)
    rest = found[(found.how == "in turn") & (found.share == REST)].held
    assert 0.5 < rest.mean() < 0.8
    assert found[(found.how == "in turn") & (found.share == TARGET)].held.mean() > 0.87


@pytest.fixture
def study(tmp_path):
    return load(edited(tmp_path, AXES, ("gaussian, gated-8", "gated-8, gated-4, resmlp-4"), ("[0.0, 0.5]", "[0.5]")))


def cube(study, errors, exact=0.25):
    """A cube in which all networks are off by errors (target, preconditioning, network, steps, seed): their excess, the
    squared distance of every eigenvalue, and the logarithm of times."""
    order = ["posterior", "sample"]
    sizes = {axis: len(values) for axis, values in study.axes.items()}
    off = xr.DataArray(
        errors,
        {"train.target": order, "train.preconditioning": list(BOTH), "network": list(study.trained_networks),
         "train.steps": COUNTS, "seed": list(study.axes["seed"])},
        ["train.target", "train.preconditioning", "network", "train.steps", "seed"],
    ).reindex(network=list(study.axes["network"]), fill_value=0.0)  # fmt: skip
    off = off.expand_dims({axis: list(values) for axis, values in study.axes.items() if axis not in off.dims})
    off = off.transpose(*study.axes)
    assert dict(off.sizes) == sizes
    steps = off["train.steps"] + 0 * off
    return xr.Dataset(
        {
            "status": (1 + 0 * off).astype(int),
            "boundary": (1 + 0 * off).expand_dims(gap=2) * xr.DataArray([1.0, 2.0], dims="gap"),
            "excess_loss": off.expand_dims(time=3) * xr.DataArray([0.5, 1.0, 1.5], dims="time"),
            "eigenvalue": -0.5 + off.expand_dims(time=3, point=2, mode=4) ** 0.5,
            "t_max": exact * np.exp(off).expand_dims(gap=2) * xr.DataArray([1.0, np.nan], dims="gap"),
            "t_consolidation": exact * np.exp(-off).expand_dims(gap=2) * xr.DataArray([np.nan, 1.0], dims="gap"),
            "training_flops": (steps * 1e6).expand_dims(evaluation=2) * xr.DataArray([0.5, 1.0], dims="evaluation"),
        }
    )


def test_table_against_the_cube(study):
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.1, 0.2, (2, 2, 3, 4, 3))
    frame = budgets.error_budget(study, [cube(study, errors)])
    assert set(frame["quantity"]) == set(budgets.QUANTITIES)
    assert (frame.cost == frame.steps * 1e6).all()
    foot = frame.drop_duplicates(["train.preconditioning", "network", "steps", "quantity"])
    for k, network in enumerate(study.trained_networks):
        for p, name in enumerate(BOTH):
            own = rows_of(foot, network=network, **{"train.preconditioning": name})
            for quantity, sign in zip(budgets.QUANTITIES, (1, 1, 1, -1), strict=True):
                whole = rows_of(own, quantity=quantity).sort_values("steps").whole
                np.testing.assert_allclose(whole, sign * errors[1, p, k].mean(-1), rtol=1e-5)  # of samples
    target = rows_of(frame, how="alone", share=TARGET, quantity="spectrum", network="resmlp-4")
    gain = (errors[1] - errors[0])[:, 2].mean(-1) / errors[1, :, 2].mean(-1)
    np.testing.assert_allclose(target.sort_values(["train.preconditioning", "steps"]).part, gain[::-1].ravel())
    shares = frame[frame.how == "in turn"].groupby("network").share.agg(lambda names: " ".join(names))
    assert WIDTH in shares["gated-4"]
    assert WIDTH not in shares["gated-8"]  # the widest of its kind, whatever the order in the study
    assert WIDTH not in shares["resmlp-4"]


def test_members_without_a_result_take_only_their_own_cells_with_them(study):
    ds = cube(study, np.full((2, 2, 3, 4, 3), 0.1) / COUNTS[:, None])
    place = {"network": "gated-8", "train.steps": 500, "train.target": "sample", "train.preconditioning": "edm"}
    ds["status"].loc[place | {"seed": 1}] = 2
    frame = budgets.error_budget(study, [ds])
    cells = frame.groupby(["train.preconditioning", "network"]).steps.agg(lambda steps: sorted(set(steps)))
    assert cells["edm", "gated-8"] == [250, 1000, 2000]
    assert cells["edm", "gated-4"] == list(COUNTS)
    ds["status"].loc[{"network": "exact"}] = 0
    assert budgets.error_budget(study, [ds]).empty


def test_a_study_without_an_axis_of_preconditioning_has_no_linear_part(tmp_path):
    axes = (AXES[0], AXES[1].replace("  train.preconditioning: [edm, covariance]\n", ""))
    study = load(edited(tmp_path, axes, ("gaussian, gated-8", "gated-8"), ("[0.0, 0.5]", "[0.5]")))
    other = load(edited(tmp_path, AXES, ("gaussian, gated-8", "gated-8"), ("[0.0, 0.5]", "[0.5]")))
    whole = cube(other, planted()[::-1, :, 1:])
    frame = budgets.error_budget(study, [whole.sel({"train.preconditioning": "edm"}, drop=True)])
    frame = frame[(frame.how == "in turn") & (frame["quantity"] == "excess loss")]
    assert frame.share.unique().tolist() == [TARGET, STEPS, REST]
    assert set(frame["train.preconditioning"]) == {"edm"}


def test_which_studies_have_it(tmp_path):
    def has(*changes):
        return "error_budget" in load(edited(tmp_path, *changes)).findings

    assert has(AXES)
    assert has(AXES, ("gaussian, ", ""))
    assert not has(AXES, ("exact, ", ""))
    assert not has((AXES[0], AXES[1].replace("[posterior, sample]", "[posterior]")))
    assert not has((AXES[0], AXES[1].replace("250, ", "")))


def test_lines(study):
    frame = budgets.error_budget(study, [cube(study, np.repeat(planted(), [2, 1], 2)[::-1])])
    text = analysis.LINES["error_budget"](study, frame)
    of_edm = text[text.index("  train.preconditioning edm") :]
    line = next(line for line in of_edm if line.split()[:2] == ["gated-8", "500"])
    assert line.split()[3:6] == ["1", "0.074", "target"]
    assert line.endswith("noise 32 [32, 32]; steps 54 [54, 54]; linear part 11 [11, 11]; rest 3 [3, 3]")
