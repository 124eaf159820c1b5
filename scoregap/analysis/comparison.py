"""Phase times of a study against theory: law | gaussian | exact | trained.

study, datasets of its cube -> comparison (a row per phase time), the same from its file

Every row is one phase time of one gap in one cell, all seeds together. trained / exact is the learning error,
law / exact the finite-size and curvature error of the law (THEORY.md 5). The verdict asks whether the network
agrees with the exact score: the interval of the ratio over seeds lies wholly inside the study's margin (agrees),
wholly outside (disagrees), or neither (inconclusive); where seeds lack the time, see `verdicts.decide`. What agrees has
a side, low or high, where its interval excludes 1. Consistency and alignment times have no margin and no verdict, a
dimension says in how many seeds it is right. All numbers of a row are geometric means over seeds, so that exact times
trained / exact is trained; but of a dimension they are medians.
"""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from scoregap import InputError, variables
from scoregap.analysis import controls
from scoregap.analysis.intervals import geometric_mean, mean, median, over_seeds
from scoregap.analysis.tables import listed_by_seed, written
from scoregap.analysis.verdicts import Detail, Reason, Seeds, Verdict, decide
from scoregap.data import FAMILIES
from scoregap.scores import EXACT, REFERENCES
from scoregap.study import Study
from scoregap.study.measurement import Compare
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


def compare(parts: list[tuple[Study, list[xr.Dataset]]]) -> pd.DataFrame:
    """The rows of all parts of a study; cells that blocks share have one. control: see `controls.of_rows`."""
    facets = parts[0][0].condition_axes
    rows = [row for study, datasets in parts for ds in datasets for row in compare_part(study, ds)]
    frame = pd.DataFrame(rows).drop_duplicates([*facets, "network", "gap", "quantity"])
    return frame.assign(control=controls.of_rows(frame, facets))


def read(study: Study, path: Path) -> pd.DataFrame:
    """The comparison of a finished run, from its file. Raises DamagedFile, InputError."""
    frame = pd.read_csv(io.StringIO(written(study, path)))
    if missing := {"verdict", "law_verdict", "by_seed", "control", *Detail._fields} - set(frame.columns):
        problem = f"is of another version of scoregap, without {min(missing)}"
        raise InputError(problem, file=path, allowed="rerun compare")
    return frame.assign(**{name: frame[name].astype(object).where(frame[name].notna(), "") for name in TEXTS})


def compare_part(study: Study, ds: xr.Dataset) -> list[dict[str, Any]]:
    """One row per cell (seeds together), score, gap and phase time. Without trained networks the law is compared."""
    trained, settings = study.evaluated_scores, study.compare
    # What is compared, at once: chunks hold many cells, so reading cell by cell would read each many times.
    large = {"time", "point", "evaluation"}
    ends = ("_low", "_high")  # intervals over points, which are not those over seeds
    names = [str(name) for name, one in ds.data_vars.items() if name == "gap_width" or not large & set(one.dims)]
    ds = ds[[name for name in names if not name.endswith(ends)]].load()
    rows = []
    for facet in ds.status.stack(facet=study.condition_axes).facet.values:
        values = dict(zip(study.condition_axes, facet, strict=True))
        cell = ds.sel(values)
        for network in trained or ["law"]:
            own = cell.sel(network=network if trained else study.axes["network"][0])
            rows += compare_cell(values, network, own, cell, settings)
    return rows


