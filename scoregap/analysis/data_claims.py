"""The paper's claims about natural data, tested on data from a file: with a null, an interval, and beside the Gaussian.

parts of a study with the datasets of its cube -> a row per claim, cell and network; their lines for a terminal

Nothing is known of such data, so a claim is held against chance (its null), and what the Gaussian with the data's
covariance does at the same points is no finding about the data's shape. So a row says what the network does, what that
is by chance, what the Gaussian does, and how far the network is from it, in pairs of the same points; `why` says
whether it goes beyond. Verdicts are of intervals at `fit.confidence` (`beside`, `differs`): each is wrong, in either
direction, in (1 - confidence) / 2 of studies at most. The four comparisons of regimes are told together, by intervals
at 1 - (1 - confidence) / 4 (Bonferroni). A network that diverged, or lacks a quantity, agrees in nothing.
"""

import textwrap
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from rich.table import Table

from scoregap.analysis import hypotheses
from scoregap.analysis.arms import (
    FEWEST,
    VARIABLES,
    Arm,
    Arms,
    Estimate,
    Statistic,
    arms,
    class_order,
    consolidation,
    directions,
    estimate,
    of_orders,
    of_subspaces,
    order,
    pieces,
    widest,
)
from scoregap.analysis.profiles import BESIDE, SEVERAL, cells
from scoregap.analysis.tables import distinguishing_axes, exactly, or_dash, text, with_interval
from scoregap.analysis.verdicts import Verdict
from scoregap.measure.profile import HALF
from scoregap.measure.regimes import LEAST
from scoregap.study import Study

WRONG = 0.1  # margin of what is always so: how rarely it may not be
APART = 0.15  # relative difference of boundaries and rates, and difference of shares, up to which they are the same
GAUSSIAN = "gaussian"
GAUSSIAN_TOO = "the Gaussian too"
NONE_HAS_IT = "no network has it"
EVERY = "every direction is resolved"
OF_REGIMES = {
    Verdict.AGREES: "not the Gaussian's",
    Verdict.DISAGREES: "the Gaussian's",
    Verdict.NOT_TESTABLE: "no shoulder in either",
}
WIDTHS = (26, 22, 6, 7, 20, 28)  # of the columns in words
REGIMES = ("begin", "turn", "rise", "share")


class Claim(NamedTuple):
    """What the paper says. value: what of the network is in the table. null: what that is by chance, or its limit. log:
    whether it is compared in the logarithm. side: whether it should be more than the null (1) or less (-1); 0: whether
    it is not the Gaussian's. form: of its numbers."""

    says: str
    value: str
    null: str
    log: bool
    side: int
    form: str


_PIECES = "n(t) in straight pieces of log t, 0, a rise, a shoulder:"
CLAIMS = {
    "regimes": Claim("three regimes, n = 0, a steep rise, a shoulder, otherwise than the Gaussian's",
                     "rate in the shoulder over that of the rise", "one half", False, -1, ".2f"),
    "regime_begin": Claim(f"{_PIECES} the rise begins elsewhere than the Gaussian's", "t", "the Gaussian's", True, 0,
                          ".3g"),
    "regime_turn": Claim(f"{_PIECES} it turns into the shoulder elsewhere", "t", "the Gaussian's", True, 0, ".3g"),
    "regime_rise": Claim(f"{_PIECES} it is steeper or less steep", "modes per decade", "the Gaussian's", True, 0,
                         ".3g"),
    "regime_share": Claim(f"{_PIECES} the shoulder is flatter or less flat", "its rate over that of the rise",
                          "the Gaussian's", False, 0, ".2f"),
    "order": Claim("high variance comes first: principal axes of the data enter in the order of their variances",
                   "rank correlation of the t at which u' G u reaches one half with the variance along u",
                   "quantile of random orders", False, 1, ".2f"),
    "consolidation": Claim("at small t the score is orthogonal to the tangent space that is measured",
                           "share of its squared norm along the n resolved modes over n / d, at the smallest t",
                           "quantile of random subspaces", True, -1, ".2f"),
    "class_order": Claim("classes have the order of dimension that estimators without a score give them",
                         "rank correlation of n at the smallest t with the estimate, over classes",
                         "quantile of random orders", False, 1, ".2f"),
    "no_gap": Claim("no gap is found blind", "share of networks without one",
                    "probability of a false gap, at most", False, 1, ".2f"),
    "widest_gap": Claim("no gap is visible", "largest drop of the mean spectrum at any t",
                        "fit.visibility", False, -1, ".2f"),
}  # fmt: skip
COLUMNS = (
    "claim", "says", "network", "against", "value", "low", "high", "over", "networks", "null", "gaussian", "beyond",
    "beyond_low", "beyond_high", "verdict", "why",
)  # fmt: skip


