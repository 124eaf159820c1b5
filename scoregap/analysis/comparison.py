"""Phase times of a study against theory: law | gaussian | exact | trained.

study, datasets of its cube -> comparison (a row per phase time), the same from its file

Every row is one phase time of one gap in one cell, all seeds together. trained / exact is the learning error,
law / exact the finite-size and curvature error of the law (theory.md 5). The verdict asks whether the network
agrees with the exact score: the interval of the ratio over seeds lies wholly inside the study's margin (agrees),
wholly outside (disagrees), or neither (inconclusive); where seeds lack the time, see `verdicts.decide`. What agrees has
a side, low or high, where its interval excludes 1. Consistency and alignment times have no margin and no verdict, a
dimension says in how many seeds it is right. All numbers of a row are geometric means over seeds, so that exact times
trained / exact is trained; but of a dimension they are medians.
"""

import io
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from scoregap import InputError, variables
from scoregap.analysis import controls
from scoregap.analysis.arrays import Block, blocks_of
from scoregap.analysis.intervals import exponentials, geometric_means, means, medians, over_seeds
from scoregap.analysis.tables import listed_by_seed, written
from scoregap.analysis.verdicts import Detail, Reason, Seeds, Verdict, decide_each
from scoregap.data import FAMILIES
from scoregap.scores import EXACT, REFERENCES
from scoregap.study import Study
from scoregap.variables import MEASURED, NOT_APPLICABLE

TEXTS = (
    "verdict",
    "reason",
    "side",
    "state",
    "exact_state",
    "law_verdict",
    "by_seed",
    "not_ok",
    "control",
)  # may be ""

NOT_JUDGED = {"verdict": "", "reason": "", "law_verdict": "", "by_seed": ""}
Columns = dict[str, np.ndarray]  # of a table, or curves, by name


def compare(parts: list[tuple[Study, list[xr.Dataset]]]) -> pd.DataFrame:
    """The rows of all parts of a study; cells that blocks share have one. control: see `controls.of_rows`."""
    facets = parts[0][0].condition_axes
    tables = [table for study, datasets in parts for ds in datasets for table in compare_part(study, ds)]
    frame = joined(tables).drop_duplicates([*facets, "network", "gap", "quantity"])
    return frame.assign(control=controls.of_rows(frame, facets))


def joined(tables: list[Columns]) -> pd.DataFrame:
    """Tables below one another; a column that one of them lacks is NaN there."""
    names = dict.fromkeys(name for table in tables for name in table)
    sizes = [len(next(iter(table.values()))) for table in tables]
    return pd.DataFrame(
        {
            name: np.concatenate(
                [table.get(name, np.full(size, np.nan)) for table, size in zip(tables, sizes, strict=True)]
            )
            for name in names
        }
    )


def read(study: Study, path: Path) -> pd.DataFrame:
    """The comparison of a finished run, from its file. Raises DamagedFile, InputError."""
    frame = pd.read_csv(io.StringIO(written(study, path)), low_memory=False)  # a column has one type
    if missing := {"verdict", "law_verdict", "by_seed", "control", *Detail._fields} - set(frame.columns):
        problem = f"is of another version of scoregap, without {min(missing)}"
        raise InputError(problem, file=path, allowed="rerun compare")
    return frame.assign(**{name: frame[name].astype(object).where(frame[name].notna(), "") for name in TEXTS})


def compare_part(study: Study, ds: xr.Dataset) -> Iterator[Columns]:
    """One row per cell (seeds together), score, gap and phase time. Without trained networks the law is compared."""
    small = ("gap", "group", "estimator", "side")
    ends = ("_low", "_high")  # intervals over points, which are not those over seeds
    names = tuple(
        name
        for name in map(str, ds.data_vars)
        if name == "gap_width" or (set(variables.VARIABLES[name].dims) <= set(small) and not name.endswith(ends))
    )
    for some in blocks_of(study, ds, names):
        yield compare_block(study, some)


