"""Posteriors against mpmath, brute-force densities and published numbers (theory.md 1, 2, 4)."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoregap import InputError
from scoregap.data import manifold, posteriors

# Means over x_t of the larger and smaller eigenvalue of Cov / t on one arc, s = 1: (kappa, t) -> (tangent, ghost).
# By the sums of `plane_grid` and `plane_brute` on finer grids, converged to 1e-6; theory.md 4 has them, too.
PLANE_MEANS = {
    (0.3, 1.0): (0.488259, 0.011644),
    (1.0, 0.316): (0.670483, 0.153763),
    (1.0, 1.0): (0.329710, 0.125043),
    (2.0, 0.1): (0.708309, 0.287803),
    (2.0, 0.316): (0.324056, 0.228737),
}


def on_arc(z, kappa):
    return np.stack([np.sin(kappa * z) / kappa, (1 - np.cos(kappa * z)) / kappa], -1)


def log_posterior(z, y, s, kappa, t):
    a = on_arc(z, kappa)
    return -0.5 * (z / s) ** 2 - ((y - a) ** 2).sum(-1) / (2 * t)


def trapezoid(y, s, kappa, t):
    """Latents of a trapezoid rule for the posterior: its error falls like exp(-2 pi^2 (width / step)^2).

    None if the rule needs too many latents.
    """
    pull = np.hypot(y[0], y[1] - 1 / kappa) * kappa / t
    step = min(1 / np.sqrt(pull + 1 / s**2) / 4, 0.1 / kappa)
    end = max(14 * s, 3 * np.pi / kappa + 4 * s)
    if end / step > 4e5:
        return None
    z = step * np.arange(-np.ceil(end / step), np.ceil(end / step) + 1)
    log = log_posterior(z, np.asarray(y), s, kappa, t)
    return z[log > log.max() - 80]


def arc_oracle(y, s, kappa, t):
    """Mean and covariance with 50 digits, by a sum over latents; None if that needs too many."""
    latents = trapezoid(y, s, kappa, t)
    if latents is None:
        return None
    with mp.workdps(50):
        y1, y2, s, kappa, t = map(mp.mpf, (*y, s, kappa, t))
        sums = [mp.mpf(0)] * 6
        first = None
        for z in map(mp.mpf, latents):
            a1, a2 = mp.sin(kappa * z) / kappa, (1 - mp.cos(kappa * z)) / kappa
            log = -((z / s) ** 2) / 2 - ((y1 - a1) ** 2 + (y2 - a2) ** 2) / (2 * t)
            first = log if first is None else first
            density = mp.exp(log - first)
            for i, part in enumerate((1, a1, a2, a1 * a1, a1 * a2, a2 * a2)):
                sums[i] += density * part
        m1, m2, m11, m12, m22 = (total / sums[0] for total in sums[1:])
        cov = [[m11 - m1 * m1, m12 - m1 * m2], [m12 - m1 * m2, m22 - m2 * m2]]
        return np.array([m1, m2], float), np.array(cov, float)


def arc_cases():
    """Points near the data, near and at the circle's centre and its far side, and far away."""
    rng = np.random.default_rng(5)
    cases = []
    while len(cases) < 48:
        s = 10 ** rng.uniform(-1.5, 1)
        kappa, t = 10 ** rng.uniform(-2, 1) / s, 10 ** rng.uniform(-8, 4)
        data = on_arc(s * rng.standard_normal(), kappa) + np.sqrt(t) * rng.standard_normal(2)
        inside = np.array([0.01 * rng.standard_normal(), rng.uniform(0.9, 2.5)]) / kappa
        far = 3 * rng.standard_normal(2) / kappa
        y = [data, inside, far, np.array([0.0, 1 / kappa])][len(cases) % 4]
        if trapezoid(y, s, kappa, t) is not None:
            cases.append((y, s, kappa, t))
    return cases


