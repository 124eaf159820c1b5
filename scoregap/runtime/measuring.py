"""`scoregap measure`: a study of one score and one file of data, written as a person would write it.

score, file, noise variances, ... -> FOLDER/NAME.yaml, a study with comments; `workflow.run` runs it as any other
"""

import math
import os
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from scoregap import InputError
from scoregap.scores import EXACT, kind
from scoregap.store.files import write_text
from scoregap.store.ownership import Kind, claim, text_with
from scoregap.study import load
from scoregap.study.schema import Data, table

HEAD = "# Written by `scoregap measure`."
KIND = Kind("a study that scoregap measure has written", text_with(re.escape(HEAD)))
COUNT, POINTS = 24, 32  # noise variances, and points at each
MOST_WORK = 2e12  # multiplications that the empirical score may take
STEPS = 3200
# Where the one who called said what a study has wrong.
OPTIONS = {
    "axes.network": "MODEL", "data.source": "--data", "data.range": "--range", "data.full_scale": "--full-scale",
    "data.pool": "--pool", "data.held_out": "--held-out", "data.labels": "--labels", "spectrum.times": "--times",
    "spectrum.points": "--points", "axes.seed": "--seeds", "train.steps": "--steps",
}  # fmt: skip


class Asked(NamedTuple):
    """What a person asks for. times: START:STOP:COUNT, empty for what suits the data; points: None for POINTS, or as
    many as are held out; bounds, full_scale: LOW:HIGH."""

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


def write(asked: Asked, out: Path) -> tuple[Path, list[str]]:
    """Write the study into folder `out`: its file, and what there is to tell before it runs. Raises InputError, in the
    words of the command, with nothing written."""
    from scoregap.data.points import held_out_count

    source = _from(asked.data, out)
    try:
        of = Data(
            source=_from(asked.data, Path("/")), range=_numbers(asked.bounds, "--range", 2), pool=asked.pool,
            full_scale=_numbers(asked.full_scale, "--full-scale", 2), held_out=asked.held_out,
            labels=_from(asked.labels, Path("/")) if asked.labels else None,
        )  # fmt: skip
        found = table(of, Path("/"))
        start, stop, count = _times(asked, of, found)
    except InputError as error:
        raise _told(error, asked) from None
    except ValidationError as error:
        raise _invalid(error) from None
    if asked.points is None:
        held_out = held_out_count(int(found.same.max()) + 1, asked.held_out)  # those that differ
        asked = asked._replace(points=max(2, min(POINTS, held_out)))
    lines = [f"{asked.data}: {found.describe()}"]
    scores, why = scores_of(asked, len(found.same), found.dim, count)
    lines += [why] if why else []
    name = re.sub(r"[^a-z0-9_-]+", "-", f"{_stem(asked.data)}-{asked.model}".lower()).strip("-_")[:64]
    name = name if name[:1].isalpha() else f"data-{name}"[:64]

    def text(source: str, labels: str) -> str:
        return _text(asked, name, source, labels, scores, (start, stop, count), found.describe())

    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "study.yaml"
        trial.write_text(text(of.source, of.labels or ""), encoding="utf-8")
        try:
            load(trial)
        except InputError as error:
            raise _told(error, asked) from None
    path = out / f"{name}.yaml"
    claim((path, KIND))
    out.mkdir(parents=True, exist_ok=True)
    write_text(path, text(source, _from(asked.labels, out) if asked.labels else ""), KIND)
    return path, lines


def scores_of(asked: Asked, count: int, dim: int, times: int) -> tuple[list[str], str]:
    """Values of the axis network: the score that is asked for, beside those that need no learning; and why one of them
    is left out. A kind of score that has to be declared is declared here, and in `_text`."""
    scores = [*dict.fromkeys(["gaussian", "empirical", asked.model])]
    work = asked.seeds * times * (asked.points or POINTS) * (count + 10.0 * dim) * dim**2
    if work > MOST_WORK and asked.model != "empirical":
        scores.remove("empirical")
        return scores, f"without the empirical score, which would take {work:.0e} multiplications"
    return scores, ""


def _told(error: InputError, asked: Asked) -> InputError:
    """A mistake of the study in the words of the command."""
    key = error.key if isinstance(error.key, str) else ".".join(map(str, error.key))
    option = next((one for start, one in OPTIONS.items() if key.startswith(start)), key)
    if option == "MODEL" and error.value == EXACT:
        return InputError(key=option, value=EXACT, allowed=error.allowed)
    return InputError(error.problem, key=option, value=error.value, allowed=error.allowed)


def _invalid(error: ValidationError) -> InputError:
    """What pydantic has against an option."""
    first = error.errors()[0]
    key = f"data.{first['loc'][0]}"
    allowed = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return InputError(key=OPTIONS.get(key, key), value=first["input"], allowed=allowed)


def _from(source: str, folder: Path) -> str:
    """A source as a study in this folder has it; the names of data sets that come with packages stay."""
    if not re.search(r"\.(npy|npz|zarr)(:|$)", source) or (os.path.isabs(source) and folder != Path("/")):
        return source
    path, colon, key = source.partition(".npz:")
    if folder == Path("/"):
        return os.path.abspath(path) + colon + key
    return os.path.relpath(path, folder) + colon + key


def _stem(source: str) -> str:
    return Path(source.partition(".npz:")[0]).name.partition(".")[0]


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
    start = max(found.least_time * 1.01, 1e-3 * variances.sum() / found.dim)
    return float(f"{start:.3g}"), float(f"{10 * variances[0]:.2g}"), COUNT


def _text(
    asked: Asked, name: str, source: str, labels: str, scores: list[str], times: tuple[float, float, int], about: str
) -> str:
    """The study, with comments."""
    start, stop, count = times
    data = [f"  source: {_quoted(source)}"]
    for key, value in (("range", asked.bounds), ("full_scale", asked.full_scale)):
        if value:
            data.append(f"  {key}: [{', '.join(_number(float(one)) for one in value.split(':'))}]")
    data += [f"  labels: {_quoted(labels)}"] if labels else []
    data += [f"  pool: {asked.pool}"] if asked.pool != 1 else []
    data.append(f"  held_out: {_number(asked.held_out)}              # share of the points that nothing is trained on")
    train = f"""\
train:
  steps: {asked.steps}
  levels: 32                  # noise levels a step, with `samples` points each
  samples: 8
  noise: {{start: {_number(start / 2)}, stop: {_number(stop * 2)}}}
"""
    return f"""\
{HEAD} It may be edited, and run by `scoregap run`; what its keys mean: docs/reference/study.md.
# {about}.
study: {name}
data:
{chr(10).join(data)}
axes:
  network: [{", ".join(scores)}]  # gaussian: of the data's covariance; empirical: of the training points by heart
  seed: {asked.seeds}                     # each splits the data anew
{train if any(kind(one).trained for one in scores) else ""}\
spectrum:
  times: {{start: {_number(start)}, stop: {_number(stop)}, count: {count}}}  # noise variances t
  points: {asked.points}                  # held-out points at each
"""


def _number(value: float) -> str:
    """A number as YAML 1.1 reads it: with a point, and a signed exponent."""
    text = repr(float(f"{value:.6g}"))
    mantissa, exponent, power = text.partition("e")
    if not exponent:
        return text
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{power if power[0] in '+-' else '+' + power}"


def _quoted(text: str) -> str:
    """A text as YAML reads it, whatever is in it."""
    return text if re.fullmatch(r"[A-Za-z0-9_./-]+", text) else "'" + text.replace("'", "''") + "'"
