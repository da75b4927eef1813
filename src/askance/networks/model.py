"""From a name to a network with a Bayesian head: `build`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from askance.maths import keyed_seed
from askance.networks import GAL, PIXELS
from askance.networks.backbones import Logits, backbone, glorot, whole
from askance.networks.weights import fill, given
from askance.uncertainty import SplitNet, cut, held_still, is_plain, logits_of, ordinary, run
from askance.uncertainty.discovery import discover
from askance.vocab import ConfigError, ModelError
from askance.vocab.config import ModelConfig

NETWORKS = ("ensemble", "snapshots")
"""Posteriors whose draws are networks trained apart, where training moves the whole network."""


def build(config: ModelConfig, n_classes: int, seed: int) -> SplitNet:
    """A network in eval mode, trunk and Bayesian head, `channels_last`; same arguments, same weights.

    Args:
        config: which trunk, its weights if any, and the head.
        n_classes: C, the outputs of the head.
        seed: of the initial weights; torch's global generator is left as it was.

    Raises:
        ModelError: an unknown name, an image size the trunk cannot take, or weights that do not fit.
    """
    if is_own(config):
        return build_own(config, n_classes, seed)
    trunk = build_trunk(config, seed)
    return join(trunk, build_head(config, features_of(trunk, config), n_classes, seed))


def is_own(config: ModelConfig) -> bool:
    """Whether a network is taken as it is, with its own dropouts; gal-cnn and pixels have our head anyway."""
    return config.name not in (GAL, PIXELS) and (config.head == "own" or ":" in config.name)


def moves_of(config: ModelConfig, net: SplitNet) -> Literal["head", "all"]:
    """What training moves: the head alone only where there is a trunk to stay.

    Raises:
        ConfigError: the last blocks alone, which detection knows.
    """
    wanted = config.train or ("head" if config.has_weights else "all")
    if wanted == "blocks":
        fix = 'set model.train = "all", or "head"'
        raise ConfigError("model.train = head or all in classification", "model.train = blocks", fix)
    return wanted if is_plain(net.head) else "all"


def is_of_networks(config: ModelConfig, net: SplitNet) -> bool:
    """Whether draws are whole networks: an ensemble is of what training moves."""
    return config.posterior in NETWORKS and moves_of(config, net) == "all"


def build_own(config: ModelConfig, n_classes: int, seed: int) -> SplitNet:
    """A whole network, cut at its first dropout where all behind that is a plain head.

    Where it is not (dropout in attention, dropped branches), there is nothing before the head but pixels: the head
    is the network, and runs as one. So it does where nothing is random, which an ensemble does not need.

    Raises:
        ModelError: an unknown name, weights that do not fit, nothing random in it that draws could differ by, or a
            forward that fails.
    """
    with seeded(keyed_seed("own", seed)):
        made = whole(config, n_classes)
        example = torch.rand(2, config.channels, config.size, config.size)
        if any(is_lazy(tensor) for tensor in made.trunk.parameters()):
            run(made.trunk, example, logits_of)  # lazy layers learn their sizes, and get their weights
    if config.has_weights:
        fill(made, given(config))
    _check_trainable(made.trunk, config.name)
    found = discover(made.trunk, example, logits_of)
    random = config.posterior not in NETWORKS or bool(found.requests)
    net = cut(made.trunk, example, found=found) if random and not found.outside else None
    if net is None:
        shape = (config.channels, config.size, config.size)
        steady = held_still(made.trunk, example, found) if found.always else None
        net = SplitNet(nn.Flatten(), nn.Sequential(nn.Unflatten(1, shape), Logits(made.trunk, steady)))
    outputs = run(net, example, logits_of).shape[1]
    if outputs != n_classes:
        raise ModelError(
            f"{n_classes} outputs, one a class", f"{outputs} of {config.name}", "use num_classes in the factory"
        )
    net.to(memory_format=torch.channels_last)
    return net.eval()


def _check_trainable(network: nn.Module, name: str) -> None:
    """Refuse, before an image is read, a network of which nothing could be trained.

    Raises:
        ModelError: all frozen, or nothing to train; without its weights; scripted.
    """
    ordinary(network)
    weights = list(network.parameters())
    if not any(weight.requires_grad for weight in weights):
        frozen = f"{len(weights)} tensors, all frozen: requires_grad is False" if weights else "no parameters"
        raise ModelError(
            f"a network from {name} with weights that training can move",
            frozen,
            "leave free what is to be trained, its last layer at least: layer.requires_grad_(True)",
        )
    made = [*weights, *network.buffers()]
    odd = [place for place, kept in network.state_dict().items() if not _can_be_kept(kept)]
    if odd or any(tensor.is_inference() for tensor in made):
        raise ModelError(
            f"a network from {name} whose weights can be trained and kept",
            f"{len(odd)} that are not plain numbers (quantised or sparse), as {odd[0]}"
            if odd
            else "one that was made under torch.inference_mode",
            "quantise after training" if odd else "make it outside of inference_mode",
        )


def _can_be_kept(kept: object) -> bool:
    """Whether a file of weights takes this."""
    return isinstance(kept, Tensor) and kept.layout == torch.strided and not kept.is_quantized


def build_trunk(config: ModelConfig, seed: int) -> nn.Module:
    """The deterministic part, images `[N, channels, size, size]` to features `[N, D]`."""
    with seeded(keyed_seed("trunk", seed)):
        made = backbone(config)
    if config.has_weights:
        fill(made, given(config))
    return made.trunk


def build_head(config: ModelConfig, features: int, n_classes: int, seed: int) -> nn.Sequential:
    """The Bayesian part, features `[N, D]` to logits `[N, C]`: dropout before every linear layer."""
    first, second, hidden = config.dropout, config.dropout, config.hidden
    if config.name == GAL:
        first, second, hidden = 0.25, 0.5, 128
    with seeded(keyed_seed("head", seed)):
        layers: list[nn.Module] = [nn.Dropout(first)]
        if hidden:
            layers += [nn.Linear(features, hidden), nn.ReLU(), nn.Dropout(second)]
        head = nn.Sequential(*layers, nn.Linear(hidden or features, n_classes))
        glorot(head)
    return head


def join(trunk: nn.Module, head: nn.Sequential) -> SplitNet:
    """One network, ready to score."""
    net = SplitNet(trunk, head)
    net.to(memory_format=torch.channels_last)
    return net.eval()


def classes_of(net: SplitNet) -> int:
    """C, the outputs of the head."""
    last = classifier_of(net)
    return last.out_features if isinstance(last, nn.Linear) else last.out_channels


def classifier_of(net: SplitNet) -> nn.Linear | nn.Conv2d:
    """The layer that gives the logits: the last that multiplies."""
    return [layer for layer in net.head.modules() if isinstance(layer, nn.Linear | nn.Conv2d)][-1]


def features_of(trunk: nn.Module, config: ModelConfig) -> int:
    """D, found by sending one black image through.

    Raises:
        ModelError: the trunk cannot take the image, or does not give one vector an image.
    """
    image = torch.zeros(1, config.channels, config.size, config.size)
    wanted = f"{config.name} to turn an image of {config.size} x {config.size} pixels into one vector"
    try:
        with torch.inference_mode():
            features = trunk.eval()(image)
    except (RuntimeError, AssertionError, ValueError) as error:
        fix = "change model.size, or tell the factory the size in model.options (timm: img_size)"
        raise ModelError(wanted, str(error), fix) from error
    if not isinstance(features, Tensor) or features.dim() != 2:
        got = str(list(features.shape)) if isinstance(features, Tensor) else type(features).__name__
        raise ModelError(wanted, got, "choose a classifier with global pooling")
    return int(features.shape[1])


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's global generators at a seed inside, as they were outside."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield
