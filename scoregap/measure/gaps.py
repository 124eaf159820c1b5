"""Gaps in spectra, where we know to look and where we do not.

ordered eigenvalues at every time -> width of given gaps; gaps found blind, with p-values, and the dimension they give

**The test.** Null hypothesis: the spectrum is one bulk, whose spacings (differences of neighbouring eigenvalues) are
locally alike; none need be larger than independent points leave by chance. The widest spacing s is compared with a
scale m, the larger of those of its two sides. The scale of a side comes from the WINDOW spacings next to s there; the
largest quarter of them is censored, because there may be other gaps among them: sum of the r smallest, the others
counted as the r-th, over r. Three facts make the p-value exact, and no table is needed:

- spacings of independent points are exponential, and a scale so censored is then Gamma(r) / r (type II censoring);
- towards an exponential edge they grow: the k-th from the edge is 1/k times as large (Renyi's representation). So the
  j-th spacing inwards of the k-th is multiplied by (k + j) / k. At soft edges of random matrices (k^(-1/3)), and at
  sharp ones, they grow less;
- Bonferroni's factor, the number of spacings, covers the choice of the widest one.

Eigenvalues that repel each other, and averages over points, are more regular than independent points: for them the test
is conservative. A gap divides the spectrum, and both parts are tested on their own, each with half the probability of
an error: several gaps are found, and all together the errors keep within it. `make calibration` measures it.

**Over noise.** Modes of noise scatter to both sides of -1, which is known: of few of them their distances from -1 say
more than their spacings, which beyond the middle of the bulk belong to its other edge. So the gap to the farthest of
them, on either side, is also compared with the spacings of these distances, with 0 as one more, and the smaller
p-value counts. For a bulk that lies elsewhere the distances are larger, and so is this p-value.

**Over times.** A gap that noise leaves by chance is gone at the next time. A gap lasts if its p-values at L neighbours
of T times are all at most p, with T (2 p)^L <= significance, and if it is found at one of them by itself. So noise that
is drawn anew at every time is within the significance, summed over all runs and over all L; and noise that is the same
at all times, too. No p-value counts as less than the significance, because that is how far tails are known:
with tails as heavy as those of Student's t with 3 degrees of freedom the test at one time keeps its level up to about
100 modes, but very small p-values are not what they say. Noise that is alike at a few neighbouring times has as many
chances as it changes.

Beyond its reach: two modes by themselves, but for noise below a fortieth of the gap, and modes that lie apart though of
the same law: the lowest ones of a (nearly) square random matrix, whose variances go down to 0, while t is below most
of them. One spectrum cannot tell them from normal directions; `blind` has all times and can.
"""

from functools import cache
from math import comb

import numpy as np
from numpy.polynomial.polynomial import polyval

from scoregap import InputError
from scoregap.arguments import array, between, known, mask, ranged, wholes

NOISE = -1.0  # eigenvalue of t J along a direction that is noise alone
WINDOW = 24  # spacings on either side that a spacing is compared with
CENSORED = 4  # one in so many of them
POSSIBLE = 0.5  # p-value above which a time does not speak for a gap, however many do


def _with_floor(eigenvalues):
    """The spectrum of t J with one more mode at -1, that of pure noise: without normal directions (m = d) the
    final gap lies above it."""
    return np.concatenate([eigenvalues, np.full_like(eigenvalues[..., :1], NOISE)], -1)


def widths(eigenvalues, boundaries):
    """Widths of the gaps below the given numbers of modes.

    eigenvalues: (..., modes) of t J, descending. boundaries: for each gap the number of modes above it.
    Returns (..., gaps).
    """
    eigenvalues = array("eigenvalues", eigenvalues, "...", "modes")
    above = ranged("boundaries", boundaries, 1, eigenvalues.shape[-1], "gaps").astype(int) - 1
    if (above + 1 != np.asarray(boundaries)).any():
        raise InputError(key="boundaries", value=boundaries, allowed="should be whole numbers")
    eigenvalues = _with_floor(eigenvalues)
    return eigenvalues[..., above] - eigenvalues[..., above + 1]


