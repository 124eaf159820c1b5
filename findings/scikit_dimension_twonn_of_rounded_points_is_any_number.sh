#!/usr/bin/env bash
# TwoNN of scikit-dimension says above 1e12, 6 or 0 for points of a square that were rounded, none of them twice.
#
# Version     scikit-dimension 0.5.0, numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1, numba 0.68.1,
#             matplotlib 3.11.2 (PyPI), Python 3.11 or 3.12, Linux.
# Behaviour   1,500 points uniform in a square of side 2, their two coordinates rounded to a step, copies left out:
#             without rounding TwoNN says about 2. With a step of .05 it says 5 to 7, with .2 more than 1e12, with .5
#             (25 points left) 0; MLE of the same points says about 2. On a grid the two nearest neighbours of most
#             points are equally far: the ratio of distances is 1, its logarithm 0 but for rounding errors, and the
#             slope of TwoNN's line is through points that lie above one place. The number comes without a warning, and
#             leaving out copies, which TwoNN itself does, does not help. What is rounded finely (half a percent of the
#             side) is right.
# Why it hurts   Grey values, sensor readings, prices and one-hot or count features are on grids. 6 for 2 is a number
#             that one believes.
# Seen        2026-11-29:
#               not rounded: 1500 points, TwoNN about 2, MLE about 2
#               step 0.01: 1476 points, TwoNN about 2, MLE about 2
#               step 0.05: 1003 points, TwoNN 5 to 7, MLE about 2
#               step 0.2: 121 points, TwoNN above 1e12, MLE about 2
#               step 0.5: 25 points, TwoNN 0, MLE about 2
# Related     none found.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export XDG_CACHE_HOME="$folder/cache" PIP_NO_CACHE_DIR=1
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check \
    scikit-dimension==0.5.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 numba==0.68.1 matplotlib==3.11.2
export XDG_CONFIG_HOME="$folder/config"

env/bin/python - > seen <<'PYTHON'
import warnings

with warnings.catch_warnings():
    import skdim.id
import numpy as np

warnings.simplefilter("error")
points = np.random.default_rng(1).uniform(-1, 1, (1500, 2))


def about(value):
    if 1.6 <= value <= 2.4:
        return "about 2"
    return "5 to 7" if 5 <= value <= 7 else "above 1e12" if value > 1e12 else f"{value:.3g}"


for step in (0, 0.01, 0.05, 0.2, 0.5):
    rows = np.unique(step * np.round(points / step), axis=0) if step else points
    said = [about(getattr(skdim.id, name)().fit(rows).dimension_) for name in ("TwoNN", "MLE")]
    print(f"{f'step {step}' if step else 'not rounded'}: {len(rows)} points, TwoNN {said[0]}, MLE {said[1]}")
PYTHON
cat seen

diff seen - <<'E2'
not rounded: 1500 points, TwoNN about 2, MLE about 2
step 0.01: 1476 points, TwoNN about 2, MLE about 2
step 0.05: 1003 points, TwoNN 5 to 7, MLE about 2
step 0.2: 121 points, TwoNN above 1e12, MLE about 2
step 0.5: 25 points, TwoNN 0, MLE about 2
E2
