"""Studies and files of strangers: nothing in them is run, and no name leaves the results folder."""

import io
import pickle
import zipfile

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import TINY, edited

from scoregap import DamagedFile, InputError
from scoregap.store.cube import read_cube
from scoregap.store.files import FORMAT, manifest_of
from scoregap.store.jobs import read_job
from scoregap.store.weights import read_weights
from scoregap.study import load, yaml_file

HOSTILE = (
    "../up", "/etc/passwd", "a/b", "a\\b", "a;touch x", "$(touch x)", "`touch x`", "a b", "a\nb", "-rf", "--out", "..",
    ".", "a'b", 'a"b', "a|b", "a>b", "a*b", "{job}", "%s", "a\0b", "é", "\u202e",
)  # fmt: skip
LONG = "x: &a [1, 1, 1]\ny: &b [*a, *a, *a]\nz: &j [*b, *b, *b]\n"  # of 27 ones


class Trap:
    """Unpickling it raises what no reader would."""

    def __reduce__(self):
        return (pytest.fail, ("a stranger's file was unpickled",))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_study_has_no_name_that_leaves_its_folder_or_reaches_a_shell(tmp_path, name):
    quoted = '"' + "".join(f"\\U{ord(c):08x}" for c in name) + '"'
    with pytest.raises(InputError) as error:
        load(edited(tmp_path, ("study: tiny", f"study: {quoted}")))
    assert "study:" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("axis", ["family", "network", "manifold.frame", "train.optimiser", "train.schedule"])
@pytest.mark.parametrize("value", HOSTILE)
def test_no_axis_takes_such_a_value(tmp_path, axis, value):
    quoted = '"' + "".join(f"\\U{ord(c):08x}" for c in value) + '"'
    changes = {"family": ("[arcs]", f"[{quoted}]"), "network": ("gated-8]", f"{quoted}]")}
    with pytest.raises(InputError) as error:
        load(edited(tmp_path, changes.get(axis, ("  seed: 2", f"  {axis}: [{quoted}]\n  seed: 2"))))
    assert "\n" not in str(error.value)


@settings(max_examples=50, deadline=None)
@given(
    stds=st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=3, unique=True),
    curvatures=st.lists(st.floats(0, 100), min_size=1, max_size=3, unique=True),
)
def test_jobs_have_names_of_letters_digits_points_and_dashes(tmp_path_factory, stds, curvatures):
    folder = tmp_path_factory.mktemp("names")
    numbers = (f"[{', '.join(f'{value:.17e}' for value in values)}]" for values in (curvatures, stds))
    curved, wide = numbers
    study = load(edited(folder, ("[0.0, 0.5]", curved), ("  seed: 2", f"  manifold.groups.1.std: {wide}\n  seed: 2")))
    assert len(study.jobs) == len(stds) * len(curvatures) * 3
    for job in study.jobs:
        assert set(job) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")
        assert job[0] not in ".-"


@pytest.mark.parametrize(
    "value",
    ["!!python/object/apply:os.system ['touch x']", "!!python/name:os.system", "!include /etc/passwd", "!!binary aGk="],
)
def test_yaml_makes_no_objects(tmp_path, value):
    with pytest.raises(InputError) as error:
        load(edited(tmp_path, ("depth: 1", f"depth: {value}")))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("place", [("[0.0, 0.5]", "*j"), ("seed: 2", "seed: [*j]"), ("batch: [seed]", "batch: *j")])
def test_a_short_file_that_means_a_long_one_is_refused(tmp_path, place, monkeypatch):
    """A few lines of aliases can stand for any number of values, which are counted as they are read."""
    path = tmp_path / "long.yaml"
    path.write_text(TINY.replace("study: tiny\n", "study: tiny\n" + LONG).replace(*place))
    with pytest.raises(InputError, match=r"x: unknown key|batch\[0\]: "):
        load(path)
    monkeypatch.setattr(yaml_file, "MOST_VALUES", 150)  # the tiny study has 117
    with pytest.raises(InputError, match="a file of more than 150 values") as error:
        load(path)
    assert len(str(error.value)) < 400


def pickled(path):
    path.write_bytes(pickle.dumps(Trap()))


def torch_file(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Trap()))
        archive.writestr("archive/version", "3\n")


def numpy_file(path):
    with path.open("wb") as file:
        np.save(file, np.array([Trap()], object), allow_pickle=True)


def zarr_2(path):
    """An array of format 2 with objects, which zarr would unpickle."""
    entries: dict = {}
    chunk, stream = {"members": "[]", "format": FORMAT}, io.BytesIO(pickle.dumps([Trap(), [1], "|O"]))
    filters = '[{"id": "pickle", "protocol": 5}]'
    entries[".zgroup"] = '{"zarr_format": 2}'
    entries[".zattrs"] = str(chunk).replace("'", '"')
    entries["status/.zarray"] = (
        '{"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "compressor": null, "fill_value": null, '
        f'"order": "C", "filters": {filters}}}'
    )
    entries["status/.zattrs"] = '{"_ARRAY_DIMENSIONS": ["member"]}'
    entries["status/0"] = stream.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("write", [pickled, torch_file, numpy_file, zarr_2])
@pytest.mark.parametrize("read", [read_job, read_weights])
def test_files_of_strangers_are_refused_by_name_and_not_unpickled(tmp_path, write, read):
    path = tmp_path / "strange"
    write(path)
    with pytest.raises(DamagedFile, match="strange: is "):
        read(path)


def test_a_cube_of_format_2_is_refused(tmp_path):
    cube = tmp_path / "cube.zarr"
    cube.mkdir()
    group = zarr.open_group(cube, mode="w", zarr_format=2)
    group.create_array("status", shape=(1,), dtype="i1")
    manifest_of(cube).write_text('{"format": 1, "files": {}}')
    with pytest.raises(DamagedFile, match="foreign"):
        read_cube(cube)
