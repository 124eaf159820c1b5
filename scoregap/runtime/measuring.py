"""`scoregap measure`: a study of one score and one file of data, written as a person would write it.

score, file, noise variances, ... -> FOLDER/NAME.yaml, a study with comments; `workflow.run` runs it as any other
"""

import math
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import yaml
from pydantic import ValidationError

from scoregap import InputError, brief, number, plugins, refuse
from scoregap.scores import EXACT, MODEL, kind
from scoregap.store.files import write_text
from scoregap.store.ownership import Kind, claim, text_with
from scoregap.study import load
from scoregap.study.data import Data, table

HEAD = "# Written by `scoregap measure`."
KIND = Kind("a study that scoregap measure has written", text_with(re.escape(HEAD)))
COUNT, POINTS = 24, 32  # noise variances, and points at each
MOST_WORK = 2e12  # multiplications that the empirical score may take
STEPS = 3200
# Where the one who called said what a study has wrong.
OPTIONS = {
    "axes.network": "MODEL", "data.source": "--data", "data.range": "--range", "data.full_scale": "--full-scale",
    "data.pool": "--pool", "data.held_out": "--held-out", "data.labels": "--labels", "spectrum.times": "--times",
    "spectrum.points": "--points", "spectrum.method": "--method", "spectrum.probes": "--probes",
    "axes.seed": "--seeds", "train.steps": "--steps",
}  # fmt: skip
OWN = "of a model of your own: MODULE:NAME, a file .pt2, or a folder that diffusers has saved"
# Keys of a score that the study declares, and where the one who called said them.
OF_MODEL = {
    "from": "--from", "path": "MODEL", "predicts": "--predicts", "schedule": "--schedule", "shape": "--shape",
    "weights": "--weights", "class": "--class", "levels": "--levels", "trusted": "--trusted",
}  # fmt: skip


class Asked(NamedTuple):
    """What a person asks for. times: START:STOP:COUNT, empty for what suits the data; points: None for POINTS, or as
    many as are held out; bounds, full_scale: LOW:HIGH; method, probes: of spectra, as a
    study has them; said: of a model of one's own, what the study has to say of it, by the keys of OF_MODEL, as texts or
    yes and no."""

    model: str
    data: str
    times: str = ""
    points: int | None = None
    bounds: str = ""
    full_scale: str = ""
    pool: int = 1
    held_out: float = 0.15
    labels: str = ""
    seeds: int = 1
    steps: int = STEPS
    method: str = ""
    probes: int | None = None
    said: Mapping[str, str | int | bool | None] = MappingProxyType({})


def write(asked: Asked, out: Path) -> tuple[Path, list[str]]:
    """Write the study into folder `out`: its file, and what there is to tell before it runs. Raises InputError, in the
    words of the command, with nothing written."""
    from scoregap.data.files import split

    own = declared(asked)
    score = _score_name(asked.model) if own else asked.model
    parts = [_stem(asked.data), split(asked.data)[1], score, asked.said.get("class")]  # what tells it from others
    told = "-".join(str(one) for one in parts if one not in ("", None))
    name = re.sub(r"[^a-z0-9_-]+", "-", told.lower()).strip("-_")[:64]
    name = name if name[:1].isalpha() else f"data-{name}"[:64]
    folder = _beside(asked, own, out)
    text, lines = draft(asked, folder, name, HEAD)
    path = folder / f"{name}.yaml"
    claim((path, KIND))
    folder.mkdir(parents=True, exist_ok=True)
    write_text(path, text, KIND)
    return path, lines


