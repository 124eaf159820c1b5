"""The train stage: what it writes, what it keeps, and what it does when a member diverges."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import torch
from tiny import TINY, edited

from scoregap import InputError
from scoregap.data import Group, posteriors
from scoregap.data.manifolds import noisy
from scoregap.data.manifolds.arcs import Arcs
from scoregap.data.manifolds.linear import LinearModel
from scoregap.data.manifolds.mixture import Mixture
from scoregap.networks import PRECONDITIONINGS, ensemble, training
from scoregap.networks.denoiser import Denoiser
from scoregap.networks.sources import Pushed
from scoregap.scores import network
from scoregap.stages import spectrum, train
from scoregap.store.results import mark
from scoregap.store.weights import read_weights, write_weights
from scoregap.study import load
from scoregap.trained import Trained


def job_of(study, name="gated-8-"):
    return next(job for job in load(study).jobs.values() if name in job.id)


def test_weights_are_the_same_bits_again_and_members_the_same_alone(tiny, tmp_path):
    job = job_of(tiny)
    train.run(tiny, job.id, tmp_path / "a.safetensors")
    train.run(tiny, job.id, tmp_path / "b.safetensors")
    _, first = read_weights(tmp_path / "a.safetensors")
    _, again = read_weights(tmp_path / "b.safetensors")
    assert all(np.array_equal(first[name], again[name], equal_nan=True) for name in first)

    alone = tmp_path / "alone.yaml"
    alone.write_text(TINY.replace("seed: 2", "seed: [1]").replace("steps: 40", "steps: 100"))
    both = tmp_path / "both.yaml"
    both.write_text(TINY.replace("steps: 40", "steps: 100"))
    train.run(alone, job.id, tmp_path / "c.safetensors")
    train.run(both, job.id, tmp_path / "d.safetensors")
    members, one = read_weights(tmp_path / "c.safetensors")
    _, company = read_weights(tmp_path / "d.safetensors")
    (key,) = members
    assert len(company) == 2 * len(one)
    for name in one:
        np.testing.assert_allclose(one[name], company[name], rtol=1e-4, atol=1e-5, err_msg=name)
    assert key == job_of(both).cells[1].key("train")


def test_training_lowers_the_excess(tiny, tmp_path):
    tiny.write_text(TINY.replace("steps: 40", "steps: 400").replace("gated-8", "gated-16"))
    job = job_of(tiny, "0.0-gated-16-")
    train.run(tiny, job.id, tmp_path / "a.safetensors")
    members, tensors = read_weights(tmp_path / "a.safetensors")
    for key in members:
        excess = tensors[f"{key}/curve"][:, 2]
        assert excess[-1] < 0.25 * excess[0]
        np.testing.assert_allclose(tensors[f"{key}/levels"].mean(1), excess)
        assert np.ptp(tensors[f"{key}/levels"][-1]) > 0


def test_cost_is_the_operations_of_the_steps_so_far(tiny, tmp_path):
    """gated-8 of depth 1 in 8 dimensions, 8 levels of 4 points."""
    job = job_of(tiny)
    train.run(tiny, job.id, tmp_path / "a.safetensors")
    members, tensors = read_weights(tmp_path / "a.safetensors")
    step = 8 * (4 * 32 * 64 + 6 * 64 * 16) + 32 * (4 * 64 + 6 * (3 * 64 + 64))  # embed and enter: no gradient of inputs
    for key in members:
        np.testing.assert_array_equal(tensors[f"{key}/curve"][:, 3], tensors[f"{key}/curve"][:, 0] * step)


def test_only_missing_members_are_trained(tiny, tmp_path, monkeypatch):
    job, out = job_of(tiny), tmp_path / "a.safetensors"
    train.run(tiny, job.id, out)
    _, before = read_weights(out)
    trained = []
    original = train.train
    monkeypatch.setattr(train, "train", lambda cells, *rest: trained.extend(cells) or original(cells, *rest))
    tiny.write_text(TINY.replace("seed: 2", "seed: 3"))
    train.run(tiny, job.id, out)
    members, after = read_weights(out)
    assert [cell["seed"] for cell in trained] == [2]
    assert len(members) == 3
    assert all(np.array_equal(before[name], after[name], equal_nan=True) for name in before)
    tiny.write_text(TINY.replace("steps: 40", "steps: 41"))  # other settings: nothing can be kept
    trained.clear()
    train.run(tiny, job.id, out)
    assert len(trained) == 2
    assert len(read_weights(out)[0]) == 2


def test_a_damaged_earlier_result_is_not_reused(tiny, tmp_path, capsys):
    mark(tmp_path / "results")
    out = tmp_path / "results" / "train" / "a.safetensors"
    out.parent.mkdir()
    out.write_bytes(b"rubbish")
    train.run(tiny, job_of(tiny).id, out)
    assert "not reused" in capsys.readouterr().err
    assert len(read_weights(out)[0]) == 2


def test_a_member_that_diverges_is_marked_and_costs_the_others_nothing(tiny, tmp_path, monkeypatch):
    """Seed 1 gets data that are not numbers; seed 0 must end with the weights it has without seed 1's trouble."""
    job = job_of(tiny)
    train.run(tiny, job.id, tmp_path / "good.safetensors")
    original, bad = train.pushed, job.cells[1].truth().seed

    def pushed(truth, device):
        normals, push = original(truth, device)
        return Pushed(normals, lambda z: push(z) * np.nan if truth.seed == bad else push(z))

    monkeypatch.setattr(train, "pushed", pushed)
    train.run(tiny, job.id, tmp_path / "bad.safetensors")
    monkeypatch.setattr(train, "pushed", original)
    train.run(tiny, job.id, tmp_path / "again.safetensors")
    members, tensors = read_weights(tmp_path / "bad.safetensors")
    _, again = read_weights(tmp_path / "again.safetensors")
    keys = [cell.key("train") for cell in job.cells]
    assert [members[key]["diverged"] for key in keys] == [False, True]
    for name in tensors:
        if name.startswith(keys[0]):
            np.testing.assert_array_equal(tensors[name], again[name], err_msg=name)


