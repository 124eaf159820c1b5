"""Draw the figures of a study.

study, cube, comparison.csv, baseline if there is one -> SVG figures and the comparison as HTML, in one folder

`snakemake --report` puts them into one self-contained HTML file.
"""

import html
import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from scoregap import DamagedFile, InputError, figures, gate, storage
from scoregap.figures import cells, forest, labour, learning, theory
from scoregap.stages.compare import known_curves
from scoregap.stages.cube import datasets as gathered
from scoregap.study import Study, load


def run(study: Path, cube: Path, numbers: Path, out: Path, baseline: Path | None = None) -> None:
    """Draw the figures of study STUDY from CUBE and the comparison NUMBERS (CSV) into folder OUT.

    The cube and the comparison are in the folder of the run, which is compared with BASELINE.
    """
    loaded = load(study)
    text, of = storage.read_table(numbers)
    if of != loaded.hash:
        raise InputError(f"{numbers}: is not of this study as it is now: rerun compare")
    frame = pd.read_csv(io.StringIO(text))
    with plt.rc_context(figures.STYLE):
        for part, datasets in gathered(loaded, cube):
            draw(part, datasets, out / part.block)
        figures.save(moved(loaded, cube.parent, baseline), loaded, out / "forest.svg")
    storage.write_text(out / "comparison.html", comparison(loaded, frame))


def draw(study: Study, datasets: list, out: Path) -> None:
    """Draw the figures of one part of a study."""
    panels = [panel for ds in datasets for panel in figures.panels(study, ds)]
    cell_figures = (
        cells.spectra, cells.gaps, cells.phase_times, cells.alignment, cells.dimension, cells.training,
    )  # fmt: skip
    for one in cell_figures:
        figures.save(one(study, panels), study, out / f"{one.__name__}.svg", len(panels))
    for name in study.findings:
        draw_it = (theory.DRAW | labour.DRAW | learning.DRAW)[name]
        figures.save(draw_it(study, datasets), study, out / f"{name}.svg")


def moved(study: Study, folder: Path, baseline: Path | None):
    """The forest plot: how far the run is from theory, and from its baseline where they can be compared."""
    try:
        report, why = gate.check(study, folder, baseline)
    except DamagedFile as error:
        report, why = None, [str(error)]
    if report:
        return forest.draw(report)
    alone, _ = gate.check(study, folder, None)
    assert alone
    return forest.draw(alone, f"cannot be compared with its baseline: {'; '.join(why)}")


def comparison(study: Study, frame: pd.DataFrame) -> str:
    """The comparison as a page of its own."""
    axes = [a for a in study.axes if a not in ("seed", "network") and frame[a].nunique() > 1]
    columns = [*axes, "network", "quantity", "boundary", *known_curves(frame), "ratio", "ratio_low",
               "ratio_high", "law_to_exact", "position", "margin", "verdict", "not_ok"]  # fmt: skip
    subject = "trained" if study.subjects else "law"
    names = {"ratio": f"{subject} / exact", "ratio_low": "low", "ratio_high": "high", "law_to_exact": "law / exact",
             "position": "between gaussian (0) and exact (1)", "boundary": "gap below mode",
             "not_ok": "members not ok"}  # fmt: skip
    rows = []
    for _, row in frame.iterrows():
        cells = "".join(f"<td>{_cell(row[column])}</td>" for column in columns)
        kind = "good" if row.verdict == "agrees" else "bad" if row.verdict == "disagrees" else ""
        rows.append(f'<tr class="{kind}">{cells}</tr>')
    head = "".join(f"<th>{html.escape(names.get(column, column))}</th>" for column in columns)
    confidence = study.document.compare.confidence
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(study.name)}: comparison</title><style>
body {{ font: 13px/1.4 system-ui, sans-serif; margin: 1em; color: #222; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: 2px 8px; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }}
th {{ white-space: normal; vertical-align: bottom; position: sticky; top: 0; background: #fff; }}
tr.good td:nth-last-child(2) {{ background: #d9f0d9; }}
tr.bad td:nth-last-child(2) {{ background: #f6d5d5; }}
</style></head><body>
<h1>{html.escape(study.name)}: {"trained networks against theory" if study.subjects else "the law against exact"}</h1>
<p>Phase times are noise variances t, medians over {len(study.axes["seed"])} seeds. The ratio has a {confidence:.0%}
Student interval over seeds; <b>agrees</b>: the interval lies inside the margin, <b>disagrees</b>: outside,
<b>inconclusive</b>: neither. Config {study.hash}.</p>
<table><thead><tr>{head}</tr></thead><tbody>
{chr(10).join(rows)}
</tbody></table></body></html>
"""


def _cell(value) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.4g}"
    return html.escape(str(value))
