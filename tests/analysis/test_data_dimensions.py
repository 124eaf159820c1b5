"""Estimators beside each other on data of which no dimension is known: when an estimate is none, by rule."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from scoregap.analysis import data_dimensions as of
from scoregap.study.measurement import Dimension
from scoregap.study.values import Times

D, T = 50, np.geomspace(1e-3, 1, 8)
SETTINGS = Dimension(
    estimators=["final_gap", "local_pca"], times=Times(start=1e-3, stop=1, count=8), data_points=1000, neighbours=40
)
STUDY = SimpleNamespace(document=SimpleNamespace(dimension=SETTINGS), dims=(D,))


def caveats(method, estimates, spread=0.0, network="net", median=None, gaps=1.0):
    """{t: caveat} of one estimator; of a number at all times."""
    estimates = np.broadcast_to(estimates, T.shape).astype(float)
    rows = pd.DataFrame(
        [
            {"network": network, "method": method, "t": t, "estimate": one, "spread": spread,
             "median": one if median is None else median}
            for t, one in zip(T, estimates, strict=True)
        ]
    )  # fmt: skip
    counts = xr.DataArray(
        np.full((1, len(T)), gaps), dims=("network", "time"), coords={"network": [network], "time": T}
    )
    return of._caveats(STUDY, rows, xr.Dataset({"gap_count": counts}))


@pytest.mark.parametrize("estimate", [0.5, 7.0, 33.3, D - 1.5])
def test_a_number_that_stays_is_none_of_them(estimate):
    for method in ("n", "trace", "final_gap", "normal_bundle", "normal_bundle_centred", "flipd"):
        assert set(caveats(method, estimate)) == {""}


@pytest.mark.parametrize("estimate", [-27.0, -1e-3, D + 0.1, 1e5])
def test_what_is_outside_0_to_d_is_no_dimension(estimate):
    assert set(caveats("flipd", estimate)) == {"outside"}


def test_the_mean_score_is_told_by_its_place():
    """Of bundles alone: a final gap at d - 1 is one."""
    assert set(caveats("normal_bundle", D - 1)) == {"mean score"}
    assert set(caveats("normal_bundle", D - 4.0, median=D - 1)) == {"mean score"}  # of most points, not of all
    assert set(caveats("final_gap", D - 1)) == {""}
    assert set(caveats("normal_bundle", D - 2)) == {""}


def test_a_place_that_scatters_as_a_random_one_does_is_none():
    uniform = np.std(np.arange(1, D + 1))
    assert set(caveats("final_gap", 20.0, spread=uniform)) == {"scatters"}
    assert set(caveats("final_gap", 20.0, spread=0.3 * uniform)) == {""}
    assert set(caveats("n", 20.0, spread=uniform)) == {""}  # points may differ in what they resolve


def test_a_widest_gap_takes_a_gap():
    assert set(caveats("final_gap", 20.0, gaps=0.0)) == {"no gap"}
    assert set(caveats("n", 20.0, gaps=0.0)) == {""}


def test_what_changes_with_t_is_of_t():
    rising = np.geomspace(1, 40, 8)[::-1]
    assert set(caveats("n", rising)) == {"of t"}
    plateau = np.where(T < 0.03, 20.0, np.linspace(0, 20, 8)[::-1])
    found = caveats("n", plateau)
    assert found[0] == found[1] == ""
    assert found[-1] == "of t"
    assert of.settled(np.array([0.1]), np.array([5.0]), 0.1)


def test_all_directions_are_no_dimension():
    assert set(caveats("n", D)) == {"all"}
    assert set(caveats("final_gap", D)) == {"all"}


def test_estimates_of_clean_data_are_held_against_how_many_points_there_are():
    """2 log10 of 1,000 is 6."""
    assert set(caveats("skdim_mle_20", 6.5, network="data")) == {"too few"}
    assert set(caveats("skdim_mle_20", 5.5, network="data")) == {""}
    assert set(caveats("skdim_mle_20", np.nan, network="data")) == {"absent"}
    assert set(caveats("local_pca", 21.0, network="data")) == {"neighbours"}
    assert set(caveats("local_pca", 19.0, network="data")) == {""}


def test_a_caveat_is_told_below_the_table():
    rows = pd.DataFrame(
        {"network": "net", "method": "flipd", "t": T, "estimate": -3.0, "spread": 1.0, "caveat": "outside"}
    )
    study = SimpleNamespace(condition_axes=[], axes={})
    lines = of.data_dimension_lines(study, rows)
    assert any("-3.0 (1.0)a" in line for line in lines)
    assert lines[-1] == f"    a {of.CAVEATS['outside']}"


@pytest.mark.parametrize("rounding", [-6e-8, 0.0, 6e-8])
def test_a_mode_whose_variance_is_t_is_not_resolved_whatever_rounding_says(rounding):
    """As `profile.resolved` has it; nor is what is not known."""
    spectra = np.full((len(T), 1, 2, 3), -0.5 + rounding)
    spectra[..., 0] = -0.1
    spectra[:, 0, 1] = np.nan
    own = xr.Dataset(
        {
            "point_trace": (("time", "seed", "point"), np.ones((len(T), 1, 2))),
            "eigenvalue": (("time", "seed", "point", "mode"), spectra),
            "dimension": (("estimator", "time", "seed"), np.ones((1, len(T), 1))),
        },
        {"time": T, "estimate_time": T[1:3]},
    )
    found = [row for row in of._of_spectra(own, "net") if row["method"] == "n"]
    assert [(row["estimate"], row["of"]) for row in found] == [(1.0, 1)] * 2
