"""Jobs are tried: what a trial says is what the job takes, and a trial changes nothing."""

import json
import resource

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


class Clock:
    """Time of the processor that passes only where a test says so."""

    def __init__(self):
        self.now = 0.0

    def process_time(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(trial, "time", clock := Clock())
    return clock


@pytest.mark.parametrize("each", [1e-4, 3.0], ids=["short", "long"])
@pytest.mark.parametrize("network", ["exact", "gated-8"])
def test_the_spectra_take_what_a_trial_says(tmp_path, monkeypatch, clock, network, each):
    """A point at a time takes as long as any other, and a cell's data the same however many there are. Where two points
    take seconds no more are tried."""
    study = edited(tmp_path, ("points: 4", "points: 24"), ("count: 24", "count: 96"))
    cell, once, tried = job_of(study, network).first, 0.05, set()
    near, blank = spectrum.near, spectrum.blank

    def slow(score, noisy, *arguments):
        times, points = noisy.shape[:2]
        tried.add(points)
        clock.now += times * points * each
        return near(score, noisy, *arguments)

    def begun(cell):
        clock.now += once
        return blank(cell)

    monkeypatch.setattr(spectrum, "near", slow)
    monkeypatch.setattr(spectrum, "blank", begun)
    said = trial.of_spectrum(cell, study)[0]
    assert said == pytest.approx(96 * 24 * each + once, rel=1e-9 if each < 1 else once)
    assert (24 in tried) == (each < 1)
    measured = -clock.now
    spectrum.measure(cell, trial.Untrained(study) if cell.trained else Trained(study))
    measured += clock.now
    assert said == pytest.approx(measured, rel=1e-9 if each < 1 else once)


class Slow(Score):
    """A score whose products and evaluations take a known time of the processor."""

    def __init__(self, seconds, clock):
        self.seconds, self.clock = seconds, clock

    def busy(self, evaluations):
        self.clock.now += self.seconds * evaluations

    def denoise(self, x, t):
        self.busy(len(x))
        return x / 2

    def jacobian(self, x, t):
        raise AssertionError("all of a Jacobian is not computed in a trial")

    def products(self, x, t):
        def product(rows):
            self.busy(2 * len(rows))
            return rows / 2

        return product, product

    def traced(self, x, t, probes):
        self.busy(len(x) * (1 + 2 * len(probes)))


@pytest.mark.parametrize(
    ("method", "products"), [("trace\n  probes: 40", 40), ("exact", 8)], ids=["traces", "full spectra"]
)
def test_products_are_counted(tmp_path, clock, method, products):
    """A product takes twice an evaluation; besides those there are the point's own, its Gaussian's and its training
    point's."""
    study = written(tmp_path, ("points: 6", f"points: 6\n  method: {method}"))
    cell, each = job_of(study, "gaussian").first, 1e-3
    found = trial._by_products(cell, Slow(each, clock), cell.truth())
    assert found == pytest.approx(24 * 6 * each * (2 * products + 3 + ("trace" in method)))


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