@pytest.mark.parametrize(
    ("settings", "steps"), [("", 60), pytest.param("\n  decay: none", 200, marks=pytest.mark.slow)]
)
def test_a_network_that_blew_up_and_is_finite_has_diverged(tmp_path, monkeypatch, settings, steps):
    """A limit that nothing reaches makes it blow up; with that of training it learns."""
    study = edited(
        tmp_path, ("steps: 40", f"steps: {steps}"), ("depth: 1", f"depth: 3\n  learning_rate: 0.15{settings}")
    )
    cells = list(job_of(study).cells)
    for blows_up in (False, True):
        if blows_up:
            monkeypatch.setattr(train.training, "LIMIT", 1e30)
        members, tensors = train.train(cells, torch.device("cpu"))
        assert [member["diverged"] for member in members.values()] == [blows_up, blows_up]
        assert all(np.isfinite(array).all() for name, array in tensors.items() if "/network." in name)
        ends = np.array([tensors[f"{key}/curve"][:, 2] for key in members])
        assert all(excess[np.isfinite(excess)][-1] > 1 for excess in ends) == blows_up


@pytest.mark.slow
def test_a_constant_rate_of_data_is_bounded(tmp_path, monkeypatch):
    """Where it would blow up and come back, blocks are set back, and training goes on to learn its points."""
    study = edited(
        tmp_path, ("manifold:", "manifold:\n  dataset_size: 20"), ("steps: 40", "steps: 400"),
        ("depth: 1", "depth: 3\n  learning_rate: 0.06\n  decay: none"),
    )  # fmt: skip
    last = {}
    for limit in (train.training.LIMIT, 1e30):
        monkeypatch.setattr(train.training, "LIMIT", limit)
        members, tensors = train.train(list(job_of(study).cells), torch.device("cpu"))
        last[limit] = [tensors[f"{key}/curve"][-1, 1] for key in members]
        if limit < 1e30:
            assert not any(member["diverged"] for member in members.values())
            assert all(member["rate_share"] < 1 for member in members.values())
    assert max(last[2.0]) < 0.8 < 2 * min(last[1e30])


def test_a_network_of_few_points_that_blew_up_has_diverged(tmp_path, monkeypatch):
    few = ("manifold:", "manifold:\n  dataset_size: 6")
    study = edited(tmp_path, few, ("steps: 40", "steps: 60"), ("depth: 1", "depth: 3\n  learning_rate: 0.3"))
    monkeypatch.setattr(train.training, "LIMIT", 1e30)
    members, tensors = train.train(list(job_of(study).cells), torch.device("cpu"))
    assert all(np.isfinite(array).all() for name, array in tensors.items() if "/network." in name)
    assert all(member["diverged"] for member in members.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preconditioning", "size", "draws"),
    [("edm", 3, ""), ("epsilon", 3, ""), ("x0", 6, ""), ("edm", 6, "2"), ("covariance", 8, "1")],
)
def test_a_network_that_knows_its_points_by_heart_has_not_diverged(tmp_path, monkeypatch, preconditioning, size, draws):
    """However much it errs at others: more than one that is not trained, but by x0, where that errs most."""
    noise = f"\n  noise_draws: {draws}" if draws else ""
    study = edited(
        tmp_path, ("manifold:", f"manifold:\n  dataset_size: {size}"), ("[0.0, 0.5]", "[0.5]"),
        ("gated-8", "gated-32"), ("steps: 40", "steps: 1000"),
        ("depth: 1", f"depth: 2\n  preconditioning: {preconditioning}\n  learning_rate: 0.01{noise}"),
    )  # fmt: skip
    seen, record = [], train.Record.add

    def add(self, progress, flops, loss, own, *more):
        seen.append((loss / self.untrained, own / self.untrained))
        record(self, progress, flops, loss, own, *more)

    monkeypatch.setattr(train.Record, "add", add)
    members, _ = train.train(list(job_of(study, "gated-32-").cells), torch.device("cpu"))
    held_out, own = seen[-1]
    assert (held_out > 1).any() or preconditioning == "x0"
    assert (own < 0.5).all()
    assert not any(member["diverged"] for member in members.values())


@pytest.mark.parametrize("size", ["", "manifold:\n  dataset_size: 6"])
def test_a_network_that_has_learned_nothing_has_diverged(tmp_path, size):
    study = edited(tmp_path, ("manifold:", size or "manifold:"), ("depth: 1", "depth: 1\n  learning_rate: 1.0e-30"))
    members, _ = train.train(list(job_of(study).cells), torch.device("cpu"))
    assert [member["diverged"] for member in members.values()] == [True, True]


