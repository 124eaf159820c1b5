"""What theory says of one manifold, for people who want a number and not a workflow.

ambient_dim, variance groups, family, curvature -> edges by every law, gaps, phase times, exact spectra; plain data

Over 400 lines, as what is told and its lines of text are read side by side.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Protocol

import numpy as np

from scoregap import InputError, diffusion, dotted, plain_digits
from scoregap.arguments import ranged, whole
from scoregap.data import FAMILIES, Group, capabilities, manifold
from scoregap.data.information import information
from scoregap.data.manifolds.arcs import Arcs
from scoregap.laws import LEAST_SHARE, expansions, memorisation, random_matrix, times
from scoregap.laws.variances import VarianceLaw

APPROXIMATIONS = {
    "silverstein": random_matrix.silverstein_edges,
    "repaired": random_matrix.repaired_edges,
    "detached": random_matrix.detached_edges,
}


# Arguments of a manifold, and the options of the command line that they are; all others are settings.
_OPTIONS = {name: f"--{name}" for name in ("family", "curvature", "seed")} | {
    "groups": "--group",
    "ambient_dim": "--ambient",
}


def parse_groups(texts: list[str]) -> list[Group]:
    """["20:1.0", "20:0.1:law=uniform:width=0.5"] -> groups. Raises InputError."""
    groups = []
    for text in texts:
        try:
            count, std, *rest = text.split(":")
            options: dict[str, Any] = dict(part.split("=") for part in rest)
            if len(options) < len(rest) or not plain_digits(text):
                raise ValueError(text)
            options |= {name: float(value) for name, value in options.items() if name != "law"}
            groups.append(Group(int(count), float(std), **options))
        except (ValueError, TypeError):
            raise InputError(
                key="--group", value=text,
                allowed="should be COUNT:STD, as 20:0.1, and then any of bend=, law=, width=, weight=, once, as "
                "20:0.1:law=uniform:width=0.5",
            ) from None  # fmt: skip
    return groups


def parse_settings(texts: list[str]) -> dict[str, str | float]:
    """["frame=orthonormal", "separation=2"] -> settings of a family. Raises InputError."""
    settings: dict[str, str | float] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not (name and separator and value):
            raise InputError(key="--set", value=text, allowed="should be NAME=VALUE, as frame=orthonormal")
        if name in settings:
            raise InputError(key="--set", value=text, allowed=f"{name} is given already: should be given once")
        try:
            settings[name] = float(value)
        except ValueError:
            settings[name] = value
            continue
        if not plain_digits(value):
            allowed = "should be NAME=VALUE, a number in plain digits, as separation=2"
            raise InputError(key="--set", value=text, allowed=allowed)
    return settings


def describe(
    ambient_dim: int,
    groups: list[Group],
    level: float = 0.5,
    visibility: float = 0.1,
    family: str = "linear",
    curvature: float = 0.0,
    times_of_spectra: tuple[float, ...] = (),
    densities: int = 0,
    points: int = 32,
    seed: int = 0,
    settings: dict | None = None,
    training_points: tuple[int, ...] = (),
) -> dict:
    """All that theory says of one manifold, as plain data; None where something does not exist.

    The laws of the flat manifold (`linear`); with curvature, `small_curvature`; at every time of spectra, the exact
    score of the family (`exact`), at `points` noisy points of one draw; `densities` values of the limiting spectral
    density of FF'; for every number of training points when their score collapses (`memorisation_times`), of the same
    draw. Raises InputError.
    """
    for name, share in (("level", level), ("visibility", visibility)):
        if not isinstance(share, Real) or not LEAST_SHARE <= share < 1:
            raise InputError(key=f"--{name}", value=share, allowed=f"should be from {LEAST_SHARE:g}, and less than 1")
    times_of_spectra = tuple(ranged("--time", times_of_spectra, 1e-8, 1e8, "times") if len(times_of_spectra) else ())
    whole("--density", densities, 0), whole("--points", points)
    for number in training_points:
        ranged("--dataset", whole("--dataset", number, 2), 2, memorisation.MOST_POINTS)
    settings = settings or {}
    for name in _OPTIONS.keys() & settings.keys():
        allowed = f"{_OPTIONS[name]} says that: should be a setting of the family"
        raise InputError(key="--set", value=f"{name}={settings[name]}", allowed=allowed)
    try:
        truth = manifold(family, ambient_dim, groups, curvature, seed, **settings)
    except InputError as error:  # its keys are those of a study
        raise error.at(_option(error.key)) from None
    result: dict = {"family": family, "curvature": curvature}
    flat = FAMILIES[family].law and getattr(truth, "frame", "random") == "random" and not settings.get("noise")
    if densities and not flat:
        raise InputError(key="--density", value=densities, allowed=f"{family} of that kind has no random-matrix law")
    if flat:
        result |= linear(ambient_dim, groups, level, visibility)
        if densities:
            result["density"] = density(ambient_dim, groups, densities)
    else:
        result |= {"ambient_dim": ambient_dim, "manifold_dim": truth.manifold_dim}
    if family == "arcs" and curvature and not settings.get("noise"):
        result["small_curvature"] = small_curvature(truth)
    if times_of_spectra and not isinstance(truth, capabilities.Posterior):
        raise InputError(key="--time", value=list(times_of_spectra), allowed=f"the score of {family} is not known")
    if training_points:
        if FAMILIES[family].exact != "closed form":
            allowed = f"the score of {family} is not known in closed form: should not be given"
            raise InputError(key="--dataset", value=list(training_points), allowed=allowed)
        result["memorisation"] = memorisation_times(truth, training_points, result)
    result["exact"] = [spectrum(truth, t, points, seed) for t in times_of_spectra]
    return _plain(result)


def _option(key: str | tuple[str | int, ...]) -> str:
    """A key of a manifold as the command line has it: groups[0].std is of --group number 1, a setting of --set."""
    first, *inner = (key,) if isinstance(key, str) else key
    option = _OPTIONS.get(str(first), f"--set {first}")
    if not inner:
        return option
    number, *field = inner
    return f"{option} number {int(number) + 1}: {dotted(tuple(field))}"


def linear(ambient_dim: int, groups: list[Group], level: float = 0.5, visibility: float = 0.1) -> dict:
    """Edges, gaps and phase times of the linear random manifold (theory.md 2 and 3).

    groups: any order. Times are noise variances t of the variance-exploding process, by Silverstein's edges, and
    in the clocks of the other processes; groups with a variance law are taken in the limit of many columns.
    `approximations` are the same edges by the other two, for groups without a variance law.
    """
    groups = sorted(groups, key=lambda group: -group.std)
    m = sum(group.count for group in groups)
    counts, stds = [group.count for group in groups], [group.std for group in groups]
    spreads = [VarianceLaw(group.law, group.width) for group in groups]
    varied = any(group.width for group in groups)
    known = {"silverstein": random_matrix.silverstein_edges} if varied else APPROXIMATIONS
    edges = {name: law(ambient_dim, counts, stds, spreads) for name, law in known.items()}
    finite, spread = random_matrix.tracy_widom_edges(ambient_dim, counts, stds, spreads)
    pairs = random_matrix.gap_edges(edges["silverstein"])
    g = pairs[-1, 0]
    gaps = []
    for k, (a, b) in enumerate(pairs[:-1]):
        t_max, width = times.maximum(a, b)
        t_open, t_close = times.opening_and_closing(a, b, level)
        ratio = (stds[k + 1] / stds[k]) ** 2
        two = len(groups) == 2 and not any(group.width for group in groups)
        critical = float(random_matrix.critical_ratio(m / ambient_dim, counts[0] / m)) if two else None
        gaps.append(
            {
                "below_modes": int(sum(counts[: k + 1])),
                "exists": bool(np.isfinite(t_max)),
                "variance_ratio": ratio,
                "critical_ratio": critical,
                "a": a,
                "b": b,
                "t_open": t_open,
                "t_max": t_max,
                "t_close": t_close,
                "max_width": width,
                "t_visible": list(times.visible(a, b, visibility)),
                "t_coverage_to_consolidation": times.coverage_to_consolidation(a, b, g),
            }
            | {"clocks": {name: clocks(t) for name, t in (("t_open", t_open), ("t_max", t_max), ("t_close", t_close))}}
        )
    consolidation = times.consolidation(g)
    return {
        "ambient_dim": ambient_dim,
        "manifold_dim": m,
        "alpha": m / ambient_dim,
        "level": level,
        "visibility": visibility,
        "groups": [
            {
                "count": counts[k],
                "std": stds[k],
                "law": groups[k].law,
                "width": groups[k].width,
                "edges": {name: edges[name][k].tolist() for name in edges},
                "finite_size_edges": {"mean": finite[k].tolist(), "std": spread[k].tolist()},
            }
            for k in range(len(groups))
        ],
        "intermediate_gaps": gaps,
        "final_gap": {
            "below_modes": m,
            "g": g,
            "t_consolidation": consolidation,
            "t_visible": times.consolidation(g, visibility),
            "clocks": {"t_consolidation": clocks(consolidation)},
        },
    }


def clocks(t) -> dict:
    """A noise variance t in the clocks of variance-preserving (abar) and EDM (sigma) diffusion."""
    return {"vp_abar": float(diffusion.alpha_bar(t)), "edm_sigma": float(diffusion.sigma(t))}


def density(ambient_dim: int, groups: list[Group], count: int) -> dict:
    """The limiting spectral density of FF' at count places across its support (of a bounded part of it)."""
    counts, stds = [group.count for group in groups], [group.std for group in groups]
    spreads = [VarianceLaw(group.law, group.width) for group in groups]
    edges = random_matrix.silverstein_edges(ambient_dim, counts, stds, spreads)
    columns = np.concatenate([g.std**2 * law.columns(g.count) for g, law in zip(groups, spreads, strict=True)])
    bare = random_matrix.silverstein_edges(ambient_dim, np.ones(len(columns)), np.sqrt(columns))
    low, high = edges[-1, 0], edges[0, 1]
    low, high = low if low > 0 else 0.1 * np.nanmax([bare[-1, 0], 1e-6 * bare[0, 1]]), min(high, bare[0, 1])
    x = np.geomspace(low, high, count)
    return {
        "variance": x.tolist(),
        "density": random_matrix.density(x, ambient_dim, counts, stds, spreads).tolist(),
        "atom_at_zero": float(random_matrix.atom(ambient_dim, counts)),
    }