def compare_cell(values: dict, network: str, own: xr.Dataset, cell: xr.Dataset, settings: Compare) -> list[dict]:
    """Rows of one score in one cell. own, cell: dimension seed, and seed and network."""
    label = values | {"network": network}
    margins = settings.curved if values["curvature"] else settings.flat
    rows = []
    subject = "trained" if network != "law" else "law"
    exact = cell.sel(network=EXACT) if EXACT in cell.network.values else None
    for gap in own.gap.values:
        final = gap == own.gap.values[-1] or not FAMILIES[values["family"]].shares
        one = own.isel(gap=gap, group=gap)  # the group above the gap
        place = {"gap": int(gap), "boundary": _one(one.boundary.values)}
        seeds = _seeds(own.status)
        for method in ("", "model_"):
            for time in ("t_consolidation",) if final else ("t_open", "t_max", "t_close"):
                name = method + time
                pair = {who: seeds_of(cell, who, name, gap) for who in (network, EXACT, "law")}
                row = compare_to_exact(
                    curves_of(one, name, network),
                    {subject: pair[network], "exact": pair[EXACT]},
                    subject,
                    getattr(margins, time),
                    settings.confidence,
                )
                of_law = decide(pair["law"], pair[EXACT], getattr(margins, time), True, settings.confidence).verdict
                row |= {"law_verdict": of_law, "by_seed": by_seed(own.seed.values, pair[network], pair[EXACT])}
                lawless = own.law_edge.isnull().all()
                if exact is None or lawless:
                    row |= {"law_verdict": Verdict.NOT_TESTABLE}
                if exact is None:
                    row |= _not_testable(Reason.NO_EXACT)
                elif subject == "law" and lawless:
                    row |= _not_testable(Reason.NO_LAW)
                rows.append(label | place | {"quantity": name} | row | seeds)
            if not (final or method):
                rows.append(label | place | {"quantity": "consistency"} | consistency(one, network, settings) | seeds)
        if network != "law":
            at = None if exact is None else exact.isel(group=gap)
            rows.append(label | place | {"quantity": "t_alignment"} | alignment(one, at, network, settings) | seeds)
    arms = {arm: cell.sel(network=arm) for arm in REFERENCES if arm in cell.network.values}
    found = own.dimension_overall.isel(estimator=0).values
    true = own.boundary.isel(gap=-1).values
    if network != "law":
        right = int(np.sum(found == true))
        rows.append(
            label
            | {"gap": int(own.gap.values[-1]), "boundary": _one(true), "quantity": "dimension", "law": _one(true)}
            | {arm: median(ds.dimension_overall.isel(estimator=0).values) for arm, ds in arms.items()}
            | {"trained": median(found)}
            | NOT_JUDGED
            | Detail(of=len(found), right=right)._asdict()
            | {"by_seed": listed_by_seed(own.seed.values, found)}
            | _seeds(own.status)
        )
    return rows


def curves_of(one: xr.Dataset, name: str, network: str) -> dict[str, np.ndarray]:
    """{curve: (seed,)} one phase time of the references and of the network."""
    none = np.full(one.sizes["seed"], np.nan)  # the law knows no directions
    known = {reference: one.get(f"{reference}_{name}") for reference in variables.REFERENCES}
    curves = {reference: none if found is None else found.values for reference, found in known.items()}
    return curves | {"trained": one[name].values if network != "law" else none}


def seeds_of(cell: xr.Dataset, network: str, name: str, gap: int) -> Seeds:
    """A phase time of a gap of one score, or of the law, in every seed of a cell; not known of a score that the cell
    does not have."""
    if network == "law":
        return Seeds(*(cell[of].isel(gap=gap, network=0).values for of in (f"law_{name}", f"law_{name}_state")))
    if network not in cell.network.values:
        return Seeds.of(np.full(cell.sizes["seed"], np.nan))
    return of_score(cell[["status", "gap_width", name, f"{name}_state"]].sel(network=network), name, gap)


def of_score(one: xr.Dataset, name: str, gap: int) -> Seeds:
    """A phase time of a gap in every seed of one score in one cell.

    Of the exact score it is NOT_APPLICABLE, so not known, where its width is unknown at some noise variance, as sampled
    truth is where its guard fails, and no time was found in the rest.
    """
    times, states = (one[of].isel(gap=gap).values for of in (name, f"{name}_state"))
    if one.network == EXACT:
        unknown = ((one.status == 1) & one.gap_width.isel(gap=gap).isnull().any("time")).values
        states = np.where(unknown & (states != MEASURED), NOT_APPLICABLE, states)
    return Seeds(times, states)


