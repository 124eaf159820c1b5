"""Calibration against exact scores, brute force and simulation; every mistake against the model that makes it."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scoregap import data, variables
from scoregap.data import posteriors
from scoregap.measure import calibration
from scoregap.scores.closed import Empirical, Exact, Gaussian

T = np.geomspace(1e-2, 30, 8)
WORLDS = [
    ("linear", [(3, 1.0), (2, 0.2)], 0.0),
    ("arcs", [(2, 1.0), (2, 0.2)], 0.7),
    ("sphere", [(3, 1.0)], 1.0),
]


def world(name, groups, curvature):
    return data.manifold(name, 10, groups, curvature, seed=1)


def measured(score, truth, clean, rng):
    """(errors, traces, control) of a closed form at noisy points."""
    noise = rng.standard_normal(clean.shape)
    found = [score.jacobian(clean + np.sqrt(t) * noise, t) for t in T]
    error = calibration.errors(np.stack([mean for mean, _ in found]), clean, T)
    trace = np.stack([np.trace(g, axis1=1, axis2=2) for _, g in found])
    directions, variances = truth.principal_axes
    gaussian = np.stack(
        [posteriors.gaussian(clean + np.sqrt(t) * noise, t, directions, variances).mean for t in T]
    )  # fmt: skip
    expected = (variances / (variances + T[:, None])).sum(1, keepdims=True)
    return error, trace, calibration.errors(gaussian, clean, T) - expected


@pytest.mark.parametrize(("name", "groups", "curvature"), WORLDS)
@pytest.mark.parametrize("kind", [Exact, Gaussian])
def test_the_datas_own_score_is_calibrated_and_the_best_linear_one(name, groups, curvature, kind):
    """The identity holds for the linear estimator with the data's covariance too."""
    truth, rng = world(name, groups, curvature), np.random.default_rng(0)
    error, trace, control = measured(kind(truth), truth, truth.sample(rng, 2000)[0], rng)
    for found in (calibration.ratio(error, trace, None, 1 - 1e-4), calibration.ratio(error, trace, control, 1 - 1e-4)):
        one, low, high = found
        assert ((low < 1 + 1e-9) & (high > 1 - 1e-9)).all()
        np.testing.assert_allclose(one, 1, atol=0.15)


def test_what_errors_share_with_the_gaussians_is_taken_out():
    truth, rng = world(*WORLDS[1]), np.random.default_rng(3)
    error, trace, control = measured(Exact(truth), truth, truth.sample(rng, 64)[0], rng)
    (_, low, high), (_, narrow, narrower) = (calibration.ratio(error, trace, c) for c in (None, control))
    assert ((narrower - narrow) < (high - low)).all()
    assert (narrower - narrow)[-1] < 0.15 * (high - low)[-1]  # at much noise the Gaussian says nearly all


@pytest.mark.parametrize("controlled", [False, True])
def test_intervals_hold_the_ratio_as_often_as_they_say(controlled):
    """Skew errors with a mean 1.3 times that of noisy traces; of 2,000 intervals over 24 points each."""
    rng = np.random.default_rng(4)
    shared = rng.chisquare(8, (2000, 24)) / 8
    error = 1.3 * (0.6 * shared + 0.4 * rng.chisquare(8, shared.shape) / 8)
    trace = 1 + 0.2 * rng.standard_normal(shared.shape)
    _, low, high = calibration.ratio(error, trace, shared - 1 if controlled else None)
    assert np.mean((low <= 1.3) & (high >= 1.3)) == pytest.approx(0.95, abs=0.02)


def test_intervals_of_few_points_know_that_what_is_shared_is_estimated_too():
    """Of 8 points with a control, normal all of them: without it 93.5 % would hold the ratio, not 95 %."""
    rng = np.random.default_rng(5)
    shared, own, of_trace = rng.standard_normal((3, 8000, 8))
    _, low, high = calibration.ratio(3 + 2 * shared + own, 3 + shared + 0.1 * of_trace, shared)
    assert np.mean((low <= 1) & (high >= 1)) == pytest.approx(0.95, abs=0.01)


