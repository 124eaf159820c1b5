"""Judges published tables of an earlier version anew: `python tests/rejudged.py STUDY REVISION`.

results/findings/STUDY as of REVISION (git) -> comparison.csv, claims.csv, claims.svg as of now, provenance.json

Spectra are not published: what needs them is left out. Times of gaps that are not visible in every seed are left out,
since published medians count what such gaps had; verdicts follow `verdicts.decide` and `hypotheses`; of the claims the
widest spacings are not known, nor how far curves are from the exact ones. Draws of F stay those of the study.
"""

import io
import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
from published import RESULTS, hashes

from scoregap.analysis import controls, hypotheses
from scoregap.analysis.quantities import CLAIMS, Kind
from scoregap.analysis.tables import PHASES
from scoregap.analysis.verdicts import Cause, Detail, Reason, Verdict
from scoregap.report.figures import claims, styled
from scoregap.runtime.workflow import find
from scoregap.study import Study, load
from scoregap.variables import State

OF_TRAINED = ["trained", "ratio", "ratio_low", "ratio_high", "position", "time", "low", "high"]
OF_EXACT = ["exact", "gaussian", "law_to_exact", "exact_time", "exact_low", "exact_high"]
NO_GAP = State.ABSENT.text
CONFIDENCE = 0.9


