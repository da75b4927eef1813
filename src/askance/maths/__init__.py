"""The nouns with numbers in them, and the sums every score is made of."""

from askance.maths.draws import Draws
from askance.maths.entropies import entropy, log_mean_probs
from askance.maths.gaussian import GaussianLogits
from askance.maths.keyed import keyed_seed, keyed_uniform
from askance.maths.units import Aggregation, Chunk, Units, aggregate

__all__ = [
    "Aggregation",
    "Chunk",
    "Draws",
    "GaussianLogits",
    "Units",
    "aggregate",
    "entropy",
    "keyed_seed",
    "keyed_uniform",
    "log_mean_probs",
]
