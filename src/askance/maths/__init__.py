"""The nouns with numbers in them, and the sums every score is made of.

Names whose modules need torch are brought in when they are first used, so that curves cost no torch.
"""

from typing import TYPE_CHECKING

from askance.maths.boxes import Predictions, Truths
from askance.maths.comparisons import Gap, Penalties, area_gap, paired_runs, penalty_matrix, sign_flip_test
from askance.maths.curves import Band, Saved, area_under, interval, labels_saved, labels_to, paired_difference
from askance.maths.curves_axis import against, spanned
from askance.maths.detection import average_precision, detection_metrics
from askance.maths.keyed import as_ids, keyed_seed, keyed_uniform
from askance.maths.shares import paired_shares, wilson, worth_a_look
from askance.maths.verdicts import holm, pairs_needed, sign_test, smallest_shown
from askance.vocab.about import ABOUT
from askance.vocab.lazily import names_from

if TYPE_CHECKING:
    from askance.maths.aggregation import Aggregation, Cost, aggregate, totals
    from askance.maths.calibration import (
        adaptive_calibration_error,
        apply_temperature,
        brier_score,
        classwise_calibration_error,
        expected_calibration_error,
        fit_temperature,
        reliability_table,
    )
    from askance.maths.difficulty import class_quality, difficulty_weights
    from askance.maths.draws import Draws, as_draws
    from askance.maths.entropies import LOWEST, entropy, log_mean_probs, mean_probs
    from askance.maths.gaussian import GaussianLogits
    from askance.maths.given import Numbers, as_tensor
    from askance.maths.joint import joint_entropy
    from askance.maths.label_errors import SuspectedErrors, probably_right, suspected_errors
    from askance.maths.object_sets import Likeness, set_embedding
    from askance.maths.sums import mean_by_halves, over_units, sum_by_halves
    from askance.maths.units import Chunk, Densities, Rows, Units, bernoulli_units

__getattr__ = names_from(
    "askance.maths",
    {
        "aggregation": ("Aggregation", "Cost", "aggregate", "totals"),
        "calibration": (
            "adaptive_calibration_error",
            "apply_temperature",
            "brier_score",
            "classwise_calibration_error",
            "expected_calibration_error",
            "fit_temperature",
            "reliability_table",
        ),
        "difficulty": ("class_quality", "difficulty_weights"),
        "draws": ("Draws", "as_draws"),
        "entropies": ("LOWEST", "entropy", "log_mean_probs", "mean_probs"),
        "gaussian": ("GaussianLogits",),
        "given": ("Numbers", "as_tensor"),
        "joint": ("joint_entropy",),
        "label_errors": ("SuspectedErrors", "probably_right", "suspected_errors"),
        "object_sets": ("Likeness", "set_embedding"),
        "sums": ("mean_by_halves", "over_units", "sum_by_halves"),
        "units": ("Chunk", "Densities", "Rows", "Units", "bernoulli_units"),
    },
)

__all__ = [
    "ABOUT",
    "LOWEST",
    "Aggregation",
    "Band",
    "Chunk",
    "Cost",
    "Densities",
    "Draws",
    "Gap",
    "GaussianLogits",
    "Likeness",
    "Numbers",
    "Penalties",
    "Predictions",
    "Rows",
    "Saved",
    "SuspectedErrors",
    "Truths",
    "Units",
    "adaptive_calibration_error",
    "against",
    "aggregate",
    "apply_temperature",
    "area_gap",
    "area_under",
    "as_draws",
    "as_ids",
    "as_tensor",
    "average_precision",
    "bernoulli_units",
    "brier_score",
    "class_quality",
    "classwise_calibration_error",
    "detection_metrics",
    "difficulty_weights",
    "entropy",
    "expected_calibration_error",
    "fit_temperature",
    "holm",
    "interval",
    "joint_entropy",
    "keyed_seed",
    "keyed_uniform",
    "labels_saved",
    "labels_to",
    "log_mean_probs",
    "mean_by_halves",
    "mean_probs",
    "over_units",
    "paired_difference",
    "paired_runs",
    "paired_shares",
    "pairs_needed",
    "penalty_matrix",
    "probably_right",
    "reliability_table",
    "set_embedding",
    "sign_flip_test",
    "sign_test",
    "smallest_shown",
    "spanned",
    "sum_by_halves",
    "suspected_errors",
    "totals",
    "wilson",
    "worth_a_look",
]
