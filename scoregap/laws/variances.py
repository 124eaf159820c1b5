"""How the variances of the columns of one group are spread.

(law name, width) -> support, quantiles, the variances of n columns, quadrature over the law

A group with mean entry variance std^2 has columns of variance std^2 v, v >= 0 of mean 1 (theory.md 2: "any discrete
or continuous variance law"). With q uniform on [0, 1] and w the width:

constant   v = 1
uniform    v = 1 - w + 2 w q
lognormal  v = exp(w x - w^2 / 2), x the normal quantile of q
power      v = (1 - w) (1 - q)^(-w), Pareto: sorted variances fall like rank^-w

Every law is constant at w = 0.
"""

from dataclasses import dataclass
from numbers import Real

import numpy as np

from scoregap import InputError
from scoregap.arguments import ranged, whole
from scoregap.laws import VARIANCE_LAWS

# Probability beyond which the quadratures are cut, as logit and as normal quantile.
_LOGIT_END = 38.0
_NORMAL_END = 8.5


@dataclass(frozen=True)
class VarianceLaw:
    """A law of column variances of mean 1, by name and width (`scoregap.data.VARIANCE_LAWS`)."""

    name: str = "constant"
    width: float = 0.0

    def __post_init__(self):
        """Refuse names and widths that are no law."""
        if not isinstance(self.name, str) or self.name not in VARIANCE_LAWS:
            raise InputError(key="name", value=self.name, allowed=f"should be one of {', '.join(VARIANCE_LAWS)}")
        least, most = VARIANCE_LAWS[self.name]
        if not isinstance(self.width, Real) or not least <= self.width <= most:
            allowed = f"should be from {least} to {most} for the law {self.name!r}"
            raise InputError(key="width", value=self.width, allowed=allowed)

    @property
    def support(self) -> tuple[float, float]:
        """Smallest and largest variance; the largest may be inf."""
        w = self.width
        if w == 0:
            return 1.0, 1.0
        return {"uniform": (1 - w, 1 + w), "lognormal": (0.0, np.inf), "power": (1 - w, np.inf)}[self.name]

    def quantile(self, q):
        """Variance below which a share q of the columns lies."""
        q, w = ranged("q", q, 0, 1, "..."), self.width
        if self.name == "uniform":
            return 1 - w + 2 * w * q
        if self.name == "lognormal":
            from scipy.special import ndtri  # here, because importing it takes longer than numpy

            return np.exp(w * ndtri(q) - 0.5 * w**2) if w else np.ones_like(q)
        with np.errstate(divide="ignore"):
            return (1 - w) * (1 - q) ** -w

    def columns(self, n):
        """Variances of n columns, descending: means of v over n equal bins of probability, so of mean exactly 1."""
        w, rank = self.width, np.arange(whole("n", n) + 1.0)
        if w == 0:
            return np.ones(n)
        if self.name == "uniform":
            return 1 + w * (1 - (2 * rank[:-1] + 1) / n)
        if self.name == "lognormal":  # the integral of exp(w x - w^2 / 2) against the normal law is a shifted normal
            from scipy.special import ndtr, ndtri

            columns = n * np.diff(ndtr(ndtri(rank / n) + w))
        else:
            columns = n**w * np.diff(rank ** (1 - w))
        return -np.sort(-columns)  # neighbours may differ by less than their rounding

    def nodes(self, count=400, below=False):
        """Quadrature (values, weights of sum 1) for functions of v that are bounded, or grow no faster than v.

        Trapezoid rule in the logit s of q, v = v(1 / (1 + exp(-s))), or in the normal quantile: the integrands
        decay exponentially and are analytic in a strip, so the error falls like exp(-2 pi strip / step). A pole
        1 / (v - p) with p real outside the support keeps its distance pi from the real line of logits however
        close p is to the end of the support.
        `below` shifts the path into the lower half plane of v, so that poles with Im p >= 0, on the support too, are
        no closer than half the strip: the integral is then the limit (continuation) from Im p > 0. Values and
        weights are complex.
        """
        w, count = self.width, whole("count", count, 2)
        if w == 0:
            return np.ones(1), np.ones(1)
        if self.name == "lognormal":
            x = np.linspace(-_NORMAL_END, _NORMAL_END + 2 * w, count)
            step = x[1] - x[0]
            path = x - 1j * min(1.0, 0.5 * np.pi / w) if below else x
            return np.exp(w * path - 0.5 * w**2), step * np.exp(-0.5 * path**2) / np.sqrt(2 * np.pi)
        # The mean of a power law is reached like exp(-(1 - w) s).
        s = np.linspace(-_LOGIT_END, _LOGIT_END * (min(1 / (1 - w), 2.0) if self.name == "power" else 1.0), count)
        step = s[1] - s[0]
        path = s - 0.5j * np.pi if below else s
        q, rest = 1 / (1 + np.exp(-path)), 1 / (1 + np.exp(path))
        values = 1 - w * rest + w * q if self.name == "uniform" else (1 - w) * rest**-w
        return values, step * q * rest


CONSTANT = VarianceLaw()