def test_a_trace_that_may_be_none_has_no_end():
    rng = np.random.default_rng(5)
    _, low, high = calibration.ratio(rng.chisquare(3, (1, 8)), rng.standard_normal((1, 8)))
    assert low == -np.inf
    assert high == np.inf
    assert np.isnan(calibration.ratio(np.ones((2, 3)), np.ones((2, 3)))[1]).all()


def _denoise(x, t):
    """Any denoiser: bent, of no law."""
    t = np.broadcast_to(t, x.shape[:1])[:, None]
    return np.tanh(x @ MIX / (1 + t)) + 0.1 * x / (1 + t)


MIX = np.random.default_rng(6).standard_normal((4, 4))


def _vp(t):
    return 1 / np.sqrt(1 + t), np.sqrt(t / (1 + t))  # alpha, sigma


def _noise(x, t):
    return (x - _denoise(x, t)) / np.sqrt(t)


def _v(x, t):
    a, s = _vp(t)
    return a * _noise(x, t) - s * _denoise(x, t)


def _velocity(x, t):
    return _noise(x, t) - _denoise(x, t)


def _score(x, t):
    return (_denoise(x, t) - x) / t


def _as_noise(answer, x, t):
    return x - np.sqrt(t) * answer


def _as_v(answer, x, t):
    a, s = _vp(t)
    return a * (a * x) - s * answer


def _as_velocity(answer, x, t):
    u = np.sqrt(t) / (1 + np.sqrt(t))
    return x * (1 - u) - u * answer


PLANTED = {
    "levels of 4 t": lambda x, t: _denoise(x, 4 * t),
    "levels of 2 t": lambda x, t: _denoise(x, 2 * t),
    "levels of t / 2": lambda x, t: _denoise(x, t / 2),
    "levels of t / 4": lambda x, t: _denoise(x, t / 4),
    "levels of t^2": lambda x, t: _denoise(x, t**2),
    "levels of sqrt(t)": lambda x, t: _denoise(x, np.sqrt(t)),
    "noise read as velocity": lambda x, t: _as_velocity(_noise(x, t), x, t),
    "velocity read as noise": lambda x, t: _as_noise(_velocity(x, t), x, t),
    "noise read as v": lambda x, t: _as_v(_noise(x, t), x, t),
    "v read as noise": lambda x, t: _as_noise(_v(x, t), x, t),
    "noise read as x0": _noise,
    "x0 read as noise": lambda x, t: _as_noise(_denoise(x, t), x, t),
    "noise read as the score": lambda x, t: x + t * _noise(x, t),
    "the score read as noise": lambda x, t: _as_noise(_score(x, t), x, t),
    # a model that wants z = x / sqrt(1 + t) is given z'
    "inputs not scaled (of noise)": lambda x, t: _as_noise(_noise(x * np.sqrt(1 + t), t), x, t),
    "inputs not scaled (of x0)": lambda x, t: _denoise(x * np.sqrt(1 + t), t),
    "inputs not scaled (of v)": lambda x, t: _as_v(_v(x * np.sqrt(1 + t), t), x, t),
    "inputs scaled twice (of noise)": lambda x, t: _as_noise(_noise(x / np.sqrt(1 + t), t), x, t),
    "inputs scaled twice (of x0)": lambda x, t: _denoise(x / np.sqrt(1 + t), t),
    "inputs scaled twice (of v)": lambda x, t: _as_v(_v(x / np.sqrt(1 + t), t), x, t),
    # the model knows 2 y - 1, or (y + 1) / 2, of what it is given
    "data in [0, 1] for a model of [-1, 1]": lambda x, t: 2 * _denoise((x + 1) / 2, t / 4) - 1,
    "data in [-1, 1] for a model of [0, 1]": lambda x, t: (_denoise(2 * x - 1, 4 * t) + 1) / 2,
}