def data_claims(parts: list[tuple[Study, list[xr.Dataset]]]) -> pd.DataFrame:
    """A row per claim, cell and network, in the order of CLAIMS; empty where there is no network or no whole spectrum.

    claim, says; the axes; network; against: the estimator of `class_order`; value, low, high: of the network, over
    `over`; networks: that have it; null; gaussian: the same of the Gaussian; beyond, beyond_low, beyond_high: network
    over Gaussian, of what is compared in the logarithm, else less it; verdict: a `Verdict`; why.
    """
    rows = []
    for study, datasets in parts:
        for ds in datasets:
            if "along_principal" not in ds:
                continue
            names = [*VARIABLES, *(name for name in ("class_estimate",) if name in ds)]
            for chosen, cell in cells(study, ds[names]):
                block = {"block": study.block} if study.block else {}
                rows += [block | chosen | row for row in _of_cell(study, cell)]
    if not rows:
        return pd.DataFrame(columns=["claim", "verdict"])
    frame = pd.DataFrame(rows)
    axes = [name for name in frame.columns if name not in COLUMNS]
    order = list(CLAIMS).index
    return frame[[*COLUMNS[:2], *axes, *COLUMNS[2:]]].sort_values(
        "claim", key=lambda names: names.map(order), kind="stable", ignore_index=True
    )


def _of_cell(study: Study, cell: xr.Dataset) -> Iterator[dict[str, Any]]:
    """The rows of one cell."""
    names = list(map(str, cell.network.values))
    gaussian = arms(cell, GAUSSIAN) if GAUSSIAN in names else {}
    for network in names:
        if network in BESIDE:
            continue
        own = arms(cell, network)
        if not own:
            continue
        one = InCell(study, network, own, gaussian)
        first, confidence = next(iter(own.values())), one.confidence
        yield from one.regimes()
        yield from one.against("order", order, of_orders(int(directions(first).sum()), confidence))
        yield from one.against("consolidation", consolidation, of_subspaces(first, confidence))
        if "class_estimate" in cell and GAUSSIAN in names:
            yield from one.class_orders(cell.class_estimate.sel(network=GAUSSIAN).load())
        yield one.no_gap()
        yield from one.against("widest_gap", widest, study.document.fit.visibility)


