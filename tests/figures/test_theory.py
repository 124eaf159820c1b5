"""Figures of the findings: what is drawn is what the tables say."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from tiny import edited, run_stages

from scoregap import findings, storage
from scoregap.figures import theory
from scoregap.study import load

EXACT = (("[exact, gaussian, gated-8]", "[exact]"), ("points: 4", "points: 2"), ("[arcs]", "[linear]"))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        (
            "finite_size",
            (("[8]", "[10, 20, 40]"), ("manifold_dim: [2]", "manifold_dim: [0.4]"), ("[0.0, 0.5]", "[0.0]")),
        ),
        (
            "gap_existence",
            (
                ("manifold_dim: [2]", "manifold_dim: [2, 4]"),
                ("[0.0, 0.5]", "[0.0]"),
                ("  seed: 2", "  manifold.groups.0.std: [0.5, 5.0]\n  seed: 2"),
            ),
        ),
        ("curvature", (("[linear]", "[arcs]"), ("manifold_dim: [2]", "manifold_dim: [2, 4]"))),
    ],
)
def test_figures_are_labelled_and_saved(tmp_path, name, changes):
    study = edited(tmp_path, *EXACT, *changes)
    run_stages(study, tmp_path)
    loaded = load(study)
    assert loaded.findings == [name]
    assert (tmp_path / "figures" / f"{name}.svg").stat().st_size > 10_000
    figure = theory.DRAW[name](loaded, list(storage.read_cube(tmp_path / "cube.zarr").values()))
    drawn = [ax for ax in figure.get_axes() if ax.axison]
    assert any(ax.get_xlabel() for ax in drawn)
    assert all(ax.get_title() for ax in drawn if ax.get_label() != "<colorbar>")
    assert figure.get_suptitle()
    plt.close(figure)


def test_small_curvature_is_where_the_exact_score_goes(done):
    study, results = done
    datasets = list(storage.read_cube(results / "cube.zarr").values())
    loaded = load(study)
    c = np.array([0.0, 0.02, 50.0])
    ratio = theory.small_curvature(loaded, {}, c)
    assert ratio[0] == 1
    assert np.isnan(ratio[2])
    truth = loaded.cells[-1].truth()
    squares = np.mean([cell.truth().scales ** 2 for cell in loaded.cells], 0)
    kappa = truth.kappa / 0.5 * 0.02
    share = squares[0] / (squares[0] + squares[-1])
    assert ratio[1] == pytest.approx(1 - kappa**2 * squares[-1] * (0.5 + 2 * share**2))
    assert findings.curvature(loaded, datasets).curvature.tolist() == [0.0, 0.5]