def memorisation_times(truth: Any, training_points: Sequence[int], laws: Mapping) -> list[dict]:
    """When the score of so many training points collapses on single ones (theory.md 7), of this draw of the manifold.

    laws: of the flat manifold, by `linear`; if there are any, `order` has its phase times and t_memorisation in the
    order in which they come, t falling.
    """
    told = information(truth, max(training_points))
    phases = {f"{name}[{k}]": gap[name]
              for k, gap in enumerate(laws.get("intermediate_gaps", ())) for name in ("t_open", "t_close")}  # fmt: skip
    phases |= {"t_consolidation": laws["final_gap"]["t_consolidation"]} if "final_gap" in laws else {}
    rows: list[dict] = []
    for number in training_points:
        t = told.t_memorisation(number)
        times_of = {name: one for name, one in (phases | {"t_memorisation": t}).items() if one > 0}
        row: dict[str, Any] = {"points": number, "t_memorisation": t, "corrected": told.corrected(number)}
        row["spread"], row["clocks"] = (told.spread(t), {"t_memorisation": clocks(t)}) if t > 0 else (math.nan, {})
        rows.append(row | {"order": sorted(times_of, key=times_of.__getitem__, reverse=True) if phases else []})
    return rows


class _Known(capabilities.Data, capabilities.Posterior, capabilities.Groups, Protocol):
    """Data whose exact spectra are told group by group."""


