"""Judges published tables of an earlier version anew: `python tests/rejudged.py STUDY REVISION`.

results/findings/STUDY as of REVISION (git) -> comparison.csv, claims.csv, claims.svg, moved.csv (verdicts that moved)
as of now, provenance.json

Verdicts are those of `verdicts.decide` and `hypotheses`, what stands behind them of `verdicts.cause`. Tables have
intervals and counts of seeds, not the seeds' own values, so:

- Times that some seed does not have are left out, since published medians count what gaps that are not visible had.
- Intervals against the law go by way of the exact score and draws of F of today (`by_draws`), where there are any: flat
  cells, and what has a closed form. The others are those of the run.
- What needs spectra is not known: the widest spacings, asymmetries, how far curves are from the exact ones, whether the
  dimension of exact is right seed by seed. Where the exact score is not known, nothing is said to be behind a verdict.
"""

import io
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from published import RESULTS, hashes

from scoregap.analysis import controls, hypotheses, quantities
from scoregap.analysis.intervals import interval, median
from scoregap.analysis.quantities import CLAIMS, Kind
from scoregap.analysis.tables import PHASES
from scoregap.analysis.verdicts import Decision, Detail, Seeds, Verdict, cause, decide
from scoregap.laws import random_matrix, times
from scoregap.report.figures import claims, styled
from scoregap.runtime.finding import find
from scoregap.study import Study, load
from scoregap.variables import ABSENT, MEASURED, NONE_PREDICTED

OF_TRAINED = ["trained", "ratio", "ratio_low", "ratio_high", "position", "time", "low", "high"]
OF_EXACT = ["exact", "gaussian", "law_to_exact", "exact_time", "exact_low", "exact_high"]
CONFIDENCE = 0.9
SEEN_WITH = {
    "consistency": "t_max",
    "coverage_begins": "t_max",
    "coverage_ends": "t_max",
    "schedule_t_max": "t_max",
    "shift": "t_consolidation",
}  # claims -> the time without which they are not
UNKNOWN = (math.nan, math.nan)


def seeds(of: int, seen: int, state: int = ABSENT) -> Seeds:
    """So many seeds, of which some have a value, and the others a state. Which ones, and what values, is not known."""
    return Seeds(np.ones(of), np.where(np.arange(of) < seen, MEASURED, state))


