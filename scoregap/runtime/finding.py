"""Which study a person means: by its name, by the path of its file, or by the folder of its results.

text of a command -> file of the study, folder of all results

Light: commands of single stages ask it too.
"""

import json
import os
import re
from pathlib import Path

from scoregap import InputError, brief
from scoregap.installation import WORKFLOW
from scoregap.spelling import asks, meant
from scoregap.store.opening import kind_of, read_text
from scoregap.store.ownership import MARK
from scoregap.study.yaml_file import read_yaml

STUDIES = WORKFLOW / "studies"
CONFIGURATION = ".runtime/config.json"  # in a results folder: what the last run there was of
ENDS = (".yaml", ".yml")


def studies() -> list[Path]:
    """Files of the studies that come with the project."""
    return sorted(STUDIES.glob("*.yaml"))


def names_of(paths: list[Path]) -> dict[str, Path]:
    """Files of studies by their names."""
    return {path.stem: path for path in paths}


def find(study: str) -> Path:
    """The file of a study given by its path, the folder of its results, or its name: of a study that comes with the
    project, or else of a file NAME.yaml in the current folder. A path may do without the .yaml. Raises InputError."""
    if study.endswith(ENDS):
        if kind_of(Path(study)) == "" and (near := _near(study.rpartition(".")[0], {})):
            wrong = "cannot be read: No such file or directory"
            raise InputError(wrong, file=study, value=study, allowed=f"did you mean {near}?")
        return Path(study)
    names = names_of(studies())
    if study in names:
        found = names[study]
        return found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found
    if study and is_results(Path(study)):
        return _of_results(Path(study))
    for end in ENDS if study else ():
        if kind_of(Path(f"{study}{end}")) == "a file":
            return Path(f"{study}{end}")
    there, shown = kind_of(Path(study)) if study else "", brief(Path(study) if os.sep in study else study)
    there = "a file whose name does not end in .yaml" if there == "a file" else there
    near = "" if there else _near(study, names)
    raise InputError(
        f"{shown} is {there or 'not known'}", key="study", value=study,
        allowed=f"{asks(near)}allowed are {', '.join(names)}, or the path of a YAML file",
    )  # fmt: skip


def place(study: str, results: Path) -> tuple[Path, Path]:
    """The file of a study, and the folder that its folder of results is in: `results`, unless that folder was given."""
    found, folder = find(study), Path(os.path.abspath(study))
    if found != Path(study) and study not in names_of(studies()) and is_results(folder):
        content = read_yaml(found)
        name = content.get("study") if isinstance(content, dict) else None
        if name != folder.name:
            raise InputError(
                f"the study of {brief(Path(study))} is called {brief(name)} now", key="study", value=study,
                allowed="should be the path of the study's file",
            )  # fmt: skip
        return found, folder.parent
    return found, results


def is_results(path: Path) -> bool:
    """Whether a path is the folder of the results of a study."""
    return os.path.isfile(path / MARK)


def _of_results(folder: Path) -> Path:
    """The study that the last run in a folder of results was of. Raises InputError."""
    try:
        found = json.loads(read_text(folder / CONFIGURATION))["study"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        found = ""
    if not isinstance(found, str) or kind_of(Path(found)) != "a file":
        raise InputError(
            f"{brief(folder)} does not say which study it is of", key="study", value=str(folder),
            allowed="should be the path of the study's file",
        )  # fmt: skip
    return Path(found)


def _near(study: str, names: dict[str, Path]) -> str:
    """The name, the file, or the folder of results, that is spelt like what was given."""
    folder, _, name = study.rstrip(os.sep).rpartition(os.sep)
    here = Path(folder or ("." if not study.startswith(os.sep) else os.sep))
    try:
        files = [one.name for one in os.scandir(here) if one.name.endswith(ENDS) or is_results(Path(one.path))]
    except OSError:
        files = []
    if not folder and (near := meant(study, names)):
        return near
    stems = {re.sub(r"\.ya?ml$", "", one): one for one in files}
    near = stems.get(name) or stems.get(meant(name, stems), "")
    return os.path.join(folder, near) if near else ""
