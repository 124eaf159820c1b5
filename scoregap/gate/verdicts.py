"""Has anything got worse? The verdicts of a run against its baseline, and of its comparison against theory.

two records of `scoregap.baselines`, comparison.csv -> rows with verdicts, worst first -> table, JSON, JUnit, status

Numbers of closed forms agree to ROUNDING or are worse. Of numbers that scatter, with the difference of means over
seeds, paired where the seeds are the same: **same** if its 90 % interval lies inside the margin; **worse**, **better**
if it exceeds the margin and is significant at 1 %, by Holm's method over all metrics, so that at most 1 % of unchanged
runs have any; otherwise **inconclusive**. Standard deviations: `baselines.spread`.
"""

import io
import json
import math
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from scipy import special

from scoregap import InputError, storage
from scoregap.gate import metrics as baselines
from scoregap.gate.metrics import KINDS, Metric, Record, named, spread, varied
from scoregap.study import Study

ROUNDING = 1e-5  # relative
CONFIDENCE, SIGNIFICANCE = 0.9, 0.01
FEWEST = 3  # seeds of a baseline with trained networks
VERDICTS = ("missing", "worse", "disagrees", "inconclusive", "new", "better", "same", "agrees", "")  # worst first
BAD, UNCLEAR = ("missing", "worse", "disagrees"), ("inconclusive", "new")
OK, WORSE, INCONCLUSIVE, INCOMPARABLE = 0, 1, 3, 4  # exit statuses
SHOWN = 40  # rows of the table


class Theory(NamedTuple):
    """Agrees, disagrees or inconclusive, in the words of the comparison; the relative difference from exact and its
    interval, over the study's margin."""

    verdict: str = ""
    words: str = ""
    at: float = math.nan
    low: float = math.nan
    high: float = math.nan


NO_THEORY = Theory()


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


class Check(NamedTuple):
    """Rows, worst first, and the closed forms' numbers that cannot be compared since no seed is the same."""

    rows: list[Row]
    apart: int = 0


def differences(old: Record, new: Record) -> list[str]:
    """Why two records cannot be compared, one sentence each; empty if they can."""
    found = []
    if old.study != new.study:
        found.append(f"study: {old.study} in the baseline, {new.study} here")
    was, now = _leaves(old.config), _leaves(new.config)
    for key in sorted(was.keys() | now.keys()):
        if was.get(key) != now.get(key):
            found.append(f"data: {key}: {was.get(key)} in the baseline, {now.get(key)} here")
    if old.device != new.device:
        found.append(f"device class: {old.device} in the baseline, {new.device} here")
    return found


def _leaves(content, path: str = "") -> dict[str, str]:
    """Plain data by dotted path."""
    if not isinstance(content, dict):
        return {path: json.dumps(content, sort_keys=True)}
    return {
        name: leaf
        for key, one in content.items()
        for name, leaf in _leaves(one, f"{path}.{key}" if path else str(key)).items()
    }


def compare(old: Record, new: Record) -> Check:
    """Verdicts of a run against its baseline. Both are of the same study: `differences` finds none."""
    common = [seed for seed in old.seeds if seed in new.seeds]
    here, there = ([record.seeds.index(seed) for seed in common] for record in (old, new))
    rows = [Row(name, "missing") for name in new.not_ok]
    fixed = {name: metric for name, metric in old.metrics.items() if metric.margin is None}
    for name, metric in fixed.items():
        if common:
            other = new.metrics.get(name)
            rows.append(_fixed(name, metric, here, None if other is None else other.array()[there]))
    scattering = {name: metric for name, metric in old.metrics.items() if metric.margin is not None}
    lost = {name for name, metric in scattering.items() if _lost(metric, new.metrics.get(name))}
    rows += [Row(name, "missing") for name in lost]
    rows += [Row(name, "new") for name in new.metrics.keys() - old.metrics.keys()]
    judged = {name: metric for name, metric in scattering.items() if name not in lost}
    rows += _judged(judged, new.metrics, (here, there) if len(common) == min(len(old.seeds), len(new.seeds)) else None)
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
        return Row(name, "missing")
    known = np.isfinite(old)
    if np.isfinite(new[~known]).any() or not known.any():
        return Row(name, "new")
    old, new = old[known], new[known]
    least = baselines.RESOLUTION if metric.kind in ("spectrum", "excess") else 0.0
    allowed = ROUNDING * np.abs(old) + least
    worst = np.argmax(np.abs(new - old) - allowed)
    change = float(new[worst] - old[worst])
    deviation = float(old.std(ddof=1)) if len(old) > 1 else math.nan
    return Row(
        name, "same" if abs(change) <= allowed[worst] else "worse", False, old.mean(), deviation, new.mean(),
        change, change, change, allowed[worst] or ROUNDING,
    )  # fmt: skip


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
        row._replace(verdict=_verdict(row, p, KINDS[old[row.name].kind].low))
        for row, p in zip(rows, adjusted, strict=True)
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


