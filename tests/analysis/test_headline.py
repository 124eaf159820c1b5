"""The first lines: true of every kind of study, and what they call systematic is."""

import math

import numpy as np
import pandas as pd
import pytest
from compared import NO_CLAIMS, dimension, time, unseen
from own_data import UNTRAINED, written
from scipy import stats
from tiny import FLAT, edited

import scoregap
from scoregap.analysis import calibration, headline, profiles
from scoregap.analysis.tables import PHASES
from scoregap.study import load


@pytest.fixture
def study(tmp_path):
    return load(edited(tmp_path))


def lines_of(study, rows, tested=NO_CLAIMS):
    frame = pd.DataFrame(rows)
    found = headline.headline(study, frame, headline.systematic(study, frame), tested)
    assert len(found) < headline.MOST  # with the title
    return list(found["line"])


def test_what_is_low_in_every_cell_is_found_where_cells_alone_do_not_show_it(study):
    """Its draws are the unit: two m and three seeds are six, whatever the number of networks."""
    rng = np.random.default_rng(0)
    cells = [{"manifold_dim": m, "curvature": c, "network": name}
             for m in (2, 4) for c in (0.0, 0.5) for name in ("gated-8", "gated-16")]  # fmt: skip
    rows = [time("t_max", np.exp(rng.normal(-0.05, 0.06, 3)), 0.2, **cell) for cell in cells]
    rows += [time("t_open", np.exp(rng.normal(0.0, 0.06, 3)), 0.2, **cell) for cell in cells]
    found = headline.systematic(study, pd.DataFrame(rows)).set_index("quantity")
    low = found.loc["t_max"]
    assert (low.cells, low.draws, low.side) == (8, 6, "low")
    assert low.low_alone < low.low == 8
    assert found.loc["t_open", "side"] == "neither"
    logs = {(row["manifold_dim"], seed): [] for row in rows for seed in range(3)}
    for row in rows[:8]:
        for seed, one in enumerate(row["by_seed"].split()):
            logs[row["manifold_dim"], seed].append(math.log(float(one.split("=")[1])))
    means = np.mean(list(logs.values()), 1)
    assert low["mean"] == pytest.approx(np.exp(means.mean()))
    ends = stats.t.interval(0.9, 5, means.mean(), stats.sem(means))
    assert [low.mean_low, low.mean_high] == pytest.approx(np.exp(ends))
    assert low.p == pytest.approx(2 * stats.ttest_1samp(means, 0).pvalue)  # Holm: the smaller of two
    (line,) = (one for one in lines_of(study, rows) if one.startswith("systematic"))
    assert line.startswith(f"systematic: t_max low in {low.low} of 8 ({low.least:.2f} to {low.most:.2f} of exact; ")


@pytest.mark.parametrize(("far", "few"), [(6.0, 1), (1 / 6, 1), (6.0, 2)])
def test_what_a_few_far_cells_move_is_not_called_systematic(study, far, few):
    """The mean over cells is significant, and most cells lie on its other side."""
    rng, rows = np.random.default_rng(0), []
    for i in range(5):
        centre = math.log(far if i < few else far**-0.02)
        rows.append(time("t_open", np.exp(rng.normal(centre, 0.01, 3)), 0.2, curvature=0.1 * i))
    found = headline.systematic(study, pd.DataFrame(rows)).iloc[0]
    assert found.side == ("high" if far > 1 else "low")
    lines = lines_of(study, rows)
    assert f"low in some and high in others: t_open {found.least:.2f} to {found.most:.2f} of exact" in lines
    assert not any("systematic" in line for line in lines)


@pytest.mark.slow
def test_where_nothing_is_systematic_at_most_one_study_in_twenty_says_so(study):
    """Cells of a draw share most of what scatters: counted as independent they would say so far more often."""
    rng, repeats, wrong = np.random.default_rng(1), 200, 0
    for _ in range(repeats):
        rows = []
        for quantity in PHASES:
            shared = rng.normal(0, 0.04, (2, 3))
            rows += [time(quantity, np.exp(shared[i] + rng.normal(0, 0.02, 3)), manifold_dim=2 * i + 2, network=name)
                     for i in range(2) for name in ("gated-8", "gated-16", "gated-32", "gated-64")]  # fmt: skip
        wrong += headline.systematic(study, pd.DataFrame(rows)).side.isin(["low", "high"]).any()
    error = math.sqrt(headline.SIGNIFICANCE / repeats)
    assert wrong / repeats < headline.SIGNIFICANCE + 3 * error


