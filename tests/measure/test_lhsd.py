"""LHSD against its definition, in the Hessian of the log density, and against sums over spectra."""

import numpy as np
import pytest

from scoregap.measure import dimension
from scoregap.measure.lhsd import CUTOFF, POWER, lhsd, lhsd_filter


def symmetric(values, seed=0):
    frame = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values), len(values))))[0]
    return (frame * values) @ frame.T


@pytest.mark.parametrize(("cutoff", "power"), [(CUTOFF, POWER), (0.5, 12), (0.7, 8)])
@pytest.mark.parametrize("t", [1e-4, 0.3])
def test_the_filter_is_that_of_the_hessian(cutoff, power, t):
    """1 / (1 + (lambda / kappa)^p) of the eigenvalues of -J, kappa = c / t, those below 0 as 0."""
    hessian = np.array([0.0, 1e-3, 0.1, 1.0, 30.0, 1 / t, -0.05])
    expected = 1 / (1 + (np.clip(hessian, 0, None) / (cutoff / t)) ** power)
    np.testing.assert_allclose(lhsd_filter(1 - t * hessian, cutoff, power), expected, rtol=1e-9)


def test_an_eigenvalue_counts_half_where_the_cutoff_is():
    assert lhsd_filter(1 - CUTOFF) == pytest.approx(0.5)
    assert lhsd_filter([0.5, 0.0]).max() < 0.002  # what `slq_count` counts half is none


@pytest.mark.parametrize("m", [0, 1, 7, 20])
def test_it_is_the_sum_of_the_filter(m):
    rng = np.random.default_rng(m)
    values = np.where(np.arange(20) < m, rng.uniform(0.9, 1.01, 20), rng.uniform(-0.1, 0.4, 20))
    g = symmetric(values)

    def found(probes):
        return lhsd(lambda rows: rows @ g, 20, probes, 20, np.random.default_rng(0))

    total = lhsd_filter(values).sum()
    assert found(20) == pytest.approx(total, abs=1e-8)
    assert abs(found(10) - total) < 4 * np.sqrt(2 * total * (1 - total / 20) / 10) + 0.05


def test_of_flat_data_it_gives_up_ten_times_earlier_than_the_count():
    """Its cutoff asks for gamma / (gamma + t) > .9."""
    variances = np.r_[np.ones(4), np.zeros(12)]
    for t, counted, filtered in ((1e-3, 4, 4), (0.3, 4, 0.2)):
        g = symmetric(variances / (variances + t))
        rng = np.random.default_rng
        assert dimension.slq_count(lambda rows, g=g: rows @ g, 16, 16, 16, rng(0)) == pytest.approx(counted, abs=1e-6)
        assert lhsd(lambda rows, g=g: rows @ g, 16, 16, 16, rng(0)) == pytest.approx(filtered, abs=0.1)
