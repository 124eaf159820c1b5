"""What is measured of a finished run, as numbers per seed.

dataset of the cube -> Metrics by name; samples of metrics -> how they scatter

Two kinds of metrics. Numbers of closed forms and of the law are the same in every run, up to rounding. Numbers of
trained networks scatter from seed to seed.
"""

import itertools
import math
from collections.abc import Mapping
from typing import Annotated, NamedTuple

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict, Field

from scoregap.analysis.tables import PHASES, at_gap, exactly
from scoregap.scores import EXACT, kind
from scoregap.study import Study
from scoregap.variables import STATUS

RESOLUTION = 1e-6  # of excess loss and spectra: below it there is rounding only


class Kind(NamedTuple):
    """What is measured of trained networks.

    log: compared as a ratio. floor: smallest margin, of the logarithm if so. low: smaller is better; otherwise what is
    nearer to 0 is, the truth (a ratio to the exact score of 1, no error of a dimension, the position of the exact
    score). moved: neither is, as nothing is known of the truth: any change beyond the margin is for the worse.
    """

    log: bool
    floor: float
    low: bool
    moved: bool = False


KINDS = {
    **dict.fromkeys(("t_open", "t_max", "t_close", "t_consolidation", "t_alignment"), Kind(True, 0.01, False)),
    "t_resolution": Kind(True, 0.01, True),  # which the exact score does not have
    "dimension": Kind(False, 0.5, False),  # minus the true one
    "estimate": Kind(False, 0.5, True),  # mean error, up or down
    "spectrum": Kind(True, 0.02, True),  # rms distance of eigenvalues from those of the exact score, point by point
    "excess": Kind(True, 0.02, True),  # geometric mean over times of the excess loss
    "cost": Kind(True, 0.01, True),  # operations of training
    # of studies with a section `memorisation` (`of_memorisation`)
    "t_memorisation": Kind(True, 0.01, False),
    "memorised": Kind(False, 0.05, True),
    "position": Kind(False, 0.02, False),
    **dict.fromkeys(("tau_generalise", "tau_memorise"), Kind(True, 0.05, False, moved=True)),
    # of data from a file (`of_data`)
    "n": Kind(False, 0.5, False, moved=True),
    "trace": Kind(False, 0.1, False, moved=True),
    **dict.fromkeys(("t_first", "shoulder_start", "shoulder_end"), Kind(True, 0.05, False, moved=True)),
    "shoulder_modes": Kind(False, 0.5, False, moved=True),
    "shoulder_slope": Kind(False, 0.05, False, moved=True),
    "calibration": Kind(True, 0.02, True),
    "skill": Kind(True, 0.02, True),
}
LAWS = ("law", "corrected")


