"""The record of estimators on exact scores is whole, of this code, and what pages say of it."""

import itertools
import sys

import estimators_exact as exact
import numpy as np
import pytest

from scoregap.measure import SCORE_ESTIMATORS

TABLE = exact.read()
PAGE = (exact.RECORD.parents[2] / "docs" / "explanation" / "dimension_estimators.md").read_text()
DRAWN = ("final_gap", "flipd", "implicit_loss", "plateau", "denoising_loss")  # cheap ones


def of(sweep, value, estimator):
    """The rows of one curve."""
    return [row for row in TABLE if (row.sweep, row.value, row.estimator) == (sweep, value, estimator)]


def test_the_record_is_whole():
    for sweep, values in exact.SWEEPS.items():
        for value in values:
            for estimator in SCORE_ESTIMATORS:
                rows = of(sweep, value, estimator)
                np.testing.assert_allclose([row.t for row in rows], exact.TIMES, rtol=1e-5)
                assert np.isfinite([row[4:] for row in rows]).all(), (sweep, value, estimator)
    assert len(TABLE) == sum(map(len, exact.SWEEPS.values())) * len(SCORE_ESTIMATORS) * len(exact.TIMES)


@pytest.mark.parametrize(
    ("sweep", "value"),
    [
        ("curvature", 0.0), ("smallest std", 0.1), ("sphere", 5),
        *(pytest.param(*one, marks=pytest.mark.slow)
          for one in (("curvature", 0.5), ("noise", 1e-3), ("smaller component", 2), ("codimension", 8))),
    ],
)  # fmt: skip
def test_the_record_is_of_this_code(sweep, value):
    found, true = exact.estimates(sweep, value, list(DRAWN), exact.OTHERS)
    for i, name in enumerate(DRAWN):
        rows = of(sweep, value, name)
        errors = found[:, i] - true
        np.testing.assert_allclose([row.bias for row in rows], errors.mean(1), atol=2e-4, rtol=1e-4)
        np.testing.assert_allclose([row.spread for row in rows], errors.std(1), atol=2e-4, rtol=1e-4)
        np.testing.assert_allclose([row.right for row in rows], (np.abs(errors) <= 0.5).mean(1), atol=1e-6)
        np.testing.assert_allclose([row.dimension for row in rows], true.mean())


def test_biases_of_flat_data_are_closed_forms():
    """Of 8 variances 1, mean over data: E tr G and what FLIPD and the implicit loss add, within 4 standard errors."""
    for estimator, weight in (("flipd", 1.0), ("implicit_loss", 0.5)):
        for row in of("curvature", 0.0, estimator):
            expected = exact.M * (1 / (1 + row.t) + weight * row.t / (1 + row.t) ** 2 - 1)
            assert abs(row.bias - expected) < 4 * row.spread / np.sqrt(exact.OTHERS) + 1e-5
    for row in of("curvature", 0.0, "denoising_loss"):
        assert abs(row.bias + exact.M * row.t / (1 + row.t)) < 4 * row.spread / np.sqrt(exact.OTHERS)


def lowest_right(v, estimator):
    """The smallest noise variance, over that of the noise on the data, from which an estimator is right."""
    found = exact.right_range(TABLE, "noise", v, estimator)
    return found and found[0] / v


def test_what_noise_on_the_data_does():
    """Below its variance v every direction has data: whole spectra say d, FLIPD and the losses need t far above v, as
    points do not lie on the manifold; drops of score vectors are where they were."""
    for v in exact.SWEEPS["noise"][1:]:
        assert all(row.bias == exact.D - exact.M for row in of("noise", v, "final_gap") if row.t < v / 30)
        for estimator in ("final_gap", "slq_count"):
            assert 1 < lowest_right(v, estimator) < 3
        assert 0.3 < lowest_right(v, "lhsd") < 0.7
        for estimator in ("normal_bundle_centred", "normal_bundle_second_difference"):
            assert exact.right_range(TABLE, "noise", v, estimator)[0] == pytest.approx(exact.TIMES[0])
    for v in exact.SWEEPS["noise"][1:4]:
        assert 90 < lowest_right(v, "flipd") < 110
        assert 90 < lowest_right(v, "implicit_loss") < 110
        assert 30 < lowest_right(v, "denoising_loss") < 60


def test_what_curvature_dimension_and_spread_do():
    """Sentences of the page."""
    ends = {name: exact.right_range(TABLE, "smallest std", 0.1, name)[1] for name in SCORE_ESTIMATORS}
    flat = {name: exact.right_range(TABLE, "smallest std", 1.0, name)[1] for name in SCORE_ESTIMATORS}
    for name in SCORE_ESTIMATORS:  # of a variance of .01 instead of 1
        assert 30 < flat[name] / ends[name] < 300 or name == "plateau"
    assert exact.right_range(TABLE, "smallest std", 0.03, "plateau") is None
    for name in SCORE_ESTIMATORS:
        if name != "normal_bundle_second_difference":  # the number of normal directions hardly matters
            of_codimension = [exact.right_range(TABLE, "codimension", c, name) for c in exact.SWEEPS["codimension"]]
            assert max(high for _, high in of_codimension) < 5 * min(high for _, high in of_codimension)
    of_spheres = {name: exact.right_range(TABLE, "sphere", 20, name)[1] for name in SCORE_ESTIMATORS}
    assert of_spheres["final_gap"] == max(of_spheres.values())
    assert of_spheres["denoising_loss"] == min(of_spheres.values())
    ones = [row.bias for row in of("sphere", 1, "denoising_loss") if 0.04 < row.t < 0.5]
    assert max(ones) > 0  # a circle


@pytest.mark.parametrize("sweep", exact.SWEEPS)
def test_tables_of_the_page_are_of_the_record(sweep):
    assert exact.table_of(TABLE, sweep) in PAGE


def test_the_table_of_costs_is_of_the_record():
    assert exact.cost_table(TABLE) in PAGE


def test_the_table_of_the_bake_off_is_of_its_last_run(monkeypatch):
    monkeypatch.syspath_prepend(exact.RECORD.parents[2] / "tests" / "benchmarks")
    import estimators

    try:
        assert estimators.table() in PAGE
        last = estimators.last_run()
    finally:
        for name in ("estimators", "bench"):
            sys.modules.pop(name, None)
    says = {row["case"].partition(",")[0]: float(after["ours"])
            for row, after in itertools.pairwise(last) if after["case"].startswith("  says")}  # fmt: skip
    assert says.keys() == {*SCORE_ESTIMATORS, "local_pca"}
    assert max(says.values()) > 10 * says["lhsd"]
    assert all(says[name] > 780 for name in SCORE_ESTIMATORS if name == "final_gap" or name.startswith("normal"))
    wall, processor = (float(row["ours"]) for row in last[-2:])
    assert wall < 600  # ten minutes
    assert processor < 1200


def test_the_longest_range_is_found():
    rows = [exact.Row("s", 1.0, "flipd", t, 3, bias, 0, 1) for t, bias in zip(range(1, 8), [9, 0, 0.5, 9, 0, -0.4, 0.1],
                                                                              strict=True)]  # fmt: skip
    assert exact.right_range(rows, "s", 1.0, "flipd") == (5, 7)
    assert exact.right_range(rows[:1], "s", 1.0, "flipd") is None
    assert exact.told((exact.TIMES[0], 0.1)) == "0.1"
    assert exact.told((1e-3, 0.03)) == "0.001 to 0.03"
    assert exact.told(None) == "-"
