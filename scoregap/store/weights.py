"""Weights of networks: tensors, with what is known of every member, by its key.

members, tensors <-> one `.safetensors` with a SHA-256 of all of it
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np

from scoregap import brief
from scoregap.store.files import FORMAT, damaged, reading, replacing
from scoregap.store.opening import regular
from scoregap.store.ownership import Kind

OF_TRAINED = "network.", "curve", "levels"  # of a network whose training has ended: how names of its tensors begin
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


def read_weights(path: Path, names: Iterable[str] = ()) -> tuple[dict[str, dict], dict[str, np.ndarray]]:
    """What `write_weights` wrote. names: how names of tensors begin that every member has whose training has ended, or
    the file is damaged. Raises DamagedFile."""
    from safetensors import safe_open

    with reading(path):
        with safe_open(regular(path), framework="numpy") as file:
            header = json.loads((file.metadata() or {})["scoregap"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        if header["format"] != FORMAT:
            raise damaged(path, "is of another version of scoregap")
        if header["sha256"] != _weights_digest(tensors, header["members"]):
            raise damaged(path, "is damaged: its checksum is wrong")
        return _known(path, header["members"], tensors, names), tensors


def _known(path: Path, text: str, tensors: Collection[str], names: Iterable[str]) -> dict[str, dict]:
    """What is known of every member of a file of weights, from its JSON."""
    members = json.loads(text)
    if not isinstance(members, dict) or not all(isinstance(one, dict) for one in members.values()):
        raise damaged(path, "is damaged: nothing is known of its members")
    for key in (key for key, one in members.items() if "diverged" in one):
        lost = [name for name in names if not any(tensor.startswith(f"{key}/{name}") for tensor in tensors)]
        if lost:
            raise damaged(path, f"is damaged: it has no {lost[0].rstrip('.')} of the member {brief(key)}")
    return members


def weights_members(path: Path, names: Iterable[str] = ()) -> dict[str, dict]:
    """What is known of every member by key, without reading or checking the weights. names: as of `read_weights`.
    Raises DamagedFile."""
    from safetensors import safe_open

    with reading(path), safe_open(regular(path), framework="numpy") as file:
        text = json.loads((file.metadata() or {})["scoregap"])["members"]
        return _known(path, text, list(file.keys()), names)
