"""Networks drawn from a posterior: model + images -> Draws."""

from askance.uncertainty.discovery import logits_of, run
from askance.uncertainty.masks import dropout_masks
from askance.uncertainty.mc_dropout import mc_dropout
from askance.uncertainty.posterior import DropoutPosterior
from askance.uncertainty.split import SplitNet, is_plain, split
from askance.uncertainty.stochastic import StochasticLayer, stochastic_layers
from askance.uncertainty.stochastic_net import HeadDraws, StochasticNet, Work, head_posterior, work_of
from askance.uncertainty.tail import cut

__all__ = [
    "DropoutPosterior",
    "HeadDraws",
    "SplitNet",
    "StochasticLayer",
    "StochasticNet",
    "Work",
    "cut",
    "dropout_masks",
    "head_posterior",
    "is_plain",
    "logits_of",
    "mc_dropout",
    "run",
    "split",
    "stochastic_layers",
    "work_of",
]
