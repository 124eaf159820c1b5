"""Compare fitted phase times with theory: law | gaussian | exact | trained.

study, cube -> comparison.csv (every number), claims.csv (the paper's claims), their checksums NAME.csv.json, and
comparison.txt (the tables for a terminal)

Every row is one phase time of one gap in one cell, all seeds together. trained / exact is the learning error,
exact / law the finite-size and curvature error of the law (THEORY.md 5). The verdict asks whether the network
agrees with the exact score: the interval of the ratio over seeds lies wholly inside the study's margin (agrees),
wholly outside (disagrees), or neither (inconclusive). Consistency and alignment times have no margin and no verdict.
"""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from scoregap import analysis, storage, variables
from scoregap.analysis.intervals import judge, median
from scoregap.analysis.tables import of_subjects, plain, text, told
from scoregap.data import FAMILIES
from scoregap.scores import REFERENCES
from scoregap.stages.cube import datasets as gathered
from scoregap.study import Study, load
from scoregap.study.schema import Compare

TABLES = storage.Kind(
    "the tables of a comparison", storage.text_with(r"\nmade by scoregap compare: [^\n]+\n\Z"), r"comparison\.txt"
)
SHOWN = 80  # rows of the terminal table; the file has all


def run(study: Path, cube: Path, out: Path, table: Path, claims: Path) -> list[Path]:
    """Compare CUBE of study STUDY; every number goes to OUT (CSV), the paper's claims to CLAIMS (CSV), the readable
    tables to TABLE."""
    loaded = load(study)
    storage.claim(*storage.table(out), *storage.table(claims), (table, TABLES))
    parts = gathered(loaded, cube)
    rows = [row for part, datasets in parts for ds in datasets for row in compare(part, ds)]
    frame = pd.DataFrame(rows).drop_duplicates([*loaded.facets, "network", "gap", "quantity"])  # blocks share cells
    tested = analysis.claims.claims(parts)
    found = [line for part, datasets in parts for line in analysis.summary(part, datasets)]
    found += ["", *analysis.claims.lines(tested)] if len(tested) else []
    found += ["", f"made by scoregap compare: study {loaded.name}, config {loaded.hash}"]
    storage.write_text(table, render(loaded, frame) + "".join(f"{line}\n" for line in found), TABLES)
    storage.write_table(claims, tested.to_csv(index=False, float_format="%.6g"), loaded.hash)
    storage.write_table(out, frame.to_csv(index=False, float_format="%.6g"), loaded.hash)
    return [table, claims, storage.manifest_of(claims), out, storage.manifest_of(out)]


def compare(study: Study, ds: xr.Dataset) -> list[dict]:
    """One row per cell (seeds together), score, gap and phase time. Without trained networks the law is compared."""
    trained, settings = study.subjects, study.document.compare
    # What is compared, at once: chunks hold many cells, so reading cell by cell would read each many times.
    large = {"time", "point", "evaluation"}
    ends = ("_low", "_high")  # intervals over points, which are not those over seeds
    names = [str(name) for name, one in ds.data_vars.items() if name == "gap_width" or not large & set(one.dims)]
    ds = ds[[name for name in names if not name.endswith(ends)]].load()
    rows = []
    for facet in ds.status.stack(facet=study.facets).facet.values:
        values = dict(zip(study.facets, facet, strict=True))
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
    exact = cell.sel(network="exact") if "exact" in cell.network.values else None
    for gap in own.gap.values:
        final = gap == own.gap.values[-1] or not FAMILIES[values["family"]].shares
        one, unknown = own.isel(gap=gap, group=gap), exact_unknown(cell.isel(gap=gap))  # the group above the gap
        place = {"gap": int(gap), "boundary": _one(one.boundary.values)}
        seeds = _seeds(own.status)
        for method in ("", "model_"):
            for time in ("t_consolidation",) if final else ("t_open", "t_max", "t_close"):
                name = method + time
                curves = curves_of(one, name, network)
                states = {
                    subject: one[f"{'law_' if network == 'law' else ''}{name}_state"].values,
                    "exact": exact[f"{name}_state"].isel(gap=gap).values
                    if exact is not None
                    else np.zeros(len(unknown)),
                }
                known = ~(unknown & np.isnan(curves["exact"]))
                curves, states = ({key: some[known] for key, some in given.items()} for given in (curves, states))
                row = judge(curves, states, subject, getattr(margins, time), settings.confidence)
                if exact is None:
                    row["verdict"] = "no exact arm"
                elif subject == "law" and own.law_edge.isnull().all():
                    row["verdict"] = "no law"
                elif not known.any():
                    row["verdict"] = "exact not known"
                elif not known.all():
                    row["verdict"] += f" (exact not known in {int((~known).sum())})"
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
            | {"trained": median(found), "verdict": f"right in {right} of {len(found)}"}
            | _seeds(own.status)
        )
    return rows


def curves_of(one: xr.Dataset, name: str, network: str) -> dict[str, np.ndarray]:
    """{curve: (seed,)} one phase time of the references and of the network."""
    none = np.full(one.sizes["seed"], np.nan)  # the law knows no directions
    known = {reference: one.get(f"{reference}_{name}") for reference in variables.REFERENCES}
    curves = {reference: none if found is None else found.values for reference, found in known.items()}
    return curves | {"trained": one[name].values if network != "law" else none}


