"""The command line: every stage by hand, whole studies, and theory without a workflow.

Exit status: 0 done; 2 the input is not usable (one line says file, key, value, what is allowed); 1 anything else
that stops the work (a damaged file, a full disk, no memory, a failed job), and of `check`, where that is 2: worse; 3
and 4: see `check`. Whoever stops reading what is printed changes none of it.

Over 400 lines, as half of them are the options of commands, which `--help` shows.
"""

import os
import sys

from scoregap.runtime import stopping
from scoregap.runtime.environment import OF_LIBRARIES, leave_strangers

for _name in filter(OF_LIBRARIES.fullmatch, list(os.environ)):
    del os.environ[_name]  # results depend on the study, not on whose shell this is; also by hand
# Jobs are the unit of parallelism: one core each, or BLAS threads of concurrent jobs fight over small matrices
# (measured on two busy cores: 48-74 s instead of 1-3 s for one spectrum job). Before numpy is imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # else it looks for some in all that is installed, at every start

import functools  # noqa: E402
import itertools  # noqa: E402
import json  # noqa: E402
import re  # noqa: E402
import shlex  # noqa: E402
import shutil  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from contextlib import contextmanager, suppress  # noqa: E402
from importlib import import_module  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Annotated, Any  # noqa: E402

import typer  # noqa: E402
from typer.core import TyperGroup  # noqa: E402
from typer.main import get_command  # noqa: E402

from scoregap import DamagedFile, InputError, plain_digits, printable  # noqa: E402
from scoregap.runtime.terminal import Lasting, tell  # noqa: E402
from scoregap.spelling import asks, meant  # noqa: E402
from scoregap.store.opening import told  # noqa: E402
from scoregap.study.stages import STAGES  # noqa: E402

STUDY = "a study file, the folder of its results, or a name: of `scoregap studies`, or of NAME.yaml here"
_STAGES = {stage.name: stage for stage in STAGES}


