"""Small multiples: panels in rows and columns that share their axes, as one picture.

curves, bands, marks of every panel -> a figure of matplotlib, in which numbers stand at the left and at the bottom only

A panel is no `Axes` of matplotlib: with its ticks and its layout one takes 80 ms, and a study has thousands of panels.
Here all are paths of one figure, placed by sizes that are known before (4 ms a panel). Sizes are in inches. What a
pointer on a curve or mark is told are its name, its values and the panel's `about` (`scoregap.report.figures.svg`).
"""

import itertools
import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.image import BboxImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D, Bbox, TransformedBbox

from scoregap.report.figures.svg import PANEL, Renderer, told

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
TEXT, SMALL = 9, 8  # sizes of type, points
CHARACTER, LINE = 0.6 / 72, 1.25 / 72  # width of a character and height of a line, per point of the type
POWERS = 6.5  # of ten, of which each has its number
ENTRY = 0.19  # height of an entry of a legend
MARGIN = 0.04  # share of the range that is free at either end
MARKERS = ("marker", "ms", "mec", "mew", "mfc")  # of the style of a line
POINTS = Affine2D().scale(72)  # from inches
# how far the baseline of a text is below its place, in sizes of the type
BASELINES = {"baseline": 0.0, "bottom": -0.22, "top": 0.8, "center": 0.29, "center_baseline": 0.36}
BEYOND = 5.0  # heights of a panel beyond which a curve is cut off


class Scale:
    """A direction of one panel or of several. limits: None: as what is drawn. named: texts of ticks."""

    def __init__(self, log: bool = False, limits: tuple[float, float] | None = None):
        self.log, self.limits = log, limits
        self.named: dict[float, str] = {}
        self._seen: list[float] = []

    def plain(self, values) -> np.ndarray:
        """Values as they are evenly spaced: where the scale is logarithmic, their logarithms."""
        values = np.asarray(values, float)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(values > 0, np.log10(values), np.nan) if self.log else values

    def see(self, values) -> None:
        """Something is drawn at these values."""
        plain = self.plain(values)
        finite = plain[np.isfinite(plain)]
        if finite.size:
            self._seen += [finite.min(), finite.max()]

    def bound(self, low: float, high: float) -> None:
        """Makes no room for what is drawn beyond these."""
        least, most = self.plain([low, high])
        self._seen = [float(min(max(one, least), most)) for one in self._seen]

    @property
    def ends(self) -> tuple[float, float]:
        """What lies at either end, as a logarithm where it is logarithmic."""
        if self.limits:
            low, high = self.plain(self.limits)
            return float(low), float(high)
        low, high = (min(self._seen), max(self._seen)) if self._seen else (0.0, 1.0)
        same = 1e-6 if self.log else 1e-12 * max(abs(low), abs(high))  # but for rounding
        room = 0.5 * (abs(low) or 1.0) * (0.3 if self.log else 1.0) if high - low <= same else MARGIN * (high - low)
        return low - room, high + room

    def place(self, values) -> np.ndarray:
        """Where values are, from 0 to 1 within the limits; NaN if they are nowhere."""
        low, high = self.ends
        with np.errstate(invalid="ignore"):
            return np.clip((self.plain(values) - low) / (high - low), -BEYOND, 1 + BEYOND)

    def ticks(self) -> list[tuple[float, str]]:
        """Places of ticks, from 0 to 1, and what stands there: of many powers of ten not at each."""
        if self.named:
            return list(zip(self.place(list(self.named)), self.named.values(), strict=True))
        low, high = self.ends
        if self.log and high - low >= 2:
            step = math.ceil((high - low) / POWERS)
            powers = range(math.ceil(low), math.floor(high) + 1)
            texts = [f"10{str(power).translate(SUPERSCRIPTS)}" if power % step == 0 else "" for power in powers]
            return [((power - low) / (high - low), text) for power, text in zip(powers, texts, strict=True)]
        inner = self._round(low, high)
        least = min((abs(one - other) for one, other in itertools.pairwise(inner)), default=1.0)
        digits = max(6, 2 + math.ceil(math.log10(max(map(abs, inner), default=1.0) / least or 1.0)))
        return list(zip(self.place(inner), [f"{value:.{digits}g}" for value in inner], strict=True))

    def _round(self, low: float, high: float) -> list[float]:
        """Round values between the ends; of a logarithmic scale of less than two decades."""
        if self.log and high - low >= 0.7:
            subs = (1, 3) if high - low > 1 else (1, 2, 5)
            powers = range(math.floor(low), math.ceil(high) + 1)
            found = [one * 10.0**power for power, one in itertools.product(powers, subs)]
        else:
            ends = (10**low, 10**high) if self.log else (low, high)
            found = [float(one) for one in MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(*ends)]
        tiny = 1e-9 * (high - low)
        return [one for one in found if low - tiny <= self.plain(one) <= high + tiny]


