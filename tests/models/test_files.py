"""What is in the files of models is their identity; what would be unpickled is refused."""

import os
from types import SimpleNamespace

import pytest

from scoregap.models import files


def test_a_folder_is_known_by_names_and_contents(tmp_path):
    folder = tmp_path / "model"
    (folder / "unet").mkdir(parents=True)
    (folder / "unet" / "a.safetensors").write_bytes(b"1")
    seen = [files.digest(folder)]
    for change in (
        lambda: (folder / "unet" / "a.safetensors").write_bytes(b"22"),
        lambda: (folder / "config.json").write_text("{}"),
        lambda: (folder / "config.json").rename(folder / "other.json"),
        lambda: (folder / "other.json").rename(folder / "unet" / "other.json"),
    ):
        change()
        seen.append(files.digest(folder))
    assert len(set(seen)) == len(seen)
    copy = folder.rename(tmp_path / "elsewhere")
    assert files.digest(copy) == seen[-1]


def test_what_links_lead_to_is_in_a_folder(tmp_path):
    """As in the snapshots of hubs: links to files, and to folders, also to such as lead back."""
    store, folder = tmp_path / "store", tmp_path / "model"
    (store / "unet").mkdir(parents=True)
    folder.mkdir()
    (store / "blob").write_bytes(b"1")
    (store / "unet" / "a.safetensors").write_bytes(b"1")
    (folder / "config.json").symlink_to(store / "blob")
    (folder / "unet").symlink_to(store / "unet")
    (store / "unet" / "back").symlink_to(folder)
    seen = [files.digest(folder)]
    for name in ("blob", "unet/a.safetensors"):
        (store / name).write_bytes(b"22")
        seen.append(files.digest(folder))
    assert len(set(seen)) == len(seen)
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert files.digest(link) == seen[-1]


def test_a_file_is_read_once_until_it_changes(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"one")
    opened, first = [], files.digest(path)
    real = type(path).open
    monkeypatch.setattr(type(path), "open", lambda self, *rest, **how: opened.append(self) or real(self, *rest, **how))
    assert files.digest(path) == first
    assert opened == []
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    opened.clear()
    assert files.digest(path) != first
    assert opened == [path]


@pytest.mark.parametrize(
    ("key", "name", "says"),
    [("path", "lost", "no such file"), ("path", "a.pt", "unpickled"), ("path", "a.CKPT", "unpickled"),
     ("weights", "a.bin", "unpickled"), ("weights", "a.npz", "safetensors"), ("path", "a.pt2", ""),
     ("weights", "a.safetensors", "")],
)  # fmt: skip
def test_what_is_missing_or_would_be_unpickled_is_refused(tmp_path, key, name, says):
    if name != "lost":
        (tmp_path / name).write_bytes(b"")
    said = []
    declared = SimpleNamespace(
        file=lambda key: tmp_path / name,
        settings=SimpleNamespace(**{key: name}),
        refused=lambda key, allowed, value, problem="": said.append(allowed) or ValueError(allowed),
    )
    if says:
        with pytest.raises(ValueError, match=says):
            files.check(declared, key)
    else:
        files.check(declared, key)
        assert said == []
