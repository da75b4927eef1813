"""Scores in, an ordered batch to label out."""

from askance.selection.badge import badge
from askance.selection.batchbald import batchbald
from askance.selection.box_count import box_count
from askance.selection.catalogue import Selection, selections
from askance.selection.max_herding import max_herding
from askance.selection.random import class_balanced_random, foreground_random, random
from askance.selection.selecting import select
from askance.selection.stochastic import power, softmax, softrank
from askance.selection.top_k import top_k
from askance.selection.uncertainty_herding import uncertainty_herding

__all__ = [
    "Selection",
    "badge",
    "batchbald",
    "box_count",
    "class_balanced_random",
    "foreground_random",
    "max_herding",
    "power",
    "random",
    "select",
    "selections",
    "softmax",
    "softrank",
    "top_k",
    "uncertainty_herding",
]
