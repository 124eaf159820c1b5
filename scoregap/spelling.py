"""What somebody meant who has written a name that there is not.

a word, the names that there are -> those that are spelt alike, the nearest first; a sentence that asks
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

NEAREST = 0.66  # ratio of difflib: of five letters one may be wrong, of eight two
LONGEST = 40  # characters of a word that anybody has meant as a name


def meant(word: Any, names: Iterable[str]) -> str:
    """The name that is spelt most like a word, in whatever case; empty where none is like it, or the word is one."""
    if not isinstance(word, str) or not 1 < len(word) <= LONGEST:
        return ""
    plain: dict[str, str] = {}
    for name in names:
        plain.setdefault(_plain(name), name)
    (found,) = get_close_matches(_plain(word), plain, 1, NEAREST) or [""]
    return plain.get(found, "") if plain.get(found, "") != word else ""


def asks(name: str) -> str:
    """The question, to stand before what is allowed; empty without a name."""
    return f"did you mean {name}? " if name else ""


def _plain(word: str) -> str:
    return word.lower().replace("-", "_").replace(" ", "_")
