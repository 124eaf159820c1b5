"""What the comparison says of metrics: its words in three, and its rows under the metrics' names."""

import numpy as np
import pytest

from scoregap import InputError, storage
from scoregap.regression import theory
from scoregap.regression.metrics import PHASES
from scoregap.stages.compare import compare
from scoregap.variables import STATES

WORDS = {
    "agrees": "agrees",
    "agrees (exact not known in 1)": "agrees",
    "both above the grid": "agrees",
    "no visible gap in either": "agrees",
    "disagrees": "disagrees",
    "inconclusive": "inconclusive",
    "seen in 1, exact in 3": "inconclusive",
    "seen in 0, exact in 1": "inconclusive",
    "seen in 0, exact in 2": "disagrees",
    "seen in 3, exact in 0 (exact not known in 1)": "disagrees",
    "trained below the grid, exact no visible gap": "disagrees",
    "law above the grid, exact below the grid": "disagrees",
    "no exact arm": "",
    "no law": "",
    "exact not known": "",
}


def test_words_of_the_comparison():
    assert {words: theory.agreement(words) for words in WORDS} == WORDS
    for state in STATES.values():
        assert theory.agreement(f"both {state}") == "agrees"


def test_theory_is_the_comparison_under_the_names_of_metrics(results):
    study, folder = results
    found = theory.read(study, folder)
    (ds,) = storage.read_cube(folder / "cube.zarr").values()
    rows = [row for row in compare(study, ds) if row["quantity"] in PHASES]
    assert len(found) == len(rows) == 8  # two curvatures, four times
    for row in rows:
        name = f"curvature={row['curvature']:g} gated-8: {row['quantity']}[{row['gap']}]"
        assert found[name][:2] == (theory.agreement(row["verdict"]), row["verdict"])
        ratios = np.array([row["ratio"], row["ratio_low"], row["ratio_high"]])
        np.testing.assert_allclose(found[name][2:], (ratios - 1) / row["margin"], rtol=1e-3, atol=1e-4)


def test_a_comparison_of_another_study_is_refused(results, tmp_path):
    study, folder = results
    text, _ = storage.read_table(folder / "comparison.csv")
    storage.write_table(tmp_path / "comparison.csv", text, "other")
    with pytest.raises(InputError, match="rerun compare"):
        theory.read(study, tmp_path)
