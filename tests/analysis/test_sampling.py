"""The table of the division of labour: curves whose decision is known, and the cube of a tiny study."""

import numpy as np
import pytest
import xarray as xr
from tiny import WITH_SAMPLING, edited, measured

from scoregap import analysis, variables
from scoregap.analysis import sampling
from scoregap.analysis.intervals import interval
from scoregap.study import load

SWITCH = np.geomspace(1e-3, 10, 41)


def steps(centre, slope=2.0):
    """(seeds, switches) shares that pass one half at each of the centres (seeds,), from 0 to 1 at the ends."""
    share = 1 / (1 + (np.array(centre)[:, None] / SWITCH) ** slope)
    return (share - share[:, :1]) / (share[:, -1:] - share[:, :1])


def decision(curves, window=(0.01, 1.0), order="own below", confidence=0.9):
    """What `noise_attribution` says of a curve as a whole, and its rows."""
    curves = np.asarray(curves)
    windows = np.broadcast_to(np.array(window, float), (len(curves), 2))
    rows = sampling._decision(SWITCH, curves**2, windows, order, confidence)
    return rows[0], rows


def jackknife(statistic, seeds, confidence=0.9):
    """(value, low, high) of a statistic of seeds, from Tukey's pseudo-values."""
    whole = statistic(np.arange(seeds))
    parts = [statistic(np.delete(np.arange(seeds), i)) for i in range(seeds)]
    low, high = interval(np.array([seeds * whole - (seeds - 1) * part for part in parts]), confidence)
    return whole, whole - (high - low) / 2, whole + (high - low) / 2


def test_crossings_of_curves_that_rise_and_that_come_back():
    log = np.log(SWITCH)
    np.testing.assert_allclose(np.exp(sampling.crossings(SWITCH, (log - log[0]) / (log[-1] - log[0]), 0.5)), 0.1)
    share = np.array([0.0, 0.2, 0.8, 0.4, 0.4, 0.9, 1.0])
    switch = np.exp(np.arange(7.0))
    np.testing.assert_allclose(sampling.crossings(switch, share, 0.5), [1.5, 4.2])
    np.testing.assert_allclose(sampling.crossings(switch, share, 0.1), [0.5, 0.5])
    np.testing.assert_allclose(sampling.crossings(switch, share, 0.9), [5.0, 5.0])


@pytest.mark.parametrize("order", ["own below", "own above"])
def test_a_decision_is_found_where_it_is(order):
    """In either order: own below the switch the error rises with it, own above it falls."""
    shares = steps(np.array([0.09, 0.1, 0.11]))
    own, window = np.array([0.5, 0.6, 0.7])[:, None], np.log([0.01, 1.0])
    curves = np.sqrt(0.02**2 + own**2 * (shares if order == "own below" else 1 - shares) ** 2)
    one, rows = decision(curves, order=order)

    def value(seeds, at=slice(None)):
        return np.sqrt((curves[seeds] ** 2).mean(0))[at]

    def below(seeds):
        values = value(seeds) if order == "own below" else value(seeds)[::-1]
        share = (values - values[0]) / (values[-1] - values[0])
        return share if order == "own below" else 1 - share[::-1]

    def share(seeds, at):
        return below(seeds)[at] if order == "own below" else 1 - below(seeds)[at]

    for name, level in (("decided", 0.5), ("begins", 0.1), ("ends", 0.9)):
        found = jackknife(lambda seeds, level=level: np.interp(level, below(seeds), np.log(SWITCH)), 3)
        assert [one[name], one[f"{name}_low"], one[f"{name}_high"]] == pytest.approx(np.exp(found))
    assert 0.09 < one["decided"] < 0.11
    inside = jackknife(lambda seeds: np.diff(np.interp(window, np.log(SWITCH), below(seeds)))[0], 3)
    assert [one[name] for name in ("inside", "inside_low", "inside_high")] == pytest.approx(inside)
    assert (one["own"], one["exact"], one["seeds"]) == pytest.approx(((0.0004 + 1.1 / 3) ** 0.5, 0.02, 3))
    assert (one["window_low"], one["window_high"]) == pytest.approx((0.01, 1.0))
    assert sampling.window_words(one) == "inside"
    for k in (5, 20, 30):
        assert [rows[k][name] for name in ("value", "low", "high")] == pytest.approx(
            jackknife(lambda seeds, k=k: value(seeds, k), 3)
        )
        assert [rows[k][name] for name in ("share", "share_low", "share_high")] == pytest.approx(
            jackknife(lambda seeds, k=k: share(seeds, k), 3)
        )
    assert [row["switch"] for row in rows] == SWITCH.tolist()
    assert {row["first_step"] for row in rows} == {SWITCH[1]}


