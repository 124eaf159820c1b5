"""Models of other people, which a study declares under `scores`: where they are, and in which format.

name, settings (`scoregap.study.training.Declaration`) -> identity, from the content of the file; `base.Loaded`

A model becomes a score in `scoregap.scores.model`. A format is a module here and a line in FORMATS. Never imports
`data` or `laws`. This file is light (neither numpy nor torch), because Snakemake parses studies.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

from scoregap import InputError, plugins, refuse
from scoregap.models import files


class Format(NamedTuple):
    """A format: its loader, the keys that it takes beside those of all, and what it would run, for which it is trusted.

    code: whether `path` is MODULE:NAME instead of a file. schedule: where the study says none; "" if its files do.
    """

    loader: str
    takes: frozenset[str]
    runs: str = ""
    code: bool = False
    schedule: str = "ve"


FORMATS = {
    "callable": Format(
        "scoregap.models.callables:load",
        frozenset({"predicts", "schedule", "steps", "betas", "sigma_data", "shape", "weights", "class"}),
        "its module is run",
        True,
    ),
    "edm": Format(
        "scoregap.models.callables:edm",
        frozenset({"sigma_data", "shape", "weights", "class"}),
        "its module is run",
        True,
    ),
    "diffusers": Format(
        "scoregap.models.diffusers:load",
        frozenset({"predicts", "schedule", "steps", "betas", "sigma_data", "shape", "class"}),
        schedule="",
    ),
    "torch.export": Format(
        "scoregap.models.exported:load",
        frozenset({"predicts", "schedule", "steps", "betas", "sigma_data", "shape", "class"}),
        "reading the file may unpickle and evaluate what it holds",
    ),
    "azula": Format("scoregap.models.azula:load", frozenset({"shape", "weights"}), "its module is run", True),
}
ALL = frozenset({"from", "path", "levels", "trusted"})  # keys of every format
PREDICTS = ("x0", "epsilon", "v", "velocity", "score")
SCHEDULES = ("ve", "sigma", "edm", "flow", "linear", "scaled_linear", "cosine")
LEVELS = ("own", "interpolate")
STEPPED = ("linear", "scaled_linear", "cosine")  # schedules of steps
READ = {"steps": STEPPED, "betas": STEPPED[:2], "sigma_data": ("edm",)}  # schedules that read a key


def _of(check: Callable[[], Any]) -> tuple[InputError, ...]:
    """What a check raises."""
    try:
        check()
    except InputError as error:
        return error.mistakes
    return ()


@dataclass(frozen=True)
class Declared:
    """A score as a study declares it. study: its file, beside which relative paths are. settings: what it says of it.

    checked: dimensions and times at which its Jacobian was found to be one.
    """

    study: Path
    name: str
    settings: Any
    checked: set[tuple[int, Any]] = field(default_factory=set, compare=False)

    @property
    def format(self) -> Format:
        """The format of its file."""
        return FORMATS[self.settings.source]

    def refused(self, key: str, allowed: str, value: Any = None, problem: str = "") -> InputError:
        """A mistake in one of its keys."""
        where = ("scores", self.name, *([key] if key else []))
        return InputError(problem, file=self.study, key=where, value=value, allowed=allowed)

    def file(self, key: str) -> Path:
        """The file or folder that one of its keys names."""
        return self.study.resolve().parent / getattr(self.settings, key)

    def check(self) -> None:
        """Raises InputError if it says what its format does not take, or what is not there, or runs code unasked."""
        refuse(self.mistakes())

    def mistakes(self) -> list[InputError]:
        """Likewise, all of them. Code is not looked for before it is trusted."""
        settings, format = self.settings, self.format
        foreign = sorted(settings.given - format.takes - ALL)
        takes = f"from: {settings.source} takes {', '.join(sorted(format.takes))}"
        found = [self.refused(key, takes, problem="is not allowed") for key in foreign]
        schedule = "edm" if settings.source == "edm" else settings.schedule or format.schedule
        for key, of in READ.items():
            if key in settings.given - set(foreign) and schedule not in of:
                allowed = f"is of schedule: {' or '.join(of)}"
                found.append(self.refused(key, allowed, getattr(settings, key), "is not allowed"))
        if schedule == "edm" and settings.predicts and "predicts" not in foreign:
            allowed = "the schedule edm has an output of its own (D itself: schedule sigma or ve)"
            found.append(self.refused("predicts", allowed, settings.predicts))
        if format.runs and not settings.trusted:
            says = f"{settings.path!r} is not trusted"
            return [*found, self.refused("path", f"{format.runs}: allowed beside trusted: true", settings.path, says)]
        for key in (["weights"] if settings.weights else []) + ([] if format.code else ["path"]):
            found += _of(partial(files.check, self, key))
        if format.code:
            plugins.look_in(self.study.resolve().parent)
            found += _of(self.code)
        return found

    def code(self) -> str:
        """Digest of the source of a score whose path is code."""
        if not plugins.is_path(self.settings.path):
            raise self.refused("path", "should be MODULE:NAME", self.settings.path)
        try:
            found = plugins.digest(self.settings.path)
            if says := plugins.absent(self.settings.path):
                raise InputError(key="code", value=self.settings.path, allowed=says)
            return found
        except InputError as error:
            raise self.refused("path", error.allowed, self.settings.path) from None

    @property
    def sources(self) -> dict[str, str]:
        """{file: digest} of its sources, if its path is code."""
        return plugins.sources(self.settings.path) if self.format.code else {}

    @cached_property
    def size(self) -> int:
        """Bytes of its files; 0 of code alone."""
        named = ([] if self.format.code else ["path"]) + (["weights"] if self.settings.weights else [])
        return sum(files.size(self.file(key)) for key in named)

    @cached_property
    def identity(self) -> str:
        """What its results depend on, as JSON: settings, and the content of its files instead of their names."""
        said = self.settings.model_dump(exclude={"path", "weights", "trusted"})
        name = self.settings.path.partition(":")[2]  # in its module, which may have several
        content = [self.code(), name] if self.format.code else files.digest(self.file("path"))
        weights = files.digest(self.file("weights")) if self.settings.weights else None
        return json.dumps([said, content, weights], sort_keys=True)

    @cached_property
    def loaded(self) -> Any:
        """The model, a `base.Loaded`, loaded once. Raises InputError if it is none, or none that can be measured."""
        return resolve_name(self.format.loader)(self)
