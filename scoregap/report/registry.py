"""Every figure of a study, by name.

cube (or the folder of a run) -> figures, with captions

A figure is one entry of FIGURES. Imports neither numpy nor matplotlib: Snakemake asks which figures a study has.

Over 400 lines, as every figure and its caption stand here once.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, NamedTuple

from scoregap import InputError
from scoregap.pictures import picture
from scoregap.scores import EXACT
from scoregap.store.opening import absent
from scoregap.study import Study, load
from scoregap.study.axes import as_named

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure as Drawing

    from scoregap.analysis import Tables
    from scoregap.analysis.panels import Panel, Setting
    from scoregap.regression.reports import Report

WHOLE = ("claims", "compared", "outcome")
SETTINGS = 24  # of more than these, a study has a map
ALONG_AN_AXIS = ("phase_times", "phases")  # figures that show settings side by side


def _whole_spectra(study: Study, name: str) -> bool:
    return study.document.spectrum.probes is None


def _of_family(study: Study, name: str) -> bool:
    return study.document.data is None


def _of_file(study: Study, name: str) -> bool:
    return study.document.data is not None


def _labelled(study: Study, name: str) -> bool:
    return study.document.data is not None and study.document.data.labelled and _whole_spectra(study, name)


def _trained(study: Study, name: str) -> bool:
    return bool(study.trained_networks) and _of_family(study, name)


def _scanned(study: Study, name: str) -> bool:
    if study.document.data:
        return False
    axes = [axis for axis in study.condition_axes if not axis.startswith(("train.", "fit."))]
    return any(len(study.axes[axis]) > 1 and not isinstance(as_named(study.axes[axis])[0], str) for axis in axes)


def _compared(study: Study, name: str) -> bool:
    return any(part.trained_networks and EXACT in part.axes["network"] for part in study.parts)


def _large(study: Study, name: str) -> bool:
    """Whether there are more settings than a figure has panels, of which some have a verdict."""
    settings = sum(math.prod(len(part.axes[axis]) for axis in part.condition_axes) for part in study.parts)
    compared = any(EXACT in part.axes["network"] for part in study.parts)
    return _of_family(study, name) and compared and settings > SETTINGS


def _found(study: Study, name: str) -> bool:
    return name in study.findings


def _kept(study: Study, name: str) -> bool:
    data = study.document.data
    return bool(study.document.spectrum.keep and data and picture(tuple(data.shape or ())))


def _copied(study: Study, name: str) -> bool:
    data, memorisation = study.document.data, study.document.memorisation
    return bool(memorisation and memorisation.keep and data and picture(tuple(data.shape or ())))


class Figure(NamedTuple):
    """where: function (study, *what it takes) -> figure. takes: one of WHOLE, attributes of `Run`, for a figure of the
    whole study; for one of every part tables of `analysis.Tables`, or the place of a function (study, panels) -> what
    is drawn. applies: to which studies, parts."""

    where: str
    takes: str | tuple[str, ...]
    applies: Callable[[Study, str], bool]
    caption: str


FIGURES: dict[str, Figure] = {
    "map": Figure(
        "scoregap.report.figures.chart:overview", "compared", _large,
        "All settings of a large study at once. Top: how far phase times are from those of the exact score, in margins "
        "of the study; the grey band is what is allowed. Below, for every score: the share of settings that do not "
        "agree (disagree, or are inconclusive, as all of one seed are), and the median distance, along the axis with "
        "the most values, a row for each combination of the others (of as many as there is room for). Grey: nothing to "
        "compare.",
    ),
    "profile": Figure(
        "scoregap.report.figures.profile:profile", "scoregap.analysis.profiles:curves", _of_file,
        "Modes that are resolved at noise variance t: eigenvalues of G = I + t J above 1/2, mean over points, n(t), "
        "and the trace of G (cut a quarter of d outside of 0 to d); time runs from right to left. gaussian: score of "
        "the Gaussian with the data's covariance. "
        "Bands: intervals over seeds, or of one or two seeds over points. Bars: shoulders, ranges of t in which n "
        "rises at less than half of the steepest rate, at the n in their middle, one for each seed that has one.",
    ),
    "denoised": Figure(
        "scoregap.report.figures.pictures:denoised", "scoregap.analysis.pictures:kept", _kept,
        "Points of the data, the same with noise of variance t, and what scores make of these: the mean of all clean "
        "pictures that the score thinks possible. Below: the eigenvalues of G = I + t J at that point and t, against "
        "their index, in the colours of the names of scores: those near 1 are directions that are kept, those near 0 "
        "directions that are taken for noise. First seed.",
    ),
    "directions": Figure(
        "scoregap.report.figures.pictures:directions", "scoregap.analysis.pictures:kept", _kept,
        "The eigenvectors of the symmetric part of G with the largest eigenvalues (numbers), as pictures, beside the "
        "denoised point. Of an exact score G is the covariance of the clean picture given the noisy one, over t: they "
        "are what a score thinks may still vary. The Gaussian's are the same principal axes at every point. Those of "
        "an eigenvalue of 0 are left out. Red and "
        "blue are the two signs; which is which means nothing. First seed, the last of the settings of every network.",
    ),
    "copies": Figure(
        "scoregap.report.figures.pictures:copies", "scoregap.analysis.pictures:copies", _copied,
        "Samples of every score that comes from training points, the first ones, each above the training point that is "
        "nearest to it. The share of all samples that are copies, nearest to one point three times nearer than to any "
        "other, beside that of held-out points. First seed that has a result.",
    ),
    "classes": Figure(
        "scoregap.report.figures.profile:classes", "scoregap.analysis.classes:classes", _labelled,
        "Modes that are resolved at noise variance t, n(t), at held-out points of every class, mean over points and "
        "networks; time runs from right to left. The Gaussian resolves as many at all points. Bands: intervals over "
        "networks, which have points of their own, or of one or two over points: where they part, classes differ in "
        "their number of directions.",
    ),
    "claims": Figure(
        "scoregap.report.figures.claims:overview", "claims", _compared,
        "The paper's quantitative claims (rows) in every cell and for every network (columns). Squares: whether the "
        "network does what the law says. Dots: whether it does what the exact score of the same F does, by "
        "the same margin. A red square with a blue dot is finite size or curvature, with a red dot it is learning; "
        "a yellow square with a blue dot: draws of F scatter too much to judge the law. The numbers: claims.csv.",
    ),
    "forest": Figure(
        "scoregap.report.figures.forest:of_run", "outcome", _of_family,
        "Residuals in units of the margin: how far every phase time is from the exact score's, over the study's "
        "margin (left), and how far every metric is from the accepted baseline, over its own (right). The grey "
        "band is what is allowed. Bars are intervals over seeds; arrows stand for what is beyond the axis; the "
        "farthest come first.",
    ),
    "gaps": Figure(
        "scoregap.report.figures.cells:gaps", "scoregap.analysis.cells:gaps", _of_family,
        "Width of the gap at every true group boundary against noise variance t; time runs from right to left. "
        "law: random-matrix law of the flat manifold. gaussian: score of the Gaussian with the data's covariance, "
        "what a network sees that sees no curvature. exact: exact score on the same points. Thin lines are seeds, "
        "thick ones their means, bands Student intervals of the mean over seeds. Markers are the fitted times of "
        "the network listed last, geometric means over seeds. Where the band of a network leaves the exact line, "
        "theory is missed.",
    ),
    "phase_times": Figure(
        "scoregap.report.figures.cells:phase_times", "scoregap.analysis.cells:phase_times", _of_family,
        "Opening, maximum and closing of the first intermediate gap, and consolidation of the final gap, against "
        "curvature, or the first other axis of numbers. A network is drawn at the mean exact time multiplied by "
        "its mean ratio to exact (geometric means over seeds); bars are Student intervals of that ratio over seeds: of "
        "what learning adds for the same F, so that they need not hold the law, which is of random F.",
    ),
    "phases": Figure(
        "scoregap.report.figures.phases:diagram", "scoregap.analysis.phases:along", _scanned,
        "Phase diagram: the final gap less the widest intermediate one, median over seeds, by noise variance t and an "
        "axis of the study. White: no gap is open (trivial phase); blue: an intermediate gap leads (coverage); red: "
        "the final gap leads (consolidation). Black: where the law of the flat manifold has one phase end and the next "
        "begin.",
    ),
    "finite_size": Figure(
        "scoregap.report.figures.theory:finite_size", ("finite_size",), _found,
        "How fast the exact score of a random F approaches its laws: relative distance of edges and phase times "
        "from the bare law and from the Tracy-Widom corrected one against the ambient dimension d, mean over draws "
        "with standard errors, and the spread over draws. Numbers at the right are fitted exponents, where the "
        "distance is resolved.",
    ),
    "gap_existence": Figure(
        "scoregap.report.figures.theory:gap_existence", ("gap_existence", "half_of_draws"), _found,
        "Phase diagram: where the gap between two variance groups exists, in the plane of alpha = m / d and "
        "variance ratio. Left: share of draws in which no gap inside the manifold's spectrum is ever wider, which "
        "needs no threshold. Middle and right: largest width of the gap by the exact score and by the law. Red: "
        "the law's critical ratio, beyond which the bulks have merged.",
    ),
    "curvature": Figure(
        "scoregap.report.figures.theory:curvature", ("curvature", "small_curvature"), _found,
        "What curvature does to the exact score, and what networks make of it (dashed): phase times over the exact "
        "ones of the same F without curvature (grey: within 10 %), and eigenvalues of G of directions beyond the "
        "manifold, of networks before consolidation. Dotted: the expansion in small curvature.",
    ),
    "estimators": Figure(
        "scoregap.report.figures.theory:estimators", ("estimators",), _found,
        "Estimators of the manifold dimension on the same scores and points: estimate less true dimension (linear "
        "within one, then logarithmic) against noise variance t, one column per set, one row per score; bars are "
        "the spread over points and draws. Marks at the right edge of the exact row: estimators that see clean "
        "data and no score. Black: ID-diff as published for the same set, from a trained network. comparison.txt "
        "has the numbers and the costs.",
    ),
    "accuracy": Figure(
        "scoregap.report.figures.learning:accuracy", ("accuracy",), _found,
        "How near trained networks come to theory: phase times of the network over those of the exact score, "
        "geometric means over seeds with Student's intervals, against the floating-point operations of the training. A "
        "network at a number of steps was trained for that many, with the learning rate brought down to the end.",
    ),
    "capacity": Figure(
        "scoregap.report.figures.learning:capacity", ("capacity",), _found,
        "How sharp the normal spike of trained networks is. In theory t J has an eigenvalue -1 for every direction "
        "normal to the manifold; trained networks spread it. Rows: width of the spike (root mean square of the "
        "eigenvalues of G beyond the manifold dimension, 0 in theory) against noise variance t; the final gap, "
        "which reopens too late where it falls below one half again at small t (resolution time); the spike at the "
        "dotted line, well inside the last phase, against the cost of training. Columns: what the network "
        "predicts. Colours: networks; faint to full: training steps.",
    ),
    "plateau": Figure(
        "scoregap.report.figures.learning:plateau", ("plateau", "transitions"), _found,
        "When a network sees curvature. Position of its spectrum, over all times and modes, between that of the "
        "Gaussian with the data's covariance (0: it sees the linear span only) and that of the exact score (1), "
        "against the cost of training; bars are Student's intervals over seeds. A star marks where a network "
        "passes one half: it has left the plateau. Spectra further from the line between the two than it is long "
        "are at no position, and are not drawn.",
    ),
    "calibration": Figure(
        "scoregap.report.figures.calibration:calibration", "scoregap.analysis.calibration:curves", _found,
        "What needs no truth: mean squared error of the denoised points at clean points over t times the mean trace "
        "of G, which is 1 at every t for the score of the data's own law (Tweedie's second identity), and the skill, "
        "that error over the one of the Gaussian with the data's covariance at the same points: below 1 where the "
        "score knows more than a covariance. A network that is badly trained or memorises leaves 1, and so does one "
        "that is asked wrongly; comparison.txt says which scores are not plausible.",
    ),
    "error_budget": Figure(
        "scoregap.report.figures.error_budget:error_budget", ("error_budget",), _found,
        "Where the learning error comes from, against the cost of training: what of a network's distance from the "
        "exact score (numbers above the bars) goes with the noise of its target, what more steps would mend, what the "
        "width of the widest network would, what knowing the linear part (the covariance) would, and the rest; in this "
        "order. Whiskers are intervals over seeds. Shares side by side in one bar are not told apart. What lies below "
        "0 is worse with the mend than without.",
    ),
    "memorisation": Figure(
        "scoregap.report.figures.memorisation:memorisation", ("memorisation", "memorisation_curves"), _found,
        "The collapse of the score of N training points on single ones. From the left: the noise variance at which "
        "the mean posterior weight of the own point is one half, against N, with the law I = log N and the random-"
        "energy model at finite N, and, in grey, where the law's gaps open, close and consolidate; where networks were "
        "trained, the steps at which one's squared distance from the exact score, at the law's t_memorisation, falls "
        "below a share of that of the empirical score, and rises above it again (hollow: left out of the exponent, as "
        "the two are not twice apart in all seeds), and where it is between the two scores after training, against t; "
        "the share of the exact tr G in each variance group.",
    ),
    "labour": Figure(
        "scoregap.report.figures.sampling:noise_attribution", ("labour",), _found,
        "Division of labour. Samples are made by the exact score and a network's own, which hand over at the "
        "switch, from the same starts: full lines, the network's own score acts under the switch; dashed, "
        "above it. Top: rms distance of samples from the manifold; below: root of the energy distance, per "
        "variance group, of where they are on it; both over what the network's own score makes alone "
        "(numbers). Where a curve rises or falls, the error is decided. Grey: the windows in which the paper "
        "says that it is decided, of the exact score: consolidation (top) and the intermediate gap from opening to "
        "closing (below). Bands are Student's intervals over seeds.",
    ),
    "dimension": Figure(
        "scoregap.report.figures.cells:dimension", "scoregap.analysis.cells:dimension", _of_family,
        "Modes above the widest visible gap, found without the true groups, against noise variance t. Shading: the "
        "phases of the exact score. Trivial: no gap has opened; coverage: intermediate gaps are open; "
        "consolidation: the final gap is wider than one half. 0: no visible gap.",
    ),
    "histograms": Figure(
        "scoregap.report.figures.cells:histograms", "scoregap.analysis.cells:histograms", _of_family,
        "Eigenvalues gamma of G = I + t J over all seeds and points, near the exact times at which the first gap "
        "is widest and at which the final gap opens, and well inside the last phase: 0 normal to the manifold, 1 "
        "along it. Grey: exact; lines: networks. Black, for flat manifolds: the random-matrix density of gamma = v "
        "/ (v + t), v the variances of the data, without its mass at 0, which the tall bin at 0 holds; dotted: its "
        "edges.",
    ),
    "spectra": Figure(
        "scoregap.report.figures.cells:spectra", "scoregap.analysis.cells:spectra", _whole_spectra,
        "Eigenvalues of the symmetric part of t J (J the Jacobian of the score) against their index, one line per "
        "noise variance t, dark for small t. Tangent directions rise to 0 and normal directions fall to -1 as t "
        "falls. Dotted: ends of the true variance groups; red: the true dimension m, where they are known. One seed, "
        "mean over points.",
    ),
    "alignment": Figure(
        "scoregap.report.figures.cells:alignment", "scoregap.analysis.cells:alignment", _of_family,
        "Mean cosine of the principal angles between the true tangents of every variance group and the "
        "eigenvectors of t J that stand in their place, against noise variance t; 1 is the same subspace. "
        "Networks: mean over seeds with the range as a band. Markers lie on the threshold, at the median time at "
        "which, t falling, the cosine rises through it; a score without a marker is aligned on the whole grid or "
        "nowhere on it. At small t even the exact score of a curved manifold orders its tangents by curvature, not "
        "by variance.",
    ),
    "cost": Figure(
        "scoregap.report.figures.learning:cost", ("cost", "mean_cost"), _compared,
        "Error against the cost of training: relative distance of phase times from those of the exact score, and "
        "mean squared distance of the denoised points from Bayes' optimum over t (geometric mean over noise "
        "variances), against the floating-point operations of the training. Dots are seeds, lines join geometric "
        "means over seeds.",
    ),
    "training": Figure(
        "scoregap.report.figures.cells:training", "scoregap.analysis.cells:training", _trained,
        "Mean squared distance of the denoised points from Bayes' optimum, divided by t, per coordinate, on "
        "held-out points against optimiser steps. Every seed is a line.",
    ),
}  # fmt: skip


def names(study: Study) -> list[str]:
    """The figures that a study has, in the order of its report; those of a block are BLOCK/NAME."""
    found = [name for name, one in FIGURES.items() if one.takes in WHOLE and one.applies(study, name)]
    for part in study.parts:
        own = [name for name, one in FIGURES.items() if one.takes not in WHOLE and one.applies(part, name)]
        found += [f"{part.block}/{name}" if part.block else name for name in own]
    return found


@dataclass
class Part:
    """A part of a study to draw: its datasets, one per ambient dimension. numbers: the comparison, of all parts; else
    it is made where it is needed. asked: the settings to draw one by one, where they are chosen by hand."""

    study: Study
    datasets: list[xr.Dataset]
    findings: Mapping[str, pd.DataFrame] | None = None  # of all parts
    numbers: pd.DataFrame | None = None
    asked: list[Setting] | None = None

    @cached_property
    def settings(self) -> int:
        """How many there are: combinations of the axes other than network and seed."""
        from scoregap.analysis.panels import settings

        return settings(self.datasets, self.study)

    @cached_property
    def chosen(self) -> list[Setting] | None:
        """The settings that are drawn one by one, where those are not simply the first: as they were asked for, or, of
        more than there are panels, those that are farthest from theory."""
        from scoregap.analysis import comparison
        from scoregap.analysis.headline import farthest
        from scoregap.analysis.panels import PANELS

        if self.asked is not None or self.settings <= PANELS or self.study.document.data:
            return self.asked
        frame = comparison.compare([(self.study, self.datasets)]) if self.numbers is None else self.numbers
        return farthest(self.study, frame, PANELS) or None

    @property
    def shown(self) -> str:
        """Which of its settings are drawn one by one, in words; empty if all are."""
        from scoregap.analysis.panels import PANELS

        count = PANELS if self.chosen is None else len(self.chosen)
        rule = "the first" if self.chosen is None else "those farthest from theory"
        rule = rule if self.asked is None else "as asked for"
        return f"{count} of {self.settings} settings, {rule}" if self.settings > count else ""

    @cached_property
    def alone(self) -> list[Panel]:
        """The settings that figures show one by one."""
        from scoregap.analysis.panels import alone

        return [panel for ds in self.datasets for panel in alone(self.study, ds, self.chosen)]

    @cached_property
    def panels(self) -> list[Panel]:
        """These, and those that figures along an axis show beside them."""
        from scoregap.analysis.panels import around

        return [*self.alone, *(panel for ds in self.datasets for panel in around(self.study, ds, self.chosen))]

    @cached_property
    def tables(self) -> Tables:
        """What the findings are drawn from, and told."""
        from scoregap.analysis import Tables

        return Tables(self.study, self.datasets, self.findings)


class Asked(NamedTuple):
    """A figure that is asked for. where: of FIGURES. given: what it takes. shown: which settings of the study it shows,
    in words, if not all."""

    where: str
    study: Study
    given: tuple[Any, ...]
    shown: str = ""

    @property
    def digest(self) -> str:
        """Changes when the figure does."""
        from scoregap.report import kept

        return kept.digest(self.where, self.study.hash, self.study.block, self.given, self.shown)

    def draw(self) -> Drawing:
        """The figure, with its footer."""
        from scoregap.report import figures

        with figures.styled():
            drawn = resolve_name(self.where)(self.study, *self.given)
            return figures.signed(drawn, self.study, self.shown)


@dataclass
class Run:
    """A finished study to draw: its parts with their datasets, its folder, and its baseline."""

    study: Study
    found: list[tuple[Study, list[xr.Dataset]]]
    folder: Path | None = None
    baseline: Path | None = None
    findings: Mapping[str, pd.DataFrame] | None = None  # as the run has kept them; else they are made when asked for
    numbers: pd.DataFrame | None = None  # its comparison, likewise
    asked: list[Setting] | None = None  # the settings to draw, where they are chosen by hand

    @cached_property
    def parts(self) -> dict[str, Part]:
        """By the names of blocks."""
        return {
            part.block: Part(part, datasets, self.findings, self.numbers, self.asked) for part, datasets in self.found
        }

    @cached_property
    def compared(self) -> pd.DataFrame:
        """The comparison with theory."""
        from scoregap.analysis import comparison

        return comparison.compare(self.found) if self.numbers is None else self.numbers

    @property
    def outcome(self) -> tuple[Report, str]:
        """How the run compares with theory and its baseline, and why not with that. Raises InputError, DamagedFile."""
        from scoregap.regression import reports

        if self.folder is None:
            problem, allowed = "needs the folder of a run", "open its cube by its path"
            raise InputError(problem, key="figure forest", allowed=allowed)
        return reports.outcome(self.study, self.folder, self.baseline, self.found)

    @cached_property
    def claims(self) -> pd.DataFrame:
        """The paper's claims, tested."""
        from scoregap import analysis

        return self.findings[analysis.CLAIMS] if self.findings else analysis.every_claim(self.found)

    def draw(self, name: str) -> Drawing:
        """One of FIGURES, with a footer that says where it comes from; BLOCK/NAME where there are several blocks.

        Raises InputError if the study has no such figure.
        """
        return self.ask(name).draw()

    def ask(self, name: str) -> Asked:
        """What such a figure is drawn of, before it is drawn."""
        alone = next(iter(self.parts)) if len(self.parts) == 1 else ""
        whole = f"{alone}/{name}" if alone and "/" not in str(name) else name
        there = names(self.study)
        if name not in there and whole not in there:
            raise InputError(key="figure", value=name, allowed=f"should be one of {', '.join(there)}")
        block, _, short = (name if name in there else whole).rpartition("/")
        one = FIGURES[short]
        if isinstance(one.takes, str) and one.takes in WHOLE:
            return Asked(one.where, self.study, (getattr(self, one.takes),))
        if block not in self.parts:
            allowed = f"its datasets are not given: should be of {', '.join(self.parts)}"
            raise InputError(key="figure", value=name, allowed=allowed)
        part = self.parts[block]
        if isinstance(one.takes, str):
            shown = part.panels if short in ALONG_AN_AXIS else part.alone
            given = (resolve_name(one.takes)(part.study, shown),)
            return Asked(one.where, part.study, given, part.shown)
        return Asked(one.where, part.study, tuple(part.tables[table] for table in one.takes))


