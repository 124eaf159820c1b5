#!/usr/bin/env bash
# A backward slice that begins before the first value is empty in memory, and the whole axis in a store opened by xarray.
#
# Version     xarray 2026.9.0, zarr 3.1.6, pandas 3.1.1, numpy 2.4.6 (PyPI), Python 3.11 or 3.12, Linux.
# Behaviour   Five values. isel(seed=slice(-6, None, -1)) of the dataset in memory has none, as numpy and Python have
#             it. Of the same dataset written to zarr and opened without dask it has all five, from the last to the
#             first: the slice's end points are made into positions first, the one before the first place becomes -1,
#             and -1 is read as the last place. With slice(-5, None, -1) both have the first value.
# Why it hurts   "From k places before the end, backwards" is how times that fall are read from a cube whose times rise
#             (noise to data). Where k is computed, and one too many, a test on arrays in memory finds nothing to plot,
#             and the study's file on disk gives the whole axis without a word.
# Seen        2026-11-29:
#               slice(-5, None, -1): in memory [0.0], from the store [0.0]
#               slice(-6, None, -1): in memory [], from the store [4.0, 3.0, 2.0, 1.0, 0.0]
# Related     https://github.com/pydata/xarray/pull/7586 (last place of backward slices of lazy arrays, 2023, open).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export XDG_CACHE_HOME="$folder/cache" PIP_NO_CACHE_DIR=1
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check xarray==2026.9.0 zarr==3.1.6 pandas==3.1.1 \
    numpy==2.4.6
export XDG_CONFIG_HOME="$folder/config"

env/bin/python - > seen <<'PYTHON'
import numpy as np
import xarray as xr

memory = xr.Dataset({"x": ("seed", np.arange(5.0))})
memory.to_zarr("cube.zarr", zarr_format=3, consolidated=False)
store = xr.open_zarr("cube.zarr", chunks=None, consolidated=False)
for begin in (-5, -6):
    found = [one.isel(seed=slice(begin, None, -1)).x.values.tolist() for one in (memory, store)]
    print(f"slice({begin}, None, -1): in memory {found[0]}, from the store {found[1]}")
PYTHON
cat seen

diff seen - <<'E2'
slice(-5, None, -1): in memory [0.0], from the store [0.0]
slice(-6, None, -1): in memory [], from the store [4.0, 3.0, 2.0, 1.0, 0.0]
E2
