"""Names that were meant: those that are spelt alike, none that are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoregap.spelling import asks, meant
from scoregap.study.mending import names
from scoregap.study.training import Train

KEYS = names(Train)


@pytest.mark.parametrize(
    ("word", "known", "name"),
    [
        ("trian", ("fit", "train"), "train"),
        ("Steps", KEYS, "steps"),
        ("learning-rate", KEYS, "learning_rate"),
        ("optimizer", KEYS, "optimiser"),
        ("ambient_dims", ("manifold_dim", "ambient_dim"), "ambient_dim"),
        ("quikstart", ("paper", "quickstart"), "quickstart"),
        ("colour", ("curvature", "seed"), ""),
        ("steps", KEYS, ""),  # it is one
        ("s", ("fs",), ""),
        ("", KEYS, ""),
        (3, KEYS, ""),
        ("x" * 10**6, KEYS, ""),
    ],
)
def test_what_is_spelt_alike_was_meant(word, known, name):
    assert meant(word, known) == name
    assert asks(name) == (f"did you mean {name}? " if name else "")


@given(st.sampled_from([key for key in KEYS if len(key) > 3]), st.data())
def test_a_letter_too_many_too_few_or_swapped_is_seen(key, data):
    at = data.draw(st.integers(0, len(key) - 2))
    swapped = key[:at] + key[at + 1] + key[at] + key[at + 2 :]
    wrong = data.draw(st.sampled_from([key[:at] + key[at + 1 :], key[: at + 1] + key[at:], swapped]))
    assert meant(wrong, KEYS) == ("" if wrong in KEYS else key)