class Drawn(NamedTuple):
    """Something of a panel. kind: line, band, fill, span, rule, strip. x, y: its data. style: as matplotlib has it.
    label: in the legend. name: what a pointer on it is told that it is; or, of marks, all that it is told, one by one.
    """

    kind: str
    x: np.ndarray
    y: np.ndarray
    style: dict[str, Any]
    label: str
    name: str | Sequence[str]


class Small:
    """One panel: what is drawn in it, in the order in which it was asked for. about: what it is of, in words. anchor:
    by which it is led to. used: else its place stays empty."""

    def __init__(self, x: Scale, y: Scale):
        self.x, self.y = x, y
        self.drawn: list[Drawn] = []
        self.texts: list[tuple[float, float, str, dict[str, Any]]] = []
        self.title = self.ylabel = self.about = self.anchor = ""
        self.used = True

    def _add(self, kind: str, x, y, style: dict[str, Any], label: str, name: str | Sequence[str] = "") -> None:
        x, y = np.asarray(x, float), np.asarray(y, float)
        self.drawn.append(Drawn(kind, x, y, style, label, name or label))
        if kind in ("line", "band") and x.size:
            x = x[np.isfinite(self.y.plain(y)).reshape(-1, len(x)).any(0)]
        if kind not in ("span", "rule"):
            self.x.see(x)
            self.y.see(y)

    def plot(self, x, y, label: str = "", name: str | Sequence[str] = "", **style: Any) -> None:
        """A line through (n,) points, or lines (k, n) of one style, with markers if it has one."""
        self._add("line", x, y, style, label, name)

    def bars(self, x, low, high, **style: Any) -> None:
        """Vertical bars (n,), none where an end is not known."""
        gap = np.full(np.size(x), np.nan)
        self.plot(np.column_stack([x, x, gap]).ravel(), np.column_stack([low, high, gap]).ravel(), **style)

    def band(self, x, low, high, name: str = "", **style: Any) -> None:
        """What lies between two lines (n,)."""
        self._add("band", x, np.stack([low, high]), style, "", name)

    def stairs(self, heights, edges, label: str = "", fill: bool = False, **style: Any) -> None:
        """A histogram: (n,) heights between (n + 1,) edges."""
        x, y = np.repeat(edges, 2), np.concatenate([[0], np.repeat(heights, 2), [0]])
        self._add("fill" if fill else "line", x, y, style, label)

    def span(self, low: float, high: float, label: str = "", **style: Any) -> None:
        """All between two places along x."""
        self._add("span", [low, high], [], style, label)

    def level(self, low: float, high: float, **style: Any) -> None:
        """All between two places along y."""
        self._add("span", [], [low, high], style, "")

    def rule(self, x: float | None = None, y: float | None = None, name: str = "", **style: Any) -> None:
        """A line from end to end, at a place along x or y."""
        self._add("rule", [] if x is None else [x], [] if y is None else [y], style, "", name)

    def strip(self, edges: tuple[float, float], y: tuple[float, float], colours: np.ndarray) -> None:
        """Colours (n, 4) side by side, each as wide as the other, between two places along x and two along y."""
        self._add("strip", edges, y, {"colours": colours}, "")

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        """A text at a place of the panel, from 0 to 1."""
        self.texts.append((x, y, text, {"size": SMALL} | style))

    @property
    def lines(self) -> list[Drawn]:
        """Its lines, for those who look at what it shows."""
        return [one for one in self.drawn if one.kind == "line"]


