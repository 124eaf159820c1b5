"""The report of data from a file: its first screen, and nothing of groups."""

import re
from dataclasses import replace
from urllib.parse import unquote_to_bytes

from scoregap.report import page, registry
from scoregap.study import load


def test_the_report_has_its_figures_and_nothing_of_groups(own):
    names = registry.names(load(own[0]))
    assert names == ["profile", "calibration", "spectra"]
    assert sorted(path.name for path in (own[1] / "figures").iterdir()) == sorted(f"{name}.svg" for name in names)
    text = (own[1] / "report.html").read_text()
    for words in ("120 points of 8; 3 classes", "a plateau at n = 3.0", "modes resolved, n at t", 'id="profile"'):
        assert words in text
    assert not re.search(r"\bnan\b", re.sub(r'src="[^"]*"', "", text))
    assert "consolidation" not in text
    assert ".pdf" not in text
    sources = re.findall(r'src="data:image/svg\+xml,([^"]+)"', text)
    for name, source in zip(names, sources, strict=True):
        assert unquote_to_bytes(source) == (own[1] / "figures" / f"{name}.svg").read_bytes().replace(b"\n", b" ")


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
