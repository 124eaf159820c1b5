"""Estimators of the dimension of a manifold, from a score or from data.

spectra, score vectors, denoised points or products with G at one noise variance, or data -> dimension

Conventions of theory.md 1: variance exploding with variance t, score s = (D - x) / t, denoiser Jacobian
G = I + t J. No estimator sees the manifold, and none has a threshold that was chosen after seeing results: what
is fixed is fixed as published. Estimators of a score take leading dimensions, as points, and give one number for
each; NaN where their input is not finite.
"""

import warnings
from importlib.util import find_spec

import numpy as np
from scipy.spatial import KDTree

from scoregap import InputError
from scoregap.arguments import array, finite_or_nan, known, positive, whole, wholes
from scoregap.measure import gaps
from scoregap.measure.lanczos import quadrature
from scoregap.peers import skdim

TANGENT = 0.5  # eigenvalue of G from which a direction counts as tangent: half way between 0 and 1
FUKUNAGA_OLSEN = 0.05  # share of the largest variance from which a direction counts
# Estimator of the study -> class of scikit-dimension, what its `fit` is given.
PEERS: dict[str, tuple[str, dict]] = {
    "skdim_lpca": ("lPCA", {}),
    "skdim_mle_5": ("MLE", {"n_neighbors": 5}),
    "skdim_mle_20": ("MLE", {"n_neighbors": 20}),
    "skdim_twonn": ("TwoNN", {}),
    "skdim_fishers": ("FisherS", {}),
}


def final_gap(eigenvalues):
    """Modes above the widest gap of the spectrum at one noise level (Ventura et al. 2025; theory.md 3).

    eigenvalues: (..., d) of the symmetric part of t J, descending. Returns (...). The widest gap is that at the
    manifold dimension once t is below the variance of every tangent direction: before that it is one between
    variance groups. No width is asked for, so it is never 0: `gaps` says which gaps are seen.
    """
    eigenvalues = array("eigenvalues", eigenvalues, "...", "d")
    flat = eigenvalues.reshape(-1, eigenvalues.shape[-1])
    finite = np.isfinite(flat).all(1)
    return np.where(finite, gaps.widest(np.where(finite[:, None], flat, 0.0)), np.nan).reshape(eigenvalues.shape[:-1])


def normal_bundle(scores, centred=False):
    """d less the position of the largest drop of the singular values of score vectors ("ID-diff", Stanczuk et al.
    2022, "Your diffusion model secretly knows the dimension of the data manifold", algorithm 1; ICML 2024).

    scores: (..., K, d), K >= d, at x_0 + sqrt(t) w_i around one point x_0, up to a common factor; the authors take
    K = 4 d. As t -> 0 they span the normal space. Returns (...), from 1 to d - 1: 0 and d cannot be found, and of d = 1
    nothing (NaN).

    centred: about their mean, which is not of the authors. The mean is the score of the density smoothed twice. Where
    curvature has given it length, it is one large singular value on its own, and uncentred the answer is d - 1.
    """
    scores = array("scores", scores, "...", "K", "d")
    if scores.shape[-2] < scores.shape[-1]:
        allowed = f"should be (..., K, d), K at least d, {scores.shape[-1]}"
        raise InputError(f"the shape {scores.shape} is not allowed", key="scores", value=scores, allowed=allowed)
    finite = np.isfinite(scores).all((-2, -1)) & (scores.shape[-1] > 1)
    if not finite.any():
        return np.full(finite.shape, np.nan)
    scores = np.where(finite[..., None, None], scores, 0.0)
    if centred:
        scores = scores - scores.mean(-2, keepdims=True)
    drops = -np.diff(np.linalg.svd(scores, compute_uv=False), axis=-1)
    return np.where(finite, scores.shape[-1] - 1.0 - drops.argmax(-1), np.nan)


def flipd(x, denoised, trace, t):
    """FLIPD (Kamkari et al. 2024, "A geometric view of data complexity"): d + t (tr J + |s|^2) at a clean point.

    x, denoised: (..., d) clean points and D(x, t). trace: (...) of G, or an estimate (`hutchinson`). t: noise
    variance. Returns (...), not rounded.

    Derivation in this convention. The density p_t = p * N(0, t I) of data of dimension m at a point x of the data
    goes as t^((m - d) / 2) for t -> 0 (LIDL, Tempczyk et al. 2022): m = d + 2 t d log p_t / dt. By the heat equation
    dp/dt = (Laplacian p) / 2, and Laplacian p / p = tr J + |s|^2: hence d + t (tr J + |s|^2). In terms of the denoiser
    d + t tr J = tr G and t |s|^2 = |D - x|^2 / t. For a Gaussian with variances v_i at x = sum_i x_i u_i it is
    sum_i v_i / (v_i + t) + t x_i^2 / (v_i + t)^2.
    """
    x = array("x", x, "...", "d")
    denoised = finite_or_nan("denoised", denoised, "...", x.shape[-1])
    trace = finite_or_nan("trace", trace, "...")
    return trace + ((denoised - x) ** 2).sum(-1) / positive("t", t, "...")


