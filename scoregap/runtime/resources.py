"""What a job asks a cluster for: memory, time and GPUs, from its size alone.

(stage, job) or (stage, study) -> megabytes, minutes, GPUs

The numbers of this file were measured on one core of an x86-64 machine, d from 8 to 1000, widths 64 to 512, 1 to 20
cells a job, and then rounded up, memory 1.3 to 2 times and time 3 to 10 times: a job that asks for too much waits a
little longer, one that asks for too little is lost. A retry asks for more (Snakefile, `asked`). GPUs' part of the
memory was not measured.

Peak resident memory, and seconds of CPU where they say something:
train     3 gated-64 at d 32: 454 MB, 20 of them 715; 5 gated-256 at d 100: 719; 3 gated-512 at d 100: 712;
          2 gated-128 at d 300: 646; 3 gated-128 at d 32, 3,200 steps of 256 points: 45 s
spectrum  exact: d 32: 185 MB; d 200: 266; d 1000: 147. 48 x 32 Jacobians of gated-64 at d 32: 637 MB, 2 ms each;
          of gated-256 at d 100: 1,322 MB, 7 ms; 16 x 8 of gated-128 at d 300: 946 MB, 55 ms
dimension exact: d 32: 188 MB, 11 s; d 300: 243 MB, 8 s
sample    13 switches x 128 samples, curved arcs at d 32: 5 gated-64: 294 MB, 53 s
fit       179 MB, .5 s a cell at d 32 and 2 s at d 500
cube, compare, report   60 cells at d 32: 218, 195, 285 MB; 9, 8, 16 s
A sampled posterior (families tanh and quadratic) takes .1 s a point.
"""

import math
from typing import NamedTuple

from scoregap.data import FAMILIES
from scoregap.pictures import picture
from scoregap.scores import EXACT, REFERENCES, of_clean_data, of_pictures
from scoregap.study import Cell, Job, Study

NESTED = 300  # MB of the two Snakemakes that a job of a cluster runs in
PYTHON, TORCH = 250, 650  # MB before a stage has any data
CUDA = 4000  # MB of host memory; not measured
JACOBIANS = 2**24  # entries at once, as in the spectrum stage
HELD_OUT = 16 * 16  # points of one evaluation, as in the train stage
START = 600.0  # seconds that every job may take for nothing: imports over a busy network
SLACK = 3.0  # seconds asked for per second expected
STORED = 60  # bytes a weight of an evaluation of a model that is stored, for products back
EVALUATIONS = 26  # of a model's score at each point: mistakes undone, and others
SAMPLED = 0.25  # seconds per point of a posterior that is sampled


class Request(NamedTuple):
    """memory in MB, time in minutes, number of GPUs."""

    memory: int
    minutes: int
    gpus: int


def of_job(rule: str, job: Job, on_gpu: bool = False) -> Request:
    """What the rule of a stage with a file per job needs for one job. on_gpu: whether networks get a GPU."""
    gpus = int(on_gpu and rule != "fit" and job.trained)
    stages = [stage for stage in OF_STAGE if rule in (stage, job.rule(stage))]
    megabytes, seconds = zip(*(expected(stage, job) for stage in stages), strict=True)
    return _request(max(megabytes) + CUDA * gpus, sum(seconds), gpus)


def expected(stage: str, job: Job) -> tuple[float, float]:
    """(MB, seconds) that such a stage takes for one job, rounded up as above, without its start."""
    return OF_STAGE[stage](job.first, job.size)


def of_study(stage: str, study: Study) -> Request:
    """What the stages cube, compare and report need, which gather all cells of a study."""
    cells = study.size
    spectrum = study.document.spectrum
    spectra = 8e-6 * cells * spectrum.times.count * spectrum.points * 2 * (max(study.dims) + 4)
    megabytes = {"cube": 2 * PYTHON + 0.05 * cells, "compare": 350 + 0.1 * cells, "report": 450 + spectra}[stage]
    return _request(megabytes, 0.5 * cells, 0)


