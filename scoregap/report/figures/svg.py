"""Figures as SVG that answers a pointer: titles, links, places to lead to; smaller and faster than matplotlib's own.

figure -> SVG

Places are whole tenths of a point, each told by its distance from the one before; looks are classes, each told once.
What an axis cuts off is an <svg> inside, so that nothing refers to a name but marks that are drawn often. Ids begin
with LOCAL, which `inside` replaces, so that many pictures stand on one page. What is said of a curve is its `gid`:
see `told`.
"""

import base64
import io
import itertools
import re
from collections.abc import Sequence
from html import escape
from typing import Any
from zlib import crc32

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backend_bases import FigureCanvasBase, GraphicsContextBase, RendererBase
from matplotlib.cbook import _setattr_cm
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox, Transform

TENTHS = 10  # of a point, in which places are told
LOCAL = "~"  # how ids begin
REPORT = "../report.html"  # where the report is, from a picture of the whole study
TOLD, PANEL = "told:", "panel:"  # how the gid of an artist begins that says something, or is a place to lead to
# what a pointer finds of a line, which is as wide as 7 points
NEAR = "stroke:#000;stroke-opacity:0;stroke-width:70;stroke-dasharray:none;pointer-events:stroke"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
COMMANDS = {Path.CURVE3: "q", Path.CURVE4: "c"}
SHARED = (
    "*{pointer-events:none}",  # what says nothing does not hide what does
    "text{font-family:'DejaVu Sans',Verdana,sans-serif;white-space:pre}",
    "path{stroke-linejoin:round}",
)
HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n<svg xmlns="http://www.w3.org/2000/svg"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" class="{name}" width="{width:g}pt" height="{height:g}pt"'
    ' viewBox="0 0 {wide:.0f} {high:.0f}"><metadata><dc:title>scoregap</dc:title></metadata><style>{styles}</style>\n'
)


def told(artist: Artist, *titles: str, links: Sequence[str] = ()) -> Artist:
    """The artist with what a pointer on it is told: one title, or one for each of its marks. links: anchors of the
    report that these lead to."""
    lines = [" ".join(title.split()) for title in titles]
    if links:
        lines = [f"{line}\t{link}" for line, link in zip(lines, links, strict=True)]
    artist.set_gid(TOLD + "\n".join(lines))
    return artist


def picture(figure: Figure) -> bytes:
    """A figure as SVG."""
    with _setattr_cm(figure, dpi=72):
        before, canvas = figure.canvas, Canvas(figure)
        try:
            renderer = canvas.get_renderer()
            figure.draw(renderer)
        finally:
            figure.set_canvas(before)
    return renderer.finish()


def inside(svg: bytes, name: str) -> str:
    """A picture as a part of a page: its ids begin with a name."""
    text = svg.decode()
    text = text[text.index("<svg") : text.rindex("</svg>") + 6]
    text = text.replace(f'id="{LOCAL}', f'id="{name}-').replace(f'href="#{LOCAL}', f'href="#{name}-')
    return text.replace(f'href="{REPORT}#', 'href="#')


def width(svg: bytes) -> float:
    """How wide a picture is, in points; 0 of one that does not say."""
    found = re.search(rb' width="([\d.]+)pt"', svg)
    return float(found[1]) if found else 0.0


def anchors(svg: bytes) -> set[str]:
    """What of a picture can be led to."""
    return set(re.findall(rf'<g id="{LOCAL}([^"]+)" class="panel">', svg.decode()))


class Canvas(FigureCanvasBase):
    """What layouts ask for the sizes of texts."""

    def get_renderer(self) -> "Renderer":
        """A renderer of the figure's size."""
        return Renderer(*(72 * size for size in self.figure.get_size_inches()))


