"""Comparisons as invented rows: what a table or a page makes of them."""

import math

import pandas as pd
from scipy import stats

from scoregap.analysis.tables import PHASES
from scoregap.analysis.verdicts import Detail, Seeds, decide

NO_CLAIMS = pd.DataFrame(columns=["claim", "verdict"])
COLUMNS = {
    "family": "arcs", "ambient_dim": 8, "manifold_dim": 2, "curvature": 0.0, "network": "gated-8", "boundary": 1,
    "law": math.nan, "corrected": math.nan, "gaussian": math.nan, "exact": math.nan, "trained": math.nan,
    "ratio": math.nan, "ratio_low": math.nan, "ratio_high": math.nan, "law_to_exact": math.nan, "position": math.nan,
    "margin": math.nan, "verdict": "", "law_verdict": "", "by_seed": "", "seeds": 2, "not_ok": "", "control": "",
}  # fmt: skip


def time(quantity: str, ratios, margin: float = 0.1, exact: float = 1.0, **columns) -> dict:
    """The row of a phase time whose ratios to exact are these, seed by seed."""
    one = Seeds.of([exact] * len(ratios))
    found = decide(Seeds.of([exact * ratio for ratio in ratios]), one, margin, True, 0.9)
    mean = float(stats.gmean(ratios))
    row = {"quantity": quantity, "gap": int(quantity == PHASES[-1]), "margin": margin, "exact": exact}
    row |= {"trained": exact * mean, "ratio": mean, "ratio_low": math.exp(found.low), "verdict": found.verdict}
    row |= {"ratio_high": math.exp(found.high), "by_seed": " ".join(f"{i}={one:g}" for i, one in enumerate(ratios))}
    return COLUMNS | row | found.detail._asdict() | columns


def unseen(quantity: str, verdict: str, reason: str, **columns) -> dict:
    """The row of a phase time that is decided by what is seen."""
    row = {"quantity": quantity, "gap": int(quantity == PHASES[-1]), "margin": 0.1, "verdict": verdict}
    return COLUMNS | row | Detail(reason, 2)._asdict() | columns


def dimension(found, **columns) -> dict:
    """The row of the dimension found in every seed; the true one is 2, of 8."""
    row = {"quantity": "dimension", "gap": 1, "boundary": 2, "trained": float(sorted(found)[len(found) // 2])}
    row |= Detail(of=len(found), right=float(sum(one == 2 for one in found)))._asdict()
    return COLUMNS | row | {"by_seed": " ".join(f"{i}={one:g}" for i, one in enumerate(found))} | columns
