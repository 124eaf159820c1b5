"""All that waits for a GPU, in nine minutes: `make gpu`, or `bash tests/gpu.sh` where there is no make.

a machine with a CUDA GPU -> parts in order of value, each with a time of its own -> gpu-*.csv in the folder of results

Nothing is installed and no network is asked. Torch and NumPy, for a Python from 3.11 on, must be there; parts that need
more are left out where it is not there, and say what they miss. Rows are written as they come: whatever stops the run,
what was measured is there. gpu-parts.csv says how each part ended, gpu-PART.txt what it said.

SCOREGAP_GPU_RESULTS: the folder of results, else results/benchmarks, or a new one for a dry run.
SCOREGAP_GPU_SECONDS: for all parts, else 540.
"""

import argparse
import csv
import datetime
import importlib.util
import os
import re
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
GIVEN = os.environ.get("SCOREGAP_GPU_RESULTS")
SECONDS = float(os.environ.get("SCOREGAP_GPU_SECONDS", "540"))
GRACE = 15.0  # seconds that a part has to end in after Ctrl-C
DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
NAMES = ("tests", "throughput", "jacobians", "paper")
ALONE = ("torch", "numpy")
PACKAGE = ("scipy", "pydantic", "typer", "rich", "yaml", "xarray", "zarr", "safetensors", "snakemake", "matplotlib")
TESTS = ("scipy", "pydantic", "yaml", "xarray", "dask", "pandas", "zarr", "safetensors", "rich", "pytest", "hypothesis",
         "filelock")  # fmt: skip


class Part(NamedTuple):
    """A part: what it is, how long it may take, what must be importable, and its command for a Python."""

    name: str
    what: str
    seconds: float
    needs: tuple[str, ...]
    command: tuple[str, ...]


