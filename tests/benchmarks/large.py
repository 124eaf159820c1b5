"""A large finished study, cheaply: `large.py FOLDER CELLS [closed]` leaves FOLDER/large.yaml and FOLDER/cube.zarr.

number of cells -> a study of so many, and its cube as the stages would have made it

The cells of a few settings are computed, with stand-ins for trained networks (`report.stand_in`); all others are their
copies, whose phase times of networks are moved by a factor of their own, so that some disagree. `closed`: a study of
the exact and the Gaussian score, with one seed, so of as many settings as can be.
"""

import sys
from dataclasses import replace
from pathlib import Path

import bench
import numpy as np

sys.path.insert(0, str(bench.ROOT / "tests"))
import gathered

STUDY = """\
study: large
axes:
  family: [arcs]
  ambient_dim: [16]
  manifold_dim: [4]
  curvature: [0.0, 0.5]
  manifold.groups.1.std: {stds}
  network: [exact, gaussian{networks}]
  seed: {seeds}
batch: [seed]
manifold: {{groups: [{{fraction: 0.5, std: 1.0}}, {{fraction: 0.5, std: 0.1}}]}}
train: {{steps: 20000, levels: 4, samples: 2, noise: {{start: 1.0e-4, stop: 60.0}}}}
spectrum: {{times: {{start: 3.0e-4, stop: 30.0, count: 24}}, points: 4}}
fit: {{resamples: 100}}
compare:
  flat: {{t_open: 0.15, t_max: 0.05, t_close: 0.15, t_consolidation: 0.10}}
  curved: {{t_open: 0.25, t_max: 0.10, t_close: 0.25, t_consolidation: 0.25}}
"""
KINDS = {"trained": (", scaled-256, scaled-512", 5), "closed": ("", 1)}  # scores beside the closed forms, seeds
COMPUTED = 12  # settings, at most
SPREAD = 0.08  # of the logarithms of phase times of networks, beside what the stand-ins have


def study(folder: Path, cells: int, kind: str = "trained") -> Path:
    """The file of a study of about so many cells."""
    networks, seeds = KINDS[kind]
    count = max(cells // (2 * seeds * (2 + networks.count(","))), 1)
    stds = [round(0.04 + 0.4 * i / count, 8) for i in range(count)]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "large.yaml"
    path.write_text(STUDY.format(stds=stds, networks=networks, seeds=seeds))
    return path


def make(folder: Path, cells: int, kind: str = "trained") -> Path:
    """Write the study and its cube; the study's file."""
    from report import stand_in

    from scoregap import variables
    from scoregap.stages import cube, fit, spectrum
    from scoregap.store.cube import write_cube
    from scoregap.store.jobs import job_path, write_job
    from scoregap.store.spool import Spool
    from scoregap.study import load
    from scoregap.trained import Trained

    path = study(folder, cells, kind)
    whole = load(path)
    axis = "manifold.groups.1.std"
    stds = np.array(whole.axes[axis])
    chosen = np.unique(np.linspace(0, len(stds) - 1, min(COMPUTED, len(stds))).round().astype(int))
    few = folder / "few"
    few.mkdir()
    networks, seeds = KINDS[kind]
    (few / "large.yaml").write_text(STUDY.format(stds=stds[chosen].tolist(), networks=networks, seeds=seeds))
    small = load(few / "large.yaml")
    for job in small.jobs.values():
        made = []
        for cell in job.cells:
            closed = tuple((name, "exact" if name == "network" and cell.trained else one) for name, one in cell.values)
            found = spectrum.measure(replace(cell, values=closed), Trained(few / "large.yaml"))
            if cell.trained:
                stand_in(cell, found)
            made.append((found, fit.fit(cell, found)))
        for stage, results in zip(("spectrum", "fit"), zip(*made, strict=True), strict=True):
            write_job(job_path(few, job.id, stage), variables.stack(list(results)), job.keys(stage), stage)
    spool, rng = Spool(folder / "cube.zarr"), np.random.default_rng(0)
    base = gathered.opened(cube.gather(small, 16, few / "spectrum", few / "fit"))
    nearest = np.abs(stds[:, None] - stds[chosen]).argmin(1)
    shape = [len(values) for values in whole.axes.values()]
    factor = np.exp(SPREAD * rng.standard_normal(shape))
    closed_forms = [i for i, name in enumerate(whole.axes["network"]) if name in ("exact", "gaussian")]
    factor[..., closed_forms, :] = 1
    data, along = {}, list(whole.axes).index(axis)
    for name, one in base.data_vars.items():
        full = spool.full([*shape, *one.shape[len(shape) :]], 0, one.dtype)
        full[...] = np.take(one.values, nearest, along)
        if str(name).removeprefix("model_") in variables.TIMES:
            full *= factor[..., None]
        data[name] = (one.dims, full)
        spool.forget()
    ds = base.drop_vars([*base.data_vars, axis]).assign_coords({axis: stds}).assign(data)
    ds = variables.annotate(ds).assign_attrs(cube.provenance(whole))
    write_cube(folder / "cube.zarr", {"": ds}, spool.forget)
    return path


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