def compare_block(study: Study, some: Block) -> Columns:
    """The rows of some settings, in the order of settings, scores and gaps."""
    shares = np.array([FAMILIES[values["family"]].shares for values in some.values])
    last = some.data["boundary"].shape[3] - 1
    found: list[tuple[np.ndarray, int, Columns]] = []  # the settings of rows, and the place of the score
    for place, network in enumerate(study.evaluated_scores or ["law"]):
        for gap in range(last + 1):
            for final in (False, True):
                rows = np.flatnonzero((shares & (gap != last)) != final)
                if rows.size:
                    compared = Compared(study, some, rows, network)
                    found += [(rows, place, one) for one in compared.gap(gap, final)]
        if network != "law":
            every = np.arange(len(some.values))
            found.append((every, place, Compared(study, some, every, network).dimension()))
    sizes = [len(rows) for rows, _, _ in found]
    order = np.lexsort(
        (
            np.repeat(np.arange(len(found)), sizes),
            np.repeat([place for _, place, _ in found], sizes),
            np.concatenate([rows for rows, _, _ in found]),
        )
    )
    return {str(name): column.to_numpy()[order] for name, column in joined([one for _, _, one in found]).items()}


class Compared:
    """One score in some settings, rows, beside the exact score and the law. All arrays are (rows, seeds) or (rows,)."""

    def __init__(self, study: Study, some: Block, rows: np.ndarray, network: str):
        self.settings, self.some, self.rows, self.network = study.compare, some, rows, network
        self.subject = "trained" if network != "law" else "law"
        self.own = some.scores.index(network) if network != "law" else 0
        self.exact = some.scores.index(EXACT) if EXACT in some.scores else None
        self.lawless = np.isnan(self.of("law_edge", self.own)).all((1, 2, 3)) if "law_edge" in some.data else None
        status = self.of("status", self.own)
        bad = (status != 1).any(1)
        self.label: Columns = {
            axis: np.array([some.values[row][axis] for row in rows]) for axis in study.condition_axes
        } | {"network": np.full(len(rows), network, object)}
        self.label = {name: one.astype(object) if one.dtype.kind == "U" else one for name, one in self.label.items()}
        self.seeds: Columns = {
            "seeds": (status == 1).sum(1),
            "not_ok": np.array([_not_ok(some.seeds, one) if is_bad else "" for one, is_bad in zip(status, bad,
                                strict=True)], object),
        }  # fmt: skip

    def of(self, name: str, score: int) -> np.ndarray:
        """(rows, seeds, ...) of a variable."""
        return self.some.data[name][self.rows, score]

    def margins(self, time: str) -> np.ndarray:
        """(rows,) of a phase time, by the curvature."""
        flat, curved = getattr(self.settings.flat, time), getattr(self.settings.curved, time)
        return np.where(self.label["curvature"].astype(bool), curved, flat)

    def gap(self, gap: int, final: bool) -> Iterator[Columns]:
        """The rows of one gap, and of the group above it."""
        place = self.label | {"gap": np.full(len(self.rows), gap), "boundary": _whole(self.boundary(gap))}
        for method in ("", "model_"):
            for time in ("t_consolidation",) if final else ("t_open", "t_max", "t_close"):
                yield place | {"quantity": self.named(method + time)} | self.time(method, time, gap) | self.seeds
            if not (final or method):
                yield place | {"quantity": self.named("consistency")} | self.consistency(gap) | self.seeds
        if self.network != "law":
            yield place | {"quantity": self.named("t_alignment")} | self.alignment(gap) | self.seeds

    def named(self, quantity: str) -> np.ndarray:
        """(rows,) of one name."""
        return np.full(len(self.rows), quantity, object)

    def boundary(self, gap: int) -> np.ndarray:
        """(rows, seeds) modes above a gap."""
        return self.of("boundary", self.own)[..., gap]

    def curves(self, name: str, gap: int) -> Columns:
        """{curve: (rows, seeds)} one phase time of the references and of the network."""
        none = np.full(self.boundary(gap).shape, np.nan)  # the law knows no directions
        known = {reference: f"{reference}_{name}" for reference in variables.REFERENCES}
        found = {
            reference: self.of(one, self.own)[..., gap] if one in self.some.data else none
            for reference, one in known.items()
        }
        return found | {"trained": self.of(name, self.own)[..., gap] if self.network != "law" else none}

    def of_law(self, name: str, gap: int) -> Seeds:
        """A phase time of a gap by the law."""
        return Seeds(self.of(f"law_{name}", 0)[..., gap], self.of(f"law_{name}_state", 0)[..., gap])

    def of_score(self, score: int, name: str, gap: int) -> Seeds:
        """The same of a score."""
        values, states = (self.of(one, score)[..., gap] for one in (name, f"{name}_state"))
        if score == self.exact:
            states = exact_states(states, self.of("status", score), self.of("gap_width", score)[..., gap])
        return Seeds(values, states)

    def of_exact(self, name: str, gap: int) -> Seeds:
        """The same of the exact score; not known where the study has none."""
        if self.exact is None:
            return Seeds.of(np.full(self.boundary(gap).shape, np.nan))
        return self.of_score(self.exact, name, gap)

    def time(self, method: str, time: str, gap: int) -> Columns:
        """The columns of a phase time."""
        name, margins, confidence = method + time, self.margins(time), self.settings.confidence
        law, exact = self.of_law(name, gap), self.of_exact(name, gap)
        own = law if self.network == "law" else self.of_score(self.own, name, gap)
        found = compare_to_exact(
            self.curves(name, gap), {self.subject: own, "exact": exact}, self.subject, margins, confidence
        )
        found |= {"law_verdict": decide_each(law, exact, margins, True, confidence).verdict}
        found |= {"by_seed": by_seed(self.some.seeds, own, exact)}
        if self.exact is None:
            found |= {"law_verdict": self.named(Verdict.NOT_TESTABLE)} | self._not_testable(Reason.NO_EXACT)
        elif self.lawless is not None and self.lawless.any():
            replaced = {"law_verdict": self.named(Verdict.NOT_TESTABLE)}
            replaced |= self._not_testable(Reason.NO_LAW) if self.subject == "law" else {}
            found |= {column: np.where(self.lawless, one, found[column]) for column, one in replaced.items()}
        return found

    def _not_testable(self, reason: Reason) -> Columns:
        return {"verdict": self.named(Verdict.NOT_TESTABLE), "reason": self.named(reason)}

    def consistency(self, gap: int) -> Columns:
        """t_open t_close / t_max^2 of every curve, as `compare_to_exact` gives a time; the study has no margin for
        it."""
        t_open, t_max, t_close = (self.curves(name, gap) for name in ("t_open", "t_max", "t_close"))
        curves = {name: t_open[name] * t_close[name] / t_max[name] ** 2 for name in t_open}
        return self._without_margin(curves, {name: Seeds.of(curves[name]) for name in (self.subject, "exact")})

    def alignment(self, group: int) -> Columns:
        """Alignment times of one group, as `compare_to_exact` gives a time; the study has no margin for them."""
        name = "t_alignment"
        own, exact = (
            Seeds.of(np.full(self.boundary(group).shape, np.nan))
            if score is None
            else Seeds(self.of(name, score)[..., group], self.of(f"{name}_state", score)[..., group])
            for score in (self.own, self.exact)
        )
        return self._without_margin(self.curves(name, group), {"trained": own, "exact": exact})

    def _without_margin(self, curves: Columns, pair: dict[str, Seeds]) -> Columns:
        none = np.full(len(self.rows), math.nan)
        found = compare_to_exact(curves, pair, self.subject, none, self.settings.confidence)
        return found | {name: self.named(text) for name, text in NOT_JUDGED.items()}

    def dimension(self) -> Columns:
        """The columns of the dimension found blind, of the last gap."""
        found, boundaries = (self.of(name, self.own) for name in ("dimension_overall", "boundary"))
        found, true, count = found[..., 0], np.fmax.reduce(boundaries, axis=-1), len(self.rows)
        gaps = np.isfinite(boundaries).any(1).sum(1)  # of this setting; others may have more
        last = np.where(gaps, gaps, boundaries.shape[2]) - 1
        law = _whole(true)
        references = {
            arm: medians(self.of("dimension_overall", self.some.scores.index(arm))[..., 0])
            for arm in REFERENCES
            if arm in self.some.scores
        }
        of, right = np.full(count, found.shape[1]), (found == true).sum(1)
        detail = {name: np.full(count, one) for name, one in Detail()._asdict().items() if not isinstance(one, str)}
        detail |= {name: self.named("") for name, one in Detail()._asdict().items() if isinstance(one, str)}
        return (
            self.label
            | {"gap": last, "boundary": law, "quantity": self.named("dimension"), "law": law}
            | references
            | {"trained": medians(found)}
            | {name: self.named(text) for name, text in NOT_JUDGED.items()}
            | detail
            | {"of": of, "right": right.astype(float)}
            | {"by_seed": np.array([listed_by_seed(self.some.seeds, one) for one in found], object)}
            | self.seeds
        )


