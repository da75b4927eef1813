"""MC dropout the slow way: K full passes of the whole network in float64, every mask written out."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def k_full_passes(layers: list[nn.Module], images: Tensor, masks: Mapping[int, Tensor]) -> Tensor:
    """Log-probabilities `[N, K, C]`; `masks[i]` is `[K, width]` for the dropout at place i of the layers."""
    k = len(next(iter(masks.values())))
    passes = []
    for draw in range(k):
        x = images.double()
        for place, layer in enumerate(layers):
            if place in masks:
                kept = masks[place][draw].reshape(1, *x.shape[1:])
                x = torch.where(kept, x / (1 - layer.p), torch.zeros((), dtype=torch.float64))
            else:
                x = layer(x)
        passes.append(torch.log_softmax(x, dim=-1))
    return torch.stack(passes, dim=1)
