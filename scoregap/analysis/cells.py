"""What figures show of cells: spectra, histograms, gaps, phase times, alignment, dimensions, training.

study, panels -> what is drawn in each: curves, their means and intervals over seeds, times at which something happens

Scores are the study's references, then its networks; arrays that are drawn over noise have the times of the panel.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from scoregap.analysis.intervals import geometric_mean, interval, median
from scoregap.analysis.learning import INSIDE
from scoregap.analysis.panels import PANELS, Panel, along_axis, numbered_axis, of_cell
from scoregap.analysis.quantities import cell_of
from scoregap.data import FAMILIES
from scoregap.laws import random_matrix
from scoregap.laws.variances import VarianceLaw
from scoregap.scores import EXACT
from scoregap.study import Study

BINS = np.linspace(-0.15, 1.15, 66)  # of eigenvalues of G
SPECTRA = 16  # times at which spectra are shown
SPIKE = 0.04  # bins from there on are beside the spike of the normal directions


def drawn_scores(study: Study) -> list[str]:
    """The scores of a study in the order in which they are drawn."""
    return [*study.references, *study.evaluated_scores]


def reference_score(study: Study) -> str:
    """The score whose times tell where to look: the exact one, or the first."""
    return EXACT if EXACT in study.axes["network"] else study.axes["network"][0]


# ---------------------------------------------------------------- spectra


class Spectra(NamedTuple):
    """values: of a panel. times: (T,). curves: of every network (T, modes), of one seed, mean over points. boundaries:
    (gaps,) modes above each true gap; none where they are not known."""

    values: dict[str, Any]
    times: np.ndarray
    curves: dict[str, np.ndarray]
    boundaries: np.ndarray


def spectra(study: Study, panels: list[Panel]) -> list[Spectra]:
    """Eigenvalues of t J of every network at SPECTRA times, the first and the last among them."""
    found = []
    for values, ds in panels[:PANELS]:
        boundaries = of_cell(ds.boundary).values if "boundary" in ds else np.empty(0)  # of data from a file
        chosen = np.unique(np.linspace(0, ds.sizes["time"] - 1, SPECTRA).round().astype(int))
        eigenvalues = ds.eigenvalue.isel(seed=0).load().isel(time=chosen)  # a list of times takes 100 MB to read
        curves = {network: eigenvalues.sel(network=network).mean("point").values for network in study.axes["network"]}
        found.append(Spectra(values, eigenvalues.time.values, curves, boundaries[np.isfinite(boundaries)]))
    return found


# ---------------------------------------------------------------- histograms


class Histogram(NamedTuple):
    """what: the time it is of. t: the one of the grid; NaN where there is none. heights: of every score (bins,),
    densities over BINS. most: the highest beside the spike. law: see `law_density`; None without one."""

    what: str
    t: float
    heights: dict[str, np.ndarray]
    most: float
    law: tuple[np.ndarray, np.ndarray, np.ndarray] | None


class Histograms(NamedTuple):
    """Histograms of a panel at a few times."""

    values: dict[str, Any]
    shown: list[Histogram]


def histograms(study: Study, panels: list[Panel]) -> list[Histograms]:
    """Eigenvalues of G over seeds and points at the times of `moments`."""
    return [
        Histograms(values, [_histogram(study, ds, what, at) for what, at in moments(study, ds)])
        for values, ds in panels[:PANELS]
    ]


def _histogram(study: Study, ds: xr.Dataset, what: str, at: float) -> Histogram:
    if not np.isfinite(at):
        return Histogram(what, np.nan, {}, 0.0, None)
    here = ds[["eigenvalue", "law_edge"]].sel(time=at, method="nearest").load()
    t, most, heights = here.time.item(), 0.0, {}
    for network in drawn_scores(study):
        values = 1 + here.eigenvalue.sel(network=network).values.ravel()
        if network == "gaussian" or not np.isfinite(values).any():
            continue
        values = values[np.isfinite(values)]
        heights[network] = np.histogram(values, BINS)[0] / (values.size * (BINS[1] - BINS[0]))
        if network == EXACT or EXACT not in study.axes["network"]:
            most = max(most, heights[network][BINS[:-1] > SPIKE].max())
    return Histogram(what, t, heights, most, None if here.curvature.item() else law_density(study, here, t))


def moments(study: Study, ds: xr.Dataset) -> list[tuple[str, float]]:
    """(what, noise variance) of the times at which histograms are drawn: medians over seeds of the exact score's, NaN
    where it has none."""
    exact = ds[["t_max", "t_consolidation"]].sel(network=reference_score(study))
    consolidation = median(exact.t_consolidation.isel(gap=-1).values)
    times = [("t_consolidation", consolidation), (f"{INSIDE:g} t_consolidation", INSIDE * consolidation)]
    if ds.sizes["gap"] > 1 and FAMILIES[str(ds.family.item())].shares:
        times = [("t_max", median(exact.t_max.isel(gap=0).values)), *times]
    return times


def law_density(study: Study, ds: xr.Dataset, t: float) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Eigenvalues gamma of G, their density by the random-matrix law at noise variance t, and its edges; None without
    a law.

    gamma = v / (v + t) for a variance v of the data, whose density is `random_matrix.density` (theory.md 2); so the
    density of gamma is that of v times t / (1 - gamma)^2, with mass m / d. ds: one cell, of any networks and seeds.
    """
    ends = ds.law_edge.max(("network", "seed")).values if ds.law_edge.notnull().any() else np.empty(0)
    ends = np.where(np.isinf(ends), 1e6 * t, ends)
    edges = np.sort((ends / (ends + t))[np.isfinite(ends)])
    if not edges.size:
        return None
    cell = cell_of(study, {axis: ds[axis].item() for axis in study.condition_axes})
    counts, stds = [group.count for group in cell.groups], [group.std for group in cell.groups]
    gamma = np.concatenate([np.linspace(low, high, 100) for low, high in pairwise(edges)])
    variances = t * gamma / (1 - gamma)
    spreads = [VarianceLaw(group.law, group.width) for group in cell.groups]
    density = random_matrix.density(variances, cell["ambient_dim"], counts, stds, spreads)
    return gamma, density * t / (1 - gamma) ** 2, edges


