"""Spectra of large symmetric operators from products with vectors alone.

product with G (or its symmetric part) -> spectral density, number of eigenvalues above a level, extreme eigenpairs

A product maps an array (k, d) whose rows are vectors to the array of their images, as `scoregap.networks.jacobian`
and `scoregap.measure.differences` give it. The eigenvalues of t J are those of G less 1: a shift that the caller makes.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from scoregap import InputError
from scoregap.arguments import array, between, function, generator, known, whole

# Share of the largest coefficient below which a new Lanczos vector is rounding: the old ones span all there is.
_EXHAUSTED = 1e-10
# How far an operator may be from a symmetric one, as a share of its largest coefficient: as differences of a score are.
ASYMMETRY = 1e-2


class _Operator:
    """A product whose images are checked, in units of a power of two near the largest entry of the first of them.

    Squares of numbers from 1e-300 to 1e300 then neither vanish nor overflow, and no digit changes.
    """

    def __init__(self, product, dim: int, name: str = "product"):
        self.product, self.dim, self.name = function(name, product), dim, name
        self.exponent: int | None = None

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        images = array(f"{self.name} of rows {rows.shape}", self.product(rows), len(rows), self.dim)
        if not np.isfinite(images).all():
            raise InputError("is not finite", key=self.name, value=images, allowed="should be that of a finite matrix")
        if self.exponent is None:
            self.exponent = math.frexp(np.abs(images).max(initial=0.0))[1]
        return np.ldexp(images, -self.exponent)

    def scaled_back(self, values: np.ndarray) -> np.ndarray:
        """Eigenvalues in the units of the product."""
        return np.ldexp(values, self.exponent or 0)


def _refuse_asymmetry(difference: float, largest: float) -> None:
    if difference > ASYMMETRY * largest:
        share = difference / largest if largest else math.inf
        raise InputError(
            "is not symmetric", key="product", value=share, allowed=f"the difference from its transpose is {share:.2g} "
            f"of its largest coefficient: should be at most {ASYMMETRY:g}",
        )  # fmt: skip


class Quadrature(NamedTuple):
    """Nodes and weights (probes, steps): a row is the spectral measure of a probe, whose weights sum to 1."""

    nodes: np.ndarray
    weights: np.ndarray
    dim: int

    def density(self, grid, width):
        """Density of eigenvalues (sums to 1) at grid (n,), each node smoothed to a normal of that standard deviation.

        Returns (n,).
        """
        width = between("width", width, 0)
        z = (known("grid", grid, "n")[:, None, None] - self.nodes) / width
        return (np.exp(-0.5 * z**2) * self.weights).sum(2).mean(1) / (width * np.sqrt(2 * np.pi))

    def count_above(self, level, width=0.0):
        """(number of eigenvalues above the level, its standard error over probes), of d.

        width: eigenvalues count smoothly, as normals of that standard deviation (0: a step). As many orthonormal
        probes as dimensions give the count itself, with error 0; the error of one probe is not known, NaN.
        For G at level 1/2 this is a dimension of the manifold without any matrix.
        """
        level, width = float(known("level", level)), float(known("width", width))
        if width < 0:
            raise InputError(key="width", value=width, allowed="should not be negative")
        above = ndtr((self.nodes - level) / width) if width else (self.nodes > level).astype(float)
        shares = (self.weights * above).sum(1)
        probes = len(shares)
        if probes == self.dim:
            return self.dim * shares.mean(), 0.0
        spread = shares.std(ddof=1) if probes > 1 else np.nan
        return self.dim * shares.mean(), self.dim * spread * np.sqrt((1 - probes / self.dim) / probes)


def quadrature(product, dim, probes, steps, rng) -> Quadrature:
    """Stochastic Lanczos quadrature of a symmetric operator: `steps` products of `probes` vectors.

    The probes are orthonormal, drawn without preferred direction, at most `dim` of them: they cover the space as they
    grow in number. Exact for a probe once there are as many steps as distinct eigenvalues; the lowest and highest
    eigenvalues are found first. Raises InputError if the operator is not symmetric.
    """
    dim, rng = whole("dim", dim), generator("rng", rng)
    probes, steps = min(whole("probes", probes), dim), min(whole("steps", steps), dim)
    start = np.linalg.qr(rng.standard_normal((dim, probes)))[0].T
    diagonal, off = tridiagonal(product, start, steps)
    matrices = np.zeros((probes, steps, steps))
    i = np.arange(steps)
    matrices[:, i, i] = diagonal
    matrices[:, i[1:], i[:-1]] = matrices[:, i[:-1], i[1:]] = off
    nodes, vectors = np.linalg.eigh(matrices)
    return Quadrature(nodes, vectors[:, 0] ** 2, dim)


def tridiagonal(product, start, steps):
    """Lanczos from several unit vectors at once, start (k, d), each with full reorthogonalisation.

    Returns (diagonal (k, steps), off-diagonal (k, steps - 1)) of the tridiagonal matrices. Where a Krylov space is
    exhausted its coefficients are 0 from there on: a block of its own that the first vector does not see.
    """
    start = known("start", start, "k", "d")
    if (np.abs((start**2).sum(1) - 1) > 1e-6).any():
        raise InputError(key="start", value=start, allowed="should be vectors of length 1")
    steps = whole("steps", steps)
    k, d = start.shape
    operator = _Operator(product, d)
    basis = np.zeros((k, steps, d))
    diagonal, off = np.zeros((k, steps)), np.zeros((k, steps - 1))
    basis[:, 0] = start
    for j in range(steps):
        new = operator(basis[:, j])
        diagonal[:, j] = (new * basis[:, j]).sum(1)
        if j:  # of a symmetric one its image has the last coefficient along the vector before, and nothing before that
            along = np.abs((basis[:, :j] @ new[:, :, None])[:, :, 0] - off[:, j - 1 : j] * (np.arange(j) == j - 1))
            largest = np.maximum(np.abs(diagonal[:, : j + 1]).max(1), off[:, :j].max(1))
            _refuse_asymmetry(along.max(), largest[along.max(1).argmax()])
        if j + 1 == steps:
            break
        for _ in range(2):  # twice is enough (Kahan; Parlett)
            done = basis[:, : j + 1]
            new = new - ((done @ new[:, :, None]).swapaxes(1, 2) @ done)[:, 0]
        norm = np.linalg.norm(new, axis=1)
        largest = np.maximum(np.abs(diagonal[:, : j + 1]).max(1), off[:, :j].max(1, initial=0.0))
        norm[norm <= _EXHAUSTED * largest] = 0.0
        off[:, j] = norm
        basis[:, j + 1] = np.divide(new, norm[:, None], out=np.zeros_like(new), where=norm[:, None] > 0)
    return operator.scaled_back(diagonal), operator.scaled_back(off)


def extreme(product, dim, count, rng, largest=True, tolerance=1e-8):
    """The `count` largest or smallest eigenvalues of a symmetric operator and their eigenvectors.

    Rayleigh-Ritz on a space that grows from `count` random vectors by the residuals of the wanted pairs (block
    Lanczos), until these are below `tolerance` (1e-10 or more) times the largest eigenvalue seen: an error of an
    eigenvalue is at most its residual, and, where the operator is not quite symmetric, that asymmetry. Blocks find
    eigenvalues as often as they occur, and the spectra of exact scores have copies: the tangents of a sphere. scipy's
    eigsh (ARPACK, from one vector) misses some of them in silence, as a test shows.
    Returns (eigenvalues (count,), eigenvectors (dim, count) as columns), the most extreme first; at most dim of them.
    Raises InputError if the operator is not symmetric, or if the residuals do not come below the tolerance.
    """
    dim, count, rng = whole("dim", dim), whole("count", count), generator("rng", rng)
    if not 0 <= (tolerance := float(known("tolerance", tolerance))) < 1:
        raise InputError(key="tolerance", value=tolerance, allowed="should be from 0 to less than 1")
    operator = _Operator(product, dim)
    basis, images = np.empty((0, dim)), np.empty((0, dim))
    block = rng.standard_normal((count, dim))
    while True:
        block = _beyond(basis, block)
        if not len(block):
            raise InputError(
                "does not converge", key="product", value=tolerance,
                allowed=f"should be linear, or `tolerance`, {tolerance:g}, larger",
            )  # fmt: skip
        basis, images = np.concatenate([basis, block]), np.concatenate([images, operator(block)])
        small = basis @ images.T
        _refuse_asymmetry(np.abs(small - small.T).max(), np.abs(small).max())
        values, mix = np.linalg.eigh(0.5 * (small + small.T))
        wanted = slice(-1, -count - 1, -1) if largest else slice(count)
        vectors = mix.T[wanted] @ basis
        residuals = mix.T[wanted] @ images - values[wanted, None] * vectors
        residuals -= (residuals @ basis.T) @ basis  # what rounding, or an operator not quite symmetric, leaves inside
        open_ = np.linalg.norm(residuals, axis=1) > max(tolerance, _EXHAUSTED) * np.abs(values).max()
        if not open_.any():
            return operator.scaled_back(values[wanted]), vectors.T
        block = residuals[open_]


def largest_singular(product, transposed, dim, count, rng, tolerance=1e-8):
    """The `count` largest singular values of an operator that need not be symmetric, descending: (count,).

    product, transposed: v -> A v and v -> A' v. They are the roots of the eigenvalues of A'A, of which `tolerance` is.
    """
    one, two = _Operator(product, whole("dim", dim)), _Operator(transposed, dim, "transposed")

    def squared(rows):
        images = one(rows)
        two.exponent = one.exponent
        return two(images)

    values, _ = extreme(squared, dim, count, rng, tolerance=tolerance)
    return one.scaled_back(np.sqrt(values.clip(min=0)))


def _beyond(basis, block):
    """Orthonormal rows that span what `block` adds to the orthonormal rows of `basis`."""
    length = np.linalg.norm(block, axis=1, keepdims=True)
    block = block[length[:, 0] > 0] / length[length[:, 0] > 0]
    for _ in range(2):
        block = block - (block @ basis.T) @ basis
        _, sizes, block = np.linalg.svd(block, full_matrices=False)
        block = block[sizes > _EXHAUSTED * max(1.0, sizes.max(initial=0.0))]
    return block