def consistency(one: xr.Dataset, network: str, settings: Compare) -> dict:
    """t_open t_close / t_max^2 of every curve, as `judge` gives a time; the study has no margin for it."""
    t_open, t_max, t_close = (curves_of(one, name, network) for name in ("t_open", "t_max", "t_close"))
    curves = {name: t_open[name] * t_close[name] / t_max[name] ** 2 for name in t_open}
    subject = "trained" if network != "law" else "law"
    states = {name: np.isfinite(curves[name]).astype(int) for name in (subject, "exact")}
    return judge(curves, states, subject, math.nan, settings.confidence) | {"verdict": ""}


def alignment(one: xr.Dataset, exact: xr.Dataset | None, network: str, settings: Compare) -> dict:
    """Alignment times of one group, as `judge` gives a time; the study has no margin for them."""
    curves = curves_of(one, "t_alignment", network)
    states = {"trained": one.t_alignment_state.values}
    states["exact"] = np.zeros_like(states["trained"]) if exact is None else exact.t_alignment_state.values
    return judge(curves, states, "trained", math.nan, settings.confidence) | {"verdict": ""}


def exact_unknown(cell: xr.Dataset) -> np.ndarray:
    """(seed,) whether the exact width of a gap is unknown at some time, as sampled truth is where its guard fails."""
    if "exact" not in cell.network.values:
        return np.zeros(cell.sizes["seed"], bool)
    exact = cell.sel(network="exact")
    return ((exact.status == 1) & exact.gap_width.isnull().any("time")).values


def _one(values: np.ndarray) -> int:
    return int(median(values)) if np.isfinite(values).any() else -1


def _seeds(status: xr.DataArray) -> dict:
    """How many seeds are ok, and which are not, as `diverged: seed 1, 4`."""
    bad = [
        f"{name}: seed {', '.join(str(seed) for seed in status.seed.values[status.values == code])}"
        for code, name in variables.STATUS.items()
        if code != 1 and (status == code).any()
    ]
    return {"seeds": int((status == 1).sum()), "not_ok": "; ".join(bad)}


def render(study: Study, frame: pd.DataFrame) -> str:
    """The table as text. Axes with one value are named once, above it."""
    facets = study.facets
    frame = of_subjects(frame[frame.quantity != "t_alignment"])  # which is in the file, and in a figure
    varied = [axis for axis in facets if frame[axis].nunique() > 1]
    fixed = ", ".join(f"{axis} {frame[axis].iloc[0]}" for axis in facets if axis not in varied)
    judged = {prefix: _counts(frame[frame.quantity.str.startswith(f"{prefix}t_")]) for prefix in ("", "model_")}
    frame = frame[~frame.quantity.str.startswith("model_")]
    table = plain()
    table.add_column("quantity", max_width=44)  # the names of cells wrap
    curves = known_curves(frame)
    for column in curves:
        table.add_column(column, justify="right")
    subject = "law" if set(frame.network) == {"law"} else "trained"
    table.add_column(f"{subject}/exact", justify="right", no_wrap=True)
    table.add_column("between", justify="right")
    table.add_column("margin", justify="right")
    table.add_column("verdict")
    previous = None
    for _, row in frame.head(SHOWN).iterrows():
        cell = tuple(row[[*varied, "network"]])
        if cell != previous:
            table.add_section()
            values = told(study, {axis: row[axis] for axis in varied})
            table.add_row(", ".join([*(_axis_value(axis, value) for axis, value in values.items()), row.network]))
        previous = cell
        quantity = row.quantity if row.quantity == "dimension" else f"{row.quantity} ({row.boundary})"
        ratio = position = margin = ""
        if row.quantity != "dimension":
            ratio = "-" if math.isnan(row.ratio) else f"{row.ratio:.2f} [{row.ratio_low:.2f}, {row.ratio_high:.2f}]"
            position = "" if math.isnan(row.position) else f"{row.position:.2f}"
            margin = "" if math.isnan(row.margin) else f"{row.margin:.0%}"
        verdict = row.verdict + (f" ({row.not_ok})" if row.not_ok else "")
        table.add_row(f"  {quantity}", *(_short(row[name]) for name in curves), ratio, position, margin, verdict)
    seeds, confidence = len(study.axes["seed"]), study.document.compare.confidence
    lines = [
        f"{study.name}: {fixed}; times are noise variances t; (k): gap below k modes",
        f"medians over {seeds} seeds; {subject}/exact: seed by seed, with its {confidence:.0%} Student interval",
        "between: 0 at the gaussian score, 1 at the exact one"
        + ("; consistency: t_open t_close / t_max^2, in theory 1" if "consistency" in set(frame["quantity"]) else ""),
        "",
        *text(table),
        "",
        *([f"... and {len(frame) - SHOWN} more rows in the CSV file"] if len(frame) > SHOWN else []),
        f"phase times against exact: {judged['']}",
        f"the same by a fit to the whole curve (CSV file): {judged['model_']}",
    ]
    return "\n".join(lines) + "\n"


def _counts(rows: pd.DataFrame) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in rows.verdict.value_counts().items())


def _axis_value(axis: str, value) -> str:
    short = {"manifold_dim": "m", "ambient_dim": "d", "curvature": "c"}.get(axis, axis.split(".")[-1])
    return f"{short} {value}" if isinstance(value, str) else f"{short} {value:g}"


def known_curves(frame: pd.DataFrame) -> list[str]:
    """Columns of the comparison that hold phase times at all."""
    return [name for name in ("law", "corrected", "gaussian", "exact", "trained") if frame[name].notna().any()]


def _short(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3g}"