def comparison(frame: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    """The comparison with the verdicts of now."""
    rows = []
    for _, old in frame.astype(object).iterrows():
        said, seeds = str(old.verdict), int(old.seeds)
        verdict, detail, unknown = said, Detail("", seeds, seeds, seeds), []
        if found := re.fullmatch(r"right in (\d+) of (\d+)", said):
            verdict, detail = "", Detail(of=int(found[2]), right=int(found[1]))
        elif found := re.fullmatch(r"seen in (\d+), exact in (\d+)", said):
            seen, exact = int(found[1]), int(found[2])
            detail = Detail(Reason.SEEN_IN_SOME, seeds, seen, exact, NO_GAP if seen < seeds else "",
                            NO_GAP if exact < seeds else "")  # fmt: skip
            verdict = by_seen(seen, exact)
            unknown = OF_TRAINED * (seen < seeds) + [*OF_EXACT, *OF_TRAINED] * (exact < seeds)
        elif said == "no visible gap in either":
            verdict, detail = Verdict.AGREES, Detail(Reason.SEEN_IN_NONE, seeds, 0, 0, NO_GAP, NO_GAP)
            unknown = [*OF_TRAINED, *OF_EXACT]
        elif said == "law not known, exact no visible gap":
            none = State.NONE_PREDICTED.text
            verdict, detail = Verdict.AGREES, Detail(Reason.NONE_PREDICTED, seeds, 0, 0, none, NO_GAP)
            unknown = [*OF_TRAINED, *OF_EXACT]
        rows.append({**old, **dict.fromkeys(unknown, np.nan), "verdict": "" if said == "nan" else verdict,
                     **detail._asdict()})  # fmt: skip
    found = pd.DataFrame(rows)
    place = [*axes, "network"]
    hidden = found[(found["quantity"] == "t_max") & (found.seen < found.of)].set_index([*place, "gap"]).index
    lost = (found["quantity"] == "consistency") & found.set_index([*place, "gap"]).index.isin(hidden)
    found.loc[lost, [*OF_TRAINED, "ratio"]] = np.nan
    return found.assign(control=controls.of_rows(found, axes)).infer_objects()


def by_seen(seen: int, exact: int) -> Verdict:
    """The verdict where one is not seen in some seeds."""
    return Verdict.DISAGREES if min(seen, exact) == 0 and max(seen, exact) > 1 else Verdict.INCONCLUSIVE


def of_claims(frame: pd.DataFrame, compared: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    """The claims with the tests of now. compared: the comparison as of now."""
    keys, rows = [*axes, "network"], []
    of = {
        (*place, name): row
        for *place, name, row in zip(
            *(compared[key] for key in keys), compared["quantity"], (row for _, row in compared.iterrows()), strict=True
        )
    }
    for _, old in frame[frame.claim != "no_gap"].astype(object).iterrows():
        name = "schedule_t_max" if old.claim == "schedule" else old.claim
        place, kind = tuple(old[key] for key in keys), CLAIMS[name].kind
        row = {**old, "claim": name, "says": CLAIMS[name].says, "why": "" if pd.isna(old.why) else old.why}
        time = {"consistency": "t_max", "shift": "t_consolidation"}.get(name, name)
        seeds = int(of[*place, "t_consolidation"].seeds)
        row |= {"of": seeds, "seen": seeds, "manifold_seeds": " ".join(map(str, range(seeds)))}
        if time in PHASES:
            states = of[*place, time]
            row |= {"of": states.of, "seen": states.seen}
            if states.seen < states.of:
                ends = [f"{of}{end}" for of in ("", "law_", "exact_") for end in ("low", "high")]
                row |= dict.fromkeys(["trained", "learning", *ends], np.nan)
                row |= {"verdict": by_seen(states.seen, states.of), "of_exact": by_seen(states.seen, states.exact_seen)}
                if row["verdict"] == Verdict.INCONCLUSIVE:
                    row["why"] = ""
        if kind is Kind.RIGHT:
            right = of[*place, "dimension"]
            found = hypotheses.proportion(np.arange(right.of) < right.right, CLAIMS[name].margin, CONFIDENCE)
            row |= {"law": 1.0, "trained": right.right / right.of, "low": found.low, "high": found.high}
            row |= {"law_low": found.low - 1, "law_high": found.high - 1, "margin": CLAIMS[name].margin}
            row |= dict.fromkeys(["gaussian", "exact", "exact_low", "exact_high", "learning", "finite"], np.nan)
            row |= {"verdict": found.verdict, "of_exact": Verdict.NOT_TESTABLE, "why": ""}
        if kind is Kind.LARGEST:
            row |= dict.fromkeys(["exact_low", "exact_high", "learning"], np.nan)
            row |= {"of_exact": Verdict.NOT_TESTABLE, "why": ""}
        if row["verdict"] == Verdict.AGREES and row["of_exact"] in controls.MISSED:
            row["why"] = Cause.CANCEL
        rows.append(row)
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


def rejudge(study: Study, revision: str) -> None:
    """Write the tables anew, from those of a revision."""
    folder = RESULTS / "findings" / study.name
    compared, tested = (pd.read_csv(io.StringIO(shown(revision, folder / name))) for name in
                        ("comparison.csv", "claims.csv"))  # fmt: skip
    axes = [axis for axis in study.condition_axes if axis in tested]
    compared = comparison(compared, axes)
    tested = of_claims(tested, compared, axes)
    compared.to_csv(folder / "comparison.csv", index=False, float_format="%.6g")
    tested.to_csv(folder / "claims.csv", index=False, float_format="%.6g")
    with styled():
        claims.overview(study, tested.fillna({"why": ""})).savefig(folder / "claims.svg")
    facts = json.loads(shown(revision, folder / "provenance.json"))
    facts["judged_anew"] = (
        f"comparison.csv, claims.csv and claims.svg, from those of {revision[:12]}: tests/rejudged.py"
    )
    facts["files"] = hashes(folder)
    (folder / "provenance.json").write_text(json.dumps(facts, indent=1) + "\n")


def shown(revision: str, path) -> str:
    """A file as of a revision."""
    place = f"{revision}:{path.relative_to(RESULTS.parent)}"
    return subprocess.run(["git", "show", place], capture_output=True, text=True, check=True, cwd=RESULTS.parent).stdout


if __name__ == "__main__":
    rejudge(load(find(sys.argv[1])), sys.argv[2])
