"""Every public function of laws, measures and data, found by walking through them: what is no argument at all is
refused by the name of the argument, at once. A new function is in no list here, and so fails until it has a call that
it takes, and checks.

What each argument takes exactly is tested in `test_arguments`.
"""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
from bounded import at_once
from test_arguments import GRID, SYMMETRIC, WIDTHS

import scoregap.data
import scoregap.laws
import scoregap.measure
from scoregap import InputError, data
from scoregap.data import information, latents, posteriors
from scoregap.data.manifolds import haar, noisy, tanh
from scoregap.laws import draws, expansions, extremes, memorisation, random_matrix, times
from scoregap.laws.variances import VarianceLaw
from scoregap.measure import (
    agreement,
    calibration,
    differences,
    dimension,
    distances,
    gaps,
    lanczos,
    lhsd,
    phases,
    plateau,
    profile,
    regimes,
    score_matching,
    second_difference,
    shared_errors,
    spectra,
)
from scoregap.measure import memorisation as memories
from scoregap.measure import trajectories as paths

RNG = np.random.default_rng
WIDTH, FINAL = WIDTHS.T
CURVES = np.stack([WIDTHS] * 3, 1) * np.array([1, 0.98, 0.97])[:, None]  # (T, points, gaps)
HAS = np.ones((3, 2), bool)
POINTS = RNG(1).standard_normal((40, 6))
SPECTRUM = np.r_[np.linspace(0, -0.1, 9), np.full(30, -1.0)]


def product(rows):
    return rows @ SYMMETRIC


def shrink(x, t=1.0):
    return 0.5 * x


LAW = {"ambient_dim": 20, "counts": [3, 4], "stds": [1.0, 0.2], "spreads": [VarianceLaw()] * 2}
FOUND = phases.fit(GRID, phases.leaving_out(CURVES, HAS), 0.5)
RESAMPLING = {"has_gap": HAS, "resamples": 20, "confidence": 0.9, "rng": RNG(0)}
FINITE = {"denoise": shrink, "x": POINTS[:2], "t": 0.1, "step": 0.1}

MODES = np.linspace(8, 0, len(GRID))
ERRORS = RNG(2).chisquare(3, (3, 8))
JUDGED = {"error": ERRORS, "trace": np.full((3, 8), 3.0), "control": ERRORS - 3, "confidence": 0.9}
UNDONE = {"error": ERRORS, "repaired": np.stack([ERRORS] * len(calibration.REPAIRS)), "confidence": 0.9}

