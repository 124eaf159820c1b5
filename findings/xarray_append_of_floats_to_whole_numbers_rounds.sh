#!/usr/bin/env bash
# xarray rounds fractions that it appends to a store of whole numbers, with a warning of something else.
#
# Version     xarray 2026.9.0, zarr 3.1.6, pandas 3.1.1, numpy 2.4.6 (PyPI), Python 3.11 or 3.12, Linux, x86-64.
# Behaviour   A variable is written first as whole numbers (int64). to_zarr(append_dim=...) of .5, 1.5 and 2.7 then puts
#             0, 2 and 3 there. Longer strings than those of the store are refused with a message ("Mismatched dtypes");
#             the numbers are not. to_zarr(region=...) rounds too, and makes NaN the smallest int64 (on x86-64; what it
#             is is up to the processor). All that is said is a SerializationWarning that there is no _FillValue for
#             NaNs, also where no value is NaN, and for a variable that it calls None.
# Why it hurts   Parts of a study written one after the other are how large cubes grow. If the first part's values
#             happen to be whole (a count of modes, n(t) of a closed form, levels of 0 and 1), every later part is
#             rounded for ever: averages over points become integers, and a time that does not exist becomes -9.2e18.
# Seen        2026-11-29:
#               append: [40, 0, 2, 3], warnings: saving variable None with floating point data as an integer dtype without any _FillValue to use for NaNs
#               region: [40, 0, -9223372036854775808, 3]
#               longer strings: ValueError
# Related     https://github.com/pydata/xarray/issues/5969 (times that are appended become other times, 2021, closed).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export XDG_CACHE_HOME="$folder/cache" PIP_NO_CACHE_DIR=1
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check xarray==2026.9.0 zarr==3.1.6 pandas==3.1.1 \
    numpy==2.4.6
export XDG_CONFIG_HOME="$folder/config"

env/bin/python -W ignore - > seen <<'PYTHON'
import warnings

import numpy as np
import xarray as xr


def part(values):
    return xr.Dataset({"n": ("cell", np.asarray(values))})


def stored(path):
    return xr.open_zarr(path, chunks=None, consolidated=False).n.values.tolist()


part([40]).to_zarr("cube.zarr", zarr_format=3, consolidated=False)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    part([0.5, 1.5, 2.7]).to_zarr("cube.zarr", append_dim="cell", consolidated=False)
print(f"append: {stored('cube.zarr')}, warnings: {'; '.join(str(one.message) for one in said)}")
part([0.4, np.nan]).to_zarr("cube.zarr", region={"cell": slice(1, 3)}, consolidated=False)
print(f"region: {stored('cube.zarr')}")
part(["abc"]).to_zarr("names.zarr", zarr_format=3, consolidated=False)
try:
    part(["longer"]).to_zarr("names.zarr", append_dim="cell", consolidated=False)
    print("longer strings: taken")
except ValueError:
    print("longer strings: ValueError")
PYTHON
cat seen

diff seen - <<'E2'
append: [40, 0, 2, 3], warnings: saving variable None with floating point data as an integer dtype without any _FillValue to use for NaNs
region: [40, 0, -9223372036854775808, 3]
longer strings: ValueError
E2
