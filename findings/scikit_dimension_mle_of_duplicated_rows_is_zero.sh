#!/usr/bin/env bash
# In scikit-dimension one row that occurs twice makes the MLE of the dimension exactly 0, and the DANCo estimate NaN.
#
# Version     scikit-dimension 0.5.0 (PyPI), Python 3.11 or 3.12, Linux.
# Behaviour   500 points of a 5-dimensional Gaussian in R^12: skdim.id.MLE says 4.8, DANCo 5 to 6. With the first row
#             once more at the end MLE says 0.0, without a warning, and DANCo NaN (it prints a line about duplicates). The
#             distance of the two copies is 0, so the log ratio in the estimate of their points is infinite, their
#             estimates are 0, and 1 / mean(1 / estimates), which is how MLE combines points by default, is 0. TwoNN
#             drops such points, and means to warn (findings/scikit_dimension_import_silences_warnings.sh).
#             Data that are whole numbers in uint8 (grey values from 0 to 255) are not converted: DANCo says 1.0 of
#             them, and 5 to 6 of the same values as float64.
# Why it hurts   Images, embeddings and tables have duplicates and are kept as integers. An intrinsic dimension of 0 or 1
#             is a plausible number in a table of results, and nothing says that it is none.
# Seen        2026-11-28:
#               MLE: 4.8; with one row twice: 0.0
#               DANCo: 4 to 7; with one row twice: nan
#               DANCo of float64: 4 to 7; of the same values as uint8: 1.0
# Related     none found.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check scikit-dimension==0.5.0 numpy==2.4.6 scipy==1.17.1

env/bin/python - > seen <<'PYTHON'
import contextlib
import io

import numpy as np
import skdim.id


def dimension(estimator, data):
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
        return f"{getattr(skdim.id, estimator)().fit(data).dimension_:.1f}"


def about(estimate):
    return "4 to 7" if 4 <= float(estimate) <= 7 else estimate  # DANCo draws at random


rng = np.random.default_rng(0)
data = rng.standard_normal((500, 5)) @ rng.standard_normal((5, 12))
twice = np.concatenate([data, data[:1]])
grey = np.clip(np.round(40 * data / data.std() + 128), 0, 255)
print(f"MLE: {dimension('MLE', data)}; with one row twice: {dimension('MLE', twice)}")
print(f"DANCo: {about(dimension('DANCo', data))}; with one row twice: {about(dimension('DANCo', twice))}")
of_bytes = about(dimension("DANCo", grey.astype("uint8")))
print(f"DANCo of float64: {about(dimension('DANCo', grey))}; of the same values as uint8: {of_bytes}")
PYTHON
cat seen

diff seen - <<'E2'
MLE: 4.8; with one row twice: 0.0
DANCo: 4 to 7; with one row twice: nan
DANCo of float64: 4 to 7; of the same values as uint8: 1.0
E2
