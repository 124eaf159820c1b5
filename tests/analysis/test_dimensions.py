"""The table of estimators of the dimension, against the cube."""

import numpy as np
import pandas as pd
import pytest
from tiny import WITH_DIMENSION, edited, measured

from scoregap import analysis
from scoregap.analysis import dimensions
from scoregap.study import load


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """(study, datasets) of the tiny study with estimators of the dimension, and without networks."""
    return measured(tmp_path_factory.mktemp("compared"), WITH_DIMENSION)


@pytest.mark.slow
def test_estimators_against_the_cube(compared):
    study, (ds,) = compared
    frame = dimensions.estimators(study, [ds])
    of_score, of_data = frame[frame.network != "data"], frame[frame.network == "data"]
    assert len(of_score) == 2 * 6 * 8
    assert (of_score.n == 6).all()
    assert of_data[["method", "n"]].values.tolist() == [["local_pca", 2]] * 2
    for row in of_score.itertuples():
        errors = (
            ds.estimate.sel(curvature=row.curvature, score_estimator=row.method, network=row.network)
            .sel(estimate_time=row.t)
            .values.ravel()
            - 2
        )
        assert (row.bias, row.spread) == pytest.approx((errors.mean(), errors.std()), abs=1e-6)
        assert row.right == pytest.approx((abs(errors) < 0.5).mean())
        assert row.cost == ds.estimate_cost.sel(curvature=row.curvature, score_estimator=row.method).item(0)
    assert set(frame.dimension) == {2}


def test_estimators_in_lines(compared):
    study, datasets = compared
    text = analysis.Tables(study, datasets).lines()
    start = next(i for i, line in enumerate(text) if line.startswith("dimension estimators"))
    assert [line.strip() for line in text[start:] if "true dimension" in line][1:] == [
        "curvature 0, true dimension 2", "curvature 0.5, true dimension 2",
    ]  # fmt: skip
    (first, *_) = [line for line in text if "final_gap" in line]
    assert first.split()[:3] == ["exact", "final_gap", "8"]
    assert len(first.split()) == 3 + 2 * dimensions.TIMES_SHOWN
    assert not [line for line in text if "published" in line]


def test_published_numbers_stand_beside_their_own_set_only(compared, tmp_path):
    study, _ = compared
    rows = pd.DataFrame({"family": ["sphere"], "ambient_dim": [100], "dimension": [10.0]})
    assert dimensions.published_of(study, rows)["ID-diff (trained)"] == 11
    line = rows.assign(family="spaghetti", dimension=1.0)
    assert dimensions.published_biases(study, line)["local PCA"] == 31
    for other in ({"family": "arcs"}, {"ambient_dim": 50}, {"dimension": 11.0}):
        assert dimensions.published_of(study, rows.assign(**other)) == {}
    noisy = load(edited(tmp_path, ("manifold:\n", "manifold:\n  noise: 0.01\n")))
    assert dimensions.published_of(noisy, rows) == {}


def test_the_true_dimension_of_a_block_is_that_of_its_points(compared):
    study, (ds,) = compared
    several = ds.assign(
        point_dimension=ds.point_dimension.load().copy(data=np.broadcast_to([1.0, 2, 3], ds.point_dimension.shape))
    )
    frame = dimensions.estimators(study, [several])
    assert frame.dimension[frame.network == "data"].unique() == [3]
    large = frame.assign(bias=frame.bias + 10_000)
    text = dimensions.estimator_lines(study, large)
    assert [line.strip().split(", ")[1] for line in text if ", true dimension" in line] == ["true dimension 2"] * 2
    (first, *_) = [line for line in text if "final_gap" in line]
    assert len(first.split()) == 3 + 2 * dimensions.TIMES_SHOWN  # columns stay apart


def test_estimators_without_results(compared):
    study, (ds,) = compared
    names = ["estimate", "data_estimate"]
    empty = ds.assign({name: ds[name] * np.nan for name in names})
    assert dimensions.estimators(study, [empty]).empty
    assert not [line for line in analysis.Tables(study, [empty]).lines() if "estimators" in line]
    only_data = ds.drop_vars(["estimate", "estimate_cost"])
    assert set(dimensions.estimators(study, [only_data]).network) == {"data"}
    assert any("local_pca" in line for line in analysis.Tables(study, [only_data]).lines())
