"""Folders that diffusers has saved: its schedulers' files against the library, exact Gaussian scores, and a network."""

import json

import gaussians
import numpy as np
import pytest
import torch

from scoregap import InputError
from scoregap.models import Declared, schedules
from scoregap.models import diffusers as ours
from scoregap.models.base import Loaded
from scoregap.scores.model import Model
from scoregap.study.training import Declaration

REASON = "diffusers is not installed: pip install 'scoregap[models]'"
UNET = {"_class_name": "UNet2DModel", "sample_size": 8, "in_channels": 1, "out_channels": 1}
DDPM = {"_class_name": "DDPMScheduler", "num_train_timesteps": 1000, "prediction_type": "epsilon",
        "beta_schedule": "linear"}  # fmt: skip
EXACT_TO = {torch.float64: 1e-10, torch.float32: 1e-5}


def declared_in(folder, **said):
    settings = Declaration(**{"from": "diffusers", "path": "net", **said})
    return Declared(folder / "study.yaml", "mine", settings)


def written(folder, config=UNET, scheduler=DDPM, pipeline=None):
    net = folder / "net"
    net.mkdir()
    for name, content in (
        ("config.json", config),
        ("scheduler_config.json", scheduler),
        ("model_index.json", pipeline),
    ):
        if content is not None:
            (net / name).write_text(json.dumps(content))
    return folder


def noise_of(folder, scheduler, **said):
    return ours.noise(declared_in(written(folder, scheduler=scheduler), **said), folder / "net")


@pytest.mark.parametrize("dtype", EXACT_TO, ids=str)
@pytest.mark.parametrize(("said", "predicts"), ours.PREDICTS.items())
@pytest.mark.parametrize("betas", ours.BETAS)
def test_a_gaussian_score_is_exact_at_every_step(tmp_path, betas, said, predicts, dtype):
    """The network knows abar from formulas of its own (float64)."""
    bars = torch.tensor(schedules.alphas(ours.BETAS[betas], 1000, *schedules.BETAS[ours.BETAS[betas]]))
    schedule, meant, _ = noise_of(tmp_path, DDPM | {"beta_schedule": betas, "prediction_type": said})
    assert meant == predicts
    network = gaussians.InItsOwnTerms(lambda k: (bars[k.long()].sqrt(), (1 - bars[k.long()]).sqrt()), predicts)
    score = Model(Loaded(network, schedule, meant, (1, 2, 3), dtype), gaussians.D)
    assert len(schedule.levels) == 1000
    assert gaussians.worst_error(score, schedule.levels) < EXACT_TO[dtype]


@pytest.mark.parametrize("dtype", EXACT_TO, ids=str)
@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_a_gaussian_score_is_exact_in_flow_matching(tmp_path, shift, dtype):
    flow = {"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": shift}
    schedule, predicts, _ = noise_of(tmp_path, flow)
    network = gaussians.InItsOwnTerms(lambda step: (1 - step / 1000, step / 1000), predicts)
    score = Model(Loaded(network, schedule, predicts, (), dtype), gaussians.D)
    # sqrt(t) = u / (1 - u), whose u single precision tells to 6e-8: at t = 1e6 that is 6e-5 of sqrt(t)
    levels = schedule.levels if dtype == torch.float64 else schedule.levels[schedule.levels < 1e4]
    assert len(levels) > 950
    assert gaussians.worst_error(score, levels) < EXACT_TO[dtype]


# What follows is compared with the library itself.


BETAS = ("linear", "scaled_linear", "squaredcos_cap_v2")


@pytest.mark.parametrize("snr", [False, True])
@pytest.mark.parametrize("betas", BETAS)
def test_levels_are_those_of_the_library(tmp_path, betas, snr):
    diffusers = pytest.importorskip("diffusers", reason=REASON)
    theirs = diffusers.DDPMScheduler(beta_schedule=betas, rescale_betas_zero_snr=snr)
    theirs.save_config(tmp_path / "saved")
    schedule, *_ = noise_of(tmp_path, json.loads((tmp_path / "saved" / "scheduler_config.json").read_text()))
    bars = theirs.alphas_cumprod.double().numpy()
    kept = bars > 1e-7 if snr else bars > 0
    t = (1 - bars[kept]) / bars[kept]
    np.testing.assert_allclose(schedule.levels[: kept.sum()], t, rtol=5e-3)  # theirs is a product in float32
    assert len(schedule.levels) == (999 if snr else 1000)


