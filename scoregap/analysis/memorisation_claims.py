"""What is claimed of memorisation, tested: when networks give in, what moves that, what is lost first, what is left.

study, table `memorisation` -> a row per claim, cell and score, as in claims.csv; their lines for a terminal

A cell is all that trainings of several N, or seeds of one N, have in common. Exponents are of N that are open in all
seeds (`memorisation.exponent`); of fewer than `FEWEST` nothing is concluded. What moves the times is told of every axis
of training, and the network, beside its first value, with seeds as pairs: those of one seed have the same training set.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from scoregap.analysis.intervals import geometric_mean, interval, mean
from scoregap.analysis.memorisation import KEPT, OPEN, SIZE, exponent, memorisation_lines, open_trainings
from scoregap.analysis.quantities import cell_of
from scoregap.analysis.tables import counted, labelled, with_interval
from scoregap.analysis.verdicts import Verdict
from scoregap.study import Study
from scoregap.study.axes import as_named

FEWEST = 5  # N of an exponent
EMPIRICAL = "empirical"


class Claim(NamedTuple):
    """says: what is claimed; value: of the score, what is tested; expected: what it should be, as is `margin`."""

    says: str
    value: str
    source: str
    expected: float
    margin: float


_BONNAIRE = "Bonnaire et al. 2025"
CLAIMS = {
    "tau_memorise": Claim("the steps after which a network gives in to its training points grow as N",
                          "exponent of N", _BONNAIRE, 1.0, 0.25),
    "tau_generalise": Claim("the steps after which a network has generalised do not depend on N",
                            "exponent of N", _BONNAIRE, 0.0, 0.25),
    "moves_memorise": Claim("a setting of training moves the steps after which a network gives in to its points",
                            "these steps over those of the first setting", "scoregap", 1.0, 0.25),
    "moves_window": Claim("a setting of training moves how much later a network gives in than it has generalised",
                          "ratio of the two times over that of the first setting", "scoregap", 1.0, 0.25),
    "lost_first": Claim("where the law has the collapse, the empirical score has lost more of the group of least "
                        "variance than of that of most",
                        "tr G over the exact one, over that at the largest t, of the group of most less that of least",
                        "scoregap", 0.0, 0.0),
    "geometry_above": Claim(f"the empirical score has {KEPT:.0%} of the exact tr G within a group above 10 times the "
                            "law's t_memorisation", "t over the law's", "scoregap", 10.0, 0.0),
}  # fmt: skip


def memorisation_claims(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """A row per claim, cell and score, in the order of CLAIMS.

    law: what is claimed; trained, low, high: what is found, with Student's interval at `compare.confidence`; group: of
    variances, where it is of one; of, seen: N of an exponent and those that are open, else seeds and those that have
    it; why: what stands against a conclusion, or, of `lost_first`, which group it is, and of what moves times, which
    setting it is compared with.
    """
    rows: list[dict[str, Any]] = []
    sizes = len(study.axes[SIZE]) if SIZE in study.condition_axes else 1
    for cell, own in _cells(study, frame):
        if own["network"].iloc[0] != EMPIRICAL and sizes > 1:
            rows += [cell | row for row in _exponents(study, own, sizes)]
        for points, one in own.groupby("points") if own["network"].iloc[0] == EMPIRICAL else ():
            at = cell | ({SIZE: points} if SIZE in study.condition_axes else {})
            groups = cell_of(study, {axis: value for axis, value in at.items() if axis in study.condition_axes}).groups
            stds = sorted((group.std for group in groups), reverse=True)
            rows += [at | row for row in _kept(one, stds, study.compare.confidence)]
    rows += _moved(study, frame)
    if not rows:
        return pd.DataFrame(columns=["claim", "verdict"])
    order = list(CLAIMS).index
    found = pd.DataFrame(rows)
    return found.sort_values("claim", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def _cells(study: Study, frame: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """(values of axes and the score, its rows of all N and seeds)."""
    if frame.empty:
        return
    axes = [axis for axis in (*study.condition_axes, "network") if axis in frame and axis != SIZE]
    for values, rows in frame.groupby(axes, sort=False):
        yield dict(zip(axes, values, strict=True)), rows


def _row(name: str, value: float, low: float, high: float, verdict: Verdict, why: str, **more: Any) -> dict[str, Any]:
    """The columns of one claim."""
    claim = CLAIMS[name]
    row = {"claim": name, "says": f"{claim.says}: {claim.value}", "source": claim.source, "law": claim.expected}
    row |= {"trained": value, "low": low, "high": high, "margin": claim.margin}
    return row | more | {"verdict": verdict, "why": why}


def _exponents(study: Study, rows: pd.DataFrame, sizes: int) -> Iterator[dict[str, Any]]:
    """Of both times of the trainings of one network; sizes: N of the study."""
    seeds = len(study.axes["seed"])
    known = open_trainings(rows, seeds).points.nunique()
    for name in ("tau_memorise", "tau_generalise"):
        found, why = exponent(rows, name, seeds, study.compare.confidence), ""
        value, low, high = found[:3] if found else (np.nan, np.nan, np.nan)
        verdict = _beside(low - CLAIMS[name].expected, high - CLAIMS[name].expected, CLAIMS[name].margin)
        if known < FEWEST:
            verdict = Verdict.INCONCLUSIVE
            why = f"both times, {OPEN:g} apart, in all seeds of {known} of {sizes} N: {FEWEST} are needed"
        yield _row(name, value, low, high, verdict, why, of=sizes, seen=known)


def _moved(study: Study, frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """What other settings than the first of every axis of training make of both times, over seeds that have both."""
    if frame.empty:
        return
    trained = frame[frame["network"] != EMPIRICAL]
    whose = [axis for axis in (*study.condition_axes, "network") if axis in frame]
    first = {axis: as_named(study.axes[axis])[0] for axis in whose if axis.startswith("train.")}
    first |= {"network": study.trained_networks[0]} if study.trained_networks else {}
    for axis, start in first.items():
        others = [one for one in whose if one != axis]
        for values, rows in trained.groupby(others, sort=False):
            base = rows[rows[axis] == start].set_index("seed")
            for setting, own in rows[rows[axis] != start].groupby(axis, sort=False):
                cell = dict(zip(others, values, strict=True)) | {axis: setting}
                yield from (cell | row for row in _beside_first(study, own.set_index("seed"), base, f"{axis} {start}"))


def _beside_first(study: Study, own: pd.DataFrame, base: pd.DataFrame, says: str) -> Iterator[dict[str, Any]]:
    """Of one setting and the first one, by seed."""
    seeds = len(study.axes["seed"])
    for name, over in (("moves_memorise", None), ("moves_window", "tau_generalise")):
        times = [one.tau_memorise / (one[over] if over else 1.0) for one in (own, base)]
        ratios = (times[0] / times[1]).dropna().to_numpy()
        low, high = np.exp(interval(np.log(ratios), study.compare.confidence))
        verdict, margin = Verdict.INCONCLUSIVE, 1 + CLAIMS[name].margin
        if len(ratios) == seeds:
            verdict = Verdict.DISAGREES if 1 / margin <= low and high <= margin else verdict
            verdict = Verdict.AGREES if low > margin or high < 1 / margin else verdict
        short = f": both in {len(ratios)} of {counted('seed', seeds)}" if len(ratios) < seeds else ""
        yield _row(name, geometric_mean(ratios), float(low), float(high), verdict, f"beside {says}{short}",
                   of=seeds, seen=len(ratios))  # fmt: skip


def _beside(low: float, high: float, margin: float) -> Verdict:
    """Whether a difference is 0: agrees if its interval lies within the margin, disagrees if outside, else
    inconclusive."""
    if -margin <= low and high <= margin:
        return Verdict.AGREES
    return Verdict.DISAGREES if low > margin or high < -margin else Verdict.INCONCLUSIVE


def _side(low: float, high: float) -> Verdict:
    """Whether it is above 0: agrees if all of its interval is, disagrees if none of it is, else inconclusive."""
    if low > 0:
        return Verdict.AGREES
    return Verdict.DISAGREES if high < 0 else Verdict.INCONCLUSIVE


def _kept(rows: pd.DataFrame, stds: list[float], confidence: float) -> Iterator[dict[str, Any]]:
    """What the empirical score of one N has of the geometry, over seeds. stds: of the groups, which descend; where all
    are alike none is of least variance."""
    every = sorted((name[8:] for name in map(str, rows) if name.startswith("kept_at_")), key=int)
    known = [group for group in every if rows[f"kept_{group}"].notna().any()]
    groups = [group for group in every if rows[[f"kept_{group}", f"kept_at_{group}"]].notna().any(axis=None)]
    if known and stds[int(known[0])] > stds[int(known[-1])]:
        most, least = known[0], known[-1]
        left = {group: rows[f"kept_{group}"] / rows[f"sampled_{group}"] for group in (most, least)}
        apart = (left[most] - left[least]).to_numpy()
        apart = apart[np.isfinite(apart)]
        low, high = interval(apart, confidence)
        verdict = _side(low, high)
        why = {Verdict.AGREES: f"group {least} first", Verdict.DISAGREES: f"group {most} first"}.get(verdict, "")
        verdict, why = _of_all(len(apart), len(rows), verdict, why or _few(len(apart)))
        yield _row("lost_first", mean(apart), low, high, verdict, why, of=len(rows), seen=len(apart))
    for group in groups:
        at = rows[f"kept_at_{group}"].to_numpy()
        known = at[np.isfinite(at)]
        low, high = np.exp(interval(np.log(known), confidence))
        verdict = _side(np.log(10.0) - np.log(high), np.log(10.0) - np.log(low))
        why = _few(len(known)) if verdict == Verdict.INCONCLUSIVE else ""
        verdict, why = _of_all(len(known), len(at), verdict, why)
        more = {"group": int(group), "of": len(at), "seen": len(known)}
        yield _row("geometry_above", geometric_mean(known), float(low), float(high), verdict, why, **more)


def _of_all(seen: int, of: int, verdict: Verdict, why: str) -> tuple[Verdict, str]:
    """A verdict and why, where all seeds have what is asked; those that do where others do not are a selection."""
    if seen < of:
        return Verdict.INCONCLUSIVE, f"not on the grid in {of - seen} of {counted('seed', of)}"
    return verdict, why


def _few(seeds: int) -> str:
    return "one seed" if seeds == 1 else ""


def lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """The laws against the empirical score, and these claims: a line per claim, cell and score."""
    found, said = memorisation_claims(study, frame), []
    varied = [axis for axis in study.condition_axes if len(study.axes[axis]) > 1]
    for name, rows in found.groupby("claim", sort=False):
        said.append(f"  {CLAIMS[str(name)].says} ({CLAIMS[str(name)].value}, claimed {claimed(str(name))})")
        for row in rows.to_dict("records"):
            where = {axis: row[axis] for axis in varied if axis in row and pd.notna(row[axis])}
            group = f"group {row['group']:.0f}" if pd.notna(row.get("group", np.nan)) else ""
            whose = ", ".join(filter(None, [labelled(where), row["network"], group]))
            value = with_interval(row["trained"], row["low"], row["high"], ".2f")
            said.append(f"    {whose}: {value}, {row['verdict']}" + (f" ({row['why']})" if row["why"] else ""))
    return memorisation_lines(study, frame) + (["what is claimed of memorisation", *said] if said else [])


def claimed(name: str) -> str:
    """What a claim says of its value, in words."""
    return {
        "lost_first": "above 0",
        "geometry_above": "below 10",
        "moves_memorise": "other than 1",
        "moves_window": "other than 1",
    }.get(name, f"{CLAIMS[name].expected:g}")
