"""Points of pictures and directions of their scores, as pictures: what `spectrum.keep` has kept.

study, panels of its cube -> Shown: clean, noisy and denoised pictures, and leading eigenvectors of G, of the first
seed; Strips: samples, and the training points that are nearest to them
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from scoregap.analysis.panels import Panel
from scoregap.analysis.tables import labelled
from scoregap.pictures import Picture, picture
from scoregap.scores import REFERENCES
from scoregap.study import Study

MOST = 12  # scores, each at its settings, that are shown


@dataclass(frozen=True)
class OfScore:
    """network: the score. setting: values of the axes that vary, in words. denoised: (T, points, height, width,
    colours). vectors: (T, points, k, height, width, colours) leading eigenvectors of G. spectrum: (T, points, d)
    eigenvalues of G, descending."""

    network: str
    setting: str
    denoised: np.ndarray
    vectors: np.ndarray
    spectrum: np.ndarray


@dataclass(frozen=True)
class Shown:
    """times: (T,). scale: the values that are black and white. clean: (points, height, width, colours). noisy: (T,
    points, ...). scores: of one of the settings that they see, or of each. left_out: how many more there are."""

    times: np.ndarray
    scale: tuple[float, float]
    clean: np.ndarray
    noisy: np.ndarray
    scores: list[OfScore]
    left_out: int


def kept(study: Study, panels: list[Panel]) -> Shown | None:
    """What is kept of pictures, of the first seed; None of a study without a result."""
    found = _layout(study)
    scores: list[OfScore] = []
    first: xr.Dataset | None = None
    left_out = 0
    for network in study.axes["network"]:
        for panel in panels[:1] if network in REFERENCES else panels:
            one = panel.ds
            if "kept_denoised" not in one or one.status.sel(network=network).values[0] != 1:
                continue
            if len(scores) == MOST:
                left_out += 1
                continue
            own = one.sel(network=network).isel(seed=0)
            first = own if first is None else first
            t = own.kept_time.values
            eigenvalues = own.eigenvalue.sel(time=t).isel(point=own.kept_point.values).load()
            scores.append(
                OfScore(
                    network,
                    "" if network in REFERENCES else labelled(panel.values),
                    pictures(own.kept_denoised.values, found),
                    pictures(own.kept_vector.values, found),
                    1 + eigenvalues.transpose("time", "point", "mode").values,
                )
            )
    if first is None:
        return None
    clean = first.kept_clean.values
    noisy = pictures(first.kept_noisy.values, found)
    return Shown(first.kept_time.values, _scale(study, [clean]), pictures(clean, found), noisy, scores, left_out)


@dataclass(frozen=True)
class Strip:
    """network, setting: as of `OfScore`. samples, nearest: (copies, height, width, colours), fewer where some are not
    finite. memorised: share of all samples of the seed that are copies; by_chance: of as many held-out points."""

    network: str
    setting: str
    samples: np.ndarray
    nearest: np.ndarray
    memorised: float
    by_chance: float


@dataclass(frozen=True)
class Strips:
    """scale: the values that are black and white. strips: of scores that come from training points, of the first seed
    that has a result, and of two halves of the data the first. left_out: how many more there are."""

    scale: tuple[float, float]
    strips: list[Strip]
    left_out: int


def copies(study: Study, panels: list[Panel]) -> Strips | None:
    """Samples beside their nearest training points; None of a study without a result."""
    found = _layout(study)
    strips: list[Strip] = []
    seen, left_out = set(), 0
    for network in study.evaluated_scores:
        for panel in panels:
            one = panel.ds.sel(network=network)
            finite = np.isfinite(one.copy_sample).all("coordinate").transpose("seed", "copy").values
            made = np.flatnonzero(finite.any(1))
            whole = network, *(str(value) for axis, value in panel.values.items() if axis != "half")
            if made.size and (whole in seen or len(strips) == MOST):
                left_out += 1
            elif made.size:
                seen.add(whole)
                own = one.isel(seed=made[0])
                both = (own[name].values[finite[made[0]]] for name in ("copy_sample", "copy_nearest"))
                samples, nearest = (pictures(values, found) for values in both)
                shares = map(float, own.memorised.values)
                strips.append(Strip(network, labelled(panel.values), samples, nearest, *shares))
    if not strips:
        return None
    return Strips(_scale(study, [one.nearest for one in strips]), strips, left_out)


def _layout(study: Study) -> Picture:
    """How the points of a study of pictures are arranged."""
    assert study.document.data is not None
    found = picture(tuple(study.document.data.shape or ()))
    assert found is not None  # or the study has no such figure
    return found


def _scale(study: Study, shown: list[np.ndarray]) -> tuple[float, float]:
    """The values that are black and white: the range of the data, or of what is shown; apart, if all is one grey."""
    assert study.document.data is not None
    low, high = study.document.data.range or (
        min(float(one.min()) for one in shown),
        max(float(one.max()) for one in shown),
    )
    return low, high if high > low else low + 1


def pictures(points: np.ndarray, of: Picture) -> np.ndarray:
    """Points (..., d) as (..., height, width, colours)."""
    if of.sides == (0, 1):
        return points.reshape(*points.shape[:-1], of.height, of.width, of.channels)
    return np.moveaxis(points.reshape(*points.shape[:-1], of.channels, of.height, of.width), -3, -1)
