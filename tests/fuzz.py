"""Study files of all kinds of faults: what reading, planning and asking for the status of each comes to.

    make fuzz        # or: python tests/fuzz.py [STUDIES] [SEED]; 2,000, some minutes of one core

Files are made from the tiny study and the ones of the project by hypothesis: values, keys and lines are changed, taken
away, repeated, put elsewhere, written under tags, by aliases and merges; or they are any text, any bytes, or no file.
Every one goes through the command line (`scoregap status`, in this process, with a limit of time), and comes to
"accepted" or to "a line for each mistake, status 2"; anything else is a fault and is printed. Prints the counts; from
1,000 studies on it adds a line to results/benchmarks/fuzz.csv. Exit status 1 if there was a fault.

All files are small and harmless to any reader of YAML: bounds of expansion are tested in tests/study/test_yaml_file.py.
"""

import contextlib
import copy
import csv
import datetime
import io
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import yaml
from bounded import SPECIAL, at_once
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tiny import BLOCKS, DIMENSION, SAMPLING, TINY

from scoregap.__main__ import app

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "results" / "benchmarks" / "fuzz.csv"
SECONDS = 60  # of one study at most, on any machine
ACCEPTED, REFUSED = "accepted", "a line for each mistake, status 2"


def _blocks() -> str:
    text = TINY
    for old, new in BLOCKS:
        text = text.replace(old, new, 1)
    return text


STUDIES = [
    TINY, _blocks(), TINY.replace("fit:\n", DIMENSION), TINY.replace("fit:\n", SAMPLING),
    *(path.read_text(encoding="utf-8") for path in sorted((ROOT / "workflow" / "studies").glob("*.yaml"))),
]  # fmt: skip
CONTENTS = [yaml.safe_load(text) for text in STUDIES]

# What is in one place of a study may stand in any other.
_FOUND: set = set()


def _collect(value) -> None:
    if isinstance(value, dict):
        _FOUND.update(value)
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            _collect(one)
    else:
        _FOUND.add(value)


_collect(CONTENTS)
ODD = [
    0, -1, 1, 2, 1e-300, 1e300, -0.0, 0.5, 1.0000001, float("nan"), float("inf"), float("-inf"), 2**31, 2**63, 2**64,
    10**300, True, False, None, "", " ", "\n", "\x1b[2J", "\ud800", "\u202e", "é", "../x", "a/b", "~", "null", "1e3",
    "$(x)", "x" * 300, "gated-99999", "gated-0", "resmlp-", "exact-8", "a.b", "a.b:C", "torch.nn:Linear-8", "cuda:99",
    "scoregap.data:FAMILIES", "manifold.groups.0.std", "manifold.groups.all.std", "manifold.groups.+0.bend",
    "fit.level", "train.steps", datetime.date(2001, 1, 1), b"\0", [], {}, [[]], [None], {"a": 1}, [1, 1], [1, "a"],
    list(range(40)),
]  # fmt: skip
SCALARS = st.one_of(
    st.sampled_from(sorted(_FOUND, key=repr)),
    st.sampled_from(ODD).map(copy.deepcopy),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
)
_KEYS = st.sampled_from(sorted(map(str, _FOUND))) | st.text(max_size=6)


def _of(inner: st.SearchStrategy) -> st.SearchStrategy:
    """Lists and mappings of values."""
    return st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4)


VALUES = SCALARS | _of(SCALARS | _of(SCALARS))


