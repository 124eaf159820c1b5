"""How accurate is the truth, and how accurate are ways to measure it? `make accuracy` runs it (minutes, one core).

Prints family x check x worst error, method x noise x error of a spectrum, dimension and cost, and draws Jacobians in
closed form against automatic and finite differentiation (results/accuracy.svg; `python tests/accuracy.py figure`: that
alone). The oracles are those of the tests; here they are run over more points, and errors are said, not asserted.
"""

import importlib.util
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import mpmath as mp
import numpy as np
import torch

from scoregap import data, trained
from scoregap.data import posteriors
from scoregap.measure import DIFFERENCES, differences, lanczos, spectra
from scoregap.networks import analytic
from scoregap.networks.jacobian import denoiser_jacobian as automatic
from scoregap.report import figures
from scoregap.stages import train
from scoregap.study import load

HERE = Path(__file__).parent
T = 10.0 ** np.arange(-8, 5)


def tests_of(name):
    """A test module, for its oracles."""
    path = HERE / "data" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FAMILIES = tests_of("test_families")
POSTERIORS = tests_of("test_posteriors")
SPHERES = tests_of("manifolds/test_spheres")
MIXTURE = tests_of("manifolds/test_mixture")
FIGURE = HERE.parent / "results" / "accuracy.svg"


def linear():
    """Largest relative error of an eigenvalue of G against 40 digits, d = 3072."""
    family = data.manifold("linear", 3072, [(20, 1.0), (20, 1e-3)])
    worst = 0.0
    for t in T:
        _, _, x = FAMILIES.noisy(family, t, 2)
        found = family.exact(x, t).spectrum()[:, :40]
        with mp.workdps(40):
            true = [float(mp.mpf(s) ** 2 / (mp.mpf(s) ** 2 + mp.mpf(float(t)))) for s in family.scales]
        worst = max(worst, np.abs(found / np.array(true) - 1).max())
    return worst


def arcs():
    """Largest error of Cov / t of one arc against 50 digits, relative to its size, curvature x size up to 10."""
    worst = 0.0
    for y, s, kappa, t in POSTERIORS.arc_cases():
        _, cov = posteriors.arc(y, s, kappa, t)
        _, true = POSTERIORS.arc_oracle(y, s, kappa, t)
        worst = max(worst, np.abs(cov - true).max() / np.abs(true).max())
    return worst


def sphere():
    """Largest relative error of an eigenvalue, n up to 3072, R .01 ... 100, t 1e-8 ... 1e4."""
    worst = 0.0
    for n, radius, t, r in SPHERES.sphere_cases(600):
        _, tangential, radial = posteriors.sphere(r * np.eye(n)[:1], radius, t)
        with mp.workdps(60):
            ratio, slope = SPHERES.bessel_oracle(n, mp.mpf(radius) * mp.mpf(r) / mp.mpf(t))
            true = [radius * ratio / r, mp.mpf(radius) ** 2 / mp.mpf(t) * slope]
            worst = max(worst, SPHERES.off([tangential[0], radial[0]], true).max())
    return worst


def mixture():
    """Largest error of G against dense formulas with 60 digits, relative to |G|."""
    worst = 0.0
    for separation in (0.0, 2.0):
        family = MIXTURE.mixture(separation)
        for t in T:
            x = MIXTURE.points(family, t, np.random.default_rng(3))
            jacobian = family.exact(x, t).jacobian
            for i in range(len(x)):
                true = MIXTURE.dense(family, x[i], t)[1]
                worst = max(worst, np.abs(jacobian[i] - true).max() / np.linalg.norm(true, 2))
    return worst


def empirical():
    """Largest error of G against extended precision, relative to |G|."""
    worst = 0.0
    for t in T:
        x, data = POSTERIORS.training_points(t)
        found = posteriors.empirical(x, t, data).jacobian
        for i in range(len(x)):
            true = POSTERIORS.brute_empirical(x[i], t, data)[1].astype(float)
            worst = max(worst, np.abs(found[i] - true).max() / (np.abs(true).max() + 1e-290))
    return worst


