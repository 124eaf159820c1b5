"""Tables and their checksums."""

import pytest

from scoregap import DamagedFile
from scoregap.store.files import manifest_of
from scoregap.store.tables import read_table, write_table


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
