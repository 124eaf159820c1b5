"""The registry of the cube: every variable once, with dimensions, type, units and meaning.

`validate` says what is wrong with a dataset, `annotate` writes units and long names into it, `mock` makes a
small valid cube for tests and for people who write a reader.

Over 400 lines, as every variable stands here once.

Dimensions are the study's axes, then those named here. In the file of a job the axes are replaced by one
dimension `member`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

TIMES = {
    "t_open": "noise variance at which the gap opens (t falling)",
    "t_max": "noise variance at which the gap is widest",
    "t_close": "noise variance at which the gap closes again (t falling)",
    "t_consolidation": "noise variance at which the final gap rises through one half (t falling)",
    "t_resolution": "noise variance below which the final gap is under one half again (resolution of the network)",
}
ALIGNMENT = (
    "noise variance at which the group becomes aligned, its mean cosine rising through fit.alignment (t falling)"
)
METHODS = {"": "", "model_": ", by the fit of a gap's shape to the whole curve"}  # prefix of a time -> what it adds
REFERENCES = {
    "law": "random-matrix law of the flat manifold, d to infinity",
    "corrected": "random-matrix law with Tracy-Widom edges, at this d",
    "gaussian": "score of the Gaussian with the family's covariance",
    "exact": "exact score",
}
PHASES_OF_PROFILE = {0: "unknown", 1: "none", 2: "rising", 3: "shoulder", 4: "falling", 5: "full"}
STATUS = {0: "missing", 1: "ok", 2: "diverged", 3: "failed"}


class State(IntEnum):
    """Whether a phase time is known, and why not; a gap is visible from fit.visibility on. A time is NaN unless it is
    MEASURED. NONE_PREDICTED is of the law only: its bulks have merged, or reach down to 0.

    A gap opens and closes at a share of its largest width: where the grid does not show that, it says nothing of the
    one of the two that may be on it, but which end the widest point is beyond.
    """

    NOT_APPLICABLE = 0
    MEASURED = 1
    ABOVE = 2
    BELOW = 3
    ABSENT = 4
    NONE_PREDICTED = 5
    MAXIMUM_ABOVE = 6
    MAXIMUM_BELOW = 7

    @property
    def text(self) -> str:
        """The state in words."""
        return _STATE_TEXTS[self]


NOT_APPLICABLE, MEASURED, ABOVE, BELOW, ABSENT, NONE_PREDICTED, MAXIMUM_ABOVE, MAXIMUM_BELOW = State
OFF_THE_GRID = (ABOVE, BELOW, MAXIMUM_ABOVE, MAXIMUM_BELOW)  # there may be such a time, and the grid does not show it
_STATE_TEXTS = {
    NOT_APPLICABLE: "not applicable",
    MEASURED: "measured",
    ABOVE: "above the grid",
    BELOW: "below the grid",
    ABSENT: "no visible gap",
    NONE_PREDICTED: "no gap predicted",
    MAXIMUM_ABOVE: "widest above the grid",
    MAXIMUM_BELOW: "widest below the grid",
}
_STATES = ", ".join(f"{state.value} {state.text}" for state in State)
VARIANCE = "data_unit^2"
SIDES = ("low", "high")  # of the dimension `side`
ORDERS = ("own below", "own above")  # of the dimension `order`
SEEN = ("training", "held-out")  # of the dimension `seen`
MADE_OF = ("own score", "nature")  # of the dimension `made`
SAMPLERS = ("own", "exact", "clean")  # of the dimension `sampler`
OTHER_HALF = "other half"  # of the dimension `other`: the same score, of the other half of the training part
ESTIMATORS = ("gap_detector",)  # of the dimension `estimator`
MISTAKES = (  # of adapters, in the order of their codes (`measure.calibration.REPAIRS`)
    "levels of 4 t",
    "levels of 2 t",
    "levels of t / 2",
    "levels of t / 4",
    "levels of t^2",
    "levels of sqrt(t)",
    "inputs not scaled (of noise)",
    "inputs not scaled (of x0)",
    "inputs not scaled (of v)",
    "inputs scaled twice (of noise)",
    "inputs scaled twice (of x0)",
    "inputs scaled twice (of v)",
    "noise read as velocity",
    "velocity read as noise",
    "noise read as v",
    "v read as noise",
    "noise read as x0",
    "x0 read as noise",
    "noise read as the score",
    "the score read as noise",
    "data in [0, 1] for a model of [-1, 1]",
    "data in [-1, 1] for a model of [0, 1]",
)
EVALUATIONS = 24  # points of a training curve, the size of the dimension `evaluation`
SHOULDERS = 3  # of a profile, the size of the dimension `shoulder`
FOUND = 4  # gaps that last, the size of the dimension `found`
LEVELS = 16  # noise variances of one evaluation, the size of the dimension `level`
DIRECTIONS = 256  # principal axes of data along which G is kept, at most: the size of the dimension `direction`


class Variable(NamedTuple):
    """Dimensions after the axes, type, units and meaning of one variable."""

    dims: tuple[str, ...]
    dtype: str
    units: str
    long_name: str


VARIABLES: dict[str, Variable] = {
    "status": Variable((), "int8", "1", "state of the cell: " + ", ".join(f"{k} {v}" for k, v in STATUS.items())),
    "eigenvalue": Variable(
        ("time", "point", "mode"), "float32", "1", "eigenvalue of the symmetric part of t J, descending"
    ),
    "singular_value": Variable(("time", "point", "mode"), "float32", "1", "singular value of t J, descending"),
    "asymmetry": Variable(("time", "point"), "float32", "1", "asymmetry of the score Jacobian, |J - J'| / |J|"),
    "score_norm": Variable(("time", "point"), "float32", "data_unit^-1", "Euclidean norm of the score"),
    "excess_loss": Variable(
        ("time",), "float32", "1", "mean squared distance of the denoised points from Bayes', per coordinate, over t"
    ),
    "point_trace": Variable(("time", "point"), "float32", "1", "trace of G, the Jacobian of the denoised points"),
    "squared_error": Variable(
        ("time", "point"), "float32", "1", "squared distance of the denoised point from the clean one, over t"
    ),
    "gaussian_error": Variable(
        ("time", "point"),
        "float32",
        "1",
        "squared_error of the Gaussian with the data's covariance, at the same points",
    ),
    "gaussian_trace": Variable(
        ("time",), "float64", "1", "trace of G of the Gaussian with the data's covariance, the mean of gaussian_error"
    ),
    "mistake": Variable(
        (),
        "int8",
        "1",
        "mistake of an adapter that undone makes the score err less, for certain; of models that the study declares",
    ),
    "mistake_gain": Variable(
        (), "float32", "1", "mean over times of log(error / error with that mistake undone), lower end"
    ),
    # With curvature even the exact score mixes the groups as t -> 0: it orders tangents by curvature, not variance.
    "alignment": Variable(
        ("time", "group"), "float32", "1", "mean cosine of principal angles between measured and true tangent group"
    ),
    "worst_alignment": Variable(
        ("time", "group"), "float32", "1", "smallest cosine of those angles (the largest angle), mean over points"
    ),
    "alignment_of_point": Variable(("time", "point", "group"), "float32", "1", "alignment at each point"),
    "has_gap": Variable(("point", "gap"), "float32", "1", "1 where the gap is one of the manifold at the point"),
    "time_used": Variable(
        ("time",), "float64", VARIANCE, "noise variance that was measured at: the time, or a model's own next to it"
    ),
    "training_step": Variable(("evaluation",), "float32", "1", "optimiser steps taken"),
    "training_loss": Variable(("evaluation",), "float32", "1", "weighted denoising loss since the last evaluation"),
    "training_excess": Variable(
        ("evaluation",), "float32", "1", "excess of the averaged weights over the Bayes optimum, as excess_loss"
    ),
    "training_excess_by_level": Variable(
        ("evaluation", "level"), "float32", "1", "excess at one noise variance, of which training_excess is the mean"
    ),
    "training_flops": Variable(
        ("evaluation",), "float64", "1", "floating-point operations of the steps so far, 6 per multiply-add"
    ),
    "boundary": Variable(("gap",), "float32", "1", "true number of modes above the gap"),
    "gap_width": Variable(("time", "gap"), "float32", "1", "width of the gap in the mean spectrum of t J"),
    "law_gap_width": Variable(("time", "gap"), "float32", "1", f"width of the gap: {REFERENCES['law']}"),
    "edge": Variable(("group", "side"), "float64", VARIANCE, "smallest and largest variance of the group, of this F"),
    "law_edge": Variable(("group", "side"), "float64", VARIANCE, f"edges of the group: {REFERENCES['law']}"),
    "corrected_edge": Variable(
        ("group", "side"), "float64", VARIANCE, f"mean edges of the group: {REFERENCES['corrected']}"
    ),
    "corrected_edge_std": Variable(
        ("group", "side"), "float64", VARIANCE, f"standard deviation of the edges over F: {REFERENCES['corrected']}"
    ),
    "dimension": Variable(
        ("time", "estimator"), "float32", "1", "blind estimate of the manifold dimension at this time, 0 for no gap"
    ),
    "gap_count": Variable(("time",), "float32", "1", "significant gaps at this time, found blind"),
    "dimension_overall": Variable(("estimator",), "float32", "1", "blind estimate of the manifold dimension"),
    "gap_count_overall": Variable((), "float32", "1", "gaps that last over times, found blind"),
}
# Of studies with an optional section; the cubes of others do not have them.
OPTIONAL: dict[str, Variable] = {
    # of the section `dimension`
    "estimate": Variable(
        ("estimate_time", "estimate_point", "score_estimator"),
        "float32",
        "1",
        "dimension that the estimator makes of a score",
    ),
    "estimate_cost": Variable(
        ("score_estimator",), "float32", "1", "evaluations of the score, or products with its Jacobian, per estimate"
    ),
    "point_dimension": Variable(("estimate_point",), "float32", "1", "true dimension of the manifold at the point"),
    "data_estimate": Variable(
        ("data_estimator",), "float32", "1", "dimension that the estimator makes of clean data (exact arm only)"
    ),
    # of the section `sampling`
    "sample_off_manifold": Variable(
        ("order", "switch"), "float64", "data_unit", "rms distance of samples from the manifold, per normal direction"
    ),
    "sample_distance": Variable(
        ("order", "switch", "group"),
        "float64",
        "1",
        "energy distance of samples from those of the exact score from the same starts, over the group's std",
    ),
    "sample_truth_distance": Variable(
        ("sampler", "group"), "float64", "1", "energy distance of samples from clean points, over the group's std"
    ),
}
# Of studies with data from a file that keep points (spectrum.keep), in the user's coordinates.
KEPT: dict[str, Variable] = {
    "kept_clean": Variable(("kept_point", "coordinate"), "float32", "data_unit", "clean point"),
    "kept_noisy": Variable(("kept_time", "kept_point", "coordinate"), "float32", "data_unit", "noisy point"),
    "kept_denoised": Variable(("kept_time", "kept_point", "coordinate"), "float32", "data_unit", "denoised point"),
    "kept_vector": Variable(
        ("kept_time", "kept_point", "vector", "coordinate"),
        "float32",
        "1",
        "eigenvector of the symmetric part of G, of the largest eigenvalue first",
    ),
}
# Of studies with data from a file, of which nothing is known but what points and scores say; not of families.
_MODES = "eigenvalues of G = I + t J above 1/2, mean over points"
OF_FILES: dict[str, Variable] = {
    "point_trace_error": Variable(
        ("time", "point"), "float32", "1", "standard error of point_trace, over random vectors (method trace)"
    ),
    "point_row": Variable(("point",), "float64", "1", "row of the file that the point is, from 0"),
    "point_label": Variable(("point",), "float64", "1", "place of the point's class along `label`, from 0"),
    "label_points": Variable(("label",), "float64", "1", "training points of the class"),
    "principal_variance": Variable(
        ("direction",), "float64", VARIANCE, "variance of the training part along its principal axis"
    ),
    "along_principal": Variable(
        ("time", "point", "direction"),
        "float32",
        "1",
        "u' G u of the principal axis u: the share of its noise that is data",
    ),
    "tangent_share": Variable(
        ("point",), "float32", "1", "share of the score's squared norm along the resolved modes, at the smallest time"
    ),
    "class_estimate": Variable(
        ("label", "data_estimator"), "float32", "1", "data_estimate of the training points of the class"
    ),
    "training_error": Variable(
        ("time",), "float32", "1", "mean squared_error at as many points of the training set, where others are held out"
    ),
    "sketch": Variable(
        ("time", "point", "row", "column"),
        "float16",
        "1",
        "U' G V over its norm, random frames U, V; in files of jobs only",
    ),
    "agreement": Variable(
        ("time", "point", "other"), "float32", "1", "cosine of G and that of another score, <G, H> / (|G| |H|)"
    ),
    "modes": Variable(("time",), "float64", "1", f"modes that are resolved, n(t): {_MODES}"),
    "trace": Variable(("time",), "float64", "1", "trace of G = I + t J, mean over points"),
    "trace_error": Variable(("time",), "float64", "1", "standard error of trace, over random vectors (method trace)"),
    "phase": Variable(
        ("time",), "int8", "1", "what n(t) does: " + ", ".join(f"{k} {v}" for k, v in PHASES_OF_PROFILE.items())
    ),
    "t_first": Variable((), "float64", VARIANCE, "noise variance at which n(t) rises through 1/2 (t falling)"),
    "shoulder_start": Variable(("shoulder",), "float64", VARIANCE, "noise variance at which a shoulder of n(t) begins"),
    "shoulder_end": Variable(("shoulder",), "float64", VARIANCE, "noise variance at which it ends (t falling)"),
    "shoulder_end_state": Variable(
        ("shoulder",), "int8", "1", f"whether shoulder_end is known, or is the end of the grid: {_STATES}"
    ),
    "shoulder_modes": Variable(("shoulder",), "float64", "1", "n(t) at the geometric middle of the shoulder"),
    "shoulder_slope": Variable(("shoulder",), "float64", "1", "rate of n(t) in it over the steepest; 0: flat"),
    "shoulder_share": Variable(("shoulder",), "float64", "1", "share of resamples of the points that have it"),
    "found_gap": Variable(("found",), "float64", "1", "modes above a gap that lasts over times, found blind"),
    "found_gap_width": Variable(("found",), "float64", "1", "its largest width in the mean spectrum of t J"),
    "found_gap_time": Variable(("found",), "float64", VARIANCE, "noise variance at which it is that wide"),
}
INTERVALS_OF_FILES = (
    "modes", "trace", "t_first", "shoulder_start", "shoulder_end", "shoulder_modes", "shoulder_slope",
    "found_gap_width",
)  # fmt: skip
_OVER = "end of the interval over points"
for _name in INTERVALS_OF_FILES:
    _dims, _dtype, _units, _what = OF_FILES[_name]
    for _end in ("low", "high"):
        OF_FILES[f"{_name}_{_end}"] = Variable(
            _dims, _dtype, _units, f"{_end} end of the interval over points: {_what}"
        )
OF_FILES |= KEPT
# Of studies with a section `memorisation`, of scores that come from training points.
_COLLAPSE = "noise variance at which the score of the training points collapses on single ones"
OF_MEMORISATION: dict[str, Variable] = {
    "law_t_memorisation": Variable((), "float64", VARIANCE, f"{_COLLAPSE}: mutual information of this F = log N"),
    "corrected_t_memorisation": Variable((), "float64", VARIANCE, f"{_COLLAPSE}: random-energy model at this N"),
    "t_memorisation": Variable((), "float64", VARIANCE, f"{_COLLAPSE}: the mean own_weight falls through one half"),
    "t_memorisation_state": Variable((), "int8", "1", f"whether t_memorisation is known: {_STATES}"),
    "own_weight": Variable(
        ("memory_time",), "float64", "1", "posterior weight of the own training point of a noisy one, mean over points"
    ),
    "nearest_weight": Variable(
        ("memory_time",), "float64", "1", "posterior weight of the nearest training point, mean over points"
    ),
    "effective_points": Variable(
        ("memory_time",), "float64", "1", "1 / sum w^2 of the posterior weights of training points, mean over points"
    ),
    "dimension_kept": Variable(
        ("memory_time", "group"),
        "float64",
        "1",
        "trace of G within the tangents of the group over that of the exact score's, at noisy training points",
    ),
    "position": Variable(
        ("seen", "memory_time"),
        "float64",
        "1",
        "position of the denoised points between those of the exact (0) and of the empirical score (1)",
    ),
    "position_residual": Variable(
        ("seen", "memory_time"), "float64", "1", "squared distance from the line of those, over theirs from each other"
    ),
    "empirical_distance": Variable(
        ("seen", "memory_time"), "float64", "1", "mean squared distance of those, per coordinate, over t"
    ),
    "memory_calibration": Variable(
        ("seen", "memory_time"), "float64", "1", "squared distance of denoised from clean points over t tr G, of means"
    ),
    "nearest_distance": Variable(
        ("made",), "float64", "data_unit", "distance to the nearest training point, median over points"
    ),
    "memorised": Variable(
        ("made",), "float64", "1", "share of points whose nearest training point is 3 times nearer than the second"
    ),
    "training_position": Variable(
        ("evaluation", "level"),
        "float64",
        "1",
        "position of the averaged weights during training, at noisy training points",
    ),
    "training_position_residual": Variable(
        ("evaluation", "level"), "float64", "1", "position_residual of the averaged weights during training, likewise"
    ),
}
OF_COPIES: dict[str, Variable] = {  # of those that keep samples (memorisation.keep), in the user's coordinates
    "copy_sample": Variable(("copy", "coordinate"), "float32", "data_unit", "sample of the score"),
    "copy_nearest": Variable(("copy", "coordinate"), "float32", "data_unit", "its nearest training point"),
}
OF_MEMORISATION |= OF_COPIES
OPTIONAL |= OF_MEMORISATION
VARIABLES |= OPTIONAL | OF_FILES
# Over points of a manifold that is drawn once: over draws of F, as a law of random F has it, times scatter far more.
_INTERVAL = "end of the interval over points, for this F and this network"
for _prefix, _method in METHODS.items():
    for _name, _meaning in TIMES.items():
        _what = _meaning + _method
        VARIABLES[_prefix + _name] = Variable(("gap",), "float64", VARIANCE, _what)
        for _end in ("low", "high"):
            VARIABLES[f"{_prefix}{_name}_{_end}"] = Variable(
                ("gap",), "float64", VARIANCE, f"{_end} {_INTERVAL}: {_what}"
            )
        for _reference, _curve in REFERENCES.items():
            VARIABLES[f"{_reference}_{_prefix}{_name}"] = Variable(("gap",), "float64", VARIANCE, f"{_what}: {_curve}")
        for _owner in ("", "law_"):
            VARIABLES[f"{_owner}{_prefix}{_name}_state"] = Variable(
                ("gap",), "int8", "1", f"whether {_owner}{_prefix}{_name} is known: {_STATES}"
            )
_CONSISTENCY = "t_open t_close / t_max^2, 1 for the gap between two variances at every threshold"
VARIABLES["consistency"] = Variable(("gap",), "float64", "1", _CONSISTENCY)
for _end in ("low", "high"):
    VARIABLES[f"consistency_{_end}"] = Variable(("gap",), "float64", "1", f"{_end} {_INTERVAL}: {_CONSISTENCY}")
VARIABLES["t_alignment"] = Variable(("group",), "float64", VARIANCE, ALIGNMENT)
for _end in ("low", "high"):
    VARIABLES[f"t_alignment_{_end}"] = Variable(("group",), "float64", VARIANCE, f"{_end} {_INTERVAL}: {ALIGNMENT}")
for _arm in ("gaussian", "exact"):
    VARIABLES[f"{_arm}_t_alignment"] = Variable(("group",), "float64", VARIANCE, f"{ALIGNMENT}: {REFERENCES[_arm]}")
VARIABLES["t_alignment_state"] = Variable(
    ("group",), "int8", "1", f"whether t_alignment is known: {_STATES.replace(ABSENT.text, 'never aligned')}"
)
VARIABLES["model_misfit"] = Variable(("gap",), "float64", "1", "rms distance of the gap width from the fitted shape")

# Those that a stage makes for a cell; the cube adds its references.
MADE: dict[str, tuple[str, ...]] = {
    "spectrum": (
        "status", "eigenvalue", "singular_value", "asymmetry", "score_norm", "excess_loss", "point_trace",
        "squared_error",
        "gaussian_error", "gaussian_trace", "mistake", "mistake_gain", "alignment", "worst_alignment",
        "alignment_of_point", "has_gap", "time_used", "training_step", "training_loss", "training_excess",
        "training_flops", "training_excess_by_level",
    ),
    "dimension": ("estimate", "estimate_cost", "point_dimension", "data_estimate"),
    "sample": ("sample_off_manifold", "sample_distance", "sample_truth_distance"),
    "memorise": tuple(OF_MEMORISATION),
}  # fmt: skip
_REFERENCES = ("gaussian_", "exact_")
MADE["fit"] = tuple(
    name
    for name in VARIABLES
    if not any(name in names for names in MADE.values()) and not name.startswith(_REFERENCES) and name not in OF_FILES
)
OF_EXACT_MEMORISATION = (  # what of it takes the exact score, or its information
    "law_t_memorisation", "corrected_t_memorisation", "position", "position_residual", "empirical_distance",
    "training_position", "training_position_residual",
)  # fmt: skip
# Of families: what takes true groups, the exact score, or the covariance of the law.
OF_FAMILIES = frozenset(
    name
    for name, one in VARIABLES.items()
    if {"group", "gap"} & set(one.dims)
    or name in OF_EXACT_MEMORISATION
    or name in ("excess_loss", "training_excess", "training_excess_by_level", "point_dimension", "gaussian_trace")
)
MADE_OF_FILES: dict[str, tuple[str, ...]] = {
    "spectrum": (
        "point_trace_error", "point_row", "point_label", "label_points", "principal_variance", "along_principal",
        "tangent_share", "training_error", "sketch", *KEPT,
    ),
    "dimension": ("class_estimate",),
}  # fmt: skip
MADE_OF_FILES["fit"] = tuple(
    name for name in OF_FILES if not any(name in names for names in (*MADE_OF_FILES.values(), ("agreement",)))
)

# What takes whole spectra: a study of traces does not have it.
OF_SPECTRA = frozenset(
    name
    for name, one in VARIABLES.items()
    if {"mode", "estimator", "shoulder", "found", "other", "row", "direction"} & set(one.dims)
    or name in ("asymmetry", "phase", "gap_count", "gap_count_overall", "tangent_share")
    or name.startswith(("modes", "t_first"))
)
OF_TRACES = frozenset({"point_trace_error", "trace_error"})

COORDINATES = {
    "family": ("1", "manifold family"),
    "ambient_dim": ("1", "dimension of the data space, d"),
    "manifold_dim": ("1", "dimension of the manifold, m; below 1: as share of ambient_dim"),
    "curvature": (
        "1",
        "dimensionless curvature, kappa times the typical latent of the largest group (spheres: of each group)",
    ),
    "network": ("1", "score: closed form, or network family and width"),
    "seed": ("1", "seed of manifold, points, data and weights"),
    "time": (VARIANCE, "noise variance t (variance exploding)"),
    "point": ("1", "index of the evaluation point"),
    "mode": ("1", "index of the mode, largest eigenvalue first"),
    "group": ("1", "index of the variance group, largest first"),
    "side": ("1", "lower or upper edge"),
    "gap": ("1", "index of the true gap; the last is the final gap"),
    "estimator": ("1", "blind estimator of the dimension"),
    "evaluation": ("1", "index of the evaluation during training"),
    "level": (VARIANCE, "noise variance of an evaluation during training"),
    "estimate_time": (VARIANCE, "noise variance t at which dimensions are estimated"),
    "estimate_point": ("1", "index of the point at which dimensions are estimated"),
    "score_estimator": ("1", "estimator of the dimension that takes a score"),
    "data_estimator": ("1", "estimator of the dimension that takes data"),
    "dataset_size": ("1", "points that empirical and networks are given, of data from a file; fresh: all"),
    "class": ("1", "class whose points the data are, of data from a file, or all"),
    "label": ("1", "class of points of a file, by its label; all where they have none"),
    "direction": ("1", "index of the principal axis of the training part, largest variance first"),
    "half": ("1", "half of the training part that empirical and networks are given, of data from a file, or all"),
    "shoulder": ("1", "index of the shoulder of n(t), the one at the largest t first"),
    "found": ("1", "index of the gap found blind, the one with the fewest modes above first"),
    "other": ("1", "score that another is compared with; other half: the same, of the other half of the training part"),
    "kept_time": (VARIANCE, "noise variance t at which points are kept"),
    "kept_point": ("1", "index of the evaluation point that is kept"),
    "vector": ("1", "index of the eigenvector, of the largest eigenvalue first"),
    "coordinate": ("1", "index of the coordinate, in the order of the file"),
    "row": ("1", "row of a sketch, in files of jobs"),
    "column": ("1", "column of a sketch, in files of jobs"),
    "order": ("1", "where in noise samples are made by the network's own score, the exact one making the rest"),
    "switch": (VARIANCE, "noise variance t at which the score of samples changes hands"),
    "memory_time": (VARIANCE, "noise variance t at which it is measured what scores know of training points"),
    "seen": ("1", "whether noisy points are of training points"),
    "made": ("1", "whose points are looked at: samples of the score, or fresh points of the data"),
    "copy": ("1", "index of the sample that is kept beside its nearest training point"),
    "sampler": ("1", "who made samples: one score alone, or nobody: clean points"),
}


def training_levels(times) -> np.ndarray:
    """(LEVELS,) noise variances at which training is evaluated, over the range `times` of the spectra."""
    return np.geomspace(times.start, times.stop, LEVELS)


def of_dimension(settings) -> dict[str, np.ndarray]:
    """Coordinates of the variables of a study's section `dimension`; without one that would be empty."""
    every = {
        "estimate_time": settings.times.values,
        "estimate_point": np.arange(settings.points),
        "score_estimator": np.array(settings.of_score, object),
        "data_estimator": np.array(settings.of_data, object),
    }
    return {name: values for name, values in every.items() if len(values)}