@pytest.mark.slow
def test_arc_matches_mpmath():
    for y, s, kappa, t in arc_cases():
        mean, cov = posteriors.arc(y, s, kappa, t)
        true_mean, true_cov = arc_oracle(y, s, kappa, t)
        size = np.abs(true_cov).max()
        # A last digit of y changes the log posterior across its width by this much (near the centre that counts).
        last_digit = 2.3e-16 * np.hypot(1 / kappa, np.abs(y).max()) * np.sqrt(size) / t
        off = 2e-11 + last_digit
        case = f"y {y}, s {s}, kappa {kappa}, t {t}"
        np.testing.assert_allclose(cov, true_cov, rtol=0, atol=off * size, err_msg=case)
        # A mean cannot be better than its rounding; compare it with the width of the posterior too.
        np.testing.assert_allclose(mean, true_mean, rtol=1e-13, atol=off * np.sqrt(size), err_msg=case)


def test_arc_broadcasts():
    y = on_arc(np.array([[0.3], [-1.0], [2.0]]), 0.7) + np.array([0.1, -0.2])
    s, t = np.array([0.5, 2.0]), 0.2
    mean, cov = posteriors.arc(np.broadcast_to(y, (3, 2, 2)), s, 0.7, t)
    assert mean.shape == (3, 2, 2)
    assert cov.shape == (3, 2, 2, 2)
    for i in range(3):
        for j in range(2):
            one_mean, one_cov = posteriors.arc(y[i, 0], s[j], 0.7, t)
            np.testing.assert_allclose(mean[i, j], one_mean, rtol=1e-13)
            np.testing.assert_allclose(cov[i, j], one_cov, rtol=1e-12, atol=1e-15)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    bend=st.floats(-6, 1),
    log_t=st.floats(-8, 4),
    log_s=st.floats(-2, 2),
    place=st.sampled_from(["data", "centre", "far side", "far", "very far"]),
    u=st.floats(-3, 3),
    v=st.floats(-3, 3),
)
def test_arc_is_finite_and_a_covariance_everywhere(bend, log_t, log_s, place, u, v):
    s, t = 10**log_s, 10**log_t
    kappa = 10**bend / s
    y = {
        "data": on_arc(np.array(u * s), kappa) + np.sqrt(t) * np.array([v, u - v]),
        "centre": np.array([0.0, 1 / kappa]),
        "far side": np.array([1e-3 * u, 2.0]) / kappa,
        "far": 30 * np.array([u, v]) * max(s, np.sqrt(t)),
        "very far": 1e3 * np.array([u, v]) / kappa,
    }[place]
    mean, cov = posteriors.arc(y, s, kappa, t)
    assert np.isfinite(mean).all()
    assert np.isfinite(cov).all()
    assert cov[0, 1] == cov[1, 0]
    values = np.linalg.eigvalsh(cov)
    size = values[1]
    assert size > 0
    assert values[0] >= -1e-9 * size
    # The mean lies in the disc that the circle bounds, and no two points are further apart than its diameter.
    assert np.hypot(mean[0], mean[1] - 1 / kappa) <= (1 + 1e-12) / kappa
    assert size <= 1.0001 / kappa**2


@pytest.mark.parametrize("t", [1e-8, 1e-4, 1.0, 1e4])
def test_small_curvature_is_linear(t):
    rng = np.random.default_rng(1)
    s, kappa = 1.3, 1e-6
    z = s * rng.standard_normal(50)
    y = np.stack([z, 0 * z], -1) + np.sqrt(t) * rng.standard_normal((50, 2))
    mean, cov = posteriors.arc(y, s, kappa, t)
    shrink = s**2 / (s**2 + t)
    # The correction to the precision of z is kappa y_2 / t, with y_2 of size sqrt(t).
    small = 10 * kappa * (1 + np.sqrt(t)) * max(1, s)
    np.testing.assert_allclose(mean[:, 0], shrink * y[:, 0], rtol=small, atol=small)
    np.testing.assert_allclose(cov[:, 0, 0], shrink * t, rtol=small)
    assert np.abs(cov[:, 1]).max() < small * shrink * t * 10
    assert np.abs(mean[:, 1]).max() < small * 10


