"""What a study says as a whole: about the laws, estimators of the dimension, samples and training.

study, datasets of its cube -> tables, and their summaries in lines

Each table applies to studies that vary the right axes and have the scores or the section it needs
(`Study.findings`). The compare stage writes their summaries, the report draws them. Cells without a result have no
row, a table may be empty. `claims` is of every study with trained networks, all its blocks together.
"""

from collections.abc import Callable

import pandas as pd
import xarray as xr

from scoregap.analysis import claims, dimensions, laws, learning, sampling
from scoregap.study import Study

__all__ = ["TABLES", "Tables", "claims"]

# Of the datasets of a part of a study: those of `Study.findings`, and what errors cost.
TABLES: dict[str, Callable[[Study, list[xr.Dataset]], pd.DataFrame]] = {
    "finite_size": laws.finite_size,
    "gap_existence": laws.gap_existence,
    "curvature": laws.curvature,
    "estimators": dimensions.estimators,
    "labour": sampling.noise_attribution,
    "accuracy": learning.accuracy,
    "capacity": learning.capacity,
    "plateau": learning.plateau,
    "cost": learning.costs,
}
# Made of another table: its name, and how.
DERIVED: dict[str, tuple[str, Callable[[Study, pd.DataFrame], pd.DataFrame]]] = {
    "half_of_draws": ("gap_existence", laws.half_of_draws),
    "small_curvature": ("curvature", laws.small_curvature),
    "transitions": ("plateau", learning.transitions),
    "mean_cost": ("cost", learning.mean_costs),
}
LINES: dict[str, Callable[[Study, pd.DataFrame], list[str]]] = {
    "finite_size": laws.finite_size_lines,
    "gap_existence": laws.gap_existence_lines,
    "curvature": laws.curvature_lines,
    "estimators": dimensions.estimator_lines,
    "labour": sampling.noise_attribution_lines,
    "accuracy": learning.accuracy_lines,
    "capacity": learning.capacity_lines,
    "plateau": learning.plateau_lines,
}


class Tables:
    """The tables of a part of a study by name, each made once, when it is asked for."""

    def __init__(self, study: Study, datasets: list[xr.Dataset]):
        self.study, self.datasets = study, datasets
        self._made: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._made:
            if name in DERIVED:
                source, derive = DERIVED[name]
                self._made[name] = derive(self.study, self[source])
            else:
                self._made[name] = TABLES[name](self.study, self.datasets)
        return self._made[name]

    def lines(self) -> list[str]:
        """What the findings say, for a terminal."""
        lines = []
        for name in self.study.findings:
            if not (frame := self[name]).empty:
                block = [f"block {self.study.block}"] if self.study.block else []
                lines += ["", *block, *LINES[name](self.study, frame)]
        return lines