def bytes_of(stage: str, job: Job) -> float:
    """Bytes on disk of what a stage makes of a job, compressed as the quickstart and studies without training are."""
    once = {"train": 2e4, "spectrum": 3e4, "dimension": 5e3, "sample": 5e3, "memorise": 5e3, "fit": 9.7e4}[stage]
    each = {"spectrum": _bytes_of_spectra(job), "train": 5.2 * _weights(job.first), "fit": 700.0}.get(stage, 500.0)
    return once + job.size * each


def _bytes_of_spectra(job: Job) -> float:
    """Of a cell: of networks all modes at all points; of closed forms those that are not 0, where they are flat, and of
    the Gaussian, the same at all points."""
    cell, times = job.first, job.first.spectrum.times.count
    at_points, d = times * cell.spectrum.points, cell.dim
    if cell.spectrum.probes:
        return 24.0 * at_points
    if cell["network"] not in REFERENCES:
        return 5.9 * at_points * d
    m = cell.manifold_dim if cell.manifold else d
    curvatures = job.axes.get("curvature", (0,)) if cell["network"] == EXACT else (0,)
    bent = sum(map(bool, curvatures)) / len(curvatures)
    return bent * 6.8 * at_points * min(2 * m, d) + (1 - bent) * 5.6 * times * min(m, d)


def _request(megabytes: float, seconds: float, gpus: int) -> Request:
    return Request(math.ceil(NESTED + megabytes), math.ceil((START + SLACK * seconds) / 60), gpus)


def _train(cell: Cell, cells: int) -> tuple[float, float]:
    train, d, width = cell.training, cell.dim, _width(cell)
    weights, rows = _weights(cell), train.levels * train.samples
    # weights, gradients, moments, averages; features of every layer; points drawn ahead, in blocks
    member = 40 * weights + (rows + HELD_OUT) * (64 * train.depth * width * _pixels(cell) + 800 * d)
    seconds = train.steps * (0.01 + cells * rows * 6 * _work(cell) / 2e10)
    return TORCH + 1e-6 * cells * member + _data(cell, cells), seconds + cells * HELD_OUT * _sampling(cell)


def _spectrum(cell: Cell, cells: int) -> tuple[float, float]:
    spectrum, d = cell.spectrum, cell.dim
    matrices = spectrum.times.count * spectrum.points
    base = TORCH if cell.trained or cell.declared else PYTHON
    if spectrum.probes:
        products = spectrum.probes + (EVALUATIONS if cell.declared else 2)
        seconds = cells * matrices * (products * _product(cell) + _sampling(cell))
        return base + 2e-6 * STORED * _weights(cell) * bool(cell.trained or cell.declared) + _data(cell, 1), seconds
    entries = min(matrices * d * d, max(JACOBIANS, d * d))  # of one chunk of points, or of one point
    measured = cell.trained or cell.declared or spectrum.step is not None  # or known in closed form
    matrix = _jacobian(cell) if measured else 5e-3 + 5e-5 * d
    seconds = cells * matrices * (matrix + _sampling(cell))
    return base + 1e-6 * (100 if measured else 25) * entries + _data(cell, 1), seconds


def _dimension(cell: Cell, cells: int) -> tuple[float, float]:
    dimension, d = cell.dimension, cell.dim
    assert dimension is not None  # or the study has no such stage
    scores = dimension.points * dimension.draws * d
    megabytes = 1e-6 * (60 * scores * d + 32 * dimension.data_points**2)
    evaluations = dimension.points * (dimension.draws * d + 2)
    seconds = dimension.times.count * (
        dimension.points * 5 * _jacobian(cell) + evaluations * (_work(cell) / 1e10 + _sampling(cell))
    )
    whose = of_clean_data(cell.data is not None)
    of_data = 120.0 if dimension.of_data and cell["network"] == whose else 0.0
    return (TORCH if cell.trained else PYTHON) + megabytes + _data(cell, 1), cells * (seconds + of_data)


def _sample(cell: Cell, cells: int) -> tuple[float, float]:
    sampling, d, m = cell.sampling, cell.dim, cell.manifold_dim
    assert sampling is not None  # or the study has no such stage
    times, points = sampling.switches, sampling.points
    steps = times.count + math.log(times.stop / times.start) / math.log(sampling.ratio)
    arms = times.count if cell["network"] != EXACT else 1
    # half of all arms follow the exact score, half the own one; distances between all pairs of samples
    evaluations = 2 * steps * arms * points
    seconds = evaluations * (1e-5 + 3e-5 * m + (_weights(cell) + d * m) / 1e10) + 5e-8 * arms * points**2 * d
    megabytes = 1e-6 * (
        32 * points**2 + 100 * arms * points * (d + (_width(cell) if cell.trained else 0)) + 8 * _weights(cell)
    )
    return (TORCH if cell.trained else PYTHON) + megabytes + _data(cell, 1), cells * seconds