def comparison(frame: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    """The comparison with the verdicts of now."""
    rows = []
    for _, old in frame.astype(object).iterrows():
        said, of = str(old.verdict), int(old.seeds)
        verdict, detail = said, Detail("", of, of, of)
        pair = None
        if found := re.fullmatch(r"right in (\d+) of (\d+)", said):
            verdict, detail = "", Detail(of=int(found[2]), right=int(found[1]))
        elif found := re.fullmatch(r"seen in (\d+), exact in (\d+)", said):
            pair = seeds(of, int(found[1])), seeds(of, int(found[2]))
        elif said == "no visible gap in either":
            pair = seeds(of, 0), seeds(of, 0)
        elif said == "law not known, exact no visible gap":
            pair = seeds(of, 0, NONE_PREDICTED), seeds(of, 0)
        unknown: list[str] = []
        if pair:
            verdict, detail, *_ = decide(*pair, old.margin, True, CONFIDENCE, UNKNOWN)
            unknown += OF_TRAINED * (detail.seen < of) + [*OF_EXACT, *OF_TRAINED] * (detail.exact_seen < of)
        rows.append({**old, **dict.fromkeys(unknown, np.nan), "verdict": "" if said == "nan" else verdict,
                     **detail._asdict()})  # fmt: skip
    found = pd.DataFrame(rows)
    place = [*axes, "network"]
    hidden = found[(found["quantity"] == "t_max") & (found.seen < found.of)].set_index([*place, "gap"]).index
    lost = (found["quantity"] == "consistency") & found.set_index([*place, "gap"]).index.isin(hidden)
    found.loc[lost, [*OF_TRAINED, "ratio"]] = np.nan
    return found.assign(control=controls.of_rows(found, axes)).infer_objects()


def further(study: Study, values: dict) -> dict[str, np.ndarray]:
    """{claim: (draws,)} the exact score of F drawn anew against the law, in the cell of these values, as `claims` has
    it: logarithms of ratios, differences, largest distances of curves; empty of curved cells."""
    part = next(part for part in study.parts if all(values[axis] in part.axes[axis] for axis in study.condition_axes))
    one = quantities.cell_of(part, {axis: values[axis] for axis in study.condition_axes})
    flat = quantities.flattened(one)
    if one["curvature"] or flat is None:
        return {}
    grid, gaps = one.spectrum.times.values, random_matrix.gap_edges(flat.law_edges())
    two = len(gaps) > 1 and bool(np.isfinite(gaps[0]).all())
    drawn = quantities.exact_of_draws(
        flat, tuple(grid), flat.boundaries[0] if two else None, one.fit.level, one.fit.visibility
    )
    widths = np.array([times.gap_width(grid, *gap) for gap in (gaps[0], gaps[-1])])
    law = {"t_consolidation": times.consolidation(gaps[-1][0]), "final_curve": widths[-1]}
    if two:
        law |= dict(zip(("t_open", "t_close"), times.opening_and_closing(*gaps[0], one.fit.level), strict=True))
        law |= {"t_max": times.maximum(*gaps[0])[0], "widest": widths[0].max(), "curve": widths[0]}
        law |= {name: at[0] for name, at in quantities.boundaries(grid, widths[None], one.fit.visibility).items()}
    found = {}
    for name, exact in drawn.items():
        kind = CLAIMS[name].kind
        apart = (np.log(exact / law[name]) if kind is Kind.RATIO else exact - law[name] if kind is Kind.DIFFERENCE
                 else np.abs(exact - law[name]).max(1))  # fmt: skip
        found[name] = apart[np.isfinite(apart)]
    return found


def by_draws(learning: tuple[float, float], more: np.ndarray, confidence: float) -> tuple[float, float]:
    """The interval of trained against the law, from that of trained against exact and exact against law in draws of F:
    `intervals.interval_with_draws` for so many draws (draws,) that the seeds' own do not count."""
    ends = learning, interval(more, confidence)
    centre = sum(0.5 * (low + high) for low, high in ends)
    half = math.hypot(*(0.5 * (high - low) for low, high in ends))
    return centre - half, centre + half


def of_claims(
    frame: pd.DataFrame, compared: pd.DataFrame, axes: list[str], drawn: Callable[[dict], dict[str, np.ndarray]]
) -> pd.DataFrame:
    """The claims with the tests of now. compared: the comparison as of now. drawn: values of axes -> `further`."""
    keys, rows = [*axes, "network"], []
    of = {
        (*place, name): row
        for *place, name, row in zip(
            *(compared[key] for key in keys), compared["quantity"], (row for _, row in compared.iterrows()), strict=True
        )
    }
    for _, old in frame[frame.claim != "no_gap"].astype(object).iterrows():
        name = "schedule_t_max" if old.claim == "schedule" else old.claim
        place = tuple(old[key] for key in keys)
        time = SEEN_WITH.get(name, name)
        states = of[*place, time if time in PHASES else "t_consolidation"]
        seen, exact_seen = (states.seen, states.exact_seen) if time in PHASES else (states.of, states.of)
        row = {**old, "claim": name, "says": CLAIMS[name].says, "of": states.of, "seen": seen,
               "manifold_seeds": " ".join(map(str, range(states.of)))}  # fmt: skip
        if CLAIMS[name].kind is Kind.RIGHT:
            rows.append(row | of_dimension(of[*place, "dimension"]))
        else:
            more = drawn({axis: old[axis] for axis in axes}).get(name, np.empty(0))
            rows.append(row | of_means(name, row, int(exact_seen), more))
    found = pd.DataFrame(rows)
    flat = found[found.curvature == 0].set_index([*(key for key in keys if key != "curvature"), "claim"]).of_exact
    for i, row in found[found.curvature != 0].iterrows():
        name = "t_consolidation" if row.claim == "shift" else row.claim
        control = flat.get((*(row[key] for key in keys if key != "curvature"), name), "")
        found.loc[i, "control"] = control
        if row.of_exact in controls.MISSED:
            found.loc[i, "attribution"] = controls.BY_CONTROL.get(
                control, "" if control else controls.Attribution.NO_CONTROL
            )
    return found


def of_dimension(right: pd.Series) -> dict:
    """The columns of a proportion right. right: the row of the comparison."""
    margin = CLAIMS["dimension"].margin
    assert margin is not None
    found = hypotheses.proportion(np.arange(right.of) < right.right, margin, CONFIDENCE)
    row = dict.fromkeys(["gaussian", "exact", "exact_low", "exact_high", "learning", "finite"], np.nan)
    row |= {"law": 1.0, "trained": right.right / right.of, "low": found.low, "high": found.high, "margin": margin}
    row |= {"law_low": found.low - 1, "law_high": found.high - 1}
    return row | {"verdict": found.verdict, "of_exact": Verdict.NOT_TESTABLE, "why": ""}


def of_means(name: str, row: dict, exact_seen: int, more: np.ndarray) -> dict:
    """The columns of what has intervals. row: as published, with of and seen; more: (draws,) exact against the law."""
    claim, margin, of = CLAIMS[name], row["margin"], row["of"]
    scale, back, less = (np.log, np.exp, np.expm1) if claim.log else (np.asarray, float, float)
    seen = of if row["seen"] == of and np.isfinite(row["trained"]) else row["seen"] * np.isfinite(row["trained"])
    learning, to_law = (tuple(scale(float(row[f"{by}_{end}"])) for end in ("low", "high")) for by in ("exact", "law"))
    if row["verdict"] == Verdict.NOT_TESTABLE:
        return {"why": ""}
    found = {"seen": seen}
    if seen < of:
        ends = [f"{by}{end}" for by in ("", "law_", "exact_") for end in ("low", "high")]
        found |= dict.fromkeys(["trained", "learning", *ends], np.nan)
        learning = to_law = UNKNOWN
    elif more.size:
        to_law = by_draws(learning, more, CONFIDENCE)
        found |= {"law_low": float(back(to_law[0])), "law_high": float(back(to_law[1]))}
    if more.size:
        found |= {"draws": len(more), "finite": float(less(median(more)))}
    subject, exact, law = seeds(of, seen), seeds(of, exact_seen), Seeds.of(np.full(of, float(row["law"])))
    if claim.kind in (Kind.LARGEST, Kind.RMS):
        of_law, of_exact = (
            decided(hypotheses.distance(np.empty(0), margin, CONFIDENCE, ends), of) for ends in (to_law, learning)
        )
    else:
        of_law, of_exact = (
            decide(subject, reference, margin, claim.log, CONFIDENCE, ends)
            for reference, ends in ((law, to_law), (exact, learning))
        )
    if claim.kind is Kind.LARGEST:  # the run published differences of two distances from the law
        found |= dict.fromkeys(["exact_low", "exact_high", "learning"], np.nan)
        return found | {"verdict": of_law.verdict, "of_exact": Verdict.NOT_TESTABLE, "why": ""}
    exact_of_law = decide(exact, law, margin, claim.log, CONFIDENCE, interval(more, CONFIDENCE))
    row = row | found
    why = cause(of_law, of_exact, exact_of_law, row["learning"], row["finite"], margin)
    return found | {"verdict": of_law.verdict, "of_exact": of_exact.verdict, "why": why}


def decided(found: hypotheses.Tested, of: int) -> Decision:
    """What was tested in so many seeds."""
    return Decision(found.verdict, Detail("", of, of, of), found.low, found.high)


def moved(before: pd.DataFrame, now: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    """Rows of the claims whose verdict is another now, or what stands behind it: what both were, and why. Without those
    that moved only in that trained against exact is not known now."""
    keys = ["claim", *axes, "network"]
    before = before.assign(claim=before.claim.replace("schedule", "schedule_t_max"))
    both = before.merge(now, on=keys, suffixes=("_before", "_now"))
    names = [f"{name}_{when}" for name in ("verdict", "of_exact", "why") for when in ("before", "now")]
    both[names] = both[names].fillna("")
    other = np.logical_or.reduce([both[one] != both[two] for one, two in zip(names[::2], names[1::2], strict=True)])
    other &= both.of_exact_now != Verdict.NOT_TESTABLE
    other |= both.verdict_before != both.verdict_now
    varied = [axis for axis in axes if before[axis].nunique() > 1]
    return both[other].assign(because=both.apply(because, axis=1))[["claim", *varied, "network", "because", *names]]


def because(row: pd.Series) -> str:
    """Why a row moved."""
    if row.seen < row.of:
        return f"seen in {row.seen} of {row.of} seeds"
    if row.verdict_before == row.verdict_now:
        return "what stands behind it"
    return "binomial proportion" if row.claim == "dimension" else f"{row.draws_now} draws of F"


def rejudge(study: Study, revision: str) -> None:
    """Write the tables anew, from those of a revision."""
    folder = RESULTS / "findings" / study.name
    compared, before = (pd.read_csv(io.StringIO(shown(revision, folder / name))) for name in
                        ("comparison.csv", "claims.csv"))  # fmt: skip
    axes = [axis for axis in study.condition_axes if axis in before]
    compared = comparison(compared, axes)
    tested = of_claims(before, compared, axes, partial(further, study))
    compared.to_csv(folder / "comparison.csv", index=False, float_format="%.6g")
    tested.to_csv(folder / "claims.csv", index=False, float_format="%.6g")
    moved(before, tested, axes).to_csv(folder / "moved.csv", index=False)
    with styled():
        claims.overview(study, tested.fillna({"why": ""})).savefig(folder / "claims.svg")
    facts = json.loads(shown(revision, folder / "provenance.json"))
    facts["judged_anew"] = (
        f"comparison.csv, claims.csv, claims.svg and moved.csv, from those of {revision[:12]}: tests/rejudged.py"
    )
    facts["files"] = hashes(folder)
    (folder / "provenance.json").write_text(json.dumps(facts, indent=1) + "\n")


def shown(revision: str, path) -> str:
    """A file as of a revision."""
    place = f"{revision}:{path.relative_to(RESULTS.parent)}"
    return subprocess.run(["git", "show", place], capture_output=True, text=True, check=True, cwd=RESULTS.parent).stdout


if __name__ == "__main__":
    rejudge(load(find(sys.argv[1])), sys.argv[2])
