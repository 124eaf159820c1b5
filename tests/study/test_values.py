"""Kinds of values: what matches, what does not, and the same in JSON Schema."""

import json
from typing import Annotated

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scoregap.study.values import Matching, Section, Times, one_of


class Words(Section):
    """Texts of every kind."""

    name: Annotated[str, one_of(("red", "blue"))] = "red"
    either: Annotated[str, one_of(("red", "blue"), "gr[ae]y-[0-9]", ", or gray-1")] = "red"
    pattern: Annotated[str, Matching("[a-z]{2}", "two letters")] = "ab"


@given(
    st.sampled_from(["name", "either", "pattern"]),
    st.sampled_from(["red", "gray-1", "grey-22", "ab", "a", "", "red ", "Red"]),
)
def test_a_text_is_allowed_where_its_json_schema_allows_it(key, text):
    known = jsonschema.Draft202012Validator(Words.model_json_schema()).is_valid({key: text})
    if known:
        assert getattr(Words(**{key: text}), key) == text
    else:
        with pytest.raises(ValidationError, match="should be "):
            Words(**{key: text})


@pytest.mark.parametrize("content", [{"name": 1}, {"nam": "red"}, {"name": None}])
def test_sections_take_neither_loose_types_nor_other_keys(content):
    with pytest.raises(ValidationError):
        Words(**content)


def test_the_text_of_a_section_is_canonical_and_without_what_is_unread():
    section = Words(either="gray-1")
    assert json.loads(section.as_json(frozenset({"pattern"}))) == {"name": "red", "either": "gray-1"}
    assert section.as_json(frozenset()) == '{"either":"gray-1","name":"red","pattern":"ab"}'


def test_times_are_equally_spaced_in_log_t():
    times = Times(start=1e-3, stop=10.0, count=9).values
    np.testing.assert_allclose(np.diff(np.log(times)), np.log(1e4) / 8)
    assert (times[0], times[-1]) == (1e-3, 10.0)
