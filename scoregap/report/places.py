"""Where a page shows what: anchors of its figures, their panels, and rows of the comparison.

study, figures (SVG), a row of the comparison -> the anchor of its panel, or of its row
"""

from collections.abc import Collection

import pandas as pd

from scoregap.report.figures import anchor, svg
from scoregap.study import Study


def anchored(name: str) -> str:
    """The name of a figure as an anchor."""
    return name.replace("/", "-")


class Places:
    """Where the page shows a row of the comparison. pictures: as for `page.write`. shown: the rows of its table."""

    def __init__(self, study: Study, pictures: dict[str, bytes], shown: Collection[int]):
        self.study, self.shown = study, shown
        self.anchors = {name: svg.anchors(one) for name, one in pictures.items() if name.rpartition("/")[2] == "gaps"}

    def of(self, row: pd.Series, place: int) -> str:
        """Its panel of the gaps, or else its row of the table, the row `place`; empty where that is left out."""
        for part in self.study.parts:
            name = f"{part.block}/gaps" if part.block else "gaps"
            inside = all(row[axis] in part.places[axis] for axis in part.condition_axes)
            if name in self.anchors and inside and row.network in {*part.axes["network"], "law"}:
                values = {axis: row[axis] for axis in part.condition_axes if len(part.axes[axis]) > 1}
                panel = anchor(values) + (f".{row.gap:.0f}" if row.gap > 0 else "")
                if panel in self.anchors[name]:
                    return f"{anchored(name)}-{panel}"
        return row_anchor(place) if place in self.shown else ""


def row_anchor(place: int) -> str:
    """By what a row of the comparison is led to."""
    return f"row-{place}"