@pytest.mark.parametrize(
    ("centres", "window", "says"),
    [
        ([0.09, 0.1, 0.11], (0.01, 1.0), "inside"),
        ([0.09, 0.1, 0.11], (0.15, 1.0), "outside"),
        ([0.09, 0.1, 0.11], (0.001, 0.05), "outside"),
        ([0.09, 0.1, 0.11], (0.001, 0.1), "inconclusive"),
        ([0.05, 0.1, 0.2], (0.08, 1.0), "inconclusive"),
        ([0.05, 0.1, 0.2], (0.0, 0.08), "inconclusive"),
        ([0.05, 0.1, 0.2], (0.0, 0.5), "inside"),
        ([0.05, 0.1, 0.2], (0.0, 0.005), "outside"),
        ([0.05, 0.1, 0.2], (np.nan, 0.5), "no window"),
        ([0.05, 0.1, 0.2], (0.01, np.nan), "no window"),
    ],
)
def test_verdicts_follow_the_interval_over_seeds(centres, window, says):
    one, _ = decision(steps(centres), window)
    assert sampling.window_words(one) == says
    assert np.isnan(one["inside"]) == (says == "no window")


def test_a_window_is_the_mean_of_those_that_are_known():
    window = np.array([[0.01, 0.4], [0.04, 0.1], [np.nan, np.nan]])
    rows = sampling._decision(SWITCH, steps([0.1, 0.1, 0.1]) ** 2, window, "own below", 0.9)
    assert (rows[0]["window_low"], rows[0]["window_high"]) == pytest.approx((0.02, 0.2))
    assert rows[0]["verdict"] == "inconclusive"  # the two are far apart
    near = np.array([[0.01, 0.4], [0.011, 0.41], [np.nan, np.nan]])
    rows = sampling._decision(SWITCH, steps([0.1, 0.1, 0.1]) ** 2, near, "own below", 0.9)
    assert sampling.window_words(rows[0]) == "inside"


def test_where_windows_move_with_their_seeds_verdicts_are_of_the_distance():
    centres = np.array([0.08, 0.1, 0.125])
    curves = steps(centres) ** 2
    alike, apart = (
        sampling._decision(SWITCH, curves, np.stack([0.01 * centres, edge], 1), "own below", 0.9)[0]["verdict"]
        for edge in (1.15 * centres, 1.15 * centres[::-1])
    )
    assert (alike, apart) == ("agrees", "inconclusive")


@pytest.mark.parametrize(
    "curves",
    [
        0.3 + np.array([[1.0], [-1.0], [0.2]]) * steps([0.1, 0.1, 0.1]),  # larger and smaller
        np.full((3, 41), 0.3),
        1e-8 * steps([0.1, 0.1, 0.1]),  # rounding
        steps([0.1]),  # one seed
    ],
)
def test_ends_that_do_not_differ_are_not_tested(curves):
    one, rows = decision(curves)
    assert one["verdict"] == "not testable"
    assert np.isnan([one[name] for name in ("decided", "begins", "ends", "inside", "share", "decided_low")]).all()
    np.testing.assert_allclose([row["value"] for row in rows], np.sqrt((curves**2).mean(0)))


def test_of_a_curve_that_comes_back_the_ends_are_the_outermost_and_the_half_is_between():
    switch, share = np.exp(np.arange(9.0)), np.array([0.0, 0.2, 0.05, 0.8, 0.4, 0.95, 0.85, 0.95, 1.0])
    rows = sampling._decision(switch, np.array([share, share]) ** 2, np.ones((2, 2)), "own below", 0.9)
    found = np.log([rows[0][name] for name in ("begins", "decided", "ends")])
    np.testing.assert_allclose(found, [0.5, (2.6 + 4 + 0.1 / 0.55) / 2, 6.5])


