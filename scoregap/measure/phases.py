"""Phase times read off gap widths measured at a grid of noise variances, in two ways, and alignment times.

gap width against t -> t_open, t_max, t_close, t_consolidation, t_resolution by crossing and by model, with intervals
alignment of a group against t -> t_alignment, with its interval

Nothing here knows the theory of a manifold: the same operator is applied to the law, the exact and the trained curve
(theory.md 3, "compare like with like"). Times run from large to small: a gap opens at t_open, is widest at
t_max and closes at t_close < t_max. What the grid does not show is NaN, and a state says why.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from scoregap import InputError
from scoregap.arguments import array, ascending, between, function, generator, mask, not_negative, ranged, whole
from scoregap.measure.student import half_width
from scoregap.variables import ABOVE, ABSENT, BELOW, MAXIMUM_ABOVE, MAXIMUM_BELOW, MEASURED, NOT_APPLICABLE

INTERMEDIATE = ("t_open", "t_max", "t_close")
FINAL = ("t_consolidation", "t_resolution")
TIMES = INTERMEDIATE + FINAL
MODEL = tuple(f"model_{name}" for name in TIMES)
QUANTITIES = (*TIMES, *MODEL, "consistency")  # those with an interval
BOUNDS = (1e-40, 1e40)  # of the model's parameters
ROUNDING = 1e-14  # square of a width that float32 does not know
DESCENT = 100  # steps of its fit at most
SAME = 1e-6  # widths and cosines that differ by less are rounding (of float32): nothing to resample


def _curves(times, width):
    """(T,) ascending noise variances, and (..., T) widths, NaN where they are not known."""
    times = ascending("times", times)
    return times, array("width", width, "...", len(times))


def _of_points(name, curves, has_gap):
    """(T, points, gaps) curves and (points, gaps) whether points have the gaps."""
    curves = array(name, curves, "T", "points", "gaps")
    return curves, mask("has_gap", has_gap, *curves.shape[1:])


def _among(name, names, found):
    """Names that are all in a mapping."""
    if not isinstance(found, Mapping):
        raise InputError(key="found", value=found, allowed="should be a mapping of times by their names")
    if isinstance(names, str) or not isinstance(names, Iterable) or not (names := list(names)):
        raise InputError(key=name, value=names, allowed="should be names of times, one or more")
    for one in names:
        if not isinstance(one, str) or one not in found:
            raise InputError(key=name, value=one, allowed=f"should be among {', '.join(map(str, found))}")
    return names


def peak(times, width):
    """(t_max, largest width) of intermediate gaps: (T,), (..., T) -> (...), (...).

    The width of any gap between two variances is 1 / (p t + q / t + r), so p, q, r are fitted by least squares
    to the points of at least half the largest width around the highest one, and t_max = sqrt(q / p). Exact for
    that shape on any grid, a local smoother for other shapes. A gap whose highest point is the first or the last
    known time is cut by the grid: NaN.
    """
    times, width = _curves(times, width)
    height = np.where(np.isfinite(width), width, -np.inf)
    index = np.arange(len(times))
    top, largest = _top(height)
    low = np.where((index < top) & (height < 0.5 * largest), index, -1).max(-1, keepdims=True)
    high = np.where((index > top) & (height < 0.5 * largest), index, len(times)).min(-1, keepdims=True)
    window = ((index > low) & (index < high)) | (np.abs(index - top) <= 1)
    cut = (top[..., 0] == 0) | (top[..., 0] == len(times) - 1) | ((height <= 0) & window).any(-1)
    w, t = np.where(window & ~cut[..., None], height, 0.0), times / times[top]
    # Least squares in the width itself: d(1/w) = -dw / w^2.
    basis = np.stack([t, 1 / t, np.ones_like(t)], -1) * (w**2)[..., None]
    p, q, r = np.moveaxis((np.linalg.pinv(basis, rcond=1e-14) @ w[..., None])[..., 0], -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        inverse = r + 2 * np.sqrt(p * q)
        good = ~cut & (p > 0) & (q > 0) & (inverse > 0)
        return np.where(good, times[top[..., 0]] * np.sqrt(q / p), np.nan), np.where(good, 1 / inverse, np.nan)


def _top(height):
    """Index and value of the largest, last dimension kept."""
    top = height.argmax(-1)[..., None]
    return top, np.take_along_axis(height, top, -1)


def crossing(times, width, level, t_max=0.0):
    """Where flanks fall through a level; NaN where they do not.

    times, width: (..., K) from the top of the gap outwards, in either direction; level, t_max: (...). The inverse
    width is interpolated linearly in t + t_max^2 / t, which is exact for the gap between two variances, whose widest
    point is at t_max, and with t_max = 0 for the final gap g / (t + g).
    """
    times, width = array("times", times, "...", "K"), array("width", width, "...", "K")
    level, t_max = array("level", level, "..."), not_negative("t_max", t_max)
    times, width = np.broadcast_arrays(times, width)
    outside = np.argmax(~(width >= np.asarray(level)[..., None]), -1)[..., None]
    ends = np.concatenate([np.maximum(outside - 1, 0), outside], -1)
    t, w = np.take_along_axis(times, ends, -1), np.take_along_axis(width, ends, -1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        place, inverse = t + np.asarray(t_max)[..., None] ** 2 / t, 1 / np.maximum(w, 1e-300)
        part = (1 / level - inverse[..., 0]) / (inverse[..., 1] - inverse[..., 0])
        s = place[..., 0] + part * (place[..., 1] - place[..., 0])
        root = s + np.sqrt(np.maximum(s**2 - 4 * t_max**2, 0.0))
        inwards = np.where(t_max > 0, 2 * t_max**2 / root, s)
        found = np.where(t[..., 1] > t[..., 0], 0.5 * root, inwards)
    return np.where(outside[..., 0] > 0, found, np.nan)


def _flanks(times, width, t_top, top, level, t_max=0.0):
    """(upper, lower) crossing on either side of the point (t_top, top) of each curve."""
    found = []
    for side, order in ((times > t_top[..., None], slice(None)), (times < t_top[..., None], slice(None, None, -1))):
        # Points on the other side are replaced by the top itself: a path from it outwards.
        path = [np.where(side, one, start[..., None])[..., order] for one, start in ((times, t_top), (width, top))]
        start = [t_top[..., None], top[..., None]]
        path_times, path_width = (np.concatenate(pair, -1) for pair in zip(start, path, strict=True))
        found.append(crossing(path_times, path_width, level, t_max))
    return found


def intermediate(times, width, level):
    """(t_open, t_max, t_close) of gaps between groups, (..., T) -> (...); level is the share of the maximum, as 0.5."""
    times, width = _curves(times, width)
    level = between("level", level, 0, 1)
    t_max, largest = peak(times, width)
    opening, closing = _flanks(times, width, t_max, largest, level * largest, t_max)
    return opening, t_max, closing


def final(times, width):
    """(t_consolidation, t_resolution) of final gaps: where they fall through one half on either side of their widest
    point; at larger t, and at smaller t (the resolution of a network; NaN if it never does)."""
    times, width = _curves(times, width)
    top, largest = _top(np.where(np.isfinite(width), width, -np.inf))
    return tuple(_flanks(times, width, times[top[..., 0]], largest[..., 0], np.full(width.shape[:-1], 0.5)))


def model(times, width):
    """The gap of two variances, with an amplitude of its own, fitted to whole curves by least squares.

    times: (T,). width: (..., T), NaN where it is not known. Fitted is
    1 / width = (sqrt(p t) - sqrt(q / t))^2 + 1 / largest: A (a - b) t / ((t + a) (t + b)) with a b = q / p; as q falls
    to 0 the final gap A g / (t + g); with q that of a network, which loses it again, times t / (t + r). The amplitude A
    is 1 in theory and free here: eigenvalues of trained networks stop short of 1.
    Returns (p, q, largest, misfit), (...) each; misfit is the rms residual. NaN where fewer than four widths are
    known, or all are rounding.
    """
    times, width = _curves(times, width)
    known = np.isfinite(width)
    w = np.where(known, width, 0.0)
    fitted = (known.sum(-1) >= 4) & (w.max(-1) > SAME)
    w, known = w[fitted], known[fitted]
    largest = w.max(-1)
    wide = w >= 0.5 * largest[:, None]
    outer, inner = np.where(wide, times, 0.0).max(-1), np.where(wide, times, np.inf).min(-1)
    theta = np.log(np.stack([1 / (largest * outer), 0.1 * inner / largest, largest], -1))
    root = np.sqrt(times)

    def residual(theta, w, known):
        p, q, largest = np.exp(theta.T)[..., None]
        u, v = np.sqrt(p) * root, np.sqrt(q) / root
        away = u - v
        curve = 1 / (away**2 + 1 / largest)
        slope = np.stack([-u * away, v * away, np.broadcast_to(1 / largest, u.shape)], 1) * (curve**2 * known)[:, None]
        left = (w - curve) * known
        return left, slope, (left**2).sum(-1)

    # Levenberg and Marquardt's descent, all curves at once (scipy's takes one at a time), each until it is down: where
    # q falls to 0 the last digits of its logarithm would go on for ever, and change nothing.
    low, high = np.log(BOUNDS)
    best, misfit, live = theta.copy(), np.zeros(len(w)), np.arange(len(w))
    count = known.sum(-1)
    (left, slope, cost), damping = residual(theta, w, known), np.full(len(w), 1e-3)
    for _ in range(DESCENT):
        if not live.size:
            break
        normal, gradient = slope @ slope.swapaxes(1, 2), slope @ left[..., None]
        scale = np.einsum("nkk->nk", normal)
        ridge = damping[:, None] * scale + 1e-14 * scale.max(-1, keepdims=True) + 1e-300
        np.einsum("nkk->nk", normal)[:] += ridge
        step = np.linalg.solve(normal, gradient)[..., 0].clip(-1, 1)
        trial = (theta + step).clip(low, high)
        new = residual(trial, w, known)
        better = new[2] < cost
        down = np.where(better, cost - new[2] <= 1e-9 * cost + ROUNDING, damping >= 1e4)
        damping = np.where(better, 0.1 * damping, 10 * damping).clip(1e-12, 1e12)
        for old, now in zip((theta, left, slope, cost), (trial, *new), strict=True):
            old[better] = now[better]
        if down.any():
            best[live[down]], misfit[live[down]] = theta[down], cost[down]
            w, known, theta, left, slope, cost, damping, live = (
                one[~down] for one in (w, known, theta, left, slope, cost, damping, live)
            )
    best[live], misfit[live] = theta, cost
    result = np.full((4, *fitted.shape), np.nan)
    result[:, fitted] = *np.exp(best).T, np.sqrt(misfit / count)
    return result


def model_times(p, q, largest, width):
    """(outer time, t_max, inner time) at which a `model` is so wide, widest, so wide again; NaN where it never is."""
    p, q, largest = not_negative("p", p), not_negative("q", q), not_negative("largest", largest)
    width = not_negative("width", width)
    with np.errstate(invalid="ignore"):
        root = np.sqrt(1 / width - 1 / largest)
        summed = root + np.sqrt(root**2 + 4 * np.sqrt(p * q))
    return (0.5 * summed) ** 2 / p, np.sqrt(q / p), q * (2 / summed) ** 2


def fit(times, width, level, visibility=0.0, nested=True):
    """All phase times of the gaps of a cell, or of many alike.

    times: (T,) ascending noise variances. width: (..., T, gaps), the last one the final gap (if not nested, every one);
    where it is NaN, only the run of known widths around the largest is used, and its ends cut a gap as the grid's do.
    Returns {name: (..., gaps)}: for the names in TIMES and MODEL times, NaN unless MEASURED, and as NAME_state why
    (`variables.State`): a gap that is never as wide as `visibility` has no times. `consistency`: t_open t_close /
    t_max^2, in theory 1; `model_misfit`, of every curve.
    """
    times = ascending("times", times)
    width = array("width", width, "...", len(times), "gaps")
    level, visibility = between("level", level, 0, 1), float(ranged("visibility", visibility, 0, 1))
    w = _around_top(np.moveaxis(width, -1, -2))  # (..., gaps, T)
    last = (np.arange(w.shape[-2]) == w.shape[-2] - 1) | (not nested)
    found = {name: np.full(w.shape[:-1], np.nan) for name in (*QUANTITIES, "model_misfit")}
    found |= {f"{name}_state": np.full(w.shape[:-1], NOT_APPLICABLE, "int8") for name in (*TIMES, *MODEL)}
    p, q, largest, found["model_misfit"] = model(times, w)
    outer, middle, inner = model_times(p, q, largest, np.where(last, 0.5, level * largest))
    for names, columns in ((INTERMEDIATE, ~last), (FINAL, last)):
        if not columns.any():
            continue
        here = w[..., columns, :]
        if names is FINAL:
            crossed, modelled = [*final(times, here)], [outer, inner]
            shown = np.where(np.isfinite(here), here, 0.0).max(-1) >= 0.5
        else:
            crossed, modelled = [*intermediate(times, here, level)], [outer, middle, inner]
            shown = np.isfinite(crossed[1])
        modelled = [value[..., columns] for value in modelled]
        censored = _censor(times, here, visibility, names is INTERMEDIATE)
        for method, values, seen in (("", crossed, shown), ("model_", modelled, np.isfinite(modelled[0]))):
            for name, value in zip(names, values, strict=True):
                side = {names[0]: ABOVE, names[-1]: BELOW}.get(name)
                value, state = censored(value, side, seen)
                found[method + name][..., columns], found[f"{method}{name}_state"][..., columns] = value, state
    found["consistency"] = found["t_open"] * found["t_close"] / found["t_max"] ** 2
    return found


def _censor(times, width, visibility, of_maximum):
    """A function (time, side, seen) -> (time, state) for gaps of these widths (..., T).

    The time if it is MEASURED (else NaN), and what there is to say of it. of_maximum: whether flanks are at
    a share of the largest width, so that without that one of them may be on the grid and not be known. time: (...);
    side: where a flank is that is not on the grid, None for the top; seen: (...) whether the top is on it.
    """
    known = np.isfinite(width)
    start, stop = np.where(known, times, np.inf).min(-1), np.where(known, times, -np.inf).max(-1)
    top, largest = (one[..., 0] for one in _top(np.where(known, width, -np.inf)))
    edge = np.where(times[top] == start, BELOW, np.where(times[top] == stop, ABOVE, ABSENT))
    unknown, invisible = ~known.any(-1), largest < visibility
    # By the side of a flank, where the top is beyond the other end.
    beyond = {ABOVE: np.where(edge == BELOW, MAXIMUM_BELOW, edge), BELOW: np.where(edge == ABOVE, MAXIMUM_ABOVE, edge)}

    def censored(value, side, seen):
        state = edge if side is None else np.where(seen, side, beyond[side] if of_maximum else edge)
        after, before = value > stop, value < start
        for holds, means in (  # the last that holds
            (np.isfinite(value), MEASURED), (before, BELOW), (after, ABOVE), (invisible, ABSENT),
            (unknown, NOT_APPLICABLE),
        ):  # fmt: skip
            state = np.where(holds, means, state)
        return np.where(state == MEASURED, value, np.nan), state

    return censored


def _around_top(width):
    """Widths (..., T) with NaN outside the stretch of known ones that has the largest of them."""
    known, index = np.isfinite(width), np.arange(width.shape[-1])
    top, _ = _top(np.where(known, width, -np.inf))
    before = np.where(~known & (index < top), index, -1).max(-1, keepdims=True)
    after = np.where(~known & (index > top), index, len(index)).min(-1, keepdims=True)
    inside = (index > before) & (index < after)
    return np.where(inside & (inside.sum(-1, keepdims=True) >= 3), width, np.nan)


def aligned(times, cosine, threshold):
    """Where groups of tangents become aligned as t falls: where their cosine first rises through a threshold.

    times: (T,) ascending noise variances. cosine: (..., T, groups) as of `spectra.alignment`, interpolated linearly in
    log t. Read from large t down, because it falls again at small t: there even an exact score orders the tangents of
    a curved manifold by curvature, not by variance.
    Returns {"t_alignment": (..., groups), "t_alignment_state": (..., groups)}: NaN and ABOVE if aligned at the largest
    time, ABSENT if at none, NOT_APPLICABLE if the cosine is unknown before it rises.
    """
    times = ascending("times", times)
    cosine = array("cosine", cosine, "...", len(times), "groups")
    threshold = between("threshold", threshold, 0, 1)
    falling, c = times[::-1], np.moveaxis(cosine, -1, -2)[..., ::-1]
    reached = ~(c < threshold)
    first = reached.argmax(-1)
    before = np.maximum(first - 1, 0)
    low, high = (np.take_along_axis(c, at[..., None], -1)[..., 0] for at in (before, first))
    state = np.select([~reached.any(-1), np.isnan(high), first == 0], [ABSENT, NOT_APPLICABLE, ABOVE], MEASURED).astype(
        "int8"
    )
    measured = state == MEASURED
    part = np.divide(threshold - low, high - low, out=np.zeros_like(low), where=measured)
    value = falling[before] * (falling[first] / falling[before]) ** part
    return {"t_alignment": np.where(measured, value, np.nan), "t_alignment_state": state}


def pooled(width, has_gap, weights=None):
    """Mean width over the points whose manifold has the gap: (T, points, gaps), (points, gaps) -> (T, gaps).

    Of cosines too, of the groups that end at the gaps. weights: (..., points) of the points, for resamples
    (..., T, gaps). NaN where no point has the gap, and where the width of one that has it is unknown: leaving that out
    would favour the points that are easy to know.
    """
    width, has_gap = _of_points("width", width, has_gap)
    shares = np.ones(width.shape[1]) if weights is None else array("weights", weights, "...", width.shape[1])
    total = np.einsum("...p,tpg->...tg", shares, np.where(has_gap, width, 0.0))
    count = np.einsum("...p,pg->...g", shares, has_gap.astype(float))[..., None, :]
    return np.where(count > 0, total / np.where(count > 0, count, 1.0), np.nan)


def bootstrap(times, width, has_gap, resamples, confidence, rng, **how):
    """Intervals over points of all that `fit` finds: {name: (low (gaps,), high (gaps,))} of QUANTITIES.

    width: (T, points, gaps) at the same points at all times; has_gap: (points, gaps); how: settings of `fit`.
    See `over_points`.
    """
    times = ascending("times", times)
    width = array("width", width, len(times), "points", "gaps")
    return over_points(lambda mean: fit(times, mean, **how), QUANTITIES, width, has_gap, resamples, confidence, rng)


def over_points(find, names, curves, has_gap, resamples, confidence, rng):
    """Intervals over points: of the times of the mean curve of infinitely many points like these.

    find: mean curves (..., T, gaps) -> {name: times (..., gaps)}; for the others see `leaving_out` and `intervals`.
    """
    find = function("find", find)
    return intervals(find(leaving_out(curves, has_gap)), names, has_gap, resamples, confidence, rng)


def leaving_out(curves, has_gap):
    """Mean curve of all points, and, where points differ, without each of them: (1 or 1 + points, T, gaps).

    curves: (T, points, gaps) of widths or cosines at the same points at all times; has_gap: (points, gaps).
    """
    curves, has_gap = _of_points("curves", curves, has_gap)
    every = pooled(curves, has_gap)[None]
    if np.ptp(curves, axis=1).max(initial=0.0) < SAME:
        return every
    return np.concatenate([every, pooled(curves, has_gap, 1 - np.eye(len(has_gap)))])


def intervals(found, names, has_gap, resamples, confidence, rng):
    """Intervals over points from the times of all mean curves of `leaving_out`, found: {name: (curves, gaps)}.

    All is done with log times, linear in the points: leaving each out says what it adds, and these shares are
    resampled, each resample in units of its own standard error (the studentised bootstrap of Efron and Tibshirani
    1993, section 12.5, of the jackknife's shares). No end is nearer than Student's, because few points hide their own
    skewness.
    Returns {name: (low (gaps,), high (gaps,))} of these names. NaN where the time is not seen, or hangs on one point,
    without which it is not; 0 and infinity where so few points say nothing.
    """
    has_gap = mask("has_gap", has_gap, "points", "gaps")
    resamples, confidence = whole("resamples", resamples), between("confidence", confidence, 0, 1)
    rng = generator("rng", rng)
    names = _among("names", names, found)
    every = np.stack([array("found", found[name], "curves", has_gap.shape[1]) for name in names], 1)
    if len(every) == 1:
        return {name: (found[name][0], found[name][0]) for name in names}
    time, logs = every[0], np.log(every[1:])
    ends = np.full((2, *time.shape), np.nan)
    for k in range(has_gap.shape[-1]):
        shares = logs[has_gap[:, k], :, k]
        count = len(shares)
        if count < 2:
            continue
        shares = (count - 1) * (shares.mean(0) - shares)
        weights = rng.multinomial(count, np.full(count, 1 / count), size=resamples) / count
        means = weights @ shares
        spread = np.sqrt(np.maximum(weights @ shares**2 - means**2, 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(means == 0, 0.0, means / spread) * np.sqrt(count - 1)
        ratio = np.nan_to_num(ratio, nan=np.nan, posinf=1e30, neginf=-1e30)  # resamples of one point alone
        tails = 0.5 * (1 + confidence), 0.5 * (1 - confidence)
        student = half_width(count - 1, confidence)
        resampled = np.quantile(ratio, tails, axis=0, method="weibull")
        outer = np.stack([np.maximum(resampled[0], student), np.minimum(resampled[1], -student)])
        error = shares.std(0, ddof=1) / np.sqrt(count)
        with np.errstate(over="ignore", invalid="ignore"):
            ends[:, :, k] = time[:, k] * np.exp(np.where(error > 0, -outer * error, 0.0 * error))
    return {name: tuple(ends[:, i]) for i, name in enumerate(names)}
