"""Estimators of the dimension against closed forms, brute force, and each other's published definition."""

import itertools
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from scoregap import InputError, data
from scoregap.measure import DATA_ESTIMATORS, dimension
from scoregap.peers import skdim

needs_peers = pytest.mark.skipif(find_spec("skdim") is None, reason="needs scikit-dimension")


def linear(m, d=100, seed=0, std=1.0):
    return data.manifold("linear", d, [(m, std)], seed=seed)


def bundle(manifold, t, rng, draws=4):
    """Score vectors (K, d) around one point of a manifold, and the noise variance times them."""
    clean, _ = manifold.sample(rng, 1)
    around = clean + np.sqrt(t) * rng.standard_normal((draws * manifold.ambient_dim, manifold.ambient_dim))
    return (manifold.exact(around, t).mean - around) / t


@given(st.lists(st.floats(-1, 0), min_size=2, max_size=12))
def test_final_gap_is_the_widest_with_noise_below(values):
    eigenvalues = -np.sort(-np.array(values))
    drops = [high - low for high, low in itertools.pairwise([*eigenvalues, -1.0])]
    assert dimension.final_gap(eigenvalues) == drops.index(max(drops)) + 1


def test_final_gap_of_several_spectra_at_once():
    spectra = np.array([[[-0.1, -0.2, -0.9, -1.0], [-0.1, -0.8, -0.9, -1.0]], [[0, 0, 0, 0], [0, np.nan, -1, -1]]])
    np.testing.assert_array_equal(dimension.final_gap(spectra), [[2, 1], [4, np.nan]])


@pytest.mark.parametrize(("t", "right"), [(1e-3, 1.0), (0.01, 1.0), (0.1, 1.0), (1.0, 0.3)])
def test_normal_bundle_on_the_random_manifold(t, right):
    """20 draws of F, d = 100, m = 40: centred it is right below the variances, and rarely at t = 1. Uncentred it
    takes the mean score, which is tangent to the manifold, for a normal direction: one too few."""
    centred, uncentred, spectral = [], [], []
    for seed in range(20):
        manifold, rng = linear(40, seed=seed), np.random.default_rng(seed)
        scores = bundle(manifold, t, rng)
        centred.append(dimension.normal_bundle(scores, centred=True))
        uncentred.append(float(dimension.normal_bundle(scores)))
        spectral.append(dimension.final_gap(manifold.exact(np.zeros((1, 100)), t).spectrum() - 1)[0])
    assert np.mean(np.array(centred) == 40) == pytest.approx(right, abs=0.15)
    assert set(spectral) == {40}
    if t == 1e-3:
        assert set(uncentred) == {40}
    if t == 0.01:
        assert set(uncentred) == {39}


def test_normal_bundle_against_the_definition():
    """Position of the largest drop by the eigenvalues of S'S, three bundles at once."""
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((3, 12, 5)) * [3, 2.5, 2, 0.4, 0.3] + [0, 0, 0, 0, 40]
    for centred, expected in ((False, [4, 4, 4]), (True, [2, 2, 2])):
        found = []
        for s in scores:
            s = s - s.mean(0) if centred else s
            values = np.sqrt(np.linalg.eigvalsh(s.T @ s)[::-1])
            found.append(5 - 1 - int(np.argmax(values[:-1] - values[1:])))
        assert found == expected
        np.testing.assert_array_equal(dimension.normal_bundle(scores, centred), expected)
    scores[1, 3, 2] = np.nan
    np.testing.assert_array_equal(dimension.normal_bundle(scores), [4, np.nan, 4])


def test_normal_bundle_on_the_50_sphere():
    """As measured before: at sigma = 0.1 uncentred it is 99, one direction is the mean score; centred it is right."""
    sphere, rng = data.manifold("sphere", 100, [(50, 1.0)], curvature=np.sqrt(2)), np.random.default_rng(0)
    assert sphere.radii == pytest.approx(1.0)
    scores = bundle(sphere, 0.01, rng)
    assert dimension.normal_bundle(scores) == 99
    assert dimension.normal_bundle(scores, centred=True) == 50
    assert dimension.normal_bundle(bundle(sphere, 1e-4, rng)) == 50


