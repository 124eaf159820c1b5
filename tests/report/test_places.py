"""Places of a page: every row of the comparison leads to its panel, or to itself."""

import pandas as pd
import pytest
from tiny import BLOCKS, edited

from scoregap.report.places import Places, anchored, row_anchor
from scoregap.study import load

GAPS = b'<g id="~c-0" class="panel"><g id="~c-0.1" class="panel"><g id="~c-0.5" class="panel">'


def row(**values):
    """A row of the comparison of the tiny study."""
    common = {"family": "arcs", "ambient_dim": 8, "manifold_dim": 2, "curvature": 0.0, "network": "gated-8", "gap": 0}
    return pd.Series(common | values)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({}, "gaps-c-0"),
        ({"gap": 1}, "gaps-c-0.1"),
        ({"curvature": 0.5}, "gaps-c-0.5"),
        ({"network": "law"}, "gaps-c-0"),
        ({"curvature": 0.5, "gap": 1}, "row-7"),  # a panel that is not drawn
        ({"curvature": 9.0}, "row-7"),
        ({"network": "resmlp-8"}, "row-7"),
    ],
)
def test_a_row_leads_to_its_panel_or_to_itself(tmp_path, values, wanted):
    places = Places(load(edited(tmp_path)), {"gaps": GAPS, "spectra": GAPS}, range(10))
    assert places.of(row(**values), 7) == wanted


def test_a_row_that_is_left_out_leads_nowhere(tmp_path):
    assert Places(load(edited(tmp_path)), {}, range(7)).of(row(), 7) == ""
    assert Places(load(edited(tmp_path)), {}, range(8)).of(row(), 7) == row_anchor(7)


def test_of_blocks_the_one_that_has_the_cell_is_led_to(tmp_path):
    study = load(edited(tmp_path, *BLOCKS))
    own = {"manifold_dim": 4, "manifold.groups.1.std": 0.1, "train.schedule": "ve"}
    drawn = {"curved/gaps": GAPS, "schedules/gaps": b'<g id="~schedule-vp" class="panel">'}
    places = Places(study, drawn, range(10))
    assert places.of(row(curvature=0.5, **own), 0) == "curved-gaps-c-0.5"
    assert places.of(row(**own | {"train.schedule": "vp"}), 0) == "schedules-gaps-schedule-vp"
    assert anchored("schedules/gaps") == "schedules-gaps"


def test_a_value_is_known_by_the_text_that_the_table_has_of_it():
    study = load("workflow/studies/regularisers.yaml")
    places = Places(study, {"noise/gaps": b'<g id="~noise_draws-4" class="panel">'}, range(10))
    own = {"ambient_dim": 16, "manifold_dim": 4, "train.learning_rate": 2e-3, "train.preconditioning": "edm"}
    one = row(**own | {"train.noise_draws": "4", "network": "gated-32"})
    assert places.of(one, 0) == "noise-gaps-noise_draws-4"
