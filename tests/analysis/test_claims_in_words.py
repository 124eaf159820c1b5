"""The claims in words: counts of verdicts, of independent draws, and what the tests could have seen."""

import numpy as np
import pandas as pd

from scoregap.analysis import claims_in_words, quantities


def test_lines_count_verdicts_reasons_and_independent_draws():
    """Cells that differ in curvature or network share their F: counts of them are no counts of independent results."""
    rows = [
        ("t_max", 0.0, 8, "0 1", "agrees", "agrees", ""),
        ("t_max", 0.5, 8, "0 1", "disagrees", "inconclusive", "learning"),
        ("t_max", 0.0, 8, "1 2", "not testable", "not testable", ""),
        ("t_open", 0.0, 8, "0 1", "agrees", "agrees", ""),
        ("t_open", 0.0, 4, "1 5 7", "agrees", "agrees", ""),
    ]
    rows += [("order", 0.0, 8, "0 1", "not testable", "agrees", "")]
    columns = ["claim", "curvature", "manifold_dim", "manifold_seeds", "verdict", "of_exact", "why"]
    frame = pd.DataFrame(rows, columns=columns).assign(attribution="", family="arcs", ambient_dim=32)
    frame["exact_detectable"] = [0.1, 0.3, 9.0, np.nan, 0.25, 0.1]
    head, _, line, other, *last = claims_in_words.lines(frame)
    assert head.split() == ["the", "paper's", "claims", "law", "exact", "draws", "could", "see", "why"]
    assert line.startswith(quantities.CLAIMS["t_max"].says)
    counts = line.removeprefix(quantities.CLAIMS["t_max"].says)
    assert counts.split() == [
        "1",
        "/",
        "0",
        "/",
        "1",
        "1",
        "/",
        "1",
        "/",
        "0",
        "2",
        "20",
        "%",
        "learning",
        "(1)",
    ]  # 9 is of what was not tested
    assert other.split()[-3:] == ["5", "25", "%"]
    assert "agrees / inconclusive / disagrees" in last[0]
    assert "independent draws of F" in last[1]
    assert "in 80% of such studies" in last[2]
    assert claims_in_words.lines(frame[frame.claim == "order"]) == []