def test_the_number_that_agree_comes_first_with_those_that_do_not(study):
    rows = [time("t_open", [0.97, 0.98]), time("t_max", [1.4, 1.41]), time("t_close", [0.8, 1.3]),
            time("t_consolidation", [0.96, 0.961]), time("t_max", [1.5, 1.51], curvature=0.5)]  # fmt: skip
    first, *rest = lines_of(study, rows)
    assert first == "networks match the exact score in 2 of 5 phase times (1 low), 2 disagree, 1 inconclusive"
    assert rest[0].startswith("  t_max[0], c 0.5, gated-8: 1.50 [1.4")
    assert rest[0].endswith(", margin 10%: disagrees")
    assert rest[1] == "  and 2 more that do not agree"


def test_a_time_that_only_one_has_is_told_so(study):
    seen = {"of": 3, "seen": 2, "exact_seen": 3}
    rows = [time("t_open", [1.0, 1.01]), unseen("t_max", "inconclusive", "seen in some seeds", **seen)]
    assert lines_of(study, rows)[1] == "  t_max[0], gated-8: trained has it in 2 of 3 seeds, exact in 3"


def test_without_networks_the_law_is_compared(tmp_path):
    study = load(edited(tmp_path, FLAT, ("exact, gaussian, gated-8", "exact")))
    lines = lines_of(study, [time("t_open", [0.5, 0.51], network="law"), time("t_max", [1.0, 1.01], network="law")])
    assert lines[0] == "the law of infinite dimension matches the exact score in 1 of 2 phase times, 1 disagree"
    assert not any(line.startswith(("law", "dimension")) for line in lines)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([unseen("t_open", "not testable", "no exact score in the study")], "no exact score in the study"),
        ([unseen("t_open", "not testable", "exact not known", unknown=2)], "exact not known"),
        ([dimension([2, 2])], "there is no phase time"),
    ],
)
def test_what_cannot_be_compared_says_why(study, rows, why):
    assert lines_of(study, rows)[0] == f"no phase time can be compared with the exact score: {why}"


def test_where_all_has_failed_it_is_said(study):
    lost = {"of": 2, "seen": 0, "exact_seen": 2, "not_ok": "diverged: seed 0, 1", "state": "not known"}
    rows = [unseen(name, "disagrees", "seen in some seeds", curvature=c, **lost) for name in PHASES for c in (0.0, 0.5)]
    lines = lines_of(study, rows)
    assert lines[0] == "networks match the exact score in 0 of 8 phase times, 8 disagree"
    assert lines[-1] == "without a result: c 0, gated-8: diverged: seed 0, 1; c 0.5, gated-8: diverged: seed 0, 1"
    assert not any("systematic" in line for line in lines)


@pytest.mark.parametrize(("ok", "said"), [((2, 2), "4 networks"), ((1,), "1 network")])
def test_only_what_is_compared_is_said_to_have_a_result(study, ok, said):
    """Of the references, whose files may be missing, no row says so."""
    rows = [time("t_open", [1.0] * n, curvature=0.1 * i, seeds=n) for i, n in enumerate(ok)]
    assert lines_of(study, rows)[-1] == f"without a result: none of {said}"


def test_of_one_draw_nothing_is_called_systematic(study):
    assert "systematic: not to be told of one draw of the manifold" in lines_of(study, [time("t_open", [0.9])])


def test_scores_without_any_difference_are_not_systematic(study):
    found = headline.systematic(study, pd.DataFrame([time("t_max", [1.0, 1.0, 1.0]), time("t_open", [0.9, 0.9, 0.9])]))
    assert list(found.side) == ["low", "neither"]


def test_the_dimension_says_what_was_found_instead(study):
    rows = [time("t_open", [1.0, 1.01]), dimension([2, 2]), dimension([0, 8], curvature=0.5)]
    said = "right in 2 of 4 cells; none in 1; all d directions in 1, where nothing has been learned"
    assert f"dimension, found without knowing it: {said}" in lines_of(study, rows)


def test_the_law_is_compared_once_for_all_networks_of_a_cell(study):
    law = {"law_verdict": "agrees", "law_to_exact": 1.02}
    bent = {"law_verdict": "disagrees", "law_to_exact": 0.6, "curvature": 0.5}
    rows = [time("t_open", [1.0, 1.01], network=name, **one) for name in ("gated-8", "gated-16") for one in (law, bent)]
    (line,) = (one for one in lines_of(study, rows) if one.startswith("law"))
    assert line == (
        "law of infinite dimension, at d = 8: agrees with exact in 1 of 1 at c = 0, 0 of 1 at c > 0, 1 disagree; "
        "law / exact 0.60 to 1.02, farthest t_open (0.60 to 1.02)"
    )


