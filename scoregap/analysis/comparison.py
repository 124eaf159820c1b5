"""Phase times of a study against theory: law | gaussian | exact | trained.

study, datasets of its cube -> comparison (a row per phase time), the same from its file; comparison -> table in words

Every row is one phase time of one gap in one cell, all seeds together. trained / exact is the learning error,
exact / law the finite-size and curvature error of the law (THEORY.md 5). The verdict asks whether the network
agrees with the exact score: the interval of the ratio over seeds lies wholly inside the study's margin (agrees),
wholly outside (disagrees), or neither (inconclusive); where seeds lack the time, see `verdicts.decide`. Consistency and
alignment times have no margin and no verdict, a dimension says in how many seeds it is right.
"""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from scoregap import InputError, variables
from scoregap.analysis import controls, tables, verdicts
from scoregap.analysis.intervals import mean, median
from scoregap.analysis.tables import (
    distinguishing_axes,
    exactly,
    independent_draws,
    plain,
    rows_of_evaluated_scores,
    text,
    with_interval,
    written,
)
from scoregap.analysis.verdicts import Detail, Reason, Seeds, Verdict, decide
from scoregap.data import FAMILIES
from scoregap.scores import EXACT, REFERENCES
from scoregap.study import Study
from scoregap.study.measurement import Compare
from scoregap.variables import MEASURED, NOT_APPLICABLE

SHOWN = 80  # rows of the terminal table; the file has all
TEXTS = ("verdict", "reason", "state", "exact_state", "not_ok", "control")  # columns that may be empty

NOT_JUDGED = {"verdict": "", "reason": ""}


def compare(parts: list[tuple[Study, list[xr.Dataset]]]) -> pd.DataFrame:
    """The rows of all parts of a study; cells that blocks share have one. control: see `controls.of_rows`."""
    facets = parts[0][0].condition_axes
    rows = [row for study, datasets in parts for ds in datasets for row in compare_part(study, ds)]
    frame = pd.DataFrame(rows).drop_duplicates([*facets, "network", "gap", "quantity"])
    return frame.assign(control=controls.of_rows(frame, facets))


def read(study: Study, path: Path) -> pd.DataFrame:
    """The comparison of a finished run, from its file. Raises DamagedFile, InputError."""
    frame = pd.read_csv(io.StringIO(written(study, path)))
    if missing := {"verdict", "control", *Detail._fields} - set(frame.columns):
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
                pair = {who: seeds_of(cell, who, name, gap) for who in (network, EXACT)}
                row = compare_to_exact(
                    curves_of(one, name, network),
                    {subject: pair[network], "exact": pair[EXACT]},
                    subject,
                    getattr(margins, time),
                    settings.confidence,
                )
                if exact is None:
                    row |= _not_testable(Reason.NO_EXACT)
                elif subject == "law" and own.law_edge.isnull().all():
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
        of_law = cell.isel(gap=gap, network=0)
        return Seeds(of_law[f"law_{name}"].values, of_law[f"law_{name}_state"].values)
    if network not in cell.network.values:
        return Seeds.of(np.full(cell.sizes["seed"], np.nan))
    return of_score(cell.sel(network=network), name, gap)


def of_score(one: xr.Dataset, name: str, gap: int) -> Seeds:
    """A phase time of a gap in every seed of one score in one cell.

    Of the exact score it is NOT_APPLICABLE, so not known, where its width is unknown at some noise variance, as sampled
    truth is where its guard fails, and no time was found in the rest.
    """
    here = one.isel(gap=gap)
    times, states = here[name].values, here[f"{name}_state"].values
    if one.network == EXACT:
        unknown = ((one.status == 1) & here.gap_width.isnull().any("time")).values
        states = np.where(unknown & (states != MEASURED), NOT_APPLICABLE, states)
    return Seeds(times, states)


