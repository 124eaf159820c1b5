"""What is wrong with a study as a whole, beyond what its keys and values say one by one (`scoregap.study.schema`).

Study -> InputError, one line: file, key, value, what is allowed

`scoregap.study` imports this module, so studies have no annotation here.
"""

import math

from scoregap import InputError
from scoregap.data import FAMILIES, refusal
from scoregap.scores import EXACT, UNTRAINED
from scoregap.study.schema import AXES, Range, some

MOST_CELLS = 10**6


def check(study) -> None:
    """Raises InputError for the first mistake."""
    size = sum(part.size for part in study.parts)  # of the cube
    if size > MOST_CELLS:
        raise InputError(f"{study.path}: axes: {size} cells are not allowed: should be at most {MOST_CELLS}")
    _batch(study)
    _blocks(study)
    for part in study.parts:
        _sections(part)
        _geometry(part)


def _blocks(study) -> None:
    """Blocks share jobs, whose members are the values of the batch axes: the same ones, but for seeds."""
    for name, own in study.blocks.items():
        for axis in own:
            if (axis in study.batch and axis != "seed") or axis.startswith("fit."):
                raise InputError(
                    f"{study.path}: blocks.{name}.{axis}: is not allowed: it is an axis along which cells share a job: "
                    f"should be one of {some(a for a in study.axes if a not in study.batch or a == 'seed')}"
                )


def _batch(study) -> None:
    fixed = ("ambient_dim", "network")
    batch = study.document.batch or []
    for axis in batch:
        if axis not in study.axes:
            raise InputError(f"{study.path}: batch: {axis!r} is not allowed: should be one of {some(study.axes)}")
        if axis in fixed or axis.startswith("train."):
            free = [a for a in study.axes if a not in fixed and not a.startswith("train.")]
            raise InputError(
                f"{study.path}: batch: {axis!r} is not allowed: the members of a batch share network shape "
                f"and training: should be one of {some(free)}"
            )
    if len(set(batch)) < len(batch):
        raise InputError(f"{study.path}: batch: {batch} is not allowed: axes should be distinct")


def _sections(study) -> None:
    def refuse(what: str):
        raise InputError(f"{study.path}: {what}")

    trained = bool(study.trained_networks)
    if trained and study.document.train is None:
        refuse("train: is missing: the axis network has values that need training")
    for manifold in study.sections["manifold"].values():
        if "empirical" in study.axes["network"] and manifold.dataset_size is None:
            refuse("manifold.dataset_size: is missing: the axis network has the value 'empirical'")
    spectrum, dimension = study.document.spectrum, study.document.dimension  # no axis points into them
    if spectrum.method == "exact" and spectrum.step is not None:
        refuse(f"spectrum.step: {spectrum.step!r} is not allowed: the method 'exact' takes no step")
    measured: list[tuple[str, Range]] = [("spectrum.times", spectrum.times)]
    if dimension:
        if (data := dimension.of_data) and EXACT not in study.axes["network"]:
            refuse(
                f"dimension.estimators: {data[0]!r} is not allowed: estimators of data go with the "
                f"value {EXACT!r} of the axis network, which the study does not have"
            )
        if "local_pca" in data and dimension.neighbours >= dimension.data_points:
            refuse(
                f"dimension.neighbours: {dimension.neighbours} is not allowed: should be less "
                f"than data_points, {dimension.data_points}"
            )
        measured.append(("dimension.times", dimension.times))
    if sampling := study.document.sampling:
        measured.append(("sampling.switches", sampling.switches))
    for train in study.sections["train"].values():
        ranges = list(measured)
        if train:
            if train.noise.stop > train.most_noise:
                refuse(
                    f"train.noise.stop: {train.noise.stop!r} is not allowed: the schedule "
                    f"{train.schedule} has noise variances up to {train.most_noise:.0f}"
                )
            ranges.append(("train.noise", train.noise))
            if focus := train.noise.focus:
                ranges.append(("train.noise.focus", focus))
        for key, one in ranges:
            if one.start >= one.stop:
                refuse(f"{key}.stop: {one.stop!r} is not allowed: should exceed start, {one.start!r}")
        if trained:
            noise = train.noise
            for section, one in [one for one in ranges if one[0] != "train.noise"]:
                for key, value in (("start", one.start), ("stop", one.stop)):
                    if not noise.start <= value <= noise.stop:
                        refuse(
                            f"{section}.{key}: {value!r} is not allowed: "
                            f"should lie within the trained noise range, {noise.start!r} to {noise.stop!r}"
                        )


def _geometry(study) -> None:
    """Over all manifolds of the study; those of other networks and seeds, and of other curvatures but 0, are alike."""
    curvatures = {bool(c): c for c in study.axes["curvature"]}.values()
    alike = study.axes | {"network": study.axes["network"][:1], "seed": study.axes["seed"][:1]}
    alike |= {"curvature": tuple(curvatures)}
    alike |= {axis: alike[axis][:1] for section in ("train", "fit") for axis in study.axes_of(section)}
    for cell in study.expand(alike):
        name, d, c = (cell[axis] for axis in ("family", "ambient_dim", "curvature"))
        family, groups, settings = FAMILIES[name], cell.groups, cell.settings
        if not family.shares and cell.spectrum.sampling == "reverse":
            raise InputError(
                f"{study.path}: spectrum.sampling: 'reverse' is not allowed: the component at the end of a trajectory "
                f"is not known in the family {name}: should be 'forward'"
            )
        if family.exact == "unknown" and (closed := set(UNTRAINED) & set(study.axes["network"])):
            raise InputError(
                f"{study.path}: axes.network: {min(closed)!r} is not allowed: the score of {name} is not known"
            )
        if cell.sampling and not family.nearest:
            near = ", ".join(one for one in FAMILIES if FAMILIES[one].nearest)
            raise InputError(
                f"{study.path}: axes.family: {name!r} is not allowed with the section sampling: the distance from its "
                f"manifold is not known: should be one of {near}"
            )
        fractions = [group.fraction for group in cell.manifold.groups]
        total = math.fsum(fractions)
        if family.shares and abs(total - 1) > 1e-9:
            raise InputError(f"{study.path}: manifold.groups: fractions sum to {total:g}, not allowed: should sum to 1")
        if not family.shares and max(fractions) != 1:
            raise InputError(
                f"{study.path}: manifold.groups: the largest fraction is {max(fractions):g}, not allowed: should be 1, "
                f"the component of dimension manifold_dim"
            )
        counts = [group.count for group in groups]
        if 0 in counts:
            k = counts.index(0)
            raise InputError(
                f"{study.path}: manifold.groups[{k}].fraction: {fractions[k]!r} is not allowed: "
                f"gives no latent at manifold_dim {cell['manifold_dim']}"
            )
        if wrong := refusal(name, d, groups, c, settings):
            if wrong.startswith("ambient_dim"):
                needs = wrong.split(": ")[-1]
                wrong = (
                    f"manifold_dim: {cell['manifold_dim']} is not allowed: {needs} of axes.ambient_dim, which has {d}"
                )
            section = "axes" if wrong.split(":")[0] in AXES else "manifold"
            raise InputError(f"{study.path}: {section}.{wrong}")
