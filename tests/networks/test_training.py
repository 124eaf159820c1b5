"""Training: what is drawn, what a member can see of the others, and that the optimum is the posterior mean."""

import contextlib
import itertools
import warnings
from typing import ClassVar

import numpy as np
import pytest
import torch

from scoregap.networks import OPTIMISERS, PRECONDITIONINGS, jacobian, schedules, training
from scoregap.networks import ensemble as ensembles
from scoregap.networks.covariance import Axes
from scoregap.networks.denoiser import Denoiser
from scoregap.networks.draws import Draws
from scoregap.networks.sources import Hosted, Pushed

RANGE = (1e-3, 30.0)
DIM = 2
STDS = np.array([1.0, 0.2])


def gaussian(rng, n):
    return rng.standard_normal((n, DIM)) * STDS


def nothing(rng, n):
    return np.full((n, DIM), np.nan)


def batches(seeds, samplers, *how, **more):
    return training.batches([Hosted(one) for one in samplers], Draws(seeds), *how, **more)


def data(seeds, samplers=None, levels=4, samples=8, **noise):
    samplers = samplers or [gaussian] * len(seeds)
    return batches(seeds, samplers, schedules.noise_quantiles(*RANGE, **noise), levels, samples)


def ensemble(seeds, name="gated-16", depth=1, std=1.0, **how):
    return Denoiser(ensembles.build(name, seeds, DIM, depth), [std] * len(seeds), RANGE, **how)


def run(seeds, samplers=None, steps=100, reports=None, rate=5e-3, warmup=0.1, ema=0.1, **more):
    module = ensemble(seeds)
    source = data(seeds, samplers, **more)
    reports = [steps] if reports is None else reports
    states = []
    for progress in training.train(module, source, steps, rate, warmup, ema, reports):
        states.append((progress.step, progress.loss, [p.clone() for p in progress.averaged.parameters()]))
    return module, states


def weights(module, i):
    return [p[i].detach() for p in module.parameters()]


def test_batches_are_stratified_and_have_the_focus():
    source = data([0, 1], levels=4, samples=2, focus=(0.1, 1.0), share=0.5)
    drawn = list(itertools.islice(source, 400))
    clean, t, noise = drawn[0]
    assert clean.shape == noise.shape == (2, 4, 2, DIM)
    assert t.shape == (2, 4)
    assert {part.dtype for part in drawn[0]} == {torch.float32}
    t = torch.stack([one[1] for one in drawn]).double().numpy()
    u = np.interp(np.log(t), *schedules.noise_quantiles(*RANGE, (0.1, 1.0), 0.5)[::-1])
    np.testing.assert_array_equal(np.floor(4 * u), np.broadcast_to(np.arange(4), t.shape))
    # 3200 strata draws: uniform in each stratum.
    assert np.abs((4 * u) % 1 - 0.5).mean() == pytest.approx(0.25, abs=4 * 0.144 / np.sqrt(u.size))
    inside = ((t > 0.1) & (t < 1)).mean()
    assert inside == pytest.approx(0.5 + 0.5 * np.log(10) / np.log(3e4), abs=0.03)
    assert not np.array_equal(t[:, 0], t[:, 1])


def test_batches_are_fresh_and_of_the_right_law():
    drawn = list(itertools.islice(data([3], levels=4, samples=8), 3 * training.BLOCK))
    clean = torch.stack([one[0] for one in drawn]).double().numpy().reshape(-1, DIM)
    noise = torch.stack([one[2] for one in drawn]).double().numpy().reshape(-1, DIM)
    n = len(clean)
    assert len(np.unique(clean[:, 0])) > 0.999 * n
    assert len(np.unique(noise[:, 0])) > 0.999 * n
    np.testing.assert_allclose(clean.std(0), STDS, rtol=4 / np.sqrt(2 * n))
    np.testing.assert_allclose(noise.std(0), 1, rtol=4 / np.sqrt(2 * n))
    assert np.abs(np.corrcoef(clean[:, 0], noise[:, 0])[0, 1]) < 4 / np.sqrt(n)


