"""How a report is told to people and to machines.

Report -> table, JSON, JUnit
"""

import json
import math
from typing import Any
from xml.etree import ElementTree

from scoregap.analysis.tables import plain, text
from scoregap.regression.reports import Report
from scoregap.regression.theory import Theory
from scoregap.regression.verdicts import BAD, UNCLEAR, VERDICTS, Row
from scoregap.store.ownership import Kind, text_with

SHOWN = 40  # rows of the table


def as_text(report: Report) -> str:
    """The report as text."""
    table = plain()
    table.add_column("metric", no_wrap=True)
    for column in ("baseline", "new", "difference", "/ margin"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("baseline says", no_wrap=True)
    table.add_column("theory says")
    for row in report.rows[:SHOWN]:
        table.add_row(row.name, *_numbers(row), row.verdict, row.theory.words)
    lines = text(table)
    if len(report.rows) > SHOWN:
        lines.append(f"... and {len(report.rows) - SHOWN} more, no worse; all of them: --json")
    old = report.baseline
    of = f", of {old.date}, {len(old.seeds)} seeds, {old.revision}: {old.reason}" if old else ": there is none"
    lines += ["", f"baseline{of}", *(f"differs: {one}" for one in report.differs)]
    lines += [f"worse than the baseline? {report.answer()}"] if old else []
    if report.apart:
        lines.append(f"{report.apart} numbers of closed forms are not compared: no seed is the same")
    for one, verdicts in (
        ("baseline", [row.verdict for row in report.rows]),
        ("theory", [row.theory.verdict for row in report.rows]),
    ):
        counts = ", ".join(
            f"{verdicts.count(verdict)} {verdict}" for verdict in VERDICTS if verdict and verdict in verdicts
        )
        required = "required" if one in report.study.required else "not required"
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
        _plain(row._asdict() | {"in_margins": row.in_margins, "theory": _plain(_theory(row.theory))})
        for row in report.rows
    ]
    require = list(report.study.required)
    content = {"study": report.study.name, "status": report.status(strict), "require": require}
    content |= {one: report.worst(one) for one in ("baseline", "theory")}
    content |= {"differs": list(report.differs), "metrics": rows}
    return json.dumps(content, indent=1)


def _theory(theory: Theory) -> dict[str, Any]:
    """What theory says, its detail beside the rest."""
    return {key: one for key, one in theory._asdict().items() if key != "detail"} | theory.detail._asdict()


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no infinity and no NaN."""
    return {key: None if isinstance(one, float) and not math.isfinite(one) else one for key, one in values.items()}


JUNIT = Kind("a report for CI systems", text_with(r'<testsuite name="scoregap\.'))


def as_junit(report: Report, strict: bool) -> str:
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
            fails = one in report.study.required and (bad or (unclear and strict))
            counts["tests"] += 1
            if bad or unclear:
                counts["failures" if fails else "skipped"] += 1
                ElementTree.SubElement(case, "failure" if fails else "skipped", message=message)
    suite.attrib.update({key: str(count) for key, count in counts.items()})
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
