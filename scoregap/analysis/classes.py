"""n(t) class by class: what a score resolves at points of every class of data from a file.

study, panels -> of every score and class its curve, with intervals over networks, or over points (`analysis.arms`)
"""

from typing import Any, NamedTuple

import numpy as np

from scoregap.analysis.arms import Arms, arms, estimate, of_classes
from scoregap.analysis.panels import PANELS, Panel
from scoregap.analysis.profiles import BESIDE
from scoregap.study import Study


class Curve(NamedTuple):
    """Mean over networks and points of n, and the ends of its interval: (T,) each."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Classes(NamedTuple):
    """values: of a panel. times: (T,). curves: of every network {class: its curve}. gaussian: (T,) n of the Gaussian,
    the same at all points; NaN without one."""

    values: dict[str, Any]
    times: np.ndarray
    curves: dict[str, dict[str, Curve]]
    gaussian: np.ndarray


def drawn_networks(study: Study) -> list[str]:
    """The scores that are shown class by class: those that are trained, or else what is not the Gaussian."""
    scores = [name for name in study.axes["network"] if name not in BESIDE]
    return scores or [name for name in study.axes["network"] if name != "gaussian"]


def classes(study: Study, panels: list[Panel]) -> list[Classes]:
    """n(t) of every class that has points, by every network."""
    fit, found = study.document.fit, []
    for values, ds in panels[:PANELS]:
        t, names = ds.time.values, list(map(str, ds.label.values))
        curves: dict[str, dict[str, Curve]] = {}
        for network in drawn_networks(study):
            own = [(one,) for one in arms(ds, network).values() if len(one.t) == len(t)]
            curves[network] = {}
            if not own:
                continue

            def of_all(arms: Arms, weights: np.ndarray, count: int = len(names)) -> np.ndarray:
                return of_classes(arms[0], weights, count).ravel()

            of = estimate(of_all, own, fit.confidence, fit.resamples)
            shaped = [one.reshape(len(t), len(names)) for one in (of.value, of.low, of.high)]
            for k, name in enumerate(names):
                if np.isfinite(shaped[0][:, k]).any():
                    curves[network][name] = Curve(*(one[:, k] for one in shaped))
        known = [one.n.mean(1) for one in (arms(ds, "gaussian") if "gaussian" in ds.network else {}).values()]
        gaussian = np.mean(known, 0) if known else np.full(len(t), np.nan)
        found.append(Classes(values, t, curves, gaussian))
    return found
