"""What a model says of each label of labelled images, the mean over draws, with what it should say.

Letters: N images asked for, n that could be read, L labels.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from askance.maths import Draws
from askance.networks.features import Features
from askance.tasks.classification.several import Sets, log_mean_present
from askance.tasks.classification.units import chunks
from askance.vocab import ConfigError, Labelled, Progress, silent
from askance.vocab.config import ModelConfig, TrainConfig


class LabelAnswers(NamedTuple):
    """Predictions of images that may have several labels.

    Attributes:
        ids: of the n images that could be read.
        absent: `[n, L]`, nats: the logarithm of the mean probability that the image does not have the label.
        present: `[n, L]`, that it has.
        targets: `[n, L]`, whether it has.
    """

    ids: tuple[str, ...]
    absent: Float64[Tensor, "n L"]
    present: Float64[Tensor, "n L"]
    targets: Bool[Tensor, "n L"]

    @property
    def said(self) -> Bool[Tensor, "n L"]:
        """Which labels have a mean probability of a half or more."""
        return self.present >= self.absent


def label_answers(
    labelled: Labelled,
    classes: Sequence[str],
    features: Callable[[Sequence[str]], Features],
    draw: Callable[[Features], Draws],
    progress: Progress = silent,
) -> LabelAnswers:
    """Ask a model about images once; those that cannot be read are left out.

    Args:
        labelled: the images, and their labels.
        classes: L names.
        features: the trunk, over some of the ids.
        draw: the head's K draws.
        progress: told of `scoring` after each chunk.
    """
    sets = Sets.of(classes, labelled)
    places = [torch.empty(0, dtype=torch.long)]
    absent = [torch.empty(0, len(classes), dtype=torch.float64)]
    present = list(absent)
    for at, found in chunks(labelled.ids, features, progress):
        no, yes = log_mean_present(draw(found))
        places.append(at)
        absent.append(no)
        present.append(yes)
    kept = torch.cat(places)
    ids = tuple(labelled.ids[int(place)] for place in kept)
    return LabelAnswers(ids, torch.cat(absent), torch.cat(present), sets.table[sets(labelled)[kept]])


def check_several(model: ModelConfig, train: TrainConfig) -> None:
    """Refuse, before an image is read, what cannot be where an image may have several labels.

    Raises:
        ConfigError: a posterior whose curvature is of one class an image, or balanced classes.
    """
    if model.posterior.startswith("laplace"):
        raise ConfigError(
            "a posterior of several labels an image",
            f"model.posterior = {model.posterior}, whose curvature is that of one class an image",
            'set model.posterior to "mc-dropout", "dropout-moments", "swag" or "ensemble"',
        )
    if train.balance != "none":
        raise ConfigError(
            'train.balance = "none" where an image may have several labels',
            f"{train.balance}: an image counts for all of its labels at once, and cannot be weighed for one",
            'set train.balance = "none"',
        )