class InCell:
    """A network in a cell, and the claims about it. own, gaussian: its arms and the Gaussian's, by seed."""

    def __init__(self, study: Study, network: str, own: dict[int, Arm], gaussian: dict[int, Arm]):
        self.study, self.network, self.own = study, network, own
        self.gaussian = {seed: gaussian[seed] for seed in own if seed in gaussian}
        self.confidence, self.seeds = study.document.fit.confidence, len(study.axes["seed"])

    def estimate(self, statistic, confidence: float | None = None) -> tuple[Estimate, Estimate | None, Estimate | None]:
        """Of the network, of the Gaussian, and of their difference at the same points; None without a Gaussian."""
        settings = confidence or self.confidence, self.study.document.fit.resamples

        def apart(two: Arms, weights: np.ndarray) -> np.ndarray:
            return statistic(two[:1], weights) - statistic(two[1:], weights)

        found = estimate(statistic, [(one,) for one in self.own.values()], *settings)
        if not self.gaussian:
            return found, None, None
        pairs = [(self.own[seed], one) for seed, one in self.gaussian.items()]
        return found, estimate(statistic, [pair[1:] for pair in pairs], *settings), estimate(apart, pairs, *settings)

    def row(
        self, name: str, found: Estimate, gaussian: Estimate | None, apart: Estimate | None, null: float,
        verdict: Verdict, why: str, against: str = "",
    ) -> dict[str, Any]:  # fmt: skip
        """The columns of the table for one number."""
        claim = CLAIMS[name]
        if found.known[0] < self.seeds and verdict == Verdict.AGREES:  # those that have it are a selection
            verdict, why = Verdict.INCONCLUSIVE, "not known of all networks"

        def shown(one: np.ndarray) -> float:
            return float(np.exp(one[0]) if claim.log else one[0])

        return {
            "claim": name, "says": f"{claim.says}: {claim.value}", "network": self.network, "against": against,
            "value": shown(found.value), "low": shown(found.low), "high": shown(found.high), "over": found.over,
            "networks": int(found.known[0]), "null": null,
            "gaussian": shown(gaussian.value) if gaussian else np.nan,
            "beyond": shown(apart.value) if apart else np.nan,
            "beyond_low": shown(apart.low) if apart else np.nan,
            "beyond_high": shown(apart.high) if apart else np.nan,
            "verdict": verdict, "why": why,
        }  # fmt: skip

    def against(self, name: str, statistic: Statistic, limit: float, of: str = "") -> Iterator[dict[str, Any]]:
        """A claim whose statistic should lie on one side of a limit, which is what chance makes of it. of: what else it
        is held against."""
        found, gaussian, apart = self.estimate(statistic)
        side, log = CLAIMS[name].side, CLAIMS[name].log
        verdict = beside(found, limit, side)
        known = gaussian is not None and bool(gaussian.known[0])
        has = gaussian is not None and known and beside(gaussian, limit, side) == Verdict.AGREES
        further = apart is not None and known and beside(apart, 0.0, side) == Verdict.AGREES
        shown = float(np.exp(limit)) if log else limit
        if not found.known[0]:
            yield self.row(name, found, gaussian, apart, shown, Verdict.NOT_TESTABLE, NONE_HAS_IT, of)
            return
        yield self.row(name, found, gaussian, apart, shown, verdict, _why(verdict, known, has, further), of)

    def regimes(self) -> Iterator[dict[str, Any]]:
        """Whether n(t) has three regimes, and in what they differ from the Gaussian's."""
        if len(next(iter(self.own.values())).t) < LEAST or not self.gaussian:
            return
        found, gaussian, apart = self.estimate(pieces, 1 - (1 - self.confidence) / len(REGIMES))
        assert gaussian
        assert apart
        verdicts = []
        for k, one in enumerate(REGIMES):
            margin = APART if one == "share" else np.log1p(APART)
            verdicts.append(differs(apart.low[k], apart.high[k], margin))
        shoulder, of_gaussian, _ = self.estimate(lambda arms, weights: pieces(arms, weights)[-1:])
        flat, verdict = beside(shoulder, HALF, -1), Verdict.INCONCLUSIVE
        assert of_gaussian
        if Verdict.AGREES not in (
            flat,
            beside(of_gaussian, HALF, -1),
        ):  # where a straight line turns is a matter of chance
            verdicts = [Verdict.NOT_TESTABLE] * len(REGIMES)
        full = any(one.n[0].mean() > one.spectra.shape[-1] - HALF for one in self.own.values())
        if full:  # what stops because nothing is left has no shoulder
            verdict, why = Verdict.NOT_TESTABLE, EVERY
        elif not shoulder.known[0]:
            verdict, why = Verdict.NOT_TESTABLE, NONE_HAS_IT
        elif flat == Verdict.DISAGREES:
            verdict, why = flat, "the rise goes on"
        elif flat == Verdict.AGREES and Verdict.AGREES in verdicts:
            verdict, why = flat, f"not the Gaussian's: {_which(verdicts)}"
        else:
            why = "not told from the Gaussian's" if flat == Verdict.AGREES else ""
        last = len(REGIMES) - 1
        yield self.row("regimes", shoulder, gaussian.part(last), apart.part(last), HALF, verdict, why)
        for k, one in enumerate(REGIMES):
            verdict = Verdict.NOT_TESTABLE if full else verdicts[k]
            why = EVERY if full else OF_REGIMES.get(verdict, "")
            of = found.part(k), gaussian.part(k), apart.part(k)
            yield self.row(f"regime_{one}", *of, np.nan, verdict, why)

    def class_orders(self, estimates: xr.DataArray) -> Iterator[dict[str, Any]]:
        """The order of classes against that by every estimator of clean data.

        estimates: (seed, label, data_estimator).
        """
        for method in map(str, estimates.data_estimator.values):
            of_classes = estimates.sel(data_estimator=method).median("seed").values.astype(float)
            known = np.isfinite(of_classes)
            if known.sum() >= FEWEST and np.ptp(of_classes[known]) > 0:
                # A network's points may be of some of them only: chance orders those, of which fewer agree more often.
                ordered = [np.intersect1d(one.label, np.flatnonzero(known)).size for one in self.own.values()]
                limit = of_orders(max(FEWEST, min(ordered)), self.confidence)
                yield from self.against("class_order", partial(class_order, of_classes), limit, method)

    def no_gap(self) -> dict[str, Any]:
        """Whether the blind detector finds none, network by network."""
        settings = self.study.document.fit
        found, verdict = _none(self.own, self.confidence)
        gaussian = _none(self.gaussian, self.confidence)[0] if self.gaussian else None
        has = gaussian is not None and bool(gaussian.value[0] > HALF)
        return self.row("no_gap", found, gaussian, None, settings.significance, verdict,
                        _why(verdict, gaussian is not None, has, False))  # fmt: skip


