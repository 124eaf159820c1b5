"""What all figures share: style, panels, axes, legends.

study, values -> titles, axes, legends; figure -> SVG and PDF
"""

import io
import textwrap
from collections.abc import Iterable
from contextlib import AbstractContextManager
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from scoregap.analysis.tables import axis_name, exactly
from scoregap.analysis.verdicts import Verdict
from scoregap.scores import REFERENCES
from scoregap.store.files import write_bytes
from scoregap.store.ownership import Kind, text_with
from scoregap.study import Study

REFERENCE_STYLE: dict[Any, Any] = {
    "law": {"color": "0.55", "ls": ":", "lw": 1.8},
    "gaussian": {"color": "tab:green", "ls": "-.", "lw": 1.4},
    "exact": {"color": "black", "ls": "--", "lw": 1.4},
}
KIND = Kind(
    "a figure",
    text_with(r"<dc:title>scoregap</dc:title>|/Creator \(scoregap\)"),
    r"figures/([^/]+/)?\w+\.(svg|pdf)",
)
VERDICTS = {  # told apart by those who do not tell red from green, and in grey
    Verdict.AGREES: "#6baed6",
    Verdict.INCONCLUSIVE: "#e8c468",
    Verdict.DISAGREES: "#a63603",
    Verdict.NOT_TESTABLE: "#e6e6e6",
}
COLOURS = (
    "tab:blue", "tab:red", "tab:purple", "tab:orange", "tab:brown", "tab:pink", "tab:cyan", "tab:olive", "navy", "gold",
)  # fmt: skip
STYLE: dict[Any, Any] = {name: value for name, value in rcParamsDefault.items() if name != "backend"} | {
    "font.sans-serif": ["DejaVu Sans"],  # which comes with matplotlib
    "font.size": 9,
    "axes.titlesize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "scoregap",  # the same figure gives the same bytes
    "svg.fonttype": "none",  # text stays text: a tenth of the size, and it can be searched
    "path.simplify_threshold": 0.25,  # points
    "figure.constrained_layout.use": True,
}


def styled() -> AbstractContextManager[None]:
    """A context in which figures look the same whatever the user's matplotlibrc and backend are."""
    return rc_context(STYLE)


def labelled_values(values: dict[str, Any]) -> str:
    """Values of axes in words."""
    return ", ".join(f"{label(axis)} {exactly(value)}" for axis, value in values.items())


def anchor(values: dict[str, Any]) -> str:
    """By what a panel with these values of the axes that vary is led to, in every figure that has it."""
    named = "-".join(f"{label(axis)}-{exactly(value)}" for axis, value in values.items())
    return "".join(one if one.isalnum() or one in "_.-" else "-" for one in named) or "all"


def wrapped(title: str) -> str:
    """A title in lines that fit above a panel."""
    return textwrap.fill(title, 38)


def label(axis: str) -> str:
    """An axis as figures call it; no two have one name."""
    return axis_name(axis).removeprefix("train.")


def networks(study: Study) -> tuple[list[str], dict[str, str]]:
    """Trained networks and the colour of each."""
    return study.evaluated_scores, coloured(study.evaluated_scores)


def coloured(names: Iterable) -> dict[Any, str]:
    """A colour for each different name; after the last one, the first again."""
    return dict(zip(dict.fromkeys(names), cycle(COLOURS), strict=False))


def grid(rows: int, columns: int, height: float = 2.4, **options: Any) -> tuple[Figure, Any]:
    """Figure and axes (rows, columns) of panels."""
    size = (max(3.0 * columns, 9.0) + 0.8, height * rows + 0.4)  # wide enough for the title
    return subplots(rows, columns, size, squeeze=False, **options)


def subplots(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Figure, Any]:
    """As `pyplot.subplots`, but without a backend: such a figure has no window, and nobody has to close it."""
    figure = Figure(figsize=size)
    return figure, figure.subplots(rows, columns, **options)


