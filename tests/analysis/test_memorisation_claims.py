"""Claims of memorisation: on invented trainings with a known exponent, on a null, and what is lost first."""

import io

import numpy as np
import pandas as pd
import pytest
from tiny import WITH_MEMORISATION, edited, measured

from scoregap import analysis
from scoregap.analysis import memorisation_claims
from scoregap.analysis.tables import as_csv
from scoregap.analysis.verdicts import Verdict
from scoregap.study import load

SIZES = (10, 20, 40, 80, 160, 320)
CELL = {"family": "arcs", "ambient_dim": 8, "manifold_dim": 2, "curvature": 0.0}
SIZE = "manifold.dataset_size"


@pytest.fixture
def study(tmp_path):
    axis = ("  seed: 2", f"  {SIZE}: {list(SIZES)}\n  seed: 2")
    return load(edited(tmp_path, *WITH_MEMORISATION, ("[0.0, 0.5]", "[0.0]"), axis))


def trainings(memorise, generalise=0.0, scatter=0.05, seeds=2, sizes=SIZES, longest=np.inf, seed=0):
    """Rows of a network whose times go as these powers of N, times exp(scatter z)."""
    rng, rows = np.random.default_rng(seed), []
    for points in sizes:
        for one in range(seeds):
            z = np.exp(scatter * rng.standard_normal(2))
            tau = 4.0 * points**generalise * z[0], 50.0 * points**memorise * z[1]
            rows.append(CELL | {"network": "gated-8", "seed": one, SIZE: points, "points": points,
                                "tau_generalise": tau[0],
                                "tau_memorise": tau[1] if tau[1] < longest else np.nan})  # fmt: skip
    return pd.DataFrame(rows)


def empirical(high, low, at=(3.0, 5.0), seeds=4):
    """Rows of the empirical score: what it has of both groups at the law, and from where 90 %, one value per seed."""
    spread = 0.02 * np.arange(seeds)
    rows = [CELL | {"network": "empirical", "seed": i, SIZE: 40, "points": 40, "tau_generalise": np.nan,
                    "tau_memorise": np.nan, "kept_0": high + s, "kept_1": low - s,
                    "sampled_0": 1.0, "sampled_1": 1.0, "kept_at_0": at[0] * (1 + s),
                    "kept_at_1": at[1] * (1 + s)} for i, s in enumerate(spread)]  # fmt: skip
    return pd.DataFrame(rows)


def rows_of(study, frame):
    return memorisation_claims.memorisation_claims(study, frame).set_index("claim")


def test_a_known_exponent_is_found(study):
    found = rows_of(study, trainings(1.0))
    assert found.verdict.to_dict() == {"tau_memorise": Verdict.AGREES, "tau_generalise": Verdict.AGREES}
    for name, true in (("tau_memorise", 1.0), ("tau_generalise", 0.0)):
        row = found.loc[name]
        assert row.trained == pytest.approx(true, abs=0.1)
        assert row.low < row.trained < row.high
        assert (row.of, row.seen) == (6, 6)


def test_a_null_does_not_agree(study):
    """Networks that give in after as many steps of any N, and generalise the later the more points they have."""
    found = rows_of(study, trainings(0.0, generalise=0.0))
    assert found.verdict["tau_memorise"] == Verdict.DISAGREES
    found = rows_of(study, trainings(1.0, generalise=0.6, sizes=SIZES[:5]))
    assert found.verdict["tau_generalise"] == Verdict.DISAGREES


@pytest.mark.slow
@pytest.mark.parametrize(("memorise", "generalise"), [(1.0, 0.0), (1.25, 0.25), (0.75, -0.25)])
def test_verdicts_are_wrong_as_rarely_as_they_say(study, memorise, generalise):
    """At the ends of the margin neither verdict comes oftener than half of what the confidence leaves."""
    share = (1 - study.compare.confidence) / 2
    counts = dict.fromkeys(Verdict, 0)
    for seed in range(60):
        found = rows_of(study, trainings(memorise, generalise, 0.3, seed=seed))
        for one in found.verdict:
            counts[one] += 1
    wrong = counts[Verdict.DISAGREES] + (counts[Verdict.AGREES] if memorise != 1.0 else 0)
    assert wrong / 120 < 2 * share + 3 * np.sqrt(2 * share / 120)


def test_of_few_open_sizes_nothing_is_concluded(study):
    found = rows_of(study, trainings(1.0, longest=50.0 * 60))  # trainings of 80 points and more are too short
    assert set(found.verdict) == {Verdict.INCONCLUSIVE}
    assert found.why["tau_memorise"] == "both times, 2 apart, in all seeds of 3 of 6 N: 5 are needed"
    assert np.isfinite(found.trained["tau_memorise"])
    found = rows_of(study, trainings(1.0, generalise=1.0, sizes=SIZES).assign(tau_memorise=np.nan))
    assert found.trained.isna().all()
    assert set(found.verdict) == {Verdict.INCONCLUSIVE}


