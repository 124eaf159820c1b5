"""What docs/explanation/error_budget.md says was found follows from the table: `error_budget_sentences` makes it.

A sentence of that section that has a digit, a word for a number or a quantifier, and is not made there, fails; as does
one that is made and is not there, word by word.
"""

import re

import pytest
from error_budget_sentences import MADE, ROOT
from test_paper_page import NUMERIC


def in_one_line(text: str) -> str:
    return " ".join(re.sub(r"[*`]|^- ", "", text, flags=re.MULTILINE).split())


def section() -> str:
    """Its text, without markup and places of links, in one line."""
    page = (ROOT / "docs" / "explanation" / "error_budget.md").read_text()
    found = page.partition("## What was found\n")[2]
    assert found
    return in_one_line(re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", found))


def left(text: str) -> list[str]:
    """Sentences of a text, or parts of them, that have a number or a quantifier and are not made."""
    for function in MADE:
        text = text.replace(in_one_line(function()), "#")
    return [part.strip() for part in re.split(r"#|(?<=[.:]) ", text) if NUMERIC.search(part)]


@pytest.mark.parametrize("function", MADE, ids=lambda function: function.__name__)
def test_sentence_is_on_the_page(function):
    assert in_one_line(function()) in section()


def test_nothing_else_has_a_number_or_a_quantifier():
    assert left(section()) == []


def test_a_number_that_is_changed_is_found():
    text = section()
    places = [match.start() for match in re.finditer(r"\d", text)]
    for place in places[:: max(1, len(places) // 20)]:
        assert left(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]), text[place - 30 : place + 30]
