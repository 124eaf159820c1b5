"""The figure of the division of labour draws what its table says."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from tiny import WITH_SAMPLING, edited

from scoregap.analysis import sampling as findings
from scoregap.report.figures import sampling
from scoregap.study import load

SWITCH = [0.01, 0.1, 1.0]


@pytest.fixture
def study(tmp_path):
    yield load(edited(tmp_path, WITH_SAMPLING))
    plt.close("all")


def invented(**changes):
    """Rows of two networks, both orders and three errors, in two cells."""
    rows = []
    for curvature in (0.0, 0.5):
        for network in ("gaussian", "gated-8"):
            for order, share in (("own below", [0.0, 0.4, 1.0]), ("own above", [1.0, 0.7, 0.0])):
                for error, group, window in ((findings.OFF, -1, (0.0, 0.05)), (findings.WITHIN, 0, (0.2, 50.0)),
                                             (findings.WITHIN, 1, (np.nan, np.nan))):  # fmt: skip
                    rows += [
                        {"curvature": curvature, "network": network, "order": order, "error": error, "group": group,
                         "window_low": window[0], "window_high": window[1], "switch": t, "share": one,
                         "share_low": one - 0.1, "share_high": one + 0.1, "own": 0.123, "decided": 0.1}
                        for t, one in zip(SWITCH, share, strict=True)
                    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**changes)


def test_every_curve_is_drawn_in_its_panel_with_its_window(study):
    figure = sampling.noise_attribution(study, invented())
    axes = np.reshape(figure.axes, (3, 2))
    assert [ax.get_title() for ax in axes[0]] == ["c 0", "c 0.5"]
    assert [ax.get_ylabel().split("\n")[0] for ax in axes[:, 0]] == [
        "off the manifold", "on the manifold, group 0", "on the manifold, group 1",
    ]  # fmt: skip
    for ax in axes.flat:
        assert [line.get_linestyle() for line in ax.lines] == ["-", "--", "-", "--"]
        for line, share in zip(ax.lines, ([0, 0.4, 1], [1, 0.7, 0]) * 2, strict=True):
            np.testing.assert_allclose(line.get_data(), [SWITCH, share])
        assert [line.get_color() for line in ax.lines] == ["tab:green"] * 2 + ["tab:blue"] * 2
        assert len(ax.collections) == 4
        assert [text.get_text() for text in ax.texts] == ["0.12", "0.12"]
    shaded = [[(patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches] for ax in axes[:, 0]]
    assert shaded == [[(0.01, pytest.approx(0.05))], [(0.2, pytest.approx(1.0))], []]
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {
        f"{network}, own {side}" for network in ("gaussian", "gated-8") for side in ("below", "above")
    }


def test_what_is_not_testable_has_its_error_and_no_curve(study):
    frame = invented(share=np.nan, share_low=np.nan, share_high=np.nan, decided=np.nan)
    figure = sampling.noise_attribution(study, frame)
    figure.savefig("/dev/null", format="svg")
    assert {text.get_text() for ax in figure.axes for text in ax.texts} == {"0.12 (not testable)"}


def test_cells_left_out_are_counted(study, monkeypatch):
    monkeypatch.setattr(sampling, "PANELS", 1)
    figure = sampling.noise_attribution(study, invented())
    assert len(figure.axes) == 3
    assert figure.get_suptitle().endswith("; the first 1 of 2 settings")


def test_without_results_it_says_so(study):
    (ax,) = sampling.noise_attribution(study, pd.DataFrame()).axes
    assert "needs samples" in ax.texts[0].get_text()