def hutchinson(products, probes):
    """Trace of G from its products with random signs (Hutchinson 1990).

    products, probes: (..., k, d), rows G z and z. Returns (...). Its variance is 2 sum_(i != j) G_ij^2 / k.
    """
    products = finite_or_nan("products", products, "...", "k", "d")
    return (products * array("probes", probes, "...", *products.shape[-2:])).sum(-1).mean(-1)


def slq_count(product, dim, probes, steps, rng):
    """Eigenvalues of G above TANGENT, counted from products with vectors alone (`scoregap.measure.lanczos`).

    product: (k, d) -> (k, d), of the symmetric part of G. Returns a number from 0 to dim, not rounded.
    """
    return quadrature(product, dim, probes, steps, rng).count_above(TANGENT)[0]


def local_pca(data, neighbours, at):
    """Directions of nearest neighbours whose variance is at least FUKUNAGA_OLSEN of the largest (Fukunaga and Olsen
    1971, the rule `FO` of scikit-dimension's lPCA), median over the points.

    data: (n, d). neighbours: of each point, which is not one of them. at: indices of the points. Returns a number.
    """
    data, neighbours = known("data", data, "n", "d"), whole("neighbours", neighbours)
    if len(data) < 2:
        raise InputError("one point is not allowed", key="data", value=data, allowed="should be two or more")
    at = wholes("at", at, 0, len(data) - 1, "points")
    if not len(at):
        raise InputError("no points are not allowed", key="at", value=at, allowed="should be one or more")
    _, near = KDTree(data).query(data[at], min(neighbours, len(data) - 1) + 1)
    around = data[np.atleast_2d(near)[:, 1:]]
    variances = np.linalg.svd(around - around.mean(1, keepdims=True), compute_uv=False) ** 2
    return float(np.median((variances > FUKUNAGA_OLSEN * variances[:, :1]).sum(1)))


def has_peers():
    """Whether scikit-dimension is installed (extra `benchmark`)."""
    return find_spec("skdim") is not None


def peer(name, data):
    """An estimator of scikit-dimension with its own defaults, on data (n, d); NaN where it is not installed.

    name: of PEERS. lPCA: Fukunaga and Olsen 1971, here on all data at once. MLE: Levina and Bickel 2004, harmonic mean
    over points (MacKay and Ghahramani 2005). TwoNN: Facco et al. 2017. FisherS: Albergante et al. 2019.

    What trips estimators there (docs/explanation/published_dimensions.md) is kept from them, or told: data are
    converted to float64, as integers stay integers (and wrap around), and brought to size 1, by a power of 2; of rows
    that are copies of others one is left, with a warning: where points coincide MLE is 0. A warning tells that there
    are no more different points than neighbours that are looked at, which gives NaN, and that an estimate is no
    dimension: NaN, 0 or less, above d.
    """
    if not isinstance(name, str) or name not in PEERS:
        raise InputError(key="name", value=name, allowed=f"should be one of {', '.join(PEERS)}")
    data = known("data", data, "n", "d")
    if not has_peers():
        return np.nan
    rows = np.sort(np.unique(data, axis=0, return_index=True)[1])
    if len(rows) < len(data):
        said = f"{len(data) - len(rows)} of {len(data)} rows are copies of others, and are left out for {name}"
        warnings.warn(said, stacklevel=2)
    estimator, options = PEERS[name]
    least = options.get("n_neighbors", 2) + 1
    if len(rows) < least:
        said = f"{name} looks at {least - 1} neighbours of a point, and there are {len(rows)} different points"
        warnings.warn(said, stacklevel=2)
        return np.nan
    alike = np.ldexp(data[rows], -np.frexp(np.abs(data).max())[1])
    with np.errstate(all="ignore"), warnings.catch_warnings():  # ratios of eigenvalues that are 0
        warnings.simplefilter("ignore", RuntimeWarning)
        found = float(getattr(skdim("id"), estimator)().fit(alike, **options).dimension_)
    if not 0 < found <= data.shape[1]:
        said = f"{name} gives {found:g} for {len(rows)} points in {data.shape[1]} dimensions, which is no dimension"
        warnings.warn(said, stacklevel=2)
    return found
