"""Mixtures of Gaussians on subspaces: geometry, and the posterior against dense formulas with many digits."""

from itertools import product

import mpmath as mp
import numpy as np
import pytest

from scoregap import InputError, data
from scoregap.data import FAMILIES, Group
from scoregap.data.capabilities import Law
from scoregap.data.manifolds.mixture import Mixture


def mixture(separation=1.0, ambient_dim=6, seed=2, std=0.5):
    """A plane, a line and a ball."""
    groups = (Group(2, std, weight=1.0), Group(1, 1.0, weight=2.0), Group(3, 0.3, weight=0.5))
    return Mixture(ambient_dim, groups, 0.0, seed, separation)


def outer(vector):
    return vector * vector.T


def dense(family, x, t):
    """Mean and G at one point, from d x d covariances and determinants, with 60 digits."""
    d = family.ambient_dim
    with mp.workdps(60):
        x, t = mp.matrix(x.tolist()), mp.mpf(float(t))
        logs, means, covariances = [], [], []
        for weight, variance, frame, mean in zip(
            family.weights, family.variances, family.frames, family.means, strict=True
        ):
            frame, mean = mp.matrix(frame.tolist()), mp.matrix(mean.tolist())
            prior = mp.mpf(float(variance)) * frame * frame.T
            noisy = prior + t * mp.eye(d)
            gain = prior * noisy**-1
            off = x - mean
            logs.append(mp.log(weight) - mp.log(mp.det(noisy)) / 2 - (off.T * noisy**-1 * off)[0] / 2)
            means.append(mean + gain * off)
            covariances.append(prior - gain * prior)
        top = max(logs)
        shares = [mp.exp(log - top) for log in logs]
        shares = [share / mp.fsum(shares) for share in shares]
        mean, second = mp.zeros(d, 1), mp.zeros(d, d)
        for share, own, covariance in zip(shares, means, covariances, strict=True):
            mean += share * own
            second += share * (covariance + outer(own))
        jacobian = (second - outer(mean)) / t
        return np.array(mean.tolist(), float)[:, 0], np.array(jacobian.tolist(), float)


def points(family, t, rng):
    """One noisy point of every kind of component, one where responsibilities are shared, one far away."""
    clean, latents = family.sample(rng, 200)
    first = [np.flatnonzero(latents[:, 0] == k)[0] for k in range(len(family.groups))]
    noise = rng.standard_normal((5, family.ambient_dim))
    between = family.means[:1] * 0.5 + family.means[1:2] * 0.5
    base = np.concatenate([clean[first], between, 30 * clean[:1]])
    return base + np.sqrt(t) * noise


