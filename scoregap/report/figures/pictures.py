"""Pictures that a study has kept: what scores make of noisy points, directions in which they let points vary, samples.

study, what `scoregap.analysis.pictures` says of its panels -> figures
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.image import BboxImage
from matplotlib.text import Text
from matplotlib.transforms import Bbox, TransformedBbox

from scoregap.analysis.pictures import OfScore, Shown, Strip, Strips
from scoregap.report.figures import nothing
from scoregap.report.figures.profile import styles
from scoregap.study import Study

CELL, GAP, APART = 56, 4, 16  # points: side of a picture, at least; between two; between groups of columns
LEFT, TOP, BOTTOM = 150, 62, 34  # points beside the pictures
WIDE = 480  # points, at least, so that the title fits
SPECTRA = 84  # height of the panels of spectra
SMALL = 8
SETTINGS = ("-", "--", ":", "-.")  # lines of one network's settings
DIRECTIONS_AT = 3  # noise variances of which directions are shown
NONE = 0.005  # eigenvalue, below which an eigenvector is any of many


def denoised(study: Study, shown: Shown | None) -> Figure:
    """Noisy points and what every score makes of them, over noise variances; below, the spectra of G there."""
    if shown is None:
        return nothing("no score has a result")
    times, points = len(shown.times), len(shown.clean)
    rows = [("noisy", shown.noisy), *((_named(one), one.denoised) for one in shown.scores)]
    colours = ["black", *(styles(study)[one.network]["color"] for one in shown.scores)]
    cells: list[list[list[np.ndarray | None]]] = [
        [
            [shade(shown.clean[point], shown.scale) if r == 0 else None]
            + [shade(of[i, point], shown.scale) for i in range(times)[::-1]]
            for r, (_, of) in enumerate(rows)
        ]
        for point in range(points)
    ]
    figure = Mosaic(cells, [name for name, _ in rows], SPECTRA + 20, colours=colours)
    for point in range(points):
        figure.head(point, 0, "clean")
        for column, i in enumerate(range(times)[::-1], 1):
            figure.head(point, column, f"t = {shown.times[i]:.3g}")
            _spectra(study, figure, figure.below(point, column, SPECTRA), shown, i, point, first=column == 1)
        figure.label_below(point, SPECTRA, "eigenvalues of G", "mode")
    return figure.titled("Noisy pictures, what scores make of them, and the eigenvalues of G there", shown.left_out)


def _spectra(study: Study, figure: "Mosaic", box: Bbox, shown: Shown, time: int, point: int, first: bool) -> None:
    """The eigenvalues of G of every score, against their index."""
    ax = figure.add_axes((box.x0, box.y0, box.width, box.height))
    own = styles(study)
    seen: dict[str, int] = {}
    for one in shown.scores:
        k = seen[one.network] = seen.get(one.network, -1) + 1
        style = own[one.network] | ({} if k == 0 else {"ls": SETTINGS[k % len(SETTINGS)]})
        values = one.spectrum[time, point]
        ax.plot(np.arange(1, len(values) + 1), values, **style | {"lw": 1.0}, label=_named(one))
    ax.set_xscale("log")
    d = shown.scores[0].spectrum.shape[-1]
    ax.set_xticks([10**k for k in range(9) if 10**k <= d / 2])  # at the end it would meet that of the next panel
    ax.set_ylim(-0.25, 1.6)
    ax.tick_params(labelsize=6, labelleft=first, pad=1, length=2)
    ax.minorticks_off()


def directions(study: Study, shown: Shown | None) -> Figure:
    """Leading eigenvectors of G of every score, in the last of its settings, at some noise variances."""
    if shown is None:
        return nothing("no score has a result")
    last = {one.network: one for one in shown.scores}
    count = len(shown.times)
    at = sorted(
        {count * (2 * i + 1) // (2 * min(DIRECTIONS_AT, count)) for i in range(DIRECTIONS_AT)} & set(range(count))
    )
    rows = [(i, one) for i in at[::-1] for one in last.values()]
    names = [f"t = {shown.times[i]:.3g}  {one.network}" for i, one in rows]
    cells = [
        [[shade(one.denoised[i, point], shown.scale), *_vectors(one, i, point)] for i, one in rows]
        for point in range(len(shown.clean))
    ]
    figure = Mosaic(cells, names, 0, under=9)
    for group in range(len(cells)):
        figure.head(group, 0, "denoised")
        for k in range(len(cells[0][0]) - 1):
            figure.head(group, k + 1, str(k + 1))
        for row, (i, one) in enumerate(rows):
            for k in range(len(cells[0][0]) - 1):
                figure.foot(group, row, k + 1, f"{one.spectrum[i, group, k]:.2f}")
    return figure.titled("Leading eigenvectors of G, numbers: their eigenvalues", 0)


def _vectors(one: OfScore, time: int, point: int) -> list[np.ndarray | None]:
    """Eigenvectors as pictures; none of those that are not let vary at all, of which there are as many as one likes."""
    values = one.spectrum[time, point]
    return [signs(v) if value >= NONE else None for v, value in zip(one.vectors[time, point], values, strict=False)]


def copies(study: Study, shown: Strips | None) -> Figure:
    """Samples of every score, each above its nearest training point."""
    if shown is None:
        return nothing("no score that comes from training points has samples")
    rows = [(one, what) for one in shown.strips for what in ("samples", "nearest")]
    own = styles(study)
    most = max(len(one.samples) for one in shown.strips)
    cells: list[list[list[np.ndarray | None]]] = [
        [
            [*(shade(picture, shown.scale) for picture in getattr(one, what)), *[None] * (most - len(one.samples))]
            for one, what in rows
        ]
    ]
    names = [_named(one) if what == "samples" else "nearest\ntraining points" for one, what in rows]
    colours = [own[one.network]["color"] if what == "samples" else "0.4" for one, what in rows]
    figure = Mosaic(cells, names, 0, under=9, colours=colours)
    for row, (one, what) in enumerate(rows):
        if what == "samples":
            says = f"copies: {one.memorised:.0%}, of held-out points {one.by_chance:.0%}"
            figure.foot(0, row, (figure.columns - 1) // 2, says)
    return figure.titled("Samples, and the training points nearest to them", shown.left_out)


def _named(one: OfScore | Strip) -> str:
    return "\n".join(filter(None, (one.network, one.setting)))


def shade(picture: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    """A picture (height, width, colours) as (height, width, 3) from 0 to 1; what is beyond the scale is cut off."""
    low, high = scale
    shades = np.clip((picture - low) / (high - low), 0, 1)
    return shades[..., :3] if picture.shape[-1] >= 3 else np.repeat(shades[..., :1], 3, -1)


def signs(vector: np.ndarray) -> np.ndarray:
    """A direction (height, width, colours): red and blue for the two signs, or colours about grey, by its largest entry
    in size; which of the two signs is which means nothing."""
    size = np.abs(vector).max() or 1.0
    if vector.shape[-1] >= 3:
        return 0.5 + 0.5 * vector[..., :3] / size
    return colormaps["RdBu_r"](0.5 + 0.5 * vector[..., 0] / size)[..., :3]


class Mosaic(Figure):
    """Pictures in groups of columns, one image of them all. cells: of every group, row and column a picture (height,
    width, 3), all of one size, or None. names, colours: of rows. below: points left free under the last row; under:
    under each.
    """

    def __init__(
        self, cells: Sequence[Sequence[Sequence[np.ndarray | None]]], names: Sequence[str], below: int, under: int = 0,
        colours: Sequence[str] = (),
    ):  # fmt: skip
        height, width = next(one.shape[:2] for group in cells for row in group for one in row if one is not None)
        self.times = max(1, -(-CELL // max(height, width)))  # points for a pixel
        self.sides = self.times * height, self.times * width
        self.pitch = self.sides[0] + GAP + under, self.sides[1] + GAP
        self.columns, rows = len(cells[0][0]), len(names)
        across = len(cells) * (self.columns * self.pitch[1] + APART)
        self.wide, self.high = max(LEFT + across, WIDE), TOP + rows * self.pitch[0] + below + BOTTOM
        super().__init__(figsize=(self.wide / 72, self.high / 72))
        self.set_layout_engine("none")
        image = np.ones((rows * self.pitch[0], across, 3))
        for g, group in enumerate(cells):
            for r, row in enumerate(group):
                for c, one in enumerate(row):
                    if one is not None:
                        left, top = self._left(g, c) - LEFT, r * self.pitch[0]
                        large = one.repeat(self.times, 0).repeat(self.times, 1)
                        image[top : top + self.sides[0], left : left + self.sides[1]] = large
        box = Bbox.from_bounds(LEFT, self.high - TOP - len(image), across, len(image))
        artist = BboxImage(TransformedBbox(self._inches(box), self.dpi_scale_trans), interpolation="nearest")
        artist.set_data(image)
        self.add_artist(artist, clip=False)
        for r, name in enumerate(names):
            style = {"ha": "right", "va": "center", "color": colours[r] if colours else "black"}
            self._text(LEFT - 6, self.high - TOP - r * self.pitch[0] - self.sides[0] / 2, name, **style)

    @staticmethod
    def _inches(box: Bbox) -> Bbox:
        return Bbox(box.get_points() / 72)

    def _left(self, group: int, column: int) -> int:
        return LEFT + group * (self.columns * self.pitch[1] + APART) + column * self.pitch[1]

    def _text(self, x: float, y: float, text: str, **style: Any) -> None:
        whole: dict[str, Any] = {"size": SMALL, "transform": self.dpi_scale_trans} | style
        self.add_artist(Text(x / 72, y / 72, text, **whole))

    def head(self, group: int, column: int, text: str) -> None:
        """A text above a column."""
        self._text(self._left(group, column) + self.sides[1] / 2, self.high - TOP + 3, text, ha="center", va="bottom")

    def foot(self, group: int, row: int, column: int, text: str) -> None:
        """A text under a picture."""
        y = self.high - TOP - row * self.pitch[0] - self.sides[0] - 1
        self._text(self._left(group, column) + self.sides[1] / 2, y, text, ha="center", va="top", size=6)

    def below(self, group: int, column: int, height: int) -> Bbox:
        """A place of this height under a column, as shares of the figure."""
        left, width = self._left(group, column), self.sides[1] - 4
        return Bbox.from_bounds((left + 2) / self.wide, BOTTOM / self.high, width / self.wide, height / self.high)

    def label_below(self, group: int, height: int, y: str, x: str) -> None:
        """Names what is drawn below the columns of a group but the first: of y at the left, of x underneath."""
        left, right = self._left(group, 1), self._left(group, self.columns - 1) + self.sides[1]
        self._text(left - 26, BOTTOM + height / 2, y, ha="center", va="center", rotation=90, size=7)
        self._text((left + right) / 2, BOTTOM - 10, x, ha="center", va="top", size=7)

    def titled(self, title: str, left_out: int) -> "Mosaic":
        """The figure with its title."""
        more = f"; {left_out} more are not shown" if left_out else ""
        self._text(self.wide / 2, self.high - 14, title + more, ha="center", va="top", size=10)
        return self
