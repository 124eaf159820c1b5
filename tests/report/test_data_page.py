"""The report of data from a file: its first screen, and nothing of groups."""

import re
from dataclasses import replace

import pytest
from browsed import BROWSER, looked_at

from scoregap.report import page, registry
from scoregap.report.figures import svg
from scoregap.study import load


def test_the_report_has_its_figures_and_nothing_of_groups(own):
    names = registry.names(load(own[0]))
    assert names == ["profile", "classes", "calibration", "spectra"]
    assert sorted(path.name for path in (own[1] / "figures").iterdir()) == sorted(f"{name}.svg" for name in names)
    text = (own[1] / "report.html").read_text()
    for words in ("120 points of 8; 3 classes", "a plateau at n = 3.0", "modes resolved, n at t", 'id="profile"'):
        assert words in text
    assert not re.search(r"\bnan\b", re.sub(r'href="data:[^"]*"', "", text))
    assert "consolidation" not in text
    assert ".pdf" not in text
    for name in names:
        drawn = svg.inside((own[1] / "figures" / f"{name}.svg").read_bytes(), name)
        assert drawn[drawn.index("xmlns") :] in text


def test_captions_say_model_where_nothing_was_trained(own):
    """Of studies whose scores are declared; not of those with networks, nor of closed forms alone."""
    study = load(own[0])
    for networks, who in (
        (("gaussian", "gated-8"), "network"), (("gaussian", "empirical"), "network"), (("empirical", "mine"), "model"),
        (("mine", "gated-8"), "network"),
    ):  # fmt: skip
        says = f"A {who} that is badly trained"
        assert says in page.caption(replace(study, axes=study.axes | {"network": networks}), "calibration")
    assert "etwork" not in page.caption(replace(study, axes=study.axes | {"network": ("mine",)}), "curved/gaps")


def test_a_score_and_its_curves_are_told_and_led_to(own):
    page = (own[1] / "report.html").read_text()
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    links = re.findall(r'<a href="#(profile-[^"]+)">', page)
    assert links  # from what is said of the scores
    told = re.findall(r"<title>([^<]+)</title>", page)
    assert any(re.match(r"gaussian: [-\d.e]+ at t ", one) for one in told), told[:5]


@pytest.mark.skipif(BROWSER is None, reason="no browser here: sh tests/browser.sh installs Chromium where it can")
@pytest.mark.parametrize("width", [1300, 420])
def test_in_a_browser_nothing_spills_and_links_lead_somewhere(own, tmp_path, width):
    seen = looked_at((own[1] / "report.html").read_text(), tmp_path, width)
    assert seen["wide"] <= 0
    assert seen["spill"] == []
    assert seen["nowhere"] == []
    assert seen["led"] >= 4
    assert len(seen["figures"]) == 4
    assert len([one for one in seen["told"] if " at t " in one]) > 2
