"""The datasets of a finished cube, as a study orders them.

study, cube.zarr -> for every part of the study its datasets, one per ambient_dim
"""

from pathlib import Path

import xarray as xr

from scoregap import InputError
from scoregap.store.cube import read_cube
from scoregap.study import Study


def groups(study: Study) -> dict[str, tuple[Study, int]]:
    """{group of the cube: (part of the study, ambient_dim)}; one group without a name, if it is the only one."""
    found = {}
    for part in study.parts:
        dims = part.axes["ambient_dim"]
        for d in dims:
            found["_".join(filter(None, [part.block, f"ambient_dim_{d}" if len(dims) > 1 else ""]))] = part, d
    return found


def datasets(study: Study, cube: Path) -> list[tuple[Study, list[xr.Dataset]]]:
    """For every part of a study its datasets in the cube, one per ambient_dim, in the order of the study."""
    found = read_cube(cube)
    if any(ds.attrs.get("config_hash") != study.hash for ds in found.values()) or found.keys() != groups(study).keys():
        raise InputError("is not of this study as it is now", file=cube, allowed="rerun cube")
    return [(part, [found[name] for name, (one, _) in groups(study).items() if one is part]) for part in study.parts]