# What each takes: all of its arguments.
GOOD = {
    agreement.side: {"dim": 9},
    agreement.frames: {"rng": RNG(0), "dim": 9},
    agreement.sketch: {"jacobians": np.ones((2, 6, 6)), "of": agreement.frames(RNG(0), 6)},
    agreement.cosine: {"one": np.ones((2, 6, 6)), "other": np.ones((2, 6, 6))},
    calibration.errors: {"denoised": POINTS[None], "clean": POINTS, "t": [0.1]},
    calibration.undone: {
        "denoise": shrink, "clean": POINTS, "noise": POINTS, "t": [0.1], "mean": np.zeros(6), "reach": (0.01, 1.0)
    },
    calibration.ratio: JUDGED,
    calibration.gains: UNDONE,
    calibration.likeliest: UNDONE,
    calibration.judge: JUDGED | {"mistake": ("", 0.0), "training": [1.0, 2.0, 3.0]},
    draws.number: {"manifold_dim": 9},
    draws.squared_singular_values: {"rng": RNG(0), "ambient_dim": 9, "variances": [1.0, 0.5], "count": 3},
    draws.widest_spacing: {"t": [0.1], "variances": [[2.0, 1.0, 0.1]], "apart": (1,)},
    draws.phase_times: {"variances": [[2.0, 0.1]], "boundary": 1, "level": 0.5, "visibility": 0.1},
    information.information: {"data": data.manifold("linear", 4, [(2, 1.0)]), "most": 9, "points": 4, "seed": 0},
    memorisation.information: {"t": [0.1, 1.0], "variances": [1.0, 0.1]},
    memorisation.dispersions: {"values": [[0.9, 0.1]]},
    memorisation.linear: {"variances": [1.0, 0.1]},
    memorisation.t_memorisation: {"points": 9, "variances": [1.0, 0.1]},
    memorisation.corrected_t_memorisation: {"points": 9, "variances": [1.0, 0.1]},
    memorisation.own_weight: {"points": 9, "information": 2.0, "within": 1.0, "between": 0.5},
    memorisation.information_of_traces: {"t": [0.1, 1.0], "traces": [1.0, 0.5], "variances": [1.0, 0.1]},
    memorisation.tabulated: {
        "t": [0.1, 1.0], "information": [2.0, 1.0], "within": [1.0, 0.5], "between": [0.5, 0.1],
    },
    expansions.arc_tangent: {"t": 0.1, "s": 1.0, "kappa": 0.1},
    expansions.arc_bend: {"t": 0.1, "s": 1.0, "kappa": 0.1},
    expansions.arc_tangent_time: {"s": 1.0, "kappa": 0.1},
    expansions.arc_consolidation: {"s": 1.0, "kappa": 0.1, "widest": 2.0},
    expansions.sphere_radial: {"t": 0.1, "distance": 1.0, "manifold_dim": 3},
    expansions.sphere_tangential: {"t": 0.1, "radius": 1.0, "distance": 1.0, "manifold_dim": 3},
    extremes.upper: {"x": 0.1},
    extremes.lower: {"x": 0.1},
    extremes.hard_wall: {"nu": 1.0},
    random_matrix.silverstein_edges: LAW,
    random_matrix.repaired_edges: LAW,
    random_matrix.detached_edges: LAW,
    random_matrix.tracy_widom_edges: LAW,
    random_matrix.density: LAW | {"x": [0.1, 1.0]},
    random_matrix.atom: {"ambient_dim": 20, "counts": [3, 4]},
    random_matrix.marchenko_pastur_edges: {"ambient_dim": 20, "count": 5, "std": 1.0},
    random_matrix.marchenko_pastur_density: {"x": [0.5], "ambient_dim": 20, "count": 5, "std": 1.0},
    random_matrix.critical_ratio: {"alpha": 0.5, "fraction": 0.5},
    random_matrix.gap_edges: {"edges": [[1.0, 2.0]]},
    times.gap_width: {"t": 1.0, "a": 2.0, "b": 1.0},
    times.maximum: {"a": 2.0, "b": 1.0},
    times.opening_and_closing: {"a": 2.0, "b": 1.0, "level": 0.5},
    times.visible: {"a": 2.0, "b": 0.1, "visibility": 0.1},
    times.consolidation: {"g": 2.0, "level": 0.5},
    times.coverage_to_consolidation: {"a": 2.0, "b": 0.2, "g": 0.1},
    VarianceLaw: {"name": "uniform", "width": 0.5},
    VarianceLaw("uniform", 0.5).quantile: {"q": 0.5},
    VarianceLaw("power", 0.5).columns: {"n": 4},
    VarianceLaw("lognormal", 0.5).nodes: {"count": 40, "below": False},
    differences.central: FINITE | {"directions": np.eye(6)},
    differences.one_sided: FINITE | {"directions": np.eye(6)},
    differences.drop_first: FINITE | {"directions": np.eye(6), "subtract": False},
    differences.product: FINITE | {"x": POINTS[0]},
    dimension.final_gap: {"eigenvalues": [0.0, -1.0]},
    dimension.normal_bundle: {"scores": POINTS, "centred": False},
    dimension.flipd: {"x": POINTS, "denoised": 0.9 * POINTS, "trace": np.full(40, 2.0), "t": 0.1},
    dimension.hutchinson: {"products": np.ones((3, 4)), "probes": np.ones((3, 4))},
    dimension.slq_count: {"product": product, "dim": 6, "probes": 3, "steps": 4, "rng": RNG(0)},
    lhsd.lhsd_filter: {"eigenvalues": [1.0, 0.2], "cutoff": 0.1, "power": 4},
    lhsd.lhsd: {"product": product, "dim": 6, "probes": 3, "steps": 4, "rng": RNG(0), "cutoff": 0.1, "power": 4},
    score_matching.denoising_loss: {"x": POINTS, "denoised": 0.9 * POINTS[:, None], "t": 0.1},
    score_matching.implicit_loss: {"x": POINTS, "denoised": 0.9 * POINTS, "trace": np.full(40, 2.0), "t": 0.1},
    second_difference.second_difference: {"scores": RNG(3).standard_normal((40, 12)), "discarded": 5, "multiple": 10.0},
    plateau.plateau: {"t": [0.1, 0.2], "n": [[3, 1], [2, 0]]},
    dimension.local_pca: {"data": POINTS, "neighbours": 8, "at": [0, 1]},
    dimension.peer: {"name": "skdim_twonn", "data": POINTS},
    distances.energy: {"x": POINTS, "y": POINTS + 0.1, "paired": True},
    memories.weights: {"x": POINTS[:2], "t": 0.1, "points": POINTS, "own": [0, 1]},
    memories.position: {"denoised": POINTS, "exact": POINTS + 1, "empirical": 2 * POINTS},
    memories.copies: {"samples": POINTS[:2], "points": POINTS},
    memories.falls_through: {"t": [0.1, 1.0], "values": [1.0, 0.0], "level": 0.5},
    gaps.widths: {"eigenvalues": [0.0, -0.1, -1.0], "boundaries": [1, 3]},
    gaps.widest: {"eigenvalues": [0.0, -1.0]},
    profile.resolved: {"eigenvalues": np.tile(SPECTRUM, (3, 2, 1))},
    profile.traces: {"eigenvalues": np.tile(SPECTRUM, (3, 2, 1))},
    profile.rates: {"t": GRID, "n": MODES},
    profile.profile: {"t": GRID, "n": MODES, "modes": 9},
    profile.intervals_of_means: {
        "values": np.tile(MODES[:, None], 4), "resamples": 5, "confidence": 0.9, "rng": RNG(0),
    },
    profile.intervals: {
        "t": GRID, "n_of_points": np.stack([MODES, MODES], -1), "trace_of_points": np.stack([MODES, MODES], -1),
        "modes": 9, "found": profile.profile(GRID, MODES, 9), "resamples": 5, "confidence": 0.9, "rng": RNG(0),
    },
    gaps.lasting: {"eigenvalues": np.tile(SPECTRUM, (3, 2, 1)), "significance": 0.05, "min_width": 0.1},
    gaps.blind: {"eigenvalues": np.tile(SPECTRUM, (3, 2, 1)), "significance": 0.05, "min_width": 0.1},
    gaps.lasts: {"p": [0.01, 0.5], "found": [True, False], "significance": 0.05},
    regimes.regimes: {"t": np.geomspace(0.01, 10, 12), "n": np.linspace(5, 0, 12)},
    spectra.along: {"jacobian": np.eye(6)[None], "directions": np.eye(6)[:, :3]},
    spectra.resolved_share: {"values": np.linspace(1, 0, 6), "vectors": np.eye(6), "rows": np.ones(6)},
    gaps.find: {"spectrum": SPECTRUM, "significance": 0.05, "min_width": 0.1},
    gaps.lowest: {"gaps": [2, 5]},
    lanczos.quadrature: {"product": product, "dim": 6, "probes": 3, "steps": 4, "rng": RNG(0)},
    lanczos.quadrature(product, 6, 6, 6, RNG(0)).density: {"grid": [0.0, 1.0], "width": 0.1},
    lanczos.quadrature(product, 6, 6, 6, RNG(0)).count_above: {"level": 0.5, "width": 0.1},
    lanczos.tridiagonal: {"product": product, "start": np.eye(6)[:2], "steps": 3},
    lanczos.extreme: {"product": product, "dim": 6, "count": 2, "rng": RNG(0), "largest": True, "tolerance": 1e-8},
    lanczos.largest_singular: {
        "product": product, "transposed": product, "dim": 6, "count": 2, "rng": RNG(0), "tolerance": 1e-8,
    },
    phases.peak: {"times": GRID, "width": WIDTH},
    phases.crossing: {"times": GRID, "width": FINAL, "level": 0.5, "t_max": 0.0},
    phases.intermediate: {"times": GRID, "width": WIDTH, "level": 0.5},
    phases.final: {"times": GRID, "width": FINAL},
    phases.model: {"times": GRID, "width": WIDTH},
    phases.model_times: {"p": 1.0, "q": 0.1, "largest": 0.8, "width": 0.4},
    phases.fit: {"times": GRID, "width": CURVES[:, 0], "level": 0.5, "visibility": 0.1, "nested": True},
    phases.aligned: {"times": GRID, "cosine": 1 / (1 + CURVES[:, 0]), "threshold": 0.9},
    phases.pooled: {"width": CURVES, "has_gap": HAS, "weights": [1.0, 0.0, 1.0]},
    phases.bootstrap: RESAMPLING | {"times": GRID, "width": CURVES, "level": 0.5},
    phases.over_points: RESAMPLING | {
        "find": lambda mean: phases.fit(GRID, mean, 0.5), "names": ("t_max",), "curves": CURVES,
    },
    phases.leaving_out: {"curves": CURVES, "has_gap": HAS},
    phases.intervals: RESAMPLING | {"found": FOUND, "names": ("t_max", "t_open")},
    shared_errors.intervals: {
        "times": GRID, "width": CURVES[:, 0], "confidence": 0.9, "level": 0.5,
        "points": phases.intervals(FOUND, phases.QUANTITIES, **RESAMPLING),
    },
    shared_errors.errors: {"times": GRID, "width": CURVES[:, 0]},
    spectra.spectra: {"jacobian": np.eye(3)[None] / 2, "vectors": 2},
    spectra.alignment: {
        "vectors": np.eye(4)[None], "tangents": np.eye(4)[None, :, :2], "spans": [(0, 1), (1, 2)],
    },
    paths.reverse: {"denoise": shrink, "x": POINTS[:2], "times": GRID, "ratio": 1.5},
    paths.switched: {"above": shrink, "below": shrink, "x": POINTS[:2], "times": GRID[:3], "ratio": 1.5},
    data.manifold: {"family": "linear", "ambient_dim": 8, "groups": [(2, 1.0)], "curvature": 0.0, "seed": 0},
    haar: {"rng": RNG(0), "ambient_dim": 5, "n": 2},
    tanh.tanh_covariance: {"covariance": np.eye(2), "block": 9},
    **{law: {"y": POINTS[0], "scale": 0.5, "t": 0.1} for law in latents.LAWS.values()},
    latents.draw: {"rng": RNG(0), "law": "uniform", "n": 3, "count": 2},
    noisy: {"clean": data.manifold("linear", 4, [(2, 1.0)]), "variance": 0.1},
    posteriors.points_and_times: {"x": POINTS, "t": 0.1, "d": 6},
    posteriors.gaussian: {"x": POINTS, "t": 0.1, "directions": np.eye(6)[:, :2], "variances": [1.0, 2.0]},
    posteriors.sphere: {"y": POINTS, "radius": 1.0, "t": 0.1},
    posteriors.bessel_ratio: {"n": 3, "k": 0.5},
    posteriors.arc: {"y": POINTS[:2, :2], "s": 1.0, "kappa": 0.5, "t": 0.1},
    posteriors.empirical: {"x": POINTS[:2], "t": 0.1, "data": POINTS, "block": 16},
}  # fmt: skip