# ---------------------------------------------------------------- tests


def beside(found: Estimate, limit: float, side: int) -> Verdict:
    """Whether an estimate is more (side 1) or less (-1) than a limit: agrees if its whole interval is, disagrees if
    none of it is, else inconclusive."""
    low, high = sorted((side * found.low[0], side * found.high[0]))
    if low > side * limit:
        return Verdict.AGREES
    return Verdict.DISAGREES if high < side * limit else Verdict.INCONCLUSIVE


def _none(arms: dict[int, Arm], confidence: float) -> tuple[Estimate, Verdict]:
    """In what share of seeds no gap lasts, and whether in all."""
    none = np.array([float(one.gaps == 0) for one in arms.values()])
    found = hypotheses.proportion(none, WRONG, confidence)
    value, low, high = (np.array([end]) for end in (none.mean(), found.low, found.high))
    return Estimate(value, low, high, "seeds", np.array([none.size])), found.verdict


def differs(low: float, high: float, margin: float) -> Verdict:
    """Whether there is a difference: disagrees if its interval lies within the margin, agrees if it excludes 0 and does
    not, else inconclusive."""
    if -margin < low and high < margin:
        return Verdict.DISAGREES
    return Verdict.AGREES if low > 0 or high < 0 else Verdict.INCONCLUSIVE


def _why(verdict: Verdict, known: bool, gaussian: bool, further: bool) -> str:
    """What stands behind a verdict. known: whether the Gaussian has the quantity; gaussian: whether it does what is
    claimed; further: whether the network is beyond it."""
    if verdict == Verdict.AGREES and known:
        if not gaussian:
            return "not the Gaussian"
        return "more than the Gaussian" if further else GAUSSIAN_TOO
    return "the Gaussian does" if known and gaussian and verdict == Verdict.DISAGREES else ""


def _which(verdicts: list[Verdict]) -> str:
    return ", ".join(name for name, one in zip(REGIMES, verdicts, strict=True) if one == Verdict.AGREES)


# ---------------------------------------------------------------- in words


def data_claim_lines(study: Study, frame: pd.DataFrame) -> list[str]:
    """The table in words, a claim after the other, with a row per cell and network."""
    keys = [name for name in ("block", *study.condition_axes) if name in frame and frame[name].nunique() > 1]
    lines = [
        "the paper's claims about natural data: value with its interval | by chance | Gaussian | over it, or less it"
    ]
    for name, rows in frame.groupby("claim", sort=False):
        claim = CLAIMS[str(name)]
        lines += textwrap.wrap(f"{claim.says}: {claim.value} ({claim.null})", 118, initial_indent="  ",
                               subsequent_indent="    ")  # fmt: skip
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=False)
        for width in WIDTHS:
            table.add_column(width=width)
        for row in rows.to_dict("records"):
            cell = distinguishing_axes(study, {key: row[key] for key in keys})
            whose = ", ".join(filter(None, [row["network"], row["against"], *(exactly(one) for one in cell.values())]))
            own = row["value"], row["low"], row["high"]
            beyond = row["beyond"], row["beyond_low"], row["beyond_high"]
            table.add_row(
                whose, with_interval(*own, claim.form), or_dash(row["null"]), or_dash(row["gaussian"]),
                with_interval(*beyond, ".2f"), row["verdict"] + (f" ({row['why']})" if row["why"] else ""),
            )  # fmt: skip
        lines += [f"    {line}" for line in text(table)]
    over = "networks" if frame["networks"].max() >= SEVERAL else "points"
    explained = (
        f"{study.document.fit.confidence:.0%} intervals are over {over}; agrees: all of the interval is beyond what "
        "chance makes of it (of a difference from the Gaussian: it excludes 0); disagrees: none of it is (all of it is "
        "within the margin); all of them in claims.csv"
    )
    return [*lines, *textwrap.wrap(explained, 118, initial_indent="  ", subsequent_indent="  ")]