class Multiples(Figure):
    """Panels (rows, columns) of a height. x, y: which panels share a scale: all, row, col or none; with logx, logy."""

    def __init__(
        self, rows: int, columns: int, height: float, x: str = "all", y: str = "all", logx: bool = False,
        logy: bool = False,
    ):  # fmt: skip
        super().__init__()
        self.set_layout_engine("none")
        scales: dict[tuple, Scale] = {}

        def scale(name: str, shared: str, row: int, column: int, log: bool) -> Scale:
            key = (name, row if shared in ("row", "none") else 0, column if shared in ("col", "none") else 0)
            return scales.setdefault(key, Scale(log))

        self.height, self.own_y = height, y in ("col", "none")
        self.panels = np.empty((rows, columns), object)
        for row, column in np.ndindex(rows, columns):
            self.panels[row, column] = Small(scale("x", x, row, column, logx), scale("y", y, row, column, logy))
        self.pitch = max(2.6 if columns > 3 else 3.0, 9.0 / columns)

    @property
    def each(self) -> Iterable[Small]:
        """The panels, row by row."""
        return self.panels.flat

    def wrapped(self, text: str) -> str:
        """A title in lines that fit above a panel."""
        return textwrap.fill(text, int((self.pitch - 0.3) / (CHARACTER * TEXT)))

    def finish(
        self,
        title: str,
        xlabel: str | Sequence[str],
        handles: Sequence[Any] | None = None,
        bar: tuple[Any, Any, str] | None = None,
    ) -> Figure:
        """Draw it all. xlabel: below the last row, or of every row. handles: of the legend, instead of what is
        labelled. bar: norm, colours and label of a scale."""
        rows, columns = self.panels.shape
        handles = self._handles() if handles is None else handles
        lines = max(one.ylabel.count("\n") + 1 if one.ylabel else 0 for one in self.panels[:, 0])
        numbers = [self._left_room(row) for row in range(rows)]
        left = 0.2 + LINE * TEXT * lines + max(numbers)
        heads = [max(one.title.count("\n") + 1 if one.title else 0 for one in row) for row in self.panels]
        xlabels = [""] * (rows - 1) + [xlabel] if isinstance(xlabel, str) else list(xlabel)
        gaps = [0.18 + LINE * TEXT * count for count in heads]
        gaps = [gap + (0.4 if above else 0) for gap, above in zip(gaps, ["", *xlabels], strict=False)]
        below, inner = 0.75, sum(gaps) + (self.height - 0.35) * rows
        texts = [str(one.get_label()) for one in handles]
        entries = -(-len(texts) // int((below + inner) / ENTRY)) or 1  # columns of the legend
        beside = max([entries * (0.6 + CHARACTER * SMALL * len(text)) for text in texts], default=0.15)
        width = left + self.pitch * columns + beside + (0.9 if bar else 0)
        title = textwrap.fill(title, int(width / (CHARACTER * TEXT)))
        top = 0.15 + LINE * 10 * (title.count("\n") + 1)
        size = width, below + inner + top
        self.set_size_inches(*size)
        self.suptitle(title, y=1 - 0.07 / size[1], size=10, va="top")
        free = 0.1 + (max(map(self._left_room, range(rows))) if self.own_y else 0.12)
        y = size[1] - top
        for row in range(rows):
            y -= gaps[row] + self.height - 0.35
            for column in range(columns):
                box = Bbox.from_bounds(left + self.pitch * column, y, self.pitch - free, self.height - 0.35)
                if self.panels[row, column].used:
                    self._panel(self.panels[row, column], box, column == 0 or self.own_y, xlabels[row])
            middle = y + (self.height - 0.35) / 2
            self._text(0.1, middle, self.panels[row, 0].ylabel, size=TEXT, rotation=90, ha="left", va="center",
                       ma="center")  # fmt: skip
        edge = (left + self.pitch * columns) / width
        if handles:
            x = edge + (0.95 / width if bar else 0)
            self.legend(handles=handles, loc="center left", bbox_to_anchor=(x, 0.5), fontsize=SMALL, frameon=False,
                        borderaxespad=0, ncols=entries)  # fmt: skip
        if bar:
            self._bar(bar, edge + 0.1 / width, size)
        return self

    def _left_room(self, row: int) -> float:
        """How much the numbers at the left of panels take."""
        texts = [text for panel in self.panels[row] for _, text in panel.y.ticks()]
        return 0.1 + CHARACTER * SMALL * max(map(len, texts), default=0)

    def _handles(self) -> list[Any]:
        """What is labelled, once."""
        found: dict[str, Any] = {}
        for one in (one for panel in self.each for one in panel.drawn if one.label and one.label not in found):
            style = {key: value for key, value in one.style.items() if key != "zorder"}
            if one.kind in ("line", "rule"):
                found[one.label] = Line2D([], [], label=one.label, **style)
            else:
                found[one.label] = Patch(label=one.label, **{"lw": 0} | style)
        return list(found.values())

    def _text(self, x: float, y: float, text: str, **style: Any) -> None:
        made = Label(x, y, text, transform=self.dpi_scale_trans, parse_math=False, **style)
        made.set_figure(self)
        self.texts.append(made)

    def _panel(self, panel: Small, box: Bbox, numbers_left: bool, xlabel: str) -> None:
        """One panel in a box; numbers are below it if it has a label there."""
        clip = TransformedBbox(box, self.dpi_scale_trans)
        drawn = []
        for one in panel.drawn:
            for artist in self._artists(panel, one, box, xlabel):
                artist.set_clip_box(clip)
                drawn.append(artist)
        frame = [[(box.x0, box.y1), (box.x0, box.y0), (box.x1, box.y0)]]
        tick = 3 / 72
        for place, text in panel.x.ticks():
            if -1e-9 <= place <= 1 + 1e-9:
                x = box.x0 + place * box.width
                frame.append([(x, box.y0), (x, box.y0 - tick)])
                if xlabel:
                    self._text(x, box.y0 - 2 * tick, text, size=SMALL, ha="center", va="top")
        for place, text in panel.y.ticks():
            if -1e-9 <= place <= 1 + 1e-9:
                y = box.y0 + place * box.height
                frame.append([(box.x0, y), (box.x0 - tick, y)])
                if numbers_left:
                    self._text(box.x0 - 1.7 * tick, y, text, size=SMALL, ha="right", va="center_baseline")
        path = Path.make_compound_path(*map(Path, frame))
        drawn.append(PathPatch(path, fill=False, lw=0.8, transform=self.dpi_scale_trans, zorder=10))
        self.add_artist(Together(self, drawn, panel.anchor), clip=False)
        if not any(one.kind != "rule" for one in panel.drawn) and not panel.texts:
            panel.text(0.5, 0.5, "no result", ha="center")
        for x, y, text, style in panel.texts:
            self._text(box.x0 + x * box.width, box.y0 + y * box.height, text, **style)
        if xlabel:
            self._text((box.x0 + box.x1) / 2, box.y0 - 0.25, xlabel, size=TEXT, ha="center", va="top")
        self._text((box.x0 + box.x1) / 2, box.y1 + 0.05, panel.title, size=TEXT, ha="center", va="bottom")

    def _artists(self, panel: Small, one: Drawn, box: Bbox, xlabel: str) -> Iterable[Any]:
        """What a panel has drawn, as matplotlib has it."""
        style = {"transform": self.dpi_scale_trans} | one.style
        across, up = box.x0 + box.width * panel.x.place(one.x), box.y0 + box.height * panel.y.place(one.y)
        if one.kind == "strip":
            place = TransformedBbox(Bbox.from_extents(*across[:1], *up[:1], *across[1:], *up[1:]), self.dpi_scale_trans)
            image = BboxImage(place, interpolation="nearest", zorder=1)
            image.set_data(one.style["colours"][None])
            yield image
        elif one.kind == "rule":
            ends = (across.repeat(2), box.intervaly) if len(across) else (box.intervalx, up.repeat(2))
            yield _telling(Line2D(*ends, **style), one.name)
        elif one.kind == "span":
            across, up = (across, box.intervaly) if len(across) else (box.intervalx, up)
            corners = np.column_stack([np.repeat(across, 2), np.r_[up, up[::-1]]])
            yield _telling(PathPatch(Path(corners, closed=False), **{"lw": 0, "zorder": 0} | style), one.name)
        elif one.kind in ("fill", "band"):
            shapes = [np.column_stack([across, up])] if one.kind == "fill" else _between(across, up)
            if shapes:
                made = PathPatch(Path.make_compound_path(*map(Path, shapes)), **{"lw": 0, "zorder": 1} | style)
                yield _telling(made, one.name and f"{one.name}{_of(panel)}")
        else:
            of_x = last if len(last := xlabel.split()[-1] if xlabel else "") == 1 else ""
            yield from _line(np.atleast_2d(up), across, style, titles(panel, one, of_x))

    def _bar(self, bar: tuple[Any, Any, str], x: float, size: tuple[float, float]) -> None:
        """A scale of colours at the right."""
        norm, colours, label = bar
        height = min(2.5, 0.7 * size[1])
        low, high = norm.vmin, norm.vmax
        scale = Scale(log=type(norm).__name__ == "LogNorm", limits=(low, high))
        box = Bbox.from_bounds(x * size[0] + 0.05, (size[1] - height) / 2, 0.15, height)
        shades = colours(np.linspace(0, 1, 64))[::-1, None]
        image = BboxImage(TransformedBbox(box, self.dpi_scale_trans), interpolation="nearest")
        image.set_data(shades)
        self.add_artist(image, clip=False)
        for place, text in scale.ticks():
            self._text(box.x1 + 0.05, box.y0 + place * height, text, size=SMALL, va="center_baseline")
        self._text(box.x1 + 0.45, (box.y0 + box.y1) / 2, label, size=TEXT, rotation=90, va="center")


class Label(Text):
    """A text whose place an SVG finds without the layout of matplotlib, which takes most of the time of a panel."""

    def draw(self, renderer: RendererBase) -> None:
        text = self.get_text()
        if isinstance(renderer, Renderer) and "\n" not in text and not self.get_rotation():
            x, y = self.get_transform().transform(self.get_position())
            size = float(self.get_fontsize())
            down = BASELINES[self.get_verticalalignment()] * size
            renderer.text(x, y - down, text, size, self.get_color(), self.get_horizontalalignment())
        else:
            super().draw(renderer)


class Together(Artist):
    """What is drawn in one panel, in one piece: a place that is led to by its anchor, if it has one."""

    def __init__(self, figure: Figure, parts: list[Any], anchor: str):
        super().__init__()
        self.parts = sorted(parts, key=lambda one: one.get_zorder())
        self.set_gid(f"{PANEL}{anchor}" if anchor else None)
        for one in parts:
            one.set_figure(figure)

    def get_children(self) -> list[Any]:
        return self.parts

    def draw(self, renderer: RendererBase) -> None:
        renderer.open_group("panel", self.get_gid())
        for one in self.parts:
            one.draw(renderer)
        renderer.close_group("panel")


def _telling(artist: Any, says: str | Sequence[str]) -> Any:
    titles = [says] if isinstance(says, str) else says
    return told(artist, *titles) if any(titles) else artist


def _of(panel: Small) -> str:
    return f" · {panel.about}" if panel.about else ""


def titles(panel: Small, one: Drawn, of_x: str) -> tuple[str, Sequence[str]]:
    """What a pointer is told on a line, and on each of its markers: its name, values and the panel. of_x: what the
    values of x are called."""
    if not one.name:
        return "", ()
    if not isinstance(one.name, str):
        return one.name[0], one.name
    known = np.isfinite(one.x + one.y) if one.y.ndim == 1 else np.zeros(0, bool)
    x, y = (values[known] for values in (one.x, one.y)) if known.size else (np.empty(0), np.empty(0))
    at = [f"{value:.3g} at {of_x}{' ' if of_x else ''}{place:.3g}" for place, value in zip(x, y, strict=True)]
    if "marker" in one.style:
        return f"{one.name}{_of(panel)}", [f"{one.name}: {text}{_of(panel)}" for text in at]
    chosen = sorted({0, int(y.argmin()), int(y.argmax()), y.size - 1}) if y.size else []
    values = ": " + ", ".join(at[i] for i in chosen) if chosen else ""
    return f"{one.name}{values}{_of(panel)}", ()


def _line(up: np.ndarray, across: np.ndarray, style: dict[str, Any], says: tuple[str, Sequence[str]]) -> Iterable[Any]:
    """Lines (k, n), without the points that nobody could see to be missing, and their markers. says: see `titles`."""
    line = {key: value for key, value in style.items() if key not in MARKERS}
    if line.get("ls", "-") not in ("", "none"):
        paths = [Path(np.column_stack([across, one])) for one in up]
        seen = [shape for path in paths if np.size((shape := _thinned(path)).vertices)]
        if seen:
            made = PathPatch(Path.make_compound_path(*seen), fill=False, joinstyle="round", **{"zorder": 2} | line)
            yield _telling(made, says[0])
    if "marker" in style:
        for one in up:
            known = np.isfinite(across + one)
            marks = Line2D(across[known], one[known], **{"zorder": 2} | style | {"ls": ""})
            yield _telling(marks, says[1]) if len(says[1]) == known.sum() else marks


def _thinned(path: Path) -> Path:
    """A path in inches without points that lie within a ninth of a point of type of the line between others."""
    path.should_simplify = True
    points = path.cleaned(POINTS, remove_nans=True, simplify=True)
    vertices, codes = np.asarray(points.vertices, float), np.asarray(points.codes)
    kept = codes != Path.STOP
    return Path(vertices[kept] / 72, codes[kept])


def _between(across: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
    """Outlines of what lies between ends (2, n), a shape for every stretch in which both are known."""
    known = np.isfinite(ends).all(0) & np.isfinite(across)
    cuts = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int))).reshape(-1, 2)
    low, high = ends
    return [np.column_stack([np.r_[across[a:b], across[a:b][::-1]], np.r_[low[a:b], high[a:b][::-1]]]) for a, b in cuts]
