"""What every score answers, whoever it is."""

import numpy as np
import pytest
import torch

from scoregap import data, scores
from scoregap.measure import agreement, spectra
from scoregap.scores import Source, base
from scoregap.scores.base import HasProducts, Score
from scoregap.scores.differences import Differences
from scoregap.scores.network import Network, ensemble
from scoregap.study.training import Noise, Train

D = 6
ARCS = data.manifold("arcs", D, [(1, 1.0), (2, 0.3)], curvature=0.5, seed=1)
TRAIN = Train(steps=1, levels=1, samples=1, depth=1, noise=Noise(start=1e-3, stop=1e2))


def denoiser():
    """Of a network with the weights that it starts with, but for the last layer, which starts at 0."""
    built = ensemble("gated-16", D, TRAIN, [0.8], [3])
    last = built.network.leave.weight
    last.data = 0.3 * torch.randn(last.shape, generator=torch.Generator().manual_seed(4))
    return built.requires_grad_(False)


def refuse():
    raise AssertionError("not needed")


SOURCES = {
    "exact": Source(ARCS, refuse, refuse),
    "gaussian": Source(ARCS, refuse, refuse),
    "empirical": Source(None, lambda: ARCS.sample(np.random.default_rng(2), 9)[0], refuse),
    "gated-16": Source(None, refuse, denoiser),
}
CASES = [*SOURCES, *(f"{name}, {method}" for name in ("exact", "gated-16") for method in ("central", "one-sided"))]
every = pytest.mark.parametrize("case", CASES)


def made(case) -> Score:
    name, *method = case.split(", ")
    score = scores.load(name, SOURCES[name])
    return Differences(score, method[0], 0.1 if "gated" in name else 0.01) if method else score


def points(levels=3, n=4):
    """Noisy points (levels n, D) and their noise variances."""
    rng, t = np.random.default_rng(0), np.repeat(np.geomspace(0.02, 2, levels), n)
    clean = ARCS.sample(rng, len(t))[0]
    return clean + np.sqrt(t)[:, None] * rng.standard_normal(clean.shape), t


def test_the_registry_names_every_kind_once():
    assert scores.UNTRAINED == ("exact", "gaussian", "empirical")
    assert scores.REFERENCES == ("exact", "gaussian")
    assert [scores.kind(name).trained for name in (*scores.UNTRAINED, "gated-64", "linear")] == [False] * 3 + [True] * 2
    for name, source in SOURCES.items():
        assert isinstance(scores.load(name, source), Score)


@every
def test_a_score_is_asked_for_many_points_as_for_one(case):
    score, (x, t) = made(case), points()
    denoised = score.denoise(x, t)
    assert denoised.shape == x.shape
    assert denoised.dtype == float
    for i in (0, 5, 11):
        np.testing.assert_allclose(score.denoise(x[i : i + 1], float(t[i]))[0], denoised[i], atol=2e-5)
    order = np.random.default_rng(1).permutation(len(x))
    np.testing.assert_allclose(score.denoise(x[order], t[order]), denoised[order], atol=2e-5)
    assert np.abs(denoised - x).max() > 0.1


@every
def test_the_jacobian_is_the_slope_of_the_denoised_points(case):
    score, (x, t) = made(case), points()
    mean, jacobian = score.jacobian(x, t)
    np.testing.assert_allclose(mean, score.denoise(x, t), atol=1e-6)
    network = "gated" in case
    step = (1e-1 if network else 1e-4) * np.sqrt(t)[:, None]
    for j in range(D):
        e = np.eye(D)[j]
        slope = (score.denoise(x + step * e, t) - score.denoise(x - step * e, t)) / (2 * step)
        np.testing.assert_allclose(jacobian[:, :, j], slope, atol=5e-2 if network or "one" in case else 1e-4)


@every
def test_local_is_read_off_the_jacobian(case):
    score, (x, t) = made(case), points()
    found, (mean, jacobian) = score.local(x, t, 3), score.jacobian(x, t)
    eigenvalues, vectors, singular_values, asymmetry = spectra.spectra(jacobian)
    np.testing.assert_array_equal(found.mean, mean)
    np.testing.assert_allclose(found.eigenvalues, eigenvalues, atol=1e-9)
    np.testing.assert_allclose(found.singular_values, singular_values, atol=1e-9)
    np.testing.assert_allclose(found.asymmetry, asymmetry, atol=1e-9)
    assert (case in SOURCES and "gated" not in case) == (found.asymmetry == 0).all()
    assert found.vectors.shape == (12, D, 3)
    symmetric = 0.5 * (jacobian + jacobian.swapaxes(1, 2)) - np.eye(D)
    image = symmetric @ found.vectors
    np.testing.assert_allclose(image, found.vectors * found.eigenvalues[:, None, :3], atol=1e-8)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-8)
    assert np.abs(found.vectors - vectors[..., 3:]).max() > 0.1
    assert score.local(x, t).vectors.shape == (12, D, 0)
    assert score.local(x, t).sketch.shape == (12, 0, 0)
    frames = agreement.frames(np.random.default_rng(0), D)
    np.testing.assert_allclose(score.local(x, t, 0, frames).sketch, agreement.sketch(jacobian, frames), atol=1e-9)
    assert score.local(x, t).along.shape == score.local(x, t).share.shape == (12, 0)


