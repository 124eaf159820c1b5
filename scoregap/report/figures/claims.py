"""Figure of the claims: which hold where.

claims.csv as a table -> figure, a row per claim, a column per cell and network, a colour per verdict
"""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from scoregap.analysis.quantities import CLAIMS
from scoregap.analysis.tables import distinguishing_axes
from scoregap.analysis.verdicts import Verdict
from scoregap.report.figures import label, nothing, subplots
from scoregap.study import Study

VERDICTS = {
    Verdict.AGREES: "#4c9f70",
    Verdict.INCONCLUSIVE: "#e8c468",
    Verdict.DISAGREES: "#c8553d",
    Verdict.NOT_TESTABLE: "#e6e6e6",
}
MOST = 60  # columns


def overview(study: Study, frame: pd.DataFrame) -> Figure:
    """Verdicts of the claims: squares against the law, dots against the exact score of the same F.

    frame: of `analysis.claims`; empty where a study has no trained networks.
    """
    if frame.empty:
        return nothing("claims need trained networks beside the exact score")
    axes = [axis for axis in study.condition_axes if axis in frame and frame[axis].nunique() > 1]
    columns = frame[[*axes, "network"]].drop_duplicates().itertuples(index=False, name=None)
    place = {column: i for i, column in enumerate(list(columns)[:MOST])}
    rows = {name: i for i, name in enumerate(name for name in CLAIMS if name in set(frame.claim))}
    colours = np.full((len(rows), len(place)), len(VERDICTS) - 1.0)
    figure, ax = subplots(1, 1, (4.6 + 0.24 * len(place), 2.4 + 0.3 * len(rows)))
    for _, row in frame.iterrows():
        column = place.get(tuple(row[[*axes, "network"]]))
        if column is not None:
            colours[rows[row.claim], column] = list(VERDICTS).index(row.verdict)
            ax.plot(column, rows[row.claim], "o", ms=5, mec="white", mew=0.8, color=VERDICTS[row.of_exact])
    ax.imshow(colours, cmap=ListedColormap(list(VERDICTS.values())), vmin=0, vmax=len(VERDICTS) - 1, aspect="auto")
    ax.set_yticks(range(len(rows)), [textwrap.shorten(CLAIMS[name].says, 64) for name in rows], fontsize=7)
    cells = [distinguishing_axes(study, dict(zip(axes, column, strict=False))) for column in place]
    names = [
        ", ".join([*(f"{_short(axis)} {value}" for axis, value in cell.items()), column[-1]])
        for cell, column in zip(cells, place, strict=True)
    ]
    ax.set_xticks(range(len(place)), names, fontsize=6, rotation=90)
    ax.spines[:].set_visible(False)
    patches = [Patch(color=colour, label=verdict) for verdict, colour in VERDICTS.items()]
    figure.legend(handles=patches, loc="outside upper left", ncols=4, fontsize=8, title="squares: law; dots: exact")
    return figure


def _short(axis: str) -> str:
    """An axis as a column calls it."""
    return label(axis).removeprefix("manifold.groups.").removeprefix("train.")
