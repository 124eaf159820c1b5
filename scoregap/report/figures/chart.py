"""Figure of a large study: where theory is missed, and how far, over all settings.

study, comparison -> figure: how distances are distributed, then maps of what does not agree and of distances
"""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from scoregap.analysis.chart import BINS, Map, chart
from scoregap.analysis.tables import exactly
from scoregap.report.figures import coloured, label, labelled_values, nothing
from scoregap.report.figures.multiples import Multiples, Small
from scoregap.study import Study

REACH = 2.0  # margins to either side, at which colours end
ROW, LEAST = 0.3, 1.1  # height of a row of a map, and of a panel, inches


def overview(study: Study, frame: pd.DataFrame) -> Figure:
    """Distances in margins of every phase time, and the maps of `analysis.chart`."""
    found = chart(study, frame)
    if found is None:
        return nothing("no phase time of two settings or more can be compared with the exact score")
    names = list(dict.fromkeys(name for _, name in found.share))
    scores = list(dict.fromkeys(score for score, _ in found.share))
    height = max(LEAST, ROW * len(found.y)) + 0.35
    figure = Multiples(1 + 2 * len(scores), len(names), height, x="row", y="row")
    colours = coloured(scores)
    for panel, name in zip(figure.panels[0], names, strict=True):
        panel.title = name
        panel.x.limits = BINS[0], BINS[-1]
        panel.span(-1, 1, color="0.93")
        panel.rule(x=0, color="0.6", lw=0.8)
        for score in scores:
            if (score, name) in found.heights:
                panel.stairs(100 * found.heights[score, name], BINS, label=score, color=colours[score], lw=1.2)
    figure.panels[0, 0].ylabel = "% of settings"
    off, missed = Normalize(-REACH, REACH), Normalize(0, 1)
    for k, score in enumerate(scores):
        for row, (what, table, norm, shades) in enumerate(
            (
                ("do not agree", found.share, missed, colormaps["YlOrRd"]),
                ("median, margins", found.median, off, colormaps["RdBu_r"]),
            )
        ):
            some = figure.panels[1 + 2 * k + row]
            some[0].ylabel = f"{score}:\n{what}"
            for panel, name in zip(some, names, strict=True):
                _map(panel, found, table.get((score, name)), norm, shades)
    pooled = f"; together: {', '.join(label(axis) for axis in found.pooled)}" if found.pooled else ""
    bins = "" if all(low == high for low, high in found.ends) else f"; {label(found.x)} in {len(found.ends)} bins"
    xlabels = ["distance, margins", *[""] * (2 * len(scores) - 1), label(found.x)]
    title = (
        "Where theory is missed, and how far: distances from the exact score over the margin (grey: allowed; beyond "
        f"{BINS[-1]:g}: at the end); share that does not agree (pale 0, dark red 1); median distance (blue low, red "
        f"high, full colour at {REACH:g} margins){pooled}{bins}"
    )
    return figure.finish(title, xlabels)


def _map(panel: Small, found: Map, values: np.ndarray | None, norm: Normalize, shades) -> None:
    """Strips of colours, a row for each combination of values; grey where nothing is judged."""
    bins = len(found.ends)
    panel.x.limits, panel.y.limits = (0, bins), (len(found.y) - 0.5, -0.5)
    chosen = sorted({0, bins // 2, bins - 1})
    panel.x.named = {place + 0.5: exactly(found.ends[place][0]) for place in chosen}
    panel.y.named = {place: labelled_values(one) or "all" for place, one in enumerate(found.y)}
    if values is None:
        return
    for place, row in enumerate(values):
        colours = shades(norm(np.nan_to_num(row)))
        colours[~np.isfinite(row)] = (0.8, 0.8, 0.8, 1)
        panel.strip((0, bins), (place + 0.5, place - 0.5), colours)
