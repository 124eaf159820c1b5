"""What the comparison says of metrics: its verdicts, and its rows under the metrics' names."""

import numpy as np
import pytest

from scoregap import InputError
from scoregap.analysis import comparison, verdicts
from scoregap.analysis.verdicts import Detail
from scoregap.regression import theory
from scoregap.regression.metrics import PHASES
from scoregap.store.cube import read_cube
from scoregap.store.tables import read_table, write_table


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
