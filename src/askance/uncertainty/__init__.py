"""Networks drawn from a posterior: model + images -> Draws."""

from askance.uncertainty.masks import dropout_masks
from askance.uncertainty.posterior import DropoutPosterior, mc_dropout
from askance.uncertainty.split import SplitNet, split
from askance.uncertainty.stochastic import StochasticLayer, stochastic_layers

__all__ = [
    "DropoutPosterior",
    "SplitNet",
    "StochasticLayer",
    "dropout_masks",
    "mc_dropout",
    "split",
    "stochastic_layers",
]
