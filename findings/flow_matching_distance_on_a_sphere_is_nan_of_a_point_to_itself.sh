#!/usr/bin/env bash
# The distance on flow_matching's sphere is NaN between many a point and itself, and never between 0 and 3.4e-4.
#
# Version     flow_matching 1.0.10, torchdiffeq 0.2.5, torch 2.13.0, numpy 2.4.6 (PyPI; torch as 2.13.0+cpu), Python
#             3.11, Linux.
# Behaviour   Sphere().dist is the arc cosine of the inner product, which float32 rounds above 1 for a tenth or more
#             of unit vectors in R^100 with themselves (.29 of 20,000 here): NaN. Of pairs that are 1e-4 apart it is 0,
#             3.45e-4, 4.88e-4, 5.98e-4 or 6.91e-4, or NaN, and its median is 0. From the chord, 2 asin(|x - y| / 2),
#             the median is right to three digits in the same dtype.
# Why it hurts   Whether a sample is a copy of a training point is read from the nearest distance. A NaN is skipped by
#             nanmin and sorted last, so the nearest neighbour of an exact copy is another point, and samples that were
#             memorised look new; in torch.min one NaN makes all of them NaN.
# Seen        2026-11-29:
#               0 apart: NaN in a tenth or more, median 0, least above 0 0.00035, from the chord less than 1e-6
#               0.0001 apart: NaN in a tenth or more, median 0, least above 0 0.00035, from the chord 0.0001
#               0.001 apart: NaN in none, median 0.00098, least above 0 0.00069, from the chord 0.001
#               0.01 apart: NaN in none, median 0.01, least above 0 0.01, from the chord 0.01
# Related     none found.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export XDG_CACHE_HOME="$folder/cache" PIP_NO_CACHE_DIR=1
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check torch==2.13.0 numpy==2.4.6 \
    flow_matching==1.0.10 torchdiffeq==0.2.5
export XDG_CONFIG_HOME="$folder/config"

OMP_NUM_THREADS=1 env/bin/python -W ignore - > seen <<'PYTHON'
import numpy as np
import torch
from flow_matching.utils.manifolds import Sphere

sphere = Sphere()
rng = np.random.default_rng(0)
one = sphere.projx(torch.tensor(rng.standard_normal((20000, 100)), dtype=torch.float32))
x = one.double() / one.double().norm(dim=1, keepdim=True)
v = sphere.projx(sphere.proju(x, torch.tensor(rng.standard_normal((20000, 100)))))
for apart in (0, 1e-4, 1e-3, 1e-2):
    other = sphere.projx((x * np.cos(apart) + v * np.sin(apart)).float())
    found = sphere.dist(one, other)
    missing = found.isnan().float().mean().item()
    chord = 2 * torch.asin((one - other).norm(dim=1) / 2)
    print(
        f"{apart:g} apart: NaN in {'none' if not missing else 'a few' if missing < 0.1 else 'a tenth or more'}, "
        f"median {found.nanmedian():.2g}, least above 0 {found[found > 0].min():.2g}, from the chord "
        f"{f'{chord.median():.3g}' if apart else 'less than 1e-6' if chord.max() < 1e-6 else 'more'}"
    )
PYTHON
cat seen

diff seen - <<'E2'
0 apart: NaN in a tenth or more, median 0, least above 0 0.00035, from the chord less than 1e-6
0.0001 apart: NaN in a tenth or more, median 0, least above 0 0.00035, from the chord 0.0001
0.001 apart: NaN in none, median 0.00098, least above 0 0.00069, from the chord 0.001
0.01 apart: NaN in none, median 0.01, least above 0 0.01, from the chord 0.01
E2
