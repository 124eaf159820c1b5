"""What the comparison with theory says of every metric.

study, comparison.csv -> Theory (verdict, and differences from exact over the margin) by name of the metric
"""

import math
from pathlib import Path
from typing import NamedTuple

from scoregap.analysis import comparison, verdicts
from scoregap.analysis.tables import PHASES, at_gap, rows_of_evaluated_scores
from scoregap.analysis.verdicts import JUDGED, Detail
from scoregap.regression.metrics import named, varied
from scoregap.study import Study


class Theory(NamedTuple):
    """One of JUDGED, in words and in detail; the relative difference from exact and its interval, over the study's
    margin."""

    verdict: str = ""
    words: str = ""
    at: float = math.nan
    low: float = math.nan
    high: float = math.nan
    detail: Detail = Detail()


NO_THEORY = Theory()


def agreements(study: Study, folder: Path) -> dict[str, Theory]:
    """What the comparison says of every metric, by the study's own margins.

    Phase times only, and only where there is an answer; nothing of data from a file. Raises DamagedFile, InputError.
    """
    if study.document.data:
        return {}
    frame, axes = comparison.read(study, folder / "comparison.csv"), varied(study)
    found = {}
    for row in rows_of_evaluated_scores(frame[frame["quantity"].isin(PHASES)]).to_dict("records"):
        if row["verdict"] in JUDGED:
            name = named({axis: row[axis] for axis in axes}, row["network"], at_gap(row["quantity"], row["gap"]))
            at, low, high = ((row[key] - 1) / row["margin"] for key in ("ratio", "ratio_low", "ratio_high"))
            detail = Detail(**{name: row[name] for name in Detail._fields})
            found[name] = Theory(row["verdict"], verdicts.words(row), at, low, high, detail)
    return found
