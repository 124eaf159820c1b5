"""The paper's quantitative claims, each tested with numbers.

parts of a study with the datasets of its cube -> a row per claim, cell and trained network

Every quantity is read off the curves and spectra of law, Gaussian, exact and trained score by the same operator. The
claim is what the law says. **agrees**: the interval of trained against law over seeds lies inside the margin;
**disagrees**: wholly outside, or never seen; **inconclusive**: neither; **not testable**: the law has no such number in
this cell. The exact score needs no training, so a block of the study may draw it more often than networks are trained:
all its draws of a cell say how far it is from the law. `why` splits the distance: trained from exact is learning error,
exact from law is what finite size and curvature do (THEORY.md 5).
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from scoregap.analysis import quantities
from scoregap.analysis.intervals import interval, interval_with_draws, logarithms, median, within
from scoregap.analysis.quantities import CLAIMS
from scoregap.analysis.tables import plain, text
from scoregap.analysis.verdicts import JUDGED, Cause, Verdict
from scoregap.scores import EXACT
from scoregap.study import Study
from scoregap.study.schema import Margins

ARMS = ("law", "gaussian", "exact", "trained")


class Cell(NamedTuple):
    """The claims of every score in one cell. arms: law and scores -> {claim: (seeds, ...)}. redrawn: {claim: (draws,)}
    of the exact score for F drawn anew."""

    study: Study
    values: dict
    seeds: tuple[int, ...]
    arms: dict[str, dict[str, np.ndarray]]
    redrawn: dict[str, np.ndarray]

    @property
    def untrained(self) -> tuple:
        """What tells its manifolds and spectra from those of other cells."""
        return tuple(value for axis, value in self.values.items() if not axis.startswith("train."))


def claims(parts: list[tuple[Study, list[xr.Dataset]]]) -> pd.DataFrame:
    """A row per claim, cell (seeds together) and network, in the order of CLAIMS; empty where nothing can be tested.

    claim, says, source; the axes; network; law, gaussian, exact, trained: medians over seeds; low, high: Student's
    interval of trained's mean, of its logarithm for ratios; law_low, law_high, exact_low, exact_high: intervals of
    trained over law and over exact, or, of what is no ratio, less them; margin; draws: of the exact score; learning:
    trained against exact, finite: exact against law, as relative differences for ratios; of_exact, verdict: against
    exact and against law; why: a `Cause`, where it disagrees.
    """
    cells = [
        cell
        for study, datasets in parts
        if EXACT in study.axes["network"]
        for ds in datasets
        for cell in _cells(study, ds)
    ]
    _related(cells)
    drawn: defaultdict[tuple, dict[int, tuple[float, float]]] = defaultdict(dict)
    for cell in cells:
        law, exact = cell.arms["law"], cell.arms["exact"]
        for name in law.keys() & exact.keys():
            pairs = zip(exact[name], law[name], strict=True)
            drawn[name, *cell.untrained] |= dict(zip(cell.seeds, pairs, strict=True))
    rows = [row for cell in cells for row in _rows(cell, drawn)]
    if not rows:
        return pd.DataFrame(columns=["claim", "verdict"])
    frame = pd.DataFrame(rows)
    axes = [axis for axis in frame.columns if axis in set().union(*(study.condition_axes for study, _ in parts))]
    frame = frame.drop_duplicates(["claim", *axes, "network"])  # blocks share cells
    order = list(CLAIMS).index
    return frame.sort_values("claim", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def _cells(study: Study, ds: xr.Dataset) -> Iterator[Cell]:
    """The cells of one dataset."""
    loaded = ds.drop_vars([name for name, one in ds.data_vars.items() if "evaluation" in one.dims])
    for values in itertools.product(*(ds[axis].values for axis in study.condition_axes)):
        chosen = dict(zip(study.condition_axes, values, strict=True))
        cell = loaded.sel(chosen).load()
        if not (cell.status == 1).any():
            continue
        cell = cell.isel(time=np.isfinite(cell.time.values))
        one = quantities.cell_of(study, chosen)
        arms = {str(name): quantities.measured(cell, str(name), one) for name in cell.network.values}
        arms["law"] = quantities.of_law(cell, one)
        yield Cell(study, chosen, tuple(cell.seed.values.tolist()), arms, quantities.of_draws(cell, one))


def _related(cells: list[Cell]) -> None:
    """Add to cells the claims about others: of every block, wherever both are."""
    places: defaultdict[tuple, list[Cell]] = defaultdict(list)
    for cell in cells:
        places[_place(cell.values)].append(cell)
    for cell in cells:
        for related in quantities.RELATED:
            if cell.values.get(related.axis, related.base) != related.base:
                others = places[_place(cell.values | {related.axis: related.base})]
                quantities.relate(related, cell.arms, cell.seeds, [(other.arms, other.seeds) for other in others])


def _place(values: dict) -> tuple:
    return tuple(sorted(values.items()))


def _rows(cell: Cell, drawn: dict[tuple, dict[int, tuple[float, float]]]) -> Iterator[dict]:
    """The rows of one cell. drawn: claim and manifolds -> {seed: value of exact and of law}."""
    settings = cell.study.document.compare
    margins = settings.curved if cell.values["curvature"] else settings.flat
    for network in cell.study.evaluated_scores:
        known = {"law": cell.arms["law"], "gaussian": cell.arms.get("gaussian", {}), "exact": cell.arms["exact"],
                 "trained": cell.arms[network]}  # fmt: skip
        for name, claim in CLAIMS.items():
            if name in known["trained"] and name in known["law"]:
                draws = drawn[name, *cell.untrained]
                more = [pair for seed, pair in draws.items() if seed not in cell.seeds]
                label = {"claim": name, "says": claim.says, "source": claim.source}
                found = against_law_and_exact(
                    name, {arm: known[arm].get(name) for arm in ARMS}, margins, settings.confidence,
                    np.array(more, float).reshape(-1, 2).T,
                )  # fmt: skip
                yield label | cell.values | {"network": network} | found


def against_law_and_exact(
    name: str,
    values: dict[str, np.ndarray | None],
    margins: Margins,
    confidence: float,
    more: np.ndarray = np.empty((2, 0)),
) -> dict[str, Any]:
    """Medians, intervals, verdicts and why. values: (seeds,) of every arm, None where the study does not have it.
    more: (2, draws) of exact and law, in draws of the manifold on which nothing was trained.
    """
    claim = CLAIMS[name]
    margin = claim.margin
    if margin is None:
        margin = getattr(margins, "t_consolidation" if name == "shift" else name)
    allowed = logarithms(margin) if claim.log else (-margin, margin)
    scale, back, less = (_log, np.exp, np.expm1) if claim.log else (np.asarray, float, float)
    known = {arm: scale(one) for arm, one in values.items() if one is not None}
    learning, finite = known["trained"] - known["exact"], known["exact"] - known["law"]
    further = _finite(np.subtract(*scale(more)))
    both = np.isfinite(learning) & np.isfinite(finite)
    ends = {
        "": interval(_finite(known["trained"]), confidence),
        "law_": interval_with_draws(learning[both], finite[both], further, confidence),
        "exact_": interval(_finite(learning), confidence),
    }
    row = {arm: math.nan if (one := values[arm]) is None else median(one) for arm in ARMS}
    row |= {f"{of}{end}": float(back(one)) for of, two in ends.items() for end, one in zip(("low", "high"), two,
                                                                                          strict=True)}  # fmt: skip
    finite = np.concatenate([finite, further])
    row |= {"margin": margin, "draws": int(np.isfinite(finite).sum())}
    row |= {"learning": float(less(median(learning))), "finite": float(less(median(finite)))}
    verdict, of_exact = (within(*ends[of], *allowed) for of in ("law_", "exact_"))
    if not np.isfinite(known["law"]).any():
        verdict = Verdict.NOT_TESTABLE
    elif not np.isfinite(known["trained"]).any():
        verdict = of_exact = Verdict.DISAGREES if np.isfinite(known["exact"]).any() else Verdict.NOT_TESTABLE
    why = cause(row["learning"], row["finite"], margin) if verdict == Verdict.DISAGREES else ""
    return row | {"of_exact": of_exact, "verdict": verdict, "why": why}


def cause(learning: float, finite: float, margin: float) -> Cause:
    """Which of two distances is beyond the margin: trained from exact, exact from the law; what is not known is."""
    by_learning, by_finite = (not abs(one) <= margin for one in (learning, finite))
    if by_learning and by_finite:
        return Cause.BOTH
    return Cause.LEARNING if by_learning else Cause.FINITE if by_finite else Cause.A_LITTLE


def _log(values) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(np.asarray(values, float))


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


def lines(frame: pd.DataFrame) -> list[str]:
    """The table in words: a line per claim, with the counts of verdicts and what lies behind those that disagree."""
    table = plain()
    table.add_column("the paper's claims", max_width=94)
    for column in ("law", "exact"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("disagrees for")
    for name, rows in frame.groupby("claim", sort=False):
        tested = rows[rows.verdict != Verdict.NOT_TESTABLE]
        if len(tested):
            counts = (
                " / ".join(str((column == one).sum()) for one in JUDGED) for column in (tested.verdict, tested.of_exact)
            )
            why = tested.why[tested.why != ""].value_counts()
            table.add_row(
                CLAIMS[str(name)].says, *counts, ", ".join(f"{word} ({count})" for word, count in why.items())
            )
    if not table.row_count:
        return []
    return [
        *text(table),
        f"cells and networks ({' / '.join(JUDGED)}): trained against the law, and against the exact score of the same "
        "F; all of them in claims.csv",
    ]
