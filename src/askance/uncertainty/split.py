"""A network in two parts: what is the same in every draw, and what is not.

Letters: N images, D features, C classes.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askance.uncertainty.contract import Posterior
from askance.vocab import ModelError
from askance.vocab.theirs import theirs

ELEMENTWISE = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus,
    nn.Tanh, nn.Sigmoid, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.LogSigmoid, nn.Softsign,
)  # fmt: skip
"""Activations that act on each number alone, so that they commute with flattening and with leaving units out."""


_FLAT = "end the trunk with nn.Flatten(), or pool it to one vector an image"


class SplitNet(nn.Module):
    """A classifier cut where randomness begins: a deterministic trunk and a head with dropout.

    Args:
        trunk: images `[N, ...]` to features `[N, D]`.
        head: features `[N, D]` to logits `[N, C]`.

    Attributes:
        posterior: what is drawn from in place of the head's own dropout, once something was fitted.
        others: further members of an ensemble of whole networks, of which this is the first; then these are what
            is drawn. They are no part of the module: neither its tensors nor its device are theirs.

    >>> net = SplitNet(nn.Flatten(), nn.Sequential(nn.Dropout(0.5), nn.Linear(12, 3)))
    >>> net.n_features, net.features(torch.zeros(2, 3, 2, 2)).shape
    (12, torch.Size([2, 12]))
    """

    def __init__(self, trunk: nn.Module, head: nn.Sequential) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head
        self.posterior: Posterior | None = None
        self.others: tuple[SplitNet, ...] = ()

    def forward(self, images: Tensor) -> Float[Tensor, "N C"]:
        """Logits, in whatever mode the modules are: what training calls."""
        logits: Tensor = self.head(self.trunk(images))
        return logits

    @property
    def members(self) -> "tuple[SplitNet, ...]":
        """The network itself and the others of its ensemble."""
        return (self, *self.others)

    @property
    def n_features(self) -> int:
        """D, as the head's first linear layer has it.

        Raises:
            ModelError: the head has no linear layer.
        """
        return head_width(self.head)

    def features(self, images: Tensor) -> Float[Tensor, "N D"]:
        """The trunk's output in evaluation mode and without gradients; training flags stay as found.

        Images are moved to the trunk's device, in the memory layout that is fastest there.

        Raises:
            ModelError: the trunk does not give one row of features an image.
        """
        said = f"the trunk, a {type(self.trunk).__name__}, to take images {list(images.shape)} of {images.dtype}"
        with theirs(said, "check the image size, channels and dtype"), evaluating(self.trunk), torch.no_grad():
            features: Tensor = self.trunk(laid_out(images, self.trunk))
        if not isinstance(features, Tensor):
            raise ModelError(f"features [{len(images)}, D] from the trunk", type(features).__name__, _FLAT)
        if features.dim() != 2 or len(features) != len(images):
            raise ModelError(
                f"features [{len(images)}, D] from the trunk",
                str(list(features.shape)),
                _FLAT,
            )
        return features


def split(model: nn.Sequential) -> SplitNet:
    """Cut a plain `nn.Sequential` at its first dropout; layers with weights are shared with the model, not copied.

    A flattening behind the cut moves before it where only elementwise layers lie between, which changes nothing.

    Raises:
        ModelError: nothing in it is an active `nn.Dropout`.
    """
    layers = flat_layers(model)
    first = next((i for i, (_, layer) in enumerate(layers) if is_dropout(layer)), None)
    if first is None:
        raise no_dropout(model)
    trunk, head = layers[:first], layers[first:]
    flatten = next((i for i, (_, layer) in enumerate(head) if type(layer) is nn.Flatten), None)
    if flatten is not None and all(is_dropout(layer) or type(layer) in ELEMENTWISE for _, layer in head[:flatten]):
        trunk = [*trunk, head[flatten]]
        head = head[:flatten] + head[flatten + 1 :]
    return SplitNet(nn.Sequential(*lean([layer for _, layer in trunk])), _sequential(head))


def lean(layers: Sequence[nn.Module]) -> list[nn.Module]:
    """The same layers with less memory traffic, bit for bit, gradients included.

    A rectifier before a maximum moves behind it, as relu(max) is max(relu); one that follows what keeps no copy of
    its output writes in place.

    >>> lean([nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2)])[1:]
    [MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False), ReLU(inplace=True)]
    """
    found = list(layers)
    for i in range(len(found) - 1):
        pools = type(found[i + 1]) is nn.MaxPool2d and not found[i + 1].return_indices
        if pools and _is_bare_relu(found[i]):
            found[i : i + 2] = [found[i + 1], found[i]]
    for i in range(1, len(found)):
        if _is_bare_relu(found[i]) and type(found[i - 1]) in _FORGETFUL and not _is_watched(found[i - 1]):
            found[i] = nn.ReLU(inplace=True)
    return found


_FORGETFUL = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.MaxPool2d)
"""Layers whose gradient needs what went in, not what came out."""


def _is_bare_relu(layer: nn.Module) -> bool:
    """Whether nobody watches this rectifier."""
    return type(layer) is nn.ReLU and not _is_watched(layer)


def _is_watched(layer: nn.Module) -> bool:
    """Whether a hook may keep what goes in or comes out."""
    return bool(layer._forward_hooks or layer._forward_pre_hooks)


def flat_layers(model: nn.Sequential, prefix: str = "") -> list[tuple[str, nn.Module]]:
    """The layers of a sequential and of the sequentials within it, in order, with their places as names.

    A layer that is used twice is listed twice.
    """
    layers: list[tuple[str, nn.Module]] = []
    for place, layer in enumerate(model):
        if isinstance(layer, nn.Sequential) and type(layer).forward is nn.Sequential.forward:
            layers += flat_layers(layer, f"{prefix}{place}.")
        else:
            layers.append((f"{prefix}{place}", layer))
    return layers


def head_width(head: nn.Sequential) -> int:
    """D, the features a head takes, as its first linear layer has it, or what puts them in another shape."""
    for _, layer in flat_layers(head):
        if isinstance(layer, nn.Unflatten):
            return math.prod(layer.unflattened_size)
        if isinstance(layer, nn.Linear):
            return layer.in_features
    raise ModelError("a head with a linear layer", str(head), "end the head with nn.Linear(features, classes)")


def head_tensor(head: nn.Sequential) -> Tensor:
    """A tensor whose device and dtype are the head's; its weights may be buffers, which are never trained."""
    return next(one for one in (*head.parameters(), *head.buffers()) if one.is_floating_point())