def test_antithetic_draws_are_pairs_of_opposite_noise_at_one_point():
    quantiles = schedules.noise_quantiles(*RANGE)
    drawn = list(itertools.islice(batches((5, 6), [gaussian] * 2, quantiles, 4, 100, draws="antithetic"), 40))
    for clean, _, noise in drawn:
        assert clean.shape == noise.shape == (2, 4, 100, DIM)
        assert torch.equal(clean[:, :, :50], clean[:, :, 50:])
        assert torch.equal(noise[:, :, :50], -noise[:, :, 50:])
    clean, noise = (torch.stack([one[i][:, :, :50] for one in drawn]) for i in (0, 2))
    np.testing.assert_allclose(clean.std((0, 2, 3)), np.broadcast_to(STDS, (2, DIM)), rtol=0.05)
    np.testing.assert_allclose(noise.std((0, 2, 3)), 1, rtol=0.05)
    assert min(len(clean[..., 0].unique()), len(noise[..., 0].unique())) > 0.999 * clean[..., 0].numel()


def test_gradients_of_antithetic_draws_are_less_noisy_at_small_noise():
    """Of a network on its way, at t below the least variance; and with the same mean."""
    module, gradients = ensemble([1]), {}
    for _ in training.train(module, data([1]), 100, 5e-3, 0.0, 0.1, [100]):
        pass
    quantiles = schedules.noise_quantiles(1e-3, 2e-3)
    for draws in ("independent", "antithetic"):
        source = batches([2], [gaussian], quantiles, 4, 32, draws=draws)
        found = []
        for batch in itertools.islice(source, 200):
            one = torch.autograd.grad(module.loss(*b_of(batch)).sum(), module.network.leave.weight)[0]
            found.append(one.flatten().numpy())
        gradients[draws] = np.array(found)
    spread = {draws: found.std(0) for draws, found in gradients.items()}
    assert np.mean(spread["antithetic"] / spread["independent"]) < 0.6
    difference = gradients["antithetic"].mean(0) - gradients["independent"].mean(0)
    assert np.sqrt(np.mean((difference / np.hypot(*spread.values())) ** 2)) < 2 / np.sqrt(200)


def posterior(x, t):
    """Of `gaussian`; not known where the first coordinate is above 1."""
    mean = x * (STDS**2 / (STDS**2 + t[:, None]))
    return np.where(x[:, :1] > 1, np.nan, mean)


def test_posterior_targets_are_the_means_at_the_same_noisy_points():
    quantiles = schedules.noise_quantiles(*RANGE)
    samples, means = (
        batches((5, 6), [gaussian] * 2, quantiles, 4, 50, "ve", target) for target in (None, [posterior] * 2)
    )
    for (clean, t, noise), (mean, same_t, left) in itertools.islice(zip(samples, means, strict=False), 40):
        assert torch.equal(t, same_t)
        sigma = t[..., None, None].sqrt()
        noisy = clean + sigma * noise
        torch.testing.assert_close(mean + sigma * left, noisy, rtol=1e-5, atol=1e-5)
        known = noisy[..., 0] < 1 - 1e-5
        expected = noisy * torch.tensor(STDS**2) / (torch.tensor(STDS**2) + t[..., None, None])
        torch.testing.assert_close(mean[known].double(), expected[known].double(), rtol=1e-4, atol=1e-5)
        unknown = noisy[..., 0] > 1 + 1e-5
        torch.testing.assert_close(mean[unknown], clean[unknown])
        assert unknown.any()


@pytest.mark.slow
def test_the_optimum_of_posterior_targets_is_the_same():
    """Losses exceed their least by the same, whichever the target: by the weighted distance from the posterior mean."""
    module, other = ensemble([1, 1]), ensemble([2, 2])
    with torch.no_grad():
        for one in (module, other):
            for weight in one.parameters():
                weight += 0.1
    quantiles = schedules.noise_quantiles(*RANGE)

    def mean(x, t):
        return x * (STDS**2 / (STDS**2 + t[:, None]))

    differences = []
    for target in (None, [mean] * 2):
        drawn = list(itertools.islice(batches((5, 6), [gaussian] * 2, quantiles, 64, 500, "ve", target), 20))
        with torch.no_grad():
            differences.append([(module.loss(*b_of(b)) - other.loss(*b_of(b))).numpy() for b in drawn])
    (ours, theirs), spread = np.mean(differences, 1), np.std(np.subtract(*differences), 0) / np.sqrt(20)
    assert np.all(np.abs(ours - theirs) < 4 * spread + 1e-6)
    assert np.all(np.abs(ours) > 20 * spread)