def _reporting_errors(command, stopped: int = 1):
    """Errors that are the user's, or the machine's, as one line on stderr. stopped: the status of the latter."""

    @functools.wraps(command)
    def run(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except InputError as error:
            for line in str(error).splitlines():
                tell(f"scoregap: {line}", to=sys.stderr)
            raise typer.Exit(2) from None
        except KeyboardInterrupt as asked:
            tell(f"{stopping.STOPPED} {asked}".rstrip(), to=sys.stderr)
            raise typer.Exit(stopping.INTERRUPTED) from None
        except DamagedFile as error:
            status, text = stopped, str(error)
            if error.path:  # a new date: its receipt is not believed, and the next run looks at the content
                with suppress(OSError):
                    os.utime(error.path)
        except OSError as error:
            status, text = stopped, told(error)
        except (MemoryError, RuntimeError) as error:
            if not _lacks_memory(error):
                raise
            status, text = stopped, f"out of memory: {str(error).strip() or 'no more is to be had'}"
        tell(f"scoregap: {printable(text)}", to=sys.stderr)
        raise typer.Exit(status)

    return run


def _lacks_memory(error: Exception) -> bool:
    """Whether an error is a lack of memory or of threads, in Python, numpy or torch (whose is a RuntimeError)."""
    return isinstance(error, MemoryError) or bool(
        re.search(r"out of memory|can't (allocate memory|start new thread)", str(error), re.IGNORECASE)
    )


@contextmanager
def _refusing_in_one_line() -> Iterator[None]:
    """Typer's errors of the words of a command, as all other errors: option, value, what is allowed."""
    try:
        yield
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # as typer asks: of a group without a command
            raise
        tell(f"scoregap: {_refusal(error)}", to=sys.stderr)
        raise typer.Exit(2) from None


def _refusal(error: Any) -> InputError:
    """Typer's error of the words of a command as one of ours."""
    command = error.ctx.command_path if error.ctx else "scoregap COMMAND"
    see = f"see {command} --help"
    if isinstance(error, typer.BadParameter) and error.param:
        name = error.param.get_error_hint().strip("'")
        if not error.message:
            return InputError("is missing", key=name, allowed=getattr(error.param, "help", None) or see)
        wrong: Any = error.__cause__  # pydantic's
        found = wrong.errors()[0] if wrong else {"msg": error.message, "input": ""}
        return InputError(key=name, value=found["input"], allowed=re.sub("^(Input|Value error,) ", "", found["msg"]))
    if error.ctx and "command" in error.message and (names := getattr(error.ctx.command, "commands", ())):
        quoted = re.search("'.*'", error.message.partition(". Did you mean")[0])
        word = quoted[0] if quoted else "this"
        asked = asks(meant(word.strip("'"), names))
        return InputError(f"{word} is no command", key="", allowed=f"{asked}allowed are {', '.join(names)}")
    if name := getattr(error, "option_name", ""):
        options = [one for each in error.ctx.command.params for one in each.opts] if error.ctx else []
        if "No such option" in error.message:
            return InputError("unknown option", key=name, allowed=f"{asks(meant(name, options))}{see}")
        return InputError(error.message.rstrip("."), key=name, allowed=see)
    return InputError(error.format_message().rstrip("."), key=command.removeprefix("scoregap ").strip(), allowed=see)


def _number(kind: type, help: str, least: float | None = None, most: float | None = None) -> Any:
    """An option that is a number in plain digits, within bounds."""
    ends = {"from": least, "to": most}
    within = "".join(f" {word} {end}" for word, end in ends.items() if end is not None)

    def parse(given: Any) -> Any:
        with suppress(ValueError):
            found = kind(given)
            inside = (least is None or found >= least) and (most is None or found <= most)
            if inside and plain_digits(str(given)):
                return found
        raise ValueError(f"should be {'a whole number' if kind is int else 'a number'}{within}")

    return typer.Option(help=help, min=least, max=most, parser=parse)


class _Commands(TyperGroup):
    """A stage's module is imported when its command is asked for, not for a line of help: some import torch. What is
    wrong with the words of a command, any of its own too, is one line."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        with _refusing_in_one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        with _refusing_in_one_line():
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, _stage(name) if name in _STAGES else command, rest


app = typer.Typer(
    cls=_Commands,
    help="Does a diffusion model's learned score have the geometry that theory predicts?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_baseline = typer.Typer(cls=_Commands, no_args_is_help=True, help="What `check` compares with.")
_baseline.callback()(lambda: None)  # so that `accept` stays a command of its own


def _stage(name: str) -> Any:
    """The command of a stage, by hand on files, as typer makes it of the stage's function."""
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    run = import_module(f"scoregap.stages.{name}").run
    alone.command(name, help=_STAGES[name].summary)(_keyword(name, run))
    return get_command(alone)


def _keyword(stage: str, command):
    """The stage's function with every parameter as a named option, and one more, of the receipt it leaves."""
    import inspect

    from scoregap.runtime import receipts  # here, because studies, which they are of, take as long as all the rest
    from scoregap.runtime.finding import find

    @_reporting_errors
    @functools.wraps(command)
    def run(receipt: Path | None, **kwargs):
        stopping.as_ctrl_c()
        kwargs["study"] = find(str(kwargs["study"]))
        if receipt is None:
            command(**kwargs)
            return
        products = [kwargs[name] for name in receipts.MAKES[stage]]
        begun = receipts.begin(receipt, kwargs["study"], stage, kwargs.get("job", ""), kwargs.get("baseline"), products)
        receipts.write(receipt, begun, command(**kwargs))

    parameters: list[inspect.Parameter] = []
    for one in inspect.signature(command).parameters.values():
        annotation: Any = Annotated[one.annotation, typer.Option(f"--{one.name}")]
        parameters.append(one.replace(kind=one.KEYWORD_ONLY, annotation=annotation))
    says = f"also write the receipt of what was made, RESULTS/{receipts.place(stage, 'JOB')}"
    if stage in receipts.GATHERING:
        says = says.replace("/JOB", "")
    option: Any = Annotated[Path | None, typer.Option("--receipt", help=says)]
    parameters.append(inspect.Parameter("receipt", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option))
    run.__signature__ = inspect.Signature(parameters)
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _said(study: Path, folder: Path) -> str:
    """What a finished run says, as wide as the terminal; as it is written, without what makes it, if there is none."""
    if not shutil.get_terminal_size((0, 0)).columns:
        from scoregap.runtime import workflow

        return workflow.as_written(study, folder)
    return import_module("scoregap.stages.compare").printed(study, folder)


@app.command("run")
@_reporting_errors
def run_study(
    study: Annotated[str, typer.Argument(help=STUDY)] = "quickstart",
    results: Annotated[Path, typer.Option(help="folder of results")] = Path("results"),
    cores: Annotated[
        str | None, typer.Option(help="jobs at once on this machine, or 'all'; without it, as the profile says")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option(help="Snakemake workflow profile, a folder or slurm; else a laptop's")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="trained networks of other settings may be lost")] = False,
) -> None:
    """Run a study through Snakemake, print the comparison and where the report lies."""
    from scoregap.runtime import planning, workflow

    chosen = workflow.find_profile(profile) if profile else workflow.PROFILE
    raise typer.Exit(workflow.run(study, results, cores, chosen, yes, planning.said_first, _said))