def test_shift_by_curvature_is_quadratic():
    """Mean over x_t of the tangent eigenvalue, by Gauss-Hermite over latent and noise (theory.md 4)."""
    x, w = np.polynomial.hermite_e.hermegauss(16)
    z, v1, v2 = (axis.ravel() for axis in np.meshgrid(x, x, x))
    weight = (w[:, None, None] * w[:, None] * w).ravel() / w.sum() ** 3
    shift = []
    for kappa in (0.02, 0.04):
        _, cov = posteriors.arc(on_arc(z, kappa) + np.stack([v1, v2], -1), 1.0, kappa, 1.0)
        shift.append(0.5 - weight @ np.linalg.eigvalsh(cov)[:, 1])
    assert shift[0] > 0
    assert shift[1] / shift[0] == pytest.approx(4, rel=0.01)


def test_much_noise_leaves_the_prior():
    s, kappa, t = 0.8, 1.5, 1e8
    spread = (kappa * s) ** 2
    _, cov = posteriors.arc(np.zeros(2), s, kappa, t)
    across, bend = -np.expm1(-2 * spread) / (2 * kappa**2), np.expm1(-spread) ** 2 / (2 * kappa**2)
    np.testing.assert_allclose(cov, np.diag([across, bend]), rtol=1e-6, atol=1e-9)


def test_little_noise_leaves_the_tangent():
    z, kappa, t = 0.7, 1.2, 1e-8
    mean, cov = posteriors.arc(on_arc(np.array(z), kappa), 1.0, kappa, t)
    tangent = np.array([np.cos(kappa * z), np.sin(kappa * z)])
    np.testing.assert_allclose(cov / t, np.outer(tangent, tangent), atol=1e-7)
    np.testing.assert_allclose(mean, on_arc(np.array(z), kappa), atol=1e-7)


@pytest.mark.parametrize("y", [(0.4, -0.3), (0.05, 0.9), (-2.0, 3.0)])
def test_score_and_its_divergence_are_derivatives_of_log_p(y):
    """Tweedie: (E[a|y] - y) / t = grad log p_t and tr G = 2 + t div s, p_t by a plain sum over the latent."""
    s, kappa, t = 1.1, 0.9, 0.3
    z = np.linspace(-14, 14, 4001)

    def log_p(y):
        log = log_posterior(z, y, s, kappa, t)
        return log.max() + np.log(np.exp(log - log.max()).sum())

    y, h = np.array(y), 1e-3
    near = np.array([[log_p(y + k * h * e) for k in (-2, -1, 0, 1, 2)] for e in np.eye(2)])
    gradient = near @ np.array([1, -8, 0, 8, -1]) / (12 * h)
    laplacian = (near @ np.array([-1, 16, -30, 16, -1])).sum() / (12 * h**2)
    mean, cov = posteriors.arc(y, s, kappa, t)
    np.testing.assert_allclose((mean - y) / t, gradient, rtol=1e-8, atol=1e-8)
    assert np.trace(cov) / t == pytest.approx(2 + t * laplacian, abs=1e-7)


@pytest.mark.parametrize("t", [1e-3, 0.3, 20.0])
def test_arc_covariance_is_jacobian_of_its_mean(t):
    s, kappa = 1.1, 0.9
    y = on_arc(np.array([-2.0, 0.1, 1.5]), kappa) + np.sqrt(t) * np.array([[0.5, 0.2], [-1, 1], [1, -2]])
    h = 1e-3 * np.sqrt(t)
    numeric = [
        (posteriors.arc(y + h * e, s, kappa, t)[0] - posteriors.arc(y - h * e, s, kappa, t)[0]) / (2 * h)
        for e in np.eye(2)
    ]
    np.testing.assert_allclose(posteriors.arc(y, s, kappa, t)[1] / t, np.stack(numeric, -1), atol=3e-6)


def plane_grid(kappa, t, angles, radii):
    """Points of the upper half plane about the circle's centre and their share of the plane's area (s = 1)."""
    radius = 1 / kappa
    x, w = np.polynomial.legendre.leggauss(radii)
    low, high = max(0, radius - 8 * np.sqrt(t)), radius + 8 * np.sqrt(t)
    r, w = low + 0.5 * (high - low) * (x + 1), 0.5 * (high - low) * w
    phi = np.pi * (np.arange(angles) + 0.5) / angles
    y = np.stack([r[:, None] * np.sin(phi), radius - r[:, None] * np.cos(phi)], -1)
    return y, np.broadcast_to((w * r * 2 * np.pi / angles)[:, None], y.shape[:2])


