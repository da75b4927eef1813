"""Detection: objects with boxes."""

from askance.tasks.detection.task import Detection

__all__ = ["Detection"]
