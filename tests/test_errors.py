"""Mistakes of the input are data, and one line of text is made of them."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tiny import edited

from scoregap import (
    MOST_TOLD,
    DamagedFile,
    InputError,
    InputErrors,
    bound,
    brief,
    data,
    dotted,
    number,
    printable,
    refuse,
    some,
)
from scoregap.study import load


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


ESCAPES = "a\n\r\x1b[31m\x00\x85\u2028\u202e\ud800\t"


def test_no_message_is_of_two_lines_or_commands_a_terminal():
    """Keys, values, names of files and what is allowed may be anybody's text."""
    for error in (
        InputError(ESCAPES, file=ESCAPES, key=ESCAPES, value=ESCAPES, allowed=ESCAPES),
        InputError(file=Path(ESCAPES), key=("axes", ESCAPES, 0), value=[ESCAPES, {ESCAPES: ESCAPES}], allowed="x"),
        InputError(value=Path(ESCAPES)).at((ESCAPES,), Path(ESCAPES)),
        DamagedFile(f"{ESCAPES}: is damaged"),
    ):
        assert str(error).isprintable()
        assert "a\\n\\r\\x1b[31m\\x00\\x85\\u2028\\u202e\\ud800" in str(error)
    assert printable("a\tb\nc", also="\n") == "a\\tb\nc"
    assert printable("é ✓ 日本") == "é ✓ 日本"


@pytest.mark.parametrize("number", [16**5000, -(16**5000), 2**20000 - 1], ids=["+", "-", "2"])
def test_numbers_that_python_does_not_write_out_are_said(number):
    """Of more than 4300 digits str() is an error."""
    assert brief(number).startswith("a number of about 60")
    assert "a number of about 60" in brief([1, {"a": number}])
    assert "a number of about 60" in str(InputError(key="k", value=number, allowed="a"))
    assert brief(10**50) == f"1{'0' * 50}"


def test_of_long_keys_the_beginning_is_said():
    assert len(dotted("k" * 10**6)) == len(dotted(("a",) * 10**6)) == 200
    assert len(str(InputError(key=("k" * 10**6, 3, "k" * 10**6), value=1, allowed="a"))) < 300
    assert dotted(("manifold", "k" * 61, 2)) == f"manifold.{'k' * 57}...[2]"


def test_unknown_keys_of_a_study_are_plain(tmp_path):
    for key in (ESCAPES.replace("\ud800", ""), "k" * 10**4):
        quoted = '"' + "".join(f"\\U{ord(c):08x}" for c in key) + '"'
        for old, new in (
            ("batch:", f"{quoted}: 1\nbatch:"), ("  seed: 2", f"  seed: 2\n  {quoted}: [1]"),
            ("steps: 40", f"steps: 40\n  {quoted}: 1"), ("batch: [seed]", f"batch: [{quoted}]"),
            ("batch:", f"blocks: {{{quoted}: {{seed: 1}}}}\nbatch:"),
            ("batch:", f"blocks: {{a: {{{quoted}: 1}}}}\nbatch:"),
            ("[arcs]", f"[{quoted}, {quoted}]"), ("  seed: 2", f"  seed: 2\n  train.optimiser: [{quoted}, {quoted}]"),
            ("depth: 1", f"{quoted}: 1\n  {quoted}: 1"),
        ):  # fmt: skip
            with pytest.raises(InputError) as caught:
                load(edited(tmp_path, (old, new)))
            lines = str(caught.value).splitlines()
            assert 1 <= len(lines) <= 2
            assert all(line.isprintable() and len(line) < 900 for line in lines)


def test_several_mistakes_are_a_line_each_and_each_is_told_once():
    one, other = InputError(file="s.yaml", key="a", value=1, allowed="b"), InputError("is missing", key="c")
    refuse([])
    with pytest.raises(InputError) as caught:
        refuse([one, one])
    assert caught.value is one
    assert one.mistakes == (one,)
    with pytest.raises(InputErrors) as caught:
        refuse(iter([one, other, one]))
    error = caught.value
    assert error.mistakes == (one, other)
    assert str(error) == f"{one}\n{other}"
    assert (error.file, error.key, error.value, error.allowed) == ("s.yaml", "a", 1, "b")
    many = InputErrors([InputError(file="s.yaml", key=str(i), value=i, allowed="b") for i in range(MOST_TOLD + 7)])
    assert len(str(many).splitlines()) == MOST_TOLD + 1
    assert str(many).endswith("s.yaml: and 7 more")


def test_of_many_names_the_first_are_told():
    assert some(["a", "b"]) == "a, b"
    assert some(map(str, range(99))) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ... (99 in all)"
    assert len(some(["x" * 500])) < 80


@pytest.mark.parametrize("value", [1e-5, 0.002, 30.0, 1234567.0, 1e9, 2.5e-7, 1e22, 1 / 3, 0.1234567890123, -1e-7])
def test_numbers_are_read_back_as_they_are(value):
    assert yaml.safe_load(number(value)) == value
    assert isinstance(yaml.safe_load(number(value)), float)


@given(st.floats(1e-300, 1e300), st.integers(1, 6))
def test_a_bound_is_rounded_to_what_is_allowed(value, digits):
    up, down = float(bound(value, digits)), float(bound(value, digits, most=True))
    assert down <= value <= up
    assert up - down <= 1.01 * 10 ** (1 - digits) * value
    for text in (bound(value, digits), bound(value, digits, most=True)):
        assert text == f"{float(text):.{digits}g}"


def test_a_bound_that_has_few_digits_stays_as_it_is():
    assert [bound(0.1), bound(0.00130208), bound(0.00130208, most=True)] == ["0.1", "0.00131", "0.0013"]
