"""Cells of a cube as plain arrays, setting by setting.

study, dataset of its cube, names of variables -> blocks of settings; a setting -> arrays (score, seed, ...)

A setting is a combination of the axes other than network and seed. A study has thousands of them, and to choose one
from a dataset takes xarray longer than all that is computed of it. Blocks are as large as may be in memory.
"""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from scoregap import variables
from scoregap.store.arrays import SHARD
from scoregap.store.spool import block, regions
from scoregap.study import Study


@dataclass(frozen=True)
class Cell:
    """The cells of one setting. values: of its axes. scores: names of the first dimension of all arrays. seeds: the
    second. time: (T,). data: arrays by name, their further dimensions those of `variables.VARIABLES`."""

    values: dict[str, Any]
    scores: tuple[str, ...]
    seeds: np.ndarray
    time: np.ndarray
    data: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.data[name]

    def of(self, score: str) -> dict[str, np.ndarray]:
        """Arrays (seed, ...) of one score."""
        place = self.scores.index(score)
        return {name: array[place] for name, array in self.data.items()}

    @property
    def gaps(self) -> int:
        """How many gaps there are."""
        return self.data["boundary"].shape[2]

    @property
    def unpadded(self) -> "Cell":
        """Without times, gaps and groups that are padded, which other settings have; gaps and groups are known by the
        boundaries, if the cell has these."""
        known = {"time": np.isfinite(self.time)}
        if "boundary" in self.data:
            known["gap"] = known["group"] = np.isfinite(self.data["boundary"]).any((0, 1))
        if all(some.all() for some in known.values()):
            return self
        cut = {name: _cut(array, variables.VARIABLES[name].dims, known) for name, array in self.data.items()}
        return replace(self, time=self.time[known["time"]], data=cut)


def known_gaps(cell: xr.Dataset) -> xr.Dataset:
    """The same of a dataset of one setting, of gaps and groups alone."""
    known = cell.boundary.notnull()
    known = known.any([dim for dim in known.dims if dim != "gap"]).values
    return cell.isel({dim: known for dim in ("gap", "group") if dim in cell.dims})


def _cut(array: np.ndarray, dims: tuple[str, ...], known: dict[str, np.ndarray]) -> np.ndarray:
    """An array (score, seed, *dims) where it is known along its dimensions."""
    for place, dim in enumerate(dims, 2):
        array = array.compress(known[dim], place) if dim in known else array
    return array


class Block(NamedTuple):
    """Some settings, as `Cell` has one. values: of each. data: arrays (setting, score, seed, ...)."""

    values: list[dict[str, Any]]
    scores: tuple[str, ...]
    seeds: np.ndarray
    time: np.ndarray
    data: dict[str, np.ndarray]

    @property
    def cells(self) -> Iterator[Cell]:
        """One by one."""
        for i, values in enumerate(self.values):
            yield Cell(values, self.scores, self.seeds, self.time, {name: of[i] for name, of in self.data.items()})


def blocks_of(study: Study, ds: xr.Dataset, names: tuple[str, ...]) -> Iterator[Block]:
    """All settings of a dataset, in the order of the study, with those of the variables that it has."""
    axes = study.condition_axes
    here = ds[["status", *(name for name in dict.fromkeys(names) if name in ds and name != "status")]]
    shape = tuple(ds.sizes[axis] for axis in axes)
    most = max(math.prod(one.shape) * one.dtype.itemsize for one in here.data_vars.values())
    time = ds["time"].values
    for region in regions(shape, block(shape, max(SHARD * math.prod(shape) // most, 1))):
        some = here.isel(dict(zip(axes, region, strict=True))).load()
        every = itertools.product(*(some[axis].values for axis in axes))
        values = [dict(zip(axes, one, strict=True)) for one in every]
        data = {}
        for name, one in some.data_vars.items():
            order = (*axes, "network", "seed", *variables.VARIABLES[str(name)].dims)
            array = one.transpose(*order).values
            data[str(name)] = array.reshape(len(values), *array.shape[len(axes) :])
        yield Block(values, tuple(map(str, ds["network"].values)), ds["seed"].values, time, data)
