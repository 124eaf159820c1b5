"""What a run hands over to Snakemake: names of files as they are, whatever characters they have.

study file, folder of results, profile -> files in the study's results folder -> the command, in which they have no part

Snakemake reads values on its command line as YAML, and the name of a profile as a pattern of names. So its command,
given in the results folder, names only files there: a configuration in JSON, and a link to the profile.
"""

import json
import os
import shutil
import sys
from pathlib import Path

from scoregap.installation import WORKFLOW
from scoregap.runtime.environment import FOLDER

CONFIGURATION = f"{FOLDER}/config.json"  # in a results folder
PROFILE = f"{FOLDER}/profile"


def write(folder: Path, study: Path, results: Path, profile: Path, gpus: int) -> None:
    """Write the files that `command` names into the results folder of a study, `folder`, in place of earlier ones.

    gpus: how many of this machine there are for jobs; 0 if none, or on a cluster.
    """
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    (folder / CONFIGURATION).write_text(configuration(study, results, gpus), encoding="utf-8")
    link = folder / PROFILE
    if link.is_dir() and not link.is_symlink():  # the folder is a copy in which links were followed
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(profile.resolve(), target_is_directory=True)


def configuration(study: Path, results: Path, gpus: int) -> str:
    """The configuration of the Snakefile."""
    content = {"study": _text(study.resolve()), "results": _text(results.resolve())}
    return json.dumps(content | ({"gpus": gpus} if gpus else {}), indent=1) + "\n"


def _text(path: Path) -> str:
    """A path as UTF-8 reads it, as Snakemake's Python does, whatever the user's encoding is; bytes that are none are
    kept as surrogates, which JSON escapes."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")


def command(cores: str | None, gpus: int) -> list[str]:
    """Snakemake's command, to be given in a results folder. cores: None leaves their number to the profile."""
    # Our own lock instead of Snakemake's: the kernel drops it with the last process, so nothing is left by a kill.
    # In place of a profile's `quiet`: with `progress` in that Snakemake would not tell which jobs have finished.
    # Receipts say what is done, whatever a killed Snakemake has marked as incomplete, and whatever text a rule had.
    return [
        sys.executable, "-m", "scoregap.runtime.logger",
        "--nolock", "--ignore-incomplete", "--rerun-triggers", "mtime", "--quiet", "host",
        "--snakefile", str(WORKFLOW / "Snakefile"),
        "--profile", "none", "--workflow-profile", PROFILE, "--configfile", CONFIGURATION,
        *(("--cores", cores) if cores else ()), *(("--resources", f"gpu={gpus}") if gpus else ()),
    ]  # fmt: skip
