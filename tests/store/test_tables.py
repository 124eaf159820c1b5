"""Tables and their checksums; data frames come back bit for bit."""

import hashlib
import json
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoregap import DamagedFile
from scoregap.store.files import manifest_of
from scoregap.store.tables import read_table, read_tables, write_table, write_tables


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "5", '{"format": 1}', '{"format": 1, "of": 5, "sha256": ""}'])
def test_a_strange_manifest_is_damaged(tmp_path, text):
    write_table(tmp_path / "a.csv", "x", "hash")
    manifest_of(tmp_path / "a.csv").write_text(text)
    with pytest.raises(DamagedFile, match="is damaged"):
        read_table(tmp_path / "a.csv")


def test_tables(tmp_path):
    write_table(tmp_path / "a.csv", "x,y\n", "hash")
    assert read_table(tmp_path / "a.csv") == ("x,y\n", "hash")
    assert (tmp_path / "a.csv").read_text() == "x,y\n"


NUMBERS = st.floats(width=64) | st.sampled_from([0.1, -0.0, 5e-324, np.inf, -np.inf, np.nan])
COLUMNS = {
    "float64": NUMBERS,
    "float32": st.floats(width=32),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "bool": st.booleans(),
    "str": st.text() | st.just(np.nan),
    "object": st.text() | st.integers(-9, 9) | NUMBERS | st.none() | st.booleans() | st.just("nan") | st.just("inf"),
}


@pytest.mark.slow
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.integers(0, 4))
def test_data_frames_come_back_with_the_same_bits_and_types(tmp_path, data, rows):
    frame = pd.DataFrame(
        {name: pd.Series(data.draw(st.lists(one, min_size=rows, max_size=rows)), dtype=name)
         for name, one in COLUMNS.items()}
    )  # fmt: skip
    tables = {"a": frame, "block/b": frame[frame.columns[::-1]], "none": pd.DataFrame()}
    write_tables(tmp_path / "f.jsonl", tables, "hash")
    found, of = read_tables(tmp_path / "f.jsonl")
    assert of == "hash"
    assert list(found) == list(tables)
    for name, one in tables.items():
        assert list(found[name].columns) == list(one.columns)
        assert (found[name].dtypes == one.dtypes).all()
        for column in one:
            assert list(map(repr, found[name][column].tolist())) == list(map(repr, one[column].tolist()))


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1.0, np.nan, np.inf]),
        pd.Series(["a", np.nan], dtype=object),
        pd.Series(["a", np.nan], dtype="str"),
        pd.Series([True, np.nan, -np.inf, "nan"], dtype=object),
        pd.Series([np.float32("nan"), np.int64(3), np.float64(0.1), np.bool_(True)], dtype=object),
        pd.Series([np.nan, "x"], dtype="category"),
    ],
)
def test_every_line_is_json(tmp_path, column):
    """Which knows no NaN: other readers than Python's refuse it."""

    def refuse(text):
        raise AssertionError(text)

    write_tables(tmp_path / "f.jsonl", {"a": pd.DataFrame({"x": column})}, "hash")
    for line in (tmp_path / "f.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=refuse)
    found = read_tables(tmp_path / "f.jsonl")[0]["a"].x
    assert found.dtype == column.dtype
    for one, other in zip(found.tolist(), column.tolist(), strict=True):
        assert one == other or (one != one and other != other)


def test_tables_of_another_version_are_refused(tmp_path):
    write_tables(tmp_path / "f.jsonl", {}, "hash")
    text = (tmp_path / "f.jsonl").read_text()
    (tmp_path / "f.jsonl").write_text(text.replace('"format": 1', '"format": 2'))
    with pytest.raises(DamagedFile, match="another version"):
        read_tables(tmp_path / "f.jsonl")


def test_columns_may_have_any_name(tmp_path):
    """Those too that the file has for what it says of columns."""
    table = pd.DataFrame({name: [1.5, np.nan] for name in ("type", "values", "float", "name", "columns")})
    for columns in (list(table), ["type", "values"], ["float"]):
        write_tables(tmp_path / "f.jsonl", {"a": table[columns]}, "hash")
        pd.testing.assert_frame_equal(read_tables(tmp_path / "f.jsonl")[0]["a"], table[columns])


def test_a_large_table_is_written_a_column_at_a_time(tmp_path):
    """And not as lists of all its values, which take many times the room of the table."""
    table = pd.DataFrame(np.random.default_rng(0).standard_normal((2000, 100)))
    table.columns = table.columns.astype(str)
    tracemalloc.start()
    write_tables(tmp_path / "f.jsonl", {"a": table, "b": table}, "hash")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.1 * (tmp_path / "f.jsonl").stat().st_size


def test_the_file_is_what_json_makes_of_its_tables(tmp_path):
    table = pd.DataFrame({"é": [1, 2], '"': ["a", "ü"]})
    write_tables(tmp_path / "f.jsonl", {"block/a": table, "none": pd.DataFrame()}, "hash")
    header, *lines = (tmp_path / "f.jsonl").read_text().splitlines()
    assert [json.dumps(json.loads(line)) for line in (header, *lines)] == [header, *lines]
    content = "".join(f"{line}\n" for line in lines).encode() + b"hash"
    assert json.loads(header)["sha256"] == hashlib.sha256(content).hexdigest()
