"""Files that are either whole or absent, and that say so when they are damaged.

arrays <-> one file per job (`.zarr.zip`, `.safetensors`) and one cube per study (`cube.zarr`)

Every file is written beside its place under a temporary name, flushed to disk and renamed. Array chunks carry a
CRC-32C, weights and tables a SHA-256, the cube a manifest of SHA-256s; a mismatch is a `DamagedFile`, never a NaN.
Nothing read here is unpickled. A cube may be larger than memory: it is built from a `Spool`, block by block.

What is at that place is replaced only if it is scoregap's own (`own`): its content says so, or, damaged as it may be,
its place in a results folder that bears the mark of one.

Only the functions that need xarray and zarr import them: jobs are many, and start often.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import mmap
import os
import re
import shutil
import stat
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from scoregap import DamagedFile, InputError

if TYPE_CHECKING:
    import xarray as xr

Arrays = dict[str, tuple[tuple[str, ...], np.ndarray]]  # name -> dimensions, values; `xarray.Dataset` takes one

FORMAT = 1  # of job files, tables and cube; that of receipts too
CHUNK = 2**17  # bytes of an inner chunk of a cube: one time of as many cells as fit
SHARD = 2**25  # bytes of a shard before compression: what is held at once when a cube is written


# ---------------------------------------------------------------- what is ours


class Kind(NamedTuple):
    """Of files that scoregap makes. name: for messages. says: whether the content of one says that it is of this kind.
    place: regular expression of where a results folder has such files, whole or damaged; empty if nowhere. inside: of
    the names of files in it, if it is a folder."""

    name: str
    says: Callable[[Path], bool]
    place: str = ""
    inside: str = ""


MARK = ".scoregap"  # the file in a results folder by which it is one
MARKED = "This folder and what scoregap has made in it are replaced by scoregap as it needs.\n"


OF_JOBS = {"train", "spectrum", "dimension", "sample", "fit"}  # folders of products
OF_ALL = {
    "cube.zarr", "cube.zarr.json", "comparison.csv", "comparison.csv.json", "comparison.txt", "claims.csv",
    "claims.csv.json", "figures", "report.html", "logs", "done",
}  # fmt: skip


def mark(folder: Path) -> None:
    """Make a results folder, or make one of what is there. Raises InputError if it has files that are not scoregap's.

    A folder without the mark that runs have locked, and Snakemake used, is of an earlier version; one in which all is
    called as stages call their products, and says that it is one, has been filled by hand.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = set(os.listdir(folder)) - {MARK}  # before looking at the mark: another run may be making it
    if _is_marked(folder):
        return
    if names and not names >= {".lock", ".snakemake"} and not _made_by_hand(folder, names):
        raise InputError(
            f"{folder}: has files, and was not made by scoregap (there is no {MARK} in it): move it away, or name "
            "another folder with --results"
        )
    with _naming(folder / MARK):
        (folder / MARK).write_text(MARKED)


def _made_by_hand(folder: Path, names: set[str]) -> bool:
    """Whether a folder with these names in it has products of jobs, and nothing but what stages and Snakemake make.

    Names alone prove nothing: a `train` and a `report.html` are in many a folder.
    """
    if not names & OF_JOBS or not names <= OF_JOBS | OF_ALL | {".snakemake"}:
        return False
    jobs = {stage: WEIGHTS if stage == "train" else job_kind(stage) for stage in names & OF_JOBS}
    products = [(file, kind) for stage, kind in jobs.items() for file in (folder / stage).glob("[!.]*")]
    products = [(file, kind) for file, kind in products if not file.name.endswith(".metrics.jsonl")]
    found = [(folder / name, TABLE) for name in names & {"comparison.csv", "claims.csv"}]
    found += [(folder / name, CUBE) for name in names & {"cube.zarr"}]
    named = Kind("text of scoregap's", text_with("scoregap"))  # their own kinds are in modules that need matplotlib
    found += [(folder / name, named) for name in names & {"comparison.txt", "report.html"}]
    found += [(file, named) for file in (folder / "figures").rglob("[!.]*.*")]
    return bool(products) and all(_says(*one) for one in (*products, *found))