def laws_of_the_posterior(case):
    """Asymmetry, most negative eigenvalue, trace and Jacobian of the mean (finite differences), worst over t."""
    family, worst = FAMILIES.build(case), np.zeros(4)
    d = family.ambient_dim
    for t in T[3:-1]:
        _, _, x = FAMILIES.noisy(family, t, 3)
        jacobian = family.exact(x, t).jacobian
        size = np.linalg.norm(jacobian, 2, axis=(1, 2))
        h = 1e-4 * np.sqrt(t)
        mean = [[family.exact(x + k * h * e, t).mean for k in (-2, -1, 1, 2)] for e in np.eye(d)]
        numeric = np.stack([(a - 8 * b + 8 * c - e) / (12 * h) for a, b, c, e in mean], -1)
        traces = np.abs(np.trace(jacobian - numeric, axis1=1, axis2=2))  # tr G = d + t div s
        errors = (
            np.abs(jacobian - np.swapaxes(jacobian, 1, 2)).max((1, 2)),
            -np.linalg.eigvalsh(jacobian)[:, 0].clip(max=0),
            traces,
            np.abs(jacobian - numeric).max((1, 2)),
        )
        worst = np.maximum(worst, [(error / size).max() for error in errors])
    return worst


DRAWS = 20


class Counted:
    """A closed-form score at one t as a denoiser that counts the points it is asked for."""

    def __init__(self, family, t):
        self.family, self.t, self.points = family, t, 0

    def __call__(self, x):
        self.points += len(x)
        return self.family.exact(x, self.t).mean


def below_widest_gap(values):
    """How many of the descending values lie below the widest gap between two of them."""
    drops = -np.diff(values)
    return len(drops) - drops.argmax()


def whole(method):
    """A method that gives a Jacobian: eigenvalues of t J, and as dimension what lies above their widest gap."""

    def measure(score, clean, noisy, rng):
        g = differences.JACOBIANS[method](score, noisy, np.array([score.t]), DIFFERENCES[method])
        found = spectra.spectra(g)[0][0]
        return np.abs(found - (score.family.exact(noisy, score.t).spectrum()[0] - 1)), len(found) - below_widest_gap(
            found
        )

    return measure


def drop_first(subtract):
    """The authors' convention, at the data point, step sqrt(t), random directions: singular values without the first,
    over the largest; as dimension what lies below their widest gap. Its errors are those from the exact |t J| there,
    in the same convention."""

    def measure(score, clean, noisy, rng):
        d, t = clean.shape[1], np.array([score.t])
        directions = np.linalg.qr(rng.standard_normal((d, d)))[0]
        found = differences.drop_first(score, clean, t, 1.0, directions, subtract)[0]
        exact = -np.sort(-np.abs(score.family.exact(clean, score.t).spectrum()[0] - 1))[1:]
        return np.abs(found - exact / exact[0]), below_widest_gap(found)

    return measure


def counted(score, clean, noisy, rng):
    """Lanczos quadrature of G, 30 orthonormal probes of 12 central differences each at most: number of eigenvalues
    above 1/2, rounded. Its errors are those of the number, as share of d."""
    product = differences.product(score, noisy[0], score.t, DIFFERENCES["central"])
    count, _ = lanczos.quadrature(product, noisy.shape[1], 30, 12, rng).count_above(0.5)
    exact = (score.family.exact(noisy, score.t).spectrum() > 0.5).sum()
    return np.array([abs(count - exact) / noisy.shape[1]]), round(count)


METHODS = {
    "central": (whole("central"), "Algorithm 2"),
    "one-sided": (whole("one-sided"), "Algorithm 1 without its convention"),
    "drop-first": (drop_first(False), "score vectors, as published"),
    "drop-first-diff": (drop_first(True), "score differences"),
    "quadrature": (counted, "number above 1/2, off by a share of d"),
}
# family, groups, curvature, true dimension, noise variances, and the published shares of draws with the right dimension
PROBLEMS = (
    ("linear d=100 m=40", "linear", [(40, 1.0)], 0.0, 40, (0.001, 0.03, 0.1, 1.0),
     {"central": ("100", "100", "100", "100"), "drop-first": ("35", "0", "40", "-")}),
    ("10-sphere in R^100, R=1", "sphere", [(10, 1.0)], 10**0.5, 10, (9e-6, 9e-4, 1e-2, 9e-2), {}),
)  # fmt: skip


