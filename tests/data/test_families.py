"""What every registered manifold family promises, checked without looking inside it.

A new family needs one line or more in EXAMPLES; what it says that it lacks (`Family.exact`) is left out.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap import InputError, data
from scoregap.data import FAMILIES, Group
from scoregap.data.capabilities import Law, Pushforward

D = 8
# Settings of each family in R^8: groups (count, std, bend, law, width, weight), curvature, what else it reads.
EXAMPLES = {
    "linear": [
        {"groups": [(1, 0.4), (2, 1.0)]},
        {"groups": [(2, 1.0), (2, 0.3)], "frame": "orthonormal"},
        {"groups": [(2, 1.0), (2, 0.3)], "noise": 0.05},
    ],
    "arcs": [
        {"groups": [(2, 1.0), (1, 0.3)]},
        {"groups": [(1, 0.5), (2, 1.0)], "curvature": 0.8},
        {"groups": [(1, 1.0, 0.0), (2, 0.5, 3.0)], "curvature": 0.5, "frame": "orthonormal"},
    ],
    "sphere": [
        {"groups": [(3, 1.0)], "curvature": 1.0},
        {"groups": [(1, 0.4), (2, 1.0, 1.5)], "curvature": 0.7},
        {"groups": [(2, 1.0)], "curvature": 0.5, "noise": 0.01},
    ],
    "torus": [{"groups": [(1, 1.0, 0.7), (2, 0.4)], "curvature": 0.9}],
    "mixture": [
        {"groups": [(1, 1.0), (3, 0.4, 1.0, "constant", 0.0, 2.0)], "separation": 0.7},
        {"groups": [(2, 0.5), (2, 1.0), (4, 0.7)]},
        {"groups": [(1, 1.0), (3, 0.4), (0, 1.0)], "separation": 0.7, "latents": "uniform"},
        {"groups": [(1, 1.0), (3, 0.4), (0, 1.0)], "separation": 0.7, "latents": "uniform", "noise": 0.02},
        {"groups": [(2, 0.5), (0, 1.0), (0, 0.2), (4, 0.7)], "separation": 0.5, "latents": "laplace"},
    ],
    "affine": [
        {"groups": [(1, 0.4), (2, 1.0)], "latents": "uniform"},
        {"groups": [(2, 1.0), (1, 0.3)], "latents": "laplace"},
        {"groups": [(2, 1.0), (1, 0.3)]},
    ],
    "spaghetti": [{"groups": [(1, 1.3)]}],
    "tanh": [{"groups": [(1, 0.4), (2, 1.0)], "curvature": 0.8}, {"groups": [(3, 1.0, 1.0, "uniform", 0.8)]}],
    "quadratic": [
        {"groups": [(1, 0.4), (2, 1.0)], "curvature": 0.6},
        {"groups": [(3, 1.0)], "curvature": 0.5, "sign": "negative"},
        {"groups": [(3, 1.0)], "curvature": 0.5, "sign": "positive", "frame": "orthonormal"},
    ],
}
CASES = [(name, k) for name, examples in EXAMPLES.items() for k in range(len(examples))]
KNOWN = [(name, k) for name, k in CASES if FAMILIES[name].exact == "closed form"]
CURVED = [(name, k) for name, k in KNOWN if EXAMPLES[name][k].get("curvature")]

every = pytest.mark.parametrize("case", CASES, ids="{0[0]}-{0[1]}".format)
known = pytest.mark.parametrize("case", KNOWN, ids="{0[0]}-{0[1]}".format)
curved = pytest.mark.parametrize("case", CURVED, ids="{0[0]}-{0[1]}".format)


def build(case, ambient_dim=D, seed=0, **other):
    name, k = case
    return data.manifold(name, ambient_dim, **(EXAMPLES[name][k] | other), seed=seed)


def noisy(family, t, n, seed=0):
    """Clean points, their latents, and the points with noise."""
    rng = np.random.default_rng(seed)
    clean, latents = family.sample(rng, n)
    return clean, latents, clean + np.sqrt(t) * rng.standard_normal(clean.shape)


def near_zero(values, sigmas=4.5):
    """Whether the mean over the first dimension is 0 within Monte-Carlo error."""
    error = values.std(0, ddof=1) / np.sqrt(len(values))
    return np.all(np.abs(values.mean(0)) <= sigmas * error + 1e-12)


def test_every_family_has_an_example():
    assert set(EXAMPLES) == {name for name, family in FAMILIES.items() if family.exact != "unknown"}


@every
def test_points_are_a_map_of_normal_numbers(case):
    """`pushforward` makes of a generator's normal numbers what `sample` makes of them; in torch's float32, nearly."""
    family = build(case)
    drawn_otherwise = case[0] in ("mixture", "affine", "spaghetti") or EXAMPLES[case[0]][case[1]].get("noise")
    assert isinstance(family, Pushforward) == (not drawn_otherwise)
    if drawn_otherwise:
        return
    size, push = family.pushforward(np, np.asarray)
    normals = np.random.default_rng(3).standard_normal((500, size))
    points = family.sample(np.random.default_rng(3), 500)[0]
    np.testing.assert_allclose(push(normals), points, rtol=1e-9, atol=1e-12)
    size, push = family.pushforward(torch, lambda array: torch.from_numpy(np.asarray(array, np.float32)))
    found = push(torch.from_numpy(normals).float())
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, points, rtol=0, atol=3e-6 * np.abs(points).max())


@every
def test_seed_decides(case):
    (one, latents), (two, _) = (build(case).sample(np.random.default_rng(1), 5) for _ in range(2))
    other = build(case, seed=1).sample(np.random.default_rng(1), 5)[0]
    assert one.shape == (5, D)
    assert one.dtype == float
    assert len(latents) == 5
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).max() > 0.1
    drawn = build(case).sample(np.random.default_rng(2), 5)[0]
    assert np.abs(one - drawn).max() > 0.1


@every
def test_mean_and_covariance(case):
    family = build(case)
    points, _ = family.sample(np.random.default_rng(0), 40_000)
    axes, variances = family.principal_axes
    np.testing.assert_allclose(axes.T @ axes, np.eye(axes.shape[1]), atol=1e-12)
    np.testing.assert_allclose(family.covariance, (axes * variances) @ axes.T, atol=1e-14)
    along = points @ axes
    assert near_zero(along)
    assert near_zero(along[:, :, None] * along[:, None, :] - np.diag(variances))
    np.testing.assert_allclose(points - along @ axes.T, 0, atol=1e-12)


@every
def test_shape_of_the_family(case):
    family = build(case)
    bands, m = family.boundaries, family.manifold_dim
    assert list(bands) == sorted(set(bands))
    assert bands[-1] == m
    np.testing.assert_array_equal(family.group_of, np.searchsorted(bands, np.arange(m), side="right"))
    for edges in (family.law_edges(), family.edges(), *family.corrected_edges()) if isinstance(family, Law) else ():
        assert edges.shape == (len(bands), 2)
    assert sorted(family.order) == list(range(len(family.groups)))
    assert [family.groups[k] for k in family.order] == list(family.ordered)
    assert [group.count for group in family.ordered] == list(family.sizes)


@every
def test_tangents_are_orthonormal(case):
    family = build(case)
    _, latents = family.sample(np.random.default_rng(0), 30)
    tangents = family.tangents(latents)
    m = family.manifold_dim
    assert tangents.shape == (30, D, m)
    there = ~np.isnan(tangents).any(1)
    dims = there.sum(1)
    np.testing.assert_array_equal(there, np.arange(m) < dims[:, None])
    assert set(dims) <= {*family.boundaries, 0 if 0 in family.counts else family.boundaries[-1]}
    assert FAMILIES[case[0]].shares <= (dims == m).all()
    products = np.swapaxes(tangents, 1, 2) @ tangents
    expected = np.where(there[:, :, None] & there[:, None, :], np.eye(m), np.nan)
    np.testing.assert_allclose(products, expected, atol=1e-12)


@known
def test_little_noise_leaves_the_tangent_space(case):
    family = build(case)
    clean, latents = family.sample(np.random.default_rng(1), 20)
    tangents = np.nan_to_num(family.tangents(latents))
    mean, jacobian = family.exact(clean, 1e-8)
    noise = EXAMPLES[case[0]][case[1]].get("noise", 0.0)  # more than 1e-8, if any: all directions are of the data
    expected = np.eye(D) if noise else tangents @ np.swapaxes(tangents, 1, 2)
    np.testing.assert_allclose(jacobian, np.broadcast_to(expected, jacobian.shape), atol=2e-6)
    np.testing.assert_allclose(mean, clean, atol=2e-6)


@known
def test_much_noise_leaves_the_covariance(case):
    family, t = build(case), 1e8
    _, _, x = noisy(family, 1.0, 3)
    mean, jacobian = family.exact(x, t)
    np.testing.assert_allclose(t * jacobian, np.broadcast_to(family.covariance, jacobian.shape), atol=1e-5)
    # What x adds: skewed data have a mean of order 1 / t at 0 already.
    centre = family.exact(np.zeros((1, D)), t).mean
    np.testing.assert_allclose(t * (mean - centre), x @ family.covariance, atol=1e-5)


@known
@pytest.mark.parametrize("t", [1e-6, 0.05, 1.0, 100.0])
def test_g_and_its_spectrum(case, t):
    """Symmetric, positive semidefinite, and the same by eigenvalues, by eigenvectors and whole."""
    family = build(case)
    posterior = family.exact(noisy(family, t, 6)[2], t)
    mean, jacobian = posterior
    assert mean.shape == (6, D)
    assert jacobian.shape == (6, D, D)
    size = np.abs(jacobian).max()
    np.testing.assert_allclose(jacobian, np.swapaxes(jacobian, 1, 2), atol=1e-14 * size)
    assert posterior.eigenvalues.min() >= 0
    np.testing.assert_allclose(posterior.spectrum(), np.linalg.eigvalsh(jacobian)[:, ::-1], atol=1e-12 * size)
    vectors = posterior.eigenvectors
    r = vectors.shape[2]
    assert posterior.eigenvalues.shape == (6, r)
    np.testing.assert_allclose(np.swapaxes(vectors, 1, 2) @ vectors, np.broadcast_to(np.eye(r), (6, r, r)), atol=1e-12)
    np.testing.assert_allclose(jacobian @ vectors, vectors * posterior.eigenvalues[:, None], atol=1e-12 * size)
    count = min(r, family.manifold_dim)
    top = posterior.leading(count)
    rayleigh = np.einsum("nik,nij,njk->nk", top, jacobian, top)
    np.testing.assert_allclose(rayleigh, posterior.spectrum()[:, :count], atol=1e-12 * size)


@known
@settings(derandomize=True, deadline=None, max_examples=15)
@given(log_t=st.floats(-5, 3), seed=st.integers(0, 10_000))
def test_g_is_the_jacobian_of_the_mean(case, log_t, seed):
    t = 10**log_t
    family = build(case, seed=seed)
    _, _, x = noisy(family, t, 2, seed)
    # G varies over the width of the posterior, sqrt(t) or the data's own.
    h = 1e-2 * np.sqrt(t / (1 + t))
    numeric = np.zeros((2, D, D))
    for weight, step in zip((1, -8, 8, -1), (-2, -1, 1, 2), strict=True):
        moved = x[:, None] + step * h * np.eye(D)
        mean = family.exact(moved.reshape(-1, D), t).mean.reshape(2, D, D)
        numeric += weight * np.swapaxes(mean, 1, 2) / (12 * h)
    jacobian = family.exact(x, t).jacobian
    np.testing.assert_allclose(jacobian, numeric, rtol=0, atol=1e-6 * max(1, np.abs(jacobian).max()))


@known
@pytest.mark.parametrize("t", [0.4, 2.0])
def test_score_and_trace_are_derivatives_of_log_p(case, t):
    """p_t by a sum over samples, the same for all finite differences: grad log p_t and d + t div s = tr G."""
    family, batches, h = build(case), 20, 1e-3
    samples, _ = family.sample(np.random.default_rng(7), batches * 10_000)
    squares = (samples**2).sum(1)
    x = noisy(family, t, 6, seed=3)[2]
    x = x[np.argsort((x**2).sum(1))[:2]]  # in the tails of p_t too few samples count
    mean, jacobian = family.exact(x, t)
    for i in range(2):
        near = x[i] + h * np.concatenate([np.zeros((1, D)), np.eye(D), -np.eye(D)])
        log = (samples @ near.T - 0.5 * squares[:, None] - 0.5 * (near**2).sum(1)) / t
        log = log.reshape(batches, -1, 2 * D + 1)
        density = np.exp(log - log.max()).sum(1)
        # The logarithm of a mean is biased: jackknife over batches.
        whole = density.sum(0)
        log_p = batches * np.log(whole) - (batches - 1) * np.log((whole - density) * batches / (batches - 1))
        here, up, down = log_p[:, :1], log_p[:, 1 : D + 1], log_p[:, D + 1 :]
        assert near_zero((up - down) / (2 * h) - (mean[i] - x[i]) / t, 5.5)
        divergence = ((up - 2 * here + down) / h**2).sum(1)
        assert near_zero(D + t * divergence - np.trace(jacobian[i]), 5.5)


@known
@pytest.mark.parametrize("t", [0.03, 0.6])
def test_denoiser_errs_as_it_says_and_least(case, t):
    """E |x0 - E[x0|x]|^2 = t E tr G, and no denoiser errs less: not the best linear one either."""
    family = build(case)
    clean, _, x = noisy(family, t, 3000)
    exact, gaussian = family.exact(x, t), family.gaussian(x, t)
    error, linear = (((posterior.mean - clean) ** 2).sum(1) for posterior in (exact, gaussian))
    assert near_zero(error - t * exact.eigenvalues.sum(1), 4)
    assert near_zero(linear - t * gaussian.eigenvalues.sum(1), 4)
    if np.allclose(exact.mean, gaussian.mean):
        return
    gain = linear - error
    assert gain.mean() > 3 * gain.std() / np.sqrt(len(gain))


@known
def test_points_are_independent_and_converted(case):
    """One time per point, any float type in, float64 out."""
    family = build(case)
    t = np.array([1e-6, 1e-2, 0.3, 40.0])
    x = noisy(family, 0.5, 4)[2].astype(np.float32)
    together = family.exact(x, t)
    converted = family.exact(x.astype(float), t)
    assert together.mean.dtype == together.eigenvalues.dtype == together.jacobian.dtype == float
    np.testing.assert_array_equal(together.mean, converted.mean)
    np.testing.assert_array_equal(together.jacobian, converted.jacobian)
    for i in range(4):
        alone = family.exact(x[i : i + 1], float(t[i]))
        np.testing.assert_allclose(alone.mean[0], together.mean[i], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(alone.jacobian[0], together.jacobian[i], rtol=1e-8, atol=1e-10)


@known
def test_bad_points_are_refused(case):
    family = build(case)
    for x, t in ((np.zeros(D), 1.0), (np.full((1, D), np.nan), 1.0), (np.zeros((1, D)), 0.0)):
        with pytest.raises(ValueError, match="should"):
            family.exact(x, t)


def assert_sane(posterior, t):
    assert np.isfinite(posterior.mean).all()
    assert np.isfinite(posterior.eigenvalues).all()
    assert posterior.eigenvalues.min() >= 0
    vectors = posterior.eigenvectors
    identity = np.broadcast_to(np.eye(vectors.shape[2]), (len(vectors), *[vectors.shape[2]] * 2))
    np.testing.assert_allclose(np.swapaxes(vectors, 1, 2) @ vectors, identity, atol=1e-10)


@known
@pytest.mark.parametrize("t", [1e-8, 1e-3, 1.0, 1e4])
def test_extreme_points_and_times(case, t):
    """Warnings are errors here."""
    family = build(case)
    clean, _, x = noisy(family, t, 3)
    far = 1e6 * np.random.default_rng(5).standard_normal((3, D))
    assert_sane(family.exact(np.concatenate([clean, x, far, np.zeros((1, D))]), t), t)


@curved
@pytest.mark.parametrize("curvature", [1e-3, 10.0])
def test_extreme_curvature(case, curvature):
    family = build(case, curvature=curvature)
    for t in (1e-8, 1.0, 1e4):
        assert_sane(family.exact(noisy(family, t, 3)[2], t), t)


@every
def test_room_is_enough_and_needed(case):
    name, k = case
    example = EXAMPLES[name][k]
    counts = [group[0] for group in example["groups"]]
    least = FAMILIES[name].room(counts, example.get("curvature", 0.0))
    family = build(case, ambient_dim=least)
    clean, latents, x = noisy(family, 0.1, 4)
    assert clean.shape == (4, least)
    tangents = np.nan_to_num(family.tangents(latents))
    assert tangents.shape == (4, least, family.manifold_dim)
    points = latents[:, 0] == list(family.sizes).index(0) if 0 in counts else np.zeros(4, bool)
    np.testing.assert_allclose((tangents**2).sum(1).max(1), np.where(points, 0, 1))
    assert family.covariance.shape == (least, least)
    if case in KNOWN:
        assert_sane(family.exact(x, 0.1), 0.1)
    with pytest.raises(InputError, match=rf"^ambient_dim: {least - 1} is not allowed: .* needs at least {least}$"):
        build(case, ambient_dim=least - 1)


@every
def test_refused_settings(case):
    """In one line, with the key, the value and what is allowed."""
    name, k = case
    entry, groups = FAMILIES[name], [Group(*group) for group in EXAMPLES[name][k]["groups"]]
    wrong = {"nonsense": {"nonsense": 1.0}, "groups[0].weight": {"groups": [replace(groups[0], weight=-1.0)]}}
    if entry.curved != "may":
        wrong["curvature"] = {"curvature": 1.0 if entry.curved == "never" else 0.0}
    if entry.curved == "always":
        wrong["groups[1].bend"] = {"groups": [groups[0], Group(1, 1.0, bend=0.0)]}
    for field, value in (("bend", 2.0), ("law", "uniform"), ("width", 0.5), ("weight", 2.0)):
        if field not in entry.reads:
            wrong[f"groups[0].{field}"] = {"groups": [replace(groups[0], **{field: value}), *groups[1:]]}
    for setting, value in (("frame", "orthonormal"), ("separation", 1.0)):
        if setting not in entry.reads:
            wrong[setting] = {setting: value}
    for key, change in wrong.items():
        with pytest.raises(InputError) as caught:
            build(case, **change)
        message = str(caught.value)
        assert message.startswith(f"{key}: ")
        assert " is not allowed: " in message
        assert "\n" not in message


def test_unknown_family():
    with pytest.raises(InputError, match=r"^family: 'klein bottle' is not allowed: should be one of linear, arcs"):
        data.manifold("klein bottle", 5, [(2, 1.0)])


NEAR = [(name, k) for name, k in CASES if FAMILIES[name].nearest and not EXAMPLES[name][k].get("noise")]


@pytest.mark.parametrize("case", NEAR, ids="{0[0]}-{0[1]}".format)
def test_the_nearest_point_of_a_point_beside_the_manifold_is_where_it_came_from(case):
    family = build(case)
    rng = np.random.default_rng(0)
    clean, latents = family.sample(rng, 50)
    away, places = family.nearest(clean)
    np.testing.assert_allclose(away, 0, atol=1e-14)
    assert [len(place) for place in places] == [50] * len(family.groups)
    normal = rng.standard_normal(clean.shape)
    tangents = family.tangents(latents)
    normal -= np.einsum("ndm,nem,ne->nd", tangents, tangents, normal)
    normal *= 0.05 / np.linalg.norm(normal, axis=1, keepdims=True)
    beside, same = family.nearest(clean + normal)
    np.testing.assert_allclose(beside, 0.05, rtol=1e-12)
    for place, again in zip(places, same, strict=True):
        np.testing.assert_allclose(again, place, atol=1e-12)


@pytest.mark.parametrize("case", NEAR, ids="{0[0]}-{0[1]}".format)
def test_no_point_of_the_manifold_is_nearer(case):
    """Far away too, where the manifold bends: no sample is nearer, and some are hardly further."""
    family = build(case)
    rng = np.random.default_rng(1)
    clean, _ = family.sample(rng, 100_000)
    points = clean[:5] + rng.standard_normal((5, D))
    away, _ = family.nearest(points)
    least = np.array([np.linalg.norm(clean - point, axis=1).min() for point in points])
    assert (away <= least).all()
    assert (least < 1.5 * away).all()


@pytest.mark.parametrize("name", ["linear", "arcs"])
def test_places_are_latents_by_group_and_those_of_arcs_wrap(name):
    family = build((name, 1))
    _, latents = family.sample(np.random.default_rng(0), 500)
    latents[0] *= 50
    places = family.nearest(family.embed(latents))[1]
    assert [place.shape[1] for place in places] == list(family.sizes)
    expected = latents
    if name == "arcs":
        expected = np.angle(np.exp(1j * family.kappas * latents)) / family.kappas
        assert (np.abs(family.kappas * latents[0]) > np.pi).any()
    np.testing.assert_allclose(np.concatenate(places, 1), expected, atol=1e-10)


def test_nearest_points_of_arcs_go_over_into_those_of_the_linear_manifold():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((20, D))
    flat, barely = (build(("arcs", 1), curvature=c) for c in (0.0, 1e-9))
    (one, places), (two, others) = flat.nearest(points), barely.nearest(points)
    np.testing.assert_allclose(one, two, rtol=1e-8)
    np.testing.assert_allclose(np.concatenate(places, 1), np.concatenate(others, 1), atol=1e-7)
