"""Networks by name: what torchvision and timm call a classifier, whole or without its classifier.

A trunk takes images `[N, channels, size, size]` and gives features `[N, D]`. It holds no dropout: all that is
stochastic is in the Bayesian head. A whole network keeps all it has. Weights are `weights`' business.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from askance.networks import GAL, PIXELS, TRANSFORMERS, library_of
from askance.networks.huggingface import transformers_model
from askance.uncertainty import Steady, logits_of
from askance.vocab import ModelError
from askance.vocab.config import ModelConfig
from askance.vocab.theirs import theirs


class Logits(nn.Module):
    """A network's logits alone, whatever record it returns.

    Args:
        model: the network.
        steady: calls it where it is random in evaluation mode, too.
    """

    def __init__(self, model: nn.Module, steady: Steady | None = None) -> None:
        super().__init__()
        self.model = model
        self._steady = steady

    def forward(self, images: Tensor) -> Tensor:
        """`[N, C]`."""
        return logits_of(self.model(images) if self._steady is None else self._steady(self.model, images))


class Backbone(NamedTuple):
    """A trunk, and the names of the modules that were its classifier: a weights file may still hold them."""

    trunk: nn.Module
    classifier: tuple[str, ...]


def backbone(config: ModelConfig) -> Backbone:
    """The trunk `config.name` stands for: `gal-cnn`, `pixels`, a timm name, a torchvision name.

    timm goes first where both know a name; `timm/...` and `torchvision/...` say which.

    Raises:
        ModelError: an unknown name, or options the factory does not take.
    """
    library, name = library_of(config.name)
    if config.name == GAL:
        return _gal(config)
    if config.name == PIXELS:
        return Backbone(nn.Flatten(), ())
    if library == TRANSFORMERS:
        return _transformers(name, config)
    if is_timm(config.name):
        return _timm(name, config)
    if library in ("", "torchvision") and name in torchvision_names():
        return _torchvision(name, config)
    raise unknown(config.name)


def whole(config: ModelConfig, n_classes: int) -> Backbone:
    """The network `config.name` stands for as it is, with C outputs.

    It is a timm or torchvision name, or `module:factory`, called with `num_classes` and `config.options`.

    Raises:
        ModelError: an unknown name, a factory that is not there, or options it does not take.
    """
    library, name = library_of(config.name)
    if ":" in config.name:
        return Backbone(_from_factory(config, n_classes), ())
    if library == TRANSFORMERS:
        return _transformers(name, config, n_classes)
    if is_timm(config.name):
        return _timm(name, config, n_classes)
    if library in ("", "torchvision") and name in torchvision_names():
        return _torchvision(name, config, n_classes)
    raise unknown(config.name)


def is_timm(name: str) -> bool:
    """Whether timm makes the network of that name, or would if nobody said whose it is."""
    library, rest = library_of(name)
    if library not in ("", "timm"):
        return False
    import timm  # here where it is used: it takes longer to import than a small network to train

    return bool(timm.is_model(rest))


def _from_factory(config: ModelConfig, n_classes: int) -> nn.Module:
    made = theirs_from(config, num_classes=n_classes)
    if not isinstance(made, nn.Module):
        raise ModelError("an nn.Module", type(made).__name__, f"return a network from {config.name}")
    return made


def theirs_from(config: ModelConfig, **told: object) -> object:
    """What `module:factory` of `model.name` makes.

    Args:
        config: its name and options.
        told: what it is called with besides.

    Raises:
        ModelError: no such module or function, or it fails.
    """
    place, _, name = config.name.partition(":")
    fix = "run where the module can be imported: in its folder, or with it installed or on PYTHONPATH"
    with theirs(f"a function {name} in the module {place}", fix), _importing_from_here():
        factory = getattr(import_module(place), name)
    wanted = f"{config.name}({', '.join(f'{key}={value}' for key, value in told.items())}, ...) to make a network"
    with theirs(wanted, f"correct the function, or model.options = {config.options}"):
        made: object = factory(**told, **config.options)
    return made


@contextmanager
def _importing_from_here() -> Iterator[None]:
    """The current folder on the import path, as for `python -m`."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def unknown(name: str) -> ModelError:
    """The error for a name that no library knows, with those it may have meant."""
    import timm

    known = [GAL, PIXELS, *timm.list_models(), *torchvision_names()]
    near = get_close_matches(name, known, n=3)
    return ModelError(
        f"{GAL}, {PIXELS}, a classifier that timm or torchvision knows, or module:factory",
        name,
        f"did you mean {' or '.join(near)}?" if near else "timm.list_models() lists over a thousand",
    )


