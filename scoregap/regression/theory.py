"""What the comparison with theory says of every metric.

study, comparison.csv -> Theory (verdict, and differences from exact over the margin) by name of the metric
"""

import io
import math
import re
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from scoregap.analysis.tables import of_subjects, written
from scoregap.regression.metrics import PHASES, named, varied
from scoregap.study import Study


class Theory(NamedTuple):
    """Agrees, disagrees or inconclusive, in the words of the comparison; the relative difference from exact and its
    interval, over the study's margin."""

    verdict: str = ""
    words: str = ""
    at: float = math.nan
    low: float = math.nan
    high: float = math.nan


NO_THEORY = Theory()


def read(study: Study, folder: Path) -> dict[str, Theory]:
    """What the comparison says of every metric, by the study's own margins.

    Phase times only, and only where there is an answer. Raises DamagedFile, InputError.
    """
    text = written(study, folder / "comparison.csv")
    frame, axes = pd.read_csv(io.StringIO(text), keep_default_na=False), varied(study)
    found = {}
    for _, row in of_subjects(frame[frame["quantity"].isin(PHASES)]).iterrows():
        if verdict := agreement(row["verdict"]):
            name = named({axis: row[axis] for axis in axes}, row["network"], f"{row['quantity']}[{row['gap']}]")
            ratios = (float(row[key] or "nan") for key in ("ratio", "ratio_low", "ratio_high"))
            found[name] = Theory(verdict, row["verdict"], *((ratio - 1) / float(row["margin"]) for ratio in ratios))
    return found


def agreement(words: str) -> str:
    """agrees, disagrees or inconclusive, of a verdict of the comparison; empty where it could not be judged."""
    if words.startswith(("no exact arm", "no law", "exact not known")):
        return ""
    if words.startswith(("agrees", "both ", "no visible gap in either")):
        return "agrees"
    if seen := re.match(r"seen in (\d+), exact in (\d+)", words):
        fewer, more = sorted(map(int, seen.groups()))
        return "disagrees" if fewer == 0 and more > 1 else "inconclusive"
    return "inconclusive" if words.startswith("inconclusive") else "disagrees"