def test_sizes_of_which_a_seed_has_no_result_are_a_selection(study):
    """They are not open, and those of which no seed has one count among all N."""
    rows = trainings(1.0)
    known = rows[~((rows.points == 10) | (rows.points == 20) & (rows.seed == 1))]
    found = rows_of(study, known)
    assert (found.of == 6).all()
    assert (found.seen == 4).all()
    assert found.why["tau_memorise"] == "both times, 2 apart, in all seeds of 4 of 6 N: 5 are needed"


def test_a_seed_that_diverged_at_every_size_counts_among_all(study):
    rows = trainings(1.0)
    found = rows_of(study, rows[rows.seed == 0])
    assert (found.seen == 0).all()
    assert set(found.verdict) == {Verdict.INCONCLUSIVE}


RATES = (0.002, 0.0005, 0.008)


@pytest.fixture
def rates(tmp_path):
    """A study of one N and three learning rates."""
    axis = ("  seed: 2", f"  train.learning_rate: {list(RATES)}\n  seed: 4")
    return load(edited(tmp_path, *WITH_MEMORISATION, ("[0.0, 0.5]", "[0.0]"), axis))


def of_rates(memorise, generalise, scatter=0.02, seed=0):
    """Rows of a network whose times at each rate are those of the first times these, with a level for every seed."""
    rng, rows = np.random.default_rng(seed), []
    levels = np.exp(rng.standard_normal(4))
    for rate, late, early in zip(RATES, memorise, generalise, strict=True):
        for one in range(4):
            z = levels[one] * np.exp(scatter * rng.standard_normal(2))
            rows.append(CELL | {"train.learning_rate": rate, "network": "gated-8", "seed": one, "points": 40,
                                "tau_generalise": 100 * early * z[0], "tau_memorise": 1000 * late * z[1]})  # fmt: skip
    return pd.DataFrame(rows)


def test_what_moves_the_times_is_found_beside_the_first_setting(rates):
    """A rate that makes all training slower moves the time, not the ratio of both; one that does nothing neither."""
    found = memorisation_claims.memorisation_claims(rates, of_rates((1, 4, 1), (1, 4, 1)))
    assert set(found.claim) == {"moves_memorise", "moves_window"}  # of one N there is no exponent
    told = found.set_index(["claim", "train.learning_rate"])
    slow, fast = 0.0005, 0.008
    assert told.verdict.to_dict() == {
        ("moves_memorise", slow): Verdict.AGREES, ("moves_memorise", fast): Verdict.DISAGREES,
        ("moves_window", slow): Verdict.DISAGREES, ("moves_window", fast): Verdict.DISAGREES,
    }  # fmt: skip
    assert told.trained["moves_memorise", slow] == pytest.approx(4, rel=0.1)
    assert (told.why == "beside train.learning_rate 0.002").all()
    widened = memorisation_claims.memorisation_claims(rates, of_rates((1, 1, 3), (1, 1, 1))).set_index(
        ["claim", "train.learning_rate"]
    )
    assert widened.verdict["moves_window", fast] == Verdict.AGREES


def test_seeds_that_lack_a_time_are_a_selection(rates):
    rows = of_rates((1, 4, 1), (1, 4, 1))
    rows.loc[(rows["train.learning_rate"] == 0.0005) & (rows.seed == 2), "tau_memorise"] = np.nan
    rows = rows[~((rows["train.learning_rate"] == 0.008) & (rows.seed == 0))]  # diverged
    found = rows_of(rates, rows)
    assert set(found.verdict) == {Verdict.INCONCLUSIVE}
    assert (found.why == "beside train.learning_rate 0.002: both in 3 of 4 seeds").all()


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [1.0, 1.25])
def test_what_moves_nothing_is_rarely_said_to(rates, ratio):
    """Also at the end of the margin."""
    said = [
        verdict
        for seed in range(100)
        for verdict in rows_of(rates, of_rates((1, ratio, 1), (1, 1, 1), 0.3, seed)).verdict
    ]
    share = (1 - rates.compare.confidence) / 2
    assert said.count(Verdict.AGREES) / len(said) < share + 3 * np.sqrt(share / len(said))


def test_networks_are_settings_of_training_too(tmp_path):
    study = load(edited(tmp_path, *WITH_MEMORISATION[:2], ("[exact, gaussian, gated-8]", "[gated-8, gated-16]"),
                        WITH_MEMORISATION[3], ("[0.0, 0.5]", "[0.0]"), ("  seed: 2", "  seed: 4")))  # fmt: skip
    rows = of_rates((1, 2, 1), (1, 2, 1))[:8].drop(columns="train.learning_rate")
    rows["network"] = ["gated-8"] * 4 + ["gated-16"] * 4
    found = rows_of(study, rows)
    assert set(found["network"]) == {"gated-16"}
    assert found.trained["moves_memorise"] == pytest.approx(2, rel=0.1)
    assert (found.why == "beside network gated-8").all()


