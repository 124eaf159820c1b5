"""Data that are points of a file: nothing is known of their law but what the points say.

array of a file, how it is scaled and pooled -> `Table`: what is there, and what is wrong with it
table, seed of the split, class -> `Points`: training part, held-out part, mean and covariance of the training part

Points are centred by the mean of the training part, since scores of `scoregap.scores` take data of mean 0; whoever
needs the user's coordinates, as somebody's model, adds `Points.mean`. Points that are the same in all coordinates stay
together when the file is split, so no held-out point is a training point too.

Over 400 lines, as what is wrong with a table, and in which parts its points are, stand beside it.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from scoregap import InputError, bound, number
from scoregap.data import FRESH, HALVES, files
from scoregap.data.files import ALL
from scoregap.pictures import picture

FULL_SCALES = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0), "bool": (0.0, 1.0)}  # of types that say theirs
MOST_LEVELS = 2**16  # different values, beyond which nothing is taken for quantised
FARTHEST, NEAREST = 1e9, 1e-6  # size of a coordinate, and least distance of the smallest and the largest
ROUNDED = 8  # roundings of one level, at most


class Form(NamedTuple):
    """How an array becomes points. bounds: of the scaled values; full_scale: of the values of the file that become it;
    pool: side of the squares of pixels that are averaged."""

    bounds: tuple[float, float] | None = None
    full_scale: tuple[float, float] | None = None
    pool: int = 1


def refuse(key: str, value: Any, allowed: str, problem: str = "") -> NoReturn:
    """Raises an InputError of a key of the section `data`."""
    raise InputError(problem, key=f"data.{key}", value=value, allowed=allowed)


@dataclass(frozen=True, eq=False)
class Table:
    """All points of a file, checked.

    values: (N, ...) as they are in the file. shape: of a point, after pooling. slope, start: scaled = start + slope
    value. step: distance of two levels after scaling, before pooling; 0 where values are not quantised. same: (N,)
    number of the point that a point is the same as, from 0. constant: coordinates that are the same in all points.
    labels: (N,) texts, or None. sha256: of the array; labels_sha256 likewise, empty without labels.
    """

    values: np.ndarray
    shape: tuple[int, ...]
    slope: float
    start: float
    pool: int
    step: float
    same: np.ndarray
    constant: int
    labels: np.ndarray | None
    sha256: str
    labels_sha256: str

    @property
    def dim(self) -> int:
        """d, coordinates of a point."""
        return math.prod(self.shape)

    @property
    def least_time(self) -> float:
        """Noise variance below which spectra are those of the grid of levels: the variance of rounding, step^2 / 12,
        of the mean of pool^2 pixels; 0 where nothing is quantised."""
        return (self.step / self.pool) ** 2 / 12

    @property
    def duplicates(self) -> int:
        """Points that are the same as an earlier one."""
        return len(self.same) - int(self.same.max()) - 1

    @cached_property
    def classes(self) -> dict[str, int]:
        """Points of every label, in the order of the labels."""
        if self.labels is None:
            return {}
        names, counts = np.unique(self.labels.astype(str), return_counts=True)
        return dict(
            sorted(
                zip(names.tolist(), counts.tolist(), strict=True),
                key=lambda one: (len(one[0]) if one[0].isdecimal() else math.inf, one[0]),
            )
        )

    def points(self, rows: np.ndarray | slice) -> np.ndarray:
        """(n, d) points in the user's coordinates, float64."""
        return _scaled(self.values[rows], self.slope, self.start, self.pool)

    def describe(self) -> str:
        """What is there, in a line."""
        shape = " x ".join(map(str, self.shape))
        parts = [f"{len(self.same)} points of {shape}" + (f" (d = {self.dim})" if len(self.shape) > 1 else "")]
        if self.classes:
            parts.append(f"{len(self.classes)} classes")
        if self.step:
            parts.append(f"quantised in steps of {self.step:.3g}: times from {bound(self.least_time)}")
        if self.constant:
            parts.append(f"{self.constant} coordinates are constant, and have no variance")
        if self.duplicates:
            parts.append(f"{self.duplicates} points are the same as others, and are held out or trained on with them")
        return "; ".join(parts)


def table(source: str, folder: Path, form: Form, labels: str | None = None) -> Table:
    """The points of a file. Raises InputError for what is none, its key that of the section `data`."""
    found = files.read(source, folder)
    named, labels_sha256 = found.labels, ""
    if labels is not None:
        named, labels_sha256 = files.read_labels(labels, folder, len(found.values) if found.values.ndim else 0)
    elif named is not None:
        named = np.array([str(one) for one in named], object)
    return _table(_Held(found), source, form, _Held(named), labels_sha256)


