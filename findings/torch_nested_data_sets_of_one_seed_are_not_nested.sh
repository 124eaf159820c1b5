#!/usr/bin/env bash
# The first N points of N + 1 that torch.randn draws from one seed are in general not the N points of that seed.
#
# Version     torch 2.13.0, numpy 2.4.6 (PyPI; torch as 2.13.0+cpu), Python 3.11, Linux.
# Behaviour   torch.randn(N, d) of a seeded generator for N = 100 and N = 101. Where N d is a multiple of 16, the
#             hundred points are the first of the hundred and one if d is 16 or more. A draw whose size is no multiple
#             of 16 has its last 16 numbers drawn anew, the larger one too: for d = 8, where 800 is a multiple and 808
#             is not, 8 numbers differ. Up to 16 of the smaller set's numbers differ, in its last points. Below 16
#             numbers in all, all of them differ from those of a draw of 16 or more. numpy's Generator has none of it.
# Why it hurts   A study over the number of training points takes nested sets from one seed so that only N changes. For
#             d a multiple of 16 they are nested; for d = 10 or 50 and N = 100 the last one or two points are others,
#             which is too little to see in a mean, and all that matters to nearest neighbours and memorisation of those
#             points.
# Seen        2026-11-29:
#               d = 64: 0 of 6400 numbers differ
#               d = 8: 8 of 800 numbers differ, in points 99 to 99
#               d = 10: 16 of 1000 numbers differ, in points 98 to 99
#               d = 7: 14 of 700 numbers differ, in points 97 to 99
#               numpy, d = 10: 0 of 1000 numbers differ
#               3 points of d = 5 and 4: 15 of 15 numbers differ
# Related     https://github.com/pytorch/pytorch/issues/80202 (sizes below and above 16).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export XDG_CACHE_HOME="$folder/cache" PIP_NO_CACHE_DIR=1
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check torch==2.13.0 numpy==2.4.6
export XDG_CONFIG_HOME="$folder/config"

env/bin/python - > seen <<'PYTHON'
import numpy as np
import torch


def points(n, d):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0)).numpy()


def differ(few, more):
    return few != more[: len(few)]


for d in (64, 8, 10, 7):
    wrong = differ(points(100, d), points(101, d))
    rows = np.flatnonzero(wrong.any(1))
    where = f", in points {rows[0]} to {rows[-1]}" if len(rows) else ""
    print(f"d = {d}: {wrong.sum()} of {wrong.size} numbers differ{where}")
one, other = (np.random.default_rng(0).standard_normal((n, 10)) for n in (100, 101))
print(f"numpy, d = 10: {differ(one, other).sum()} of {one.size} numbers differ")
wrong = differ(points(3, 5), points(4, 5))
print(f"3 points of d = 5 and 4: {wrong.sum()} of {wrong.size} numbers differ")
PYTHON
cat seen

diff seen - <<'E2'
d = 64: 0 of 6400 numbers differ
d = 8: 8 of 800 numbers differ, in points 99 to 99
d = 10: 16 of 1000 numbers differ, in points 98 to 99
d = 7: 14 of 700 numbers differ, in points 97 to 99
numpy, d = 10: 0 of 1000 numbers differ
3 points of d = 5 and 4: 15 of 15 numbers differ
E2
