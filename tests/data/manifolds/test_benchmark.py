"""Benchmark manifolds of scikit-dimension: the table, the samples, and a package that is missing."""

import sys

import numpy as np
import pytest

from scoregap import InputError, data
from scoregap.data import capabilities


def test_registry():
    for name, (m, d) in data.BENCHMARKS.items():
        family = data.FAMILIES[f"skdim-{name}"]
        assert family.room([m], 0.0) == d
        assert family.exact == "unknown"
        assert family.load().name == name
    with pytest.raises(InputError, match=r"ambient_dim: 10 is not allowed: skdim-M1_Sphere needs at least 11"):
        data.manifold("skdim-M1_Sphere", 10, [(10, 1.0)])
    with pytest.raises(
        InputError, match=r"groups: 1 with 9 latents are not allowed: should be one group of 10 latents"
    ):
        data.manifold("skdim-M1_Sphere", 11, [(9, 1.0)])


def test_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "skdim.datasets", None)
    monkeypatch.setitem(sys.modules, "skdim", None)
    with pytest.raises(InputError, match=r"^family: 'skdim-M7_Roll' .* pip install 'scoregap\[benchmark\]'$"):
        data.manifold("skdim-M7_Roll", 3, [(2, 1.0)]).sample(np.random.default_rng(0), 2)


def test_it_does_not_pretend_to_know():
    roll = data.FAMILIES["skdim-M7_Roll"].load()(3, (data.Group(2, 1.0),), 0.0, 0)
    for unknown in (capabilities.Posterior, capabilities.Tangents, capabilities.Nearest, capabilities.Law):
        assert not isinstance(roll, unknown)
    assert isinstance(roll, capabilities.Groups)
    np.testing.assert_array_equal(roll.gaps_at(np.empty((4, 0))), np.ones((4, 1)))


def test_table_is_that_of_the_package():
    datasets = pytest.importorskip("skdim.datasets")
    table = datasets.BenchmarkManifolds(random_state=0).truth
    found = {name: (row.iloc[0], row.iloc[1]) for name, row in table.iterrows()}
    assert found == data.BENCHMARKS


def test_samples():
    pytest.importorskip("skdim")
    sphere = data.manifold("skdim-M1_Sphere", 13, [(10, 3.0)])
    points, latents = sphere.sample(np.random.default_rng(0), 2000)
    assert points.shape == (2000, 13)
    assert latents.shape == (2000, 0)
    np.testing.assert_array_equal(points, sphere.sample(np.random.default_rng(0), 2000)[0])
    assert np.abs(points - sphere.sample(np.random.default_rng(1), 2000)[0]).max() > 0.1
    np.testing.assert_array_equal(points[:, 11:], 0)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 3, rtol=0.01)  # 1/256 of a deviation off centre
    assert np.abs(points.mean(0)).max() < 4.5 * 3 / np.sqrt(11 * 2000)
    np.testing.assert_allclose(sphere.principal_axes[1], 9 / 11, rtol=0.03)
    np.testing.assert_allclose(sphere.covariance, np.diag([9 / 11] * 11 + [0, 0]), atol=0.03)


def test_cubes_are_sampled_evenly():
    """Every prefix of a sample has points on all faces."""
    pytest.importorskip("skdim")
    cube = data.manifold("skdim-M10a_Cubic", 11, [(10, 1.0)])
    points = cube.sample(np.random.default_rng(0), 2200)[0]
    faces = np.concatenate([np.isclose(points, points.min(0)), np.isclose(points, points.max(0))], 1)
    np.testing.assert_allclose(faces.mean(0), 1 / 22, rtol=0.02)
    assert (faces[:500].sum(0) > 8).all()
