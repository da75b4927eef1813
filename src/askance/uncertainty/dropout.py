"""MC dropout as a posterior among others.

Letters: N images, D features, K draws, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from askance.maths import Draws
from askance.uncertainty.heads import frozen, head_from, head_tensors
from askance.uncertainty.posterior import DropoutPosterior, check_dropout


@dataclass(frozen=True, slots=True, eq=False)
class MCDropout:
    """The head under K dropout masks (Gal & Ghahramani 2016), as `DropoutPosterior` runs it.

    Args:
        head: with `nn.Dropout`; a copy is kept.

    Raises:
        ModelError: as `DropoutPosterior`.
    """

    head: nn.Sequential

    def __post_init__(self) -> None:
        check_dropout(self.head)
        object.__setattr__(self, "head", frozen(self.head))

    @property
    def most(self) -> None:
        """There is no end of draws."""

    def draws(self, features: Float[Tensor, "N D"], *, k: int, seed: int) -> Draws:
        """K draws, `[N, K, C]`, joint."""
        return DropoutPosterior(self.head, k=k, seed=seed)(features)

    def tensors(self) -> dict[str, Tensor]:
        """The head's."""
        return head_tensors(self.head)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], head: nn.Sequential) -> "MCDropout":
        """From what `tensors` gave."""
        return cls(head_from(tensors, head))
