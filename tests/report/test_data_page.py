"""The report of data from a file: its first screen, and nothing of groups."""

import re
from urllib.parse import unquote_to_bytes

from scoregap.report import registry
from scoregap.study import load


def test_the_report_has_its_figures_and_nothing_of_groups(own):
    names = registry.names(load(own[0]))
    assert names == ["profile", "calibration", "spectra"]
    assert sorted(path.name for path in (own[1] / "figures").iterdir()) == sorted(f"{name}.svg" for name in names)
    page = (own[1] / "report.html").read_text()
    for words in ("120 points of 8; 3 classes", "a plateau at n = 3.0", "modes resolved, n at t", 'id="profile"'):
        assert words in page
    assert not re.search(r"\bnan\b", re.sub(r'src="[^"]*"', "", page))
    assert "consolidation" not in page
    assert ".pdf" not in page
    sources = re.findall(r'src="data:image/svg\+xml,([^"]+)"', page)
    for name, source in zip(names, sources, strict=True):
        assert unquote_to_bytes(source) == (own[1] / "figures" / f"{name}.svg").read_bytes().replace(b"\n", b" ")
