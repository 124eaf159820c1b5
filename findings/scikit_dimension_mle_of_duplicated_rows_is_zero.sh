#!/usr/bin/env bash
# In scikit-dimension one row that occurs twice makes the MLE of the dimension exactly 0, and the DANCo estimate NaN.
#
# Version     scikit-dimension 0.5.0, numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1, numba 0.68.1,
#             matplotlib 3.11.2 (PyPI), Python 3.11 or 3.12, Linux.
# Behaviour   500 points of a 5-dimensional Gaussian in R^12: skdim.id.MLE says 4.8, DANCo 4 to 7 (it draws at random).
#             With the first row once more at the end MLE says 0.0, without a warning, and DANCo NaN (it prints a line
#             about duplicates). The distance of the two copies is 0, so the log ratio in the estimate of their points
#             is infinite, their estimates are 0, and 1 / mean(1 / estimates), which is how MLE combines points by
#             default, is 0. That numpy warns of a division is not shown, as `import skdim` calls
#             warnings.filterwarnings("ignore") for the whole process; nor is the warning of TwoNN, which drops such
#             points.
# Why it hurts   Images, embeddings and tables have duplicates. An intrinsic dimension of 0 is a plausible number in a
#             table of results, and nothing says that it is none.
# Seen        2026-11-29:
#               MLE: 4.8; with one row twice: 0.0, warnings 0
#               DANCo: 4 to 7; with one row twice: nan
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

OMP_NUM_THREADS=1 env/bin/python - > seen <<'PYTHON'
import contextlib
import io
import warnings

import numpy as np
import skdim.id


def dimension(estimator, data):
    with contextlib.redirect_stdout(io.StringIO()):
        return f"{getattr(skdim.id, estimator)().fit(data).dimension_:.1f}"


def about(estimate):
    return "4 to 7" if 4 <= float(estimate) <= 7 else estimate  # DANCo draws at random


rng = np.random.default_rng(0)
data = rng.standard_normal((500, 5)) @ rng.standard_normal((5, 12))
twice = np.concatenate([data, data[:1]])
with warnings.catch_warnings(record=True) as shown:  # by the filters that are there
    print(f"MLE: {dimension('MLE', data)}; with one row twice: {dimension('MLE', twice)}, warnings {len(shown)}")
print(f"DANCo: {about(dimension('DANCo', data))}; with one row twice: {about(dimension('DANCo', twice))}")
PYTHON
cat seen

diff seen - <<'E2'
MLE: 4.8; with one row twice: 0.0, warnings 0
DANCo: 4 to 7; with one row twice: nan
E2