# Manifolds of every kind, and the methods that take arguments.
MANIFOLDS = {
    name: data.manifold(name, 8, groups, curvature)
    for name, groups, curvature in (
        ("linear", [(2, 1.0)], 0.0), ("arcs", [(2, 1.0), (1, 0.1)], 0.5), ("sphere", [(2, 1.0)], 1.0),
        ("torus", [(2, 1.0)], 1.0), ("mixture", [(2, 1.0), (1, 1.0)], 0.0), ("tanh", [(2, 1.0)], 0.5),
        ("quadratic", [(2, 1.0)], 0.5), ("affine", [(2, 1.0)], 0.0), ("spaghetti", [(1, 1.0)], 0.0),
    )
} | {"noisy": data.manifold("sphere", 8, [(2, 1.0)], 1.0, noise=0.1)}  # fmt: skip
METHODS = ("sample", "held_out", "embed", "tangents", "gaps_at", "nearest", "exact", "gaussian", "slopes")
for _truth in MANIFOLDS.values():
    _x, _latents = _truth.sample(RNG(0), 2)
    _given = {"rng": RNG(0), "n": 2, "latents": _latents, "x": _x, "t": 0.1}
    for _name in filter(lambda name: hasattr(_truth, name), METHODS):
        _method = getattr(_truth, _name)
        GOOD[_method] = {name: _given[name] for name in inspect.signature(_method).parameters}

