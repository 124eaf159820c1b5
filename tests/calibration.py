"""How calibrated is the blind gap detector? `make calibration` prints false positives and power, and draws them.

False positives: share of spectra without a gap in which any is reported, family by family, at the default
significance, with any width counting (min_width 1e-6) and with the default one. Power: share of spectra in which
the gap of a linear manifold with two variance groups is reported, by the width that it has in theory. Over times:
studies without a gap, with noise of several tails, and dimensions of linear manifolds with noise on every eigenvalue.
`make calibration OUT=FILE.png` (or .svg) also draws them. Minutes, one core.
"""

import itertools
import sys

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binomtest

from scoregap.laws import random_matrix, times
from scoregap.measure import gaps
from scoregap.measure.detector import GapDetector

SIZES = (16, 32, 100, 300)


def symmetric(rng, n, radius=1.0):
    """Eigenvalues of a symmetric Gaussian matrix (GOE), whose bulk is [-radius, radius]."""
    a = rng.standard_normal((n, n))
    return np.linalg.eigvalsh(a + a.T) * radius / np.sqrt(8 * n)


def bulk(rng, n, aspect, t, spread=lambda rng, m: np.ones(m)):
    """t J of n latents seen in n / aspect dimensions, without normal directions; t in units of the median variance.

    spread: variances of the columns of F. aspect above 1: n dimensions, aspect n latents (sample covariance).
    """
    latents, ambient = (n, round(n / aspect)) if aspect <= 1 else (round(n * aspect), n)
    factor = rng.standard_normal((ambient, latents)) * np.sqrt(spread(rng, latents))
    variances = np.linalg.eigvalsh(factor.T @ factor if aspect <= 1 else factor @ factor.T)
    return variances / (variances + t * np.median(variances)) - 1


def wide(rng):
    """t over the range in which a bulk is seen."""
    return 10 ** rng.uniform(-1.5, 1.5)