@every
def test_along_directions_it_is_read_off_the_jacobian(case):
    """Quadratic forms, and how much of the score lies along the modes above one half: eigenvectors one by one."""
    score, (x, t) = made(case), points()
    directions = np.linalg.qr(np.random.default_rng(4).standard_normal((D, D)))[0][:, :4]
    found, (mean, jacobian) = score.local(x, t, directions=directions, shares=True), score.jacobian(x, t)
    assert found.along.shape == (12, 4)
    for i in range(12):
        for k, u in enumerate(directions.T):
            assert found.along[i, k] == pytest.approx(u @ jacobian[i] @ u, abs=1e-6)
        values, vectors = np.linalg.eigh(0.5 * (jacobian[i] + jacobian[i].T))
        step = mean[i] - x[i]
        share = sum((v @ step) ** 2 for value, v in zip(values, vectors.T, strict=True) if value > 0.5) / (step @ step)
        assert found.share[i] == pytest.approx(share, abs=1e-5)
    assert ((found.share > 0.01) & (found.share < 0.99)).any()
    np.testing.assert_array_equal(score.local(x, t, directions=directions).along, found.along)
    assert score.local(x, t, directions=directions).share.shape == (12, 0)


@every
def test_memory_is_bounded_whatever_the_number_of_points(case, monkeypatch):
    score, (x, t) = made(case), points()
    whole, asked, near = score.local(x, t, 2), [], type(score).near
    monkeypatch.setattr(base, "ENTRIES", 5 * D**2 + 1)
    monkeypatch.setattr(type(score), "near", lambda self, x, *rest: asked.append(len(x)) or near(self, x, *rest))
    parts = score.local(x, t, 2)
    assert asked == [5, 5, 2]
    for one, other in zip(whole[:4], parts[:4], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4 if "gated" in case else 1e-12)
    assert parts.vectors.shape == whole.vectors.shape
    monkeypatch.setattr(base, "ENTRIES", 1)
    assert base.at_once(3072) == 1


@every
def test_products_are_with_the_jacobian_and_its_transpose(case):
    score, (x, t) = made(case), points()
    assert isinstance(score, HasProducts) == (case in SOURCES)
    if case not in SOURCES:
        return
    rows = np.random.default_rng(3).standard_normal((4, D))
    g = score.jacobian(x[7:8], t[7])[1][0]
    for product, matrix in zip(score.products(x[7], t[7]), (g, g.T), strict=True):
        np.testing.assert_allclose(product(rows), rows @ matrix.T, atol=1e-5)


@every
def test_the_trace_is_that_of_the_jacobian(case):
    """Exact of closed forms, whatever the probes; of others within four standard errors of 400 random signs."""
    score, (x, t) = made(case), points()
    mean, jacobian = score.jacobian(x, t)
    exact = np.trace(jacobian, axis1=1, axis2=2)
    found = score.traced(x, t, np.random.default_rng(0).choice([-1.0, 1.0], (400, *x.shape)))
    np.testing.assert_allclose(found.mean, mean, atol=1e-6)
    if "gated" in case and case in SOURCES:
        assert (np.abs(found.trace - exact) < 4 * found.error).all()
        assert 0.001 < found.error.mean() < 0.1
    else:
        np.testing.assert_allclose(found.trace, exact, rtol=1e-9, atol=1e-9)
        assert (found.error == 0).all()


def test_what_is_not_finite_is_not_known():
    jacobians = np.broadcast_to(0.5 * np.eye(D), (3, D, D)).copy()
    jacobians[1, 2, 3] = np.inf
    found = base.of_jacobian(np.zeros((3, D)), jacobians, 1, np.ones((3, D)))
    for array in (*found[1:5], found.share):
        np.testing.assert_array_equal(np.isfinite(array.reshape(3, -1)).all(1), [True, False, True])
    assert np.isfinite(jacobians).sum() == jacobians.size - 1


def test_who_may_not_know():
    """A closed form's guard may fail at a point; a network that is not finite has failed."""
    known = {case: made(case).guarded for case in CASES}
    assert known == {case: "gated" not in case for case in CASES}


def test_scores_of_the_same_data_are_the_same():
    assert scores.load("exact", SOURCES["exact"]) == scores.load("exact", SOURCES["exact"])
    other = data.manifold("arcs", D, [(1, 1.0), (2, 0.3)], curvature=0.5, seed=2)
    assert scores.load("exact", Source(other, refuse, refuse)) != scores.load("exact", SOURCES["exact"])
    assert scores.load("gaussian", SOURCES["exact"]) != scores.load("exact", SOURCES["exact"])
    assert isinstance(made("gated-16"), Network)
    assert made("gated-16") != made("gated-16")
