"""Models that diffusers has saved: a pipeline's folder, or that of its network, one of NETWORKS.

folder with config.json, scheduler_config.json and safetensors -> Loaded

What the scheduler's file says of noise is read here, in float64: it clips samples by default and works in float32.
Nothing is fetched, nothing unpickled. Refused with the reason is what is no function of a noisy point alone: networks
that are told a text, and those whose points are codes of an autoencoder.
"""

import json
import math
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import safe_open

from scoregap import InputError
from scoregap.models import PREDICTS as OUTPUTS
from scoregap.models import Declared, schedules
from scoregap.models.base import Loaded, dtype_of, settled


class Network(NamedTuple):
    """A network of a noisy point, its step and, at most, a class. sides: dimensions of a point beside its channels.
    channels, size: where its configuration does not say them. classes: the key of their number, which is one more
    where `none`: it has one for no class.
    """

    sides: int
    channels: int
    size: int | None
    classes: str = ""
    none: bool = False


NETWORKS = {
    "UNet2DModel": Network(2, 3, None, "num_class_embeds"),
    "UNet1DModel": Network(1, 2, 65536),
    "DiTTransformer2DModel": Network(2, 4, 32, "num_embeds_ada_norm", True),
}
PARTS = ("unet", "transformer")  # of a pipeline, which are its network
WEIGHTS = "diffusion_pytorch_model.safetensors"  # beside which variants may be, as of half precision
LATENT = ("vae", "vqvae", "vqae", "movq", "image_encoder", "text_encoder")  # parts of pipelines
BETAS = {"linear": "linear", "scaled_linear": "scaled_linear", "squaredcos_cap_v2": "cosine"}
PREDICTS = {"epsilon": "epsilon", "v_prediction": "v", "sample": "x0"}
FLOWS = ("FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler")
RANGES = {  # of numbers of a scheduler, without their ends
    "num_train_timesteps": (1, 10**6 + 1), "beta_start": (0, 1), "beta_end": (0, 1), "trained_betas": (0, 1),
    "shift": (0, math.inf), "sigma_data": (0, math.inf), "sigma_min": (0, math.inf), "sigma_max": (0, math.inf),
}  # fmt: skip
OF_BETAS = {"use_flow_sigmas": False, "timestep_type": "discrete", "snr_shift_scale": 1.0}  # what else is none of betas
EDM = ("EDMEulerScheduler", "EDMDPMSolverMultistepScheduler")


def load(declared: Declared) -> Loaded:
    """The network of a folder, as its configuration says. Raises InputError."""
    folder = network_folder(declared)
    config = read(declared, folder / "config.json")
    if (name := config.get("_class_name")) not in NETWORKS:
        told = " (it is told a text, or other conditions)" if "cross_attention_dim" in config else ""
        allowed = f"should be one of {', '.join(NETWORKS)}, of a noisy point, its step and a class alone"
        raise refused(declared, allowed, f"is a {name}{told}")
    schedule, predicts, sigma_data = noise(declared, folder)
    size = shape(declared, config)
    network = module(declared, folder)
    return Loaded(call(declared, network, config), schedule, predicts, size, dtype_of(network), sigma_data)


def network_folder(declared: Declared) -> Path:
    """Where the network is: in a folder of a pipeline, one of PARTS, or right there."""
    folder = declared.file("path")
    if not (folder / "model_index.json").exists():
        return folder
    parts = read(declared, folder / "model_index.json")
    if latent := [name for name in LATENT if (parts.get(name) or [None])[0]]:
        raise refused(
            declared,
            "should be a model of the data themselves",
            f"is a pipeline with a {latent[0]}: its points are codes",
        )
    part = next((one for one in PARTS if (parts.get(one) or [None])[0]), None)
    if part is None:
        name = parts.get("_class_name")
        raise refused(declared, f"should have one of {', '.join(NETWORKS)}", f"is a {name} without a {PARTS[0]}")
    return folder / part


