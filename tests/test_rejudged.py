"""Published tables that were judged anew say what the code of today says of their numbers."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import rejudged
from hypothesis import given
from hypothesis import strategies as some
from paper_sentences import FINDINGS, ROOT, STUDY

from scoregap.analysis.intervals import interval, interval_with_draws
from scoregap.analysis.verdicts import Reason, decide
from scoregap.variables import ABSENT, NONE_PREDICTED, State


def published(name: str) -> tuple[pd.DataFrame, list[str]]:
    """A table, and the axes that it has."""
    frame = pd.read_csv(FINDINGS / f"{name}.csv")
    return frame, [axis for axis in STUDY.condition_axes if axis in frame]


def test_verdicts_and_what_stands_behind_them_follow_from_the_published_numbers():
    """A bug: `why` and intervals stayed those of the run, and the page said that they were of today."""
    claims, axes = published("claims")
    compared, _ = published("comparison")
    as_the_run = claims.trained.where(claims.trained.notna() | (claims.seen == 0), 1.0)  # of some seeds left out since
    again = rejudged.of_claims(claims.assign(trained=as_the_run), compared, axes, lambda _: {})
    names = ["verdict", "of_exact", "why", "seen"]
    again, claims = (frame[names].astype(object).fillna("") for frame in (again, claims))
    pd.testing.assert_frame_equal(again, claims, check_dtype=False)


def test_what_is_not_seen_is_decided_by_decide():
    compared, _ = published("comparison")
    reasons = compared[compared.reason.notna() & compared.margin.notna()]
    assert set(reasons.reason) == {Reason.SEEN_IN_SOME, Reason.SEEN_IN_NONE, Reason.NONE_PREDICTED}
    for _, row in reasons.iterrows():
        state = NONE_PREDICTED if row.state == State(NONE_PREDICTED).text else ABSENT
        pair = rejudged.seeds(row.of, row.seen, state), rejudged.seeds(row.of, row.exact_seen)
        found = decide(*pair, row.margin, True, 0.9, rejudged.UNKNOWN)
        assert (found.verdict, found.detail.reason) == (row.verdict, row.reason)


@given(some.integers(0, 2**32 - 1), some.integers(3, 8), some.floats(0.01, 0.3))
def test_so_many_draws_that_those_of_the_seeds_do_not_count(seed, k, spread):
    rng = np.random.default_rng(seed)
    learning, finite = rng.normal(0.1, spread, k), rng.normal(0.05, 0.1, k)
    more = rng.normal(0.05, 0.1, 20_000)
    wanted = interval_with_draws(learning, finite, more, 0.9)
    found = rejudged.by_draws(interval(learning, 0.9), more, 0.9)
    np.testing.assert_allclose(found, wanted, atol=2e-3 * (wanted[1] - wanted[0]) + 2e-4)


@pytest.mark.slow
def test_draws_of_today_are_those_that_are_recorded():
    """By another way: `make draws-of-f`."""
    cell = {axis: values[0] for axis, values in STUDY.parts[0].axes.items() if axis in STUDY.condition_axes}
    drawn = rejudged.further(STUDY, cell)
    recorded = pd.read_csv(ROOT / "results" / "benchmarks" / "draws_of_f.csv")
    rows = recorded[(recorded["std"] == 0.1) & (recorded.manifold_dim == 40)]
    assert len(rows) == 4
    for row in rows.itertuples():
        ratio = np.exp(drawn[row.quantity])
        error = math.hypot(row.error, ratio.std() / math.sqrt(len(ratio)))
        assert abs(ratio.mean() - row.ratio) < 4 * error
    assert rejudged.further(STUDY, cell | {"family": "arcs", "manifold_dim": 10, "curvature": 1.0,
                                           "manifold.groups.1.std": 0.15}) == {}  # fmt: skip


def test_the_table_of_what_moved_is_of_the_claims():
    claims, axes = published("claims")
    moved = pd.read_csv(FINDINGS / "moved.csv").fillna("")
    keys = [name for name in moved if name in ("claim", *axes, "network")]
    both = moved.merge(claims.assign(why=claims.why.fillna("")), on=keys, validate="one_to_one")
    assert len(both) == len(moved)
    for name in ("verdict", "of_exact", "why"):
        assert list(both[name]) == list(both[f"{name}_now"])


def test_the_table_of_baselines_accepted_anew():
    text = (ROOT / "docs" / "explanation" / "statistics.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| baseline ")]
    later = {"error_budget", "quickstart"}  # accepted for the first time, or of another network since
    names = {row[0].removeprefix("baseline ").strip("`") for row in rows}
    assert names == {path.stem for path in (ROOT / "results" / "baselines").glob("*.json")} - later
    for name, before, gone, fewer, same in rows:
        path = ROOT / "results" / "baselines" / f"{name.removeprefix('baseline ').strip('`')}.json"
        metrics = json.loads(path.read_text())["metrics"]
        assert len(metrics) == int(before) - int(gone) == int(fewer) + int(same)