def made(stage: str, cell=None) -> tuple[str, ...]:
    """The variables that a stage makes for a cell of a study; without one, for a cell of a family without optional
    sections."""
    names = MADE[stage]
    if cell and cell.data:
        others = OF_FAMILIES | (OF_SPECTRA if cell.spectrum.traces else OF_TRACES)
        others |= frozenset() if cell.spectrum.keep else KEPT.keys()
        names = tuple(name for name in (*names, *MADE_OF_FILES.get(stage, ())) if name not in others)
    if stage == "memorise" and not (cell and cell.memorisation.keep):
        return tuple(name for name in names if name not in OF_COPIES)
    if stage != "dimension" or not cell:
        return names
    coords = of_dimension(cell.dimension).keys() | {"label"}
    return tuple(name for name in names if set(VARIABLES[name].dims) <= coords)


def of_kept(settings, dim: int) -> dict[str, np.ndarray]:
    """Coordinates of the variables of points that are kept. settings: of a study's section `spectrum`."""
    keep, t = settings.keep, settings.times.values
    return {
        "kept_time": t[keep.chosen(len(t))],
        "kept_point": np.arange(min(keep.points, settings.points)),
        "vector": np.arange(min(keep.vectors, dim)),
        "coordinate": np.arange(dim),
    }


