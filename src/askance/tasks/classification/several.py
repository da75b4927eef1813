"""Several labels an image: what a head says of each, what it is trained for, what its targets are.

The head has one output more than there are labels, the last for nothing, held at zero where the head is ours. A
label's logit is its output less the last one; so what every posterior draws, log-probabilities of which they all
take the softmax, says each label's Bernoulli logit exactly: log P(label) - log P(nothing).

Letters: b images of a minibatch, n images, K draws, L labels, P sets of labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import logsigmoid

from askance.maths import Draws, Units, bernoulli_units, keyed_seed
from askance.networks.drawing import drawing
from askance.tasks.classification.objective import VALIDATION_DRAWS
from askance.uncertainty import SplitNet
from askance.vocab import Annotation, LabelError, Labelled

NOTHING = "none of these"
"""The name of the last output in a saved model."""


def label_logits(log_probs: Float[Tensor, "*n L+1"]) -> Float[Tensor, "*n L"]:
    """What goes into each label's sigmoid, from what is normalised over the labels and nothing.

    >>> z = torch.tensor([1.5, -2.0, 0.0])
    >>> label_logits(torch.log_softmax(z, dim=0))
    tensor([ 1.5000, -2.0000])
    """
    return log_probs[..., :-1] - log_probs[..., -1:]


def units_of_labels(draws: Draws) -> Units:
    """A unit is one label of one image, absent or present; `about` says which label."""
    units = bernoulli_units(label_logits(draws.log_probs), joint=draws.joint)
    labels = torch.arange(draws.c - 1, device=units.image.device).repeat(len(draws))
    return Units(units.draws, units.image, units.n_images, {"label": labels})


def log_mean_present(draws: Draws) -> tuple[Float[Tensor, "n L"], Float[Tensor, "n L"]]:
    """log of the mean probability that each label is absent, and that it is present, nats."""
    logits = label_logits(draws.log_probs.double().cpu())
    k = torch.tensor(float(draws.k)).log()
    return logsigmoid(-logits).logsumexp(dim=1) - k, logsigmoid(logits).logsumexp(dim=1) - k


def hold_nothing(head: nn.Sequential) -> nn.Sequential:
    """Put the last output of a head at zero, where training leaves it: its gradient is never asked for."""
    last = [layer for layer in head.modules() if isinstance(layer, nn.Linear)][-1]
    with torch.no_grad():
        last.weight[-1] = 0.0
        if last.bias is not None:
            last.bias[-1] = 0.0
    return head


@dataclass(frozen=True)
class Sets:
    """Sets of labels by number, so that a target is a number as in classification.

    Attributes:
        table: `[P, L]`, which labels are in which set.
        classes: L names.
    """

    table: Bool[Tensor, "P L"]
    classes: tuple[str, ...]
    _place: dict[tuple[str, ...], int] = field(compare=False)

    @classmethod
    def of(cls, classes: Sequence[str], *parts: Labelled) -> "Sets":
        """All sets that some labels are, in an order of their own.

        Raises:
            LabelError: what is said of an image is not several labels, or one of them is no class.
        """
        place = {name: i for i, name in enumerate(classes)}
        found = sorted({_labels(said, place) for part in parts for said in part.targets})
        table = torch.zeros(len(found), len(classes), dtype=torch.bool)
        for row, labels in enumerate(found):
            table[row, [place[name] for name in labels]] = True
        return cls(table, tuple(classes), {labels: i for i, labels in enumerate(found)})

    def __call__(self, labelled: Labelled) -> Int[Tensor, "n"]:
        """The number of each image's set."""
        known = {name: i for i, name in enumerate(self.classes)}
        places = [self._place[_labels(said, known)] for said in labelled.targets]
        return torch.tensor(places, dtype=torch.long)

    @cached_property
    def objective(self) -> "LabelEntropy":
        """What networks are trained for."""
        return LabelEntropy(self.table)

    def counts(self, targets: Int[Tensor, "n"]) -> list[int]:
        """How many images have each label."""
        found: list[int] = self.table[targets].sum(dim=0).tolist()
        return found


@dataclass(frozen=True)
class LabelEntropy:
    """The objective of several labels: the cross-entropy of each, added up; satisfies `training.Objective`.

    Attributes:
        table: `[P, L]`, which labels are in the set that a target is the number of.
    """

    table: Bool[Tensor, "P L"]

    def loss(
        self, outputs: Float[Tensor, "b C"], targets: Int[Tensor, "b"], weights: Float[Tensor, "b"] | None
    ) -> Float[Tensor, ""]:
        """Mean over images of the sum over labels, nats; with weights, each image's times its own."""
        logits = outputs[:, :-1] - outputs[:, -1:].detach()
        wanted = self.table.to(targets.device)[targets].to(logits)
        each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(dim=1)
        return each.mean() if weights is None else (each * weights.to(each)).mean()

    def losses(
        self, net: SplitNet, inputs: Float[Tensor, "n D"], targets: Int[Tensor, "n"], seed: int
    ) -> Float[Tensor, "n"]:
        """-log p of each image's labels, nats, p of each the mean of the draws."""
        return self.nll(drawing(net, VALIDATION_DRAWS, keyed_seed("validation", seed))(inputs), targets)

    def nll(self, draws: Draws, targets: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """-log p of each image's labels, nats, p of each the mean of the draws."""
        absent, present = log_mean_present(draws)
        return -torch.where(self.table[targets.cpu()], present, absent).sum(dim=1)


def check_labels(counts: Sequence[int], readable: int, asked: int) -> list[int]:
    """How many images have each label, if training can make anything of them.

    Raises:
        LabelError: no image that could be read has a label, of `asked`.
    """
    if not any(counts):
        raise LabelError(
            "a training image with a label, that can be read",
            f"{readable} of {asked} images, with no label at all",
            "label a few images of every class first",
        )
    return list(counts)


def _labels(said: object, known: dict[str, int]) -> tuple[str, ...]:
    if not isinstance(said, Annotation) or said.labels is None:
        raise LabelError("several labels an image", str(said), "set several = false in askance.toml")
    wrong = [name for name in said.labels if name not in known]
    if wrong:
        raise LabelError(f"one of {', '.join(known)}", wrong[0], "add the class to `classes`")
    return said.labels
