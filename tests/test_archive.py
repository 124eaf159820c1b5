"""The archive of the published tables has all that they have, and is of the tables as they are."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from archive import ARCHIVE, FINDINGS, MOST, write
from zarr.storage import ZipStore

TABLES = sorted(FINDINGS.glob("*/*.csv"))
AGAIN = "it is not of the tables that are published: make archive"


@pytest.fixture(scope="module")
def archive():
    with ZipStore(FINDINGS / ARCHIVE, mode="r") as store:
        yield xr.open_datatree(store, engine="zarr")


def test_it_is_of_the_tables_as_they_are_and_of_no_others(archive):
    found = {node.path: node.attrs["sha256"] for node in archive.subtree if "sha256" in node.attrs}
    wanted = {f"/{p.parent.name}/{p.stem}": hashlib.sha256(p.read_bytes()).hexdigest() for p in TABLES}
    assert found == wanted, AGAIN


@pytest.mark.parametrize("path", TABLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_table_is_there_whole(archive, path):
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    ds = archive[f"{path.parent.name}/{path.stem}"].to_dataset().load()
    assert set(map(str, ds.variables)) == set(frame), AGAIN
    for name in frame:
        column, values = frame[name], ds[name].to_numpy()
        if column.dtype.kind in "fiub":
            np.testing.assert_array_equal(values, column)
        else:
            assert list(values) == list(column.fillna("")), name


def test_settings_of_rows_are_coordinates_and_what_was_found_is_not(archive):
    ds = archive["paper_cpu/claims"].to_dataset()
    labels, values = set(map(str, ds.coords)), set(map(str, ds.data_vars))
    assert {"claim", "network", "manifold.groups.1.std", "train.steps", "curvature"} <= labels
    assert {"law", "exact", "trained", "exact_low", "margin", "verdict"} <= values


def test_where_the_tables_come_from_is_with_them(archive):
    for facts in FINDINGS.glob("*/provenance.json"):
        assert json.loads(archive[facts.parent.name].attrs["provenance"]) == json.loads(facts.read_text()), AGAIN


def test_every_column_that_a_table_may_have_is_kept(tmp_path):
    """Truth values and texts of which some are missing, a column without a value, a table without a row."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "provenance.json").write_text("{}")
    (tmp_path / "mine" / "found.csv").write_text("network,right,sure,n,why\na,True,True,1,\nb,,False,,\n")
    (tmp_path / "mine" / "none.csv").write_text("claim,verdict\n")
    with ZipStore(write(tmp_path), mode="r") as store:
        tables = xr.open_datatree(store, engine="zarr").load()
    found = {name: list(one.to_numpy()) for name, one in tables["mine/found"].variables.items()}
    assert (found["network"], found["right"], found["sure"]) == (["a", "b"], ["True", ""], [True, False])
    np.testing.assert_array_equal(found["n"], [1, np.nan])
    assert np.isnan(found["why"]).all()
    none = tables["mine/none"]
    assert (set(none.variables), none.sizes["row"]) == ({"claim", "verdict"}, 0)


def test_it_is_small():
    assert (FINDINGS / ARCHIVE).stat().st_size <= MOST


def test_the_same_tables_give_the_same_bytes_and_too_many_none(tmp_path, monkeypatch):
    study = tmp_path / "mine"
    study.mkdir()
    (study / "provenance.json").write_text('{"cells": 2}')
    (study / "found.csv").write_text("network,curvature,train.steps,value,why\na,0.5,10,1.25,\nb,0,20,,no gap\n")
    first = write(tmp_path).read_bytes()
    assert write(tmp_path).read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", ARCHIVE]
    monkeypatch.setattr("archive.MOST", 100)
    with pytest.raises(ValueError, match="at most"):
        write(tmp_path)
    assert (tmp_path / ARCHIVE).read_bytes() == first
