"""The dimension of data by a score that is made of them: an estimator of scikit-learn, as scikit-dimension has them.

array (n, d) -> `dimension_`, and `dimension_pw_` at points that the score has not seen

    ScoreDimension().fit(X).dimension_

The score is that of the points themselves (`empirical`), which says the truth of the data where many points lie within
sqrt(t), and of single points below; or a network that is trained inside, named as on the axis `network`.
"""

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.spatial import KDTree
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from scoregap import InputError, bound
from scoregap.dimensions import estimate
from scoregap.networks import is_name, schedules, sides, training
from scoregap.networks.draws import Draws
from scoregap.networks.sources import Picked, on
from scoregap.scores import Source, load
from scoregap.scores.base import Score
from scoregap.study.training import Noise, Train

EMPIRICAL = "empirical"
OUT = 4  # one point in so many is kept from the score at most
LEVELS, SAMPLES, DEPTH = 16, 16, 2  # noise levels of a step, points of each, blocks of a network
SIZES = 1e-140, 1e140  # of data: float64 holds their squares, and small shares of these
TIMES = 1e-19, 1e19  # noise variances in units of the data's own size
RANGE = 0.1, 1e3  # of noise in training: of t, and of the variance of the data


class ScoreDimension(BaseEstimator):
    """The dimension of data, median over points that are held out from a score made of the others.

    estimator: a name of `scoregap.measure.SCORE_ESTIMATORS`. network: as on the axis of that name, "empirical", or one
    that is trained, as "gated-64". t: noise variance in the squared units of the data; None: a quarter of the squared
    distance to that of the nearest points whose number is `neighbours`, median over the points held out. points: how
    many that differ are held out at most, with all that are the same; a quarter if there are fewer than four times as
    many. steps: of training. random_state: of the choice of points and all draws.

    After `fit`: dimension_, dimension_pw_ (points,), points_ (points,) rows of X, t_, n_features_in_. NaN where the
    estimator does not know.
    """

    def __init__(
        self, estimator="final_gap", network=EMPIRICAL, t=None, neighbours=20, points=50, steps=2000, random_state=0
    ):
        self.estimator = estimator
        self.network = network
        self.t = t
        self.neighbours = neighbours
        self.points = points
        self.steps = steps
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "ScoreDimension":
        """Estimate the dimension of X (n, d). y: nothing, as scikit-learn has it."""
        data = validate_data(self, X, dtype=np.float64, ensure_min_samples=4)
        for name in ("neighbours", "points", "steps"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
                raise InputError(key=name, value=value, allowed="should be a whole number from 1")
        if not isinstance(self.network, str) or (self.network != EMPIRICAL and not _is_network(self.network)):
            allowed = f"should be {EMPIRICAL}, or a network that takes any points, as gated-64"
            raise InputError(key="network", value=self.network, allowed=allowed)
        if self.t is not None and not (isinstance(self.t, Real) and 0 < float(self.t) < math.inf):
            raise InputError(key="t", value=self.t, allowed="should be a number greater than 0, or None")
        if np.abs(data).max() > SIZES[1] or np.ptp(data, axis=0).max() < SIZES[0]:
            allowed = f"should be points {SIZES[0]:g} apart or more, their coordinates {SIZES[1]:g} at most"
            raise InputError(key="X", value=data, allowed=allowed)
        random = check_random_state(self.random_state)
        scale = float(np.abs(data - data.mean(0)).max())
        # In units of their own size: squares of neither large nor small numbers are lost, and networks are float32.
        units = (data - data.mean(0)) / scale
        out = _held_out(units, self.points, random)
        self.points_ = np.flatnonzero(out)
        held_out, others = units[out], units[~out]
        t = _nearby(held_out, others, self.neighbours) if self.t is None else float(self.t) / scale / scale
        if not TIMES[0] <= t <= TIMES[1]:
            least, most = (scale * scale * one for one in TIMES)
            allowed = f"should be from {bound(least)} to {bound(most, most=True)}, for data of this size"
            raise InputError(key="t", value=self.t, allowed=allowed)
        self.t_ = t * scale**2
        seed = int(random.randint(2**31))
        score = self._score(others, t, seed)
        self.dimension_pw_ = estimate(score, held_out, t, self.estimator, seed=seed)
        known = self.dimension_pw_[np.isfinite(self.dimension_pw_)]
        self.dimension_ = float(np.median(known)) if known.size else math.nan
        return self

    def _score(self, points: np.ndarray, t: float, seed: int) -> Score:
        def denoiser() -> Any:
            return trained(self.network, points, t, int(self.steps), seed)

        return load(self.network, Source(data=None, training_set=lambda: points, denoiser=denoiser))


def _is_network(name: str) -> bool:
    return is_name(name) and not sides(name)


def _held_out(data: np.ndarray, most: int, random: np.random.RandomState) -> np.ndarray:
    """(n,) which rows are held out: so many that differ, or a quarter of these, with all that are the same as one."""
    order = random.permutation(len(data))
    same = np.unique(data, axis=0, return_inverse=True)[1].ravel()[order]
    drawn = same[np.sort(np.unique(same, return_index=True)[1])]  # what differs, in the order of the first of each
    out = np.empty(len(data), bool)
    out[order] = np.isin(same, drawn[: min(most, max(1, len(drawn) // OUT))])
    return out


def _nearby(held_out: np.ndarray, others: np.ndarray, neighbours: int) -> float:
    """A quarter of the squared distance to that neighbour (or the last), median over the points."""
    found, _ = KDTree(others).query(held_out, [min(neighbours, len(others))])
    return float(np.median(np.asarray(found)[:, 0])) ** 2 / 4


def trained(name: str, points: np.ndarray, t: float, steps: int, seed: int) -> Any:
    """A denoiser of points (N, d), for noise variances around t: the network of that name, averaged weights."""
    from scoregap.scores.network import ensemble

    rng, dim = np.random.default_rng(seed), points.shape[1]
    std = float(np.sqrt(points.var(0).mean()))
    settings = Train(
        steps=steps, levels=LEVELS, samples=SAMPLES, depth=DEPTH,
        noise=Noise(start=RANGE[0] * t, stop=max(RANGE[1] * std**2, 10 * t)),
    )  # fmt: skip
    quantiles = schedules.noise_quantiles(settings.noise.start, settings.noise.stop)

    source, numbers = Picked(on("cpu", points)), Draws([int(rng.integers(2**63))])
    batches = training.batches([source], numbers, quantiles, settings.levels, settings.samples)
    denoiser = ensemble(name, dim, settings, [std], [int(rng.integers(2**63))])
    *_, progress = training.train(
        denoiser, batches, steps, settings.learning_rate, settings.warmup, settings.ema, [steps]
    )
    return progress.averaged