def b_of(batch):
    """A batch as `Denoiser.loss` takes it."""
    clean, t, noise = batch
    return clean, noise, t


def test_draws_are_the_same_alone_and_in_company():
    together = list(itertools.islice(data([5, 6, 7]), 40))
    for i, seed in enumerate((5, 6, 7)):
        for step, alone in enumerate(itertools.islice(data([seed]), 40)):
            for ours, theirs in zip(alone, together[step], strict=True):
                assert torch.equal(ours[0], theirs[i])


@pytest.mark.parametrize("t", [1e-3, 0.1, 1.0, 1e3])
@pytest.mark.parametrize("variance", [0.01, 4.0])
@pytest.mark.parametrize("preconditioning", PRECONDITIONINGS)
def test_loss_of_a_fresh_network_is_one_at_every_level(t, variance, preconditioning):
    n = 20_000
    rng = np.random.default_rng(0)
    clean = torch.from_numpy(np.sqrt(variance) * rng.standard_normal((1, 1, n, DIM)))
    noise = torch.from_numpy(rng.standard_normal((1, 1, n, DIM)))
    axes = {}
    if preconditioning == "covariance":  # of data with the second variance a hundredth of the first
        rotation = np.linalg.qr(rng.standard_normal((DIM, DIM)))[0]
        variances = np.array([variance, variance / 100])
        axes = {"axes": [Axes(rotation, variances)]}
        clean = clean * torch.tensor([1, 0.1]) @ torch.from_numpy(rotation).T
    module = ensemble([1], std=variance**0.5, preconditioning=preconditioning, **axes).double()
    levels = torch.full((1, 1), t, dtype=torch.float64)
    error = module(clean + t**0.5 * noise, levels) - clean
    loss = module.loss_weight(levels[..., None, None]) * module.along_axes(error).square()
    assert loss.mean().item() == pytest.approx(1, abs=4 * loss.std().item() / np.sqrt(2 * n))


def test_first_reported_loss_is_that_of_the_fresh_networks():
    """Data of std 1 and .2 under the scale 1: (t + 1) / t times the error of x / (1 + t), averaged over the noise."""
    _, states = run([1, 2], steps=40, reports=[1], levels=64, samples=64)
    t = np.geomspace(*RANGE, 2001)
    assert states[0][0] == 1
    error = np.mean([((t / (1 + t)) ** 2 * v + t / (1 + t) ** 2) for v in STDS**2], axis=0)
    expected = ((t + 1) / t * error).mean()
    np.testing.assert_allclose(states[0][1], expected, rtol=0.05)


