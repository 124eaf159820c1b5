"""Running a study through Snakemake.

study name or file -> checks that can be made before anything is written -> snakemake -> table and report
"""

import os
import queue
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, NamedTuple

from scoregap import InputError, brief, printable
from scoregap.installation import BASELINES, WORKFLOW
from scoregap.runtime import devices, display, environment, handover, receipts, scheduler, tasks
from scoregap.runtime.events import DESCRIPTOR, STOPPED, Event, Events, parse
from scoregap.runtime.failures import explain
from scoregap.runtime.finding import STUDIES, place
from scoregap.runtime.guard import GRACE
from scoregap.runtime.locking import refusal, take
from scoregap.runtime.stopping import INTERRUPTED, listen
from scoregap.runtime.terminal import tell
from scoregap.spelling import asks, meant
from scoregap.store.opening import absent, kind_of, lacks_resources
from scoregap.study import Study, load
from scoregap.study.yaml_file import read_yaml

PROFILES = WORKFLOW / "profiles"
PROFILE = PROFILES / "default"
RECORD = "run.log"  # in its logs: all that Snakemake has printed
EVENTS = "events.jsonl"  # likewise: what it has told of its jobs
STOP = object()  # an event: the user wants the run to end
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)  # signals that say so
LEAVES = (signal.SIGTERM, signal.SIGHUP)  # of them those that end the run alone, where its jobs are with Slurm
LONGEST = 250  # bytes of names in a results folder


def find_profile(profile: Path) -> Path:
    """The folder of a workflow profile, or of one that comes with the project, by its name."""
    ours = PROFILES / profile
    named = str(profile) == profile.name and os.path.isdir(ours) and not os.path.isdir(profile)
    return ours if named else profile


def baseline(study: Study, results: Path, accepted: bool = False) -> Path:
    """The file of a study's baseline. accepted: the one that `scoregap baseline accept` writes.

    Of a study that comes with the project it is in the folder of results, and if there is none, the project's. Of any
    other it is beside the study's file; if there is none, in the folder of results, where earlier versions wrote it.
    """
    in_results = results / "baselines" / f"{study.name}.json"
    if study.path.resolve().parent == STUDIES.resolve():
        written, other = in_results, BASELINES / f"{study.name}.json"
    else:
        written, other = study.path.with_suffix(".baseline.json"), in_results
    return other if not accepted and absent(written) and not absent(other) else written


def check(study: Study, results: Path, cores: str | None, profile: Path) -> int:
    """Refuse now what would fail only later: a folder that cannot be written, a device that is not there.

    Returns the number of jobs that may compute on GPUs at once.
    """
    if cores not in (None, "all") and not re.fullmatch("0*[1-9][0-9]{0,5}", cores):
        raise InputError(key="--cores", value=cores, allowed="should be a number from 1, or all")
    if not os.path.lexists(profile / "config.yaml"):  # what it is if it is no file, its reader says
        there = kind_of(profile)
        problem = f"{brief(profile)} is {there}" if there not in ("", "a folder") else ""
        ours = sorted(one.name for one in PROFILES.iterdir())
        says = f"{asks(meant(str(profile), ours))}should be a folder with a config.yaml, or one of {', '.join(ours)}"
        raise InputError(problem, key="--profile", value=profile, allowed=says)
    existing = _check_results(results, results / study.name)
    executor, settings = _executor(profile)
    if executor != "local":  # its jobs run on machines that we do not see
        if not find_spec(f"snakemake_executor_plugin_{executor.replace('-', '_')}"):
            raise InputError(
                f"{brief(profile)} is not allowed yet", key="--profile", value=profile,
                allowed=f"it needs snakemake-executor-plugin-{executor}: install that, for Slurm as "
                "`pip install -c envs/constraints.txt '.[slurm]'`",
            )  # fmt: skip
        for path in (sys.executable, str(WORKFLOW)):
            if shlex.quote(path) != path:
                raise InputError(
                    key="--profile", value=profile, allowed=f"Snakemake cannot submit jobs from {path!r}: should be "
                    "installed under names of letters, digits and _@%+=:,./-",
                )  # fmt: skip
        command = _submit_command(executor, settings)
        if command and not _is_command(command, existing):
            raise InputError(
                f"{brief(profile)} is not allowed here", key="--profile", value=profile,
                allowed=f"{executor} submits jobs by {command}, which is not on PATH: run where it is, as on a login "
                "node of the cluster",
            )  # fmt: skip
        if executor == "slurm":
            scheduler.check(study, profile, settings, existing)
        return 0
    train = study.document.train
    if train is None or not study.trained_networks:
        return 0
    count = devices.usable(study.path, train.device)
    devices.check(study.path, train.device, count)
    return len(devices.places(train.device, count))


def _check_results(results: Path, folder: Path) -> Path:
    """The lowest folder that exists of those that lead to a study's. Raises InputError if that cannot be made."""
    existing = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
        with suppress(FileNotFoundError):
            (folder.absolute() / ("x" * LONGEST)).stat()
    except OSError as error:
        if lacks_resources(error):
            raise
        why = f"{existing}: {error.strerror}; should be a folder one can write to"
        raise InputError(key="--results", value=results, allowed=why) from None
    return existing