def draft(asked: Asked, folder: Path, name: str, head: str) -> tuple[str, list[str]]:
    """The text of the study, to be written into a folder under a name, and what there is to tell of it. head: its first
    words. Raises InputError, in the words of the command."""
    from scoregap.data.points import held_out_count

    own = declared(asked)
    source = _from(asked.data, folder)
    try:
        of = Data(
            source=_from(asked.data, Path("/")), range=_numbers(asked.bounds, "--range", 2), pool=asked.pool,
            full_scale=_numbers(asked.full_scale, "--full-scale", 2), held_out=asked.held_out,
            labels=_from(asked.labels, Path("/")) if asked.labels else None,
        )  # fmt: skip
        found = table(of, Path("/"))
        times = _times(asked, of, found)
    except InputError as error:
        refuse(_told(one, asked) for one in error.mistakes)
        raise
    except ValidationError as error:
        raise _invalid(error) from None
    label, why = _class(asked, found)
    few = asked.points is None and label is not None  # how many are held out of a class, the split of every seed says
    if asked.points is None:
        held_out = held_out_count(int(found.same.max()) + 1, asked.held_out)  # those that differ
        asked = asked._replace(points=2 if few else max(2, min(POINTS, held_out)))
    lines = [f"{asked.data}: {found.describe()}", *([why] if why else [])]
    score = _score_name(asked.model) if own else asked.model
    scores, why = scores_of(asked._replace(model=score), len(found.same), found.dim, times[2])
    lines += [why] if why else []

    def text(source: str, labels: str, place: Path) -> str:
        model = _declaration(score, own, place) if own else ""
        return _text(asked, head, name, source, labels, scores, times, found.describe(), model, label)

    with tempfile.TemporaryDirectory() as trials:
        trial = Path(trials) / "study.yaml"
        trial.write_text(text(of.source, of.labels or "", Path("/")), encoding="utf-8")
        try:
            study = load(trial)
        except InputError as error:  # `train` is written here, for networks that have a name
            refuse(_told(one, asked) for one in error.mistakes if one.key != "train")
        else:
            if few:
                least = min(len(cell.truth().parts["held-out"]) for cell in study.cells)
                asked = asked._replace(points=min(POINTS, least))
    return text(source, _from(asked.labels, folder) if asked.labels else "", folder), lines


def _class(asked: Asked, found) -> tuple[int | None, str]:
    """The label of the points that a model of a class is measured on, if they have one; and what there is to tell."""
    label = asked.said.get("class")
    if not isinstance(label, int) or not found.classes:
        return None, ""
    if str(label) in found.classes:
        return label, f"points of the class {label} alone, by their labels, as the model is told that class"
    return None, f"points of all classes: none has the label {label}, which is the class that the model is told"


def declared(asked: Asked) -> dict[str, str | int | bool]:
    """What the study says of a model of one's own; empty for a score that has a name. Raises InputError."""
    said = {key: one for key, one in asked.said.items() if one != "" and one is not None and one is not False}
    named = kind(asked.model) is not MODEL and not plugins.is_outside(asked.model)
    path, form = Path(asked.model), said.get("from", "")
    if not form and not named:
        if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", asked.model):
            form = "callable"
        elif path.suffix == ".pt2":
            form = "torch.export"
        elif path.is_dir():
            form = "diffusers"
        elif path.exists():
            raise InputError(key="MODEL", value=asked.model, allowed=f"should be the name of a score, or {OWN[3:]}")
    if not form:
        for key, value in said.items():
            raise InputError(key=OF_MODEL[key], value=value, allowed=f"it is {OWN}")
        return {}
    if "shape" in said:
        sides = str(said["shape"]).split(":")
        if not all(re.fullmatch("[1-9][0-9]{0,5}", one) for one in sides):
            raise InputError(key="--shape", value=said["shape"], allowed="should be SIDE:SIDE:..., as 3:32:32")
    return {"from": form, "path": asked.model} | {key: said[key] for key in OF_MODEL if key in said and key != "from"}


def _beside(asked: Asked, own: Mapping, out: Path) -> Path:
    """The folder of the study: `out`, or this one, if the model is code that lies here: it is found beside a study."""
    if not own or ":" not in asked.model:
        return out
    top = Path(re.split("[.:]", asked.model)[0])
    if not (top.is_dir() or top.with_suffix(".py").is_file()):
        return out
    if own.get("trusted"):
        plugins.look_in(Path.cwd())
    return Path(".")


