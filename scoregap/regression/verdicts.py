"""Has anything got worse? The verdicts of a run against its baseline.

two records of `baselines` -> rows with verdicts, worst first

Numbers of closed forms agree to ROUNDING or are worse, whether or not other seeds have new ones. Of numbers that
scatter, with the difference of means over seeds, paired where the seeds are the same: **same** if its 90 % interval
lies inside the margin; **worse**, **better** if it exceeds the margin and is significant at 1 %, by Holm's method over
all metrics, so that at most 1 % of unchanged runs have any; otherwise **inconclusive**. The very same numbers of the
same seeds are the same, however few. What is gone in more than half of the seeds is missing; what is gone in any seed
of both is inconclusive at best, as the rest is a selection.
Standard deviations: `metrics.spread`.
"""

import math
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from scipy import special

from scoregap.analysis.intervals import holm
from scoregap.analysis.verdicts import Verdict
from scoregap.regression.baselines import Record
from scoregap.regression.metrics import KINDS, RESOLUTION, Kind, Metric, spread
from scoregap.regression.theory import NO_THEORY, Theory

ROUNDING = 1e-5  # relative
CONFIDENCE, SIGNIFICANCE = 0.9, 0.01


class Change(StrEnum):
    """What has become of a metric since its baseline."""

    MISSING = "missing"
    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"
    NEW = "new"
    BETTER = "better"
    SAME = "same"


# Of either kind, the worst first; empty where there is none.
VERDICTS = (
    Change.MISSING, Change.WORSE, Verdict.DISAGREES, Change.INCONCLUSIVE, Change.NEW, Change.BETTER, Change.SAME,
    Verdict.AGREES, "",
)  # fmt: skip
BAD, UNCLEAR = (Change.MISSING, Change.WORSE, Verdict.DISAGREES), (Change.INCONCLUSIVE, Change.NEW)


class Row(NamedTuple):
    """A metric of a run against its baseline. Means, spread and difference are of logarithms where `log`.

    spread: standard deviation over the baseline's seeds. p: two-sided, before Holm. theory: what the comparison says
    of it.
    """

    name: str
    verdict: str
    log: bool = False
    mean: float = math.nan
    spread: float = math.nan
    new: float = math.nan
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    margin: float = math.nan
    p: float = math.nan
    theory: Theory = NO_THEORY

    @property
    def in_margins(self) -> float:
        """The difference in units of the margin; 0 if there is none, or it is not known."""
        return self.difference / self.margin if abs(self.difference) > 0 else 0.0

    @property
    def interval_in_margins(self) -> tuple[float, float]:
        """The interval of the difference in units of the margin."""
        return self.low / self.margin, self.high / self.margin


class Check(NamedTuple):
    """Rows, worst first, and the closed forms' numbers that cannot be compared since no seed is the same."""

    rows: list[Row]
    apart: int = 0


def compare_records(old: Record, new: Record) -> Check:
    """Verdicts of a run against its baseline, whose metrics are named alike (`changes.match`)."""
    common = [seed for seed in old.seeds if seed in new.seeds]
    here, there = ([record.seeds.index(seed) for seed in common] for record in (old, new))
    rows = [Row(name, Change.MISSING) for name in new.not_ok]
    fixed = {name: metric for name, metric in old.metrics.items() if metric.margin is None}
    for name, metric in fixed.items():
        if common:
            other = new.metrics.get(name)
            rows.append(_fixed(name, metric, here, None if other is None else other.array()[there]))
    scattering = {name: metric for name, metric in old.metrics.items() if metric.margin is not None}
    lost = {name for name, metric in scattering.items() if _lost(metric, new.metrics.get(name))}
    rows += [Row(name, Change.MISSING) for name in lost]
    rows += [Row(name, Change.NEW) for name in new.metrics.keys() - old.metrics.keys()]
    judged = {name: metric for name, metric in scattering.items() if name not in lost}
    whole = len(common) == min(len(old.seeds), len(new.seeds))
    for row in _judged(judged, new.metrics, (here, there) if whole else None):
        gone = np.isfinite(judged[row.name].array()[here]) & ~np.isfinite(new.metrics[row.name].array()[there])
        good = row.verdict in (Change.SAME, Change.BETTER)
        rows.append(row._replace(verdict=Change.INCONCLUSIVE) if good and gone.any() else row)
    return Check(worst_first(rows), 0 if common else len(fixed))


def worst_first(rows: list[Row]) -> list[Row]:
    """By verdict, then by difference over margin."""
    order = VERDICTS.index
    return sorted(rows, key=lambda row: (order(row.verdict), order(row.theory.verdict), -abs(row.in_margins), row.name))