def widest(eigenvalues):
    """Modes above the widest gap, that to pure noise below them all included: no test, so there always is one.

    eigenvalues: (..., modes) of t J, descending. Returns (...), from 1 to modes.
    """
    eigenvalues = known("eigenvalues", eigenvalues, "...", "modes")
    return (-np.diff(_with_floor(eigenvalues))).argmax(-1) + 1


def blind(eigenvalues, significance, min_width):
    """What spectra alone say about gaps and dimension while noise recedes, without the true groups.

    eigenvalues: (times, points, modes) of t J, descending; the mean over points is tested. significance, min_width:
    as of `detector.GapDetector`.
    Returns (dimension (times,), gap_count (times,), dimension_overall, gap_count_overall):
    - dimension at a time: modes above the lowest gap, 0 if there is none (every direction is noise);
    - dimension overall: the largest number of modes above a gap that lasts and is wider than one half at some time, 0
      if none does. No two gaps can be so wide at once; gaps inside the manifold come first as t falls, the final gap
      last;
    - counts: gaps at a time, and different ones that last (see the module).
    """
    found = _at_every_time(eigenvalues, significance, min_width)
    dimension = np.array([lowest(gaps) for gaps, _, _ in found])
    count = np.array([len(gaps) for gaps, _, _ in found])
    those = _lasting(eigenvalues, found, significance, min_width)
    reported = [dict(zip(gaps.tolist(), width, strict=True)) for gaps, width, _ in found]
    dominant = [gap for gap in those if max(one.get(gap, 0.0) for one in reported) > 0.5]
    return dimension, count, lowest(dominant), len(those)


def lasting(eigenvalues, significance, min_width) -> list[int]:
    """Modes above each gap that lasts, ascending, of the same as `blind` counts."""
    found = _at_every_time(eigenvalues, significance, min_width)
    return _lasting(eigenvalues, found, significance, min_width)


def _at_every_time(eigenvalues, significance, min_width):
    """`find` of the mean over points, at every time."""
    spectra = known("eigenvalues", eigenvalues, "times", "points", "modes").mean(1)
    return [find(one, significance, min_width) for one in spectra]


def _lasting(eigenvalues, found, significance, min_width) -> list[int]:
    possible = [
        dict(zip(gaps.tolist(), p.tolist(), strict=True))
        for gaps, _, p in _at_every_time(eigenvalues, POSSIBLE, min_width)
    ]
    reported = [set(gaps.tolist()) for gaps, _, _ in found]
    return [
        gap
        for gap in sorted(set().union(*reported))
        if lasts(
            np.array([p.get(gap, 1.0) for p in possible]), np.array([gap in one for one in reported]), significance
        )
    ]


def lasts(p, found, significance):
    """Whether a gap is more than chance at many times: p-values (T,) and whether it is found at each, (T,)."""
    p, significance = ranged("p", p, 0, 1, "T"), between("significance", significance, 0, 1)
    found = mask("found", found, len(p))
    if len(p) == 1:
        return bool(found[0])
    bounded = np.maximum(p, significance)
    for start in range(len(p)):
        worst = np.maximum.accumulate(bounded[start:])
        together = len(p) * (2 * worst) ** np.arange(1, len(worst) + 1)
        if np.any((together <= significance) & np.logical_or.accumulate(found[start:])):
            return True
    return False


