"""Dropout before the last layer without sampling: exact moments of the logits.

Letters: N images, D features, G inputs of the last layer, K draws, C classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askance.maths import Draws, GaussianLogits, keyed_seed
from askance.uncertainty.heads import LastLayer, check_features, check_k, frozen, head_from, head_tensors
from askance.uncertainty.split import flat_layers, is_dropout, is_nothing, no_dropout
from askance.uncertainty.stochastic import stochastic_layers
from askance.vocab import ModelError

STEP_BYTES = 1 << 27
"""How much float64 of `[n, C, max(C, G)]` is worked on at once."""


def dropout_moments(head: nn.Sequential, features: Float[Tensor, "N D"]) -> GaussianLogits:
    """The mean `[N, C]` and covariance `[N, C, C]` of the logits under dropout before the last layer, float64.

    With g the inputs of the last layer and a mask that keeps each with probability 1 - p and scales it by
    1 / (1 - p)::

        mean = W g + b,   covariance = p / (1 - p) W diag(g^2) W^T

    Both are exact: they are what infinitely many masks would give. That the logits are Gaussian is not: a
    sum over G inputs is near it where many of them count.

    Args:
        head: any deterministic layers, `nn.Dropout`, `nn.Linear`.
        features: `[N, D]`, as the head takes them.

    Raises:
        ModelError: nothing is dropped before the last layer, or something else in the head is random.

    >>> head = nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 1, bias=False))
    >>> _ = nn.init.ones_(head[1].weight)
    >>> dropout_moments(head, torch.tensor([[1.0, 2.0]])).covariance
    tensor([[[5.]]], dtype=torch.float64)
    """
    p, last = _checked(head)
    g = last.inputs(features).double()
    weight = last.linear.weight.double()
    mean = g @ weight.T
    if last.linear.bias is not None:
        mean = mean + last.linear.bias.double()
    covariance = mean.new_empty(len(g), *weight.shape[:1], *weight.shape[:1])
    for out, some in zip(*(torch.split(rows, _step(last)) for rows in (covariance, g)), strict=True):
        scaled = weight * some.unsqueeze(1)  # [n, C, G]
        torch.matmul(scaled, scaled.mT, out=out)
    return GaussianLogits(mean, covariance.mul_(p / (1 - p)))


@dataclass(frozen=True, slots=True, eq=False)
class DropoutMoments:
    """Draws from Gaussian logits with the exact moments of dropout before the last layer.

    Not joint: each image has its own Gaussian. Where draws have to be functions over all images, take
    `MCDropout`.

    Args:
        head: as `dropout_moments` takes it; a copy is kept.

    Raises:
        ModelError: as `dropout_moments`.
    """

    head: nn.Sequential

    def __post_init__(self) -> None:
        _checked(self.head)
        object.__setattr__(self, "head", frozen(self.head))

    @property
    def most(self) -> None:
        """There is no end of draws."""

    def logits(self, features: Float[Tensor, "N D"]) -> GaussianLogits:
        """The Gaussian that is drawn from, `[N, C]` and `[N, C, C]`."""
        return dropout_moments(self.head, features)

    def draws(self, features: Float[Tensor, "N D"], *, k: int, seed: int) -> Draws:
        """K draws, `[N, K, C]`, not joint; the covariances of few images are alive at once."""
        last = LastLayer.of(self.head)
        check_features(features, last.width)
        return gaussian_draws(self.logits, features, k=k, seed=seed, like=last)

    def tensors(self) -> dict[str, Tensor]:
        """The head's."""
        return head_tensors(self.head)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], head: nn.Sequential) -> "DropoutMoments":
        """From what `tensors` gave."""
        return cls(head_from(tensors, head))


def gaussian_draws(
    logits: Callable[[Tensor], GaussianLogits], features: Tensor, *, k: int, seed: int, like: LastLayer
) -> Draws:
    """K draws of Gaussian logits, few images at a time; the same normals serve all images, not joint."""
    check_k(k)
    parts = []
    for some in torch.split(features, _step(like)):
        generator = torch.Generator().manual_seed(keyed_seed("gaussian logits", seed))
        parts.append(Draws(logits(some).draw(k, generator).log_probs.to(like.dtype), joint=False))
    return Draws.cat(parts)


def _step(last: LastLayer) -> int:
    c, g = last.linear.weight.shape
    return max(1, STEP_BYTES // (8 * c * max(c, g)))


def _checked(head: nn.Sequential) -> tuple[float, LastLayer]:
    """The probability of the dropout before the last layer, if that is all that is random."""
    last = LastLayer.of(head)
    dropouts = [layer for _, layer in flat_layers(head) if is_dropout(layer)]
    others = [layer for layer in stochastic_layers(head) if not layer.handled]
    if not dropouts and not others:
        raise no_dropout(head)
    before = [layer for layer in last.before if not is_nothing(layer)]
    if others or len(dropouts) != 1 or not is_dropout(before[-1]):
        raise ModelError(
            "one nn.Dropout, right before the last linear layer, as all that is random in the head",
            " -> ".join(type(layer).__name__ for _, layer in flat_layers(head)),
            "draw from MCDropout, which takes nn.Dropout anywhere in the head",
        )
    return float(dropouts[0].p), last  # type: ignore[arg-type]