@app.command()
@_reporting_errors
def new(
    name: Annotated[str, typer.Argument(help="of the study, or the path of its file, as studies/mine.yaml")],
    like: Annotated[str, typer.Option(help="a study to copy, by its name or file; else a small one of a family")] = "",
    data: Annotated[str, typer.Option(help="of points of your own: PATH.npy, PATH.npz:KEY, PATH.zarr or digits")] = "",
    score: Annotated[
        str, typer.Option(help="likewise: a network that is trained on them, or a model, as of `scoregap measure`")
    ] = "",
    range_: Annotated[str, typer.Option("--range", help="likewise, as of `scoregap measure`")] = "",
    full_scale: Annotated[str, typer.Option(help="likewise")] = "",
    trusted: Annotated[bool, typer.Option("--trusted", help="likewise")] = False,
) -> None:
    """Write a commented study, NAME.yaml, which runs as it is; nothing is overwritten."""
    from scoregap.runtime import measuring, templates

    for option, given in (("--score", score), ("--range", range_), ("--full-scale", full_scale)):
        if given and not data:
            raise InputError(key=option, value=given, allowed="allowed with --data")
    asked = None
    if data:
        said = {"trusted": trusted}
        asked = measuring.Asked(score or "gated-64", data, bounds=range_, full_scale=full_scale, said=said,
                                steps=templates.STEPS)  # fmt: skip
    path, lines = templates.write(name, like, asked)
    for line in (*lines, f"{path}: edit it, and run it: scoregap run {shlex.quote(str(path))}"):
        tell(printable(line))


@app.command()
@_reporting_errors
def measure(
    model: Annotated[
        str,
        typer.Argument(
            help="gaussian, empirical, or a network that is trained on the data, as gated-64; or a model of your own: "
            "MODULE:NAME, a file .pt2, or a folder that diffusers has saved"
        ),
    ],
    data: Annotated[
        str, typer.Option(help="PATH.npy, PATH.npz:KEY, PATH.zarr, PATH.zarr:GROUP/ARRAY, digits or mnist5k")
    ],
    times: Annotated[
        str, typer.Option(help="noise variances, START:STOP:COUNT, as 1e-3:30:24; else what suits the data")
    ] = "",
    points: Annotated[
        int | None, typer.Option(help="held-out points at each of them; else 32, or as many as there are", min=2)
    ] = None,
    method: Annotated[
        str,
        typer.Option(help="exact: whole spectra, which else it is; trace: tr G alone, where they cost too much"),
    ] = "",
    probes: Annotated[int | None, typer.Option(help="of trace: random vectors at each point; else 16", min=2)] = None,
    out: Annotated[Path, typer.Option(help="folder of the study and its results")] = Path("results"),
    range_: Annotated[
        str, typer.Option("--range", help="what the full scale of the values becomes, LOW:HIGH, as -1:1")
    ] = "",
    full_scale: Annotated[str, typer.Option(help="which values become that, as 0:1; of 8-bit integers 0:255")] = "",
    pool: Annotated[int, typer.Option(help="side of squares of pixels that are averaged", min=1)] = 1,
    held_out: Annotated[float, typer.Option(help="share of the points that nothing is trained on")] = 0.15,
    labels: Annotated[str, typer.Option(help="labels of the points, as --data")] = "",
    seeds: Annotated[int, typer.Option(help="splits of the data, and trained networks", min=1)] = 1,
    steps: Annotated[int, typer.Option(help="of training, where the model is trained", min=1)] = 3200,
    cores: Annotated[str | None, typer.Option(help="jobs at once, or 'all'")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="trained networks of other settings may be lost")] = False,
    from_: Annotated[str, typer.Option("--from", help="of a model of your own: its format, as a study has it")] = "",
    predicts: Annotated[str, typer.Option(help="likewise, what its output is, as epsilon")] = "",
    schedule: Annotated[str, typer.Option(help="likewise, what it sees and is told, as sigma")] = "",
    shape: Annotated[str, typer.Option(help="likewise, of a point, as 3:32:32; else it is given rows")] = "",
    weights: Annotated[str, typer.Option(help="likewise, a file .safetensors")] = "",
    class_: Annotated[
        int | None, typer.Option("--class", help="likewise, the class that it is told; of data with labels, that class")
    ] = None,
    levels: Annotated[str, typer.Option(help="likewise, own or interpolate")] = "",
    trusted: Annotated[bool, typer.Option("--trusted", help="likewise: its code, or its file, may be run")] = False,
) -> None:
    """Measure a score on data of your own: write a study, run it, and print its table and where the report lies."""
    from scoregap.runtime import measuring, planning, workflow

    said = {
        "from": from_, "predicts": predicts, "schedule": schedule, "shape": shape, "weights": weights,
        "class": class_, "levels": levels, "trusted": trusted,
    }  # fmt: skip
    asked = measuring.Asked(
        model, data, times, points, range_, full_scale, pool, held_out, labels, seeds, steps, method, probes, said
    )
    path, lines = measuring.write(asked, out)
    for line in (*lines, f"study        {path}"):
        tell(printable(line))
    raise typer.Exit(workflow.run(str(path), out, cores, workflow.PROFILE, yes, planning.said_first, _said))