def _submit_command(executor: str, settings: dict) -> str:
    """The program by which an executor submits jobs; empty where that is not known."""
    for name, value in settings.items():
        if str(name).replace("_", "-").endswith("-submit-cmd"):  # of cluster-generic, cluster-sync: a line of shell
            words = str(value).split()
            first = next((word for word in words if not re.match(r"\w+=", word)), "")
            return first if re.fullmatch(r"[\w./+-]+", first) else ""
    return {"slurm": "sbatch", "lsf": "bsub", "sge": "qsub"}.get(executor, "")


def _is_command(name: str, folder: Path) -> bool:
    """Whether a shell in a folder finds a command."""
    asked = subprocess.run(["sh", "-c", 'command -v -- "$1"', "sh", name], cwd=folder, capture_output=True, check=False)
    return asked.returncode == 0


def _executor(profile: Path) -> tuple[str, dict]:
    """The executor of a profile, and all that it says. Raises InputError if that is not one."""
    path = profile / "config.yaml"
    try:
        content = read_yaml(path) or {}
    except InputError as error:
        raise InputError(key="--profile", value=profile, allowed=str(error)) from None
    if not isinstance(content, dict):
        raise InputError(key="--profile", value=profile, allowed=f"{path}: should be a mapping, in YAML")
    executor = content.get("executor", "local")
    if not isinstance(executor, str) or not re.fullmatch(r"[a-z0-9]+([_-][a-z0-9]+)*", executor):
        allowed = "should be the name of an executor of Snakemake, as slurm"
        inside = InputError(file=path, key="executor", value=executor, allowed=allowed)
        raise InputError(key="--profile", value=profile, allowed=str(inside))
    return executor, content


def as_written(study: Path, folder: Path) -> str:
    """What a finished run of a study says, as its file has it."""
    return (folder / "comparison.txt").read_text(encoding="utf-8")


def run(
    study: str, results: Path, cores: str | None, profile: Path, yes: bool = False,
    announce: Callable[[Study, Path], Iterable[str]] = lambda study, results: (),
    said: Callable[[Path, Path], str] = as_written,
) -> int:  # fmt: skip
    """Run a study; returns an exit status. Prints what it says and the path of the report.

    cores: None leaves their number to the profile. yes: trained networks of other settings may be lost. announce: what
    is to be said of a run on this machine before it begins. said: study file, folder of the finished run -> what it
    says.
    """
    path, results = place(study, results)
    loaded = load(path)
    gpus = check(loaded, results, cores, profile)
    out = results / loaded.name
    shown = printable(str(out))
    if not yes:
        _agree_to_losses(loaded, out)
    listen()
    lock = take(out)
    if lock is None:
        tell(refusal(out), to=sys.stderr)
        return 1
    tell(f"{loaded.name}: {loaded.size} cells in {len(loaded.jobs)} jobs, into {shown}")
    executor = _executor(profile)[0]
    if executor == "local":
        for line in announce(loaded, results):
            tell(printable(line))
    of_slurm = executor == "slurm"
    for line in tasks.settle(loaded, out, baseline(loaded, results), adopts=of_slurm):
        tell(f"scoregap: {line}", to=sys.stderr)
    for line in receipts.settle(loaded, out, baseline(loaded, results)):
        tell(f"scoregap: {printable(line)}", to=sys.stderr)
    handover.write(out, path, results, profile, gpus)
    command = handover.command(cores, gpus)
    status, lines, events, left = follow(command, out, lock, out / "logs", LEAVES if of_slurm else ())
    if status == INTERRUPTED:
        jobs = "jobs stay with Slurm; " if left else ""
        tell(f"stopped; {jobs}the same command goes on from here", to=sys.stderr)
        return status
    if status:
        why = explain(events, out) or lines[-40:]
        tell("\n".join(["", *why, f"the study is not complete; logs are in {shown}/logs"]), to=sys.stderr)
        return 1
    tell("\n" + said(path, out).removesuffix("\n"))
    for what, name in (("every number", "comparison.csv"), ("cube", "cube.zarr"), ("report", "report.html")):
        tell(f"{what:<13} {shown}/{name}")
    return 0


