"""Cells as figures show them, one by one or along an axis.

study, dataset of its cube -> a panel per combination of the axes other than network and seed; panels along an axis
"""

import itertools
from typing import Any, NamedTuple

import xarray as xr

from scoregap.study import Study

PANELS = 8  # that a figure shows
_TIMES = ("open", "max", "close", "consolidation", "resolution", "alignment")
# Of every cell, and of those that are drawn alone, what figures ask for: read at once, once.
TIMELESS = (
    "status",
    *(f"{arm}t_{time}" for arm in ("", "law_", "gaussian_", "exact_") for time in _TIMES),
    "boundary",
    "law_edge",
)
OVER_TIME = ("gap_width", "law_gap_width", "alignment", "dimension", "training_step", "training_excess")


class Panel(NamedTuple):
    """values: of the axes that vary, other than network and seed. ds: with the dimensions network, seed, ..."""

    values: dict[str, Any]
    ds: xr.Dataset


def panels(study: Study, ds: xr.Dataset) -> list[Panel]:
    """A panel for every combination of the axes other than network and seed.

    The first PANELS have all variables: TIMELESS and OVER_TIME are in memory, others are read by those who ask, since
    the cube may be larger than memory. From there on, none of which is drawn alone, they have TIMELESS.
    """
    axes = study.condition_axes
    varied = [axis for axis in axes if len(study.axes[axis]) > 1]
    # dropped, not chosen: the coordinates stay, also of data from a file, of which none is timeless
    timeless = ds.drop_vars([name for name in ds.data_vars if name not in TIMELESS]).load()
    result: list[Panel] = []
    for values in itertools.product(*(ds[axis].values.tolist() for axis in axes)):
        chosen = dict(zip(axes, values, strict=True))
        if len(result) < PANELS:
            here = ds.sel(chosen)
            here[[name for name in OVER_TIME if name in ds]].load()
        else:
            here = timeless.sel(chosen)
        result.append(Panel({axis: chosen[axis] for axis in varied}, here))
    return result


def numbered_axis(study: Study) -> str:
    """What a figure has along an axis of numbers: the curvature if it varies, or else the first axis that does, of
    training last."""
    varied = [axis for axis in study.condition_axes if len(study.axes[axis]) > 1]
    numeric = [axis for axis in varied if not isinstance(study.axes[axis][0], str)]
    if "curvature" in numeric or not numeric:
        return "curvature"
    return min(numeric, key=lambda axis: axis.startswith("train."))


def along_axis(study: Study, panels: list[Panel], along: str) -> list[tuple[dict[str, Any], list[xr.Dataset]]]:
    """Panels that differ in one axis only, and the values of the others that vary."""
    others = [axis for axis in study.condition_axes if axis != along and len(study.axes[axis]) > 1]
    groups: dict[tuple, list[xr.Dataset]] = {}
    for _, ds in panels:
        groups.setdefault(tuple(ds[axis].item() for axis in others), []).append(ds)
    return [(dict(zip(others, values, strict=True)), members) for values, members in groups.items()]


def of_cell(array: xr.DataArray) -> xr.DataArray:
    """What all networks and seeds of a cell share, as its boundaries and its law: of those that have a result."""
    return array.median(("network", "seed"))
