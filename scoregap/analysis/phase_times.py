"""Every phase time of a study as one tidy table, for pandas, polars and the like.

parts of a study with their datasets -> schema, record batches: a row per cell, phase time and gap

The batches are of BATCH cells each, so a study of any size takes little memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from scoregap.study import Study
from scoregap.variables import METHODS, REFERENCES, STATUS, TIMES, State

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 2**14
Parts = Sequence[tuple[Study, Sequence[xr.Dataset]]]

# After the block and a column for each axis. What is not known, or is not there, is null.
COLUMNS = {
    "status": "the cell's: " + ", ".join(STATUS.values()),
    "quantity": "name of the phase time, as in the cube",
    "gap": "which gap it is of, from 0; of `t_alignment` which group, of data from a file which shoulder or found gap",
    "value": "the time, a noise variance t",
    "low": "lower end of its interval over points",
    "high": "upper end of it",
    "state": "measured, or why there is no such time",
    "law": "the time by " + REFERENCES["law"],
    "law_state": "likewise, of the law",
    "corrected": "the time by " + REFERENCES["corrected"],
    "gaussian": "the time of the " + REFERENCES["gaussian"],
    "exact": "the time of the " + REFERENCES["exact"],
}
QUANTITIES = (
    *(method + time for method in METHODS for time in TIMES), "t_alignment",
    "t_first", "shoulder_start", "shoulder_end", "found_gap_time",
)  # fmt: skip
_TEXTS = {
    "status": list(STATUS.values()),
    "state": [one.text for one in State],
    "law_state": [one.text for one in State],
}


def schema(parts: Parts) -> pa.Schema:
    """Columns and their types; an axis that has texts anywhere is one of texts."""
    import pyarrow as pa

    text, datasets = pa.dictionary(pa.int32(), pa.string()), [ds for _, each in parts for ds in each]
    fields = [("block", text)]
    for axis in parts[0][0].axes:
        kinds = {ds[axis].dtype.kind for ds in datasets}
        fields.append((axis, text if kinds - set("if") else pa.int64() if kinds == {"i"} else pa.float64()))
    for name in COLUMNS:
        fields.append(
            (name, text if name in _TEXTS or name == "quantity" else pa.int32() if name == "gap" else pa.float64())
        )
    return pa.schema(fields)


def batches(parts: Parts) -> Iterator[pa.RecordBatch]:
    """The rows of all cells, in the order of the study."""
    columns = schema(parts)
    for part, datasets in parts:
        for ds in datasets:
            if not any(name in ds for name in QUANTITIES):
                continue  # traces have no phase times
            sizes = {axis: ds.sizes[axis] for axis in part.axes}
            for start in range(0, ds.status.size, BATCH):
                yield _batch(part, ds, np.arange(start, min(start + BATCH, ds.status.size)), sizes, columns)


def _batch(part: Study, ds: xr.Dataset, cells: np.ndarray, sizes: dict[str, int], columns: pa.Schema) -> pa.RecordBatch:
    """The rows of some cells, by their places in the grid, the last axis fastest."""
    import pyarrow as pa

    quantities = [name for name in QUANTITIES if name in ds]
    gaps = [np.arange(ds[name].size // ds.status.size) for name in quantities]
    at = dict(zip(sizes, np.unravel_index(cells, tuple(sizes.values())), strict=True))
    first = {axis: slice(places.min(), places.max() + 1) for axis, places in at.items()}
    rows = sum(map(len, gaps))

    def of(name: str) -> np.ndarray | None:
        """(cells, ...) values of a variable at these cells, what is around them read only as far as it must be."""
        if name not in ds:
            return None
        near = ds[name].isel(first).values
        return near[tuple(places - first[axis].start for axis, places in at.items())].reshape(len(cells), -1)

    def column(pattern: str) -> np.ndarray:
        """(cells x rows) values of a variable of each quantity; NaN where it has none."""
        found = []
        for name, places in zip(quantities, gaps, strict=True):
            values = of(pattern.format(name))
            found.append(np.full((len(cells), len(places)), np.nan) if values is None else values)
        return np.concatenate(found, axis=1).astype(float).ravel()

    def of_texts(texts: Sequence[str], codes: np.ndarray) -> pa.Array:
        known = np.isfinite(codes)
        indices = pa.array(np.where(known, codes, 0).astype("int32"), mask=~known)
        return pa.DictionaryArray.from_arrays(indices, pa.array(texts, pa.string()))

    count = len(cells) * rows
    data = {"block": of_texts([part.block], np.zeros(count) if part.block else np.full(count, np.nan))}
    for axis, places in at.items():
        values, each = ds[axis].values, np.repeat(places, rows)
        text = pa.types.is_dictionary(columns.field(axis).type)
        data[axis] = of_texts([*map(str, values.tolist())], each) if text else pa.array(values[each])
    status = of("status")
    assert status is not None  # of every cube
    data |= {
        "status": of_texts(_TEXTS["status"], np.repeat(status.astype(float), rows)),
        "quantity": of_texts(quantities, np.tile(np.repeat(np.arange(len(gaps)), [*map(len, gaps)]), len(cells))),
        "gap": pa.array(np.tile(np.concatenate(gaps), len(cells)).astype("int32")),
    }
    patterns = {"value": "{}", "low": "{}_low", "high": "{}_high", "state": "{}_state", "law_state": "law_{}_state"}
    patterns |= {reference: reference + "_{}" for reference in REFERENCES}
    for name, pattern in patterns.items():
        values = column(pattern)
        data[name] = of_texts(_TEXTS[name], values) if name in _TEXTS else pa.array(values, from_pandas=True)
    return pa.record_batch([data[field.name].cast(field.type) for field in columns], schema=columns)
