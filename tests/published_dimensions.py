"""Published sets of estimators of the dimension, made here: `make published-dimensions SETS='sphere-10 ...'` for some.

set -> its rows of results/benchmarks/published_dimensions.csv: what was published, estimates of the exact score, of a
network, of neighbours; a row per estimator and noise variance, means over points

Sets are those of Stanczuk et al. 2022 ("ID-diff", arXiv:2212.12611), of Kamkari et al. 2024 (FLIPD, arXiv:2406.03537)
and scikit-dimension's benchmark manifolds. Definitions of the first two are those of the authors' code; here
- squares have orthogonal frames: theirs overlap in the picture as chance has it, and no posterior in closed form is
  known;
- lollipops have a square in place of the disc, for the same reason, and unions are in the units of the authors;
- blobs have no score in closed form at all: neighbours, and a network.

The network is `normed-128` with `x0`, trained on fresh points, on blobs on 20,000 pictures: in ten seconds where d is
100 at most, in a minute or two where it is 800 or 1,024. Run with scikit-dimension installed.
"""

import csv
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import yaml

from scoregap.data import BENCHMARKS
from scoregap.measure import dimension as estimators
from scoregap.stages import dimension, train
from scoregap.study import Cell, load
from scoregap.trained import Trained

RECORD = Path(__file__).resolve().parents[1] / "results" / "benchmarks" / "published_dimensions.csv"
HEADS = ("set", "origin", "d", "dimension", "score", "estimator", "t", "estimate", "error")
OF_SCORE = ("final_gap", "normal_bundle_centred", "flipd")
OF_DATA = ("skdim_mle_5", "skdim_mle_20", "skdim_twonn", "skdim_lpca", "local_pca")
TIMES = {"start": 1.0e-5, "stop": 1.0e-1, "count": 9}
SHOWN = (2, 4, 6)  # of them: t = 1e-4, 1e-3, 1e-2
NETWORK, STEPS = "normed-128", 2000
LARGEST = 100  # dimension of the data up to which all is measured at 16 points
DATA_POINTS = 2500
BLOBS = 20_000  # pictures of them that a network is trained on
ORIGINS = ("ID-diff", "FLIPD", "scikit-dimension")
# By ID-diff's authors, in the table of their paper: their estimator, MLE with 5 and 20 neighbours, local PCA, PPCA.
PUBLISHED = {
    "sphere-10": (11, 9.61, 9.46, 11, 11), "sphere-50": (51, 35.52, 34.04, 51, 51),
    "spaghetti": (1, 1.01, 1.00, 32, 98),
    "squares-10": (11, 8.5, 8.2, 10, 10), "squares-20": (22, 15.0, 14.4, 20, 20),
    "squares-100": (100, 37.7, 34.4, 78, 99),
    "blobs-10": (12, 8.9, 8.7, 10, 136), "blobs-20": (21, 16.3, 15.8, 20, 264),
    "blobs-100": (98, 39.7, 35.3, 18, 985),
}  # fmt: skip
PUBLISHED_OF = ("ID-diff", "mle_5", "mle_20", "local_pca", "ppca")


class Set(NamedTuple):
    """Data of a family; none of a picture that only this script makes.

    dims: of the data around a point, those that occur. groups: (count, std) where the dimension does not vary.
    """

    origin: str
    family: str
    d: int
    dims: tuple[int, ...]
    curvature: float = 0.0
    manifold: dict[str, Any] = {}  # noqa: RUF012


def sphere(m: int) -> Set:
    """The unit sphere: its radius is std sqrt(d / m) / curvature."""
    return Set("ID-diff", "sphere", 100, (m,), 1.0, {"groups": [{"fraction": 1.0, "std": float(np.sqrt(m / 100))}]})


def squares(m: int) -> Set:
    """Half of the squares have the side 3, half 5; their grey values are uniform from 0 to 1."""
    std = [float(side / np.sqrt(12) / np.sqrt(1024 / m)) for side in (3, 5)]
    groups = [{"fraction": 0.5, "std": one} for one in std]
    return Set("ID-diff", "affine", 1024, (m,), 0.0, {"groups": groups, "latents": "uniform"})


def union(law: str, d: int, *dims: int) -> Set:
    """Latents uniform from -1 to 1, Laplace of scale 1 or standard normal, means 10 apart, equal shares."""
    size = {"uniform": 1 / np.sqrt(3), "laplace": np.sqrt(2), "gaussian": 1.0}[law]
    std = float(size / np.sqrt(d / max(dims)))
    groups = [{"fraction": one / max(dims), "std": std} for one in dims]
    apart = {"separation": float(10 / np.sqrt(2) / size)} if len(dims) > 1 else {}
    return Set("FLIPD", "mixture", d, dims, 0.0, {"groups": groups, "latents": law, **apart})