def test_members_train_alike_alone_and_in_company():
    """Equal to rounding: batched products may sum in another order."""
    together, states = run([1, 2, 3])
    for i, seed in enumerate((1, 2, 3)):
        alone, own = run([seed])
        for ours, theirs in zip(weights(alone, 0), weights(together, i), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(own[0][1][0], states[0][1][i], rtol=1e-4)
    # That is far less than members differ by.
    assert (together.network.leave.weight[0] - together.network.leave.weight[1]).abs().max() > 0.01


def test_a_diverged_member_leaves_the_others_alone():
    """Bit for bit: only the second member's data differ between the runs."""
    healthy, well = run([1, 2, 3], reports=[50, 100])
    sick, ill = run([1, 2, 3], [gaussian, nothing, gaussian], reports=[50, 100])
    for i in (0, 2):
        for ours, theirs in zip(weights(sick, i), weights(healthy, i), strict=True):
            assert torch.equal(ours, theirs)
        for (_, _, ours), (_, _, theirs) in zip(ill, well, strict=True):
            assert all(torch.equal(a[i], b[i]) for a, b in zip(ours, theirs, strict=True))
    for _, loss, _ in ill:
        np.testing.assert_array_equal(np.isfinite(loss), [True, False, True])
    np.testing.assert_array_equal(ill[-1][1][[0, 2]], well[-1][1][[0, 2]])
    for ours, theirs in zip(weights(sick, 1), weights(ensemble([1, 2, 3]), 1), strict=True):
        assert torch.equal(ours, theirs)  # where it began


def spiking(after, times, scale=1e4):
    """A sampler whose draws number `after` + 1 to `after` + `times` are far too large."""
    count = itertools.count()

    def draw(rng, n):
        return gaussian(rng, n) * (scale if after <= next(count) < after + times else 1.0)

    return draw


UNSTABLE = [
    {"learning_rate": 0.3},
    {"learning_rate": 0.3, "optimiser": "radam"},
    {"learning_rate": 0.3, "decay": "none"},
    {"learning_rate": 0.3, "preconditioning": "x0"},
    {"learning_rate": 0.3, "preconditioning": "epsilon", "schedule": "vp"},
]


@pytest.mark.slow
@pytest.mark.parametrize("how", UNSTABLE, ids=str)
def test_a_rate_that_is_too_high_ends_below_no_training(how):
    """On fresh points the averaged network is finite and better than an untrained one, which has loss 1."""
    how = dict(how)
    kinds = {name: how.pop(name) for name in ("preconditioning", "schedule") if name in how}
    module = ensemble([1, 2], depth=3, **kinds)
    source = data([1, 2], levels=8, schedule=kinds.get("schedule", "ve"))
    (last,) = training.train(module, source, 640, warmup=0.05, ema=0.1, reports=[640], **how)
    quantiles = schedules.noise_quantiles(*RANGE, schedule=kinds.get("schedule", "ve"))
    fresh = batches([9, 9], [gaussian] * 2, quantiles, 32, 32, kinds.get("schedule", "ve"))
    clean, t, noise = next(fresh)
    spread = t[..., None, None]
    error = (last.averaged(clean + spread.sqrt() * noise, t) - clean).square() * last.averaged.loss_weight(spread)
    assert (error.mean((1, 2, 3)) < 0.98).all(), error.mean((1, 2, 3))
    assert (last.share < 1).all()


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_bad_block_is_taken_back(optimiser):
    """After it the weights are the average of before, and the average and moments as they were."""
    states = {}
    for progress in training.train(
        ensemble([1, 2]), data([1, 2], [gaussian, spiking(2, 1)]), 160, 5e-3, 0.0, 0.1, [50, 70, 160], optimiser,
        pauses=True,
    ):  # fmt: skip
        states[progress.step] = progress.state(), progress.share, progress.loss
    good, bad = states[64][0], states[96][0]
    for name, array in bad.items():
        kind, _, weight = name.partition("/")
        if weight:
            was = good[f"average/{weight}"] if kind == "weight" else good[name]
            np.testing.assert_array_equal(array[1], was[1], err_msg=name)
            assert not np.array_equal(array[0], was[0]), name
    assert states[64][1].tolist() == [1, 1]
    assert states[96][1].tolist() == states[160][1].tolist() == [1, 0.5]
    assert states[70][2][1] > 2 > states[160][2][1]  # as far as a report saw it; not in the mean after that


def test_a_member_that_was_set_back_takes_half_the_step():
    """Adam's first step is the rate times the gradient's sign; a second network has had its first block set back."""
    paths = []
    module = ensemble([1, 1])
    for _ in training.train(
        module, data([1, 1], [gaussian, spiking(0, 1)]), 66, 1e-3, 0.0, 0.1, range(1, 67), decay="none"
    ):
        paths.append(module.network.leave.weight.detach().clone())
    first, after = paths[0][0].abs().max(), (paths[32][1] - paths[31][1]).abs().max()
    assert first == pytest.approx(1e-3, rel=1e-3)
    bias = 0.1 / (1 - 0.9**33) / (0.01 / (1 - 0.99**33)) ** 0.5  # of moments that begin at zero again
    assert after == pytest.approx(0.5e-3 * bias, rel=1e-3)


@pytest.mark.slow
def test_setting_back_looks_at_nothing_but_the_member():
    """Bit for bit: a member that is never set back, and one that is, whatever the third does."""
    ends = []
    for third in (gaussian, nothing, spiking(0, 2), spiking(3, 9)):
        module, states = run([1, 2, 3], [gaussian, spiking(1, 1), third], steps=150, reports=[40, 150])
        ends.append([*weights(module, 0), *weights(module, 1), torch.tensor(states[-1][1][:2])])
    for other in ends[1:]:
        assert all(torch.equal(a, b) for a, b in zip(ends[0], other, strict=True))


def test_the_last_steps_are_judged_too():
    """100 steps are three blocks and four steps."""
    before, after = None, ensemble([1])
    for progress in training.train(after, data([1], [spiking(3, 1)]), 100, 5e-3, 0.0, 0.1, [100], pauses=True):
        before = progress.state() if progress.step == 96 else before
    assert progress.share == [0.5]
    for name, array in after.network.named_parameters():
        np.testing.assert_array_equal(array.detach(), before[f"average/{name}"])


def test_reports_and_their_losses():
    """Loss is the mean since the last report."""
    _, each = run([1, 2], steps=12, reports=range(1, 13))
    _, some = run([1, 2], steps=12, reports=[4, 12])
    assert [step for step, _, _ in each] == list(range(1, 13))
    assert [step for step, _, _ in some] == [4, 12]
    losses = np.stack([loss for _, loss, _ in each])
    np.testing.assert_allclose(some[0][1], losses[:4].mean(0), rtol=1e-5)
    np.testing.assert_allclose(some[1][1], losses[4:].mean(0), rtol=1e-5)


def test_learning_rate_and_average():
    """The rate rises from rate / (warmup steps) and is zero at the end; the average forgets over ema * steps."""
    steps, rate, warmup, ema = 20, 1e-3, 0.25, 0.2
    module = ensemble([1])
    path, averages = [module.network.leave.weight.detach().clone()], []
    for progress in training.train(module, data([1]), steps, rate, warmup, ema, range(1, steps + 1)):
        path.append(module.network.leave.weight.detach().clone())
        averages.append(progress.averaged.network.leave.weight.clone())
    # Adam's first step is rate * sign(gradient) whatever the gradient.
    first = (path[1] - path[0]).abs()
    assert first.max().item() == pytest.approx(rate * (1 / 20 / 0.25) * 0.5 * (1 + np.cos(np.pi / 20)), rel=1e-3)
    assert torch.equal(path[-1], path[-2])
    sizes = [(b - a).abs().max().item() for a, b in itertools.pairwise(path)]
    assert max(sizes) < 3 * rate
    assert sizes[-2] < 0.1 * max(sizes)
    assert np.argmax(sizes) in range(2, 12)
    average = torch.zeros_like(path[0])
    for step, (now, found) in enumerate(zip(path[1:], averages, strict=True), 1):
        part = max(1 / step, 1 / (1 + ema * steps))
        average = average + part * (now - average)
        torch.testing.assert_close(found, average, rtol=1e-5, atol=1e-7)


def test_same_seeds_same_bits():
    one, _ = run([1, 2], steps=20)
    two, _ = run([1, 2], steps=20)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_optimum_is_the_posterior_mean():
    """An anisotropic Gaussian: the excess over the exact denoiser falls tenfold, and so G = v / (v + t)."""
    module = ensemble([1, 2], "gated-24")
    t = np.geomspace(0.01, 10, 8)
    rng = np.random.default_rng(9)
    clean = rng.standard_normal((8, 64, DIM)) * STDS
    x = clean + np.sqrt(t)[:, None, None] * rng.standard_normal(clean.shape)
    exact = x * (STDS**2 / (STDS**2 + t[:, None, None]))
    inputs, levels = (
        torch.tensor(x, dtype=torch.float32).expand(2, -1, -1, -1),
        torch.tensor(t, dtype=torch.float32).expand(2, -1),
    )

    def excess(one):
        with torch.no_grad():
            return (((one(inputs, levels).double().numpy() - exact) ** 2).mean((2, 3)) / t).mean(1)

    before = excess(module)
    source = data([1, 2], levels=8, samples=32)
    (progress,) = training.train(module, source, 500, 5e-3, 0.05, 0.1, [500])
    after = excess(progress.averaged)
    assert np.all(before > 0.02)
    assert np.all(after < 0.1 * before), (before, after)
    for member in range(2):

        def denoise(points, member=member):
            return progress.averaged(points.expand(2, *points.shape), levels)[member]

        _, g = jacobian.denoiser_jacobian(denoise, inputs[0, :, :4])
        expected = STDS**2 / (STDS**2 + t[:, None])
        np.testing.assert_allclose(np.diagonal(g, axis1=-2, axis2=-1).mean(1), expected, atol=0.12)


@pytest.mark.slow
def test_the_linear_control_learns_the_gaussian_score():
    """D = Sigma (Sigma + t)^-1 x for a Gaussian with correlated coordinates, at every noise level: the mean of four, as
    the last steps move each."""
    d, seeds = 3, [1, 2, 3, 4]
    frame, _ = np.linalg.qr(np.random.default_rng(4).standard_normal((d, d)))
    variances = np.array([1.0, 0.3, 0.02])
    root = frame * np.sqrt(variances)
    samplers = [lambda rng, n: rng.standard_normal((n, d)) @ root.T] * 4
    std = float(np.sqrt(variances.mean()))
    network = ensembles.build("linear", seeds, d, 1)
    module = Denoiser(network, [std] * 4, RANGE)
    (progress,) = training.train(module, data(seeds, samplers, levels=32, samples=16), 1200, 3e-2, 0.05, 0.1, [1200])
    t = torch.tensor([[0.005, 0.03, 0.2, 1.0, 6.0]])

    def denoise(points):
        return progress.averaged(points.expand(4, *points.shape), t.expand(4, -1)).mean(0)

    mean, g = jacobian.denoiser_jacobian(denoise, torch.zeros(5, 1, d))
    expected = [(frame * (variances / (variances + s))) @ frame.T for s in t[0].numpy()]
    np.testing.assert_allclose(g[:, 0], expected, atol=0.02)
    np.testing.assert_allclose(mean, 0, atol=0.02)


def test_optimisers_and_decay_are_torch_s_own():
    """One member, step by step against the optimiser written out by torch, at a constant rate without warm-up."""
    for name, own in (
        ("adam", lambda p: torch.optim.Adam(p, 1e-3, (0.9, 0.99))),
        ("radam", lambda p: torch.optim.RAdam(p, 1e-3)),
    ):
        module, twin = ensemble([1]), ensemble([1])
        source, again = data([1]), data([1])
        descent = own(list(twin.parameters()))
        for _ in training.train(module, source, 20, 1e-3, 0.0, 0.1, range(1, 21), name, "none"):
            clean, t, noise = next(again)
            spread = t[..., None, None]
            error = (twin(clean + spread.sqrt() * noise, t) - clean).square() * twin.loss_weight(spread)
            descent.zero_grad()
            error.mean().backward()
            descent.step()
        for ours, theirs in zip(module.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("bad", [None, 0, 2], ids=["healthy", "bad at first", "bad at the stop"])
@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("stop", [pytest.param(training.BLOCK, marks=pytest.mark.slow), 3 * training.BLOCK])
def test_training_goes_on_from_a_state_to_the_same_bits(optimiser, stop, bad):
    """Weights, averages and reported losses; a report lies between the stop and the last report before it."""
    steps, reports = 120, [20, 50, 110, 120]

    def start(**more):
        first = stop if more else 0
        second = gaussian if bad is None else spiking(bad - first // training.BLOCK, 1)
        source = batches((1, 2), [gaussian, second], schedules.noise_quantiles(*RANGE), 4, 8, first=first)
        return lambda module: training.train(
            module, source, steps, 5e-3, 0.1, 0.1, reports, optimiser, pauses=True, **more
        )

    whole = ensemble([1, 2])
    losses = {p.step: p.loss for p in start()(whole) if p.loss is not None}
    for progress in start()(ensemble([1, 2])):
        if progress.step == stop:
            assert progress.loss is None
            state = progress.state()
            break
    assert all(len(array) == 2 for array in state.values())
    assert state["share"].tolist() == [1, 1 if bad is None or bad * training.BLOCK >= stop else 0.5]
    module = ensemble([8, 9])
    last = None
    for last in start(state=state)(module):
        if last.loss is not None:
            np.testing.assert_array_equal(last.loss, losses[last.step])
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), whole.parameters(), strict=True))
    assert last.step == steps