def exact_states(states: np.ndarray, status: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """States of a time of the exact score, (..., seeds): NOT_APPLICABLE, so not known, where its width (..., seeds, T)
    is unknown at some noise variance, as sampled truth is where its guard fails, and no time was found in the rest."""
    unknown = (status == 1) & np.isnan(widths).any(-1)
    return np.where(unknown & (states != MEASURED), NOT_APPLICABLE, states)


def compare_to_exact(
    curves: Columns, pair: dict[str, Seeds], subject: str, margins: np.ndarray, confidence: float
) -> Columns:
    """Geometric means over seeds, ratio of the subject to exact with its Student interval, and the verdict with its
    detail, row by row.

    curves: law, gaussian, exact, trained; each (rows, seeds), NaN where there is no time. pair: the subject and exact;
    seeds in which exact is not known are left out, unless it is known in none. subject: trained, or law. margins:
    (rows,).
    ratio, law_to_exact: geometric means of the ratios, seed by seed, over the seeds that have both times.
    low, high, exact_low, exact_high: Student intervals of the subject and of exact; see `over_seeds`.
    position: where trained lies between gaussian (0) and exact (1) in log t, mean over seeds; NaN where they differ by
    less than the margin.
    """
    found = decide_each(pair[subject], pair["exact"], margins, True, confidence)
    known = pair["exact"].states != NOT_APPLICABLE
    known |= ~known.any(1, keepdims=True)
    curves = curves | {name: np.where(one.seen, one.values, np.nan) for name, one in pair.items()}
    curves = {name: np.where(known, values, np.nan) for name, values in curves.items()}
    exact, trained = curves["exact"], curves[subject]
    least = np.array([math.log1p(margin) for margin in margins.tolist()])[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.log(exact / curves["gaussian"])
        position = np.where(np.abs(apart) > least, np.log(trained / curves["gaussian"]) / apart, np.nan)
    row = {name: geometric_means(values) for name, values in curves.items()}
    row |= {
        "ratio": geometric_means(trained / exact),
        "ratio_low": exponentials(found.low),
        "ratio_high": exponentials(found.high),
        "law_to_exact": geometric_means(curves["law"] / exact),
        "position": means(position),
        "margin": margins,
    }
    for prefix, name in (("", subject), ("exact_", "exact")):
        ends = over_seeds(curves[name], np.where(known, pair[name].states, MEASURED), confidence)
        row |= dict(zip((f"{prefix}low", f"{prefix}high"), ends, strict=True))
    detail = {name: np.broadcast_to(one, len(margins)) for name, one in found.detail._asdict().items()}
    return row | {"verdict": found.verdict} | detail


def by_seed(seeds: np.ndarray, subject: Seeds, exact: Seeds) -> np.ndarray:
    """(rows,) subject over exact in every seed in which both have the time, as `SEED=RATIO ...`."""
    both = subject.seen & exact.seen
    ratio = np.divide(subject.values, exact.values, out=np.full(both.shape, np.nan), where=both)
    return np.array([listed_by_seed(seeds, one) for one in ratio], object)


def _whole(values: np.ndarray) -> np.ndarray:
    """(rows,) medians of (rows, seeds), cut to whole numbers; -1 where nothing is known."""
    found = medians(values)
    return np.where(np.isfinite(found), found, -1).astype(int)


def _not_ok(seeds: np.ndarray, status: np.ndarray) -> str:
    """Which seeds are not ok, as `diverged: seed 1, 4`."""
    return "; ".join(
        f"{name}: seed {', '.join(str(seed) for seed in seeds[status == code])}"
        for code, name in variables.STATUS.items()
        if code != 1 and (status == code).any()
    )


def known_curves(frame: pd.DataFrame) -> list[str]:
    """Columns of the comparison that hold phase times at all."""
    return [name for name in ("law", "corrected", "gaussian", "exact", "trained") if frame[name].notna().any()]
