"""The figures: all there, the same bytes again, self-contained, with axes and legends that say what they show."""

import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import pandas as pd
from tiny import edited, run_stages

from scoregap import baselines
from scoregap.stages import report

FIGURES = ("spectra", "gaps", "phase_times", "alignment", "dimension", "training", "curvature", "forest")


def test_every_figure_is_drawn_and_self_contained(done):
    _, results = done
    for name in FIGURES:
        path = results / "figures" / f"{name}.svg"
        root = ET.parse(path).getroot()
        assert root.tag.endswith("svg")
        text = path.read_text()
        assert len(text) > 10_000, name
        references = [value for node in root.iter() for key, value in node.attrib.items() if key.endswith("href")]
        assert all(value.startswith(("#", "data:image/png;base64,")) for value in references), (
            name
        )  # nothing from outside
    page = (results / "figures" / "comparison.html").read_text()
    assert "src=" not in page
    assert "href=" not in page
    assert page.count("<tr") == 1 + len(pd.read_csv(results / "comparison.csv"))


def test_studies_at_the_edge_are_drawn_too(tmp_path):
    """Every member diverges; one variance group; two ambient dimensions; more cells than panels."""
    study = edited(
        tmp_path,
        ("steps: 40", "steps: 3\n  learning_rate: 1.0e+30"),
        ("[8]", "[8, 6]"),
        ("[0.0, 0.5]", "[0.0, 0.1, 0.2, 0.3, 0.4]"),
        ("[exact, gaussian, gated-8]", "[exact, gated-4]"),
        ("{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}", "{fraction: 1.0, std: 1.0}"),
    )
    run_stages(study, tmp_path)
    assert "diverged: seed 0, 1" in (tmp_path / "comparison.txt").read_text()
    assert "t_max (" not in (tmp_path / "comparison.txt").read_text()
    assert all((tmp_path / "figures" / f"{name}.svg").stat().st_size > 10_000 for name in FIGURES)


def test_the_forest_plot_has_theory_and_the_baseline_or_says_why_not(done, results, tmp_path):
    study, folder = done
    record = baselines.take(*results)
    baselines.write(tmp_path / "same.json", record)
    baselines.write(tmp_path / "other.json", record.model_copy(update={"device": "Plan 9"}))
    (tmp_path / "damaged.json").write_text("{")

    def drawn(baseline):
        report.run(study, folder / "cube.zarr", folder / "comparison.csv", tmp_path / "figures", baseline)
        root = ET.parse(tmp_path / "figures" / "forest.svg").getroot()
        return " ".join(text for node in root.iter() for text in (node.text or "").split())

    with plt.rc_context({"svg.fonttype": "none"}):
        assert "no baseline has been accepted" in drawn(None)
        assert "difference from the baseline over its margin" in (same := drawn(tmp_path / "same.json"))
        assert "curvature=0.5 gated-8: t_max[0]" in same
        assert "device class: Plan 9 in the baseline" in drawn(tmp_path / "other.json")
        assert "is damaged or no baseline" in drawn(tmp_path / "damaged.json")


def test_the_same_results_give_the_same_bytes(done, tmp_path):
    study, results = done
    report.run(study, results / "cube.zarr", results / "comparison.csv", tmp_path)
    for name in (*(f"{name}.svg" for name in FIGURES), "comparison.html"):
        assert (tmp_path / name).read_bytes() == (results / "figures" / name).read_bytes(), name