def compare_to_exact(
    curves: dict[str, np.ndarray], pair: dict[str, Seeds], subject: str, margin: float, confidence: float
) -> dict[str, Any]:
    """Medians over seeds, ratio of the subject to exact with its Student interval in the logarithm, and the
    verdict with its detail.

    curves: law, gaussian, exact, trained; each (seeds,), NaN where there is no time. pair: the subject and exact; seeds
    in which exact is not known are left out, unless it is known in none. subject: trained, or law.
    ratio: median over seeds of the ratios, seed by seed; the interval is of their mean logarithm.
    time, exact_time: geometric means over seeds, with Student intervals; see `mean`.
    position: where trained lies between gaussian (0) and exact (1) in log t; NaN where they differ by less than
    the margin.
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
        ratio, law = np.log(trained / exact), np.log(curves["law"] / exact)
    row = {name: median(values) for name, values in curves.items()}
    row |= {
        "ratio": math.exp(median(ratio)),
        "ratio_low": math.exp(found.low),
        "ratio_high": math.exp(found.high),
        "law_to_exact": math.exp(median(law)),
        "position": median(position),
        "margin": margin,
    }
    for prefix, name in (("", subject), ("exact_", "exact")):
        ends = mean(curves[name], pair[name].states[known], confidence)
        row |= dict(zip((f"{prefix}time", f"{prefix}low", f"{prefix}high"), ends, strict=True))
    return row | {"verdict": found.verdict} | found.detail._asdict()


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


def as_text(study: Study, frame: pd.DataFrame) -> str:
    """The table as text. Axes with one value are named once, above it."""
    facets = study.condition_axes
    frame = rows_of_evaluated_scores(frame[frame.quantity != "t_alignment"])  # which is in the file, and in a figure
    varied = [axis for axis in facets if frame[axis].nunique() > 1]
    fixed = ", ".join(f"{axis} {frame[axis].iloc[0]}" for axis in facets if axis not in varied)
    attributed = controls.lines(frame)
    judged = {prefix: _counts(frame[frame.quantity.str.startswith(f"{prefix}t_")]) for prefix in ("", "model_")}
    frame = frame[~frame.quantity.str.startswith("model_")]
    table = plain()
    table.add_column("quantity", max_width=44)  # the names of cells wrap
    curves = known_curves(frame)
    said = tables.subject(study)
    for column in curves:
        table.add_column(said if column == "trained" else column, justify="right")
    table.add_column(f"{said}/exact", justify="right", no_wrap=True)
    table.add_column("between", justify="right")
    table.add_column("margin", justify="right")
    table.add_column("verdict")
    previous = None
    for _, row in frame.head(SHOWN).iterrows():
        cell = tuple(row[[*varied, "network"]])
        if cell != previous:
            table.add_section()
            values = distinguishing_axes(study, {axis: row[axis] for axis in varied})
            table.add_row(", ".join([*(_axis_value(axis, value) for axis, value in values.items()), row.network]))
        previous = cell
        quantity = row.quantity if row.quantity == "dimension" else f"{row.quantity} ({row.boundary})"
        ratio = position = margin = ""
        if row.quantity != "dimension":
            ratio = with_interval(row.ratio, row.ratio_low, row.ratio_high, ".2f")
            position = "" if math.isnan(row.position) else f"{row.position:.2f}"
            margin = "" if math.isnan(row.margin) else f"{row.margin:.0%}"
        verdict = verdicts.words(row) + (f" ({row.not_ok})" if row.not_ok else "")
        table.add_row(f"  {quantity}", *(_short(row[name]) for name in curves), ratio, position, margin, verdict)
    seeds, confidence = len(study.axes["seed"]), study.compare.confidence
    lines = [
        f"{study.name}: {fixed}; times are noise variances t; (k): gap below k modes",
        f"medians over {seeds} seeds ({independent_draws(study)} independent draws of the manifold); {said}/exact: "
        f"seed by seed, with its {confidence:.0%} Student interval",
        "between: 0 at the gaussian score, 1 at the exact one"
        + ("; consistency: t_open t_close / t_max^2, in theory 1" if "consistency" in set(frame["quantity"]) else ""),
        *text(table),
        "",
        *([f"... and {len(frame) - SHOWN} more rows in the CSV file"] if len(frame) > SHOWN else []),
        *(
            [f"phase times against exact, and by a fit to the whole curve (CSV file): {judged['']}"]
            if judged[""] == judged["model_"]
            else [
                f"phase times against exact: {judged['']}",
                f"the same by a fit to the whole curve (CSV file): {judged['model_']}",
            ]
        ),
        *attributed,
    ]
    return "\n".join(lines) + "\n"


def _counts(rows: pd.DataFrame) -> str:
    said = pd.Series([verdicts.words(row) for _, row in rows.iterrows()], dtype=object)
    return ", ".join(f"{count} {verdict}" for verdict, count in said.value_counts().items())


def _axis_value(axis: str, value: Any) -> str:
    short = {"manifold_dim": "m", "ambient_dim": "d", "curvature": "c"}.get(axis, axis)
    return f"{short.removeprefix('manifold.groups.').removeprefix('train.')} {exactly(value)}"  # no two alike


def _short(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3g}"