def test_a_state_is_a_copy():
    training_run = training.train(ensemble([1]), data([1]), 64, 5e-3, 0.1, 0.1, [], pauses=True)
    state = next(training_run).state()
    before = {name: array.copy() for name, array in state.items()}
    next(training_run)
    assert all(np.array_equal(before[name], array) for name, array in state.items())
    assert before["step"].tolist() == [32]


def test_noise_follows_the_schedule():
    source = batches([0], [gaussian], schedules.noise_quantiles(*RANGE, schedule="vp"), 64, 1, "vp")
    t = next(source)[1].double().numpy()
    s = schedules.clock("vp", t)
    low, high = schedules.clock("vp", np.array(RANGE))
    np.testing.assert_array_equal(np.floor(64 * (s - low) / (high - low)), np.arange(64)[None])


class Replayed(training.Captured):
    """A graph of a machine without a card: the same function of the same places, at every call."""

    made: ClassVar[list] = []

    def warm(self):
        self.made.append("warm")
        return self.function(*self.inputs)

    def capture(self):
        self.made.append("capture")
        return lambda: self.function(*self.inputs)


@pytest.mark.parametrize("samplers", [[gaussian, gaussian], [gaussian, None]], ids=["healthy", "one set back"])
def test_captured_steps_are_the_steps(samplers, monkeypatch):
    """But for the rate, which is a float32 there; members that were set back take steps that are not captured."""
    monkeypatch.setattr(Replayed, "made", [])
    found = []
    for captured in (None, Replayed):
        module = ensemble([1, 2])
        source = data([1, 2], [one or spiking(1, 1) for one in samplers])
        (last,) = training.train(module, source, 96, 5e-3, 0.1, 0.1, [96], captured=captured)
        found.append((last.loss, weights(module, 0)))
        assert (last.share == [1, 1 if samplers[1] else 0.5]).all()
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-3)
    for ours, theirs in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=1e-4)
    assert Replayed.made == ["warm"] * 3 + ["capture"]


