"""What docs/explanation/images.md says was found follows from the tables: `images_sentences` makes it.

A sentence of that section that has a digit, a word for a number or a quantifier, and is not made there, fails; as does
one that is made and is not there, word by word.
"""

import re

import pytest
from images_sentences import MADE, ROOT
from test_found_pages import in_one_line
from test_paper_page import NUMERIC


def page() -> str:
    return (ROOT / "docs" / "explanation" / "images.md").read_text()


def section() -> str:
    """The text of what was found, without markup and places of links, in one line."""
    found = page().partition("## What was found\n")[2].partition("\n## ")[0]
    assert found
    return in_one_line(re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", found))


def left(text: str) -> list[str]:
    """Sentences of a text, or parts of them, that have a number or a quantifier and are not made."""
    for function in MADE:
        text = text.replace(in_one_line(function()), "#")
    return [part.strip() for part in re.split(r"#|(?<=[.:]) ", text) if NUMERIC.search(part)]


@pytest.mark.parametrize("function", MADE, ids=lambda function: function.__name__)
def test_sentence_is_on_the_page(function):
    assert in_one_line(function()) in in_one_line(page())


def test_nothing_else_has_a_number_or_a_quantifier():
    assert left(section()) == []


def test_a_number_that_is_changed_is_found():
    text = section()
    places = [match.start() for match in re.finditer(r"\d", text)]
    for place in places[:: max(1, len(places) // 20)]:
        assert left(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]), text[place - 30 : place + 30]