def small_curvature(truth: Arcs) -> list[dict]:
    """Leading order in curvature for a typical latent of each group (theory.md 4): one arc of length scale s.

    Consolidation is that of the group's typical latent against the ghost of the widest arc. Beyond half of the flat
    value the expansion says nothing: NaN.
    """
    lengths = np.sqrt([np.mean(truth.scales[truth.group_of == k] ** 2) for k in range(len(truth.groups))])
    rows = []
    for group, s in zip(truth.ordered, lengths, strict=True):
        kappa = truth.kappa * group.bend
        row = {
            "tangent_at_s2": expansions.arc_tangent(s**2, s, kappa),
            "bend_at_s2": expansions.arc_bend(s**2, s, kappa),
            "t_consolidation_over_flat": expansions.arc_consolidation(s, kappa, lengths.max()) / s**2,
        }
        valid = row["t_consolidation_over_flat"] > 0.5
        rows.append({"s": s, "kappa": kappa} | {name: value if valid else math.nan for name, value in row.items()})
    return rows


def spectrum(truth: _Known, t: float, points: int, seed: int) -> dict:
    """Mean spectrum of the exact G at noise variance t over noisy points; unknown where the truth is sampled."""
    rng = np.random.default_rng((seed, 3))  # apart from the draws of F
    clean, _ = truth.sample(rng, points)
    posterior = truth.exact(clean + np.sqrt(t) * rng.standard_normal(clean.shape), t)
    mean = posterior.spectrum().mean(0)
    mean = np.append(mean, 0.0)
    ends = (0, *truth.boundaries)
    return {
        "t": t,
        "points": points,
        "groups": [{"largest": mean[a], "smallest": mean[b - 1]} for a, b in itertools.pairwise(ends)],
        "beyond": mean[ends[-1]],
        "gap_widths": [mean[b - 1] - mean[b] for b in ends[1:]],
    } | clocks(t)


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
    lines = [
        f"{result['family']} manifold: d = {result['ambient_dim']}, m = {result['manifold_dim']}, "
        f"curvature {result['curvature']:g}"
    ]
    if "groups" in result:
        lines += _linear_lines(result)
    if "density" in result:
        table = result["density"]
        lines += ["", f"limiting density of the variances (and an atom of {table['atom_at_zero']:.6g} at 0)"]
        lines += [f"  {_show(x)} {_show(y)}" for x, y in zip(table["variance"], table["density"], strict=True)]
    if "small_curvature" in result:
        lines += ["", "leading order in curvature, one typical latent per group (G at t = s^2; flat: 0.5)"]
        lines.append(f"  {'s':>12} {'kappa':>12} {'tangent':>12} {'ghost':>12} {'t_consolidation / flat':>24}")
        for row in result["small_curvature"]:
            columns = (row["s"], row["kappa"], row["tangent_at_s2"], row["bend_at_s2"])
            lines.append(f"  {' '.join(map(_show, columns))} {'':>12}{_show(row['t_consolidation_over_flat'])}")
    if "memorisation" in result:
        heads = ("N", "t", "at finite N", "std of log t", "abar (VP)", "sigma (EDM)")
        lines += ["", "when the score of N training points collapses on single ones (noise variances t, of one draw)"]
        lines.append("  " + " ".join(f"{head:>12}" for head in heads))
        for row in result["memorisation"]:
            clock = row["clocks"].get("t_memorisation", {}).get
            numbers = (row["t_memorisation"], row["corrected"], row["spread"], clock("vp_abar"), clock("edm_sigma"))
            lines.append(f"  {row['points']:>12} {' '.join(map(_show, numbers))}")
            lines += [f"    t falling: {', '.join(row['order'])}"] if row["order"] else []
    if result["exact"]:
        points = result["exact"][0]["points"]
        lines += ["", f"exact score: eigenvalues of G, mean over {points} noisy points of one draw"]
        lines.append(
            f"  {'t':>12} {'abar (VP)':>12} {'sigma (EDM)':>12}  largest and smallest per group; beyond the manifold"
        )
    for one in result["exact"]:
        groups = "  ".join(f"{_show(group['largest'])} {_show(group['smallest'])}" for group in one["groups"])
        lines.append(
            f"  {_show(one['t'])} {_show(one['vp_abar'])} {_show(one['edm_sigma'])}  {groups}; {_show(one['beyond'])}"
        )
    return "\n".join(lines)