def _is_marked(folder: Path) -> bool:
    try:
        return stat.S_ISREG((folder / MARK).lstat().st_mode) and (folder / MARK).read_text() == MARKED
    except (OSError, ValueError):
        return False


def own(path: Path, kind: Kind) -> Path:
    """Where a file of this kind is written as `path`: that place itself, or where a link there leads; the link stays.

    Raises InputError, with nothing touched, unless nothing is there or what is there is known to be scoregap's own, of
    the same kind.
    """

    def refuse(why: str) -> NoReturn:
        raise InputError(f"{path}: {why}: allowed is a new path, or {kind.name} that scoregap has made")

    target = Path(os.path.realpath(path))
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        above = next(one for one in target.parents if os.path.lexists(one))
        if not above.is_dir():
            refuse(f"{above} is not a folder")
        return target
    except OSError as error:  # a circle of links, a folder that may not be looked into
        refuse(error.strerror or str(error))
    if not (stat.S_ISDIR if kind.inside else stat.S_ISREG)(mode) or not target.exists():
        refuse("is a folder" if stat.S_ISDIR(mode) else "is a file" if stat.S_ISREG(mode) else "is not a regular file")
    if not (_says(target, kind) or _placed(path, kind)):
        refuse("was not made by scoregap, or is damaged")
    for folder, folders, files in os.walk(target) if kind.inside else ():
        for name in (*files, *(one for one in folders if os.path.islink(os.path.join(folder, one)))):
            one = Path(folder, name)
            if one.is_symlink() or not re.fullmatch(kind.inside, one.relative_to(target).as_posix()):
                refuse(f"has {one.relative_to(target)} in it, which was not made by scoregap")
    return target


def claim(*wanted: tuple[Path, Kind]) -> None:
    """Refuse, before any work, what `own` would refuse, and one path for two files. Raises InputError."""
    places = [own(path, kind) for path, kind in wanted]
    for i, place in enumerate(places):
        if place in places[:i]:
            raise InputError(f"{wanted[i][0]}: is named twice: allowed is a path of its own for each output")


def _says(path: Path, kind: Kind) -> bool:
    try:
        return kind.says(path)
    except Exception:  # damaged, or of anybody: a zip, JSON, a codec
        return False


def _placed(path: Path, kind: Kind) -> bool:
    """Whether a path is where a results folder has files of this kind."""
    path = Path(os.path.abspath(path))
    return any(
        re.fullmatch(kind.place, path.relative_to(folder).as_posix()) and _is_marked(folder)
        for folder in path.parents[:3]
    )


def text_with(pattern: str) -> Callable[[Path], bool]:
    """Whether the content of a file has a text, by regular expression."""
    return lambda path: bool(re.search(pattern.encode(), path.read_bytes()))


def json_with(*keys: str) -> Callable[[Path], bool]:
    """Whether a file is a mapping with these keys, as JSON."""
    return lambda path: json.loads(path.read_text(encoding="utf-8")).keys() >= set(keys)


# ---------------------------------------------------------------- writing


@contextmanager
def replacing(path: Path, kind: Kind):
    """A temporary name beside `path`; on leaving without an error the file there is synced and takes its place.

    Raises InputError if `path` is not scoregap's own.
    """
    path = own(Path(path), kind)
    with _temporary(path) as temporary:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)


@contextmanager
def _temporary(path: Path):
    """A name beside `path` for this process; what is there on leaving is deleted."""
    with _naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{_prefix(path)}{os.getpid()}")
        _sweep(path)
        try:
            yield temporary
        finally:
            _delete(temporary)


@contextmanager
def _naming(path: Path):
    """An OSError without a file, as on a full disk, or with a temporary one, names `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is None or _prefix(path) in str(error.filename):
            error.filename = str(path)
        raise


def _prefix(path: Path) -> str:
    return f".{path.name}.{os.uname().nodename}."


def _sweep(path: Path) -> None:
    """Delete what killed processes of this machine have left of `path`; those of others may be alive."""
    prefix = _prefix(path)
    for name in os.listdir(path.parent):
        if name.startswith(prefix) and (pid := name.removeprefix(prefix)).isdecimal():
            try:
                os.kill(int(pid), 0)
            except (ProcessLookupError, OverflowError):
                _delete(path.with_name(name))
            except PermissionError:  # alive, and another user's
                pass


def _delete(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink()


def _sync(path: Path) -> None:
    """Flush a file or a folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str, kind: Kind) -> None:
    """A whole text file, or the old one. Raises InputError if `path` is not scoregap's own."""
    with replacing(path, kind) as temporary:
        temporary.write_text(text, encoding="utf-8")


