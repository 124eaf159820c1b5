#!/usr/bin/env bash
# scikit-learn's PCA of float32 data gives the smallest variances as 0 once there are ten times more rows than columns.
#
# Version     scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1 (PyPI), Python 3.11 or 3.12, Linux.
# Behaviour   40 columns in float32: five directions of standard deviation 1, 35 of 2e-5. With 399 rows PCA() finds the
#             smallest and the largest standard deviation of the 35 within 40 %, which is what so few rows have. With
#             400 rows and more it says exactly 0 for the smallest and over 1e-4 for the largest: the default solver
#             becomes the eigenvalues of the covariance, whose rounding errors are 1e-7 of the largest variance, not of
#             the largest standard deviation. 4,000 rows are no better, and nothing is warned of; svd_solver="full" is
#             right. The docstring says of `covariance_eigh` that it "effectively doubles the condition number"; that
#             `auto` becomes it at 10 times more rows, and gives exact zeros, is what surprises.
# Why it hurts   A local PCA or a scree plot of float32 images or embeddings is how a manifold's dimension and the noise
#             off it are read; the off-manifold spread is then 0 here and five times too large there, and whitening
#             divides by it. Whoever checks on a small sample first sees the right numbers.
# Seen        2026-11-29:
#               399 rows: smallest and sixth within 40 % of 2e-5
#               400 rows: smallest 0, sixth over 1e-4
#               4000 rows: smallest 0, sixth over 1e-4
#               4000 rows, svd_solver="full": smallest and sixth within 40 % of 2e-5
# Related     https://github.com/scikit-learn/scikit-learn/issues/29534 (whitened values, float64, numpy 2).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export XDG_CACHE_HOME="$folder/cache" PIP_NO_CACHE_DIR=1
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
export XDG_CONFIG_HOME="$folder/config"

env/bin/python - > seen <<'PYTHON'
import numpy as np
from sklearn.decomposition import PCA

rng = np.random.default_rng(0)
std = np.where(np.arange(40) < 5, 1.0, 2e-5)
rotation = np.linalg.qr(rng.standard_normal((40, 40)))[0]


def show(words, pca, rows):
    data = ((rng.standard_normal((rows, 40)) * std) @ rotation).astype(np.float32)
    sixth, smallest = np.sqrt(pca.fit(data).explained_variance_)[[5, -1]]
    if 1.2e-5 < smallest <= sixth < 2.8e-5:
        print(f"{words}: smallest and sixth within 40 % of 2e-5")
    else:
        print(f"{words}: smallest {smallest:.2g}, sixth {'over 1e-4' if sixth > 1e-4 else sixth}")


for rows in (399, 400, 4000):
    show(f"{rows} rows", PCA(), rows)
show('4000 rows, svd_solver="full"', PCA(svd_solver="full"), 4000)
PYTHON
cat seen

diff seen - <<'E2'
399 rows: smallest and sixth within 40 % of 2e-5
400 rows: smallest 0, sixth over 1e-4
4000 rows: smallest 0, sixth over 1e-4
4000 rows, svd_solver="full": smallest and sixth within 40 % of 2e-5
E2
