"""What every posterior over a head is: something fitted that can be kept and drawn from.

Letters: N images, D features, K draws, C classes.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from askance.maths import Draws


@runtime_checkable
class Posterior(Protocol):
    """A distribution over heads, as fitted: frozen, and a copy of the head it was made from.

    `tests/conformance/test_posteriors.py` holds every posterior to what is said here.
    """

    @property
    def most(self) -> int | None:
        """How many different draws there are; None where there is no end of them."""
        ...

    def draws(self, features: Float[Tensor, "N D"], *, k: int, seed: int) -> Draws:
        """Log-probabilities of K draws, `[N, K, C]`, in nats, in the head's dtype but at least float32.

        Where the result is `joint`, draw k is one function over all images, in this call and in any other with
        that seed. Draws of an image depend on its features and the seed, not on the other images. What the
        draws have in common is made anew in each call, so a call wants thousands of images rather than dozens.

        Raises:
            ModelError: k < 1 or more than `most`; features that are not `[N, D]` with the head's D.
        """
        ...

    def tensors(self) -> dict[str, Tensor]:
        """All that was fitted, by name, the head's own weights included; fit for safetensors."""
        ...

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], head: nn.Sequential) -> "Posterior":
        """The posterior again; of `head` only the layers are taken, all numbers come from the tensors.

        Raises:
            ModelError: tensors of another kind of posterior, or of another head.
        """
        ...
