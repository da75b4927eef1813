"""What a target is: one class of an image, or several labels. All else of classification is the same.

Letters: n images, C outputs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from jaxtyping import Float, Int
from torch import Tensor

from askance.maths import Draws, Units
from askance.tasks.classification.explain import explanations
from askance.tasks.classification.explain_several import label_explanations
from askance.tasks.classification.objective import CrossEntropy, nll
from askance.tasks.classification.several import NOTHING, Sets, check_labels, units_of_labels
from askance.tasks.classification.targets import check_enough, targets_of
from askance.training.objective import Objective
from askance.vocab import Json, Labelled


class Targets(Protocol):
    """The targets of some labels as numbers, and what is made of them."""

    @property
    def objective(self) -> Objective:
        """What networks are trained for."""
        ...

    @property
    def told(self) -> tuple[object, ...]:
        """What the numbers mean, for the name of a training."""
        ...

    def __call__(self, labelled: Labelled) -> Int[Tensor, "n"]:
        """Of each image."""
        ...

    def nll(self, draws: Draws, targets: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """-log p of each image's target, nats."""
        ...

    def check(self, targets: Int[Tensor, "n"], asked: int) -> list[int]:
        """How many images each class has; refuses what nothing can be learnt from."""
        ...


class Kind(Protocol):
    """What classification says of images."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the head's outputs."""
        ...

    def targets(self, *parts: Labelled) -> Targets:
        """Of all the labels that one training sees."""
        ...

    @property
    def units(self) -> Callable[[Draws], Units]:
        """From draws of images to those of units."""
        ...

    def explain(self, draws: Draws) -> list[dict[str, Json]]:
        """What the draws say of each image, for people."""
        ...


@dataclass(frozen=True)
class OneTarget:
    """Class indices."""

    classes: tuple[str, ...]
    objective: CrossEntropy = field(default_factory=CrossEntropy)
    told: tuple[()] = ()

    def __call__(self, labelled: Labelled) -> Int[Tensor, "n"]:
        """Of each image."""
        return targets_of(labelled, len(self.classes))

    def nll(self, draws: Draws, targets: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """-log p of each label, nats."""
        return nll(draws, targets)

    def check(self, targets: Int[Tensor, "n"], asked: int) -> list[int]:
        """Refuse fewer than two classes."""
        return check_enough(targets, asked, self.classes)


@dataclass(frozen=True)
class OneClass:
    """One class an image, which is its own unit."""

    classes: tuple[str, ...]

    @property
    def outputs(self) -> tuple[str, ...]:
        """The classes."""
        return self.classes

    def targets(self, *parts: Labelled) -> OneTarget:
        """Class indices."""
        return OneTarget(self.classes)

    @property
    def units(self) -> Callable[[Draws], Units]:
        """One an image."""
        return Units.one_each

    def explain(self, draws: Draws) -> list[dict[str, Json]]:
        """See `explanations`."""
        return explanations(draws, self.classes)


@dataclass(frozen=True)
class SetTargets:
    """Sets of labels by number."""

    sets: Sets

    @property
    def objective(self) -> Objective:
        """Cross-entropy of each label."""
        return self.sets.objective

    @property
    def told(self) -> tuple[object, ...]:
        """Which labels each number stands for."""
        return (self.sets.table,)

    def __call__(self, labelled: Labelled) -> Int[Tensor, "n"]:
        """Of each image."""
        return self.sets(labelled)

    def nll(self, draws: Draws, targets: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """-log p of each image's labels, nats."""
        return self.sets.objective.nll(draws, targets)

    def check(self, targets: Int[Tensor, "n"], asked: int) -> list[int]:
        """Refuse images without any label."""
        return check_labels(self.sets.counts(targets), len(targets), asked)


@dataclass(frozen=True)
class SeveralLabels:
    """Several labels an image; a unit is one label of one image."""

    classes: tuple[str, ...]

    @property
    def outputs(self) -> tuple[str, ...]:
        """The classes, and nothing."""
        return (*self.classes, NOTHING)

    def targets(self, *parts: Labelled) -> SetTargets:
        """Sets of labels."""
        return SetTargets(Sets.of(self.classes, *parts))

    @property
    def units(self) -> Callable[[Draws], Units]:
        """One a label."""
        return units_of_labels

    def explain(self, draws: Draws) -> list[dict[str, Json]]:
        """See `label_explanations`."""
        return label_explanations(draws, self.classes)


def kind_of(classes: Sequence[str], *, several: bool) -> Kind:
    """One class an image, or several labels."""
    return SeveralLabels(tuple(classes)) if several else OneClass(tuple(classes))