def of_cube(coords, from_file: bool) -> dict[str, Variable]:
    """The variables of a cube with these coordinates after the axes."""
    others = {*(OF_FAMILIES if from_file else OF_FILES), *(OF_TRACES if "mode" in coords else OF_SPECTRA)}
    if "memory_time" not in coords:
        others |= OF_MEMORISATION.keys()
    return {name: one for name, one in VARIABLES.items() if name not in others and set(one.dims) <= set(coords)}


def of_sampling(settings) -> dict[str, np.ndarray]:
    """Coordinates of the variables of a study's section `sampling`."""
    return {
        "order": np.array(ORDERS, object),
        "switch": settings.switches.values,
        "sampler": np.array(SAMPLERS, object),
    }


def of_memorisation(settings, dim: int) -> dict[str, np.ndarray]:
    """Coordinates of the variables of a study's section `memorisation`, of points of so many coordinates."""
    found = {
        "memory_time": settings.times.values,
        "seen": np.array(SEEN, object),
        "made": np.array(MADE_OF, object),
    }
    return found | ({"copy": np.arange(settings.keep), "coordinate": np.arange(dim)} if settings.keep else {})


def empty(name: str, shape: tuple[int, ...], full: Callable[..., np.ndarray] = np.full) -> np.ndarray:
    """An array of this variable in which nothing has been filled in: NaN, or 0 for codes. full: makes the array."""
    dtype = np.dtype(VARIABLES[name].dtype)
    return full(shape, np.nan if dtype.kind == "f" else 0, dtype)


