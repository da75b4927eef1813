"""MC dropout of a head: a network with dropout is a distribution over networks (Gal & Ghahramani 2016).

Letters: N images, D features, K draws, C classes.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askance.maths import Draws
from askance.uncertainty.heads import check_features, check_k, draws_in_blocks, frozen
from askance.uncertainty.kernels import Folded, Mask, Pair, Plain
from askance.uncertainty.masks import dropout_masks
from askance.uncertainty.split import (
    ELEMENTWISE,
    flat_layers,
    head_tensor,
    head_width,
    is_dropout,
    is_nothing,
    no_dropout,
)
from askance.uncertainty.stochastic import stochastic_layers
from askance.vocab import ModelError

MOST_SHARED = 4
"""Draws that have one mask of the first of two dropouts between them, at most."""


class DropoutPosterior:
    """K networks that differ by their dropout masks in the head; each is one function over all images.

    The approximate posterior of Gal & Ghahramani (2016), "Dropout as a Bayesian approximation", eq. (6): draw k
    is the network under mask k. Masks belong to (seed, draw, layer). The head is copied, so a posterior stays
    what it was when training goes on; the head itself, its training flags and its buffers are not touched.

    Args:
        head: features `[N, D]` to logits `[N, C]`; plain `nn.Dropout` among any layers that are deterministic
            in evaluation mode. Dropout -> linear and dropout -> linear -> activation -> dropout -> linear are
            run without the work that the masks make needless; the result is the same.
        k: number of draws, K.
        seed: what the masks derive from.
        names: what its dropouts are called where masks are derived; None for their places in the head.

    Raises:
        ModelError: nothing in the head is stochastic, or something stochastic is not plain dropout; k < 1.

    >>> head = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 2))
    >>> DropoutPosterior(head, k=3, seed=0)(torch.ones(5, 4)).log_probs.shape
    torch.Size([5, 3, 2])
    """

    def __init__(self, head: nn.Sequential, *, k: int, seed: int, names: Sequence[str] | None = None) -> None:
        check_dropout(head)
        check_k(k)
        self._width = head_width(head)
        own = frozen(head)
        layers = _layers(own)
        first = next(i for i, (_, layer) in enumerate(layers) if is_dropout(layer))
        self._like = head_tensor(own)
        self._prefix = nn.Sequential(*(layer for _, layer in layers[:first]))
        start = _run(self._prefix, self._like.new_zeros(1, self._width))
        behind = _named(layers[first:], names)
        self._kernel = _kernel(_masked(behind, start, _shared(behind), k=k, seed=seed), k)

    def __call__(self, features: Float[Tensor, "N D"]) -> Draws:
        """Log-probabilities of K draws, `[N, K, C]`, joint; on the head's device and in its dtype.

        Half-precision heads are normalised in float32. Beyond the result only one block's draws are alive.

        Raises:
            ModelError: features that are not `[N, D]` with the head's D.
        """
        check_features(features, self._width)
        return draws_in_blocks(self._logits, features, joint=True)

    def _logits(self, block: Tensor) -> Tensor:
        return self._kernel(self._prefix(block.to(self._like)))


def check_dropout(head: nn.Sequential) -> None:
    """Refuse a head that cannot be drawn from.

    Raises:
        ModelError: nothing in it is stochastic, or something stochastic is not plain dropout.
    """
    unhandled = [layer for layer in stochastic_layers(head) if not layer.handled]
    if unhandled:
        raise ModelError(
            "nn.Dropout with 0 < p < 1, one after another, as all that is random in the head",
            "; ".join(f"{layer.name} ({layer.kind}, p={layer.p:g}): {layer.note}" for layer in unhandled),
            "put nn.Dropout there, or move the layer into the trunk, where it is off",
        )
    if not any(is_dropout(layer) for _, layer in flat_layers(head)):
        raise no_dropout(head)


def _layers(head: nn.Sequential) -> list[tuple[str, nn.Module]]:
    """Those that change features `[N, D]`, with their places."""
    return [(name, one) for name, one in flat_layers(head) if not is_nothing(one) and type(one) is not nn.Flatten]


def _named(layers: list[tuple[str, nn.Module]], names: Sequence[str] | None) -> list[tuple[str, nn.Module]]:
    """The layers with other names for the dropouts."""
    if names is None:
        return layers
    given = iter(names)
    return [(next(given) if isinstance(layer, nn.Dropout) else name, layer) for name, layer in layers]


def shared_masks(head: nn.Sequential, names: Sequence[str] | None = None) -> dict[str, int]:
    """Dropouts of a head of which several draws, one after another, have one mask between them, and how many.

    That is the first of two, where the second one tells these draws apart: for round(2 p2 / p1) draws, at most
    four. The rarer the first one drops beside the second, the less it adds to what the draws differ by.

    >>> shared_masks(nn.Sequential(nn.Dropout(0.25), nn.Linear(4, 3), nn.ReLU(), nn.Dropout(0.5), nn.Linear(3, 2)))
    {'0': 4}
    """
    layers = _layers(head)
    first = next((i for i, (_, layer) in enumerate(layers) if is_dropout(layer)), len(layers))
    return _shared(_named(layers[first:], names))


def _shared(layers: Sequence[tuple[str, nn.Module]]) -> dict[str, int]:
    match "".join(_letter(layer) for _, layer in layers), layers:
        case kinds, [(name, nn.Dropout(p=p1)), *_, (_, nn.Dropout(p=p2)), _] if re.fullmatch("MLA*ML", kinds):
            return {name: min(MOST_SHARED, max(1, round(2 * p2 / p1)))}
    return {}


def _masked(
    layers: Sequence[tuple[str, nn.Module]], x: Tensor, shared: Mapping[str, int], *, k: int, seed: int
) -> list[Mask | nn.Module]:
    """The layers with a `Mask` for each dropout, whose width one image `x` tells."""
    found: list[Mask | nn.Module] = []
    for name, layer in layers:
        if isinstance(layer, nn.Dropout):
            kept = dropout_masks(seed, name, k=k, width=x.shape[1], p=layer.p, shared=shared.get(name, 1))
            found.append(Mask(kept.to(x.device), layer.p))
        else:
            x = _run(layer, x)
            found.append(layer)
    return found


def _run(layer: nn.Module, x: Tensor) -> Tensor:
    try:
        with torch.no_grad():
            y: Tensor = layer(x)
    except RuntimeError as error:
        raise ModelError(
            "a head that takes features [N, D]",
            f"{type(layer).__name__} fails on {list(x.shape)}: {error}",
            "move what works on images into the trunk, before the first dropout",
        ) from error
    return y


def _kernel(layers: list[Mask | nn.Module], k: int) -> Callable[[Tensor], Tensor]:
    """The fastest way to run these layers that fits."""
    kinds = "".join(_letter(layer) for layer in layers)
    match layers:
        case [Mask() as mask, nn.Linear() as linear] if kinds == "ML" and Folded.fits(mask, linear):
            return Folded(mask, linear)
        case [Mask() as inputs, nn.Linear() as first, *between, nn.Linear() as second] if re.fullmatch(
            "MLA*M?L", kinds
        ):
            hidden = between[-1] if between and isinstance(between[-1], Mask) else None
            acts = [layer for layer in between if isinstance(layer, nn.Module)]
            return Pair(inputs, first, acts, hidden, second)
    return Plain(layers, k)


def _letter(layer: Mask | nn.Module) -> str:
    """Mask, linear, activation, or something other; exact types, as a subclass may do anything."""
    if isinstance(layer, Mask | nn.Dropout):
        return "M"
    return "L" if type(layer) is nn.Linear else "A" if type(layer) in ELEMENTWISE else "?"
