"""Every number and quantifier of docs/paper.md follows from the tables: `paper_sentences` makes the sentences.

A sentence of the page that has a digit, a word for a number or a quantifier, and is not made there, fails; as does one
that is made and is not on the page, word by word.
"""

import re

import pytest
from paper_answers import BEGIN, END, parts
from paper_sentences import DRAWS, MADE, ROOT

WORDS = "all every each none no nothing never always most both only hardly any half twice "
WORDS += "same two three four five six seven eight nine ten hundred"
NUMERIC = re.compile(rf"\d|\b({'|'.join(WORDS.split())})\b", re.IGNORECASE)


def page() -> str:
    """The text of the page, headings and captions too, without markup and places of links, in one line; without the
    part that `paper_answers` makes whole."""
    before, _, after = parts((ROOT / "docs" / "paper.md").read_text())
    text = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", before.removesuffix(BEGIN) + after.removeprefix(END))
    text = re.sub(r"^#+ (.*)$", r"\1.", text, flags=re.MULTILINE)
    return " ".join(re.sub(r"[*`]|^- ", "", text, flags=re.MULTILINE).split())


@pytest.mark.parametrize("function", MADE, ids=lambda function: function.__name__)
def test_sentence_is_on_the_page(function):
    assert function() in page()


def left(text: str) -> list[str]:
    """Sentences of a page, or parts of them, that have a number or a quantifier and are not made here."""
    for function in MADE:
        text = text.replace(function(), "|")
    return [part.strip() for part in re.split(r"[|]|(?<=[.:]) ", text) if NUMERIC.search(part)]


def test_nothing_else_on_the_page_has_a_number_or_a_quantifier():
    assert left(page()) == []


@pytest.mark.parametrize(
    "added", ["It is 3 % off.", "All of them agree.", "It holds from one hundred on, never below."]
)
def test_a_sentence_without_an_assertion_is_found(added):
    assert left(f"{page()} {added}") == [added]


def test_a_number_that_is_changed_is_found():
    """Whichever it is."""
    text = page()
    places = [match.start() for match in re.finditer(r"\d", text)]
    for place in places[:: max(1, len(places) // 40)]:
        changed = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]
        assert left(changed), text[place - 30 : place + 30]


def test_what_the_page_on_statistics_says_of_draws_of_f():
    spread = 100 * DRAWS[DRAWS.quantity.str.startswith("t_")].spread
    assert set(DRAWS.ambient_dim) == {100}
    text = " ".join((ROOT / "docs" / "explanation" / "statistics.md").read_text().split())
    assert f"scatter over draws of F by {spread.min():.0f} to {spread.max():.0f} % at d = 100" in text