def holm(p: list[float]) -> np.ndarray:
    """p-values adjusted for their number by Holm's method; NaN counts as 1."""
    values = np.where(np.isnan(p), 1.0, p)
    order = np.argsort(values)
    adjusted = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    result = np.empty(len(values))
    result[order] = np.minimum(adjusted, 1)
    return result


def _verdict(row: Row, p: float, low: bool) -> str:
    if -row.margin < row.low and row.high < row.margin:
        return "same"
    if p < SIGNIFICANCE and abs(row.difference) > row.margin:
        worse = row.difference > 0 if low else abs(row.new) > abs(row.mean)
        return "worse" if worse else "better"
    return "inconclusive"


# ---------------------------------------------------------------- theory, and both together


def theory(study: Study, folder: Path) -> dict[str, Theory]:
    """What the comparison says of every metric, by the study's own margins.

    Phase times only, and only where there is an answer. Raises DamagedFile, InputError.
    """
    path = folder / "comparison.csv"
    text, of = storage.read_table(path)
    if of != study.hash:
        raise InputError(f"{path}: is not of this study as it is now: rerun compare")
    frame, axes = pd.read_csv(io.StringIO(text), keep_default_na=False), varied(study)
    found = {}
    for _, row in frame[frame["quantity"].isin(baselines.PHASES)].iterrows():
        if verdict := agreement(row["verdict"]):
            name = named({axis: row[axis] for axis in axes}, row["network"], f"{row['quantity']}[{row['gap']}]")
            ratios = (float(row[key] or "nan") for key in ("ratio", "ratio_low", "ratio_high"))
            found[name] = Theory(verdict, row["verdict"], *((ratio - 1) / float(row["margin"]) for ratio in ratios))
    return found


def agreement(words: str) -> str:
    """agrees, disagrees or inconclusive, of a verdict of the comparison; empty where it could not be judged."""
    if words.startswith(("no exact arm", "no law", "exact not known")):
        return ""
    if words.startswith(("agrees", "both ", "no visible gap in either")):
        return "agrees"
    if words.startswith(("inconclusive", "seen in ")):
        return "inconclusive"
    return "disagrees"


class Report(NamedTuple):
    """A run, checked. baseline: None if the study does not require one and there is none."""

    study: Study
    baseline: Record | None
    rows: list[Row]
    apart: int

    def worst(self, verdict: str) -> str:
        """The worst verdict against `baseline` or `theory`; empty if there is none."""
        return min(
            ((row.verdict if verdict == "baseline" else row.theory.verdict) for row in self.rows),
            key=VERDICTS.index,
            default="",
        )

    def status(self, strict: bool) -> int:
        """The exit status: of the verdicts that the study requires."""
        worst = min((self.worst(one) for one in self.study.document.compare.require), key=VERDICTS.index)
        if worst in BAD:
            return WORSE
        return INCONCLUSIVE if strict and worst in (*UNCLEAR, "") else OK


def check(study: Study, folder: Path, path: Path | None) -> tuple[Report | None, list[str]]:
    """A study's finished run in a folder against the baseline in a file, if there is one, and against theory; or why
    it cannot be compared. Raises InputError, DamagedFile.
    """
    old = baselines.read(path) if path else None
    new = baselines.take(study, folder)
    found = Check([Row(name, "missing") for name in new.not_ok])
    if old:
        if why := differences(old, new):
            return None, why
        found = compare(old, new)
    agreements = theory(study, folder)
    rows = [row._replace(theory=agreements.pop(row.name, NO_THEORY)) for row in found.rows]
    rows += [Row(name, "", theory=one) for name, one in agreements.items()]
    return Report(study, old, worst_first(rows), found.apart), []


