"""What a library call cannot use is refused by argument, value and what is allowed, at once; none of it is computed."""

import copy
import math

import numpy as np
import pytest
from bounded import at_once
from hypothesis import given, settings
from hypothesis import strategies as st

import scoregap
from scoregap import InputError, arguments, data, diffusion
from scoregap.data import posteriors
from scoregap.data.summary import describe
from scoregap.laws import draws, expansions, extremes, random_matrix, times
from scoregap.laws.variances import VarianceLaw
from scoregap.measure import (
    differences,
    dimension,
    distances,
    gaps,
    lanczos,
    lhsd,
    phases,
    plateau,
    score_matching,
    second_difference,
    shared_errors,
    spectra,
    trajectories,
)
from scoregap.scores.closed import Exact
from scoregap.scores.differences import Differences
from scoregap.study import load

NAN, INF = math.nan, math.inf
RNG = np.random.default_rng(0)
SYMMETRIC = np.diag([2.0, 2.0, 1.0, 0.5, 0.0, -1.0])
SPHERE = data.manifold("sphere", 6, [(2, 1.0)], curvature=1.0)
CLEAN = SPHERE.sample(np.random.default_rng(1), 40)[0]
GRID = np.geomspace(1e-3, 10, 24)
WIDTHS = np.stack([0.9 * GRID / (GRID + 1) * 0.1 / (GRID + 0.1), 0.1 / (GRID + 0.1)], -1)


def product(rows):
    return rows @ SYMMETRIC


def shrink(x, t=1.0):
    return 0.5 * x


def law_arguments():
    return {"ambient_dim": 20, "counts": [3, 4], "stds": [1.0, 0.2]}


NUMBER = (NAN, INF, -INF, None, "x", 1j, [], [[]], True)  # what is no finite number, or not one
WHOLE = (*NUMBER, 0, -1, 2.5, 3.0)
POSITIVE = (*NUMBER, 0, -1.0)
SHARE = (*POSITIVE, 1.0, 1.5)
GROUPS = (None, "x", [], 3, [NAN, 1], [INF, 1], [0, 1], [-1, 1], [1, -1], [[1, 1]], [1j, 1], [True, True], ["1", "1"])
POINTS = (
    None,
    "x",
    [],
    np.zeros(6),
    np.zeros((2, 5)),
    np.full((2, 6), NAN),
    np.full((2, 6), INF),
    np.zeros((2, 6)) * 1j,
)
ASCENDING = (
    None,
    "x",
    [],
    GRID[::-1],
    -GRID,
    0 * GRID,
    np.r_[GRID, NAN],
    np.r_[GRID, INF],
    np.r_[GRID, GRID],
    GRID[None],
)
SYMMETRIES = (lambda v: v[:, ::-1] * np.arange(6), lambda v: np.full(v.shape, NAN), lambda v: v[:1], lambda v: v[:, :2],
              lambda v: None, lambda v: np.roll(v, 1, 1), lambda v: v + 1, lambda v: np.full(v.shape, INF))  # fmt: skip
DENOISERS = (lambda x: x[..., :2], lambda x: None, lambda x: "x", lambda x: 1j * x)

