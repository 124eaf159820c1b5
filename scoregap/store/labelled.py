"""Labelled arrays from which a cube is written, without xarray, whose import takes longer than a small cube does.

arrays by name, values along their dimensions -> what `write_cube` takes, as it takes an `xarray.Dataset`

They have those parts of a dataset that the registry of variables and the writer of cubes ask for, by the same names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np


@dataclass(eq=False)
class Array:
    """Values by named dimensions, and what is said of them."""

    dims: tuple[str, ...]
    values: np.ndarray
    attrs: dict[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the dimensions."""
        return self.values.shape

    @property
    def sizes(self) -> dict[str, int]:
        """The same by their names."""
        return dict(zip(self.dims, self.values.shape, strict=True))

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return self.values.dtype


@dataclass(eq=False)
class LabelledArrays:
    """Arrays that share dimensions. coords: the values along each dimension, by its name. attrs: of all together."""

    data_vars: dict[str, Array]
    coords: dict[str, Array]
    attrs: dict[str, Any] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, Array]:
        """All arrays, and the values along the dimensions."""
        return self.data_vars | self.coords

    @property
    def sizes(self) -> dict[str, int]:
        """Lengths of the dimensions."""
        return {name: len(one.values) for name, one in self.coords.items()}

    @property
    def dims(self) -> Collection[str]:
        """Their names."""
        return self.coords.keys()

    def __contains__(self, name: object) -> bool:
        return name in self.data_vars or name in self.coords

    def isel(self, places: Mapping[str, slice]) -> LabelledArrays:
        """The part at these places of some dimensions."""

        def of(one: Array) -> Array:
            return Array(one.dims, one.values[tuple(places.get(dim, slice(None)) for dim in one.dims)], one.attrs)

        data_vars, coords = ({name: of(one) for name, one in many.items()} for many in (self.data_vars, self.coords))
        return LabelledArrays(data_vars, coords, self.attrs)

    def assign_attrs(self, attrs: Mapping[str, Any]) -> LabelledArrays:
        """The same with these attributes besides."""
        return replace(self, attrs=self.attrs | dict(attrs))
