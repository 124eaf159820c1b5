"""What pages say was found follows from tables: `error_budget_sentences` and others like it make it.

A sentence of such a section that has a digit, a word for a number or a quantifier, and is not made there, fails; as
does one that is made and is not there, word by word.
"""

import re

import error_budget_sentences
import images_sentences
import memorisation_sentences
import pytest
from test_paper_page import NUMERIC

PAGES = {"error_budget": error_budget_sentences, "images": images_sentences, "memorisation": memorisation_sentences}
BEFORE = (images_sentences.cost_of_a_jacobian, memorisation_sentences.law)  # what stands before what was found
SENTENCES = [(page, function) for page, made in PAGES.items() for function in made.MADE]


def in_one_line(text: str) -> str:
    return " ".join(re.sub(r"[*`]|^- ", "", text, flags=re.MULTILINE).split())


def text_of(page: str) -> str:
    return (PAGES[page].ROOT / "docs" / "explanation" / f"{page}.md").read_text()


def section(page: str) -> str:
    """Its text, without markup and places of links, in one line."""
    found = text_of(page).partition("## What was found\n")[2].partition("\n## ")[0]
    assert found
    return in_one_line(re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", found))


def left(page: str, text: str) -> list[str]:
    """Sentences of a text, or parts of them, that have a number or a quantifier and are not made."""
    for function in PAGES[page].MADE:
        text = text.replace(in_one_line(function()), "#")
    return [part.strip() for part in re.split(r"#|(?<=[.:]) ", text) if NUMERIC.search(part)]


@pytest.mark.parametrize(
    ("page", "function"), SENTENCES, ids=[f"{page}-{function.__name__}" for page, function in SENTENCES]
)
def test_sentence_is_on_the_page(page, function):
    place = in_one_line(text_of(page)) if function in BEFORE else section(page)
    assert in_one_line(function()) in place


@pytest.mark.parametrize("page", PAGES)
def test_nothing_else_has_a_number_or_a_quantifier(page):
    assert left(page, section(page)) == []


@pytest.mark.parametrize("page", PAGES)
def test_a_number_that_is_changed_is_found(page):
    text = section(page)
    places = [match.start() for match in re.finditer(r"\d", text)]
    for place in places[:: max(1, len(places) // 20)]:
        changed = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]
        assert left(page, changed), text[place - 30 : place + 30]
