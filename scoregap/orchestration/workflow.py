"""Running a study through Snakemake.

study name or file -> checks that can be made before anything is written -> snakemake -> table and report
"""

import fcntl
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import yaml

from scoregap import InputError, devices, receipts
from scoregap.orchestration import display
from scoregap.orchestration.failures import explain
from scoregap.study import Study, load

ROOT = Path(__file__).resolve().parents[2]
STUDIES = ROOT / "workflow" / "studies"
PROFILE = ROOT / "workflow" / "profiles" / "default"
GRACE = 20.0  # seconds
LOCK = ".lock"  # in a results folder
RECORD = "run.log"  # in its logs: all that Snakemake has printed
STOP = object()  # an event: the user wants the run to end
INTERRUPTED = 130  # exit status, as shells have it


def studies() -> list[Path]:
    """Files of the studies that come with the project."""
    return sorted(STUDIES.glob("*.yaml"))


def find(study: str) -> Path:
    """The file of a study given by name or by path. Raises InputError."""
    if study.endswith((".yaml", ".yml")):
        return Path(study)
    names = {path.stem: path for path in studies()}
    if study not in names:
        raise InputError(f"study {study!r} is not known: allowed are {', '.join(names)}, or the path of a YAML file")
    return names[study].relative_to(Path.cwd()) if names[study].is_relative_to(Path.cwd()) else names[study]


def baseline(study: str) -> Path:
    """The file of a study's baseline."""
    return ROOT / "results" / "baselines" / f"{study}.json"


def check(study: Study, results: Path, cores: str | None, profile: Path) -> int:
    """Refuse now what would fail only later: a folder that cannot be written, a device that is not there.

    Returns the number of jobs that may compute on GPUs at once.
    """
    if cores not in (None, "all") and not re.fullmatch("0*[1-9][0-9]{0,5}", cores):
        raise InputError(f"--cores: {cores!r} is not allowed: should be a number from 1, or all")
    if not (profile / "config.yaml").is_file():
        raise InputError(f"--profile: {str(profile)!r} is not allowed: should be a folder with a config.yaml")
    folder = results / study.name
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise InputError(
            f"--results: {str(results)!r} is not allowed: {existing}: {error.strerror}; "
            "should be a folder one can write to"
        ) from None
    executor = _executor(profile)
    if executor != "local":  # its jobs run on machines that we do not see
        if not find_spec(f"snakemake_executor_plugin_{executor.replace('-', '_')}"):
            raise InputError(
                f"--profile: {str(profile)!r} is not allowed yet: it needs snakemake-executor-plugin-{executor}: "
                "install that, for Slurm as `pip install -c envs/constraints.txt '.[slurm]'`"
            )
        return 0
    train = study.document.train
    if train is None or not study.trained_networks:
        return 0
    count = devices.usable(train.device)
    devices.check(study.path, train.device, count)
    return len(devices.places(train.device, count))


def _executor(profile: Path) -> str:
    """The executor of a profile. Raises InputError if that is not one."""
    path = profile / "config.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (ValueError, yaml.YAMLError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise InputError(f"--profile: {str(profile)!r} is not allowed: {path}: should be a mapping, in YAML")
    executor = content.get("executor", "local")
    if not isinstance(executor, str) or not re.fullmatch(r"[a-z0-9]+([_-][a-z0-9]+)*", executor):
        raise InputError(
            f"--profile: {str(profile)!r} is not allowed: {path}: executor: {str(executor)[:60]!r} is not allowed: "
            "should be the name of an executor of Snakemake, as slurm"
        )
    return executor


