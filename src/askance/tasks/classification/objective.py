"""What a classifier is trained for, and judged by: cross-entropy, of its logits and of the mean of its draws.

Letters: b images of a minibatch, n held-out images, K draws, C classes, D features.
"""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from askance.maths import Draws, keyed_seed, log_mean_probs
from askance.networks.drawing import drawing, without_draws
from askance.networks.features import Features, Where, draw, of_pixels
from askance.networks.pixels import Normalisation, Pixels
from askance.uncertainty import SplitNet

VALIDATION_DRAWS = 20
"""K of the predictive distribution that weight decay is chosen by."""


@dataclass(frozen=True)
class CrossEntropy:
    """The objective of a classifier; satisfies `training.objective.Objective`."""

    def loss(
        self, outputs: Float[Tensor, "b C"], targets: Int[Tensor, "b"], weights: Float[Tensor, "b"] | None
    ) -> Float[Tensor, ""]:
        """Mean cross-entropy, nats; with weights, the mean of each example's times its own."""
        if weights is None:
            return functional.cross_entropy(outputs, targets)
        each = functional.cross_entropy(outputs, targets, reduction="none")
        return (each * weights.to(outputs.device)).mean()

    def losses(
        self, net: SplitNet, inputs: Float[Tensor, "n D"], targets: Int[Tensor, "n"], seed: int
    ) -> Float[Tensor, "n"]:
        """-log p of each label, nats, p the mean of the draws."""
        return nll(drawing(net, VALIDATION_DRAWS, keyed_seed("validation", seed))(inputs), targets)


def nll(draws: Draws, targets: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    """-log p of each label, nats, p the mean of the draws."""
    return -log_mean_probs(draws.log_probs.cpu()).gather(1, targets[:, None])[:, 0]


@dataclass(frozen=True)
class Validation:
    """What candidates are chosen by; satisfies `training.objective.HeldOut`.

    Attributes:
        draws: a network, K and a seed -> draws of the validation images.
        targets: `[n]`, their class indices; may be empty, then nothing can be chosen.
        nll: draws and targets -> -log p of each, nats.
    """

    draws: Callable[[SplitNet, int, int], Draws]
    targets: Int[Tensor, "n"]
    nll: Callable[[Draws, Tensor], Tensor] = nll

    def __len__(self) -> int:
        """n."""
        return len(self.targets)

    def __call__(self, net: SplitNet, seed: int) -> Float[Tensor, "n"]:
        """-log p of each label, nats, p the mean of the draws."""
        return self.nll(self.draws(net, VALIDATION_DRAWS, keyed_seed("validation", seed)), self.targets)


@dataclass(frozen=True)
class OfFeatures:
    """Draws from features that do not change."""

    found: Features
    fabric: Where

    def __call__(self, net: SplitNet, k: int, seed: int) -> Draws:
        """K draws of each image, `[n, K, C]`, on the CPU."""
        return draw(drawing(net.to(self.fabric.device), k, seed), self.found)


@dataclass(frozen=True)
class OfPixels:
    """Draws from images, by a trunk that training moves; another process can be handed it.

    Attributes:
        pixels: of the images.
        normalise: what trunks are given of them.
        fabric: where trunks run.
        plain: whether dropout is off, as of a member of an ensemble: then there is one draw, the network itself.
    """

    pixels: Pixels
    normalise: Normalisation
    fabric: Where
    plain: bool = False

    def __call__(self, net: SplitNet, k: int, seed: int) -> Draws:
        """K draws of each image, `[n, K, C]`, on the CPU."""
        found = of_pixels(net, self.pixels, self.normalise, self.fabric)
        return draw(without_draws(net), found) if self.plain else OfFeatures(found, self.fabric)(net, k, seed)
