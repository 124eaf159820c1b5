"""Axes: values that mean what they say, and what was meant by others."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import TINY, edited

from scoregap import InputError
from scoregap.study import load
from scoregap.study.axes import alike, places_of


@given(
    st.lists(st.sampled_from(["0", "1", "all", "+0", "01", "0_1", " 1"]), min_size=1, max_size=3, unique=True),
    st.sampled_from(["std", "bend", "width"]),
)
def test_axes_of_members_are_refused_or_every_cell_shows_what_its_labels_say(members, name):
    """Of lists: whatever the axes are called, a label and what the cell was given are the same."""
    axes = [f"manifold.groups.{member}.{name}" for member in members]
    lines = "\n".join(f'  "{axis}": [0.25, 0.5]' for axis in axes)
    laws = [(f"std: {std}}}", f"std: {std}, law: uniform}}") for std in ("1.0", "0.1")]  # which have a width
    with tempfile.TemporaryDirectory() as folder:
        try:
            study = load(edited(Path(folder), ("  seed: 2", f"{lines}\n  seed: 2"), *laws))
        except InputError:
            assert set(members) - {"0", "1", "all"} or ("all" in members and len(members) > 1)
            return
    assert set(members) <= {"0", "1"} or members == ["all"]
    for cell in study.cells:
        for axis in axes:
            member = axis.split(".")[2]
            groups = cell.manifold.groups if member == "all" else [cell.manifold.groups[int(member)]]
            assert {getattr(group, name) for group in groups} == {cell[axis]}


@pytest.mark.parametrize(
    ("written", "near"),
    [
        ("curvatur", "curvature"),
        ("Seed", "seed"),
        ("steps", "train.steps"),
        ("bend", "manifold.groups.all.bend"),
        ("train.step", "train.steps"),
        ("trian.steps", "train.steps"),
        ("manifold.group.1.std", "manifold.groups.1.std"),
        ("manifold.groups.0.stdd", "manifold.groups.0.std"),
        ("manifold.groups.all.fration", "manifold.groups.all.fraction"),
        ("fit.levl", "fit.level"),
        ("train.device", ""),
        ("spectrum.points", ""),
        ("train", ""),  # a section is none, and is spelt like no key of it
        ("train.noise", ""),
        ("manifold.groups", ""),
        ("compare.confidence", ""),  # a key, and not that of fit
        ("colour", ""),
        ("manifold.groups.7.std", ""),
    ],
)
def test_an_axis_that_is_none_is_named_with_the_one_that_was_meant(tmp_path, written, near):
    with pytest.raises(InputError) as caught:
        load(edited(tmp_path, ("  seed: 2", f"  {written}: [0.5]\n  seed: 2")))
    assert near or len(str(caught.value).splitlines()) == 1  # nothing follows from it
    (line,) = [line for line in str(caught.value).splitlines() if f"axes.{written}: " in line]
    assert "unknown axis: " in line
    assert (f"did you mean {near}? " in line) == bool(near)


def test_a_study_of_data_is_not_told_of_axes_of_families(tmp_path):
    study = TINY[: TINY.index("axes:")] + "data: {source: digits, range: [-1, 1]}\n" + TINY[TINY.index("axes:") :]
    (tmp_path / "s.yaml").write_text(study.replace("  seed: 2", "  seed: 2\n  clas: [1]\n  manifold.sepration: [1]"))
    with pytest.raises(InputError) as caught:
        load(tmp_path / "s.yaml")
    text = str(caught.value)
    assert "axes.clas: unknown axis: did you mean class? " in text
    assert "axes.manifold.sepration: unknown axis: allowed are network, seed" in text or "no number or text" in text
    for axis in ("family", "ambient_dim", "manifold_dim", "curvature"):
        assert f"axes.{axis}: is not allowed: it is of families" in text


VALUES = st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -0.0, 1e-5]) | st.sampled_from(["1", "0.5", "1e-05", "a"])


@given(st.lists(VALUES), VALUES)
def test_values_are_found_where_they_are_alike(values, named):
    """At once, what a search through all of them finds."""
    found = places_of(tuple(values))
    for name in (named, str(named)):
        assert found.get(name) == next((i for i, one in enumerate(values) if alike(one, name)), None)
