"""What a model says of labelled images, the mean over draws and the plain network, with what it should say.

Letters: N images asked for, n that could be read, K draws, C classes.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor, nn

from askance.maths import Draws, log_mean_probs
from askance.networks.features import Features
from askance.tasks.classification.units import stream
from askance.uncertainty.split import evaluating, head_tensor, head_width
from askance.vocab import Progress, silent


class Answers(NamedTuple):
    """Predictions of labelled images.

    Attributes:
        ids: of the n images that could be read.
        mean: `[n, C]`, nats: the logarithm of the mean probability over K draws.
        plain: `[n, C]`, nats: the network with its dropout off; of an ensemble, the first.
        targets: `[n]`, class indices.
    """

    ids: tuple[str, ...]
    mean: Float64[Tensor, "n C"]
    plain: Float64[Tensor, "n C"]
    targets: Int[Tensor, "n"]


def answers(
    ids: Sequence[str],
    targets: Int[Tensor, "N"],
    features: Callable[[Sequence[str]], Features],
    draw: Callable[[Features], Draws],
    head: nn.Sequential,
    progress: Progress = silent,
) -> Answers:
    """Ask a model about images once; those that cannot be read are left out.

    Args:
        ids: of the images.
        targets: `[N]`, what they are.
        features: the trunk, over some of the ids.
        draw: the head's K draws.
        head: the head itself; its training flags stay as found.
        progress: told of `scoring` after each chunk.
    """
    plain: list[Tensor] = []

    def both(found: Features) -> Draws:
        plain.append(without_dropout(head, found.rows))
        return draw(found)

    places, means = [torch.empty(0, dtype=torch.long)], []
    for chunk in stream(ids, features, both, progress):
        places.append(chunk.positions)
        means.append(log_mean_probs(chunk.units.draws.log_probs))
    kept = torch.cat(places)
    none = torch.empty(0, 0, dtype=torch.float64)
    return Answers(
        tuple(ids[int(place)] for place in kept),
        torch.cat(means) if means else none,
        torch.cat(plain) if plain else none,
        targets[kept],
    )


def without_dropout(head: nn.Sequential, rows: Float[Tensor, "n _"]) -> Float64[Tensor, "n C"]:
    """Log-probabilities of the deterministic network: every dropout is off.

    Of several trunks' features side by side the first's are this head's.
    """
    like = head_tensor(head)
    with evaluating(head), torch.no_grad():
        logits: Tensor = head(rows[:, : head_width(head)].to(like))
    return torch.log_softmax(logits.double(), dim=-1).cpu()