def _places(value, path=()):
    """Paths to all values in plain data."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield from _places(one, (*path, key))


@st.composite
def changed(draw):
    """A study with a few of its values, keys or places changed, as YAML in one of two styles."""
    content = {"study": yaml.safe_load(yaml.safe_dump(draw(st.sampled_from(CONTENTS))))}
    for _ in range(draw(st.integers(1, 3))):
        *above, key = draw(st.sampled_from([place for place in _places(content) if place]))
        owner = content
        for part in above:
            owner = owner[part]
        what = draw(st.sampled_from(("value", "value", "number", "key", "gone", "twice", "moved")))
        if what == "value" or not above:
            owner[key] = draw(VALUES)
        elif what == "number" and isinstance(owner[key], (int, float)):
            owner[key] = owner[key] * draw(st.sampled_from((-1, 0, 10, 1e-6, 1e6, 1.5)))
        elif what == "gone":
            del owner[key]
        elif what == "moved":
            other = draw(st.sampled_from([place for place in _places(content) if place]))
            with contextlib.suppress(KeyError, IndexError, TypeError):
                found = content
                for part in other:
                    found = found[part]
                owner[key] = yaml.safe_load(yaml.safe_dump(found))
        elif isinstance(owner, list):
            owner.append(draw(VALUES) if what == "key" else owner[key])
        elif what == "key":
            owner[draw(st.text(max_size=8) | st.sampled_from(sorted(map(str, _FOUND))))] = owner.pop(key)
        else:
            owner[f"{key}{draw(st.sampled_from(('', ' ', '0', '.0', '.all', 'é')))}"] = owner[key]
    text = yaml.dump(content["study"], allow_unicode=draw(st.booleans()), default_flow_style=draw(st.booleans()))
    return text.encode(errors="surrogatepass")


TOKENS = st.sampled_from(
    [*(f"!!{tag} " for tag in ("int", "float", "bool", "timestamp", "binary", "set", "omap", "pairs", "str", "null")),
     "!x ", "!!python/none", "&a ", "*a ", "<<: *a", "<<: [*a, *a]", "? ", "- ", ": ", "{", "}", "[", "]", ",", "#",
     "|", ">", "'", '"', "%", "@", "`", "\t", "\n", "\r", "  ", "---\n", "...\n", "\0", "\x85", "\u2028", "\ufeff",
     "\\x", "\x1b[2J", "0x", "0b", "1:", ".", "9" * 500, "9" * 5000, "1e3", ".inf", ".nan", "~", "yes",
     "2001-01-01"]
)  # fmt: skip


@st.composite
def spoiled(draw):
    """The text of a study with tokens put in, and stretches and lines taken out, doubled or swapped."""
    text = draw(st.sampled_from(STUDIES))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        what = draw(st.sampled_from(("put", "put", "put", "cut", "double", "swap")))
        end = min(len(text), at + draw(st.integers(1, 30)))
        if what == "put":
            text = text[:at] + draw(TOKENS) + text[at:]
        elif what == "cut":
            text = text[:at] + text[end:]
        elif what == "double":
            text = text[:end] + text[at:]
        else:
            lines = text.splitlines(keepends=True)
            i, j = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
            lines[i], lines[j] = lines[j], lines[i]
            text = "".join(lines)
    return text.encode(errors="surrogatepass")


def _recoded(draw_from):
    return draw_from.flatmap(
        lambda content: st.sampled_from(("utf-8", "latin-1", "utf-16", "utf-32")).map(
            lambda encoding: content.decode(errors="replace").encode(encoding, errors="replace")
        )
    )


FILES = st.one_of(
    changed(), changed(), changed(), changed(), spoiled(), spoiled(), spoiled(), _recoded(changed()),
    st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode(errors="surrogatepass")),
    VALUES.map(lambda value: yaml.dump(value, allow_unicode=True).encode(errors="surrogatepass")),
    st.sampled_from(sorted(SPECIAL)),
)  # fmt: skip


def outcome(folder: Path, content: bytes | str) -> str:
    """What `scoregap status` of a study comes to. content: of its file; or a name of SPECIAL, for what is no file."""
    path = folder / "study.yaml"
    if isinstance(content, str):
        SPECIAL[content](path)
    else:
        path.write_bytes(content)
    said, told = io.StringIO(), io.StringIO()
    try:
        with at_once(SECONDS), contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
            app(["status", str(path), "--results", str(folder / "results")])
        return "no exit"
    except SystemExit as end:
        status = end.code
    except BaseException:  # whatever it is, it is to be counted
        return f"fault: {traceback.format_exc()}"
    if status == 0 and not told.getvalue() and said.getvalue().replace("\n", "").isprintable():
        return ACCEPTED
    lines = told.getvalue().removesuffix("\n").split("\n")
    plain = all(line.startswith("scoregap: ") and line.isprintable() and len(line) < 1500 for line in lines)
    if status == 2 and plain and len(set(lines)) == len(lines) and not said.getvalue():
        return REFUSED
    return f"fault: status {status}: {said.getvalue()!r} {told.getvalue()!r}"


def run(count: int, number: int) -> tuple[Counter, list[tuple[bytes | str, str]]]:
    """Counts of outcomes of so many studies, and the faults with their files."""
    counts: Counter = Counter()
    faults = []

    @seed(number)
    @settings(
        max_examples=count, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck]
    )
    @given(content=FILES)
    def one(content):
        with tempfile.TemporaryDirectory() as folder:
            found = outcome(Path(folder), content)
        counts[found if found in (ACCEPTED, REFUSED) else "fault"] += 1
        if found not in (ACCEPTED, REFUSED):
            faults.append((content, found))

    one()
    return counts, faults


def record(count: int, number: int, counts: Counter, spent: float) -> None:
    """Add a line to the record."""
    asked = ["git", "describe", "--always", "--dirty"]
    revision = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()
    new = not RECORD.exists()
    with RECORD.open("a", newline="") as file:
        heads = ("date", "revision", "study files", "seed", ACCEPTED, REFUSED, "anything else", "seconds of one core")
        date = datetime.datetime.now(datetime.UTC).date().isoformat()
        row = (date, revision, count, number, counts[ACCEPTED], counts[REFUSED], counts["fault"], round(spent))
        csv.writer(file, lineterminator="\n").writerows([*([heads] if new else []), row])


def main(count: int, number: int) -> int:
    """Try `count` studies. Returns an exit status."""
    before = time.process_time()
    counts, faults = run(count, number)
    spent = time.process_time() - before
    for content, found in faults[:20]:
        print(repr(content), found, sep="\n", end="\n\n")
    total = sum(counts.values())
    if total >= 1000:
        record(total, number, counts, spent)
    print(f"{total} study files, seed {number}: {dict(counts)}; {spent:.0f} s of one core")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(*(int(one) for one in (sys.argv[1:] + ["2000", "0"][len(sys.argv) - 1 :]))))
