"""What users have where scoregap would write, and what it has made itself."""

import hashlib
import os
import socket
import stat
import zipfile

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from safetensors.numpy import save_file
from tiny import write_job

from scoregap.report import figures
from scoregap.store.cube import write_cube
from scoregap.store.tables import write_table, write_tables
from scoregap.store.weights import write_weights


def listed(folder):
    """Everything in a folder: kind, permissions, where links lead, content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        says = os.readlink(path) if path.is_symlink() else ""
        if stat.S_ISREG(info.st_mode):
            says = hashlib.sha256(path.read_bytes()).hexdigest()
        found[path.relative_to(folder).as_posix()] = (info.st_mode, info.st_ino, info.st_rdev, says)
    return found


def contents(path):
    """Of a file, or of every file of a folder."""
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


def zipped(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zarr.json", '{"attributes": {}}')


def folder_of_notes(path):
    path.mkdir()
    (path / "notes.txt").write_text("years of work")


def strange_cube(path):
    path.mkdir()
    (path / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {"title": "of mine"}}')


def linked_file(path):
    (path.parent / "elsewhere.txt").write_text("mine")
    path.symlink_to("elsewhere.txt")


def linked_folder(path):
    folder_of_notes(path.parent / "elsewhere")
    path.symlink_to("elsewhere")


def bound(path):
    with socket.socket(socket.AF_UNIX) as one, pytest.MonkeyPatch.context() as patch:
        patch.chdir(path.parent)  # names of sockets are short
        one.bind(path.name)


FOREIGN = {
    "text": lambda path: path.write_text("x,y\n1,2\nmade by scoregap, or so I say\n"),
    "empty": lambda path: path.touch(),
    "numbers": lambda path: path.write_bytes(bytes(range(256)) * 8),
    "JSON": lambda path: path.write_text('{"format": 1, "metrics": []}'),
    "a list": lambda path: path.write_text('["format", "of", "sha256"]'),
    "page": lambda path: path.write_text('<meta charset="utf-8"><title>scoregap</title>'),
    "XML": lambda path: path.write_text('<testsuite name="pytest"></testsuite>'),
    "SVG": lambda path: path.write_text("<svg><dc:title>Matplotlib v3, https://matplotlib.org/</dc:title></svg>"),
    "zip": zipped,
    "safetensors": lambda path: save_file({"x": np.zeros(3)}, path),
    "folder": folder_of_notes,
    "empty folder": lambda path: path.mkdir(),
    "cube of another program": strange_cube,
    "link to a file": linked_file,
    "link to a folder": linked_folder,
    "link to itself": lambda path: path.symlink_to(path.name),
    "link to a device": lambda path: path.symlink_to("/dev/null"),
    "FIFO": os.mkfifo,
    "socket": bound,
}  # fmt: skip


if os.geteuid() == 0:
    FOREIGN["device"] = lambda path: os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))


ARRAYS = xr.Dataset({"status": ("member", np.ones(1, "int8"))})


def cubes(path):
    attributes = {"config_hash": "x", "contract": "1"}
    write_cube(path, {"": xr.Dataset({"status": ("seed", np.ones(2, "int8"))}, {"seed": [0, 1]}, attributes)})


OURS = {
    "fit/a.zarr.zip": lambda path: write_job(path, ARRAYS, ["a"]),
    "train/a.safetensors": lambda path: write_weights(path, {"a": {}}, {"a/w": np.ones(2)}),
    "train/a.safetensors.checkpoint": lambda path: write_weights(path, {"a": {}}, {"a/w": np.ones(2)}),
    "comparison.csv": lambda path: write_table(path, "x\n" * 50, "hash"),
    "claims.csv": lambda path: write_table(path, "x\n" * 50, "hash"),
    "findings.jsonl": lambda path: write_tables(path, {"cost": pd.DataFrame({"error": [0.1] * 50})}, "hash"),
    "cube.zarr": cubes,
    "figures/block/gaps.svg": lambda path: figures.save(figures.nothing("x"), path),
    "figures/gaps.pdf": lambda path: figures.save(figures.nothing("x"), path),
}
