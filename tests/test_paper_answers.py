"""The answers claim by claim are those of the tables, and what they say follows from counts."""

import re

import pandas as pd
import pytest
from paper_answers import DATA, FEW, FINDINGS, OWN, PAGE, READING, Counts, by_block, made, marked, parts
from paper_sentences import STUDY

from scoregap.analysis import memorisation_claims
from scoregap.analysis.claims_in_words import draws_of_f
from scoregap.analysis.quantities import CLAIMS, SHORT
from scoregap.analysis.tables import PHASES

TESTED = pd.read_csv(FINDINGS / "paper_cpu" / "claims.csv")


def rows(heading: str, number: int = 0) -> list[list[str]]:
    """Cells of a table of the page, without its head."""
    section = parts(PAGE.read_text())[1].split(f"### {heading}")[1].split("###")[0]
    tables = re.split(r"\n(?!\|)", section)
    lines = [table.strip().splitlines() for table in tables if table.strip().startswith("|")][number]
    return [[cell.strip().replace(chr(92) + "|", "|") for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_the_page_has_them_as_they_are_made():
    assert parts(PAGE.read_text())[1] == made(), "python tests/paper_answers.py"


@pytest.mark.parametrize(
    ("verdicts", "answer"),
    [
        ("aaa", "holds"), ("aai", "holds in most"), ("aad", "holds in most"), ("ai", "open"), ("iii", "open"),
        ("ddi", "missed in most"), ("d", "missed"), ("aidd", "open"), ("", "not tested"), ("n", "not tested"),
        ("an", "holds"),
    ],
)  # fmt: skip
def test_an_answer_is_of_counts(verdicts, answer):
    words = {"a": "agrees", "i": "inconclusive", "d": "disagrees", "n": "not testable"}
    assert Counts.of(pd.Series([words[one] for one in verdicts], dtype=object)).answer == answer


def test_every_claim_that_was_tested_has_a_row_and_all_its_verdicts():
    found = {row[0]: row for row in rows("Random manifolds")}
    tested = TESTED[TESTED.verdict != "not testable"]
    assert set(found) == {CLAIMS[name].says for name in tested.claim.unique()}
    for name, own in tested.groupby("claim"):
        row = found[CLAIMS[name].says]
        for place, column in ((4, "verdict"), (5, "of_exact")):
            said = dict(zip(("agrees", "inconclusive", "disagrees"), map(int, row[place].split(" / ")), strict=True))
            assert said == {word: (own[column] == word).sum() for word in said}, (name, column)
        assert int(row[3]) == len(draws_of_f(own))


def test_blocks_have_each_row_once():
    """So their counts add up to those of all."""
    found = {row[0]: row[1:] for row in rows("Random manifolds", 1)}
    for name, own in TESTED.groupby("claim"):
        judged = own.of_exact.isin(["agrees", "inconclusive", "disagrees"]).sum()
        said = found.get(SHORT[name], [])
        assert sum(int(one) for cell in said for one in cell.split(" / ") if one) == judged, name
    assert by_block("paper_cpu").count("\n") == len(found) + 2


def test_pictures_are_answered_too():
    for study in DATA:
        path = FINDINGS / study / "claims.csv"
        if path.exists():
            claims = pd.read_csv(path)
            own = [row for row in rows("Pictures") if row[1] == study]
            assert len(own) == claims.claim.nunique()
            counts = [sum(map(int, re.findall(r"\d+", row[4]))) for row in own]
            assert sum(counts) == len(claims)
            too = claims[claims.why == "the Gaussian too"].claim.unique()
            assert sum(row[5].endswith(", of the Gaussian too") for row in own) == len(too) > 0


def test_few_data_are_answered_with_every_verdict_of_both_studies():
    """What none of them tests has no row."""
    few = rows("Few data")
    for study in FEW:
        frame = pd.read_csv(FINDINGS / study / "claims.csv")
        own = frame[frame.claim.isin(memorisation_claims.CLAIMS)]
        found = {row[0]: row[4] for row in few if row[2] == study}
        assert found == {
            memorisation_claims.CLAIMS[name].says: str(Counts.of(one.verdict)) for name, one in own.groupby("claim")
        }
        assert sum(sum(map(int, said.split(" / "))) for said in found.values()) == len(own)
    assert any("above 0" in row[3] for row in few)
    assert any("below 10" in row[3] for row in few)


def test_what_has_no_equation_is_marked_as_our_reading():
    assert marked("eq. 15-17") == "eq. 15-17"
    assert marked("section 4") == f"section 4 {READING}"
    assert marked("linear theory") == f"linear theory {OWN}"
    for row in rows("Random manifolds"):
        assert row[1].startswith("eq.") != row[1].endswith((READING, OWN))
    assert all(row[0].endswith(READING) for row in rows("Pictures"))


def test_every_network_of_every_cell_has_its_times():
    """Each once, with the ratio and the verdict that the comparison has."""
    compared = pd.read_csv(FINDINGS / "paper_cpu" / "comparison.csv")
    compared = compared[compared.network != "law"]
    found = rows("Random manifolds", 2)
    axes = [*(axis for axis in STUDY.condition_axes if axis in compared), "network"]
    assert len(found) == len(compared[axes].drop_duplicates())
    times = [cell for row in found for cell in row[3:7]]
    own = compared[compared.quantity.isin(PHASES)]
    known = own[own.ratio.notna()]
    assert sorted(cell.split()[0] for cell in times if cell[:1].isdigit()) == sorted(f"{r:.2f}" for r in known.ratio)
    assert sum(cell.endswith("NO") for cell in times) == (known.verdict == "disagrees").sum()
    assert sum(cell.endswith("?") for cell in times) == (known.verdict == "inconclusive").sum()
    without = own[own.ratio.isna() & (own.verdict != "not testable")]
    assert sum(cell == "in neither" for cell in times) == (without.verdict == "agrees").sum()
    assert sum(cell.startswith("seen in") for cell in times) == (without.verdict != "agrees").sum()
    assert sum(" in " in cell for cell in times if cell[:1].isdigit()) == (known.seen < known.of).sum() > 0