@pytest.mark.parametrize("t", [1e-8, 1e-4, 1e-2, 0.3, 10.0, 1e4])
@pytest.mark.parametrize("separation", [0.0, 2.0])
def test_posterior_matches_dense_formulas(separation, t):
    family = mixture(separation)
    x = points(family, t, np.random.default_rng(3))
    mean, jacobian = family.exact(x, t)
    for i in range(len(x)):
        true_mean, true_jacobian = dense(family, x[i], t)
        size = np.linalg.norm(true_jacobian, 2)
        np.testing.assert_allclose(jacobian[i], true_jacobian, rtol=0, atol=1e-10 * size)
        np.testing.assert_allclose(mean[i], true_mean, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("t", [1e-6, 1e-3])
def test_posterior_where_components_meet(t):
    """All pass through the mean at separation 0: responsibilities are shared some sqrt(t) away from it."""
    family = mixture(0.0)
    x = np.sqrt(t) * np.linspace(1, 5, 12)[:, None] * np.random.default_rng(0).standard_normal((12, 6))
    mean, jacobian = family.exact(x, t)
    mixed = 0
    for i in range(len(x)):
        true_mean, true_jacobian = dense(family, x[i], t)
        np.testing.assert_allclose(jacobian[i], true_jacobian, rtol=0, atol=1e-12)
        np.testing.assert_allclose(mean[i], true_mean, rtol=0, atol=1e-12 * np.sqrt(t))
        values = np.linalg.eigvalsh(true_jacobian)
        mixed += ((values > 0.05) & (values < 0.9)).any()
    assert mixed >= 3


def test_posterior_far_out_where_planes_meet():
    """Two planes of R^3 share a line: there, the distance to them is much less than that to their means."""
    family, t = data.manifold("mixture", 3, [(2, 1.0), (2, 0.8)], seed=4), 1e-8
    line = np.cross(*(np.cross(*frame.T) for frame in family.frames))
    rng = np.random.default_rng(0)
    x = np.array([[1.0], [2.0], [3.0]]) * line / np.linalg.norm(line) + np.sqrt(t) * rng.standard_normal((3, 3))
    mean, jacobian = family.exact(x, t)
    for i in range(3):
        true_mean, true_jacobian = dense(family, x[i], t)
        np.testing.assert_allclose(jacobian[i], true_jacobian, rtol=0, atol=1e-10)
        np.testing.assert_allclose(mean[i], true_mean, rtol=0, atol=1e-14)


def test_small_and_many_components_match_dense_formulas():
    """A nearly pointlike component; more components than dimensions; frames that fill the space."""
    small = mixture(1.0, std=1e-6)
    crowd = Mixture(3, tuple(Group(1 + k % 3, 0.5 + 0.1 * k, weight=1 + k) for k in range(5)), 0.0, 1, 1.5)
    assert crowd.exact(np.zeros((1, 3)), 1.0).eigenvalues.shape == (1, 3)
    for family in (small, crowd):
        for t in (1e-8, 1e-3, 1.0):
            rng = np.random.default_rng(1)
            x = family.sample(rng, 4)[0] + np.sqrt(t) * rng.standard_normal((4, family.ambient_dim))
            mean, jacobian = family.exact(x, t)
            for i in range(4):
                true_mean, true_jacobian = dense(family, x[i], t)
                size = np.linalg.norm(true_jacobian, 2)
                np.testing.assert_allclose(jacobian[i], true_jacobian, rtol=0, atol=1e-9 * size)
                np.testing.assert_allclose(mean[i], true_mean, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("t", [1e-8, 1.0, 1e4])
def test_far_points_are_finite(t):
    family = mixture()
    x = 1e6 * np.random.default_rng(0).standard_normal((4, 6))
    posterior = family.exact(x, t)
    assert np.isfinite(posterior.mean).all()
    assert np.isfinite(posterior.jacobian).all()
    assert posterior.eigenvalues.min() >= 0


def test_one_component_is_gaussian():
    family = data.manifold("mixture", 7, [(3, 0.8)], seed=1, separation=5.0)
    np.testing.assert_allclose(family.means, 0, atol=1e-15)
    x = np.random.default_rng(0).standard_normal((3, 7))
    for t in (1e-6, 1.0):
        mean, jacobian = family.exact(x, t)
        gaussian_mean, gaussian_jacobian = family.gaussian(x, t)
        np.testing.assert_allclose(mean, gaussian_mean, atol=1e-13)
        np.testing.assert_allclose(jacobian, gaussian_jacobian, atol=1e-13)
    np.testing.assert_allclose(jacobian[0] @ family.frames[0], family.frames[0] / (1 + 1 / (0.64 * 7 / 3)), atol=1e-13)


def test_components_have_their_share_size_and_place():
    family = mixture(2.0)
    assert list(family.order) == [1, 0, 2]
    assert family.manifold_dim == 3
    assert family.boundaries == (1, 2, 3)
    np.testing.assert_array_equal(family.group_of, [0, 1, 2])
    np.testing.assert_allclose(family.weights, [2 / 3.5, 1 / 3.5, 0.5 / 3.5])
    np.testing.assert_allclose(family.variances, np.array([1.0, 0.25, 0.09]) * 6 / 3)
    clean, latents = family.sample(np.random.default_rng(0), 40_000)
    np.testing.assert_array_equal(clean, family.embed(latents))
    assert latents.shape == (40_000, 4)
    for k, count in enumerate((1, 2, 3)):
        own = latents[:, 0] == k
        share = family.weights[k]
        assert abs(own.mean() - share) < 4.5 * np.sqrt(share * (1 - share) / 40_000)
        np.testing.assert_array_equal(latents[own, 1 + count :], 0)
        coordinates = latents[own, 1 : 1 + count]
        np.testing.assert_allclose(coordinates.var(0), family.variances[k], rtol=4.5 * np.sqrt(2 / own.sum()))
        frame = family.frames[k]
        np.testing.assert_allclose(frame.T @ frame, np.eye(count), atol=1e-14)
        np.testing.assert_allclose((clean[own] - family.means[k]) @ frame, coordinates, atol=1e-12)
        tangents = family.tangents(latents[own][:2])
        assert tangents.shape == (2, 6, 3)
        np.testing.assert_array_equal(tangents[0, :, :count], frame)
        assert np.isnan(tangents[:, :, count:]).all()


def test_equal_dimensions_share_a_boundary():
    family = data.manifold("mixture", 5, [(2, 1.0), (1, 0.5), (2, 0.1)])
    assert family.boundaries == (1, 2)
    assert not isinstance(family, Law)


@pytest.mark.parametrize(("count", "ambient_dim"), [(3, 6), (6, 6), (7, 6)])
def test_means_are_apart_and_centred(count, ambient_dim):
    family = data.manifold("mixture", ambient_dim, [(2, 1.0 + k) for k in range(count)], separation=0.5)
    means = family.means
    np.testing.assert_allclose(family.weights @ means, 0, atol=1e-12)
    length = 0.5 * count * np.sqrt(ambient_dim / 2)
    gaps = np.linalg.norm(means[:, None] - means, axis=-1)[~np.eye(count, dtype=bool)]
    if count <= ambient_dim:
        np.testing.assert_allclose(gaps, np.sqrt(2) * length)  # orthonormal directions from a common point
    else:
        assert 0.2 * length < gaps.min() < gaps.max() <= 2 * length
        centre = np.linalg.lstsq(2 * (means[1:] - means[0]), (means[1:] ** 2).sum(1) - (means[0] ** 2).sum())[0]
        np.testing.assert_allclose(np.linalg.norm(means - centre, axis=1), length)


def test_covariance_is_within_and_between():
    for separation in (0.0, 1.5):
        family = mixture(separation)
        expected = sum(
            w * (v * u @ u.T + np.outer(mean, mean))
            for w, v, u, mean in zip(family.weights, family.variances, family.frames, family.means, strict=True)
        )
        np.testing.assert_allclose(family.covariance, expected, atol=1e-13)
        axes, variances = family.principal_axes
        np.testing.assert_allclose(axes.T @ axes, np.eye(axes.shape[1]), atol=1e-13)
        assert np.all(np.diff(variances) <= 0)
    for seed in range(8):  # centred means span one direction less than there are components
        variances = mixture(1.0, ambient_dim=20, seed=seed).principal_axes[1]
        assert variances.min() >= 0
        assert variances[-1] < 1e-14 < 1e-3 < variances[-2]


def test_local_dimension_changes_with_scale():
    """A lollipop: near the ball G has three directions, on the stick one, and under much noise the whole covariance."""
    family = data.manifold("mixture", 8, [(1, 2.0), (3, 0.5)], seed=3, separation=1.0)
    clean, latents = family.sample(np.random.default_rng(1), 50)
    values = family.exact(clean, 1e-6).spectrum()
    np.testing.assert_array_equal((values > 0.5).sum(1), np.where(latents[:, 0] == 0, 1, 3))
    np.testing.assert_allclose(1e6 * family.exact(clean, 1e6).jacobian[0], family.covariance, atol=1e-3)


def test_work_is_done_in_the_span_of_the_data():
    for separation, directions in ((0.0, 6), (1.0, 9)):
        family = mixture(separation, ambient_dim=20)
        assert family.exact(np.zeros((1, 20)), 1.0).eigenvalues.shape == (1, directions)


def test_registry():
    assert FAMILIES["mixture"].load() is Mixture
    assert not FAMILIES["mixture"].shares
    assert FAMILIES["mixture"].room([3, 1, 3], 0.0) == 3
    for groups, settings, message in (
        ([(1, 1.0, 0.5)], {}, r"^groups\[0\].bend: 0.5 is not allowed: mixture does not use it$"),
        ([(1, 1.0, 1.0, "constant", 0.0, 0.0)], {}, r"^groups\[0\].weight: 0.0 is not allowed: should be from 1e-09"),
        ([(1, 1.0)], {"frame": "random"}, "^frame: 'random' is not allowed: mixture does not use it$"),
    ):
        with pytest.raises(InputError, match=message):
            data.manifold("mixture", 4, groups, **settings)
    with pytest.raises(InputError, match=r"^curvature: 1.0 is not allowed: mixture has none to set"):
        data.manifold("mixture", 4, [(1, 1.0)], 1.0)


def lollipop(law="uniform", separation=1.0, ambient_dim=5):
    """A square, a segment and a point."""
    groups = (Group(2, 1.0, weight=4.0), Group(1, 0.7, weight=2.0), Group(0, 1.0, weight=1.0))
    return Mixture(ambient_dim, groups, 0.0, 3, separation, law)


@pytest.mark.parametrize("law", ["gaussian", "uniform", "laplace"])
@pytest.mark.parametrize("t", [0.02, 0.5, 20.0])
def test_unions_of_any_law_match_sums_over_their_latents(law, t):
    family, rng = lollipop(law), np.random.default_rng(0)
    x = family.sample(rng, 6)[0] + np.sqrt(t) * rng.standard_normal((6, 5))
    ends = {"gaussian": 7.0, "uniform": np.sqrt(3), "laplace": 20.0}[law]
    z = ends * (np.arange(-300, 300) + 0.5) / 300
    each = {"gaussian": np.exp(-(z**2) / 2), "uniform": np.ones(600), "laplace": np.exp(-np.sqrt(2) * np.abs(z))}[law]
    clean, prior = [], []
    for k, count in enumerate(family.sizes):
        grid = np.array(list(product(z, repeat=count)))
        places = np.zeros((len(grid), 1 + family.manifold_dim))
        places[:, 0], places[:, 1 : 1 + count] = k, grid * np.sqrt(family.variances[k])
        own = np.ones(1)
        for _ in range(count):
            own = np.outer(own, each).ravel()
        clean.append(family.embed(places))
        prior.append(family.weights[k] * own / own.sum())
    clean, prior = np.concatenate(clean), np.concatenate(prior)
    mean, jacobian = family.exact(x, t)
    for i in range(6):
        log = -((x[i] - clean) ** 2).sum(1) / (2 * t)
        weights = prior * np.exp(log - log.max())
        weights /= weights.sum()
        expected = weights @ clean
        np.testing.assert_allclose(mean[i], expected, atol=2e-3)
        np.testing.assert_allclose(
            jacobian[i], ((clean - expected) * weights[:, None]).T @ (clean - expected) / t, atol=0.01
        )


def test_a_point_is_a_component_without_dimension():
    family = lollipop()
    assert family.boundaries == (1, 2)
    assert family.manifold_dim == 2
    points, places = family.sample(np.random.default_rng(0), 7000)
    kind = family.sizes[places[:, 0].astype(int)]
    np.testing.assert_allclose(np.bincount(kind) / 7000, [1 / 7, 2 / 7, 4 / 7], atol=0.02)
    np.testing.assert_array_equal(points[kind == 0], np.broadcast_to(points[kind == 0][0], points[kind == 0].shape))
    np.testing.assert_array_equal(family.gaps_at(places), kind[:, None] == [1, 2])
    assert np.isnan(family.tangents(places)[kind == 0]).all()
    spectrum = family.exact(points, 1e-8).spectrum()
    np.testing.assert_array_equal((spectrum > 0.25).sum(1), kind)  # at an end of a segment G is 1 - 2 / pi


def test_only_mixtures_have_points_and_not_points_alone():
    with pytest.raises(InputError, match=r"^groups\[1\].count: 0 is not allowed: should be a whole number from 1$"):
        data.manifold("linear", 4, [(1, 1.0), (0, 1.0)])
    with pytest.raises(InputError, match=r"^groups: are points alone: should have a component of dimension 1 or more$"):
        data.manifold("mixture", 4, [(0, 1.0), (0, 1.0)])
    with pytest.raises(InputError, match=r"^groups\[0\].count: -1 is not allowed: should be a whole number from 0$"):
        data.manifold("mixture", 4, [(-1, 1.0), (1, 1.0)])