def blank(names: tuple[str, ...], sizes: dict[str, int]) -> dict[str, np.ndarray]:
    """Empty arrays of these variables for one cell."""
    return {name: empty(name, tuple(sizes[dim] for dim in VARIABLES[name].dims)) for name in names}


def stack(members: list[dict[str, np.ndarray]]) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """The arrays of a job: the variables of its cells along a first dimension `member`, short ones filled up.

    {name: (dimensions, values)}.
    """
    data: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for name in members[0]:
        arrays = [one[name] for one in members]
        shapes = {array.shape for array in arrays}
        together = empty(name, (len(arrays), *map(max, zip(*shapes, strict=True))))
        if len(shapes) == 1:
            together[...] = np.array(arrays)
        else:
            for i, array in enumerate(arrays):
                together[slice(i, i + 1), *(slice(size) for size in array.shape)] = array
        data[name] = ("member", *VARIABLES[name].dims), together
    return data


class Dataset(Protocol):
    """What of an `xarray.Dataset` is asked for here: stages that do without xarray have arrays with these names too."""

    @property
    def variables(self) -> Mapping[Any, Any]:
        """All arrays, each with dims, dtype, values and attrs."""

    @property
    def data_vars(self) -> Mapping[Any, Any]:
        """Those that are no coordinates."""

    @property
    def coords(self) -> Mapping[Any, Any]:
        """The values along dimensions."""

    @property
    def dims(self) -> Collection[Any]:
        """Names of the dimensions."""

    def __contains__(self, name: object) -> bool: ...


