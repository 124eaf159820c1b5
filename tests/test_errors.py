"""Mistakes of the input are data, and one line of text is made of them."""

from pathlib import Path

import pytest

from scoregap import InputError, brief, data, dotted


def test_the_line_is_file_key_value_and_what_is_allowed():
    error = InputError(file="s.yaml", key=("manifold", "groups", 0, "std"), value=-1.0, allowed="should be positive")
    assert str(error) == "s.yaml: manifold.groups[0].std: -1.0 is not allowed: should be positive"
    assert (error.file, error.key[2], error.value) == ("s.yaml", 0, -1.0)
    assert str(InputError("is missing", file="s.yaml", key="train")) == "s.yaml: train: is missing"
    assert str(InputError("in words")) == "in words"
    moved = error.at("--group number 1: std")
    assert str(moved) == "--group number 1: std: -1.0 is not allowed: should be positive"
    assert moved.value == error.value


def test_long_and_deep_values_stay_on_a_line():
    value = [["x" * 500] * 500] * 500
    assert len(str(InputError(key="k", value=value, allowed="a"))) < 100
    assert "\n" not in brief("a\nb")
    assert brief([1.5, "a"]) == "[1.5, 'a']"
    long = Path("/a b" * 30) / "the\nend"
    assert brief(long) == repr(str(long))  # the end is what tells a path from others
    assert dotted(("groups", 1, "law")) == "groups[1].law"


@pytest.mark.parametrize(
    ("changes", "key", "value"),
    [
        ({"curvature": -1.0}, ("curvature",), -1.0),
        ({"groups": [(0, 1.0)]}, ("groups", 0, "count"), 0),
        ({"groups": [(1, 1.0), (1, 0.0)]}, ("groups", 1, "std"), 0.0),
        ({"groups": [(1, 1.0, 1.0, "flat")]}, ("groups", 0, "law"), "flat"),
        ({"groups": [(9, 1.0)]}, ("ambient_dim",), 8),
        ({"family": "quadratic", "groups": [(1, 1.0)], "sign": "negative"}, "sign", "negative"),
        ({"frame": "square"}, ("frame",), "square"),
    ],
)
def test_what_a_manifold_refuses_names_the_key_and_the_value(changes, key, value):
    given = {"family": "linear", "ambient_dim": 8, "groups": [(2, 1.0)], "curvature": 0.0} | changes
    with pytest.raises(InputError) as caught:
        data.manifold(**given)
    assert (caught.value.key, caught.value.value) == (key, value)
