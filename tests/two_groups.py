"""A cell with the gaps of two variance groups, in closed form."""

import numpy as np
import xarray as xr

from scoregap.laws import times

T = np.geomspace(1e-4, 1e3, 300)
A, B, G = 2.0, 0.25, 0.05


def cell(widths, law, t=T, **values):
    """widths: {network: (seeds, gaps, times)}; law: (gaps, times)."""
    seeds, gaps = next(iter(widths.values())).shape[:2]
    dims = ("network", "seed", "gap", "time")
    law = np.broadcast_to(law, (len(widths), seeds, *law.shape))
    at = np.full((len(widths), seeds, gaps), G)
    return xr.Dataset(
        {
            "gap_width": (dims, np.stack(list(widths.values()))),
            "law_gap_width": (dims, law),
            "law_t_consolidation": (dims[:3], at),
        },
        {"network": list(widths), "time": t, **values},
    )


LAW = np.stack([times.gap_width(T, A, B), G / (T + G)])