@app.command()
@_reporting_errors
def stop(
    study: Annotated[str, typer.Argument(help=STUDY)] = "quickstart",
    results: Annotated[Path, typer.Option(help="folder of results")] = Path("results"),
) -> None:
    """Stop the run of a study as Ctrl-C does, with all its jobs, and wait until it has ended.

    Exit status 0: it has ended, or there was none; 1: it is not yours to stop, or runs on another machine.
    """
    from scoregap.runtime import finding, locking
    from scoregap.store.ownership import MARK
    from scoregap.study import load

    given = any((Path(study) / name).is_file() for name in (MARK, locking.LOCK))
    given |= os.sep in study and not study.endswith((".yaml", ".yml"))  # no name of a study, whatever is there
    given &= not os.path.isfile(f"{study}.yaml")
    status, text = locking.stop(Path(study) if given else results / load(finding.find(study)).name)
    tell(printable(text), to=sys.stderr if status else None)
    raise typer.Exit(status)


@app.command()
@_reporting_errors
def status(
    study: Annotated[str, typer.Argument(help=STUDY)] = "quickstart",
    results: Annotated[Path, typer.Option(help="folder of results")] = Path("results"),
) -> None:
    """How many cells are done, running, failed, diverged or waiting, and the log of each failure.

    May be asked at any time, also while a run is going on; writes nothing. Exit status 0 whatever it finds.
    """
    from scoregap.runtime import finding, status
    from scoregap.study import load

    path, results = finding.place(study, results)
    tell(status.render(status.look(load(path), results)))


@app.command()
@_reporting_errors
def plan(
    study: Annotated[str, typer.Argument(help=STUDY)] = "quickstart",
    results: Annotated[Path, typer.Option(help="folder of results")] = Path("results"),
) -> None:
    """What a study will cost: jobs, core-hours, memory and disk of every stage, by some ten seconds of trials.

    What is done already is said beside it. Writes and submits nothing.
    """
    from scoregap.runtime import finding, planning, status
    from scoregap.study import load

    path, results = finding.place(study, results)
    loaded = load(path)
    with status.readable(results, results / loaded.name):
        found = planning.plan(loaded, results)
    tell(planning.render(found))


@app.command()
@_reporting_errors
def gallery(
    study: Annotated[str, typer.Argument(help=STUDY)] = "quickstart",
    where: Annotated[
        list[str] | None, typer.Option(help="AXIS=VALUE,VALUE... or AXIS=LOW:HIGH, that panels are to meet; repeat")
    ] = None,
    figure: Annotated[
        list[str] | None, typer.Option(help="gaps, spectra, histograms, ...: else all that the study has; repeat")
    ] = None,
    most: Annotated[int, _number(int, "settings; of more, those that are farthest from theory", 1)] = 48,
    out: Annotated[Path | None, typer.Option(help="folder of the figures; else RESULTS/STUDY/gallery")] = None,
    results: Annotated[Path, typer.Option(help="folder of results")] = Path("results"),
) -> None:
    """Draw panels of chosen settings of a finished run, of which its report shows those farthest from theory."""
    from scoregap.report import gallery
    from scoregap.runtime import finding
    from scoregap.study import load

    path, results = finding.place(study, results)
    folder = results / load(path).name
    for line in gallery.draw(path, folder, out or folder / "gallery", where or [], figure or [], most):
        tell(printable(line))