def run(study: str, results: Path, cores: str | None, profile: Path) -> int:
    """Run a study; returns an exit status. Prints the comparison and the path of the report.

    cores: None leaves their number to the profile.
    """
    path = find(study)
    loaded = load(path)
    gpus = check(loaded, results, cores, profile)
    out = results / loaded.name
    # Our own lock instead of Snakemake's: the kernel drops it with the last process, so nothing is left by a kill.
    command = [
        sys.executable, "-m", "snakemake", "--nolock", "--snakefile", str(ROOT / "Snakefile"),
        "--workflow-profile", str(profile.resolve()), *(("--cores", cores) if cores else ()),
        # quoted, since Snakemake reads values as YAML
        "--config", f"study={json.dumps(str(path.resolve()))}", f"results={json.dumps(str(results.resolve()))}",
        *([f"gpus={gpus}", "--resources", f"gpu={gpus}"] if gpus else []),
    ]  # fmt: skip
    lock = take(out)
    if lock is None:
        print(f"scoregap: {out}: is in use by another run: wait for it, or stop it", file=sys.stderr)
        return 1
    print(f"{loaded.name}: {loaded.size} cells in {len(loaded.jobs)} jobs, into {out}", flush=True)
    for line in receipts.settle(loaded, out, baseline(loaded.name)):
        print(f"scoregap: {line}", file=sys.stderr)
    status, lines = follow(command, out, lock, out / "logs" / RECORD)
    if status == INTERRUPTED:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return status
    if status:
        why = explain(lines, out) or lines[-40:]
        print("\n".join(["", *why, f"the study is not complete; logs are in {out / 'logs'}"]), file=sys.stderr)
        return 1
    print(f"\n{(out / 'comparison.txt').read_text(encoding='utf-8')}")
    for what, name in (("every number", "comparison.csv"), ("cube", "cube.zarr"), ("report", "report.html")):
        print(f"{what:<13} {out / name}")
    return 0


def take(folder: Path) -> int | None:
    """A descriptor that locks a results folder for this run and its children; None if another run has it.

    The date of the lock file is when the last run began.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # perhaps only by `taken`, for an instant
            time.sleep(0.2)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:  # a file system without locks
        pass
    os.utime(descriptor)
    return descriptor


def taken(folder: Path) -> bool:
    """Whether a run is going on in a results folder; writes nothing."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        pass
    finally:
        os.close(descriptor)
    return False


def follow(command: list[str], folder: Path, lock: int, log: Path) -> tuple[int, list[str]]:
    """Run Snakemake on a results folder and show its progress. Returns (exit status, all it printed).

    All it prints is also written to `log`. Ctrl-C and SIGTERM stop Snakemake by SIGINT, which it takes cleanly, and by
    SIGKILL if that takes long or the user asks again; the status is then INTERRUPTED. Files are whole or absent either
    way.
    """
    lines: list[str] = []
    events: queue.SimpleQueue = queue.SimpleQueue()  # lines, STOP, and None at the end of lines

    def ask(*_) -> None:  # no exception: that could come at any place, and leave Snakemake running
        events.put(STOP)

    # Before the child starts: a shell starts background commands with SIGINT ignored, and children inherit that.
    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    log.parent.mkdir(exist_ok=True)
    try:
        # A session of its own: Ctrl-C in the terminal reaches us alone, and is passed on once.
        with (
            log.open("w", encoding="utf-8", buffering=1) as record,
            display.on(folder) as shown,
            subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                pass_fds=[lock],
                start_new_session=True,
            ) as process,
        ):
            threading.Thread(target=_read, args=(process, events), daemon=True).start()
            impatience = threading.Timer(GRACE, _signal, (process, signal.SIGKILL))
            asked = False
            while True:
                try:
                    event = events.get(timeout=shown.silence)
                except queue.Empty:
                    shown.silent()
                    continue
                if event is None:
                    break
                if event is STOP:
                    _signal(process, signal.SIGKILL if asked else signal.SIGINT)
                    if not asked:
                        impatience.start()
                    asked = True
                    continue
                lines.append(event)
                record.write(f"{event}\n")
                shown.add(event)
            process.wait()
            impatience.cancel()
        return INTERRUPTED if asked else process.returncode, lines
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _read(process: subprocess.Popen, events: queue.SimpleQueue) -> None:
    """Lines of the process as they come, and None after the last."""
    assert process.stdout is not None
    for line in process.stdout:
        events.put(line.rstrip())
    events.put(None)


def _signal(process: subprocess.Popen, number: signal.Signals) -> None:
    """Send a signal to Snakemake and its jobs."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