@pytest.mark.parametrize("mistake", calibration.REPAIRS)
@pytest.mark.parametrize("mean", [0.0, np.array([0.3, -1, 2, 0])])
def test_undone_a_mistake_is_gone(mistake, mean):
    """To the last digits: planted in a raw model of what its name says, independently of how it is undone. In data
    of another range the denoiser is right about y, as a model of data in the other range would be."""
    rng = np.random.default_rng(7)
    clean, noise = rng.standard_normal((2, 5, 4))

    def planted(x, t):
        return PLANTED[mistake](x + mean, t[0]) - mean

    found = calibration.undone(planted, clean, noise, T, mean)[list(calibration.REPAIRS).index(mistake)]
    right = np.stack([_denoise(clean + mean + np.sqrt(t) * noise, t) - mean for t in T])
    np.testing.assert_allclose(found, calibration.errors(right, clean, T), rtol=1e-8)


def test_the_cube_has_a_code_for_every_mistake():
    assert tuple(calibration.REPAIRS) == variables.MISTAKES


def test_levels_out_of_reach_do_not_count():
    rng = np.random.default_rng(8)
    clean, noise = rng.standard_normal((2, 6, 4))
    found = calibration.undone(_denoise, clean, noise, T, reach=(T[0], T[-1]))
    double = found[list(calibration.REPAIRS).index("levels of t / 2")]
    assert np.isnan(double[-1]).all()
    assert np.isfinite(double[0]).all()
    error = found[list(calibration.REPAIRS).index("noise read as x0")]
    gain, low = calibration.gains(error, np.full_like(found, np.nan))
    assert (gain == -np.inf).all()
    assert (low == -np.inf).all()


def test_a_gain_by_chance_is_rarely_believed():
    """Of 200 scores whose errors are as large with every mistake undone, at most 5 % and what chance adds."""
    rng = np.random.default_rng(9)
    believed = 0
    for _ in range(200):
        error = rng.chisquare(4, (6, 24))
        repaired = error * rng.lognormal(-0.02, 0.2, (len(calibration.REPAIRS), *error.shape))
        believed += calibration.gains(error, repaired)[1].max() > 0
    assert believed <= 20


def test_right_and_wrong_adapters_of_exact_scores_are_told():
    truth, rng = world(*WORLDS[1]), np.random.default_rng(10)
    score, clean = Exact(truth), truth.sample(rng, 48)[0]
    error, trace, control = measured(score, truth, clean, rng)
    noise = np.random.default_rng(11).standard_normal(clean.shape)

    def verdict(denoise, error, trace):
        return calibration.judge(
            error, trace, control, calibration.likeliest(error, calibration.undone(denoise, clean, noise, T))
        )

    assert verdict(score.denoise, error, trace) == (True, pytest.approx(np.zeros(8)), "", "")

    def wrong(x, t):
        return x - np.sqrt(t)[:, None] * _raw(score, x * np.sqrt(1 + t)[:, None], t)

    at = clean + np.sqrt(T)[:, None, None] * noise
    errors = calibration.errors(
        np.stack([wrong(x, np.full(len(x), t)) for x, t in zip(at, T, strict=True)]), clean, T
    )  # fmt: skip
    found = verdict(wrong, errors, trace)
    assert not found.plausible
    assert (found.blamed, found.mistake) == ("adapter", "inputs not scaled (of noise)")


def _raw(score, x, t):
    return (x - score.denoise(x, t)) / np.sqrt(t)[:, None]


@pytest.mark.parametrize("points", [1, 2, 3])
@pytest.mark.parametrize("controlled", [False, True])
def test_nothing_is_certain_of_too_few_points(points, controlled):
    """Of one point, or two with a control: no scatter is known, so that a ratio of 100 may be chance."""
    trace = np.random.default_rng(3).random((4, points)) + 1
    control = np.random.default_rng(4).standard_normal((4, points)) if controlled else None
    found = calibration.judge(100 * trace, trace, control)
    if points < 2 + controlled:
        assert found.plausible
    assert calibration.likeliest(100 * trace, np.ones((len(calibration.REPAIRS), 4, points)))[0] == "" or points > 1