# name -> (function, arguments that it takes, by argument what it refuses)
CALLS = {
    "extreme": (
        lambda **a: lanczos.extreme(rng=np.random.default_rng(0), **a),
        {"product": product, "dim": 6, "count": 2, "tolerance": 1e-8},
        {"product": SYMMETRIES, "dim": WHOLE, "count": WHOLE, "tolerance": (*NUMBER, -1e-9, 1.0)},
    ),
    "largest_singular": (
        lambda **a: lanczos.largest_singular(rng=np.random.default_rng(0), **a),
        {"product": product, "transposed": product, "dim": 6, "count": 2, "tolerance": 1e-8},
        {"product": SYMMETRIES[1:5], "transposed": SYMMETRIES[1:5], "dim": WHOLE, "count": WHOLE, "tolerance": NUMBER},
    ),
    "quadrature": (
        lambda **a: lanczos.quadrature(rng=np.random.default_rng(0), **a),
        {"product": product, "dim": 6, "probes": 3, "steps": 4},
        {"product": SYMMETRIES, "dim": WHOLE, "probes": WHOLE, "steps": WHOLE},
    ),
    "count_above": (
        lanczos.quadrature(product, 6, 6, 6, np.random.default_rng(0)).count_above,
        {"level": 0.5, "width": 0.1},
        {"level": NUMBER, "width": (*NUMBER, -0.1)},
    ),
    "density of modes": (
        lanczos.quadrature(product, 6, 6, 6, np.random.default_rng(0)).density,
        {"grid": [0.0, 1.0], "width": 0.1},
        {"grid": (None, "x", [], 3.0, [NAN], [[1.0]]), "width": POSITIVE},
    ),
    "silverstein_edges": (
        random_matrix.silverstein_edges,
        law_arguments(),
        {"ambient_dim": POSITIVE, "counts": GROUPS, "stds": GROUPS[:-2]},
    ),
    "repaired_edges": (
        random_matrix.repaired_edges,
        law_arguments(),
        {"ambient_dim": (*POSITIVE, 2.5), "counts": GROUPS, "stds": GROUPS[:-2]},
    ),
    "detached_edges": (
        random_matrix.detached_edges,
        law_arguments(),
        {"ambient_dim": POSITIVE, "counts": GROUPS, "stds": GROUPS[:-2]},
    ),
    "tracy_widom_edges": (
        random_matrix.tracy_widom_edges,
        law_arguments(),
        {"ambient_dim": (*POSITIVE, 0.5), "counts": GROUPS, "stds": GROUPS[:-2]},
    ),
    "density": (
        random_matrix.density,
        law_arguments() | {"x": [0.1, 1.0]},
        {"ambient_dim": POSITIVE, "counts": GROUPS, "stds": GROUPS[:-2], "x": (None, "x", [1j], ["a"])},
    ),
    "atom": (random_matrix.atom, {"ambient_dim": 20, "counts": [3, 4]}, {"ambient_dim": POSITIVE, "counts": GROUPS}),
    "marchenko_pastur_density": (
        random_matrix.marchenko_pastur_density,
        {"x": [0.5], "ambient_dim": 20, "count": 5, "std": 1.0},
        {"ambient_dim": POSITIVE, "count": POSITIVE, "std": POSITIVE},
    ),
    "gap_edges": (random_matrix.gap_edges, {"edges": [[1.0, 2.0]]}, {"edges": (None, [1.0, 2.0], [[1.0]], [["a", 1]])}),
    "gap_width": (
        times.gap_width,
        {"t": 1.0, "a": 2.0, "b": 1.0},
        {"t": (-1.0, [1.0, -1.0], "x", None), "a": (-1.0, [-INF], 1j), "b": (-1.0, True)},
    ),
    "maximum": (times.maximum, {"a": 2.0, "b": 1.0}, {"a": (-1.0, "x"), "b": (-1e-300, None)}),
    "opening_and_closing": (
        times.opening_and_closing,
        {"a": 2.0, "b": 1.0, "level": 0.5},
        {"a": (-1.0, "x"), "b": (-1.0, None), "level": (0.0, 1e-320, 1e-310, 1.0000001, 1.5, -0.5, "x", [0.5, 1.1])},
    ),
    "visible": (times.visible, {"a": 2.0, "b": 0.1, "visibility": 0.1}, {"visibility": (0.0, 1e-200, 1.1, "x")}),
    "consolidation": (times.consolidation, {"g": 2.0, "level": 0.5}, {"g": (-1.0, "x"), "level": (1e-310, INF, 2.0)}),
    "coverage_to_consolidation": (
        times.coverage_to_consolidation,
        {"a": 2.0, "b": 0.2, "g": 0.1},
        {"a": (-1.0, "x"), "b": (-1.0, None), "g": (-1.0, 1j)},
    ),
    "VarianceLaw": (
        VarianceLaw,
        {"name": "uniform", "width": 0.5},
        {"name": ("x", ""), "width": (NAN, INF, -0.1, 1.1)},
    ),
    "central": (
        differences.central,
        {"denoise": shrink, "x": CLEAN[:2], "t": 0.1, "step": 0.1, "directions": np.eye(6)},
        {
            "denoise": DENOISERS, "x": (None, "x", np.full((2, 6), NAN)), "t": (*POSITIVE[:-2], 0.0, [0.1] * 3),
            "step": POSITIVE, "directions": (np.eye(5), np.ones((6, 6)), NAN * np.eye(6), "x"),
        },
    ),
    "one_sided": (
        differences.one_sided,
        {"denoise": shrink, "x": CLEAN[:2], "t": 0.1, "step": 0.1},
        {"denoise": DENOISERS, "x": (None, np.full((2, 6), INF)), "t": (NAN, 0.0, -1.0, INF), "step": POSITIVE},
    ),
    "drop_first": (
        differences.drop_first,
        {"denoise": shrink, "x": CLEAN[:2], "t": 0.1, "step": 0.1, "directions": np.eye(6)},
        {"denoise": DENOISERS, "t": (NAN, 0.0, -1.0, INF), "step": POSITIVE, "directions": (2 * np.eye(6), np.eye(5))},
    ),
    "product": (
        lambda **a: differences.product(**a)(np.eye(6)),
        {"denoise": shrink, "x": CLEAN[0], "t": 0.1, "step": 0.1},
        {"denoise": DENOISERS, "x": (None, CLEAN[:2], NAN * CLEAN[0]), "t": POSITIVE, "step": POSITIVE},
    ),
    "Differences": (
        lambda **a: Differences(Exact(SPHERE), **a),
        {"method": "central", "step": 0.1},
        {"method": ("exact", "", "Central"), "step": POSITIVE},
    ),
    "reverse": (
        lambda **a: trajectories.reverse(shrink, **a),
        {"x": CLEAN[:2], "times": GRID, "ratio": 1.5},
        {"x": (None, "x", CLEAN[0]), "times": ASCENDING, "ratio": (*NUMBER, 1.0, 0.5, 0, -1)},
    ),
    "switched": (
        lambda **a: trajectories.switched(shrink, shrink, **a),
        {"x": CLEAN[:2], "times": GRID[:3], "ratio": 1.5},
        {"x": (None, "x", CLEAN[0]), "times": ASCENDING, "ratio": (*NUMBER, 1.0, 0.5, 0, -1)},
    ),
    "energy": (
        distances.energy,
        {"x": CLEAN, "y": CLEAN[::-1] + 0.1},
        {"x": (None, "x", CLEAN[0], CLEAN[:1]), "y": (None, CLEAN[:, :2], CLEAN[:1], np.zeros((0, 6)))},
    ),
    "energy of pairs": (
        lambda **a: distances.energy(paired=True, **a),
        {"x": CLEAN, "y": CLEAN + 0.1},
        {"y": (CLEAN[:5],)},
    ),
    "widths": (
        gaps.widths,
        {"eigenvalues": [0.0, -0.1, -1.0], "boundaries": [1, 3]},
        {"eigenvalues": (None, "x", 1.0, []), "boundaries": ([0], [4], [-1], [1.5], [NAN], ["a"])},
    ),
    "find": (
        gaps.find,
        {"spectrum": np.r_[np.linspace(0, -0.1, 9), np.full(30, -1.0)], "significance": 0.05, "min_width": 0.1},
        {
            "spectrum": (None, [], [NAN, -1.0], [0.0, INF], [-1.0, 0.0], [[0.0, -1.0]], "x"), "significance": SHARE,
            "min_width": POSITIVE,
        },
    ),
    "blind": (
        gaps.blind,
        {"eigenvalues": np.zeros((2, 3, 5)), "significance": 0.05, "min_width": 0.1},
        {
            "eigenvalues": (None, np.zeros((2, 3)), np.full((2, 3, 5), NAN)), "significance": SHARE,
            "min_width": POSITIVE,
        },
    ),
    "fit": (
        phases.fit,
        {"times": GRID, "width": WIDTHS, "level": 0.5},
        {"times": ASCENDING, "width": (None, "x", WIDTHS[:5], WIDTHS.T, WIDTHS[:, 0]), "level": SHARE},
    ),
    "aligned": (
        phases.aligned,
        {"times": GRID, "cosine": 1 / (1 + np.stack([GRID, 2 * GRID], -1)), "threshold": 0.9},
        {"times": ASCENDING, "cosine": (None, "x", WIDTHS[:5], WIDTHS[:, 0]), "threshold": SHARE},
    ),
    "widest": (gaps.widest, {"eigenvalues": [0.0, -1.0]}, {"eigenvalues": (None, "x", 1.0, [], [NAN], [1j])}),
    "number": (draws.number, {"manifold_dim": 9}, {"manifold_dim": WHOLE}),
    "widest_spacing": (
        draws.widest_spacing,
        {"t": [0.1], "variances": [[2.0, 1.0]]},
        {"t": (None, "x", 1.0, [], [NAN], [-1.0], [0.0]), "variances": (None, "x", [1.0], [[NAN, 1.0]], [[]])},
    ),
    "phase_times": (
        lambda **a: draws.phase_times(boundary=1, level=0.5, visibility=0.1, **a),
        {"variances": [[2.0, 0.1]]},
        {"variances": (None, "x", [1.0], [[NAN, 1.0]], [[]], [[1j, 1j]])},
    ),
    "upper": (extremes.upper, {"x": [0.1]}, {"x": (None, "x", -1.0, [0.1, -0.1], 1j)}),
    "lower": (extremes.lower, {"x": 0.1}, {"x": POSITIVE}),
    "critical_ratio": (
        random_matrix.critical_ratio,
        {"alpha": 0.5, "fraction": 0.5},
        {"alpha": (None, "x", 1j, True), "fraction": (None, "x", 1j, True)},
    ),
    "squared_singular_values": (
        lambda **a: draws.squared_singular_values(np.random.default_rng(0), **a),
        {"ambient_dim": 9, "variances": [2.0, 1.0], "count": 3},
        {
            "ambient_dim": WHOLE, "count": WHOLE,
            "variances": (None, "x", 1.0, [], [NAN], [-1.0], [INF], [[1.0]], np.ones(10)),
        },
    ),
    "spacings apart": (
        lambda apart: draws.widest_spacing([0.1], [[3.0, 2.0, 1.0]], apart),
        {"apart": (1,)},
        {"apart": (None, "x", 1, [0], [4], [1.5], [NAN], [[1]])},
    ),
    "phase_times of gaps": (
        lambda **a: draws.phase_times([[3.0, 2.0, 1.0]], **a),
        {"boundary": 1, "level": 0.5, "visibility": 0.1},
        {
            "boundary": (0, 3, 1.5, "x", [1]), "level": (0.0, 1.5, NAN, None, "x", [0.5]),
            "visibility": (-0.1, 1.1, NAN, None, "x"),
        },
    ),
    "arc_tangent": (
        expansions.arc_tangent,
        {"t": 0.1, "s": 1.0, "kappa": 0.5},
        {"t": (-1.0, "x", None), "s": (0.0, -1.0, NAN, INF, 1e-200, "x"), "kappa": (-1.0, 1j, None)},
    ),
    "arc_bend": (
        expansions.arc_bend,
        {"t": 0.1, "s": 1.0, "kappa": 0.5},
        {"t": (-1.0, "x", None), "s": (0.0, -1.0, NAN, INF, 1e-200, "x"), "kappa": (-1.0, 1j, None)},
    ),
    "arc_tangent_time": (
        expansions.arc_tangent_time, {"s": 1.0, "kappa": 0.5}, {"s": (0.0, -1.0, NAN), "kappa": (-0.1, "x")},
    ),
    "arc_consolidation": (
        expansions.arc_consolidation,
        {"s": 1.0, "kappa": 0.5, "widest": 2.0},
        {"s": (0.0, -1.0, NAN), "kappa": (-0.1, "x"), "widest": (0.0, -1.0, NAN, "x")},
    ),
    "sphere_radial": (
        expansions.sphere_radial,
        {"t": 0.1, "distance": 1.0, "manifold_dim": 3},
        {"t": (-1.0, "x"), "distance": (0.0, -1.0, NAN), "manifold_dim": (0, -1, NAN, INF, "x")},
    ),
    "sphere_tangential": (
        expansions.sphere_tangential,
        {"t": 0.1, "radius": 1.0, "distance": 1.0, "manifold_dim": 3},
        {"t": (-1.0, "x"), "radius": (0.0, -1.0, INF), "distance": (0.0, NAN), "manifold_dim": (0, -1, NAN)},
    ),
    "hard_wall": (extremes.hard_wall, {"nu": 1.0}, {"nu": (*NUMBER, -0.1, 1e9)}),
    "tracy_widom_edges of columns": (
        random_matrix.tracy_widom_edges, law_arguments(), {"counts": ([0.5, 1], [2.5, 3], [0, 1], [1e-3, 1])},
    ),
    "lasts": (
        gaps.lasts,
        {"p": [0.001, 0.5], "found": [True, False], "significance": 0.05},
        {
            "p": (None, "x", 0.5, [], [NAN, 0.1], [-0.1, 0.5], [1.1, 0.5]),
            "found": (None, "x", [True], [2, 0], [0.5, 1], [NAN, 1]), "significance": SHARE,
        },
    ),
    "lowest": (gaps.lowest, {"gaps": [2, 5]}, {"gaps": (None, "x", 3, [0], [-1], [1.5], [NAN], [[1]])}),
    "peak": (
        phases.peak,
        {"times": GRID, "width": WIDTHS[:, 0]},
        {"times": ASCENDING, "width": (None, "x", WIDTHS, WIDTHS[:5, 0], [])},
    ),
    "crossing": (
        phases.crossing,
        {"times": GRID, "width": WIDTHS[:, 1], "level": 0.5, "t_max": 0.0},
        {"times": (None, "x", 1.0), "width": (None, "x", 1.0), "level": (None, "x"), "t_max": (-1.0, "x", None)},
    ),
    "intermediate": (
        phases.intermediate,
        {"times": GRID, "width": WIDTHS[:, 0], "level": 0.5},
        {"times": ASCENDING, "width": (None, WIDTHS), "level": SHARE},
    ),
    "final": (phases.final, {"times": GRID, "width": WIDTHS[:, 1]}, {"times": ASCENDING, "width": (None, WIDTHS, 1j)}),
    "model": (phases.model, {"times": GRID, "width": WIDTHS[:, 0]}, {"times": ASCENDING, "width": (None, WIDTHS, 1j)}),
    "model_times": (
        phases.model_times,
        {"p": 1.0, "q": 0.1, "largest": 0.8, "width": 0.4},
        dict.fromkeys(("p", "q", "largest", "width"), (-1.0, "x", None, 1j)),
    ),
    "pooled": (
        phases.pooled,
        {"width": WIDTHS[:, None], "has_gap": np.ones((1, 2), bool)},
        {"width": (None, "x", WIDTHS), "has_gap": (None, "x", [[1]], [[2, 1]], [[NAN, 1]], np.ones((2, 2)))},
    ),
    "intervals": (
        lambda **a: phases.intervals(np_found(), rng=np.random.default_rng(0), **a),
        {"names": ("t_max",), "has_gap": np.ones((2, 2)), "resamples": 20, "confidence": 0.9},
        {
            "names": (None, "t_max", (), ("x",), (1,)), "has_gap": (None, "x", [1, 1]), "resamples": WHOLE,
            "confidence": SHARE,
        },
    ),
    "shared_errors.intervals": (
        lambda **a: shared_errors.intervals(level=0.5, **a),
        {"times": GRID, "width": WIDTHS, "confidence": 0.9},
        {
            "times": ASCENDING, "width": (None, "x", WIDTHS[:, 0], WIDTHS[:5]), "confidence": SHARE,
            "points": (3, "x", {}),
        },
    ),
    "shared_errors.errors": (
        shared_errors.errors,
        {"times": GRID, "width": WIDTHS},
        {"times": ASCENDING, "width": (None, "x", WIDTHS[:, 0], WIDTHS[:5])},
    ),
    "tridiagonal": (
        lanczos.tridiagonal,
        {"product": product, "start": np.eye(6)[:2], "steps": 3},
        {"start": (None, "x", np.ones((1, 6)), np.zeros((1, 6)), np.eye(6)[0], NAN * np.eye(6)), "steps": WHOLE},
    ),
    "local_pca at": (
        lambda at: dimension.local_pca(CLEAN, 8, at),
        {"at": [0, 39]},
        {"at": (None, "x", 3, [], [40], [-1], [0.5], [NAN])},
    ),
    "spectra": (
        spectra.spectra,
        {"jacobian": np.eye(3)[None] / 2},
        {"jacobian": (None, "x", np.zeros(3), np.zeros((3, 2)), 1j * np.eye(2), 3.0), "vectors": (-1, 0.5, "x", NAN)},
    ),
    "alignment": (
        spectra.alignment,
        {"vectors": np.eye(4)[None], "tangents": np.eye(4)[None, :, :2], "spans": [(0, 1), (1, 2)]},
        {
            "spans": ([(0, 3)], [(1, 1)], [(-1, 1)], [(2, 1)], [], [(0,)], None, [(0.5, 1)]),
            "vectors": (None, "x", np.eye(4)[0], 1j * np.eye(4)),
            "tangents": (None, "x", np.eye(4)[0], np.eye(5)[None]),
        },
    ),
    "final_gap": (dimension.final_gap, {"eigenvalues": [0.0, -1.0]}, {"eigenvalues": (None, "x", 1.0, [], [1j])}),
    "normal_bundle": (
        dimension.normal_bundle,
        {"scores": RNG.standard_normal((8, 4))},
        {"scores": (None, "x", np.zeros(4), np.zeros((3, 4)), np.zeros((2, 0, 4)))},
    ),
    "flipd": (
        dimension.flipd,
        {"x": CLEAN, "denoised": 0.9 * CLEAN, "trace": np.full(40, 2.0), "t": 0.1},
        {"x": (None, "x"), "denoised": (None, CLEAN[:, :2]), "t": (NAN, 0.0, -1.0, INF, "x", None)},
    ),
    "hutchinson": (
        dimension.hutchinson,
        {"products": np.ones((3, 4)), "probes": np.ones((3, 4))},
        {"products": (None, "x", np.ones(4)), "probes": (None, np.ones((2, 4)), np.ones((3, 5)))},
    ),
    "slq_count": (
        lambda **a: dimension.slq_count(product, rng=np.random.default_rng(0), **a),
        {"dim": 6, "probes": 3, "steps": 4},
        {"dim": WHOLE, "probes": WHOLE, "steps": WHOLE},
    ),
    "lhsd": (
        lambda **a: lhsd.lhsd(product, rng=np.random.default_rng(0), **a),
        {"dim": 6, "probes": 3, "steps": 4, "cutoff": 0.5, "power": 4},
        {"dim": WHOLE, "probes": WHOLE, "steps": WHOLE, "cutoff": (NAN, 0.0, -1.0, INF, "x", None),
         "power": (NAN, 0.0, INF, "x")},
    ),
    "lhsd_filter": (lhsd.lhsd_filter, {"eigenvalues": [0.5]}, {"eigenvalues": (None, "x", [1j]), "cutoff": (0, NAN)}),
    "denoising_loss": (
        score_matching.denoising_loss,
        {"x": CLEAN, "denoised": 0.9 * CLEAN[:, None], "t": 0.1},
        {"x": (None, "x"), "denoised": (None, CLEAN, CLEAN[:, None, :2]), "t": (NAN, 0.0, -1.0, INF, "x", None, [0.1])},
    ),
    "implicit_loss": (
        score_matching.implicit_loss,
        {"x": CLEAN, "denoised": 0.9 * CLEAN, "trace": np.full(40, 2.0), "t": 0.1},
        {"x": (None, "x"), "denoised": (None, CLEAN[:, :2]), "t": (NAN, 0.0, -1.0, INF, "x", None)},
    ),
    "second_difference": (
        second_difference.second_difference,
        {"scores": RNG.standard_normal((40, 12))},
        {"scores": (None, "x", np.zeros(4), np.zeros((3, 4)), np.zeros((2, 0, 4))), "discarded": (-1, 0.5, NAN, "x"),
         "multiple": (0.0, NAN, INF, "x")},
    ),
    "plateau": (
        plateau.plateau,
        {"t": [0.1, 0.2], "n": [[3, 1], [2, 0]]},
        {"t": ([0.2, 0.1], [0.0, 0.1], [NAN, 0.1], "x", None, 0.1),
         "n": (None, "x", [3, 2], [[1, 2, 3]])},
    ),
    "local_pca": (
        lambda **a: dimension.local_pca(at=np.arange(3), **a),
        {"data": CLEAN, "neighbours": 8},
        {"data": (None, "x", CLEAN[0], NAN * CLEAN, CLEAN[:1]), "neighbours": WHOLE},
    ),
    "exact score": (
        SPHERE.exact,
        {"x": CLEAN[:2], "t": 0.1},
        {"x": POINTS[:3] + POINTS[3:], "t": (*POSITIVE[:6], 0.0, -1.0, [0.1] * 3, [[0.1, 0.1]], [0.1, NAN])},
    ),
    "empirical": (
        posteriors.empirical,
        {"x": CLEAN[:2] + 0.1, "t": 0.1, "data": CLEAN, "block": 16},
        {
            "t": (NAN, 0.0, -1.0, INF, [0.1] * 3), "data": (CLEAN[0], CLEAN[:, :2], CLEAN[:0], NAN * CLEAN),
            "block": WHOLE,
        },
    ),
    "sphere": (
        posteriors.sphere,
        {"y": CLEAN[:2], "radius": 1.0, "t": 0.1},
        {"y": (None, "x", 1.0, NAN * CLEAN), "radius": (NAN, 0.0, -1.0, INF), "t": (NAN, 0.0, -1.0, INF)},
    ),
    "arc": (
        posteriors.arc,
        {"y": CLEAN[:2, :2], "s": 1.0, "kappa": 0.5, "t": 0.1},
        {
            "y": (None, CLEAN[:2], NAN * CLEAN[:2, :2]), "s": (NAN, 0.0, -1.0, INF), "kappa": (NAN, 0.0, -1.0),
            "t": (NAN, 0.0, -1.0, INF),
        },
    ),
    "bessel_ratio": (posteriors.bessel_ratio, {"n": 5, "k": [0.5, 60.0]}, {"n": (*WHOLE, 1), "k": (-1.0, "x", None)}),
    "manifold": (
        data.manifold,
        {"family": "linear", "ambient_dim": 8, "groups": [(2, 1.0)], "curvature": 0.0, "seed": 0},
        {
            "family": ("x", "", None, [], 3), "ambient_dim": WHOLE, "groups": (None, 3, [()], []), "seed": WHOLE[:-4],
            "curvature": (NAN, INF, -1, None, "x", 1j, [], True, 101),
        },
    ),
}  # fmt: skip