D = TypeVar("D", bound=Dataset)


def annotate(ds: D) -> D:
    """Units and long names for every variable and coordinate; an axis into a section is named by its path."""
    found = ds.variables  # `ds[name]` makes an array of it, with coordinates
    for name in map(str, ds.data_vars):
        units, long_name = VARIABLES[name][2:]
        found[name].attrs |= {"units": units, "long_name": long_name} | _flags(name)
    for name in map(str, ds.coords):
        units, long_name = COORDINATES.get(name, ("1", f"study parameter {name}"))
        found[name].attrs |= {"units": units, "long_name": long_name}
    return ds


def _flags(name: str) -> dict[str, Any]:
    """The codes of a variable and what they mean, as the CF conventions have it."""
    if name == "status":
        codes = STATUS
    elif name == "mistake":
        codes = dict(enumerate(("none", *(one.replace(" ", "_") for one in MISTAKES))))
    elif name == "phase":
        codes = PHASES_OF_PROFILE
    elif name.endswith("_state"):
        codes = {state.value: state.name.lower() for state in State}
    else:
        return {}
    return {"flag_values": list(codes), "flag_meanings": " ".join(codes.values())}


def validate(ds: Dataset, axes: tuple[str, ...]) -> list[str]:
    """What is wrong with a cube, one sentence each; empty if nothing is."""
    wrong, found = [], ds.variables
    needed = VARIABLES.keys() - OPTIONAL.keys() - KEPT.keys() - (OF_FAMILIES if "point_row" in ds else OF_FILES.keys())
    needed -= set() if "data_estimator" in ds.dims else {"class_estimate"}
    needed -= {"sketch"} if "other" in ds.coords else {"sketch", "agreement"}
    needed -= OF_SPECTRA if "point_trace_error" in ds else OF_TRACES
    for name in needed - ds.data_vars.keys():
        wrong.append(f"variable {name} is missing")
    for name in sorted(map(str, ds.data_vars)):
        if name not in VARIABLES:
            wrong.append(f"variable {name} is not registered")
            continue
        variable = VARIABLES[name]
        if found[name].dims != (*axes, *variable.dims):
            wrong.append(f"variable {name} has dimensions {found[name].dims}, not {(*axes, *variable.dims)}")
        if found[name].dtype != variable.dtype:
            wrong.append(f"variable {name} has type {found[name].dtype}, not {variable.dtype}")
    for name in map(str, ds.dims):
        if name not in ds.coords:
            wrong.append(f"coordinate {name} is missing")
    for name in map(str, (*ds.data_vars, *ds.coords)):
        for attribute in ("units", "long_name"):
            if attribute not in found[name].attrs:
                wrong.append(f"{name} has no {attribute}")
    if "status" in ds and not wrong:
        if not np.isin(found["status"].values, list(STATUS)).all():
            wrong.append(f"status has values other than {list(STATUS)}")
        wrong += _validate_traces(ds) if "point_trace_error" in ds else _validate_spectra(ds)
    return wrong