@pytest.mark.slow
def test_a_member_that_is_set_back_is_told_of(tmp_path, capsys):
    study = edited(tmp_path, LONG, ("depth: 1", "depth: 3\n  learning_rate: 0.3"))
    members, _ = train.train(list(job_of(study).cells), torch.device("cpu"), lambda *_: None)
    text = capsys.readouterr().err
    for key, member in members.items():
        assert member["rate_share"] < 1
        assert not member["diverged"]
        lines = re.findall(rf"member {key}: .* set back; goes on after step \d+ with ([\d.e-]+) of the", text)
        assert [float(share) for share in lines] == [2.0**-k for k in range(1, len(lines) + 1)]
        assert float(lines[-1]) == member["rate_share"]


def test_devices_that_are_not_there_are_refused(tiny, tmp_path):
    job = job_of(tiny)
    tiny.write_text(TINY.replace("depth: 1", "depth: 1\n  device: cuda:99"))
    with pytest.raises(
        InputError, match=r"train\.device: 'cuda:99' is not on this machine: allowed here are auto, cpu"
    ):
        train.run(tiny, job.id, tmp_path / "a.safetensors")
    assert not (tmp_path / "a.safetensors").exists()


def test_a_closed_form_is_not_trained(tiny, tmp_path):
    with pytest.raises(InputError, match="closed-form"):
        train.run(tiny, job_of(tiny, "0.0-exact").id, tmp_path / "a.safetensors")


def test_restored_networks_denoise_as_trained(tiny, tmp_path):
    """What is saved and restored is the averaged network, member by member."""
    job = job_of(tiny)
    members, tensors = train.train(list(job.cells), torch.device("cpu"))
    write_weights(tmp_path / "a.safetensors", members, tensors)
    read = read_weights(tmp_path / "a.safetensors")
    x, t = torch.randn(1, 3, 4, 8), torch.tensor([[0.01, 0.1, 1.0]])
    for cell in job.cells:
        kept, made = (Trained(tiny, *one).denoiser(cell)(x, t) for one in (read, (members, tensors)))
        np.testing.assert_array_equal(kept, made)
    first, second = (Trained(tiny, *read).denoiser(cell)(x, t) for cell in job.cells)
    assert not torch.allclose(first, second)


def test_a_truth_that_is_not_known_is_no_divergence(tiny, tmp_path, monkeypatch):
    """Nowhere known: trained all the same, without an excess. Known at some points: the excess over those."""
    from dataclasses import replace

    from scoregap.data.manifolds.arcs import Arcs

    job, original = job_of(tiny), Arcs.exact

    def unknown(self, x, t):
        posterior = original(self, x, t)
        mean = np.where(np.arange(len(x))[:, None] % 2 == 0, posterior.mean, np.nan) if self.curvature else np.nan
        return replace(posterior, mean=np.broadcast_to(mean, posterior.mean.shape))

    monkeypatch.setattr(Arcs, "exact", unknown)
    for one, known in ((job, False), (next(j for j in load(tiny).jobs.values() if "0.5-gated-8" in j.id), True)):
        train.run(tiny, one.id, tmp_path / "w.safetensors")
        members, tensors = read_weights(tmp_path / "w.safetensors")
        (tmp_path / "w.safetensors").unlink()
        assert not any(member["diverged"] for member in members.values())
        for key in members:
            assert np.isfinite(tensors[f"{key}/curve"][:, 2]).any() == known


def test_excess_over_known_points():
    squares = np.arange(24.0).reshape(1, 3, 4, 2)
    known = np.ones((1, 3, 4), bool)
    np.testing.assert_allclose(train.over_known(squares, known), squares.mean((2, 3)))
    known[0, 0, 1:], known[0, 2] = False, False
    squares[~known] = np.nan
    np.testing.assert_allclose(train.over_known(squares, known), [[0.5, squares[0, 1].mean(), np.nan]])


def lines_of(path):
    """Metrics, as strict JSON."""

    def refuse(name):
        raise AssertionError(name)

    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


def test_metrics_have_every_evaluation(tiny, tmp_path):
    job, before = job_of(tiny), time.time()
    train.run(tiny, job.id, tmp_path / "w.safetensors")
    lines = lines_of(tmp_path / "w.metrics.jsonl")
    keys = job.keys("train")
    _, tensors = read_weights(tmp_path / "w.safetensors")
    curves = np.stack([tensors[f"{key}/curve"] for key in keys])
    count = len(lines)
    assert [line["step"] for line in lines] == curves[0, :count, 0].tolist()
    np.testing.assert_array_equal([line["loss"] for line in lines], curves[:, :count, 1].T)
    np.testing.assert_allclose([line["excess"] for line in lines], curves[:, :count, 2].T)
    for line in lines:
        assert line["members"] == keys
        assert line["steps"] == 40
        assert before <= line["time"] <= time.time()
        assert line["rate"] > 0
        assert line["eta"] == pytest.approx((40 - line["step"]) / line["rate"], rel=0.5, abs=1e-6)
    assert lines[-1]["step"] == 40
    assert lines[-1]["eta"] == 0


