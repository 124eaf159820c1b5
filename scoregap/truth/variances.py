"""Variance laws of the columns within a group (stub until merged).

law -> columns
"""

from typing import NamedTuple

import numpy as np


class VarianceLaw(NamedTuple):
    """How the variances of a group's columns spread about their mean."""

    name: str = "constant"
    width: float = 0.0

    def columns(self, n):
        """n variances with mean 1, descending."""
        return np.ones(n)
