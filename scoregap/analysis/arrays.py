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
    def known_times(self) -> "Cell":
        """Without times that are padded, which other settings have."""
        known = np.isfinite(self.time)
        if known.all():
            return self
        cut = {
            name: array[:, :, known] if variables.VARIABLES[name].dims[:1] == ("time",) else array
            for name, array in self.data.items()
        }
        return replace(self, time=self.time[known], data=cut)


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
