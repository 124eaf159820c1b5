"""Models that are Python: a function of points and noise, or a module whose weights are a safetensors file.

MODULE:NAME (and weights) -> Loaded

The protocol is one function, `f(x, told)`: tensors x (n, *shape) and told (n,), the answer like x, each point's from
its own alone, differentiable. Under the schedule `ve` x is x_0 + sqrt(t) w, told is t, and the answer is what
`predicts` says, E[x_0|x] if it says nothing. With `weights` NAME is called without arguments and gives the torch module
that these are of.
"""

from pkgutil import resolve_name

from torch import nn

from scoregap import plugins
from scoregap.models import Declared
from scoregap.models.base import Loaded, dtype_of, of_class, settled
from scoregap.models.schedules import named


def load(declared: Declared) -> Loaded:
    """The function that a path means."""
    settings = declared.settings
    name = settings.schedule or "ve"
    if name == "edm":
        return edm(declared)
    return _loaded(declared, name, settings.predicts or "x0")


def edm(declared: Declared) -> Loaded:
    """The network F of EDM's preconditioning, D = c_skip x + c_out F(c_in x, ln(sigma) / 4) (Karras et al. 2022)."""
    return _loaded(declared, "edm", "edm")


def _loaded(declared: Declared, schedule: str, predicts: str) -> Loaded:
    settings, network = declared.settings, found(declared)
    of = named(schedule, settings.steps, settings.betas, settings.sigma_data)
    return Loaded(
        of_class(declared, network), of, predicts, settings.shape or (), dtype_of(network), settings.sigma_data
    )


def found(declared: Declared):
    """What a path means: an object that can be called; a module without gradients of its weights, or with those given.

    Raises InputError if it cannot be imported, or is not what it should be.
    """
    settings = declared.settings
    try:
        network = resolve_name(settings.path)
        if settings.weights:
            network = network()
    except (Exception, SystemExit) as error:  # whatever the code of somebody else raises
        raise declared.refused("path", f"cannot be used: {plugins.told(error)}", settings.path) from error
    if settings.weights:
        if not isinstance(network, nn.Module):
            allowed = "with weights, should give a torch module when it is called"
            raise declared.refused("path", allowed, settings.path)
        fill(declared, network)
    if not callable(network):
        raise declared.refused("path", "should be a function of points and noise", settings.path)
    return settled(network) if isinstance(network, nn.Module) else network


def fill(declared: Declared, module: nn.Module) -> None:
    """Put the weights of a file into a module. Raises InputError if they are not its own."""
    from safetensors.torch import load_file

    try:
        module.load_state_dict(load_file(declared.file("weights")))
    except Exception as error:  # of safetensors, or names and shapes that differ
        why = f"are not those of {declared.settings.path}: {plugins.told(error)}"
        raise declared.refused("weights", why, declared.settings.weights) from error
