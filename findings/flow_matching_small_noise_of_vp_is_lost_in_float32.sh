#!/usr/bin/env bash
# Near the data the VP schedule of flow_matching gives a wrong noise level, and then none, in the dtype of its models.
#
# Version     flow_matching 1.0.10, torch 2.13.0, torchdiffeq 0.2.5 (PyPI), Python 3.11 or 3.12, Linux.
# Behaviour   VPScheduler makes sigma as sqrt(1 - exp(-T)) and t from the ratio alpha / sigma by way of log(r^2 / (r^2
#             + 1)). With float32 times, as models are called, sigma is 8 % off at 1 - t = 1e-6, and 0 from about 3e-7
#             on, where velocity and noise are divided by it. The way back puts every ratio from 5,000 on (noise of
#             standard deviation up to 2e-4) at t = 1. The same numbers from expm1 and log1p, in float32, are right to
#             a few parts in 1e7. CosineScheduler at t = 1 has a negative sigma, and its way back says t = -1.
# Why it hurts   The geometry of data is read at small noise: t J takes sigma squared, so that 8 % in sigma moves the
#             spike from -1 to -.85 or -1.18. It looks like a badly trained model. A change of schedule
#             (ScheduleTransformedModel) goes through the way back at every call.
# Seen        2026-11-28:
#               1 - t = 0.00098: sigma 0.0% off, by expm1 within 1e-6
#               1 - t = 6.1e-05: sigma 0.0% off, by expm1 within 1e-6
#               1 - t = 7.6e-06: sigma 0.7% off, by expm1 within 1e-6
#               1 - t = 1e-06: sigma 8.5% off, by expm1 within 1e-6
#               1 - t = 1.2e-07: sigma 100.0% off, by expm1 within 1e-6
#               noise 0.01: 1 - t = 0.000917, in float64 0.000916
#               noise 0.001: 1 - t = 1.01e-05, in float64 9.99e-06
#               noise 0.0003: 1 - t = 1.19e-06, in float64 9e-07
#               noise 0.0001: 1 - t = 0, in float64 1e-07
#               cosine at t = 1: sigma -4.4e-08, back -1
# Related     none found.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/python -m pip install -qq --disable-pip-version-check torch==2.13.0 numpy==2.4.6 \
    flow_matching==1.0.10 torchdiffeq==0.2.5

OMP_NUM_THREADS=1 env/bin/python -W ignore - > seen <<'PYTHON'
import torch
from flow_matching.path.scheduler import CosineScheduler, VPScheduler

schedule = VPScheduler()


def by_expm1(t):
    """sigma of the same schedule."""
    u = 1 - t
    return torch.sqrt(-torch.expm1(-(0.5 * u**2 * (schedule.beta_max - schedule.beta_min) + u * schedule.beta_min)))


for steps in (2**14, 2**10, 2**7, 17, 2):  # of float32 below 1
    t = 1 - steps * torch.tensor(2.0**-24)
    own, true = schedule(t).sigma_t, schedule(t.double()).sigma_t
    print(
        f"1 - t = {1 - t.item():.2g}: sigma {abs(own / true - 1):.1%} off, "
        f"by expm1 {'within 1e-6' if abs(by_expm1(t) / true - 1) < 1e-6 else 'not'}"
    )
for noise in (1e-2, 1e-3, 3e-4, 1e-4):
    ratio = torch.tensor(1 / noise)
    back = schedule.snr_inverse(ratio)
    true = schedule.snr_inverse(ratio.double())
    print(f"noise {noise:g}: 1 - t = {1 - back.item():.3g}, in float64 {1 - true.item():.3g}")
end = CosineScheduler()(torch.tensor(1.0))
print(f"cosine at t = 1: sigma {end.sigma_t:.1e}, back {CosineScheduler().snr_inverse(end.alpha_t / end.sigma_t):.0f}")
PYTHON
cat seen

diff seen - <<'E2'
1 - t = 0.00098: sigma 0.0% off, by expm1 within 1e-6
1 - t = 6.1e-05: sigma 0.0% off, by expm1 within 1e-6
1 - t = 7.6e-06: sigma 0.7% off, by expm1 within 1e-6
1 - t = 1e-06: sigma 8.5% off, by expm1 within 1e-6
1 - t = 1.2e-07: sigma 100.0% off, by expm1 within 1e-6
noise 0.01: 1 - t = 0.000917, in float64 0.000916
noise 0.001: 1 - t = 1.01e-05, in float64 9.99e-06
noise 0.0003: 1 - t = 1.19e-06, in float64 9e-07
noise 0.0001: 1 - t = 0, in float64 1e-07
cosine at t = 1: sigma -4.4e-08, back -1
E2
