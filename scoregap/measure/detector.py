"""Blind gap detection as an estimator of scikit-learn, for spectra from anywhere. `gaps` says how the test works.

eigenvalues of t J at points -> gaps of their mean and of each, with p-values, and dimensions

A module of its own: stages use `gaps` itself, and importing scikit-learn takes longer than fitting a job of cells.
"""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from scoregap.arguments import between
from scoregap.measure import gaps


class GapDetector(BaseEstimator):
    """Gaps of the spectra of t J at one noise time, found without knowing where to look.

    The answer "none" is an answer: on spectra without a gap any is reported with a probability of at most
    `significance` (the module says how). Gaps are sought in the mean spectrum, whose modes are averaged over the
    points, and in the spectrum of every point. Whether points are independent, alike or the same does not matter:
    averaging makes spacings more regular, which the test does not presume.

    Parameters
    ----------
    significance : float
        Largest probability of reporting any gap where there is none; of the mean spectrum, and of each point.
    min_width : float
        Width below which a gap is invisible whatever its p-value, in units of t J (tangent and normal directions
        are 1 apart), and least distance of the mode above it from the noise at -1. Of an exact score at large t every
        tangent is separated from the noise, at a distance that no network resolves; the spectra of good networks
        are off by some hundredths, hence 0.1.

    Attributes
    ----------
    gaps_ : (n_gaps_,) int array
        Number of modes above each gap of the mean spectrum, ascending; empty if there is none. A last one equal to
        the number of modes is the gap to the noise: every mode is nearer to 0 than to -1.
    widths_, p_values_ : (n_gaps_,) arrays
        Width of each, and its p-value for the whole spectrum (at most `significance`).
    shares_ : (n_gaps_,) array
        Share of the points in whose own spectra the gap is found.
    n_gaps_ : int
    dimension_ : int
        Modes above the lowest gap, 0 if there is none: intermediate gaps lie above the final one.
    point_gaps_, point_widths_, point_p_values_ : lists of arrays
        As `gaps_`, `widths_` and `p_values_`, for every point by itself.
    point_dimensions_ : (points,) int array
    """

    def __init__(self, significance=0.05, min_width=0.1):
        self.significance = significance
        self.min_width = min_width

    def fit(self, X, y=None):
        """Find the gaps of X, (points, modes): eigenvalues of t J at every point, modes in any order."""
        X = validate_data(self, X, dtype=np.float64)
        between("significance", self.significance, 0, 1)
        between("min_width", self.min_width, 0)
        spectra = -np.sort(-X, axis=1)
        self.gaps_, self.widths_, self.p_values_ = gaps.find(spectra.mean(0), self.significance, self.min_width)
        found = [gaps.find(one, self.significance, self.min_width) for one in spectra]
        self.point_gaps_, self.point_widths_, self.point_p_values_ = map(list, zip(*found, strict=True))
        self.shares_ = np.array([np.mean([gap in own for own in self.point_gaps_]) for gap in self.gaps_])
        self.n_gaps_ = len(self.gaps_)
        self.dimension_ = gaps.lowest(self.gaps_)
        self.point_dimensions_ = np.array([gaps.lowest(own) for own in self.point_gaps_])
        return self
