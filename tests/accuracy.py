"""How accurate is the truth? Prints family x check x worst error; `make accuracy` runs it (minutes, one core).

The oracles are those of the tests; here they are run over more points, and the worst error is said, not asserted.
"""

import importlib.util
import sys
from pathlib import Path

import mpmath as mp
import numpy as np

from scoregap.truth import posteriors

HERE = Path(__file__).parent
T = 10.0 ** np.arange(-8, 5)


def tests_of(name):
    """A test module, for its oracles."""
    path = HERE / "truth" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FAMILIES = tests_of("test_families")
POSTERIORS = tests_of("test_posteriors")
SPHERES = tests_of("manifolds/test_spheres")
MIXTURE = tests_of("manifolds/test_mixture")


def linear():
    """Largest relative error of an eigenvalue of G against 40 digits, d = 3072."""
    family = FAMILIES.truth.manifold("linear", 3072, [(20, 1.0), (20, 1e-3)])
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


def main():
    """Print the table."""
    print("against an oracle, t = 1e-8 ... 1e4")
    for check in (linear, arcs, sphere, mixture, empirical):
        print(f"  {check.__name__:<12}{check():>10.1e}   {check.__doc__}", flush=True)
    print("\nlaws, relative to |G|, t = 1e-5 ... 1e3 (the last two by finite differences of the mean)")
    print(f"  {'family':<12}{'asymmetry':>12}{'negative':>12}{'trace':>12}{'dE/dx':>12}")
    for case in FAMILIES.KNOWN:
        values = "".join(f"{value:>12.1e}" for value in laws_of_the_posterior(case))
        print(f"  {case[0] + '-' + str(case[1]):<12}{values}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