@pytest.mark.parametrize(("said", "predicts"), ours.PREDICTS.items())
@pytest.mark.parametrize("betas", BETAS)
def test_the_denoised_point_is_that_of_the_librarys_own_step(tmp_path, betas, said, predicts):
    """Without its clipping. Of epsilon it cancels in float32, so only up to t = 100."""
    diffusers = pytest.importorskip("diffusers", reason=REASON)
    theirs = diffusers.DDPMScheduler(beta_schedule=betas, prediction_type=said, clip_sample=False)
    theirs.save_config(tmp_path / "saved")
    schedule, meant, _ = noise_of(tmp_path, json.loads((tmp_path / "saved" / "scheduler_config.json").read_text()))
    bars = theirs.alphas_cumprod.double()
    network = gaussians.InItsOwnTerms(lambda k: (bars[k.long()].sqrt(), (1 - bars[k.long()]).sqrt()), predicts)
    score = Model(Loaded(network, schedule, meant, (), torch.float32), gaussians.D)
    rng = np.random.default_rng(0)
    for k in range(3, 1000, 83):
        t = schedule.levels[k]
        if t > 100 and said == "epsilon":
            continue
        x = rng.standard_normal((4, gaussians.D)) * np.sqrt(1 + t)
        sample = torch.tensor(x / np.sqrt(1 + t), dtype=torch.float32)
        output = network(sample, torch.full((4,), float(k)))
        found = theirs.step(output, k, sample, generator=torch.Generator().manual_seed(0)).pred_original_sample
        np.testing.assert_allclose(score.denoise(x, t), found.numpy(), rtol=5e-3, atol=5e-4 * np.sqrt(1 + t))


