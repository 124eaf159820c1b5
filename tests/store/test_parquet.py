"""Tables for other programs are whole, the same again, and nobody else's."""

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from scoregap import InputError
from scoregap.store.parquet import PARQUET, write_parquet

SCHEMA = pa.schema([("quantity", pa.string()), ("value", pa.float64())])


def batches(count=3):
    for i in range(count):
        yield pa.record_batch([["t_max"] * 100, [i + j / 100 for j in range(100)]], schema=SCHEMA)


def test_the_same_batches_are_the_same_bytes_with_the_study_in_them(tmp_path):
    for name in ("a", "b"):
        write_parquet(tmp_path / name, SCHEMA, batches(), "hash")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert parquet.read_schema(tmp_path / "a").metadata[b"scoregap"] == b"hash"
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a"), pa.Table.from_batches(batches(), SCHEMA).to_pandas())


def test_the_file_of_another_program_is_not_replaced_and_ours_is(tmp_path):
    path = tmp_path / "phase_times.parquet"
    pd.DataFrame({"x": [1.0]}).to_parquet(path)
    before = path.read_bytes()
    assert not PARQUET.says(path)
    with pytest.raises(InputError, match="was not made by scoregap"):
        write_parquet(path, SCHEMA, batches(), "hash")
    assert path.read_bytes() == before
    path.unlink()
    for count in (1, 2):
        write_parquet(path, SCHEMA, batches(count), "hash")
        assert PARQUET.says(path)
    assert parquet.read_metadata(path).num_rows == 200


def test_an_error_between_batches_leaves_the_old_table(tmp_path):
    def broken():
        yield from batches(1)
        raise MemoryError

    path = tmp_path / "phase_times.parquet"
    write_parquet(path, SCHEMA, batches(), "hash")
    before = path.read_bytes()
    with pytest.raises(MemoryError):
        write_parquet(path, SCHEMA, broken(), "hash")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_flip_in_a_page_is_seen_by_its_checksum(tmp_path):
    """Or changes nothing: headers of pages have none."""
    path = tmp_path / "phase_times.parquet"
    write_parquet(path, SCHEMA, batches(), "hash")
    content, wanted = path.read_bytes(), parquet.read_table(path)
    end, seen = len(content) - 8 - int.from_bytes(content[-8:-4], "little"), 0
    for place in range(4, end, 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            assert parquet.read_table(path, page_checksum_verification=True).equals(wanted)
        except (OSError, pa.ArrowException):
            seen += 1
    assert seen > 0.5 * end / 7
