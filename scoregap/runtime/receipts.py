"""Receipts say what is done; they are all that Snakemake knows of a results folder.

stage, its products, receipts of the stages before it -> done/STAGE/JOB.json (or done/STAGE.json)
study, results folder -> for every stage of every job whether its receipt holds, and if not, why

Products are replaced by the stages, whole, and by nobody else: a job that fails can only lose its receipt, wherever it
runs. A receipt holds if it is of the study as it is now, its products are as they were written, and it was made from
the receipts that are there. Dates of files decide nothing: where a product's date is not the recorded one, its content
is compared. Imports neither numpy nor torch: Snakemake reads receipts.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from scoregap import InputError, plugins
from scoregap.store.files import FORMAT, write_text
from scoregap.store.opening import of_the_machine, read_bytes
from scoregap.store.ownership import Kind, json_with, own
from scoregap.study import Job, Study, digest, load
from scoregap.study.stages import STAGES

FOLDER = "done"  # in a results folder
KIND = Kind("a receipt", json_with("made_from", "fingerprint"), r"done/([a-z]+/)?[^/]+\.json")
DATE = 946684800  # seconds since 1970, the date of receipts that hold: for Snakemake none is newer than another's input
FOREIGN, NO_FILE = "is foreign", "is no file"
NAMED = 5  # damaged products of a stage that are named one by one
READS = {stage.name: stage.reads for stage in STAGES}
MAKES = {stage.name: stage.makes for stage in STAGES}
GATHERING = {stage.name for stage in STAGES if stage.gathers}


class State(NamedTuple):
    """How a receipt is. state: holds; or, so that its stage is to run: absent, outdated, or damaged. says: of the
    latter, the file and what is wrong with it. edited: of an outdated one, sources that have changed since."""

    state: str
    says: str = ""
    edited: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return self.state == "holds"


def place(stage: str, job: str = "") -> str:
    """The receipt of a stage of a job, or of a stage that gathers all of them, in a results folder."""
    return f"{FOLDER}/{stage}/{job}.json" if job else f"{FOLDER}/{stage}.json"


def steps(study: Study) -> Iterator[tuple[str, str]]:
    """Every (stage, job) of a study, job empty for those that gather; a stage comes after those that it reads."""
    for stage in STAGES:
        if stage.gathers:
            yield stage.name, ""
        else:
            yield from ((stage.name, id) for id, job in study.jobs.items() if job.has(stage.name))


def before(study: Study, stage: str, job: str = "") -> list[str]:
    """The receipts from which that of a stage is made."""
    return [place(*step) for step in _steps_before(study, stage, job)]


def awaited(study: Study, stage: str = "", job: str = "") -> list[str]:
    """The receipts that the rule of a stage waits for; without one, those that a run is to leave. Without those that
    rules leave on their way (`Job.rule`)."""
    wanted = _steps_before(study, stage, job) if stage else steps(study)
    return [place(one, id) for one, id in wanted if not id or study.job(id).rule(one) == one]


def left(study: Study, folder: Path, stage: str, job: str = "", baseline: Path | None = None) -> bool:
    """Whether the receipt is there that a process of an earlier run was to write: of the study as it is now, and made
    from the receipts that are there. Its products, just written, are not looked at."""
    receipt = _read(folder / place(stage, job))
    return bool(
        receipt
        and receipt["fingerprint"] == fingerprint(study, stage, job, baseline)
        and receipt["made_from"] == {one: identity(_read(folder / one) or {}) for one in before(study, stage, job)}
    )


def _steps_before(study: Study, stage: str, job: str) -> Iterator[tuple[str, str]]:
    for one in READS[stage]:
        jobs = [""] if one in GATHERING else study.jobs if stage in GATHERING else [job]
        yield from ((one, id) for id in jobs if not id or study.job(id).has(one))


def fingerprint(study: Study, stage: str, job: str = "", baseline: Path | None = None) -> str:
    """Changes when results of a stage of a study do. baseline: the file, if there, that the report compares with."""
    of_study = study.job(job).fingerprint(stage) if job else study.fingerprint(stage)
    if stage == "report" and baseline and baseline.is_file():
        return digest([of_study, _sha256(baseline)])
    return of_study


# ---------------------------------------------------------------- of a stage's process


def begin(
    path: Path, study: Path, stage: str, job: str = "", baseline: Path | None = None, products: Sequence[Path] = ()
) -> dict[str, Any]:
    """A receipt that is to be written to `path`, without products: call it before the stage reads anything.

    What changes while the stage runs then makes the receipt one that does not hold. products: where the stage is to
    write. Raises InputError unless `path` is the receipt's place in a results folder, free or a receipt of ours, and
    the products are in that folder.
    """
    folder = folder_of(path, stage, job)
    for product in products:
        _inside(folder, product, path)
    own(path, KIND)
    loaded = load(study)
    made_from = {}
    for name in before(loaded, stage, job):
        made_from[name] = identity(_read(folder / name) or {})
        with suppress(OSError):
            os.utime(folder / name, (DATE, DATE))
    return {
        "format": FORMAT,
        "stage": stage,
        "job": job,
        "fingerprint": fingerprint(loaded, stage, job, baseline),
        "code": loaded.job(job).code if job else {},
        "sources": (loaded.job(job) if job else loaded).sources,
        "made_from": made_from,
    }


def write(path: Path, begun: dict[str, Any], products: list[Path]) -> None:
    """Complete a receipt by its products, files or whole folders, and write it. Raises InputError."""
    folder = folder_of(path, begun["stage"], begun["job"])
    files, folders = {}, []
    for product in (_inside(folder, one, path) for one in products):
        if product.is_dir():
            folders.append(product.relative_to(folder).as_posix())
        for file in _files(product) if product.is_dir() else (product,):
            files[file.relative_to(folder).as_posix()] = _known(file) | {"sha256": _sha256(file)}
    content = begun | {"files": files, "folders": folders}
    write_text(path, json.dumps(content, indent=1) + "\n", KIND)


def folder_of(path: Path, stage: str, job: str = "") -> Path:
    """The results folder of a receipt. Raises InputError if it is not at its place in one."""
    ending = Path(place(stage, job))
    whole = Path(os.path.abspath(path))
    if whole.parts[-len(ending.parts) :] != ending.parts:
        raise InputError(key="--receipt", value=str(whole), allowed=f"should end in {ending}")
    return whole.parents[len(ending.parts) - 1]


def _inside(folder: Path, product: Path, path: Path) -> Path:
    """The whole path of a product. Raises InputError if it is not in the results folder of the receipt `path`."""
    whole = Path(os.path.abspath(product))
    if not whole.is_relative_to(folder):
        raise InputError(key="--receipt", value=str(path), allowed=f"{whole} is not in its results folder")
    return whole


# ---------------------------------------------------------------- of a results folder


def look(study: Study, folder: Path, baseline: Path | None = None) -> dict[str, State]:
    """The state of every receipt of a study, in the order of `steps`; writes nothing."""
    return {path: state for path, state, _ in _examined(study, folder, baseline)}


def settle(study: Study, folder: Path, baseline: Path | None = None) -> list[str]:
    """Remove the receipts that do not hold, so that Snakemake runs their stages again; a line for each damaged product,
    and for edited code.

    Those that hold get one date, so that Snakemake runs nothing else. No other run may be going on in the folder.
    Products stay as they are: a stage keeps what is sound in its own.
    Raises InputError if what is at the place of a receipt is not scoregap's: a plain Snakemake may begin in any folder.
    """
    damaged: dict[str, list[str]] = {}
    states: dict[str, State] = {}
    for path, one, again in _examined(study, folder, baseline):
        state, says, _ = states[path] = one
        if says:
            damaged.setdefault(stage_of(path), []).append(f"{folder / says}; {_remedy(says)}")
        if state not in ("holds", "absent"):
            own(folder / path, KIND)
            (folder / path).unlink()
        elif again:
            write_text(folder / path, json.dumps(again, indent=1) + "\n", KIND)
        if state == "holds":
            with suppress(OSError):  # of another user: a dry run looks at the dates that are there
                os.utime(folder / path, (DATE, DATE))
    lines = []
    for stage, found in damaged.items():
        lines += found[:NAMED]
        if len(found) > NAMED:
            lines.append(f"{folder / stage}: {len(found) - NAMED} more products of this stage likewise")
    return lines + since(states)


def since(states: dict[str, State]) -> list[str]:
    """What is run again since its code has changed, a line for all that the same files have outdated."""
    found: dict[tuple[str, ...], Counter[str]] = {}
    for path, one in states.items():
        if one.edited:
            found.setdefault(one.edited, Counter())[stage_of(path)] += 1
    lines = []
    for files, stages in found.items():
        told = ", ".join(name if name in GATHERING else f"{name} {count}" for name, count in stages.items())
        has = "has" if len(files) == 1 else "have"
        lines.append(f"{', '.join(files)} {has} changed since: results of {told} are made again")
    return lines


def code(path: Path) -> dict[str, str] | None:
    """What keys said of code when the results of a job's receipt were made; None without a receipt. Those of an earlier
    version of scoregap said nothing of own code."""
    found = _read(path)
    return found.get("code", {}) if found else None


def stage_of(path: str) -> str:
    """The stage of a receipt."""
    return path.split("/")[1].removesuffix(".json")


def _remedy(says: str) -> str:
    """What becomes of a product that is not as it was written: only what is scoregap's own is replaced."""
    return "move it away" if FOREIGN in says or NO_FILE in says else "made again"


