"""What the tables of findings say, on studies small enough to check by hand and on invented numbers."""

import numpy as np
import pandas as pd
import pytest
from tiny import edited, run_stages

from scoregap import findings, storage
from scoregap.study import load
from scoregap.truth import laws

EXACT = (("[exact, gaussian, gated-8]", "[exact]"), ("points: 4", "points: 2"))
LINEAR = (("[arcs]", "[linear]"), ("[0.0, 0.5]", "[0.0]"))


@pytest.fixture(scope="module")
def finite(tmp_path_factory):
    """(study, datasets) of 60 draws at three dimensions."""
    folder = tmp_path_factory.mktemp("finite")
    path = edited(
        folder,
        *EXACT,
        *LINEAR,
        ("[8]", "[40, 80, 320]"),
        ("manifold_dim: [2]", "manifold_dim: [0.4]"),
        ("seed: 2", "seed: 60"),
    )
    run_stages(path, folder)
    return folder, load(path), list(storage.read_cube(folder / "cube.zarr").values())


def test_which_tables_apply(tmp_path):
    def names(*changes):
        return load(edited(tmp_path, *changes)).findings

    assert names() == ["curvature"]
    assert names(("exact, ", "")) == []
    assert names(("[0.0, 0.5]", "[0.25, 0.5]")) == []
    assert names(*LINEAR, ("[8]", "[8, 10]")) == ["finite_size"]
    by_std = ("  seed: 2", "  manifold.groups.1.std: [0.1, 0.5]\n  seed: 2")
    assert names(*LINEAR, by_std) == []
    assert names(*LINEAR, by_std, ("manifold_dim: [2]", "manifold_dim: [2, 4]")) == ["gap_existence"]


def test_finite_size_against_the_edges_themselves(finite):
    _, study, datasets = finite
    frame = findings.finite_size(study, datasets)
    assert set(frame.ambient_dim) == {40, 80, 320}
    assert set(frame.draws) == {60}
    for d in (40, 80, 320):
        cells = [cell for cell in study.cells if cell["ambient_dim"] == d]
        m = cells[0].manifold_dim
        squares = np.array([cell.truth().scales ** 2 for cell in cells])
        bare = laws.silverstein_edges(d, (m // 2, m // 2), (1.0, 0.1))
        row = frame[(frame.ambient_dim == d) & (frame["quantity"] == "low edge of group 2")].iloc[0]
        assert row.law_bias == pytest.approx(squares[:, -1].mean() / bare[1, 0] - 1)
        assert row.law_error == pytest.approx(squares[:, -1].std(ddof=1) / bare[1, 0] / np.sqrt(60))
        assert row.spread == pytest.approx(squares[:, -1].std(ddof=1) / squares[:, -1].mean())
        # For a linear manifold consolidation is at the lowest edge, and t_max^2 the product of the inner edges.
        row = frame[(frame.ambient_dim == d) & (frame["quantity"] == "t_consolidation")].iloc[0]
        assert row.law_bias == pytest.approx(squares[:, -1].mean() / bare[1, 0] - 1, abs=2e-4)
        row = frame[(frame.ambient_dim == d) & (frame["quantity"] == "t_max")].iloc[0]
        inner = np.sqrt(squares[:, m // 2 - 1] * squares[:, m // 2])
        assert row.law_bias == pytest.approx(inner.mean() / np.sqrt(bare[0, 0] * bare[1, 1]) - 1, abs=2e-4)


def test_edges_converge_as_they_should(finite):
    """Tracy-Widom: relative bias and spread of an edge fall like d^(-2/3)."""
    folder, study, datasets = finite
    frame = findings.finite_size(study, datasets)
    low = frame[frame["quantity"] == "low edge of group 2"].iloc[0]
    # Three standard errors of 60 draws, and what is left of d^(-4/3) at these dimensions.
    assert low.law_bias_exponent == pytest.approx(-2 / 3, abs=3 * low.law_bias_exponent_error + 0.05)
    assert low.spread_exponent == pytest.approx(-2 / 3, abs=3 * low.spread_exponent_error + 0.05)
    assert max(low.law_bias_exponent_error, low.spread_exponent_error) < 0.1
    assert (frame.corrected_bias.abs() < 4 * frame.corrected_error + 0.02).all()
    text = (folder / "comparison.txt").read_text()
    assert "finite size, 60 draws of F or more at d = 40, 80, 320" in text
    assert f"{low.law_bias_exponent:.2f} +- " in text


def test_exponent_of_a_power_law():
    d = np.array([50.0, 100, 200, 400])
    slope, error = findings._exponent(d, -3 * d**-0.7, 0.01 * d**-0.7)
    assert slope == pytest.approx(-0.7)
    assert error == pytest.approx(0.01 / 3 / np.sqrt(((np.log(d) - np.log(d).mean()) ** 2).sum()))
    assert np.isnan(findings._exponent(d, 0.01 / d, 0.01 / d)).all()  # nothing stands out of its errors


def test_gap_existence(tmp_path):
    by_std = ("  seed: 2", "  manifold.groups.1.std: [0.05, 0.98]\n  seed: 6")
    study = edited(tmp_path, *EXACT, *LINEAR, by_std, ("[8]", "[40]"), ("manifold_dim: [2]", "manifold_dim: [8, 20]"))
    run_stages(study, tmp_path)
    frame = findings.gap_existence(load(study), list(storage.read_cube(tmp_path / "cube.zarr").values()))
    assert len(frame) == 4
    assert set(frame.alpha) == {0.2, 0.5}
    far, close = frame[frame.variance_ratio < 0.1], frame[frame.variance_ratio > 0.9]
    assert set(far.widest) == {1.0}
    assert close.widest.max() < 0.5
    assert set(close.law_width) == {0.0}
    np.testing.assert_allclose(far.width, far.law_width, rtol=0.15)
    np.testing.assert_allclose(frame.critical_ratio, laws.critical_ratio(frame.alpha.to_numpy(), 0.5))
    assert (far.ratio_of_edges < 0.05).all()
    assert "existence of the gap" in (tmp_path / "comparison.txt").read_text()


def test_curvature_against_the_flat_cell_of_the_same_f(done):
    study, results = done
    (ds,) = storage.read_cube(results / "cube.zarr").values()
    frame = findings.curvature(load(study), [ds])
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
    assert "curvature from which linear theory" in (results / "comparison.txt").read_text()


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [([1.0, 0.95, 0.85], 0.75), ([1.0, 1.04, 1.16], 0.75), ([1.0, 0.99, 0.98], np.nan), ([1.0, 0.8, 0.7], 0.25)],
)
def test_where_linear_theory_fails(ratios, expected):
    frame = pd.DataFrame({"curvature": [0.0, 0.5, 1.0], "ratio_t_max": ratios})
    assert findings.fails_from(frame, "t_max") == pytest.approx(expected, nan_ok=True)


def test_half_of_the_draws():
    frame = pd.DataFrame({"variance_ratio": [0.01, 0.1, 1.0], "widest": [1.0, 0.75, 0.25]})
    assert findings.half(frame) == pytest.approx(10**-0.5)
    assert np.isnan(findings.half(frame.assign(widest=1.0)))
