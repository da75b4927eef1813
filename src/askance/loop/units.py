"""From units to images: one score and one class for each, whatever the task's units are.

Letters: n images of a chunk, U units, K draws, C classes.
"""

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from askance.maths import Aggregation, Units, aggregate, log_mean_probs


def scores_of_images(of_units: Float[Tensor, "U"], units: Units, aggregation: Aggregation) -> NDArray[np.float64]:
    """One number an image, `[n]`; 0 for an image without units."""
    return aggregate(of_units, units.image.cpu(), units.n_images, aggregation).numpy()


def classes_of_images(of_units: Float[Tensor, "U"], units: Units) -> NDArray[np.int64]:
    """The predicted class of each image's highest scoring unit, `[n]`; of equal ones the last; -1 without units.

    >>> from askance.maths import Draws
    >>> draws = Draws(torch.tensor([[[0.9, 0.1]], [[0.2, 0.8]], [[0.6, 0.4]]]).log(), joint=True)
    >>> classes_of_images(torch.tensor([1.0, 5.0, 2.0]), Units(draws, torch.tensor([0, 0, 1]), 3))
    array([ 1,  0, -1])
    """
    classes = log_mean_probs(units.draws.log_probs).argmax(dim=-1).cpu().numpy()
    groups = np.full(units.n_images, -1, dtype=np.int64)
    ascending = torch.argsort(of_units, stable=True).numpy()
    groups[units.image.cpu().numpy()[ascending]] = classes[ascending]  # the last write is the highest scoring's
    return groups
