"""What is wrong with a study as a whole, beyond what its keys and values say one by one (`scoregap.study.schema`).

Study -> InputError, one line: file, key, value, what is allowed

`scoregap.study` imports this module, so studies have no annotation here.
"""

import itertools
import math
from typing import Any, NoReturn

from scoregap import InputError, brief
from scoregap.data import FAMILIES, refusal
from scoregap.scores import EXACT, UNTRAINED, of_clean_data
from scoregap.study.schema import AXES, Range, latents, some, table

MOST_CELLS = 10**6
SPLITS = 16  # seeds whose split of a file is looked at; others are when they are used


def check_study(study, run: bool = True) -> None:
    """Raises InputError for the first mistake. run: whether a file of data has to be there."""
    size = sum(part.size for part in study.parts)  # of the cube
    if size > MOST_CELLS:
        raise InputError(
            f"{size} cells are not allowed", file=study.path, key="axes", value=size,
            allowed=f"should be at most {MOST_CELLS}",
        )  # fmt: skip
    _batch(study)
    _blocks(study)
    for part in study.parts:
        _sections(part)
        if study.document.data is None:
            _dimensions(part)
            _fractions(part)
            _geometry(part)
        else:
            _scores_of_data(part)
            if run:
                _points(part)


def _blocks(study) -> None:
    """Blocks share jobs, whose members are the values of the batch axes: the same ones, but for seeds."""
    for name, own in study.blocks.items():
        for axis in own:
            if (axis in study.batch and axis != "seed") or axis.startswith("fit."):
                free = [axis for axis in study.axes if axis not in study.batch or axis == "seed"]
                raise InputError(
                    "is not allowed", file=study.path, key=("blocks", name, axis),
                    allowed=f"it is an axis along which cells share a job: should be one of {some(free)}",
                )  # fmt: skip
    groups: dict[str, str] = {}
    for group, part, _ in study.groups:
        if (other := groups.setdefault(group, part.block)) != part.block:
            raise InputError(
                "is not allowed", file=study.path, key=("blocks", part.block),
                allowed=f"the block {other} has a group {group} in the cube too: should have another name",
            )  # fmt: skip


def _batch(study) -> None:
    fixed = ("ambient_dim", "network")
    batch = study.document.batch or []
    for axis in batch:
        if axis not in study.axes:
            raise InputError(file=study.path, key="batch", value=axis, allowed=f"should be one of {some(study.axes)}")
        if axis in fixed or axis.startswith("train."):
            free = [a for a in study.axes if a not in fixed and not a.startswith("train.")]
            raise InputError(
                file=study.path, key="batch", value=axis,
                allowed=f"the members of a batch share network shape and training: should be one of {some(free)}",
            )  # fmt: skip
    if len(set(batch)) < len(batch):
        raise InputError(file=study.path, key="batch", value=batch, allowed="axes should be distinct")


def _sections(study) -> None:
    def refuse(key: str, allowed: str, value: Any = None, problem: str = "") -> NoReturn:
        raise InputError(problem, file=study.path, key=key, value=value, allowed=allowed)

    trained = bool(study.trained_networks)
    if trained and study.document.train is None:
        refuse("train", "the axis network has values that need training", problem="is missing")
    for manifold in filter(None, study.sections["manifold"].values()):
        if "empirical" in study.axes["network"] and manifold.dataset_size is None:
            refuse("manifold.dataset_size", "the axis network has the value 'empirical'", problem="is missing")
    spectrum, dimension = study.document.spectrum, study.document.dimension  # no axis points into them
    for key in ("step", "probes"):
        if key not in spectrum.takes and (value := getattr(spectrum, key)) is not None:
            refuse(f"spectrum.{key}", f"the method {spectrum.method!r} takes no {key}", value)
    if spectrum.method == "trace" and study.document.data is None:
        refuse(
            "spectrum.method", "of a family gaps and phase times are compared, which take whole spectra: should be "
            "exact, or finite differences, or the study have data in place of manifold", "trace",
        )  # fmt: skip
    measured: list[tuple[str, Range]] = [("spectrum.times", spectrum.times)]
    if dimension:
        whose = of_clean_data(study.document.data is not None)
        if (data := dimension.of_data) and whose not in study.axes["network"]:
            refuse(
                "dimension.estimators",
                f"estimators of data go with the value {whose!r} of the axis network, which the study does not have",
                data[0],
            )
        if "local_pca" in data and dimension.neighbours >= dimension.data_points:
            refuse(
                "dimension.neighbours",
                f"should be less than data_points, {dimension.data_points}",
                dimension.neighbours,
            )
        measured.append(("dimension.times", dimension.times))
    if sampling := study.document.sampling:
        measured.append(("sampling.switches", sampling.switches))
    for train in study.sections["train"].values():
        ranges = list(measured)
        if train:
            if train.noise.stop > train.most_noise:
                refuse(
                    "train.noise.stop",
                    f"the schedule {train.schedule} has noise variances up to {train.most_noise:.0f}",
                    train.noise.stop,
                )
            ranges.append(("train.noise", train.noise))
            if focus := train.noise.focus:
                ranges.append(("train.noise.focus", focus))
            if trained and train.preconditioning == "covariance":
                _covariance(study, train, refuse)
            if train.draws == "antithetic" and train.samples % 2:
                refuse("train.samples", "antithetic draws are pairs: should be even", train.samples)
            if trained and train.target == "posterior":
                _posterior(study, refuse)
        for key, one in ranges:
            if one.start >= one.stop:
                refuse(f"{key}.stop", f"should exceed start, {one.start!r}", one.stop)
        if trained:
            noise = train.noise
            for section, one in [one for one in ranges if one[0] != "train.noise"]:
                for key, value in (("start", one.start), ("stop", one.stop)):
                    if not noise.start <= value <= noise.stop:
                        within = f"{noise.start!r} to {noise.stop!r}"
                        refuse(f"{section}.{key}", f"should lie within the trained noise range, {within}", value)