def np_found():
    """Times of the mean curve of two points, and without each of them."""
    return {"t_max": np.array([[0.3, 1.0], [0.31, 1.1], [0.29, 0.9]])}


def finite(found):
    """Whether an answer holds a number that is one."""
    if isinstance(found, tuple | list):
        return any(finite(one) for one in found)
    if isinstance(found, dict):
        return any(finite(one) for one in found.values())
    return np.isfinite(found).any() if isinstance(found, np.ndarray | float | np.floating) else found is not None


@pytest.mark.parametrize("name", CALLS)
def test_what_cannot_be_used_is_refused_by_its_name(name):
    call, good, bad = CALLS[name]
    with at_once():
        assert finite(call(**copy.copy(good)))
    for argument, values in bad.items():
        for value in values:
            with at_once(), pytest.raises(InputError) as caught:
                call(**good | {argument: value})
            said = str(caught.value)
            assert argument in said.split(":")[0], (argument, value, said)
            assert said.isprintable(), said
            assert "should" in said, said


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-160, 1.0, 1e160, 1e200])
def test_answers_of_lanczos_have_the_scale_of_the_operator(scale):
    """Squares of its entries vanish, or overflow."""
    rng = np.random.default_rng(3)
    matrix = rng.standard_normal((30, 30))
    symmetric = matrix + matrix.T
    values = np.linalg.eigvalsh(symmetric)[::-1]
    found, vectors = lanczos.extreme(lambda v: scale * (v @ symmetric), 30, 3, rng)
    np.testing.assert_allclose(found / scale, values[:3], rtol=1e-7)
    np.testing.assert_allclose(symmetric @ vectors, vectors * values[:3], atol=1e-6)
    singular = lanczos.largest_singular(lambda v: scale * (v @ matrix.T), lambda v: scale * (v @ matrix), 30, 3, rng)
    np.testing.assert_allclose(singular / scale, np.linalg.svd(matrix, compute_uv=False)[:3], rtol=1e-7)
    quadrature = lanczos.quadrature(lambda v: scale * (v @ symmetric), 30, 30, 30, rng)
    assert quadrature.count_above(0.0)[0] == pytest.approx((values > 0).sum())
    assert quadrature.count_above(scale * values[[4, 5]].mean())[0] == pytest.approx(5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    entries=st.lists(st.floats(-1e3, 1e3), min_size=9, max_size=9), count=st.integers(1, 4), seed=st.integers(0, 99),
    tolerance=st.sampled_from((0.0, 1e-10, 1e-4)),
)  # fmt: skip
def test_a_matrix_has_its_eigenvalues_or_is_refused(entries, count, seed, tolerance):
    """Any matrix: where it is far from symmetric there is no answer, and where there is one it is right."""
    matrix = np.reshape(entries, (3, 3))
    try:
        with at_once():
            found, _ = lanczos.extreme(
                lambda v: v @ matrix.T, 3, count, np.random.default_rng(seed), tolerance=tolerance
            )
    except InputError:
        assert np.abs(matrix - matrix.T).max() > 1e-9 * np.abs(matrix).max()  # it is not symmetric
        return
    expected = np.linalg.eigvalsh(0.5 * (matrix + matrix.T))[::-1][:count]
    np.testing.assert_allclose(found, expected, atol=(max(tolerance, 1e-9) + lanczos.ASYMMETRY) * 4e3)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    d=st.floats(allow_nan=True, allow_infinity=True) | st.integers(-5, 50),
    counts=st.lists(st.floats() | st.integers(-3, 20), max_size=3),
    stds=st.lists(st.floats() | st.floats(1e-3, 1e3), max_size=3),
)
def test_edges_exist_or_are_refused(d, counts, stds):
    for law in (random_matrix.silverstein_edges, random_matrix.repaired_edges, random_matrix.detached_edges):
        with np.errstate(all="ignore"), at_once():
            try:
                found = law(d, counts, stds)
            except InputError:
                continue
            assert found.shape == (len(counts), 2)
        assert d > 0
        assert min(counts) > 0
        assert min(stds) > 0