class _Held:
    """A value that a cache knows by what holds it: the same object, the same value."""

    def __init__(self, value: Any):
        self.value = value

    def _known(self) -> Any:
        return self.value.sha256 if isinstance(self.value, files.Source) else None

    def __hash__(self) -> int:
        return hash(self._known())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and self._known() == other._known()


@lru_cache(maxsize=8)
def _table(held: _Held, source: str, form: Form, labels: _Held, labels_sha256: str) -> Table:
    """A table; labels are known by their SHA-256, or by the source that has them."""
    found: files.Source = held.value
    values = found.values
    if values.ndim < 2:
        refuse("source", source, "should be (N, ...): N points, one after the other", f"has the shape {values.shape}")
    if len(values) < 2 or not values[0].size:
        refuse("source", source, "should have two points or more, with coordinates", f"has the shape {values.shape}")
    low, high, levels = _looked_at(values, source)
    if low == high:
        refuse("source", source, "should have points that differ", f"has no value but {number(low)}")
    slope, start = _scale(values.dtype, (low, high), found.full_scale, form)
    if max(abs(start + slope * low), abs(start + slope * high)) > FARTHEST:
        refuse(
            "source", source, f"should be at most {FARTHEST:g} in size: say range and full_scale",
            f"has values {_span(low, high)}",
        )  # fmt: skip
    if abs(slope) * (high - low) < NEAREST:
        refuse(
            "source", source, f"should be at least {NEAREST:g} apart: say range and full_scale",
            f"has values {_span(low, high)}",
        )  # fmt: skip
    shape = _pooled_shape(values.shape[1:], form.pool)
    same, constant = _compared(values, slope, start, form.pool)
    if same.max() == 0:
        refuse("source", source, "should have points that differ", f"has {len(values)} times the same point")
    return Table(
        values, shape, slope, start, form.pool, _step(levels) * abs(slope), same, constant, labels.value, found.sha256,
        labels_sha256,
    )  # fmt: skip


def _span(low: float, high: float, between: str = "from {} to {}") -> str:
    """Values of a file as a study may have them: to the last digit."""
    return between.format(*(number(one).removesuffix(".0") for one in (low, high)))


def _looked_at(values: np.ndarray, source: str) -> tuple[float, float, np.ndarray]:
    """Smallest and largest value, and the different ones, if they are few; else none."""
    low, high, bad, first = math.inf, -math.inf, 0, -1
    levels: np.ndarray = np.empty(0)
    few = True
    for rows in files.blocks(values):
        part = values[rows]
        if values.dtype.kind == "f":
            finite = np.isfinite(part).reshape(len(part), -1).all(1)
            bad += int((~finite).sum())
            if first < 0 and not finite.all():
                first = rows.start + int(finite.argmin())
            if bad:
                continue
        low, high = min(low, float(part.min())), max(high, float(part.max()))
        if few:
            levels = np.union1d(levels, np.unique(part).astype(float))
            few = len(levels) <= MOST_LEVELS
    if bad:
        refuse(
            "source", source, "should be finite numbers",
            f"has NaN or infinite values in {bad} of {len(values)} points, the first point {first}",
        )  # fmt: skip
    integers = values.dtype.kind in "biu"
    return low, high, levels if few else np.arange(2.0) if integers else np.empty(0)


def _scale(
    dtype: np.dtype, ends: tuple[float, float], of_source: tuple[float, float] | None, form: Form
) -> tuple[float, float]:
    """(slope, start) of the scaled values; values stay as they are where the study has no range."""
    if form.bounds is None:
        if form.full_scale is not None:
            refuse("full_scale", list(form.full_scale), "goes with range, which the study does not have")
        return 1.0, 0.0
    full = form.full_scale or of_source or FULL_SCALES.get(dtype.name)
    if full is None:
        refuse(
            "range", list(form.bounds),
            f"the file has {dtype.name} {_span(*ends)}: say which of its values become the range, as "
            f"{_span(*ends, 'full_scale: [{}, {}]')}, or leave range out to take them as they are",
        )  # fmt: skip
    if ends[0] < full[0] or ends[1] > full[1]:
        refuse("full_scale", list(full), f"the file has values {_span(*ends)}: should hold all of them")
    slope = (form.bounds[1] - form.bounds[0]) / (full[1] - full[0])
    return slope, form.bounds[0] - slope * full[0]


