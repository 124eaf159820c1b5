"""What the tables of findings say, on studies small enough to check by hand and on invented numbers."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from tiny import FLAT, LINEAR, WITH_DIMENSION, edited, measured

from scoregap import analysis, cubes
from scoregap.analysis import laws, tables
from scoregap.data import FAMILIES, Group
from scoregap.laws import random_matrix as theory
from scoregap.study import load
from scoregap.variables import ABSENT, MEASURED

pytestmark = pytest.mark.slow  # networks are trained, or many spectra made, for all of them


BY_STD = (
    ("  seed: 2", "  manifold.groups.1.std: [0.05, 0.98]\n  seed: 6"),
    ("[seed]", "[seed, manifold.groups.1.std]"),
)


@pytest.fixture(scope="module")
def finite(tmp_path_factory):
    """(study, datasets) of 60 draws at three dimensions."""
    many = (("[8]", "[30, 60, 180]"), ("manifold_dim: [2]", "manifold_dim: [0.4]"), ("seed: 2", "seed: 60"))
    return measured(tmp_path_factory.mktemp("finite"), *LINEAR, *many)


@pytest.fixture(scope="module")
def curved(tmp_path_factory):
    """(study, datasets) of the tiny study without networks."""
    return measured(tmp_path_factory.mktemp("curved"))


def test_which_tables_apply(tmp_path):
    def names(*changes):
        found = load(edited(tmp_path, *changes)).findings
        return [name for name in found if name != "calibration"]  # of every study with a score to judge

    assert names() == ["curvature"]
    assert names(WITH_DIMENSION) == ["curvature", "estimators"]
    assert names(("exact, ", "")) == []
    assert names(("[0.0, 0.5]", "[0.25, 0.5]")) == []
    assert names(*LINEAR, ("[8]", "[8, 10]")) == ["finite_size"]
    by_std = ("  seed: 2", "  manifold.groups.1.std: [0.1, 0.5]\n  seed: 2")
    assert names(*LINEAR, by_std) == []
    by_both = (by_std, ("manifold_dim: [2]", "manifold_dim: [2, 4]"))
    assert names(*LINEAR, *by_both) == ["gap_existence"]
    assert names(*by_both) == ["curvature"]
    assert names(*by_both, FLAT) == ["gap_existence"]
    assert names(*by_both, ("[0.0, 0.5]", "[0.5]")) == []
    # One draw has no spread, and other families no law.
    assert names(*LINEAR, ("[8]", "[8, 10]"), ("seed: 2", "seed: 1")) == []
    assert names(("[arcs]", "[sphere]"), ("[0.0, 0.5]", "[0.5]"), ("[8]", "[8, 10]")) == []
    mixture = (("[arcs]", "[mixture]"), FLAT, ("fraction: 0.5", "fraction: 1.0"), ("fraction: 0.5", "fraction: 1.0"))
    assert names(*mixture, *by_both) == []
    assert names(("[arcs]", "[linear, mixture]"), *mixture[1:2], ("[8]", "[8, 10]"),
                 ("groups: [{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}]",
                  "groups: [{fraction: 1.0, std: 1.0}]")) == []  # fmt: skip


def test_families_with_a_law_have_its_edges():
    assert [name for name, family in FAMILIES.items() if family.law] == ["linear", "arcs"]
    for name in ("linear", "arcs"):
        truth = FAMILIES[name].load()(8, (Group(1, 1.0), Group(1, 0.1)), 0.0, 0)
        assert np.isfinite(truth.law_edges()).all()


@pytest.mark.slow
def test_finite_size_against_the_edges_themselves(finite):
    study, datasets = finite
    frame = laws.finite_size(study, datasets)
    assert set(frame.ambient_dim) == {30, 60, 180}
    assert set(frame.draws) == {60}
    for d in (30, 60, 180):
        cells = [cell for cell in study.cells if cell["ambient_dim"] == d]
        m = cells[0].manifold_dim
        squares = np.array([cell.truth().scales ** 2 for cell in cells])
        bare = theory.silverstein_edges(d, (m // 2, m // 2), (1.0, 0.1))
        row = frame[(frame.ambient_dim == d) & (frame["quantity"] == "low edge[1]")].iloc[0]
        assert row.law_bias == pytest.approx(squares[:, -1].mean() / bare[1, 0] - 1)
        assert row.law_error == pytest.approx(squares[:, -1].std(ddof=1) / bare[1, 0] / np.sqrt(60))
        assert row.spread == pytest.approx(squares[:, -1].std(ddof=1) / squares[:, -1].mean())
        # For a linear manifold consolidation is at the lowest edge, and t_max^2 the product of the inner edges.
        row = frame[(frame.ambient_dim == d) & (frame["quantity"] == "t_consolidation[1]")].iloc[0]
        assert row.law_bias == pytest.approx(squares[:, -1].mean() / bare[1, 0] - 1, abs=2e-4)
        row = frame[(frame.ambient_dim == d) & (frame["quantity"] == "t_max[0]")].iloc[0]
        inner = np.sqrt(squares[:, m // 2 - 1] * squares[:, m // 2])
        assert row.law_bias == pytest.approx(inner.mean() / np.sqrt(bare[0, 0] * bare[1, 1]) - 1, abs=2e-4)


def test_edges_converge_as_they_should(finite):
    """Tracy-Widom: relative bias and spread of an edge fall like d^(-2/3)."""
    study, datasets = finite
    frame = laws.finite_size(study, datasets)
    low = frame[frame["quantity"] == "low edge[1]"].iloc[0]
    # Three standard errors of 60 draws, and what is left of d^(-4/3) at these dimensions.
    assert low.law_bias_exponent == pytest.approx(-2 / 3, abs=3 * low.law_bias_exponent_error + 0.05)
    assert low.spread_exponent == pytest.approx(-2 / 3, abs=3 * low.spread_exponent_error + 0.05)
    assert low.law_bias_fit == pytest.approx(abs(low.law_bias_amplitude) * low.ambient_dim**low.law_bias_exponent)
    assert max(low.law_bias_exponent_error, low.spread_exponent_error) < 0.12
    assert (frame.corrected_bias.abs() < 4 * frame.corrected_error + 0.02).all()
    text = "\n".join(analysis.Tables(study, datasets).lines())
    assert "finite size, 60 draws of F or more at d = 30, 60, 180" in text
    assert f"{low.law_bias_exponent:.2f} +- " in text


D = np.array([50.0, 100, 200, 400, 1000])


def test_power_law():
    values, errors = -3 * D**-0.7, 0.01 * D**-0.7
    amplitude, exponent, error = laws._power_law(D, values, errors)
    assert (amplitude, exponent) == pytest.approx((-3, -0.7))
    assert error == pytest.approx(0.01 / 3 / np.sqrt(((np.log(D) - np.log(D).mean()) ** 2).sum()))
    # A dimension without a value is left out, and two are no law.
    values[1] = errors[1] = np.nan
    assert laws._power_law(D, values, errors)[1] == pytest.approx(-0.7)
    assert np.isnan(laws._power_law(D[:3], values[:3], errors[:3])).all()


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        (1 / D, 1.7 / D),  # five values of 0.6 errors
        (1 / D, 1e-10 / D),  # rounding
        (np.array([10.0, 4, 1, 0, -3.2]), np.ones(5)),  # both signs
        (np.array([5.0, 1, 5, 1, 5]), np.full(5, 0.5)),  # no power law
        (np.array([9.0, 0, 0, 0, 0]), np.ones(5)),  # one value
    ],
)
def test_no_power_law(values, errors):
    assert np.isnan(laws._power_law(D, values, errors)).all()


@pytest.mark.parametrize("exponent", [-2 / 3, 0.0, -4 / 3])
@pytest.mark.parametrize(("signal", "given", "within"), [(4.0, 0.7, 0.9), (20.0, 0.98, 0.93)])
def test_exponents_are_unbiased_and_cover(exponent, signal, given, within):
    """signal: of all dimensions together, in standard errors. Each alone is often not resolved at 4."""
    rng = np.random.default_rng(0)
    errors = 0.01 * (D / 50) ** (-2 / 3)
    truth = D**exponent
    truth *= signal / np.linalg.norm(truth / errors)
    draws = [laws._power_law(D, truth + errors * rng.standard_normal(5), errors) for _ in range(250)]
    _, exponents, deviations = np.array([one for one in draws if np.isfinite(one[1])]).T
    assert len(exponents) > given * len(draws)
    assert np.median(exponents) == pytest.approx(exponent, abs=3 * np.median(deviations) / len(exponents) ** 0.5)
    assert np.mean(abs(exponents - exponent) < deviations) == pytest.approx(0.70, abs=0.1)
    assert np.mean(abs(exponents - exponent) < 2 * deviations) > within


def test_nothing_is_rarely_taken_for_a_law():
    rng = np.random.default_rng(0)
    draws = [laws._power_law(D, rng.standard_normal(5), np.ones(5))[1] for _ in range(300)]
    assert np.isfinite(draws).mean() < 0.03


def test_a_time_that_some_draws_do_not_have_has_no_row(finite):
    """The mean over the others would be that of a selection: here of the draws with the widest gaps."""
    study, datasets = finite
    ds = datasets[0].copy(deep=True)
    where = {"seed": ds.seed[:3], "gap": 0}
    ds.t_max.loc[where], ds.t_max_state.loc[where] = np.nan, ABSENT
    every, some = (set(laws.finite_size(study, [one])["quantity"]) for one in (datasets[0], ds))
    assert every - some == {"t_max[0]"}


@pytest.mark.slow
def test_finite_size_by_facet(tmp_path):
    """Every m has rows and lines of its own; what is missing has none, whatever the other draws say."""
    study, datasets = measured(
        tmp_path, *LINEAR, ("[8]", "[8, 10]"), ("[2]", "[2, 4]"), ("seed: 2", "seed: 3"), ("[seed]", "[]"),
        without=(1, 6, 7),
    )  # fmt: skip
    frame = laws.finite_size(study, datasets)
    draws = frame.groupby(["manifold_dim", "ambient_dim"]).draws.agg(["min", "max"])
    assert draws.to_dict("index") == {
        (2, 8): {"min": 2, "max": 2},
        (4, 8): {"min": 3, "max": 3},
        (4, 10): {"min": 3, "max": 3},
    }
    text = analysis.Tables(study, datasets).lines()
    assert [line.split(":")[0] for line in text if line.startswith("finite size")] == [
        "finite size, manifold_dim 2, 2 draws of F or more at d = 8",
        "finite size, manifold_dim 4, 3 draws of F or more at d = 8, 10",
    ]
    assert sum("high edge[0]" in line for line in text) == 2
    present = [study.cells[i] for i in (0, 2)]
    assert present[-1]["seed"] == 2
    row = frame[(frame.manifold_dim == 2) & (frame["quantity"] == "high edge[0]")].iloc[0]
    highest = np.array([cell.truth().edges()[0, 1] for cell in present])
    assert row.spread == pytest.approx(highest.std(ddof=1) / highest.mean())


def test_a_law_of_zero_has_no_relative_bias(tmp_path):
    """With as many latents as dimensions the smallest variance goes to zero."""
    study, datasets = measured(tmp_path, *LINEAR, ("manifold_dim: [2]", "manifold_dim: [8]"), ("count: 24", "count: 8"))
    (ds,) = datasets
    hard = ds.assign(law_edge=ds.law_edge.where((ds.side != "low") | (ds.group == 0), 0.0))
    names = set(laws.finite_size(study, [hard])["quantity"])
    assert "high edge[1]" in names
    assert "low edge[1]" not in names


def test_gap_existence(tmp_path):
    study, datasets = measured(
        tmp_path, *LINEAR, *BY_STD, ("[8]", "[40]"), ("manifold_dim: [2]", "manifold_dim: [8, 20]")
    )
    frame = laws.gap_existence(study, datasets)
    assert len(frame) == 4
    assert set(frame.alpha) == {0.2, 0.5}
    far, close = frame[frame.variance_ratio < 0.1], frame[frame.variance_ratio > 0.9]
    assert set(far.widest) == {1.0}
    assert close.widest.max() < 0.5
    assert set(close.law_width) == {0.0}
    np.testing.assert_allclose(far.width, far.law_width, rtol=0.15)
    np.testing.assert_allclose(frame.critical_ratio, theory.critical_ratio(frame.alpha.to_numpy(), 0.5))
    assert (far.ratio_of_edges < 0.05).all()
    assert set(frame.wider_group) == {0}
    text = analysis.Tables(study, datasets).lines()
    assert text[1].startswith("existence of the gap")
    assert [line.split()[1] for line in text[2:]] == ["0.2", "0.5"]


def test_gap_existence_where_one_group_overtakes_the_other(tmp_path):
    """The same variance ratio twice, once with a quarter and once with three quarters of the columns above."""
    study, datasets = measured(
        tmp_path,
        *LINEAR,
        ("  seed: 2", "  manifold.groups.1.std: [0.5, 2.0]\n  manifold.groups.0.width: [0.0, 0.5]\n  seed: 2"),
        ("[seed]", "[seed, manifold.groups.1.std, manifold.groups.0.width]"),
        ("manifold_dim: [2]", "manifold_dim: [4, 8]"),
        ("{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}",
         "{fraction: 0.25, std: 1.0, law: uniform}, {fraction: 0.75, std: 0.1}"),
    )  # fmt: skip
    frame = laws.gap_existence(study, datasets)
    assert len(frame) == 8
    assert set(frame.variance_ratio) == {0.25}
    assert dict(zip(frame.wider_group, frame.share, strict=True)) == {0: 0.25, 1: 0.75}
    of_the_law = frame["manifold.groups.0.width"] == 0
    expected = theory.critical_ratio(frame.alpha.to_numpy(), frame.share.to_numpy())
    np.testing.assert_allclose(frame.critical_ratio, np.where(of_the_law, expected, np.nan))
    blocks = tables.blocks(study, frame, "manifold_dim", study.std_axis)
    assert [len(rows) for _, rows in blocks] == [2] * 4
    assert not any(rows.duplicated(["alpha", "variance_ratio"]).any() for _, rows in blocks)
    labels = [line.strip() for line in analysis.Tables(study, datasets).lines() if line.strip().startswith("manifold.")]
    assert labels == [f"manifold.groups.0.width {w:g}, wider_group {k}" for k in (0, 1) for w in (0, 0.5)]


def test_an_orthonormal_frame_has_no_critical_ratio(tmp_path):
    study, datasets = measured(
        tmp_path,
        *LINEAR,
        *BY_STD,
        ("  groups:", "  frame: orthonormal\n  groups:"),
        ("[2]", "[2, 3]"),
        ("seed: 6", "seed: 2"),
        ("count: 24", "count: 8"),
    )
    assert laws.gap_existence(study, datasets).critical_ratio.isna().all()
    assert " law -" in analysis.Tables(study, datasets).lines()[2]


def test_curvature_against_the_flat_cell_of_the_same_f(curved):
    study, (ds,) = curved
    frame = laws.curvature(study, [ds])
    flat, bent = (frame[frame.curvature == c].iloc[0] for c in (0.0, 0.5))
    assert flat.ratio_t_max == 1
    assert flat.ghosts == 0
    assert flat.ghost == pytest.approx(0, abs=1e-6)
    exact = ds.sel(network="exact").isel(family=0, ambient_dim=0, manifold_dim=0)
    ratios = exact.t_consolidation.sel(curvature=0.5) / exact.t_consolidation.sel(curvature=0.0)
    assert bent.ratio_t_consolidation == pytest.approx(np.exp(np.log(ratios.isel(gap=1)).mean()))
    ghosts = 1 + exact.eigenvalue.sel(curvature=0.5).isel(mode=slice(2, None)).mean(("seed", "point"))
    assert bent.ghost == pytest.approx(ghosts.max())
    assert bent.ghosts == (ghosts.max("time") > 0.1).sum()
    assert analysis.Tables(study, [ds]).lines()[1].startswith("curvature from which a phase time")


def test_networks_stand_beside_the_exact_score_under_curvature(done):
    """Over the flat exact time of the same F; ghosts only where the exact score has not consolidated yet."""
    study = load(done[0])
    ((_, (ds,)),) = cubes.datasets(study, done[1] / "cube.zarr")
    assert [line.split()[0] for line in analysis.Tables(study, [ds]).lines()[2:4]] == ["exact", "gated-8"]
    frame = laws.curvature(study, [ds])
    assert frame.network.unique().tolist() == ["exact", "gated-8"]
    bent = frame[(frame.network == "gated-8") & (frame.curvature == 0.5)].iloc[0]
    cell = ds.isel(family=0, ambient_dim=0, manifold_dim=0)
    flat, own = cell.sel(network="exact", curvature=0.0), cell.sel(network="gated-8", curvature=0.5)
    ratios = np.log(own.t_max.isel(gap=0) / flat.t_max.isel(gap=0)).values
    assert bent.ratio_t_max == pytest.approx(np.exp(np.nanmean(ratios)))
    assert bent.seen_t_max == np.isfinite(ratios).mean()
    known = cell.sel(network="exact", curvature=0.5).t_consolidation.isel(gap=-1).values
    ghosts = np.zeros((len(known), ds.sizes["time"]))
    for i, t in enumerate(known):
        early = ds.time.values >= t
        ghosts[i, early] = 1 + own.eigenvalue.isel(seed=i, mode=2).mean("point").values[early]
    assert 0 < bent.ghost == pytest.approx(ghosts.mean(0).max(), rel=1e-5)


@pytest.mark.parametrize(("flat", "refused"), [(1.0, False), (1.5, True)])
def test_a_network_that_misses_the_flat_times_is_not_said_to_fail_by_curvature(done, flat, refused):
    study = load(done[0])
    ((_, (ds,)),) = cubes.datasets(study, done[1] / "cube.zarr")
    ds = ds.load()
    for curvature, ratio in ((0.0, flat), (0.5, 1.6)):
        exact, own = ({"curvature": curvature, "network": network, "gap": 1} for network in ("exact", "gated-8"))
        ds.t_consolidation.loc[own] = ratio * ds.t_consolidation.loc[exact].values
        ds.t_consolidation_state.loc[own] = MEASURED
    frame = laws.curvature(study, [ds])
    bent = frame[(frame.network == "gated-8") & (frame.curvature == 0.5)].iloc[0]
    assert bent.control_t_consolidation == ("disagrees" if refused else "agrees")
    assert bent.over_control_t_consolidation == pytest.approx(1.6 / flat)
    line = next(line for line in analysis.Tables(study, [ds]).lines() if "gated-8" in line)
    assert ("t_consolidation" in line.partition("not to be blamed on curvature, missed at c = 0 too: ")[2]) == refused


def test_curvature_of_two_families(tmp_path):
    study, datasets = measured(
        tmp_path, ("[arcs]", "[arcs, tanh]"), ("[8]", "[6]"), ("count: 24", "count: 8"), ("[seed]", "[seed, curvature]")
    )
    lines = analysis.Tables(study, datasets).lines()[2:]
    assert [line.split()[:2] for line in lines] == [["family", "arcs"], ["family", "tanh"]]


@pytest.mark.parametrize(
    ("missing", "expected"), [(0, "not known; at c = 0.5"), (1, "not known; at c = 0 none of these")]
)
def test_curvature_without_some_cells(curved, missing, expected):
    study, (ds,) = curved
    keep = xr.DataArray(np.arange(2) != missing, dims="curvature")
    partial = ds.where(keep).assign(status=ds.status.where(keep, 0))
    assert laws.curvature(study, [partial]).curvature.tolist() == [[0.5], [0.0]][missing]
    assert expected in analysis.Tables(study, [partial]).lines()[2]


@pytest.mark.parametrize("status", [0, 3])
def test_without_results_there_is_nothing_to_say(curved, finite, status):
    """Cells of jobs not yet made, and cells of which a sampled truth knows nothing: NaN, with their status."""
    for study, datasets in (curved, finite):
        empty = [ds.where(ds.status > 9).assign(status=0 * ds.status + status) for ds in datasets]
        assert analysis.Tables(study, empty).lines() == []


@pytest.mark.parametrize(
    ("ratios", "seen", "expected"),
    [
        ([1.0, 0.95, 0.85], 1.0, 0.75),
        ([1.0, 1.04, 1.16], 1.0, 0.75),
        ([1.0, 0.99, 0.98], 1.0, np.nan),
        ([1.0, 0.8, 0.7], 1.0, 0.25),
        ([1.0, 0.99, np.nan], [1.0, 1.0, 0.0], 1.0),  # no visible gap there: before, theory never failed
        ([1.0, 0.99, 0.98], [1.0, 1.0, 0.25], 1.0),  # in most of the draws there is none
        ([1.0, 0.99, 0.98], [1.0, 0.75, 0.75], np.nan),
        ([1.0, np.nan, 0.8], [1.0, 0.0, 1.0], 0.5),
        ([np.nan, np.nan, np.nan], [np.nan, np.nan, np.nan], np.nan),  # the flat time is not known
    ],
)
def test_where_linear_theory_fails(ratios, seen, expected):
    columns = np.array([0.0, 0.5, 1.0]), np.array(ratios), np.broadcast_to(seen, 3)
    assert laws.fails_from(*columns) == pytest.approx(expected, nan_ok=True)


def test_half_of_the_draws():
    frame = pd.DataFrame({"variance_ratio": [0.01, 0.1, 1.0], "widest": [1.0, 0.75, 0.25]})
    assert laws.half(frame) == pytest.approx(10**-0.5)
    assert np.isnan(laws.half(frame.assign(widest=1.0)))


def test_half_of_the_draws_where_draws_say_nothing():
    frame = pd.DataFrame({"variance_ratio": [0.01, 0.1], "widest": [np.nan, np.nan]})
    assert np.isnan(laws.half(frame))
    assert tables.or_dash(laws.half(frame)) == "-"


def test_small_curvature_is_where_the_exact_score_goes(tiny):
    study = load(tiny)
    most = 0.02 * (laws.EXPANDED - 1)
    frame = pd.DataFrame({"family": "arcs", "network": "exact", "curvature": [0.0, most]})
    found = laws.small_curvature(study, frame).set_index("curvature").ratio
    assert len(found) == laws.EXPANDED
    assert found[0.0] == 1
    assert np.isnan(found[most])
    truth = study.cells[-1].truth()
    squares = np.mean([cell.truth().scales ** 2 for cell in study.cells], 0)
    kappa = truth.kappa / 0.5 * 0.02
    share = squares[0] / (squares[0] + squares[-1])
    assert found.iloc[1] == pytest.approx(1 - kappa**2 * squares[-1] * (0.5 + 2 * share**2))
    assert laws.small_curvature(study, frame.assign(family="tanh")).empty


def test_of_data_with_noise_there_is_no_expansion(tmp_path):
    """A study of arcs with and without noise on them has its table of curvature all the same."""
    noise = (("  seed: 2\n", "  seed: 2\n  manifold.noise: [0.0, 0.01]\n"),)
    study, datasets = measured(tmp_path, *noise)
    tables = analysis.Tables(study, datasets)
    assert set(tables["curvature"]["manifold.noise"]) == {0.0, 0.01}
    assert set(tables["small_curvature"]["manifold.noise"]) == {0.0}