def test_only_families_that_draw_by_their_own_map_are_drawn_on_the_device():
    """One that inherits a map but draws or embeds in another way is drawn by numpy, as it says."""
    groups = (Group(2, 1.0),)

    class Shifted(Arcs):
        def embed(self, latents):
            return super().embed(latents) + 1.0

    class Named(Arcs):
        """As it is."""

    class Half(LinearModel):
        def sample(self, rng, n):
            points, latents = super().sample(rng, n)
            return points / 2, latents

    class Both(Arcs, Half):
        """The map of the first, the points of the second."""

    class Handed:
        """Another's data under another name: nothing is its own."""

        def __getattr__(self, name):
            return getattr(Arcs(8, groups, 0.5, 0), name)

    assert isinstance(train.pushed(Arcs(8, groups, 0.5, 0), "cpu"), Pushed)
    assert isinstance(train.pushed(Named(8, groups, 0.5, 0), "cpu"), Pushed)
    assert train.pushed(Shifted(8, groups, 0.5, 0), "cpu") is None
    assert train.pushed(Mixture(8, groups, 0.0, 0), "cpu") is None
    assert train.pushed(noisy(Arcs(8, groups, 0.5, 0), 0.1), "cpu") is None
    assert train.pushed(Both(8, groups, 0.5, 0), "cpu") is None
    assert train.pushed(Handed(), "cpu") is None


def test_metrics_of_members_that_diverge_are_null(tiny, tmp_path, monkeypatch):
    (good, bad), original = job_of(tiny).cells, train.source_of

    def source_of(cell, truth, device):
        source = original(cell, truth, device)
        return Pushed(source.normals, lambda z: source.push(z) * np.nan) if cell is bad else source

    monkeypatch.setattr(train, "source_of", source_of)
    metrics = tmp_path / "m.jsonl"
    train.train([good, bad], torch.device("cpu"), metrics=metrics)
    lines = lines_of(metrics)
    assert lines
    for line in lines:
        assert [loss is None for loss in line["loss"]] == [False, True]
        assert [excess is None for excess in line["excess"]] == [False, line["step"] < 40]
    assert lines[-1]["step"] == 40  # where the bad one is as it began


def test_a_heartbeat_between_evaluations(tmp_path, monkeypatch, capsys):
    """Every pause is 30 s long by this clock: every 32 steps, but for 32 itself, an evaluation, there is a line."""
    study = edited(tmp_path, ("steps: 40", "steps: 200"))
    now = [0.0]
    original = train.training.train

    def slow(*arguments, **more):
        for progress in original(*arguments, **more):
            now[0] += 30.0 * (progress.loss is None)
            yield progress

    monkeypatch.setattr(train.training, "train", slow)
    monkeypatch.setattr(train.time, "monotonic", lambda: now[0])
    job = job_of(study)
    train.train(list(job.cells), torch.device("cpu"), lambda *_: None, metrics=tmp_path / "m.jsonl")
    text = capsys.readouterr().err.splitlines()
    steps = [int(re.match(r"step (\d+)/200, .*loss [\d.]+.*, ETA \d+:\d\d$", line)[1]) for line in text]
    assert steps == [64, 96, 128, 160, 192, 200]
    beats = [line for line in lines_of(tmp_path / "m.jsonl") if line["excess"] is None]
    assert [line["step"] for line in beats] == steps[:-1]
    assert all(0 < loss < 2 for line in beats for loss in line["loss"])


def test_metrics_go_on_after_a_stop(tmp_path, monkeypatch):
    """Steps since the last checkpoint come twice, with the same numbers; half a line is closed."""
    study = edited(tmp_path, LONG)
    job, out, metrics = job_of(study), tmp_path / "w.safetensors", tmp_path / "w.metrics.jsonl"
    with power_cut(monkeypatch, 2):
        train.run(study, job.id, out)
    first = lines_of(metrics)
    with metrics.open("a") as file:
        file.write('{"time": 17')
    train.run(study, job.id, out)
    lines = metrics.read_text().splitlines()
    assert lines[len(first)] == '{"time": 17'
    second = [json.loads(line) for line in lines[len(first) + 1 :]]
    assert second[0]["step"] > 64
    assert second[-1]["step"] == 300
    everything = {line["step"]: line["loss"] for line in first + second}
    train.run(study, job.id, tmp_path / "whole.safetensors")
    whole = {line["step"]: line["loss"] for line in lines_of(tmp_path / "whole.metrics.jsonl")}
    assert everything == whole


def test_any_gpu_goes_on_from_any_other(tmp_path, monkeypatch, capsys):
    """The type of device must be the same, not its number; a CPU does not go on from a GPU."""
    write_weights(tmp_path / "c", {"a": {"device": "cuda"}, "b": {"device": "cpu"}}, {})
    for device, key in (("cuda:1", "a"), ("cuda:0", "a"), ("cpu", "b")):
        members, _ = train.kept(tmp_path / "c", {"a", "b"}, torch.device(device))
        assert list(members) == [key]
    members, _ = train.train(list(job_of(edited(tmp_path)).cells), torch.device("cpu", 0))
    assert {member["device"] for member in members.values()} == {"cpu"}


LONG = ("steps: 40", "steps: 300")


@contextmanager
def power_cut(monkeypatch, saves):
    """A checkpoint at every pause, and an end after this many of them."""
    write, count = write_weights, []

    def writing(path, members, tensors):
        write(path, members, tensors)
        if path.name.endswith(".checkpoint"):
            count.append(path)
            if len(count) == saves:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train, "CHECKPOINT", 0.0)
        patch.setattr(train, "write_weights", writing)
        with pytest.raises(KeyboardInterrupt):
            yield