def test_who_memorises_is_blamed_as_a_network():
    """The empirical score of 40 points: right about them, wrong about others."""
    truth, rng = world(*WORLDS[0]), np.random.default_rng(12)
    few = truth.sample(rng, 40)[0]
    score = Empirical(few)
    error, trace, control = measured(score, truth, truth.sample(rng, 40)[0], rng)
    own, _, _ = measured(score, truth, few, rng)
    found = calibration.judge(error, trace, control, ("levels of t / 2", 0.5), own.mean(1))
    assert not found.plausible
    assert found.blamed == "network"
    assert found.where[:3].all()
    assert calibration.judge(error, trace, control).blamed == "cannot tell"
    plausible = calibration.judge(error, error, control, ("levels of t / 2", 0.5), own.mean(1))
    assert not plausible.where.any()
    assert plausible.blamed == "network"  # its errors on new points say nothing of the adapter


ROOT = Path(__file__).parents[2]
COLUMNS = {  # of the table in the docs
    "exact scores": ("exact",),
    "1,000 and 3,000 steps": ("1,000 steps", "3,000 steps"),
    "30 and 300 steps": ("30 steps", "300 steps"),
    "30 training points": ("30 points",),
}


def test_what_the_docs_say_of_mistakes():
    """The table is that of the record, and so are the sentences below it."""
    frame = pd.read_csv(ROOT / "results" / "benchmarks" / "adapter_mistakes.csv", dtype={"score": str})
    counts = Counter()
    for row in frame.itertuples():
        (column,) = (name for name, scores in COLUMNS.items() if row.score in scores)
        counts[row.mistake, column, row.verdict.partition(",")[0]] += row.scores
    page = (ROOT / "docs" / "explanation" / "calibration.md").read_text()
    said = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    assert said[0] == ["mistake", *COLUMNS]
    kinds = ("plausible", "adapter", "network", "cannot tell")
    for mistake, *cells in said[1:]:
        found = [" / ".join(str(counts[mistake, column, kind]) for kind in kinds) for column in COLUMNS]
        assert cells == found, mistake
    assert {mistake for mistake, *_ in said[1:]} == set(frame.mistake)
    right = {key[1:]: n for key, n in counts.items() if key[0] == "none" and n}
    assert not [key for key in right if key[1] == "adapter"]
    assert right["exact scores", "plausible"] == 20
    assert right["1,000 and 3,000 steps", "plausible"] == 8
    assert right["30 and 300 steps", "cannot tell"] == 6
    blamed = frame[frame.verdict.str.startswith("adapter")]
    known = {"inputs not scaled": "inputs not scaled (of noise)", "noise read as velocity": "noise read as velocity",
             "data in another range": "data in [0, 1] for a model of [-1, 1]"}  # fmt: skip
    right = blamed.mistake.map(known) == blamed.verdict.str.removeprefix("adapter, ")
    wrong = blamed[~right & (blamed.mistake != "another beta table")]
    of = blamed.scores[blamed.mistake.isin(known)].sum()
    named = f"its mistake is named in {blamed.scores[right].sum()} of {of}"
    assert named in " ".join(page.split())
    assert f"and of {wrong.scores.sum()} other" in " ".join(page.split())


@pytest.mark.parametrize("count", [3, 8])
def test_a_score_of_no_trace_has_an_infinite_ratio(count):
    """As one that knows its training points by heart at little noise."""
    error = np.random.default_rng(0).uniform(1, 2, (2, count))
    ratio, *_ = calibration.ratio(error, np.zeros_like(error))
    assert (ratio == np.inf).all()
    for trace, plausible in ((0 * error, False), (-1e-7 + 0 * error, False), (error, True)):
        found = calibration.judge(error, trace)
        assert bool(found.plausible) is plausible
        assert found.where.all() == (not plausible)
