"""Names that were meant: those that are spelt alike, none that are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoregap.spelling import asks, meant, meant_beside
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
        ("fitting", ("fit", "train"), "fit"),  # a name with more after it
        ("eps", ("x0", "epsilon", "score"), "epsilon"),  # the beginning of one
        ("sam", ("samples", "sampling"), ""),  # of two
        ("ex", ("exact", "gaussian"), ""),  # too short to say anything
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


def test_of_files_those_beside_are_meant_that_end_alike(tmp_path):
    for name in ("points.npy", "points.csv", "weights.safetensors", "unet"):
        (tmp_path / name).touch()
    for wrong, name in (
        ("pionts.npy", "points.npy"), ("Points.csv", "points.csv"), ("point.npz", ""), ("p.npy", ""), ("unett", "unet"),
        ("wieghts.safetensors", "weights.safetensors"), ("points.npy", ""), ("none/points.npy", ""),
        ("weights.npy", ""), ("x\0y", ""),
    ):  # fmt: skip
        assert meant_beside(tmp_path / wrong) == name


@given(st.sampled_from([key for key in KEYS if len(key) > 3]), st.data())
def test_a_letter_too_many_too_few_or_swapped_is_seen(key, data):
    at = data.draw(st.integers(0, len(key) - 2))
    swapped = key[:at] + key[at + 1] + key[at] + key[at + 2 :]
    wrong = data.draw(st.sampled_from([key[:at] + key[at + 1 :], key[: at + 1] + key[at:], swapped]))
    assert meant(wrong, KEYS) == ("" if wrong in KEYS else key)
