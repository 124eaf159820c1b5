"""What the comparison says of metrics: its verdicts, and its rows under the metrics' names."""

import math

import numpy as np
import pytest
from tiny import edited

from scoregap import InputError
from scoregap.analysis import comparison, verdicts
from scoregap.analysis.tables import PHASES, as_csv
from scoregap.analysis.verdicts import Detail
from scoregap.regression import metrics, theory
from scoregap.store.cube import read_cube
from scoregap.store.tables import read_table, write_table
from scoregap.study import load


def test_theory_is_the_comparison_under_the_names_of_metrics(results):
    study, folder = results
    found = theory.agreements(study, folder)
    (ds,) = read_cube(folder / "cube.zarr").values()
    frame = comparison.compare([(study, [ds])])
    rows = frame[frame["quantity"].isin(PHASES)].to_dict("records")
    assert len(found) == len(rows) == 8  # two curvatures, four times
    for row in rows:
        name = f"curvature={row['curvature']:g} gated-8: {row['quantity']}[{row['gap']}]"
        assert found[name][:2] == (row["verdict"], verdicts.words(row))
        assert found[name].detail[:-1] == tuple(row[one] for one in Detail._fields[:-1])
        ratios = np.array([row["ratio"], row["ratio_low"], row["ratio_high"]])
        np.testing.assert_allclose(found[name][2:5], (ratios - 1) / row["margin"], rtol=1e-3, atol=1e-4)


def test_a_comparison_of_another_study_is_refused(results, tmp_path):
    study, folder = results
    text, _ = read_table(folder / "comparison.csv")
    write_table(tmp_path / "comparison.csv", text, "other")
    with pytest.raises(InputError, match="rerun compare"):
        theory.agreements(study, tmp_path)


@pytest.mark.parametrize("curvatures", [(0.5, 0.50000001), (0.3, 0.1 + 0.2)])
def test_cells_that_differ_in_the_last_digits_keep_their_metrics_and_what_theory_says(results, tmp_path, curvatures):
    """Names are exact: of both records and comparison, which is a file in between."""
    _, folder = results
    study = load(edited(tmp_path, ("curvature: [0.0, 0.5]", f"curvature: {list(curvatures)}")))
    (ds,) = read_cube(folder / "cube.zarr").values()
    ds = ds.assign_coords(curvature=list(curvatures))
    found = {}
    metrics.reduce(study, ds, found, metrics.varied(study), [0, 1])
    names = {f"curvature={curvature!r} gated-8: excess" for curvature in curvatures}
    assert names <= found.keys()
    frame = comparison.compare([(study, [ds])])
    write_table(tmp_path / "comparison.csv", as_csv(study, frame), study.fingerprint("compare"))
    said = theory.agreements(study, tmp_path)
    assert {name.split()[0] for name in said} == {f"curvature={curvature!r}" for curvature in curvatures}
    assert {name for name in said if not math.isnan(said[name].at)} <= found.keys()
