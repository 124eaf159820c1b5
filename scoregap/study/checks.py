"""What is wrong with a study as a whole, beyond what its keys and values say one by one (`scoregap.study.reading`).

Study, what is known to be wrong -> InputErrors, a line each: file, key, value, what is allowed

What hangs on a value that is wrong itself is not judged. `scoregap.study` imports this module, so studies have no
annotation here.

Over 400 lines, as all that keys of different sections ask of each other is looked for in one place.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any

from scoregap import InputError, bound, brief, dotted, some
from scoregap.data import FAMILIES, FRESH, refusals
from scoregap.pictures import axes_refusal
from scoregap.scores import EXACT, UNTRAINED, of_clean_data, of_pictures, shape_refusal
from scoregap.spelling import asks, meant
from scoregap.study.data import table
from scoregap.study.hashing import sees_training_set
from scoregap.study.measurement import TRACE
from scoregap.study.mending import Mistakes
from scoregap.study.schema import AXES, latents
from scoregap.study.values import Range

MOST_CELLS = 10**6
SPLITS = 16  # seeds whose split of a file is looked at; others are when they are used


def check_study(study, run: bool, mistakes: Mistakes) -> None:
    """Add what is wrong to mistakes, each key and value once. run: whether a file of data has to be there."""
    size = sum(part.size for part in study.parts)  # of the cube
    if size > MOST_CELLS:
        mistakes.append(InputError(
            f"{size} cells are not allowed", file=study.path, key="axes", value=size,
            allowed=f"should be at most {MOST_CELLS}",
        ))  # fmt: skip
        return
    told: dict[tuple[str, str], InputError] = {}
    for one in _all(study, run, mistakes):
        told.setdefault((str(one.key), repr(one.value)), one)
    mistakes += told.values()


def _all(study, run: bool, mistakes: Mistakes) -> Iterator[InputError]:
    if mistakes.known("batch"):
        yield from _batch(study)
    if mistakes.known("axes", "batch", "blocks"):
        yield from _blocks(study)
    for part in study.parts:
        yield from _networks(part, mistakes)
        yield from _ranges(part, mistakes)
        if study.document.data is None:
            if mistakes.known("axes.ambient_dim", "axes.manifold_dim"):
                yield from _dimensions(part)
                if mistakes.known("axes.family", "manifold.groups.fraction"):
                    yield from _fractions(part)
            yield from _geometry(part, mistakes)
        else:
            yield from _scores_of_data(part)
            if run and mistakes.known("data", "spectrum", "dimension", "train", "axes"):
                yield from _points(part)


def _blocks(study) -> Iterator[InputError]:
    """Blocks share jobs, whose members are the values of the batch axes: the same ones, but for seeds."""
    for name, own in study.blocks.items():
        for axis in own:
            if (axis in study.batch and axis != "seed") or axis.startswith("fit."):
                free = [axis for axis in study.axes if axis not in study.batch or axis == "seed"]
                yield InputError(
                    "is not allowed", file=study.path, key=("blocks", name, axis),
                    allowed=f"it is an axis along which cells share a job: should be one of {some(free)}",
                )  # fmt: skip
    groups: dict[str, str] = {}
    for group, part, _ in study.groups:
        if (other := groups.setdefault(group, part.block)) != part.block:
            yield InputError(
                "is not allowed", file=study.path, key=("blocks", part.block),
                allowed=f"the block {other} has a group {group} in the cube too: should have another name",
            )  # fmt: skip


def _batch(study) -> Iterator[InputError]:
    fixed = ("ambient_dim", "network")
    batch = study.document.batch or []
    for axis in batch:
        if axis not in study.axes and axis in study.document.axes:
            continue  # which is wrong there
        if axis not in study.axes:
            says = f"{asks(meant(axis, study.axes))}should be one of {some(study.axes)}"
            yield InputError(file=study.path, key="batch", value=axis, allowed=says)
        elif axis in fixed or axis.startswith("train."):
            free = [a for a in study.axes if a not in fixed and not a.startswith("train.")]
            yield InputError(
                file=study.path, key="batch", value=axis,
                allowed=f"the members of a batch share network shape and training: should be one of {some(free)}",
            )  # fmt: skip
    if len(set(batch)) < len(batch):
        yield InputError(file=study.path, key="batch", value=batch, allowed="axes should be distinct")


def _wrong(study, key: str, allowed: str, value: Any = None, problem: str = "") -> InputError:
    return InputError(problem, file=study.path, key=key, value=value, allowed=allowed)


def _networks(study, mistakes: Mistakes) -> Iterator[InputError]:
    """What values of the axis network need, what is measured of them, and how they are trained."""
    known = mistakes.known
    trained = bool(study.trained_networks)
    if trained and study.document.train is None and known("train"):
        yield _wrong(study, "train", "the axis network has values that need training", problem="is missing")
    if "empirical" in study.axes["network"] and known("manifold.dataset_size"):
        for manifold in filter(None, study.sections["manifold"].values()):
            if manifold.dataset_size is None:
                says = "the axis network has the value 'empirical'"
                yield _wrong(study, "manifold.dataset_size", says, problem="is missing")
    sizes = [manifold.dataset_size for manifold in filter(None, study.sections["manifold"].values())]
    if known("manifold.dataset_size", "memorisation", "train.record", "train.noise_draws"):
        yield from _training_sets(study, all(sizes) and bool(sizes), any(sizes))
    yield from _spectra(study, mistakes)
    yield from _estimators(study, mistakes)
    if known("data"):
        yield from _shapes(study, mistakes)
    for train in filter(None, study.sections["train"].values()):
        yield from _training(study, train, mistakes)


def _spectra(study, mistakes: Mistakes) -> Iterator[InputError]:
    """What the method of the spectra takes, and gives. No axis points into the section."""
    known, spectrum = mistakes.known, study.document.spectrum
    for key in ("step", "probes"):
        value = getattr(spectrum, key)
        if key not in spectrum.takes and value is not None and known("spectrum.method", f"spectrum.{key}"):
            yield _wrong(study, f"spectrum.{key}", f"the method {spectrum.method!r} takes no {key}", value)
    if spectrum.keep and study.document.data is None and known("data", "spectrum.keep"):
        says = "of a family nothing is kept: should be left out, or the study have data in place of manifold"
        yield _wrong(study, "spectrum.keep", says, problem="is not allowed")
    elif spectrum.keep and spectrum.traces and known("spectrum.method", "spectrum.keep"):
        says = f"the method {TRACE!r} knows no eigenvectors: should be left out, or the method be another"
        yield _wrong(study, "spectrum.keep", says, problem="is not allowed")
    if spectrum.traces and study.document.data is None and known("spectrum.method", "data"):
        yield _wrong(
            study, "spectrum.method", "of a family gaps and phase times are compared, which take whole spectra: should "
            "be exact, or finite differences, or the study have data in place of manifold", TRACE,
        )  # fmt: skip


def _estimators(study, mistakes: Mistakes) -> Iterator[InputError]:
    """What estimators of the dimension that see data alone need."""
    known, dimension = mistakes.known, study.document.dimension
    if dimension and known("dimension.estimators"):
        whose = of_clean_data(study.document.data is not None)
        data = dimension.of_data
        if data and mistakes.whole("network") and whose not in study.axes["network"]:
            says = f"estimators of data go with the value {whose!r} of the axis network, which the study does not have"
            yield _wrong(study, "dimension.estimators", says, data[0])
        local = "local_pca" in data and known("dimension.neighbours", "dimension.data_points")
        if local and dimension.neighbours >= dimension.data_points:
            says = f"should be less than data_points, {dimension.data_points}"
            yield _wrong(study, "dimension.neighbours", says, dimension.neighbours)


def _shapes(study, mistakes: Mistakes) -> Iterator[InputError]:
    """Networks and models see points of such a shape."""
    shape = tuple(study.document.data.shape) if study.document.data else study.dims[:1]
    for name in study.trained_networks:
        if says := shape_refusal(name, shape):
            yield _wrong(study, "axes.network", says, name)
        covariance = any(one and one.preconditioning == "covariance" for one in study.sections["train"].values())
        if of_pictures(name) and covariance and mistakes.known("train.preconditioning"):
            says = f"{name} sees pictures, and none along their principal axes: should be another"
            yield _wrong(study, "train.preconditioning", says, "covariance")
    for name in (one for one in study.axes["network"] if one in study.declared):
        declared = study.declared[name]
        if (own := declared.settings.shape) and (says := axes_refusal(shape, own)):
            yield declared.refused("shape", says, list(own))


def _training(study, train, mistakes: Mistakes) -> Iterator[InputError]:
    """Keys of one section train go together."""
    known, trained = mistakes.known, bool(study.trained_networks)
    if trained and train.preconditioning == "covariance" and known("train.preconditioning"):
        yield from _covariance(study, train, mistakes)
    if train.draws == "antithetic" and train.samples % 2 and known("train.draws", "train.samples"):
        yield _wrong(study, "train.samples", "antithetic draws are pairs: should be even", train.samples)
    if train.draws == "antithetic" and "noise_draws" not in train.unread and known("train.draws", "train.noise_draws"):
        yield _wrong(study, "train.noise_draws", "antithetic draws are twice as many: omit one", train.noise_draws)
    if trained and train.target == "posterior" and known("train.target"):
        yield from _posterior(study, mistakes)


def _training_sets(study, every: bool, some: bool) -> Iterator[InputError]:
    """What is asked of a training set has one. every, some: of the manifolds that have one."""
    if study.document.memorisation and not some and study.document.data is None:
        says = "the section memorisation is about a training set, of a family"
        yield _wrong(study, "manifold.dataset_size", says, problem="is missing")
    settings = study.document.memorisation
    if settings and settings.keep > settings.samples:
        says = f"should be at most memorisation.samples, {settings.samples}"
        yield _wrong(study, "memorisation.keep", says, settings.keep)
    for train in filter(None, study.sections["train"].values()):
        for key, asked in (("record", train.record != "loss"), ("noise_draws", "noise_draws" not in train.unread)):
            if asked and not every:
                says = "it goes with a training set of a family, manifold.dataset_size, in every cell"
                yield _wrong(study, f"train.{key}", says, getattr(train, key))
                return


def _ranges(study, mistakes: Mistakes) -> Iterator[InputError]:
    """Ranges of noise begin below their ends, and networks are measured where they have been trained."""
    known, document = mistakes.known, study.document
    measured: list[tuple[str, Range]] = [("spectrum.times", document.spectrum.times)]
    measured += [("dimension.times", document.dimension.times)] if document.dimension else []
    measured += [("sampling.switches", document.sampling.switches)] if document.sampling else []
    measured += [("memorisation.times", document.memorisation.times)] if document.memorisation else []
    for train in study.sections["train"].values():
        ranges = list(measured)
        if train:
            noise = train.noise
            if noise.stop > train.most_noise and known("train.schedule", "train.noise.stop"):
                says = f"the schedule {train.schedule} has noise variances up to {train.most_noise:.0f}"
                yield _wrong(study, "train.noise.stop", says, noise.stop)
            ranges += [("train.noise", noise)] + ([("train.noise.focus", noise.focus)] if noise.focus else [])
        wrong: set[str] = set()
        for key, one in ranges:
            if one.start >= one.stop and known(f"{key}.start", f"{key}.stop"):
                wrong.add(key)
                yield _wrong(study, f"{key}.stop", f"should exceed start, {one.start!r}", one.stop)
        if not (train and study.trained_networks) or "train.noise" in wrong:
            continue
        for key, one in ranges:
            for end, value in (("start", one.start), ("stop", one.stop)):
                outside = not noise.start <= value <= noise.stop
                if outside and key not in wrong and known(f"{key}.{end}", "train.noise.start", "train.noise.stop"):
                    says = f"should lie within the trained noise range, {noise.start!r} to {noise.stop!r}"
                    yield _wrong(study, f"{key}.{end}", says, value)


def _dimensions(study) -> Iterator[InputError]:
    """Every value of manifold_dim is another m: shares of one ambient_dim may come to the same, or to a number."""
    key = _of_axis(study, "manifold_dim")
    for d in study.axes["ambient_dim"]:
        taken: dict[int, float] = {}
        for value in study.axes["manifold_dim"]:
            if (other := taken.setdefault(latents(value, d), value)) != value:
                yield InputError(
                    file=study.path, key=key, value=value,
                    allowed=f"at ambient_dim {d} it is m = {latents(value, d)}, as {other!r} is: values should be "
                    "different m",
                )  # fmt: skip


def _fractions(study) -> Iterator[InputError]:
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
                yield InputError(
                    file=study.path, key=_of_axis(study, axis), value=values[i],
                    allowed=f"at manifold_dim {m} it gives components of dimensions {', '.join(map(str, counts))}, as "
                    f"{other!r} does: values should give different ones",
                )  # fmt: skip


def _of_axis(study, axis: str) -> tuple[str, ...]:
    """Where the values of an axis are written, as a key."""
    own = study.whole.blocks[study.block] if study.whole else {}
    return ("blocks", study.block, axis) if axis in own else ("axes", axis)


def _covariance(study, train, mistakes: Mistakes) -> Iterator[InputError]:
    """There are points enough for every direction that the data have."""
    if not mistakes.known("data" if study.document.data else "axes.ambient_dim"):
        return
    needed = max(study.dims)
    least = f"the preconditioning covariance needs as many points as dimensions, {needed}, at least"
    if train.covariance_points < needed and mistakes.known("train.covariance_points"):
        yield _wrong(study, "train.covariance_points", least, train.covariance_points)
    for section in ("manifold", "data"):
        for one in filter(None, study.sections[section].values()):
            if isinstance(one.dataset_size, int) and one.dataset_size < needed:
                yield _wrong(study, f"{section}.dataset_size", least, one.dataset_size)


def _posterior(study, mistakes: Mistakes) -> Iterator[InputError]:
    """The law that networks are trained on is one whose posterior is known: that of fresh points of such a family."""
    known, key = mistakes.known, "train.target"
    if study.document.data:
        yield _wrong(study, key, "the posterior of data from a file is not known: should be 'sample'", "posterior")
        return
    for name in study.axes["family"] if known("axes.family") else ():
        if FAMILIES[name].exact == "unknown":
            yield _wrong(study, key, f"the posterior of {name} is not known: should be 'sample'", "posterior")
    if any(manifold.dataset_size is not None for manifold in study.sections["manifold"].values()):
        yield _wrong(study, key, "with a training set (manifold.dataset_size) it should be 'sample'", "posterior")


def _scores_of_data(study) -> Iterator[InputError]:
    """Whose law is not known has no exact score."""
    if EXACT in study.axes["network"]:
        says = "the law of data from a file is not known: should be gaussian, empirical or a network"
        yield _wrong(study, "axes.network", says, EXACT)


def _points(study) -> Iterator[InputError]:
    """The file has the points and the classes that are asked for, and its levels are finer than the noise."""
    of = next(iter(study.sections["data"].values()))
    least = table(of, study.path.parent).least_time
    document = study.document
    measured = [("spectrum.times", document.spectrum.times)]
    measured += [("dimension.times", document.dimension.times)] if document.dimension else []
    for key, times in measured:
        if times.start < least:
            yield _wrong(
                study, f"{key}.start",
                f"the values of {of.source} are quantised, and below t = step^2 / 12 = {least:.3g} spectra are those "
                f"of the grid of levels: should be at least {bound(least)}", times.start,
            )  # fmt: skip
    asked = document.spectrum.points
    if document.dimension:
        asked = max(asked, document.dimension.points)
    seeing = max(study.axes["network"], key=sees_training_set)  # of a half, if there is such a score
    alike = study.axes | {"network": (seeing,), "seed": study.axes["seed"][:SPLITS]}
    alike |= {axis: alike[axis][:1] for section in ("train", "fit") for axis in study.axes_of(section)}
    for cell in study.expand(alike):
        yield from _points_of_cell(study, cell, asked)


def _points_of_cell(study, cell, asked: int) -> Iterator[InputError]:
    """Likewise, of one cell. asked: points to be measured."""
    found, label, document = cell.truth(), cell.data.label, study.document
    here = f" of class {label}" if label != "all" else ""
    if here and str(label) not in found.of.classes:
        classes = some(found.of.classes) or "none, as there are no labels"
        says = f"{asks(meant(str(label), found.of.classes))}classes are {classes}"
        yield _wrong(study, "axes.class" if "class" in study.axes else "data.label", says, label)
        return
    parts = {name: len(rows) for name, rows in found.parts.items()}
    share, trained_on, size = cell.data.held_out, len(found.trained_on), cell.data.dataset_size
    if trained_on < 2:
        yield _wrong(study, "data.held_out", f"leaves {trained_on} points{here} to train on", share)
    elif len(set(found.of.same[found.trained_on])) < 2:
        says = f"leaves one point{here} to train on, {trained_on} times"
        yield _wrong(study, "data.held_out", says, share)
    if parts[found.measured] < asked:
        key = "spectrum.points" if asked == document.spectrum.points else "dimension.points"
        says = f"the {found.measured} part has {parts[found.measured]} points{here} in seed {cell['seed']}"
        yield _wrong(study, key, says, asked)
    elif not parts["held-out"] and (study.trained_networks or document.memorisation):
        says = f"holds out no point{here} in seed {cell['seed']}: should be more"
        yield _wrong(study, "data.held_out", says, share)
    half = "training part" if cell.data.half == "all" else f"{cell.data.half} half of the training part"
    if isinstance(size, int) and size > trained_on:
        says = f"the {half} has {trained_on} points{here} in seed {cell['seed']}"
        yield _wrong(study, "axes.dataset_size" if "dataset_size" in study.axes else "data.dataset_size", says, size)
    covariance = any(train and train.preconditioning == "covariance" for train in study.sections["train"].values())
    if covariance and study.trained_networks and size == FRESH and trained_on < found.dim:
        says = f"it needs as many points as dimensions, {found.dim}, at least, and the {half} has {trained_on} points"
        yield _wrong(study, "train.preconditioning", f"{says}{here} in seed {cell['seed']}", "covariance")
    dimension, there = document.dimension, parts["training"]
    if dimension and dimension.of_data and dimension.data_points > there:
        says = f"the training part has {there} points{here} in seed {cell['seed']}"
        yield _wrong(study, "dimension.data_points", says, dimension.data_points)


def _geometry(study, mistakes: Mistakes) -> Iterator[InputError]:
    """Over all manifolds of the study; those of other networks and seeds, and of other curvatures but 0, are alike.

    Where a key of the manifold is not known, what axes allow is judged all the same.
    """
    if not mistakes.known(*(f"axes.{axis}" for axis in ("family", "ambient_dim", "manifold_dim", "curvature"))):
        return
    curvatures = {bool(c): c for c in study.axes["curvature"]}.values()
    alike = study.axes | {"network": study.axes["network"][:1], "seed": study.axes["seed"][:1]}
    alike |= {"curvature": tuple(curvatures)}
    alike |= {axis: alike[axis][:1] for section in ("train", "fit") for axis in study.axes_of(section)}
    for cell in study.expand(alike):
        yield from _scores_of_family(study, cell, mistakes)
        if mistakes.known("manifold.groups.fraction"):
            for one in _manifold(study, cell):
                if mistakes.known("manifold") or not dotted(one.key).startswith("manifold"):
                    yield one


def _scores_of_family(study, cell, mistakes: Mistakes) -> Iterator[InputError]:
    """What is measured of a family is known of it."""
    name = cell["family"]
    family = FAMILIES[name]
    if not family.shares and cell.spectrum.sampling == "reverse" and mistakes.known("spectrum.sampling"):
        says = f"the component at the end of a trajectory is not known in the family {name}: should be 'forward'"
        yield _wrong(study, "spectrum.sampling", says, "reverse")
    if family.exact == "unknown" and (closed := set(UNTRAINED) & set(study.axes["network"])):
        yield _wrong(study, "axes.network", f"the score of {name} is not known", min(closed))
    looks = [f"train.record {cell.train.record!r}"] if cell.train and cell.train.record != "loss" else []
    looks += ["the section memorisation"] if cell.memorisation else []
    if looks and family.exact != "closed form":
        says = f"the score of {name} is not known in closed form: {' and '.join(looks)} should not be there"
        yield _wrong(study, "axes.family", says, name)
    if cell.sampling and not family.nearest:
        near = ", ".join(one for one in FAMILIES if FAMILIES[one].nearest)
        says = f"the distance from its manifold is not known: should be one of {near}"
        yield _wrong(study, "axes.family", says, name, f"{brief(name)} is not allowed with the section sampling")


def _manifold(study, cell) -> Iterator[InputError]:
    """The manifold of a cell can be made."""
    name, family, groups = cell["family"], FAMILIES[cell["family"]], cell.groups
    fractions = [group.fraction for group in cell.of_family.groups]
    total = math.fsum(fractions)
    if family.shares and abs(total - 1) > 1e-9:
        says = f"fractions sum to {total:g}, not allowed"
        yield _wrong(study, "manifold.groups", "should sum to 1", fractions, says)
        return
    if not family.shares and max(fractions) != 1:
        says = f"the largest fraction is {max(fractions):g}, not allowed"
        allowed = "should be 1, the component of dimension manifold_dim"
        yield _wrong(study, "manifold.groups", allowed, fractions, says)
    counts = [group.count for group in groups]
    empty = [k for k, count in enumerate(counts) if not count and (fractions[k] or family.least)]
    if empty:
        k = empty[0]
        yield InputError(
            file=study.path, key=("manifold", "groups", k, "fraction"), value=fractions[k],
            allowed=f"gives no latent at manifold_dim {cell['manifold_dim']}",
        )  # fmt: skip
        return
    for wrong in refusals(name, cell["ambient_dim"], groups, cell["curvature"], cell.settings):
        key = (wrong.key,) if isinstance(wrong.key, str) else wrong.key
        if key == ("ambient_dim",):
            yield InputError(
                file=study.path, key=_of_axis(study, "manifold_dim"), value=cell["manifold_dim"],
                allowed=f"{wrong.allowed} of axes.ambient_dim, which has {cell['ambient_dim']}",
            )  # fmt: skip
        else:
            yield wrong.at(_of_axis(study, key[0]) if key[0] in AXES else ("manifold", *key), study.path)
