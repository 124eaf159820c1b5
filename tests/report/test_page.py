"""The report: what its first screen says, and that a browser without network shows all of it."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from browsed import BROWSER, looked_at
from tiny import BLOCKS, FLAT, draw_report, edited

from scoregap.analysis.verdicts import Detail
from scoregap.report import page, registry
from scoregap.report.places import Places
from scoregap.study import load

NO_CLAIMS = pd.DataFrame(columns=["claim", "verdict"])
ATTRS = {"study": "", "machine": ""}
FIRST = ["networks match", "further"]


class Parsed(HTMLParser):
    """Tags, ids and references of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.references = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.references += [value for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]


@pytest.fixture(scope="module", params=["two figures", pytest.param("every figure", marks=pytest.mark.slow)])
def names(request, results):
    """Names of the figures of `text`: all take most of the time."""
    return ["claims", "gaps"] if request.param == "two figures" else registry.names(results[0])


@pytest.fixture(scope="module")
def text(request, names, done, tmp_path_factory):
    if len(names) > 2:
        return (request.getfixturevalue("drawn")[1] / "report.html").read_text()
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "names", lambda study: names)
        draw_report(*done, folder)
    return (folder / "report.html").read_text()


SEEN_IN_NONE = {"verdict": "disagrees", "reason": "seen in some seeds", "of": 2, "exact_seen": 2, "ratio": np.nan}
ABOVE = {"verdict": "agrees", "reason": "seen in none", "state": "above the grid", "exact_state": "above the grid"}
APART = {"verdict": "disagrees", "reason": "seen in none", "state": "above the grid", "exact_state": "below the grid"}
UNTESTED = {"verdict": "not testable", "reason": "no exact arm"}


def rows(*verdicts, **columns):
    """A comparison with a row per verdict, or its columns, of the quantities in turn."""
    quantities = ["t_open", "t_max", "t_close", "t_consolidation"]
    common = {"family": "arcs", "ambient_dim": 8, "manifold_dim": 2, "curvature": 0.0, "network": "gated-8", "gap": 0}
    common |= {"boundary": 1, "law": 1.0, "corrected": 1.0, "gaussian": 1.0, "exact": 1.0, "trained": 1.1}
    common |= {"ratio": 1.1, "ratio_low": 1.05, "ratio_high": 1.15, "law_to_exact": 1.0, "position": np.nan}
    common |= {"margin": 0.1, "seeds": 2, "not_ok": "", "control": "", "by_seed": ""} | Detail()._asdict()
    given = [one if isinstance(one, dict) else {"verdict": one} for one in verdicts]
    frame = pd.DataFrame([common | {"quantity": quantities[i % 4]} | one for i, one in enumerate(given)])
    return frame.assign(**columns)


def dimensions(right, of, **columns):
    """A row of a comparison that says in how many seeds the dimension is right."""
    return rows({"verdict": "", "quantity": "dimension", "right": right, "of": of}, **columns)


@pytest.fixture
def study(tmp_path):
    return load(edited(tmp_path))


def test_the_page_is_whole_and_refers_to_nothing_outside(text, names, results):
    study, folder = results
    parsed = Parsed(text)
    assert not {"script", "iframe", "object", "img"} & set(parsed.tags)
    assert all(one.startswith(("#", "data:")) for one in parsed.references)
    assert "url(" not in text
    assert "@import" not in text
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {one[1:] for one in parsed.references if one.startswith("#")} <= set(parsed.ids)
    assert text.count('<div class="plot"') == text.count('<svg role="group"') == len(names)
    assert set(names) <= set(parsed.ids)
    assert "~" not in "".join(parsed.ids)
    for fact in (study.hash, "torch ", "Linux", "seeds", "manifold_dim", registry.FIGURES["gaps"].caption[:60]):
        assert fact in text, fact
    frame = pd.read_csv(folder / "comparison.csv")
    table = text[text.index('id="numbers"') : text.index('id="study"')]
    assert table.count("<tr") == 1 + len(frame)
    assert "10 % of" in text or "curvature from which" in text  # the findings


def test_the_first_lines_come_first(study):
    shown = page.write(study, rows("agrees"), NO_CLAIMS, FIRST, [], {}, {}, ATTRS)
    start = '<p class="verdict">networks match.</p>\n<ul class="first"><li>further</li></ul>'
    assert shown.index(start) < shown.index("<table>")


