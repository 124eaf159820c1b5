"""A study of data from a file that runs in seconds, and points whose profile is known."""

from pathlib import Path

import numpy as np

OWN = """\
study: own
data: {source: points.npy, labels: labels.npy, held_out: 0.2}
axes:
  network: [gaussian, empirical, gated-8]
  seed: 2
train:
  steps: 40
  levels: 8
  samples: 4
  depth: 1
  noise: {start: 5.0e-5, stop: 200.0}
spectrum:
  times: {start: 1.0e-4, stop: 100.0, count: 24}
  points: 6
fit:
  resamples: 50
"""
UNTRAINED = (", gated-8]", "]")
CLASSES = ("  seed: 2", "  dataset_size: [20, fresh]\n  class: [all, 2]\n  seed: 1")
VARIANCES = np.repeat([1.0, 0.0], [3, 5])  # of the points, in a basis of their own: n(t) is 3 for small t


def points(count=120, seed=0):
    """(count, 8) points of a subspace of 3 dimensions, not centred, and labels of 3 classes (count,)."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.standard_normal((8, 8)))
    return rng.standard_normal((count, 8)) * np.sqrt(VARIANCES) @ basis + 2, np.arange(count) % 3


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    """The study with these replacements made, and its files, in a folder."""
    values, labels = points()
    np.save(folder / "points.npy", values)
    np.save(folder / "labels.npy", labels)
    text = OWN
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    (folder / "own.yaml").write_text(text)
    return folder / "own.yaml"
