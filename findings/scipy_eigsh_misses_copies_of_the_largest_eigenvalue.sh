#!/usr/bin/env bash
# scipy's eigsh, asked for the 40 largest eigenvalues of a matrix that has one of them 40 times, gives about 20 copies.
#
# Version     scipy 1.17.1, numpy 2.4.6 (PyPI), Python 3.11 or 3.12, Linux.
# Behaviour   A diagonal operator of size 100: 40 times 1, and 60 values spread from 0 to .5. eigsh(A, k=40, which="LA")
#             at its default tolerance (machine precision) returns 1 only 22 times, whatever the start vector, and fills
#             up with the next 18 eigenvalues, .5 and below; k = 20 returns 1 about 9 times; k = 50 all 40. No warning, no
#             ArpackNoConvergence: every value is an eigenvalue, and its residual is 1e-15. Lanczos from one vector sees
#             one copy of each eigenvalue; rounding brings in the others, one after the other, and the stopping rule looks
#             at residuals alone. At size 784 and tol = 1e-3, k = 40 gives 14 to 20 of them.
# Why it hurts   The eigenvalues of a denoiser's Jacobian at a clean manifold, of a projector, of a graph's Laplacian with
#             several components are multiple. Who counts eigenvalues above a threshold gets half the dimension, 22 for
#             40, and the answer changes with k. Count from a full eigh, from blocks of vectors (lobpcg), or ask for a
#             good many more eigenvalues than can be there.
# Seen        2026-11-28:
#               k = 20: eigenvalue 1 found 9 to 11 times of 20, largest residual below 1e-12
#               k = 40: eigenvalue 1 found 22 to 22 times of 40, largest residual below 1e-12
#               k = 50: eigenvalue 1 found 40 to 40 times of 40, largest residual below 1e-12
# Related     none found.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check scipy==1.17.1 numpy==2.4.6

OMP_NUM_THREADS=1 env/bin/python -W error - > seen <<'PYTHON'
import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

values = np.concatenate([np.ones(40), np.linspace(0, 0.5, 60)])
operator = LinearOperator((100, 100), matvec=lambda v: values * v, dtype=float)
for k in (20, 40, 50):
    copies, worst = [], 0.0
    for seed in range(4):
        start = np.random.default_rng(seed).standard_normal(100)
        found, vectors = eigsh(operator, k=k, which="LA", v0=start)
        copies.append(int((found > 0.9).sum()))
        worst = max(worst, np.abs(values[:, None] * vectors - vectors * found).max())
    size = "below 1e-12" if worst < 1e-12 else worst
    print(f"k = {k}: eigenvalue 1 found {min(copies)} to {max(copies)} times of {min(k, 40)}, largest residual {size}")
PYTHON
cat seen

diff seen - <<'E2'
k = 20: eigenvalue 1 found 9 to 11 times of 20, largest residual below 1e-12
k = 40: eigenvalue 1 found 22 to 22 times of 40, largest residual below 1e-12
k = 50: eigenvalue 1 found 40 to 40 times of 40, largest residual below 1e-12
E2