def _show(value) -> str:
    return f"{'-':>12}" if value is None else f"{value:12.6g}"


def _linear_lines(result: dict) -> list[str]:
    lines = [
        f"alpha = {result['alpha']:.4g}; laws of the flat manifold",
        "",
        "edges of the variances (eigenvalues of F'F), low and high",
        f"{'group':>24} {'law':>12} {'low':>12} {'high':>12}",
    ]
    for group in result["groups"]:
        spread = f" {group['law']} {group['width']:g}" if group["width"] else ""
        label = f"{group['count']} x {group['std']:g}{spread}"
        for name, (low, high) in group["edges"].items():
            lines.append(f"{label:>24} {name:>12} {_show(low)} {_show(high)}")
            label = ""
        mean, std = group["finite_size_edges"]["mean"], group["finite_size_edges"]["std"]
        spread = f"+- {_show(std[0]).strip()}, {_show(std[1]).strip()}"
        lines.append(f"{'':>24} {'finite d':>12} {_show(mean[0])} {_show(mean[1])}   {spread}")
    lines += [
        "",
        f"gaps and phase times (noise variances t; opening and closing at {result['level']:g} of the maximum)",
        f"{'':>24} {'t':>12} {'abar (VP)':>12} {'sigma (EDM)':>12}",
    ]

    def clock(name: str, gap: dict, place: int) -> str:
        other = gap["clocks"][name]
        return f"{f'{name}[{place}]':>24} {_show(gap[name])} {_show(other['vp_abar'])} {_show(other['edm_sigma'])}"

    for place, gap in enumerate(result["intermediate_gaps"]):
        critical = "" if gap["critical_ratio"] is None else f", critical {gap['critical_ratio']:.4g}"
        lines.append(f"  {_gap(gap, place)}: variance ratio {gap['variance_ratio']:.4g}{critical}")
        if not gap["exists"]:
            lines.append("    does not exist, the bulks have merged")
            continue
        lines += [clock(name, gap, place) for name in ("t_open", "t_max", "t_close")]
        lines.append(f"    largest width {gap['max_width']:.6g}")
        seen = [f"{t:.6g}" for t in gap["t_visible"] if t is not None]
        if seen:
            lines.append(f"    at least {result['visibility']:g} wide from t = {seen[0]} to {seen[1]}")
        if gap["t_coverage_to_consolidation"] is not None:
            lines.append(f"    final gap overtakes it at t = {gap['t_coverage_to_consolidation']:.6g}")
    final = result["final_gap"]
    last = len(result["intermediate_gaps"])
    return [*lines, f"  final {_gap(final, last)}: one half at", clock("t_consolidation", final, last)]


def _gap(gap: dict, place: int) -> str:
    """A gap by its place in the cube, as phase times are named, and by the modes above it."""
    return f"gap [{place}], {gap['below_modes']} {'mode' if gap['below_modes'] == 1 else 'modes'} above it"