def render(report: Report) -> str:
    """The report as text."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("metric", no_wrap=True)
    for column in ("baseline", "new", "difference", "/ margin"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("baseline says", no_wrap=True)
    table.add_column("theory says")
    for row in report.rows[:SHOWN]:
        table.add_row(row.name, *_numbers(row), row.verdict, row.theory.words)
    buffer = io.StringIO()
    Console(file=buffer, width=170, color_system=None, markup=False).print(table)  # names have brackets
    lines = [line.rstrip() for line in buffer.getvalue().splitlines()]
    if len(report.rows) > SHOWN:
        lines.append(f"... and {len(report.rows) - SHOWN} more, no worse; all of them: --json")
    old = report.baseline
    of = f", of {old.date}, {len(old.seeds)} seeds, {old.revision}: {old.reason}" if old else ": there is none"
    lines += ["", f"baseline{of}"]
    if report.apart:
        lines.append(f"{report.apart} numbers of closed forms are not compared: no seed is the same")
    for one, verdicts in (
        ("baseline", [row.verdict for row in report.rows]),
        ("theory", [row.theory.verdict for row in report.rows]),
    ):
        counts = ", ".join(
            f"{verdicts.count(verdict)} {verdict}" for verdict in VERDICTS if verdict and verdict in verdicts
        )
        required = "required" if one in report.study.document.compare.require else "not required"
        lines.append(f"against the {one} ({required}): {counts or 'nothing to compare'}")
    return "\n".join(lines)


def _numbers(row: Row) -> tuple[str, str, str, str]:
    """Baseline with its spread, new, difference with its interval, difference over margin."""
    if math.isnan(row.difference):
        return "", "", "", ""
    if row.log:
        base, new = f"{math.exp(row.mean):.4g}", f"{math.exp(row.new):.4g}"
        deviation, difference, low, high = (
            f"{math.expm1(value):{sign}.1%}"
            for value, sign in ((row.spread, ""), (row.difference, "+"), (row.low, "+"), (row.high, "+"))
        )
    else:
        base, new = f"{row.mean:.4g}", f"{row.new:.4g}"
        deviation, difference, low, high = (
            f"{value:{sign}.3g}"
            for value, sign in ((row.spread, ""), (row.difference, "+"), (row.low, "+"), (row.high, "+"))
        )
    within = "" if math.isnan(row.p) else f" [{low}, {high}]"
    return (
        base + ("" if math.isnan(row.spread) else f" ± {deviation}"),
        new,
        difference + within,
        f"{row.in_margins:+.2f}",
    )


def as_json(report: Report, strict: bool) -> str:
    """The report for machines: every row; numbers of ratios are of their logarithms."""
    rows = [
        _plain(row._asdict() | {"in_margins": row.in_margins, "theory": _plain(row.theory._asdict())})
        for row in report.rows
    ]
    require = list(report.study.document.compare.require)
    content = {"study": report.study.name, "status": report.status(strict), "require": require}
    content |= {one: report.worst(one) for one in ("baseline", "theory")} | {"metrics": rows}
    return json.dumps(content, indent=1)


def _plain(values: dict) -> dict:
    """JSON knows no infinity and no NaN."""
    return {key: None if isinstance(one, float) and not math.isfinite(one) else one for key, one in values.items()}


def junit(report: Report, strict: bool) -> str:
    """The report for CI systems: a test per verdict; those that are not required are never failures."""
    suite = ElementTree.Element("testsuite", name=f"scoregap.{report.study.name}")
    counts = {"tests": 0, "failures": 0, "skipped": 0}
    for row in report.rows:
        for one, verdict in (("baseline", row.verdict), ("theory", row.theory.verdict)):
            if not verdict:
                continue
            case = ElementTree.SubElement(suite, "testcase", classname=f"{report.study.name}.{one}", name=row.name)
            message = f"{verdict}: {' | '.join(filter(None, _numbers(row)))}" if one == "baseline" else row.theory.words
            bad, unclear = verdict in BAD, verdict in UNCLEAR
            fails = one in report.study.document.compare.require and (bad or (unclear and strict))
            counts["tests"] += 1
            if bad or unclear:
                counts["failures" if fails else "skipped"] += 1
                ElementTree.SubElement(case, "failure" if fails else "skipped", message=message)
    suite.attrib.update({key: str(count) for key, count in counts.items()})
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


# ---------------------------------------------------------------- a new baseline


def accept(study: Study, folder: Path, reason: str, path: Path, root: Path) -> Record:
    """Write the baseline of a finished run; the only thing that ever does. root: of the project's git tree.

    Raises InputError where nobody could later say what the numbers are of, or whether they have changed.
    """

    def refuse(why: str):
        raise InputError(f"baseline of {study.name}: is not accepted: {why}")

    if os.environ.get("CI"):
        refuse("CI is set: baselines are accepted by people, and reviewed")
    if not reason.strip():
        refuse("--reason is empty: say why the numbers are right")
    command = ["git", "status", "--porcelain", "--", ".", ":!results/baselines"]
    git = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if git.returncode:
        refuse(f"{root} is not a git tree")
    if git.stdout:
        changes = git.stdout.splitlines()
        refuse(f"the git tree has {len(changes)} uncommitted changes, as {changes[0][3:]}: commit them, and run again")
    seeds = len(study.axes["seed"])
    if study.trained_networks and seeds < FEWEST:
        refuse(f"{seeds} seeds are too few to know how networks scatter: should be at least {FEWEST}")
    record = baselines.take(study, folder)
    if record.revision.endswith("-dirty"):
        refuse(f"its cube was made by an uncommitted tree, {record.revision}: delete the cube and run again")
    if record.not_ok:
        refuse(f"{len(record.not_ok)} cells are not ok, as {record.not_ok[0]}")
    if path.exists() and not differences(old := baselines.read(path), record):
        unclear = [row.name for row in compare(old, record).rows if row.verdict == "inconclusive"]
        if unclear:
            refuse(f"against the one before, {len(unclear)} metrics are inconclusive, as {unclear[0]}: run more seeds")
    date = datetime.now(UTC).date().isoformat()
    record = record.model_copy(update={"reason": " ".join(reason.split()), "date": date})
    baselines.write(path, record)
    return record