def same(one, two):
    """Whether two files hold the same members and the same bits."""
    (members, tensors), (others, arrays) = read_weights(one), read_weights(two)
    equal = [np.array_equal(tensors[name], arrays[name], equal_nan=True) for name in tensors]
    return members == others and tensors.keys() == arrays.keys() and all(equal)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        "",
        "\n  patience: 3\n  learning_rate: 0.05\n  optimiser: radam\n  schedule: vp",
        "\n  learning_rate: 0.5",  # which sets members back
        "\n  preconditioning: covariance\n  target: posterior\n  draws: antithetic",
    ],
)
@pytest.mark.parametrize("saves", [1, 5])
def test_a_stopped_job_goes_on_to_the_same_bits(tmp_path, monkeypatch, capsys, settings, saves):
    study = edited(tmp_path, LONG, ("depth: 1", f"depth: 1{settings}"))
    job, whole, out = job_of(study), tmp_path / "whole.safetensors", tmp_path / "w.safetensors"
    train.run(study, job.id, whole)
    with power_cut(monkeypatch, saves):
        train.run(study, job.id, out)
    assert not out.exists()
    assert sorted(path.name for path in tmp_path.glob("w.s*")) == ["w.safetensors.checkpoint"]
    capsys.readouterr()
    train.run(study, job.id, out)
    assert f"resumed after step {32 * saves}" in capsys.readouterr().err
    assert same(out, whole)
    assert not (tmp_path / "w.safetensors.checkpoint").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_keeps_the_state_at_once_and_costs_no_bit(tmp_path, monkeypatch, capsys, number):
    study = edited(tmp_path, ("steps: 40", "steps: 70"))
    job, whole, out = job_of(study), tmp_path / "whole.safetensors", tmp_path / "w.safetensors"
    train.run(study, job.id, whole)
    told = train.append

    def asking(path, record):
        told(path, record)
        if record["step"] > 32:
            os.kill(os.getpid(), number)  # in the middle of a block

    with monkeypatch.context() as patch:
        patch.setattr(train, "append", asking)
        with pytest.raises(KeyboardInterrupt, match="after step 64 of 70; the next run goes on from there"):
            train.run(study, job.id, out)
    assert not out.exists()
    capsys.readouterr()
    train.run(study, job.id, out)
    assert "resumed after step 64" in capsys.readouterr().err
    assert same(out, whole)


def test_a_stop_in_the_last_steps_lets_a_job_end(tmp_path, monkeypatch):
    study, out = edited(tmp_path), tmp_path / "w.safetensors"
    told, before = train.append, signal.getsignal(signal.SIGINT)

    def asking(path, record):
        told(path, record)
        if record["step"] == 40:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(train, "append", asking)
    train.run(study, job_of(study).id, out)
    assert out.exists()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_stop_between_the_trainings_of_a_job_keeps_the_first(tmp_path, monkeypatch, capsys):
    """A study with a new seed has two: of what was begun, and of what is new."""
    study = edited(tmp_path, ("steps: 40", "steps: 70"))
    job, out = job_of(study), tmp_path / "w.safetensors"
    with power_cut(monkeypatch, 1):
        train.run(study, job.id, out)
    grown = edited(tmp_path, ("steps: 40", "steps: 70"), ("seed: 2", "seed: 3"))
    job, told = job_of(grown), train.append

    def asking(path, record):
        told(path, record)
        if record["step"] == 70:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(train, "append", asking)
        with pytest.raises(KeyboardInterrupt, match="between its trainings"):
            train.run(grown, job.id, out)
    train.run(grown, job.id, out)
    assert "resumed" not in capsys.readouterr().err.split("resumed after step 32")[-1]
    train.run(grown, job.id, tmp_path / "whole.safetensors")
    assert same(out, tmp_path / "whole.safetensors")


@pytest.mark.slow
def test_a_killed_process_goes_on_to_the_same_bits(tmp_path):
    study = edited(tmp_path, LONG)
    job, whole, out = job_of(study), tmp_path / "whole.safetensors", tmp_path / "w.safetensors"
    train.run(study, job.id, whole)
    code = f"""
import os, signal
from pathlib import Path
from scoregap.scores import network
from scoregap.store.results import mark
from scoregap.store.weights import read_weights, write_weights
from scoregap.stages import spectrum, train
train.CHECKPOINT, write, done = 0.0, write_weights, []
def writing(*what):
    write(*what)
    done.append(what)
    if len(done) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
train.write_weights = writing
train.run(Path({str(study)!r}), {job.id!r}, Path({str(out)!r}))
"""
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not out.exists()
    train.run(study, job.id, out)
    assert same(out, whole)


@pytest.mark.slow
def test_a_grown_study_resumes_the_members_of_its_checkpoint(tmp_path, monkeypatch, capsys):
    """The new seed is trained on its own, also when the job is stopped a second time meanwhile."""
    study = edited(tmp_path, LONG)
    job, whole, out = job_of(study), tmp_path / "whole.safetensors", tmp_path / "w.safetensors"
    train.run(study, job.id, whole)
    with power_cut(monkeypatch, 4):
        train.run(study, job.id, out)
    study = edited(tmp_path, LONG, ("seed: 2", "seed: 3"))
    with power_cut(monkeypatch, 8):  # 5 until the first two are done, 3 of the third
        train.run(study, job.id, out)
    text = capsys.readouterr().err
    assert "resumed after step 128" in text
    assert "step 300/300" in text
    train.run(study, job.id, out)
    text = capsys.readouterr().err
    assert "resumed after step 96" in text
    assert text.count("step 300/300") == 1
    old, (members, tensors) = read_weights(whole)[1], read_weights(out)
    assert len(members) == 3
    assert all(np.array_equal(old[name], tensors[name], equal_nan=True) for name in old)
    assert not any(member["diverged"] for member in members.values())