class Strict(BaseModel):
    """What a baseline's file holds: nothing more, and of no other type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Finite = Annotated[float, Field(allow_inf_nan=False)]


class Metric(Strict):
    """One number per seed of the record, None where there is none.

    margin: of `Kind`; None where nothing scatters. cells: of which the values are means, see `across`.
    """

    network: str
    kind: str
    cells: Annotated[int, Field(ge=1)] = 1
    margin: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None
    values: list[Finite | None]

    def array(self) -> np.ndarray:
        """(seeds,) the values as they are compared: logarithms of ratios, NaN where there is none."""
        values = np.array(self.values, float)
        if self.margin is None or not KINDS[self.kind].log:
            return values
        return np.log(values, where=values > 0, out=np.full_like(values, np.nan))


def named(values: dict, network: str, quantity: str) -> str:
    """The name of a metric. values: of the axes other than network and seed that the study varies."""
    cell = [f"{axis}={exactly(value)}" for axis, value in values.items()]
    return f"{' '.join([*cell, network])}: {quantity}"


def varied(study: Study) -> list[str]:
    """The axes that are in the names of metrics."""
    return [
        axis for axis in study.condition_axes if len({value for part in study.parts for value in part.axes[axis]}) > 1
    ]


def not_ok(study: Study, ds: xr.Dataset, axes: list[str]) -> list[str]:
    """The cells of a dataset of the cube that are not ok, in words. axes: those that name them."""
    found = []
    status = ds.status.transpose(*study.condition_axes, "network", "seed")
    for facet, states in zip(
        itertools.product(*(ds[axis].values.tolist() for axis in study.condition_axes)),
        status.values.reshape(-1, *status.shape[-2:]), strict=True,
    ):  # fmt: skip
        values = dict(zip(study.condition_axes, facet, strict=True))
        for i, j in np.argwhere(states != 1):
            what = named({axis: values[axis] for axis in axes}, str(ds.network.values[i]), STATUS[int(states[i, j])])
            found.append(f"{what}, seed {ds.seed.values[j]}")
    return found


def reduce(study: Study, ds: xr.Dataset, found: dict[str, Metric], axes: list[str], seeds: list[int]) -> None:
    """Add the metrics of a dataset of the cube.

    axes: those that name them. seeds: of the whole study; without a value where a block does not have them.
    """
    reference = EXACT in study.axes["network"]
    spectrum = distance(ds) if reference else None
    names = ["boundary", "dimension_overall", "excess_loss", "training_flops", "t_alignment", "t_resolution"]
    names += [*PHASES, *(f"{law}_{name}" for law in LAWS for name in PHASES)]
    ds = ds[names + [one for one in ("estimate", "point_dimension", "data_estimate") if one in ds]].load()
    for facet in itertools.product(*(ds[axis].values.tolist() for axis in study.condition_axes)):
        values = dict(zip(study.condition_axes, facet, strict=True))
        label = {axis: values[axis] for axis in axes}
        cell = ds.sel(values).reindex(seed=seeds)
        arms = {str(network): cell.sel(network=network) for network in cell.network.values}
        for network, own in arms.items():
            closed = not kind(network).trained
            rows = quantities(own, arms["exact"] if reference and not closed else None)
            if network == EXACT:
                del rows["excess"]  # over itself
            elif spectrum is not None:
                rows["spectrum"] = spectrum.sel(values | {"network": network}).reindex(seed=seeds).values
            for quantity, numbers in rows.items():
                add(found, label, network, quantity, numbers, closed)
        for law in LAWS:
            for quantity, numbers in by_gap(own, {name: f"{law}_{name}" for name in PHASES}).items():
                add(found, label, law, quantity, numbers, True)


def add(
    found: dict, label: dict, network: str, quantity: str, numbers: np.ndarray, fixed: bool, cells: int = 1
) -> None:
    """Add a metric, unless no seed has it. Its margin comes with those of the others."""
    numbers = np.asarray(numbers, float)
    if np.isfinite(numbers).any():
        values = [float(f"{value:.7g}") if math.isfinite(value) else None for value in numbers]
        kind = quantity.split("[")[0]
        name = named(label, network if cells == 1 else f"all cells {network}", quantity)
        if name in found:  # blocks share cells, but not all seeds
            values = [old if new is None else new for old, new in zip(found[name].values, values, strict=True)]
        found[name] = Metric(
            network=network, kind=kind, cells=cells, margin=None if fixed else KINDS[kind].floor, values=values
        )


def across(found: dict[str, Metric]) -> dict[str, Metric]:
    """What scatters, as means over all cells of a network (geometric, of ratios): they scatter less, so that a change
    too small for any cell shows. A seed that lacks the number in some cell has no mean."""
    result: dict[str, Metric] = {}
    for (network, quantity), names in cells_of(found).items():
        if len(names) > 1:
            means = np.mean([found[name].array() for name in names], 0)
            values = np.exp(means) if KINDS[found[names[0]].kind].log else means
            add(result, {}, network, quantity, values, False, len(names))
    return result


def cells_of(found: Mapping[str, Metric]) -> dict[tuple[str, str], list[str]]:
    """{(network, quantity): the metrics of its cells, by name} of what scatters; a mean over cells is of all of
    these."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, metric in found.items():
        if metric.margin is not None and metric.cells == 1:
            groups.setdefault((metric.network, quantity_of(name)), []).append(name)
    return groups


