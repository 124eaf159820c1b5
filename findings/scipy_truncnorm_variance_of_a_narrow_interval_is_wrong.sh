#!/usr/bin/env bash
# The variance of scipy's truncated normal on a narrow or far interval is wrong by any factor, or negative.
#
# Version     scipy 1.17.1, numpy 2.4.6, mpmath 1.3.0 (PyPI), Python 3.11 or 3.12, Linux.
# Behaviour   truncnorm.var(a, b) of an interval of half width 1e-5 about 0 is 3.15e-11 for 3.33e-11, 5.5 % too low; at
#             half width 1e-7 it is negative, at 1e-4 right to a part in 1,000. Between 5 and 5 + 1e-6, where it is (b -
#             a)^2 / 12 = 8.3e-14, it is 1.4e-8. Between 100 and 101 it is right, between 300 and 301 4 % too high, and
#             between 10,000 and 10,001 -0.6 for 1e-8, where the mean is past 10,000 by 1.6e-4 for 1.0e-4. Where it is
#             positive nothing is warned of; where not, std is NaN, and a RuntimeWarning speaks of a power. The variance
#             is computed as 1 plus terms that cancel.
# Why it hurts   The posterior of a uniform latent under Gaussian noise is this distribution: its mean is the denoiser
#             and its variance over t an entry of the score's Jacobian. It matters where noise is 1e4 times the latent's
#             width, and for points 300 standard deviations or more off the data, as at small noise: the exact reference
#             that networks are judged by is wrong there, by amounts that look plausible (3.15e-11 for 3.33e-11).
# Seen        2026-11-29:
#               [-0.0001, 0.0001]: variance 3.33e-09, true 3.33e-09
#               [-1e-05, 1e-05]: variance 3.15e-11, true 3.33e-11
#               [-1e-07, 1e-07]: variance -1.99e-10, true 3.33e-15
#               [5, 5.000001]: variance 1.4e-08, true 8.3e-14
#               [100, 101]: variance 9.99e-05, true 9.99e-05
#               [300, 301]: variance 1.16e-05, true 1.11e-05
#               [10000, 10001]: variance -0.61, true 1e-08; mean less a 1.6e-04, true 1.0e-04
# Related     https://github.com/scipy/scipy/issues/12313 (a far lower bound: var() = -204.544, 2020, closed).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export XDG_CACHE_HOME="$folder/cache" PIP_NO_CACHE_DIR=1
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check scipy==1.17.1 numpy==2.4.6 mpmath==1.3.0
export XDG_CONFIG_HOME="$folder/config"

OMP_NUM_THREADS=1 env/bin/python -W ignore - > seen <<'PYTHON'
import mpmath
from scipy.stats import truncnorm

mpmath.mp.dps = 50


def true(a, b):
    """(mean less a, variance) by quadrature in 50 digits; the density is relative to that at a."""
    width = mpmath.mpf(b) - a
    places = [width * mpmath.mpf(2) ** -k for k in range(20, -1, -1)]

    def moment(power, about=0):
        return mpmath.quad(lambda x: (x - about) ** power * mpmath.exp(-x * (x + 2 * mpmath.mpf(a)) / 2), [0, *places])

    mean = moment(1) / moment(0)
    return float(mean), float(moment(2, mean) / moment(0))


for a, b in ((-1e-4, 1e-4), (-1e-5, 1e-5), (-1e-7, 1e-7)):
    print(f"[{a:g}, {b:g}]: variance {truncnorm.var(a, b):.3g}, true {true(a, b)[1]:.3g}")
print(f"[5, 5.000001]: variance {truncnorm.var(5, 5 + 1e-6):.1e}, true {true(5, 5 + 1e-6)[1]:.1e}")
for a in (100, 300):
    print(f"[{a}, {a + 1}]: variance {truncnorm.var(a, a + 1):.2e}, true {true(a, a + 1)[1]:.2e}")
mean, variance = true(10000, 10001)
print(
    f"[10000, 10001]: variance {truncnorm.var(10000, 10001):.2f}, true {variance:.0e}; "
    f"mean less a {truncnorm.mean(10000, 10001) - 10000:.1e}, true {mean:.1e}"
)
PYTHON
cat seen

diff seen - <<'E2'
[-0.0001, 0.0001]: variance 3.33e-09, true 3.33e-09
[-1e-05, 1e-05]: variance 3.15e-11, true 3.33e-11
[-1e-07, 1e-07]: variance -1.99e-10, true 3.33e-15
[5, 5.000001]: variance 1.4e-08, true 8.3e-14
[100, 101]: variance 9.99e-05, true 9.99e-05
[300, 301]: variance 1.16e-05, true 1.11e-05
[10000, 10001]: variance -0.61, true 1e-08; mean less a 1.6e-04, true 1.0e-04
E2