@pytest.mark.slow
def test_damaged_and_foreign_checkpoints_are_said_and_ignored(tmp_path, monkeypatch, capsys):
    study = edited(tmp_path)
    mark(tmp_path / "results")
    job, whole, out = job_of(study), tmp_path / "whole.safetensors", tmp_path / "results" / "train" / "w.safetensors"
    checkpoint = out.with_name("w.safetensors.checkpoint")
    train.run(study, job.id, whole)
    with power_cut(monkeypatch, 1):
        train.run(study, job.id, out)
    good = checkpoint.read_bytes()
    flipped = bytearray(good)
    flipped[-100] ^= 1
    for content, says in ((b"rubbish", "is damaged"), (bytes(flipped), "checksum"), (good[:-10], "is damaged")):
        checkpoint.write_bytes(content)
        capsys.readouterr()
        train.run(study, job.id, out)
        text = capsys.readouterr().err
        assert f"not reused: {checkpoint}" in text
        assert says in text
        assert "resumed" not in text
        assert same(out, whole)
        out.unlink()
    out.write_bytes(good)  # a checkpoint in the place of weights: its members are not trained to the end
    train.run(study, job.id, out)
    assert f"not reused: {out}: has no member of this job as it is now" in capsys.readouterr().err
    assert same(out, whole)
    out.unlink()
    other = edited(tmp_path, ("steps: 40", "steps: 41"))
    checkpoint.write_bytes(good)
    train.run(other, job.id, out)
    text = capsys.readouterr().err
    assert f"not reused: {checkpoint}: has no member of this job as it is now that was trained on cpu" in text
    assert "resumed" not in text
    out.unlink()
    checkpoint.write_bytes(good)
    members, tensors = read_weights(checkpoint)
    write_weights(checkpoint, {key: one | {"device": "cuda:0"} for key, one in members.items()}, tensors)
    train.run(edited(tmp_path), job.id, out)
    assert "resumed" not in capsys.readouterr().err
    assert same(out, whole)


def test_checkpoints_come_about_once_a_minute(tmp_path, monkeypatch):
    study, clock, saved = edited(tmp_path, LONG), [0.0], []

    def monotonic():
        clock[0] += 7.0
        return clock[0]

    monkeypatch.setattr(train.time, "monotonic", monotonic)
    cells = list(job_of(study).cells)
    train.train(cells, torch.device("cpu"), lambda members, tensors: saved.append((clock[0], members)))
    assert np.diff([at for at, _ in saved]).min() >= 60
    assert 1 <= len(saved) <= 300 // 32
    assert {member["step"] % 32 for _, members in saved for member in members.values()} == {0}


def test_a_training_set_is_all_a_network_sees(tmp_path, monkeypatch):
    """Every clean point of training is one of the set; none of evaluation is; noise is fresh."""
    study = edited(tmp_path, ("manifold:", "manifold:\n  dataset_size: 6"))
    cells, seen, held_out = list(job_of(study).cells), [], []
    batches, noticed = train.training.batches, train.HeldOut.__init__

    def watched(*arguments):
        for batch in batches(*arguments):
            seen.append(batch)
            yield batch

    def noticing(self, *arguments):
        noticed(self, *arguments)
        held_out.append(self.clean)

    monkeypatch.setattr(train.training, "batches", watched)
    monkeypatch.setattr(train.HeldOut, "__init__", noticing)
    train.train(cells, torch.device("cpu"))
    for i, cell in enumerate(cells):
        points = cell.dataset().astype(np.float32)
        clean = torch.stack([batch[0][i] for batch in seen]).numpy().reshape(-1, 8)
        noise = torch.stack([batch[2][i] for batch in seen]).numpy().reshape(-1, 8)
        found, counts = np.unique(clean, axis=0, return_counts=True)
        np.testing.assert_array_equal(found, np.unique(points, axis=0))
        assert np.abs(counts / len(clean) - 1 / 6).max() < 5 * np.sqrt(5 / 36 / len(clean))
        assert len(np.unique(noise[:, 0])) > 0.99 * len(noise)
        distances = np.linalg.norm(held_out[0][i][:, None] - cell.dataset(), axis=-1)
        assert distances.min() > 1e-3


@pytest.mark.slow
def test_a_network_converges_to_the_score_of_its_training_set(tmp_path):
    """Two points far apart: the denoiser goes to the empirical posterior and away from the exact one."""
    study = edited(
        tmp_path, ("manifold:", "manifold:\n  dataset_size: 2"), ("steps: 40", "steps: 600"), ("gated-8", "gated-32"),
        ("[0.0, 0.5]", "[0.0]"), ("seed: 2", "seed: 1"),
    )  # fmt: skip
    job = job_of(study, "gated-32-")
    cell, weights = job.cells[0], train.train(list(job.cells), torch.device("cpu"))
    data, t = cell.dataset(), 0.1
    rng = np.random.default_rng(0)
    x = data[rng.integers(2, size=64)] + np.sqrt(t) * rng.standard_normal((64, 8))
    trained, noisy = Trained(study, *weights).denoiser(cell), torch.tensor(x[None, None], dtype=torch.float32)
    denoised = trained(noisy, torch.tensor([[t]]))
    empirical, exact = posteriors.empirical(x, t, data).mean, cell.truth().exact(x, t).mean
    assert np.mean((denoised[0, 0].numpy() - empirical) ** 2) < 0.2 * np.mean((denoised[0, 0].numpy() - exact) ** 2)