def methods():
    """Print method x noise: worst and mean error of a spectrum, share of right dimensions, points evaluated."""
    for title, name, groups, curvature, dimension, times, published in PROBLEMS:
        print(f"\n{title}: exact scores by differences, {DRAWS} draws")
        print(f"  {'method':<17}{'t':>8}{'worst':>10}{'mean':>10}{'right':>8}{'published':>11}{'evaluations':>13}")
        for method, (measure, meaning) in METHODS.items():
            for i, t in enumerate(times):
                errors, right, points = [], 0, 0
                for seed in range(DRAWS):
                    family = data.manifold(name, 100, groups, curvature, seed)
                    rng = np.random.default_rng(seed)
                    clean, _ = family.sample(rng, 1)
                    score = Counted(family, t)
                    error, found = measure(score, clean, clean + np.sqrt(t) * rng.standard_normal(clean.shape), rng)
                    errors.append(error)
                    right += found == dimension
                    points += score.points
                said = published.get(method, "----")[i]
                print(
                    f"  {method:<17}{t:>8.2g}{np.max(errors):>10.1e}{np.mean(errors):>10.1e}{right / DRAWS:>8.0%}"
                    f"{said + (' %' if said != '-' else ''):>11}{points / DRAWS:>13.0f}   {'' if i else meaning}",
                    flush=True,
                )


def torch_score(points, log_weights):
    """E[x0|x] of weighted points (n, d) or, of independent planes, (planes, n, 2), as torch differentiates it.

    x: (..., d) or (..., planes, 2). A sum over points is exact for a data set, and for an arc with a fine enough grid.
    """

    def mean(x, t):
        distance = ((x[..., None, :] - points) ** 2).sum(-1)
        return (torch.softmax(log_weights - distance / (2 * t), -1)[..., None] * points).sum(-2)

    return mean


def arcs_in_torch(family):
    """The exact denoiser of `Arcs` by sums over 10,001 points of every arc: (x (..., d), t) -> (..., d), float64."""
    z = np.linspace(-8, 8, 10_001) * family.scales[:, None]
    angle, kappas = family.kappas[:, None] * z, family.kappas[:, None]
    arc = np.stack([np.sin(angle) / kappas, (1 - np.cos(angle)) / kappas], -1)
    centre = np.exp(-((z / family.scales[:, None]) ** 2) / 2)
    centre = np.stack([0 * family.scales, (centre * arc[..., 1]).sum(1) / centre.sum(1)], -1)
    planes = torch.tensor(np.stack([family.tangent_frame, family.bend_frame], -1))  # (d, m, 2)
    score = torch_score(torch.tensor(arc), torch.tensor(-((z / family.scales[:, None]) ** 2) / 2))
    centre = torch.tensor(centre)

    def denoise(x, t):
        inside = torch.einsum("...d,dmk->...mk", x, planes) + centre
        return torch.einsum("...mk,dmk->...d", score(inside, t) - centre, planes)

    return denoise


