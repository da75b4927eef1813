"""The metrics that models are compared by, in the order in which they are shown."""

from typing import Literal, get_args

Metric = Literal[
    "error",
    "accuracy",
    "macro_recall",
    "auroc",
    "nll",
    "brier",
    "ece",
    "adaptive_ece",
    "macro_f1",
    "micro_f1",
    "map",
    "ap50",
    "ap",
    "ap75",
]

METRICS: tuple[str, ...] = get_args(Metric)
"""Their names."""
