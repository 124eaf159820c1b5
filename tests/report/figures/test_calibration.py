"""The figure of calibration: lines of every score and seed, as the table has them."""

import numpy as np
from tiny import measured

from scoregap.analysis import calibration
from scoregap.analysis.panels import panels
from scoregap.measure.calibration import MARGIN
from scoregap.report.figures import calibration as figure_of


def test_lines_are_ratios_and_skills(tmp_path):
    """Of two seeds, and their geometric mean; the margin in grey about 1."""
    changes = ("[exact]", "[exact, empirical]"), ("std: 0.1}]", "std: 0.1}]\n  dataset_size: 12")
    study, (ds,) = measured(tmp_path, *changes, ("points: 2", "points: 6"))
    shown = calibration.curves(study, panels(study, ds))
    figure = figure_of.calibration(study, shown)
    assert figure.panels.shape == (2, 2)
    assert [one.ylabel.split()[0] for one in figure.panels[:, 0]] == ["error", "skill:"]
    for column, curvature in enumerate((0.0, 0.5)):
        cell = ds.sel(network="empirical", curvature=curvature).squeeze()
        found = [calibration.of_score(cell.isel(seed=seed)) for seed in (0, 1)]
        for row, k in ((0, 0), (1, 3)):
            panel, seeds = figure.panels[row, column], np.stack([one[k] for one in found])
            thin, thick = panel.lines
            seeds = np.where(seeds > 0, seeds, np.nan)  # a logarithm has no other place
            np.testing.assert_allclose(thin.y, seeds)
            np.testing.assert_allclose(thick.y, np.exp(np.log(seeds).mean(0)))
            assert thick.label == "empirical"
        (band,) = (one for one in figure.panels[0, column].drawn if one.kind == "band")
        np.testing.assert_allclose(band.y, [[1 / MARGIN] * 2, [MARGIN] * 2])
