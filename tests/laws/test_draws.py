"""Draws of F: their spectra against F itself, and what follows from them against closed forms and the law."""

import numpy as np
import pytest
from scipy import stats

from scoregap.laws import draws, random_matrix, times

COUNTS, STDS, D = [3, 2], [1.0, 0.3], 12
VARIANCES = np.repeat(np.square(STDS), COUNTS) / 5


def direct(rng, count):
    """Squared singular values of F as `data.manifolds.linear` draws it."""
    factors = rng.standard_normal((count, D, 5)) * np.sqrt(VARIANCES)
    return np.linalg.svd(factors, compute_uv=False) ** 2


def test_spectra_are_those_of_f():
    """Of 4,000 draws each eigenvalue has the distribution of F's (Kolmogorov and Smirnov, 1 in 1,000)."""
    found = draws.squared_singular_values(np.random.default_rng(0), D, VARIANCES, 4000)
    assert found.shape == (4000, 5)
    assert (np.diff(found) <= 0).all()
    for one, other in zip(found.T, direct(np.random.default_rng(1), 4000).T, strict=True):
        assert stats.ks_2samp(one, other).pvalue > 1e-3


def test_trace_and_determinant_have_their_exact_means():
    found = draws.squared_singular_values(np.random.default_rng(2), D, VARIANCES, 20_000)
    assert found.sum(1).mean() == pytest.approx(D * VARIANCES.sum(), rel=0.01)
    determinant = np.prod(VARIANCES) * np.prod(D - np.arange(5.0))
    assert found.prod(1).mean() == pytest.approx(determinant, rel=0.1)


def test_chunks_do_not_matter_to_shapes_and_too_many_columns_are_refused(monkeypatch):
    monkeypatch.setattr(draws, "AT_ONCE", 60)
    found = draws.squared_singular_values(np.random.default_rng(0), D, VARIANCES, 7)
    assert np.isfinite(found).all()
    assert found.shape == (7, 5)
    with pytest.raises(ValueError, match="5 variances are not allowed: should be 4 at most"):
        draws.squared_singular_values(np.random.default_rng(0), 4, VARIANCES, 7)


def test_the_number_of_draws_takes_seconds():
    assert draws.number(4) == draws.number(100) == draws.MOST
    assert draws.number(5000) == draws.FEWEST
    assert draws.FEWEST < draws.number(300) < draws.MOST


def test_widest_spacing_is_over_all_modes_but_those_apart():
    t = np.geomspace(1e-3, 1e3, 2000)
    variances = np.array([[4.0, 3.0, 0.3, 0.2]])
    every = [times.maximum(a, b)[1] for a, b in ((4.0, 3.0), (3.0, 0.3), (0.3, 0.2))]
    assert draws.widest_spacing(t, variances) == pytest.approx(every[1], rel=1e-4)
    assert draws.widest_spacing(t, variances, (2,)) == pytest.approx(every[2], rel=1e-4)
    assert np.isnan(draws.widest_spacing(t, variances, (1, 2, 3)))
    assert np.isnan(draws.widest_spacing(t, variances[:, :1]))


def test_phase_times_are_closed_forms_of_visible_gaps():
    variances = np.array([[5.0, 4.0, 0.25, 0.1]])
    found = draws.phase_times(variances, 2, 0.5, 0.1)
    assert (found["t_open"], found["t_close"]) == pytest.approx(times.opening_and_closing(4.0, 0.25))
    assert found["t_max"] == pytest.approx(1.0)
    assert found["t_consolidation"] == pytest.approx(0.1)
    narrow = draws.phase_times(variances, 2, 0.5, 0.7)  # .6 wide
    assert np.isnan([narrow[name] for name in ("t_open", "t_max", "t_close")]).all()
    assert list(draws.phase_times(variances, None, 0.5, 0.1)) == ["t_consolidation"]


@pytest.mark.slow
def test_what_finite_size_does_at_d_100():
    """Exact over the bare law, m = 40, variances 1 and .15^2: mean ratios of 3,000 draws, known to .003."""
    rng = np.random.default_rng(3)
    found = draws.squared_singular_values(rng, 100, np.repeat([1.0, 0.0225], 20) / 40, 3000)
    exact = draws.phase_times(found, 20, 0.5, 0.1)
    (a, b), (g, _) = random_matrix.gap_edges(random_matrix.silverstein_edges(100, [20, 20], [1.0, 0.15]))
    opening, closing = times.opening_and_closing(a, b)
    law = {"t_open": opening, "t_max": times.maximum(a, b)[0], "t_close": closing, "t_consolidation": g}
    wanted = {"t_open": 1.063, "t_max": 1.022, "t_close": 0.982, "t_consolidation": 1.159}
    for name, value in wanted.items():
        ratio = exact[name] / law[name]
        assert ratio.mean() == pytest.approx(value, abs=4 * ratio.std() / np.sqrt(3000)), name
