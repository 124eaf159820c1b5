"""Code on which results of a study depend beside its settings and the revisions of stages: of networks and families.

values of the axes family and network -> what keys hash of their sources, and the digest of every one

Own modules that nobody has edited since this version of the package was made say nothing in keys: they are what the
revisions of stages are of. Edited ones, and all code of other packages, are in the keys of all that depends on them.
"""

import json
from collections.abc import Iterable

from scoregap import networks, plugins
from scoregap.data import FAMILIES


def paths_of(families: Iterable[str], network_names: Iterable[str]) -> dict[str, list[str]]:
    """{what keys call it: paths of classes} of these families, and of those of the networks that are trained."""
    found = {
        "family code": [
            path
            for name in families
            for path in ([plugins.path(name, plugins.FAMILIES)] if plugins.is_outside(name) else [])
            + [FAMILIES[name].where]
        ],
        "network code": [networks.import_path(name) for name in network_names if networks.is_name(name)],
    }
    return {key: list(dict.fromkeys(paths)) for key, paths in found.items()}


def code_of(families: Iterable[str], network_names: Iterable[str]) -> dict[str, str]:
    """What results depend on of code, by axis, as JSON, as keys hash it. Nothing where all is as in this version."""
    found = {}
    for key, paths in paths_of(families, network_names).items():
        said = {path: plugins.edited(path) for path in paths}
        said = {path: files for path, files in said.items() if files}
        if said:
            found[key] = json.dumps(said, sort_keys=True)
    return found


def files_of(families: Iterable[str], network_names: Iterable[str]) -> dict[str, str]:
    """{file: digest} of all their sources."""
    paths = [path for found in paths_of(families, network_names).values() for path in found]
    return {file: one for path in paths for file, one in plugins.sources(path).items()}
