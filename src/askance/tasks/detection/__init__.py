"""Detection: objects with boxes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from askance.pool import Images
from askance.tasks.detection.known import KnownDetection, is_known
from askance.tasks.detection.task import Detection
from askance.vocab.config import DetectorConfig, ModelConfig, TrainConfig

__all__ = ["Detection", "KnownDetection", "detection_by", "is_known"]


def detection_by(
    model: ModelConfig,
    train: TrainConfig,
    detector: DetectorConfig,
    classes: Sequence[str],
    images: Images,
    *,
    sizes: Mapping[str, tuple[int, int]],
    features: Path | None = None,
) -> Detection | KnownDetection:
    """Detection by whatever `model.name` names: heads on the maps of a trunk, or a whole detector.

    Args:
        model: the network.
        train: on which device heads are trained.
        detector: how objects are found.
        classes: names, in the order of the outputs.
        images: where pixels come from.
        sizes: image id -> its width and height, as people see it.
        features: folder for maps; None keeps them in memory.
    """
    if is_known(model.name):
        return KnownDetection(model, detector, classes, images, sizes=sizes)
    return Detection(model, train, detector, classes, images, sizes=sizes, features=features)
