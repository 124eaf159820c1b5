"""Running a study through Snakemake.

study name or file -> checks that can be made before anything is written -> snakemake -> table and report
"""

import re
import selectors
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scoregap import InputError
from scoregap.study import Study, load

ROOT = Path(__file__).resolve().parents[1]
STUDIES = ROOT / "workflow" / "studies"
HEARTBEAT = 30.0  # seconds


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


def check(study: Study, results: Path) -> None:
    """Refuse now what would fail only after hours: a folder that cannot be written, a device that is not there."""
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
    train = study.document.train
    if train is not None and train.device not in ("auto", "cpu") and any(job.trained for job in study.jobs.values()):
        from scoregap.stages.train import pick_device

        pick_device(study.path, train.device)


def run(study: str, results: Path, cores: str, profile: Path) -> int:
    """Run a study; returns an exit status. Prints the comparison and the path of the report."""
    path = find(study)
    loaded = load(path)
    check(loaded, results)
    out = results / loaded.name
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(Path.cwd()),
        "--workflow-profile", str(ROOT / profile), "--cores", cores,
        "--config", f"study={path}", f"results={results}",
    ]  # fmt: skip
    print(f"{loaded.name}: {len(loaded.cells)} cells in {len(loaded.jobs)} jobs, into {out}", flush=True)
    status, lines = follow(command, out / "logs")
    if status:
        ours = [line for line in lines if line.startswith("scoregap: ")]
        print(
            "\n".join(["", *(ours or lines[-40:]), f"the study is not complete; logs are in {out / 'logs'}"]),
            file=sys.stderr,
        )
        return 1
    report = out / "report.html"
    newest = max(file.stat().st_mtime for file in (out / "figures").iterdir())
    if not report.exists() or report.stat().st_mtime < newest:
        status, lines = follow([*command, "--report", str(report)], out / "logs")
        if status:
            print("\n".join(lines[-40:]), file=sys.stderr)
            return 1
    print(f"\n{(out / 'comparison.txt').read_text(encoding='utf-8')}")
    print(f"every number  {out / 'comparison.csv'}\ncube          {out / 'cube.zarr'}\nreport        {report}")
    return 0


def follow(command: list[str], logs: Path) -> tuple[int, list[str]]:
    """Run Snakemake and show its progress, one line per finished job. Returns (exit status, all it printed).

    After HEARTBEAT seconds of silence the newest line of the newest training log is shown.
    """
    lines, rule, spoke = [], "", time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(timeout=HEARTBEAT):
                    print(f"  ... {_newest(logs / 'train')}", flush=True)
                    continue
                line = process.stdout.readline()
                if not line:
                    break
                lines.append(line.rstrip())
                if finished := re.search(r"Finished jobid: \d+ \(Rule: (\w+)\)", line):
                    rule = finished[1]
                elif done := re.search(r"(\d+) of (\d+) steps \((\d+)%\) done", line):
                    if time.monotonic() - spoke > 0.2 or done[1] == done[2]:
                        print(f"  {done[3]:>3}%  {done[1]} of {done[2]}  {rule.replace('all', '')}", flush=True)
                        spoke = time.monotonic()
                elif line.startswith(("Nothing to be done", "Error in rule")):
                    print(line.rstrip(), flush=True)
    return process.returncode, lines


def _newest(folder: Path) -> str:
    logs = sorted(folder.glob("*.log"), key=lambda log: log.stat().st_mtime)
    lines = logs[-1].read_text(encoding="utf-8", errors="replace").splitlines() if logs else []
    return f"{logs[-1].stem}: {lines[-1]}" if lines else "running"