def _dimensions(study) -> None:
    """Every value of manifold_dim is another m: shares of one ambient_dim may come to the same, or to a number."""
    key = _of_axis(study, "manifold_dim")
    for d in study.axes["ambient_dim"]:
        taken: dict[int, float] = {}
        for value in study.axes["manifold_dim"]:
            if (other := taken.setdefault(latents(value, d), value)) != value:
                raise InputError(
                    file=study.path, key=key, value=value,
                    allowed=f"at ambient_dim {d} it is m = {latents(value, d)}, as {other!r} is: values should be "
                    "different m",
                )  # fmt: skip


def _fractions(study) -> None:
    """Every fraction of a component of a mixture is another dimension of it, as of `_dimensions`."""
    axes, sections = study.axes_of("manifold"), study.sections["manifold"]
    if all(FAMILIES[family].shares for family in study.axes["family"]):
        return
    sizes = {latents(value, d) for d in study.axes["ambient_dim"] for value in study.axes["manifold_dim"]}
    for i, axis in enumerate(axes):
        if not axis.endswith(".fraction"):
            continue
        taken: dict[Any, float] = {}
        for m, (values, manifold) in itertools.product(sorted(sizes), sections.items()):
            counts = manifold.counts(m, shares=False)
            if (other := taken.setdefault((m, values[:i], values[i + 1 :], counts), values[i])) != values[i]:
                raise InputError(
                    file=study.path, key=_of_axis(study, axis), value=values[i],
                    allowed=f"at manifold_dim {m} it gives components of dimensions {', '.join(map(str, counts))}, as "
                    f"{other!r} does: values should give different ones",
                )  # fmt: skip


def _of_axis(study, axis: str) -> tuple[str, ...]:
    """Where the values of an axis are written, as a key."""
    own = study.whole.blocks[study.block] if study.whole else {}
    return ("blocks", study.block, axis) if axis in own else ("axes", axis)


def _covariance(study, train, refuse) -> None:
    """There are points enough for every direction that the data have."""
    needed = max(study.dims)
    least = f"the preconditioning covariance needs as many points as dimensions, {needed}, at least"
    if train.covariance_points < needed:
        refuse("train.covariance_points", least, train.covariance_points)
    for section in ("manifold", "data"):
        for one in filter(None, study.sections[section].values()):
            if isinstance(one.dataset_size, int) and one.dataset_size < needed:
                refuse(f"{section}.dataset_size", least, one.dataset_size)


def _posterior(study, refuse) -> None:
    """The law that networks are trained on is one whose posterior is known: that of fresh points of such a family."""
    if study.document.data:
        refuse("train.target", "the posterior of data from a file is not known: should be 'sample'", "posterior")
    for name in study.axes["family"]:
        if FAMILIES[name].exact == "unknown":
            refuse("train.target", f"the posterior of {name} is not known: should be 'sample'", "posterior")
    if any(manifold.dataset_size is not None for manifold in study.sections["manifold"].values()):
        refuse("train.target", "with a training set (manifold.dataset_size) it should be 'sample'", "posterior")


def _scores_of_data(study) -> None:
    """Whose law is not known has no exact score."""
    if EXACT in study.axes["network"]:
        raise InputError(
            file=study.path, key="axes.network", value=EXACT,
            allowed="the law of data from a file is not known: should be gaussian, empirical or a network",
        )  # fmt: skip