def _agree_to_losses(study: Study, folder: Path) -> None:
    """Ask the user whether trained networks may be lost, if any would be. Raises InputError without a yes."""
    from scoregap.runtime import losses  # with numpy, which Snakemake does not need

    found = losses.look(study, folder)
    if not found.lost:
        return
    edited = receipts.since(receipts.look(study, folder))
    if edited:
        edited.append("`scoregap accept-code` keeps results where an edit changes no number")
    told = "; ".join([str(found), *edited])
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise InputError(
            f"{study.name!r}: in {folder} {told}", file=study.path, key="study", value=study.name,
            allowed="allowed with --yes, or another name",
        )  # fmt: skip
    print(f"{folder}: {told}. Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise InputError("nothing is changed", file=folder)


class Ended(NamedTuple):
    """How Snakemake has ended: its exit status, the lines that it has printed, what it has told of its jobs,
    and whether they were left to their scheduler."""

    status: int
    lines: list[str]
    events: Events
    left: bool = False


def follow(command: list[str], folder: Path, lock: int, logs: Path, leaves: tuple[signal.Signals, ...] = ()) -> Ended:
    """Run Snakemake on a results folder and show its progress.

    It runs in that folder, under a guard that ends it and its jobs with this process. All it prints, and its events,
    are written to files in `logs`. Ctrl-C, SIGTERM, SIGQUIT and SIGHUP (unless ignored, as by nohup) stop Snakemake by
    SIGINT, which it takes cleanly, and by SIGKILL if that takes long or the user asks again; the status is then
    130. Files are whole or absent either way. leaves: signals that end Snakemake by SIGKILL at once, as the end of this
    process then does: so it cancels no jobs, and what it would keep nobody needs. Where stdout is gone, as a terminal
    may be, the run goes on.
    """
    lines: list[str] = []
    events: queue.SimpleQueue = queue.SimpleQueue()  # lines, Events, STOP, and None at the end of lines and of events

    left = False

    def ask(number: int, _) -> None:  # no exception: that could come at any place, and leave Snakemake running
        nonlocal left
        left |= number in leaves
        events.put(STOP)

    # Before the child starts: a shell starts background commands with SIGINT ignored, and children inherit that.
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    previous = {one: signal.signal(one, ask) for one in STOPS if not (one == signal.SIGHUP and ignored)}
    logs.mkdir(exist_ok=True)
    environment.prepare(folder)
    seen, alive = os.pipe()  # the guard waits for its end
    told, tells = os.pipe()
    guard = [sys.executable, "-m", "scoregap.runtime.guard", str(seen), "0" if leaves else str(GRACE)]
    try:
        # A session of its own: Ctrl-C in the terminal reaches us alone, and is passed on once.
        with (
            (logs / RECORD).open("w", encoding="utf-8", buffering=1) as record,
            (logs / EVENTS).open("w", encoding="utf-8", buffering=1) as record_of_events,
            os.fdopen(told, encoding="utf-8", errors="replace") as ours,
            os.fdopen(tells, "w", encoding="utf-8") as theirs,
            display.on(folder) as shown,
            subprocess.Popen(
                [*guard, *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                cwd=folder,
                env=environment.of_run(os.environ, folder) | {DESCRIPTOR: str(tells)},
                pass_fds=[lock, seen, tells],
                start_new_session=True,
            ) as process,
            closing(alive),
        ):
            theirs.close()  # or ours would not end
            assert process.stdout is not None
            open_ends: tuple[tuple[IO[str], Callable[[str], object]], ...] = (process.stdout, str.rstrip), (ours, parse)
            for stream, what in open_ends:
                threading.Thread(target=_read, args=(stream, what, events), daemon=True).start()
            ending = threading.Thread(target=_end, args=(process,), daemon=True)
            ending.start()
            impatience = threading.Timer(GRACE, _signal, (process, signal.SIGKILL))
            asked, reading = False, len(open_ends)
            while reading:
                try:
                    event = events.get(timeout=shown.silence)
                except queue.Empty:
                    shown.silent()
                    continue
                if event is None:
                    reading -= 1
                elif event is STOP:
                    _signal(process, signal.SIGKILL if asked or left else signal.SIGINT)
                    if not asked:
                        impatience.start()
                        record_of_events.write(f"{STOPPED.line()}\n")
                        shown.add(STOPPED)
                    asked = True
                elif isinstance(event, Event):
                    record_of_events.write(f"{event.line()}\n")
                    shown.add(event)
                else:
                    lines.append(event)
                    record.write(f"{event}\n")
            ending.join()
            process.wait()
            impatience.cancel()
        return Ended(INTERRUPTED if asked else process.returncode, lines, shown.events, left)
    finally:
        os.close(seen)
        if not left:
            environment.clear(folder)
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def closing(descriptor: int) -> Iterator[None]:
    """Close a descriptor on leaving."""
    try:
        yield
    finally:
        os.close(descriptor)


def _read(stream: IO[str], what: Callable[[str], object], events: queue.SimpleQueue) -> None:
    """What lines of a stream are, as they come, and None after the last."""
    for line in stream:
        if (event := what(line)) is not None:
            events.put(event)
    events.put(None)


def _end(process: subprocess.Popen) -> None:
    """When the guard has ended, however it did, end what is left of its group."""
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # not collected: the group keeps its number
    _signal(process, signal.SIGKILL)


def _signal(process: subprocess.Popen, number: signal.Signals) -> None:
    """Send a signal to Snakemake and its jobs."""
    with suppress(ProcessLookupError, PermissionError):  # the second, on macOS, where all have ended
        os.killpg(process.pid, number)
