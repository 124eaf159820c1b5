"""How long does a network train until a curved manifold is right? `make bench FIGURES=curved` records it.

arcs in R^100 with groups of std 1 and .15, gated-128, one core -> processor seconds per network until t_max and
t_consolidation are within TIME of exact and the 2 m tangent and bend eigenvalues within RMS (root mean square over
times, points and modes), each the median over seeds

Three ways to train. The peer is `edm` as `accuracy_curved` trains it, over the noise of this task, stopped at
PEER_LIMIT times our time. Ours are two: `covariance`, which is given the covariance of training points, and `edm`
itself, better trained. The learning rate falls to zero at the end, so every number of steps is a training of its own;
none may take more than LIMIT seconds per network. An hour of one core; CASES='10:0.5 ...' for some.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from bench import Row, record
from time_to_accuracy import TIMES, Task

CASES = os.environ.get("CASES", "10:0.5 10:1.0 20:0.5")  # manifold_dim:curvature
TIME, RMS = 0.10, 0.02
LIMIT, PEER_LIMIT = 90.0, 10.0
STUDY = """\
study: curved
axes:
  {{family: [arcs], ambient_dim: [100], manifold_dim: [{m}], curvature: [{c}],
    network: [exact, gated-128], seed: {seeds}}}
manifold: {{groups: [{{fraction: 0.5, std: 1.0}}, {{fraction: 0.5, std: 0.15}}]}}
train: {{{train}}}
spectrum: {{times: {{start: 1.0e-3, stop: 100.0, count: 32}}, points: 16}}
fit: {{resamples: 50}}
compare:
  flat: {{t_open: 0.15, t_max: 0.05, t_close: 0.15, t_consolidation: 0.10}}
  curved: {{t_open: 0.25, t_max: 0.10, t_close: 0.25, t_consolidation: 0.25}}
"""
NOISE = "noise: {{start: 5.0e-4, stop: 200.0, focus: {{start: 3.0e-3, stop: 10.0}}, share: {share}}}"
BEFORE = f"steps: {{steps}}, levels: 64, samples: 6, depth: 3, {NOISE.replace('{share}', '0.5')}"
BETTER = (
    "steps: {steps}, levels: 16, samples: 32, depth: 3, learning_rate: 4.0e-3, draws: antithetic, "
    + NOISE.replace("{share}", "0.7")
)
OURS = {"covariance": f"{BETTER}, preconditioning: covariance", "edm": BETTER}
LENGTHS = (625, 1250, 2500, 5000, 10_000, 20_000, 40_000)
WANTED = np.array([TIME, TIME, RMS])


class Curved(Task):
    """Errors: t_max and t_consolidation relative to exact, and the distance of the tangent and bend eigenvalues."""

    def error(self, found: tuple[np.ndarray, np.ndarray], exact: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Those three."""
        times = super().error(found, exact)
        modes = 2 * self.cells[0].manifold_dim
        distance = np.sqrt(((found[1] - exact[1])[..., :modes] ** 2).mean())
        return np.array([times[TIMES.index("t_max")], times[TIMES.index("t_consolidation")], distance])


def trained(folder: Path, who: str, m: int, c: float, text: str, steps: int) -> tuple[float, np.ndarray]:
    """(seconds per network, errors) of one training of these steps, after a line that says so."""
    ((_, seconds, errors),) = Curved(folder, STUDY, text, m=m, c=c, steps=steps).train([steps])
    print(
        f"m {m} c {c} {who:11}{steps:7} steps {seconds:7.1f} s  t_max {errors[0]:.3f}  "
        f"t_consolidation {errors[1]:.3f}  rms {errors[2]:.4f}",
        flush=True,
    )
    return seconds, errors


def until(folder: Path, who: str, m: int, c: float, text: str, most: float) -> tuple[float | None, float, np.ndarray]:
    """Seconds until all is right, None if it is not within `most` seconds; seconds and errors of the last training."""
    seconds, errors = 0.0, np.full(3, np.inf)
    for steps in LENGTHS:
        if 2 * seconds > most:
            break
        seconds, errors = trained(folder, who, m, c, text, steps)
        if (errors <= WANTED).all():
            return seconds, seconds, errors
    return None, seconds, errors


def main() -> None:
    """Every case: ours, and what was there before."""
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case in CASES.split():
            m, c = int(case.split(":")[0]), float(case.split(":")[1])
            ours = {who: until(folder, who, m, c, text, LIMIT) for who, text in OURS.items()}
            reached = [one[0] for one in ours.values() if one[0] is not None]
            most = PEER_LIMIT * max(reached) if reached else LIMIT
            before, spent, left = until(folder, "edm before", m, c, BEFORE, most)
            for who, (needed, taken, errors) in ours.items():
                what = f"m {m}, c {c}, {who}" + ("" if needed else " (not reached)") + ("" if before else " (peer not)")
                rows.append(Row(f"{what}: s per network", taken, before or spent))
                for label, mine, theirs in zip(("t_max", "t_consolidation"), errors, left, strict=False):
                    rows.append(Row(f"{what}: error of {label}", 100 * mine, 100 * theirs, 100 * TIME, "%"))
                rows.append(Row(f"{what}: rms of eigenvalues", errors[2], left[2], RMS, "1"))
    record("curved", rows, peer=f"edm before, stopped at {PEER_LIMIT:g} times our time", limit="what is wanted")


if __name__ == "__main__":
    main()
