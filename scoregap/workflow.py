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
from importlib.util import find_spec
from pathlib import Path

import yaml

from scoregap import InputError
from scoregap.failures import explain
from scoregap.study import Study, load

ROOT = Path(__file__).resolve().parents[1]
STUDIES = ROOT / "workflow" / "studies"
PROFILE = ROOT / "workflow" / "profiles" / "default"
HEARTBEAT = 30.0  # seconds
GRACE = 20.0  # seconds
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


def check(study: Study, results: Path, cores: str | None, profile: Path) -> None:
    """Refuse now what would fail only later: a folder that cannot be written, a device that is not there."""
    if cores not in (None, "all") and not (cores.isascii() and cores.isdigit() and int(cores) > 0):
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
    executor = (yaml.safe_load((profile / "config.yaml").read_text(encoding="utf-8")) or {}).get("executor", "local")
    if executor != "local":  # its jobs run on machines that we do not see
        if not find_spec(f"snakemake_executor_plugin_{executor.replace('-', '_')}"):
            raise InputError(
                f"--profile: {str(profile)!r} is not allowed yet: it needs snakemake-executor-plugin-{executor}: "
                "install that, for Slurm as `pip install -c envs/constraints.txt '.[slurm]'`"
            )
        return
    train = study.document.train
    if train is not None and train.device not in ("auto", "cpu") and any(job.trained for job in study.jobs.values()):
        from scoregap.stages.train import pick_device

        pick_device(study.path, train.device)


def run(study: str, results: Path, cores: str | None, profile: Path) -> int:
    """Run a study; returns an exit status. Prints the comparison and the path of the report.

    cores: None leaves their number to the profile.
    """
    path = find(study)
    loaded = load(path)
    check(loaded, results, cores, profile)
    out = results / loaded.name
    # Our own lock instead of Snakemake's: the kernel drops it with the last process, so nothing is left by a kill.
    command = [
        sys.executable, "-m", "snakemake", "--nolock", "--snakefile", str(ROOT / "Snakefile"),
        "--workflow-profile", str(profile.resolve()), *(("--cores", cores) if cores else ()),
        # quoted, since Snakemake reads values as YAML
        "--config", f"study={json.dumps(str(path.resolve()))}", f"results={json.dumps(str(results.resolve()))}",
    ]  # fmt: skip
    lock = take(out)
    if lock is None:
        print(f"scoregap: {out}: is in use by another run: wait for it, or stop it", file=sys.stderr)
        return 1
    print(f"{loaded.name}: {len(loaded.cells)} cells in {len(loaded.jobs)} jobs, into {out}", flush=True)
    status, lines = follow(command, out / "logs", lock)
    if status == INTERRUPTED:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return status
    if status:
        why = explain(lines, out) or lines[-40:]
        print("\n".join(["", *why, f"the study is not complete; logs are in {out / 'logs'}"]), file=sys.stderr)
        return 1
    attributes = json.loads((out / "cube.zarr" / "zarr.json").read_text(encoding="utf-8"))["attributes"]
    if attributes.get("config_hash") != loaded.hash:
        print(f"scoregap: {out}: is of another version of the study, and without records: delete it", file=sys.stderr)
        return 1
    report = out / "report.html"
    newest = max(file.stat().st_mtime for file in (out / "figures").iterdir())
    if not report.exists() or report.stat().st_mtime < newest:
        part = out.resolve() / "report.part.html"
        status, lines = follow([*command, "--report", str(part)], out / "logs", lock)
        if status:
            print("\n".join(lines[-40:] if status != INTERRUPTED else []), file=sys.stderr)
            return status
        os.replace(part, report)
    print(f"\n{(out / 'comparison.txt').read_text(encoding='utf-8')}")
    print(f"every number  {out / 'comparison.csv'}\ncube          {out / 'cube.zarr'}\nreport        {report}")
    return 0


def take(folder: Path) -> int | None:
    """A descriptor that locks a results folder for this run and its children; None if another run has it."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:  # a file system without locks
        pass
    return descriptor


def follow(command: list[str], logs: Path, lock: int) -> tuple[int, list[str]]:
    """Run Snakemake and show its progress, one line per finished job. Returns (exit status, all it printed).

    After HEARTBEAT seconds of silence the newest line of the newest training log is shown. Ctrl-C and SIGTERM stop
    Snakemake by SIGINT, which it takes cleanly, and give the status INTERRUPTED.
    """
    lines: list[str] = []
    # Before the child starts: a shell starts background commands with SIGINT ignored, and children inherit that.
    previous = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        # A session of its own: Ctrl-C in the terminal reaches us alone, and is passed on once.
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=[lock],
            start_new_session=True,
        ) as process:
            try:
                for line in _lines(process, logs):
                    lines.append(line)
                    _show(line, lines)
            except KeyboardInterrupt:
                _stop(process)
                return INTERRUPTED, lines
        return process.returncode, lines
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _stop(process: subprocess.Popen) -> None:
    """End Snakemake and its jobs: by SIGINT, and by SIGKILL if that takes long or the user asks again. Files are
    whole or absent either way."""
    try:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=GRACE)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _lines(process: subprocess.Popen, logs: Path):
    """Lines of the process as they come; in silence, a sign of life is printed."""
    lines: queue.SimpleQueue = queue.SimpleQueue()

    def read():
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line.rstrip())
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=HEARTBEAT)
        except queue.Empty:
            print(f"  ... {_newest(logs / 'train')}", flush=True)
            continue
        if line is None:
            return
        yield line


def _show(line: str, lines: list[str]) -> None:
    """Print what a user wants to see of a line of Snakemake's."""
    if done := re.search(r"(\d+) of (\d+) steps \((\d+)%\) done", line):
        finished = re.search(r"Rule: (\w+)", lines[-2]) if len(lines) > 1 else None
        rule = finished[1] if finished and finished[1] != "all" else ""
        print(f"  {done[3]:>3}%  {done[1]} of {done[2]}  {rule}".rstrip(), flush=True)
    elif line.startswith(("Nothing to be done", "Error in rule")):
        print(line, flush=True)


def _newest(folder: Path) -> str:
    logs = sorted(folder.glob("*.log"), key=lambda log: log.stat().st_mtime)
    lines = logs[-1].read_text(encoding="utf-8", errors="replace").splitlines() if logs else []
    return f"{logs[-1].stem}: {lines[-1]}" if lines else "running"
