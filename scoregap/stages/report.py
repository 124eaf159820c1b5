"""Draw the figures of a study and write its report.

study, cube, comparison.csv, baseline if there is one -> figures (SVG and PDF) in a folder, and the report (HTML)
"""

import io
import itertools
from pathlib import Path

import pandas as pd

from scoregap import analysis, storage
from scoregap.analysis.tables import written
from scoregap.regression import baselines
from scoregap.report import figures, page, registry
from scoregap.stages.cube import datasets as gathered
from scoregap.study import load


def run(study: Path, cube: Path, numbers: Path, out: Path, html: Path, baseline: Path | None = None) -> list[Path]:
    """Draw the figures of study STUDY from CUBE and the comparison NUMBERS (CSV) into folder OUT; the report is HTML.

    The cube and the comparison are in the folder of the run, which is compared with BASELINE.
    """
    loaded = load(study)
    text = written(loaded, numbers)
    parts = gathered(loaded, cube)
    drawn = registry.Run(loaded, parts, cube.parent, baseline)
    names = registry.names(loaded)
    files = {name: [out / f"{name}.{kind}" for kind in registry.FORMATS] for name in names}
    for name in names:
        figures.save(drawn.draw(name), *files[name])
    attrs = parts[0][1][0].attrs
    device = baselines.device(loaded, cube.parent, attrs["machine"])
    pictures = {name: (out / f"{name}.svg").read_bytes() for name in names}
    lines = [line for part, datasets in parts for line in analysis.summary(part, datasets)]
    frame = pd.read_csv(io.StringIO(text))
    storage.write_text(html, page.write(loaded, frame, drawn.claims, lines, pictures, attrs | {"device": device}))
    return [*itertools.chain(*files.values()), html]