# ---------------------------------------------------------------- gaps


class Curve(NamedTuple):
    """A gap over noise. seeds: (seeds, T). mean: (T,) over them. low, high: (T,) Student's interval of the mean."""

    seeds: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Gap(NamedTuple):
    """A gap of a panel. final: whether its times are those of the final gap. boundary: modes above it, NaN if that is
    not known. law: (T,). curves: of every score. marks: fitted times of `marked_score`, geometric means over seeds, and
    the mean width there; those that it has."""

    final: bool
    boundary: float
    law: np.ndarray
    curves: dict[str, Curve]
    marks: dict[str, tuple[float, float]]


class Gaps(NamedTuple):
    """values: of a panel. times: (T,). gaps: the widest group's first."""

    values: dict[str, Any]
    times: np.ndarray
    gaps: list[Gap]


INTERMEDIATE = ("t_open", "t_max", "t_close")  # times of a gap that is not the final one


def marked_score(study: Study) -> str:
    """The score whose fitted times are marked: the last network, or else the first score."""
    return (study.evaluated_scores or list(study.axes["network"][:1]))[-1]


def gaps(study: Study, panels: list[Panel]) -> list[Gaps]:
    """Width of every gap over noise, by the law and every score."""
    count = panels[0].ds.sizes["gap"]
    return [
        Gaps(values, ds.time.values, [_gap(study, ds, gap, gap == count - 1) for gap in range(count)])
        for values, ds in panels[:PANELS]
    ]


def _gap(study: Study, ds: xr.Dataset, gap: int, last: bool) -> Gap:
    names = ("t_consolidation", "t_resolution") if last or not FAMILIES[str(ds.family.item())].shares else INTERMEDIATE
    t, one = ds.time.values, ds[["gap_width", "law_gap_width", "boundary", *names]].isel(gap=gap)
    curves = {}
    for network in drawn_scores(study):
        seeds = one.gap_width.sel(network=network).transpose("seed", "time")
        ends = seed_band(seeds.values, study.compare.confidence)
        curves[network] = Curve(seeds.values, seeds.mean("seed").values, *ends)
    marked, marks = marked_score(study), {}
    for name in names:
        position = geometric_mean(one[name].sel(network=marked).values)
        if np.isfinite(position):
            mean = one.gap_width.sel(network=marked).mean("seed")
            marks[name] = position, float(np.interp(np.log(position), np.log(t), mean))
    return Gap(names != INTERMEDIATE, of_cell(one.boundary).item(), of_cell(one.law_gap_width).values, curves, marks)