@pytest.mark.parametrize("bad", [-1.0, [1.0, -1e-300], "x", None, 1j])
def test_no_process_has_a_negative_noise_variance(bad):
    """Nor a signal share of 0, or above 1."""
    for of in (diffusion.alpha_bar, diffusion.one_minus_alpha_bar, diffusion.log_alpha_bar, diffusion.sigma,
               diffusion.log_snr, diffusion.variance_of_sigma, diffusion.variance_of_alpha_bar):  # fmt: skip
        with pytest.raises(InputError):
            of(bad)
    for of in (diffusion.ve_point, diffusion.vp_point, diffusion.score_jacobian, diffusion.denoiser_jacobian):
        with pytest.raises(InputError):
            of(np.eye(2), bad)
    for share in (0.0, 1.5, [0.5, 1.1]):
        with pytest.raises(InputError, match=r"^abar: "):
            diffusion.variance_of_alpha_bar(share)
    with pytest.raises(InputError, match="log_abar"):
        diffusion.variance_of_log_alpha_bar(0.1)
    assert math.isnan(diffusion.alpha_bar(NAN))


@pytest.mark.parametrize("name", ["family", "ambient_dim", "groups", "curvature", "seed"])
def test_a_setting_is_no_other_argument(name):
    with pytest.raises(InputError, match=rf"^--set: '{name}=1' is not allowed: --.* says that"):
        describe(9, [data.Group(2, 1.0)], settings={name: 1})
    for of_group in ("count", "std", "bend", "law", "width", "weight"):
        for family in ("linear", "mixture"):
            with pytest.raises(InputError, match=rf"^--set {of_group}: 1 is not allowed: {family} does not use it"):
                describe(9, [data.Group(2, 1.0)], family=family, settings={of_group: 1})


