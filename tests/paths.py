"""Names of files that reach Snakemake: dry runs of the tiny study under names of all kinds.

    make paths        # or: python tests/paths.py [PATHS] [SEED]; 300, a minute or two on one core

Each has four names: of the folder of results, of the study file, of its folder, and of the profile. Snakemake plans the
study as `scoregap run` lets it, in a fork of one process that has imported it. Prints what went wrong; from 100 paths
on it adds a line to results/benchmarks/paths.csv. Exit status 1 if the plan is not that of the study, or if anything
lies under another name than it should.
"""

import csv
import datetime
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from tiny import TINY

from scoregap.runtime import environment, handover, logger
from scoregap.runtime.events import DESCRIPTOR

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "results" / "benchmarks" / "paths.csv"

# What shells, YAML, JSON, Snakemake (braces, wildcards, <path variables>), patterns of names, formats, terminals and
# encodings give a meaning, or what none of them expects.
TOKENS = [
    *(one.encode() for one in " \t\n\r'\"`$\\{}[]()<>|&;#:%*?~-=,!@^+.\x01\x1b\x7f"),
    *(one.encode() for one in ("a", "B", "0", "é", "日本", "\u202e", "ü\u0308", "😀", "\x85", "\u2028")),
    *(b"\xff", b"\xe9", b"\xc3", b"\xed\xa0\x80"),  # no UTF-8
    *(b"{job}", b"{{", b"<logs>", b"$(touch x)", b"$HOME", b"%s", b"%j", b": ", b" #", b"- ", b"!!x", b"null", b"1e3"),
    *(b"runs", b"..", b"--out", b"s3:", b"base64"),
]


def name(rng: random.Random) -> str:
    """A name of a file, of up to 255 bytes; names that are not UTF-8 as Python has them."""
    size = rng.choice((1, 2, 3, 5, 8, 20, 200))
    text = b"".join(rng.choice(TOKENS) for _ in range(size))[:240]
    return os.fsdecode(text) if text not in (b".", b"..") else "x"


def plan(folder: Path, names: list[str]) -> str:
    """Plan the tiny study in an empty folder under four names. Returns what is wrong, empty if nothing is."""
    results, study, place, profile = names
    study = f"{study[:200]}.yaml"
    (folder / place / study).parent.mkdir(parents=True)
    (folder / place / study).write_text(TINY)
    (folder / place / profile).mkdir()
    (folder / place / profile / "config.yaml").write_text("cores: 2\nscheduler: greedy\n")
    out = folder / place / results / "tiny"
    out.mkdir(parents=True)
    before = sorted(path for path in folder.rglob("*"))
    environment.prepare(out)
    handover.write(out, folder / place / study, folder / place / results, folder / place / profile, 0)
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            _dry_run(out, said.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        text = said.read().decode(errors="replace")
    if status != 0:
        return f"exit status {status}: {text}"
    if "train" not in text or "This was a dry-run" not in text:
        return f"no plan: {text}"
    strange = [path for path in folder.rglob("*") if path not in before and not path.is_relative_to(out)]
    return f"outside the results folder: {strange}" if strange else ""


def _dry_run(out: Path, said: int) -> None:
    """What `scoregap run` has Snakemake do, but for its jobs. Never returns."""
    status = 70
    try:
        variables = environment.of_run(os.environ, out) | {DESCRIPTOR: str(os.open(os.devnull, os.O_WRONLY))}
        os.environ.clear()
        os.environ.update(variables)
        os.chdir(out)
        os.dup2(said, 1)
        os.dup2(said, 2)
        python = [sys.executable, "-m", "scoregap.runtime.logger"]
        command = handover.command(None, 0)
        assert command[: len(python)] == python
        try:
            logger.main([*command[len(python) :], "--dry-run"])
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def record(count: int, seed: int, failed: int, spent: float) -> None:
    """Add a line to the record."""
    asked = ["git", "describe", "--always", "--dirty"]
    revision = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()
    new = not RECORD.exists()
    with RECORD.open("a", newline="") as file:
        heads = ("date", "revision", "times four names", "seed", "failed", "seconds of one core")
        row = (datetime.datetime.now(datetime.UTC).date().isoformat(), revision, count, seed, failed, round(spent))
        csv.writer(file, lineterminator="\n").writerows([*([heads] if new else []), row])


def main(count: int, seed: int) -> int:
    """Plan under `count` names. Returns an exit status."""
    rng, failed = random.Random(seed), 0
    for _ in range(count):
        with tempfile.TemporaryDirectory() as folder:
            names = [name(rng) for _ in range(4)]
            if len(set(names)) < 4:
                names = [f"{one[:200]}{i}" for i, one in enumerate(names)]
            wrong = plan(Path(folder), names)
            if wrong:
                failed += 1
                print(f"{names!r}: {wrong}".encode(errors="backslashreplace").decode(), flush=True)
    spent = sum(os.times()[:4])
    if count >= 100:
        record(count, seed, failed, spent)
    print(f"{count} times four names, seed {seed}: {failed} failed; {spent:.0f} s of one core")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(*(int(one) for one in (sys.argv[1:] + ["300", "0"][len(sys.argv) - 1 :]))))
