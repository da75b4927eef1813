"""Image classification by a deterministic trunk and a Bayesian head."""

from askance.networks.model import build
from askance.tasks.classification.task import Classification

__all__ = ["Classification", "build"]
