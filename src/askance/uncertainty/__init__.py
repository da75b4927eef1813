"""Networks drawn from a posterior: model + images -> Draws. And how far images are from what was labelled."""

from askance.uncertainty.batches import ImageSource
from askance.uncertainty.contract import Posterior
from askance.uncertainty.density import ClassDensities, fit_density
from askance.uncertainty.discovery import run
from askance.uncertainty.dropout import MCDropout
from askance.uncertainty.ensemble import Ensemble, ensemble_draws, member_draws
from askance.uncertainty.head_draws import HeadDraws, head_posterior, look_at
from askance.uncertainty.laplace import LastLayerLaplace, fit_laplace, held_out_precision
from askance.uncertainty.last_layer import How, LastLayer, of_conv, of_linear, rows_of_linear
from askance.uncertainty.masks import MASKS, dropout_masks
from askance.uncertainty.mc_dropout import mc_dropout
from askance.uncertainty.moments import DropoutMoments, dropout_moments
from askance.uncertainty.outputs import logits_of
from askance.uncertainty.posterior import DropoutPosterior, shared_masks
from askance.uncertainty.softmax import Softmax
from askance.uncertainty.split import SplitNet, is_plain, split
from askance.uncertainty.steady import Steady, held_still
from askance.uncertainty.stochastic import StochasticLayer, stochastic_layers
from askance.uncertainty.stochastic_net import StochasticNet
from askance.uncertainty.swag import Collector, Swag
from askance.uncertainty.tail import cut
from askance.uncertainty.work import Work, work_of
from askance.uncertainty.wrapped import ordinary

__all__ = [
    "MASKS",
    "ClassDensities",
    "Collector",
    "DropoutMoments",
    "DropoutPosterior",
    "Ensemble",
    "HeadDraws",
    "How",
    "ImageSource",
    "LastLayer",
    "LastLayerLaplace",
    "MCDropout",
    "Posterior",
    "Softmax",
    "SplitNet",
    "Steady",
    "StochasticLayer",
    "StochasticNet",
    "Swag",
    "Work",
    "cut",
    "dropout_masks",
    "dropout_moments",
    "ensemble_draws",
    "fit_density",
    "fit_laplace",
    "head_posterior",
    "held_out_precision",
    "held_still",
    "is_plain",
    "logits_of",
    "look_at",
    "mc_dropout",
    "member_draws",
    "of_conv",
    "of_linear",
    "ordinary",
    "rows_of_linear",
    "run",
    "shared_masks",
    "split",
    "stochastic_layers",
    "work_of",
]
