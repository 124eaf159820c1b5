"""Comparison and claims ask one function: no row of one contradicts a row of the other."""

import numpy as np
import pytest
from tiny import edited, measured, overview_of

from scoregap import cubes
from scoregap.analysis import claims, comparison, verdicts
from scoregap.analysis.tables import PHASES
from scoregap.store.cube import read_cube
from scoregap.study import load
from scoregap.variables import ABOVE, ABSENT, BELOW, MEASURED, NONE_PREDICTED, NOT_APPLICABLE

STATES = (MEASURED, MEASURED, MEASURED, ABOVE, BELOW, ABSENT, NOT_APPLICABLE)


def contradictions(parts):
    """(rows of the claims that the comparison has too, those of them of which it says something else)."""
    compared, tested = comparison.compare(parts), claims.claims(parts)
    axes = list(parts[0][0].condition_axes)
    keys = [*axes, "network", "quantity"]
    tested = tested[tested.claim.isin(PHASES)].rename(columns={"claim": "quantity"})
    final = compared.groupby([*axes, "network"], sort=False).gap.transform("max")
    compared = compared[compared["quantity"].isin(PHASES) & ((compared.gap == 0) | (compared.gap == final))]
    both = tested.merge(compared, on=keys, suffixes=("_claim", ""), validate="one_to_one")
    assert len(both) == len(tested)
    apart = (both.of_exact != both.verdict) | (both.margin_claim != both.margin)
    apart |= (both.control_claim != both.control) & (both.verdict != "")
    apart |= ~np.isclose(both.exact_low_claim, both.ratio_low, equal_nan=True)
    apart |= ~np.isclose(both.trained_claim, both.trained, equal_nan=True)
    return both, both[apart]


def scrambled(ds, rng):
    """The cube with times of random size and state in every seed, of network, exact and law; numbers are left where a
    state says that there is no time, as in cubes of earlier versions."""
    ds, of_law = ds.copy(deep=True), rng.choice((MEASURED, ABSENT, NONE_PREDICTED))  # that of the law is one for all
    for name in PHASES:
        gap = -1 if name == PHASES[-1] else 0
        for method in ("", "model_"):
            times = ds[method + name].isel(gap=gap)
            shares = rng.dirichlet(np.full(len(STATES), 0.3), times.size)
            states = np.reshape([rng.choice(STATES, p=one) for one in shares], times.shape)
            ds[f"{method}{name}_state"][{"gap": gap}] = states
            ds[method + name][{"gap": gap}] = np.exp(rng.normal(0, rng.choice([0.01, 0.3]), times.shape))
            ds[f"law_{method}{name}_state"][{"gap": gap}] = of_law
        exact = ds[name].sel(network="exact", drop=True)
        ds[f"exact_{name}"] = exact.expand_dims(network=ds.network).transpose(*ds[f"exact_{name}"].dims)
    return ds


def test_of_a_tiny_study(done):
    both, apart = contradictions([(load(done[0]), [read_cube(done[1] / "cube.zarr")[""].load()])])
    assert len(both) == 8
    assert apart.empty


@pytest.mark.slow
def test_whatever_the_states_are(done):
    study, ds = load(done[0]), read_cube(done[1] / "cube.zarr")[""].load()
    rng, seen = np.random.default_rng(0), set()
    for _ in range(12):
        both, apart = contradictions([(study, [scrambled(ds, rng)])])
        assert apart.empty, apart[["quantity", "of_exact", "verdict"]]
        seen |= set(both.verdict)
    assert seen == {"agrees", "inconclusive", "disagrees", "not testable"}


def test_where_the_exact_score_is_not_known_at_some_times(done):
    """As sampled truth is where its guard fails."""
    study, ds = load(done[0]), read_cube(done[1] / "cube.zarr")[""].load()
    lost = {"curvature": 0.5, "network": "exact", "seed": 1}
    ds.gap_width.loc[lost | {"time": ds.time[:5]}] = np.nan
    for name in PHASES:
        ds[f"{name}_state"].loc[lost] = BELOW
    both, apart = contradictions([(study, [ds])])
    assert apart.empty
    assert set(both[both.curvature == 0.5].unknown) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [(7, 8), (1, 7), (1, 0)])
