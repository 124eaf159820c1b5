"""The table of phase times is the cube, row by row."""

from pathlib import Path
from unittest import mock

import gathered
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tiny import BLOCKS, COMPARED, edited

from scoregap import cubes, variables
from scoregap.analysis import phase_times
from scoregap.stages import compare, cube
from scoregap.study import load

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "outputs.md"


@pytest.fixture(scope="module", params=["one grid", "blocks"])
def invented(request, tmp_path_factory):
    """(study, parts with datasets) of a study of which nothing is computed."""
    folder = tmp_path_factory.mktemp("times")
    path = edited(folder, *(BLOCKS if request.param == "blocks" else ()))
    study = load(path)
    gathered.write(folder, study)
    with mock.patch("os.fsync"):  # of 133 variables
        cube.run(path, folder / "spectrum", folder / "fit", folder / "cube.zarr")
    return study, cubes.datasets(study, folder / "cube.zarr")


def table(parts):
    return pa.Table.from_batches(phase_times.batches(parts), phase_times.schema(parts)).to_pandas()


@pytest.mark.slow
@pytest.mark.parametrize("size", [5, 2**14])
def test_every_time_is_a_row_with_its_cell(invented, monkeypatch, size):
    study, parts = invented
    monkeypatch.setattr(phase_times, "BATCH", size)
    found = table(parts)
    assert list(found) == ["block", *study.axes, *phase_times.COLUMNS]
    cells = 0
    for part, (ds,) in parts:
        mine = found[found.block == part.block] if part.block else found
        cells += ds.status.size
        for name in ("t_open", "model_t_max", "t_alignment"):
            wanted = ds[name].to_dataframe().reset_index()
            rows = mine[mine.quantity == name].reset_index(drop=True)
            np.testing.assert_array_equal(rows.value, wanted[name])
            np.testing.assert_array_equal(rows.gap, wanted["group" if name == "t_alignment" else "gap"])
            for axis in study.axes:
                assert rows[axis].tolist() == wanted[axis].tolist()
            np.testing.assert_array_equal(rows.exact, ds[f"exact_{name}"].values.ravel())
            states = ds[f"{name}_state"].values.ravel()
            assert rows.state.tolist() == [variables.State(one).text for one in states]
        assert mine[mine.quantity == "t_alignment"].law.isna().all()
    assert len(found) == cells * 2 * 11


@pytest.mark.slow
def test_a_time_that_is_not_known_is_null(invented):
    _, parts = invented
    part, (ds,) = parts[0]
    ds = ds.load().copy(deep=True)
    ds["t_max"][...] = np.nan
    ds["status"][...] = 0
    found = pa.Table.from_batches(phase_times.batches([(part, [ds])]))
    rows = found.filter(pa.compute.equal(found["quantity"].cast(pa.string()), "t_max"))
    assert rows["value"].null_count == len(rows) > 0
    assert set(rows["status"].to_pylist()) == {"missing"}


@pytest.mark.slow
def test_the_stage_writes_it_and_the_same_bytes_again(results, tmp_path):
    study, folder = results
    files = [tmp_path / name for name in COMPARED]
    made = compare.run(study.path, folder / "cube.zarr", *files, tmp_path / "phase_times.parquet")
    assert tmp_path / "phase_times.parquet" in made
    before = (tmp_path / "phase_times.parquet").read_bytes()
    compare.run(study.path, folder / "cube.zarr", *files, tmp_path / "phase_times.parquet")
    assert (tmp_path / "phase_times.parquet").read_bytes() == before
    found = pd.read_parquet(tmp_path / "phase_times.parquet")
    pd.testing.assert_frame_equal(found, table(cubes.datasets(study, folder / "cube.zarr")))
    exact = found[found.network == "exact"]
    np.testing.assert_array_equal(exact.value, exact.exact)


def test_of_data_from_a_file_it_has_the_times_of_profiles():
    sizes = {"network": 1, "seed": 2, "shoulder": variables.SHOULDERS, "found": variables.FOUND}
    names = ("status", "t_first", "t_first_low", "shoulder_end", "shoulder_end_state", "found_gap_time")
    ds = pd.DataFrame({"network": ["a", "a"], "seed": [0, 1]}).set_index(["network", "seed"]).to_xarray()
    for name in names:
        variable = variables.VARIABLES[name]
        shape = (1, 2, *(sizes[dim] for dim in variable.dims))
        ds[name] = (("network", "seed", *variable.dims), np.ones(shape, variable.dtype))

    class Part:
        axes, block = {"network": ("a",), "seed": (0, 1)}, ""

    found = table([(Part, [ds])])
    assert found.groupby("quantity", observed=True).size().to_dict() == {
        "t_first": 2, "shoulder_end": 2 * variables.SHOULDERS, "found_gap_time": 2 * variables.FOUND,
    }  # fmt: skip
    assert found[found.quantity == "shoulder_end"].state.tolist() == ["measured"] * 2 * variables.SHOULDERS
    assert found[found.quantity == "t_first"].low.tolist() == [1.0, 1.0]
    assert found.law.isna().all()


def test_columns_are_those_that_the_documents_name():
    text = DOCS.read_text()
    for name in phase_times.COLUMNS:
        assert f"`{name}`" in text[text.index("## Phase times as one table") :].split("\n## ")[0], name