def is_plain(head: nn.Sequential) -> bool:
    """Whether a head is made of dropout, linear and elementwise layers alone."""
    kinds = {type(layer) for _, layer in flat_layers(head)}
    return kinds <= {nn.Dropout, nn.Linear, nn.Identity, *ELEMENTWISE}


def is_dropout(layer: nn.Module) -> bool:
    """Whether this is plain dropout that drops anything."""
    return type(layer) is nn.Dropout and 0 < layer.p < 1


def is_nothing(layer: nn.Module) -> bool:
    """Whether this layer changes nothing: an identity, or dropout with p = 0 (p = 1 is refused elsewhere)."""
    return type(layer) is nn.Identity or (type(layer) is nn.Dropout and not is_dropout(layer))


def no_dropout(model: nn.Module) -> ModelError:
    """What to say of a network that has nothing random in it."""
    return ModelError(
        "dropout with p > 0: it is what draws differ by",
        f"none among {', '.join(dict.fromkeys(type(layer).__name__ for layer in model.modules()))}",
        "switch the network's own dropout on (timm: drop_rate=0.2), or give its trunk a head that has some: "
        "SplitNet(trunk, nn.Sequential(nn.Dropout(0.5), nn.Linear(features, classes)))",
    )


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, every training flag as it was outside."""
    flags = [(module, module.training) for module in model.modules()]
    try:
        for module, _ in flags:
            module.training = False
        yield
    finally:
        for module, training in flags:
            module.training = training


def _sequential(layers: list[tuple[str, nn.Module]]) -> nn.Sequential:
    return nn.Sequential(*(layer for _, layer in layers))


def laid_out(images: Tensor, trunk: nn.Module) -> Tensor:
    """On the trunk's device, and channels last where a CPU convolves: about twice as fast."""
    parameter = next(trunk.parameters(), None)
    placed = images if parameter is None else images.to(parameter.device)
    if placed.is_inference() and not torch.is_inference_mode_enabled():
        placed = placed.clone()  # into which a network may write
    convolves = any(isinstance(module, nn.Conv2d) for module in trunk.modules())
    if not convolves or placed.dim() != 4 or placed.device.type != "cpu":
        return placed
    # A copy, not `.contiguous(...)`: with one channel both layouts hold at once and nothing would be laid out.
    return torch.empty_like(placed, memory_format=torch.channels_last).copy_(placed)