def _examined(study: Study, folder: Path, baseline: Path | None) -> Iterator[tuple[str, State, dict | None]]:
    """(receipt, its state, its content where dates of products have changed), in the order of `steps`."""
    ids: dict[str, str] = {}  # of the receipts that hold
    for stage, job in steps(study):
        path, again = place(stage, job), None
        receipt = _read(folder / path)
        if receipt is None:
            state = State("absent")
        elif not receipt:
            state = State("damaged", f"{path}: is damaged")
        else:
            wrong, again = _compared(folder, receipt)
            if wrong:
                state = State("damaged", wrong)
            elif receipt["fingerprint"] == fingerprint(study, stage, job, baseline) and receipt["made_from"] == {
                one: ids.get(one) for one in before(study, stage, job)
            }:
                state = State("holds")
                ids[path] = identity(receipt)
            else:
                state = State("outdated", edited=_edited(receipt.get("sources", {}), study.job(job) if job else study))
        yield path, state, again if state.holds else None


def _edited(then: dict[str, str], now: Study | Job) -> tuple[str, ...]:
    """Sources that have changed since a receipt was written. One of an earlier version of scoregap does not name any:
    own code was then what is recorded, and other code was read otherwise."""
    of_now = now.sources
    if not then:
        known = plugins.recorded()
        own = (file for file, one in of_now.items() if file in known and known[file].digest != one)
        return *own, *(f"{file}, or how scoregap reads it," for file in of_now if file not in known)
    return tuple(file for file in dict.fromkeys([*of_now, *then]) if of_now.get(file) != then.get(file))