@pytest.mark.parametrize("t", [1e-4, 0.1, 3.0])
def test_flipd_of_a_gaussian_in_closed_form(t):
    rng = np.random.default_rng(1)
    frame = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    v = np.array([2.0, 0.5, 0.1, 0.01, 0.0, 0.0])
    z = rng.standard_normal((3, 6)) * np.sqrt(v)
    x = z @ frame.T
    jacobian = (frame * (v / (v + t))) @ frame.T
    found = dimension.flipd(x, x @ jacobian, np.trace(jacobian), t)
    np.testing.assert_allclose(found, (v / (v + t) + t * z**2 / (v + t) ** 2).sum(1), rtol=1e-12)
    if t < 1e-3:
        np.testing.assert_allclose(found, 4, atol=0.1)


@pytest.mark.parametrize("t", [0.01, 0.1, 1.0])
def test_flipd_is_how_the_density_grows_as_noise_falls(t):
    """d + 2 t d log p_t / dt on a circle, whose density is an integral over the angle."""
    circle = data.manifold("sphere", 2, [(1, 1.0)], curvature=1.0)
    clean, _ = circle.sample(np.random.default_rng(2), 3)
    (radius,) = circle.radii
    along = np.linalg.norm(clean, axis=1)

    def log_density(r, t):
        def integrand(angle):
            return np.exp(-(radius**2) * (1 - np.cos(angle)) / t)

        value = integrate.quad(integrand, -np.pi, np.pi, epsabs=0, epsrel=1e-13, points=[0.0], limit=200)[0]
        assert r == pytest.approx(radius)
        return np.log(value / t)

    h = 1e-4
    slope = (log_density(along[0], t * np.exp(h)) - log_density(along[0], t * np.exp(-h))) / (2 * h)
    mean, jacobian = circle.exact(clean, t)
    found = dimension.flipd(clean, mean, np.trace(jacobian, axis1=1, axis2=2), t)
    np.testing.assert_allclose(found, 2 + 2 * slope, atol=1e-6)


def test_hutchinson_over_all_signs_is_the_trace():
    rng = np.random.default_rng(3)
    g = rng.standard_normal((2, 4, 4))
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=4)))
    found = dimension.hutchinson(signs @ np.swapaxes(g, 1, 2), signs)
    np.testing.assert_allclose(found, np.trace(g, axis1=1, axis2=2))


@pytest.mark.parametrize("m", [0, 1, 7, 20])
def test_slq_count_of_a_prescribed_spectrum(m):
    """Exact with as many probes as dimensions; with a few probes within four standard deviations."""
    rng = np.random.default_rng(m)
    frame = np.linalg.qr(rng.standard_normal((20, 20)))[0]
    values = np.where(np.arange(20) < m, rng.uniform(0.501, 1, 20), rng.uniform(0, 0.499, 20))
    g = (frame * values) @ frame.T

    def count(probes):
        return dimension.slq_count(lambda rows: rows @ g, 20, probes, 20, np.random.default_rng(0))

    assert count(20) == pytest.approx(m, abs=1e-8)
    assert abs(count(10) - m) < 4 * np.sqrt(2 * m * (1 - m / 20) / 10) + 1e-8


def test_local_pca_counts_directions_of_the_neighbours():
    """A flat 3-dimensional set with one thin direction: below 5 % of the largest variance it does not count."""
    rng = np.random.default_rng(4)
    data = rng.uniform(-1, 1, (2000, 3)) * [1, 1, 0.01] @ np.linalg.qr(rng.standard_normal((8, 3)))[0].T
    assert dimension.local_pca(data, 200, np.arange(20)) == 2
    assert dimension.local_pca(data[:30], 100, np.array([17])) == dimension.local_pca(data[:30], 29, np.array([17]))


def test_local_pca_against_brute_force():
    """The point is not one of its neighbours."""
    data = np.random.default_rng(7).standard_normal((200, 6))
    for i in range(40):
        near = np.argsort(((data - data[i]) ** 2).sum(1))[1:9]
        values = np.linalg.eigvalsh(np.cov(data[near].T))[::-1]
        assert dimension.local_pca(data, 8, np.array([i])) == (values > 0.05 * values[0]).sum()


