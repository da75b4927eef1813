"""MC dropout of a whole network, in one call.

Letters: N images, K draws, C classes.
"""

import torch
from torch import Tensor, nn

from askance.maths import Draws
from askance.uncertainty.batches import ImageSource, batches, first_few, grouped
from askance.uncertainty.company import SEVERAL
from askance.uncertainty.discovery import is_random_in_evaluation, taking
from askance.uncertainty.heads import BLOCK
from askance.uncertainty.outputs import Read, finite, logits_of
from askance.uncertainty.posterior import DropoutPosterior
from askance.uncertainty.split import SplitNet, evaluating, laid_out
from askance.uncertainty.stochastic_net import StochasticNet
from askance.uncertainty.wrapped import ordinary
from askance.vocab.theirs import theirs


def mc_dropout(
    model: nn.Module,
    images: ImageSource,
    *,
    k: int,
    seed: int,
    batch: int = 64,
    read: Read = logits_of,
    key: str | None = None,
) -> Draws:
    """Class log-probabilities of images under K dropout masks, `[N, K, C]`, joint (Gal & Ghahramani 2016).

    What is deterministic runs once an image, the rest K times. To draw again and again from one model, keep a
    `StochasticNet`: it looks the model over once.

    Args:
        model: cut where dropout begins, or any classifier, see `StochasticNet`.
        images: `[N, ...]`, as the model takes them; a tensor on any device, an array, a list of images, a data
            set, or a `DataLoader` in its order (of tensors, of tuples that begin with the images, or of dicts).
        k: number of draws, K.
        seed: what the masks derive from.
        batch: images of one pass, whatever the batches of a loader are. The draws do not depend on it beyond
            rounding of the model's own.
        read: from what the model returns to its logits, as `lambda output: output["out"]`.
        key: of the images, where a loader gives dicts, as `"pixel_values"`.

    Raises:
        ModelError: nothing is stochastic, or what is cannot be handled; images that the model cannot take, or a
            loader that shuffles them or leaves some out.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
    >>> mc_dropout(net, torch.zeros(5, 3, 2, 2), k=7, seed=0)
    Draws(N=5, K=7, C=3, joint)
    """
    model = ordinary(model)
    parts = batches(images, batch, model=model, key=key)
    example, parts = first_few(parts, SEVERAL)
    if isinstance(model, SplitNet) and read is logits_of and _is_one_function(model.trunk, example):
        posterior = DropoutPosterior(model.head, k=k, seed=seed)
        stride = max(1, 4 * BLOCK // batch)  # so that blocks are filled though trunk batches are small
        with finite(model):
            return Draws.cat([posterior(_features(model, some)) for some in grouped(parts, stride)])
    return StochasticNet(model, example, read=read).draws(parts, k=k, seed=seed, batch=batch)


def _is_one_function(trunk: nn.Module, images: Tensor) -> bool:
    """Whether a trunk says the same of an image each time, and whatever other images stand beside it."""
    if not len(images):
        return True
    placed = laid_out(images, trunk)
    if is_random_in_evaluation(trunk, placed[:1]):
        return False
    with evaluating(trunk), torch.no_grad(), theirs(*taking(trunk, placed)):
        together, alone = trunk(placed), trunk(placed[:1])
    if not isinstance(together, Tensor) or len(together) != len(placed):
        return True  # as it is refused elsewhere
    return torch.allclose(together[:1], alone, rtol=1e-3, atol=1e-4, equal_nan=True)


def _features(net: SplitNet, parts: list[Tensor]) -> Tensor:
    return torch.cat([net.features(part) for part in parts])