@pytest.mark.filterwarnings("ignore:__array__ implementation")
@pytest.mark.parametrize("said", ["epsilon", "v_prediction"])
def test_euler_sees_the_same_point_and_means_the_same(tmp_path, said):
    diffusers = pytest.importorskip("diffusers", reason=REASON)
    theirs = diffusers.EulerDiscreteScheduler(prediction_type=said)
    theirs.save_config(tmp_path / "saved")
    schedule, meant, _ = noise_of(tmp_path, json.loads((tmp_path / "saved" / "scheduler_config.json").read_text()))
    theirs.set_timesteps(1000)
    x = np.random.default_rng(0).standard_normal((2, gaussians.D)) * 10
    seen = []

    def network(points, step):
        seen[:] = [points, step]
        return points.tanh()

    score = Model(Loaded(network, schedule, meant, (), torch.float32), gaussians.D)
    for i in range(0, 1000, 111):
        step, t = theirs.timesteps[i], float(theirs.sigmas[i]) ** 2
        sample = torch.tensor(x, dtype=torch.float32)
        theirs._step_index = None
        scaled = theirs.scale_model_input(sample, step)
        own = schedule.levels[int(step)]
        assert own == pytest.approx(t, rel=1e-3)
        found = score.denoise(x, own)
        np.testing.assert_allclose(seen[0].numpy(), scaled.numpy(), rtol=1e-3)
        assert seen[1].tolist() == [float(step)] * 2
        output = theirs.step(scaled.tanh(), step, sample).pred_original_sample
        np.testing.assert_allclose(found, output.numpy(), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("said", ["epsilon"])
def test_edm_is_that_of_the_library(tmp_path, said):
    diffusers = pytest.importorskip("diffusers", reason=REASON)
    theirs = diffusers.EDMEulerScheduler(prediction_type=said, sigma_data=0.7)
    theirs.save_config(tmp_path / "saved")
    config = json.loads((tmp_path / "saved" / "scheduler_config.json").read_text())
    schedule, meant, sigma_data = noise_of(tmp_path, config)
    x = torch.tensor(np.random.default_rng(0).standard_normal((2, gaussians.D)), dtype=torch.float64)
    score = Model(
        Loaded(lambda x, told: (x + told[:, None]).tanh(), schedule, meant, (), torch.float64, sigma_data), gaussians.D
    )
    for sigma in (0.002, 0.1, 3.0, 80.0):
        scaled = theirs.precondition_inputs(x, sigma)
        output = (scaled + theirs.precondition_noise(sigma)).tanh()
        found = theirs.precondition_outputs(x, output, sigma)
        np.testing.assert_allclose(score.denoise(x.numpy(), sigma**2), found.numpy(), rtol=1e-6, atol=1e-7)
    for sigma in (0.001, 90.0):
        with pytest.raises(InputError, match="noise variances are from"):
            score.times(np.array([sigma**2]))


def unet(diffusers, **changes):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        settings = {
            "sample_size": 8, "in_channels": 1, "out_channels": 1, "layers_per_block": 1, "block_out_channels": (8, 16),
            "down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
            "norm_num_groups": 4, "attention_head_dim": 4, "dropout": 0.1,
        }  # fmt: skip
        return diffusers.UNet2DModel(**(settings | changes))


T = np.geomspace(1e-3, 30.0, 8)


def noisy(d=64):
    rng = np.random.default_rng(0)
    return rng.standard_normal((len(T), d)) + np.sqrt(T)[:, None] * rng.standard_normal((len(T), d))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", EXACT_TO, ids=str)
def test_a_saved_network_with_attention_is_measured(tmp_path, dtype):
    """In its own type; also as the unet of a pipeline; and it is the one that the library loads."""
    diffusers = pytest.importorskip("diffusers", reason=REASON)
    network, scheduler = unet(diffusers).to(dtype), diffusers.DDPMScheduler()
    diffusers.DDPMPipeline(network, scheduler).save_pretrained(tmp_path / "net")
    score = Model(declared_in(tmp_path).loaded, 64)
    assert score.shape == (1, 8, 8)
    assert score.loaded.dtype == dtype
    x = noisy()
    score.check(x, T)
    used = score.times(T)
    jacobian = score.jacobian(x[3:4], used[3])[1][0]
    forward, back = score.products(x[3], used[3])
    np.testing.assert_allclose(back(np.eye(64)), jacobian, atol=1e-6)
    np.testing.assert_allclose(forward(np.eye(64)[:5]), jacobian.T[:5], atol=1e-3)
    k, bar = int(score._known(used[3:4])[1][0]), 1 / (1 + used[3])
    with torch.no_grad():
        sample = torch.tensor(x[3:4] * bar**0.5, dtype=dtype).reshape(1, 1, 8, 8)
        epsilon = network.eval()(sample, k).sample.double().reshape(1, 64)
    np.testing.assert_allclose(score.denoise(x[3:4], used[3]), x[3:4] - used[3] ** 0.5 * epsilon.numpy(), atol=1e-5)
    between = Model(declared_in(tmp_path, levels="interpolate").loaded, 64, interpolates=True)
    between.check(x, T)  # steps are told as tensors, which the library does not cut


@pytest.mark.slow
def test_a_class_is_told_and_a_learned_variance_left_out(tmp_path):
    diffusers = pytest.importorskip("diffusers", reason=REASON)
    unet(diffusers, num_class_embeds=3, out_channels=2).save_pretrained(tmp_path / "net")
    diffusers.DDPMScheduler().save_pretrained(tmp_path / "net")
    first, other = (Model(declared_in(tmp_path, **{"class": one}).loaded, 64) for one in (0, 2))
    x = noisy()
    assert first.denoise(x, 1.0).shape == (8, 64)
    assert np.abs(first.denoise(x, 1.0) - other.denoise(x, 1.0)).max() > 1e-3
    for said, says in (({}, r"mine\.class: is missing"), ({"class": 3}, "below 3")):
        with pytest.raises(InputError, match=says):
            _ = declared_in(tmp_path, **said).loaded


def a_transformer(diffusers):
    return diffusers.DiTTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=1, out_channels=2, num_layers=2, sample_size=8,
        norm_num_groups=4, num_embeds_ada_norm=3, dropout=0.1,
    )  # fmt: skip


def of_signals(diffusers):
    return diffusers.UNet1DModel(sample_size=32, in_channels=2, out_channels=2, extra_in_channels=64)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made", "label", "shape"),
    [(a_transformer, 1, (1, 8, 8)), (a_transformer, 3, (1, 8, 8)), (of_signals, None, (2, 32))],
)
def test_other_networks_of_a_noisy_point_are_measured(tmp_path, made, label, shape):
    """A transformer, which is told a class (or none, by the number after the last), and a network of signals."""
    diffusers = pytest.importorskip("diffusers", reason=REASON)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = made(diffusers)
        for one in network.parameters():  # some start at 0, and D = x then
            if one.abs().max() == 0:
                torch.nn.init.normal_(one, std=0.1)
    network.save_pretrained(tmp_path / "net")
    diffusers.DDPMScheduler().save_pretrained(tmp_path / "net")
    said = {} if label is None else {"class": label}
    score = Model(declared_in(tmp_path, **said).loaded, 64)
    assert score.shape == shape
    x = noisy()
    score.check(x, T)
    used = score.times(T)
    k, bar = int(score._known(used[3:4])[1][0]), 1 / (1 + used[3])
    with torch.no_grad():
        sample = torch.tensor(x[3:4] * bar**0.5, dtype=torch.float32).reshape(1, *shape)
        told = {} if label is None else {"class_labels": torch.tensor([label])}
        epsilon = network.eval()(sample, torch.tensor([k]), **told).sample[:, : shape[0]].double().reshape(1, 64)
    np.testing.assert_allclose(score.denoise(x[3:4], used[3]), x[3:4] - used[3] ** 0.5 * epsilon.numpy(), atol=1e-5)
    forward, back = score.products(x[3], used[3])
    np.testing.assert_allclose(forward(np.eye(64)[:3]), back(np.eye(64)).T[:3], atol=2e-3)
    if label is None:
        with pytest.raises(InputError, match=r"class: 1 is not allowed: the model is told no class"):
            _ = declared_in(tmp_path, **{"class": 1}).loaded
    else:
        with pytest.raises(InputError, match=r"class: 4 is not allowed: should be below 4"):
            _ = declared_in(tmp_path, **{"class": 4}).loaded
        with pytest.raises(InputError, match=r"class: is missing: .* below 4 \(3: none\)"):
            _ = declared_in(tmp_path).loaded


