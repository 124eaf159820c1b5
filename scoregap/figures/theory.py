"""Figures of what the exact score says about the laws: finite size, existence of the gap, curvature.

study, datasets of its cube -> figures (the tables of `scoregap.findings`, drawn)
"""

import numpy as np
from matplotlib import colormaps
from matplotlib.ticker import NullLocator, ScalarFormatter

from scoregap import findings
from scoregap.figures import PANELS, grid, label, shared_legend
from scoregap.study import Study
from scoregap.truth import expansions, laws


def finite_size(study: Study, datasets: list):
    """|realised / law - 1| against d, for the bare and the corrected law, and the spread over draws."""
    frame = findings.finite_size(study, datasets)
    if frame.empty:
        return _nothing("finite size needs a law, and two seeds or more")
    names = list(dict.fromkeys(frame["quantity"]))
    columns = min(4, len(names))
    figure, axes = grid(-(-len(names) // columns), columns, height=2.6, sharex=True, sharey=True)
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    for ax, name in zip(axes.flat, names, strict=False):
        group = frame[frame["quantity"] == name].sort_values("ambient_dim")
        d = group.ambient_dim.to_numpy()
        for column, error, colour, text in (
            ("law_bias", "law_error", "tab:red", "bare law"),
            ("corrected_bias", "corrected_error", "tab:blue", "Tracy-Widom corrected law"),
        ):
            height = group[column].abs().to_numpy()
            ax.errorbar(
                d, height, group[error], color=colour, marker="o", ms=4, capsize=2, lw=0, elinewidth=1, label=text
            )
            slope, intercept = group[f"{column}_exponent"].iloc[0], np.nan
            if np.isfinite(slope):
                intercept = np.average(np.log(height) - slope * np.log(d), weights=(height / group[error]) ** 2)
                ax.plot(d, np.exp(intercept) * d**slope, color=colour, lw=1)
                ax.text(d[-1], height[-1], f" {slope:.2f}", color=colour, fontsize=7, va="bottom")
        ax.plot(d, group.spread, color="0.5", marker=".", lw=1, label="spread over draws")
        ax.plot(d, group.predicted_spread, color="0.5", ls=":", lw=1.5, label="spread, Tracy-Widom")
        ax.set_title(name)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xticks(d, [str(one) for one in d])
        ax.xaxis.set_minor_locator(NullLocator())
    for ax in axes[-1]:
        ax.set_xlabel("ambient dimension d")
    for ax in axes[:, 0]:
        ax.set_ylabel("|mean / law - 1|, spread")
    shared_legend(figure, axes)
    figure.suptitle("Finite size: the exact score against both laws (bars: standard errors; numbers: fitted exponents)")
    return figure


def gap_existence(study: Study, datasets: list):
    """The phase diagram of the intermediate gap: variance ratio against alpha, with the critical line."""
    frame = findings.gap_existence(study, datasets)
    figure, axes = grid(1, 3, height=3.6)
    fraction = study.document.manifold.groups
    large = max(range(2), key=lambda k: fraction[k].std)
    share = fraction[large].fraction
    shown = (
        ("widest", "share of draws where it is the widest gap"),
        ("width", "largest width, exact score"),
        ("law_width", "largest width, law"),
    )
    alpha = np.linspace(frame.alpha.min(), frame.alpha.max(), 200)
    for ax, (column, text) in zip(axes[0], shown, strict=True):
        table = frame.pivot_table(index="variance_ratio", columns="alpha", values=column)
        mesh = ax.pcolormesh(
            table.columns, table.index, table.to_numpy(), cmap="viridis", vmin=0, vmax=1, shading="nearest"
        )
        ax.plot(alpha, laws.critical_ratio(alpha, share), color="tab:red", lw=2, label="critical ratio (law)")
        if column == "widest":
            half = frame.groupby("alpha")[["variance_ratio", "widest"]].apply(
                lambda group: findings.half(group.sort_values("variance_ratio"))
            )
            ax.plot(half.index, half, "o", color="white", mec="black", ms=5, label="half of the draws")
        ax.set_yscale("log")
        ax.set_ylim(table.index.min(), table.index.max())
        ticks = [r for r in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0) if table.index.min() <= r <= table.index.max()]
        ax.set_yticks(ticks, [f"{r:g}" for r in ticks])
        ax.yaxis.set_minor_locator(NullLocator())
        ax.set_xlabel("alpha = m / d")
        ax.set_title(text)
        figure.colorbar(mesh, ax=ax, shrink=0.8)
    axes[0, 0].set_ylabel("variance ratio of the groups")
    axes[0, 0].legend(fontsize=7, loc="upper right", labelcolor="white")
    figure.suptitle("Where the gap between two variance groups exists")
    return figure


def curvature(study: Study, datasets: list):
    """Phase times and ghost directions of the exact score against curvature."""
    frame = findings.curvature(study, datasets)
    names = [column.removeprefix("ratio_") for column in frame.columns if column.startswith("ratio_")]
    keys = [axis for axis in study.facets if axis != "curvature" and frame[axis].nunique() > 1]
    groups = list(frame.groupby(keys)) if keys else [((), frame)]
    figure, axes = grid(2, max(3, -(-(len(names) + 2) // 2)), height=2.8)
    colours = colormaps["viridis"](np.linspace(0, 0.85, len(groups[:PANELS])))
    panels = iter(axes.flat)
    for name in names:
        ax = next(panels)
        ax.axhspan(1 - findings.OFF, 1 + findings.OFF, color="0.9", lw=0)
        for (values, group), colour in zip(groups[:PANELS], colours, strict=True):
            group = group.sort_values("curvature")
            text = ", ".join(f"{label(key)} {value:g}" for key, value in zip(keys, values, strict=True))
            ax.errorbar(
                group.curvature,
                group[f"ratio_{name}"],
                group[f"ratio_{name}"] * group[f"error_{name}"],
                color=colour,
                marker="o",
                ms=3,
                lw=1,
                capsize=2,
                label=text or study.name,
            )
            if name == "t_consolidation":
                c = np.linspace(0, group.curvature.max(), 200)
                ax.plot(c, small_curvature(study, dict(zip(keys, values, strict=True)), c), color=colour, ls=":")
        ax.set_ylim(0, None)
        ax.set_title(f"{name}, exact / flat")
        ax.set_xlabel("curvature c")
    for column, text in (
        ("ghost", "largest ghost eigenvalue of G"),
        ("ghosts", f"ghosts of at least {findings.OFF:g}"),
    ):
        if column in frame:
            ax = next(panels)
            for (_, group), colour in zip(groups[:PANELS], colours, strict=True):
                group = group.sort_values("curvature")
                ax.plot(group.curvature, group[column], color=colour, marker="o", ms=3, lw=1)
            ax.set_title(text)
            ax.set_xlabel("curvature c")
    for ax in panels:
        ax.set_axis_off()
    for ax in axes.flat:
        ax.xaxis.set_major_formatter(ScalarFormatter())
    shared_legend(figure, axes)
    figure.suptitle(
        f"Curvature: exact phase times over those of the same F without it (grey: {findings.OFF:.0%}; "
        "dotted: small-curvature expansion)"
    )
    return figure


def small_curvature(study: Study, chosen: dict, c) -> np.ndarray:
    """Consolidation time over the flat one by the expansion in the curvature, at the mean scales of the draws.

    NaN for families other than arcs, and beyond half of the flat time, where it says nothing.
    """
    if study.axes["family"] != ("arcs",):
        return np.full_like(c, np.nan)
    truths = [cell.truth() for cell in study.cells if all(cell[axis] == value for axis, value in chosen.items())]
    edges = np.mean([truth.edges() for truth in truths if truth.curvature == 0], 0)
    smallest, largest = np.sqrt(edges[-1, 0]), np.sqrt(edges[0, 1])
    curved = next(truth for truth in truths if truth.curvature)
    kappa = curved.kappa / curved.curvature * c
    ratio = expansions.arc_consolidation(smallest, kappa, largest) / smallest**2
    return np.where(ratio > 0.5, ratio, np.nan)


def _nothing(why: str):
    """A figure that says why it is empty."""
    figure, axes = grid(1, 1)
    axes[0, 0].set_axis_off()
    axes[0, 0].text(0.5, 0.5, why, ha="center")
    return figure


DRAW = {"finite_size": finite_size, "gap_existence": gap_existence, "curvature": curvature}
