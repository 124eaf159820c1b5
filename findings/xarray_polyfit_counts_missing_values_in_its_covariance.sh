#!/usr/bin/env bash
# xarray's polyfit leaves missing values out of the fit, and counts them as data in the covariance of the coefficients.
#
# Version     xarray 2026.9.0, pandas 3.1.1, numpy 2.4.6, scipy 1.17.1 (PyPI), Python 3.11 or 3.12, Linux.
# Behaviour   A line through 40 values of which 20 are NaN: polyfit(..., cov=True) has the coefficients of the other
#             20, as numpy's polyfit of those has. Its covariance is that of a fit to 40 values: the residuals' sum of
#             squares is divided by 40 - 2 instead of 20 - 2, and the positions of the missing values are in the matrix
#             that is inverted. With 36 of 40 missing the standard error of the slope is an eighth of the right one.
#             After dropna it is right. There is no warning.
# Why it hurts   Exponents of phase times and memorisation times are slopes in log-log over a cube in which a time that
#             does not exist is NaN, and are published with this standard error. The more cells failed, the surer the
#             exponent looks.
# Seen        2026-11-29:
#               20 of 40 missing: same slope True, standard error 0.0071, after dropna 0.0110, of numpy 0.0110
#               36 of 40 missing: same slope True, standard error 0.0012, after dropna 0.0097, of numpy 0.0097
# Related     none found.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export XDG_CACHE_HOME="$folder/cache" PIP_NO_CACHE_DIR=1
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check xarray==2026.9.0 pandas==3.1.1 \
    numpy==2.4.6 scipy==1.17.1
export XDG_CONFIG_HOME="$folder/config"

OMP_NUM_THREADS=1 env/bin/python -W error - > seen <<'PYTHON'
import numpy as np
import xarray as xr

x = np.arange(40.0)
y = 2 * x + np.random.default_rng(0).normal(size=40)


def fitted(values):
    """(slope, its standard error)."""
    fit = values.polyfit("x", 1, cov=True)
    return fit.polyfit_coefficients.values[0], np.sqrt(fit.polyfit_covariance.values[0, 0])


for there in (np.r_[0:10, 30:40], np.r_[0:2, 38:40]):
    values = xr.DataArray(np.full(40, np.nan), dims="x", coords={"x": x})
    values[there] = y[there]
    slope, error = fitted(values)
    alone, dropped = fitted(values.dropna("x"))
    of_numpy = np.sqrt(np.polyfit(x[there], y[there], 1, cov=True)[1][0, 0])
    print(
        f"{40 - len(there)} of 40 missing: same slope {np.isclose(slope, alone)}, standard error {error:.4f}, "
        f"after dropna {dropped:.4f}, of numpy {of_numpy:.4f}"
    )
PYTHON
cat seen

diff seen - <<'E2'
20 of 40 missing: same slope True, standard error 0.0071, after dropna 0.0110, of numpy 0.0110
36 of 40 missing: same slope True, standard error 0.0012, after dropna 0.0097, of numpy 0.0097
E2
