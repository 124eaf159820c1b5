"""Jobs are tried: what a trial says is what the job takes, and a trial changes nothing."""

import json
import resource
import time

import numpy as np
import pytest
from own_data import UNTRAINED, written
from tiny import TINY, edited

from scoregap import trial
from scoregap.measure import calibration
from scoregap.scores.base import Score
from scoregap.stages import spectrum
from scoregap.study import load
from scoregap.trained import Trained


def job_of(path, network):
    return next(job for job in load(path).jobs.values() if job.axes["network"][0] == network)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["exact", "gated-8"])
def test_the_spectra_take_what_a_trial_says(tmp_path, network):
    """Of a cell that takes a good part of a second: within a factor of 1.5, the least of three turns of each, as others
    use the machine too."""
    points = 1000 if network == "exact" else 24
    study = edited(
        tmp_path, ("points: 4", f"points: {points}"), ("count: 24", "count: 96"),
        ("ambient_dim: [8]", "ambient_dim: [48]"),
    )  # fmt: skip
    cell = job_of(study, network).first
    score = trial.Untrained(study) if cell.trained else Trained(study)
    said, took = [], []
    for _ in range(3):
        said.append(trial.of_spectrum(cell, study)[0])
        began = time.process_time()
        spectrum.measure(cell, score)
        took.append(time.process_time() - began)
    assert 1 / 1.5 < min(said) / min(took) < 1.5


class Slow(Score):
    """A score whose products and evaluations take a known time of the processor."""

    def __init__(self, seconds):
        self.seconds = seconds

    def denoise(self, x, t):
        busy(self.seconds * len(x))
        return x / 2

    def jacobian(self, x, t):
        raise AssertionError("all of a Jacobian is not computed in a trial")

    def products(self, x, t):
        def product(rows):
            busy(2 * self.seconds * len(rows))
            return rows / 2

        return product, product

    def traced(self, x, t, probes):
        busy(self.seconds * len(x) * (1 + 2 * len(probes)))


def busy(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@pytest.mark.parametrize(
    ("method", "products"), [("trace\n  probes: 40", 40), ("exact", 8)], ids=["traces", "full spectra"]
)
def test_products_are_counted(tmp_path, method, products):
    """A product takes twice an evaluation; besides those there are the point's own, its Gaussian's and its training
    point's."""
    study = written(tmp_path, ("points: 6", f"points: 6\n  method: {method}"))
    cell = job_of(study, "gaussian").first
    each = 1e-3
    found = trial._by_products(cell, Slow(each), cell.truth())
    of_eigenvalues = 0 if "trace" in method else 24 * 6 * 0.02
    known = 24 * 6 * each * (2 * products + 3 + ("trace" in method))
    assert known / 1.3 < found < 1.3 * known + of_eigenvalues


def test_a_trial_is_of_all_cells_and_leaves_nothing(tmp_path, capsys, monkeypatch):
    study = tmp_path / "study.yaml"
    study.write_text(TINY)
    job = job_of(study, "gated-8")
    monkeypatch.setattr(trial, "SECONDS", 0.02)
    trial.main(str(study), job.id, "train", "spectrum", "fit")
    found = json.loads(capsys.readouterr().out)
    assert found.keys() == {"imports", "torch", "spectrum", "megabytes", "train", "fit"}
    assert all(value > 0 for value in found.values())
    assert found["megabytes"] == pytest.approx(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, rel=0.2)
    assert [one.name for one in tmp_path.iterdir()] == ["study.yaml"]


def test_mistakes_undone_are_counted_among_what_is_done():
    class Beat:
        done = 0

        def advance(self, done):
            self.done += done

    beat, x = Beat(), np.ones((7, 3))
    denoise = spectrum.advancing(lambda x, t: x, beat, len(calibration.REPAIRS))
    for calls in range(1, 2 * len(calibration.REPAIRS) + 1):
        denoise(x, np.ones(7))
        assert beat.done == calls * 7 // len(calibration.REPAIRS)


@pytest.mark.parametrize("change", [(), (("points: 6", "points: 6\n  method: trace"),)], ids=["spectra", "traces"])
@pytest.mark.parametrize("network", ["gaussian", "empirical"])
def test_the_fit_of_data_from_a_file_is_tried(tmp_path, network, change):
    """Two scores, so that their Jacobians are kept to be put beside each other."""
    study = written(tmp_path, UNTRAINED, *change)
    assert trial.of_fit(job_of(study, network).first) > 0


def test_the_fit_of_a_family_is_tried(tmp_path):
    assert trial.of_fit(job_of(edited(tmp_path), "exact").first) > 0