class Renderer(RendererBase):
    """Writes what a figure draws. width, height: points."""

    def __init__(self, width: float, height: float):
        super().__init__()
        self.width, self.height = width, height
        self.body: list[str] = []
        self.classes: dict[str, str] = {}
        self.marks: dict[str, str] = {}
        self.lines = 0
        self.clip: tuple[int, ...] = ()
        self.groups: list[list[str]] = []  # of every open group what is left to say
        self.flip = Affine2D().scale(TENTHS, -TENTHS).translate(0, TENTHS * height)

    def finish(self) -> bytes:
        """The picture, whole."""
        self._cut(())
        body = "\n".join(self.body)
        name = f"f{crc32(body.encode()):08x}"  # no two figures of a page share their classes
        styles = "".join(f".{name} .{one}{{{style}}}" for style, one in self.classes.items())
        shared = "".join(f".{name} {one}" for one in SHARED)
        size = {"width": self.width, "height": self.height}
        wide = {"wide": TENTHS * self.width, "high": TENTHS * self.height}
        return f"{HEAD.format(name=name, styles=shared + styles, **size, **wide)}{body}\n</svg>\n".encode()

    # ------------------------------------------------------------ what matplotlib asks for

    def get_canvas_width_height(self) -> tuple[float, float]:
        return self.width, self.height

    def points_to_pixels(self, points: Any) -> Any:
        return points

    def flipy(self) -> bool:
        return False

    def option_image_nocomposite(self) -> bool:
        return True

    def open_group(self, s: str, gid: str | None = None) -> None:
        text = gid or ""
        self.groups.append(text.removeprefix(TOLD).split("\n") if text.startswith(TOLD) else [])
        if s == "panel":
            self._cut(())
            name = f'id="{LOCAL}{escape(text.removeprefix(PANEL))}" ' if text.startswith(PANEL) else ""
            self.body.append(f'<g {name}class="panel">')

    def close_group(self, s: str) -> None:
        self.groups.pop()
        if s == "panel":
            self._cut(())
            self.body.append("</g>")

    def draw_path(self, gc: GraphicsContextBase, path: Path, transform: Transform, rgbFace: Any = None) -> None:
        line = rgbFace is None
        whole = (0, 0, TENTHS * self.width, TENTHS * self.height)
        made = path.cleaned(transform + self.flip, remove_nans=True, clip=whole if line else None,
                            simplify=path.should_simplify and line, curves=True)  # fmt: skip
        self._cut(self._clip(gc))
        data = written(made, self.clip)
        if data:
            self._mark(gc, f'd="{data}"', self._look(gc, rgbFace), thin=line)

    def draw_markers(
        self, gc: GraphicsContextBase, marker_path: Path, marker_trans: Transform, path: Path, trans: Transform,
        rgbFace: Any = None,
    ) -> None:  # fmt: skip
        self._cut(self._clip(gc))
        flipped = marker_trans + Affine2D().scale(TENTHS, -TENTHS)
        shape = f'd="{written(marker_path.cleaned(flipped, curves=True), ())}"'
        name = self.marks.get(shape)
        if name is None:
            name = self.marks[shape] = f"{LOCAL}{len(self.marks)}"
            self.body.append(f'<defs><path id="{name}" {shape}/></defs>')
        look = self._look(gc, rgbFace)
        for vertices, _ in path.iter_segments(trans + self.flip, simplify=False):
            x, y = np.rint(vertices[-2:]).astype(int) - self._origin
            self._mark(gc, f'href="#{name}" x="{x}" y="{y}"', look, tag="use")

    def draw_image(self, gc: GraphicsContextBase, x: float, y: float, im: Any, transform: Any = None) -> None:
        """An image (rows, columns, 4) of bytes, as a PNG inside."""
        from PIL import Image

        high, wide = im.shape[:2]
        content = io.BytesIO()
        Image.fromarray(im[::-1]).save(content, "png")
        coded = base64.b64encode(content.getvalue()).decode()
        self._cut(self._clip(gc))
        left, top = np.rint(self.flip.transform((x, y + high))).astype(int) - self._origin
        self._mark(gc, f'x="{left}" y="{top}" width="{TENTHS * wide}" height="{TENTHS * high}" '
                   f'href="data:image/png;base64,{coded}"', "image-rendering:pixelated", tag="image")  # fmt: skip

    def draw_text(
        self, gc: GraphicsContextBase, x: float, y: float, s: str, prop: FontProperties, angle: float,
        ismath: Any = False, mtext: Text | None = None,
    ) -> None:  # fmt: skip
        said = plain(s) if ismath else s
        if said is None:
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)  # as paths
            return
        self._cut(())
        anchor = "start"
        if mtext is not None and mtext.get_rotation_mode() != "anchor" and not angle:
            anchor = {"center": "middle", "right": "end"}.get(mtext.get_horizontalalignment(), "start")
            if anchor != "start":
                x = mtext.get_transform().transform(mtext.get_unitless_position())[0]
        elif mtext is not None and angle == 90 and mtext.get_verticalalignment() == "center":
            anchor, y = "middle", mtext.get_transform().transform(mtext.get_unitless_position())[1]
        more = {} if prop.get_weight() in ("normal", 400) else {"font-weight": str(prop.get_weight())}
        self._text(gc, (x, y), said, prop.get_size_in_points(), gc.get_rgb(), anchor, angle, more)

    def text(self, x: float, y: float, text: str, size: float, colour: Any, aligned: str) -> None:
        """A text on a baseline, in one line. aligned: left, center or right of x."""
        self._cut(())
        anchor = {"center": "middle", "right": "end"}.get(aligned, "start")
        self._text(None, (x, y), text, size, colour, anchor, 0.0, {})

    def _text(
        self, gc: GraphicsContextBase | None, at: tuple[float, float], text: str, size: float, colour: Any, anchor: str,
        angle: float, more: dict[str, str],
    ) -> None:  # fmt: skip
        left, top = (int(one) for one in np.rint(self.flip.transform(at)))
        look = {"font-size": f"{TENTHS * size:.4g}px", "fill": to_hex(colour)} | more
        look |= {} if anchor == "start" else {"text-anchor": anchor}
        turned = f' transform="rotate({-angle:.4g} {left} {top})"' if angle else ""
        self._mark(gc, f'x="{left}" y="{top}"{turned}', css(look), tag="text", content=escape(text, quote=False))

    # ------------------------------------------------------------ how it is written

    @property
    def _origin(self) -> np.ndarray:
        return np.array(self.clip[:2] or (0, 0))

    def _clip(self, gc: GraphicsContextBase) -> tuple[int, ...]:
        """left, top, width and height of what is not cut off; none for all."""
        box = gc.get_clip_rectangle()
        if box is None:
            return ()
        x0, y0, x1, y1 = (self.flip.transform_bbox(Bbox(box.get_points()))).extents
        left, right, top, bottom = round(min(x0, x1)), round(max(x0, x1)), round(min(y0, y1)), round(max(y0, y1))
        return left, top, right - left, bottom - top

    def _cut(self, clip: tuple[int, ...]) -> None:
        """What comes next is cut off outside of this."""
        if clip == self.clip:
            return
        if self.clip:
            self.body.append("</svg>")
        if clip:
            x, y, width, height = clip
            self.body.append(f'<svg x="{x}" y="{y}" width="{width}" height="{height}">')
        self.clip = clip

    def _look(self, gc: GraphicsContextBase, face: Any) -> str:
        """The look of a path or mark."""
        alpha, look = gc.get_alpha() if gc.get_forced_alpha() else None, {}
        if face is None:
            look["fill"] = "none"
        else:
            look["fill"] = to_hex(face)
            opacity = alpha if alpha is not None else (face[3] if len(face) == 4 else 1)
            if opacity != 1:
                look["fill-opacity"] = f"{opacity:.3g}"
        if gc.get_linewidth() > 0:
            colour = gc.get_rgb()
            look |= {"stroke": to_hex(colour), "stroke-width": f"{TENTHS * gc.get_linewidth():.4g}"}
            opacity = alpha if alpha is not None else colour[3]
            if opacity != 1:
                look["stroke-opacity"] = f"{opacity:.3g}"
            offset, dashes = gc.get_dashes()
            if dashes is not None:
                look["stroke-dasharray"] = ",".join(
                    f"{TENTHS * one:.4g}" for one in np.ravel(np.asarray(dashes, float))
                )
                if offset:
                    look["stroke-dashoffset"] = f"{TENTHS * offset:.4g}"
            if gc.get_capstyle() != "butt":
                look["stroke-linecap"] = {"projecting": "square"}.get(gc.get_capstyle(), gc.get_capstyle())
        return css(look)

    def _class(self, look: str) -> str:
        return self.classes.setdefault(look, f"s{len(self.classes)}")

    def _title(self) -> tuple[str, str]:
        """What is said of what comes next, and where it leads: each once, the last of them of all that comes."""
        for left in reversed(self.groups):
            if left:
                title, _, link = (left.pop(0) if len(left) > 1 else left[0]).partition("\t")
                return title, link
        return "", ""

    def _mark(
        self,
        gc: GraphicsContextBase | None,
        places: str,
        look: str,
        tag: str = "path",
        content: str = "",
        thin: bool = False,
    ) -> None:
        """One element. thin: it is hard to point at."""
        title, link = self._title()
        says = f"<title>{escape(title, quote=False)}</title>" if title else ""
        url = f"{REPORT}#{link}" if link else gc and gc.get_url()
        kind = self._class(look if thin or not (says or url) else f"{look};pointer-events:auto")
        if says and thin:
            name, self.lines = f"{LOCAL}l{self.lines}", self.lines + 1
            near = self._class(NEAR)
            text = f'<g class="{kind}">{says}<path id="{name}" {places}/><use href="#{name}" class="{near}"/></g>'
        elif content or says:
            text = f'<{tag} class="{kind}" {places}>{says}{content}</{tag}>'
        else:
            text = f'<{tag} class="{kind}" {places}/>'
        self.body.append(f'<a href="{escape(url)}">{text}</a>' if url else text)