def test_a_seed_in_which_the_scores_are_equal_says_nothing_of_when():
    curves = steps([0.1, 0.1, 0.1, 0.1])
    curves[2] = 0
    one, rows = decision(curves)
    assert one["decided"] == pytest.approx(0.1, rel=5e-3)
    assert (one["decided_low"], one["decided_high"]) == pytest.approx((one["decided"],) * 2)
    assert one["own"] == pytest.approx(0.75**0.5)
    assert rows[20]["share"] == pytest.approx(curves[0, 20])


def test_a_negative_estimate_of_a_distance_counts_with_the_others():
    squares = np.array([0.01, 0.012, -0.001])[:, None] * steps([0.1, 0.1, 0.1]) ** 2
    rows = sampling._decision(SWITCH, squares, np.full((3, 2), np.nan), "own below", 0.5)
    assert rows[0]["own"] == pytest.approx(0.007**0.5)
    assert rows[0]["decided"] == pytest.approx(0.1, rel=5e-3)
    (row, *_) = sampling._decision(SWITCH, -squares, np.full((3, 2), np.nan), "own below", 0.5)
    assert (row["own"], row["verdict"]) == (0, "not testable")


def invented(study, **values):
    """Datasets of a study with samples: a network's errors are decided at t = 0.1, the groups' at 1 and 0.3."""
    axes = {axis: list(values) for axis, values in study.axes.items()}
    ds = variables.mock(axes, {"switch": 41, "group": 2, "gap": 2, "order": 2, "sampler": 3})
    ds = ds.assign_coords(switch=SWITCH, order=list(variables.ORDERS), sampler=list(variables.SAMPLERS))
    seeds = np.linspace(0.9, 1.1, len(study.axes["seed"]))

    def curves(centre):
        below = xr.DataArray(steps(centre * seeds), {"seed": list(study.axes["seed"]), "switch": SWITCH},
                             ("seed", "switch"))  # fmt: skip
        return xr.concat([below, 1 - below], xr.Variable("order", list(variables.ORDERS)))

    amplitude = xr.concat([curves(1.0), curves(0.3)], "group")
    return [
        ds.assign(
            {
                "sample_off_manifold": (0 * ds.sample_off_manifold + 0.2 * curves(0.1)).transpose(
                    *ds.sample_off_manifold.dims
                ),
                "sample_distance": (0 * ds.sample_distance + 0.5 * amplitude**2).transpose(*ds.sample_distance.dims),
                "exact_t_open": 0 * ds.exact_t_open + [2.0, 9.0],
                "exact_t_close": 0 * ds.exact_t_close + [0.5, 0.1],
                "exact_t_consolidation": 0 * ds.exact_t_consolidation + [0.7, 0.15],
            }
            | values
        )
    ]


@pytest.fixture
def study(tmp_path):
    return load(edited(tmp_path, WITH_SAMPLING, ("seed: 2", "seed: 3")))


def test_every_curve_of_the_cube_is_judged_by_its_window(study):
    (ds,) = invented(study)
    frame = sampling.noise_attribution(study, [ds])
    assert "labour" in study.findings
    curves = frame.drop_duplicates(["curvature", "network", "order", "error", "group"])
    assert len(frame) == 41 * len(curves) == 41 * 2 * 2 * 2 * 3
    assert set(curves.network) == {"gaussian", "gated-8"}
    expected = {(sampling.OFF, -1): (0.1, 0, 0.15, "agrees"), (sampling.WITHIN, 0): (1.0, 0.5, 2.0, "agrees"),
                (sampling.WITHIN, 1): (0.3, 0.5, 2.0, "disagrees")}  # fmt: skip
    for row in curves.itertuples():
        centre, low, high, verdict = expected[row.error, row.group]
        assert row.decided == pytest.approx(centre, rel=0.02)
        assert (row.window_low, row.window_high, row.verdict) == (pytest.approx(low), pytest.approx(high), verdict)
        assert row.own == pytest.approx(0.2 if row.group < 0 else 0.5**0.5)
        here = ds.sample_truth_distance.sel(curvature=row.curvature, network=row.network).squeeze(drop=True)
        if row.group >= 0:
            for sampler in variables.SAMPLERS:
                values = here.isel(group=row.group).sel(sampler=sampler).values
                name = f"{sampler}_from_truth"
                assert getattr(row, name) == pytest.approx(values.mean())
                assert getattr(row, f"{name}_low") == pytest.approx(interval(values, 0.9)[0])
        else:
            assert np.isnan(row.own_from_truth)


