"""What a network is trained for: the loss of a minibatch, and how well it does on what was held out.

A task says it; training knows no more of a task than this.

Letters: b examples of a minibatch, n held-out examples.
"""

from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from askance.uncertainty import SplitNet


class Objective(Protocol):
    """A loss, and a way to judge a network that may draw from its posterior; other processes are handed it.

    So it is a value of a class at the top of a module, that pickle can write.
    """

    def loss(self, outputs: Tensor, targets: Tensor, weights: Float[Tensor, "b"] | None) -> Float[Tensor, ""]:
        """The mean loss of a minibatch, nats; with weights, the mean of each example's times its own.

        The mean is over examples and not over their weights, so that minibatches add up to the loss of all.
        """
        ...

    def losses(self, net: SplitNet, inputs: Tensor, targets: Tensor, seed: int) -> Float[Tensor, "n"]:
        """The loss of each held-out example, nats, by the network as it predicts: of its head's inputs.

        Args:
            net: in evaluation mode.
            inputs: of the head, `[n, D]`, on the CPU.
            targets: of these examples.
            seed: of the draws.
        """
        ...


class HeldOut(Protocol):
    """Held-out examples that candidates are chosen by; other processes are handed them."""

    def __len__(self) -> int:
        """n; where it is zero nothing can be chosen."""
        ...

    def __call__(self, net: SplitNet, seed: int) -> Float[Tensor, "n"]:
        """The loss of each, nats, by this network; `seed` is of the draws."""
        ...