class Stream:
    """A stream of a machine without a card."""

    def wait_stream(self, other):
        assert isinstance(other, Stream)


def test_torch_does_not_warn_of_steps_that_are_to_be_captured(monkeypatch):
    """It warns once of a capturable optimiser whose first steps are not captured: captures want them so."""
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: contextlib.nullcontext())

    def step(one):
        warnings.warn("This instance was constructed with capturable=True or some of all ...", stacklevel=2)
        return 2 * one

    assert training.Captured(step)(torch.ones(())) == 2


class Asked(torch.utils._python_dispatch.TorchDispatchMode):
    """Counts what the host asks of tensors: each would make it wait for a card."""

    ASKING = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "item")

    def __init__(self):
        super().__init__()
        self.asked, self.called = [], 0

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        self.called += 1
        if any(name in str(function) for name in self.ASKING):
            self.asked.append(str(function))
        return function(*arguments, **(named or {}))


def test_a_step_asks_the_device_nothing():
    """Draws included; what a block asks is its losses, once, which are copied and counted apart."""
    source = training.batches(
        [Pushed(2, lambda z: z)] * 2, Draws([1, 2]), schedules.noise_quantiles(*RANGE), 4, 8, draws="antithetic"
    )
    steps = training.train(ensemble([1, 2]), source, 10**4, 1e-3, 0.05, 0.02, [32, 63, 64])
    next(steps)
    with Asked() as one:
        torch.ones(1).item()
    assert one.asked
    with Asked() as asked:
        next(steps)
    assert asked.called > 31 * 20
    assert asked.asked == []


@pytest.mark.gpu
def test_a_card_makes_one_graph_of_a_step():
    found = []
    for captured in (None, training.Captured):
        module = ensemble([1, 2]).to("cuda")
        source = training.batches(
            [Pushed(2, lambda z: z)] * 2, Draws([1, 2], "cuda"), schedules.noise_quantiles(*RANGE), 4, 8
        )
        (last,) = training.train(module, source, 96, 5e-3, 0.1, 0.1, [96], captured=captured)
        found.append((last.loss, [one.cpu() for one in weights(module, 0)]))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-2)
    for ours, theirs in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-2, atol=1e-3)
