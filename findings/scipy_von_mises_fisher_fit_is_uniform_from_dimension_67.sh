#!/usr/bin/env bash
# scipy's fit of a von Mises-Fisher distribution says that any data in 67 or more dimensions are uniform on the sphere.
#
# Version     scipy 1.17.1, numpy 2.4.6 (PyPI), Python 3.11 or 3.12, Linux.
# Behaviour   vonmises_fisher.fit of 4,000 draws of concentration kappa = 500 is right up to dimension 66. From 67 on it
#             returns kappa = 1e-08, uniform, whatever the data are. kappa is sought between 1e-8 and 1e9; at the lower
#             end both Bessel functions, of orders d / 2 and d / 2 - 1, underflow, their ratio 0 / 0 is NaN, and the
#             search takes the end for the root. A RuntimeWarning of a division is all that is said. Where kappa is
#             small the log density is infinite too: at d = 784 for kappa = 1, and finite for 500.
# Why it hurts   Unit-norm embeddings and points on spheres are this field's second manifold after the linear one, and
#             have hundreds of dimensions. "No concentration" is an answer that people expect there, and the draws
#             themselves (rvs) are right, so nothing looks broken. The mean resultant length R gives kappa to a few
#             parts in a thousand without a Bessel function: R (d - R^2) / (1 - R^2) (Banerjee et al. 2005), last
#             column.
# Seen        2026-11-29:
#               d = 10: fit 499.3, of the resultant length 499.8, log density at the mean 19.7
#               d = 66: fit 500, of the resultant length 500.4, log density at the mean 143.3
#               d = 67: fit 1e-08, of the resultant length 500.5, log density at the mean 145.5
#               d = 784: fit 1e-08, of the resultant length 500.5, log density at the mean 1859.8
#               log density of kappa = 1 at d = 784: inf
# Related     none found.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export XDG_CACHE_HOME="$folder/cache" PIP_NO_CACHE_DIR=1
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check scipy==1.17.1 numpy==2.4.6
export XDG_CONFIG_HOME="$folder/config"

OMP_NUM_THREADS=1 env/bin/python -W ignore - > seen <<'PYTHON'
import numpy as np
from scipy.stats import vonmises_fisher

for d in (10, 66, 67, 784):
    mean = np.eye(d)[0]
    draws = vonmises_fisher(mean, 500.0).rvs(4000, random_state=0)
    length = np.linalg.norm(draws.mean(0))
    print(
        f"d = {d}: fit {vonmises_fisher.fit(draws)[1]:.4g}, "
        f"of the resultant length {length * (d - length**2) / (1 - length**2):.4g}, "
        f"log density at the mean {vonmises_fisher(mean, 500.0).logpdf(mean):.1f}"
    )
print("log density of kappa = 1 at d = 784:", vonmises_fisher(np.eye(784)[0], 1.0).logpdf(np.eye(784)[0]))
PYTHON
cat seen

diff seen - <<'E2'
d = 10: fit 499.3, of the resultant length 499.8, log density at the mean 19.7
d = 66: fit 500, of the resultant length 500.4, log density at the mean 143.3
d = 67: fit 1e-08, of the resultant length 500.5, log density at the mean 145.5
d = 784: fit 1e-08, of the resultant length 500.5, log density at the mean 1859.8
log density of kappa = 1 at d = 784: inf
E2