def test_local_pca_is_a_median():
    """Points on a line and on a plane far away."""
    rng = np.random.default_rng(5)
    line, plane = rng.uniform(0, 1, (60, 4)) * [1, 0, 0, 0], 9 + rng.uniform(0, 1, (60, 4)) * [1, 1, 0, 0]
    data = np.concatenate([line, plane])
    assert dimension.local_pca(data, 30, np.array([5, 65, 70])) == 2
    assert dimension.local_pca(data, 30, np.array([5, 9, 65])) == 1


@needs_peers
def test_local_pca_is_that_of_scikit_dimension():
    points, _ = data.manifold("sphere", 12, [(3, 1.0)], curvature=1.0).sample(np.random.default_rng(6), 80)
    with np.errstate(all="ignore"):
        theirs = skdim("id").lPCA().fit_pw(points, n_neighbors=40).dimension_pw_
    np.testing.assert_array_equal([dimension.local_pca(points, 40, np.array([i])) for i in range(80)], theirs)


@needs_peers
@pytest.mark.parametrize(
    ("name", "expected", "within"),
    [("skdim_lpca", 11, 0), ("skdim_mle_20", 9.0, 0.3), ("skdim_mle_5", 9.3, 0.4), ("skdim_twonn", 9.6, 0.6)],
)
def test_peers_on_the_10_sphere(name, expected, within):
    """2500 points in R^100 give lPCA 11, MLE 9.1 and TwoNN 9.6."""
    sphere = data.manifold("sphere", 100, [(10, 1.0)], curvature=1.0)
    points, _ = sphere.sample(np.random.default_rng(0), 2500)
    assert dimension.peer(name, points) == pytest.approx(expected, abs=within)


@needs_peers
def test_the_mle_of_scikit_dimension_is_the_harmonic_mean_over_points():
    points, _ = data.manifold("sphere", 12, [(5, 1.0)], curvature=1.0).sample(np.random.default_rng(8), 300)
    of_points = skdim("id").MLE().fit(points, n_neighbors=20).dimension_pw_
    assert dimension.peer("skdim_mle_20", points) == pytest.approx(1 / np.mean(1 / of_points))
    assert dimension.peer("skdim_mle_20", points) < of_points.mean() - 0.2


@needs_peers
@pytest.mark.parametrize("name", dimension.PEERS)
def test_peers_are_given_numbers_that_do_not_wrap_and_points_that_do_not_coincide(name):
    points = linear(3, 6).sample(np.random.default_rng(9), 200)[0]
    grey = np.clip(np.round(40 * points / points.std() + 128), 0, 255)
    answer = dimension.peer(name, grey)
    assert answer > 1
    for kind in ("uint8", "int64", "float32"):
        assert dimension.peer(name, grey.astype(kind)) == answer
    with pytest.warns(UserWarning, match=f"2 of 202 rows are copies of others, and are left out for {name}"):
        assert dimension.peer(name, np.concatenate([grey, grey[[3, 7]]])) == answer


class Recorded:
    """An estimator that says what it was given."""

    given: np.ndarray

    def fit(self, given, **options):
        Recorded.given, self.dimension_ = given, 3
        return self


@pytest.mark.parametrize("kind", ["uint8", "int16", "float32", "float64"])
def test_peers_are_given_distinct_rows_of_float64_in_their_order(monkeypatch, kind):
    monkeypatch.setattr(dimension, "find_spec", lambda name: True)
    monkeypatch.setattr(dimension, "skdim", lambda module: SimpleNamespace(MLE=Recorded))
    rows = np.array([[200, 3, 1], [1, 2, 0], [0, 255, 7], [9, 9, 9], [8, 0, 0], [4, 4, 4]], kind)
    if kind == "int16":
        rows -= 9
    assert dimension.peer("skdim_mle_5", rows) == 3
    assert Recorded.given.dtype == np.float64
    np.testing.assert_array_equal(Recorded.given, rows / 256)  # of size 1
    with pytest.warns(UserWarning, match="1 of 7 rows are copies of others"):
        dimension.peer("skdim_mle_5", np.concatenate([rows, rows[:1]]))
    np.testing.assert_array_equal(Recorded.given, rows / 256)