def record_of(losses, patience, own=None):
    """A record fed with held-out losses (evaluations, members), and those on training points, if they are others."""
    members = len(losses[0])
    network = ensemble.build("linear", range(members), 2, 1)
    averaged = Denoiser(network, [1.0] * members, (0.1, 1.0)).requires_grad_(False)
    record = train.Record(np.full(members, 10.0), patience)
    for step, loss in enumerate(losses, 1):
        for parameter in averaged.parameters():
            parameter.fill_(step)
        progress = train.training.Progress(step, *np.ones((3, members)), averaged, dict)
        here = np.array(loss if own is None else own[step - 1])
        record.add(progress, step, np.array(loss), here, np.ones((members, train.variables.LEVELS)))
    return record, {name: array.reshape(members, -1)[:, 0].tolist() for name, array in record.weights(averaged).items()}


@pytest.mark.parametrize("patience", [None, 2])
def test_what_has_learned_is_told_by_the_points_it_was_trained_on(patience):
    """Not by others, where only what is not finite counts; without patience at the end, else where it was kept."""
    held_out = [[20, 1, 1, 20, np.nan], [30, 9, 1, 19, np.nan], [40, 9, 1, 18, np.nan]]
    own = [[5, 1, np.nan, 5, 1], [1, 9, np.nan, 6, 1], [0.1, 11, np.nan, 11, 1]]
    record, _ = record_of(held_out, patience, own)
    assert record.learned.tolist() == ([True, False, False, False, False] if patience is None else
                                       [True, True, False, False, False])  # fmt: skip


def test_patience_stops_a_member_and_keeps_its_best_weights():
    losses = [[3, 3, 3], [2, 4, 2], [2, 5, 1], [3, 1, 2], [1, 1, 0.5], [1, 1, 1]]
    record, weights = record_of(losses, patience=2)
    assert record.running.tolist() == [False, False, True]
    assert {tuple(steps) for steps in weights.values()} == {(2, 1, 5)}  # 2: an equal loss has not fallen
    ends = np.isfinite(record.arrays["curve"][:, :, 0]).sum(1)
    assert ends.tolist() == [4, 3, 6]
    for i in range(3):
        alone, own = record_of([[loss[i]] for loss in losses], patience=2)
        np.testing.assert_array_equal(alone.arrays["curve"][0], record.arrays["curve"][i])
        assert all(steps[0] == weights[name][i] for name, steps in own.items())
    record, weights = record_of(losses, patience=None)
    assert record.running.all()
    assert {tuple(steps) for steps in weights.values()} == {(6, 6, 6)}


@pytest.mark.slow
def test_patience_ends_the_training_of_a_job(tmp_path, capsys):
    """Six points are learned by heart, so the held-out loss rises; the kept weights are those before."""
    study = edited(
        tmp_path, ("manifold:", "manifold:\n  dataset_size: 6"), ("steps: 40", "steps: 2000"), ("gated-8", "gated-32"),
        ("depth: 1", "depth: 1\n  patience: 2"), ("[0.0, 0.5]", "[0.0]"),
    )  # fmt: skip
    job = job_of(study, "gated-32-")
    train.run(study, job.id, tmp_path / "w.safetensors")
    assert "step 2000/2000" not in capsys.readouterr().err
    members, tensors = read_weights(tmp_path / "w.safetensors")
    for key in members:
        step = tensors[f"{key}/curve"][:, 0]
        assert np.isfinite(step).sum() < train.variables.EVALUATIONS
        assert np.nanmax(step) < 2000
        assert not members[key]["diverged"]


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["ve", "vp"])
@pytest.mark.parametrize("preconditioning", PRECONDITIONINGS)
def test_every_preconditioning_learns_the_spectrum(tmp_path, preconditioning, schedule):
    """Flat and of known covariance: trained eigenvalues are finite and near the exact ones over all noise."""
    study = edited(
        tmp_path, ("[0.0, 0.5]", "[0.0]"), ("gated-8", "gated-32"), ("steps: 40", "steps: 500"),
        ("count: 24", "count: 8"),
        ("samples: 4", "samples: 32\n  learning_rate: 0.01"), ("seed: 2", "seed: 1"),
        ("depth: 1", f"depth: 2\n  preconditioning: {preconditioning}\n  schedule: {schedule}"),
    )  # fmt: skip
    cell = job_of(study, "gated-32-").cells[0]
    found = spectrum.measure(cell, Trained(study, *train.train([cell], torch.device("cpu"))))
    exact = spectrum.measure(job_of(study, "-exact-").cells[0], Trained(study))
    assert found["status"] == 1
    difference = found["eigenvalue"] - exact["eigenvalue"]
    assert np.sqrt((difference**2).mean()) < 0.2
    assert np.abs(difference[cell.spectrum.times.values > 1]).max() < 0.06


COVARIANCE = ("depth: 1", "depth: 1\n  preconditioning: covariance\n  covariance_points: 5000")


