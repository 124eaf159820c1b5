"""Traps of libraries that docs/explanation/published_dimensions.md names are there, in the versions that it names.

A new version without one of them fails here: then its row goes.
"""

import warnings
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
import pytest
import scipy
from scipy.sparse.linalg import LinearOperator, eigsh
from scipy.stats import truncnorm, vonmises_fisher

from scoregap.peers import skdim

RULES = "FO", "ratio", "Kaiser", "broken_stick", "Fan", "maxgap"
FISHER = (500, 30), (500, 45), (1000, 60)  # points, dimension
needs_skdim = pytest.mark.skipif(find_spec("skdim") is None, reason="needs scikit-dimension")


def said(name, data, **options):
    """What an estimator of scikit-dimension says of data."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(getattr(skdim("id"), name)(**options).fit(data).dimension_)


@pytest.fixture(scope="module")
def five():
    """500 points of a Gaussian of dimension 5 in R^12."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((500, 5)) @ rng.standard_normal((5, 12))


@needs_skdim
def test_the_versions_are_those_of_the_page():
    assert (version("scikit-dimension"), scipy.__version__) == ("0.5.0", "1.17.1")


@needs_skdim
def test_a_row_twice(five):
    twice = np.concatenate([five, five[:1]])
    assert [said("MLE", five), said("MLE", twice)] == [pytest.approx(4.784, abs=0.01), 0]
    assert [said("MiND_ML", five), said("MiND_ML", twice)] == [pytest.approx(4.923, abs=0.01), 1]


@needs_skdim
@pytest.mark.slow
def test_danco_of_a_row_twice_and_of_bytes(five, capsys):
    assert np.isnan(said("DANCo", np.concatenate([five, five[:1]])))
    grey = np.clip(np.round(40 * five / five.std() + 128), 0, 255)
    assert [said("DANCo", grey.astype("uint8")), 4 < said("DANCo", grey) < 7] == [1.0, True]


@needs_skdim
def test_a_length_among_constants(five):
    assert said("TLE", 1e-4 * five) == pytest.approx(5.05, abs=0.1)
    assert said("TLE", 1e-5 * five) == 0


@needs_skdim
def test_points_on_a_grid():
    points = np.random.default_rng(1).uniform(-1, 1, (1500, 2))
    found = [said("TwoNN", np.unique(step * np.round(points / step), axis=0)) for step in (0.05, 0.2, 0.5)]
    assert found[0] == pytest.approx(5.9, abs=0.05)
    assert found[1] == pytest.approx(7e15, rel=0.05)
    assert found[2] == 0


@needs_skdim
def test_ranks_of_data_without_noise():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((2500, 40)) @ (rng.standard_normal((40, 100)) / 10)
    found = {rule: said("lPCA", points, ver=rule) for rule in RULES}
    assert found == {"FO": 40, "ratio": 1, "Kaiser": 32, "broken_stick": 29, "Fan": 20, "maxgap": 69}
    assert said("lPCA", points + 1e-6 * rng.standard_normal(points.shape), ver="maxgap") == 40


@needs_skdim
def test_answers_that_scatter_stop_or_are_none(five):
    again = [said("KNN", five) for _ in range(12)]
    assert max(again) - min(again) >= 5
    rng = np.random.default_rng(0)
    assert [said("MiND_ML", rng.standard_normal((500, m))) for m in (20, 40)] == [10, 10]
    lost = [sum(np.isnan(said("FisherS", rng.standard_normal(shape))) for _ in range(10)) for shape in FISHER]
    assert lost[0] == 0
    assert min(lost[1:]) > 5, lost
    assert said("MLE", five[:10]) == pytest.approx(1.5, abs=0.05)
    assert said("TwoNN", five[:5]) == pytest.approx(8.3, abs=0.1)


@needs_skdim
def test_cubes_lack_faces_and_a_sphere_is_a_ball():
    pytest.importorskip("pandas")
    cube = skdim("datasets").BenchmarkManifolds(random_state=0).generate(name="M10d_Cubic", n=1000, dim=71, d=70)
    first, second = ({(i, side) for side in (0, 1) for i in np.flatnonzero((half == side).any(0))}
                     for half in (cube[:500], cube[500:]))  # fmt: skip
    assert (142 - len(first | second), len(first & second)) == (17, 1)
    radii = np.linalg.norm(skdim("datasets").swissRoll3Sph(0, 4000, random_state=0), axis=1)
    assert np.mean(radii > 0.999) == pytest.approx(0.07, abs=0.02)


def test_a_concentration_is_none_from_dimension_67():
    fitted = []
    for d in (66, 67):
        draws = vonmises_fisher(np.eye(d)[0], 500.0).rvs(4000, random_state=0)
        with np.errstate(all="ignore"):
            fitted.append(vonmises_fisher.fit(draws)[1])
    assert fitted == [pytest.approx(500, rel=0.01), 1e-8]


def test_the_variance_of_a_truncated_normal():
    with np.errstate(all="ignore"):
        found = [truncnorm.var(a, b) for a, b in ((-1e-5, 1e-5), (-1e-7, 1e-7), (300, 301))]
    assert found[0] == pytest.approx(0.945 * (2e-5) ** 2 / 12, rel=0.01)
    assert found[1] < 0
    assert found[2] == pytest.approx(1.044 * 1.11104e-5, rel=0.005)  # true: by quadrature in 50 digits


def test_eigsh_misses_copies():
    values = np.concatenate([np.ones(40), np.linspace(0, 0.5, 60)])
    operator = LinearOperator((100, 100), matvec=lambda v: values * v, dtype=float)
    for seed in range(3):
        start = np.random.default_rng(seed).standard_normal(100)
        found = eigsh(operator, k=40, which="LA", v0=start, return_eigenvectors=False)
        assert 15 < (found > 0.9).sum() < 30


def test_hutchinson_errs_least_on_a_denoiser():
    """Root mean square errors of tr t J by 12 products, over 300 draws."""
    rng = np.random.default_rng(0)
    frame = np.linalg.qr(rng.standard_normal((100, 100)))[0]
    matrix = (frame * np.concatenate([np.linspace(0.5, 1, 40), np.zeros(60)])) @ frame.T - np.eye(100)

    def hutchinson(signs):
        return np.einsum("ij,ij->", signs, matrix @ signs) / signs.shape[1]

    def hutch_pp(signs):
        seen, rest = np.linalg.qr(matrix @ signs[:, :4])[0], signs[:, 4:8]
        rest = rest - seen @ (seen.T @ rest)
        return np.trace(seen.T @ matrix @ seen) + np.einsum("ij,ij->", rest, matrix @ rest) / 4

    def xtrace(signs):
        products, found = matrix @ signs[:, :6], []
        for i in range(6):
            seen = np.linalg.qr(np.delete(products, i, 1))[0]
            rest = signs[:, i] - seen @ (seen.T @ signs[:, i])
            found.append(np.trace(seen.T @ matrix @ seen) + rest @ matrix @ rest)
        return np.mean(found)

    draws = [rng.choice([-1.0, 1.0], (100, 12)) for _ in range(300)]
    errors = [
        np.sqrt(np.mean([(estimate(one) - np.trace(matrix)) ** 2 for one in draws]))
        for estimate in (hutchinson, hutch_pp, xtrace)
    ]
    assert 1.3 < errors[0] < 1.8
    assert 2.2 < min(errors[1:]) < max(errors[1:]) < 3.2
