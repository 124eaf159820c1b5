"""Large tables for other programs.

record batches, fingerprint of the study -> one Parquet file, every page of it with a checksum
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from scoregap.store.files import replacing
from scoregap.store.opening import regular
from scoregap.store.ownership import Kind

if TYPE_CHECKING:
    import pyarrow as pa

OF = b"scoregap"  # the key, in the metadata of the file, of the fingerprint of its study


def _is_ours(path: Path) -> bool:
    from pyarrow import parquet

    with regular(path).open("rb") as file:  # pyarrow takes no path that is not UTF-8
        return OF in (parquet.read_schema(file).metadata or {})


PARQUET = Kind("a Parquet table", _is_ours, r"phase_times\.parquet")


def write_parquet(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], of: str) -> None:
    """A table of this schema, batch by batch, so that it may be larger than memory; the same table is the same bytes.

    Raises InputError if `path` is not scoregap's own.
    """
    from pyarrow import parquet

    with (
        replacing(path, PARQUET) as temporary,
        temporary.open("wb") as file,
        parquet.ParquetWriter(
            file, schema.with_metadata({OF: of.encode()}), compression="zstd", write_page_checksum=True
        ) as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)