def plane_brute(y, kappa, t, s=1.0):
    """Density p_t and Cov / t at points y (..., 2), the latent's wrapped prior summed on 512 angles."""
    theta = 2 * np.pi * np.arange(512) / 512
    turns = 2 * np.pi * np.arange(-9, 10)[:, None]
    prior = np.exp(-0.5 * ((theta + turns) / (kappa * s)) ** 2).sum(0)
    prior /= prior.sum()
    a = on_arc(theta / kappa, kappa)
    square = ((y**2).sum(-1)[..., None] + (a**2).sum(-1)) - 2 * y @ a.T
    weight = prior * np.exp(-square / (2 * t)) / (2 * np.pi * t)
    p = weight.sum(-1)
    weight /= p[..., None]
    mean = weight @ a
    second = weight @ (a[:, :, None] * a[:, None, :]).reshape(-1, 4)
    return p, (second.reshape(*p.shape, 2, 2) - mean[..., :, None] * mean[..., None, :]) / t


@pytest.mark.parametrize(("kappa", "t"), PLANE_MEANS)
def test_section_4_table(kappa, t):
    y, area = plane_grid(kappa, t, 40, 40)
    p, jacobian = plane_brute(y, kappa, t)
    ours = posteriors.arc(y, 1.0, kappa, t)[1] / t
    # Point by point where the brute sum is exact: away from points without probability.
    seen = p > 1e-12
    np.testing.assert_allclose(ours[seen], jacobian[seen], atol=1e-9)
    weight = p * area
    means = np.einsum("ij,ijk->k", weight, np.linalg.eigvalsh(ours))[::-1]
    np.testing.assert_allclose(means, PLANE_MEANS[kappa, t], atol=2e-5)


def test_gaussian_posterior():
    """Against the textbook conditional of a joint Gaussian, and as Jacobian of its own mean."""
    rng = np.random.default_rng(2)
    frame, _ = np.linalg.qr(rng.standard_normal((6, 3)))
    variances = np.array([4.0, 1.0, 1e-3])
    prior = frame @ np.diag(variances) @ frame.T
    x, t = rng.standard_normal((5, 6)), np.array([1e-8, 1e-3, 0.5, 3.0, 1e4])
    mean, jacobian = posteriors.gaussian(x, t, frame, variances)
    for i in range(5):
        gain = np.linalg.solve(prior + t[i] * np.eye(6), prior).T
        np.testing.assert_allclose(jacobian[i], gain, atol=1e-7)
        np.testing.assert_allclose(mean[i], gain @ x[i], atol=1e-7)
        posterior = (np.eye(6) - gain) @ prior  # Cov[x0|x] = t G
        np.testing.assert_allclose(t[i] * jacobian[i], posterior, atol=1e-7)
    values = np.linalg.eigvalsh(jacobian)[:, ::-1]
    np.testing.assert_allclose(values[:, :3], variances / (variances + t[:, None]), rtol=1e-8, atol=1e-15)
    np.testing.assert_allclose(values[:, 3:], 0, atol=1e-14)
    np.testing.assert_array_equal(posteriors.gaussian(x, 0.5, frame, variances).jacobian[2], jacobian[2])


def brute_empirical(x, t, data):
    """Mean and G at one point in extended precision, all at once."""
    away = data.astype(np.longdouble) - x
    log = -(away**2).sum(1) / (2 * np.longdouble(t))
    weights = np.exp(log - log.max())
    weights /= weights.sum()
    mean = weights @ away
    return x + mean, ((away - mean) * weights[:, None]).T @ (away - mean) / t


def training_points(t, offset=0.0, kind=float):
    """A broad cloud, pairs and triples at distances of some sqrt(t), and what is far away; noisy points among them."""
    rng = np.random.default_rng(1)
    cloud = rng.standard_normal((150, 6)) * [1, 1, 0.3, 0.1, 1e-2, 0] + offset
    clusters = np.concatenate([cloud[:40] + np.sqrt(t) * rng.standard_normal((40, 6)) for _ in range(3)])
    data = np.concatenate([cloud, clusters, [np.full(6, 1e3)]]).astype(kind)
    x = data[:8].astype(float) + np.sqrt(t) * rng.standard_normal((8, 6))
    x[-1] = data[0] + 0.5 * (data[1] - data[0].astype(float))
    return x, data


