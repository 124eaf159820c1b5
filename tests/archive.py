"""The published tables as one file: `make archive`, after `make published`.

results/findings/*/*.csv, provenance.json -> results/findings/tables.zarr.zip

A tree of labelled tables (zarr format 3): of every study a group with what provenance.json says as its attributes, in
it one for each table, whose rows are the dimension `row`. What tells rows apart, names and settings, are coordinates.
Texts that are missing are empty, truth values of which some are missing are texts, and numbers are as the CSV has them.
"""

import hashlib
import json
import shutil
import tempfile
import warnings
import zipfile
from pathlib import Path

import pandas as pd
import xarray as xr
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.errors import ZarrUserWarning

from scoregap.study.schema import AXES

FINDINGS = Path(__file__).parents[1] / "results" / "findings"
ARCHIVE = "tables.zarr.zip"
MOST = 20e6  # bytes
DATED = (1980, 1, 1, 0, 0, 0)  # of what is in the file, so that the same tables give the same bytes
CODECS = [BloscCodec(cname="zstd", shuffle="shuffle"), Crc32cCodec()]


def labels(frame: pd.DataFrame) -> list[str]:
    """The columns at the left by which rows are found: texts, whole numbers and axes of studies, which in tables have a
    dot or stand in AXES."""
    found = (frame[name].dtype.kind == "f" and "." not in name and name not in AXES for name in frame)
    return list(frame)[: next((i for i, one in enumerate(found) if one), len(frame.columns))]


def of_table(path: Path) -> xr.Dataset:
    """A table, with the SHA-256 of its file."""
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    texts = [name for name in frame if frame[name].dtype.kind not in "fiub"]
    frame[texts] = frame[texts].astype(object).map(lambda one: "" if pd.isna(one) else str(one))
    ds = xr.Dataset({name: ("row", frame[name].to_numpy()) for name in frame})
    return ds.set_coords(labels(frame)).assign_attrs(sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def tree(findings: Path) -> xr.DataTree:
    """All published tables."""
    groups: dict[str, xr.Dataset] = {}
    for facts in sorted(findings.glob("*/provenance.json")):
        study = facts.parent.name
        groups[study] = xr.Dataset(attrs={"provenance": json.dumps(json.loads(facts.read_text()))})
        groups |= {f"{study}/{path.stem}": of_table(path) for path in sorted(facts.parent.glob("*.csv"))}
    return xr.DataTree.from_dict(groups)


def write(findings: Path) -> Path:
    """Make the archive anew, whole or not at all. Raises ValueError if it would be larger than MOST."""
    found, out = tree(findings), findings / ARCHIVE
    encoding = {
        node.path: {name: {"compressors": CODECS} for name, one in node.variables.items() if one.dtype != object}
        for node in found.subtree
        if node.variables
    }
    with tempfile.TemporaryDirectory(dir=findings) as folder:
        store, packed = Path(folder) / "zarr", Path(folder) / ARCHIVE
        with warnings.catch_warnings(action="ignore", category=ZarrUserWarning):  # of consolidated metadata
            found.to_zarr(store, encoding=encoding, zarr_format=3, consolidated=True)
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as file:
            for path in sorted(one for one in store.rglob("*") if one.is_file()):
                file.writestr(zipfile.ZipInfo(path.relative_to(store).as_posix(), DATED), path.read_bytes())
        if packed.stat().st_size > MOST:
            raise ValueError(f"the archive would have {packed.stat().st_size / 1e6:.0f} MB, at most {MOST / 1e6:g}")
        shutil.move(packed, out)
    return out


if __name__ == "__main__":
    made = write(FINDINGS)
    print(f"{made}: {made.stat().st_size / 1e6:.1f} MB")