def open_run(cube: Any) -> Run:
    """A run from its folder (its path), or from datasets of its cube as `xarray.open_zarr` opens them.

    cube: a path, a Dataset, or a list of Datasets: one per ambient dimension, of one block or of several. Raises
    DamagedFile, InputError.
    """
    from scoregap.store.cube import read_cube

    folder: Path | None
    if isinstance(cube, str | Path):
        datasets, folder = list(read_cube(Path(cube) / "cube.zarr").values()), Path(cube)
    else:
        datasets = list(cube) if isinstance(cube, Sequence) else [cube]
        if not datasets or any("study" not in getattr(ds, "attrs", ()) for ds in datasets):
            allowed = "should be the folder of a run, or datasets of its cube, which say of what study they are"
            raise InputError(key="cube", value=type(cube).__name__, allowed=allowed)
        source = datasets[0].encoding.get("source")
        folder = Path(source).parent if source else None
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "study.yaml"
        path.write_text(datasets[0].attrs["study"], encoding="utf-8")
        study = replace(load(path, run=False), of_cube=datasets[0].attrs.get("fingerprint", ""))
    found = []
    for part in study.parts:
        of_d = {(ds.attrs.get("block", ""), ds.sizes.get("mode", study.dims[0])): ds for ds in datasets}  # traces
        own = [of_d[part.block, d] for d in part.dims if (part.block, d) in of_d]
        if own:
            found.append((part, own))
    kept = None
    if isinstance(cube, str | Path) and not absent(Path(cube) / "findings.jsonl"):
        from scoregap import analysis

        kept = analysis.read(study, Path(cube) / "findings.jsonl")
    return Run(study, found, folder, findings=kept)


def draw(name: str, cube: Any) -> Drawing:
    """The figure NAME, one of FIGURES, of a finished study. cube: as for `open_run`.

    Of a study with blocks: BLOCK/NAME, or NAME and the dataset of one block.
    """
    return open_run(cube).draw(name)
