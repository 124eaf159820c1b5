"""Panels of chosen settings: conditions on axes, figures of what meets them."""

import re

import pytest
from tiny import BLOCKS, edited

from scoregap import InputError
from scoregap.report import gallery, registry
from scoregap.study import load

MANY = [round(0.01 * i, 2) for i in range(100)]


@pytest.fixture
def large(tmp_path):
    return load(
        edited(tmp_path, ("curvature: [0.0, 0.5]", f"curvature: {MANY}"), ("manifold_dim: [2]", "manifold_dim: [2, 4]"))
    )


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (["curvature=0.5"], {"curvature": (0.5,)}),
        (["curvature=0.5,0.07"], {"curvature": (0.07, 0.5)}),
        (["curvature=0.95:"], {"curvature": (0.95, 0.96, 0.97, 0.98, 0.99)}),
        (["curvature=:0.01", "manifold_dim=4"], {"curvature": (0.0, 0.01), "manifold_dim": (4,)}),
        (["curvature=0.1:0.5", "curvature=0.49:0.9"], {"curvature": (0.49, 0.5)}),
        (["family=arcs"], {"family": ("arcs",)}),
    ],
)
def test_conditions_are_values_or_ranges_of_axes(large, where, expected):
    assert gallery.conditions(large, where) == expected


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("curvatur=1", r"--where: 'curvatur=1' is not allowed: did you mean curvature\? should be AXIS=VALUE, AXIS of"),
        ("curvature", "--where: 'curvature' is not allowed"),
        ("curvature=2", "--where curvature: '2' is not allowed: should be of 0, 0.01, 0.02, ..., 0.99, or LOW:HIGH"),
        ("curvature=x", "--where curvature: 'x' is not allowed"),
        ("family=spheres", "--where family: 'spheres' is not allowed: should be of arcs"),
        ("network=exact", "--where: 'network=exact' is not allowed"),
        ("", "--where: '' is not allowed"),
    ],
)
def test_what_no_setting_can_meet_is_refused_in_a_line(large, where, message):
    with pytest.raises(InputError, match=f"^{message}"):
        gallery.conditions(large, [where])


def test_conditions_that_no_setting_meets_together_are_refused_and_nothing_is_written(done, tmp_path):
    with pytest.raises(InputError, match=r"^--where: 'curvature=0 curvature=0.5' is not allowed: no setting .* meets"):
        gallery.draw(*done, tmp_path / "out", ["curvature=0", "curvature=0.5"], ["gaps"])
    assert not list(tmp_path.iterdir())


def test_of_an_axis_of_numbers_and_texts_settings_are_found_by_either(by_class, tmp_path):
    lines = gallery.draw(*by_class, tmp_path, ["dataset_size=20"], ["profile"], 1)
    assert lines == ["1 setting, of 2 the first; --most has more", str(tmp_path / "profile.svg")]
    assert "1 of 4 settings, as asked for" in (tmp_path / "profile.svg").read_text()
    assert gallery.draw(*by_class, tmp_path, ["class=2"], ["profile"])[0] == "2 settings"


def test_a_figure_of_blocks_without_the_settings_that_are_asked_for_is_refused(tmp_path):
    study, one = load(edited(tmp_path, *BLOCKS)), ("arcs", 8, 4, 0.0, 1.0, "ve")
    assert gallery.pages(study, ["curved/gaps", "one/gaps"], [one]) == [("one/gaps", 1, [one])]
    with pytest.raises(
        InputError, match=r"^--figure: 'gaps' is not allowed: it is of blocks without .*: curved, draws$"
    ):
        gallery.pages(study, ["curved/gaps", "draws/gaps"], [one])


def test_of_more_than_are_wanted_the_first_are_taken_where_nothing_is_compared(large):
    found, count = gallery.chosen(large, None, ["manifold_dim=4"], 3)
    assert (found, count) == ([("arcs", 8, 4, c) for c in (0.0, 0.01, 0.02)], 100)


def test_figures_show_what_was_asked_for_and_say_so(done, tmp_path):
    path, folder = done
    lines = gallery.draw(path, folder, tmp_path, ["curvature=0.5"], ["gaps"])
    assert lines == ["1 setting", str(tmp_path / "gaps.svg")]
    text = (tmp_path / "gaps.svg").read_text()
    assert "1 of 2 settings, as asked for" in text
    assert set(re.findall(r">c (0[.0-9]*)<", text)) == {"0.5"}
    with pytest.raises(InputError, match=r"^--figure: 'gap' is not allowed: did you mean gaps"):
        gallery.draw(path, folder, tmp_path, [], ["gap"])


@pytest.mark.slow
def test_without_conditions_all_settings_are_drawn_in_every_figure_that_shows_some(done, tmp_path):
    path, folder = done
    lines = gallery.draw(path, folder, tmp_path)
    assert lines[0] == "2 settings"
    names = [name for name in gallery.DRAWN if name in registry.names(load(path))]
    assert sorted(file.stem for file in tmp_path.iterdir()) == sorted(names)