def find(spectrum, significance, min_width):
    """The gaps of one spectrum (modes,), descending: (modes above each, widths, p-values), from the top.

    In every part the widest spacing is tested; if it is a gap, what is above and what is below it are parts again,
    each with half the probability of an error.
    """
    spectrum = known("spectrum", spectrum, "modes")
    significance, min_width = between("significance", significance, 0, 1), between("min_width", min_width, 0)
    if (np.diff(spectrum) > 0).any():
        raise InputError("is not allowed", key="spectrum", value=spectrum, allowed="should be descending")
    whole = spectrum[-1] > 0.5 * NOISE  # every mode is nearer to 0 than to the noise: is this the whole space?
    if whole:
        spectrum = _with_floor(spectrum)
    spacings = -np.diff(spectrum)
    visible = np.where(spectrum[:-1] - NOISE >= min_width, spacings, 0.0)  # not between modes of noise
    found, parts = {}, [(0, len(spacings), 1)]
    while parts:
        start, stop, share = parts.pop()
        if start >= stop:
            continue
        widest = start + int(np.argmax(visible[start:stop]))
        if visible[widest] < min_width:
            continue
        tail = _tail(spacings[start:stop], widest - start)
        if stop == len(spacings) and not whole:
            tail = min(tail, _tail_over_noise(spectrum[start:], widest - start))
        p = min(1.0, share * (stop - start) * tail)
        if p <= significance:
            found[widest + 1] = spacings[widest], p
            parts += [(start, widest, 2 * share), (widest + 1, stop, 2 * share)]
    gaps = np.array(sorted(found), int)
    return gaps, *np.array([found[gap] for gap in gaps]).reshape(-1, 2).T


def _tail(spacings, at):
    """Probability that a given spacing of a bulk is so much larger than the scales of both its sides."""
    return _probability(spacings[at], spacings[:at][::-1], spacings[at + 1 :], at + 1, len(spacings) - at)


def _tail_over_noise(spectrum, at):
    """The same of the gap below mode `at`, down to the farthest of the modes below it, if these are noise at -1."""
    noise = -np.sort(-np.abs(spectrum[at + 1 :] - NOISE))
    gap = spectrum[at] - NOISE - noise[0]
    if gap <= 0:
        return 1.0
    above, below = -np.diff(spectrum[: at + 1])[::-1], -np.diff(np.append(noise, 0.0))
    return _probability(gap, above, below, at + 1, len(noise))


def _probability(gap, above, below, from_top, from_bottom):
    """Of a spacing, with those next to it on either side, from it outwards, and its number from either edge."""
    inwards = np.arange(1, WINDOW + 1)
    (one, scale), (two, other) = (
        _scale(side[:WINDOW] * (k + inwards[: len(side)]) / k) for side, k in ((above, from_bottom), (below, from_top))
    )
    if not one + two:
        return 1.0
    scale = max(scale, other)
    return _exceeds(gap / scale, one, two) if scale > 0 else 0.0


def _scale(spacings):
    """(r, mean spacing): the mean by maximum likelihood from the r smallest, for exponential ones."""
    if not len(spacings):
        return 0, 0.0
    r = len(spacings) - len(spacings) // CENSORED
    smallest = np.sort(spacings)[:r]
    return r, (smallest.sum() + (len(spacings) - r) * smallest[-1]) / r


def _exceeds(ratio, one, two):
    """P(s > ratio max(a, b)) for exponential s, a ~ Gamma(one) / one, b ~ Gamma(two) / two; a side of 0 is absent.

    A race: two Poisson processes of rates `one` and `two` must have as many events before one of rate `ratio` has
    its first. Sum over which is ready first, and over how many events the other has by then.
    """
    if not one or not two:
        r = one + two
        return (1 + ratio / r) ** -r
    total, rates = 0.0, ratio + one + two
    for first, last in ((one, two), (two, one)):
        events = (last + ratio) / rates  # per event of the other, and of both until then
        total += (first / rates) ** first * (1 + ratio / last) ** -last * polyval(events, _orders(first, last))
    return float(total)


@cache
def _orders(first, last):
    """In how many orders 0, 1, ..., last - 1 events come before the last of `first` ones."""
    return np.array([comb(first - 1 + events, events) for events in range(last)], float)


def lowest(gaps):
    """Modes above the lowest of gaps, ascending; 0 for none."""
    gaps = wholes("gaps", gaps, 1, np.inf, "gaps")
    return int(gaps[-1]) if len(gaps) else 0
