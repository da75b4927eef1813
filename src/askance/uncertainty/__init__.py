"""Networks drawn from a posterior: model + images -> Draws."""

from askance.uncertainty.masks import dropout_masks
from askance.uncertainty.mc_dropout import mc_dropout
from askance.uncertainty.posterior import DropoutPosterior
from askance.uncertainty.split import SplitNet, split
from askance.uncertainty.stochastic import StochasticLayer, stochastic_layers
from askance.uncertainty.stochastic_net import StochasticNet

__all__ = [
    "DropoutPosterior",
    "SplitNet",
    "StochasticLayer",
    "StochasticNet",
    "dropout_masks",
    "mc_dropout",
    "split",
    "stochastic_layers",
]