def lollipop() -> Set:
    """A square, a segment and a point in the plane, in shares of 4, 2 and 1; as wide as a disc of radius 1."""
    groups = [{"fraction": one, "std": 0.5, "weight": weight} for one, weight in ((1.0, 4.0), (0.5, 2.0), (0.0, 1.0))]
    return Set("FLIPD", "mixture", 2, (2, 1, 0), 0.0, {"groups": groups, "latents": "uniform", "separation": 5.0})


SETS = {
    "sphere-10": sphere(10), "sphere-50": sphere(50),
    "spaghetti": Set("ID-diff", "spaghetti", 100, (1,), 0.0, {"groups": [{"fraction": 1.0, "std": 1.0}]}),
    **{f"squares-{m}": squares(m) for m in (10, 20, 100)},
    **{f"blobs-{m}": Set("ID-diff", "", 1024, (m,)) for m in (10, 20, 100)},
    "lollipop": lollipop(),
    **{f"{law}-5": union(law, 10, 5) for law in ("uniform", "laplace", "gaussian")},
    **{f"{law}-2+4+8": union(law, 10, 2, 4, 8) for law in ("uniform", "laplace", "gaussian")},
    "uniform-30": union("uniform", 100, 30), "gaussian-90": union("gaussian", 100, 90),
    **{f"{law}-10+25+50": union(law, 100, 10, 25, 50) for law in ("uniform", "gaussian")},
    "uniform-200": union("uniform", 800, 200), "uniform-10+80+200": union("uniform", 800, 10, 80, 200),
    **{f"skdim-{name}": Set("scikit-dimension", f"skdim-{name}", d, (m,), 0.0,
                            {"groups": [{"fraction": 1.0, "std": 1.0}]}) for name, (m, d) in BENCHMARKS.items()},
    # What two of those are, with a score: a ball's surface and a box.
    "M1-score": Set("scikit-dimension", "sphere", 11, (10,), 1.0,
                           {"groups": [{"fraction": 1.0, "std": float(np.sqrt(10 / 11))}]}),
    "M9-score": Set("scikit-dimension", "affine", 20, (20,), 0.0,
                           {"groups": [{"fraction": 1.0, "std": float(1 / np.sqrt(3))}], "latents": "uniform"}),
}  # fmt: skip


def networks_of(one: Set) -> list[str]:
    """Scores of a set: the exact one, if it is known, and a network."""
    return ["exact"] * (one.family != "" and not one.family.startswith("skdim-")) + [NETWORK]


def study_of(one: Set, folder: Path) -> Path:
    """A study of a set, in a file."""
    few = one.d > LARGEST or one.family == "spaghetti"
    costly = few or (one.family == "mixture" and one.d == LARGEST)  # the bundle takes 4 d evaluations at a point
    content = {
        "study": "published",
        **(of_pictures(one, folder) if not one.family else {
            "axes": {"family": [one.family], "ambient_dim": [one.d], "manifold_dim": [max(one.dims)],
                     "curvature": [one.curvature], "network": networks_of(one), "seed": 1},
            "manifold": one.manifold,
            "compare": {name: {"t_open": 0.1, "t_max": 0.1, "t_close": 0.1, "t_consolidation": 0.1}
                        for name in ("flat", "curved")}}),
        "batch": ["seed"],
        "train": {"steps": STEPS, "levels": 32, "samples": 8, "depth": 2, "preconditioning": "x0",
                  "noise": {"start": 5.0e-6, "stop": 20.0}},
        "spectrum": {"times": {"start": 1.0e-5, "stop": 10.0, "count": 8}, "points": 4},
        "dimension": {"estimators": [name for name in OF_SCORE if not costly or name != "normal_bundle_centred"],
                      "times": TIMES, "points": 3 if few else 16},
    }  # fmt: skip
    (folder / "published.yaml").write_text(yaml.safe_dump(content))
    return folder / "published.yaml"


def of_pictures(one: Set, folder: Path) -> dict[str, Any]:
    """The part of a study that says what its data are, of blobs, whose pictures are put into a file."""
    np.save(folder / "pictures.npy", blobs(np.random.default_rng(1), one.dims[0], BLOBS).astype(np.float32))
    return {"data": {"source": "pictures.npy"}, "axes": {"network": networks_of(one), "seed": 1}}


