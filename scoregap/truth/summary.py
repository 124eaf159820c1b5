"""What random-matrix theory says of one linear random manifold, for people who want a number.

ambient_dim, variance groups (count, std) -> edges by every approximation, gaps, phase times; plain data
"""

import math

import numpy as np

from scoregap import InputError
from scoregap.truth import laws, times

APPROXIMATIONS = {
    "silverstein": laws.silverstein_edges,
    "repaired": laws.repaired_edges,
    "detached": laws.detached_edges,
}


def parse_groups(texts: list[str]) -> list[tuple[int, float]]:
    """["20:1.0", "20:0.1"] -> [(20, 1.0), (20, 0.1)]. Raises InputError."""
    groups = []
    for text in texts:
        count, _, std = text.partition(":")
        try:
            group = (int(count), float(std))
        except ValueError:
            group = (0, 0.0)
        if group[0] < 1 or not 1e-9 <= group[1] <= 1e9:
            raise InputError(
                f"--group: {text!r} is not allowed: should be COUNT:STD, as 20:0.1, count from 1, std from 1e-9 to 1e9"
            )
        groups.append(group)
    return groups


def linear(ambient_dim: int, groups: list[tuple[int, float]], level: float = 0.5, visibility: float = 0.1) -> dict:
    """Edges, gaps and phase times (THEORY.md 2 and 3) as plain data; None where something does not exist.

    groups: (columns, standard deviation), any order. Times are noise variances t of the variance-exploding process,
    by Silverstein's edges; `approximations` has the same edges by the other two, and their relative error.
    Raises InputError for an impossible geometry.
    """
    m = sum(count for count, _ in groups)
    if m > ambient_dim:
        raise InputError(f"--ambient: {ambient_dim} is not allowed: the groups have {m} columns, so at least {m}")
    for name, share in (("level", level), ("visibility", visibility)):
        if not 0 < share < 1:
            raise InputError(f"--{name}: {share} is not allowed: should lie between 0 and 1")
    groups = sorted(groups, key=lambda group: -group[1])
    counts, stds = zip(*groups, strict=True)
    edges = {name: law(ambient_dim, counts, stds) for name, law in APPROXIMATIONS.items()}
    finite, spread = laws.tracy_widom_edges(ambient_dim, counts, stds)
    pairs = laws.gap_edges(edges["silverstein"])
    g = pairs[-1, 0]
    gaps = []
    for k, (a, b) in enumerate(pairs[:-1]):
        t_max, width = times.maximum(a, b)
        t_open, t_close = times.opening_and_closing(a, b, level)
        gaps.append(
            {
                "below_modes": int(sum(counts[: k + 1])),
                "exists": bool(np.isfinite(t_max)),
                "a": a,
                "b": b,
                "t_open": t_open,
                "t_max": t_max,
                "t_close": t_close,
                "max_width": width,
                "t_visible": list(times.visible(a, b, visibility)),
                "t_coverage_to_consolidation": times.coverage_to_consolidation(a, b, g),
            }
        )
    result = {
        "ambient_dim": ambient_dim,
        "manifold_dim": m,
        "alpha": m / ambient_dim,
        "level": level,
        "visibility": visibility,
        "groups": [
            {
                "count": counts[k],
                "std": stds[k],
                "edges": {name: edges[name][k].tolist() for name in edges},
                "finite_size_edges": {"mean": finite[k].tolist(), "std": spread[k].tolist()},
            }
            for k in range(len(groups))
        ],
        "intermediate_gaps": gaps,
        "final_gap": {"below_modes": m, "g": g, "t_consolidation": times.consolidation(g)},
    }
    return _plain(result)


def _plain(value):
    """Numbers as Python's own, NaN as None."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value


def render(result: dict) -> str:
    """The summary as text."""

    def show(value) -> str:
        return f"{'-':>12}" if value is None else f"{value:12.6g}"

    lines = [
        "linear random manifold: "
        f"d = {result['ambient_dim']}, m = {result['manifold_dim']}, alpha = {result['alpha']:.4g}",
        "",
        "edges of the variances (eigenvalues of F'F), low and high",
        f"{'group':>14} {'law':>12} {'low':>12} {'high':>12}",
    ]
    for group in result["groups"]:
        label = f"{group['count']} x {group['std']:g}"
        for name, (low, high) in group["edges"].items():
            lines.append(f"{label:>14} {name:>12} {show(low)} {show(high)}")
            label = ""
        mean, std = group["finite_size_edges"]["mean"], group["finite_size_edges"]["std"]
        spread = f"+- {show(std[0]).strip()}, {show(std[1]).strip()}"
        lines.append(f"{'':>14} {'finite d':>12} {show(mean[0])} {show(mean[1])}   {spread}")
    lines += [
        "",
        f"gaps and phase times (noise variances t; opening and closing at {result['level']:g} of the maximum)",
    ]
    for gap in result["intermediate_gaps"]:
        if not gap["exists"]:
            lines.append(f"  gap below mode {gap['below_modes']}: does not exist, the bulks have merged")
            continue
        lines.append(
            f"  gap below mode {gap['below_modes']}: t_open {gap['t_open']:.6g}, t_max {gap['t_max']:.6g}, "
            f"t_close {gap['t_close']:.6g}, largest width {gap['max_width']:.6g}"
        )
        seen = [f"{t:.6g}" for t in gap["t_visible"] if t is not None]
        if seen:
            lines.append(f"    at least {result['visibility']:g} wide from t = {seen[0]} to {seen[1]}")
        if gap["t_coverage_to_consolidation"] is not None:
            lines.append(f"    final gap overtakes it at t = {gap['t_coverage_to_consolidation']:.6g}")
    final = result["final_gap"]
    lines.append(
        f"  final gap below mode {final['below_modes']}: one half at t_consolidation = {final['t_consolidation']:.6g}"
    )
    return "\n".join(lines)
