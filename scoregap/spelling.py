"""What somebody meant who has written a name that there is not.

a word, the names that there are -> the one that is spelt alike, or begins alike; a sentence that asks
"""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

NEAREST = 0.66  # ratio of difflib: of five letters one may be wrong, of eight two
BEGINNING = 3  # characters of a name or a word with which the other begins
LONGEST = 40  # characters of a word that anybody has meant as a name


def meant(word: Any, names: Iterable[str]) -> str:
    """The name that is spelt most like a word, in whatever case, or else the only one that begins as it does or with
    which it begins; empty where there is none, or the word is one."""
    if not isinstance(word, str) or not 1 < len(word) <= LONGEST:
        return ""
    plain: dict[str, str] = {}
    for name in names:
        plain.setdefault(_plain(name), name)
    found = get_close_matches(_plain(word), plain, 1, NEAREST) or [one for one in plain if _begin(_plain(word), one)]
    return plain[found[0]] if len(found) == 1 and plain[found[0]] != word else ""


def meant_beside(path: Path) -> str:
    """The name of the file or folder in the same folder that a path means, with the same ending; empty without one."""
    try:
        alike = [Path(one) for one in os.listdir(path.parent) if Path(one).suffix.lower() == path.suffix.lower()]
        return {one.stem: one.name for one in alike}.get(meant(path.stem, (one.stem for one in alike)), "")
    except (OSError, ValueError):
        return ""


def asks(name: str) -> str:
    """The question, to stand before what is allowed; empty without a name."""
    return f"did you mean {name}? " if name else ""


def _begin(word: str, name: str) -> bool:
    return min(len(word), len(name)) >= BEGINNING and (word.startswith(name) or name.startswith(word))


def _plain(word: str) -> str:
    return word.lower().replace("-", "_").replace(" ", "_")
