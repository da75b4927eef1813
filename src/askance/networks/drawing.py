"""How a network is drawn from, and the tensors it is kept as: its own, its posterior's, and its ensemble's.

Letters: N images, D features, C classes, K draws, M members.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import TypeAlias
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from askance.maths import Draws
from askance.uncertainty import (
    DropoutMoments,
    Ensemble,
    HeadDraws,
    LastLayerLaplace,
    Posterior,
    Softmax,
    SplitNet,
    StochasticNet,
    Swag,
    head_posterior,
    is_plain,
    look_at,
    member_draws,
)
from askance.uncertainty.split import head_width
from askance.vocab.config import ModelConfig

Drawing: TypeAlias = Callable[[Tensor], Draws]
"""From features `[N, D]` to K draws `[N, K, C]`; draw k is one function over all calls."""

KINDS: dict[str, type[Posterior]] = {
    "dropout-moments": DropoutMoments,
    "laplace": LastLayerLaplace,
    "laplace-full": LastLayerLaplace,
    "laplace-diag": LastLayerLaplace,
    "swag": Swag,
    "ensemble": Ensemble,
    "snapshots": Ensemble,
    "softmax": Softmax,
}
"""What a saved posterior is read back as, by `model.posterior`."""


def drawing(net: SplitNet, k: int, seed: int) -> Drawing:
    """K draws of a network from its posterior, or by its own dropout where none was fitted.

    An ensemble has no more draws than members: of it, as many are made as there are. One of whole networks takes
    the features of all trunks side by side.

    Raises:
        ModelError: no posterior was fitted and nothing in the head is random.
    """
    posterior = net.posterior
    if net.others:
        return partial(_of_members, [one.head for one in net.members], min(k, len(net.members)), seed)
    if posterior is None and not is_plain(net.head):
        return HeadDraws(net.head, k=k, seed=seed, known=_looked_at(net))
    if posterior is None:
        return head_posterior(net.head, k=k, seed=seed)
    return partial(posterior.draws, k=min(k, posterior.most or k), seed=seed)


def without_draws(net: SplitNet) -> Drawing:
    """The network with its dropout off, as its one draw."""
    return partial(_of_members, [net.head], 1, 0)


def _of_members(heads: Sequence[nn.Sequential], k: int, seed: int, features: Tensor) -> Draws:
    """Each head on its own trunk's features `[N, M D]`; on the same `[N, D]` where trunks have no weights."""
    parts = torch.split(features, head_width(heads[0]), dim=1)
    return member_draws(heads, parts if len(parts) > 1 else parts * len(heads), k=k, seed=seed)


_LOOKED: WeakKeyDictionary[SplitNet, StochasticNet] = WeakKeyDictionary()
"""What was found in heads that are whole networks, as long as these live. It does not hang on their weights."""


def _looked_at(net: SplitNet) -> StochasticNet:
    """What is random in a network's head, looked for once."""
    found = _LOOKED.get(net)
    if found is None or found.model is not net.head:
        found = _LOOKED[net] = look_at(net.head)
    return found


_OWNER = re.compile(r"^(posterior|member\.\d+)\.")
"""Whose a tensor in a file is, where it is not the network's own."""


def tensors_of(net: SplitNet) -> dict[str, Tensor]:
    """A network, its posterior and the others of its ensemble by name, on the CPU."""
    own = dict(net.state_dict())
    for m, other in enumerate(net.others, start=1):
        own |= {f"member.{m}.{name}": tensor for name, tensor in other.state_dict().items()}
    if net.posterior is not None:
        own |= {f"posterior.{name}": tensor for name, tensor in net.posterior.tensors().items()}
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in own.items()}


def fill(net: SplitNet, tensors: Mapping[str, Tensor], config: ModelConfig) -> SplitNet:
    """The network that `tensors_of` gave the tensors of, from one of the same layers.

    Raises:
        ModelError: tensors of another kind of posterior.
        RuntimeError: of another network.
    """
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        own = _OWNER.sub("", name)
        parts.setdefault(name.removesuffix(own), {})[own] = tensor
    net.load_state_dict(parts.pop("", {}))
    fitted = parts.pop("posterior.", {})
    net.posterior = KINDS[config.posterior].from_tensors(fitted, net.head) if fitted else None
    others = [SplitNet(deepcopy(net.trunk), deepcopy(net.head)) for _ in parts]
    for m, other in enumerate(others, start=1):
        other.load_state_dict(parts.get(f"member.{m}.", {}))
    net.others = tuple(others)
    return net