def test_where_flat_and_curved_cells_have_other_seeds(done, seeds):
    """Of blocks that share the flat cells, and of one whose flat cells alone are the control."""
    study, ds = load(done[0]), read_cube(done[1] / "cube.zarr")[""].load()
    rng = np.random.default_rng(1)
    for _ in range(4):
        ds_of = [(study, [scrambled(ds, rng)]) for _ in range(2)]
        flat = scrambled(ds, rng).sel(curvature=[0.0]).assign_coords(seed=list(seeds))
        bent = ds_of[1][1][0].sel(curvature=[0.5])
        for parts in ([ds_of[0], (study, [flat])], [(study, [flat]), ds_of[0]], [(study, [flat]), (study, [bent])]):
            both, apart = contradictions(parts)
            assert apart.empty, apart[["quantity", "control_claim", "control"]]
            assert set(both[both.curvature != 0].control) <= {"agrees", "inconclusive", "disagrees", "not testable"}


@pytest.mark.slow
def test_of_a_study_of_blocks(blocks):
    both, apart = contradictions(cubes.datasets(load(blocks[0]), blocks[1] / "cube.zarr"))
    assert len(both) == 4 + 9
    assert apart.empty


@pytest.mark.slow
def test_bulks_that_have_merged_and_no_visible_gap_agree(tmp_path):
    """Of the law, in a study without networks; before, these rows read `law not known`, and disagreed."""
    study, datasets = measured(
        tmp_path, ("[arcs]", "[linear]"), ("[0.0, 0.5]", "[0.0]"), ("[8]", "[40]"), ("manifold_dim: [2]",
        "manifold_dim: [20]"), ("  seed: 2", "  manifold.groups.1.std: [0.1, 0.95]\n  seed: 2"),
        ("count: 24", "count: 12"), ("fit:", "fit:\n  visibility: 0.2"),
    )  # fmt: skip
    frame = comparison.compare([(study, datasets)])
    merged = frame[(frame["manifold.groups.1.std"] == 0.95) & frame.margin.notna() & (frame.gap == 0)]
    assert set(zip(merged.verdict, merged.reason, strict=True)) == {("agrees", "law predicts no gap")}
    assert set(merged.state) == {"no gap predicted"}
    apart = frame[(frame["manifold.groups.1.std"] == 0.1) & frame.margin.notna() & (frame.gap == 0)]
    assert set(apart.reason) == {""}
    assert {verdicts.words(row) for _, row in merged.iterrows()} == {"law predicts no gap, none is visible"}
    assert "no gap =" in overview_of(study, frame)
    (ds,) = datasets
    where = {"manifold.groups.1.std": 0.95, "gap": 0}
    for name in ("t_open", "t_max", "t_close"):  # as if the score saw one there
        ds[f"{name}_state"].loc[where], ds[name].loc[where] = MEASURED, 0.3
    frame = comparison.compare([(study, datasets)])
    seen = frame[(frame["manifold.groups.1.std"] == 0.95) & frame["quantity"].isin(PHASES) & (frame.gap == 0)]
    assert set(zip(seen.verdict, seen.reason, strict=True)) == {("disagrees", "law predicts no gap")}


def test_a_network_without_a_visible_gap_where_the_law_has_none_agrees(tmp_path, done):
    """The same of a network against the law, in the claims."""
    study, ds = load(edited(tmp_path)), read_cube(done[1] / "cube.zarr")[""].load()
    for name in PHASES[:3]:
        ds[f"law_{name}_state"][{"gap": 0}], ds[f"law_{name}"][{"gap": 0}] = ABSENT, np.nan
        ds[f"{name}_state"][{"gap": 0}], ds[name][{"gap": 0}] = ABSENT, np.nan
    tested = claims.claims([(study, [ds])])
    assert set(tested[tested.claim.isin(PHASES[:3])].verdict) == {"agrees"}
    for name in PHASES[:3]:
        there = {"gap": 0, "network": "gated-8"}
        ds[f"{name}_state"].loc[there], ds[name].loc[there] = MEASURED, 1.0
    tested = claims.claims([(study, [ds])])
    rows = tested[tested.claim.isin(PHASES[:3])]
    assert set(zip(rows.verdict, rows.of_exact, rows.why, strict=True)) == {("disagrees", "disagrees", "learning")}