@pytest.mark.parametrize(
    ("high", "low", "verdict", "why"),
    [(0.8, 0.3, Verdict.AGREES, "group 1 first"), (0.3, 0.8, Verdict.DISAGREES, "group 0 first"),
     (0.47, 0.53, Verdict.INCONCLUSIVE, "")],
)  # fmt: skip
def test_what_is_lost_first(study, high, low, verdict, why):
    row = rows_of(study, empirical(high, low)).loc["lost_first"]
    assert (row.verdict, row.why, row[SIZE]) == (verdict, why, 40)


def test_of_groups_of_equal_variance_none_is_lost_first(tmp_path):
    changes = (*WITH_MEMORISATION[:2], ("std: 0.1", "std: 1.0"), ("[0.0, 0.5]", "[0.0]"))
    found = rows_of(load(edited(tmp_path, *changes)), empirical(0.8, 0.3))
    assert set(found.index) == {"geometry_above"}


def test_where_the_law_is_off_the_grid_it_is_known_from_where_on_the_geometry_is_there(study):
    found = rows_of(study, empirical(0.8, 0.3).assign(kept_0=np.nan, kept_1=np.nan))
    assert found.index.tolist() == ["geometry_above"] * 2
    assert set(found.verdict) == {Verdict.AGREES}
    row = rows_of(study, empirical(0.8, 0.3).assign(kept_at_1=np.nan)).loc["lost_first"]
    assert row.why == "group 1 first"  # also where it has 90 % nowhere


def test_a_group_of_which_the_points_have_little_is_not_lost(study):
    """Of few points the covariance is another: at all t they have half of the variance of this group."""
    frame = empirical(0.4, 0.6).assign(sampled_0=0.5)
    assert rows_of(study, frame).why["lost_first"] == "group 1 first"


def test_seeds_in_which_a_group_is_known_are_a_selection(study):
    rows = empirical(0.8, 0.3)
    rows.loc[1, "kept_1"] = np.nan
    row = rows_of(study, rows).loc["lost_first"]
    assert (row.verdict, row.why, row.seen) == (Verdict.INCONCLUSIVE, "not on the grid in 1 of 4 seeds", 3)


def test_how_far_above_the_geometry_is_there(study):
    found = rows_of(study, empirical(0.5, 0.4, at=(3.0, 40.0))).loc["geometry_above"].set_index("group")
    assert found.verdict.to_dict() == {0: Verdict.AGREES, 1: Verdict.DISAGREES}
    assert found.trained[0] == pytest.approx(3.0, rel=0.1)
    rows = empirical(0.5, 0.4)
    rows.loc[1, "kept_at_0"] = np.nan
    row = rows_of(study, rows).loc["geometry_above"].iloc[0]
    assert (row.verdict, row.why) == (Verdict.INCONCLUSIVE, "not on the grid in 1 of 4 seeds")


def test_of_one_seed_nothing_is_concluded(study):
    found = rows_of(study, empirical(0.8, 0.3, seeds=1))
    assert set(found.verdict) == {Verdict.INCONCLUSIVE}
    assert set(found.why) == {"one seed"}


def test_are_told_in_lines_and_written_below_the_other_claims(study):
    frame = pd.concat([trainings(1.0), empirical(0.8, 0.3)], ignore_index=True)
    found = memorisation_claims.memorisation_claims(study, frame)
    others = pd.DataFrame([CELL | {"claim": "t_max", "says": "is there", SIZE: 10, "network": "gated-8", "law": 1 / 3,
                                   "draws": 7, "of": 2, "seen": 2, "verdict": "agrees", "why": ""}])  # fmt: skip
    tables = {analysis.CLAIMS: others, "memorisation_claims": found}
    written = as_csv(study, analysis.written_claims([(study, [])], tables))
    again = pd.read_csv(io.StringIO(written))
    assert again.claim.tolist() == ["t_max", "tau_memorise", "tau_generalise", "lost_first", *["geometry_above"] * 2]
    assert ",0.333333," in written
    assert ",10," in written  # not 10.0
    assert written.splitlines()[0].split(",")[: others.shape[1]] == list(others)
    for tables in ({analysis.CLAIMS: others}, {analysis.CLAIMS: others[:0], "memorisation_claims": found}):
        assert len(analysis.written_claims([(study, [])], tables)) in (1, 5)


def test_of_a_tiny_study(tmp_path):
    changes = (*WITH_MEMORISATION[:2], ("[exact]", "[exact, empirical]"), ("[0.0, 0.5]", "[0.0]"))
    tables = analysis.Tables(*measured(tmp_path, *changes))
    found = tables["memorisation_claims"]
    assert set(found.claim) <= {"lost_first", "geometry_above"}
    assert (found.of == 2).all()
    said = tables.lines()
    assert sum(line.startswith("    empirical") for line in said) == len(found)