# ---------------------------------------------------------------- one file per job


@cache
def codecs() -> list:
    """How arrays are compressed and protected."""
    from zarr.codecs import BloscCodec, Crc32cCodec

    return [BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"), Crc32cCodec()]


@contextmanager
def _own_zarr():
    """zarr as it comes: a user's settings for it, which are read from files, would change bytes."""
    import zarr

    with zarr.config.set(zarr.config.defaults[0]):
        yield


def place(folder: Path, job: str, stage: str) -> Path:
    """The file of a job of a stage."""
    return folder / stage / f"{job}{'.safetensors' if stage == 'train' else '.zarr.zip'}"


def job_kind(stage: str) -> Kind:
    """Of the files of jobs of a stage other than train."""

    def says(path: Path) -> bool:
        with zipfile.ZipFile(path) as archive:
            attributes = json.loads(archive.read("zarr.json"))["attributes"]
        return attributes.keys() >= {"format", "members"} and attributes.get("stage", stage) == stage

    return Kind(f"a file of the stage {stage}", says, rf"{stage}/[^/]+\.zarr\.zip")


@_own_zarr()
def write_job(path: Path, arrays: Arrays, members: list[str], stage: str) -> None:
    """Arrays whose first dimension is `member`, with the key of every member, as one zip of a zarr store.

    The same arrays give the same bytes. Raises InputError if `path` is not scoregap's own, of this stage.
    """
    import zarr

    entries: dict = {}
    attributes = {"format": FORMAT, "members": json.dumps(members), "stage": stage}
    group = zarr.create_group(zarr.storage.MemoryStore(entries), zarr_format=3, attributes=attributes)
    for name, (dims, array) in arrays.items():
        # all members in a chunk, or each in one of its own: Blosc takes 2 GiB
        chunks = array.shape if array.nbytes <= SHARD else (1, *array.shape[1:])
        _create(group, name, array, dims, chunks=chunks)[...] = array
    with replacing(path, job_kind(stage)) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted(entries):
            archive.writestr(zipfile.ZipInfo(name), entries[name].to_bytes())


def _create(group, name: str, array, dims: tuple[str, ...], **more: Any):
    """A zarr array like `array`, without its values."""
    return group.create_array(
        name, shape=array.shape, dtype=array.dtype, fill_value=np.nan if array.dtype.kind == "f" else 0,
        compressors=codecs(), dimension_names=dims, config={"write_empty_chunks": True}, **more,
    )  # fmt: skip


@contextmanager
def _reading(path: Path):
    """Whatever a missing, damaged or foreign file raises, as a DamagedFile."""
    try:
        yield
    except DamagedFile:
        raise
    except Exception as error:  # zip (of something else: files missing in it), JSON, codec or header
        if not path.exists():
            raise _damaged(path, "is missing") from None
        raise _damaged(path, f"is damaged ({type(error).__name__}: {error})") from error


def _damaged(path: Path, how: str) -> DamagedFile:
    """The error of a file that is not what was written, and what mends it."""
    return DamagedFile(f"{path}: {how}; run the study again, or the stage that makes it", path)


def read_job(path: Path) -> tuple[Arrays, list[str]]:
    """What `write_job` wrote. Raises DamagedFile."""
    import zarr

    with _reading(path):
        with zipfile.ZipFile(path) as archive:
            _check_contents(path, archive)
            broken = archive.testzip()
            if broken:
                raise _damaged(path, f"is damaged: checksum of {broken} is wrong")
        with zarr.storage.ZipStore(path, mode="r") as store:
            group: Any = zarr.open_group(store, mode="r", zarr_format=3)
            if group.attrs["format"] != FORMAT:
                raise _damaged(path, "is of another version of scoregap")
            arrays = {name: (tuple(one.metadata.dimension_names), one[...]) for name, one in sorted(group.arrays())}
            return arrays, _keys(path, group, (array for _, array in arrays.values()))


def _keys(path: Path, group, arrays) -> list[str]:
    """Keys of the members of a job's file, if they are keys and its arrays have as many."""
    keys = json.loads(str(group.attrs["members"]))
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise _damaged(path, "is damaged: its members have no keys")
    if any(array.shape[:1] != (len(keys),) for array in arrays):
        raise _damaged(path, f"is damaged: it has {len(keys)} members, and arrays of others")
    return keys


def _check_contents(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse comments in the table of contents, which no checksum covers: ours has none, and a flip in the length of
    one makes it hide the entries that follow, whose arrays or chunks would then seem never to have been written."""
    if any(one.comment for one in archive.infolist()):
        raise _damaged(path, "is damaged: its table of contents is wrong")


def job_members(path: Path) -> tuple[list[str], np.ndarray | None]:
    """Keys of the members of a job's file, and their `status` if it has that, without the rest. Raises DamagedFile."""
    import zarr

    with _reading(path), zipfile.ZipFile(path) as archive, zarr.storage.ZipStore(path, mode="r") as store:
        _check_contents(path, archive)
        group = zarr.open_group(store, mode="r", zarr_format=3)
        status = group.get("status")
        if not isinstance(status, zarr.Array):
            return _keys(path, group, ()), None
        if status.dtype.kind != "i" or status.ndim != 1:
            raise _damaged(path, "is damaged: its status is no number per member")
        return _keys(path, group, (status,)), np.asarray(status[...])


# ---------------------------------------------------------------- weights


WEIGHTS = Kind("weights", lambda path: bool(weights_members(path)), r"train/[^/]+\.safetensors(\.checkpoint)?")


def _weights_digest(tensors: dict, members: str) -> str:
    total = hashlib.sha256(members.encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        total.update(f"{name}{array.dtype}{array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def write_weights(path: Path, members: dict[str, dict], tensors: dict[str, np.ndarray]) -> None:
    """Weights as safetensors. members: what is known of every member by key; tensors: named `<key>/<name>`."""
    from safetensors.numpy import save

    text = json.dumps(members, sort_keys=True)
    header = {"format": FORMAT, "members": text, "sha256": _weights_digest(tensors, text)}
    content = save(
        {name: np.ascontiguousarray(array) for name, array in tensors.items()},
        {"scoregap": json.dumps(header)},  # one entry, since safetensors writes several in random order
    )
    with replacing(path, WEIGHTS) as temporary:
        temporary.write_bytes(content)


def read_weights(path: Path) -> tuple[dict[str, dict], dict[str, np.ndarray]]:
    """What `write_weights` wrote. Raises DamagedFile."""
    from safetensors import safe_open

    with _reading(path):
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})["scoregap"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        if header["format"] != FORMAT:
            raise _damaged(path, "is of another version of scoregap")
        if header["sha256"] != _weights_digest(tensors, header["members"]):
            raise _damaged(path, "is damaged: its checksum is wrong")
        return _known(path, header["members"]), tensors


def _known(path: Path, text: str) -> dict[str, dict]:
    """What is known of every member of a file of weights, from its JSON."""
    members = json.loads(text)
    if not isinstance(members, dict) or not all(isinstance(one, dict) for one in members.values()):
        raise _damaged(path, "is damaged: nothing is known of its members")
    return members


def weights_members(path: Path) -> dict[str, dict]:
    """What is known of every member by key, without reading or checking the weights. Raises DamagedFile."""
    from safetensors import safe_open

    with _reading(path), safe_open(path, framework="numpy") as file:
        return _known(path, json.loads((file.metadata() or {})["scoregap"])["members"])


# ---------------------------------------------------------------- tables


TABLE = Kind("a table with its checksum", lambda path: bool(read_table(path)), r"(comparison|claims)\.csv")
CHECKSUM = Kind("a checksum", json_with("format", "of", "sha256"), r"(comparison|claims)\.csv\.json")


def table(path: Path) -> tuple[tuple[Path, Kind], ...]:
    """What `write_table` writes, as `claim` takes it."""
    return (path, TABLE), (manifest_of(path), CHECKSUM)


def write_table(path: Path, text: str, of: str) -> None:
    """A text file, and beside it `<path>.json` with what it is of, a study's hash, and the SHA-256 of both.

    Raises InputError, before it writes, if one of the two is not scoregap's own.
    """
    claim(*table(path))
    write_text(path, text, TABLE)
    manifest = {"format": FORMAT, "of": of, "sha256": _table_digest(text.encode(), of)}
    write_text(manifest_of(path), json.dumps(manifest) + "\n", CHECKSUM)


def _table_digest(content: bytes, of: str) -> str:
    return hashlib.sha256(content + of.encode()).hexdigest()


def read_table(path: Path) -> tuple[str, str]:
    """(text, of) that `write_table` wrote. Raises DamagedFile."""
    of, digest = _manifest(path, ("of", "sha256"))
    with _reading(path):
        content = path.read_bytes()
        if digest != _table_digest(content, of):
            raise _damaged(path, f"is damaged, by the checksum in {path.name}.json")
        return content.decode(), of


def manifest_of(path: Path) -> Path:
    """The file with the checksums of a table, or of every file of a cube."""
    return path.with_name(path.name + ".json")


def _manifest(path: Path, keys: tuple[str, ...]) -> list:
    """What the manifest of `path` has under these keys."""
    place = manifest_of(path)
    try:
        manifest = json.loads(place.read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            raise _damaged(place, "is of another version of scoregap")
        return [manifest[key] for key in keys]
    except FileNotFoundError:
        raise _damaged(place, "is missing") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise _damaged(place, "is damaged") from None


# ---------------------------------------------------------------- the cube


class Spool:
    """Arrays in files beside `path` instead of memory. The files have no name: they are gone with the process."""

    def __init__(self, path: Path):
        self.path = path
        self.maps: list[mmap.mmap] = []

    def full(self, shape: tuple[int, ...], fill, dtype) -> np.ndarray:
        """As `np.full`."""
        count = math.prod(shape)
        part = np.full(min(count, 2**17), fill, dtype)
        with _naming(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path.parent) as file:
                for start in range(0, count, len(part)):  # written, so that a full disk shows here and not in use
                    file.write(part[: count - start].data)
                file.flush()
                self.maps.append(mmap.mmap(file.fileno(), count * part.itemsize))
        return np.ndarray(shape, dtype, self.maps[-1])

    def forget(self) -> None:
        """Give the memory back that pages of the arrays take; their content stays."""
        for one in self.maps:
            one.madvise(mmap.MADV_DONTNEED)


def block(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Shape of blocks of at most `count` elements, consecutive in memory, that cut an array of this shape evenly."""
    sizes = []
    for size in reversed(shape):
        parts = math.ceil(size / max(count, 1))
        sizes.append(math.ceil(size / parts))
        count //= size
    return tuple(reversed(sizes))


def regions(shape: tuple[int, ...], sizes: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """The blocks of these sizes of an array, in order."""
    cuts = [[slice(i, i + size) for i in range(0, whole, size)] for whole, size in zip(shape, sizes, strict=True)]
    return itertools.product(*cuts)


def layout(array: xr.DataArray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of inner chunks and of shards. An inner chunk: CHUNK bytes of one time, so of many cells in most studies.

    Then a time of all cells is a share 1 / T of the file in a few reads, and a cell T small chunks.
    """
    rest = {dim: size for dim, size in array.sizes.items() if dim != "time"}
    inner = dict(zip(rest, block(tuple(rest.values()), CHUNK // array.dtype.itemsize), strict=True)) | {"time": 1}
    chunks = tuple(inner[dim] for dim in array.dims)
    counts = tuple(math.ceil(size / chunk) for size, chunk in zip(array.shape, chunks, strict=True))
    several = block(counts, SHARD // (math.prod(chunks) * array.dtype.itemsize))
    return chunks, tuple(count * chunk for count, chunk in zip(several, chunks, strict=True))


def _is_cube(path: Path) -> bool:
    """Whether a folder has the attributes of a cube of ours."""
    content = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
    return content["attributes"].keys() >= {"config_hash", "contract"}


IN_CUBE = r"\.snakemake_timestamp|([^/]+/)*(zarr\.json|c([./]\d+)*)"
CUBE = Kind("a cube", _is_cube, r"cube\.zarr", IN_CUBE)
MANIFEST = Kind("a manifest", json_with("format", "files"), r"cube\.zarr\.json")


def cube(path: Path) -> tuple[tuple[Path, Kind], ...]:
    """What `write_cube` writes, as `claim` takes it."""
    return (path, CUBE), (manifest_of(path), MANIFEST)


@_own_zarr()
def write_cube(path: Path, groups: dict[str, xr.Dataset], forget: Callable[[], None] = lambda: None) -> None:
    """Build the cube beside `path`, shard by shard, then swap. groups: {"": dataset}, or one dataset per group name.

    `<path>.json` is the manifest: SHA-256 of every file. It is whole before anything is swapped and takes its place
    last, so that at every instant there is the old cube, the new one, or what `read_cube` refuses. forget: called
    after every shard, to let go of what reading it has taken. Raises InputError if one of the two is not our own.
    """
    import zarr

    path, manifest = (own(*one) for one in cube(path))
    old = path.with_name(f"{path.name}.old")
    with _temporary(path) as building, _temporary(old) as aside, _temporary(manifest) as new_manifest:
        if set(groups) != {""}:
            attributes = next(iter(groups.values())).attrs
            zarr.create_group(building, zarr_format=3, attributes=dict(attributes))
        for group, ds in groups.items():
            _write_group(building, group, ds, forget)
        with warnings.catch_warnings():  # zarr announces that format 3 does not specify consolidation yet
            warnings.filterwarnings("ignore", message=".*[Cc]onsolidated metadata.*")
            zarr.consolidate_metadata(building)
        content = {"format": FORMAT, "files": _hashes(building, sync=True)}
        new_manifest.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        _sync(new_manifest)
        try:
            if path.exists():
                os.replace(path, aside)
            os.replace(building, path)
            os.replace(new_manifest, manifest)
        except BaseException:
            if aside.exists():
                _delete(path)
                os.replace(aside, path)
            raise
        _sync(path.parent)


def _write_group(store: Path, group: str, ds: xr.Dataset, forget: Callable[[], None]) -> None:
    """One dataset of a cube: coordinates by xarray, then variables."""
    import zarr

    coords = ds.drop_vars(list(ds.data_vars))
    encoding = {name: {"compressors": codecs()} for name in coords.variables}
    coords.to_zarr(
        store, group=group or None, zarr_format=3, consolidated=False, encoding=encoding, mode="a" if group else "w"
    )
    place = zarr.open_group(store, path=group, mode="r+")
    for name, array in ds.data_vars.items():
        chunks, shards = layout(array)
        target = _create(
            place, str(name), array, tuple(map(str, array.dims)), attributes=dict(array.attrs),
            chunks=chunks, shards=shards if shards != chunks else None,
            chunk_key_encoding={"name": "default", "separator": "."},  # a file of its own folder, not one per dimension
        )  # fmt: skip
        for region in regions(array.shape, shards):
            target[region] = array.data[region]
            forget()


def _hashes(folder: Path, sync: bool = False) -> dict[str, str]:
    hashes = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != ".snakemake_timestamp":  # Snakemake's, in cubes from before receipts
            with file.open("rb") as stream:
                hashes[file.relative_to(folder).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
                if sync:
                    os.fsync(stream.fileno())
    return hashes


def read_cube(path: Path) -> dict[str, xr.Dataset]:
    """Datasets of a cube by group, checked against the manifest and opened lazily. Raises DamagedFile."""
    import xarray as xr
    import zarr

    (wanted,) = _manifest(path, ("files",))
    with _reading(path):
        found = _hashes(path)
        for name in sorted(wanted.keys() | found.keys()):
            if wanted.get(name) != found.get(name):
                raise _damaged(path / name, f"is damaged, missing or foreign, by {manifest_of(path).name}")
        tree = zarr.open_group(path, mode="r", zarr_format=3)
        names = sorted(tree.group_keys()) or [""]
        return {name: xr.open_zarr(path, group=name or None, chunks=None, zarr_format=3) for name in names}