@pytest.mark.parametrize(("confidence", "share"), [(0.9, "10%"), (0.95, "5%")])
def test_of_one_seed_and_of_another_confidence_the_page_is_true(tmp_path, confidence, share):
    study = load(edited(tmp_path, ("  seed: 2", "  seed: 1"), ("compare:", f"compare:\n  confidence: {confidence}")))
    frame = rows("agrees").assign(manifold_dim=2)
    shown = page.write(study, frame, NO_CLAIMS, FIRST, [], {}, {}, ATTRS)
    assert not re.search(r"\b1 (seeds|points|draws|independent draws)\b", shown)
    assert "geometric mean over 1 seed, " in shown
    assert f"it excludes 1, as it does by chance in {share};" in shown


def test_where_nothing_is_judged_there_is_no_worst(study):
    assert "The worst" in page.write(study, rows("agrees"), NO_CLAIMS, FIRST, [], {}, {}, ATTRS)
    assert "The worst" not in page.write(study, rows(UNTESTED), NO_CLAIMS, FIRST, [], {}, {}, ATTRS)


def test_what_the_flat_control_misses_too_is_not_blamed_on_curvature(study):
    bent = {"curvature": 0.5, "verdict": "disagrees"}
    frame = pd.concat(
        [rows("inconclusive", "agrees"), rows(bent | {"control": "inconclusive"}, bent | {"control": "agrees"})]
    )
    assert page.outcome(study, frame)["controls"] == [
        "phase times that do not agree with exact at c > 0: 2; not put down to curvature:",
        "no agreement at c = 0 either, all else the same: 1 t_open",
    ]
    text = page.write(study, frame, NO_CLAIMS, FIRST, [], {}, {}, ATTRS)
    assert "not put down to curvature: no agreement at c = 0 either, all else the same: 1 t_open." in text
    frame = frame.assign(control="agrees")
    assert page.outcome(study, frame)["controls"] == []
    assert "put down" not in page.write(study, frame, NO_CLAIMS, FIRST, [], {}, {}, ATTRS)


def test_of_a_study_without_networks_the_law_is_judged(tmp_path):
    study = load(edited(tmp_path, FLAT, ("exact, gaussian, gated-8", "exact")))
    frame = rows("disagrees", network="law", ratio=0.5)
    assert "mean law / exact" in page.outcome(study, frame)["how_well"].head


def cells_of(table):
    """Rows of a table of a page as lists of (text, class)."""
    found = re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.DOTALL)
    return [
        [
            (re.sub("<.*?>", "", t), "".join(re.findall(r'class="(\w+)"', tag)))
            for tag, t in re.findall(r"<t[hd]( [^>]*)?>(.*?)</t[hd]", row)
        ]
        for row in found
    ]


def plainly(rows):
    """Rows of a table as lists of (text, class)."""
    return [[(cell.text, cell.kind) for cell in row] for row in rows]


def where(study, frame):
    return page.where(study, frame, page.judged_rows(frame), Places(study, {}, range(page.MOST_ROWS)))


def test_how_well_counts_every_phase_time(study):
    agree = rows(*["agrees"] * 4, side="low")
    frame = pd.concat([agree, rows(*["disagrees"] * 2, ratio=1.6), rows("agrees", ratio=1.3)])
    table = page.how_well(study, page.judged_rows(frame))
    assert [[text for text, _ in row] for row in plainly(table.rows)] == [
        ["t_open", "2 (1 low)", "0", "1", "1.318", "1.100 to 1.600"],
        ["t_max", "1 (1 low)", "0", "1", "1.327", "1.100 to 1.600"],
        ["t_close", "1 (1 low)", "0", "0", "1.100", "1.100 to 1.100"],
        ["t_consolidation", "1 (1 low)", "0", "0", "1.100", "1.100 to 1.100"],
    ]


def test_where_shows_every_setting_and_of_many_their_networks(study, monkeypatch):
    flat = rows("agrees", "inconclusive", "agrees", "agrees", gap=[0, 0, 0, 1], side=["high", "", "", ""])
    curved = rows("agrees", "agrees", "disagrees", SEEN_IN_NONE, gap=[0, 0, 0, 1], ratio=[1, 1, 2, np.nan])
    frame = pd.concat([flat, curved.assign(curvature=0.5)], ignore_index=True)
    head, body, *_ = where(study, frame)
    assert head == ["trained / exact", "t_open[0]", "t_max[0]", "t_close[0]", "t_consolidation[1]"]
    good, unclear, bad, near = "good", "unclear", "bad", "1.10±.05"  # as in the grid of a terminal
    assert plainly(body) == [
        [("c 0,  gated-8", ""), (f"{near} high", good), (f"{near} ?", unclear), (near, good), (near, good)],
        [("c 0.5,  gated-8", ""), ("1.00±.05", good), ("1.00±.05", good), ("2.00±.05 NO", bad), ("0:2 seeds NO", bad)],
    ]
    monkeypatch.setattr(page, "MOST_SETTINGS", 1)
    head, body, *_ = where(study, frame)
    assert plainly(body) == [
        [("gated-8", ""), ("2 of 2", good), ("1 of 2", unclear), ("1 of 2", bad), ("1 of 2", bad)],
    ]