def test_numbers_are_float64_and_keep_their_shape():
    for value in ([1, 2], np.array([1, 2], "uint8"), np.array([1, 2], "float32"), (1.0, 2)):
        found = arguments.array("a", value, "n")
        assert found.dtype == np.float64
        assert found.tolist() == [1, 2]
    assert arguments.array("a", 3).shape == ()
    assert arguments.array("a", np.zeros((4, 2, 3)), "...", 3).shape == (4, 2, 3)
    assert arguments.array("a", np.zeros((0, 3)), "n", 3, empty=True).shape == (0, 3)
    assert arguments.whole("a", np.int32(4)) == 4
    assert math.isnan(arguments.not_negative("a", NAN))
    with pytest.raises(InputError, match=r"^a: the shape \(0, 3\) is not allowed: should be \(n, 3\)$"):
        arguments.array("a", np.zeros((0, 3)), "n", 3)
    with pytest.raises(InputError, match=r"^a: the shape \(\) is not allowed: should be \(\.\.\., k, 2\)$"):
        arguments.array("a", 1.0, "...", "k", 2)


@pytest.mark.parametrize("bad", [None, 3, 1.5, b"x", ["x"], {}, "", "a\0b"])
def test_names_and_paths_are_texts(bad):
    with pytest.raises(InputError, match=r"^name: .* is not allowed: should be one of skdim_"):
        dimension.peer(bad, CLEAN)
    with pytest.raises(InputError, match=r"^study: .* is not allowed: should be a path$"):
        scoregap.open(bad)
    with pytest.raises(InputError, match=r"^results: .* is not allowed: should be a path$"):
        scoregap.open("quickstart", bad)
    with pytest.raises(InputError, match=r"^path: .* is not allowed: should be the path of a study file$"):
        load(bad)