def log_time(ax) -> None:
    """A logarithmic axis of noise variances; without minor ticks, which cost most of the drawing time.

    Of a panel in which nothing is drawn it says so.
    """
    if not np.isfinite(ax.dataLim.minposx):
        ax.text(0.5, 0.5, "no result", transform=ax.transAxes, ha="center")
        return
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(numticks=8))
    ax.xaxis.set_minor_locator(NullLocator())


def shared_legend(figure, axes) -> None:
    """One legend for all panels, beside them."""
    entries: dict = {}
    for ax in axes.flat:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    figure.legend(entries.values(), entries.keys(), loc="outside right center", fontsize=8)


def of_block(frame: pd.DataFrame, values: dict[str, Any]) -> pd.DataFrame:
    """The rows of a table with these values; of a table without rows, none."""
    for column, value in values.items() if len(frame) else ():
        frame = frame[frame[column] == value]
    return frame


def left_out(blocks: list, most: int) -> str:
    """What a title adds where only the first `most` of the blocks are drawn."""
    return f"; the first {most} of {len(blocks)} settings" if len(blocks) > most else ""


def nothing(why: str) -> Figure:
    """A figure that says why it is empty."""
    figure, axes = grid(1, 1)
    axes[0, 0].set_axis_off()
    axes[0, 0].text(0.5, 0.5, textwrap.fill(why, 100), ha="center", parse_math=False)
    return figure


def signed(figure: Figure, study: Study, shown: str = "") -> Figure:
    """The figure with its provenance as a footer. shown: which settings of the study, if not all."""
    axes, sections = study.axes, study.document
    own = sections.data or sections.manifold
    assert own is not None
    sizes = axes.get("dataset_size" if sections.data else "manifold.dataset_size", (own.dataset_size,))
    parts = [
        f"study {study.name}" + (f", block {study.block}" if study.block else ""),
        f"d = {_listed(study.dims)}",
        f"seeds {_listed(axes['seed'])}",
        f"{sections.spectrum.points} points per time",
    ]
    if set(axes["network"]) - set(REFERENCES):
        said = {None: "infinite (fresh points)", "fresh": "all training points"}
        parts.append(f"N = {_listed([said.get(size, size) for size in sizes])}")
    parts.append(f"config {study.hash}")
    parts += [shown] if shown else []
    figure.supxlabel("; ".join(parts), fontsize=7, color="0.4")
    for ax in figure.axes:
        _telling(ax)
    return figure


def _telling(ax: Axes) -> None:
    """Tells a pointer what the labelled lines and error bars of an axis are; what already tells it more stays."""
    from scoregap.report.figures.svg import told

    about = " ".join(ax.get_title().split())
    named = [(line, str(line.get_label())) for line in ax.lines]
    bars = [one for one in ax.containers if isinstance(one, ErrorbarContainer) and one.lines[0]]
    named += [(one.lines[0], str(one.get_label())) for one in bars]
    for line, name in named:
        if name.startswith("_") or line.get_gid():
            continue
        said = f"{name} · {about}" if about else name
        x, y = (np.ravel(values) for values in line.get_data(orig=False))
        whole = [said] if line.get_linestyle() not in ("None", "", " ") else []
        marks = [f"{said}: {up:.3g} at {at:.3g}" for at, up in zip(x, y, strict=True) if np.isfinite([at, up]).all()]
        told(line, *whole, *(marks if line.get_marker() not in ("None", "", None) else []))


def _listed(values) -> str:
    """Values with commas, of many the ends."""
    texts = [str(value) for value in values]
    return ", ".join(texts) if len(texts) <= 8 else f"{', '.join(texts[:3])}, ..., {texts[-1]} ({len(texts)})"


def save(figure, path: Path) -> None:
    """Write a figure, as PDF where the path says so and otherwise as SVG; the same figure gives the same bytes."""
    write_bytes(path, picture(figure, "pdf" if path.suffix == ".pdf" else "svg"), KIND)


def picture(figure, kind: str = "svg") -> bytes:
    """A figure as SVG or PDF."""
    from scoregap.report.figures import svg

    with styled():
        if kind == "svg":
            return svg.picture(figure)
        content = io.BytesIO()
        figure.savefig(content, format=kind, metadata={"CreationDate": None, "Creator": "scoregap"})
        return content.getvalue()