# Of what there is no call here, why.
ELSEWHERE = {
    "scoregap.data.summary": "what `scoregap theory` is given is refused by the names of options: test_main",
    "scoregap.data.admit": "refused by the key that names a family in a study: test_plugins",
    "scoregap.data.refusals": "returns the refusals",
    "scoregap.data.build": "is given what `refusals` has nothing to say of",
    "scoregap.data.files": "what the section `data` of a study is given is refused by its keys: data/test_files",
    "scoregap.data.points": "likewise: data/test_points",
}


def functions():
    """Public functions of the packages and public methods of their classes, by their full names."""
    for package in (scoregap.laws, scoregap.measure, scoregap.data):
        names = [one.name for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
        for module in map(importlib.import_module, (package.__name__, *names)):
            for name, found in vars(module).items():
                if name.startswith("_") or getattr(found, "__module__", "") != module.__name__:
                    continue
                if inspect.isfunction(found) and inspect.signature(found).parameters:
                    yield f"{module.__name__}.{name}", found


def test_every_public_function_has_its_call_here():
    called = {getattr(one, "__func__", one) for one in GOOD}
    missing = [
        name for name, function in functions()
        if function not in called and not any(name.startswith(one) for one in ELSEWHERE)
    ]  # fmt: skip
    assert missing == []
    methods = {
        name
        for truth in MANIFOLDS.values()
        for name, one in inspect.getmembers(truth, inspect.ismethod)
        if not name.startswith("_") and inspect.signature(one).parameters
    }
    assert methods == {*METHODS, "pushforward"}  # which takes a module: data/test_families


class Nothing:
    """No number, array, function, text or generator."""


@pytest.mark.parametrize(
    "function", GOOD, ids=lambda one: f"{getattr(one, '__self__', one).__class__.__name__} {one.__qualname__}"
)
def test_no_public_function_takes_what_is_no_argument(function):
    good = GOOD[function]
    parameters = inspect.signature(function).parameters
    named = [name for name, one in parameters.items() if one.kind != one.VAR_KEYWORD]
    assert set(named) <= good.keys()
    with at_once():
        function(**good)
    for name, value in good.items():
        if isinstance(value, bool):  # whatever is given there is true or false
            continue
        for bad in (Nothing(), "\x1b no such thing", [[1.0], [2.0, 3.0]], 1j):
            with at_once(), pytest.raises(InputError) as caught:
                function(**good | {name: bad})
            said = str(caught.value)
            assert name in said.split(":")[0], (name, bad, said)
            assert said.isprintable()


@pytest.mark.parametrize("name", MANIFOLDS)
@pytest.mark.parametrize("n", [-1, 2.5, None, True, "2", np.nan])
def test_so_many_points_are_not_drawn(name, n):
    for sample in (MANIFOLDS[name].sample, MANIFOLDS[name].held_out):
        with pytest.raises(InputError, match=r"^n: .* is not allowed: should be a whole number from 0$"):
            sample(RNG(0), n)
        for rng in (None, 3, np.random, np.random.RandomState(0)):
            with pytest.raises(InputError, match=r"^rng: .* is not allowed: should be a numpy.random.Generator$"):
                sample(rng, 2)