def parts(tiny: bool, results: Path) -> list[Part]:
    """All parts, the most valuable first. tiny: in sizes of a dry run, without a GPU."""
    small = ("--tiny",) if tiny else ()
    marked = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if "mark.gpu" in path.read_text()]
    files = [str(path.relative_to(ROOT)) for path in marked]
    study = results / "dry_run.yaml" if tiny else ROOT / "workflow" / "studies" / "paper.yaml"
    tests = ("-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "-W", "default", *files)  # of any version
    run = ("-m", "scoregap", "run", str(study), "--results", str(results / "gpu-paper"))
    return [
        Part("tests", "the tests that need a GPU", 120, TESTS, tests),
        Part("throughput", "ensembles against a loop; fewer bits", 170, ALONE, ("tests/gpu/throughput.py", *small)),
        Part("jacobians", "Jacobians and spectra", 90, ALONE, ("tests/gpu/jacobians.py", *small)),
        Part("paper", "as much of the study paper as fits; it goes on from there", 540, PACKAGE, run),
    ]


def missing(needs: Sequence[str]) -> list[str]:
    """The modules that are not there; importing them would take longer than looking for them."""
    return [name for name in needs if importlib.util.find_spec(name) is None]


def without_cuda() -> str:
    """Which torch is there, if it was built for CPUs alone; asked without importing it."""
    found = importlib.util.find_spec("torch")
    said = runpy.run_path(str(Path(found.origin).parent / "version.py")) if found and found.origin else {}
    return "" if said.get("cuda") or said.get("hip") else str(said.get("__version__"))


def unusable() -> str:
    """Why torch cannot use a GPU, in its last words; asked in another process, which takes some seconds."""
    command = [sys.executable, "-c", "import torch; torch.zeros(1, device='cuda')"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except subprocess.TimeoutExpired:
        return "no answer in a minute"
    return asked.stderr.strip().rpartition("\n")[2] if asked.returncode else ""


def stopped(*_) -> None:
    """What SIGTERM does here: the same as Ctrl-C, so that no part outlives the run."""
    raise KeyboardInterrupt


def carried_out(part: Part, limit: float, results: Path) -> str:
    """Run a part for so many seconds at most. Returns how it ended."""
    timed = ("--seconds", f"{limit - GRACE:.0f}") if part.command[0].endswith(".py") else ()
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    env = os.environ | {"PYTHONPATH": path, "SCOREGAP_GPU_RESULTS": str(results), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, *part.command, *timed]
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    seen = subprocess.Popen(  # what comes later may push it out of sight
        ["tee", str(results / f"gpu-{part.name}.txt")], stdin=process.stdout, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.close()
    ended = ""
    try:
        for sent, wait in ((None, max(1.0, limit - GRACE)), (signal.SIGINT, GRACE), (signal.SIGKILL, None)):
            if sent:
                ended = "stopped at its time"
                os.killpg(process.pid, sent)
            try:
                status = process.wait(wait)
                return ended or ("finished" if status == 0 else f"failed with exit status {status}")
            except subprocess.TimeoutExpired:
                continue
    except KeyboardInterrupt:
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, signal.SIGINT)
            process.wait(GRACE / 3)
        raise
    finally:
        with suppress(ProcessLookupError):  # of nothing that is left
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            seen.wait(GRACE / 3)
        seen.kill()  # of a pipe that somebody else still holds
        seen.wait()
    return ended


def note(part: Part, ended: str, seconds: float, results: Path) -> None:
    """A line for people, and one of gpu-parts.csv."""
    print(f"gpu: {part.name}: {ended}, {seconds:.0f} s", flush=True)
    path = results / "gpu-parts.csv"
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(["date", "part", "ended", "seconds", "command"])
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M")
        command = " ".join(["python", *part.command])  # without folders of this machine
        command = command.replace(f"{results}/", "$SCOREGAP_GPU_RESULTS/").replace(f"{ROOT}/", "")
        writer.writerow([now, part.name, ended, f"{seconds:.0f}", command])


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 if all parts finished, used up their time or were left out, 1 if one failed, 2 if none can be, 130
    if stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="a dry run: every part in tiny sizes, on a CPU")
    parser.add_argument("--skip", nargs="*", default=[], choices=NAMES, metavar="PART")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    if lacking := missing(ALONE):
        print(f"gpu: {', '.join(lacking)} cannot be imported by {sys.executable}: install torch for CUDA, and numpy")
        return 2
    if not given.tiny and not any(map(os.path.exists, DRIVERS)):
        print(f"gpu: no GPU driver: none of {', '.join(DRIVERS)} is there (a dry run on a CPU: --tiny)")
        return 2
    if not given.tiny and (version := without_cuda()):
        print(f"gpu: torch {version} of {sys.executable} is for CPUs alone: install torch for CUDA, or another Python "
              "by SCOREGAP_PYTHON")  # fmt: skip
        return 2
    if not given.tiny and (why := unusable()):
        print(f"gpu: torch cannot use the GPU: {why}")
        return 2
    default = Path(tempfile.mkdtemp()) if given.tiny and not GIVEN else ROOT / "results" / "benchmarks"
    results = Path(GIVEN).absolute() if GIVEN else default
    results.mkdir(parents=True, exist_ok=True)
    if given.tiny:
        tiny = re.search(r'TINY = """\\?\n(.*?)"""', (ROOT / "tests" / "tiny.py").read_text(), re.DOTALL)
        assert tiny
        (results / "dry_run.yaml").write_text(tiny[1])
    left, sound = SECONDS, True
    for part in parts(given.tiny, results):
        start = time.monotonic()
        left = SECONDS - (start - began)
        if part.name in given.skip:
            ended = "left out, as asked"
        elif lacking := missing(part.needs):
            ended = f"left out: {', '.join(lacking)} is missing"
        elif left < 2 * GRACE:
            ended = "left out: no time is left"
        else:
            print(f"gpu: {part.name}: {part.what}", flush=True)
            try:
                ended = carried_out(part, min(part.seconds, left), results)
            except KeyboardInterrupt:
                note(part, "stopped from outside", time.monotonic() - start, results)
                return 130
        sound &= not ended.startswith("failed")
        note(part, ended, time.monotonic() - start, results)
    print(f"gpu: results are in {results}")
    return 0 if sound else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stopped)
    sys.exit(main())
