"""Does a study survive being killed? Kills runs at random moments and prints a count; `make faults` runs it.

Targets are the whole run, Snakemake alone, a training job and the cube stage, by SIGKILL and by SIGTERM, in turn. After
each kill the same command is given again. A run that has come to its end has to leave the cube of an uninterrupted one,
bit for bit, and nothing may be trained for a weights file that was whole. A quarter of an hour on two cores.
"""

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import patched
import psutil
from tiny import TINY

from scoregap import storage
from scoregap.progress import metrics_of

KILLS = 56
TARGETS = ("run", "snakemake", "scoregap train", "scoregap cube")
SIGNALS = (signal.SIGKILL, signal.SIGTERM)
STUDY = TINY.replace("study: tiny", "study: faults").replace("steps: 40", "steps: 12000")  # some seconds
OFTEN = {"scoregap.stages.train": "CHECKPOINT = 0.5"}  # s between checkpoints


class Runs:
    """Runs of the study in one folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()
        (folder / "faults.yaml").write_text(STUDY)
        self.python = patched.python(folder, OFTEN)
        self.results = folder / "results" / "faults"
        self.whole: dict[Path, str] = {}  # weights files that were complete -> metrics of their training
        self.resumed: set[tuple[Path, int]] = set()  # logs of trainings that went on from a checkpoint, and their dates
        self.hung = 0  # runs that had to be stopped, since Snakemake did not end by itself

    def start(self) -> subprocess.Popen:
        """The command, again; waits until jobs that outlived an earlier run are done."""
        command = [self.python, "-m", "scoregap", "run", "faults.yaml", "--cores", "2"]
        while any(str(self.results) in " ".join(one.cmdline()) for one in jobs(None)):
            time.sleep(0.1)
        return subprocess.Popen(
            command, cwd=self.folder, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def finish(self) -> None:
        """Run to the end."""
        process = self.start()
        _, errors = process.communicate()
        if process.returncode:
            raise SystemExit(f"a run that was left alone failed:\n{errors}")
        self.look()

    def look(self) -> None:
        """Note complete weights; nothing may have been trained for those known: training adds to their metrics."""
        for path in (self.results / "train").glob("*.safetensors"):
            metrics = metrics_of(path).read_text()
            if self.whole.setdefault(path, metrics) != metrics:
                raise SystemExit(f"{path.name}: was trained twice")
        for path in (self.results / "logs" / "train").glob("*.log"):
            if "resumed after" in path.read_text():
                self.resumed.add((path, path.stat().st_mtime_ns))

    def cube(self) -> str:
        """The manifest: the hash of every file of the cube."""
        return storage.manifest_of(self.results / "cube.zarr").read_text()


def jobs(process: subprocess.Popen | None):
    """Processes below one, or all."""
    found = psutil.Process(process.pid).children(recursive=True) if process else psutil.process_iter()
    for one in found:
        try:
            one.cmdline()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        yield one


def victims(process: subprocess.Popen, target: str) -> list[psutil.Process]:
    """What is to be killed, if it is there."""
    try:
        below = list(jobs(process))
        if target == "run":
            return [psutil.Process(process.pid), *below]
        words = {"snakemake": " -m snakemake "}.get(target, f" -m {target} ")
        return [one for one in below if words in " ".join(one.cmdline())]
    except psutil.NoSuchProcess:
        return []


def kill(runs: Runs, target: str, number: signal.Signals, rng) -> bool:
    """Start, wait for the target and then a random while, kill it; whether there was something to kill."""
    if target == "scoregap cube" and runs.results.exists():
        storage.manifest_of(runs.results / "cube.zarr").unlink(missing_ok=True)
    process = runs.start()
    deadline = time.monotonic() + 120
    while process.poll() is None and not victims(process, target) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(rng.uniform(0, 2.5 if target == "scoregap cube" else 5))
    alive = victims(process, target)
    if target == "run" and number == signal.SIGTERM:
        alive = alive[:1]  # as a user's kill, or a shutdown, to `scoregap run`, which passes it on
    for one in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.send_signal(number)
    try:
        process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        runs.hung += 1
        process.terminate()
        process.communicate(timeout=60)
    runs.look()
    return bool(alive)


def main(kills: int = KILLS) -> None:
    """Kill so often, comparing the cube whenever the study has come to its end."""
    rng, count, compared = np.random.default_rng(0), dict.fromkeys(TARGETS, 0), 0
    with tempfile.TemporaryDirectory() as name:
        reference = Runs(Path(name) / "reference")
        reference.finish()
        while sum(count.values()) < kills:
            runs = Runs(Path(name) / f"killed-{compared}")
            for i, target in enumerate((*TARGETS[:3], *TARGETS[:3], TARGETS[3], TARGETS[3])):
                if target == "scoregap cube":
                    runs.finish()
                count[target] += kill(runs, target, SIGNALS[(i // 3 + i + compared) % 2], rng)
            runs.finish()
            if runs.cube() != reference.cube():
                raise SystemExit(f"the cube differs after {count}")
            compared += 1
            print(
                f"{sum(count.values()):4} kills {count}; trainings that went on: {len(runs.resumed)}; hung: {runs.hung}"
            )
            shutil.rmtree(runs.folder)
    print(f"{sum(count.values())} kills, {compared} cubes: all as the uninterrupted one, nothing trained twice")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
