#!/usr/bin/env bash
# scikit-dimension's benchmark hypercubes lack whole faces, and their rows are ordered by face.
#
# Version     scikit-dimension 0.5.0, numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1, pandas 3.1.1,
#             numba 0.68.1, matplotlib 3.11.2 (PyPI), Python 3.11 or 3.12, Linux.
# Behaviour   BenchmarkManifolds().generate(n=1000)["M10d_Cubic"] is a sample of the surface of the cube in R^71, which
#             has 142 faces. It is drawn face by face, on each n / 142 points cut to a whole number, plus one (also
#             where 142 divides n), and then cut to n rows: what is cut are the last faces. With n = 1000 17 of 142 have
#             no point, with n = 143 70, so that some coordinates never are 0 or 1. All rows of a face stand together:
#             the first half of the rows has one face in common with the second.
# Why it hurts   These are the sets on which estimators of the dimension are compared. Halves by row, which is how many
#             split into training and test points, are then two different manifolds, and which faces there are depends
#             on n, so that an error as a function of n mixes two things.
# Seen        2026-11-29:
#               n = 143: faces without a point 70 of 142; faces in both halves of the rows 1
#               n = 1000: faces without a point 17 of 142; faces in both halves of the rows 1
#               n = 2500: faces without a point 3 of 142; faces in both halves of the rows 1
# Related     none found.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export XDG_CACHE_HOME="$folder/cache" PIP_NO_CACHE_DIR=1
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check \
    scikit-dimension==0.5.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 pandas==3.1.1 \
    numba==0.68.1 matplotlib==3.11.2
export XDG_CONFIG_HOME="$folder/config"

OMP_NUM_THREADS=1 env/bin/python - > seen <<'PYTHON'
import numpy as np
from skdim import datasets


def faces(points):
    """The faces (coordinate, side) that have a point."""
    return {(int(i), side) for side in (0, 1) for i in np.flatnonzero((points == side).any(0))}


for n in (143, 1000, 2500):
    cube = datasets.BenchmarkManifolds(random_state=0).generate(name="M10d_Cubic", n=n, dim=71, d=70)
    both = faces(cube[: n // 2]) & faces(cube[n // 2 :])
    print(f"n = {n}: faces without a point {142 - len(faces(cube))} of 142; faces in both halves of the rows {len(both)}")
PYTHON
cat seen

diff seen - <<'E2'
n = 143: faces without a point 70 of 142; faces in both halves of the rows 1
n = 1000: faces without a point 17 of 142; faces in both halves of the rows 1
n = 2500: faces without a point 3 of 142; faces in both halves of the rows 1
E2
