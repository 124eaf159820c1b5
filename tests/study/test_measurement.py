"""Sections of a study that say what is measured."""

import pytest
from tiny import edited

from scoregap import InputError
from scoregap.measure import DIFFERENCES
from scoregap.study import load


def test_a_step_is_the_methods_own_unless_given(tmp_path):
    """And it is written out, so that a default and the same number given are the same study."""
    studies = {
        text: load(edited(tmp_path, ("points: 4", f"points: 4{text}")))
        for text in ("", "\n  method: central", "\n  method: central\n  step: 0.1", "\n  method: one-sided")
    }
    steps = [study.cells[0].spectrum.step for study in studies.values()]
    assert steps == [None, DIFFERENCES["central"], 0.1, DIFFERENCES["one-sided"]]
    hashes = [study.hash for study in studies.values()]
    assert hashes[1] == hashes[2]
    assert len(set(hashes)) == 3


def test_trajectories_of_a_mixture_are_refused(tmp_path):
    path = edited(
        tmp_path, ("[arcs]", "[mixture]"), ("[0.0, 0.5]", "[0.0]"), ("points: 4", "points: 4\n  sampling: reverse"),
        ("groups: [{fraction: 0.5, std: 1.0}", "groups: [{fraction: 1.0, std: 1.0}"),
    )  # fmt: skip
    with pytest.raises(InputError, match=r"spectrum.sampling: 'reverse' is not allowed: .* should be 'forward'"):
        load(path)