def _score_name(model: str) -> str:
    """What the study calls a model of one's own."""
    stem = model.rpartition(":")[2] if ":" in model else Path(os.path.abspath(model)).name.partition(".")[0]
    name = re.sub(r"[^a-z0-9_-]+", "-", stem.lower()).strip("-_")[:24]
    taken = kind(name) is not MODEL or not name[:1].isalpha() or _quoted(name) != name
    return f"my-{name}".rstrip("-") if taken else name


def _declaration(score: str, own: Mapping, folder: Path) -> str:
    """The section `scores` of the study, in this folder; / for absolute paths."""
    lines = []
    for key, value in own.items():
        text = "true" if value is True else str(value)
        if key == "weights" or (key == "path" and ":" not in text):
            text = os.path.abspath(text) if folder == Path("/") else os.path.relpath(text, folder)
        if key == "shape":
            text = f"[{text.replace(':', ', ')}]"
        elif isinstance(value, str):
            text = _quoted(text)
        lines.append(f"    {key}: {text}")
    return "\n".join(["scores:", f"  {score}:", *lines, ""])


def scores_of(asked: Asked, count: int, dim: int, times: int) -> tuple[list[str], str]:
    """Values of the axis network: the score that is asked for, beside those that need no learning; and why one of them
    is left out."""
    scores = [*dict.fromkeys(["gaussian", "empirical", asked.model])]
    matrix = 1.0 if asked.method == "trace" else (1 + 10.0 * dim / count) * dim  # its square, and its eigenvalues
    work = asked.seeds * times * (asked.points or POINTS) * count * matrix * dim
    if work > MOST_WORK and asked.model != "empirical":
        scores.remove("empirical")
        return scores, f"without the empirical score, which would take {work:.0e} multiplications"
    return scores, ""


def _told(error: InputError, asked: Asked) -> InputError:
    """A mistake of the study in the words of the command."""
    key = error.key if isinstance(error.key, str) else ".".join(map(str, error.key))
    if key.startswith("scores."):
        of_model = key.split(".")[2:3]
        option = OF_MODEL.get(of_model[0], key) if of_model else "MODEL"
        value = asked.model if option == "MODEL" else error.value
        full = os.path.abspath(asked.model)
        problem = error.problem.replace(brief(full), brief(asked.model)).replace(full, asked.model)
        return InputError(problem, key=option, value=value, allowed=error.allowed.replace("trusted: true", "--trusted"))
    option = next((one for start, one in OPTIONS.items() if key.startswith(start)), key)
    if option == "MODEL" and error.value == EXACT:
        return InputError(key=option, value=EXACT, allowed=error.allowed)
    plain = f"{brief(error.value)} is not allowed"  # which is cut short
    said = ["" if error.problem == plain else error.problem, error.value, error.allowed]
    for typed in filter(None, (asked.data, asked.labels)):  # not where that is
        whole = _from(typed, Path("/"))
        folder = whole.removesuffix(typed.rstrip("/"))
        if folder != whole:
            said = [one.replace(folder, "") if isinstance(one, str) else one for one in said]
    problem, value, allowed = said
    if isinstance(allowed, str):
        allowed = re.sub(r"full_scale: \[(\S+), (\S+)\]", r"--full-scale \1:\2", allowed)
        allowed = allowed.replace("leave range out", "leave --range out")
    return InputError(problem, key=option, value=value, allowed=allowed)


def _invalid(error: ValidationError) -> InputError:
    """What pydantic has against an option."""
    first = error.errors()[0]
    key = f"data.{first['loc'][0]}"
    allowed = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return InputError(key=OPTIONS.get(key, key), value=first["input"], allowed=allowed)


def _from(source: str, folder: Path) -> str:
    """A source as a study in this folder has it; the names of data sets that come with packages stay."""
    from scoregap.data.files import split

    path, inner = split(source)
    path = path.rstrip("/")  # of a folder, as shells complete it
    colon = ":" if inner else ""
    if Path(path).suffix not in (".npy", ".npz", ".zarr") or (os.path.isabs(path) and folder != Path("/")):
        return path + colon + inner
    return (os.path.abspath(path) if folder == Path("/") else os.path.relpath(path, folder)) + colon + inner