@pytest.mark.slow
def test_a_class_by_any_number_or_by_none_that_is_one(tmp_path):
    """Classes that are embedded as steps are have no last number; those that are embeddings are no numbers."""
    diffusers = pytest.importorskip("diffusers", reason=REASON)
    for kind in ("timestep", "identity"):
        folder = tmp_path / kind
        unet(diffusers, class_embed_type=kind, num_class_embeds=2).save_pretrained(folder / "net")
        diffusers.DDPMScheduler().save_pretrained(folder / "net")
    first, other = (Model(declared_in(tmp_path / "timestep", **{"class": one}).loaded, 64) for one in (0, 7))
    assert np.abs(first.denoise(noisy(), 1.0) - other.denoise(noisy(), 1.0)).max() > 1e-4
    with pytest.raises(InputError, match=r"is told an embedding of the class: should be told a class by its number"):
        _ = declared_in(tmp_path / "identity", **{"class": 0}).loaded


@pytest.mark.slow
def test_nothing_is_unpickled(tmp_path):
    diffusers = pytest.importorskip("diffusers", reason=REASON)
    unet(diffusers).save_pretrained(tmp_path / "net", safe_serialization=False)
    diffusers.DDPMScheduler().save_pretrained(tmp_path / "net")
    with pytest.raises(InputError, match=r"unpickled.*safetensors"):
        _ = declared_in(tmp_path).loaded


