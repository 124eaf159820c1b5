"""Finite differences of any score: a score again, whose Jacobian is measured from its denoised points alone.

Score, method, step -> Score
"""

from dataclasses import dataclass

import numpy as np

from scoregap import InputError
from scoregap.arguments import between
from scoregap.measure import differences
from scoregap.scores.base import Score


@dataclass(frozen=True)
class Differences(Score):
    """A score as the paper's algorithms see it. method: of `measure.differences`; step: as a share of sqrt(t)."""

    score: Score
    method: str
    step: float

    def __post_init__(self):
        """Refuse methods and steps that are none."""
        between("step", self.step, 0)
        if self.method not in differences.JACOBIANS:
            allowed = f"should be one of {', '.join(differences.JACOBIANS)}"
            raise InputError(key="method", value=self.method, allowed=allowed)

    @property
    def guarded(self) -> bool:  # type: ignore[override]
        """As the score itself."""
        return self.score.guarded

    def times(self, t: np.ndarray) -> np.ndarray:
        """Those of the score itself. Raises InputError where it knows none."""
        return self.score.times(t)

    def denoise(self, x: np.ndarray, t) -> np.ndarray:
        """The denoised points (n, d) of the score itself."""
        return self.score.denoise(x, t)

    def jacobian(self, x: np.ndarray, t) -> tuple[np.ndarray, np.ndarray]:
        """Denoised points (n, d) and G (n, d, d) by differences."""
        measured = differences.JACOBIANS[self.method]
        return self.denoise(x, t), measured(lambda points: self.denoise(points, t), x, t, self.step)