@pytest.mark.parametrize("exponent", [-1000, -40, 40, 1000])
def test_peers_are_given_data_of_size_1_whatever_their_unit(monkeypatch, exponent):
    """By a power of 2, which changes no digit: distances neither underflow nor are small against a constant."""
    monkeypatch.setattr(dimension, "find_spec", lambda name: True)
    monkeypatch.setattr(dimension, "skdim", lambda module: SimpleNamespace(MLE=Recorded))
    points = np.random.default_rng(0).uniform(-1, 1, (30, 3))
    dimension.peer("skdim_mle_5", points)
    once = Recorded.given
    dimension.peer("skdim_mle_5", np.ldexp(points, exponent))
    np.testing.assert_array_equal(Recorded.given, once)


@pytest.mark.parametrize("answer", [np.nan, np.inf, -np.inf, 0.0, -2.0, 7.2e15, 3.1])
def test_a_number_of_a_peer_that_is_no_dimension_is_told(monkeypatch, answer):
    class Says(Recorded):
        def fit(self, given, **options):
            self.dimension_ = answer
            return self

    monkeypatch.setattr(dimension, "find_spec", lambda name: True)
    monkeypatch.setattr(dimension, "skdim", lambda module: SimpleNamespace(TwoNN=Says))
    points = np.random.default_rng(0).standard_normal((30, 3))
    with pytest.warns(UserWarning, match="^skdim_twonn gives .* for 30 points in 3 dimensions, which is no dimension$"):
        found = dimension.peer("skdim_twonn", points)
    np.testing.assert_equal(found, answer)


@pytest.mark.parametrize(("name", "needed"), [("skdim_twonn", 3), ("skdim_mle_5", 6), ("skdim_mle_20", 21)])
def test_peers_that_have_too_few_points_say_so(monkeypatch, name, needed):
    monkeypatch.setattr(dimension, "find_spec", lambda name: True)
    monkeypatch.setattr(dimension, "skdim", lambda module: SimpleNamespace(MLE=Recorded, TwoNN=Recorded))
    points = np.random.default_rng(0).standard_normal((needed, 4))
    assert dimension.peer(name, points) == 3
    said = f"^{name} looks at {needed - 1} neighbours of a point, and there are {needed - 1} different points$"
    with pytest.warns(UserWarning, match=said):
        assert np.isnan(dimension.peer(name, points[:-1]))


@needs_peers
@pytest.mark.parametrize("name", dimension.PEERS)
@pytest.mark.parametrize("size", [1e-200, 1e-8, 1.0, 1e8, 1e200])
def test_peers_know_no_unit(name, size):
    points = linear(3, 6).sample(np.random.default_rng(9), 200)[0]
    assert dimension.peer(name, size * points) == pytest.approx(dimension.peer(name, points), rel=1e-6)


@needs_peers
def test_peers_on_levels_and_in_many_dimensions_are_told():
    rng = np.random.default_rng(0)
    levels = 0.2 * np.round(rng.uniform(-1, 1, (1500, 2)) / 0.2)
    with pytest.warns(UserWarning, match="are copies of others|is no dimension") as told:
        dimension.peer("skdim_twonn", levels)
    assert [str(one.message).split()[-1] for one in told] == ["skdim_twonn", "dimension"]
    with pytest.warns(UserWarning, match="is no dimension") as told:
        assert np.isnan(dimension.peer("skdim_fishers", rng.standard_normal((500, 60))))
    own = "skdim_fishers gives nan for 500 points in 60 dimensions, which is no dimension"
    assert own in [str(one.message) for one in told]  # beside its own warning, which its import would have silenced


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("skdim_mle", np.zeros((3, 2)), "name: 'skdim_mle' is not allowed: should be one of skdim_lpca, "),
        ("skdim_mle_5", np.full((3, 2), np.nan), r"data: array\(\[\[nan, .* should be finite numbers"),
        ("skdim_mle_5", np.zeros(3), r"data: the shape \(3,\) is not allowed: should be \(n, d\)"),
        ("skdim_mle_5", [["a"]], "data: .* should be real numbers"),
    ],
)
def test_peers_refuse_what_is_no_data(name, given, says):
    with pytest.raises(InputError, match=says):
        dimension.peer(name, given)


def test_peers_that_are_not_installed_are_nan(monkeypatch):
    monkeypatch.setattr(dimension, "find_spec", lambda name: None)
    assert not dimension.has_peers()
    assert np.isnan(dimension.peer("skdim_lpca", np.zeros((30, 3))))


def test_every_estimator_of_data_is_local_pca_or_a_peer():
    assert {"local_pca", *dimension.PEERS} == set(DATA_ESTIMATORS)