def _step(levels: np.ndarray) -> float:
    """Spacing of levels of which all are whole multiples apart, but for rounding of float32; 0 if they are not."""
    if len(levels) < 2:
        return 0.0
    apart, width = np.diff(levels), levels[-1] - levels[0]
    if (levels == np.round(levels)).all():
        return float(np.gcd.reduce(apart.astype(np.int64)))
    apart = apart[apart > 2e-6 * width]  # else the same level, rounded otherwise
    if len(levels) > ROUNDED * (len(apart) + 1):  # a value far from all others makes the others alike
        return 0.0
    counts = np.round(apart / apart.min())
    step = (apart * counts).sum() / (counts**2).sum()  # by least squares
    rounding = 0.01 + 1e-7 * np.abs(levels).max() / step
    return float(step) if (np.abs(apart / step - counts) < min(rounding, 0.1)).all() else 0.0


def _pooled_shape(shape: tuple[int, ...], pool: int) -> tuple[int, ...]:
    """The shape of a point whose pixels are averaged over squares."""
    if pool == 1:
        return shape
    sides = _sides(shape, pool)
    for side in sides:
        if shape[side] % pool:
            refuse("pool", pool, f"points have the shape {shape}: should divide both sides of the picture")
    return tuple(size // pool if i in sides else size for i, size in enumerate(shape))


def _sides(shape: tuple[int, ...], pool: int) -> tuple[int, int]:
    """Which axes of a point are the sides of the picture."""
    found = picture(shape)
    if found is None:
        refuse("pool", pool, f"points have the shape {shape}, which is not that of one picture: should be 1")
    return found.sides


def _scaled(values: np.ndarray, slope: float, start: float, pool: int) -> np.ndarray:
    """(n, d) points of n rows of a file, float64."""
    found = start + slope * values.astype(float)
    if pool > 1:
        one, two = _sides(values.shape[1:], pool)
        cut = list(values.shape)
        for side in (two, one):
            cut[1 + side : 2 + side] = [values.shape[1 + side] // pool, pool]
        found = found.reshape(cut).mean((2 + one, 3 + two))
    return np.ascontiguousarray(found.reshape(len(values), -1)) + 0.0  # there is one zero


def _compared(values: np.ndarray, slope: float, start: float, pool: int) -> tuple[np.ndarray, int]:
    """(number of the point that each is the same as, coordinates that never differ)."""
    seen: dict[bytes, int] = {}
    same, first, differs = np.empty(len(values), int), None, None
    for rows in files.blocks(values):
        part = _scaled(values[rows], slope, start, pool)
        first = part[0] if first is None else first
        here = (part != first).any(0)
        differs = here if differs is None else differs | here
        for i, point in enumerate(part, rows.start):
            same[i] = seen.setdefault(hashlib.blake2b(point.data, digest_size=16).digest(), len(seen))
    assert differs is not None
    return same, int((~differs).sum())


@dataclass(frozen=True, eq=False)
class Points:
    """The points of a table, or of one of its classes, in two parts.

    of: the table. split, order: seeds of who is held out, and of the order in which training points are taken. share:
    of the points that are held out. measured: the part at which scores are measured, held-out or training. label: a
    class, or ALL. half: of the points that networks are trained on, one of HALVES, or ALL; not of what `mean` and
    `principal_axes` are of.
    """

    of: Table
    split: int
    order: int
    share: float
    measured: str = "held-out"
    label: str = ALL
    half: str = ALL

    @property
    def dim(self) -> int:
        """d, the dimension of the points."""
        return self.of.dim

    @cached_property
    def parts(self) -> dict[str, np.ndarray]:
        """Rows of the table that are held out, and that are trained on, ascending.

        Whole groups of points that are the same are drawn, of all classes, so a class has the rows of the whole.
        """
        out = np.isin(self.of.same, self._groups[0])
        mine = np.ones(len(out), bool) if self.label == ALL else self.of.labels == self.label
        return {"held-out": np.flatnonzero(out & mine), "training": np.flatnonzero(~out & mine)}

    @cached_property
    def _groups(self) -> tuple[np.ndarray, np.ndarray]:
        """Groups of points that are the same, by number: those held out, and all others."""
        groups = int(self.of.same.max()) + 1
        held_out = held_out_count(groups, self.share)
        drawn = np.random.default_rng(self.split).permutation(groups)
        return drawn[:held_out], drawn[held_out:]

    @cached_property
    def trained_on(self) -> np.ndarray:
        """Rows of the training part, or of its half, ascending. Halves have equally many different points, or the
        second one more; points that are the same are in the same half."""
        rows = self.parts["training"]
        if self.half == ALL:
            return rows
        groups = np.random.default_rng([self.order, self.split]).permutation(np.sort(self._groups[1]))
        parts = dict(zip(HALVES, np.split(groups, [len(groups) // 2]), strict=True))
        return rows[np.isin(self.of.same[rows], parts[self.half])]

    @cached_property
    def mean(self) -> np.ndarray:
        """(d,) mean of the training part in the user's coordinates, which points do not have any more."""
        total = sum((part.sum(0) for part in self._training()), np.zeros(self.dim))
        return total / len(self.parts["training"])

    @cached_property
    def principal_axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Principal directions (d, r) and variances (r,) of the training part, descending, without those of none."""
        count = len(self.parts["training"])
        if count < self.dim:  # fewer points than coordinates: by their products
            centred = self.rows(self.parts["training"])
            values, vectors = np.linalg.eigh(centred @ centred.T / count)
            kept = _kept(values, max(centred.shape))
            axes, _ = np.linalg.qr(centred.T @ vectors[:, kept])  # orthogonal but for rounding; in the same order
            return axes, values[kept]
        products = np.zeros((self.dim, self.dim))
        for part in self._training():
            centred = part - self.mean
            products += centred.T @ centred
        values, vectors = np.linalg.eigh(products / count)
        kept = _kept(values, count)
        return vectors[:, kept], values[kept]

    def _training(self) -> Iterator[np.ndarray]:
        """The training part in blocks, in the user's coordinates."""
        rows = self.parts["training"]
        size = max(1, files.BLOCK // self.dim)
        yield from (self.of.points(rows[i : i + size]) for i in range(0, len(rows), size))

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """(n, d) centred points of these rows of the table."""
        return self.of.points(rows) - self.mean

    def training(self, size: int | str) -> np.ndarray:
        """(size, d) points that networks are trained on; FRESH: all there are. Of a smaller set, all are in a larger.

        Raises InputError if there are fewer.
        """
        rows = np.random.default_rng(self.order).permutation(self.trained_on)
        if size != FRESH and int(size) > len(rows):
            part = "training part" if self.half == ALL else f"{self.half} half of the training part"
            refuse("dataset_size", size, f"the {part} has {len(rows)} points{self._of_class()}")
        return self.rows(rows if size == FRESH else rows[: int(size)])

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes of the table; ALL of one without labels."""
        return tuple(self.of.classes) or (ALL,)

    def labels_at(self, places: np.ndarray) -> np.ndarray:
        """(n,) places among `labels` of the classes of points in these rows of the table (n, 1)."""
        if self.of.labels is None:
            return np.zeros(len(places), int)
        order = {label: i for i, label in enumerate(self.labels)}
        return np.array([order[str(one)] for one in self.of.labels[places[:, 0]]], int)

    @property
    def label_counts(self) -> np.ndarray:
        """(labels,) points of the training part that are of each class."""
        return np.bincount(self.labels_at(self.trained_on[:, None]), minlength=len(self.labels))

    def training_of(self, label: str, most: int) -> np.ndarray:
        """(n, d) points of the training part that are of a class, the first `most` in the order of `training`."""
        rows = np.random.default_rng(self.order).permutation(self.trained_on)
        return self.rows(rows[self.labels_at(rows[:, None]) == self.labels.index(label)][:most])

    def sample(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        """n different points (n, d) of the part that is measured, and their rows in the table (n, 1).

        Raises InputError if there are fewer.
        """
        rows = self.parts[self.measured]
        if n > len(rows):
            raise InputError(
                key="points", value=n, allowed=f"the {self.measured} part has {len(rows)} points{self._of_class()}"
            )
        chosen = rng.permutation(rows)[:n]
        return self.rows(chosen), chosen[:, None]

    def held_out(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """n points (n, d) that no network is trained on; some more than once if there are fewer. Raises
        InputError if there is none."""
        rows = self.parts["held-out"]
        if not len(rows):
            refuse("held_out", self.share, f"holds out no point{self._of_class()}: should be more")
        return self.rows(np.resize(rng.permutation(rows), n))

    def _of_class(self) -> str:
        return "" if self.label == ALL else f" of class {self.label}"


def held_out_count(groups: int, share: float) -> int:
    """How many of so many different points are held out: one at least, and one is left."""
    return min(max(1, round(share * groups)), groups - 1)


def _kept(values: np.ndarray, count: int) -> np.ndarray:
    """Places of the eigenvalues that are more than rounding, the largest first."""
    order = np.argsort(-values, kind="stable")
    return order[values[order] > count * np.finfo(float).eps * values.max()]