@app.command("accept-code")
@_reporting_errors
def accept_code(
    study: Annotated[str, typer.Argument(help=STUDY)],
    results: Annotated[Path, typer.Option(help="folder of results")] = Path("results"),
) -> None:
    """Keep the results of a study whose networks or families were edited, where the edit changes no number.

    One cell of each is computed again, in all its stages: only if every number is the same to the last bit are the
    results of all kept. The next run then makes only the cube and what follows it again.
    """
    from scoregap.runtime import edits, finding
    from scoregap.study import load

    path, results = finding.place(study, results)
    loaded = load(path)
    for line in edits.accept(loaded, results / loaded.name):
        tell(printable(line))


@app.command("studies")
@_reporting_errors
def list_studies() -> None:
    """List the studies that come with the project."""
    from scoregap.runtime import finding
    from scoregap.study import load

    for path in finding.studies():
        try:
            study = load(path)
            lead = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("#").strip()
            tell(f"{study.name:16} {study.size:6} cells in {len(study.jobs):5} jobs   {lead}")
        except InputError as error:
            tell(f"{path.stem:16} {error}")


@app.command()
@_reporting_errors
def theory(
    ambient: Annotated[int, _number(int, "ambient dimension d")],
    group: Annotated[list[str], typer.Option(help="COUNT:STD, then any of bend=, law=, width=, weight=; repeat")],
    family: Annotated[str, typer.Option(help="manifold family, as in a study")] = "linear",
    curvature: Annotated[float, _number(float, "dimensionless curvature, as in a study")] = 0.0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="a setting of the family, as frame=orthonormal; repeat")
    ] = None,
    time: Annotated[list[float] | None, _number(float, "noise variance t for the exact spectrum; repeat")] = None,
    dataset: Annotated[
        list[int] | None, _number(int, "training points, of which to say when their score collapses; repeat", 2, 10**12)
    ] = None,
    density: Annotated[int, _number(int, "values of the limiting spectral density", 0, 10**5)] = 0,
    points: Annotated[int, _number(int, "noisy points of the exact spectrum", 1, 10**5)] = 32,
    seed: Annotated[int, _number(int, "of the manifold and the points", 0)] = 0,
    level: Annotated[float, _number(float, "share of its maximum at which a gap opens and closes")] = 0.5,
    visibility: Annotated[float, _number(float, "width from which a gap is seen")] = 0.1,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of tables")] = False,
) -> None:
    """Spectral edges, gaps, phase times and exact spectra of a manifold, by theory."""
    from scoregap.data import summary

    groups = summary.parse_groups(group)
    result = summary.describe(
        ambient, groups, level, visibility, family, curvature, tuple(time or ()), density, points, seed,
        summary.parse_settings(settings or []), tuple(dataset or ()),
    )  # fmt: skip
    tell(json.dumps(result, indent=1) if as_json else summary.render(result))


