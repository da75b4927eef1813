"""What is random in a network, and whether a posterior is drawn from it."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from askance.uncertainty.split import SplitNet, flat_layers, is_dropout
from askance.uncertainty.tail import BeforeDropout
from askance.uncertainty.wrapped import check_module

_BRANCH_DROPS = {"DropPath": "drop_prob", "StochasticDepth": "p"}
"""Layers of timm and torchvision by name, and where they keep their probability: importing both takes seconds."""


@dataclass(frozen=True, slots=True)
class StochasticLayer:
    """A layer that is random in training.

    Attributes:
        name: dotted, as `named_modules` has it.
        kind: its class.
        p: the probability of dropping.
        handled: whether `DropoutPosterior` draws from it; if not, it is off while scoring.
        note: why not, or what is done, in words for people.
    """

    name: str
    kind: str
    p: float
    handled: bool
    note: str


def stochastic_layers(model: nn.Module) -> list[StochasticLayer]:
    """All layers with p > 0 that are random in training, in the order of `named_modules`.

    Looks at layers and runs nothing, so dropout that a `forward` calls as a function is not seen, and of other
    networks than a `SplitNet` or a plain `nn.Sequential` all is unhandled: `StochasticNet(model, images).layers`
    finds what is random by running it.

    Raises:
        ModelError: no module.

    >>> net = SplitNet(nn.Flatten(), nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 2)))
    >>> [(layer.name, layer.handled) for layer in stochastic_layers(net)]
    [('head.0', True)]
    """
    check_module(model)
    handled = _handled(model)
    return [
        StochasticLayer(name, type(layer).__name__, p, id(layer) in handled, _note(layer, p, id(layer) in handled))
        for name, layer, p in _random(model)
    ]


def _random(model: nn.Module) -> Iterator[tuple[str, nn.Module, float]]:
    cut_off = [f"{name}." for name, layer in model.named_modules() if isinstance(layer, BeforeDropout)]
    for name, layer in model.named_modules():
        if name.startswith(tuple(cut_off)):
            continue  # nothing random runs in it: it ends where randomness begins
        p = _probability(layer)
        if p > 0:
            yield name, layer, p


def _probability(layer: nn.Module) -> float:
    match layer:
        case _DropoutNd():
            return float(layer.p)
        case nn.MultiheadAttention() | nn.RNNBase():
            return float(layer.dropout)
    probability = _BRANCH_DROPS.get(type(layer).__name__)
    return float(getattr(layer, probability) or 0.0) if probability else 0.0


def _handled(model: nn.Module) -> set[int]:
    """The identities of the dropouts that a posterior of this model draws from."""
    match model:
        case SplitNet():
            layers = flat_layers(model.head)
        case nn.Sequential():
            layers = flat_layers(model)
        case _:
            layers = []
    return {id(layer) for _, layer in layers if is_dropout(layer)}


def _note(layer: nn.Module, p: float, handled: bool) -> str:
    if handled:
        return "one mask a draw, the same for all images"
    if p >= 1:
        return "drops everything: nothing of the input is left"
    if isinstance(layer, nn.MultiheadAttention | nn.RNNBase):
        return "dropout within the layer, a number and not a layer of its own"
    if type(layer).__name__ in _BRANCH_DROPS:
        return "drops whole residual branches"
    if type(layer) is nn.Dropout:
        return "not a layer of the head itself: in the trunk, or within another layer"
    return "only plain nn.Dropout is drawn from"
