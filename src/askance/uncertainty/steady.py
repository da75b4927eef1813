"""A network that is random in evaluation mode, held still: one of its draws, the same at each call."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from askance.uncertainty.company import examine, several
from askance.uncertainty.discovery import Discovery
from askance.uncertainty.outputs import Read, logits_of
from askance.uncertainty.outside import outside_seeded
from askance.uncertainty.randomness import Places, Randomness, visible_attention


@dataclass(frozen=True, eq=False)
class Steady:
    """Calls a network under the random numbers of its first draw, unless somebody else answers for them already.

    Attributes:
        found: what of the network is random, with axes.

    >>> from askance.uncertainty.discovery import discover
    >>> net = _Noisy().eval()
    >>> steady = held_still(net, torch.zeros(2, 3), discover(net, torch.zeros(2, 3), logits_of))
    >>> x = torch.zeros(4, 3)
    >>> torch.equal(steady(net, x), steady(net, x)), torch.equal(steady(net, x)[:1], steady(net, x[:1]))
    (True, True)
    """

    found: Discovery

    def __call__(self, model: nn.Module, images: Tensor) -> Any:
        """What the model returns."""
        if model.training or any(isinstance(mode, Randomness) for mode in _get_current_dispatch_mode_stack()):
            return model(images)
        names = {module: name for name, module in model.named_modules()}
        known = set(self.found.watched.values())
        places = Places({module: name for module, name in names.items() if name in known})
        randomness = Randomness(places, images=len(images), seed=0, draw=0, axes=self.found.axes)
        with (
            torch.inference_mode(False),
            places.watched(),
            visible_attention(),
            outside_seeded("draw", 0, 0),
            randomness,
        ):
            return model(images)


def held_still(model: nn.Module, example: Tensor, found: Discovery, read: Read = logits_of) -> Steady:
    """A network that was found to be random in evaluation mode."""
    return Steady(examine(model, several(example), read, found).found)


class _Noisy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)