WRONG = {
    "text": ({"config": {"_class_name": "UNet2DConditionModel", "cross_attention_dim": 768}}, "told a text"),
    "transformer": ({"config": {"_class_name": "PixArtTransformer2DModel", "cross_attention_dim": 8}},
                    r"is a PixArtTransformer2DModel \(it is told a text"),
    "prior": ({"config": {"_class_name": "PriorTransformer"}}, "is a PriorTransformer: should be one of UNet2D"),
    "no name": ({"config": {}}, "is a None: should be one of"),
    "latent transformer": ({"pipeline": {"_class_name": "DiTPipeline", "vae": ["diffusers", "AutoencoderKL"],
                                         "transformer": ["d", "D"]}}, "with a vae: its points are codes"),
    "latent": ({"pipeline": {"_class_name": "LDMPipeline", "vqvae": ["diffusers", "VQModel"], "unet": ["d", "U"]}},
               "points are codes"),
    "no unet": ({"pipeline": {"_class_name": "SomePipeline", "prior": ["diffusers", "P"]}}, "without a unet"),
    "no config": ({"config": None}, "has no config.json"),
    "no scheduler": ({"scheduler": None}, r"mine\.schedule: is missing"),
    "sigmoid": ({"scheduler": DDPM | {"beta_schedule": "sigmoid"}}, "beta_schedule 'sigmoid'"),
    "unknown prediction": ({"scheduler": DDPM | {"prediction_type": "flow"}}, "prediction_type 'flow'"),
    **{f"{key} {value!r}": ({"scheduler": DDPM | {key: value}}, rf"{key}.*scheduler_config\.json")
       for key, value in (
           ("num_train_timesteps", "x"), ("num_train_timesteps", 0), ("num_train_timesteps", 10.5),
           ("beta_start", -0.1), ("beta_start", 2.0), ("beta_end", None), ("trained_betas", "abc"),
           ("trained_betas", []), ("trained_betas", [0.1, 5, 0.2]), ("prediction_type", ["v"]),
           ("beta_schedule", ["v"]),
           ("_class_name", ["a"]), ("shift", 0), ("shift", "a"), ("sigma_data", "x"), ("sigma_min", 0),
       )},
    "no size": ({"config": UNET | {"sample_size": "x"}}, r"shape.*sample_size"),
    "no channels": ({"config": UNET | {"in_channels": None}}, r"shape.*in_channels"),
    "other noise, with steps": ({"scheduler": {"_class_name": "CMStochasticIterativeScheduler", "sigma_data": 0.5,
                                               "num_train_timesteps": 40}}, "CMStochasticIterativeScheduler"),
    "betas in continuous time": ({"scheduler": {"_class_name": "ScoreSdeVpScheduler", "num_train_timesteps": 2000,
                                                "beta_min": 0.1, "beta_max": 20}}, "ScoreSdeVpScheduler"),
    "told sigma": ({"scheduler": DDPM | {"_class_name": "EulerDiscreteScheduler", "timestep_type": "continuous"}},
                   "timestep_type"),
    "signal shifted": ({"scheduler": DDPM | {"_class_name": "CogVideoXDDIMScheduler", "snr_shift_scale": 3.0}},
                       "snr_shift_scale"),
    "unknown scheduler": ({"scheduler": {"_class_name": "VQDiffusionScheduler"}}, "VQDiffusionScheduler"),
    "no output": ({"scheduler": None, "said": {"schedule": "linear"}}, r"mine\.predicts: is missing: no file of"),
    "no output in the file": ({"scheduler": {"_class_name": "DDPMScheduler"}, "said": {"schedule": "linear"}},
                              r"mine\.predicts: is missing: no file of the folder says it"),
    "an output of another schedule": ({"scheduler": {"_class_name": "EDMEulerScheduler", "prediction_type": "epsilon"},
                                       "said": {"schedule": "sigma"}}, r"mine\.predicts: is missing"),
    "unknown output": ({"scheduler": DDPM | {"prediction_type": ["v"]}, "said": {"schedule": "linear"}},
                       r"prediction_type \['v'\] \(scheduler"),
    "no weights": ({}, "has none"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_function_of_a_noisy_point_is_refused_in_a_line(tmp_path, name):
    content, says = WRONG[name]
    if name == "no weights":
        pytest.importorskip("diffusers", reason=REASON)
    said = content.get("said", {})
    with pytest.raises(InputError, match=says) as caught:
        _ = declared_in(written(tmp_path, **{key: one for key, one in content.items() if key != "said"}), **said).loaded
    assert "\n" not in str(caught.value)
    assert "scores.mine" in str(caught.value)


def test_flows_that_shift_by_resolution_are_not_shifted_by_themselves(tmp_path):
    plain, dynamic = (
        ours.flow({"shift": shift, "use_dynamic_shifting": free}) for shift, free in ((1.0, False), (3.0, True))
    )
    np.testing.assert_array_equal(plain.levels, dynamic.levels)


def test_what_cannot_be_read_is_refused_in_a_line(tmp_path):
    written(tmp_path)
    (tmp_path / "net" / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json") as caught:
        _ = declared_in(tmp_path).loaded
    assert "\n" not in str(caught.value)


def test_the_library_is_asked_for_where_it_is_needed(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "diffusers", None)
    with pytest.raises(InputError, match=r"scoregap\[models\]"):
        _ = declared_in(written(tmp_path)).loaded


def test_the_study_may_say_what_the_folder_does_not(tmp_path):
    schedule, predicts, _ = noise_of(tmp_path, None, schedule="cosine", predicts="v", steps=100)
    assert len(schedule.levels) == 100
    assert predicts == "v"


@pytest.mark.parametrize(("said", "predicts"), [*ours.PREDICTS.items(), ("", "velocity")])
def test_where_the_study_says_the_schedule_alone_the_output_is_what_the_file_says(tmp_path, said, predicts):
    scheduler = DDPM | {"prediction_type": said} if said else {"_class_name": ours.FLOWS[0]}
    assert noise_of(tmp_path, scheduler, schedule="linear")[1] == predicts
    (tmp_path / "net" / "scheduler_config.json").unlink()
    (tmp_path / "net" / "scheduler").mkdir()  # of a pipeline
    (tmp_path / "net" / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    declared = declared_in(tmp_path, schedule="linear")
    assert ours.noise(declared, tmp_path / "net")[1] == predicts
    assert ours.noise(declared_in(tmp_path, schedule="linear", predicts="score"), tmp_path / "net")[1] == "score"
    assert ours.noise(declared_in(tmp_path, schedule="edm"), tmp_path / "net")[1] == "edm"