def compare_to_exact(
    curves: dict[str, np.ndarray], pair: dict[str, Seeds], subject: str, margin: float, confidence: float
) -> dict[str, Any]:
    """Geometric means over seeds, ratio of the subject to exact with its Student interval, and the verdict with its
    detail.

    curves: law, gaussian, exact, trained; each (seeds,), NaN where there is no time. pair: the subject and exact; seeds
    in which exact is not known are left out, unless it is known in none. subject: trained, or law.
    ratio, law_to_exact: geometric means of the ratios, seed by seed, over the seeds that have both times.
    low, high, exact_low, exact_high: Student intervals of the subject and of exact; see `over_seeds`.
    position: where trained lies between gaussian (0) and exact (1) in log t, mean over seeds; NaN where they differ by
    less than the margin.
    """
    found = decide(pair[subject], pair["exact"], margin, True, confidence)
    known = pair["exact"].states != NOT_APPLICABLE
    known |= not known.any()
    curves |= {name: np.where(one.seen, one.values, np.nan) for name, one in pair.items()}
    curves = {name: values[known] for name, values in curves.items()}
    exact, trained = curves["exact"], curves[subject]
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.log(exact / curves["gaussian"])
        position = np.where(np.abs(apart) > math.log1p(margin), np.log(trained / curves["gaussian"]) / apart, np.nan)
    row = {name: geometric_mean(values) for name, values in curves.items()}
    row |= {
        "ratio": geometric_mean(trained / exact),
        "ratio_low": math.exp(found.low),
        "ratio_high": math.exp(found.high),
        "law_to_exact": geometric_mean(curves["law"] / exact),
        "position": mean(position),
        "margin": margin,
    }
    for prefix, name in (("", subject), ("exact_", "exact")):
        ends = over_seeds(curves[name], pair[name].states[known], confidence)
        row |= dict(zip((f"{prefix}low", f"{prefix}high"), ends, strict=True))
    return row | {"verdict": found.verdict} | found.detail._asdict()


def by_seed(seeds: np.ndarray, subject: Seeds, exact: Seeds) -> str:
    """Subject over exact in every seed in which both have the time, as `SEED=RATIO ...`."""
    both = subject.seen & exact.seen
    return listed_by_seed(seeds[both], subject.values[both] / exact.values[both])


def consistency(one: xr.Dataset, network: str, settings: Compare) -> dict[str, Any]:
    """t_open t_close / t_max^2 of every curve, as `compare_to_exact` gives a time; the study has no margin for it."""
    t_open, t_max, t_close = (curves_of(one, name, network) for name in ("t_open", "t_max", "t_close"))
    curves = {name: t_open[name] * t_close[name] / t_max[name] ** 2 for name in t_open}
    subject = "trained" if network != "law" else "law"
    pair = {name: Seeds.of(curves[name]) for name in (subject, "exact")}
    return compare_to_exact(curves, pair, subject, math.nan, settings.confidence) | NOT_JUDGED


def alignment(one: xr.Dataset, exact: xr.Dataset | None, network: str, settings: Compare) -> dict[str, Any]:
    """Alignment times of one group, as `compare_to_exact` gives a time; the study has no margin for them."""
    curves = curves_of(one, "t_alignment", network)
    pair = {"trained": Seeds(one.t_alignment.values, one.t_alignment_state.values)}
    pair["exact"] = (
        Seeds.of(np.full(one.sizes["seed"], np.nan))
        if exact is None
        else Seeds(exact.t_alignment.values, exact.t_alignment_state.values)
    )
    return compare_to_exact(curves, pair, "trained", math.nan, settings.confidence) | NOT_JUDGED


def _not_testable(reason: Reason) -> dict[str, str]:
    return {"verdict": Verdict.NOT_TESTABLE, "reason": reason}


def _one(values: np.ndarray) -> int:
    return int(median(values)) if np.isfinite(values).any() else -1


def _seeds(status: xr.DataArray) -> dict[str, Any]:
    """How many seeds are ok, and which are not, as `diverged: seed 1, 4`."""
    bad = [
        f"{name}: seed {', '.join(str(seed) for seed in status.seed.values[status.values == code])}"
        for code, name in variables.STATUS.items()
        if code != 1 and (status == code).any()
    ]
    return {"seeds": int((status == 1).sum()), "not_ok": "; ".join(bad)}


def known_curves(frame: pd.DataFrame) -> list[str]:
    """Columns of the comparison that hold phase times at all."""
    return [name for name in ("law", "corrected", "gaussian", "exact", "trained") if frame[name].notna().any()]
