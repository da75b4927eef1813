"""Draws of a posterior in, one number a unit out: what a label would be worth."""

from askance.acquisition.bald import bald
from askance.acquisition.catalogue import Acquisition, acquisitions
from askance.acquisition.least_confidence import least_confidence
from askance.acquisition.margin import margin
from askance.acquisition.mean_std import mean_std
from askance.acquisition.predictive_entropy import predictive_entropy
from askance.acquisition.random import random
from askance.acquisition.scoring import score
from askance.acquisition.variation_ratios import variation_ratios

__all__ = [
    "Acquisition",
    "acquisitions",
    "bald",
    "least_confidence",
    "margin",
    "mean_std",
    "predictive_entropy",
    "random",
    "score",
    "variation_ratios",
]
