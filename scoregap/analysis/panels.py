"""Cells as figures show them, one by one or along an axis.

study, dataset of its cube -> a panel per setting (combination of the axes other than network and seed) that is drawn

Of a study with more settings than a figure has panels, those are drawn that are farthest from theory, and, along an
axis, the settings that differ from them in that axis alone.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from scoregap.study import Study
from scoregap.study.axes import as_named

PANELS = 8  # that a figure shows
ALONG = 48  # values of an axis, of those with more, evenly spaced, that a figure along it shows
_TIMES = ("open", "max", "close", "consolidation", "resolution", "alignment")
# Of every cell, and of those that are drawn alone, what figures ask for: read at once, once.
TIMELESS = (
    "status",
    *(f"{arm}t_{time}" for arm in ("", "law_", "gaussian_", "exact_") for time in _TIMES),
    "boundary",
    "law_edge",
    "gap_width",
    "law_gap_width",
)
OVER_TIME = ("gap_width", "law_gap_width", "alignment", "dimension", "training_step", "training_excess")


class Panel(NamedTuple):
    """values: of the axes that vary, other than network and seed. ds: with the dimensions network, seed, ..."""

    values: dict[str, Any]
    ds: xr.Dataset


Setting = tuple[Any, ...]  # values of `Study.condition_axes`


def settings(datasets: list[xr.Dataset], study: Study) -> int:
    """How many settings datasets of a study have."""
    return sum(math.prod(ds.sizes[axis] for axis in study.condition_axes) for ds in datasets)


def panels(study: Study, ds: xr.Dataset, chosen: list[Setting] | None = None) -> list[Panel]:
    """The panels that figures of a dataset show: `alone`, then `around`."""
    return [*alone(study, ds, chosen), *around(study, ds, chosen)]


def alone(study: Study, ds: xr.Dataset, chosen: list[Setting] | None = None) -> list[Panel]:
    """A panel for each of the settings that are drawn one by one, with all variables: TIMELESS and OVER_TIME are in
    memory, others are read by those who ask, since the cube may be larger than memory.

    chosen: those of any dataset, in whatever order; without it the first PANELS.
    """
    found = []
    for setting in _alone(study, ds, chosen):
        here = ds.sel(dict(zip(study.condition_axes, setting, strict=True)))
        here[[name for name in (*TIMELESS, *OVER_TIME) if name in ds]].load()
        found.append(_panel(study, setting, here))
    return found


def around(study: Study, ds: xr.Dataset, chosen: list[Setting] | None = None) -> list[Panel]:
    """A panel with TIMELESS for each setting that differs from one of `alone` in `numbered_axis` alone; of more than
    ALONG values of that axis for so many, evenly spaced."""
    axes, along = study.condition_axes, numbered_axis(study)
    before = _alone(study, ds, chosen)
    if along not in axes or not before:
        return []
    place = axes.index(along)
    values = ds[along].values.tolist()
    if len(values) > ALONG:
        values = [values[i] for i in np.linspace(0, len(values) - 1, ALONG).round().astype(int)]
    lines = dict.fromkeys(setting[:place] + setting[place + 1 :] for setting in before)
    every = [(*others[:place], value, *others[place:]) for others in lines for value in values]
    # dropped, not chosen: the coordinates stay, also of data from a file, of which none is timeless
    timeless = ds.drop_vars([name for name in ds.data_vars if name not in TIMELESS])
    rest = [setting for setting in every if setting not in set(before)]
    if not rest:
        return []
    timeless = timeless.sel({axis: list(dict.fromkeys(some)) for axis, some in zip(axes, zip(*rest, strict=True),
                                                                                 strict=True)}).load()  # fmt: skip
    return [_panel(study, one, timeless.sel(dict(zip(axes, one, strict=True)))) for one in rest]


def _alone(study: Study, ds: xr.Dataset, chosen: list[Setting] | None) -> list[Setting]:
    """The settings of a dataset that are drawn one by one, in the order of the study."""
    every: Iterator[Setting] = itertools.product(*(ds[axis].values.tolist() for axis in study.condition_axes))
    if chosen is None:
        return list(itertools.islice(every, PANELS))
    wanted = set(chosen)
    return [setting for setting in every if setting in wanted]


def _panel(study: Study, setting: Setting, ds: xr.Dataset) -> Panel:
    values = dict(zip(study.condition_axes, setting, strict=True))
    return Panel({axis: value for axis, value in values.items() if len(study.axes[axis]) > 1}, ds)


def numbered_axis(study: Study) -> str:
    """What a figure has along an axis of numbers: the curvature if it varies, or else the first axis that does, of
    training last."""
    varied = [axis for axis in study.condition_axes if len(study.axes[axis]) > 1]
    numeric = [axis for axis in varied if not isinstance(as_named(study.axes[axis])[0], str)]
    if "curvature" in numeric or not numeric:
        return "curvature"
    return min(numeric, key=lambda axis: axis.startswith("train."))


def along_axis(study: Study, panels: list[Panel], along: str) -> list[tuple[dict[str, Any], list[xr.Dataset]]]:
    """Panels that differ in one axis only, in its order, and the values of the others that vary."""
    order = {value: place for place, value in enumerate(study.axes[along])}
    others = [axis for axis in study.condition_axes if axis != along and len(study.axes[axis]) > 1]
    groups: dict[tuple, list[xr.Dataset]] = {}
    for _, ds in panels:
        groups.setdefault(tuple(ds[axis].item() for axis in others), []).append(ds)
    for members in groups.values():
        members.sort(key=lambda ds: order.get(ds[along].item(), 0))
    return [(dict(zip(others, values, strict=True)), members) for values, members in groups.items()]


def of_cell(array: xr.DataArray) -> xr.DataArray:
    """What all networks and seeds of a cell share, as its boundaries and its law: of those that have a result."""
    return array.median(("network", "seed"))