def _stem(source: str) -> str:
    from scoregap.data.files import split

    return Path(split(source)[0]).name.partition(".")[0]


def _numbers(given: str, option: str, count: int) -> list[float] | None:
    """Numbers with colons between them; None if nothing is given."""
    if not given:
        return None
    try:
        found = [float(one) for one in given.split(":")]
    except ValueError:
        found = []
    if len(found) != count or not all(map(math.isfinite, found)):
        names = {2: "LOW:HIGH, as -1:1", 3: "START:STOP:COUNT, as 1e-3:30:24"}
        raise InputError(key=option, value=given, allowed=f"should be {names[count]}")
    return found


def _times(asked: Asked, of: Data, found) -> tuple[float, float, int]:
    """Noise variances: as asked for, or from a thousandth of the mean variance of a coordinate (above the grid of
    levels) to ten times the largest along any direction, where no mode is resolved."""
    if given := _numbers(asked.times, "--times", 3):
        if given[2] != int(given[2]):
            raise InputError(key="--times", value=asked.times, allowed="COUNT should be a whole number")
        return given[0], given[1], int(given[2])
    from scoregap.data.points import Points

    _, variances = Points(found, 0, 0, of.held_out).principal_axes
    if not len(variances):
        raise InputError(
            "has no two points to train on that differ",
            key="data.held_out",
            value=of.held_out,
            allowed="should be less",
        )
    start = max(found.least_time * 1.01, 1e-3 * variances.sum() / found.dim)
    return float(f"{start:.3g}"), float(f"{10 * variances[0]:.2g}"), COUNT


def _text(
    asked: Asked, head: str, name: str, source: str, labels: str, scores: list[str], times: tuple[float, float, int],
    about: str, model: str, label: int | None,
) -> str:  # fmt: skip
    """The study, with comments."""
    start, stop, count = times
    data = [f"  source: {_quoted(source)}"]
    for key, value in (("range", asked.bounds), ("full_scale", asked.full_scale)):
        if value:
            data.append(f"  {key}: [{', '.join(number(float(one)) for one in value.split(':'))}]")
    data += [f"  labels: {_quoted(labels)}"] if labels else []
    data += [f"  label: {label}                    # the class whose points they are"] if label is not None else []
    data += [f"  pool: {asked.pool}"] if asked.pool != 1 else []
    data.append(f"  held_out: {number(asked.held_out)}              # share of the points that nothing is trained on")
    train = f"""\
train:
  steps: {asked.steps}
  levels: 32                  # noise levels a step, with `samples` points each
  samples: 8
  noise: {{start: {number(start / 2)}, stop: {number(stop * 2)}}}
"""
    spectra = f"  method: {_quoted(asked.method)}\n" if asked.method else ""
    spectra += f"  probes: {asked.probes}\n" if asked.probes is not None else ""
    return f"""\
{head} It may be edited, and run by `scoregap run`; what its keys mean: docs/reference/study.md.
# {about}.
study: {name}
data:
{chr(10).join(data)}
{model}axes:
  network: [{", ".join(scores)}]  # gaussian: of the data's covariance; empirical: of the training points by heart
  seed: {asked.seeds}                     # each splits the data anew
{train if any(kind(one).trained for one in scores) else ""}\
spectrum:
  times: {{start: {number(start)}, stop: {number(stop)}, count: {count}}}  # noise variances t
  points: {asked.points}                  # held-out points at each
{spectra}"""


def _quoted(text: str) -> str:
    """A text as YAML reads it, whatever is in it."""
    plain = re.fullmatch(r"[A-Za-z0-9_./-]+", text) and yaml.safe_load(text) == text  # not a number, yes, no or null
    return text if plain else "'" + text.replace("'", "''") + "'"