def blobs(rng: np.random.Generator, m: int, n: int) -> np.ndarray:
    """n pictures (n, 1024) of m blobs whose places are the same and whose widths are from 1 to 5 pixels.

    Each blob is a Gaussian density by its width, and each picture is scaled to go from 0 to 1.
    """
    places = np.stack(np.divmod(rng.permutation(1024)[:m], 32), 1)
    side = np.arange(32)
    found = np.zeros((n, 32, 32))
    for x, y in places:
        width = rng.uniform(1, 5, (n, 1))
        across, down = (np.exp(-((side - one) ** 2) / (2 * width**2)) for one in (x, y))
        found += across[:, :, None] * down[:, None, :] / (np.sqrt(2 * np.pi) * width[:, :, None])
    low, high = found.min((1, 2), keepdims=True), found.max((1, 2), keepdims=True)
    return ((found - low) / (high - low)).reshape(n, 1024)


class Silent:
    """Nobody is told of progress."""

    def advance(self, count: int) -> None:
        """Nothing."""


def of_scores(cell: Cell, found: Trained, dims: tuple[int, ...]) -> list[tuple[str, str, float, float, float]]:
    """(score, estimator, t, mean estimate, mean absolute error) of a cell. dims: of the data, of one where it is told
    of no point."""
    settings = cell.dimension
    result = dimension.measure(cell, settings, found, Silent())
    rows = []
    for k in SHOWN:
        for i, name in enumerate(settings.of_score):
            estimates = result["estimate"][k, :, i].astype(float)
            truth = result.get("point_dimension", dims[0])
            error = np.abs(estimates - truth).mean()
            rows.append((cell["network"], name, float(settings.times.values[k]), estimates.mean(), error))
    return rows


def of_data(data: np.ndarray, dims: tuple[int, ...]) -> list[tuple[str, str, str, float, float | str]]:
    """The same of neighbours, which give one number for all points."""
    rows: list[tuple[str, str, str, float, float | str]] = []
    for name in OF_DATA:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # copies of rows are left out, as of a point
            if name == "local_pca":
                found = estimators.local_pca(data, 100, np.arange(100))
            else:
                found = estimators.peer(name, data)
        rows.append(("data", name, "", found, abs(found - dims[0]) if len(dims) == 1 else ""))
    return rows


def measure(name: str) -> list[tuple]:
    """All rows of a set."""
    one, rows = SETS[name], []
    for what, value in zip(PUBLISHED_OF, PUBLISHED.get(name, ()), strict=False):
        rows.append(("published", what, "", float(value), abs(value - one.dims[0])))
    with tempfile.TemporaryDirectory() as folder:
        study = study_of(one, Path(folder))
        cells = load(study).cells
        for cell in cells:
            left = Trained(study)
            if cell.trained:
                start = time.process_time()
                left = Trained(study, *train.train([cell], torch.device("cpu")))
                print(f"  {name}: trained in {time.process_time() - start:.0f} s", file=sys.stderr)
            rows += of_scores(cell, left, one.dims)
        if one.family:
            data, _ = cells[0].truth().sample(np.random.default_rng(cells[0].seed("dataset")), DATA_POINTS)
        else:
            data = blobs(np.random.default_rng(0), one.dims[0], DATA_POINTS)
    rows += of_data(data, one.dims)
    dims = "+".join(map(str, sorted(one.dims)))
    return [(name, one.origin, one.d, dims, score, what, t, _digits(value), _digits(error))
            for score, what, t, value, error in rows]  # fmt: skip


def _digits(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def record(found: dict[str, list[tuple]]) -> None:
    """Put the rows of these sets into the record, in the order of SETS."""
    kept: dict[str, list] = {}
    if RECORD.exists():
        with RECORD.open(newline="") as file:
            for row in list(csv.reader(file))[1:]:
                kept.setdefault(row[0], []).append(row)
    kept |= found
    with RECORD.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([HEADS, *(row for name in SETS for row in kept.get(name, ()))])


def main(names: list[str]) -> int:
    """Measure these sets, or all. Returns an exit status."""
    if not estimators.has_peers():
        print("scikit-dimension is not installed: pip install 'scoregap[benchmark]'", file=sys.stderr)
        return 2
    for name in names or SETS:
        start = time.process_time()
        record({name: measure(name)})
        print(f"{name}: {time.process_time() - start:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