def seed_band(curves: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Ends (time,) of the Student interval of the mean over seeds; NaN with fewer than two. curves: (seed, time), a
    seed without a result is NaN."""
    ends = [interval(column[np.isfinite(column)], confidence) for column in curves.T]
    low, high = np.transpose(ends)
    return low, high


# ---------------------------------------------------------------- phase times


class Times(NamedTuple):
    """Phase times along an axis. values: of the other axes that vary. x: (n,) its values. references: of every time,
    law, gaussian and exact (n,), geometric means over seeds. networks: of every time and network (3, n), see
    `around_exact`. gaps: of every time its gap in the cube."""

    values: dict[str, Any]
    x: np.ndarray
    references: dict[str, dict[str, np.ndarray]]
    networks: dict[str, dict[str, np.ndarray]]
    gaps: dict[str, int]


def phase_times(study: Study, panels: list[Panel]) -> list[Times]:
    """Fitted times of the first gap, if there are several, and of the final one, against `numbered_axis`."""
    along = numbered_axis(study)
    names = ["t_consolidation"]
    if panels[0].ds.sizes["gap"] > 1:
        names = ["t_open", "t_max", "t_close", *names]
    found = []
    for values, members in along_axis(study, panels, along)[:PANELS]:
        references: dict[str, dict[str, np.ndarray]] = {}
        networks: dict[str, dict[str, np.ndarray]] = {}
        last = members[0].sizes["gap"] - 1
        of = {name: last if name == "t_consolidation" else 0 for name in names}
        for name, gap in of.items():
            references[name] = {
                reference: np.array(
                    [geometric_mean(ds[f"{reference}_{name}"].isel(gap=gap, network=0).values) for ds in members]
                )
                for reference in ("law", "gaussian", "exact")
            }
            networks[name] = {
                network: np.transpose(
                    [
                        around_exact(ds[[name, f"exact_{name}"]].isel(gap=gap).sel(network=network), name, study)
                        for ds in members
                    ]
                )
                for network in study.evaluated_scores
            }
        found.append(Times(values, np.array([ds[along].item() for ds in members], float), references, networks, of))
    return found


def around_exact(ds: xr.Dataset, name: str, study: Study) -> tuple[float, float, float]:
    """Mean exact time, times (mean, low, high) of the ratio of the network's time to it over seeds; means are
    geometric."""
    logs = np.log((ds[name] / ds[f"exact_{name}"]).values)
    logs = logs[np.isfinite(logs)]
    low, high = interval(logs, study.compare.confidence)
    scale = geometric_mean(ds[f"exact_{name}"].values)
    return scale * np.exp(logs.mean() if logs.size else np.nan), scale * np.exp(low), scale * np.exp(high)


# ---------------------------------------------------------------- alignment, dimension, training


class Aligned(NamedTuple):
    """Alignment of a group over noise (T,), mean and range over seeds. at: median time at which it is aligned."""

    mean: np.ndarray
    least: np.ndarray
    most: np.ndarray
    at: float


class Alignment(NamedTuple):
    """values: of a panel. times: (T,). threshold: the cosine from which a group is aligned. groups: {score: Aligned}
    of each."""

    values: dict[str, Any]
    times: np.ndarray
    threshold: float
    groups: list[dict[str, Aligned]]


def alignment(study: Study, panels: list[Panel]) -> list[Alignment]:
    """Cosines of the groups with the true tangents, by every score."""
    found = []
    for values, ds in panels[:PANELS]:
        both = ds[["alignment", "t_alignment"]]
        groups = [
            {network: _aligned(both.isel(group=group).sel(network=network)) for network in drawn_scores(study)}
            for group in range(panels[0].ds.sizes["group"])
        ]
        threshold = float(ds.coords.get("fit.alignment", study.document.fit.alignment))
        found.append(Alignment(values, ds.time.values, threshold, groups))
    return found


def _aligned(one: xr.Dataset) -> Aligned:
    cosine = one.alignment
    ends = cosine.min("seed").values, cosine.max("seed").values
    return Aligned(cosine.mean("seed").values, *ends, float(one.t_alignment.median()))


class Dimension(NamedTuple):
    """values: of a panel. times: (T,). ends: of the phases consolidation, coverage and trivial, of `reference_score`:
    four noise variances. boundaries: (gaps,). estimates: of every score (T,), medians over seeds."""

    values: dict[str, Any]
    times: np.ndarray
    ends: list[float]
    boundaries: np.ndarray
    estimates: dict[str, np.ndarray]


def dimension(study: Study, panels: list[Panel]) -> list[Dimension]:
    """Blind dimension over noise, by every score, and the phases."""
    found = []
    for values, ds in panels[:PANELS]:
        t, reference = ds.time.values, ds[["t_open", "t_consolidation"]].sel(network=reference_score(study))
        intermediate = np.nan
        if ds.sizes["gap"] > 1:
            intermediate = reference.t_open.isel(gap=slice(0, -1)).median("seed").max().item()
        consolidation = reference.t_consolidation.isel(gap=-1).median().item()
        first = consolidation if np.isfinite(consolidation) else t[0]
        ends = [t[0], first, intermediate if np.isfinite(intermediate) else first, t[-1]]
        estimates = {
            network: ds.dimension.sel(network=network).isel(estimator=0).median("seed").values
            for network in drawn_scores(study)
        }
        found.append(Dimension(values, t, ends, of_cell(ds.boundary).values, estimates))
    return found


class Training(NamedTuple):
    """values: of a panel. curves: of every network, for each seed, (steps, excess); (evaluations,) each. known: whether
    any of them can be drawn."""

    values: dict[str, Any]
    curves: dict[str, list[tuple[np.ndarray, np.ndarray]]]
    known: bool


def training(study: Study, panels: list[Panel]) -> list[Training]:
    """Training curves of every network and seed."""
    trained, found = study.evaluated_scores, []
    for values, ds in panels[:PANELS]:
        curves = {}
        for network in trained:
            one = ds[["training_step", "training_excess"]].sel(network=network).transpose("seed", ...)
            curves[network] = list(zip(one.training_step.values, one.training_excess.values, strict=True))
        found.append(Training(values, curves, bool((ds.training_excess.sel(network=trained) > 0).any())))
    return found
