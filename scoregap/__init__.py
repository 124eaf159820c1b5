"""scoregap: does a diffusion model's learned score have the geometry that theory predicts?

study.yaml -> cells -> train -> spectrum -> dimension -> sample -> fit -> cube -> compare -> report
           (exact and gaussian skip train, most studies dimension and sample)   zarr

data, laws   what is known         manifolds, exact posteriors, random-matrix laws, phase times
scores       who knows E[x0|x]     exact, gaussian, empirical, trained, finite differences of any
measure      what is estimated     networks, training, Jacobian spectra, gaps, phase times, dimensions
stages       files in, files out; the only place where what is known and what is estimated meet
"""

from pathlib import Path

__version__ = "0.1.0"


class InputError(ValueError):
    """What the user gave cannot be used. The text is one line: where, key, value, what is allowed."""


class DamagedFile(Exception):
    """A file is not what was written: missing, truncated, altered or foreign. The text is one line; path: the file."""

    def __init__(self, text: str, path: Path | None = None):
        super().__init__(text)
        self.path = path
