"""What a study says as a whole: about the laws, estimators of the dimension, samples and training.

study, datasets of its cube -> tables, and their summaries in lines

Each table applies to studies that vary the right axes and have the scores or the section it needs
(`Study.findings`). The compare stage writes their summaries, the report draws them. Cells without a result have no
row, a table may be empty. `claims` is of every study with trained networks, all its blocks together.
"""

import xarray as xr

from scoregap.analysis import claims, dimensions, labour, laws, learning
from scoregap.study import Study

__all__ = ["TABLES", "claims", "summary"]

TABLES = {
    "finite_size": (laws.finite_size, laws.finite_size_lines),
    "gap_existence": (laws.gap_existence, laws.gap_existence_lines),
    "curvature": (laws.curvature, laws.curvature_lines),
    "estimators": (dimensions.estimators, dimensions.estimator_lines),
    "labour": (labour.labour, labour.labour_lines),
    "accuracy": (learning.accuracy, learning.accuracy_lines),
    "capacity": (learning.capacity, learning.capacity_lines),
    "plateau": (learning.plateau, learning.plateau_lines),
}


def summary(study: Study, datasets: list[xr.Dataset]) -> list[str]:
    """What the tables say, in lines for a terminal."""
    lines = []
    for name in study.findings:
        table, describe = TABLES[name]
        frame = table(study, datasets)
        if not frame.empty:
            lines += ["", *([f"block {study.block}"] if study.block else []), *describe(study, frame)]
    return lines
