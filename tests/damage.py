"""Is a damaged file ever read as if it were whole? `python tests/damage.py` prints, for every kind of file, how many of
FLIPS single-bit flips and of the other damages are named, harmless (what is read is the same) and silent.

A kind is a file, or a file in a cube, and a function that reads it. Positions of flips: the first and last eight
bytes, then anywhere. A minute.
"""

import io
import pickle
import random
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import xarray as xr
import zarr
from tiny import write_job

from scoregap import DamagedFile, variables
from scoregap.store import cube as cube_files
from scoregap.store.cube import read_cube, write_cube
from scoregap.store.files import manifest_of
from scoregap.store.jobs import read_job
from scoregap.store.tables import read_table, read_tables, write_table, write_tables
from scoregap.store.weights import read_weights, write_weights

FLIPS = 216
WHOLE = (
    "truncated by a byte", "truncated", "empty", "text", "pickle", "a zip of something else",
    "safetensors of something else", "another of its kind", "absent", "folder", "a part missing",
)  # fmt: skip


def numbers(names, rng, **sizes):
    """A job's dataset of two members, of these variables of the registry."""
    sizes = {"time": 4, "point": 2, "mode": 5, "group": 2, "gap": 2, "evaluation": 3} | sizes
    data = {}
    for name in names:
        variable = variables.VARIABLES[name]
        values = 100 * rng.random((2, *(sizes[dim] for dim in variable.dims)))
        data[name] = (("member", *variable.dims), values.astype(variable.dtype))
    return xr.Dataset(data)


def job(names):
    """Of a job's file of these variables: (make, read)."""

    def make(folder, seed):
        write_job(folder / "job.zarr.zip", numbers(names, np.random.default_rng(seed)), ["a", str(seed)])
        return folder / "job.zarr.zip", folder / "job.zarr.zip"

    return make, read_job


def weights(folder, seed):
    """Trained weights of two members."""
    rng = np.random.default_rng(seed)
    tensors = {f"{key}/network.{name}": rng.random((8, 8), np.float32) for key in "ab" for name in ("w", "b")}
    write_weights(folder / "w.safetensors", {key: {"diverged": False, "data_std": seed} for key in "ab"}, tensors)
    return folder / "w.safetensors", folder / "w.safetensors"


def checkpoint(folder, seed):
    """The state of training of two members."""
    rng = np.random.default_rng(seed)
    members = {key: {"step": 128, "device": "cpu"} for key in "ab"}
    tensors = {f"{key}/adam.{name}": rng.random((8, 8), np.float32) for key in "ab" for name in ("m", "v")}
    write_weights(folder / "w.safetensors.checkpoint", members, tensors)
    return folder / "w.safetensors.checkpoint", folder / "w.safetensors.checkpoint"


def cube(pick):
    """Of the file in a cube of several shards that `pick` chooses: make."""

    def make(folder, seed):
        rng = np.random.default_rng(seed)
        dims = {"status": (), "eigenvalue": ("time", "point", "mode"), "t_max": ("gap",)}
        sizes = {"network": 3, "seed": 4, "time": 6, "point": 2, "mode": 5, "gap": 2}
        axes = ("network", "seed")
        arrays = {
            name: ((*axes, *own), rng.random([sizes[dim] for dim in (*axes, *own)], np.float32))
            for name, own in dims.items()
        }
        coords = {"network": np.array(["exact", "a", "b"], object), "seed": np.arange(4), "time": rng.random(6)}
        with mock.patch.multiple(cube_files, CHUNK=80, SHARD=960):
            attributes = {"seed": str(seed), "config_hash": "x", "contract": "1"}
            write_cube(folder / "cube.zarr", {"": xr.Dataset(arrays, coords, attributes)})
        return folder / "cube.zarr", pick(folder / "cube.zarr")

    return make


def read_whole_cube(path):
    """Everything in a cube."""
    return {name: ds.load() for name, ds in read_cube(path).items()}


def read_alone(path):
    """The eigenvalues of a cube by zarr alone, without the manifest; what it raises is named DamagedFile."""
    try:
        return zarr.open_array(path / "eigenvalue", mode="r")[...]
    except Exception as error:
        raise DamagedFile(f"{shard(path).name}: damaged") from error


def table(folder, seed):
    """A comparison."""
    write_table(folder / "comparison.csv", "quantity,ratio\n" + f"t_max,1.{seed}\n" * 50, f"hash {seed}")
    return folder / "comparison.csv", folder / "comparison.csv"


def tables(folder, seed):
    """What a study says as a whole."""
    numbers = {"t": np.random.default_rng(seed).random(20), "network": ["exact"] * 20}
    write_tables(folder / "findings.jsonl", {"cost": pd.DataFrame(numbers)}, f"hash {seed}")
    return folder / "findings.jsonl", folder / "findings.jsonl"


def read_plain_tables(path):
    """They, of plain values."""
    found, of = read_tables(path)
    return {name: frame.to_dict("list") for name, frame in found.items()}, of


def manifest_of_table(folder, seed):
    """The file with its checksum."""
    path, _ = table(folder, seed)
    return path, manifest_of(path)


