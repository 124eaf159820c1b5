"""What is measured of a finished run on data from a file, as numbers per seed: there is neither theory nor exact score.

dataset of the cube -> Metrics by name (`metrics`)

Of closed forms numbers are the same in every run. Those of trained networks scatter from seed to seed, and so do those
of models that the study declares, from one split of the data to the next: another file by the same name is compared.
"""

import itertools

import numpy as np
import xarray as xr

from scoregap.analysis import calibration
from scoregap.analysis.profiles import SHOULDER, shown_times
from scoregap.analysis.tables import exactly
from scoregap.regression.metrics import Metric, add
from scoregap.scores import KINDS
from scoregap.study import Study

PROFILE = {"n": "modes", "trace": "trace"}  # quantity at a noise variance -> its variable


def reduce(study: Study, ds: xr.Dataset, found: dict[str, Metric], axes: list[str], seeds: list[int]) -> None:
    """Add the metrics of a dataset of the cube; axes, seeds: as for `metrics.reduce`."""
    names = ["status", *PROFILE.values(), "t_first", *(f"shoulder_{one}" for one in SHOULDER)]
    names += [*calibration.NAMES, "gaussian_trace"]
    ds = ds[[name for name in names if name in ds]].load()
    for facet in itertools.product(*(ds[axis].values.tolist() for axis in study.condition_axes)):
        values = dict(zip(study.condition_axes, facet, strict=True))
        label = {axis: values[axis] for axis in axes}
        cell = ds.sel(values)
        for network in map(str, cell.network.values):
            own = cell.sel(network=network)
            rows = quantities(own)
            if "calibration" in study.findings and network in study.evaluated_scores:
                rows |= calibrated(own)
            for quantity, numbers in rows.items():
                here = dict(zip(own.seed.values.tolist(), numbers, strict=True))
                of_all = np.array([here.get(seed, np.nan) for seed in seeds])
                add(found, label, network, quantity, of_all, fixed=network in KINDS)


def quantities(own: xr.Dataset) -> dict[str, np.ndarray]:
    """{quantity: (seed,)} of the profile of one score in one cell; of its shoulders, the widest."""
    rows = {}
    for i in shown_times(own.time.values):
        for quantity, name in PROFILE.items():
            if name in own:
                rows[f"{quantity}[t={exactly(float(f'{own.time.values[i]:.3g}'))}]"] = own[name].isel(time=i).values
    if "t_first" not in own:
        return rows
    rows["t_first"] = own.t_first.values
    start, end = (own[f"shoulder_{one}"].transpose("seed", "shoulder").values for one in ("start", "end"))
    widest = np.where(np.isfinite(start), start / end, 0).argmax(1)[:, None]
    for one in SHOULDER:
        numbers = own[f"shoulder_{one}"].transpose("seed", "shoulder").values
        rows[f"shoulder_{one}"] = np.take_along_axis(numbers, widest, 1)[:, 0]
    return rows


def calibrated(own: xr.Dataset) -> dict[str, np.ndarray]:
    """{calibration, skill: (seed,)}: factor by which errors and what the Jacobian says of them differ, and errors over
    the Gaussian's; geometric means over noise variances."""
    rows = {name: np.full(own.sizes["seed"], np.nan) for name in ("calibration", "skill")}
    for i in np.flatnonzero(own.status.values == 1):
        ratio, _, _, skill = calibration.of_score(own.isel(seed=i))
        with np.errstate(invalid="ignore", divide="ignore"):
            rows["calibration"][i] = np.exp(np.abs(np.log(np.clip(ratio, 1e-9, 1e9))).mean())
            rows["skill"][i] = np.exp(np.log(skill).mean())
    return rows
