"""What a finished run is reduced to, and the file that remembers it.

study, its results -> Record (raw numbers per metric and seed, margins, origin) <-> results/baselines/STUDY.json

The margin of what scatters is frozen here: MARGIN standard deviations for 8 seeds and more for fewer, as the standard
error of a mean. `verdicts` compares two records.
"""

import json
import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from pydantic import Field, ValidationError

from scoregap import DamagedFile, InputError, cubes
from scoregap.regression import metrics, of_data, of_memorisation
from scoregap.regression.metrics import KINDS, Metric, Strict, across, spread, varied
from scoregap.store.files import how_damaged, write_text
from scoregap.store.jobs import job_path
from scoregap.store.opening import absent, lacks_resources, read_text
from scoregap.store.ownership import Kind, json_with
from scoregap.store.weights import weights_members
from scoregap.study import Study, digest

FORMAT = 1
MARGIN, SEEDS = 3.0, 8  # standard deviations of one seed's value, at so many seeds
SILENT = ("study", "compare", "batch")  # of a study: what changes no number (seeds are compared one by one)
WHERE = frozenset({"source", "labels", "path", "weights"})  # where files lie; those of data are told by their SHA-256


class Record(Strict):
    """A run reduced to its metrics; as a baseline it has a date and a reason.

    config: the resolved study without what changes no number. device: architecture, and what networks were trained on.
    not_ok: cells that failed.
    """

    format: Literal[1] = 1
    study: str
    config: dict[str, Any]
    config_hash: str
    device: str
    versions: str
    revision: str
    seeds: list[int]
    not_ok: list[str] = Field(default_factory=list)
    date: str = ""
    reason: str = ""
    metrics: dict[str, Metric]


def take(study: Study, folder: Path) -> Record:
    """Reduce the finished run of a study in its folder. Raises DamagedFile, InputError."""
    parts = cubes.datasets(study, folder / "cube.zarr")
    attrs = parts[0][1][0].attrs
    found: dict[str, Metric] = {}
    seeds = list(dict.fromkeys(seed for part in study.parts for seed in part.axes["seed"]))
    reduce = of_data.reduce if study.document.data else metrics.reduce
    for part, datasets in parts:
        for ds in datasets:
            reduce(part, ds, found, varied(study), seeds)
            if study.document.memorisation:
                of_memorisation.reduce(part, ds, found, varied(study), seeds)
    config = config_of(study)
    return Record(
        study=study.name, config=config, config_hash=digest(config), device=device(study, folder, attrs["machine"]),
        versions=attrs["versions"], revision=attrs["revision"], seeds=seeds,
        not_ok=not_ok(study, parts),
        metrics=with_margins(found | across(found)),
    )  # fmt: skip


def config_of(study: Study) -> dict[str, Any]:
    """The resolved study as plain data, without what changes no number; seeds, of blocks too, are compared one by
    one."""
    config = json.loads(json.dumps({key: value for key, value in study.resolved.items() if key not in SILENT}))
    for grid in (config["axes"], *config.get("blocks", {}).values()):
        grid.pop("seed", None)
    for section in (config.get("data", {}), *config.get("scores", {}).values()):
        for key in WHERE & section.keys():
            del section[key]
    return config


def not_ok(study: Study, parts: list[tuple[Study, list[xr.Dataset]]]) -> list[str]:
    """The cells of a run that are not ok; those that blocks share once."""
    found = (one for part, datasets in parts for ds in datasets for one in metrics.not_ok(part, ds, varied(study)))
    return list(dict.fromkeys(found))


def device(study: Study, folder: Path, machine: str) -> str:
    """The class of device: systems whose roundings may differ at large are not compared."""
    files = [job_path(folder, job.id, "train") for job in study.jobs.values() if job.trained]
    there = [file for file in files if not absent(file)]  # cells of others have no result
    used = {str(member.get("device")) for file in there for member in weights_members(file).values()}
    return f"{machine}, {' and '.join(sorted(used)) or 'cpu'}"


def with_margins(metrics: dict[str, Metric]) -> dict[str, Metric]:
    """The metrics with the margins that a baseline of them freezes, in the order of their names."""
    samples = {name: metric.array() for name, metric in metrics.items() if metric.margin is not None}
    spreads, result = spread(samples, metrics), {}
    for name, metric in sorted(metrics.items()):
        if name in samples:
            seeds = np.isfinite(samples[name]).sum()
            margin = max(KINDS[metric.kind].floor, MARGIN * math.sqrt(SEEDS / max(seeds, 1)) * spreads[name][0])
            metric = metric.model_copy(update={"margin": float(f"{margin:.4g}")})
        result[name] = metric
    return result


KIND = Kind("a baseline", json_with("study", "config_hash", "seeds", "metrics"))


def write(path: Path, record: Record) -> None:
    """A baseline: sorted, one line per metric and per section of the study, so that a change reads well as a diff."""
    content = record.model_dump()
    lines = []
    for key in sorted(content):
        if key in ("config", "metrics"):
            inner = ",\n".join(
                f"  {json.dumps(name)}: {json.dumps(one, sort_keys=True, allow_nan=False)}"
                for name, one in sorted(content[key].items())
            )
            lines.append(f" {json.dumps(key)}: {{\n{inner}\n }}")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(content[key])}")
    write_text(path, "{\n" + ",\n".join(lines) + "\n}\n", KIND)


def read(path: Path) -> Record:
    """What `write` wrote. Raises InputError if there is no such file, DamagedFile if it is not a baseline."""
    try:
        content = json.loads(read_text(path))
        if isinstance(content, dict) and content.get("format", FORMAT) != FORMAT:
            raise DamagedFile(f"{path}: is of another version of scoregap: take its own, or accept the baseline again")
        record = Record.model_validate(content)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError("is no baseline", file=path, allowed="make one with `scoregap baseline accept`") from None
    except IsADirectoryError:
        allowed = "should be a file, as `scoregap baseline accept` makes one"
        raise InputError("is a folder", file=path, allowed=allowed) from None
    except OSError as error:
        if lacks_resources(error):
            raise
        raise InputError(f"is no baseline: {error.strerror}", file=path, allowed="should be a file of JSON") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DamagedFile(
            f"{path}: is damaged or no baseline: {where}: {first['msg'].removeprefix('Input ')}; take it from git"
        ) from None
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f"{path}: {how_damaged(error)}, or no baseline; take it from git") from None
    for name, metric in record.metrics.items():
        if len(metric.values) != len(record.seeds) or (metric.margin is not None and metric.kind not in KINDS):
            raise DamagedFile(f"{path}: is damaged: metrics.{name}: needs a known kind, and a value per seed")
    if digest(record.config) != record.config_hash:
        raise DamagedFile(f"{path}: is damaged: config_hash is not that of config; take it from git")
    return record