def _points(study) -> None:
    """The file has the points and the classes that are asked for, and its levels are finer than the noise."""
    of = next(iter(study.sections["data"].values()))
    least = table(of, study.path.parent).least_time

    def refuse(key: str, value: Any, allowed: str) -> NoReturn:
        raise InputError(file=study.path, key=key, value=value, allowed=allowed)

    document = study.document
    measured = [("spectrum.times", document.spectrum.times)]
    measured += [("dimension.times", document.dimension.times)] if document.dimension else []
    for key, times in measured:
        if times.start < least:
            refuse(
                f"{key}.start", times.start,
                f"the values of {of.source} are quantised, and below t = step^2 / 12 = {least:.3g} spectra are those "
                f"of the grid of levels: should be at least {least:.3g}",
            )  # fmt: skip
    if document.dimension and document.spectrum.points_from == "held-out":
        asked = max(document.spectrum.points, document.dimension.points)
    else:
        asked = document.spectrum.points
    alike = study.axes | {"network": study.axes["network"][:1], "seed": study.axes["seed"][:SPLITS]}
    alike |= {axis: alike[axis][:1] for section in ("train", "fit") for axis in study.axes_of(section)}
    for cell in study.expand(alike):
        found, label = cell.truth(), cell.data.label
        here = f" of class {label}" if label != "all" else ""
        if here and str(label) not in found.of.classes:
            classes = some(found.of.classes) or "none, as there are no labels"
            refuse("axes.class" if "class" in study.axes else "data.label", label, f"classes are {classes}")
        parts = {name: len(rows) for name, rows in found.parts.items()}
        if parts["training"] < 2:
            refuse("data.held_out", cell.data.held_out, f"leaves {parts['training']} points{here} to train on")
        if len(set(found.of.same[found.parts["training"]])) < 2:
            refuse(
                "data.held_out", cell.data.held_out, f"leaves one point{here} to train on, {parts['training']} times"
            )
        if parts[found.measured] < asked:
            refuse(
                "spectrum.points" if asked == document.spectrum.points else "dimension.points", asked,
                f"the {found.measured} part has {parts[found.measured]} points{here} in seed {cell['seed']}",
            )  # fmt: skip
        size = cell.data.dataset_size
        if isinstance(size, int) and size > parts["training"]:
            key = "axes.dataset_size" if "dataset_size" in study.axes else "data.dataset_size"
            refuse(key, size, f"the training part has {parts['training']} points{here} in seed {cell['seed']}")
        if document.dimension and document.dimension.of_data and document.dimension.data_points > parts["training"]:
            refuse(
                "dimension.data_points", document.dimension.data_points,
                f"the training part has {parts['training']} points{here} in seed {cell['seed']}",
            )  # fmt: skip


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
                file=study.path, key="spectrum.sampling", value="reverse",
                allowed=f"the component at the end of a trajectory is not known in the family {name}: should be "
                "'forward'",
            )  # fmt: skip
        if family.exact == "unknown" and (closed := set(UNTRAINED) & set(study.axes["network"])):
            raise InputError(
                file=study.path, key="axes.network", value=min(closed), allowed=f"the score of {name} is not known"
            )
        if cell.sampling and not family.nearest:
            near = ", ".join(one for one in FAMILIES if FAMILIES[one].nearest)
            raise InputError(
                f"{brief(name)} is not allowed with the section sampling", file=study.path, key="axes.family",
                value=name, allowed=f"the distance from its manifold is not known: should be one of {near}",
            )  # fmt: skip
        fractions = [group.fraction for group in cell.of_family.groups]
        total = math.fsum(fractions)
        if family.shares and abs(total - 1) > 1e-9:
            raise InputError(
                f"fractions sum to {total:g}, not allowed", file=study.path, key="manifold.groups", value=fractions,
                allowed="should sum to 1",
            )  # fmt: skip
        if not family.shares and max(fractions) != 1:
            raise InputError(
                f"the largest fraction is {max(fractions):g}, not allowed", file=study.path, key="manifold.groups",
                value=fractions, allowed="should be 1, the component of dimension manifold_dim",
            )  # fmt: skip
        counts = [group.count for group in groups]
        if 0 in counts:
            k = counts.index(0)
            raise InputError(
                file=study.path, key=("manifold", "groups", k, "fraction"), value=fractions[k],
                allowed=f"gives no latent at manifold_dim {cell['manifold_dim']}",
            )  # fmt: skip
        if wrong := refusal(name, d, groups, c, settings):
            key = (wrong.key,) if isinstance(wrong.key, str) else wrong.key
            if key == ("ambient_dim",):
                raise InputError(
                    file=study.path, key="axes.manifold_dim", value=cell["manifold_dim"],
                    allowed=f"{wrong.allowed} of axes.ambient_dim, which has {d}",
                )  # fmt: skip
            raise wrong.at(("axes" if key[0] in AXES else "manifold", *key), study.path)