def test_an_untrained_network_with_the_covariance_has_the_gaussian_s_spectrum(tmp_path):
    """That of the Gaussian with the covariance of each member's own points, over all noise; its loss is one."""
    study = edited(tmp_path, COVARIANCE, ("seed: 2", "seed: 3"))
    job = next(job for job in load(study).jobs.values() if "0.5-gated-8-" in job.id)
    cells, truths = list(job.cells), [cell.truth() for cell in job.cells]
    axes = train.axes_of(cells, truths)
    fresh, t = train.build(cells, [1.0] * 3, axes), torch.tensor([1e-4, 0.1, 10.0])
    x = np.random.default_rng(0).standard_normal((3, 4, 8))
    for i, (cell, truth, (directions, variances)) in enumerate(zip(cells, truths, axes, strict=True)):
        rng = np.random.default_rng(cell.seed("covariance"))
        points = np.concatenate([truth.sample(rng, n)[0] for n in (4096, 904)])
        moments = points.T @ points / 5000
        np.testing.assert_allclose((directions * variances) @ directions.T, moments, atol=1e-6)
        assert directions.shape == (8, 4)  # two planes
        weights = {name: array[i].numpy() for name, array in fresh.network.state_dict().items()}
        score = network.Network(network.member(cell["network"], 8, cell.training, 1.0, weights, axes[i]))
        found = score.local(x.reshape(12, 8), np.repeat(t.numpy(), 4))
        known = posteriors.gaussian(x.reshape(12, 8), np.repeat(t.numpy(), 4), directions.astype(float), variances)
        np.testing.assert_allclose(found.eigenvalues, known.spectrum() - 1, atol=2e-6)
        assert found.asymmetry.max() < 1e-5
    held_out = train.HeldOut(cells, truths, torch.device("cpu"))
    np.testing.assert_allclose(held_out(fresh)[0].mean(), 1, atol=0.15)  # of 3 x 16 points


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plain", "key"), [("optimiser: adam", "beta2: 0.5"), ("preconditioning: covariance", "own_below: 1.0")]
)
def test_keys_of_training_reach_it(tmp_path, plain, key):
    """A network that is trained with the key has other weights than one without."""
    weights = []
    for i, more in enumerate(("", f"\n  {key}")):
        study = edited(tmp_path, ("depth: 1", f"depth: 1\n  {plain}{more}"))
        train.run(study, job_of(study).id, tmp_path / f"{i}.safetensors")
        _, tensors = read_weights(tmp_path / f"{i}.safetensors")
        weights.append([array for name, array in tensors.items() if name.endswith("network.leave.weight")])
    assert len(weights[0]) == len(weights[1]) > 0
    assert not any(np.array_equal(one, other) for one, other in zip(*weights, strict=True))


def test_products_are_made_as_the_study_says(tmp_path, monkeypatch):
    asked = set()
    monkeypatch.setattr(training, "made_by", lambda name: nullcontext(asked.add(name)))
    study = edited(tmp_path, ("depth: 1", "depth: 1\n  products: onednn"))
    train.run(study, job_of(study).id, tmp_path / "a.safetensors")
    assert asked == {"onednn"}


def test_the_covariance_of_a_training_set_is_that_of_its_points(tmp_path):
    study = edited(tmp_path, COVARIANCE, ("manifold:", "manifold:\n  dataset_size: 9"))
    (cell, _) = job_of(study).cells
    ((directions, variances),) = train.axes_of([cell], [cell.truth()])
    points = cell.dataset()
    np.testing.assert_allclose((directions * variances) @ directions.T, points.T @ points / 9, atol=1e-6)


def test_other_preconditionings_need_no_axes(tiny):
    cells = list(job_of(tiny).cells)
    assert train.axes_of(cells, [cell.truth() for cell in cells]) is None


def test_restored_networks_with_the_covariance_denoise_as_trained(tmp_path):
    study = edited(tmp_path, COVARIANCE)
    job, out = job_of(study), tmp_path / "a.safetensors"
    train.run(study, job.id, out)
    members, tensors = read_weights(out)
    x, t = torch.randn(1, 3, 4, 8), torch.tensor([[0.01, 0.1, 1.0]])
    made = train.train(list(job.cells), torch.device("cpu"))
    for cell in job.cells:
        kept, again = (Trained(study, *one).denoiser(cell)(x, t) for one in ((members, tensors), made))
        np.testing.assert_array_equal(kept, again)
        assert tensors[f"{cell.key('train')}/directions"].shape == (8, 2)


def test_a_member_with_the_covariance_is_the_same_alone(tmp_path):
    study = edited(tmp_path, COVARIANCE, ("[0.0, 0.5]", "[0.5, 0.0]"), ("batch: [seed]", "batch: [seed, curvature]"))
    cells = list(job_of(study).cells)  # of four axes, and of two
    _, together = train.train(cells, torch.device("cpu"))
    for cell in (cells[0], cells[-1]):
        _, alone = train.train([cell], torch.device("cpu"))
        for name in alone:
            np.testing.assert_allclose(alone[name], together[name], rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_posterior_targets_lower_the_excess_at_equal_steps(tmp_path):
    """Of the same draws and first weights, to less than two thirds."""
    left = {}
    for target in ("sample", "posterior"):
        study = edited(
            tmp_path, ("gated-8", "gated-32"), ("steps: 40", "steps: 1000"), ("samples: 4", "samples: 16"),
            ("depth: 1", f"target: {target}"),
        )  # fmt: skip
        job = next(job for job in load(study).jobs.values() if "0.5-gated-32-" in job.id)
        _, tensors = train.train(list(job.cells), torch.device("cpu"))
        left[target] = np.array([tensors[f"{cell.key('train')}/curve"][-1, 2] for cell in job.cells])
    assert (left["posterior"] < 2 / 3 * left["sample"]).all(), left