@app.command()
@functools.partial(_reporting_errors, stopped=2)  # 1 means worse
def check(
    study: Annotated[str, typer.Argument(help=STUDY)] = "quickstart",
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            "--baseline",
            help="file of a baseline; else STUDY.baseline.json beside the study, or, of a "
            "study that comes with the project, RESULTS/baselines/STUDY.json or the project's",
        ),
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="what may differ from the baseline's run: train or network; repeat")
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(
            help="OLD=NEW, a network of the baseline and the one here that stands for it; else by name, or by "
            "position; repeat"
        ),
    ] = None,
    results: Annotated[Path, typer.Option(help="folder of results")] = Path("results"),
    strict: Annotated[bool, typer.Option("--strict", help="exit with 3 where something is inconclusive")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of the table")] = False,
    junit: Annotated[Path | None, typer.Option(help="also write a report for CI systems, in XML")] = None,
    figure: Annotated[
        Path | None, typer.Option(help="also draw the differences in units of the margin, as SVG")
    ] = None,
) -> None:
    """Compare a finished run with its baseline and with theory, the worst first.

    Libraries, machine and revision may always differ, and what differs is said. Exit status 0: same or better; 1:
    worse, or missing from the run; 2: nothing can be said, as of input that is not usable, no finished run, a damaged
    file; 3: inconclusive, with --strict; 4: not comparable (other data, or another training or networks without
    --allow). compare.require of the study says which verdicts count; of data from a file there is no theory.
    """
    from scoregap.regression import changes, rendering, reports
    from scoregap.runtime import finding, workflow
    from scoregap.store.files import write_text
    from scoregap.store.opening import absent
    from scoregap.store.ownership import claim
    from scoregap.study import load

    path, results = finding.place(study, results)
    loaded = load(path)
    allowed = changes.allowed(allow or [], pair or [])
    wanted = [(junit, rendering.JUNIT)] if junit else []
    if figure:
        from scoregap.report import figures
        from scoregap.report.figures import forest

        wanted.append((figure, figures.KIND))
    claim(*wanted)
    accepted = against or workflow.baseline(loaded, results)
    required = against or not absent(accepted) or "baseline" in loaded.required
    report, why = reports.check_run(loaded, results / loaded.name, accepted if required else None, allow=allowed)
    if report is None:
        tell(f"scoregap: {loaded.name}: cannot be compared with its baseline: {'; '.join(why)}", to=sys.stderr)
        raise typer.Exit(reports.INCOMPARABLE)
    tell(rendering.as_json(report, strict) if as_json else rendering.as_text(report))
    if junit:
        write_text(junit, rendering.as_junit(report, strict), rendering.JUNIT)
    if figure:
        with figures.styled():
            drawn = figures.signed(forest.draw(report), loaded)
        figures.save(drawn, figure)
    raise typer.Exit(report.status(strict))


@_baseline.command()
@_reporting_errors
def accept(
    study: Annotated[str, typer.Argument(help=STUDY)],
    reason: Annotated[str, typer.Option(help="why these numbers are right; it is kept in the baseline")],
    results: Annotated[Path, typer.Option(help="folder of results")] = Path("results"),
) -> None:
    """Make a finished run the baseline of its study: STUDY.baseline.json beside the study's file, to be reviewed and
    committed; of a study that comes with the project RESULTS/baselines/STUDY.json.

    Refuses in CI, on an uncommitted tree, with too few seeds, and where the change to the baseline before it is
    inconclusive.
    """
    from scoregap.installation import CHECKOUT
    from scoregap.regression import accepting
    from scoregap.runtime import finding, workflow
    from scoregap.study import load

    path, results = finding.place(study, results)
    loaded = load(path)
    kept, before = workflow.baseline(loaded, results, accepted=True), workflow.baseline(loaded, results)
    record = accepting.accept(loaded, results / loaded.name, reason, kept, before, CHECKOUT)
    shown = printable(str(kept))
    tell(f"{shown}: {len(record.metrics)} metrics of {len(record.seeds)} seeds, {record.revision}: commit it")


app.add_typer(_baseline, name="baseline")
for _one in STAGES:  # only their lines of help: what they do is `_stage`
    app.command(_one.name, help=_one.summary, rich_help_panel="Stages, by hand on files")(lambda: None)


def _open_streams() -> None:
    """What the user's encoding cannot say is replaced; a stream that is closed, or whose reader goes, leads nowhere."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            opened = os.open(os.devnull, os.O_RDWR)  # or the next file that is opened would take its number
            setattr(sys, name, os.fdopen(opened, "w" if number else "r", encoding="utf-8", errors="replace"))
        elif number:
            setattr(sys, name, Lasting(number, stream.encoding))


def _commands(words: list[str]) -> list[list[str]]:
    """The words of every command: STAGE ... then STAGE ... are stages one after the other in one process. One that
    others follow is left out where its receipt is there."""
    found: list[list[str]] = [[]]
    for word, following in itertools.zip_longest(words, words[1:]):
        if word == "then" and following in _STAGES and found[0] and found[0][0] in _STAGES:
            found.append([])
        else:
            found[-1].append(word)
    return [*(one for one in found[:-1] if not _has_receipt(one)), found[-1]]


def _has_receipt(words: list[str]) -> bool:
    """Whether the receipt that the words of a command name is there."""
    return any(name == "--receipt" and os.path.exists(path) for name, path in itertools.pairwise(words))


def main() -> None:
    """The command `scoregap`."""
    _open_streams()
    leave_strangers()
    try:
        for words in _commands(sys.argv[1:]):
            try:
                app(words, prog_name="scoregap")
            except SystemExit as ended:
                if ended.code:
                    raise
    except OSError as error:  # of help, on a full disk
        tell(f"scoregap: {told(error)}", to=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