def _lost(old: Metric, new: Metric | None) -> bool:
    """Whether a number has gone in more than half of the seeds that should have it."""
    if new is None:
        return True
    had, has = (np.isfinite(metric.array()).mean() for metric in (old, new))
    return has < had / 2


def _fixed(name: str, metric: Metric, here: list[int], new: np.ndarray | None) -> Row:
    """The verdict of a number that does not scatter. new: (common seeds,); its margin is the rounding allowed."""
    old = metric.array()[here]
    if new is None or (np.isfinite(old) & ~np.isfinite(new)).any():
        return Row(name, Change.MISSING)
    known = np.isfinite(old)
    if not known.any():
        return Row(name, Change.NEW)
    more = np.isfinite(new[~known]).any()
    old, new = old[known], new[known]
    least = RESOLUTION if metric.kind in ("spectrum", "excess") else 0.0
    allowed = ROUNDING * np.abs(old) + least
    worst = np.argmax(np.abs(new - old) - allowed)
    change = float(new[worst] - old[worst])
    verdict = Change.SAME if abs(change) <= allowed[worst] else Change.WORSE
    if more and verdict == Change.SAME:
        return Row(name, Change.NEW)
    deviation = float(old.std(ddof=1)) if len(old) > 1 else math.nan
    return Row(
        name, verdict, False, old.mean(), deviation, new.mean(), change, change, change, allowed[worst] or ROUNDING
    )


def _judged(old: dict[str, Metric], new: dict[str, Metric], pairs: tuple[list[int], list[int]] | None) -> list[Row]:
    """Verdicts of numbers that scatter. pairs: positions of the seeds of both that are the same; None for Welch's."""
    was, now = ({name: metrics[name].array() for name in old} for metrics in (old, new))
    if pairs:
        was, now = (
            {name: one[place] for name, one in ones.items()} for ones, place in zip((was, now), pairs, strict=True)
        )
        changes = {name: now[name] - was[name] for name in old}
        errors = {
            name: _error([(deviation, freedom, np.isfinite(changes[name]).sum())])
            for name, (deviation, freedom) in spread(changes, old).items()
        }
        means = {name: _mean(change) for name, change in changes.items()}
    else:
        of_old, of_new = spread(was, old), spread(now, old)
        errors = {
            name: _error([(*of_old[name], np.isfinite(was[name]).sum()), (*of_new[name], np.isfinite(now[name]).sum())])
            for name in old
        }
        means = {name: _mean(now[name]) - _mean(was[name]) for name in old}
    rows = []
    for name, metric in old.items():
        (error, freedom), mean = errors[name], means[name]
        half = float(special.stdtrit(freedom, 0.5 * (1 + CONFIDENCE))) * error if freedom else math.nan
        if (
            pairs and not freedom and mean == 0
        ):  # one number, as of a gap that is visible in one seed, and it is the same
            half = 0.0
        size = abs(mean) / error if error else math.inf if mean else 0.0
        p = float(2 * special.stdtr(freedom, -size)) if freedom else math.nan
        own = was[name][np.isfinite(was[name])]
        deviation = float(own.std(ddof=1)) if len(own) > 1 else math.nan
        rows.append(
            Row(name, "", KINDS[metric.kind].log, _mean(was[name]), deviation, _mean(now[name]),
                mean, mean - half, mean + half, float(metric.margin or 0), p)
        )  # fmt: skip
    adjusted = holm([row.p for row in rows])
    return [
        row._replace(verdict=_verdict(row, p, KINDS[old[row.name].kind])) for row, p in zip(rows, adjusted, strict=True)
    ]


def _mean(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else math.nan


def _error(samples: list[tuple[float, int, int]]) -> tuple[float, float]:
    """Standard error of a mean or a difference of means, and its degrees of freedom by Welch and Satterthwaite.

    samples: standard deviation, its degrees of freedom, and number of values, of each. (NaN, 0) where it is not known.
    """
    if any(not freedom or not count for _, freedom, count in samples):
        return math.nan, 0.0
    parts = [(deviation**2 / count, freedom) for deviation, freedom, count in samples]
    total = sum(part for part, _ in parts)
    if not total:
        return 0.0, float(sum(freedom for _, freedom in parts))
    return math.sqrt(total), total**2 / sum(part**2 / freedom for part, freedom in parts)


def _verdict(row: Row, p: float, kind: Kind) -> Change:
    if -row.margin < row.low and row.high < row.margin:
        return Change.SAME
    if p < SIGNIFICANCE and abs(row.difference) > row.margin:
        worse = kind.moved or (row.difference > 0 if kind.low else abs(row.new) > abs(row.mean))
        return Change.WORSE if worse else Change.BETTER
    return Change.INCONCLUSIVE