def test_lines_for_which_there_is_no_room_are_left_out_the_least_first(study):
    tested = pd.DataFrame({"verdict": ["agrees"], "of_exact": ["disagrees"]})
    rows = [time(name, [0.7, 0.701], curvature=c) for name in PHASES for c in (0.0, 0.5)] + [dimension([2, 2])]
    frame = pd.DataFrame(rows)
    made = headline.headline(study, frame, headline.systematic(study, frame), tested)
    kinds = {n: set(made.kind) - set(made[made["line"].isin(headline.no_more_than(n, made, lambda one: [one]))].kind)
             for n in (len(made), len(made) - 1, len(made) - 2)}  # fmt: skip
    assert list(kinds.values()) == [set(), {"claims"}, {"claims", "cells"}]


BLOCKS = """\
blocks:
  one: {network: [gaussian]}
  two: {network: [gaussian, empirical], class: [all, 2], seed: 3}
spectrum:
"""


def test_blocks_of_data_that_share_a_cell_are_told_apart(own, tmp_path):
    """They may have other seeds, and so other numbers."""
    changes = ("  seed: 2", "  class: [all]\n  seed: 1"), ("spectrum:\n", BLOCKS)
    study = load(written(tmp_path, UNTRAINED, *changes))
    frame = profiles.profile(load(own[0]), [scoregap.open(own[1])])
    frame = frame[frame["network"] != "gated-8"]
    one = frame[frame["network"] == "gaussian"].assign(**{"with": 0}, block="one", **{"class": "all"})
    two = [frame.assign(block="two", **{"class": label}) for label in ("all", "2")]
    found = headline.of_data(study, pd.concat([one, *two]), {})
    lines = [line.partition(": ") for line in found["line"]]
    cells = ["block two, class all", "block two, class 2"]
    scores = [f"{cell}, {name}" for cell in cells for name in ("gaussian", "empirical")]
    assert [cell for cell, _, _ in lines] == ["block one, gaussian", *scores]
    assert lines[0][2] == "no shoulder"
    assert lines[1][2].startswith("a plateau at n = 3.0")


def test_of_many_scores_of_data_the_last_are_counted_and_the_verdicts_stay(own):
    study = load(own[0])
    frame = profiles.profile(study, [scoregap.open(own[1])])
    gaussian = frame[frame["network"] == "gaussian"]
    every = pd.concat([gaussian.assign(network=f"one-{i}") for i in range(30)])
    judged = calibration.calibration(study, [scoregap.open(own[1])])
    assert not judged.plausible.all()
    for names in ([], [f"one-{i}" for i in range(20)]):
        off = [judged[~judged.plausible].head(1).assign(network=name) for name in names]
        found = headline.of_data(study, every, {"calibration": pd.concat([judged, *off])})
        assert len(found) < headline.MOST  # with the title
        shows, verdicts = (list(found["line"][found["kind"] == kind]) for kind in ("profile", "calibration"))
        assert shows[-1] == f"and {30 - len(shows) + 1} more below"
        assert verdicts[0].startswith("calibration")
        assert any("empirical" in line for line in verdicts)
        assert verdicts[-1].endswith(" more below") == bool(names)


def test_the_settings_farthest_from_theory_come_worst_first_and_once(tmp_path):
    many = [round(0.01 * i, 2) for i in range(1, 41)]
    study = load(edited(tmp_path, ("curvature: [0.0, 0.5]", f"curvature: {many}")))
    rows = [time(name, [0.98, 0.981], curvature=c) for c in many for name in ("t_open", "t_max")]
    rows += [time("t_close", [0.5, 0.51], curvature=0.3), time("t_close", [0.4, 0.41], curvature=0.07)]
    frame = pd.DataFrame(rows)
    assert [setting[-1] for setting in headline.farthest(study, frame, 2)] == [0.07, 0.3]
    elsewhere = pd.DataFrame([*rows, time("t_close", [0.1, 0.11], curvature=9.0)])  # of another block
    assert headline.farthest(study, elsewhere, 3)[:2] == headline.farthest(study, frame, 2)
    assert len(set(headline.farthest(study, frame, 100))) == len(many)