def trained_network():
    """(study, cell, float32 denoiser) of one network of quickstart, trained here: arcs, m = 8, curvature 0.5."""
    study = load("workflow/studies/quickstart.yaml")
    (job,) = [
        job for job in study.jobs.values()
        if (job.first["network"], job.first["manifold_dim"], job.first["curvature"]) == ("bypass-96", 8, 0.5)
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.safetensors"
        train.run(study.path, job.id, weights)
        return study, job.first, trained.read(study.path, job, weights).denoiser(job.first)


def jacobians(path):
    """Draw the largest error of an eigenvalue of t J against noise variance: automatic and finite differentiation
    against closed forms (arcs, a data set), and against backpropagation by hand (a trained network)."""
    rng, levels = np.random.default_rng(0), np.geomspace(1e-4, 30, 12)
    study, cell, network = trained_network()
    arcs = cell.truth()
    clean, _ = arcs.sample(rng, 4)
    noise, data = rng.standard_normal(clean.shape), arcs.sample(rng, 500)[0]

    def of_network(x, t):
        return network(x[None, None], torch.full((1, 1), t, dtype=x.dtype))[0, 0]

    def by_hand(x, t):
        x = torch.tensor(x[None], dtype=torch.float32)
        return analytic.network_jacobian(network, x, torch.tensor([t], dtype=torch.float32))[1][0]

    def in_numpy(x, t):
        with torch.no_grad():
            return of_network(torch.tensor(x, dtype=torch.float32), t).double().numpy()

    def empirical(x, t):
        return posteriors.empirical(x, t, data)

    scores = {  # G analytically, E[x0|x] in numpy and in torch
        "arcs, exact score, float64":
            (lambda x, t: arcs.exact(x, t).jacobian, lambda x, t: arcs.exact(x, t).mean, arcs_in_torch(arcs)),
        "500 data points, float64":
            (lambda x, t: empirical(x, t).jacobian, lambda x, t: empirical(x, t).mean,
             torch_score(torch.tensor(data), 0.0)),
        "trained bypass-96, float32": (by_hand, in_numpy, of_network),
    }  # fmt: skip
    plt.rcParams |= figures.STYLE
    figure, axes = figures.grid(1, len(scores), height=3.0, sharex=True, sharey=True)
    for ax, (title, (by_analysis, mean, in_torch)) in zip(axes[0], scores.items(), strict=True):
        errors = {"autograd": []} | {f"{name} differences": [] for name in DIFFERENCES}
        for t in levels:
            x = clean + np.sqrt(t) * noise
            point = torch.tensor(x, dtype=torch.float32 if "float32" in title else torch.float64)
            found = {"autograd": automatic(lambda x, t=t, f=in_torch: f(x, t), point)[1]}
            for name, step in DIFFERENCES.items():
                found[f"{name} differences"] = differences.JACOBIANS[name](lambda x, t=t, f=mean: f(x, t), x, t, step)
            known = spectra.spectra(by_analysis(x, t))[0]
            for name, matrix in found.items():
                errors[name].append(np.abs(spectra.spectra(matrix)[0] - known).max())
        print(f"\n{title}: largest error of an eigenvalue, t = {levels[0]:g} ... {levels[-1]:g}")
        for (name, values), marker in zip(errors.items(), "os^", strict=True):
            step = DIFFERENCES.get(name.split()[0])
            ax.plot(levels, values, marker=marker, ms=4, label=name + (f", step {step:g} sqrt(t)" if step else ""))
            print(f"  {name:<24}{min(values):>10.1e} to {max(values):.1e}", flush=True)
        figures.log_time(ax)
        ax.set_yscale("log")
        ax.set_title(figures.wrapped(title))
        ax.set_xlabel("noise variance t")
    axes[0, 0].set_ylabel("largest error of an eigenvalue of t J")
    figures.shared_legend(figure, axes)
    figure.suptitle("Jacobians: automatic and finite differentiation against closed forms and backpropagation by hand")
    footer = f"a cell of quickstart: d = 32; m = 8; curvature 0.5; seed 0; 4 points per time; config {study.hash}"
    figure.supxlabel(footer, fontsize=7, color="0.4")
    figures.save(figure, path)


def main():
    """Print the tables and draw the figure."""
    if sys.argv[1:] == ["figure"]:
        return jacobians(FIGURE)
    print("against an oracle, t = 1e-8 ... 1e4")
    for check in (linear, arcs, sphere, mixture, empirical):
        print(f"  {check.__name__:<12}{check():>10.1e}   {check.__doc__}", flush=True)
    print("\nlaws, relative to |G|, t = 1e-5 ... 1e3 (the last two by finite differences of the mean)")
    print(f"  {'family':<12}{'asymmetry':>12}{'negative':>12}{'trace':>12}{'dE/dx':>12}")
    for case in FAMILIES.KNOWN:
        values = "".join(f"{value:>12.1e}" for value in laws_of_the_posterior(case))
        print(f"  {case[0] + '-' + str(case[1]):<12}{values}", flush=True)
    methods()
    jacobians(FIGURE)


if __name__ == "__main__":
    sys.exit(main())