def _validate_spectra(ds: Dataset) -> list[str]:
    """Where the truth is sampled, whole spectra may be unknown, but neither all of them nor parts of one."""
    wrong, found = [], ds.variables
    values = found["eigenvalue"].values
    missing = np.isnan(values)
    some, every = missing.any(-1), missing.all(-1)
    broken = (found["status"].values == 1) & ((some & ~every).any((-2, -1)) | every.all((-2, -1)))
    if broken.any():
        wrong.append(f"{int(broken.sum())} cells have status 1 (ok) and missing eigenvalues")
    if (np.diff(values, axis=-1) > 1e-6).any():
        wrong.append("eigenvalues are not in descending order")
    return wrong


def _validate_traces(ds: Dataset) -> list[str]:
    """A trace is known where its error is, which is not negative."""
    wrong, found = [], ds.variables
    errors = found["point_trace_error"].values
    missing, of_error = np.isnan(found["point_trace"].values), np.isnan(errors)
    lost = (missing != of_error).any((-2, -1)) | missing.all((-2, -1))
    broken = (found["status"].values == 1) & lost
    if broken.any():
        wrong.append(f"{int(broken.sum())} cells have status 1 (ok) and missing traces")
    if (errors < 0).any():
        wrong.append("standard errors are negative")
    return wrong


