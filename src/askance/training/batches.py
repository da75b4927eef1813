"""Decoded images as training takes them, minibatch by minibatch.

Letters: n images, b of a minibatch, c channels, s pixels a side.
"""

from dataclasses import dataclass

from jaxtyping import Float, Int, UInt8
from torch import Tensor

from askance.networks.pixels import Normalisation
from askance.training.augment import Kind, augmented


@dataclass(frozen=True)
class Batches:
    """Decoded images as training takes them; another process can be handed it.

    Attributes:
        pixels: `[n, channels, size, size]`, uint8, on the CPU.
        device: where batches go, by kind alone: each process has its own of that kind.
        kind: of random changes.
    """

    pixels: UInt8[Tensor, "n c s s"]
    normalise: Normalisation
    device: str
    kind: Kind = "none"

    def read(self, chosen: Int[Tensor, "b"]) -> Float[Tensor, "b c s s"]:
        """Images as they are."""
        return self.normalise(self.pixels[chosen].to(self.device))

    def varied(self, chosen: Int[Tensor, "b"], seed: int) -> Float[Tensor, "b c s s"]:
        """Images changed at random."""
        return self.normalise(augmented(self.pixels[chosen], self.kind, seed).to(self.device))