def test_gaps_are_told_apart_where_there_are_several(study):
    second = rows(*["agrees"] * 4, gap=[1, 1, 1, 2], ratio=[1.2, 1.2, 1.2, 1.3])
    frame = pd.concat([rows(*["agrees"] * 3), second], ignore_index=True)
    head, (body,), *_ = where(study, frame)
    assert head[1:] == [f"{name}[{k}]" for k in (0, 1) for name in ("t_open", "t_max", "t_close")] + [
        "t_consolidation[2]"
    ]
    assert [cell.text for cell in body][1:] == ["1.10±.05"] * 3 + ["1.20±.05"] * 3 + ["1.30±.05"]


def test_of_blocks_what_is_as_in_most_is_not_said(tmp_path):
    study = load(edited(tmp_path, *BLOCKS))
    frame = pd.concat([
        rows("agrees", **{"manifold.groups.1.std": 0.1, "train.schedule": "ve"}),
        rows("disagrees", **{"manifold.groups.1.std": 0.1, "train.schedule": "vp"}),
    ])  # fmt: skip
    assert page.named(study, frame, frame.iloc[0]) == "t_open[0], gated-8"
    assert page.named(study, frame, frame.iloc[1]) == "t_open[0], schedule vp, gated-8"
    assert "otherwise in the blocks curved, one, schedules, draws" in page.about(study)
    assert "otherwise" not in page.about(study.parts[0])


def test_a_dimension_that_is_not_there_is_none(study):
    frame = pd.concat([dimensions(1, 2).assign(trained=0.0, by_seed="0=2 1=0"), rows("agrees")])
    names, body, *_ = page.numbers(study, frame)["table"]
    found = dict(zip(names, (cell.text for cell in body[0]), strict=True))
    assert (found["quantity"], found["trained"], found["exact"]) == ("dimension", "none", "1")
    assert found["verdict"] == "right in 1 of 2 seeds; none found in 1"
    assert body[1][names.index("quantity")].text == "t_open[0]"


def test_only_the_first_of_many_rows_are_shown_and_it_is_said(study, monkeypatch):
    monkeypatch.setattr(page, "MOST_ROWS", 2)
    monkeypatch.setattr(page, "WORST_ROWS", 2)
    shown = page.numbers(study, rows(*["agrees"] * 5))
    assert len(shown["table"].rows) == 2
    assert "the 2 of 5 rows that are farthest from theory" in shown["note"]


def test_where_nothing_is_judged_the_first_rows_are_shown(study, monkeypatch):
    monkeypatch.setattr(page, "MOST_ROWS", 3)
    monkeypatch.setattr(page, "WORST_ROWS", 2)
    shown = page.numbers(study, rows(*["not testable"] * 5))
    assert len(shown["table"].rows) == 2
    assert "the first 2 of 5 rows" in shown["note"]


def test_only_of_a_block_with_more_settings_than_panels_some_are_said_to_be_left_out(tmp_path, study, monkeypatch):
    blocks = load(edited(tmp_path, *BLOCKS))
    assert page.panels_shown(blocks, rows("agrees")) == ""  # settings of all blocks together do not matter
    monkeypatch.setattr(page, "PANELS", 1)
    said = page.panels_shown(blocks, rows("agrees"))
    assert "1 of 2 settings of block curved, 1 of 2 settings of block schedules" in said
    assert "block one" not in said
    assert said.endswith("scoregap gallery results/tiny --where 'curvature=0'")
    assert "1 of 2 settings have their own, the first" in page.panels_shown(study, rows("not testable"))


def test_a_claim_is_told_whole_with_its_numbers(study, results, text):
    assert page.claims(study, NO_CLAIMS) is None
    written = pd.read_csv(results[1] / "claims.csv")
    found = page.claims(study, written)["claims"]
    assert [one["anchor"] for one in found] == [f"claim-{claim}" for claim in dict.fromkeys(written.claim)]
    for one, (_, own) in zip(found, written.groupby("claim", sort=False), strict=True):
        assert set(own.says) == {one["says"]}
        assert one["says"] in text
        assert {verdict: count for verdict, _, count in one["counts"]} == own.verdict.value_counts().to_dict()
        names, body, anchors, _ = one["table"]
        assert [row[names.index("verdict")].text for row in body] == list(own.verdict)
        assert len(set(anchors)) == len(body)
    assert 'id="tested"' in text
    assert 'id="claims"' in text  # the figure


