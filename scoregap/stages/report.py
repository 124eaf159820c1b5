"""Draw the figures of a study and write its report.

study, cube, comparison.csv, findings.jsonl, a baseline -> figures (SVG and PDF) in a folder, and the report (HTML)

A figure that cannot be drawn costs none of the others, and not the report: its files say why, and so does the page.
"""

import itertools
import sys
import traceback
from pathlib import Path

from scoregap import DamagedFile, InputError, analysis, cubes
from scoregap.analysis import comparison
from scoregap.analysis.tables import written
from scoregap.regression import baselines
from scoregap.report import data_page, figures, page, registry
from scoregap.store.files import write_text
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
    claim((html, page.KIND), *((path, figures.KIND) for name in names for path in files(out, name)))
    numbered = written(loaded, numbers) if loaded.document.data else comparison.read(loaded, numbers)
    parts = cubes.datasets(loaded, cube)
    drawn = registry.Run(loaded, parts, cube.parent, baseline, analysis.read(loaded, findings))
    failed = {name: draw(drawn, name, out) for name in names}
    attrs = parts[0][1][0].attrs
    device = baselines.device(loaded, cube.parent, attrs["machine"])
    pictures = {name: (out / f"{name}.svg").read_bytes() for name in names}
    lines = [line for part in drawn.parts.values() for line in part.tables.lines()]
    facts = attrs | {"device": device}
    if isinstance(numbered, str):
        profiles = [(part.study, part.tables["profile"]) for part in drawn.parts.values()]
        text = data_page.write(loaded, profiles, lines, pictures, failed, facts)
    else:
        text = page.write(loaded, numbered, drawn.claims, lines, pictures, failed, facts)
    write_text(html, text, page.KIND)
    return [*itertools.chain(*(files(out, name) for name in names)), html]


def files(out: Path, name: str) -> list[Path]:
    """Where a figure is in folder `out`."""
    return [out / f"{name}.{kind}" for kind in registry.FORMATS]


def draw(run: registry.Run, name: str, out: Path) -> str:
    """Draw one figure into files in folder `out`; returns why it could not be drawn, which its files then say, or an
    empty text. Files that are damaged or cannot be written are no matter of a figure."""
    paths = files(out, name)
    try:
        figures.save(run.draw(name), *paths)
    except (InputError, DamagedFile, OSError, MemoryError):
        raise
    except Exception as error:  # whatever a library says of results that nobody has thought of
        traceback.print_exc()
        why = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"{name}: cannot be drawn: {why}", file=sys.stderr)
        figures.save(figures.signed(figures.nothing(f"cannot be drawn: {why}"), run.study), *paths)
        return why
    return ""