@pytest.mark.parametrize("offset", [0.0, 30.0])
@pytest.mark.parametrize("t", [1e-8, 1e-5, 1e-2, 1.0, 1e2, 1e4])
def test_empirical_posterior(t, offset):
    x, data = training_points(t, offset)
    found = posteriors.empirical(x, t, data, block=23)
    for i in range(len(x)):
        mean, jacobian = brute_empirical(x[i], t, data)
        # An underflow of float64 is 0: G is at most (1e3)^2 / t there.
        np.testing.assert_allclose(
            found.jacobian[i], jacobian.astype(float), rtol=0, atol=1e-8 * np.abs(jacobian).max() + 1e-290
        )
        np.testing.assert_allclose(found.mean[i], mean.astype(float), rtol=0, atol=1e-14 * np.abs(mean).max())
        values = np.linalg.eigvalsh(jacobian.astype(float))
        np.testing.assert_allclose(found.eigenvalues[i], values, atol=1e-8 * values.max() + 1e-290)
    np.testing.assert_allclose(
        np.swapaxes(found.eigenvectors, 1, 2) @ found.eigenvectors, np.broadcast_to(np.eye(6), (8, 6, 6)), atol=1e-12
    )


@pytest.mark.parametrize("t", [1e-4, 1.0])
def test_empirical_does_not_depend_on_blocks_company_or_type(t, tmp_path):
    x, data = training_points(t, kind=np.float32)
    whole = posteriors.empirical(x, t, data.astype(float))
    np.save(tmp_path / "data.npy", data)
    mapped = np.load(tmp_path / "data.npy", mmap_mode="r")
    times = np.full(40 * 8, t)
    for other in (
        posteriors.empirical(x, t, data, block=7),
        posteriors.empirical(x, t, mapped, block=50),
        posteriors.empirical(x.astype(np.float64), t, np.asfortranarray(data)),
    ):
        np.testing.assert_allclose(other.mean, whole.mean, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(other.jacobian, whole.jacobian, atol=1e-10)
    many = posteriors.empirical(np.tile(x, (40, 1)), times, data)  # more than one block of queries
    np.testing.assert_allclose(many.mean, np.tile(whole.mean, (40, 1)), rtol=1e-12, atol=1e-14)
    mixed = posteriors.empirical(x[:2], [t, 3 * t], data)
    np.testing.assert_allclose(mixed.mean[1], posteriors.empirical(x[1:2], 3 * t, data).mean[0], rtol=1e-13)
    np.testing.assert_allclose(mixed.jacobian[0], whole.jacobian[0], atol=1e-10)


def test_empirical_memorises():
    """Far from all others a training point has the weight but e^-600: even that covariance keeps its digits."""
    data = np.array([[0.0, 0.0], [3.0, 4.0], [1e200, 0.0]])[:2]
    t = 25 / (2 * 600)
    found = posteriors.empirical([[0.0, 0.0]], t, data)
    np.testing.assert_allclose(found.mean, np.exp(-600) * data[1:], rtol=1e-12)
    assert found.eigenvalues[0, -1] == pytest.approx(25 * np.exp(-600) / t, rel=1e-11)
    np.testing.assert_allclose(np.abs(found.eigenvectors[0, :, 0]), [0.6, 0.8])


def test_empirical_reach_allows_for_the_rounding_of_distances():
    """Neighbours at a distance of sqrt(t) = 1e-7 count, whatever a distance of 1e4 leaves of their digits."""
    t, x = 1e-14, np.full((1, 3), 0.1)
    rng = np.random.default_rng(0)
    data = np.concatenate([x + np.sqrt(t) * rng.standard_normal((20, 3)), [[1e4, -1e4, 3e3]]])
    mean, jacobian = brute_empirical(x[0], t, data)
    found = posteriors.empirical(x, t, data)
    np.testing.assert_allclose(found.jacobian[0], jacobian.astype(float), atol=1e-5)
    np.testing.assert_allclose(found.mean[0], mean.astype(float), atol=1e-15)


def test_empirical_rank_and_mean_alone(monkeypatch):
    """N - 1 eigenvalues where that is less than d; the mean does not form G; a single point is its own posterior."""
    data, x = np.eye(5)[:3], np.zeros((2, 5))
    found = posteriors.empirical(x, 0.1, data)
    assert found.eigenvalues.shape == (2, 2)
    np.testing.assert_allclose(found.eigenvalues, 1 / (3 * 0.1))
    np.testing.assert_allclose(found.spectrum()[:, 2:], 0, atol=1e-15)
    alone = posteriors.empirical(x, 0.1, data[:1])
    np.testing.assert_array_equal(alone.mean, np.tile(data[:1], (2, 1)))
    np.testing.assert_array_equal(alone.jacobian, np.zeros((2, 5, 5)))
    monkeypatch.setattr(np.linalg, "eigvalsh", None)
    monkeypatch.setattr(np.linalg, "eigh", None)
    posteriors.empirical(x, 0.1, data)
    assert posteriors.empirical(x[:0], 0.1, data).mean.shape == (0, 5)


@pytest.mark.parametrize("data", [np.zeros((0, 3)), np.zeros((4, 2)), np.zeros(3)])
def test_empirical_refuses_other_shapes(data):
    with pytest.raises(ValueError, match=r"^data: the shape .* is not allowed: should be \(N, 3\)"):
        posteriors.empirical(np.zeros((1, 3)), 1.0, data)


def test_empirical_is_read_in_blocks():
    """No more than a block of the training points is converted at a time."""
    largest = []

    class Data:
        shape, ndim = (5000, 4), 2

        def __len__(self):
            return 5000

        def __getitem__(self, rows):
            picked = np.arange(5000)[rows]
            largest.append(picked.size)
            return (np.sin(picked)[..., None] * np.ones(4)).astype(np.float32)

    found = posteriors.empirical(np.zeros((2, 4)), 1e3, Data(), block=100)
    assert found.eigenvalues[0, -1] > 0
    assert max(largest) == 100


def test_empirical_tends_to_the_gaussian_posterior():
    rng = np.random.default_rng(3)
    variances, n = np.array([2.0, 0.5]), 20_000
    data = rng.standard_normal((n, 2)) * np.sqrt(variances)
    x, t = np.array([[1.0, -0.5]]), 0.7
    found, expected = posteriors.empirical(x, t, data), posteriors.gaussian(x, t, np.eye(2), variances)
    np.testing.assert_allclose(found.mean, expected.mean, atol=0.03)
    np.testing.assert_allclose(found.jacobian, expected.jacobian, atol=0.03)


FAR = [(family, curvature) for family, curvature in (("linear", 0.0), ("arcs", 0.5), ("arcs", 0.01), ("sphere", 1.0))]


@pytest.mark.parametrize("size", [1.1e100, 1e155, 1e200, 1e300, -1e300, np.inf, np.nan])
@pytest.mark.parametrize(("family", "curvature"), FAR)
def test_points_too_far_for_float64_are_refused(family, curvature, size):
    truth = manifold(family, 8, [(2, 1.0)], curvature)
    x = np.zeros((3, 8))
    x[1, 5] = size
    for points in (x, np.full((2, 8), size)):
        with pytest.raises(InputError, match=r"x: .* points should be finite, their coordinates from -1e\+100 to 1e"):
            truth.exact(points, 1.0)
    for law, y in ((posteriors.sphere, np.full((2, 3), 1e5 * size)), (posteriors.arc, np.full((1, 1, 2), 1e5 * size))):
        with pytest.raises(InputError, match=r"y: .* points should be finite, their coordinates from -1e"):
            law(y, 1.0, 1.0) if law is posteriors.sphere else law(y, np.ones(1), np.ones(1), 1.0)


@pytest.mark.parametrize("t", [1e-20, 1.0, 1e20])
@pytest.mark.parametrize(("family", "curvature"), FAR)
def test_points_as_far_as_is_allowed_have_a_posterior(family, curvature, t):
    truth = manifold(family, 8, [(1, 1.0), (1, 0.1)], curvature)
    for x in (np.full((2, 8), 1e100), np.full((2, 8), -1e100), 1e100 * np.eye(8)):
        found = truth.exact(x, t)
        assert np.isfinite(found.spectrum()).all()
        assert np.isfinite(found.mean).all()
