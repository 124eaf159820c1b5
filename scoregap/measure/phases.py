"""Phase times read off gap widths measured at a grid of noise variances.

gap width against t -> t_open, t_max, t_close, t_consolidation, t_resolution, with bootstrap intervals

Nothing here knows the theory: the same operator is applied to the law, the exact and the trained curve
(THEORY.md 3, "compare like with like"). Times run from large to small: a gap opens at t_open, is widest at
t_max and closes at t_close < t_max. What the grid does not show is NaN.
"""

import numpy as np

INTERMEDIATE = ("t_open", "t_max", "t_close")
FINAL = ("t_consolidation", "t_resolution")
TIMES = INTERMEDIATE + FINAL
SAME = 1e-6  # widths that differ by less are rounding (of float32): nothing to resample


def peak(times, width):
    """(t_max, largest width) of one intermediate gap.

    The width of any gap between two variances is 1 / (p t + q / t + r), so p, q, r are fitted by least squares
    to the points of at least half the largest width around the highest one, and t_max = sqrt(q / p). Exact for
    that shape on any grid, a local smoother for other shapes. A gap whose highest point is the first or the last
    time is cut by the grid: NaN.
    """
    top = int(np.argmax(width))
    if not (width[top] > 0 and 0 < top < len(times) - 1):
        return np.nan, np.nan
    low = np.flatnonzero(width[:top] < 0.5 * width[top])
    high = np.flatnonzero(width[top:] < 0.5 * width[top])
    window = slice(
        min(low[-1] + 1 if low.size else 0, top - 1), max(top + (high[0] if high.size else len(width)), top + 2)
    )
    t, w = times[window] / times[top], width[window]
    if len(t) < 3 or np.any(w <= 0):
        return np.nan, np.nan
    # Least squares in the width itself: d(1/w) = -dw / w^2.
    basis = np.stack([t, 1 / t, np.ones_like(t)], -1) * (w**2)[:, None]
    p, q, r = np.linalg.lstsq(basis, w, rcond=None)[0]
    if p <= 0 or q <= 0 or r + 2 * np.sqrt(p * q) <= 0:
        return np.nan, np.nan
    return times[top] * np.sqrt(q / p), 1 / (r + 2 * np.sqrt(p * q))


def crossing(times, width, level, t_max=0.0):
    """Where a flank falls through a level; NaN if it does not.

    times, width: from the top of the gap outwards, in either direction. The inverse width is interpolated linearly
    in t + t_max^2 / t, which is exact for the gap between two variances, whose widest point is at t_max, and with
    t_max = 0 for the final gap g / (t + g).
    """
    below = np.flatnonzero(~(width[1:] >= level)) + 1
    if not below.size or not width[0] >= level or np.isnan(width[below[0]]):
        return np.nan
    inside, outside = below[0] - 1, below[0]
    place = times + t_max**2 / times
    inverse = 1 / np.maximum(width[[inside, outside]], 1e-300)
    part = (1 / level - inverse[0]) / (inverse[1] - inverse[0])
    s = place[inside] + part * (place[outside] - place[inside])
    if times[outside] > times[inside]:
        return 0.5 * (s + np.sqrt(max(s**2 - 4 * t_max**2, 0.0)))
    return 2 * t_max**2 / (s + np.sqrt(max(s**2 - 4 * t_max**2, 0.0))) if t_max else s


def intermediate(times, width, level):
    """(t_open, t_max, t_close) of one gap between groups; level is the share of the maximum, as 0.5."""
    t_max, largest = peak(times, width)
    if np.isnan(t_max):
        return np.nan, np.nan, np.nan
    later, earlier = times > t_max, times < t_max
    opening = crossing(np.append(t_max, times[later]), np.append(largest, width[later]), level * largest, t_max)
    closing = crossing(
        np.append(t_max, times[earlier][::-1]), np.append(largest, width[earlier][::-1]), level * largest, t_max
    )
    return opening, t_max, closing


def final(times, width):
    """(t_consolidation, t_resolution) of the final gap: where it falls through one half on either side of its widest
    point; at larger t, and at smaller t (the resolution of a network; NaN if it never does)."""
    top = int(np.argmax(width))
    return crossing(times[top:], width[top:], 0.5), crossing(times[top::-1], width[top::-1], 0.5)


def fit(times, width, level, nested=True):
    """All phase times of the gaps of one cell.

    times: (T,) ascending noise variances. width: (T, gaps), the last one the final gap (if not nested, every one);
    where it is NaN, only the run of known widths around the largest is used, and its ends cut a gap as the grid's do.
    Returns {name: (gaps,)} for the names in TIMES; NaN where a time does not apply or is not seen.
    """
    gaps = width.shape[-1]
    found = {name: np.full(gaps, np.nan) for name in TIMES}
    for k in range(gaps):
        run = _run_around_top(width[:, k])
        if run.stop - run.start < 3:
            continue
        t, w = times[run], width[run, k]
        last = k == gaps - 1 or not nested
        names, values = (FINAL, final(t, w)) if last else (INTERMEDIATE, intermediate(t, w, level))
        for name, value in zip(names, values, strict=True):
            found[name][k] = value
    return found


def _run_around_top(width):
    """The stretch of known widths that has the largest of them, as a slice."""
    known = np.isfinite(width)
    if not known.any():
        return slice(0, 0)
    top = np.nanargmax(width)
    gaps = np.flatnonzero(~known)
    before, after = gaps[gaps < top], gaps[gaps > top]
    return slice(before[-1] + 1 if before.size else 0, after[0] if after.size else len(width))


def pooled(width, has_gap, weights=None):
    """Mean width over the points whose manifold has the gap: (T, points, gaps), (points, gaps) -> (T, gaps).

    weights: (..., points) of the points, for resamples (..., T, gaps). NaN where no point has the gap, and where the
    width of one that has it is unknown: leaving that out would favour the points that are easy to know.
    """
    shares = np.ones(width.shape[1]) if weights is None else weights
    total = np.einsum("...p,tpg->...tg", shares, np.where(has_gap, width, 0.0))
    count = np.einsum("...p,pg->...g", shares, has_gap.astype(float))[..., None, :]
    return np.where(count > 0, total / np.where(count > 0, count, 1.0), np.nan)


def bootstrap(times, width, has_gap, level, resamples, confidence, rng, nested=True):
    """Percentile intervals of the phase times over points.

    width: (T, points, gaps) at the same points at all times; has_gap: (points, gaps). Whole points are resampled,
    so the dependence along t is kept. Returns {name: (low (gaps,), high (gaps,))}; NaN where more than half of the
    resamples do not show the time.
    """
    points = width.shape[1]
    if np.ptp(width, axis=1).max(initial=0.0) < SAME:
        one = fit(times, pooled(width, has_gap), level, nested)
        return {name: (one[name], one[name]) for name in TIMES}
    weights = rng.multinomial(points, np.full(points, 1 / points), size=resamples) / points
    fits = [fit(times, curve, level, nested) for curve in pooled(width, has_gap, weights)]
    tails = [0.5 * (1 - confidence), 0.5 * (1 + confidence)]
    intervals = {}
    for name in TIMES:
        draws = np.stack([one[name] for one in fits])
        seen = np.isfinite(draws).mean(0) >= 0.5
        low, high = np.full(draws.shape[1], np.nan), np.full(draws.shape[1], np.nan)
        if seen.any():
            low[seen], high[seen] = np.nanquantile(draws[:, seen], tails, axis=0)
        intervals[name] = (low, high)
    return intervals