def test_a_square_of_the_claims_leads_to_its_row(results, text):
    """In the page every link of the figure is to an id; in the file of the figure, to that of the report."""
    written = pd.read_csv(results[1] / "claims.csv")
    figure = text[text.index('<figure id="claims"') :]
    links = re.findall(r'<a href="#(claim-[^"]+)">', figure[: figure.index("</figure>")])
    assert len([one for one in links if one.count("-") == 2]) == 2 * len(written)  # a square and a dot
    assert set(links) <= set(Parsed(text).ids)
    for claim in written.claim:
        assert f"claim-{claim}" in links  # from its sentence


def test_a_cell_of_the_overview_leads_to_its_panel(text):
    ids = Parsed(text).ids
    table = text[text.index("<h3>Where</h3>") :]
    links = re.findall(r'<a href="#([^"]+)">', table[: table.index("</table>")])
    assert links
    panels = ["gaps-c-0", "gaps-c-0.1", "gaps-c-0.5", "gaps-c-0.5.1"]  # of the tiny study, and its two gaps
    assert set(links) <= set(panels)
    assert set(panels) <= set(ids)


def test_rows_that_are_led_to_are_there(study):
    shown = page.write(study, rows("agrees", "disagrees"), NO_CLAIMS, FIRST, [], {}, {}, ATTRS)
    assert '<tr id="row-1">' in shown
    assert 'href="#row-1"' in shown


def test_text_from_outside_is_escaped(study):
    frame = rows("agrees", not_ok="<b>&", network="<u>")
    shown = page.write(
        study, frame, NO_CLAIMS, FIRST, ["a < b"], {}, {"gaps": "E: <s>"}, {"study": "<i>", "machine": "<s>"}
    )
    for text in ("&lt;b&gt;&amp;", "a &lt; b", "&lt;i&gt;", "&lt;s&gt;"):
        assert text in shown
    assert not re.search("<i>|<s>|<u>", shown)


def test_a_picture_is_inside_with_its_caption_and_not_made_too_small(study):
    svg = b'<?xml?>\n<svg height="9pt" width="1000pt"><g id="~1"/><use href="#~1"/></svg>\n<!-- of -->'
    shown = page.write(study, rows("agrees"), NO_CLAIMS, FIRST, [], {"a/gaps": svg}, {}, ATTRS)
    assert ' height="9pt" width="1000pt"><g id="a-gaps-1"/><use href="#a-gaps-1"/></svg></div>' in shown
    assert "<?xml" not in shown
    assert '<figure id="a-gaps">' in shown
    assert '<a href="#a-gaps">A: gaps</a>' in shown
    assert "min-width:933px" in shown  # 0.7 of 4/3 px per pt
    assert "Thin lines are seeds" in shown


def test_tables_of_the_page_have_the_classes_of_their_verdicts(study):
    shown = page.write(study, rows("agrees", "inconclusive", SEEN_IN_NONE, ""), NO_CLAIMS, FIRST, [], {}, {}, ATTRS)
    table = cells_of(shown[shown.index('id="numbers"') : shown.index('id="study"')])
    at = [text for text, _ in table[0]].index("verdict")
    said = [row[at] for row in table[1:]]
    assert said == [
        ("agrees", "good"),
        ("inconclusive", "unclear"),
        ("trained has it in 0 of 2 seeds, exact in 2", "bad"),
        ("", ""),
    ]


@pytest.mark.skipif(BROWSER is None, reason="no browser here: sh tests/browser.sh installs Chromium where it can")
@pytest.mark.parametrize(("width", "dark"), [(1300, False), (1300, True), (420, False)])
def test_a_browser_without_network_shows_every_figure_and_answers(text, tmp_path, width, dark):
    """At any width nothing but tables and figures scrolls sideways, every link leads to what is then seen, and a
    pointer beside a thin curve is told what it is."""
    seen = looked_at(text, tmp_path, width, dark)
    assert len(seen["figures"]) == text.count('<div class="plot"')
    assert all(min(size) > 100 for size in seen["figures"])
    assert all(one.startswith("data:") for one in seen["loaded"])
    assert seen["width"] == width
    assert seen["wide"] <= 0  # nothing makes the page scroll sideways
    assert seen["spill"] == []
    assert seen["nowhere"] == []
    assert seen["led"] > 10
    assert all(" · c 0" in one for one in seen["told"]), seen["told"]
    assert len(seen["told"]) > 4
    (top, _), (_, bottom) = seen["first"]
    assert top > 0
    assert bottom < 800 or width < 1000  # the first screen: verdict, how well, where not