def mock(axes: dict[str, list], sizes: dict[str, int], seed: int = 0) -> xr.Dataset:
    """A valid cube of the given axes with invented numbers. sizes: of time, point, mode, ... (default 3)."""
    import xarray as xr

    rng = np.random.default_rng(seed)
    registered = of_cube(COORDINATES, from_file=False)
    sizes = {dim: sizes.get(dim, 3) for dim in COORDINATES if dim not in axes and dim not in ("family",)} | sizes
    sizes["side"] = len(SIDES)
    outer = tuple(len(values) for values in axes.values())
    data = {}
    for name, variable in registered.items():
        shape = (*outer, *(sizes[dim] for dim in variable.dims))
        numbers = -np.sort(-rng.random(shape or (1,)), axis=-1).reshape(shape)
        data[name] = (
            (*axes, *variable.dims),
            np.ones(shape, "int8") if name == "status" else numbers.astype(variable.dtype),
        )
    used = {dim for variable in registered.values() for dim in variable.dims}
    coords: dict[str, Any] = dict(axes) | {dim: np.arange(sizes[dim]) for dim in sorted(used)}
    coords["time"] = np.geomspace(1e-3, 1, sizes["time"])
    coords["side"] = np.array(SIDES, object)
    for dim in ("estimator", "score_estimator", "data_estimator", "order", "sampler", "seen", "made"):
        coords[dim] = np.array([f"{dim}-{i}" for i in range(sizes[dim])], object)
    for axis, values in axes.items():
        if isinstance(values[0], str):
            coords[axis] = np.array(values, object)
    return annotate(xr.Dataset(data, coords))