def _memorise(cell: Cell, cells: int) -> tuple[float, float]:
    memorisation, d, m = cell.memorisation, cell.dim, 0 if cell.data else cell.manifold_dim
    assert memorisation is not None  # or the study has no such stage
    if cell["network"] in REFERENCES or cell.declared:
        return PYTHON, 1.0  # it has no training set, and nothing is made
    times, points = memorisation.times, memorisation.points
    size = len(cell.dataset()) if cell.data else cell.of_family.dataset_size or 0
    steps = times.count + math.log(times.stop / times.start) / math.log(memorisation.ratio)
    of_network = d * _product(cell) if cell.trained else 1e-9 * size * d * d
    seconds = times.count * points * (4e-4 + 1e-9 * d**3 + 3e-5 * m + 4e-9 * size * d + of_network)
    seconds += 2 * steps * memorisation.samples * (1e-5 + (_weights(cell) + size * d) / 1e10)
    megabytes = 1e-6 * (40 * min(points, 64) * size + 60 * points * d * d + 32 * size * d)
    return (TORCH if cell.trained else PYTHON) + megabytes + _data(cell, 1), cells * (seconds + 1 + 0.1 * m)


def _fit(cell: Cell, cells: int) -> tuple[float, float]:
    spectrum = cell.spectrum
    values = spectrum.times.count * spectrum.points * cell.dim
    return PYTHON + 48e-6 * cells * values, cells * (1 + 5e-5 * values) * cell.fit.resamples / 200


def _width(cell: Cell) -> int:
    """Features of a network's layers; families without a width have 128, or d."""
    return int(cell["network"].partition("-")[2] or max(128, cell.dim))


def _weights(cell: Cell) -> float:
    """Number of weights of a network, or so; a closed form has d^2, as much work."""
    d = cell.dim
    if cell.declared:
        return max(cell.declared.size / 4, d)
    if _pixels(cell) > 1:  # of a U-Net: six convolutions, two of them with twice the channels
        return 120 * cell.training.depth * _width(cell) ** 2
    return _width(cell) * (3 * cell.training.depth * _width(cell) + 2 * d) if cell.trained else d * d


def _pixels(cell: Cell) -> int:
    """Places at which a U-Net has features: a quarter of the pixels; of other networks 1."""
    found = picture(cell.shape) if of_pictures(cell["network"]) else None
    return found.height * found.width // 4 if found else 1


def _work(cell: Cell) -> float:
    """Multiply-adds of an evaluation at a point: one for a weight and place; half as many in a U-Net, whose larger
    convolutions are at a quarter of the places."""
    return _weights(cell) * max(1, _pixels(cell) / 2)


def _jacobian(cell: Cell) -> float:
    """Seconds for one Jacobian, its eigenvalues and its singular values."""
    d = cell.dim
    return 2e-3 + 5e-9 * d**3 + d * _product(cell)


def _product(cell: Cell) -> float:
    """Seconds for one product with a Jacobian; of models of a few weights that are used over and over."""
    return _work(cell) * (1e-8 if cell.declared else 1e-10)


def _sampling(cell: Cell) -> float:
    """Seconds that the exact score of one point takes on top, where it is sampled."""
    return SAMPLED if cell.manifold and FAMILIES[cell["family"]].exact == "sampled" else 0.0


def _data(cell: Cell, copies: int) -> float:
    """MB of training sets."""
    if cell.data:
        size = cell.data.dataset_size
        size = size if isinstance(size, int) else len(cell.truth().parts["training"])
    else:
        size = cell.of_family.dataset_size or 0
    return 24e-6 * copies * size * cell.dim


OF_STAGE = {
    "train": _train,
    "spectrum": _spectrum,
    "dimension": _dimension,
    "sample": _sample,
    "memorise": _memorise,
    "fit": _fit,
}
