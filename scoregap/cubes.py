"""The datasets of a finished cube, as a study orders them.

study, cube.zarr -> for every part of the study its datasets, one per ambient_dim
"""

from pathlib import Path

import xarray as xr

from scoregap import InputError
from scoregap.store.cube import read_cube
from scoregap.study import Study


def datasets(study: Study, cube: Path) -> list[tuple[Study, list[xr.Dataset]]]:
    """For every part of a study its datasets in the cube, one per ambient_dim, in the order of the study."""
    found = read_cube(cube)
    groups = {name: part.block for name, part, _ in study.groups}
    of = {ds.attrs.get("fingerprint") for ds in found.values()}
    if of != {study.fingerprint("cube")} or found.keys() != groups.keys():
        raise InputError("is not of this study as it is now", file=cube, allowed="rerun cube")
    return [(part, [found[name] for name, of in groups.items() if of == part.block]) for part in study.parts]
