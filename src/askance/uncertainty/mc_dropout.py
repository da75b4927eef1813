"""MC dropout of a whole network, in one call.

Letters: N images, K draws, C classes.
"""

import torch
from torch import Tensor, nn

from askance.maths import Draws
from askance.uncertainty.heads import BLOCK
from askance.uncertainty.posterior import DropoutPosterior
from askance.uncertainty.split import SplitNet
from askance.uncertainty.stochastic_net import StochasticNet


def mc_dropout(model: nn.Module, images: Tensor, *, k: int, seed: int, batch: int = 64) -> Draws:
    """Class log-probabilities of images under K dropout masks, `[N, K, C]`, joint (Gal & Ghahramani 2016).

    What is deterministic runs once an image, the rest K times. To draw again and again from one model, keep a
    `StochasticNet`: it looks the model over once.

    Args:
        model: cut where dropout begins, or any classifier, see `StochasticNet`.
        images: `[N, ...]`, as the model takes them; on any device.
        k: number of draws, K.
        seed: what the masks derive from.
        batch: images of one pass. The draws do not depend on it beyond rounding of the model's own.

    Raises:
        ModelError: nothing is stochastic, or what is cannot be handled.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
    >>> mc_dropout(net, torch.zeros(5, 3, 2, 2), k=7, seed=0).log_probs.shape
    torch.Size([5, 7, 3])
    """
    if not isinstance(model, SplitNet):
        return StochasticNet(model, images[:2]).draws(images, k=k, seed=seed, batch=batch)
    posterior = DropoutPosterior(model.head, k=k, seed=seed)
    stride = batch * max(1, 4 * BLOCK // batch)  # so that blocks are filled though trunk batches are small
    return Draws.cat([posterior(_features(model, some, batch)) for some in torch.split(images, stride)])


def _features(net: SplitNet, images: Tensor, batch: int) -> Tensor:
    return torch.cat([net.features(chunk) for chunk in torch.split(images, batch)])
