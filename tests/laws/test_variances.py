"""Laws of column variances against plain integrals of their quantile functions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from scoregap.laws import VARIANCE_LAWS
from scoregap.laws.variances import CONSTANT, VarianceLaw

EXAMPLES = [
    CONSTANT,
    VarianceLaw("uniform", 0.3),
    VarianceLaw("uniform", 1.0),
    VarianceLaw("lognormal", 0.4),
    VarianceLaw("lognormal", 1.5),
    VarianceLaw("lognormal", 3.0),
    VarianceLaw("power", 0.2),
    VarianceLaw("power", 0.5),
]
laws_of_any_width = st.sampled_from(list(VARIANCE_LAWS)).flatmap(
    lambda name: st.floats(*VARIANCE_LAWS[name]).map(lambda width: VarianceLaw(name, width))
)


@pytest.mark.parametrize(
    ("name", "width"),
    [("gamma", 0.5), ("constant", 0.1), ("uniform", 1.01), ("power", 1.0), ("lognormal", -0.1), ("uniform", np.nan)],
)
def test_what_is_no_law(name, width):
    with pytest.raises(ValueError, match=name):
        VarianceLaw(name, width)


@pytest.mark.parametrize("name", VARIANCE_LAWS)
def test_no_width_is_constant(name):
    law = VarianceLaw(name, 0.0)
    assert law.support == (1, 1)
    np.testing.assert_array_equal(law.quantile([0.0, 0.3, 1.0]), 1)
    np.testing.assert_allclose(law.columns(7), 1, rtol=1e-14)
    values, weights = law.nodes()
    assert values @ weights == 1


def test_supports():
    for law in EXAMPLES:
        np.testing.assert_allclose(law.support, law.quantile([0.0, 1.0]), rtol=1e-15)


def test_quantiles():
    np.testing.assert_allclose(VarianceLaw("uniform", 0.4).quantile([0, 0.25, 1]), [0.6, 0.8, 1.4], rtol=1e-15)
    np.testing.assert_allclose(VarianceLaw("power", 0.5).quantile([0, 0.75, 0.99]), [0.5, 1.0, 5.0], rtol=1e-12)
    # The median and one standard deviation of log v.
    np.testing.assert_allclose(
        np.log(VarianceLaw("lognormal", 0.6).quantile([0.5, 0.8413447460685429])), [-0.18, 0.42], atol=1e-12
    )


@settings(deadline=None, max_examples=60, derandomize=True)
@given(law=laws_of_any_width, n=st.integers(1, 300))
def test_columns_of_any_law(law, n):
    columns = law.columns(n)
    assert columns.shape == (n,)
    assert columns.mean() == pytest.approx(1, rel=1e-12)
    assert np.all(np.diff(columns) <= 0)
    low, high = law.support
    assert low <= columns[-1] * (1 + 1e-12)
    assert columns[0] <= high * (1 + 1e-12)
    # A mean over a bin lies between the quantiles at its ends; bins of halves are means of their parts.
    ends = law.quantile(1 - np.arange(n + 1) / n)
    assert np.all(columns <= ends[:-1] * (1 + 1e-9))
    assert np.all(columns >= ends[1:] * (1 - 1e-9))
    np.testing.assert_allclose(law.columns(2 * n).reshape(n, 2).mean(1), columns, rtol=1e-9)


@pytest.mark.parametrize("law", EXAMPLES)
def test_columns_are_integrals_of_the_quantile_function(law):
    """The largest column takes the rest of the mean 1: where v grows without bound quad fails."""
    expected = [5 * quad(law.quantile, 0.2 * k, 0.2 * (k + 1))[0] for k in (3, 2, 1, 0)]
    np.testing.assert_allclose(law.columns(5), [5 - sum(expected), *expected], rtol=1e-6)


def test_power_law_columns_fall_like_their_rank():
    columns = VarianceLaw("power", 0.7).columns(10_000)
    assert np.log(columns[999] / columns[99]) / np.log(10) == pytest.approx(-0.7, abs=0.01)


@pytest.mark.parametrize("law", EXAMPLES)
@pytest.mark.parametrize("below", [False, True])
def test_nodes_integrate(law, below):
    values, weights = law.nodes(below=below)
    assert np.iscomplexobj(values) == (below and law.width > 0)
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert values @ weights == pytest.approx(1, abs=1e-11)
    for pole in (-3.0, -0.1):

        def share(q, pole=pole):
            return law.quantile(q) / (law.quantile(q) - pole)

        exact = quad(share, 0, 1, epsabs=1e-13, epsrel=1e-13, limit=200)[0]
        assert weights @ (values / (values - pole)) == pytest.approx(exact, abs=1e-9)
    if below:  # also a pole just above the support: the integral is exact for Im p > 0
        pole = 1.1 + 0.05j
        exact = quad(
            lambda q: 1 / (law.quantile(q) - pole), 0, 1, complex_func=True, epsabs=1e-11, epsrel=1e-11, limit=400
        )[0]
        assert weights @ (1 / (values - pole)) == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize("distance", [1e-1, 1e-4, 1e-8])
def test_nodes_hold_close_to_the_end_of_the_support(distance):
    law = VarianceLaw("uniform", 0.5)
    values, weights = law.nodes()
    assert weights @ (1 / (1.5 + distance - values)) == pytest.approx(np.log1p(1 / distance), rel=1e-7)


def test_nodes_below_reach_the_real_line():
    """On the support the integral of 1 / (v - p) is its principal value plus i pi times the density of v at p."""
    law = VarianceLaw("uniform", 0.5)
    values, weights = law.nodes(below=True)
    for pole in (0.6, 1.0, 1.3):
        expected = np.log((1.5 - pole) / (pole - 0.5)) + 1j * np.pi
        assert weights @ (1 / (values - pole)) == pytest.approx(expected, abs=1e-12)


def test_more_nodes_converge():
    law = VarianceLaw("power", 0.4)
    exact = quad(lambda q: 1 / (law.quantile(q) + 0.2), 0, 1, epsabs=1e-12, epsrel=1e-12)[0]
    off = [abs(weights @ (1 / (values + 0.2)) - exact) for values, weights in map(law.nodes, (25, 50, 100))]
    assert off[0] < 0.3
    assert off[1] < 0.03 * off[0]
    assert off[2] < 0.01 * off[1]
