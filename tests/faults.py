"""Does a study survive being killed? Kills runs at random moments and writes a record; `make faults` runs it.

Targets are the whole run, Snakemake alone, and a job of every stage, in turn, by SIGKILL and by SIGTERM. After each
kill the same command is given again; when all have been killed it is left alone until the study is complete, which then
grows by a seed, to the last one. What it leaves has to be the cube of an uninterrupted run, bit for bit, and nothing
may be trained again that was in a weights file. Half an hour on two cores. Nobody may commit or edit in the checkout
meanwhile: a cube names the revision.
"""

import contextlib
import csv
import datetime
import itertools
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
from tiny import FLAT, WITH_DIMENSION, WITH_SAMPLING, edited

from scoregap import DamagedFile
from scoregap.runtime import status
from scoregap.runtime.progress import metrics_of
from scoregap.store.files import manifest_of
from scoregap.store.weights import weights_members
from scoregap.study import load
from scoregap.study.stages import STAGES

ROOT = Path(__file__).resolve().parents[1]
KILLS, SEEDS = 104, 4  # seeds: of a study that has grown to its end
RECORD = ROOT / "results" / "benchmarks" / "faults.csv"
TARGETS = ("run", "snakemake", *(stage.name for stage in STAGES))
SIGNALS = (signal.SIGKILL, signal.SIGTERM)
CHANGES = (
    ("study: tiny", "study: faults"),
    ("steps: 40", "steps: 6000"),  # some seconds
    ("[exact, gaussian, gated-8]", "[exact, gated-8]"),
    ("seed: 2", "seed: 1"),
    FLAT,
    WITH_DIMENSION,
    WITH_SAMPLING,
)
OFTEN = {
    "scoregap.stages.train": "CHECKPOINT = 0.5",  # s between checkpoints
    "scoregap.report.registry": "_names = names\n\n\ndef names(study):\n    return _names(study)[:1]\n",
}


class Runs:
    """Runs of the study in one folder."""

    def __init__(self, folder: Path, seeds: int):
        self.folder = folder
        folder.mkdir()
        self.study = edited(folder, *CHANGES).rename(folder / "faults.yaml")
        self.python = patched.python(folder, OFTEN)
        self.results = folder / "results" / "faults"
        self.trained: dict[str, str] = {}  # members in weights files -> lines of metrics of their training
        self.resumed: set[tuple[Path, int]] = set()  # logs of trainings that went on from a checkpoint, and their dates
        self.hung = 0  # runs that had to be stopped, since Snakemake did not end by itself
        self.seeds = 1
        while self.seeds < seeds:
            self.grow()

    def grow(self) -> None:
        """One seed more."""
        old, self.seeds = f"seed: {self.seeds}\n", self.seeds + 1
        text = self.study.read_text()
        assert old in text
        self.study.write_text(text.replace(old, f"seed: {self.seeds}\n"))

    def left(self, target: str) -> bool:
        """Whether there is something to do for the target."""
        return bool(status.look(load(self.study), self.results.parent).next[target]) or target in TARGETS[:2]

    def start(self) -> subprocess.Popen:
        """The command, again; waits until jobs that outlived an earlier run are done."""
        command = [self.python, "-m", "scoregap", "run", "faults.yaml", "--cores", "2"]
        while any(str(self.folder) in " ".join(one.cmdline()) for one in jobs(None)):
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
        """Note what is trained; it may not be trained again: that adds to its metrics."""
        for path in (self.results / "train").glob("*.safetensors"):
            try:
                known = weights_members(path)
            except DamagedFile as error:
                raise SystemExit(f"weights are not whole: {error}") from None
            lines = metrics_of(path).read_text().splitlines()
            for key in known:
                own = "\n".join(line for line in lines if key in line)
                if self.trained.setdefault(key, own) != own:
                    raise SystemExit(f"{path.name}: {key} was trained twice")
        for path in (self.results / "logs" / "train").glob("*.log"):
            if "resumed after" in path.read_text():
                self.resumed.add((path, path.stat().st_mtime_ns))

    def cube(self) -> str:
        """The manifest: the hash of every file of the cube."""
        return manifest_of(self.results / "cube.zarr").read_text()


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
        words = " -m scoregap.runtime.logger " if target == "snakemake" else f" -m scoregap {target} "
        return [one for one in below if words in " ".join(one.cmdline())]
    except psutil.NoSuchProcess:
        return []