def _gal(config: ModelConfig) -> Backbone:
    if config.options:
        raise ModelError(f"no options for {GAL}", str(config.options), "remove model.options")
    if config.size < 8:
        raise ModelError(f"a size of 8 pixels or more for {GAL}", str(config.size), "set model.size = 8 or more")
    # max(relu(x)) is relu(max(x)): pooling first leaves the rectifier a quarter of the work
    trunk = nn.Sequential(
        nn.Conv2d(config.channels, 32, 4),
        nn.ReLU(inplace=True),
        nn.Conv2d(32, 32, 4),
        nn.MaxPool2d(2),
        nn.ReLU(inplace=True),
        nn.Flatten(),
    )
    glorot(trunk)
    return Backbone(trunk, ())


def glorot(module: nn.Module) -> None:
    """Keras' default start: uniform weights of Glorot and Bengio 2010, biases zero."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def _timm(name: str, config: ModelConfig, n_classes: int = 0) -> Backbone:
    """With C outputs and all it has, or for no classes as a trunk without dropout."""
    import timm

    options: dict[str, Any] = {"in_chans": config.channels, **config.options}
    try:
        trunk = timm.create_model(name, pretrained=False, num_classes=n_classes, **options)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise _bad_options(config, error) from error
    named = timm.get_pretrained_cfg_value(name, "classifier") or ()
    if not n_classes:
        _remove_dropout(trunk)
    return Backbone(trunk, (named,) if isinstance(named, str) else tuple(named))


def _transformers(name: str, config: ModelConfig, n_classes: int = 0) -> Backbone:
    """With C outputs and all it has, or for no classes as a trunk that gives what its classifier was given."""
    model, _ = transformers_model(name, config, n_classes)
    if not n_classes:
        if not isinstance(getattr(model, "classifier", None), nn.Module):
            raise ModelError(
                "a model with one `classifier` to take off", type(model).__name__, 'set model.head = "own"'
            )
        model.classifier = nn.Flatten()
        _remove_dropout(model)
    return Backbone(Logits(model), ("classifier",))


def torchvision_names() -> list[str]:
    """The classifiers that torchvision knows."""
    import torchvision

    return list(torchvision.models.list_models(module=torchvision.models))


def _torchvision(name: str, config: ModelConfig, n_classes: int = 0) -> Backbone:
    """With C outputs and all it has, or for no classes as a trunk without dropout."""
    import torchvision

    if config.channels != 3:
        raise ModelError(
            f"3 channels for torchvision's {name}",
            str(config.channels),
            "set model.channels = 3 (grey images are then repeated), or use a timm model",
        )
    options: dict[str, Any] = dict(config.options)
    if name in ("googlenet", "inception_v3"):
        options = {"aux_logits": False, "init_weights": True, **options}
    try:
        trunk = torchvision.models.get_model(name, weights=None, num_classes=n_classes or 1000, **options)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise _bad_options(config, error) from error
    place = _last_classifier(trunk, n_classes or 1000)
    if n_classes:
        return Backbone(trunk, (place,))
    trunk.set_submodule(place, nn.Identity())
    _remove_dropout(trunk)
    return Backbone(trunk, (place,))


def _bad_options(config: ModelConfig, error: Exception) -> ModelError:
    return ModelError(f"options that {config.name} takes", str(error), f"correct model.options = {config.options}")


def _last_classifier(network: nn.Module, outputs: int) -> str:
    """The last layer that gives so many outputs: `fc`, `classifier.3`, `heads.head`, a 1x1 convolution..."""
    places = [
        place
        for place, layer in network.named_modules()
        if (isinstance(layer, nn.Linear) and layer.out_features == outputs)
        or (isinstance(layer, nn.Conv2d) and layer.out_channels == outputs)
    ]
    if not places:
        raise ModelError("a network that ends in a linear classifier", type(network).__name__, "choose another")
    return str(places[-1])


def _remove_dropout(trunk: nn.Module) -> None:
    """Leave the randomness to the head: a trunk is one function of the image."""
    import torchvision

    stochastic = nn.Dropout | nn.Dropout2d | torchvision.ops.StochasticDepth
    for place in [place for place, layer in trunk.named_modules() if isinstance(layer, stochastic)]:
        trunk.set_submodule(place, nn.Identity())
