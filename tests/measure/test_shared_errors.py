"""Intervals under an error that all points share: what they are of, and how often they hold."""

import csv
import itertools
from pathlib import Path

import interval_coverage
import numpy as np
import pytest
from scipy.special import stdtrit

from scoregap.measure import phases, shared_errors

GRID = np.geomspace(1e-3, 1e3, 40)
HOW = {"level": 0.5, "visibility": 0.1}


def curves(t):
    """An intermediate gap and the final one of variances 4, 1/4 (theory.md 3)."""
    return np.stack([4 / (4 + t) - 0.25 / (0.25 + t), 0.25 / (0.25 + t)], -1)


def test_a_curve_of_the_model_has_no_error_to_allow_for():
    found = shared_errors.intervals(GRID, curves(GRID), 0.95, **HOW)
    fitted = phases.fit(GRID, curves(GRID), **HOW)
    for name, (low, high) in found.items():
        np.testing.assert_allclose([low, high], [fitted[name]] * 2, rtol=1e-5)


def test_with_intervals_over_points_half_widths_add_in_squares():
    width = curves(GRID) + 0.01 * np.random.default_rng(0).standard_normal((len(GRID), 2))
    alone = shared_errors.intervals(GRID, width, 0.95, **HOW)
    fitted = phases.fit(GRID, width, **HOW)
    points = {name: (fitted[name] / 1.1, fitted[name] * 1.3) for name in alone}
    both = shared_errors.intervals(GRID, width, 0.95, points, **HOW)
    for name, (low, high) in both.items():
        for end, other, factor in ((low, alone[name][0], 1 / 1.1), (high, alone[name][1], 1.3)):
            expected = np.hypot(np.log(factor), np.log(other / fitted[name]))
            np.testing.assert_allclose(np.abs(np.log(end / fitted[name])), expected, rtol=1e-9)


@pytest.mark.parametrize(("size", "kept"), [(0.002, 0.0), (0.01, 0.0), (0.01, 0.7)])
def test_errors_are_told_by_size_and_correlation(size, kept):
    """Medians over 60 curves; few independent errors leave a correlation and a size that are known roughly."""
    rng, found = np.random.default_rng(0), []
    for _ in range(60):
        noise = rng.standard_normal((len(GRID), 2))
        for before, now in itertools.pairwise(noise):
            now[:] = kept * before + np.sqrt(1 - kept**2) * now
        found.append(shared_errors.errors(GRID, curves(GRID) + size * noise))
    sizes, correlations, independent = np.median(found, 0)
    np.testing.assert_allclose(sizes, size, rtol=0.2 if kept else 0.1)  # the model takes part of what is smooth
    np.testing.assert_allclose(correlations, kept, atol=0.1)
    np.testing.assert_allclose(independent, 40 * (1 - kept**2) / (1 + kept**2), rtol=0.4)


def test_the_half_width_is_that_of_the_delta_method():
    """White noise on the final gap: from the two widths that a crossing is interpolated between, by hand."""
    rng = np.random.default_rng(1)
    width = curves(GRID)[:, 1:] + 0.003 * rng.standard_normal((len(GRID), 1))
    low, high = shared_errors.intervals(GRID, width, 0.9, **HOW)["t_consolidation"]
    size, correlation, independent = (one[0] for one in shared_errors.errors(GRID, width))
    at = np.flatnonzero(width[:, 0] < 0.5)[0]
    slopes = []
    for i in (at - 1, at):
        step = np.zeros_like(width)
        step[i] = 1e-5
        up, down = (phases.fit(GRID, width + sign * step, **HOW)["t_consolidation"][0] for sign in (1, -1))
        slopes.append(np.log(up / down) / 2e-5)
    variance = slopes[0] ** 2 + slopes[1] ** 2 + 2 * correlation * slopes[0] * slopes[1]
    half = stdtrit(independent - 3, 0.95) * size * np.sqrt(variance)
    assert 0.5 * np.log(high / low)[0] == pytest.approx(half, rel=0.01)


def test_what_is_not_seen_has_no_interval():
    width = curves(GRID) + 0.01 * np.random.default_rng(0).standard_normal((len(GRID), 2))
    width[:, 0] = np.nan
    found = shared_errors.intervals(GRID, width, 0.95, **HOW)
    fitted = phases.fit(GRID, width, **HOW)
    for name, ends in found.items():
        np.testing.assert_array_equal(np.isnan(ends), np.isnan([fitted[name]] * 2))
    width[:3, 1] = np.nan  # times without a width move nothing
    assert np.isfinite(shared_errors.intervals(GRID, width, 0.95, **HOW)["model_t_consolidation"][0][1])


def test_the_record_says_what_the_page_says():
    """Coverage with 500 studies per row, as of docs/explanation/statistics.md."""
    record = Path(__file__).parents[2] / "results" / "benchmarks" / "coverage.csv"
    with record.open() as file:
        rows = [row for row in csv.DictReader(file) if row["time"] != "consistency"]
    assert {row["studies"] for row in rows} == {"500"}
    for row in rows:
        held, model = float(row["shared_held"]), row["time"].startswith("model")
        least = (0.93 if int(row["length"]) < 8 else 0.87) if model else 0.92 if float(row["size"]) <= 0.02 else 0.86
        assert held >= least - 0.005, row
    crossings, models = (
        [
            float(row["points_held"])
            for row in rows
            if (row["family"], row["size"], row["length"]) == ("arcs", "0.02", "0")
            and row["time"].startswith("model") == model
        ]
        for model in (False, True)
    )
    assert [min(crossings), max(crossings)] == pytest.approx([0.21, 0.72], abs=0.005)
    assert [min(models), max(models)] == pytest.approx([0.53, 0.78], abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize("length", [0, 2])
def test_they_hold_the_truth_where_intervals_over_points_do_not(length):
    """Errors of .02: 100 studies; `make coverage` has 500. Model times hold, crossings nearly."""
    rng = np.random.default_rng(0)
    pool = interval_coverage.one_manifold("arcs", 0.5, interval_coverage.GROUPS, 1000)
    found = interval_coverage.under_shared_errors(pool, 0.02, length, 100, rng)
    for name in ("t_open", "t_close", "model_t_open", "model_t_max", "model_t_close", "model_t_consolidation"):
        (points, _, _), (shared, known, _) = found[name]
        assert known >= 95
        assert shared / known > (0.87 if "model" in name else 0.82)
        assert points < 80 or length == 0
    assert max(found[name][0][0] for name in ("t_open", "t_close")) < 65
