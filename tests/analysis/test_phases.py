"""Whose gap leads, and where the law's boundaries are."""

import numpy as np
from tiny import edited
from two_groups import LAW, A, B, G, T, cell

from scoregap.analysis import phases
from scoregap.laws import times
from scoregap.study import load


def test_which_gap_leads_is_the_median_over_seeds_that_have_a_result():
    rng = np.random.default_rng(0)
    widths = rng.uniform(size=(3, 3, len(T)))  # two intermediate gaps
    widths[1] = np.nan
    t, lead = phases.leading(cell({"exact": widths}, np.zeros((3, len(T)))), "exact")
    np.testing.assert_array_equal(t, T)
    each = widths[:, 2] - np.maximum(widths[:, 0], widths[:, 1])
    np.testing.assert_allclose(lead, (each[0] + each[2]) / 2)
    _, lead = phases.leading(cell({"exact": np.full((2, 3, len(T)), np.nan)}, np.zeros((3, len(T)))), "exact")
    assert np.isnan(lead).all()


def test_without_intermediate_gap_the_final_one_leads():
    one = cell({"exact": LAW[None, 1:]}, LAW[1:])
    np.testing.assert_allclose(phases.leading(one, "exact")[1], LAW[1])
    merged = cell({"exact": LAW[None]}, np.stack([np.full(len(T), np.nan), LAW[1]]))
    np.testing.assert_allclose(phases.leading(merged, "law")[1], LAW[1])


def test_padding_of_times_is_no_time():
    padded = np.concatenate([T, [np.nan] * 3])
    longer = np.concatenate([LAW, np.full((2, 3), np.nan)], 1)
    t, lead = phases.leading(cell({"exact": longer[None]}, longer, padded), "exact")
    np.testing.assert_array_equal(t, T)
    np.testing.assert_allclose(lead, LAW[1] - LAW[0])


def test_boundaries_of_the_law_are_its_closed_forms(tmp_path):
    study = load(edited(tmp_path))
    found = phases.law_boundaries(study, cell({"exact": LAW[None]}, LAW))
    visible = times.visible(A, B, study.document.fit.visibility)[0]
    np.testing.assert_allclose(found, [visible, times.coverage_to_consolidation(A, B, G), G], rtol=2e-3)