@pytest.mark.parametrize(
    ("argument", "values", "option"),
    [
        ("level", ("x", None, NAN, 0, 1.0, True), "--level"), ("visibility", ("x", None, -1.0, 1j), "--visibility"),
        ("times_of_spectra", (("x",), (NAN,), (0.0,), (1e9,), ((1.0,),)), "--time"),
        ("densities", ("x", None, -1, 2.5), "--density"), ("points", ("x", None, 0, -1, 2.5), "--points"),
    ],
)  # fmt: skip
def test_what_theory_cannot_use_is_refused_by_its_option(argument, values, option):
    for value in values:
        with at_once(), pytest.raises(InputError, match=rf"^{option}: .*should be "):
            describe(9, [data.Group(2, 1.0)], **{argument: value})


def test_there_is_no_answer_that_is_no_answer():
    """No mass below 0, no density where the place is not known, no warning where there is no gap."""
    assert random_matrix.atom(4, [9]) == random_matrix.atom(9, [9]) == 0
    found = random_matrix.density([NAN, 1.0, -1.0], 9, [2], [1.0])
    assert math.isnan(found[0])
    assert found[2] == 0
    assert math.isnan(times.maximum(0.0, 0.0)[1])
    assert math.isnan(times.gap_width(0.0, 0.0, 0.0))