# What a gapless spectrum may be: name -> (rng, n) -> n eigenvalues.
GAPLESS = {
    "Marchenko-Pastur, m/d .1-.8": lambda rng, n: bulk(rng, n, rng.uniform(0.1, 0.8), wide(rng)),
    "Marchenko-Pastur, m/d 1.25-5": lambda rng, n: bulk(rng, n, rng.uniform(1.25, 5), wide(rng)),
    "Marchenko-Pastur, m/d .8-1.25, t > .1": lambda rng, n: bulk(
        rng, n, rng.uniform(0.8, 1.25), 10 ** rng.uniform(-1, 1.5)
    ),
    "lognormal variances": lambda rng, n: bulk(rng, n, 0.5, wide(rng), lambda rng, m: rng.lognormal(0, 1, m)),
    "power-law variances": lambda rng, n: bulk(rng, n, 0.5, wide(rng), lambda rng, m: rng.pareto(1.5, m) + 1),
    "GOE noise at -1": lambda rng, n: symmetric(rng, n, rng.uniform(0.04, 0.5)) - 1,
    "asymmetric noise at -1": lambda rng, n: -1 + 0.3 * (np.sort(rng.gamma(2.0, size=n)) - 2) / np.sqrt(2),
    "independent uniform": lambda rng, n: rng.uniform(-1.5, -0.5 + rng.random(), n),
    "independent normal": lambda rng, n: rng.normal(-1, 0.3, n),
    "independent exponential": lambda rng, n: -1 + 0.2 * rng.exponential(size=n),
    "all equal, rounding": lambda rng, n: -rng.random() + 1e-7 * rng.standard_normal(n),
    "trivial phase (widths < .1)": lambda rng, n: np.append(bulk(rng, n // 2, 0.5, 100.0), np.full(n - n // 2, -1.0)),
}
# Not claimed: the smallest variances go to 0 and t is below nearly all of them.
HARD_EDGE = {
    "m/d .8-1.25, t .001-.1": lambda rng, n: bulk(rng, n, rng.uniform(0.8, 1.25), 10 ** rng.uniform(-3, -1)),
    "square (m = d), t .001-.1": lambda rng, n: bulk(rng, n, 1.0, 10 ** rng.uniform(-3, -1)),
}
POINTS = ("one point", "8 the same", "8 independent")
TIMES = np.geomspace(1e-4, 30.0, 40)


def anew(family, scale=1.0):
    """Noise of one family at -1, drawn anew at every time."""
    return lambda rng, n: -1 + scale * family(rng, (len(TIMES), n))


def alike(family, kept, scale=1.0):
    """The same, which stays in part from one time to the next; the correlation of neighbours is `kept`."""

    def draw(rng, n):
        noise = family(rng, (len(TIMES), n))
        for before, now in itertools.pairwise(noise):
            now[:] = kept * before + np.sqrt(1 - kept**2) * now
        return -1 + scale * noise

    return draw


def student(freedom):
    """Student's t."""
    return lambda rng, size: rng.standard_t(freedom, size)


# Studies without a gap at any time: name -> (rng, n) -> (times, n) eigenvalues.
OVER_TIMES = {
    "t(3), .1": anew(student(3), 0.1),
    "t(3), .3": anew(student(3), 0.3),
    "t(3), .6": anew(student(3), 0.6),
    "t(5), .3": anew(student(5), 0.3),
    "Laplace, .3": anew(lambda rng, size: rng.laplace(size=size), 0.3),
    "normal, .3": anew(lambda rng, size: rng.standard_normal(size), 0.3),
    "uniform, .8": anew(lambda rng, size: rng.uniform(-1, 1, size), 0.8),
    "t(3), .3, the same at all times": lambda rng, n: np.repeat(-1 + 0.3 * rng.standard_t(3, (1, n)), len(TIMES), 0),
    "uniform, .8, the same at all times": lambda rng, n: np.repeat(rng.uniform(-1.8, -0.2, (1, n)), len(TIMES), 0),
}
# Not claimed: heavier tails, and noise that is alike at neighbouring times.
BEYOND = {
    "t(2), .3": anew(student(2), 0.3),
    "t(1), .3": anew(student(1), 0.3),
    "t(3), .3, correlation .9": alike(student(3), 0.9, 0.3),
    "normal, .3, correlation .9": alike(lambda rng, size: rng.standard_normal(size), 0.9, 0.3),
}


def points(rng, family, n, kind):
    """(points, n) spectra of one family."""
    if kind == "8 independent":
        return np.stack([family(rng, n) for _ in range(8)])
    return np.repeat(family(rng, n)[None], 8 if kind == "8 the same" else 1, 0)


def false_positive(spectra, min_width):
    """Whether any gap between modes is reported. The one to the noise is true where all modes are far from it."""
    return bool((GapDetector(min_width=min_width).fit(spectra).gaps_ < spectra.shape[1]).any())


def false_positives(rng, family, n, count, min_width):
    """Of count spectra of n modes (kinds of points in turn), how many have a gap reported."""
    return sum(false_positive(points(rng, family, n, POINTS[i % 3]), min_width) for i in range(count))


def false_studies(rng, family, n, count):
    """Of count studies over all times, in how many any gap or a dimension is reported overall; one point."""
    studies = (-np.sort(-family(rng, n))[:, None] for _ in range(count))
    return sum(gaps.blind(one, 0.05, 0.1)[2:] != (0, 0) for one in studies)


def noisy_dimension(rng, d, m, number, noise):
    """Dimension overall of a linear manifold whose smallest variance is .01, with normal noise on every eigenvalue,
    anew at every time and point."""
    scales = np.linalg.svd(rng.standard_normal((d, m)), compute_uv=False) ** 2
    scales *= 0.01 / scales.min()
    exact = np.pad(scales / (scales + TIMES[:, None]), ((0, 0), (0, d - m))) - 1
    values = exact[:, None] + noise * rng.standard_normal((len(TIMES), number, d))
    return gaps.blind(-np.sort(-values, -1), 0.05, 0.1)[2]


def groups_of(d, m, width):
    """(std of the lower of two groups, t) at which the law's gap is widest and so wide."""

    def excess(std):
        a, b = random_matrix.gap_edges(random_matrix.silverstein_edges(d, [m // 2, m - m // 2], [1.0, std]))[0]
        return (times.maximum(a, b)[1] if a > b else 0.0) - width

    std = brentq(excess, 1e-4, 0.9)
    a, b = random_matrix.gap_edges(random_matrix.silverstein_edges(d, [m // 2, m - m // 2], [1.0, std]))[0]
    return std, times.maximum(a, b)[0]


def linear(rng, d, counts, stds, t, noise=0.0):
    """Spectrum (d,) of t J of a linear manifold, with GOE noise of that radius on G, as networks have it."""
    m = sum(counts)
    factor = rng.standard_normal((d, m)) * np.repeat(stds, counts) / np.sqrt(m)
    left, scales, _ = np.linalg.svd(factor, full_matrices=False)
    if not noise:
        return np.append(scales**2 / (scales**2 + t), np.zeros(d - m)) - 1
    a = rng.standard_normal((d, d))
    g = (left * (scales**2 / (scales**2 + t))) @ left.T + (a + a.T) * noise / np.sqrt(8 * d)
    return np.linalg.eigvalsh(g)[::-1] - 1


def detected(rng, d, counts, stds, t, noise=0.0):
    """Gaps reported of one such spectrum, as numbers of modes above each."""
    return GapDetector().fit(linear(rng, d, counts, stds, t, noise)[None]).gaps_.tolist()


def power(rng, d, m, width, count, noise=0.0):
    """Share of count spectra of two groups in which the gap between them is reported, where it is widest."""
    std, t = groups_of(d, m, width)
    return np.mean([m // 2 in detected(rng, d, [m // 2, m - m // 2], [1.0, std], t, noise) for _ in range(count)])


def final_power(rng, d, m, width, count, noise=0.0):
    """Share of count spectra of one group in which the final gap is reported."""
    t = times.consolidation(random_matrix.silverstein_edges(d, [m], [1.0])[0, 0], width)
    return np.mean([m in detected(rng, d, [m], [1.0], t, noise) for _ in range(count)])


def beside(rng, d, counts, stds, noise, count):
    """(share of spectra with a gap where none is, largest share at one t with all true gaps at once), over t."""
    scale = d / sum(counts) * stds[0] ** 2
    true, wrong, best = np.cumsum(counts).tolist(), 0, 0.0
    grid = scale * np.geomspace(1e-4, 10, 16)
    for t in grid:
        found = [detected(rng, d, counts, stds, t, noise) for _ in range(count)]
        wrong += sum(not set(one) <= set(true) for one in found)
        best = max(best, np.mean([one == true for one in found]))
    return wrong, len(grid) * count, best


WIDTHS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7)
MODELS = ((32, 8), (32, 16), (100, 40), (200, 40), (200, 100))
NOISES = (0.0, 0.04, 0.1, 0.2)
TRUE = (
    (32, [4], [1.0]), (32, [2, 2], [1.0, 0.15]), (32, [4, 4], [1.0, 0.15]), (100, [40], [1.0]),
    (100, [20, 20], [1.0, 0.15]), (200, [8, 8, 8], [1.0, 0.35, 0.12]), (400, [10, 10, 10], [1.0, 0.35, 0.12]),
)  # fmt: skip


FEW = ((3, 1), (3, 2), (3, 3), (4, 3), (8, 1), (8, 7), (32, 8), (32, 31), (32, 32))
NOISE_OF_MODES = (0.0, 0.02, 0.04, 0.06, 0.1, 0.15)


def interval(hits, count):
    """Wilson 95 % interval of a share."""
    return binomtest(hits, count).proportion_ci(method="wilson")


def main(out=None):
    """Print the tables; draw them to the file `out`."""
    rng = np.random.default_rng(0)
    counts = dict(zip(SIZES, (180, 180, 90, 15), strict=True))
    rates, total, wrong = {}, 0, 0
    print(f"false positives: any gap reported at significance .05; d = {SIZES}, " + ", ".join(POINTS))
    print(f"  {'family':<40}{'spectra':>8}{'any width':>11}{'95 % Wilson':>16}{'width > .1':>12}   by d, any width")
    for name, family in (GAPLESS | HARD_EDGE).items():
        smallest = 0.1 if name.startswith("trivial") else 1e-6
        hits = {n: false_positives(rng, family, n, count, smallest) for n, count in counts.items()}
        seen = sum(false_positives(rng, family, n, count // 2, 0.1) for n, count in counts.items())
        n, k = sum(counts.values()), sum(hits.values())
        low, high = interval(k, n)
        rates[name] = (k / n, low, high)
        if name in GAPLESS:
            total, wrong = total + n, wrong + k
        by_size = " ".join(f"{hits[size] / counts[size]:.3f}" for size in SIZES)
        print(
            f"  {name:<40}{n:>8}{k / n:>11.4f}   [{low:.4f}, {high:.4f}]{seen / (n // 2):>11.4f}   {by_size}"
            + ("   not claimed" if name in HARD_EDGE else ""),
            flush=True,
        )
    low, high = interval(wrong, total)
    print(f"  {'all claimed':<40}{total:>8}{wrong / total:>11.4f}   [{low:.4f}, {high:.4f}]")

    print("\nbeside true gaps, t from 1e-4 to 10 of the largest variance, min_width .1: share with a false gap;")
    print("largest share at one t with all true gaps at once")
    print(f"  {'d, groups':<24}{'noise':>6}{'spectra':>9}{'false':>9}{'95 % Wilson':>18}{'all at once':>13}")
    for (d, sizes, stds), noise in [(model, noise) for model in TRUE for noise in (0.0, 0.04)]:
        k, n, best = beside(rng, d, sizes, stds, noise, 6 if d == 400 else 25)
        low, high = interval(k, n)
        print(
            f"  {f'{d}, {sizes}':<24}{noise:>6}{n:>9}{k / n:>9.4f}   [{low:.4f}, {high:.4f}]{best:>12.2f}", flush=True
        )

    print(f"\nstudies of {len(TIMES)} times without a gap, one point, min_width .1: share with a gap or a dimension")
    print("overall; noise at -1, its scale, anew at every time unless told")
    print(f"  {'noise':<36}" + "".join(f"{f'd {n}':>9}" for n in (3, *SIZES)) + "   all, 95 % Wilson")
    for name, family in (OVER_TIMES | BEYOND).items():
        studies = dict(zip((3, *SIZES), (200, 200, 200, 100, 20), strict=True))
        hits = {n: false_studies(rng, family, n, count) for n, count in studies.items()}
        low, high = interval(sum(hits.values()), sum(studies.values()))
        shares = "".join(f"{hits[n] / count:>9.3f}" for n, count in studies.items())
        beyond = "   not claimed" if name in BEYOND else ""
        print(f"  {name:<36}{shares}   [{low:.4f}, {high:.4f}]{beyond}", flush=True)

    print(
        "\nshare of 40 studies whose dimension overall is right; linear, smallest variance .01, normal noise on every"
    )
    print("eigenvalue anew at every time and point, by its standard deviation")
    print(f"  {'d, m':<10}{'points':>7}" + "".join(f"{noise:>7}" for noise in NOISE_OF_MODES))
    for (d, m), number in itertools.product(FEW, (1, 8, 32)):
        right = (
            np.mean([noisy_dimension(rng, d, m, number, noise) == m for _ in range(40)]) for noise in NOISE_OF_MODES
        )
        print(f"  {f'{d}, {m}':<10}{number:>7}" + "".join(f"{share:>7.2f}" for share in right), flush=True)

    repeats = 60
    print(f"\npower, {repeats} spectra each, min_width .1, by width in theory: gap between two groups where it is")
    print("widest; final gap of one group. noise: radius of GOE noise on G")
    print(f"  {'d, m':<10}{'noise':>6}  {'gap':<8}" + "".join(f"{width:>7}" for width in WIDTHS))
    curves, finals = {}, {}
    for (d, m), noise in [(model, 0.0) for model in MODELS] + [((100, 40), noise) for noise in NOISES[1:]]:
        for name, shares, one in (("groups", curves, power), ("final", finals, final_power)):
            shares[d, m, noise] = [one(rng, d, m, width, repeats, noise) for width in WIDTHS]
            line = "".join(f"{share:>7.2f}" for share in shares[d, m, noise])
            print(f"  {f'{d}, {m}':<10}{noise:>6}  {name:<8}{line}", flush=True)
    if out:
        draw(out, rates, curves, finals)
    return 0


def draw(out, rates, curves, finals):
    """False-positive rates with intervals, and power against width, side by side."""
    from scoregap.report.figures import COLOURS, styled, subplots

    with styled():
        figure, (left, middle, right) = subplots(1, 3, (13, 4), width_ratios=(1.3, 1, 1))
        for i, (name, (rate, low, high)) in enumerate(rates.items()):
            colour = "black" if name in GAPLESS else "0.6"
            left.plot([low, high], [i, i], color=colour, lw=1.2)
            left.plot(rate, i, "o", color=colour, ms=4)
        left.set_yticks(range(len(rates)), rates)
        left.invert_yaxis()
        left.set_xscale("symlog", linthresh=0.01)
        left.set_xlim(0, 1)
        left.set_xticks([0, 0.01, 0.05, 0.2, 1], ["0", ".01", ".05", ".2", "1"])
        left.axvline(0.05, color="tab:red", lw=1, ls="--")
        left.set_xlabel("share with any gap reported (Wilson 95 %); grey: not claimed")
        left.set_title("no gap")
        colours = dict(zip(MODELS, COLOURS, strict=False))
        for axes, chosen, title in (
            (middle, curves, "gap between two groups"),
            (right, finals, "final gap"),
        ):
            for (d, m, noise), shares in chosen.items():
                style = {0.0: "-", 0.04: "--", 0.1: "-.", 0.2: ":"}[noise]
                name = f"d {d}, m {m}" + (f", noise {noise}" if noise else "")
                axes.plot(WIDTHS, shares, style, marker="o", ms=3, color=colours[d, m], label=name)
            axes.axvline(GapDetector().min_width, color="0.6", lw=1, ls="--")
            axes.set_xlabel("width of the gap, law")
            axes.set_ylabel("share reported")
            axes.set_title(title)
        right.legend(fontsize=7)
        figure.savefig(out, dpi=130)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
