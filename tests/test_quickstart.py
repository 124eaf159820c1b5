"""The quickstart study keeps its promises (run it with `make run`; without its results these tests are skipped)."""

from pathlib import Path

import pandas as pd
import pytest
import xarray as xr

from scoregap import variables
from scoregap.study import load

ROOT = Path(__file__).parents[1]
STUDY = ROOT / "workflow" / "studies" / "quickstart.yaml"
CUBE = ROOT / "results" / "quickstart" / "cube.zarr"


@pytest.fixture(scope="module")
def study():
    return load(STUDY)


@pytest.fixture(scope="module")
def cube(study):
    if not CUBE.exists():
        pytest.skip("results/quickstart is not there: make run")
    ds = xr.open_zarr(CUBE)
    if ds.attrs["config_hash"] != study.hash:
        pytest.skip("results/quickstart is of another version of the study: make run")
    return ds


@pytest.fixture(scope="module")
def frame(cube):
    rows = pd.read_csv(CUBE.parent / "comparison.csv")
    rows = rows[rows["quantity"] != "t_alignment"]  # one row per group: the others have one
    return rows.set_index(["manifold_dim", "curvature", "network", "quantity"])


def test_the_grid(study):
    assert study.axes == {
        "family": ("arcs",),
        "ambient_dim": (32,),
        "manifold_dim": (4, 8),
        "curvature": (0.0, 0.5),
        "network": ("exact", "gaussian", "bypass-96"),
        "seed": (0, 1, 2),
    }
    times = study.document.spectrum.times
    assert times.count >= 40
    assert times.stop / times.start >= 1e5
    assert study.document.spectrum.points >= 32
    assert len(study.manifold.groups) == 2


def test_every_cell_is_there_and_ok(cube, study):
    assert variables.validate(cube, tuple(study.axes)) == []
    assert (cube.status == 1).all()
    assert cube.sizes["time"] == study.document.spectrum.times.count


@pytest.mark.parametrize("m", [4, 8])
@pytest.mark.parametrize(
    ("curvature", "quantity", "bound"),
    [(0.0, "t_max", 0.05), (0.5, "t_max", 0.10), (0.0, "t_consolidation", 0.10), (0.5, "t_consolidation", 0.20)],
)
def test_the_network_finds_the_times(frame, m, curvature, quantity, bound):
    assert abs(frame.loc[(m, curvature, "bypass-96", quantity), "ratio"] - 1) <= bound


@pytest.mark.parametrize("m", [4, 8])
def test_the_blind_dimension_is_right_in_every_flat_cell(cube, m):
    found = cube.dimension_overall.sel(manifold_dim=m, curvature=0.0, network="bypass-96")
    assert (found == m).all()


@pytest.mark.parametrize("m", [4, 8])
def test_curvature_has_been_seen(cube, frame, m):
    """In curved cells the network is nearer to the exact than to the gaussian score (theory.md 5, the plateau)."""
    assert frame.loc[(m, 0.5, "bypass-96", "t_max"), "position"] > 0.5
    curved = cube.sel(manifold_dim=m, curvature=0.5).eigenvalue.mean(("point", "seed"))
    to_exact, to_gaussian = (
        abs(curved.sel(network="bypass-96") - curved.sel(network=n)).mean() for n in ("exact", "gaussian")
    )
    assert to_exact < 0.25 * to_gaussian


def test_flat_cells_have_one_truth(cube):
    flat = cube.sel(curvature=0.0)
    a, b = (flat.eigenvalue.sel(network=name) for name in ("exact", "gaussian"))
    xr.testing.assert_allclose(a.drop_vars("network"), b.drop_vars("network"), atol=1e-6)


def test_opening_times_closing_is_the_maximum_squared_for_exact_flat_scores(cube):
    one = cube.sel(curvature=0.0, network="exact").isel(gap=0)
    ratio = (one.t_open * one.t_close / one.t_max**2).values
    assert abs(ratio - 1).max() < 2e-3