def shard(path):
    """The second shard of the eigenvalues."""
    return sorted(file for file in (path / "eigenvalue").rglob("c*") if file.is_file())[1]


# kind -> (make: folder, seed -> what is read, what is damaged; read)
KINDS = {
    "weights": (weights, read_weights),
    "checkpoint": (checkpoint, read_weights),
    "spectrum": job(("status", "eigenvalue", "alignment", "training_flops")),
    "dimension": job(("boundary", "gap_count")),
    "fit": job(("t_max", "t_max_low", "t_max_state", "gap_width")),
    "cube: shard": (cube(shard), read_whole_cube),
    "cube: shard, read by zarr alone": (cube(shard), read_alone),
    "cube: metadata of all": (cube(lambda path: path / "zarr.json"), read_whole_cube),
    "cube: metadata of a variable": (cube(lambda path: path / "eigenvalue" / "zarr.json"), read_whole_cube),
    "cube: coordinate": (cube(lambda path: path / "time" / "c" / "0"), read_whole_cube),
    "cube: manifest": (cube(manifest_of), read_whole_cube),
    "comparison": (table, read_table),
    "findings": (tables, read_plain_tables),
    "comparison: checksum": (manifest_of_table, read_table),
}


def same(a, b):
    """Whether two results of reading are equal to the last bit of every array."""
    if isinstance(a, xr.Dataset):
        return a.identical(b) and all(a[name].values.tobytes() == b[name].values.tobytes() for name in a.data_vars)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return all(same(*pair) for pair in zip(a, b, strict=True))
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b


def outcome(read, path, good, name):
    """What reading a damaged file comes to."""
    try:
        return "harmless" if same(read(path), good) else "silent"
    except DamagedFile as error:
        text = str(error)
        return "named" if name in text and "\n" not in text.replace("\\n", "") else "not named"


def flips(kind, folder, count=FLIPS):
    """Counter of outcomes of `count` flips of single bits."""
    make, read = KINDS[kind]
    path, victim = make(folder, 0)
    good, whole, rng, found = read(path), victim.read_bytes(), random.Random(1), Counter()
    edges = [*range(8), *range(len(whole) - 8, len(whole))]
    for i in range(count):
        content = bytearray(whole)
        position = edges[i] if i < len(edges) else rng.randrange(len(whole))
        content[position] ^= 1 << rng.randrange(8)
        victim.write_bytes(content)
        found[outcome(read, path, good, victim.name)] += 1
    victim.write_bytes(whole)
    assert same(read(path), good)
    return found


def rewrite(path, change):
    """Make a zip again of its entries, {name: content}, after a change to them."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def replace(victim, damage, other):
    """Put something else in the place of a file; other: a whole one of the same kind."""
    whole = victim.read_bytes()
    victim.unlink()
    if damage == "folder":
        victim.mkdir()
    elif damage == "a zip of something else":
        with zipfile.ZipFile(victim, "w") as archive:
            archive.writestr("x", "y")
    elif damage == "safetensors of something else":
        from safetensors.numpy import save_file

        save_file({"x": np.zeros(3)}, victim)
    elif damage == "a part missing" and zipfile.is_zipfile(io.BytesIO(whole)):
        victim.write_bytes(whole)
        rewrite(victim, lambda entries: entries.pop(next(name for name in entries if "/c" in name)))
    elif damage != "absent":
        content = {
            "a part missing": whole[: len(whole) // 2 - 4] + whole[len(whole) // 2 + 4 :],
            "truncated by a byte": whole[:-1],
            "truncated": whole[: len(whole) // 2],
            "empty": b"",
            "text": b"not what it should be\n" * 50,
            "pickle": pickle.dumps(print),
            "another of its kind": other.read_bytes(),
        }
        victim.write_bytes(content[damage])


def replaced(kind, folder, damage):
    """The outcome of one of WHOLE. Another file of its kind reads as itself, where it is not part of a whole."""
    make, read = KINDS[kind]
    (folder / "other").mkdir()
    path, victim = make(folder, 0)
    other = make(folder / "other", 1)
    good = read(other[0]) if damage == "another of its kind" and other[0] == other[1] else read(path)
    replace(victim, damage, other[1])
    return outcome(read, path, good, victim.name)


def main():
    """Print the table."""
    print(f"{'kind':<36}{'flips':>6}{'named':>8}{'harmless':>10}{'silent':>8}   other damages{'named':>8}{'silent':>8}")
    wrong = 0
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            found = flips(kind, Path(folder))
        other = Counter()
        for damage in WHOLE:
            with tempfile.TemporaryDirectory() as folder:
                other[replaced(kind, Path(folder), damage)] += 1
        print(
            f"{kind:<36}{sum(found.values()):>6}{found['named']:>8}{found['harmless']:>10}{found['silent']:>8}"
            f"   {sum(other.values()):>13}{other['named']:>8}{other['silent']:>8}"
        )
        # Without the manifest an absent shard is NaN: that is why stages do not read a cube by zarr alone.
        wrong += sum(one["silent"] + one["not named"] for one in (found, other)[: 1 if "alone" in kind else 2])
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
