"""Draws of a posterior in, one number a unit out: what a label would be worth."""

from askance.acquisition.bald import bald
from askance.acquisition.bernoulli_bald import bernoulli_bald
from askance.acquisition.box_doubt import box_doubt
from askance.acquisition.catalogue import Acquisition, acquisitions
from askance.acquisition.epig import epig
from askance.acquisition.expected_entropy import expected_entropy
from askance.acquisition.least_confidence import least_confidence
from askance.acquisition.localisation import localisation
from askance.acquisition.margin import margin
from askance.acquisition.mean_std import mean_std
from askance.acquisition.novelty import novelty
from askance.acquisition.occurrence import occurrence
from askance.acquisition.predictive_entropy import predictive_entropy
from askance.acquisition.random import random
from askance.acquisition.scoring import score
from askance.acquisition.variation_ratios import variation_ratios

__all__ = [
    "Acquisition",
    "acquisitions",
    "bald",
    "bernoulli_bald",
    "box_doubt",
    "epig",
    "expected_entropy",
    "least_confidence",
    "localisation",
    "margin",
    "mean_std",
    "novelty",
    "occurrence",
    "predictive_entropy",
    "random",
    "score",
    "variation_ratios",
]