def test_cells_without_a_result_are_left_out(study):
    (ds,) = invented(study)
    lost = ds.assign(status=ds.status.where((ds.network != "gaussian") | (ds.seed != 0), 0))
    frame = sampling.noise_attribution(study, [lost])
    assert frame.groupby("network").seeds.unique().to_dict() == {"gaussian": [2], "gated-8": [3]}
    assert sampling.noise_attribution(study, [ds.assign(status=0 * ds.status)]).empty
    unknown = ds.assign(sample_off_manifold=ds.sample_off_manifold * np.nan)
    assert set(sampling.noise_attribution(study, [unknown]).error) == {sampling.WITHIN}


def test_one_group_has_no_window_on_the_manifold(study):
    (ds,) = invented(study)
    frame = sampling.noise_attribution(study, [ds.isel(group=[0], gap=[-1])])
    assert set(frame.reason[frame.error == sampling.WITHIN]) == {"no window"}
    assert set(frame.verdict[frame.error == sampling.OFF]) == {"agrees"}


def test_in_lines(study):
    datasets = invented(study)
    text = sampling.noise_attribution_lines(study, sampling.noise_attribution(study, datasets))
    line, _ = [one for one in text if "gated-8     own above  on the manifold, group 1" in one]
    words = line.split()
    assert words[:6] == ["gated-8", "own", "above", "on", "the", "manifold,"]
    assert words[8:10] == ["0.71", "0"]
    assert float(words[10]) == pytest.approx(0.3, rel=0.02)
    assert line.endswith("outside")
    assert "0.5 to 2 " in line
    assert "24% [" in line
    assert text[4].strip() == "curvature 0"
    assert sum("energy distance from clean points, group" in one for one in text) == 4
    assert text[-4:] == [
        "  off the manifold, own below: 4 inside", "  on the manifold, own below: 4 inside, 4 outside",
        "  off the manifold, own above: 4 inside", "  on the manifold, own above: 4 inside, 4 outside",
    ]  # fmt: skip
    early = (
        datasets[0]
        .sample_off_manifold.where(datasets[0].switch > SWITCH[0], 0)
        .where(datasets[0].switch <= SWITCH[0], 1.0)
    )
    below = datasets[0].assign(sample_off_manifold=early * datasets[0].seed.clip(1, 2) ** 0.1)
    text = sampling.noise_attribution_lines(study, sampling.noise_attribution(study, [below]))
    (line, *_) = [one for one in text if "own below  off the manifold" in one]
    assert f"{SWITCH[1]:.2g} or less" in line


@pytest.mark.slow
def test_the_tiny_study_without_networks(tmp_path):
    study, datasets = measured(tmp_path, ("[exact]", "[exact, gaussian]"), WITH_SAMPLING)
    frame = sampling.noise_attribution(study, datasets)
    assert set(frame.network) == {"gaussian"}
    flat = frame[frame.curvature == 0]
    assert set(flat.verdict) == {"not testable"}
    curved = frame[(frame.curvature == 0.5) & (frame.error == sampling.OFF)].drop_duplicates("order")
    assert (curved.own > 0.01).all()
    assert (curved.exact < 0.01).all()
    (ds,) = datasets
    own = ds.sample_off_manifold.sel(curvature=0.5, network="gaussian", order="own below").isel(switch=-1)
    assert curved.own.iloc[0] == pytest.approx(float((own**2).mean() ** 0.5))
    times = ds.t_consolidation.sel(curvature=0.5, network="exact").isel(gap=-1)
    assert curved.window_high.iloc[0] == pytest.approx(float(np.exp(np.log(times).mean())))
    assert any(line.startswith("division of labour") for line in analysis.Tables(study, datasets).lines())


def test_without_the_exact_score_there_is_no_such_table(tmp_path):
    one = load(edited(tmp_path, WITH_SAMPLING, ("[exact, gaussian, gated-8]", "[gaussian, gated-8]")))
    assert "labour" not in one.findings
