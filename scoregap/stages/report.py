"""Draw the figures of a study and write its report.

study, cube, comparison.csv, findings.jsonl, a baseline -> figures (SVG) in a folder, and the report (HTML)

A figure is drawn where what it draws has changed, and else kept as it is (`scoregap.report.kept`). One that cannot
be drawn costs none of the others, and not the report: its files say why, and so does the page.
"""

import sys
import traceback
from pathlib import Path

from scoregap import DamagedFile, InputError, analysis, cubes
from scoregap.analysis import comparison
from scoregap.analysis.tables import written
from scoregap.regression import baselines
from scoregap.report import data_page, figures, kept, page, registry
from scoregap.store.files import write_bytes, write_text
from scoregap.store.ownership import claim
from scoregap.study import load


def run(
    study: Path, cube: Path, numbers: Path, findings: Path, out: Path, html: Path, baseline: Path | None = None
) -> list[Path]:
    """Draw the figures of study STUDY from CUBE, the comparison NUMBERS (CSV) and FINDINGS, as compare made them, into
    folder OUT; the report is HTML.

    The cube and the comparison are in the folder of the run, which is compared with BASELINE.
    """
    loaded = load(study)
    names = registry.names(loaded)
    claim((html, page.KIND), *((path(out, name), figures.KIND) for name in names))
    numbered = written(loaded, numbers) if loaded.document.data else comparison.read(loaded, numbers)
    parts = cubes.datasets(loaded, cube)
    found = analysis.read(loaded, findings)
    frame = None if isinstance(numbered, str) else numbered
    drawn = registry.Run(loaded, parts, cube.parent, baseline, found, frame)
    failed = {name: draw(drawn, name, out) for name in names}
    attrs = parts[0][1][0].attrs
    device = baselines.device(loaded, cube.parent, attrs["machine"])
    pictures = {name: path(out, name).read_bytes() for name in names}
    lines = [line for part in drawn.parts.values() for line in part.tables.lines()]
    lines += ["", *analysis.claim_lines(loaded, drawn.claims)]
    facts = attrs | {"device": device}
    said = found["headline"]
    if isinstance(numbered, str):
        first = list(said["line"][said["kind"] == "calibration"])  # the rest stands beside the tables
        profiles = [(part.study, part.tables["profile"]) for part in drawn.parts.values()]
        text = data_page.write(loaded, profiles, first, lines, pictures, failed, facts)
    else:
        first = list(said["line"][said["kind"] != "off"])  # the page has a table of these
        text = page.write(loaded, numbered, drawn.claims, first, lines, pictures, failed, facts)
    write_text(html, text, page.KIND)
    return [*(path(out, name) for name in names), html]


def path(out: Path, name: str) -> Path:
    """Where a figure is in folder `out`."""
    return out / f"{name}.svg"


def draw(run: registry.Run, name: str, out: Path) -> str:
    """Draw one figure into its file in folder `out`, unless it is there and what it draws is as it was.

    Returns why it could not be drawn, which its file then says, or an empty text. Files that are damaged or cannot be
    written are no matter of a figure.
    """
    place = path(out, name)
    try:
        asked = run.ask(name)
        if not kept.holds(place, of := asked.digest):
            write_bytes(place, kept.signed(figures.picture(asked.draw()), of), figures.KIND)
    except (InputError, DamagedFile, OSError, MemoryError):
        raise
    except Exception as error:  # whatever a library says of results that nobody has thought of
        traceback.print_exc()
        why = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"{name}: cannot be drawn: {why}", file=sys.stderr)
        figures.save(figures.signed(figures.nothing(f"cannot be drawn: {why}"), run.study), place)
        return why
    return ""
