"""The trained head itself, as a posterior with all its mass on one point.

Letters: N images, D features, K draws, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from askance.maths import Draws
from askance.uncertainty.heads import check_k, draws_of, frozen, head_from, head_tensors


@dataclass(frozen=True, slots=True, eq=False)
class Softmax:
    """One deterministic draw.

    Scores of the prediction alone (predictive entropy, margin, least confidence) are at home here. BALD of
    one draw is zero by definition: with a single function there is nothing that functions could disagree on.

    Args:
        head: features to logits; a copy is kept, its dropout off.

    >>> import torch
    >>> Softmax(nn.Sequential(nn.Linear(4, 2))).draws(torch.ones(5, 4), k=1, seed=0).log_probs.shape
    torch.Size([5, 1, 2])
    """

    head: nn.Sequential

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", frozen(self.head))

    @property
    def most(self) -> int:
        """1."""
        return 1

    def draws(self, features: Float[Tensor, "N D"], *, k: int = 1, seed: int = 0) -> Draws:
        """The prediction, `[N, 1, C]`, joint; the seed has nothing to decide.

        Raises:
            ModelError: k other than 1; features that are not `[N, D]`.
        """
        check_k(k, self.most)
        return draws_of([self.head], features, self.head)

    def tensors(self) -> dict[str, Tensor]:
        """The head's."""
        return head_tensors(self.head)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], head: nn.Sequential) -> "Softmax":
        """From what `tensors` gave."""
        return cls(head_from(tensors, head))