def quantity_of(name: str) -> str:
    """The quantity in the name of a metric."""
    return name.rpartition(": ")[2]


def by_gap(own: xr.Dataset, names: dict[str, str]) -> dict[str, np.ndarray]:
    """{quantity[gap]: (seed,)} of these variables."""
    return {
        at_gap(quantity, gap): own[name].isel(gap=gap).values
        for quantity, name in names.items()
        for gap in range(own.sizes["gap"])
    }


def times(own: xr.Dataset) -> dict[str, np.ndarray]:
    """{quantity[gap or group]: (seed,)} the phase times that the exact score has too."""
    rows = by_gap(own, {name: name for name in PHASES})
    return rows | {at_gap("t_alignment", k): own.t_alignment.isel(group=k).values for k in range(own.sizes["group"])}


def quantities(own: xr.Dataset, exact: xr.Dataset | None) -> dict[str, np.ndarray]:
    """{quantity: (seed,)} of one score in one cell. exact: what phase times are divided by; None for closed forms."""
    rows = times(own)
    if exact is not None:
        known = times(exact)
        rows = {name: values / known[name] for name, values in rows.items()}
    rows |= by_gap(own, {"t_resolution": "t_resolution"})
    true = own.boundary.max("gap")  # others may have more gaps
    rows["dimension"] = (own.dimension_overall.isel(estimator=0) - true).values
    rows["excess"] = np.exp(np.log(own.excess_loss.astype(float).clip(RESOLUTION)).mean("time").values)
    rows["cost"] = own.training_flops.max("evaluation").values
    if "estimate" in own:
        error = abs(own.estimate - own.point_dimension).mean(("estimate_time", "estimate_point"))
        rows |= {f"estimate[{one}]": error.sel(score_estimator=one).values for one in own.score_estimator.values}
    if "data_estimate" in own:
        error = own.data_estimate - true
        rows |= {f"estimate[{one}]": error.sel(data_estimator=one).values for one in own.data_estimator.values}
    return rows


def distance(ds: xr.Dataset) -> xr.DataArray:
    """Rms distance of eigenvalues from those of the exact score, at the same points; over times, points and modes.

    Time by time, as the cube is stored: a spectrum of all cells at all times may be larger than memory.
    """
    total, count = (xr.zeros_like(ds.status, float) for _ in range(2))
    for i in range(ds.sizes["time"]):
        at = ds.eigenvalue.isel(time=i).load().astype(float)
        squares = (at - at.sel(network=EXACT)) ** 2
        total += squares.sum(("point", "mode"))
        count += squares.count(("point", "mode"))
    return np.sqrt(total / count.where(count > 0))


def spread(samples: dict[str, np.ndarray], metrics: dict[str, Metric]) -> dict[str, tuple[float, int]]:
    """Standard deviation and degrees of freedom of samples of metrics, by name.

    With few seeds a metric's own standard deviation may be tiny by chance, so it is at least the one pooled over the
    cells of its kind and network, whose degrees of freedom count; of means over cells, over the root of their number.
    Of a mean whose cells are not among the samples it is its own.
    """
    squares: dict[tuple[str, str], float] = {}
    freedoms: dict[tuple[str, str], int] = {}
    own: dict[str, tuple[float, int]] = {}
    for name, sample in samples.items():
        sample = sample[np.isfinite(sample)]
        pool, freedom = (metrics[name].network, metrics[name].kind), max(len(sample) - 1, 0)
        deviation = float(sample.std(ddof=1)) if freedom else 0.0
        own[name] = deviation, freedom
        if metrics[name].cells == 1:
            squares[pool] = squares.get(pool, 0.0) + freedom * deviation**2
            freedoms[pool] = freedoms.get(pool, 0) + freedom
    result = {}
    for name, (deviation, freedom) in own.items():
        pool = metrics[name].network, metrics[name].kind
        freedom = freedoms.get(pool, freedom)
        pooled = math.sqrt(squares.get(pool, 0.0) / freedom / metrics[name].cells) if freedom else 0.0
        result[name] = max(deviation, pooled), freedom
    return result