def kill(runs: Runs, target: str, number: signal.Signals, rng) -> bool:
    """Start, wait for the target and then a random while, kill it; whether there was something to kill.

    Every other training is not killed before it has kept its state, so that the next one has to go on from there.
    """
    process = runs.start()
    deadline = time.monotonic() + 300
    kept = target == "train" and rng.random() < 0.5

    def waiting() -> bool:
        found = any((runs.results / "train").glob("*.checkpoint")) if kept else victims(process, target)
        return process.poll() is None and not found and time.monotonic() < deadline

    while waiting():
        time.sleep(0.02)
    time.sleep(rng.uniform(0, 0.5 if kept else 5 if target in ("run", "snakemake", "train") else 2.5))
    alive = victims(process, target)
    if target == "run" and number == signal.SIGTERM:
        alive = alive[:1]  # as a user's kill, or a shutdown, to `scoregap run`, which passes it on
    for one in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.send_signal(number)
    try:
        process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        runs.hung += 1
        process.terminate()
        process.communicate(timeout=60)
    runs.look()
    return bool(alive)


def rotated(turn: int) -> list[str]:
    """The targets; stages of a job that run side by side take turns at being the first, since others then finish."""
    side = ("spectrum", "dimension", "sample")
    at = TARGETS.index(side[0])
    return [*TARGETS[:at], *(side[(turn + i) % len(side)] for i in range(len(side))), *TARGETS[at + len(side) :]]


def record(count: dict[tuple[str, signal.Signals], int], cubes: int, resumed: int) -> None:
    """Add to the record what was killed how often, how many trainings went on from their state, and how many cubes
    have been compared since, all equal."""
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    asked = ["git", "describe", "--always", "--dirty"]
    revision = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()
    rows = [(date, revision, target, *(count[target, number] for number in SIGNALS)) for target in TARGETS]
    total = (
        date,
        revision,
        f"all, {cubes} cubes equal, {resumed} trainings resumed",
        *(sum(row[k] for row in rows) for k in (3, 4)),
    )
    heads = ("date", "revision", "killed", *(number.name for number in SIGNALS))
    new = not RECORD.exists()
    with RECORD.open("a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([*([heads] if new else []), *rows, total])


def main(kills: int = KILLS) -> None:
    """Kill so often, comparing the cube whenever the study has come to its end."""
    rng, cubes, resumed = np.random.default_rng(0), 0, 0
    count = {(target, number): 0 for target in TARGETS for number in SIGNALS}
    with tempfile.TemporaryDirectory() as name:
        reference = Runs(Path(name) / "reference", SEEDS)
        reference.finish()
        while sum(count.values()) < kills:
            runs = Runs(Path(name) / f"killed-{cubes}", 1)
            for turn in itertools.count(cubes):
                for i, target in enumerate(rotated(turn)):
                    if runs.left(target):
                        number = SIGNALS[(turn + i) % 2]
                        count[target, number] += kill(runs, target, number, rng)
                runs.finish()
                if runs.seeds == SEEDS:
                    break
                runs.grow()
            if runs.cube() != reference.cube():
                raise SystemExit(f"the cube differs after {count}")
            cubes, resumed = cubes + 1, resumed + len(runs.resumed)
            print(f"{sum(count.values()):4} kills; trainings that went on: {len(runs.resumed)}; hung: {runs.hung}")
            shutil.rmtree(runs.folder)
    print(f"{sum(count.values())} kills, {cubes} cubes: all as the uninterrupted one, nothing trained twice")
    record(count, cubes, resumed)  # not before: cubes name the revision, which is another one in a changed checkout


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