def identity(receipt: dict[str, Any]) -> str:
    """Hash of a receipt without the dates of its products."""
    files = {name: {**one, "mtime_ns": 0} for name, one in receipt.get("files", {}).items()}
    return digest({**receipt, "files": files}, length=16)


def _read(path: Path) -> dict[str, Any] | None:
    """A receipt; None if there is none, empty if it is no receipt of this version."""
    try:
        found = json.loads(read_bytes(path))
        sound = (
            found["format"] == FORMAT
            and isinstance(found["fingerprint"], str)
            and isinstance(found["made_from"], dict)
            and all(isinstance(one, str) for one in found["folders"])
            and all(one.keys() == {"size", "mtime_ns", "sha256"} for one in found["files"].values())
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if of_the_machine(error):
            raise
        return {}
    return found if sound else {}


def _compared(folder: Path, receipt: dict[str, Any]) -> tuple[str, dict | None]:
    """(the first product that is not as it was written, and how; the receipt with new dates, if one has another)."""
    wrong, again = [], {}
    for name, recorded in receipt["files"].items():
        path, dates = folder / name, recorded
        try:
            known = _known(path)
            if not path.is_file():
                wrong.append(f"{name}: {NO_FILE}")
            elif known["size"] != recorded["size"]:
                wrong.append(f"{name}: is damaged: it has {known['size']} bytes, of {recorded['size']}")
            elif known["mtime_ns"] != recorded["mtime_ns"]:
                dates = known | {"sha256": _sha256(path)}
                if dates["sha256"] != recorded["sha256"]:
                    wrong.append(f"{name}: is damaged, or is another file: its checksum is not the recorded one")
        except (FileNotFoundError, NotADirectoryError):
            wrong.append(f"{name}: is missing")
        except OSError as error:
            if of_the_machine(error):
                raise
            wrong.append(f"{name}: cannot be read: {error.strerror}")
        again[name] = dates
    for name in receipt["folders"]:
        foreign = (file.relative_to(folder).as_posix() for file in _files(folder / name))
        wrong += [f"{file}: {FOREIGN}" for file in foreign if file not in again]
    more = f" (and {len(wrong) - 1} files more)" if len(wrong) > 1 else ""
    return (wrong[0] + more if wrong else ""), receipt | {"files": again} if again != receipt["files"] else None


def _known(path: Path) -> dict[str, Any]:
    found = path.stat()
    return {"size": found.st_size, "mtime_ns": found.st_mtime_ns}


def _files(folder: Path) -> list[Path]:
    """All that is in a folder and below it, folders apart."""
    return sorted(Path(place) / name for place, _, names in os.walk(folder) for name in names)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
