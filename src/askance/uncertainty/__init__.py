"""Networks drawn from a posterior: model + images -> Draws. And how far images are from what was labelled."""

from askance.uncertainty.contract import Posterior
from askance.uncertainty.density import ClassDensities, fit_density
from askance.uncertainty.dropout import MCDropout
from askance.uncertainty.ensemble import Ensemble, ensemble_draws
from askance.uncertainty.laplace import LastLayerLaplace, fit_laplace
from askance.uncertainty.masks import dropout_masks
from askance.uncertainty.moments import DropoutMoments, dropout_moments
from askance.uncertainty.posterior import DropoutPosterior, mc_dropout
from askance.uncertainty.softmax import Softmax
from askance.uncertainty.split import SplitNet, split
from askance.uncertainty.stochastic import StochasticLayer, stochastic_layers
from askance.uncertainty.swag import Collector, Swag

__all__ = [
    "ClassDensities",
    "Collector",
    "DropoutMoments",
    "DropoutPosterior",
    "Ensemble",
    "LastLayerLaplace",
    "MCDropout",
    "Posterior",
    "Softmax",
    "SplitNet",
    "StochasticLayer",
    "Swag",
    "dropout_masks",
    "dropout_moments",
    "ensemble_draws",
    "fit_density",
    "fit_laplace",
    "mc_dropout",
    "split",
    "stochastic_layers",
]