def css(look: dict[str, str]) -> str:
    """Properties as a style."""
    return ";".join(f"{name}:{value}" for name, value in look.items())


def plain(text: str) -> str | None:
    """The text of a formula that is a number with powers; None for others."""
    inner = re.sub(r"\\math(?:default|regular|rm)\{((?:[^{}]|\{[^{}]*\})*)\}", r"\1", text.replace("$", ""))
    inner = re.sub(r"\^\{?(-?\d+)\}?", lambda found: found[1].translate(SUPERSCRIPTS), inner)
    inner = inner.replace(r"\times", "×").replace("-", "−")
    return None if set(inner) & set("\\{}^_") else inner


def written(path: Path, clip: Sequence[int]) -> str:
    """The data of a path in tenths of a point, without points that stay where the last one was."""
    codes = np.asarray(path.codes)
    end = codes != Path.STOP
    vertices, codes = np.rint(np.asarray(path.vertices)[end]).astype(int) - np.array(clip[:2] or (0, 0)), codes[end]
    found: list[str] = []
    if not np.isin(codes, [Path.CURVE3, Path.CURVE4]).any():
        closes = codes == Path.CLOSEPOLY
        starts = np.flatnonzero(codes == Path.MOVETO)
        for start, stop in itertools.pairwise([*starts, len(codes)]):
            own = vertices[start:stop][~closes[start:stop]]
            steps = np.diff(own, axis=0)
            steps = steps[steps.any(axis=1)]
            closed = closes[start:stop].any()
            if len(steps) or closed:
                found.append(f"M{pairs(own[:1])}l{pairs(steps)}" if len(steps) else f"M{pairs(own[:1])}l0 0")
                found.append("z" if closed else "")
        return "".join(found)
    i, at = 0, np.zeros(2, int)
    while i < len(codes):
        code = codes[i]
        size = {Path.CURVE3: 2, Path.CURVE4: 3}.get(code, 1)
        points = vertices[i : i + size]
        if code == Path.CLOSEPOLY:
            found.append("z")
        elif code == Path.MOVETO:
            found.append(f"M{pairs(points)}")
        else:
            found.append(f"{COMMANDS.get(code, 'l')}{pairs(points - at)}")
        at = points[-1] if code != Path.CLOSEPOLY else at
        i += size
    return "".join(found)


def pairs(points: np.ndarray) -> str:
    """Numbers with as little between them as tells them apart."""
    return " ".join(map(str, points.ravel().tolist())).replace(" -", "-")