def module(declared: Declared, folder: Path) -> torch.nn.Module:
    """The network with its weights, in their own type."""
    try:
        diffusers = import_module("diffusers")  # whose types nobody checks
    except ImportError as error:
        why = f"pip install 'scoregap[models]' ({' '.join(str(error).split())})"
        raise declared.refused("from", why, "diffusers", "'diffusers' is not installed") from error
    weights = sorted(folder.glob("*.safetensors"), key=lambda one: (one.name != WEIGHTS, one.name))
    if not weights:
        raise refused(declared, "nothing is unpickled: should have its weights as .safetensors", "has none")
    try:
        with safe_open(weights[0], framework="pt") as file:
            own = file.get_tensor(next(iter(file.keys()))).dtype
        name = json.loads((folder / "config.json").read_text())["_class_name"]
        network = getattr(diffusers, name).from_pretrained(
            str(folder), local_files_only=True, use_safetensors=True, low_cpu_mem_usage=False, torch_dtype=own
        )
    except Exception as error:  # whatever the library raises for a file that is damaged
        raise refused(declared, " ".join(str(error).split()), "cannot be loaded") from error
    return settled(network)


def call(declared: Declared, network: Any, config: dict):
    """(x, step) -> raw output. Steps go in as tensors: a Python float would be cut to a whole number."""
    of, label = NETWORKS[config["_class_name"]], declared.settings.label
    classes, kind = config.get(of.classes), config.get("class_embed_type")
    if kind == "identity":
        raise refused(declared, "should be told a class by its number", "is told an embedding of the class")
    conditional = bool(classes) or kind is not None
    if of.none and isinstance(classes, int):
        classes += 1
    if conditional and label is None:
        below = f" below {classes}" + (f" ({classes - 1}: none)" if of.none else "") if classes and kind is None else ""
        raise declared.refused(
            "class", f"the model is told a class: should be one of its numbers{below}", problem="is missing"
        )
    if label is not None and (not conditional or (kind is None and label >= classes)):
        allowed = f"should be below {classes}" if conditional else "the model is told no class"
        raise declared.refused("class", allowed, label)
    channels = config.get("in_channels", of.channels)

    def raw(x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        told = {} if label is None else {"class_labels": torch.full((len(x),), label)}
        return network(x, step, **told, return_dict=False)[0][:, :channels]  # the rest is a variance

    return raw


def shape(declared: Declared, config: dict) -> tuple[int, ...]:
    """Of a point, by the study or the configuration."""
    if declared.settings.shape:
        return declared.settings.shape
    of = NETWORKS[config["_class_name"]]
    size = config.get("sample_size", of.size)
    if size is None:
        raise declared.refused("shape", "config.json has no sample_size: should be (channels, height, width)", None,
                               "is missing")  # fmt: skip
    channels = config.get("in_channels", of.channels)
    found = (channels, *(size if isinstance(size, list) else [size] * of.sides))
    if not all(isinstance(one, int) and one > 0 for one in found):
        raise declared.refused("shape", "config.json has no whole numbers as in_channels and sample_size",
                               [channels, size], "is missing")  # fmt: skip
    return found


def noise(declared: Declared, folder: Path) -> tuple[schedules.Schedule, str, float]:
    """Schedule, what is predicted, sigma_data: as the study says, or else the file of the scheduler."""
    settings = declared.settings
    places = [declared.file("path") / "scheduler", folder]
    file = next((one / "scheduler_config.json" for one in places if (one / "scheduler_config.json").exists()), None)
    if settings.schedule:
        made = schedules.named(settings.schedule, settings.steps, settings.betas, settings.sigma_data)
        own = settings.schedule == "edm"
        return made, "edm" if own else settings.predicts or predicted(declared, file), settings.sigma_data
    if file is None:
        raise declared.refused("schedule", "the folder has no scheduler_config.json", problem="is missing")
    config = read(declared, file)
    check(declared, config, file)
    name = config.get("_class_name")
    if name in FLOWS:
        return flow(config), settings.predicts or "velocity", settings.sigma_data
    said = config.get("prediction_type", "epsilon")
    if name in EDM and settings.predicts:
        raise declared.refused("predicts", f"a {name} has an output of its own", settings.predicts)
    if name in EDM and said == "epsilon":
        sigma = config.get("sigma_data", 0.5)
        made = schedules.named("edm", sigma_data=sigma)
        most, least = config.get("sigma_max", 80.0) ** 2, config.get("sigma_min", 0.002) ** 2
        return made._replace(least=least * (1 - 1e-9), most=most * (1 + 1e-9)), "edm", sigma
    betas = "num_train_timesteps" in config and ("beta_schedule" in config or config.get("trained_betas") is not None)
    if odd := [key for key, value in OF_BETAS.items() if config.get(key, value) != value]:
        raise refused(declared, f"{odd[0]} should be {OF_BETAS[odd[0]]}", f"has {odd[0]} {config[odd[0]]!r}", file)
    if not betas or name in EDM:
        raise refused(
            declared, "should say schedule and predicts in the study", f"has a {name} that is not known", file
        )
    if settings.predicts is None and said not in PREDICTS:
        raise refused(declared, f"should be one of {', '.join(PREDICTS)}", f"has prediction_type {said!r}", file)
    return schedules.of_alphas(alphas(declared, config, file)), settings.predicts or PREDICTS[said], settings.sigma_data


def predicted(declared: Declared, file: Path | None) -> str:
    """What the output is, as the file of the scheduler says, whatever the schedule. Raises InputError if it does not,
    as that of EDM, whose output goes with its own schedule."""
    config = read(declared, file) if file else {}
    if config.get("_class_name") in FLOWS:
        return "velocity"
    said = None if config.get("_class_name") in EDM else config.get("prediction_type")
    if said is None:
        allowed = f"no file of the folder says it: should be one of {', '.join(OUTPUTS)}"
        raise declared.refused("predicts", allowed, problem="is missing")
    if not isinstance(said, str) or said not in PREDICTS:
        raise refused(declared, f"should be one of {', '.join(PREDICTS)}", f"has prediction_type {said!r}", file)
    return PREDICTS[said]


def check(declared: Declared, config: dict, file: Path) -> None:
    """Raises InputError if numbers of a scheduler are none, or its names."""
    for key, (least, most) in RANGES.items():
        value = config.get(key)
        may_be_none = key == "trained_betas" or (key.startswith("sigma") and config.get("_class_name") not in EDM)
        if key not in config or (value is None and may_be_none):
            continue
        values = value if key == "trained_betas" and isinstance(value, list) else [value]
        kinds = (int,) if key == "num_train_timesteps" else (int, float)
        if not values or not all(isinstance(one, kinds) and least < one < most for one in values):
            raise refused(declared, f"{key} should be above {least} and below {most}", f"has {key} {value!r}", file)
    for key in ("_class_name", "prediction_type", "beta_schedule"):
        if not isinstance(config.get(key, ""), str):
            raise refused(declared, f"{key} should be a name", f"has {key} {config[key]!r}", file)


def alphas(declared: Declared, config: dict, file: Path) -> np.ndarray:
    """abar_k (steps,) of a scheduler of betas."""
    if (trained := config.get("trained_betas")) is not None:
        found = np.cumprod(1 - np.asarray(trained, float))
    elif (name := config.get("beta_schedule", "linear")) in BETAS:
        first, last = config.get("beta_start", 1e-4), config.get("beta_end", 0.02)
        own = BETAS[name]
        ends = schedules.BETAS[own] if own == "cosine" else (first, last)
        found = schedules.alphas(own, config["num_train_timesteps"], *ends)
    else:
        raise refused(declared, f"should be one of {', '.join(BETAS)}", f"has beta_schedule {name!r}", file)
    return schedules.without_signal(found) if config.get("rescale_betas_zero_snr") else found


def flow(config: dict) -> schedules.Schedule:
    """Levels u = sigma / (1 + sigma) of flow matching, shifted as the scheduler says, told u in steps."""
    steps = config.get("num_train_timesteps", 1000)
    shift = 1.0 if config.get("use_dynamic_shifting") else config.get("shift", 1.0)
    u = np.arange(1, steps) / steps  # at u = 1 nothing of the data is left
    u = shift * u / (1 + (shift - 1) * u)
    return schedules.of_levels((u / (1 - u)) ** 2, steps * u, schedules.straight)


def read(declared: Declared, file: Path) -> dict[str, Any]:
    """A configuration. Raises InputError if there is none."""
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        raise refused(declared, "should be a folder that diffusers has saved", f"has no {file.name}") from None
    except (OSError, ValueError) as error:
        raise refused(declared, "should be a folder that diffusers has saved", f"{file.name}: {error}") from None
    return found if isinstance(found, dict) else {}


def refused(declared: Declared, allowed: str, problem: str, file: Path | None = None) -> InputError:
    """A mistake in what the folder holds."""
    where = f" ({file.name})" if file else ""
    return declared.refused("path", allowed, declared.settings.path, f"{declared.settings.path!r} {problem}{where}")
