"""How long does a network train until a curved manifold is right? `make bench FIGURES=curved` records it.

arcs in R^100 with groups of std 1 and .15, one core -> processor seconds per network until t_max and t_consolidation
are within TIME of exact and the 2 m tangent and bend eigenvalues within RMS (root mean square over times, points and
modes), each the median over seeds

Ours are trained in two ways: `scaled-128` by `covariance`, which is given the covariance of training points, and
`bypass-118` by `edm`; both have no more weights than the peer's `gated-128`. The learning rate falls to zero at the
end, so every number of steps is a training of its own; of ours STEPS are tried, one after the other, none of more than
LIMIT seconds per network. The peer is `edm` as `accuracy_curved` trains it, over the noise of this task: one training,
of one seed, that takes PEER_LIMIT times our time, none at 0. Two hours of one core; CASES='10:0.5 ...', WAYS, STEPS,
SEEDS and PEER_LIMIT for some.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from bench import Row, record
from time_to_accuracy import TIMES, Task

CASES = os.environ.get("CASES", "10:0.5 10:1.0 20:0.5")  # manifold_dim:curvature
WAYS = os.environ.get("WAYS", "covariance edm")
NETWORKS = {"covariance": "scaled-128", "edm": "bypass-118"}
STEPS = os.environ.get("STEPS", "2000 4000 8000 12500")
SEEDS = int(os.environ.get("SEEDS", "3"))
TIME, RMS = 0.10, 0.02
LIMIT, PEER_LIMIT = 90.0, float(os.environ.get("PEER_LIMIT", "10"))
STUDY = """\
study: curved
axes:
  {{family: [arcs], ambient_dim: [100], manifold_dim: [{m}], curvature: [{c}],
    network: [exact, {network}], seed: {seeds}}}
manifold: {{groups: [{{fraction: 0.5, std: 1.0}}, {{fraction: 0.5, std: 0.15}}]}}
train: {{{train}}}
spectrum: {{times: {{start: 1.0e-3, stop: 100.0, count: 32}}, points: 16}}
fit: {{resamples: 50}}
compare:
  flat: {{t_open: 0.15, t_max: 0.05, t_close: 0.15, t_consolidation: 0.10}}
  curved: {{t_open: 0.25, t_max: 0.10, t_close: 0.25, t_consolidation: 0.25}}
"""
BEFORE = (
    "steps: {steps}, levels: 64, samples: 6, depth: 3, "
    "noise: {{start: 5.0e-4, stop: 200.0, focus: {{start: 3.0e-3, stop: 10.0}}, share: 0.5}}"
)
OURS = (
    "steps: {steps}, levels: 16, samples: 32, depth: 3, learning_rate: 4.0e-3, draws: antithetic, "
    "preconditioning: {way}, own_below: 0.15, beta2: 0.95, products: onednn, "
    "noise: {{start: 5.0e-4, stop: 100.0, focus: {{start: 2.0e-3, stop: 5.0}}, share: 0.9}}"
)
PILOT = 100  # steps, that tell how long one of the peer takes
WANTED = np.array([TIME, TIME, RMS])


class Curved(Task):
    """Errors: t_max and t_consolidation relative to exact, and the distance of the tangent and bend eigenvalues."""

    def error(self, found: tuple[np.ndarray, np.ndarray], exact: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Those three."""
        times = super().error(found, exact)
        modes = 2 * self.cells[0].manifold_dim
        distance = np.sqrt(((found[1] - exact[1])[..., :modes] ** 2).mean())
        return np.array([times[TIMES.index("t_max")], times[TIMES.index("t_consolidation")], distance])


def trained(folder: Path, who: str, text: str, **numbers) -> tuple[float, np.ndarray]:
    """(seconds per network, errors) of one training, after a line that says so. numbers: of study and recipe."""
    ((steps, seconds, errors),) = Curved(folder, STUDY, text, **numbers).train([numbers["steps"]])
    print(
        f"m {numbers['m']} c {numbers['c']} {who:11}{steps:7} steps {seconds:7.1f} s  t_max {errors[0]:.3f}  "
        f"t_consolidation {errors[1]:.3f}  rms {errors[2]:.4f}",
        flush=True,
    )
    return seconds, errors


def until(folder: Path, way: str, **case) -> tuple[float, np.ndarray]:
    """(seconds per network, errors) of the shortest training with which all is right, or else of the longest."""
    seconds = 0.0  # of a step
    for steps in map(int, STEPS.split()):
        if steps * seconds > LIMIT:
            break
        found = trained(folder, way, OURS, way=way, network=NETWORKS[way], steps=steps, seeds=SEEDS, **case)
        if (found[1] <= WANTED).all():
            break
        seconds = found[0] / steps
    return found


def main() -> None:
    """Every case: ours, and what was there before."""
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for case in CASES.split():
            m, c = int(case.split(":")[0]), float(case.split(":")[1])
            ours = {way: until(folder, way, m=m, c=c) for way in WAYS.split()}
            peer = {"network": "gated-128", "m": m, "c": c, "seeds": 1}
            before, left = None, (None, None, None)
            if PEER_LIMIT:
                pilot = trained(folder, "pilot", BEFORE, steps=PILOT, **peer)[0] / PILOT
                least = min(seconds for seconds, _ in ours.values())
                before, left = trained(folder, "edm before", BEFORE, steps=round(PEER_LIMIT * least / pilot), **peer)
            for way, (seconds, errors) in ours.items():
                seeds = "" if SEEDS == 3 else f", {SEEDS} seeds" if SEEDS > 1 else ", one seed"
                what = f"m {m}, c {c}, {way}{seeds}" + ("" if (errors <= WANTED).all() else " (not reached)")
                rows.append(Row(f"{what}: s per network", seconds, before, LIMIT))
                for label, mine, theirs in zip(("t_max", "t_consolidation"), errors, left, strict=False):
                    peers = None if theirs is None else 100 * theirs
                    rows.append(Row(f"{what}: error of {label}", 100 * mine, peers, 100 * TIME, "%"))
                rows.append(Row(f"{what}: rms of eigenvalues", errors[2], left[2], RMS, "1"))
    peer_is = f"edm before, stopped at {PEER_LIMIT:g} times our time" if PEER_LIMIT else "none"
    record("curved", rows, peer=peer_is, limit="what is wanted")


if __name__ == "__main__":
    main()
