"""Studies whose network is pretended: spectra of the exact score, changed by hand. Nothing is trained."""

from pathlib import Path

import gathered
import numpy as np
import xarray as xr
from tiny import LINEAR, edited

from scoregap.analysis import arrays, claims
from scoregap.measure import gaps
from scoregap.stages import cube, fit, spectrum
from scoregap.study import Study, load

ONE_VARIANCE = ("{fraction: 0.5, std: 0.1}", "{fraction: 0.5, std: 1.0}")
RAGGED = (  # mixtures of m = 2 with two gaps, of m = 20 with three
    ("[linear]", "[mixture]"), ("[8]", "[2, 20]"), ("{fraction: 0.5, std: 1.0}", "{fraction: 1.0, std: 1.0}"),
    ("{fraction: 0.5, std: 0.1}", "{fraction: 0.5, std: 0.3}, {fraction: 0.45, std: 0.1}"),
)  # fmt: skip
NETWORK = "gated-8"


def study_of(folder: Path, *changes: tuple[str, str]) -> tuple[Study, xr.Dataset]:
    """A flat study of five seeds, d = 32, m = 8, and its dataset: the network does what the exact score does."""
    folder.mkdir(exist_ok=True)
    path = edited(
        folder, *LINEAR, ("[8]", "[32]"), ("[2]", "[8]"), ("[exact, gaussian, gated-8]", "[exact, gated-8]"),
        ("seed: 2", "seed: 5"), ("points: 4", "points: 2"), *changes,
    )  # fmt: skip
    study = load(path)
    for job in study.jobs.values():
        if not job.trained:
            spectra = folder / "spectrum" / f"{job.id}.zarr.zip"
            spectrum.run(path, job.id, spectra, None)
            fit.run(path, job.id, spectra, folder / "fit" / f"{job.id}.zarr.zip")
    ds = gathered.opened(cube.gather(study, 32, folder / "spectrum", folder / "fit"))
    exact = ds.sel(network="exact")
    for name, one in ds.data_vars.items():
        if "network" in one.dims:
            one.loc[{"network": NETWORK}] = exact[name]
    return study, ds


def set_spectra(ds: xr.Dataset, eigenvalues: np.ndarray) -> None:
    """Let the network have these eigenvalues (seeds, times, points, modes), in the one cell that there is."""
    place = {"network": NETWORK}
    dims = ("seed", "time", "point", "mode")
    shape = ds.eigenvalue.sel(place).squeeze(drop=True).transpose(*dims)
    found = shape.copy(data=eigenvalues)
    ds.eigenvalue.loc[place] = found.broadcast_like(ds.eigenvalue.sel(place)).transpose(*ds.eigenvalue.sel(place).dims)
    widths = gaps.widths(eigenvalues.mean(2), ds.boundary.values.reshape(-1, ds.sizes["gap"])[0].astype(int))
    wide = xr.DataArray(widths, dims=("seed", "time", "gap"))
    target = ds.gap_width.sel(place)
    ds.gap_width.loc[place] = wide.broadcast_like(target).transpose(*target.dims).values


def spectra(ds: xr.Dataset) -> np.ndarray:
    """(seeds, times, points, modes) of the network."""
    one = ds.eigenvalue.sel(network=NETWORK).squeeze(drop=True)
    return one.transpose("seed", "time", "point", "mode").values.astype(float)


def rows(study: Study, ds: xr.Dataset):
    """The claims, by name."""
    return claims.claims([(study, [ds])]).set_index("claim")


def cell_of(study: Study, ds: xr.Dataset) -> arrays.Cell:
    """The one setting of a dataset, with all its variables but those of training."""
    names = tuple(str(name) for name, one in ds.data_vars.items() if "evaluation" not in one.dims)
    (found,) = arrays.blocks_of(study, ds, names)
    (cell,) = found.cells
    return cell
